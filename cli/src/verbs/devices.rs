//! `tympan devices`: the inputs of this machine.

use crate::exit::{Exit, Failure};
use crate::output::Output;

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {}

const AFTER: &str = "\
An id stays the same over restarts; `--device` of `run`, `record` and `doctor`
takes it, a name, or a part of either. `*` marks what the system would choose.

Examples:
  tympan devices
  tympan devices --json
  tympan record --device headset";

#[cfg(not(feature = "cpal"))]
pub(crate) fn run(_: &Args, _: &mut Output) -> Result<Exit, Failure> {
    Err(crate::microphone::absent())
}

#[cfg(feature = "cpal")]
pub(crate) fn run(_: &Args, out: &mut Output) -> Result<Exit, Failure> {
    use tympan::backend::cpal::inputs;

    let inputs = inputs()?;
    for input in &inputs {
        tell(input, out);
    }
    if inputs.iter().any(|input| input.format.is_ok()) {
        return Ok(Exit::Ok);
    }
    let message = match inputs.len() {
        0 => "there is no microphone on this machine",
        _ => "there is no microphone on this machine that can be used",
    };
    Err(Failure::new(Exit::Device, message).help("`tympan doctor` says what to look at"))
}

#[cfg(feature = "cpal")]
fn tell(input: &tympan::backend::cpal::InputInfo, out: &mut Output) {
    use crate::output::Line;

    if out.is_json() {
        let line = Line::new("device")
            .with("id", input.id.as_str())
            .with("name", input.name.as_str())
            .with("kind", input.kind.name())
            .with("monitor", input.monitor)
            .with("chosen", input.chosen)
            .with("usable", input.format.is_ok());
        out.line(&match &input.format {
            Ok(format) => line.with("rate", format.rate).with("channels", format.channels),
            Err(error) => line.with("problem", error.message.as_str()),
        });
        return;
    }
    let mark = if input.chosen { '*' } else { ' ' };
    let about = match &input.format {
        Ok(format) => format.to_string(),
        Err(error) => format!("cannot be used: {}", error.message),
    };
    let monitor = if input.monitor { ", hears what is played" } else { "" };
    out.text(&format!("{mark} {}\n    {}{monitor}; {about}", input.id, input.name));
}
