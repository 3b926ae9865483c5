//! What the threads of a pipeline see of each other: counters, wake-ups, one wish.

use std::task::{Context, Poll};

use tympan_core::Format;

use crate::pipeline::sync::{
    AtomicBool, AtomicU64, AtomicWaker, OnceLock,
    Ordering::{self, Relaxed},
    Thread, current,
};

/// Counts that only grow, each written by one thread.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Release);
    }

    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Frames the device delivered, and frames it says it lost.
    pub(crate) offered: Count,
    pub(crate) lost: Count,
    /// Frames that found no room in the entry ring.
    pub(crate) dropped: Count,
    /// Frames through the graph, and how many of them stand in for lost ones.
    pub(crate) processed: Count,
    pub(crate) filled: Count,
    pub(crate) mended: Count,
    pub(crate) events_lost: Count,
    pub(crate) late: Count,
    /// Breaks of capture that were told, and that the graph has come to.
    pub(crate) breaks: Count,
    pub(crate) broken: Count,
    /// The next frame is the first of a take: nodes are to forget everything.
    renew: AtomicBool,
    /// Nobody brings audio any more, nor says that it is over.
    orphaned: AtomicBool,
    /// The format the worker needs an executor for, packed; 0 for none.
    wish: AtomicU64,
    /// The format for which there can be none, packed likewise.
    refused: AtomicU64,
    pub(crate) finished: AtomicBool,
    pub(crate) worker: Sleeper,
    pub(crate) control: Sleeper,
}

impl Shared {
    /// The worker has met a format its executor does not take.
    pub(crate) fn wish(&self, format: Format) {
        self.wish.store(packed(format), Ordering::Release);
        self.control.wake();
    }

    /// The graph does not fit this format: what comes in it has nowhere to go.
    pub(crate) fn refuse(&self, format: Format) {
        self.refused.store(packed(format), Ordering::Release);
        self.worker.wake();
    }

    pub(crate) fn is_refused(&self, format: Format) -> bool {
        self.refused.load(Ordering::Acquire) == packed(format)
    }

    /// Takes the wish, so that it is granted once.
    pub(crate) fn take_wish(&self) -> Option<Format> {
        match self.wish.swap(0, Ordering::Acquire) {
            0 => None,
            packed => Some(Format::new((packed >> 16) as u32, packed as u16)),
        }
    }

    /// What is captured from now on belongs to a new take.
    pub(crate) fn renew(&self) {
        self.renew.store(true, Ordering::Release);
        self.worker.wake();
    }

    pub(crate) fn takes_renewal(&self) -> bool {
        self.renew.swap(false, Ordering::AcqRel)
    }

    /// Whether everything captured before the last break is out of the graph.
    pub(crate) fn is_settled(&self) -> bool {
        // In this order: a break told in between only makes it look unsettled.
        let broken = self.broken.get();
        broken == self.breaks.get()
    }

    /// Whoever brought audio is gone without a word: what is there is the end.
    pub(crate) fn orphan(&self) {
        self.orphaned.store(true, Ordering::Release);
        self.worker.wake();
    }

    pub(crate) fn is_orphaned(&self) -> bool {
        self.orphaned.load(Ordering::Acquire)
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }
}

fn packed(format: Format) -> u64 {
    (format.rate as u64) << 16 | format.channels as u64
}

/// A thread that sleeps until there is work.
///
/// # Realtime
/// Waking is the one documented system call of the audio path, and happens only if
/// the thread does sleep.
#[derive(Debug, Default)]
pub(crate) struct Sleeper(OnceLock<Thread>);

impl Sleeper {
    /// The calling thread is the one to wake.
    pub(crate) fn sleeps_here(&self) {
        let _ = self.0.set(current());
    }

    /// The same, said by whoever started that thread. So it is known to all who begin
    /// after that; a thread that says it itself may say it between a look at what is there
    /// to do and a sleep that nobody then ends.
    pub(crate) fn is(&self, thread: &Thread) {
        let _ = self.0.set(thread.clone());
    }

    pub(crate) fn wake(&self) {
        if let Some(thread) = self.0.get() {
            thread.unpark();
        }
    }
}

/// Tells one reader that there is something new. The worker only raises a flag; the
/// control thread rings, because a foreign waker may lock or allocate.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    waker: AtomicWaker,
    raised: AtomicBool,
    closed: AtomicBool,
}

impl Bell {
    pub(crate) fn raise(&self) {
        self.raised.store(true, Ordering::Release);
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.raise();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn ring_if_raised(&self) {
        if self.raised.swap(false, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Ready with `true` when there is something, with `false` when there never will be.
    pub(crate) fn poll(&self, cx: &Context<'_>, has: impl Fn() -> bool) -> Poll<bool> {
        if has() {
            return Poll::Ready(true);
        }
        self.waker.register(cx.waker());
        // Closed is read first: what was written before it is then seen.
        let closed = self.is_closed();
        match (has(), closed) {
            (true, _) => Poll::Ready(true),
            (false, true) => Poll::Ready(false),
            (false, false) => Poll::Pending,
        }
    }
}
