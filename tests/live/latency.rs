//! From the moment of capture to the app: measured with marks in what is captured.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::{Duration, Instant};

use tympan::backend::cpal::Microphone;
use tympan::{Graph, Pipeline};

use crate::kit::{Server, is_long};

const RATE: usize = 48_000;
/// What the source is given at once: 10 ms.
const PIECE: usize = RATE / 100;
/// A mark in every so many of them.
const EVERY: usize = 20;

const GRAPH: &str = "[[node]]\nkind = \"mix\"\nchannels = 1\n\n[[output]]\nname = \"voice\"\n";

/// A microphone that hears what is written into a pipe, at the moment at which it is: so
/// the moment of capture is known, which that of a loudspeaker is not.
#[test]
fn a_mark_reaches_the_app_and_how_late_is_told() {
    let Some(server) = Server::start() else { return };
    let pipe = server.folder().join("pipe");
    let file = format!("file={}", pipe.display());
    let args = ["load-module", "module-pipe-source", "source_name=pen", &file];
    let format = ["format=s16le", "rate=48000", "channels=1"];
    server.pactl(&[&args[..], &format].concat()).expect("a source that is a pipe");

    let graph = Graph::from_toml(GRAPH, &tympan::registry()).unwrap();
    let microphone = Microphone::only("pulseaudio:pen").unwrap();
    let mut writer = OpenOptions::new().write(true).open(&pipe).unwrap();
    let marks = if is_long() { 300 } else { 40 };
    // A source delivers nothing before something is written, and a start waits for that.
    let written = std::thread::spawn(move || write(&mut writer, marks));
    let mut pipeline = Pipeline::builder(&graph).backend(microphone).start().unwrap();
    let mut reader = pipeline.pcm("voice").unwrap();
    let app = std::thread::spawn(move || {
        let (mut heard, mut quiet) = (Vec::new(), RATE);
        while let Some(block) = reader.next_block() {
            let now = Instant::now();
            for sample in block.samples {
                if *sample > 0.25 && quiet > RATE / 20 {
                    heard.push(now);
                }
                quiet = if *sample > 0.25 { 0 } else { quiet + 1 };
            }
        }
        heard
    });
    let written = written.join().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    println!("the graph's thread: {}", pipeline.priority().expect("it is live"));
    let totals = pipeline.stop();
    let heard = app.join().unwrap();
    assert_eq!(totals.input + totals.filled, totals.processed + totals.dropped);

    // Each is heard long before the next one is written.
    let mut late: Vec<Duration> = heard
        .iter()
        .filter_map(|heard| Some(*heard - *written.iter().rev().find(|at| *at <= heard)?))
        .collect();
    late.sort_unstable();
    let at = |part: usize| late[(late.len() - 1) * part / 100];
    println!("capture to the app, {} marks: p50 {:.1?}, p99 {:.1?}", late.len(), at(50), at(99));
    // What was written before the microphone was open is nobody's.
    assert!(late.len() + 10 >= marks && late.len() <= marks, "{} of {marks}", late.len());
}

/// Writes marks at the pace of the clock, and says when each was written.
fn write(pipe: &mut impl Write, marks: usize) -> Vec<Instant> {
    let begin = Instant::now();
    let mut moments = Vec::new();
    for n in 0..marks * EVERY {
        let mut piece = [100i16; PIECE];
        let due = begin + Duration::from_millis(10) * n as u32;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if n % EVERY == EVERY - 1 {
            piece[..48].fill(16_000);
            moments.push(Instant::now());
        }
        let bytes: Vec<u8> = piece.iter().flat_map(|x| x.to_le_bytes()).collect();
        pipe.write_all(&bytes).unwrap();
    }
    moments
}
