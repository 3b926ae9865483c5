//! Makes `tests/audio`: sentences of ours, spoken by espeak-ng, alone and in noise that
//! is made here, with labels that follow from the clean track.
//!
//! ```text
//! cargo run -p tympan-benches --bin speech -- tests/audio
//! ```
//!
//! The files are committed: tests need neither this program nor espeak-ng.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use tympan::backend::file::File;
use tympan::backend::wav::{SampleType, WavWriter};
use tympan::{Event, Format, Graph, Header, Planar, Sink};

const RATE: u32 = 16_000;
const SECONDS: usize = 20;
const LENGTH: usize = SECONDS * RATE as usize;

/// Who speaks, how fast, when (in seconds), and what.
const SAID: [(&str, u32, f64, &str); 7] = [
    ("en-us", 150, 1.2, "The recorder keeps running when the telephone rings."),
    ("en-us", 150, 5.1, "Stop."),
    ("en-gb+f3", 160, 6.4, "Please send the blue folder to the office on Friday."),
    ("en-us+m3", 175, 10.2, "Seven boats left the harbour before sunrise."),
    ("en-gb+f3", 160, 13.6, "Yes, and close the window."),
    ("en-us", 150, 15.9, "Quiet words at the end are words as well."),
    ("en-us", 150, 18.9, "Thank you."),
];

/// A file: its name, its noise and how far speech stands out of it.
const FILES: [(&str, Option<Noise>, f32); 4] = [
    ("clean", None, 0.0),
    ("fan-20db", Some(fan), 20.0),
    ("street-10db", Some(street), 10.0),
    ("office-5db", Some(office), 5.0),
];

type Noise = fn(&mut Dice) -> Vec<f32>;

/// Speech as people speak into a phone: -26 dB. And a room that is as quiet as rooms get.
const LOUD: f32 = 0.05;
const QUIET: f32 = 1e-4;

fn main() -> ExitCode {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("usage: speech FOLDER");
        return ExitCode::from(2);
    };
    match make(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("speech: {e}");
            ExitCode::FAILURE
        }
    }
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let mut clean = vec![0.0f32; LENGTH];
    let mut words = String::new();
    for (i, (voice, pace, at, text)) in SAID.iter().enumerate() {
        let said = spoken(voice, *pace, text, i)?;
        let from = (at * f64::from(RATE)) as usize;
        clean[from..].iter_mut().zip(&said).for_each(|(to, x)| *to += x);
        let plain: String = text.chars().filter(|c| c.is_alphabetic() || *c == ' ').collect();
        writeln!(words, "{at:.1}\t{}", plain.to_lowercase())?;
    }
    let speech = speech(&clean);
    let level = level(&clean, &speech);
    for x in &mut clean {
        *x *= LOUD / level;
    }
    for (name, noise, snr) in FILES {
        let mut dice = Dice(20);
        let (mut mix, target) = match noise {
            Some(noise) => (noise(&mut dice), LOUD / 10f32.powf(snr / 20.0)),
            None => ((0..LENGTH).map(|_| dice.roll()).collect(), QUIET),
        };
        let scale = target / rms(&mix);
        mix.iter_mut().zip(&clean).for_each(|(n, x)| *n = *n * scale + x);
        let path = folder.join(format!("{name}.wav"));
        let mut writer = WavWriter::create(&path, Format::mono(RATE), SampleType::I16, true)?;
        writer.write(&mix)?;
        writer.finish()?;
        fs::write(folder.join(format!("{name}.lab")), labels(&speech))?;
    }
    fs::write(folder.join("words.tsv"), words)?;
    Ok(())
}

/// One sentence at 16 kHz.
fn spoken(voice: &str, pace: u32, text: &str, number: usize) -> Result<Vec<f32>> {
    let path = std::env::temp_dir().join(format!("speech-{}-{number}.wav", std::process::id()));
    let status = Command::new("espeak-ng")
        .args(["-v", voice, "-s", &pace.to_string(), "-w"])
        .arg(&path)
        .arg(text)
        .status()
        .map_err(|e| format!("espeak-ng does not run: {e}; install it and try again"))?;
    if !status.success() {
        return Err(format!("espeak-ng failed with {status}").into());
    }
    let graph =
        format!("[[node]]\nkind = \"resample\"\nrate = {RATE}\n[[output]]\nname = \"said\"\n");
    let graph = Graph::from_toml(&graph, &tympan::registry())?;
    let mut samples = Samples::default();
    tympan::render(&graph, &mut File::open(&path)?, &mut samples)?;
    fs::remove_file(&path)?;
    Ok(samples.0)
}

#[derive(Default)]
struct Samples(Vec<f32>);

impl Sink for Samples {
    fn audio(&mut self, _: usize, _: &Header, block: Planar<'_>) {
        self.0.extend_from_slice(block.channel(0));
    }
    fn packet(&mut self, _: usize, _: &Header, _: &[u8]) {}
    fn event(&mut self, _: Event) {}
}

fn rms(x: &[f32]) -> f32 {
    (x.iter().map(|x| x * x).sum::<f32>() / x.len() as f32).sqrt()
}

/// Frames of a label.
const FRAME: usize = RATE as usize / 100;

/// Per 10 ms of the clean track: somebody speaks. Pauses under 200 ms do not count.
fn speech(clean: &[f32]) -> Vec<bool> {
    let loud: Vec<f32> = clean.chunks(FRAME).map(rms).collect();
    let most = loud.iter().copied().fold(0.0, f32::max);
    let mut speech: Vec<bool> = loud.iter().map(|l| *l > most / 100.0).collect();
    let mut last = None;
    for i in 0..speech.len() {
        if speech[i] {
            if let Some(last) = last.filter(|last| i - last <= 20) {
                speech[last..i].fill(true);
            }
            last = Some(i);
        }
    }
    speech
}

/// Mean level of what is labelled.
fn level(clean: &[f32], speech: &[bool]) -> f32 {
    let labelled = clean.chunks(FRAME).zip(speech).filter(|(_, on)| **on);
    rms(&labelled.flat_map(|(x, _)| x.iter().copied()).collect::<Vec<_>>())
}

/// `start end speech` in seconds, a line per stretch.
fn labels(speech: &[bool]) -> String {
    let mut text = String::new();
    let mut from = None;
    for (i, &on) in speech.iter().chain([&false]).enumerate() {
        match (from, on) {
            (None, true) => from = Some(i),
            (Some(start), false) => {
                let (start, end) = (start as f64 / 100.0, i as f64 / 100.0);
                // Writing to a string does not fail.
                let _ = writeln!(text, "{start:.2}\t{end:.2}\tspeech");
                from = None;
            }
            _ => {}
        }
    }
    text
}

/// The same everywhere.
struct Dice(u64);

impl Dice {
    /// From -1 to 1.
    fn roll(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// Noise with `share` of each sample new: the less, the lower it sounds.
fn low(dice: &mut Dice, share: f32) -> Vec<f32> {
    let mut y = 0.0;
    let mut next = || {
        y += share * (dice.roll() - y);
        y
    };
    (0..LENGTH).map(|_| next()).collect()
}

fn hum(hz: f32, i: usize) -> f32 {
    (std::f32::consts::TAU * hz * i as f32 / RATE as f32).sin()
}

/// A fan: steady, with the hum of its motor.
fn fan(dice: &mut Dice) -> Vec<f32> {
    let motor = |i: usize| 0.04 * (hum(100.0, i) + 0.5 * hum(200.0, i) + 0.3 * hum(300.0, i));
    low(dice, 0.2).iter().enumerate().map(|(i, x)| x + motor(i)).collect()
}

/// A street: rumble, and cars that come and go every few seconds.
fn street(dice: &mut Dice) -> Vec<f32> {
    let (rumble, tyres) = (low(dice, 0.02), low(dice, 0.3));
    let car = |i: usize| (0.5 + 0.5 * hum(0.23, i)).powi(4);
    (0..LENGTH).map(|i| 3.0 * rumble[i] + tyres[i] * (0.1 + 0.6 * car(i))).collect()
}

/// An office: air, and keys that are hit.
fn office(dice: &mut Dice) -> Vec<f32> {
    let mut noise = low(dice, 0.4);
    let mut at = 0;
    while at < LENGTH {
        let loud = 1.0 + dice.roll().abs() * 2.0;
        for (i, x) in noise[at..].iter_mut().take(320).enumerate() {
            *x += loud * dice.roll() * (-(i as f32) / 60.0).exp();
        }
        at += (RATE as f32 * (0.08 + 0.4 * dice.roll().abs())) as usize;
    }
    noise
}
