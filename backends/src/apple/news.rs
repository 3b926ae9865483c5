//! What has happened, from whatever thread the system says it on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tympan_core::session::{Event, RouteReason};

/// Something that has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// There is no more to know about it.
    Event(Event),
    /// The route is another one, and has to be read.
    Route(RouteReason),
}

/// More than a process can sleep through.
const MOST: usize = 1024;

/// News that wait for the control thread.
pub(crate) struct Inbox {
    news: Mutex<VecDeque<News>>,
    call: Mutex<Arc<dyn Fn() + Send + Sync>>,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self { news: Mutex::new(VecDeque::with_capacity(MOST)), call: Mutex::new(Arc::new(|| {})) }
    }

    pub(crate) fn post(&self, news: News) {
        {
            let mut waiting = lock(&self.news);
            // Where so much waits, what is newest says least.
            if waiting.len() < MOST {
                waiting.push_back(news);
            }
        }
        self.call()();
    }

    pub(crate) fn next(&self) -> Option<News> {
        lock(&self.news).pop_front()
    }

    pub(crate) fn on_news(&self, call: Arc<dyn Fn() + Send + Sync>) {
        *lock(&self.call) = call;
    }

    pub(crate) fn call(&self) -> Arc<dyn Fn() + Send + Sync> {
        lock(&self.call).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
