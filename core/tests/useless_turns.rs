//! A gate's turn that changes nothing.
mod kit;

use kit::{Detect, Record, graph, node, output, ramp};
use tympan_core::{
    Build, Built, Format, Input, Kind, Limits, Node, Output, Port, Refusal, Spec, What,
};

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

/// A gate that turns at every call.
struct Fickle {
    open: bool,
}
impl Kind for Fickle {
    const NAME: &'static str = "fickle";
    const ABOUT: &'static str = "Cannot decide.";
    const INPUTS: &'static [Port] = &[Port::audio("in")];
    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::gate(cx.input(0), 0).runs(Self { open: false })
    }
}
impl Node for Fickle {
    fn process(&mut self, _: Input<'_>, output: &mut Output<'_>) {
        self.open = !self.open;
        if self.open {
            output.open(0, 0);
        } else {
            output.close(0);
        }
    }
}

#[test]
fn a_gate_that_cannot_decide_holds_nothing_up() {
    let mut g = graph([node::<Fickle>("gate", &[], &["mic"])]);
    g.output(output("o", "gate"));
    let mut e = g.plan(&[Format::mono(16_000)], Limits::default()).unwrap().executor();
    let mut record = Record::default();
    e.push(&ramp(0, 1000), &mut record);
    e.drain(&mut record);
    assert_eq!(e.books().pushed, 1000);
}

/// A gate that opens at frame 500 and reaches back from nowhere.
struct AtTheEnd;
impl Kind for AtTheEnd {
    const NAME: &'static str = "at-the-end";
    const ABOUT: &'static str = "Opens when all is over.";
    const INPUTS: &'static [Port] = &[Port::audio("in")];
    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::gate(cx.input(0), 100).runs(Self)
    }
}
impl Node for AtTheEnd {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let at = 500 - input.position();
        if (0..input.frames() as i64).contains(&at) {
            output.open(at as usize, 0);
        }
    }
}

#[test]
fn a_turn_at_the_very_end_begins_nothing() {
    let mut g = graph([node::<AtTheEnd>("gate", &[], &["mic"])]);
    g.output(output("o", "gate"));
    let utterances = |frames: usize| {
        let mut e = g.plan(&[Format::mono(16_000)], Limits::default()).unwrap().executor();
        let mut record = Record::default();
        e.push(&ramp(0, frames), &mut record);
        e.drain(&mut record);
        let all = record.events.values().flatten();
        all.filter(|e| matches!(e.what, What::UtteranceStart(_))).count()
    };
    assert_eq!([utterances(499), utterances(500), utterances(501)], [0, 0, 1]);
}
