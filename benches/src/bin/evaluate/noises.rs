//! Sounds without a voice in them.

use std::f64::consts::PI;

use crate::recordings::{RATE, Recordings};

/// A sound, and what it is.
pub(crate) struct Noise {
    pub(crate) name: String,
    pub(crate) samples: Vec<f32>,
}

/// Those recorded, and those that are made here.
pub(crate) fn all(recordings: &Recordings) -> Result<Vec<Noise>, String> {
    let mut noises = recorded(recordings)?;
    let seconds = |seconds: f64| (seconds * f64::from(RATE)) as usize;
    let made = |name: &str, samples| Noise { name: name.into(), samples };
    noises.push(made("white", white(seconds(20.0))));
    noises.push(made("brown", brown(seconds(20.0))));
    noises.push(made("hum", (0..seconds(20.0)).map(hum).collect()));
    noises.push(made("clicks", clicks(seconds(20.0))));
    Ok(noises)
}

/// The files in `noise`, and the rooms of the mixed recordings: what is left of these
/// without their clean voice.
pub(crate) fn recorded(recordings: &Recordings) -> Result<Vec<Noise>, String> {
    let mut noises = Vec::new();
    for name in recordings.names("noise")? {
        noises.push(Noise { samples: recordings.samples(&format!("noise/{name}"))?, name });
    }
    for name in recordings.names("vad")?.iter().filter_map(|n| n.strip_suffix("-clean")) {
        let mix = recordings.samples(&format!("vad/{name}"))?;
        let clean = recordings.samples(&format!("vad/{name}-clean"))?;
        let samples = mix.iter().zip(&clean).map(|(m, c)| m - c).collect();
        noises.push(Noise { name: format!("room of {name}"), samples });
    }
    Ok(noises)
}

/// Repeated up to `frames` frames.
pub(crate) fn looped(noise: &[f32], frames: usize) -> Vec<f32> {
    noise.iter().copied().cycle().take(frames).collect()
}

/// The root of the mean square.
pub(crate) fn rms(samples: &[f32]) -> f32 {
    let sum: f64 = samples.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
    (sum / samples.len().max(1) as f64).sqrt() as f32
}

/// The factor of a level.
pub(crate) fn gain(db: f32) -> f32 {
    10f32.powf(db / 20.0)
}

/// Small, seeded, the same everywhere.
struct Chance(u32);

impl Chance {
    /// From −1 to 1.
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as f32 / (1 << 23) as f32 - 1.0
    }
}

fn white(frames: usize) -> Vec<f32> {
    let mut chance = Chance(1);
    (0..frames).map(|_| chance.next()).collect()
}

/// Deep, like traffic behind a window.
fn brown(frames: usize) -> Vec<f32> {
    let mut chance = Chance(2);
    let mut level = 0.0;
    let mut next = |_| {
        level = 0.98 * level + chance.next();
        level
    };
    (0..frames).map(&mut next).collect()
}

/// Mains, with what a bad cable adds to them.
fn hum(frame: usize) -> f32 {
    let t = frame as f64 / f64::from(RATE);
    (1..12).map(|n| (2.0 * PI * 50.0 * f64::from(n) * t).sin() / f64::from(n)).sum::<f64>() as f32
}

/// Keys and taps: a few milliseconds each, at times nobody foresees, in a quiet room.
fn clicks(frames: usize) -> Vec<f32> {
    let mut chance = Chance(3);
    let mut samples: Vec<f32> = (0..frames).map(|_| chance.next() * 0.003).collect();
    let mut at = 0;
    loop {
        at += ((0.4 + 0.3 * chance.next()) * RATE as f32) as usize;
        let loud = 0.6 + 0.4 * chance.next();
        if at + 400 > frames {
            return samples;
        }
        for (i, x) in samples[at..at + 400].iter_mut().enumerate() {
            *x += loud * chance.next() * (-(i as f32) / 60.0).exp();
        }
    }
}
