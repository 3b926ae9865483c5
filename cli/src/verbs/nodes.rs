//! `tympan nodes`: the kinds a graph may name.

use tympan::core::{Flow, KindInfo};

use crate::exit::Exit;
use crate::output::Output;
use crate::verbs::inspect;

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {}

const AFTER: &str = "\
Examples:
  tympan nodes
  tympan inspect gain";

pub(crate) fn run(_: &Args, out: &mut Output) -> Exit {
    let registry = tympan::registry();
    if out.is_json() {
        registry.kinds().for_each(|kind| out.line(&inspect::line(kind)));
        return Exit::Ok;
    }
    let ports = |kind: &KindInfo| format!("{} -> {}", inputs(kind), flow(kind.output));
    let names = registry.kinds().map(|k| k.name.chars().count()).max().unwrap_or(0);
    let widest = registry.kinds().map(|k| ports(k).chars().count()).max().unwrap_or(0);
    for kind in registry.kinds() {
        out.text(&format!("{:names$}  {:widest$}  {}", kind.name, ports(kind), kind.about));
    }
    out.text("\n`tympan inspect KIND` tells more about one of them.");
    Exit::Ok
}

fn inputs(kind: &KindInfo) -> String {
    let flows: Vec<_> = kind.inputs.iter().map(|port| flow(port.flow)).collect();
    flows.join(" + ")
}

/// What flows, in one word for people and programs.
pub(crate) const fn flow(flow: Flow) -> &'static str {
    match flow {
        Flow::Audio => "samples",
        Flow::Control => "values",
        Flow::Packets => "packets",
        Flow::Events => "events",
    }
}
