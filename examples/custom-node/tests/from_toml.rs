//! The node is used from TOML like any other, and is as short as promised.

use custom_node::Invert;
use tympan::{Event, Format, Graph, Header, Planar, Sink};

const GRAPH: &str = r#"
[[node]]
kind = "invert"

[[node]]
kind = "gain"
db = 0

[[output]]
name = "voice"
"#;

#[derive(Default)]
struct Samples(Vec<f32>);

impl Sink for Samples {
    fn audio(&mut self, _: usize, _: &Header, block: Planar<'_>) {
        self.0.extend(block.channel(0));
    }
    fn packet(&mut self, _: usize, _: &Header, _: &[u8]) {}
    fn event(&mut self, _: Event) {}
}

#[test]
fn a_third_partys_node_is_one_line_in_the_registry() {
    let registry = tympan::registry().add::<Invert>();
    let graph = Graph::from_toml(GRAPH, &registry).unwrap();
    let mut executor = graph.plan(Format::mono(16_000)).unwrap().executor();
    let mut out = Samples::default();
    executor.push(&[0.5, -0.25, 0.0], &mut out);
    assert_eq!(out.0, [-0.5, 0.25, 0.0]);
    graph.param("invert.amount").unwrap().set(0.0).unwrap();
    executor.push(&[0.5], &mut out);
    assert_eq!(out.0[3], 0.5);
}

#[test]
fn its_keys_are_checked_and_described_like_any_others() {
    let registry = tympan::registry().add::<Invert>();
    let wrong = GRAPH.replace("kind = \"invert\"", "kind = \"invert\"\namont = 1");
    let error = Graph::from_toml(&wrong, &registry).unwrap_err();
    assert_eq!(error.code(), "T0102");
    assert!(error.helps().any(|h| h == "did you mean `amount`?"), "{error}");
    assert!(registry.schema().to_string().contains("Turns the signal upside down."));
}

#[test]
fn without_the_line_the_kind_is_unknown() {
    let error = Graph::from_toml(GRAPH, &tympan::registry()).unwrap_err();
    assert_eq!(error.message(), "there is no kind `invert`");
}

#[test]
fn it_has_at_most_thirty_lines() {
    let source = include_str!("../src/lib.rs");
    let (_, node) = source.split_once("// begin of the node").unwrap();
    let (node, _) = node.split_once("// end of the node").unwrap();
    let lines = node.lines().skip(1).filter(|l| !l.trim().is_empty()).count();
    println!("{lines} lines");
    assert!(lines <= 30, "{lines}");
}
