//! Graphs that cannot be planned: every cause, its place and its sentence, as whoever
//! must act will read it.

mod kit;

use kit::{Detect, Gate, Late, Pack, Rate, Watch, graph, node, output};
use tympan_core::{
    Build, Built, Cause, Flow, Format, Graph, Input, Kind, KindInfo, Limits, Node, NodeDef, Output,
    OutputDef, Param, Place, Plan, PlanError, Port, Refusal, SourceDef, Spec,
};

/// Takes 48 or 32 kHz mono, and has a key that must be given.
struct Picky;

impl Kind for Picky {
    const NAME: &'static str = "picky";
    const ABOUT: &'static str = "Wants something else.";
    const PARAMS: &'static [Param] = &[Param::required("way", 0, 9).unit("steps")];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Err(match cx.whole("way") {
            0 => Refusal::Wants { rates: &[48_000, 32_000], channels: &[1] },
            1 => Refusal::Wants { rates: &[], channels: &[1, 6, 8] },
            2 => Refusal::Wants { rates: &[8_000], channels: &[] },
            3 => Refusal::Setting { name: "way", why: "3 goes with nothing; use 4".into() },
            4 => Refusal::Other("the model file is damaged".into()),
            _ => return Spec::audio(Format::new(cx.whole("way") as u32 * 200_000, 1)).runs(Picky),
        })
    }
}

impl Node for Picky {
    fn process(&mut self, _: Input<'_>, _: &mut Output<'_>) {}
}

/// Only tells.
struct Tells;

impl Kind for Tells {
    const NAME: &'static str = "tells";
    const ABOUT: &'static str = "Only events.";
    const OUTPUT: Flow = Flow::Events;

    fn build(_: &Build<'_>) -> Result<Built, Refusal> {
        Spec::events().runs(Picky)
    }
}

/// Kinds whose authors made a mistake.
struct Wrong<const N: usize>;

const WRONG: [fn(Format) -> Spec; 20] = [
    // In their descriptions.
    Spec::audio,
    Spec::audio,
    Spec::audio,
    Spec::audio,
    Spec::audio,
    // In what they build.
    |_| Spec::events(),
    |f| Spec::audio(f).fixed(0),
    |f| Spec::gate(f, 10).delay(1),
    |_| Spec::audio(Format::new(0, 1)),
    |_| Spec::audio(Format::new(48_000, 0)),
    // Control values are promised, ..
    |_| Spec::events(),
    |_| Spec::audio(Format::stereo(48_000)),
    // .. packets, ..
    |_| Spec::events(),
    |_| Spec::packets(0),
    // .. and events.
    Spec::audio,
    |_| Spec::packets(8),
    // As it says, and larger than anybody allows.
    |_| Spec::packets(100 << 20),
    // Two things at once, which only a spec written by hand can be.
    |f| Spec { packet: 8, ..Spec::audio(f) },
    |_| Spec { packet: 8, ..Spec::control(100) },
    |f| Spec { output: Some(f), ..Spec::packets(8) },
];

impl<const N: usize> Kind for Wrong<N> {
    const NAME: &'static str = "wrong";
    const ABOUT: &'static str = "A mistake.";
    const OUTPUT: Flow = match N {
        10 | 11 | 18 => Flow::Control,
        12 | 13 | 16 | 19 => Flow::Packets,
        14 | 15 => Flow::Events,
        _ => Flow::Audio,
    };
    const INPUTS: &'static [Port] = match N {
        0 => &[Port::control("voice")],
        1 => &[Port::control("voice"), Port::audio("in")],
        _ => &[Port::audio("in")],
    };
    const PARAMS: &'static [Param] = match N {
        2 => &[Param::flag("a", true), Param::flag("a", false)],
        3 => &[Param::flag("a", true).live()],
        4 => &[Param::flag("from", true)],
        _ => &[],
    };

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        WRONG[N](cx.input(0)).runs(Picky)
    }
}

fn picky(way: i64) -> NodeDef {
    node::<Picky>("picky", &[("way", way)], &[])
}

fn wrong<const N: usize>() -> Graph {
    one(NodeDef::new("wrong", KindInfo::of::<Wrong<N>>()))
}

/// Beside what is put out; a gate listens to it if it can.
fn beside<const N: usize>() -> Graph {
    let wrong = NodeDef::new("wrong", KindInfo::of::<Wrong<N>>());
    let mut g = match <Wrong<N> as Kind>::OUTPUT {
        Flow::Control => graph([wrong, node::<Gate>("gate", &[], &["mic", "wrong"])]),
        _ => graph([wrong, late("late", &["mic"])]),
    };
    g.output(OutputDef::new("speech"));
    g
}

const UNTRUE: &str = "kind `wrong` contradicts itself: what it was built to put out is not what its description says";

/// A graph of one output on these nodes.
fn put<const N: usize>(nodes: [NodeDef; N]) -> Graph {
    let mut g = graph(nodes);
    g.output(OutputDef::new("speech"));
    g
}

fn one(def: NodeDef) -> Graph {
    put([def])
}

/// A node of one audio port, fed by `from`.
fn late(id: &str, from: &[&str]) -> NodeDef {
    node::<Late>(id, &[], from)
}

fn gate(id: &str, from: &str) -> NodeDef {
    node::<Gate>(id, &[], &[from, "voice"])
}

fn voice(from: &str) -> NodeDef {
    node::<Detect>("voice", &[], &[from])
}

fn sources(channels: [Option<u16>; 2]) -> Graph {
    let mut g = graph([]);
    for (name, channel) in ["mic", "render"].into_iter().zip(channels) {
        let source = SourceDef::new(name);
        g.source(match channel {
            Some(n) => source.channel(n),
            None => source,
        });
    }
    g.output(output("a", "mic")).output(output("b", "render"));
    g
}

fn at(node: usize, key: &str) -> Place {
    Place::Node(node, (!key.is_empty()).then(|| key.into()))
}

type Case = (&'static str, Graph, Format, Place, &'static str);

/// Kinds that are not what they say.
#[rustfmt::skip]
fn contradictions() -> Vec<Case> {
    let mono = Format::mono(48_000);
    vec![
        ("T0211", wrong::<0>(), mono, at(0, "kind"), "kind `wrong` contradicts itself: it has no audio input"),
        ("T0211", wrong::<1>(), mono, at(0, "kind"),
         "kind `wrong` contradicts itself: its audio inputs must come first, and inputs are audio or control"),
        ("T0211", wrong::<2>(), mono, at(0, "kind"), "kind `wrong` contradicts itself: two of its keys have one name"),
        ("T0211", wrong::<3>(), mono, at(0, "kind"),
         "kind `wrong` contradicts itself: only numbers and times can be live"),
        ("T0211", wrong::<4>(), mono, at(0, "kind"),
         "kind `wrong` contradicts itself: `kind`, `id` and `from` are every node's own"),
        ("T0211", wrong::<5>(), mono, at(0, "kind"), UNTRUE),
        ("T0211", wrong::<6>(), mono, at(0, "kind"), "kind `wrong` contradicts itself: it takes 0 frames per call"),
        ("T0211", wrong::<7>(), mono, at(0, "kind"),
         "kind `wrong` contradicts itself: a gate has one audio input, takes any number of frames and passes them on as they are"),
        ("T0211", wrong::<9>(), mono, at(0, "kind"), UNTRUE),
        ("T0211", beside::<10>(), mono, at(0, "kind"), UNTRUE),
        ("T0211", beside::<11>(), mono, at(0, "kind"), UNTRUE),
        ("T0211", wrong::<12>(), mono, at(0, "kind"), UNTRUE),
        ("T0211", wrong::<13>(), mono, at(0, "kind"), UNTRUE),
        ("T0211", beside::<14>(), mono, at(0, "kind"), UNTRUE),
        ("T0211", beside::<15>(), mono, at(0, "kind"), UNTRUE),
        ("T0211", wrong::<17>(), mono, at(0, "kind"), UNTRUE),
        ("T0211", beside::<18>(), mono, at(0, "kind"), UNTRUE),
        ("T0211", wrong::<19>(), mono, at(0, "kind"), UNTRUE),
    ]
}

/// The graph, the device, the place and what is said.
#[rustfmt::skip]
fn cases() -> Vec<Case> {
    let mono = Format::mono(48_000);
    let stereo = Format::stereo(44_100);
    let mut port = late("late", &[]);
    port.wire("sidechain", "mic");
    let mut twice = late("late", &["mic"]);
    twice.from("mic");
    let mut many = Graph::new();
    for i in 0..=Graph::MOST {
        many.output(output(&format!("o{i}"), "mic"));
    }
    let mut pinned = put([late("a", &[])]);
    pinned.output(output("upload", "a").rate(16_000));
    let primes = [767_957, 767_951, 767_947, 767_933];
    let mut odd = graph(primes.map(|p| node::<Rate>(&format!("r{p}"), &[("rate", p)], &["mic"])));
    for p in primes {
        odd.output(output(&format!("o{p}"), &format!("r{p}")));
    }
    let on = |from: &str| { let mut g = graph([late("late", &[]), voice("mic")]); g.output(output("o", from)); g };
    vec![
        ("T0201", one(late("late", &["mik"])), mono, at(0, "from"),
         "there is no node `mik` in this graph; it can be one of `mic`, `late`"),
        ("T0201", on("lat"), mono, Place::Output(0, Some("from".into())),
         "there is no node `lat` in this graph; it can be one of `mic`, `late`, `voice`"),
        ("T0202", one(port), mono, at(0, "from"),
         "kind `late` has no input port `sidechain`; the ports of `late` are `in`"),
        ("T0203", one(node::<Gate>("gate", &[], &[])), mono, at(0, "from"),
         "nothing feeds input port `voice` of `gate`; name the node that feeds it: `from = { voice = \"…\" }`"),
        ("T0204", one(twice), mono, at(0, "from"), "input port `in` is fed twice"),
        ("T0205", put([late("a", &[]), late("a", &[])]), mono, at(1, "id"),
         "the name `a` is given twice; give one of them another name: `id = \"a2\"`"),
        ("T0205", one(late("mic", &[])), mono, at(0, "id"),
         "the name `mic` is given twice; give one of them another name: `id = \"mic2\"`"),
        ("T0206", one(node::<Rate>("to16k", &[], &[])), mono, at(0, ""),
         "`to16k` must say its `rate`; `rate` takes a whole number from 1 to 768000"),
        ("T0207", put([voice("mic"), late("late", &["voice"])]), mono, at(1, "from"),
         "`voice` gives control values, and samples are wanted here; wire it to the node above, which still has samples"),
        ("T0207", put([late("voice", &[]), gate("gate", "mic")]), mono, at(1, "from"),
         "`voice` gives samples, and control values are wanted here"),
        ("T0207", { let mut g = one(node::<Tells>("tells", &[], &[])); g.output(output("o", "tells")); g }, mono,
         Place::Output(1, Some("from".into())),
         "`tells` gives only events, and samples or packets are wanted here"),
        ("T0208", put([node::<Pack>("opus", &[], &[]), late("late", &[])]), mono, at(0, ""),
         "nobody takes the packets of `opus`; take it out of the graph, or add `[[output]]` with `name = \"opus\"` and `from = \"opus\"`"),
        ("T0209", graph([late("late", &[])]), mono, Place::Graph,
         "the graph puts nothing out; add `[[output]]` with `name = \"speech\"`"),
        ("T0210", many, mono, Place::Graph, "a graph has at most 10000 outputs"),
        ("T0301", put([late("a", &["c"]), late("b", &["a"]), late("c", &["b"]), late("d", &["c"])]), mono, at(0, "from"),
         "these nodes feed each other: `b`, `c`, `a`; a graph flows one way; take one of these wires out"),
        ("T0301", one(late("a", &["a"])), mono, at(0, "from"),
         "these nodes feed each other: `a`; a graph flows one way; take one of these wires out"),
        ("T0301", put([late("free", &["mic"]), node::<Watch<2>>("join", &[], &["free", "back"]), late("back", &["join"])]), mono, at(1, "from"),
         "these nodes feed each other: `back`, `join`; a graph flows one way; take one of these wires out"),
        ("T0401", one(late("a", &[])), Format::mono(999), Place::Source(0),
         "source `mic` delivers 999 Hz mono; a device has 1000 to 768000 Hz and 1 to 64 channels"),
        ("T0401", sources([None, None]), Format::new(48_000, 65), Place::Source(0),
         "source `mic` delivers 48000 Hz, 65 channels; a device has 1000 to 768000 Hz and 1 to 64 channels"),
        ("T0402", sources([None, Some(3)]), stereo, Place::Source(1),
         "`render` is to use channel 3, and the device has 2; `channel` can be 1 to 2"),
        ("T0402", sources([Some(0), None]), mono, Place::Source(0),
         "`mic` is to use channel 0, and the device has 1; the device is mono: leave `channel` out"),
        ("T0403", one(picky(0)), stereo, at(0, ""),
         "`picky` takes 48000 or 32000 Hz mono, and `mic` gives 44100 Hz stereo; put `kind = \"mix\"`, `channels = 1` and `kind = \"resample\"`, `rate = 48000` before it"),
        ("T0403", put([late("a", &[]), node::<Picky>("p", &[("way", 1)], &[])]), stereo, at(1, ""),
         "`p` (picky) takes 1 or 6 or 8 channels, and `a` gives 44100 Hz stereo; put `kind = \"mix\"`, `channels = 1` before it"),
        ("T0403", one(picky(2)), stereo, at(0, ""),
         "`picky` takes 8000 Hz, and `mic` gives 44100 Hz stereo; put `kind = \"resample\"`, `rate = 8000` before it"),
        ("T0404", put([node::<Rate>("to16k", &[("rate", 16_000)], &[]), node::<Watch<2>>("echo", &[], &["to16k", "mic"])]), mono, at(1, "from"),
         "the audio inputs of `echo` have two rates: `to16k` has 16000 Hz, `mic` has 48000 Hz; put `kind = \"resample\"`, `rate = 16000` behind `mic`"),
        ("T0405", one(picky(3)), mono, at(0, "way"), "`way` of `picky`: 3 goes with nothing; use 4"),
        ("T0406", one(picky(4)), mono, at(0, ""), "`picky`: the model file is damaged"),
        ("T0407", put([voice("mic"), gate("gate", "mic"), late("clean", &["gate"]), node::<Watch<2>>("join", &[], &["mic", "clean"])]), mono, at(3, "from"),
         "`join` joins `clean`, which runs only while its gate is open, with `mic`, which does not; take both inputs from before the gate or both from behind it; `clean` stands still while the gate is closed"),
        ("T0407", put([voice("mic"), gate("gate", "mic"), node::<Watch<2>>("join", &[], &["gate", "mic"])]), mono, at(2, "from"),
         "`join` joins `gate`, which runs only while its gate is open, with `mic`, which does not; take both inputs from before the gate or both from behind it; `gate` stands still while the gate is closed"),
        ("T0408", put([voice("mic"), gate("outer", "mic"), node::<Detect>("voice2", &[], &["outer"]), node::<Gate>("inner", &[], &["outer", "voice2"])]), mono, at(3, ""),
         "gate `inner` stands behind gate `outer`; one gate per path is enough: take one of them out"),
        ("T0409", pinned, mono, Place::Output(1, Some("rate".into())),
         "output `upload` is pinned to 16000 Hz, and `a` gives 48000 Hz; put `kind = \"resample\"`, `rate = 16000` before the output"),
        ("T0410", wrong::<8>(), mono, at(0, ""), "`wrong` would give 0 Hz mono; a stream has 1 to 768000 Hz and 1 to 64 channels"),
        ("T0410", one(picky(5)), mono, at(0, ""), "`picky` would give 1000000 Hz mono; a stream has 1 to 768000 Hz and 1 to 64 channels"),
        ("T0411", odd, mono, at(3, ""),
         "the 767933 Hz of `r767933` have no usable common clock with the other rates"),
        ("T0412", put([voice("mic"), gate("left", "mic"), gate("right", "mic"), node::<Watch<2>>("join", &[], &["left", "right"])]), mono, at(3, "from"),
         "`join` joins `left` with `right`, which stand behind two gates that open at different times; join them before the gates"),
        ("T0413", one(node::<Late>("late", &[("delay", 700 * 48_000)], &[])), mono, at(0, ""),
         "the signal would be 700 s late behind `late`, and 600 s are the most"),
        ("T0501", one(node::<Late>("late", &[("frames", 1 << 26)], &[])), mono, at(0, ""),
         "`late` would bring the graph to 256.0 MiB of memory, and 64.0 MiB are allowed; shorten the delays, histories or frames of this node"),
        // To blame is who sends large packets, and not who sends small ones beside a node that
        // takes too much at once; and of two of these the first on the way.
        ("T0501", wrong::<16>(), mono, at(0, ""),
         "`wrong` would bring the graph to 100.0 MiB of memory, and 64.0 MiB are allowed; shorten the delays, histories or frames of this node"),
        ("T0501", { let mut g = put([node::<Pack>("small", &[], &["mic"]), node::<Late>("late", &[("frames", 1 << 26)], &["mic"])]); g.output(output("o", "small")); g }, mono, at(1, ""),
         "`late` would bring the graph to 256.0 MiB of memory, and 64.0 MiB are allowed; shorten the delays, histories or frames of this node"),
        ("T0501", put([node::<Late>("a", &[("frames", 1 << 25)], &[]), node::<Late>("b", &[("frames", 1 << 26)], &[])]), mono, at(0, ""),
         "`a` would bring the graph to 128.0 MiB of memory, and 64.0 MiB are allowed; shorten the delays, histories or frames of this node"),
    ]
}

fn error(graph: &Graph, formats: &[Format]) -> PlanError {
    let plan: Result<Plan, PlanError> = graph.plan(formats, Limits::default());
    plan.err().expect("it was planned")
}

/// Without a device, and with the same words as with one. A kind may also be found wrong when
/// it builds, which only a device makes it do.
#[test]
fn what_is_wrong_with_every_device_is_told_without_one() {
    for (code, graph, _, place, text) in cases().into_iter().chain(contradictions()) {
        let checked = graph.check().map_err(|error| (error.to_string(), error.place));
        match code {
            "T0211" if checked.is_ok() => {}
            _ if code < "T0400" => assert_eq!(checked, Err((text.to_owned(), place))),
            _ => assert_eq!(checked, Ok(()), "{text}"),
        }
    }
}

#[test]
fn every_cause_says_where_what_and_what_to_do() {
    let mut seen = std::collections::BTreeSet::new();
    for (code, graph, device, place, text) in cases().into_iter().chain(contradictions()) {
        let error = error(&graph, &[device]);
        assert_eq!(error.to_string(), text);
        assert_eq!((error.cause.code(), error.place), (code, place), "{text}");
        seen.insert(code);
    }
    let range = |hundred: u32, last: u32| (1..=last).map(move |n| format!("T{:04}", hundred + n));
    let all: Vec<String> =
        range(200, 11).chain(range(300, 1)).chain(range(400, 13)).chain(range(500, 1)).collect();
    assert!(seen.iter().copied().eq(all.iter().map(String::as_str)), "some cause has no case");
}

/// What was meant is offered for the names that were not found.
#[test]
fn a_name_that_is_nearly_right_has_candidates() {
    let error = error(&one(late("late", &["mik"])), &[Format::mono(16_000)]);
    assert_eq!(error.cause.candidates(), Some(("mik", vec!["mic", "late"])));
    let port =
        Cause::UnknownPort { kind: "echo", name: "nera".to_owned(), known: vec!["near", "far"] };
    assert_eq!(port.candidates(), Some(("nera", vec!["near", "far"])));
    assert!(Cause::Nothing.candidates().is_none());
}

/// The next higher rate is offered, which loses nothing; sizes are in the unit that suits.
#[test]
fn what_is_offered_and_told_is_the_nearest_of_many() {
    let help = |rate: u32, rates: &'static [u32]| {
        let (node, from) = ("a".to_owned(), "mic".to_owned());
        let has = Format::mono(rate);
        Cause::Wants { node, kind: "picky", rates, channels: &[], from, has }.help()
    };
    let put = |rate: u32| Some(format!("put `kind = \"resample\"`, `rate = {rate}` before it"));
    assert_eq!(help(20_000, &[8000, 48_000, 24_000, 16_000]), put(24_000));
    assert_eq!(help(96_000, &[8000, 48_000, 24_000]), put(48_000));
    assert_eq!(help(24_000, &[8000, 48_000, 24_000]), None);
    for (bytes, text) in [
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (1536 << 10, "1.5 MiB"),
        (5 << 30, "5.0 GiB"),
        (1 << 60, "1048576.0 TiB"),
    ] {
        let error = Cause::TooLarge { node: "a".to_owned(), bytes, limit: 1 };
        assert!(error.to_string().contains(&format!(" {text}")), "{error}");
    }
}
