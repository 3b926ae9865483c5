//! Pass 1: names become indices, and every wire joins what fits.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::error::{Cause, Place, PlanError};
use crate::graph::{Graph, NodeDef, flow_name};
use crate::node::{self, Flow};

/// Who feeds a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feeder {
    Source(usize),
    Node(usize),
}

/// The wires of a graph: a feeder for each input port of each node, and for each
/// output.
pub(crate) struct Wires {
    pub(crate) nodes: Vec<Vec<Feeder>>,
    pub(crate) outputs: Vec<Feeder>,
}

pub(crate) fn resolve(graph: &Graph) -> Result<Wires, PlanError> {
    count(graph)?;
    let names = Names::of(graph)?;
    let mut nodes = Vec::with_capacity(graph.nodes.len());
    for (i, def) in graph.nodes.iter().enumerate() {
        sound(i, def)?;
        nodes.push(ports(graph, &names, i, def)?);
    }
    let mut outputs = Vec::with_capacity(graph.outputs.len());
    for (i, def) in graph.outputs.iter().enumerate() {
        let place = || Place::Output(i, def.from.as_ref().map(|_| "from".to_owned()));
        let feeder = match &def.from {
            Some(name) => names.find(name, place())?,
            None => last(graph),
        };
        if flow(graph, feeder) == Flow::Events {
            return Err(wrong_flow(graph, feeder, "samples or packets", place()));
        }
        outputs.push(feeder);
    }
    let wires = Wires { nodes, outputs };
    all_used(graph, &wires)?;
    Ok(wires)
}

fn count(graph: &Graph) -> Result<(), PlanError> {
    for (what, n) in [
        ("nodes", graph.nodes.len()),
        ("sources", graph.sources.len()),
        ("outputs", graph.outputs.len()),
    ] {
        if n > Graph::MOST {
            return Err(PlanError {
                place: Place::Graph,
                cause: Cause::TooMany { what, most: Graph::MOST },
            });
        }
    }
    let reports = graph.nodes.iter().any(|n| matches!(n.kind.output, Flow::Events | Flow::Control));
    if graph.outputs.is_empty() && !reports {
        return Err(PlanError { place: Place::Graph, cause: Cause::Nothing });
    }
    Ok(())
}

/// A node's kind makes sense and nothing that must be said was left out.
fn sound(i: usize, def: &NodeDef) -> Result<(), PlanError> {
    if let Some(why) = node::flaw(&def.kind) {
        let cause = Cause::BadKind { kind: def.kind.name, why };
        return Err(PlanError { place: Place::Node(i, Some("kind".to_owned())), cause });
    }
    let Some(param) = def.settings.missing() else { return Ok(()) };
    let cause = Cause::MissingKey { node: def.id.clone(), key: param.name, takes: param.takes() };
    Err(PlanError { place: Place::Node(i, None), cause })
}

/// All names of a graph, for finding and for saying what there is.
struct Names<'a> {
    known: Vec<(&'a str, Feeder)>,
}

impl<'a> Names<'a> {
    fn of(graph: &'a Graph) -> Result<Self, PlanError> {
        let sources = graph.sources().enumerate().map(|(i, n)| (n, Feeder::Source(i)));
        let nodes = graph.nodes.iter().enumerate().map(|(i, n)| (n.id.as_str(), Feeder::Node(i)));
        let known: Vec<_> = sources.chain(nodes).collect();
        let outputs = graph.outputs.iter().enumerate();
        let place = |feeder| match feeder {
            Feeder::Source(i) => Place::Source(i),
            Feeder::Node(i) => Place::Node(i, Some("id".to_owned())),
        };
        unique(known.iter().map(|&(name, feeder)| (name, place(feeder))))?;
        unique(outputs.map(|(i, o)| (o.name.as_str(), Place::Output(i, Some("name".to_owned())))))?;
        Ok(Self { known })
    }

    fn find(&self, name: &str, place: Place) -> Result<Feeder, PlanError> {
        if let Some(&(_, feeder)) = self.known.iter().find(|(n, _)| *n == name) {
            return Ok(feeder);
        }
        let known = self.known.iter().map(|(n, _)| (*n).to_owned()).collect();
        Err(PlanError { place, cause: Cause::UnknownNode { name: name.to_owned(), known } })
    }
}

fn unique<'a>(names: impl Iterator<Item = (&'a str, Place)>) -> Result<(), PlanError> {
    let mut seen = alloc::collections::BTreeSet::new();
    for (name, place) in names {
        if !seen.insert(name) {
            let key = if matches!(place, Place::Node(..)) { "id" } else { "name" };
            return Err(PlanError {
                place,
                cause: Cause::NameTwice { name: name.to_owned(), key },
            });
        }
    }
    Ok(())
}

/// The feeder of each port of a node.
fn ports(
    graph: &Graph,
    names: &Names<'_>,
    i: usize,
    def: &NodeDef,
) -> Result<Vec<Feeder>, PlanError> {
    let place = || Place::Node(i, Some("from".to_owned()));
    let fail = |cause| Err(PlanError { place: place(), cause });
    let mut feeders: Vec<Option<Feeder>> = vec![None; def.kind.inputs.len()];
    for (port, name) in &def.from {
        let p = match port {
            None => 0,
            Some(port) => match def.kind.inputs.iter().position(|p| p.name == port) {
                Some(p) => p,
                None => return fail(unknown_port(def, port)),
            },
        };
        let feeder = names.find(name, place())?;
        if feeders[p].replace(feeder).is_some() {
            return fail(Cause::PortTwice { port: def.kind.inputs[p].name });
        }
    }
    // The first port needs no wire: the audio above flows into it.
    feeders[0].get_or_insert_with(|| above(graph, i));
    let mut wired = Vec::with_capacity(feeders.len());
    for (feeder, port) in feeders.into_iter().zip(def.kind.inputs) {
        let Some(feeder) = feeder else {
            return fail(Cause::OpenPort { node: def.id.clone(), port: port.name });
        };
        if flow(graph, feeder) != port.flow {
            return Err(wrong_flow(graph, feeder, flow_name(port.flow), place()));
        }
        wired.push(feeder);
    }
    Ok(wired)
}

fn unknown_port(def: &NodeDef, port: &str) -> Cause {
    Cause::UnknownPort {
        kind: def.kind.name,
        name: port.to_owned(),
        known: def.kind.inputs.iter().map(|p| p.name).collect(),
    }
}

/// The nearest node above that gives samples, or the microphone.
fn above(graph: &Graph, below: usize) -> Feeder {
    let audio = |&i: &usize| graph.nodes[i].kind.output == Flow::Audio;
    (0..below).rev().find(audio).map_or(Feeder::Source(0), Feeder::Node)
}

/// The last node that gives anything an output can take, or the microphone.
fn last(graph: &Graph) -> Feeder {
    let gives = |&i: &usize| matches!(graph.nodes[i].kind.output, Flow::Audio | Flow::Packets);
    (0..graph.nodes.len()).rev().find(gives).map_or(Feeder::Source(0), Feeder::Node)
}

fn flow(graph: &Graph, feeder: Feeder) -> Flow {
    match feeder {
        Feeder::Source(_) => Flow::Audio,
        Feeder::Node(i) => graph.nodes[i].kind.output,
    }
}

pub(crate) fn name(graph: &Graph, feeder: Feeder) -> String {
    match feeder {
        Feeder::Source(i) => graph.sources().nth(i).unwrap_or_default().to_owned(),
        Feeder::Node(i) => graph.nodes[i].id.clone(),
    }
}

fn wrong_flow(graph: &Graph, feeder: Feeder, wants: &'static str, place: Place) -> PlanError {
    let gives = flow_name(flow(graph, feeder));
    PlanError { place, cause: Cause::WrongFlow { from: name(graph, feeder), gives, wants } }
}

/// Samples and packets that nobody takes are a mistake; events and control values
/// also serve as reports.
fn all_used(graph: &Graph, wires: &Wires) -> Result<(), PlanError> {
    let mut used = vec![false; graph.nodes.len()];
    for feeder in wires.nodes.iter().flatten().chain(&wires.outputs) {
        if let Feeder::Node(i) = feeder {
            used[*i] = true;
        }
    }
    let sends = |flow| matches!(flow, Flow::Audio | Flow::Packets);
    for (i, def) in graph.nodes.iter().enumerate() {
        if !used[i] && sends(def.kind.output) {
            let gives = flow_name(def.kind.output);
            let cause = Cause::Unused { node: def.id.clone(), gives };
            return Err(PlanError { place: Place::Node(i, None), cause });
        }
    }
    Ok(())
}
