//! Plans.
mod kit;

use kit::{Detect, Gate, Rate, Record, graph, node, output, ramp};
use tympan_core::{Build, Built, Format, Input, Kind, Limits, Node, Output, Param, Refusal, Spec};

const MOST: i64 = u32::MAX as i64;

/// A delay costs the tapes nothing, so nothing stops it, and the end of the segment
/// pushes 25 hours of silence.
#[test]
fn a_delay_of_a_day_is_refused() {
    let mut g = graph([node::<Lazy>("late", &[("delay", MOST)], &[])]);
    g.output(output("o", "late"));
    assert!(g.plan(&[Format::mono(48_000)], Limits::default()).is_err());
}

/// The lag of a control port is cut to 32 bits, and a value is read that is not there yet.
#[test]
fn a_control_value_days_behind_is_refused() {
    let mut g = graph([
        node::<Lazy>("a", &[("delay", MOST)], &["mic"]),
        node::<Lazy>("b", &[("delay", MOST)], &["a"]),
        node::<Detect>("voice", &[], &["b"]),
        node::<Gate>("gate", &[], &["mic", "voice"]),
    ]);
    g.output(output("o", "gate"));
    let Ok(plan) = g.plan(&[Format::mono(48_000)], Limits::default()) else { return };
    let mut e = plan.executor();
    e.push(&ramp(0, 1000), &mut Record::default());
}

/// Says that it is late, and costs nothing.
struct Lazy;
impl Kind for Lazy {
    const NAME: &'static str = "lazy";
    const ABOUT: &'static str = "Late.";
    const PARAMS: &'static [Param] = &[Param::whole("delay", 0, MOST, 0)];
    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::audio(cx.input(0)).delay(cx.whole("delay") as u32).runs(Self)
    }
}
impl Node for Lazy {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        output.channel(0).copy_from_slice(input.channel(0, 0));
    }
}

/// Delays add up beyond 64 bits.
#[test]
fn delays_that_overflow_are_refused() {
    let mut nodes = vec![node::<Rate>("slow", &[("rate", 1)], &[])];
    nodes.extend((0..9990).map(|i| node::<Lazy>(&format!("n{i}"), &[("delay", MOST)], &[])));
    nodes.push(node::<Rate>("fast", &[("rate", 768_000)], &[]));
    nodes.push(node::<Rate>("down", &[("rate", 7)], &[]));
    let mut g = graph(nodes);
    g.output(output("o", "down"));
    assert!(g.plan(&[Format::mono(48_000)], Limits::default()).is_err());
}
