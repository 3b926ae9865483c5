//! Errors that send the reader to the wrong place, and mistakes that are let through.
mod kit;

use kit::{Detect, Gate, Late, Watch, graph, node, output};
use tympan_core::{
    Build, Built, Flow, Format, Input, Kind, Limits, Node, Output, OutputDef, Param, Place, Port,
    Refusal, SourceDef, Spec,
};

fn device() -> [Format; 2] {
    [Format::mono(48_000), Format::stereo(48_000)]
}

struct Nothing;
impl Node for Nothing {
    fn process(&mut self, _: Input<'_>, _: &mut Output<'_>) {}
}

struct Echo;
impl Kind for Echo {
    const NAME: &'static str = "echo";
    const ABOUT: &'static str = "Takes mono twice.";
    const INPUTS: &'static [Port] = &[Port::audio("in"), Port::audio("reference")];
    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        if (0..2).any(|port| cx.input(port).channels != 1) {
            return Err(Refusal::Wants { rates: &[], channels: &[1] });
        }
        Spec::audio(cx.input(0)).runs(Nothing)
    }
}

/// "`echo` takes mono, and `mic` gives 48000 Hz mono"
#[test]
fn the_input_that_does_not_fit_is_named() {
    let mut g = graph([node::<Echo>("echo", &[], &["mic", "render"])]);
    g.source(SourceDef::new("mic")).source(SourceDef::new("render"));
    g.output(OutputDef::new("o"));
    let error = g.plan(&device(), Limits::default()).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("`render` gives 48000 Hz stereo"), "{error}");
    assert!(error.contains("`kind = \"mix\"`, `channels = 1`"), "{error}");
}

/// The microphone's tape holds a history of an hour, and the plan blames nobody.
#[test]
fn the_gate_that_reaches_far_back_is_blamed_for_it() {
    let mut g = graph([
        node::<Detect>("voice", &[("frames", 160)], &["mic"]),
        node::<Gate>("gate", &[("back", 48_000 * 3600)], &["mic", "voice"]),
    ]);
    g.output(OutputDef::new("o"));
    let error = g.plan(&device(), Limits::default()).map(|_| ()).unwrap_err();
    assert_eq!(error.place, Place::Node(1, None), "{error}");
}

struct Bulk;
impl Kind for Bulk {
    const NAME: &'static str = "bulk";
    const ABOUT: &'static str = "Large packets.";
    const OUTPUT: Flow = Flow::Packets;
    fn build(_: &Build<'_>) -> Result<Built, Refusal> {
        Spec::packets(1 << 40).fixed(320).runs(Nothing)
    }
}

#[test]
fn the_node_of_large_packets_is_blamed_for_them() {
    let mut g = graph([
        node::<Late>("late", &[("frames", 480)], &["mic"]),
        node::<Bulk>("bulk", &[], &["late"]),
    ]);
    g.output(output("o", "bulk"));
    let error = g.plan(&device(), Limits::default()).map(|_| ()).unwrap_err();
    assert_eq!(error.place, Place::Node(1, None), "{error}");
}

/// "`join` joins `b`, which runs only while its gate is open, with `a`, which does not"
#[test]
fn two_gates_are_told_apart() {
    let mut g = graph([
        node::<Detect>("voice", &[], &["mic"]),
        node::<Gate>("a", &[], &["mic", "voice"]),
        node::<Gate>("b", &[], &["mic", "voice"]),
        node::<Watch<2>>("join", &[], &["a", "b"]),
    ]);
    g.output(OutputDef::new("o"));
    let error = g.plan(&device(), Limits::default()).map(|_| ()).unwrap_err().to_string();
    assert!(!error.contains("which does not"), "{error}");
}

/// An output has no `id`.
#[test]
fn the_name_of_an_output_is_changed_by_its_name() {
    let mut g = graph([]);
    g.output(output("a", "mic")).output(output("a", "mic"));
    let error = g.plan(&device(), Limits::default()).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("name = \"a2\""), "{error}");
}

struct Wide;
impl Kind for Wide {
    const NAME: &'static str = "wide";
    const ABOUT: &'static str = "Many channels.";
    const PARAMS: &'static [Param] = &[Param::whole("channels", 1, 65_535, 65)];
    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::audio(Format::new(48_000, cx.whole("channels") as u16)).runs(Nothing)
    }
}

/// `Format::MAX_CHANNELS`: "the most channels of any stream".
#[test]
fn no_stream_has_more_channels_than_there_are() {
    let mut g = graph([node::<Wide>("wide", &[], &[])]);
    g.output(OutputDef::new("o"));
    assert!(g.plan(&device(), Limits::default()).is_err());
}

/// Where nothing is to be done, its input takes its place: samples instead of the
/// control values that the description promises.
struct NoVoice;
impl Kind for NoVoice {
    const NAME: &'static str = "novoice";
    const ABOUT: &'static str = "A detector that vanishes.";
    const OUTPUT: Flow = Flow::Control;
    fn build(_: &Build<'_>) -> Result<Built, Refusal> {
        Ok(Built::Identity)
    }
}
struct NoPackets;
impl Kind for NoPackets {
    const NAME: &'static str = "nopackets";
    const ABOUT: &'static str = "An encoder that vanishes.";
    const OUTPUT: Flow = Flow::Packets;
    fn build(_: &Build<'_>) -> Result<Built, Refusal> {
        Ok(Built::Identity)
    }
}

#[test]
fn only_samples_can_pass_through_a_node_that_vanishes() {
    let mut g = graph([
        node::<NoVoice>("voice", &[], &["mic"]),
        node::<Gate>("gate", &[], &["mic", "voice"]),
    ]);
    g.output(OutputDef::new("o"));
    assert!(g.plan(&device(), Limits::default()).is_err(), "samples are taken for control values");
    let mut g = graph([node::<NoPackets>("packets", &[], &["mic"])]);
    g.output(output("o", "packets"));
    assert!(g.plan(&device(), Limits::default()).is_err(), "samples are taken for packets");
}
