//! `tympan`: run, plan, check and explain audio graphs.
//!
//! Each verb is a file in `verbs/`; what they share stands beside it.

#![forbid(unsafe_code)]

#[cfg(test)]
mod book;
mod codes;
mod device;
mod document;
mod events;
mod exit;
mod files;
mod graph_file;
mod input;
mod interrupt;
mod key;
mod meter;
mod microphone;
mod output;
mod picture;
mod profile;
mod run;
mod stage;
mod tidy;
mod usage;
mod verbs;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use output::Output;

/// Capture pipelines for voice apps: graphs in TOML, run without losing anything.
#[derive(Parser)]
#[command(name = "tympan", version, max_term_width = 80, after_help = AFTER)]
struct Program {
    #[command(subcommand)]
    verb: verbs::Verb,

    /// Write lines of JSON, each with `v` and `event`
    #[arg(long, global = true)]
    json: bool,

    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

const AFTER: &str = "\
Examples:
  tympan demo
  tympan doctor
  tympan check graphs/*.toml
  tympan run graphs/levels.toml --input talk.wav --out out

Exit codes:
  0  done
  1  done, with findings
  2  wrong usage
  3  the graph, or the script of a simulation, is wrong
  4  a device, a file of audio or a folder cannot be used
  5  broken off; what came before is saved
  6  something was lost: frames dropped, or an output not written";

#[derive(Clone, Copy, clap::ValueEnum)]
enum Color {
    /// On a terminal, and not where `NO_COLOR` is set
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

/// The command line, for those who describe it.
fn command() -> clap::Command {
    Program::command()
}

fn main() -> ExitCode {
    let program = match Program::try_parse() {
        Ok(program) => program,
        Err(mut error) => {
            usage::advise(&mut error);
            error.exit();
        }
    };
    match program.color {
        // This choice is already made, by the terminal and the environment.
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    let mut output = Output::new(program.json);
    let exit = program.verb.run(&mut output).unwrap_or_else(|failure| {
        output.fail(&failure);
        failure.exit()
    });
    output.finish(exit).into()
}
