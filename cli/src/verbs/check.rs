//! `tympan check`: whether graphs can be used.

use std::path::{Path, PathBuf};

use tympan::{Format, Plan, Registry};

use crate::device::Device;
use crate::exit::{Exit, Failure};
use crate::graph_file;
use crate::output::{Line, Output, failed};

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The graphs, TOML files; `-` is standard input
    #[arg(required = true)]
    graphs: Vec<PathBuf>,

    #[command(flatten)]
    device: Device,
}

const AFTER: &str = "\
Every file is checked, whatever the others are like. Without --rate and
--channels a graph is right if it fits any usual device.

Examples:
  tympan check graphs/*.toml
  tympan check graphs/levels.toml --rate 16000 --channels 1";

pub(crate) fn run(args: &Args, out: &mut Output) -> Exit {
    let registry = tympan::registry();
    let mut exit = Exit::Ok;
    for path in &args.graphs {
        let name = graph_file::name(path);
        match check(path, &args.device, &registry) {
            Ok((format, plan)) if out.is_json() => {
                let line = Line::new("check")
                    .with("file", name)
                    .with("ok", true)
                    .with("rate", format.rate)
                    .with("channels", format.channels)
                    .with("bytes", plan.bytes());
                out.line(&line);
            }
            Ok((format, _)) => out.text(&format!("{name}: ok on a device of {format}")),
            Err(failure) => {
                if out.is_json() {
                    let line = Line::new("check").with("file", name).with("ok", false);
                    out.line(&failed(line, &failure));
                }
                out.explain(&failure);
                exit = exit.max(failure.exit());
            }
        }
    }
    exit
}

fn check(path: &Path, device: &Device, registry: &Registry) -> Result<(Format, Plan), Failure> {
    let graph = graph_file::load(path, registry)?;
    Ok(device.plan(&graph)?)
}
