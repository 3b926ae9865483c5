//! The detector of WebRTC, through libfvad: native at 8 kHz, where telephones are.
//!
//! This is the one place of the crate with unsafe code: one line, see `SAFETY`.

use dasp_sample::Sample;
use tympan_core::{Border, Format, Refusal};
use webrtc_vad::{SampleRate, Vad, VadMode};

use super::energy::Standing;
use super::{Engine, RATE, Ready, Score};

/// The library's detector, on whatever thread runs the graph.
struct Owned(Vad);

// SAFETY: `Vad` is not `Send` only because it holds a pointer. What that points to is
// one block from `malloc` that nobody else knows of: `Vad` makes it in `new`, frees it in
// `drop`, is not `Clone` and never hands the pointer out. libfvad has no state outside
// of that block (its only statics are constant tables), none per thread, and `malloc`
// and `free` take any thread. So moving it is moving a `Box`. It is not `Sync`, and
// needs no more than this: a node is owned by one executor and called through `&mut`.
unsafe impl Send for Owned {}

/// The detector and what the library forgets in `reset`.
struct Webrtc {
    vad: Owned,
    rate: u32,
    mode: i64,
    /// A frame as it wants it.
    frame: Box<[i16]>,
    /// Its last decisions: one alone is a click as often as a voice.
    last: [bool; LAST],
    /// Frames of this take so far, as far as it matters.
    heard: usize,
}

/// Decisions that make up the probability at a moment.
const LAST: usize = 5;

/// How far its decisions are behind labels.
const LAG_MS: f32 = 20.0;

/// A fresh detector knows no room and takes any for a voice, for about this many frames
/// of a take. They are heard but not believed; a gate's `pre_roll` is longer.
const FRESH: usize = 12;

/// After this many frames of silence it is silent itself: its own hang-over is at most
/// 14 frames.
const FLUSH: usize = 16;

pub(super) fn ready(format: Format, mode: i64) -> Result<Ready, Refusal> {
    const RATES: &[u32] = &[8_000, 16_000, 32_000, 48_000];
    if format.channels != 1 || !RATES.contains(&format.rate) {
        return Err(Refusal::Wants { rates: RATES, channels: &[1] });
    }
    let frames = format.rate / RATE;
    let vad = Owned(Vad::new());
    let frame = vec![0; frames as usize].into();
    let rate = format.rate;
    let mut engine = Webrtc { vad, rate, mode, frame, last: [false; LAST], heard: 0 };
    engine.set_up();
    Ok(Ready { engine: Box::new(engine), frames, lag_ms: LAG_MS })
}

impl Webrtc {
    /// A fresh detector runs at 8 kHz in mode 0, and takes frames of any other rate for
    /// errors.
    fn set_up(&mut self) {
        let rate = match self.rate {
            8_000 => SampleRate::Rate8kHz,
            16_000 => SampleRate::Rate16kHz,
            32_000 => SampleRate::Rate32kHz,
            _ => SampleRate::Rate48kHz,
        };
        let mode = match self.mode {
            0 => VadMode::Quality,
            1 => VadMode::LowBitrate,
            2 => VadMode::Aggressive,
            _ => VadMode::VeryAggressive,
        };
        self.vad.0.set_sample_rate(rate);
        self.vad.0.set_mode(mode);
    }

    /// The decision about the frame that is in `frame`: never empty, always 10 ms, so
    /// that the library has no reason to panic or to refuse.
    fn decide(&mut self) -> bool {
        let voice = self.vad.0.is_voice_segment(&self.frame).unwrap_or(false);
        let voice = voice && self.heard >= FRESH;
        self.heard = FRESH.min(self.heard + 1);
        self.last.rotate_left(1);
        self.last[LAST - 1] = voice;
        voice
    }
}

impl Engine for Webrtc {
    fn hear(&mut self, frame: &[f32], _: Standing) -> Score {
        for (to, x) in self.frame.iter_mut().zip(frame) {
            *to = x.to_sample();
        }
        let value = f32::from(u8::from(self.decide()));
        let voiced = self.last.iter().filter(|voice| **voice).count();
        Score { value, now: voiced as f32 / LAST as f32 }
    }

    /// What it has learned about the room cannot be told from its filters, so silence
    /// flushes these; it learns nothing from silence. A new take starts over.
    fn reset(&mut self, border: Border) {
        if border == Border::Take {
            self.vad.0.reset();
            self.set_up();
            self.heard = 0;
        } else {
            self.frame.fill(0);
            for _ in 0..FLUSH {
                self.decide();
            }
        }
        self.last = [false; LAST];
    }
}
