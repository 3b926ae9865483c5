//! `tympan plan`: what a graph becomes on a device.

use std::path::PathBuf;

use tympan::{Format, Plan};

use crate::device::Device;
use crate::exit::{Exit, Failure};
use crate::graph_file;
use crate::output::{Line, Output, seconds};

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The graph, a TOML file; `-` is standard input
    graph: PathBuf,

    #[command(flatten)]
    device: Device,
}

const AFTER: &str = "\
Without --rate and --channels, the first usual device that the graph fits is
taken: 48 kHz mono, 48 kHz stereo, 44.1 kHz, 16 kHz, 8 kHz.

The columns:
  frames  how many a node takes and gives per call; `back` is how far a gate reaches
          back when it opens
  delay   how late a node's signal comes out by calculation
  sum     the delay from the microphone to here
  wait    how long a frame may wait, up to here, until a call is full
  KiB     of memory for what it puts out

Example:
  tympan plan graphs/levels.toml --rate 44100 --channels 2";

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    let graph = graph_file::load(&args.graph, &tympan::registry())?;
    let (format, plan) = args.device.plan(&graph)?;
    let name = graph_file::name(&args.graph);
    if out.is_json() {
        lines(&name, format, &plan, out);
    } else {
        out.text(&format!("{name} on a device of {format}\n\n{plan}"));
    }
    Ok(Exit::Ok)
}

/// The rows of the plan, then the plan as a whole.
pub(crate) fn lines(name: &str, device: Format, plan: &Plan, out: &mut Output) {
    for row in plan.rows() {
        let line = Line::new("row")
            .with("name", row.name.as_str())
            .with("kind", row.kind.as_str())
            .with("format", row.format.as_str())
            .with("frames", row.frames.as_str())
            .with("delay", seconds(row.delay))
            .with("sum", seconds(row.sum))
            .with("wait", seconds(row.wait))
            .with("bytes", row.bytes)
            .with("gated", row.gated);
        out.line(&line);
    }
    let line = Line::new("plan")
        .with("graph", name)
        .with("rate", device.rate)
        .with("channels", device.channels)
        .with("bytes", plan.bytes());
    out.line(&line);
}
