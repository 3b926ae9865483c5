//! `tympan recover`: what a kill, a full disk or a power cut left, made whole.

use std::path::{Path, PathBuf};

use tympan::backend::storage::{Files, Storage};
use tympan::take::{self, Key, Kind, Outcome, Recovered, State};

use crate::exit::{Exit, Failure};
use crate::key;
use crate::output::{Line, Output};

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// Folders of takes, open takes, or files: WAV, Ogg Opus, FLAC, M4A
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// The key of sealed takes, which tells what of them was lost
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

const AFTER: &str = "\
A file is repaired in place: nothing that is whole is written over, and a healthy
file keeps every byte. A take that somebody is writing must not be recovered.

Examples:
  tympan recover recordings
  tympan recover broken.m4a --json";

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    let key = args.key_file.as_deref().map(key::read).transpose()?;
    let mut worst = Exit::Ok;
    for path in &args.paths {
        worst = worst.max(one(path, key.as_ref(), out)?);
    }
    if worst == Exit::Lost {
        let message = "not everything could be made whole; what could not is as it was";
        return Err(Failure::new(Exit::Lost, message));
    }
    Ok(worst)
}

fn one(path: &Path, key: Option<&Key>, out: &mut Output) -> Result<Exit, Failure> {
    let name = path.display().to_string();
    if !path.exists() {
        return Err(Failure::new(Exit::Device, format!("`{name}` does not exist"))
            .code("T0701")
            .help("name the folder of the recordings, a take in it, or a file"));
    }
    if !path.is_dir() {
        return file(path, &name, out);
    }
    if path.extension().is_some_and(|extension| extension == "open") {
        return Ok(tell_take(&take::recover_one(&Files, path, key), out));
    }
    let unreadable =
        |error| Failure::new(Exit::Device, format!("`{name}` cannot be read: {error}"));
    let recovered = take::recover(&Files, path, None, key).map_err(unreadable)?;
    if recovered.is_empty() {
        let whole = take::list(path).map_err(unreadable)?.len();
        say(out, &format!("{name}: nothing was left open; {whole} takes are whole"), || {
            Line::new("recovered").with("path", name.as_str()).with("state", "healthy")
        });
    }
    Ok(recovered.iter().map(|one| tell_take(one, out)).max().unwrap_or(Exit::Ok))
}

fn tell_take(recovered: &Recovered, out: &mut Output) -> Exit {
    match recovered {
        Recovered::Take(take) => {
            let path = take.path().display().to_string();
            let lost = take.lost_ms.map_or_else(|| "not known".to_owned(), |ms| format!("{ms} ms"));
            let text = format!(
                "{path}: {:.3} s are whole; lost of what was on disk: {lost}",
                take.duration().as_secs_f64()
            );
            say(out, &text, || {
                Line::new("recovered")
                    .with("path", path.as_str())
                    .with("state", "repaired")
                    .with("seconds", take.duration().as_secs_f64())
                    .with("frames", take.frames)
                    .with("rate", take.rate)
                    .with("lost_ms", take.lost_ms)
            });
            Exit::Findings
        }
        Recovered::Empty(folder) => {
            let path = folder.display().to_string();
            say(out, &format!("{path}: nothing was written in it; it is gone"), || {
                Line::new("recovered").with("path", path.as_str()).with("state", "empty")
            });
            Exit::Findings
        }
        Recovered::Left(folder, error) => {
            let path = folder.display().to_string();
            say(out, &format!("{path}: left as it is: {error}"), || {
                Line::new("recovered")
                    .with("path", path.as_str())
                    .with("state", "left")
                    .with("message", error.to_string())
            });
            Exit::Lost
        }
        _ => Exit::Findings,
    }
}

fn file(path: &Path, name: &str, out: &mut Output) -> Result<Exit, Failure> {
    let failed = |error| {
        let message = format!("`{name}` cannot be repaired: {error}");
        Failure::new(Exit::Device, message).help("the file and its folder have to be writable")
    };
    let mut medium = Files.open(path).map_err(failed)?;
    let outcome = take::repair(&mut *medium).map_err(failed)?;
    medium.sync().map_err(failed)?;
    let (state, exit) = match outcome.state {
        State::Healthy => ("healthy", Exit::Ok),
        State::Repaired => ("repaired", Exit::Findings),
        State::Hopeless => ("hopeless", Exit::Lost),
        State::NotOurs => ("unknown", Exit::Lost),
    };
    say(out, &sentence(name, &outcome), || {
        Line::new("recovered")
            .with("path", name)
            .with("state", state)
            .with("kind", kind(outcome.kind))
            .with("frames", outcome.kept_frames)
            .with("rate", outcome.rate)
            .with("lost_bytes", outcome.lost_bytes)
            .with("lost_ms", outcome.lost_ms)
            .with("findings", outcome.findings.clone())
    });
    Ok(exit)
}

fn sentence(name: &str, outcome: &Outcome) -> String {
    let long = if outcome.rate == 0 {
        String::new()
    } else {
        format!(", {:.3} s", outcome.kept_frames as f64 / f64::from(outcome.rate))
    };
    let lost = match outcome.lost_ms {
        Some(0) => String::new(),
        Some(ms) => format!(", {ms} ms lost"),
        None => format!(", {} bytes lost", outcome.lost_bytes),
    };
    let mut text = match outcome.state {
        State::Healthy => format!("{name}: {} is whole{long}", kind(outcome.kind)),
        State::Repaired => format!("{name}: {} is repaired{long}{lost}", kind(outcome.kind)),
        State::Hopeless => format!("{name}: nothing can be done"),
        State::NotOurs => format!("{name}: this is no recording of a kind that is known here"),
    };
    for finding in &outcome.findings {
        text.push_str("\n  ");
        text.push_str(finding);
    }
    text
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Wav => "WAV",
        Kind::Ogg => "Ogg",
        Kind::Flac => "FLAC",
        Kind::Mp4 => "MP4",
        _ => "unknown",
    }
}

fn say(out: &mut Output, text: &str, line: impl FnOnce() -> Line) {
    if out.is_json() {
        out.line(&line());
    } else {
        out.text(text);
    }
}
