//! Work that is done on this thread in virtual time and on a thread of its own else, by
//! the same code.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tympan_core::session::Ms;

use crate::pipeline::Sleeper;

/// Whoever does the work.
pub(crate) trait Work: Send + 'static {
    type Order: Send;
    type Answer: Send;

    /// Does this.
    fn perform(&mut self, now: Ms, order: Self::Order, desk: &Desk<Self>)
    where
        Self: Sized;

    /// Does what is to be done without an order; whether there is more soon.
    fn tend(&mut self, now: Ms, desk: &Desk<Self>) -> bool
    where
        Self: Sized;
}

/// Orders on the one side, answers on the other.
pub(crate) struct Desk<W: Work> {
    orders: Mutex<VecDeque<W::Order>>,
    answers: Mutex<VecDeque<W::Answer>>,
    worker: Sleeper,
    /// Calls whoever waits for answers.
    call: Box<dyn Fn() + Send + Sync>,
    closed: AtomicBool,
}

impl<W: Work> Desk<W> {
    pub(crate) fn answer(&self, answer: W::Answer) {
        lock(&self.answers).push_back(answer);
        (self.call)();
    }
}

/// The office as seen from outside.
pub(crate) struct Office<W: Work> {
    desk: Arc<Desk<W>>,
    place: Place<W>,
}

enum Place<W> {
    Here(W),
    Away(Option<JoinHandle<()>>),
}

/// How often a worker looks up while there is something to tend.
const LOOK: Duration = Duration::from_millis(20);

impl<W: Work> Office<W> {
    /// On this thread.
    pub(crate) fn here(work: W) -> Self {
        Self { desk: Arc::new(Desk::new(Box::new(|| {}))), place: Place::Here(work) }
    }

    /// On a thread of this name, which tells the time by `clock` and `call`s when there
    /// is an answer.
    pub(crate) fn away(
        mut work: W,
        name: &str,
        clock: impl Fn() -> Ms + Send + 'static,
        call: impl Fn() + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let desk = Arc::new(Desk::new(Box::new(call)));
        let there = desk.clone();
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || {
            loop {
                // Closed is read first: what was ordered before it is then seen.
                let closed = there.closed.load(Ordering::Acquire);
                let more = there.serve(&mut work, clock());
                match (closed, more) {
                    (true, _) => return,
                    (false, true) => std::thread::park_timeout(LOOK),
                    (false, false) => std::thread::park(),
                }
            }
        })?;
        desk.worker.is(thread.thread());
        Ok(Self { desk, place: Place::Away(Some(thread)) })
    }

    pub(crate) fn order(&mut self, now: Ms, order: W::Order) {
        lock(&self.desk.orders).push_back(order);
        match &mut self.place {
            Place::Here(work) => drop(self.desk.serve(work, now)),
            Place::Away(_) => self.desk.worker.wake(),
        }
    }

    /// The next answer.
    pub(crate) fn answer(&mut self) -> Option<W::Answer> {
        lock(&self.desk.answers).pop_front()
    }

    /// Has done what there is to do, if it is done here.
    pub(crate) fn tend(&mut self, now: Ms) {
        if let Place::Here(work) = &mut self.place {
            self.desk.serve(work, now);
        }
    }
}

impl<W: Work> Desk<W> {
    fn new(call: Box<dyn Fn() + Send + Sync>) -> Self {
        Self {
            orders: Mutex::default(),
            answers: Mutex::default(),
            worker: Sleeper::default(),
            call,
            closed: AtomicBool::new(false),
        }
    }

    fn serve(&self, work: &mut W, now: Ms) -> bool {
        loop {
            // Not while it is worked on: orders may come in meanwhile.
            let order = lock(&self.orders).pop_front();
            match order {
                Some(order) => work.perform(now, order, self),
                None => return work.tend(now, self),
            }
        }
    }
}

impl<W: Work> Drop for Office<W> {
    fn drop(&mut self) {
        self.desk.closed.store(true, Ordering::Release);
        self.desk.worker.wake();
        if let Place::Away(thread) = &mut self.place
            && let Some(thread) = thread.take()
        {
            // It told of its panic, if there was one; there is nothing to add.
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
