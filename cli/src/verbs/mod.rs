//! The verbs: a file each, with its arguments, its help and what it does. A new one is a
//! file and three lines here.

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

#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    Demo(demo::Args),
    Run(run::Args),
    Record(record::Args),
    Recover(recover::Args),
    Export(export::Args),
    Devices(devices::Args),
    Doctor(doctor::Args),
    Check(check::Args),
    Fmt(fmt::Args),
    Plan(plan::Args),
    Dot(dot::Args),
    Plot(plot::Args),
    Nodes(nodes::Args),
    Inspect(inspect::Args),
    Schema(schema::Args),
    Bench(bench::Args),
    Explain(explain::Args),
    Completions(completions::Args),
    Man(man::Args),
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
