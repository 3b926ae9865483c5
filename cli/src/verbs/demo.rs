//! `tympan demo`: what it is all about, on a machine without a microphone.

use std::f64::consts::TAU;
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
    /// The folder for the result
    #[arg(long, short, value_name = "DIR", default_value = "out")]
    out: PathBuf,
}

const AFTER: &str = "\
Writes DIR/tympan-demo-voice.wav and DIR/tympan-demo-packets.bin, over those of
an earlier demo.

Examples:
  tympan demo
  tympan demo --out recordings --json";

/// The graph, and what messages call it.
const GRAPH: &str = include_str!("../../../graphs/levels.toml");
const NAME: &str = "levels.toml";

/// Only a demo's files begin like this, so that they may be written over.
const PREFIX: &str = "tympan-demo-";

const DEVICE: Format = Format::stereo(48_000);
const SECONDS: u64 = 6;
const SEED: u64 = 7;
/// The hum of a mains supply: its frequency in Hz and its peak.
const HUM: (f64, f64) = (50.0, 0.05);

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    let graph = Graph::named(NAME, GRAPH, &tympan::registry())?;
    let plan = graph.plan(DEVICE)?;
    let target = Target { folder: &args.out, prefix: PREFIX, force: true, input: None };
    let files = Files::create(&target, plan.outputs())?;
    if out.is_json() {
        plan::lines(NAME, DEVICE, &plan, out);
    } else {
        out.text(&format!(
            "{SECONDS} seconds of voice-like sound in phrases with pauses, and a hum under it, as \
             a\ndevice of {DEVICE} hears it, through the built-in graph {NAME}:\n\n{plan}\n\nHow loud the output is, in dBFS:\n"
        ));
    }

    let show = if out.is_json() { Show::Json } else { Show::Meter };
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

/// What the demo hears, interleaved. Made beforehand, so that the time the graph takes is
/// the graph's alone.
fn sound() -> Result<Vec<f32>, BackendError> {
    let heard = Arc::default();
    let (mut mock, handle) = Mock::new(DEVICE);
    handle.signal(Signal::Speechlike { seed: SEED });
    mock.start(Box::new(Ear { heard: Arc::clone(&heard) }))?;
    handle.advance(SECONDS * 1000);
    drop(mock);
    let mut sound = std::mem::take(&mut *heard.lock().unwrap_or_else(PoisonError::into_inner));
    for (frame, samples) in sound.chunks_mut(DEVICE.channels as usize).enumerate() {
        let turns = (frame as f64 * HUM.0 / f64::from(DEVICE.rate)).fract();
        let hum = HUM.1 * (turns * TAU).sin();
        for sample in samples {
            *sample += hum as f32;
        }
    }
    Ok(sound)
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
