//! The way in: channel choice, entry guard, gaps, and a second source on the
//! microphone's timeline.

use crate::event::{Reason, What};
use crate::executor::{Executor, ROOT};
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
        let frames = block.len() / self.sources[0].device_channels;
        let mended = self.write(0, block, frames);
        if mended.any() {
            self.books.mended += mended.not_finite as u64 + mended.clamped as u64;
            let Mended { not_finite, clamped } = mended;
            self.tell(What::BadInput { not_finite, clamped }, sink);
        }
        self.tapes[self.sources[0].tape].commit(frames);
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
        self.silence(0, frames);
        self.top_up();
    }

    fn silence(&mut self, source: usize, frames: usize) {
        self.write_silence(source, frames);
        self.tapes[self.sources[source].tape].commit(frames);
    }

    fn write_silence(&mut self, source: usize, frames: usize) {
        let tape = &mut self.tapes[self.sources[source].tape];
        for channel in 0..tape.channels() {
            tape.space(channel, frames).fill(0.0);
        }
    }

    /// A second source that is late or absent never makes the microphone wait.
    fn top_up(&mut self) {
        let now = self.tapes[self.sources[0].tape].end();
        for i in 1..self.sources.len() {
            let tape = &mut self.tapes[self.sources[i].tape];
            let missing = (self.sources[i].ratio.floor(now) - tape.end()).max(0) as usize;
            let known = missing.min(tape.ahead());
            tape.reveal(known);
            self.silence(i, missing - known);
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
        let (rate_ratio, lead) = (way_in.ratio, way_in.lead as i64);
        let tape = way_in.tape;
        let now = self.tapes[self.sources[0].tape].end();
        let frames = samples.len() / channels;
        let written = self.tapes[tape].end() + self.tapes[tape].ahead() as i64;
        let furthest = rate_ratio.floor(now) + lead;
        let late = written.saturating_sub(position).clamp(0, frames as i64) as usize;
        let hole = position.saturating_sub(written).clamp(0, lead) as usize;
        let room = (furthest - written - hole as i64).max(0) as usize;
        let taken = (frames - late).min(room);
        let early = frames - late - taken;
        if taken > 0 {
            self.write_silence(source, hole);
            self.tapes[tape].keep_ahead(hole);
            let mended = self.write(source, &samples[late * channels..][..taken * channels], taken);
            self.tapes[tape].keep_ahead(taken);
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
