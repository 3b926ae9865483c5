//! `tympan export`: a take as one ordinary file.

use std::path::{Path, PathBuf};

use tympan::take;

use crate::exit::{Exit, Failure};
use crate::key;
use crate::output::{Line, Output, seconds};

/// Make one ordinary file of a take, sealed or not
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
    match &args.key_file {
        Some(path) => sealed(args, path, out),
        None => plain(args, out),
    }
}

fn sealed(args: &Args, key_file: &Path, out: &mut Output) -> Result<Exit, Failure> {
    let key = key::read(key_file)?;
    let exported = take::export(&args.take, &args.to, &key)
        .map_err(|error| Failure::new(Exit::Device, error.message))?;
    let long = exported.frames as f64 / f64::from(exported.rate.max(1));
    tell(args, long, exported.whole, out);
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

fn plain(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    let name = args.take.display();
    let folder = args.take.parent().unwrap_or(Path::new("."));
    let cannot = |what: &str, error: &std::io::Error| {
        Failure::new(Exit::Device, format!("`{what}` cannot be copied: {error}"))
    };
    let takes = take::list(folder).map_err(|error| cannot(&name.to_string(), &error))?;
    let same = |take: &take::Take| take.folder.file_name() == args.take.file_name();
    let Some(take) = takes.into_iter().find(same) else {
        let failure = Failure::new(Exit::Device, format!("`{name}` is no take that is complete"));
        return Err(failure.help(format!("`tympan recover {name}` completes one that is open")));
    };
    if take.sealed {
        let failure = Failure::new(Exit::Usage, format!("`{name}` is sealed"));
        return Err(failure.help("give its key with `--key-file`"));
    }
    let mut from =
        std::fs::File::open(take.path()).map_err(|error| cannot(&name.to_string(), &error))?;
    let to = args.to.display().to_string();
    let mut file = std::fs::File::create_new(&args.to).map_err(|error| cannot(&to, &error))?;
    std::io::copy(&mut from, &mut file)
        .and_then(|_| file.sync_all())
        .map_err(|error| cannot(&to, &error))?;
    tell(args, take.duration().as_secs_f64(), true, out);
    Ok(Exit::Ok)
}

fn tell(args: &Args, long: f64, whole: bool, out: &mut Output) {
    let path = args.to.display().to_string();
    if out.is_json() {
        let line = Line::new("exported").with("path", path.as_str());
        out.line(&line.with("seconds", seconds(long)).with("whole", whole));
    } else {
        out.text(&format!("{long:.3} s in {path}"));
    }
}
