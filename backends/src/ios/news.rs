//! What has happened, from whatever thread the system says it on.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tympan_core::session::{Event, RouteReason};

/// Something that has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// There is no more to know about it.
    Event(Event),
    /// The route is another one, and has to be read.
    Route(RouteReason),
}

/// More than a process can sleep through.
const MOST: usize = 1024;

/// News that wait for the control thread.
pub(super) struct Inbox {
    news: Mutex<VecDeque<News>>,
    call: Mutex<Arc<dyn Fn() + Send + Sync>>,
    locked: AtomicBool,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self {
            news: Mutex::new(VecDeque::with_capacity(MOST)),
            call: Mutex::new(Arc::new(|| {})),
            locked: AtomicBool::new(false),
        }
    }

    pub(super) fn post(&self, news: News) {
        {
            let mut waiting = lock(&self.news);
            // Where so much waits, what is newest says least.
            if waiting.len() < MOST {
                waiting.push_back(news);
            }
        }
        self.call()();
    }

    pub(super) fn next(&self) -> Option<News> {
        lock(&self.news).pop_front()
    }

    pub(super) fn on_news(&self, call: Arc<dyn Fn() + Send + Sync>) {
        *lock(&self.call) = call;
    }

    pub(super) fn call(&self) -> Arc<dyn Fn() + Send + Sync> {
        lock(&self.call).clone()
    }

    pub(super) fn lock_data(&self, locked: bool) {
        self.locked.store(locked, Ordering::Relaxed);
    }

    pub(super) fn is_unlocked(&self) -> bool {
        !self.locked.load(Ordering::Relaxed)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
