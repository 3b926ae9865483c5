//! Draining.
mod kit;

use kit::{Late, Record, graph, node, output, ramp};
use tympan_core::{Build, Built, Format, Input, Kind, Limits, Node, Output, Reason, Refusal, Spec};

/// Keeps something over borders, as a noise estimate or a gain does: how many frames
/// it has ever seen.
struct Learns(u32);
impl Kind for Learns {
    const NAME: &'static str = "learns";
    const ABOUT: &'static str = "Slow state.";
    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::audio(cx.input(0)).runs(Self(0))
    }
}
impl Node for Learns {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        for o in output.channel(0) {
            *o = self.0 as f32 / (1 << 23) as f32;
            self.0 += 1;
        }
        let _ = input;
    }
}

/// How much silence drains a segment hangs on the largest push, so what a node has
/// learned after a border does too. `Limits::max_push` says "with the same result".
#[test]
fn what_a_node_keeps_over_a_border_does_not_depend_on_the_largest_push() {
    let mut g = graph([
        node::<Learns>("learns", &[], &[]),
        node::<Late>("late", &[("frames", 480), ("delay", 100)], &[]),
    ]);
    g.output(output("o", "late"));
    let run = |max_push| {
        let limits = Limits { max_push, ..Limits::default() };
        let mut e = g.plan(&[Format::mono(48_000)], limits).unwrap().executor();
        let mut record = Record::default();
        e.push(&ramp(0, 1000), &mut record);
        e.end_segment(Reason::Interruption, &mut record);
        e.push(&ramp(0, 1000), &mut record);
        e.drain(&mut record);
        record.stretches
    };
    assert_eq!(run(64), run(1024));
}

/// A sample that is no frame begins a segment of no length.
#[test]
fn less_than_a_frame_begins_no_segment() {
    let mut g = graph([]);
    g.output(output("o", "mic"));
    let mut e = g.plan(&[Format::stereo(48_000)], Limits::default()).unwrap().executor();
    let mut record = Record::default();
    e.push(&[0.5], &mut record);
    assert!(!e.is_running());
}
