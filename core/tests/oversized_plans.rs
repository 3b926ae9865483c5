//! Plans that are too large, and plans that are only just not: never a panic, never a
//! number that has wrapped round, and what is promised is what is used.

mod kit;

use kit::{Detect, Gate, Late, Pack, Rate, Record, Rng, Watch, graph, node, output, ramp};
use tympan_core::{
    Build, Built, Cause, Format, Graph, Input, Kind, Limits, Node, NodeDef, Output, OutputDef,
    Param, Place, Refusal, Spec,
};

/// Any number of anything.
struct Huge;

impl Kind for Huge {
    const NAME: &'static str = "huge";
    const ABOUT: &'static str = "Asks for too much.";
    const PARAMS: &'static [Param] = &[
        Param::whole("frames", 0, i64::MAX, 0),
        Param::whole("history", -1, i64::MAX, -1),
        Param::whole("channels", 1, i64::MAX, 1),
    ];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let format = Format::new(cx.input(0).rate, cx.whole("channels") as u16);
        let mut spec = Spec::audio(format);
        if cx.whole("frames") > 0 {
            spec = spec.fixed(cx.whole("frames") as u32);
        }
        if cx.whole("history") >= 0 {
            spec = Spec::gate(format, cx.whole("history") as u32);
        }
        spec.runs(Self)
    }
}

impl Node for Huge {
    fn process(&mut self, _: Input<'_>, _: &mut Output<'_>) {}
}

/// A packet of any size.
struct Bulk;

impl Kind for Bulk {
    const NAME: &'static str = "bulk";
    const ABOUT: &'static str = "Puts out too much.";
    const OUTPUT: tympan_core::Flow = tympan_core::Flow::Packets;

    fn build(_: &Build<'_>) -> Result<Built, Refusal> {
        Spec::packets(usize::MAX).runs(Huge)
    }
}

fn put(nodes: Vec<NodeDef>) -> Graph {
    let mut g = graph(nodes);
    g.output(OutputDef::new("o"));
    g
}

fn bytes_wanted(graph: &Graph, limits: Limits) -> u128 {
    match graph.plan(&[Format::mono(48_000)], limits).map(|_| ()) {
        Err(e) => match e.cause {
            Cause::TooLarge { bytes, limit, .. } => {
                assert_eq!(limit, limits.max_bytes as u128);
                bytes
            }
            other => panic!("{other}"),
        },
        Ok(()) => panic!("it was planned"),
    }
}

#[test]
fn what_is_absurd_is_refused_with_its_number() {
    const MOST: i64 = u32::MAX as i64;
    let huge = |id: &str, key: &str| node::<Huge>(id, &[(key, MOST)], &[]);
    let one = |key: &str| put(vec![huge("huge", key)]);
    let wanted = |g: &Graph| bytes_wanted(g, Limits::default());
    assert!(wanted(&one("frames")) > MOST as u128 * 4);
    // As much again lies consumed before it is moved out.
    assert!(wanted(&one("history")) > MOST as u128 * 4);
    let wide = one("channels").plan(&[Format::mono(48_000)], Limits::default());
    let told = wide.map(|_| ()).unwrap_err().to_string();
    assert!(told.contains("65535 channels") && told.contains("1 to 64"), "{told}");
    assert!(wanted(&put(vec![node::<Bulk>("bulk", &[], &[])])) > usize::MAX as u128);
    // A hundred of them, one behind the other.
    let many = |key: &'static str| put((0..100).map(|i| huge(&format!("h{i}"), key)).collect());
    assert!(wanted(&many("frames")) > MOST as u128 * 4);
    // A second is the longest frame there is, so a rate of 1 Hz makes it longest.
    let slow = node::<Rate>("slow", &[("rate", 1)], &[]);
    let fast = node::<Rate>("fast", &[("rate", 768_000)], &[]);
    assert!(wanted(&put(vec![slow, huge("huge", "frames"), fast])) > MOST as u128 * 4);
    let all = Limits { max_push: u32::MAX, max_bytes: 1 << 30 };
    assert!(bytes_wanted(&put(vec![]), all) > MOST as u128 * 4);
    assert!(bytes_wanted(&put(vec![]), Limits { max_push: 1, max_bytes: 0 }) > 0);
}

/// What the plan says it needs is what the table adds up to, what the tapes hold, and
/// where the limit lies, to the byte.
#[test]
fn the_limit_lies_where_the_plan_says() {
    for seed in 1..200 {
        let mut rng = Rng::new(seed);
        let mut frames = || [("frames", rng.size(5000) as i64)][0];
        let f = [frames(), frames(), frames(), frames()];
        let mut g = graph([
            node::<Detect>("voice", &[f[0]], &["mic"]),
            node::<Gate>("gate", &[("back", rng.size(50_000) as i64)], &["mic", "voice"]),
            node::<Rate>("rate", &[f[1], ("rate", 16_007)], &["gate"]),
            node::<Late>("late", &[f[2], ("delay", rng.size(5000) as i64)], &["rate"]),
            node::<Pack>("pack", &[f[3]], &["late"]),
        ]);
        g.output(output("o", "pack")).output(output("late", "late"));
        let limits = Limits { max_push: rng.size(8192) as u32, ..Limits::default() };
        let device = Format::new(44_100, rng.size(3) as u16);
        let plan = g.plan(&[device], limits).unwrap();
        let bytes = plan.bytes();
        assert_eq!(bytes, plan.rows().iter().map(|r| r.bytes).sum::<usize>());
        assert!(g.plan(&[device], Limits { max_bytes: bytes, ..limits }).is_ok());
        let tight = Limits { max_bytes: bytes - 1, ..limits };
        let error = g.plan(&[device], tight).map(|_| ()).unwrap_err();
        let Cause::TooLarge { bytes: wanted, limit, .. } = error.cause else { panic!("{error}") };
        assert_eq!((wanted, limit), (bytes as u128, bytes as u128 - 1));
        assert!(matches!(error.place, Place::Node(..)));
    }
}

#[test]
fn ten_thousand_nodes_one_behind_the_other_run() {
    let nodes = (0..Graph::MOST).map(|i| node::<Watch<1>>(&format!("n{i}"), &[], &[]));
    let g = put(nodes.collect());
    let mut executor = g.plan(&[Format::mono(48_000)], Limits::default()).unwrap().executor();
    let mut record = Record::default();
    executor.push(&ramp(0, 500), &mut record);
    executor.drain(&mut record);
    assert_eq!(record.stretches[&(0, 0, 0)].samples, [ramp(0, 500)]);
    assert_eq!(executor.nodes().count(), Graph::MOST);
}

#[test]
fn ten_thousand_outputs_on_one_stream_have_the_same() {
    let mut g = graph([node::<Pack>("pack", &[], &["mic"])]);
    for i in 0..Graph::MOST {
        g.output(output(&format!("o{i}"), if i % 2 == 0 { "mic" } else { "pack" }));
    }
    let mut executor = g.plan(&[Format::mono(48_000)], Limits::default()).unwrap().executor();
    let mut record = Record::default();
    executor.push(&ramp(0, 500), &mut record);
    executor.drain(&mut record);
    for o in 0..Graph::MOST {
        assert!(record.stretches[&(o, 0, 0)] == record.stretches[&(o % 2, 0, 0)], "output {o}");
    }
}
