//! `tympan schema`: the JSON Schema of graph files.

use crate::exit::Exit;
use crate::output::Output;

/// Print the JSON Schema of graphs, for editors
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {}

const AFTER: &str = "\
With --json it is a single line. To have an editor use it, for example with
Even Better TOML or taplo, write it to a file and begin the graph with

  #:schema ./tympan.schema.json

Example:
  tympan schema > tympan.schema.json";

pub(crate) fn run(_: &Args, out: &mut Output) -> Exit {
    let schema = tympan::registry().schema();
    // The one piece of JSON without `v`: it is a document of its own standard.
    out.text(&if out.is_json() { schema.to_string() } else { format!("{schema:#}") });
    Exit::Ok
}
