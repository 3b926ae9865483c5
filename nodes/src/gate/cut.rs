//! The gate as a cut in the graph.

use tympan_core::{Border, Build, Built, Input, Node, Output, Refusal, Spec};

use super::{Door, reach};

pub(super) struct Cut {
    door: Door,
    back: u32,
    /// The longest utterance in frames, if there is one.
    longest: Option<i64>,
    /// Where the utterance that runs began.
    began: i64,
    /// Up to where the audio is in an utterance already.
    taken: i64,
    /// An utterance was broken off for its length: the next call goes on.
    goes_on: bool,
}

impl Cut {
    pub(super) fn built(cx: &Build<'_>) -> Result<Built, Refusal> {
        let back = reach(cx);
        let longest = cx.frames("longest");
        if longest > 0 && longest <= back {
            let why = format!(
                "shorter than what an opening reaches back over ({} ms: `pre_roll`, `min_speech` and the detector's lag)",
                u64::from(back) * 1000 / u64::from(cx.input(0).rate)
            );
            return Err(Refusal::Setting { name: "longest", why });
        }
        // The end of speech is heard of when audio is `lag` frames past it already.
        let tail = cx.frames("hang_over").saturating_sub(cx.lag(0));
        Spec::gate(cx.input(0), back).runs(Self {
            door: Door::new(cx, tail),
            back,
            longest: (longest > 0).then_some(i64::from(longest)),
            began: 0,
            taken: 0,
            goes_on: false,
        })
    }

    /// How many of `frames` frames from `position` on the utterance may still have.
    fn may_take(&self, position: i64, frames: usize) -> usize {
        match self.longest {
            Some(most) if self.door.is_open => {
                (self.began + most - position).min(frames as i64).max(0) as usize
            }
            _ => frames,
        }
    }
}

impl Node for Cut {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let position = input.position();
        if self.goes_on {
            self.goes_on = false;
            self.began = position;
            return output.open(0, 0);
        }
        let until = self.may_take(position, input.frames());
        match self.door.turn(input, 0, until) {
            Some((frame, true)) => {
                let reached = position + frame as i64 - i64::from(self.back);
                self.began = reached.max(self.taken);
                output.open(frame, self.back);
            }
            Some((frame, false)) => {
                self.taken = position + frame as i64;
                output.close(frame);
            }
            None if until < input.frames() => {
                self.goes_on = true;
                output.close(until);
            }
            None => {}
        }
    }

    fn reset(&mut self, _: Border) {
        self.door.shut();
        self.taken = 0;
        self.goes_on = false;
    }
}
