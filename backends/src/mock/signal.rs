//! What a mock device hears.
//!
//! Every signal but the custom one is a function of the frame's number alone, so that
//! it is the same however it is cut into callbacks.

use std::f64::consts::{SQRT_2, TAU};
use std::fmt;

use tympan_core::Format;

use super::random::{hash2, unit};

/// What a mock device hears. Frames are counted from the mock's first start on, those
/// that it loses included; all channels hear the same unless said otherwise.
#[non_exhaustive]
pub enum Signal {
    /// Exact zeros, as from a microphone that is muted by the system.
    Silence,
    /// The number of the frame itself: `(frame % 2^24) / 2^24`, which f32 holds exactly.
    /// [`Signal::ramp_frame`] turns it back, so that a listener can tell which frames it
    /// got.
    Ramp,
    /// A tone.
    Sine {
        /// Its frequency in Hz.
        hz: f64,
        /// Its peak, 1 for full scale.
        level: f32,
    },
    /// White noise, different in every channel.
    Noise {
        /// What it follows from.
        seed: u64,
        /// Its peak, 1 for full scale.
        level: f32,
    },
    /// Syllables of a voice-like sound in phrases with pauses of 0.4 to 0.8 s, the first
    /// of them at the start. The pauses hold faint noise, not zeros.
    Speechlike {
        /// What it follows from.
        seed: u64,
    },
    /// The sample of a frame's number and channel.
    Custom(Box<dyn FnMut(u64, u16) -> f32 + Send>),
}

/// Frames until [`Signal::Ramp`] repeats itself.
const RAMP: u64 = 1 << 24;

impl Signal {
    /// The frame's number modulo 2^24 from a sample of [`Signal::Ramp`].
    pub fn ramp_frame(sample: f32) -> u64 {
        (sample * RAMP as f32) as u64
    }

    /// Writes the frames from number `first` on, interleaved.
    pub(crate) fn fill(&mut self, out: &mut [f32], first: u64, format: Format) {
        let channels = usize::from(format.channels).max(1);
        let rate = f64::from(format.rate.max(1));
        let mut voice = None;
        for (frame, samples) in (first..).zip(out.chunks_mut(channels)) {
            match self {
                Self::Silence => samples.fill(0.0),
                Self::Ramp => samples.fill((frame % RAMP) as f32 / RAMP as f32),
                Self::Sine { hz, level } => {
                    let turns = (frame as f64 * *hz / rate).fract();
                    samples.fill(*level * (turns * TAU).sin() as f32);
                }
                Self::Noise { seed, level } => {
                    for (channel, sample) in samples.iter_mut().enumerate() {
                        let value = white(*seed, frame, channel as u64);
                        *sample = *level * value as f32;
                    }
                }
                Self::Speechlike { seed } => {
                    samples.fill(Voice::at(&mut voice, *seed, frame, format).sample(frame));
                }
                Self::Custom(sample_of) => {
                    for (channel, sample) in (0..).zip(samples.iter_mut()) {
                        *sample = sample_of(frame, channel);
                    }
                }
            }
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence => f.write_str("Silence"),
            Self::Ramp => f.write_str("Ramp"),
            Self::Sine { hz, level } => write!(f, "Sine({hz} Hz, level {level})"),
            Self::Noise { seed, level } => write!(f, "Noise(seed {seed}, level {level})"),
            Self::Speechlike { seed } => write!(f, "Speechlike(seed {seed})"),
            Self::Custom(_) => f.write_str("Custom"),
        }
    }
}

/// A number in [-1, 1).
fn white(seed: u64, frame: u64, channel: u64) -> f64 {
    2.0 * unit(hash2(hash2(seed, channel), frame)) - 1.0
}

/// Syllables in a second, and in a phrase with its pause.
const SYLLABLES: u64 = 5;
const PHRASE: u64 = 8;
/// How loud speech is on average, and the room between phrases (-20 and -70 dBFS).
const SPEECH: f64 = 0.1;
const ROOM: f64 = 0.000_3;
/// The most harmonics of a syllable: 4 kHz of the lowest voice.
const HARMONICS: usize = 45;

/// The syllable that a run of frames is in; everything in it follows from its number.
struct Voice {
    seed: u64,
    rate: u64,
    first_frame: u64,
    end_frame: u64,
    spoken: bool,
    hiss: bool,
    /// Pitch in Hz, the same for a whole phrase.
    pitch: f64,
    /// Harmonics weighted by the formants, of mean power 1.
    weights: [f64; HARMONICS],
}

impl Voice {
    /// The syllable of `frame`, which most often is the one of the frame before.
    fn at(last: &mut Option<Self>, seed: u64, frame: u64, format: Format) -> &Self {
        let same =
            last.take().filter(|voice| (voice.first_frame..voice.end_frame).contains(&frame));
        last.insert(same.unwrap_or_else(|| Self::new(seed, frame, format.rate)))
    }

    fn new(seed: u64, frame: u64, rate: u32) -> Self {
        let rate = u64::from(rate.max(1));
        let syllable = (u128::from(frame) * u128::from(SYLLABLES) / u128::from(rate)) as u64;
        let first_frame_of = |syllable: u64| {
            (u128::from(syllable) * u128::from(rate)).div_ceil(u128::from(SYLLABLES)) as u64
        };
        let phrase = hash2(seed, syllable / PHRASE);
        let own = |what: u64| unit(hash2(hash2(seed, !syllable), what));
        let pitch = 95.0 + 80.0 * unit(phrase);
        let formants = [300.0 + 500.0 * own(1), 900.0 + 1300.0 * own(2), 2600.0];
        Self {
            seed,
            rate,
            first_frame: first_frame_of(syllable),
            end_frame: first_frame_of(syllable + 1),
            spoken: syllable % PHRASE >= 2 + phrase % 3,
            hiss: own(3) < 0.3,
            pitch,
            weights: weights(pitch, formants, rate as f64),
        }
    }

    fn sample(&self, frame: u64) -> f32 {
        let noise = white(self.seed, frame, 0);
        if !self.spoken {
            return (ROOM * noise) as f32;
        }
        let seconds = (frame - self.first_frame) as f64 / self.rate as f64;
        // A hiss of 50 ms in front of some syllables, as of an s.
        let onset = if self.hiss { 0.05 } else { 0.0 };
        let (shape, sound) = if seconds < onset {
            (0.3 * envelope(seconds, onset), noise)
        } else {
            let length = 1.0 / SYLLABLES as f64;
            (envelope(seconds - onset, length - onset), self.voiced(frame))
        };
        (SPEECH * shape * sound + ROOM * noise).clamp(-1.0, 1.0) as f32
    }

    /// The sum of the harmonics, by the recurrence sin(kx) = 2 cos(x) sin((k-1)x) - sin((k-2)x).
    fn voiced(&self, frame: u64) -> f64 {
        let turns = (frame as f64 * self.pitch / self.rate as f64).fract();
        let (sin, cos) = (turns * TAU).sin_cos();
        let (mut before, mut this, mut sum) = (0.0, sin, 0.0);
        for weight in self.weights {
            sum += weight * this;
            (before, this) = (this, 2.0 * cos * this - before);
        }
        sum
    }
}

/// Rises in 30 ms, falls over the last 80 ms, both without a corner.
fn envelope(seconds: f64, length: f64) -> f64 {
    let smooth = |x: f64| {
        let x = x.clamp(0.0, 1.0);
        x * x * (3.0 - 2.0 * x)
    };
    smooth(seconds / 0.03) * smooth((length - seconds) / 0.08)
}

fn weights(pitch: f64, formants: [f64; 3], rate: f64) -> [f64; HARMONICS] {
    let mut weights = [0.0; HARMONICS];
    for (number, weight) in (1_u32..).zip(&mut weights) {
        let hz = pitch * f64::from(number);
        if hz > 4000.0_f64.min(0.45 * rate) {
            break;
        }
        let resonance = |formant: f64| 1.0 / (1.0 + ((hz - formant) / 90.0).powi(2));
        *weight = (0.05 + formants.map(resonance).iter().sum::<f64>()) / f64::from(number).sqrt();
    }
    let power: f64 = weights.iter().map(|w| w * w).sum();
    // A sine of peak w has the power w^2 / 2.
    weights.map(|w| if power > 0.0 { w * SQRT_2 / power.sqrt() } else { 0.0 })
}
