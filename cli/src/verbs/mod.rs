//! The verbs: a file each, with its arguments, its help and what it does. A new one is a
//! file and three lines here.

mod check;
mod demo;
mod devices;
mod doctor;
mod export;
mod inspect;
mod nodes;
mod plan;
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
    Plan(plan::Args),
    Nodes(nodes::Args),
    Inspect(inspect::Args),
    Schema(schema::Args),
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
            Self::Plan(args) => plan::run(args, out),
            Self::Nodes(args) => Ok(nodes::run(args, out)),
            Self::Inspect(args) => inspect::run(args, out),
            Self::Schema(args) => Ok(schema::run(args, out)),
            Self::Simulate(args) => simulate::run(args, out),
        }
    }
}
