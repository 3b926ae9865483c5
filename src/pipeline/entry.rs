//! The callback's side: convert nothing, copy into the ring, leave a mark, wake the
//! worker.
//!
//! # Realtime
//! No allocation, no lock; one wake-up. A full ring drops the newest whole frames and
//! counts them.

use std::sync::Arc;

use ringbuf::traits::{Observer, Producer};
use ringbuf::{HeapCons, HeapProd};
use tympan_backends::{Buffer, Capture, Notice};
use tympan_core::Format;

use crate::pipeline::ring::ring;
use crate::pipeline::shared::Shared;

/// Something that belongs to one place between two frames.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    /// How many frames were written before it.
    pub(crate) at: u64,
    pub(crate) what: Sign,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Sign {
    /// When the next frame was captured.
    Time(u64),
    /// Frames are missing here.
    Lost(u64),
    /// From here on frames have this format.
    Format(Format),
    /// Capture breaks off here.
    Break,
    /// Nothing more comes.
    End,
}

/// Room for marks. Time marks leave some of it free for those that must get through.
const MARKS: usize = 4096;
const FOR_LOSSES: usize = 256;
const FOR_THE_END: usize = 8;

pub(crate) struct Entry {
    samples: HeapProd<f32>,
    marks: HeapProd<Mark>,
    shared: Arc<Shared>,
    format: Format,
    written: u64,
    owed: Owed,
}

/// What happened and could not be told yet. No frame is written before it is.
#[derive(Default)]
struct Owed {
    lost: u64,
    format: Option<Format>,
    breaks: bool,
}

/// The reading side of the entry ring.
pub(crate) struct Exit {
    pub(crate) samples: HeapCons<f32>,
    pub(crate) marks: HeapCons<Mark>,
}

/// A ring for `seconds` of `format`, as two ends.
pub(crate) fn entry(format: Format, seconds: f64, shared: Arc<Shared>) -> (Entry, Exit) {
    let frames = (seconds * f64::from(format.rate)).ceil().max(1.0) as usize;
    let (samples, out) = ring(frames * format.channels as usize, 0.0);
    let (marks, marks_out) = ring(MARKS, Mark { at: 0, what: Sign::Break });
    let entry = Entry { samples, marks, shared, format, written: 0, owed: Owed::default() };
    (entry, Exit { samples: out, marks: marks_out })
}

impl Entry {
    /// Leaves a mark if at least `spare` places stay free.
    fn mark(&mut self, what: Sign, spare: usize) -> bool {
        let mark = Mark { at: self.written, what };
        self.marks.vacant_len() > spare && self.marks.try_push(mark).is_ok()
    }

    /// Tells what is owed, in the order in which it matters. True if nothing is left.
    fn settle(&mut self) -> bool {
        if self.owed.lost > 0 {
            if !self.mark(Sign::Lost(self.owed.lost), FOR_THE_END) {
                return false;
            }
            self.owed.lost = 0;
        }
        if self.owed.breaks {
            if !self.mark(Sign::Break, FOR_THE_END) {
                return false;
            }
            self.owed.breaks = false;
        }
        if let Some(format) = self.owed.format {
            if !self.mark(Sign::Format(format), FOR_THE_END) {
                return false;
            }
            self.owed.format = None;
            self.format = format;
        }
        true
    }
}

impl Capture for Entry {
    fn audio(&mut self, buffer: Buffer<'_>) {
        let channels = buffer.format.channels.max(1) as usize;
        let frames = buffer.samples.len() / channels;
        self.shared.offered.add(frames as u64);
        if frames > 0 && buffer.format != self.format {
            self.owed.format = Some(buffer.format);
        }
        let mut taken = 0;
        if frames > 0 && self.settle() {
            taken = frames.min(self.samples.vacant_len() / channels);
            if let Some(samples) = buffer.samples.get(..taken * channels)
                && taken > 0
            {
                self.mark(Sign::Time(buffer.host_ns), FOR_LOSSES);
                self.samples.push_slice(samples);
                self.written += taken as u64;
            }
        }
        let dropped = (frames - taken) as u64;
        self.owed.lost += dropped;
        self.shared.dropped.add(dropped);
        self.shared.worker.wake();
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Lost(frames) => {
                self.shared.lost.add(frames);
                self.owed.lost += frames;
                self.settle();
            }
            Notice::Break => {
                if !self.owed.breaks {
                    self.shared.breaks.add(1);
                    self.owed.breaks = true;
                }
                self.settle();
            }
            Notice::End => {
                self.settle();
                self.mark(Sign::End, 0);
            }
            _ => {}
        }
        self.shared.worker.wake();
    }

    fn room(&self) -> usize {
        if self.marks.vacant_len() <= FOR_LOSSES {
            return 0;
        }
        self.samples.vacant_len() / self.format.channels as usize
    }
}
