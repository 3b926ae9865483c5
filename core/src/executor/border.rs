//! Borders: how a segment or an utterance begins, is pushed out to its last frame,
//! and leaves nothing behind.

use crate::event::{Reason, What};
use crate::executor::{Executor, ROOT, Step};
use crate::node::Border;
use crate::sink::{Planar, Sink};
use crate::time::Ratio;

impl Executor {
    pub(super) fn begin_segment(&mut self, sink: &mut dyn Sink) {
        if !self.running {
            self.running = true;
            self.tell(What::SegmentStart, sink);
            for region in 0..self.regions.len() {
                self.regions[region].utterance = 0;
                self.begin_region(region, 0, self.segment);
            }
        }
    }

    /// Places a region on the segment's timeline: its local position 0 lies at
    /// `origin`, counted at its entry.
    pub(super) fn begin_region(&mut self, region: usize, origin: i64, segment: u32) {
        let r = &self.regions[region];
        let (rate, utterance) = (r.rate, r.utterance);
        let steps = r.own_steps(&mut self.steps).iter_mut().map(|s| &mut s.site);
        let taps = r.own_taps(&mut self.taps).iter_mut().map(|t| &mut t.site);
        for site in steps.chain(taps) {
            site.origin = Ratio::of(site.rate, rate).floor(origin);
            site.segment = segment;
            site.utterance = utterance;
        }
    }

    pub(super) fn finish_segment(&mut self, reason: Reason, sink: &mut dyn Sink) {
        self.ending = true;
        let end = self.position();
        self.finish_region(ROOT, sink);
        self.ending = false;
        self.running = false;
        for region in 0..self.regions.len() {
            self.reset_region(region, Border::Segment);
        }
        self.scratch.fill(0.0);
        sink.event(crate::Event {
            position: end,
            rate: self.mic().rate,
            segment: self.segment,
            what: What::SegmentEnd(reason),
            node: crate::Event::ENGINE,
        });
        self.segment = self.segment.wrapping_add(1);
    }

    /// Feeds silence until everything captured is out, and trims what comes behind.
    /// Always as much as the plan says: what a node keeps over a border must not hang
    /// on how its input was cut.
    pub(super) fn finish_region(&mut self, region: usize, sink: &mut dyn Sink) {
        self.set_end(region);
        let mut left = self.regions[region].drain;
        while left > 0 {
            let frames = left.min(self.regions[region].push);
            self.push_silence(region, frames, sink);
            left -= frames;
        }
        self.seal_region(region, sink);
    }

    pub(super) fn push_silence(&mut self, region: usize, frames: usize, sink: &mut dyn Sink) {
        self.feed_silence(region, frames);
        self.run(region, sink);
    }

    /// All silence was fed: everything is out.
    pub(super) fn seal_region(&mut self, region: usize, sink: &mut dyn Sink) {
        debug_assert!(self.is_dry(region), "the plan's drain is too short");
        self.say_last(region, sink);
    }

    /// From here on the end is known everywhere, in each stream's own frames.
    pub(super) fn set_end(&mut self, region: usize) {
        let r = &self.regions[region];
        let (end, rate) = (self.tapes[r.entry].end(), r.rate);
        for step in r.own_steps(&mut self.steps) {
            step.site.end = Ratio::of(step.site.rate, rate).ceil(end);
        }
        for tap in r.own_taps(&mut self.taps) {
            tap.site.end = Ratio::of(tap.site.rate, rate).ceil(end);
        }
    }

    fn feed_silence(&mut self, region: usize, frames: usize) {
        if region == ROOT {
            return self.enter_silence(frames);
        }
        let tape = &mut self.tapes[self.regions[region].entry];
        tape.hush(frames);
        tape.commit(frames);
    }

    /// Whether every step has consumed and every output delivered all there is.
    fn is_dry(&self, region: usize) -> bool {
        let r = &self.regions[region];
        self.steps[r.steps.clone()].iter().all(Step::is_dry)
            && self.taps[r.taps.clone()].iter().all(|t| t.at >= t.site.end)
    }

    /// A stream whose last frames were out before the end was known says so with an
    /// empty record.
    fn say_last(&mut self, region: usize, sink: &mut dyn Sink) {
        let r = &self.regions[region];
        for step in r.own_steps(&mut self.steps) {
            if !step.site.last_out && !step.bytes.is_empty() {
                let header = step.site.closing();
                for &output in &step.site.outputs {
                    sink.packet(output as usize, &header, &[]);
                }
            }
        }
        for tap in r.own_taps(&mut self.taps) {
            if !tap.site.last_out {
                let header = tap.site.closing();
                sink.audio(tap.output, &header, Planar::new(&[], 0));
            }
        }
    }

    /// Empties a region and tells its nodes what kind of border this is.
    pub(super) fn reset_region(&mut self, region: usize, border: Border) {
        let r = &self.regions[region];
        for &tape in &r.tapes {
            self.tapes[tape].clear();
        }
        for step in r.own_steps(&mut self.steps) {
            if !step.failed && !(self.calls.reset)(&mut *step.node, border) {
                // It is told with its next call, which passes the signal through.
                step.failed = true;
                step.untold = true;
            }
            step.bridge.clear();
            step.bytes.fill(0);
            step.at = step.start;
            step.counter.reset();
            step.site.renew();
            if let Some(gate) = &mut step.gate {
                gate.reset(step.start);
            }
        }
        for tap in r.own_taps(&mut self.taps) {
            tap.at = 0;
            tap.blamed = false;
            tap.site.renew();
        }
    }

    /// Throws away what is inside and forgets everything learned: a new take.
    /// Nothing of it comes out; to bring it out first, use [`drain`](Self::drain).
    pub fn reset(&mut self) {
        for region in 0..self.regions.len() {
            self.reset_region(region, Border::Take);
            self.regions[region].utterance = 0;
        }
        if self.running {
            self.running = false;
            self.segment = self.segment.wrapping_add(1);
        }
        self.scratch.fill(0.0);
    }
}
