//! Loudness: how far the sound stands out from the room, and an engine that goes by
//! nothing else.

use tympan_core::{Border, Format, Refusal};

use super::{Engine, RATE, Ready, Score};

/// How the sound stands out from the room, in dB.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Standing {
    /// This frame over the floor.
    pub(super) now: f32,
    /// The loudest of the last seconds over the floor: what a voice here has, even
    /// between two syllables.
    pub(super) lately: f32,
    /// How loud the room itself is, under full scale; unknown where there is no signal.
    pub(super) floor: Option<f32>,
}

/// Tracks the level, the floor it rises from and the peaks it rises to.
pub(super) struct Level {
    /// How much of a new frame goes into the mean power.
    share: f32,
    /// By how many dB floor and peak move towards each other per frame.
    rise: f32,
    fall: f32,
    /// The mean power; none before the first frame.
    power: Option<f32>,
    /// Frames without any signal, one behind the other, and how many of them are more
    /// than a gap.
    nothing: u32,
    gap: u32,
    /// In dB.
    floor: f32,
    peak: f32,
}

/// The level is the mean over about this long: longer than a pitch period, shorter than
/// a syllable.
const LEVEL_S: f32 = 0.1;

/// How fast the floor follows a room that becomes louder. At this pace, five seconds of
/// speech without a breath lift it by 20 dB, which leaves a near voice standing.
const RISE_DB_PER_S: f32 = 4.0;

/// How fast a peak is forgotten.
const FALL_DB_PER_S: f32 = 6.0;

/// No microphone is quieter: added to the power, so that one without noise is not
/// infinitely far below its first sound.
const QUIETEST: f32 = 1e-7;

/// Below one step of 16 bits it is not a quiet room but no signal.
const NOTHING: f32 = 1e-9;

/// No signal for longer than this is not a gap that was filled but a device that lets
/// nothing through when nobody speaks. What it does let through stands out.
const GAP_S: f32 = 0.2;

impl Level {
    /// For frames of `seconds`.
    pub(super) fn new(seconds: f32) -> Self {
        Self {
            share: (seconds / LEVEL_S).min(1.0),
            rise: RISE_DB_PER_S * seconds,
            fall: FALL_DB_PER_S * seconds,
            power: None,
            nothing: 0,
            gap: (GAP_S / seconds) as u32,
            floor: f32::INFINITY,
            peak: f32::NEG_INFINITY,
        }
    }

    pub(super) fn hear(&mut self, frame: &[f32]) -> Standing {
        let fresh = power(frame);
        // Not a number is not a sound.
        if !(fresh > NOTHING && fresh < f32::INFINITY) {
            self.hear_nothing();
            return Standing::default();
        }
        self.nothing = 0;
        let fresh = fresh + QUIETEST;
        let power = self.power.map_or(fresh, |mean| mean + self.share * (fresh - mean));
        let level = db(power);
        self.power = Some(power);
        self.floor = level.min(self.floor + self.rise);
        self.peak = level.max(self.peak - self.fall);
        let (now, lately) = (db(fresh) - self.floor, self.peak - self.floor);
        Standing { now, lately, floor: Some(self.floor) }
    }

    fn hear_nothing(&mut self) {
        self.power = None;
        self.peak = f32::NEG_INFINITY;
        self.nothing = self.nothing.saturating_add(1);
        if self.nothing > self.gap {
            self.floor = db(QUIETEST);
        }
    }

    /// The room is still the same behind a pause, what was heard in it is not.
    pub(super) fn reset(&mut self, border: Border) {
        self.nothing = 0;
        self.power = None;
        self.peak = f32::NEG_INFINITY;
        if border == Border::Take {
            self.floor = f32::INFINITY;
        }
    }
}

fn db(power: f32) -> f32 {
    10.0 * power.log10()
}

/// The mean square. In eight sums, which the compiler makes one instruction of.
fn power(frame: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (eights, rest) = frame.as_chunks::<8>();
    for eight in eights {
        for (sum, x) in sums.iter_mut().zip(eight) {
            *sum += x * x;
        }
    }
    let rest: f32 = rest.iter().map(|x| x * x).sum();
    (sums.iter().sum::<f32>() + rest) / frame.len() as f32
}

/// Takes everything for voice that stands out from the room.
struct Energy;

/// Standing out by so much is as likely voice as not.
const EVEN_DB: f32 = 3.0;

/// By how many dB the odds rise e-fold.
const STEEP_DB: f32 = 2.0;

pub(super) fn ready(format: Format) -> Result<Ready, Refusal> {
    if format.channels != 1 {
        return Err(Refusal::Wants { rates: &[], channels: &[1] });
    }
    // At rates like 11 025 Hz a frame is not quite a value long. Nothing depends on it:
    // the engine's count of values is exact, and each takes the score of its moment.
    let frames = (format.rate + RATE / 2) / RATE;
    Ok(Ready { engine: Box::new(Energy), frames, lag_ms: 0.0 })
}

impl Engine for Energy {
    fn hear(&mut self, _: &[f32], standing: Standing) -> Score {
        let p = 1.0 / (1.0 + ((EVEN_DB - standing.now) / STEEP_DB).exp());
        Score { value: p, now: p }
    }

    fn reset(&mut self, _: Border) {}
}
