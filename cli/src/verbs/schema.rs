//! `tympan schema`: the JSON Schema of graph files, and of what lies beside takes.

use crate::exit::Exit;
use crate::output::Output;

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// Of what
    #[arg(value_enum, default_value_t = Of::Graph)]
    of: Of,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Of {
    /// A graph
    Graph,
    /// take.json, beside the audio of a take
    Take,
    /// A line of journal.jsonl, which grows with a take
    Journal,
}

const AFTER: &str = "\
With --json it is a single line. To have an editor use it, for example with
Even Better TOML or taplo, write it to a file and begin the graph with

  #:schema ./tympan.schema.json

Examples:
  tympan schema > tympan.schema.json
  tympan schema take";

pub(crate) fn run(args: &Args, out: &mut Output) -> Exit {
    let schema = match args.of {
        Of::Graph => tympan::registry().schema(),
        Of::Take => ours(tympan::take::TAKE_SCHEMA),
        Of::Journal => ours(tympan::take::JOURNAL_SCHEMA),
    };
    // The one piece of JSON without `v`: it is a document of its own standard.
    out.text(&if out.is_json() { schema.to_string() } else { format!("{schema:#}") });
    Exit::Ok
}

fn ours(schema: &str) -> serde_json::Value {
    serde_json::from_str(schema).expect("a test reads it")
}
