//! Where everything arrives that the session is to hear, from whatever thread.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tympan_core::session::Event;

type Call = Arc<dyn Fn() + Send + Sync>;

/// Events that wait, and who is called when there is one.
pub(super) struct Inbox {
    events: Mutex<VecDeque<Event>>,
    call: Mutex<Call>,
    /// The system has refused the service without which nothing is captured.
    pub(super) refused: AtomicBool,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            events: Mutex::default(),
            call: Mutex::new(Arc::new(|| {})),
            refused: AtomicBool::new(false),
        }
    }
}

impl Inbox {
    pub(super) fn put(&self, event: Event) {
        lock(&self.events).push_back(event);
        let call = lock(&self.call).clone();
        call();
    }

    pub(super) fn take(&self) -> Option<Event> {
        lock(&self.events).pop_front()
    }

    pub(super) fn on_news(&self, call: Call) {
        *lock(&self.call) = call;
    }

    pub(super) fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Acquire)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
