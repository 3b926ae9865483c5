//! `tympan fmt`: graphs as everybody writes them.

use std::path::{Path, PathBuf};

use crate::exit::{Exit, Failure};
use crate::graph_file::{self, is_dash};
use crate::output::{Line, Output};
use crate::tidy;

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The graphs, TOML files; `-` is standard input, and the result goes to
    /// standard output
    #[arg(required = true)]
    graphs: Vec<PathBuf>,

    /// Change nothing, and end with 1 if something is to be changed
    #[arg(long)]
    check: bool,
}

const AFTER: &str = "\
One blank line stands before each table, one space around each `=`, and comments
behind values stand in one column. Keys keep their order, comments their words,
and the graph its meaning.

Examples:
  tympan fmt graphs/*.toml
  tympan fmt --check graphs/*.toml";

pub(crate) fn run(args: &Args, out: &mut Output) -> Exit {
    let mut exit = Exit::Ok;
    for path in &args.graphs {
        let name = graph_file::name(path);
        match one(path, args.check, out) {
            Ok(changed) => {
                if out.is_json() {
                    let line = Line::new("fmt").with("file", name).with("changed", changed);
                    out.line(&line);
                } else if changed && args.check {
                    out.text(&format!("{name} is not formatted"));
                } else if changed && !is_dash(path) {
                    out.text(&format!("formatted {name}"));
                }
                if changed && args.check {
                    exit = exit.max(Exit::Findings);
                }
            }
            Err(failure) => {
                out.fail(&failure);
                exit = exit.max(failure.exit());
            }
        }
    }
    exit
}

/// Whether it is not what it should be, or was not.
fn one(path: &Path, check: bool, out: &mut Output) -> Result<bool, Failure> {
    let text = graph_file::text(path)?;
    let tidy = tidy::tidied(&text).map_err(|why| {
        let place = format!("{}: {}", graph_file::name(path), why.trim_end());
        Failure::new(Exit::Config, format!("this is not TOML: {place}"))
            .code("T0101")
            .help(format!("`tympan check {}` shows the place", path.display()))
    })?;
    let changed = tidy != text;
    if check {
        return Ok(changed);
    }
    if is_dash(path) {
        if !out.is_json() {
            out.raw(&tidy);
        }
    } else if changed {
        std::fs::write(path, tidy).map_err(|error| {
            let message = format!("`{}` cannot be written: {error}", path.display());
            Failure::new(Exit::Device, message).help("change its permissions")
        })?;
    }
    Ok(changed)
}
