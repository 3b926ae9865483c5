//! Makes recordings whole again that a kill, a full disk or a power cut left behind.
//!
//! The rules, for every kind of file:
//!
//! - What is whole is never written over, so that a kill in the middle of a repair takes
//!   nothing. A repair cuts off what is torn, fills in what was never filled in, and puts
//!   something lawful in the place of what is destroyed.
//! - Every step can be dropped, torn or done twice: the next repair derives the same end
//!   from what it finds. Nothing is remembered beside the file.
//! - A size in a file is a claim. Nothing is allocated by one, and memory stays at a few
//!   MiB for a file of any length.
//! - A healthy file keeps every byte. So does one for which nothing can be done.

mod filler;
mod flac;
mod frame;
mod ogg;
mod page;
mod wav;
mod window;

use std::io;

use self::window::Window;
use super::m4a;
use tympan_backends::storage::Medium;

/// What a file is, by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// RIFF, RF64 or BW64 with WAVE inside.
    Wav,
    /// Ogg, with Opus or anything else inside.
    Ogg,
    /// Native FLAC.
    Flac,
    /// MP4, M4A or another file of boxes.
    Mp4,
    /// None of these.
    Unknown,
}

/// How a file was found, and left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing was to be done, and no byte was changed. What is missing in the middle and
    /// cannot be put right is among the findings.
    Healthy,
    /// It was damaged and can be played now.
    Repaired,
    /// It cannot be made playable; no byte was changed.
    Hopeless,
    /// It is of a kind that is not repaired here, or of none that is known; no byte was
    /// changed.
    NotOurs,
}

/// What a repair found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the file is.
    pub kind: Kind,
    /// How it was left.
    pub state: State,
    /// Frames that can be played. 0 also where the coding is not known here.
    pub kept_frames: u64,
    /// Frames per second, for [`kept_frames`](Self::kept_frames); 48,000 for Opus. 0 where it
    /// is not known.
    pub rate: u32,
    /// Bytes that were cut off or replaced because nothing could be made of them.
    pub lost_bytes: u64,
    /// How much sound that was: exact for what is missing in the middle of a file, an
    /// estimate by the mean bit rate for a torn end. `None` where it cannot be known.
    pub lost_ms: Option<u64>,
    /// What was odd and what was done about it, a sentence each.
    pub findings: Vec<String>,
}

impl Outcome {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            state: State::Healthy,
            kept_frames: 0,
            rate: 0,
            lost_bytes: 0,
            lost_ms: Some(0),
            findings: Vec::new(),
        }
    }

    fn of_mp4(found: m4a::Outcome) -> Self {
        let new = Self::new(Kind::Mp4);
        match found {
            m4a::Outcome::Healthy { samples, rate } => Self { kept_frames: samples, rate, ..new },
            m4a::Outcome::Repaired { samples, rate, cut } => {
                let state = State::Repaired;
                let mut outcome = Self { state, kept_frames: samples, rate, ..new };
                // Packets that end in the file are kept: what is cut is less than a fragment.
                let lost = if cut == 0 { Some(0) } else { None };
                outcome.lost(cut, lost);
                outcome.found("The index was made anew from the fragments.");
                outcome
            }
            m4a::Outcome::Hopeless(why) => new.hopeless(why),
        }
    }

    fn hopeless(mut self, why: impl Into<String>) -> Self {
        self.state = State::Hopeless;
        self.kept_frames = 0;
        self.findings.push(why.into());
        self
    }

    /// More findings than this say nothing new.
    const MOST: usize = 100;

    fn found(&mut self, what: impl Into<String>) {
        if self.findings.len() < Self::MOST {
            self.findings.push(what.into());
        }
    }

    /// Counts lost sound, of which not all may be known.
    fn lost(&mut self, bytes: u64, ms: Option<u64>) {
        self.lost_bytes += bytes;
        self.lost_ms = self.lost_ms.zip(ms).map(|(sum, more)| sum.saturating_add(more));
    }
}

/// Repairs a file in place.
///
/// An error is one of the medium. What had been written by then is harmless: repairing
/// again goes on from there.
pub fn repair(file: &mut dyn Medium) -> io::Result<Outcome> {
    repair_behind(file, 0)
}

/// The same for a file that is known to be whole up to this byte.
pub(super) fn repair_behind(file: &mut dyn Medium, believed: u64) -> io::Result<Outcome> {
    let mut window = Window::new(file)?;
    match recognise(window.peek(0, 12)?) {
        Kind::Wav => wav::repair(&mut window),
        Kind::Ogg => ogg::repair(&mut window),
        Kind::Flac => flac::repair(&mut window, believed),
        Kind::Mp4 => {
            drop(window);
            m4a::repair(file).map(Outcome::of_mp4)
        }
        other => Ok(Outcome { state: State::NotOurs, lost_ms: None, ..Outcome::new(other) }),
    }
}

/// What begins like this. The name of a file is not asked: it is what its writer meant.
fn recognise(start: &[u8]) -> Kind {
    const BOXES: [&[u8; 4]; 8] =
        [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"moof"];
    let second = start.get(4..8).unwrap_or_default();
    match start.get(..4).unwrap_or_default() {
        b"RIFF" | b"RF64" | b"BW64" if start.get(8..12) == Some(b"WAVE") => Kind::Wav,
        b"OggS" => Kind::Ogg,
        b"fLaC" => Kind::Flac,
        _ if BOXES.iter().any(|name| name.as_slice() == second) => Kind::Mp4,
        _ => Kind::Unknown,
    }
}

/// Milliseconds of so many frames, if the rate is known.
pub(super) fn ms(frames: u64, rate: u32) -> Option<u64> {
    let ms = u128::from(frames) * 1000 / u128::from(std::num::NonZeroU32::new(rate)?.get());
    Some(ms.min(u64::MAX.into()) as u64)
}

/// Estimates what lost bytes sounded like by the mean bit rate of what is kept.
fn estimate(lost: u64, kept: u64, kept_ms: Option<u64>) -> Option<u64> {
    let kept_ms = kept_ms.filter(|ms| *ms > 0)?;
    let ms = u128::from(lost) * u128::from(kept_ms) / u128::from(kept.max(1));
    Some(ms.min(u64::MAX.into()) as u64)
}
