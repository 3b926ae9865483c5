//! `tympan demo`: what it is all about, on a machine without a microphone.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tympan::backend::mock::{Mock, Signal};
use tympan::backend::{Buffer, Capture, Notice};
use tympan::{Backend, BackendError, Format, Graph};

use crate::exit::{Exit, Failure};
use crate::files::{Files, Target};
use crate::output::Output;
use crate::run::{Run, Show};
use crate::verbs::plan;

/// Show a graph at work on a built-in sound; needs no microphone
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
Writes a file for each output of the graph; speech.opus is what was said. Without
--out they go to a new folder here: tympan-demo, or tympan-demo-2 and so on.

Examples:
  tympan demo
  tympan demo --out recordings --json";

/// The graph, and what messages call it.
#[cfg(feature = "opus")]
const GRAPH: (&str, &str) = ("dictation.toml", include_str!("../../../graphs/dictation.toml"));
#[cfg(not(feature = "opus"))]
const GRAPH: (&str, &str) = ("levels.toml", include_str!("../../../graphs/levels.toml"));

const DEVICE: Format = Format::stereo(48_000);
const SECONDS: u64 = 10;
const VOICE: Signal = Signal::Speechlike { seed: 7 };
/// A phrase of it and the pause before, in frames. The third of every three is left out,
/// so that there are pauses that a gate closes in.
const PHRASE: usize = DEVICE.rate as usize * 8 / 5;
const HISS: Signal = Signal::Noise { seed: 1, level: 0.01 };
const HUM: Signal = Signal::Sine { hz: 50.0, level: 0.01 };

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

    let show = if out.is_json() { Show::Json } else { Show::Text };
    let sound = sound()?;
    let mut rest = sound.chunks(DEVICE.rate as usize / 100 * DEVICE.channels as usize);
    let mut run = Run::new(out, show, &graph, DEVICE, plan.outputs(), files);
    let end = run.offline(plan, |piece| {
        let Some(next) = rest.next() else { return Ok(false) };
        piece.clear();
        piece.extend_from_slice(next);
        Ok(true)
    });
    Ok(run.end(&end))
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

/// What the demo hears, interleaved. Made beforehand, so that the time the graph takes is
/// the graph's alone.
fn sound() -> Result<Vec<f32>, BackendError> {
    let mut sound = heard(VOICE)?;
    for phrase in sound.chunks_mut(PHRASE * DEVICE.channels as usize).skip(2).step_by(3) {
        phrase.fill(0.0);
    }
    for noise in [heard(HISS)?, heard(HUM)?] {
        sound.iter_mut().zip(noise).for_each(|(sample, noise)| *sample += noise);
    }
    Ok(sound)
}

/// What a device hears of a signal.
fn heard(signal: Signal) -> Result<Vec<f32>, BackendError> {
    let heard = Arc::default();
    let (mut mock, handle) = Mock::new(DEVICE);
    handle.signal(signal);
    mock.start(Box::new(Ear { heard: Arc::clone(&heard) }))?;
    handle.advance(SECONDS * 1000);
    drop(mock);
    Ok(std::mem::take(&mut *heard.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// Keeps everything it hears.
struct Ear {
    heard: Arc<Mutex<Vec<f32>>>,
}

impl Capture for Ear {
    fn audio(&mut self, buffer: Buffer<'_>) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.extend_from_slice(buffer.samples);
    }

    fn notice(&mut self, _: Notice) {}
}
