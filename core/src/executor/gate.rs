//! The gate as a cut in the graph: what lies behind a closed gate does not run.
//!
//! A gate's own cursor is where it has decided up to; `release` is where the region
//! behind it has been fed up to. Closed, `release` follows at a distance of the
//! history, so that an opening can reach back. Open, it catches up at no more than
//! twice the pace of capture, so that an opening costs no burst. At a closing the
//! decision waits until everything before it is released, and what is still inside is
//! pushed out at the same pace: one border per pass.
//!
//! Where utterances begin and end depends on the decisions alone; the pace, and so
//! the way the input was cut, moves only the moment at which they come out.

use core::mem;

use crate::event::{Event, What};
use crate::executor::{Executor, Region, Step};
use crate::node::{Border, Turn};
use crate::sink::Sink;

#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) region: usize,
    pub(crate) state: State,
    /// The first position that the region behind has not got, or may still get.
    pub(crate) release: i64,
    /// The most frames an opening may reach back.
    pub(crate) history: i64,
    /// The end of the input when it was last looked at.
    pub(crate) seen: i64,
    /// Frames that may still be released in this run.
    pub(crate) pace: i64,
    /// Position and number of the turns made there: a gate cannot turn for ever.
    pub(crate) turned: (i64, u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Closed,
    Open,
    /// It has decided to close; what lies before is not released yet.
    Closing,
    /// So many frames of silence have yet to push out what is behind it.
    Draining(usize),
}

/// How much faster than capture a gate catches up after an opening.
const CATCH_UP: i64 = 2;

impl Gate {
    pub(crate) fn new(region: usize, history: i64, start: i64) -> Self {
        Self {
            region,
            state: State::Closed,
            release: start,
            history,
            seen: start,
            pace: 0,
            turned: (i64::MIN, 0),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// How many of `frames` frames may go to the region behind now: what the pace allows,
    /// or all where the tape would not hold what comes in meanwhile, as with many short
    /// utterances in a row.
    fn allowed(&mut self, behind: &Region, frames: i64) -> i64 {
        if self.seen - self.release > self.history + behind.busy() as i64 {
            return frames;
        }
        let frames = frames.min(self.pace);
        self.pace -= frames;
        frames
    }

    fn is_closing(&self) -> bool {
        matches!(self.state, State::Closing | State::Draining(_))
    }

    pub(crate) fn reset(&mut self, start: i64) {
        self.state = State::Closed;
        self.release = start;
        self.seen = start;
        self.pace = 0;
        self.turned = (i64::MIN, 0);
    }

    /// Whether a turn at `at` changes anything. Behind the end it does if it reaches
    /// back before it.
    fn is_news(&self, turn: Turn, at: i64, end: i64) -> bool {
        match turn {
            Turn::Open { back } => self.state == State::Closed && self.reach(at, back) < end,
            Turn::Close => self.state == State::Open,
        }
    }

    /// Where an utterance begins: nothing from before the segment, nothing twice.
    fn reach(&self, at: i64, back: u32) -> i64 {
        (at - i64::from(back).min(self.history)).max(self.release)
    }

    /// Up to where it decides. What was said last is known only when it is over, so a
    /// closed gate goes on into the filling, as far as an opening could reach back.
    pub(super) fn decides_before(&self, end: i64) -> i64 {
        if self.is_closed() { end + self.history } else { end }
    }

    /// Whether a turn at this position may still be made.
    fn may_turn(&mut self, at: i64) -> bool {
        if self.turned.0 != at {
            self.turned = (at, 0);
        }
        self.turned.1 += 1;
        self.turned.1 <= 2
    }
}

impl Executor {
    /// Decides, releases and closes until there is nothing left to do.
    pub(super) fn pass(&mut self, step: usize, sink: &mut dyn Sink) {
        self.arrive(step);
        loop {
            let turned = self.decide(step, sink);
            let released = self.release(step);
            let Step { gate: Some(gate), at, site, .. } = &self.steps[step] else { return };
            let all = gate.state == State::Closing && gate.release == (*at).min(site.end);
            let region = gate.region;
            if released {
                self.run(region, sink);
            }
            if all {
                self.close(step);
            }
            let pushed = self.push_out(step, sink);
            if !turned && !released && !pushed {
                return;
            }
        }
    }

    /// Notes what has come in, which sets the pace of release.
    fn arrive(&mut self, step: usize) {
        let Step { gate: Some(gate), audio, .. } = &mut self.steps[step] else { return };
        let end = self.tapes[audio.first].end();
        gate.pace = if self.ending { i64::MAX } else { CATCH_UP * (end - gate.seen) };
        gate.seen = end;
    }

    /// Lets the gate look at what it has not seen, up to its next turn.
    fn decide(&mut self, step: usize, sink: &mut dyn Sink) -> bool {
        let s = &mut self.steps[step];
        let (at, end) = (s.at, s.site.end);
        let left = (s.goes_on_to() - at).clamp(0, s.ready(&self.tapes) as i64) as usize;
        if left == 0 {
            return self.ending && self.must_close(step);
        }
        if s.gate.as_ref().is_some_and(|g| g.is_closing()) {
            return false;
        }
        let mut entry = mem::take(&mut self.tapes[s.output]);
        let turn = s.call(self.calls, &self.tapes, &mut entry, left, 0, sink);
        self.tapes[s.output] = entry;
        let Some(gate) = &mut s.gate else { return false };
        let Some((frame, turn)) = turn else {
            s.at += left as i64;
            s.follow();
            return false;
        };
        let frame = frame.min(left);
        let turns_at = at + frame as i64;
        if gate.is_news(turn, turns_at, end) && gate.may_turn(turns_at) {
            s.at += frame as i64;
            match turn {
                Turn::Open { back } => self.open(step, back, sink),
                Turn::Close => gate.state = State::Closing,
            }
        } else {
            // Says nothing new: the call ends there all the same, and moves on.
            s.at += frame.max(1) as i64;
            s.follow();
        }
        true
    }

    /// At the end of a segment an open gate closes.
    fn must_close(&mut self, step: usize) -> bool {
        let s = &mut self.steps[step];
        let at_end = s.at >= s.site.end;
        match &mut s.gate {
            Some(gate) if at_end && gate.state == State::Open => {
                gate.state = State::Closing;
                true
            }
            _ => false,
        }
    }

    fn open(&mut self, step: usize, back: u32, sink: &mut dyn Sink) {
        let s = &mut self.steps[step];
        let at = s.at;
        let Some(gate) = &mut s.gate else { return };
        let from = gate.reach(at, back);
        gate.release = from;
        gate.state = State::Open;
        let region = gate.region;
        let event = self.utterance(step, from, What::UtteranceStart);
        sink.event(event);
        self.begin_region(region, from, event.segment);
    }

    /// Feeds the region behind the next piece, at most what the pace allows.
    fn release(&mut self, step: usize) -> bool {
        let Step { gate: Some(gate), at, site, audio, output, out_channels, .. } =
            &mut self.steps[step]
        else {
            return false;
        };
        if !matches!(gate.state, State::Open | State::Closing) {
            return false;
        }
        let behind = &self.regions[gate.region];
        let left = ((*at).min(site.end) - gate.release).min(behind.push as i64);
        let frames = gate.allowed(behind, left);
        if frames == 0 {
            return false;
        }
        let mut entry = mem::take(&mut self.tapes[*output]);
        let from = &self.tapes[audio.first];
        for channel in 0..*out_channels {
            let samples = from.read(channel, gate.release, frames as usize);
            entry.space(channel, frames as usize).copy_from_slice(samples);
        }
        entry.commit(frames as usize);
        self.tapes[*output] = entry;
        gate.release += frames;
        true
    }

    /// Everything is released: from here on silence pushes it out.
    fn close(&mut self, step: usize) {
        let Some(gate) = &mut self.steps[step].gate else { return };
        let region = gate.region;
        gate.state = State::Draining(self.regions[region].drain);
        self.set_end(region);
    }

    /// Pushes out what the pace allows. When all is out, the utterance has ended.
    fn push_out(&mut self, step: usize, sink: &mut dyn Sink) -> bool {
        let Some(gate) = &mut self.steps[step].gate else { return false };
        let (State::Draining(left), region) = (gate.state, gate.region) else { return false };
        let behind = &self.regions[region];
        let frames = gate.allowed(behind, left.min(behind.push) as i64);
        if frames == 0 {
            return false;
        }
        gate.state = State::Draining(left - frames as usize);
        self.push_silence(region, frames as usize, sink);
        if left == frames as usize {
            self.end_utterance(step, sink);
        }
        true
    }

    fn end_utterance(&mut self, step: usize, sink: &mut dyn Sink) {
        let Some(gate) = &mut self.steps[step].gate else { return };
        gate.state = State::Closed;
        let (region, at) = (gate.region, gate.release);
        self.seal_region(region, sink);
        self.reset_region(region, Border::Utterance);
        let event = self.utterance(step, at, What::UtteranceEnd);
        sink.event(event);
        self.regions[region].utterance += 1;
    }

    fn utterance(&self, step: usize, at: i64, what: fn(u32) -> What) -> Event {
        let s = &self.steps[step];
        let region = s.gate.as_ref().map_or(0, |g| g.region);
        Event {
            position: s.site.origin + at,
            rate: s.site.rate,
            segment: s.site.segment,
            what: what(self.regions[region].utterance),
            node: s.site.node,
        }
    }
}

impl Step {
    /// A closed gate lets go of what no opening can reach any more.
    fn follow(&mut self) {
        let at = self.at;
        if let Some(gate) = self.gate.as_mut().filter(|g| g.state == State::Closed) {
            gate.release = gate.release.max(at - gate.history);
        }
    }
}
