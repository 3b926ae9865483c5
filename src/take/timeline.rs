//! Where in a take a moment is that somebody else tells of: the session, which counts
//! captured time, and the graph, which counts frames of a segment.

use std::collections::VecDeque;

use tympan_core::Event;
use tympan_core::session::Ms;

use super::in_rate;

/// Marks of time are as exact as this; borders of segments are exact.
const NEAR_MS: u64 = 60;

/// What is told is never about segments that are farther back.
const SEGMENTS: usize = 8;

/// Frames of a take at the rate of what comes.
pub(super) struct Timeline {
    rate: u32,
    segments: VecDeque<Segment>,
    /// Frames that no captured time of the session stands for: filling at borders, silence
    /// in the place of gaps, what was captured before the take was asked for.
    beside: u64,
}

/// A stretch of audio without a hole.
#[derive(Clone, Copy)]
struct Segment {
    number: u32,
    /// The position of its first frame, as the graph counts, and where that is.
    position: i64,
    at: u64,
}

impl Timeline {
    pub(super) fn new(rate: u32) -> Self {
        Self { rate, segments: VecDeque::with_capacity(SEGMENTS + 1), beside: 0 }
    }

    /// The frame that is at `position` of a segment stands here, and so on from there.
    pub(super) fn begins(&mut self, number: u32, position: i64, at: u64) {
        self.segments.push_back(Segment { number, position, at });
        if self.segments.len() > SEGMENTS {
            self.segments.pop_front();
        }
    }

    /// So many frames are in the take that the session does not count.
    pub(super) fn stands_beside(&mut self, frames: u64) {
        self.beside += frames;
    }

    pub(super) fn frames_of(&self, ms: Ms) -> u64 {
        ms.saturating_mul(u64::from(self.rate)) / 1000
    }

    /// Where a moment of captured time is, as exactly as it is told.
    fn told(&self, ms: Ms) -> u64 {
        self.frames_of(ms) + self.beside
    }

    /// Whether a take of so many frames goes on behind a moment of captured time for
    /// certain.
    pub(super) fn has_passed(&self, ms: Ms, frames: u64) -> bool {
        frames > self.told(ms) + self.frames_of(NEAR_MS)
    }

    /// Where a moment of captured time is, in a take of so many frames. What is missing
    /// lies between two segments, or behind the last.
    pub(super) fn of_captured(&self, ms: Ms, frames: u64) -> u64 {
        let told = self.told(ms);
        let ends = self.segments.iter().map(|segment| segment.at).chain([frames]);
        let nearest = ends.min_by_key(|border| border.abs_diff(told)).unwrap_or(told);
        if nearest.abs_diff(told) <= self.frames_of(NEAR_MS) { nearest } else { told }
    }

    /// Where an event of the graph is.
    pub(super) fn of_event(&self, event: &Event) -> Place {
        let scaled = i128::from(event.position) * i128::from(self.rate);
        let position = (scaled / i128::from(event.rate.max(1))) as i64;
        let mine = |segment: &&Segment| segment.number == event.segment;
        let Some(first) = self.segments.iter().find(mine) else {
            let newest = self.segments.back().map(|last| last.number);
            let is_new = newest.is_none_or(|newest| event.segment > newest);
            return if is_new { Place::Later } else { Place::Before };
        };
        let behind = |segment: &&Segment| mine(segment) && segment.position <= position;
        let segment = self.segments.iter().rev().find(behind).unwrap_or(first);
        let since = u64::try_from(position - segment.position).unwrap_or(0);
        Place::At(segment.at + since)
    }

    /// As frames of a file that plays at this rate.
    pub(super) fn in_file(&self, frames: u64, rate: u32) -> u64 {
        in_rate(frames, self.rate, rate)
    }
}

/// Where something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    At(u64),
    /// In a segment of which nothing has come yet.
    Later,
    /// In none of this take.
    Before,
}

#[cfg(test)]
mod tests {
    use tympan_core::What;

    use super::*;

    fn event(segment: u32, position: i64, rate: u32) -> Event {
        Event { position, rate, segment, what: What::SpeechStart, node: 0 }
    }

    #[test]
    fn events_are_placed_by_their_segment_at_the_rate_of_the_take() {
        let mut timeline = Timeline::new(48_000);
        assert_eq!(timeline.of_event(&event(3, 0, 16_000)), Place::Later);
        timeline.begins(3, 480, 0);
        timeline.begins(5, 0, 96_000);
        let placed = |segment, position| timeline.of_event(&event(segment, position, 16_000));
        assert_eq!(placed(3, 160), Place::At(0));
        assert_eq!(placed(3, 16_160), Place::At(48_000));
        // Before the first frame that came of it.
        assert_eq!(placed(3, 0), Place::At(0));
        assert_eq!(placed(5, 100), Place::At(96_300));
        assert_eq!(placed(6, 100), Place::Later);
        assert_eq!(placed(2, 100), Place::Before);
    }

    #[test]
    fn filling_in_the_middle_of_a_segment_moves_what_is_behind_it() {
        let mut timeline = Timeline::new(48_000);
        timeline.begins(0, 0, 0);
        timeline.begins(0, 1000, 1064);
        assert_eq!(timeline.of_event(&event(0, 999, 48_000)), Place::At(999));
        assert_eq!(timeline.of_event(&event(0, 1000, 48_000)), Place::At(1064));
    }

    #[test]
    fn captured_time_snaps_to_borders_that_are_near() {
        let mut timeline = Timeline::new(48_000);
        timeline.begins(0, 0, 0);
        timeline.begins(1, 0, 48_500);
        assert_eq!(timeline.of_captured(1000, 90_000), 48_500);
        assert_eq!(timeline.of_captured(1500, 90_000), 72_000);
        timeline.stands_beside(4800);
        assert_eq!(timeline.of_captured(1500, 90_000), 76_800);
    }
}
