//! What a plan tells of itself: its table, its outputs, and to a node how late its control
//! values are.

mod kit;

use kit::{Detect, Gate, Late, Pack, Rate, graph, node, output, wired};
use tympan_core::{
    Build, Built, Flow, Format, Input, Kind, Limits, Node, NodeDef, Output, OutputInfo, Plan, Port,
    Refusal, Row, Spec,
};

const DEVICE: Format = Format::mono(48_000);

/// Puts out nothing.
struct Quiet;

impl Kind for Quiet {
    const NAME: &'static str = "quiet";
    const ABOUT: &'static str = "Only events, and none.";
    const OUTPUT: Flow = Flow::Events;

    fn build(_: &Build<'_>) -> Result<Built, Refusal> {
        Spec::events().fixed(100).runs(Self)
    }
}

impl Node for Quiet {
    fn process(&mut self, _: Input<'_>, _: &mut Output<'_>) {}
}

fn plan(nodes: impl IntoIterator<Item = NodeDef>, outputs: &[(&str, &str)]) -> Plan {
    let plan = wired(nodes, outputs).plan(&[DEVICE], Limits::default());
    plan.unwrap_or_else(|e| panic!("{e}"))
}

fn everything() -> Plan {
    plan(
        [
            node::<Late>("late", &[("delay", 480)], &["mic"]),
            node::<Rate>("narrow", &[("rate", 16_000)], &["late"]),
            node::<Rate>("same", &[("rate", 48_000)], &["mic"]),
            node::<Detect>("voice", &[("frames", 160), ("delay", 1)], &["narrow"]),
            node::<Gate>("gate", &[("back", 1600)], &["narrow", "voice"]),
            node::<Late>("behind", &[("frames", 64)], &["gate"]),
            node::<Pack>("pack", &[("delay", 104)], &["behind"]),
            node::<Rate>("odd", &[("rate", 11_024), ("frames", 100)], &["same"]),
            node::<Quiet>("quiet", &[], &["late"]),
            node::<Pack>("plain", &[("frames", 480)], &["mic"]),
        ],
        &[
            ("packets", "pack"),
            ("wide", "same"),
            ("cut", "gate"),
            ("odd", "odd"),
            ("plain", "plain"),
        ],
    )
}

/// Own delay, delay so far, longest wait, in milliseconds; the rows it is fed by; bytes.
const TABLE: &[&str] = &[
    "mic source, 48000 Hz mono, up to 512: 0.000 0.000 0.000 [] 3972",
    "late late, 48000 Hz mono, any: 10.000 10.000 0.000 [0] 2452",
    "narrow rate, 16000 Hz mono, any x 1/3: 0.000 10.000 0.042 [1] 11720",
    "same rate, as it comes, nothing to do: 0.000 0.000 0.000 [0] 0",
    "voice detect, 100 values/s, 160 -> 1: 10.000 20.000 9.979 [2] 84",
    "gate gate, 16000 Hz mono, back 120 ms: 0.000 10.000 0.042 [2, 4] 944",
    "behind late, 16000 Hz mono, 64 -> 64: 0.000 10.000 3.979 gated [5] 1968",
    "pack pack, packets, 320 -> packet: 6.500 16.500 19.979 gated [6] 8",
    "odd rate, 11024 Hz mono, 100 -> 22..23: 0.000 0.000 2.153 [3] 576",
    "quiet quiet, events, 100: 0.000 10.000 2.062 [1] 0",
    "plain pack, packets, 480 -> packet: 0.000 0.000 9.979 [0] 8",
    "packets output, packets, from pack: 0.000 16.500 19.979 gated [7] 0",
    "wide output, 48000 Hz mono, from mic: 0.000 0.000 0.000 [3] 0",
    "cut output, 16000 Hz mono, from gate: 0.000 10.000 0.042 gated [5] 0",
    "odd output, 11024 Hz mono, from odd: 0.000 0.000 2.153 [8] 0",
    "plain output, packets, from plain: 0.000 0.000 9.979 [10] 0",
];

#[test]
fn the_table_says_what_each_node_does_and_when() {
    let plan = everything();
    let ms = |s: f64| format!("{:.3}", s * 1000.0);
    let lines: Vec<String> = plan
        .rows()
        .iter()
        .map(|r| {
            let (own, sum, wait) = (ms(r.delay), ms(r.sum), ms(r.wait));
            let gated = if r.gated { " gated" } else { "" };
            let Row { name, kind, format, frames, bytes, from, .. } = r;
            format!("{name} {kind}, {format}, {frames}: {own} {sum} {wait}{gated} {from:?} {bytes}")
        })
        .collect();
    assert_eq!(lines, TABLE);
}

/// Format, codec, bytes of a packet, frames of a block.
const OUTPUTS: &[&str] = &[
    r#"packets: 16000 Hz mono "pack" 8 320 gated"#,
    r#"wide: 48000 Hz mono "" 0 993"#,
    r#"cut: 16000 Hz mono "" 0 236 gated"#,
    r#"odd: 11024 Hz mono "" 0 144"#,
    r#"plain: 48000 Hz mono "pack" 8 480"#,
];

#[test]
fn outputs_say_what_they_carry() {
    let plan = everything();
    let lines: Vec<String> = plan
        .outputs()
        .iter()
        .map(|o| {
            let gated = if o.gated { " gated" } else { "" };
            let OutputInfo { name, format, codec, packet, block, .. } = o;
            format!("{name}: {format} {codec:?} {packet} {block}{gated}")
        })
        .collect();
    assert_eq!(lines, OUTPUTS);
}

/// Refuses to be built, with how late its control values are.
struct Lag;

impl Kind for Lag {
    const NAME: &'static str = "lag";
    const ABOUT: &'static str = "Says how late its control values are.";
    const INPUTS: &'static [Port] = &[Port::audio("in"), Port::control("voice")];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Err(Refusal::Other(cx.lag(0).to_string()))
    }
}

/// For audio from `audio`, in a graph that also puts out what is `taken`.
fn lag(nodes: impl IntoIterator<Item = NodeDef>, audio: &str, taken: &[&str]) -> String {
    let lag = node::<Lag>("lag", &[], &[audio, "voice"]);
    let mut g = graph(nodes.into_iter().chain([lag]));
    for from in taken.iter().chain(&["lag"]) {
        g.output(output(from, from));
    }
    g.plan(&[DEVICE], Limits::default()).err().expect("a refusal").to_string()
}

/// A detector of 100 values a second that wants 480 frames makes its value known 480 frames
/// late; audio that is late itself waits for less of it.
#[test]
fn control_values_are_held_back_by_as_much_as_the_audio_is_early() {
    let voice = || node::<Detect>("voice", &[("frames", 480)], &["mic"]);
    let late = |delay| node::<Late>("late", &[("delay", delay)], &["mic"]);
    let odd = || node::<Rate>("odd", &[("rate", 44_100)], &["mic"]);
    assert_eq!(lag([voice()], "mic", &[]), "`lag`: 479");
    assert_eq!(lag([voice(), late(100)], "late", &[]), "`lag`: 379");
    // A rate that makes the clock finer changes nothing of it.
    assert_eq!(lag([late(100), odd(), voice()], "late", &["odd"]), "`lag`: 379");
    assert_eq!(lag([late(2000), odd(), voice()], "late", &["odd"]), "`lag`: 0");
}

/// What comes in portions of 160 after a pre-roll still fills portions of 160.
#[test]
fn portions_that_fit_wait_for_nothing_behind_a_delay() {
    let plan = plan(
        [
            node::<Late>("late", &[("delay", 100), ("frames", 160)], &["mic"]),
            node::<Pack>("pack", &[("frames", 160)], &["late"]),
        ],
        &[("o", "pack")],
    );
    assert!((plan.output("o").unwrap().wait * 48_000.0 - 159.0).abs() < 1e-6);
}

/// Where nobody takes too much at once, it is whoever makes so much of it.
#[test]
fn too_much_is_blamed_on_who_makes_it() {
    let mut g = graph([
        node::<Late>("before", &[], &["mic"]),
        node::<Rate>("up", &[("rate", 768_000)], &["before"]),
        node::<Late>("behind", &[], &["up"]),
    ]);
    g.output(output("o", "behind"));
    let limits = Limits { max_push: 1 << 20, ..Limits::default() };
    let error = g.plan(&[DEVICE], limits).err().expect("too much").to_string();
    assert!(error.starts_with("`up` would bring the graph to 72.0 MiB"), "{error}");
}

/// What a plan prints: words stand left, numbers right, and nothing is said of nothing.
const PRINTED: &str = "\
node       kind    format         frames         delay   sum  wait  KiB
mic        source  48000 Hz mono  up to 512                         3.9
late       late    48000 Hz mono  any            10.00 10.00  0.00  2.4
narrow     rate    16000 Hz mono  any x 1/3            10.00  0.04 11.4
same       rate    as it comes    nothing to do
voice      detect  100 values/s   160 -> 1       10.00 20.00  9.98  0.1
gate       gate    16000 Hz mono  back 120 ms          10.00  0.04  0.9
| behind   late    16000 Hz mono  64 -> 64             10.00  3.98  1.9
| pack     pack    packets        320 -> packet   6.50 16.50 19.98  0.0
odd        rate    11024 Hz mono  100 -> 22..23         0.00  2.15  0.6
quiet      quiet   events         100                  10.00  2.06
plain      pack    packets        480 -> packet         0.00  9.98  0.0
| packets  output  packets        from pack            16.50 19.98
wide       output  48000 Hz mono  from mic              0.00  0.00
| cut      output  16000 Hz mono  from gate            10.00  0.04
odd        output  11024 Hz mono  from odd              0.00  2.15
plain      output  packets        from plain            0.00  9.98
delays in ms; memory 21.2 KiB";

#[test]
fn a_plan_prints_its_table() {
    assert_eq!(everything().to_string(), PRINTED);
}
