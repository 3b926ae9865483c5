//! How often a pipeline and a recorder wake the machine, while nothing happens and while
//! something does: threads of theirs that went to sleep and had to be woken, by the count of
//! the system, over some seconds of a device that calls a hundred times a second.
//!
//! Fails if one wakes more often than the table says.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use tympan::backend::file::File;
use tympan::backend::mock::Mock;
use tympan::backend::wav::{SampleType, WavWriter};
use tympan::take::Container;
use tympan::{Format, Graph, Pipeline, Recorder, registry};
use tympan_benches::shipped::{DEVICE, graph};
use tympan_benches::speech::duty;
use tympan_benches::wakes;

/// How long each state is watched.
const WATCH: Duration = Duration::from_secs(4);
/// Until a state is reached and what it began is done.
const SETTLE: Duration = Duration::from_millis(800);

/// The most wakes a second of all threads but the device's own: (idle, prewarmed, recording,
/// paused).
const STANDING: f64 = 0.0;
const RUNNING: f64 = 250.0;
const IDLE: f64 = 0.5;
const PREWARMED: f64 = 130.0;
const RECORDING: f64 = 300.0;
const PAUSED: f64 = 250.0;

fn main() -> ExitCode {
    if !std::env::args().any(|a| a == "--bench") {
        return ExitCode::SUCCESS;
    }
    if wakes::counts().is_none() {
        println!("this system does not tell how often threads are woken");
        return ExitCode::SUCCESS;
    }
    let folder = std::env::temp_dir().join(format!("tympan-wakes-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let sound = folder.join("sound.wav");
    let mut wav = WavWriter::create(&sound, DEVICE, SampleType::I16, true).expect("a file");
    wav.write(&duty(480)).expect("room");
    wav.finish().expect("a whole file");
    println!("| | wakes a second | goal | by whom |\n|---|---|---|---|");
    let device = || File::open(&sound).expect("it was written").realtime(true);
    let kept = [standing(), running(device()), recorder(device(), &folder)];
    let _ = std::fs::remove_dir_all(&folder);
    if kept.iter().all(|k| *k) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Watches, and says who was woken; the device's own thread is told and not counted.
fn watch(what: &str, goal: f64) -> bool {
    sleep(SETTLE);
    let before = wakes::counts().expect("it was there");
    sleep(WATCH);
    let rate = |count: u64| count as f64 / WATCH.as_secs_f64();
    let woken: BTreeMap<_, _> = wakes::since(&before).into_iter().collect();
    let ours = woken.iter().filter(|(name, _)| *name != "tympan-file");
    let all = rate(ours.map(|(_, count)| count).sum());
    let who = woken.iter().filter(|(_, count)| **count > 0);
    let who: Vec<_> = who.map(|(name, count)| format!("{name} {:.1}", rate(*count))).collect();
    let word = if all <= goal { "" } else { ": NOT KEPT" };
    println!("| {what} | {all:.1} | at most {goal}{word} | {} |", who.join(", "));
    all <= goal
}

/// A pipeline of which nobody wants anything, and no audio comes.
fn standing() -> bool {
    let (device, _hand) = Mock::new(Format::mono(48_000));
    let pipeline =
        Pipeline::builder(&graph("dictation")).backend(device).start().expect("it starts");
    let kept = watch("pipeline, no audio", STANDING);
    drop(pipeline);
    kept
}

/// `dictation` on a device.
fn running(device: File) -> bool {
    let started = Pipeline::builder(&graph("dictation")).backend(device).start();
    let mut pipeline = started.expect("it starts");
    let mut speech = pipeline.packets("speech").expect("an output");
    // A reader that waits, as an app's does.
    let reader = std::thread::spawn(move || while speech.next_packet().is_some() {});
    let kept = watch("pipeline, `dictation`", RUNNING);
    pipeline.stop();
    let _ = reader.join();
    kept
}

fn recorder(device: File, folder: &std::path::Path) -> bool {
    let text = "[[node]]\nkind = \"mix\"\nchannels = 1\n[[output]]\nname = \"take\"\n";
    let graph = Graph::from_toml(text, &registry()).expect("a graph");
    let recorder = Recorder::builder(&graph)
        .backend(device)
        .directory(folder.join("takes"))
        .output("take")
        .format(Container::Wav)
        .build()
        .expect("a recorder");
    let mut kept = watch("recorder, idle", IDLE);
    recorder.prewarm().expect("it opens");
    kept &= watch("recorder, prewarmed", PREWARMED);
    recorder.start().expect("it starts");
    kept &= watch("recorder, recording", RECORDING);
    recorder.pause().expect("it pauses");
    kept &= watch("recorder, paused", PAUSED);
    recorder.stop().expect("a take");
    kept
}
