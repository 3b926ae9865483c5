//! Functions that the platform is lent by number.
//!
//! A listener may be called once more while it is being taken away, on another thread. A
//! number that stands for nothing any more does no harm there; a pointer would.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Call = Arc<dyn Fn() + Send + Sync>;

static CALLS: Mutex<(usize, BTreeMap<usize, Call>)> = Mutex::new((0, BTreeMap::new()));

/// A function that is lent, until this is dropped.
pub(crate) struct Lent(usize);

impl Lent {
    pub(crate) fn new(call: impl Fn() + Send + Sync + 'static) -> Self {
        let mut calls = lock();
        calls.0 += 1;
        let number = calls.0;
        calls.1.insert(number, Arc::new(call));
        Self(number)
    }

    /// What the platform is given. It points to nothing.
    pub(crate) fn number(&self) -> *mut c_void {
        std::ptr::without_provenance_mut(self.0)
    }

    /// Calls what was lent by this number, if it still is.
    pub(crate) fn call(number: *mut c_void) {
        let call = lock().1.get(&number.addr()).cloned();
        if let Some(call) = call {
            call();
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // What it holds goes outside: it may lend something itself.
        let call = lock().1.remove(&self.0);
        drop(call);
    }
}

fn lock() -> MutexGuard<'static, (usize, BTreeMap<usize, Call>)> {
    CALLS.lock().unwrap_or_else(PoisonError::into_inner)
}
