//! `tympan export`: a take as one ordinary file.

use std::path::PathBuf;

use tympan::backend::BackendErrorKind;
use tympan::take;

use crate::exit::{Exit, Failure};
use crate::key;
use crate::output::{Line, Output, seconds};

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The folder of the take
    take: PathBuf,

    /// The file to write; one that exists is not replaced
    #[arg(long, value_name = "FILE")]
    to: PathBuf,

    /// The key of a sealed take: 32 bytes, or 64 hexadecimal digits
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

const AFTER: &str = "\
Examples:
  tympan export recordings/20261129T101500000Z --to talk.m4a
  tympan export recordings/20261129T101500000Z --to talk.m4a --key-file key";

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    let key = args.key_file.as_deref().map(key::read).transpose()?;
    let exported = take::export(&args.take, &args.to, key.as_ref()).map_err(|error| {
        let sealed = key.is_none() && error.kind == BackendErrorKind::Permission;
        let exit = if sealed { Exit::Usage } else { Exit::Device };
        let failure = Failure::new(exit, error.message);
        let name = args.take.display();
        match args.take.extension() {
            _ if sealed => failure.help("give its key with `--key-file`"),
            Some(open) if open == "open" => {
                failure.help(format!("`tympan recover {name}` completes one that is open"))
            }
            _ => failure,
        }
    })?;
    tell(&exported, out);
    for finding in &exported.findings {
        out.warn(finding);
    }
    if exported.whole {
        return Ok(Exit::Ok);
    }
    let lost = exported.lost_ms.map_or("an unknown part".to_owned(), |ms| format!("{ms} ms"));
    let message = format!("the take was torn: {lost} of it is missing, the rest is in the file");
    Err(Failure::new(Exit::Lost, message))
}

fn tell(exported: &take::Exported, out: &mut Output) {
    let long = exported.frames as f64 / f64::from(exported.rate.max(1));
    let paths: Vec<String> = exported.paths.iter().map(|path| path.display().to_string()).collect();
    if out.is_json() {
        let line = Line::new("exported").with("path", paths[0].as_str()).with("paths", paths);
        out.line(&line.with("seconds", seconds(long)).with("whole", exported.whole));
    } else {
        out.text(&format!("{long:.3} s in {}", paths.join(" and ")));
    }
}
