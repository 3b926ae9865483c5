//! The verbs: a file each, with its arguments, its help and what it does. A new one is a
//! file and four lines here.

mod bench;
mod check;
mod completions;
mod demo;
mod devices;
mod doctor;
mod dot;
mod explain;
mod export;
mod fmt;
pub(crate) mod inspect;
mod man;
pub(crate) mod nodes;
mod plan;
mod plot;
mod record;
mod recover;
mod run;
mod schema;
mod simulate;

use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Only the verb that is called is described to the parser in full.
#[derive(clap::Subcommand)]
#[command(defer = true)]
pub(crate) enum Verb {
    /// Show a graph at work on a built-in sound; needs no microphone
    Demo(demo::Args),
    /// Run a graph over a microphone or files of audio and write what comes out
    Run(run::Args),
    /// Record a take that no kill, full disk or power cut takes away
    Record(record::Args),
    /// Make recordings whole that a kill, a full disk or a power cut left
    Recover(recover::Args),
    /// Make one ordinary file of a take, sealed or not
    Export(export::Args),
    /// List the microphones of this machine, and why one cannot be used
    Devices(devices::Args),
    /// Look at this machine: open its microphone for a second, and say what is wrong
    Doctor(doctor::Args),
    /// Check graphs: what is wrong, where, and what to do about it
    Check(check::Args),
    /// Format graphs: spacing and comments in their places, nothing else
    Fmt(fmt::Args),
    /// Show what a graph becomes on a device: formats, delays, memory
    Plan(plan::Args),
    /// Draw a graph: what flows where, how late it is, what it costs
    Dot(dot::Args),
    /// Draw a sound: waveform, speech, spectrum, level, and the gaps of a take
    Plot(plot::Args),
    /// List the kinds of nodes: what goes in, what comes out, what they do
    Nodes(nodes::Args),
    /// Show a kind of node: its ports, its keys, their ranges and defaults
    Inspect(inspect::Args),
    /// Print the JSON Schema of graphs, for editors, or of takes
    Schema(schema::Args),
    /// Measure a graph against the deadline of a device, on this machine
    Bench(bench::Args),
    /// Explain a code: what is wrong, why, and what to do
    Explain(explain::Args),
    /// Print what teaches a shell to complete verbs and options
    Completions(completions::Args),
    /// Print the manual page, or write one for each verb
    Man(man::Args),
    /// Rehearse calls, headsets, kills and full disks on a simulated phone
    Simulate(simulate::Args),
}

impl Verb {
    pub(crate) fn run(&self, out: &mut Output) -> Result<Exit, Failure> {
        match self {
            Self::Demo(args) => demo::run(args, out),
            Self::Run(args) => run::run(args, out),
            Self::Record(args) => record::run(args, out),
            Self::Recover(args) => recover::run(args, out),
            Self::Export(args) => export::run(args, out),
            Self::Devices(args) => devices::run(args, out),
            Self::Doctor(args) => Ok(doctor::run(args, out)),
            Self::Check(args) => Ok(check::run(args, out)),
            Self::Fmt(args) => Ok(fmt::run(args, out)),
            Self::Plan(args) => plan::run(args, out),
            Self::Dot(args) => dot::run(args, out),
            Self::Plot(args) => plot::run(args, out),
            Self::Nodes(args) => Ok(nodes::run(args, out)),
            Self::Inspect(args) => inspect::run(args, out),
            Self::Schema(args) => Ok(schema::run(args, out)),
            Self::Bench(args) => bench::run(args, out),
            Self::Explain(args) => explain::run(args, out),
            Self::Completions(args) => Ok(completions::run(args, out)),
            Self::Man(args) => man::run(args, out),
            Self::Simulate(args) => simulate::run(args, out),
        }
    }
}
