//! Whoever wants to know what a recorder does: called one after the other, in the order
//! of events, on a thread that nothing else waits for.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use super::RecorderEvent;

/// A listener's number, which means nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerId(u64);

type Call = Box<dyn FnMut(&RecorderEvent) + Send>;

/// What is to be told, and what is done once everybody knows.
struct Item {
    event: RecorderEvent,
    then: Option<Box<dyn FnOnce() + Send>>,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    listeners: Vec<(ListenerId, Arc<Mutex<Call>>)>,
    /// The one that is being called.
    called: Option<ListenerId>,
    last: u64,
    closed: bool,
    thread: Option<ThreadId>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// The list of listeners and the thread that calls them.
pub(crate) struct Listeners {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// A handle to tell and to change the list with.
#[derive(Clone)]
pub(crate) struct Board(Arc<Shared>);

/// How long a removal waits for a call that runs.
const REMOVAL: Duration = Duration::from_secs(1);

impl Listeners {
    pub(crate) fn new() -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let there = shared.clone();
        let thread = std::thread::Builder::new()
            .name("tympan-listeners".into())
            .spawn(move || there.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(crate) fn board(&self) -> Board {
        Board(self.shared.clone())
    }
}

/// Everything posted before is told first.
impl Drop for Listeners {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        let ours = self.shared.lock().thread == Some(std::thread::current().id());
        // A listener that holds the last recorder cannot wait for itself; nor does
        // anybody wait for ever for one that hangs.
        if let Some(thread) = self.thread.take().filter(|_| !ours) {
            let until = Instant::now() + REMOVAL;
            while !thread.is_finished() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(1));
            }
            if thread.is_finished() {
                let _ = thread.join();
            }
        }
    }
}

impl Board {
    pub(crate) fn add(&self, call: Call) -> ListenerId {
        let mut state = self.0.lock();
        state.last += 1;
        let id = ListenerId(state.last);
        state.listeners.push((id, Arc::new(Mutex::new(call))));
        id
    }

    /// Whether there was such a listener. When this returns it is not called any more;
    /// a call that hangs is waited for a second, and one's own not at all.
    pub(crate) fn remove(&self, id: ListenerId) -> bool {
        let mut state = self.0.lock();
        let before = state.listeners.len();
        state.listeners.retain(|(of, _)| *of != id);
        let found = state.listeners.len() < before;
        if state.thread != Some(std::thread::current().id()) {
            let called = |state: &mut State| state.called == Some(id);
            let waited = self.0.changed.wait_timeout_while(state, REMOVAL, called);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
        found
    }

    pub(crate) fn post(&self, event: RecorderEvent) {
        self.put(Item { event, then: None });
    }

    /// Tells, and does this when everybody was told.
    pub(crate) fn post_then(&self, event: RecorderEvent, then: impl FnOnce() + Send + 'static) {
        self.put(Item { event, then: Some(Box::new(then)) });
    }

    fn put(&self, item: Item) {
        self.0.lock().items.push_back(item);
        self.0.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        self.lock().thread = Some(std::thread::current().id());
        while let Some(item) = self.next() {
            self.tell(&item.event);
            if let Some(then) = item.then {
                then();
            }
        }
    }

    /// The next thing to be told; none when it is over.
    fn next(&self) -> Option<Item> {
        let idle = |state: &mut State| state.items.is_empty() && !state.closed;
        let state = self.changed.wait_while(self.lock(), idle);
        state.unwrap_or_else(PoisonError::into_inner).items.pop_front()
    }

    fn tell(&self, event: &RecorderEvent) {
        let mut after = None;
        while let Some((id, call)) = self.turn_of(after) {
            {
                let mut call = call.lock().unwrap_or_else(PoisonError::into_inner);
                // Its panic is its own affair.
                let _ = catch_unwind(AssertUnwindSafe(|| call(event)));
            }
            self.lock().called = None;
            self.changed.notify_all();
            after = Some(id);
        }
    }

    /// The listener behind this one, if it is still there, marked as being called: under
    /// the lock, so that a removal comes before the call or waits for it.
    fn turn_of(&self, after: Option<ListenerId>) -> Option<(ListenerId, Arc<Mutex<Call>>)> {
        let mut state = self.lock();
        let behind = |(id, _): &&(ListenerId, _)| after.is_none_or(|after| id.0 > after.0);
        let (id, call) = state.listeners.iter().find(behind)?;
        let turn = (*id, call.clone());
        state.called = Some(turn.0);
        Some(turn)
    }
}
