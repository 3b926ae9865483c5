//! Earshot: a small recurrent network, the default.

use ::earshot::Detector;
use tympan_core::{Border, Format, Refusal};

use super::energy::Standing;
use super::{Engine, Ready, Score};

/// The network, and a frame as it wants it.
struct Earshot {
    detector: Detector,
    frame: [f32; FRAME],
    /// What it hears the room through.
    gain: f32,
}

/// Frames per score: 16 ms at 16 kHz. It answers −1 to any other length.
const FRAME: usize = 256;

/// How far its scores are behind labels. Its window is 48 ms long.
const LAG_MS: f32 = 40.0;

/// What a score means depends on how loud everything is: through a quiet microphone a
/// near voice gets 0.3, and a din gets 0.9. So the network hears every room about
/// equally loud: most of the way to this, in dB under full scale.
const ROOM_DB: f32 = -48.0;
const MOST_OF_THE_WAY: f32 = 0.85;

/// Behind what lets nothing through when nobody speaks there is no room to go by.
const MOST_GAIN_DB: f32 = 20.0;

/// By how much a score is raised, per dB by which voices stand out lately: where they
/// stand out, 0.4 is a voice that trails off.
const PER_DB: f32 = 0.005;

/// Standing out further says nothing more.
const MOST_DB: f32 = 30.0;

/// What is taken off, so that in the end 0.5 is as likely as not.
const LESS: f32 = 0.02;

/// A frame that does not rise from the room is more likely the room: below `RISEN_DB`
/// a start takes more, and an end less, by up to `DOUBT`. Without it a hum that sounds
/// a little like a voice would keep speech from ever ending.
const RISEN_DB: f32 = 5.0;
const DOUBT: f32 = 0.2;

pub(super) fn ready(format: Format) -> Result<Ready, Refusal> {
    if format != Format::mono(16_000) {
        return Err(Refusal::Wants { rates: &[16_000], channels: &[1] });
    }
    let engine =
        Box::new(Earshot { detector: Detector::default(), frame: [0.0; FRAME], gain: 1.0 });
    Ok(Ready { engine, frames: FRAME as u32, lag_ms: LAG_MS })
}

impl Engine for Earshot {
    fn hear(&mut self, frame: &[f32], standing: Standing) -> Score {
        if let Some(floor) = standing.floor {
            let db = (MOST_OF_THE_WAY * (ROOM_DB - floor)).min(MOST_GAIN_DB);
            self.gain = 10f32.powf(db / 20.0);
        }
        let gain = self.gain;
        for (to, x) in self.frame.iter_mut().zip(frame) {
            // Past full scale it is out of its depth; NaN would stay in its memory. Said
            // so that the compiler makes vectors of it.
            let x = if x.abs() < f32::INFINITY { x * gain } else { 0.0 };
            let x = if x < -1.0 { -1.0 } else { x };
            *to = if x > 1.0 { 1.0 } else { x };
        }
        let p = self.detector.predict_f32(&self.frame);
        let value = p - LESS + PER_DB * standing.lately.min(MOST_DB);
        Score { value, now: p - DOUBT * (1.0 - standing.now / RISEN_DB).clamp(0.0, 1.0) }
    }

    /// The network's whole memory is a few hundred milliseconds deep: signal, nothing
    /// learned.
    fn reset(&mut self, border: Border) {
        self.detector.reset();
        if border == Border::Take {
            self.gain = 1.0;
        }
    }
}
