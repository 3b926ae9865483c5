//! A tape: the sample buffer of one stream, with the position of its first sample.

use alloc::boxed::Box;
use alloc::vec;

/// Planar samples `[0, end)` of each channel are valid; sample 0 has position
/// `base`. A node that delays its signal by `d` starts its tape at `-d`, so a
/// position always names the moment of capture, whatever the sample went through.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    data: Box<[f32]>,
    /// Frames each channel has room for.
    room: usize,
    end: usize,
    /// Frames behind `end` that are written and whose time has not come.
    ahead: usize,
    base: i64,
    /// `base` when a segment begins.
    start: i64,
    /// Consumed frames that may stay in front before they are worth moving out.
    lazy: usize,
    /// The most frames it ever held; the plan's promise is `high <= room`.
    high: usize,
}

impl Tape {
    pub(crate) fn new(channels: usize, room: usize, start: i64, lazy: usize) -> Self {
        Self {
            data: vec![0.0; channels * (room + lazy)].into(),
            room: room + lazy,
            end: 0,
            ahead: 0,
            base: start,
            start,
            lazy,
            high: 0,
        }
    }

    /// The position one past the last frame.
    #[inline]
    pub(crate) const fn end(&self) -> i64 {
        self.base + self.end as i64
    }

    #[inline]
    pub(crate) const fn base(&self) -> i64 {
        self.base
    }

    pub(crate) fn channels(&self) -> usize {
        self.data.len().checked_div(self.room).unwrap_or(0)
    }

    pub(crate) const fn high(&self) -> usize {
        self.high
    }

    pub(crate) const fn room(&self) -> usize {
        self.room
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.data.len() * 4
    }

    /// Samples of one channel from a position on.
    #[inline]
    pub(crate) fn read(&self, channel: usize, from: i64, frames: usize) -> &[f32] {
        let at = channel * self.room + (from - self.base) as usize;
        &self.data[at..at + frames]
    }

    /// One sample of a control stream.
    #[inline]
    pub(crate) fn at(&self, position: i64) -> f32 {
        self.data[(position - self.base) as usize]
    }

    /// Room for the next frames of one channel; they count once committed.
    #[inline]
    pub(crate) fn space(&mut self, channel: usize, frames: usize) -> &mut [f32] {
        let at = channel * self.room + self.end + self.ahead;
        &mut self.data[at..at + frames]
    }

    /// Zeros in the room for the next frames.
    pub(crate) fn hush(&mut self, frames: usize) {
        for channel in 0..self.channels() {
            self.space(channel, frames).fill(0.0);
        }
    }

    /// Frames written ahead of their time.
    pub(crate) const fn ahead(&self) -> usize {
        self.ahead
    }

    /// What was written into [`space`](Self::space) counts later, once its time comes.
    pub(crate) fn keep_ahead(&mut self, frames: usize) {
        self.ahead += frames;
        self.high = self.high.max(self.end + self.ahead);
    }

    /// The time of `frames` frames written ahead has come.
    pub(crate) fn reveal(&mut self, frames: usize) {
        self.ahead -= frames;
        self.commit(frames);
    }

    #[inline]
    pub(crate) fn commit(&mut self, frames: usize) {
        self.end += frames;
        debug_assert!(self.end <= self.room || self.data.is_empty());
        if self.end > self.high {
            self.high = self.end;
        }
    }

    /// Changes buffers with a tape of the same size, if neither holds anything: what
    /// was just read elsewhere is still warm in the cache.
    #[inline]
    pub(crate) fn trade(&mut self, other: &mut Self) {
        if self.end + self.ahead + other.end + other.ahead == 0 {
            core::mem::swap(&mut self.data, &mut other.data);
        }
    }

    /// Forgets what lies before `position`. Frames still wanted move to the front
    /// only when enough room is to be won.
    #[inline]
    pub(crate) fn discard_before(&mut self, position: i64) {
        let done = (position - self.base) as usize;
        if done == self.end && self.ahead == 0 {
            self.end = 0;
        } else if done > self.lazy {
            for channel in self.data.chunks_exact_mut(self.room) {
                channel.copy_within(done..self.end + self.ahead, 0);
            }
            self.end -= done;
        } else {
            return;
        }
        self.base = position;
    }

    /// Empty, at the start of a segment; nothing of the last one stays in memory.
    pub(crate) fn clear(&mut self) {
        self.data.fill(0.0);
        self.end = 0;
        self.ahead = 0;
        self.base = self.start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_full_it_was_is_remembered() {
        let mut tape = Tape::new(2, 100, 0, 10);
        tape.commit(30);
        tape.discard_before(30);
        tape.commit(20);
        assert_eq!(tape.high(), 30);
        tape.commit(40);
        assert_eq!((tape.high(), tape.end()), (60, 90));
    }
}
