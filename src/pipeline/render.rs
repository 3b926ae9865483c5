//! A second source: what the loudspeaker plays, placed on the microphone's timeline
//! by host time.
//!
//! No two clocks run alike: 0.02 % are 0.7 s in an hour. So what is played is made
//! longer or shorter by as much, as its host times tell.

mod drift;
mod stretch;

use std::num::NonZeroUsize;
use std::sync::Arc;

use ringbuf::traits::{Consumer, Observer, Producer};
use ringbuf::{HeapCons, HeapProd};
use tympan_core::{Executor, Format, Sink};

use crate::pipeline::ring::ring;
use crate::pipeline::shared::Shared;
use drift::Drift;
use stretch::Stretch;

/// Takes what the loudspeaker plays, from its callback.
///
/// # Realtime
/// [`push`](Self::push) allocates, locks and blocks nothing.
pub struct RenderWriter {
    samples: HeapProd<f32>,
    marks: HeapProd<Mark>,
    written: u64,
    /// Frames are missing before the next one.
    torn: bool,
    channels: NonZeroUsize,
    shared: Arc<Shared>,
}

/// When a frame is heard.
#[derive(Clone, Copy)]
struct Mark {
    /// How many frames were written before it.
    at: u64,
    host_ns: u64,
    /// Frames are missing before it.
    torn: bool,
}

pub(crate) struct RenderExit {
    samples: HeapCons<f32>,
    marks: HeapCons<Mark>,
    /// The next mark, and the last one that was passed.
    mark: Option<Mark>,
    heard: Option<Mark>,
    taken: u64,
    format: Format,
    /// The last mark of the microphone.
    mic: Option<MicMark>,
    drift: Drift,
    stretch: Stretch,
    ratio: f64,
    /// Where the next frame that is made goes, and how many are thrown away before it:
    /// those from before the first one taken.
    next: Option<i64>,
    skip: usize,
    scratch: Box<[f32]>,
    shared: Arc<Shared>,
}

/// When a frame of the microphone was captured.
struct MicMark {
    position: i64,
    rate: u32,
    host_ns: u64,
}

/// Host times jitter; what is farther off than this has not drifted there. It jumps.
const JITTER: f64 = 0.008;
/// Frames that are taken at once.
const CHUNK: usize = 2048;

pub(crate) fn render(
    format: Format,
    seconds: f64,
    shared: Arc<Shared>,
) -> (RenderWriter, RenderExit) {
    let channels = NonZeroUsize::new(format.channels.into()).unwrap_or(NonZeroUsize::MIN);
    let frames = (seconds * f64::from(format.rate)).ceil().max(1.0) as usize;
    let (samples, out) = ring(frames * channels.get(), 0.0);
    let (marks, marks_out) = ring(1024, Mark { at: 0, host_ns: 0, torn: false });
    let writer =
        RenderWriter { samples, marks, written: 0, torn: false, channels, shared: shared.clone() };
    let exit = RenderExit {
        samples: out,
        marks: marks_out,
        mark: None,
        heard: None,
        taken: 0,
        format,
        mic: None,
        drift: Drift::default(),
        stretch: Stretch::new(channels),
        ratio: 1.0,
        next: None,
        skip: 0,
        scratch: vec![0.0; CHUNK * channels.get()].into(),
        shared,
    };
    (writer, exit)
}

impl RenderWriter {
    /// Gives interleaved samples whose first frame is heard at `host_ns`. Returns how
    /// many frames were taken; a full ring takes no more.
    ///
    /// They are to be here some milliseconds before they are heard: a frame is placed
    /// when the 32 after it have come, and what the microphone has passed is dropped.
    pub fn push(&mut self, samples: &[f32], host_ns: u64) -> usize {
        let frames = samples.len() / self.channels;
        let mut taken = frames.min(self.samples.vacant_len() / self.channels);
        let mark = Mark { at: self.written, host_ns, torn: self.torn };
        if let Some(samples) = samples.get(..taken * self.channels.get())
            && taken > 0
            && self.marks.try_push(mark).is_ok()
        {
            self.samples.push_slice(samples);
            self.written += taken as u64;
            self.torn = false;
        } else {
            taken = 0;
        }
        self.torn |= taken < frames;
        self.shared.late.add((frames - taken) as u64);
        taken
    }
}

impl RenderExit {
    /// The next frame of the microphone is at `position`, in frames of `rate`.
    pub(crate) fn mic_was_at(&mut self, position: i64, rate: u32, host_ns: u64) {
        if position == 0 {
            // A new segment: nothing is placed yet.
            self.next = None;
        }
        self.mic = Some(MicMark { position, rate, host_ns });
    }

    /// Feeds what has come, each piece to its time.
    pub(crate) fn feed(&mut self, executor: &mut Executor, sink: &mut dyn Sink) {
        let channels = self.format.channels.max(1) as usize;
        loop {
            // Samples first: every mark before them was written before them.
            let samples = self.samples.occupied_len();
            self.mark = self.mark.or_else(|| self.marks.try_pop());
            if let Some(mark) = self.mark.take_if(|mark| mark.at == self.taken) {
                self.pass(mark);
                continue;
            }
            let upto = self.mark.map_or(u64::MAX, |mark| mark.at - self.taken).min(CHUNK as u64);
            let frames = (samples / channels).min(upto as usize);
            if frames == 0 {
                return;
            }
            if self.next.is_none() {
                self.place();
            }
            let Some(next) = self.next else { return };
            let Some(block) = self.scratch.get_mut(..frames * channels) else { return };
            self.samples.pop_slice(block);
            self.taken += frames as u64;
            let made = self.stretch.run(block, self.ratio);
            let skip = self.skip.min(made.len() / channels);
            self.skip -= skip;
            let made = made.get(skip * channels..).unwrap_or_default();
            let fed = executor.feed(1, next, made, sink);
            self.shared.late.add((fed.late + fed.early) as u64);
            self.next = Some(next + (made.len() / channels) as i64);
        }
    }

    /// Asks for the ratio from here on.
    fn pass(&mut self, mark: Mark) {
        let rate = f64::from(self.format.rate);
        let since = self.heard.map_or(0, |heard| mark.at - heard.at) as f64 / rate;
        self.heard = Some(mark);
        let (Some(want), Some(next)) = (self.want(), self.next) else { return };
        let is = (next - self.skip as i64) as f64 + self.stretch.behind();
        let off = (want - is) / rate;
        if mark.torn || off.abs() > JITTER {
            self.place();
        } else {
            self.ratio = self.drift.steer(off, since);
        }
    }

    /// Puts the next frame where its host time says, whatever was there before it.
    fn place(&mut self) {
        self.next = self.want().map(|want| want.round() as i64);
        self.stretch.reset();
        self.skip = self.stretch.behind().round() as usize;
        self.ratio = self.drift.ratio();
    }

    /// Where the next frame that is taken belongs, as far as host times can tell.
    fn want(&self) -> Option<f64> {
        let (mic, heard) = (self.mic.as_ref()?, self.heard?);
        let rate = f64::from(self.format.rate);
        let since = (i128::from(heard.host_ns) - i128::from(mic.host_ns)) as f64 * 1e-9;
        let captured = mic.position as f64 / f64::from(mic.rate);
        Some((captured + since) * rate + (self.taken - heard.at) as f64)
    }
}
