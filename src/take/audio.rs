//! The audio of a take: samples in, a file out, with an encoder between where the
//! container wants one.

use std::path::Path;

use tympan_backends::storage::Medium;
use tympan_backends::{BackendError, BackendErrorKind};
use tympan_core::{Format, Header};

use super::encode::{Encode, Node};
use super::m4a::Track;
use super::{Container, OutputFile};

/// Zeros that push an encoder out are fed in so many frames at a time: few, because what
/// is too much is in the file.
const STEP: usize = 64;

pub(super) struct Audio {
    file: OutputFile,
    encoder: Option<Box<dyn Encode>>,
    channels: usize,
    /// Frames pushed, with the filling at borders, and how many of them are filling.
    pushed: u64,
    filled: u64,
    /// What is pushed out already.
    border: u64,
}

impl Audio {
    /// Begins a file of this container on an empty medium, for audio of this format.
    pub(super) fn begin(
        container: Container,
        medium: Box<dyn Medium>,
        path: &Path,
        format: Format,
    ) -> Result<Self, BackendError> {
        let name = path.display().to_string();
        let (file, encoder) = match container.sample_type() {
            Some(kind) => (OutputFile::wav(medium, name, format, kind)?, None),
            None => encoded(container, medium, name, format)?,
        };
        let channels = usize::from(format.channels);
        Ok(Self { file, encoder, channels, pushed: 0, filled: 0, border: 0 })
    }

    /// Whether takes of this format can be kept so; a sentence if not.
    pub(super) fn refuses(container: Container, format: Format) -> Option<String> {
        if container.sample_type().is_some() {
            return None;
        }
        encoder(container, format).err()
    }

    pub(super) fn samples(&mut self, samples: &[f32]) -> Result<(), BackendError> {
        self.pushed += (samples.len() / self.channels) as u64;
        let Some(encoder) = &mut self.encoder else { return self.file.samples(samples) };
        let (file, mut written) = (&mut self.file, Ok(()));
        encoder.push(samples, &mut |header, bytes| put(file, &mut written, header, bytes));
        written
    }

    /// Everything pushed comes out, behind silence that is counted. Done twice is done
    /// once: what only silence was pushed behind is out.
    pub(super) fn border(&mut self) -> Result<(), BackendError> {
        if self.pushed == self.border {
            return Ok(());
        }
        let end = self.pushed;
        let zeros = vec![0.0; STEP * self.channels];
        while self.encoder.as_ref().is_some_and(|encoder| encoder.covered() < end) {
            self.samples(&zeros)?;
            self.filled += STEP as u64;
        }
        self.border = self.pushed;
        Ok(())
    }

    /// Frames in front of the next one, at the rate of what was pushed.
    pub(super) fn position(&self) -> u64 {
        self.pushed
    }

    /// How many of them are filling at borders.
    pub(super) fn filled(&self) -> u64 {
        self.filled
    }

    pub(super) fn flush(&mut self) -> Result<(), BackendError> {
        self.file.flush()
    }

    pub(super) fn sync(&mut self) -> Result<(), BackendError> {
        self.file.sync()
    }

    /// Frames of the file that are handed on to the medium, at its own rate.
    pub(super) fn written(&self) -> u64 {
        self.file.written()
    }

    /// Completes the file; its length in frames, at its own rate.
    pub(super) fn finish(&mut self) -> Result<u64, BackendError> {
        if let Some(encoder) = &mut self.encoder {
            let (file, mut written) = (&mut self.file, Ok(()));
            encoder.end(&mut |header, bytes| put(file, &mut written, header, bytes));
            written?;
        }
        self.file.finish()?;
        Ok(self.file.frames())
    }

    /// The file, to be read once it is finished.
    pub(super) fn medium(&mut self) -> &mut dyn Medium {
        self.file.medium()
    }

    /// The rate at which the file plays.
    pub(super) fn rate(&self) -> u32 {
        self.file.rate()
    }
}

/// Behind a write that failed, nothing is written.
fn put(
    file: &mut OutputFile,
    written: &mut Result<(), BackendError>,
    header: &Header,
    bytes: &[u8],
) {
    if written.is_ok() {
        *written = file.packet(header, bytes);
    }
}

type Encoded = (OutputFile, Option<Box<dyn Encode>>);

fn encoded(
    container: Container,
    medium: Box<dyn Medium>,
    name: String,
    format: Format,
) -> Result<Encoded, BackendError> {
    let (encoder, track) = encoder(container, format)
        .map_err(|why| BackendError::new(BackendErrorKind::Failed, why))?;
    let file = match track {
        Some(track) => OutputFile::m4a(medium, name, track, format.rate)?,
        None => OutputFile::on(medium, name, encoder.info())?,
    };
    Ok((file, Some(encoder)))
}

/// An encoder, and what an MP4 file says of its packets. A sentence if there is none.
fn encoder(
    container: Container,
    format: Format,
) -> Result<(Box<dyn Encode>, Option<Track>), String> {
    let node = |text: &str| {
        Node::new(text, format).map_err(|error| {
            let helps: Vec<_> = error.helps().collect();
            format!(
                "takes of {format} cannot be kept as `{}`: {}; {}",
                container.name(),
                error.message(),
                helps.join("; ")
            )
        })
    };
    match container {
        Container::Opus | Container::M4aOpus => {
            let node = node(OPUS)?;
            let track = (container == Container::M4aOpus).then(|| {
                let delay = node.info().delay;
                Track::opus(format.rate, format.channels, (delay * 48_000.0).round() as u16)
            });
            Ok((Box::new(node), track))
        }
        Container::Flac => Ok((Box::new(node(FLAC)?), None)),
        _ => aac(container, format),
    }
}

/// Speech of one or two people in a room, and of all of them at full band.
const OPUS: &str = "\
[[node]]
kind = \"opus\"
bitrate = 32000
application = \"audio\"

[[output]]
name = \"take\"
";

const FLAC: &str = "\
[[node]]
kind = \"flac\"

[[output]]
name = \"take\"
";

#[cfg(feature = "aac")]
fn aac(container: Container, format: Format) -> Result<(Box<dyn Encode>, Option<Track>), String> {
    use super::encode::Aac;

    /// What one channel of AAC costs where nobody hears that it is AAC.
    const BITRATE: u32 = 64_000;
    let encoder = Aac::new(format, BITRATE * u32::from(format.channels)).map_err(|error| {
        format!(
            "takes of {format} cannot be kept as `{}`: {error}; give the output one or two \
             channels and a rate of 44100 or 48000 Hz",
            container.name()
        )
    })?;
    let priming = (encoder.info().delay * f64::from(format.rate)).round() as u32;
    let track = Track::aac(encoder.config(), format.rate, format.channels, priming);
    Ok((Box::new(encoder), Some(track)))
}

#[cfg(not(feature = "aac"))]
fn aac(container: Container, _: Format) -> Result<(Box<dyn Encode>, Option<Track>), String> {
    Err(format!(
        "this build cannot keep takes as `{}`: turn on the feature `aac` of the crate tympan",
        container.name()
    ))
}
