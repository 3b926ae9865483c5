//! Where a single kind is tried: a graph of one node, and what comes out of it.

use tympan_core::{
    Discard, Event, Executor, Flow, Format, Graph, Header, Kind, KindInfo, Limits, Live, NodeDef,
    OutputDef, Planar, Reason, Sink, Value,
};

/// A setting's value, from a literal.
pub(crate) struct Set(Value);

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
    for kind in crate::kinds() {
        assert!(kind.about.ends_with('.'), "{}: a sentence", kind.name);
        let mut node = NodeDef::new("it", kind);
        for param in kind.params {
            assert!(!param.about.is_empty(), "{}.{} is not explained", kind.name, param.name);
            if param.default().is_none() {
                node.set(param.name, Value::Whole(1)).unwrap();
            }
        }
        let mut graph = Graph::new();
        graph.node(node);
        if kind.output != Flow::Events {
            graph.output(OutputDef::new("out").from("it"));
        }
        // Some kinds take one rate only.
        let on = |rate| graph.plan(&[Format::stereo(rate)], Limits::default());
        let plan = on(48_000).or_else(|_| on(16_000)).unwrap();
        plan.executor().push(&[0.5; 960], &mut Discard);
    }
}
