//! The door between the microphone and the graph: what is not of the take stays outside.
//!
//! # Realtime
//! Called by the device. It reads and writes flags, and memory that was there before; what
//! it remembers from before a take it hands on at once, when the take begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tympan_backends::{Buffer, Capture, Notice};

use super::preroll::{Memory, PreRoll};

/// What the control side sets and the door obeys.
#[derive(Debug, Default)]
pub(crate) struct Latch {
    /// There is a take.
    taking: AtomicBool,
    /// The user paused, or a take is not open yet.
    gated: AtomicBool,
    /// Audio goes on as zeros.
    muted: AtomicBool,
    /// Audio captured before is of a time that is over.
    boundary_ns: AtomicU64,
    /// The source has come to its end, as a file does.
    ended: AtomicBool,
    /// Nothing of the take has come through yet.
    fresh: AtomicBool,
    /// What is heard before a take, and how much of it has come into this one.
    before: Arc<Memory>,
    prewarmed_ns: AtomicU64,
}

impl Latch {
    /// One that remembers so much from before a take, of so many samples a second.
    pub(super) fn new(ms: u64, a_second: u32) -> Self {
        Self { before: Arc::new(Memory::new(ms, a_second)), ..Self::default() }
    }

    /// A take begins: what is heard, from now on and from shortly before, is its own.
    pub(crate) fn open(&self) {
        self.fresh.store(true, Ordering::Release);
        self.taking.store(true, Ordering::Release);
    }

    /// It is over, or never was.
    pub(crate) fn shut(&self) {
        self.taking.store(false, Ordering::Release);
        self.gated.store(false, Ordering::Release);
    }

    /// The microphone was closed: nothing of what it heard stays.
    pub(crate) fn forget(&self) {
        self.before.wipe();
    }

    /// How much from before the take has come into it since this was last asked, in ns.
    pub(crate) fn prewarmed_ns(&self) -> u64 {
        self.prewarmed_ns.swap(0, Ordering::AcqRel)
    }

    pub(crate) fn gate(&self, gated: bool) {
        self.gated.store(gated, Ordering::Release);
    }

    pub(crate) fn mute(&self, muted: bool) {
        self.muted.store(muted, Ordering::Release);
    }

    pub(crate) fn discard_before(&self, ns: u64) {
        self.boundary_ns.store(ns, Ordering::Release);
    }

    /// Whether the source has ended since this was last asked.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.swap(false, Ordering::AcqRel)
    }

    fn is_shut(&self) -> bool {
        !self.taking.load(Ordering::Acquire) || self.gated.load(Ordering::Acquire)
    }

    /// Whether a take may begin that has not begun.
    fn is_before(&self) -> bool {
        !self.taking.load(Ordering::Acquire) || self.fresh.load(Ordering::Acquire)
    }
}

/// Lets through what belongs to the take, and says where it breaks off.
pub(crate) struct Door {
    behind: Box<dyn Capture>,
    latch: Arc<Latch>,
    /// The boundary that has been obeyed.
    boundary_ns: u64,
    /// Something came through since the last break.
    sounding: bool,
    before: PreRoll,
    /// Silence to be put in the place of what was captured, of any length.
    silence: Box<[f32]>,
}

impl Door {
    pub(crate) fn new(behind: Box<dyn Capture>, latch: Arc<Latch>) -> Self {
        let silence = vec![0.0; 4096].into();
        let before = PreRoll::new(latch.before.clone());
        Self { behind, latch, boundary_ns: 0, sounding: false, before, silence }
    }

    fn break_off(&mut self) {
        if std::mem::take(&mut self.sounding) {
            self.behind.notice(Notice::Break);
        }
    }

    /// The same length of nothing, in pieces of whole frames.
    fn hush(&mut self, buffer: Buffer<'_>) {
        let channels = usize::from(buffer.format.channels).max(1);
        let most = self.silence.len() / channels * channels;
        let mut left = buffer.samples.len();
        while left > 0 && most > 0 {
            let samples = &self.silence[..left.min(most)];
            self.behind.audio(Buffer { samples, ..buffer });
            left -= samples.len();
        }
    }
}

impl Capture for Door {
    fn audio(&mut self, buffer: Buffer<'_>) {
        let boundary = self.latch.boundary_ns.load(Ordering::Acquire);
        if boundary != self.boundary_ns {
            self.boundary_ns = boundary;
            self.break_off();
        }
        let muted = self.latch.muted.load(Ordering::Acquire);
        let early = buffer.host_ns < boundary;
        if self.latch.is_shut() || early {
            if !early {
                self.break_off();
            }
            if muted || !self.latch.is_before() {
                self.before.forget();
            } else {
                self.before.keep(&buffer);
            }
            return;
        }
        self.sounding = true;
        if self.latch.fresh.swap(false, Ordering::AcqRel) {
            let ns = self.before.hand_on(&mut *self.behind, &buffer);
            self.latch.prewarmed_ns.store(ns, Ordering::Release);
        }
        if muted {
            self.hush(buffer);
        } else {
            self.behind.audio(buffer);
        }
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Break => {
                self.before.forget();
                self.break_off();
            }
            // The graph goes on with the next take.
            Notice::End => {
                self.break_off();
                self.latch.ended.store(true, Ordering::Release);
            }
            Notice::Lost(_) if !self.sounding => self.before.forget(),
            other => self.behind.notice(other),
        }
    }

    fn room(&self) -> usize {
        if self.latch.is_shut() { usize::MAX } else { self.behind.room() }
    }
}

/// Nobody listens any more: the graph brings out what it has, and ends.
impl Drop for Door {
    fn drop(&mut self) {
        self.behind.notice(Notice::End);
    }
}
