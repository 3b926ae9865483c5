//! `tympan dot`: a graph as a drawing.

use std::path::PathBuf;

use tympan::{Graph, Plan};

use crate::device::Device;
use crate::document::{Document, Whereto};
use crate::exit::{Exit, Failure};
use crate::graph_file::{self, is_dash};
use crate::output::{Line, Output};
use crate::{picture, stage};

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The graph, a TOML file; `-` is standard input
    graph: PathBuf,

    #[command(flatten)]
    device: Device,

    /// Run it, and write at each node what part of one core it takes
    #[arg(long)]
    cost: bool,

    #[command(flatten)]
    document: Whereto,
}

const AFTER: &str = "\
The picture is SVG, which browsers show and most documents take. Without --out
it goes beside you, named after the graph. At each wire stand its format and
how late the signal is there; in each box the frames of a call, the delay that
it adds and its memory. With --cost, voice-like sound goes through the graph.

Examples:
  tympan dot graphs/dictation.toml --open
  tympan dot graphs/meeting.toml --cost --out meeting.svg";

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    let graph = graph_file::load(&args.graph, &tympan::registry())?;
    let (device, plan) = args.device.plan(&graph)?;
    let stem = match args.graph.file_stem() {
        Some(stem) if !is_dash(&args.graph) => stem.to_string_lossy().into_owned(),
        _ => "graph".to_owned(),
    };
    let document = Document::at(&args.document, &format!("{stem}.svg"))?;
    let costs = if args.cost { Some(costs(&graph, &plan, device)?) } else { None };
    let name = match args.graph.file_name() {
        Some(name) if !is_dash(&args.graph) => name.to_string_lossy().into_owned(),
        _ => graph_file::name(&args.graph),
    };
    let ports = ports(&graph, &plan);
    let drawing = picture::graph::draw(&name, device, &plan, &ports, costs.as_deref());
    let path = document.write(&drawing, out)?;
    if out.is_json() {
        let line = Line::new("dot")
            .with("file", path.as_str())
            .with("graph", name)
            .with("rate", device.rate)
            .with("channels", device.channels);
        out.line(&line);
    }
    document.open(&path, out);
    Ok(Exit::Ok)
}

/// The names of each row's inputs.
fn ports(graph: &Graph, plan: &Plan) -> Vec<Vec<&'static str>> {
    let nodes = graph.nodes().map(|(_, kind)| kind.inputs.iter().map(|port| port.name).collect());
    let before = graph.sources().map(|_| Vec::new());
    let mut ports: Vec<_> = before.chain(nodes).collect();
    ports.resize(plan.rows().len(), Vec::new());
    ports
}

/// What part of realtime each row takes.
fn costs(graph: &Graph, plan: &Plan, device: tympan::Format) -> Result<Vec<Option<f64>>, Failure> {
    let sound = stage::sound(device, 5)?;
    let costs = stage::costs(graph.plan(device)?, &sound, device);
    let sources = graph.sources().count();
    let row = |row: usize| costs.get(row.checked_sub(sources)?).copied();
    Ok((0..plan.rows().len()).map(row).collect())
}
