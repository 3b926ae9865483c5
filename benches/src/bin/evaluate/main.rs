//! How well the kinds do what they are for, judged on recordings.
//!
//! `evaluate vad` prints a table and a line per figure with its goal, and fails if one
//! was missed; `evaluate vad FOLDER` also writes what is scored, for judges of others. The recordings are not part of this repository: `TYMPAN_AUDIO` names
//! their folder.

mod aac;
mod barge_in;
mod delay;
mod denoise;
mod figure;
mod files;
mod hear;
mod noises;
mod recogniser;
mod recordings;
mod span;
mod through;
mod vad;

use std::env;
use std::process::ExitCode;

use figure::Figure;

/// What can be evaluated. Each prints its table and returns its figures, or says why
/// there are none.
const PARTS: &[(&str, Part)] = &[
    ("aac", aac::evaluate),
    ("vad", vad::evaluate),
    ("barge-in", barge_in::evaluate),
    ("delay", delay::evaluate),
    ("denoise", denoise::evaluate),
    ("files", files::evaluate),
    ("recogniser", recogniser::evaluate),
];

type Part = fn() -> Result<Vec<Figure>, String>;

fn main() -> ExitCode {
    match evaluate(env::args().nth(1).as_deref()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every goal was met.
fn evaluate(name: Option<&str>) -> Result<bool, String> {
    let part = PARTS.iter().find(|(n, _)| Some(*n) == name).ok_or_else(|| {
        let names: Vec<_> = PARTS.iter().map(|(n, _)| *n).collect();
        format!("name what to evaluate, one of: {}", names.join(", "))
    })?;
    let figures = part.1()?;
    println!();
    for figure in &figures {
        println!("{figure}");
    }
    Ok(figures.iter().all(Figure::met))
}
