//! The file of one output, whatever it carries.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use tympan_backends::storage::Medium;
use tympan_backends::wav::{SampleType, WavWriter};
use tympan_backends::{BackendError, BackendErrorKind};
use tympan_core::{Format, Header, OutputInfo};

use super::flac::FlacFile;
use super::m4a::{M4a, Track};
use super::opus::{OggOpus, RATE as OPUS_RATE};

/// A file for one output, in the format that suits it:
///
/// | what it carries | the file |
/// |---|---|
/// | samples, and packets of `f32le` | `.wav`, 32-bit float |
/// | packets of `pcm16` | `.wav`, 16 bits |
/// | packets of `opus` | `.opus` |
/// | packets of `flac` | `.flac` |
/// | other packets | `.bin`: each after its length in bytes, as 4 bytes, little endian |
pub struct OutputFile {
    name: String,
    rate: u32,
    writer: Writer,
    /// Nothing can be filled in later.
    append_only: bool,
}

enum Writer {
    /// The type is that of packets too.
    Wav(WavWriter, SampleType),
    Opus(OggOpus<Box<dyn Medium>>),
    Flac(FlacFile<Box<dyn Medium>>),
    M4a(Box<Mp4>),
    /// And how many frames they stand for.
    Packets(BufWriter<Box<dyn Medium>>, u64),
}

/// An MP4 file, whose clock need not be that of what was encoded.
struct Mp4 {
    m4a: M4a,
    /// The rate of what was encoded, and of the file.
    rates: (u32, u32),
    /// Samples of the last packet that are filling.
    trim: u64,
}

impl Mp4 {
    fn ticks(&self, frames: u32) -> u64 {
        u64::from(frames) * u64::from(self.rates.1) / u64::from(self.rates.0.max(1))
    }

    fn packet(&mut self, header: &Header, bytes: &[u8]) -> io::Result<()> {
        self.trim = self.ticks(header.trim);
        self.m4a.packet(bytes, self.ticks(header.frames) as u32)
    }

    fn samples(&self) -> u64 {
        self.m4a.samples().saturating_sub(self.trim)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.m4a.fragment()?;
        self.m4a.finish(self.samples())
    }
}

impl OutputFile {
    /// What the names of such files end with.
    pub fn extension(output: &OutputInfo) -> &'static str {
        match output.codec {
            "" | "pcm16" | "f32le" => "wav",
            "opus" => "opus",
            "flac" => "flac",
            _ => "bin",
        }
    }

    /// Creates a file. An existing one is an error unless `overwrite` is set.
    pub fn create(
        path: impl AsRef<Path>,
        output: &OutputInfo,
        overwrite: bool,
    ) -> Result<Self, BackendError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let file =
            create(path, overwrite).map_err(|error| BackendError::not_created(&name, &error))?;
        Self::on(Box::new(file), name, output)
    }

    /// A file on an empty one that is open already; errors call it `name`.
    pub fn on(
        file: Box<dyn Medium>,
        name: impl Into<String>,
        output: &OutputInfo,
    ) -> Result<Self, BackendError> {
        let (name, mut rate) = (name.into(), output.format.rate);
        let append_only = file.is_append_only();
        let writer = match output.codec {
            "" | "f32le" => return Self::wav(file, name, output.format, SampleType::F32),
            "pcm16" => return Self::wav(file, name, output.format, SampleType::I16),
            "opus" => {
                rate = OPUS_RATE;
                Writer::Opus(OggOpus::new(file, output.format))
            }
            "flac" => Writer::Flac(FlacFile::new(file, output.format)),
            _ => Writer::Packets(BufWriter::new(file), 0),
        };
        Ok(Self { name, rate, writer, append_only })
    }

    /// A WAV file of samples that are written in this way.
    pub(super) fn wav(
        file: Box<dyn Medium>,
        name: String,
        format: Format,
        kind: SampleType,
    ) -> Result<Self, BackendError> {
        let append_only = file.is_append_only();
        let wav = WavWriter::on(file, name.clone(), format, kind)?;
        Ok(Self { name, rate: format.rate, writer: Writer::Wav(wav, kind), append_only })
    }

    /// An MP4 file of packets that are what this track says, encoded from audio of this
    /// rate.
    pub(super) fn m4a(
        file: Box<dyn Medium>,
        name: String,
        track: Track,
        encoded: u32,
    ) -> Result<Self, BackendError> {
        let (rate, append_only) = (track.rate(), file.is_append_only());
        let m4a = M4a::new(file, track).map_err(|error| failed(&name, &error))?;
        let mp4 = Mp4 { m4a, rates: (encoded, rate), trim: 0 };
        Ok(Self { name, rate, writer: Writer::M4a(Box::new(mp4)), append_only })
    }

    /// Writes interleaved samples, of an output that carries samples.
    pub fn samples(&mut self, samples: &[f32]) -> Result<(), BackendError> {
        match &mut self.writer {
            Writer::Wav(wav, _) => wav.write(samples),
            _ => Err(failed(&self.name, &io::Error::other("it takes packets, not samples"))),
        }
    }

    /// Writes a packet, of an output that carries packets. An empty one leaves no trace.
    pub fn packet(&mut self, header: &Header, bytes: &[u8]) -> Result<(), BackendError> {
        let written = match &mut self.writer {
            Writer::Wav(wav, kind) => return wav.write(&unpacked(*kind, bytes)),
            Writer::Opus(opus) => opus.packet(header, bytes),
            Writer::Flac(flac) => flac.packet(header, bytes),
            Writer::M4a(mp4) => mp4.packet(header, bytes),
            Writer::Packets(_, _) if bytes.is_empty() => Ok(()),
            Writer::Packets(file, frames) => {
                *frames += u64::from(header.captured());
                let length = (bytes.len() as u32).to_le_bytes();
                file.write_all(&length).and_then(|()| file.write_all(bytes))
            }
        };
        written.map_err(|error| failed(&self.name, &error))
    }

    /// How many frames a player makes of what was written, at [`rate`](Self::rate).
    pub fn frames(&self) -> u64 {
        match &self.writer {
            Writer::Wav(wav, _) => wav.frames(),
            Writer::Opus(opus) => opus.samples(),
            Writer::Flac(flac) => flac.frames(),
            Writer::M4a(mp4) => mp4.samples(),
            Writer::Packets(_, frames) => *frames,
        }
    }

    /// As many of them as are handed on to the medium.
    pub(super) fn written(&self) -> u64 {
        match &self.writer {
            Writer::Opus(opus) => opus.written(),
            _ => self.frames(),
        }
    }

    /// The rate at which the file plays, in Hz: that of the output, or 48000 for Opus,
    /// which knows no other.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Hands everything to the system and makes the header of a WAV file true. The last
    /// 80 ms of Opus wait for [`finish`](Self::finish), and so does the head of FLAC.
    pub fn flush(&mut self) -> Result<(), BackendError> {
        match &mut self.writer {
            Writer::Wav(wav, _) => wav.flush(),
            Writer::Opus(_) | Writer::Flac(_) => Ok(()),
            Writer::M4a(mp4) => mp4.m4a.fragment().map_err(|error| failed(&self.name, &error)),
            Writer::Packets(file, _) => file.flush().map_err(|error| failed(&self.name, &error)),
        }
    }

    /// Makes everything flushed so far survive a power cut.
    pub fn sync(&mut self) -> Result<(), BackendError> {
        let synced = match &mut self.writer {
            Writer::Wav(wav, _) => return wav.sync(),
            Writer::Opus(opus) => opus.medium().sync(),
            Writer::Flac(flac) => flac.medium().sync(),
            Writer::M4a(mp4) => mp4.m4a.sync(),
            Writer::Packets(file, _) => file.flush().and_then(|()| file.get_mut().sync()),
        };
        synced.map_err(|error| failed(&self.name, &error))
    }

    /// The file, to be read once it is finished.
    pub(super) fn medium(&mut self) -> &mut dyn Medium {
        match &mut self.writer {
            Writer::Wav(wav, _) => wav.medium(),
            Writer::Opus(opus) => opus.medium(),
            Writer::Flac(flac) => flac.medium(),
            Writer::M4a(mp4) => mp4.m4a.medium(),
            Writer::Packets(file, _) => file.get_mut(),
        }
    }

    /// Makes the file complete. Nothing can be written behind it. On a medium that is
    /// [append-only](Medium::is_append_only) it becomes what [`repair`](super::repair)
    /// makes complete elsewhere.
    pub fn finish(&mut self) -> Result<(), BackendError> {
        let finished = match &mut self.writer {
            Writer::Wav(wav, _) => return wav.flush(),
            Writer::Opus(opus) => opus.finish(),
            Writer::Flac(flac) if self.append_only => flac.end(),
            Writer::Flac(flac) => flac.finish(),
            Writer::M4a(mp4) => mp4.finish(),
            Writer::Packets(file, _) => file.flush(),
        };
        finished.map_err(|error| failed(&self.name, &error))
    }
}

impl std::fmt::Debug for OutputFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutputFile")
            .field("name", &self.name)
            .field("rate", &self.rate)
            .field("frames", &self.frames())
            .finish_non_exhaustive()
    }
}

/// The samples of a packet of `pcm16` or `f32le`.
fn unpacked(kind: SampleType, bytes: &[u8]) -> Vec<f32> {
    match kind {
        SampleType::I16 => {
            let words = bytes.chunks_exact(2);
            words.map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0).collect()
        }
        SampleType::F32 => {
            let words = bytes.chunks_exact(4);
            words.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
        }
    }
}

fn create(path: &Path, overwrite: bool) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(!overwrite).create(true).truncate(overwrite);
    options.open(path)
}

fn failed(name: &str, error: &io::Error) -> BackendError {
    let message =
        format!("writing `{name}` failed: {error}; what is written before stays readable");
    BackendError::new(BackendErrorKind::Failed, message)
}
