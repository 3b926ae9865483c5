//! A node of a third party, outside of tympan: a microphone that was soldered the
//! wrong way round gives its signal upside down, and this turns it back.

// begin of the node: thirty lines at most, a test counts them
use tympan_core::{Build, Built, Input, Kind, Live, Node, Output, Param, Refusal, Spec};

/// Turns the signal upside down.
pub struct Invert(Live);

impl Kind for Invert {
    const NAME: &'static str = "invert";
    const ABOUT: &'static str = "Turns the signal upside down.";
    const PARAMS: &'static [Param] =
        &[Param::number("amount", 0.0, 1.0, 1.0).live().about("1 turns all of it, 0 nothing")];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::audio(cx.input(0)).runs(Self(cx.live("amount")))
    }
}

impl Node for Invert {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let factor = 1.0 - 2.0 * self.0.get();
        for channel in 0..output.channels() {
            for (o, x) in output.channel(channel).iter_mut().zip(input.channel(0, channel)) {
                *o = x * factor;
            }
        }
    }
}
// end of the node
