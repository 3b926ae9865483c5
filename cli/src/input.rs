//! A file of audio, or standard input, in place of a microphone.

use std::io::IsTerminal;
use std::path::Path;

use tympan::BackendError;
use tympan::backend::file::File;
use tympan::backend::{Buffer, Capture, Notice};

use crate::exit::{Exit, Failure};
use crate::graph_file::{is_dash, near};

pub(crate) fn open(input: &Path) -> Result<File, Failure> {
    if let Some(near) = near(input) {
        let message = format!("there is no file `{}`", input.display());
        return Err(Failure::new(Exit::Device, message)
            .code("T0701")
            .help(format!("did you mean `{near}`?")));
    }
    if !is_dash(input) {
        return Ok(File::open(input)?);
    }
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::new(Exit::Device, "standard input is this terminal, not audio")
            .code("T0820")
            .help("send a file into it, for example with `< talk.wav`"));
    }
    Ok(File::from_reader("standard input", stdin)?)
}

/// The next stretch of a file; false at its end.
pub(crate) fn next(file: &mut File, piece: &mut Vec<f32>) -> Result<bool, BackendError> {
    piece.clear();
    Ok(file.step(&mut Piece(piece))?.is_some())
}

/// Keeps one callback's samples.
struct Piece<'a>(&'a mut Vec<f32>);

impl Capture for Piece<'_> {
    fn audio(&mut self, buffer: Buffer<'_>) {
        self.0.extend_from_slice(buffer.samples);
    }

    fn notice(&mut self, _: Notice) {}
}
