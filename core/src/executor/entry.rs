//! The way in: channel choice, entry guard, gaps, and a second source on the
//! microphone's timeline.

use crate::event::{Reason, What};
use crate::executor::{Executor, ROOT, Source};
use crate::guard::{self, Mended};
use crate::sink::Sink;

/// What became of the frames of a second source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fed {
    /// Frames placed on the timeline.
    pub taken: usize,
    /// Frames for a time that has passed already; dropped.
    pub late: usize,
    /// Frames too far ahead; dropped.
    pub early: usize,
}

impl Executor {
    /// Writes one block of the microphone to its tape, mended, and brings every
    /// other source up to its time with silence.
    pub(super) fn enter(&mut self, block: &[f32], sink: &mut dyn Sink) {
        let Source { tape, device_channels, .. } = *self.mic();
        let frames = block.len() / device_channels;
        let mended = self.write(0, block, frames);
        if mended.any() {
            self.books.mended += mended.not_finite as u64 + mended.clamped as u64;
            let Mended { not_finite, clamped } = mended;
            self.tell(What::BadInput { not_finite, clamped }, sink);
        }
        self.tapes[tape].commit(frames);
        self.books.pushed += frames as u64;
        self.top_up();
    }

    /// Mends and copies `frames` frames of a source; they are not committed yet.
    fn write(&mut self, source: usize, block: &[f32], frames: usize) -> Mended {
        let source = &self.sources[source];
        let tape = &mut self.tapes[source.tape];
        let n = source.device_channels;
        if let Some(channel) = source.channel {
            return guard::enter(tape.space(0, frames), block, channel, n);
        }
        let mut mended = Mended::default();
        for channel in 0..n {
            mended.add(guard::enter(tape.space(channel, frames), block, channel, n));
        }
        mended
    }

    /// Zeros on the microphone's tape.
    pub(super) fn enter_silence(&mut self, frames: usize) {
        let mic = self.mic().tape;
        let tape = &mut self.tapes[mic];
        tape.hush(frames);
        tape.commit(frames);
        self.top_up();
    }

    /// A second source that is late or absent never makes the microphone wait.
    fn top_up(&mut self) {
        let now = self.position();
        for source in self.sources.iter().skip(1) {
            let tape = &mut self.tapes[source.tape];
            let missing = (source.ratio.floor(now) - tape.end()).max(0) as usize;
            let known = missing.min(tape.ahead());
            tape.reveal(known);
            tape.hush(missing - known);
            tape.commit(missing - known);
        }
    }

    /// Feeds interleaved samples of a second source, the first of which belongs to
    /// `position` on the segment's timeline, in frames of that source. What is late
    /// is dropped, a hole before it becomes silence, and it may run ahead of the
    /// microphone by half a second; what is ahead waits for its time.
    pub fn feed(
        &mut self,
        source: usize,
        position: i64,
        samples: &[f32],
        sink: &mut dyn Sink,
    ) -> Fed {
        let Some(way_in) = self.sources.get(source).filter(|_| source > 0) else {
            return Fed::default();
        };
        let channels = way_in.device_channels;
        let lead = way_in.lead as i64;
        let furthest = way_in.ratio.floor(self.position()) + lead;
        let frames = samples.len() / channels;
        let index = way_in.tape;
        let tape = &mut self.tapes[index];
        let written = tape.end() + tape.ahead() as i64;
        let late = written.saturating_sub(position).clamp(0, frames as i64) as usize;
        let hole = position.saturating_sub(written).clamp(0, lead) as usize;
        let room = (furthest - written - hole as i64).max(0) as usize;
        let taken = (frames - late).min(room);
        let early = frames - late - taken;
        if taken > 0 {
            tape.hush(hole);
            tape.keep_ahead(hole);
            let block = &samples[late * channels..(late + taken) * channels];
            let mended = self.write(source, block, taken);
            self.tapes[index].keep_ahead(taken);
            self.books.mended += mended.not_finite as u64 + mended.clamped as u64;
            if mended.any() {
                let Mended { not_finite, clamped } = mended;
                self.tell(What::BadInput { not_finite, clamped }, sink);
            }
        }
        Fed { taken, late, early }
    }

    /// The device lost `lost` frames here. A short loss becomes silence, so that
    /// time goes on; a longer one ends the segment.
    pub fn gap(&mut self, lost: u64, sink: &mut dyn Sink) {
        if lost == 0 {
            return;
        }
        let told = u32::try_from(lost).unwrap_or(u32::MAX);
        if !self.running || lost > self.max_fill as u64 {
            self.tell(What::Gap { lost: told, filled: 0 }, sink);
            self.end_segment(Reason::Overrun, sink);
            return;
        }
        self.tell(What::Gap { lost: told, filled: told }, sink);
        let mut left = lost as usize;
        while left > 0 {
            let frames = left.min(self.max_push);
            self.enter_silence(frames);
            self.run(ROOT, sink);
            left -= frames;
        }
        self.books.filled += lost;
    }
}
