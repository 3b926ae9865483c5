//! `tympan demo`: what it is all about, on a machine without a microphone.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tympan::{Format, Graph};

use crate::exit::{Exit, Failure};
use crate::files::{Files, Target};
use crate::output::{Line, Output};
use crate::run::{Run, Show};
use crate::stage;
use crate::verbs::{plan, plot};

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The folder for the files
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Overwrite files that are there already
    #[arg(long, requires = "out")]
    force: bool,
}

const AFTER: &str = "\
Writes a file for each output of the graph, and take.svg, a picture of what was
heard; speech.opus is what was said. Without --out they go to a new folder here: tympan-demo, or tympan-demo-2 and so on.

Examples:
  tympan demo
  tympan demo --out recordings --json";

/// The graph, and what messages call it.
#[cfg(feature = "opus")]
pub(crate) const GRAPH: (&str, &str) =
    ("dictation.toml", include_str!("../../../graphs/dictation.toml"));
#[cfg(not(feature = "opus"))]
pub(crate) const GRAPH: (&str, &str) = ("levels.toml", include_str!("../../../graphs/levels.toml"));

const DEVICE: Format = Format::stereo(48_000);
const SECONDS: u64 = 10;
/// How long a block of 10 ms is shown: five times as fast as it was.
const PACE: Duration = Duration::from_millis(2);

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    let (name, text) = GRAPH;
    let graph = Graph::named(name, text, &tympan::registry())?;
    let plan = graph.plan(DEVICE)?;
    let folder = args.out.clone().unwrap_or_else(new_folder);
    let target = Target { folder: &folder, force: args.force, input: None };
    let files = Files::create(&target, plan.outputs())?;
    if out.is_json() {
        plan::lines(name, DEVICE, &plan, out);
    } else {
        out.text(&format!(
            "{SECONDS} seconds of voice-like sound in phrases with pauses, in noise, as a device \
             of\n{DEVICE} hears it, through the built-in graph {name}:\n\n{plan}\n"
        ));
    }

    let show = match (out.is_json(), out.is_terminal()) {
        (true, _) => Show::Json,
        (_, true) => Show::Status,
        _ => Show::Text,
    };
    // Somebody who looks wants to see the meter move.
    let pace = if show == Show::Status { PACE } else { Duration::ZERO };
    let sound = stage::sound(DEVICE, SECONDS)?;
    let mut rest = sound.chunks(stage::block(DEVICE));
    let mut waited = Duration::ZERO;
    let mut run = Run::new(out, show, &graph, DEVICE, plan.outputs(), files);
    run.expect(Some(SECONDS * u64::from(DEVICE.rate)));
    let mut end = run.offline(plan, |piece| {
        let Some(next) = rest.next() else { return Ok(false) };
        let begun = Instant::now();
        std::thread::sleep(pace);
        waited += begun.elapsed();
        piece.clear();
        piece.extend_from_slice(next);
        Ok(true)
    });
    end.elapsed = end.elapsed.saturating_sub(waited);
    let picture = folder.join("take.svg");
    let drawn = plot::picture("what the demo hears", DEVICE, &sound);
    let written = std::fs::write(&picture, drawn);
    let shown = picture.display();
    if let Err(error) = written {
        let message = format!("`{shown}` cannot be written: {error}");
        run.also(Err(Failure::new(Exit::Lost, message)));
    } else {
        run.also(Ok(Line::new("picture").with("file", shown.to_string())));
    }
    let exit = run.end(&end);
    if !out.is_json() {
        let speech = folder.join("speech.opus");
        if speech.exists() {
            out.text(&format!("\nlisten to  {}", speech.display()));
        }
        out.text(&format!("look at    {shown}"));
        out.text("next       tympan plan, dot and run with a graph of yours; tympan help");
    }
    Ok(exit)
}

/// The first of the demo's folders that is not there yet.
fn new_folder() -> PathBuf {
    let mut folder = PathBuf::from("tympan-demo");
    let mut number = 1;
    while folder.exists() {
        number += 1;
        folder.set_file_name(format!("tympan-demo-{number}"));
    }
    folder
}
