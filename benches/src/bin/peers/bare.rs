//! The kernels called directly, from a file to a file.

use std::fs::File;
use std::path::Path;

use tympan::backend::wav::WavReader;
use tympan::take::OggOpus;
use tympan::{Format, Header};
use tympan_benches::bare::{BLOCK, Bare};

/// What libopus looks ahead, and frames of a packet, at 16 kHz.
const LEAD: u32 = 104;
const FRAME: u32 = 320;

/// The same work that our chain does, without an engine.
pub(crate) fn run(from: &Path, to: &Path) -> Result<(), String> {
    let mut reader = WavReader::open(from).map_err(|error| error.to_string())?;
    let file = File::create(to).map_err(|error| format!("{}: {error}", to.display()))?;
    let mut stream = OggOpus::new(file, Format::mono(16_000));
    let mut bare = Bare::deaf();
    let mut block = [0.0; BLOCK];
    let mut position = -i64::from(LEAD);
    loop {
        let frames = reader.read(&mut block).map_err(|error| error.to_string())?;
        if frames == 0 {
            return stream.finish().map_err(|error| error.to_string());
        }
        block[frames..].fill(0.0);
        if let Some(packet) = bare.push(&block) {
            let lead = if position < 0 { LEAD } else { 0 };
            let header = Header { position, frames: FRAME, lead, ..Header::default() };
            stream.packet(&header, packet).map_err(|error| error.to_string())?;
            position += i64::from(FRAME);
        }
    }
}
