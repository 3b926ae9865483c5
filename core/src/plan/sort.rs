//! Pass 2: feeders before those they feed, otherwise in the order written.

use alloc::vec;
use alloc::vec::Vec;

use crate::error::{Cause, Place, PlanError};
use crate::graph::Graph;
use crate::plan::resolve::{Feeder, Wires};

pub(crate) fn sort(graph: &Graph, wires: &Wires) -> Result<Vec<usize>, PlanError> {
    let n = graph.nodes.len();
    let mut waits = vec![0usize; n];
    let mut feeds: Vec<Vec<usize>> = vec![Vec::new(); n];
    for (node, feeders) in wires.nodes.iter().enumerate() {
        for feeder in feeders {
            if let Feeder::Node(from) = *feeder {
                feeds[from].push(node);
                waits[node] += 1;
            }
        }
    }
    // A set keeps the order written among those that are ready.
    let mut ready: alloc::collections::BTreeSet<usize> =
        (0..n).filter(|&i| waits[i] == 0).collect();
    let mut order = Vec::with_capacity(n);
    while let Some(node) = ready.pop_first() {
        order.push(node);
        for &next in &feeds[node] {
            waits[next] -= 1;
            if waits[next] == 0 {
                ready.insert(next);
            }
        }
    }
    if order.len() == n { Ok(order) } else { Err(cycle(graph, wires, &waits)) }
}

/// Names a cycle: from any node that still waits, backwards through feeders that
/// wait too, until one comes round again.
fn cycle(graph: &Graph, wires: &Wires, waits: &[usize]) -> PlanError {
    let mut path = Vec::new();
    let mut at = waits.iter().position(|&w| w > 0).unwrap_or(0);
    while !path.contains(&at) {
        path.push(at);
        let stuck = |f: &Feeder| match *f {
            Feeder::Node(i) if waits[i] > 0 => Some(i),
            _ => None,
        };
        at = wires.nodes[at].iter().find_map(stuck).unwrap_or(at);
    }
    let from = path.iter().position(|&n| n == at).unwrap_or(0);
    let mut nodes: Vec<_> = path[from..].to_vec();
    // Walked against the flow; told along it.
    nodes.reverse();
    let place = Place::Node(nodes.iter().copied().min().unwrap_or(0), Some("from".into()));
    let nodes = nodes.iter().map(|&i| graph.nodes[i].id.clone()).collect();
    PlanError { place, cause: Cause::Cycle { nodes } }
}
