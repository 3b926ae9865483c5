//! What a mock device shall do, as plain data.

use tympan_core::Format;

/// One thing a device does. See the method of [`MockHandle`](super::MockHandle) that
/// each is named after.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// One callback of this many frames, now.
    Deliver(usize),
    /// Time passes and the callbacks that fall due in it come.
    Advance {
        /// How much time, in milliseconds.
        ms: u64,
    },
    /// The size of the callbacks from now on.
    Callback {
        /// Frames of one callback.
        frames: usize,
    },
    /// Callbacks of random sizes, each of at least one frame.
    Random {
        /// What the sizes follow from.
        seed: u64,
        /// How many callbacks.
        callbacks: u64,
        /// Frames of one callback at most.
        max_frames: usize,
    },
    /// The device loses frames and says so.
    Lose(u64),
    /// Time passes, nothing comes, and what was captured in it is gone.
    StallSilent {
        /// How much time, in milliseconds.
        ms: u64,
    },
    /// Time passes, nothing comes, and then everything at once.
    StallBurst {
        /// How much time, in milliseconds.
        ms: u64,
    },
    /// The next buffers have another format.
    Format(Format),
    /// Time stamps and callback sizes vary from now on; 0 ends it.
    Jitter {
        /// How late a time stamp may be, in milliseconds.
        ms: u64,
    },
    /// Capture breaks off here and may go on.
    Break,
    /// Nothing more will come.
    End,
}

/// Steps in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// What happens, first to last.
    pub steps: Vec<Step>,
}

impl Script {
    /// A script of these steps.
    pub fn new(steps: impl Into<Vec<Step>>) -> Self {
        Self { steps: steps.into() }
    }
}

impl From<Vec<Step>> for Script {
    fn from(steps: Vec<Step>) -> Self {
        Self { steps }
    }
}
