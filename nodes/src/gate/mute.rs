//! The gate that keeps the timeline: silence where nobody speaks.

use std::f32::consts::PI;
use std::mem;

use tympan_core::{Border, Build, Built, Input, Node, Output, Refusal, Spec};

use super::{Door, reach};

pub(super) struct Mute {
    door: Door,
    /// What is not put out yet, per channel, and where the oldest of it is.
    late: Vec<Box<[f32]>>,
    at: usize,
    /// The gain on the way from closed to open, and how far on it is.
    ramp: Box<[f32]>,
    step: usize,
}

/// The length of a fade: short against speech, long against a click.
const FADE_MS: u32 = 4;

impl Mute {
    pub(super) fn built(cx: &Build<'_>) -> Result<Built, Refusal> {
        let format = cx.input(0);
        let (delay, hang_over) = (reach(cx), cx.frames("hang_over"));
        let fade = (format.rate * FADE_MS / 1000).min(cx.frames("pre_roll")).min(hang_over);
        // Of what it puts out it has known for long whether speech goes on behind it.
        let tail = hang_over + cx.frames("min_speech") + cx.frames("pre_roll") - fade;
        let late = vec![0.0; delay as usize].into_boxed_slice();
        let steps = fade.max(1);
        Spec::audio(format).delay(delay).runs(Self {
            door: Door::new(cx, tail),
            late: vec![late; format.channels as usize],
            at: 0,
            // Half a cosine, from 0 to 1.
            ramp: (0..=steps).map(|i| 0.5 - 0.5 * (PI * i as f32 / steps as f32).cos()).collect(),
            step: 0,
        })
    }

    /// Puts out a stretch of the call, under one decision.
    fn pass(
        &mut self,
        input: Input<'_>,
        output: &mut Output<'_>,
        (from, to): (usize, usize),
        open: bool,
    ) {
        let (mut at, mut step) = (self.at, self.step);
        for (channel, late) in self.late.iter_mut().enumerate() {
            (at, step) = (self.at, self.step);
            let x = input.channel(0, channel).get(from..to).unwrap_or_default();
            let out = output.channel(channel).get_mut(from..to).unwrap_or_default();
            for (o, &x) in out.iter_mut().zip(x) {
                let due = late.get_mut(at).map_or(x, |oldest| mem::replace(oldest, x));
                at = if at + 1 < late.len() { at + 1 } else { 0 };
                step = if open { (step + 1).min(self.ramp.len() - 1) } else { step.max(1) - 1 };
                // Nothing at all, whatever it is that must not be heard.
                let by = self.ramp.get(step).filter(|_| step > 0);
                *o = by.map_or(0.0, |by| due * by);
            }
        }
        (self.at, self.step) = (at, step);
    }
}

impl Node for Mute {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let mut from = 0;
        while from < input.frames() {
            let open = self.door.is_open;
            let turn = self.door.turn(input, from, input.frames());
            let to = turn.map_or(input.frames(), |(frame, _)| frame);
            self.pass(input, output, (from, to), open);
            from = to;
        }
    }

    fn reset(&mut self, _: Border) {
        for late in &mut self.late {
            late.fill(0.0);
        }
        self.at = 0;
        self.step = 0;
        self.door.shut();
    }
}
