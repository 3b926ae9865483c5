//! Where a single kind is tried: a graph of one node, and what comes out of it.

use tympan_core::{
    Discard, Domain, Event, Executor, Flow, Format, Graph, Header, Kind, KindInfo, Limits, Live,
    NodeDef, OutputDef, Plan, Planar, Reason, Sink, SourceDef, Value,
};

/// A setting's value, from a literal.
pub(crate) struct Set(pub(crate) Value);

impl From<f64> for Set {
    fn from(x: f64) -> Self {
        Self(Value::Number(x))
    }
}

impl From<i64> for Set {
    fn from(n: i64) -> Self {
        Self(Value::Whole(n))
    }
}

impl From<i32> for Set {
    fn from(n: i32) -> Self {
        Self(Value::Whole(n.into()))
    }
}

impl From<&str> for Set {
    fn from(s: &str) -> Self {
        Self(Value::Text(s.into()))
    }
}

fn graph<K: Kind>(settings: &[(&str, Set)]) -> Graph {
    let mut node = NodeDef::new(K::NAME, KindInfo::of::<K>());
    for (key, Set(value)) in settings {
        node.set(key, value.clone()).unwrap_or_else(|e| panic!("{key}: {e:?}"));
    }
    let mut graph = Graph::new();
    graph.node(node);
    if matches!(K::OUTPUT, Flow::Audio | Flow::Packets) {
        graph.output(OutputDef::new("out"));
    }
    graph
}

/// One node at work.
pub(crate) struct Bench {
    graph: Graph,
    executor: Executor,
    heard: Heard,
}

#[derive(Default)]
struct Heard {
    samples: Vec<f32>,
    packets: Vec<(Header, Vec<u8>)>,
    events: Vec<Event>,
}

impl Sink for Heard {
    fn audio(&mut self, _: usize, _: &Header, block: Planar<'_>) {
        for frame in 0..block.frames() {
            self.samples.extend((0..block.channels()).map(|c| block.channel(c)[frame]));
        }
    }

    fn packet(&mut self, _: usize, header: &Header, bytes: &[u8]) {
        self.packets.push((*header, bytes.to_vec()));
    }

    fn event(&mut self, event: Event) {
        self.events.push(event);
    }
}

impl Bench {
    pub(crate) fn new<K: Kind>(settings: &[(&str, Set)], format: Format) -> Self {
        let graph = graph::<K>(settings);
        let plan = graph.plan(&[format], Limits::default());
        let mut executor = plan.unwrap_or_else(|e| panic!("{e}")).executor();
        executor.warm();
        Self { graph, executor, heard: Heard::default() }
    }

    /// Pushes interleaved samples and returns what came out, interleaved.
    pub(crate) fn push(&mut self, samples: &[f32]) -> Vec<f32> {
        self.executor.push(samples, &mut self.heard);
        std::mem::take(&mut self.heard.samples)
    }

    /// Ends the segment and returns what was still inside.
    pub(crate) fn end(&mut self) -> Vec<f32> {
        self.executor.end_segment(Reason::Stop, &mut self.heard);
        std::mem::take(&mut self.heard.samples)
    }

    /// Ends the take: every node forgets everything.
    #[cfg(feature = "opus")]
    pub(crate) fn drain(&mut self) {
        self.executor.drain(&mut self.heard);
    }

    pub(crate) fn live(&self, key: &str) -> &Live {
        let (node, _) = self.graph.nodes().next().unwrap();
        self.graph.param(node, key).unwrap()
    }

    pub(crate) fn events(&self) -> &[Event] {
        &self.heard.events
    }

    pub(crate) fn packets(&self) -> &[(Header, Vec<u8>)] {
        &self.heard.packets
    }
}

/// All of `samples` through a node of kind `K`, once whole and once in pieces: the
/// same comes out, to the bit.
pub(crate) fn through<K: Kind>(
    settings: &[(&str, Set)],
    format: Format,
    samples: &[f32],
) -> Vec<f32> {
    let mut whole = Bench::new::<K>(settings, format);
    let mut out = whole.push(samples);
    out.extend(whole.end());
    let mut cut = Bench::new::<K>(settings, format);
    let (mut pieces, mut rest, mut size) = (Vec::new(), samples, 1);
    while !rest.is_empty() {
        let n = (size * format.channels as usize).min(rest.len());
        pieces.extend(cut.push(&rest[..n]));
        rest = &rest[n..];
        size = size * 5 % 97 + 1;
    }
    pieces.extend(cut.end());
    assert!(pieces == out, "the result depends on how the input was cut");
    out
}

/// The sentence with which kind `K` refuses.
pub(crate) fn refusal<K: Kind>(settings: &[(&str, Set)], format: Format) -> String {
    match graph::<K>(settings).plan(&[format], Limits::default()) {
        Ok(_) => panic!("it was built"),
        Err(e) => e.cause.to_string(),
    }
}

pub(crate) fn sine(hz: f64, rate: u32, frames: usize) -> Vec<f32> {
    let step = 2.0 * std::f64::consts::PI * hz / f64::from(rate);
    (0..frames).map(|i| (step * i as f64).sin() as f32).collect()
}

#[test]
fn every_kind_describes_itself_and_runs_with_its_defaults() {
    // Some kinds take one rate only, some mono only.
    let formats = [Format::stereo(48_000), Format::stereo(16_000), Format::mono(16_000)];
    for kind in crate::kinds() {
        assert!(kind.about.ends_with('.'), "{}: a sentence", kind.name);
        for param in kind.params {
            assert!(!param.about.is_empty(), "{}.{} is not explained", kind.name, param.name);
        }
        let graph = with_defaults(kind);
        let plans = formats.map(|f| graph.plan(&[f], Limits::default()));
        let works = |(plan, format): (Result<Plan, _>, Format)| Some((plan.ok()?, format));
        let (plan, format) = plans
            .into_iter()
            .zip(formats)
            .find_map(works)
            .unwrap_or_else(|| panic!("`{}` takes none of {formats:?}", kind.name));
        plan.executor().push(&vec![0.5; 480 * usize::from(format.channels)], &mut Discard);
    }
}

/// A node of this kind: what must be set has its least value, and what is controlled is
/// controlled by a detector.
fn with_defaults(kind: KindInfo) -> Graph {
    let mut node = NodeDef::new("it", kind);
    for param in kind.params {
        if let Domain::Whole { min, default: None, .. } = param.domain {
            node.set(param.name, Value::Whole(min)).unwrap();
        }
    }
    let mut detector = NodeDef::new("detector", KindInfo::of::<crate::Vad>());
    detector.set("engine", Value::Text("energy".into())).unwrap();
    detector.from("mic");
    let mut graph = Graph::new();
    graph.source(SourceDef::new("mic"));
    if kind.inputs.iter().any(|port| port.flow == Flow::Control) {
        graph.node(detector);
    }
    for port in kind.inputs {
        node.wire(port.name, if port.flow == Flow::Control { "detector" } else { "mic" });
    }
    graph.node(node);
    if kind.output != Flow::Events {
        graph.output(OutputDef::new("out").from("it"));
    }
    graph
}
