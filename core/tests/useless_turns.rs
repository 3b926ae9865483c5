//! A gate's turn that changes nothing.
mod kit;

use kit::{Detect, Record, graph, node, output, ramp};
use tympan_core::{Build, Built, Format, Input, Kind, Limits, Node, Output, Port, Refusal, Spec};

/// A gate without memory: at every place it says what it hears.
struct Plain;
impl Kind for Plain {
    const NAME: &'static str = "plain";
    const ABOUT: &'static str = "Opens while there is voice.";
    const INPUTS: &'static [Port] = &[Port::audio("in"), Port::control("voice")];
    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::gate(cx.input(0), 0).runs(Self)
    }
}
impl Node for Plain {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        if input.held(0, 0).0 > 0.5 {
            output.open(0, 0);
        } else {
            output.close(0);
        }
    }
}

/// "The call ends there; the next one begins with that frame": not when the turn says
/// nothing new, then all of the call counts as decided, and what lies in it depends on
/// the cut.
#[test]
fn a_turn_that_says_nothing_new_does_not_swallow_the_call() {
    let mut g = graph([
        node::<Detect>("voice", &[("rate", 100), ("period", 500)], &["mic"]),
        node::<Plain>("gate", &[], &["mic", "voice"]),
    ]);
    g.output(output("o", "gate"));
    let run = |cut: usize| {
        let mut e = g.plan(&[Format::mono(16_000)], Limits::default()).unwrap().executor();
        let mut record = Record::default();
        for block in ramp(0, 5000).chunks(cut) {
            e.push(block, &mut record);
        }
        e.drain(&mut record);
        let utterances = record.stretches.into_values();
        utterances.map(|s| (s.start, s.samples[0].len())).collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1000));
}
