//! `tympan doctor`: what keeps this machine from recording well, and what to do about it.

#[cfg(feature = "cpal")]
mod checks;
#[cfg(feature = "cpal")]
mod delay;
#[cfg(feature = "cpal")]
mod probe;

use std::path::PathBuf;

use crate::exit::Exit;
use crate::output::Output;

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The input to look at, by its id, its name or a part of it
    #[arg(long, value_name = "NAME")]
    device: Option<String>,

    /// The folder that takes would go to
    #[arg(long, value_name = "DIR", default_value = "recordings")]
    out: PathBuf,

    /// Click with the loudspeaker, and measure when the clicks arrive
    #[arg(long)]
    clicks: bool,
}

const AFTER: &str = "\
It says whether audio comes, whether it is silent, its true rate, how the threads
are scheduled, what memory and disk allow, and how late a program hears what was
captured. An input that hears what is played is clicked at without being asked.
Exit code 0 is a healthy machine, 1 one with findings, 4 one without a microphone
that works.

Examples:
  tympan doctor
  tympan doctor --device headset --clicks
  tympan doctor --json";

#[cfg(not(feature = "cpal"))]
pub(crate) fn run(args: &Args, out: &mut Output) -> Exit {
    let _ = (&args.device, &args.out, args.clicks);
    let failure = crate::microphone::absent();
    out.fail(&failure);
    failure.exit()
}

#[cfg(feature = "cpal")]
pub(crate) fn run(args: &Args, out: &mut Output) -> Exit {
    use tympan::backend::cpal::{Microphone, inputs};

    let mut report = checks::Report::new(out);
    let inputs = inputs().unwrap_or_else(|error| {
        report.problem("inputs", "none", &error.message);
        Vec::new()
    });
    let opened = match &args.device {
        None => Microphone::system(),
        Some(name) => Microphone::only(name),
    };
    let works = match opened {
        Ok(microphone) => {
            let used = microphone.input().id;
            let chosen = inputs.iter().find(|input| input.id == used);
            let clicks = args.clicks || chosen.is_some_and(|input| input.monitor);
            let format = checks::microphone(microphone, chosen, &mut report);
            if format.is_some() {
                checks::graph(args.device.as_deref(), clicks, &mut report);
            }
            format.is_some()
        }
        Err(error) => {
            checks::no_microphone(&inputs, &error, &mut report);
            false
        }
    };
    checks::machine(&args.out, &mut report);
    match (works, report.end()) {
        (false, _) => Exit::Device,
        (true, 0) => Exit::Ok,
        (true, _) => Exit::Findings,
    }
}
