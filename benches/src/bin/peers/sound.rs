//! What everybody is given: the recordings of `tests/audio`, one after the other, as a
//! device of 48 kHz hears them.

use std::path::Path;

use tympan::Format;
use tympan::backend::wav::{SampleType, WavWriter};
use tympan_benches::speech::{at_48k, duty, recording};

/// Frames of 10 ms.
const BLOCK: usize = 480;
const RATE: usize = 48_000;

/// Somebody who speaks nearly all the time, in noise.
pub(crate) const SPEECH: &str = "speech.wav";
/// Somebody who speaks a quarter of the time, in an office.
pub(crate) const DUTY: &str = "duty.wav";
/// As much as one packet holds.
pub(crate) const SHORT: &str = "short.wav";

/// Writes all of them. Done by a process of its own: what it holds at once would be in
/// the memory figures of everybody who is started from here.
pub(crate) fn make(folder: &Path, seconds: usize) -> Result<(), String> {
    let speech: Vec<f32> = ["fan-20db", "street-10db", "office-5db"]
        .iter()
        .flat_map(|name| at_48k(&recording(name), BLOCK))
        .collect();
    write(&folder.join(SPEECH), &speech, seconds * RATE)?;
    write(&folder.join(DUTY), &duty(BLOCK), seconds * RATE)?;
    // From where somebody speaks.
    write(&folder.join(SHORT), &speech[2 * RATE..], RATE / 50)
}

fn write(path: &Path, x: &[f32], frames: usize) -> Result<(), String> {
    let write = || {
        let mut to = WavWriter::create(path, Format::mono(RATE as u32), SampleType::I16, true)?;
        let mut left = frames;
        while left > 0 {
            let piece = &x[..left.min(x.len())];
            to.write(piece)?;
            left -= piece.len();
        }
        to.finish()
    };
    write().map(drop).map_err(|error| error.to_string())
}
