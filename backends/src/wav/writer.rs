//! Writes WAV files whose header can be made true at any time.
//!
//! Every `write` hands its samples to the system at once, so that a killed process
//! loses none of them; only the lengths in the header wait for a flush. Thirty-six
//! bytes in front are kept free, as EBU Tech 3306 has it: a file that outgrows 32-bit
//! sizes becomes RF64 in place.

use std::fs;
use std::io::{self, SeekFrom};
use std::path::Path;

use dasp_sample::Sample;
use tympan_core::Format;

use crate::storage::Medium;
use crate::{BackendError, BackendErrorKind};

/// Bytes converted at a time.
const BLOCK: usize = 16 * 1024;

/// How a sample is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleType {
    /// 32-bit float: what the graph made, bit for bit.
    F32,
    /// 16-bit integer: half the size. Values outside [-1, 1) become the nearest that
    /// exists, NaN becomes silence.
    I16,
}

impl SampleType {
    /// Bytes of one.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::I16 => 2,
        }
    }

    /// Bytes in front of the first one in the files that [`WavWriter`] writes.
    pub fn head(self) -> u64 {
        header_len(self) as u64
    }
}

/// Writes interleaved samples to a WAV file.
///
/// Dropping it makes the header true as well, but cannot say whether that worked.
pub struct WavWriter {
    file: Box<dyn Medium>,
    name: String,
    format: Format,
    sample_type: SampleType,
    /// Whole frames that are in the file.
    frames: u64,
    /// Frames that the header in the file counts.
    counted: u64,
    /// Where a failed write left the file's position is unknown.
    lost_place: bool,
    block: Vec<u8>,
}

impl WavWriter {
    /// Creates a file with an empty header. An existing file is an error unless
    /// `overwrite` is set.
    pub fn create(
        path: impl AsRef<Path>,
        format: Format,
        sample_type: SampleType,
        overwrite: bool,
    ) -> Result<Self, BackendError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        refuse_nonsense(&name, format)?;
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(!overwrite).create(true).truncate(overwrite);
        let file = options.open(path).map_err(|error| BackendError::not_created(&name, &error))?;
        Self::on(Box::new(file), name, format, sample_type)
    }

    /// Writes to an empty file that is open already; errors call it `name`.
    pub fn on(
        file: Box<dyn Medium>,
        name: impl Into<String>,
        format: Format,
        sample_type: SampleType,
    ) -> Result<Self, BackendError> {
        let name = name.into();
        refuse_nonsense(&name, format)?;
        let mut writer = Self {
            file,
            name,
            format,
            sample_type,
            frames: 0,
            counted: 0,
            lost_place: false,
            block: Vec::with_capacity(BLOCK),
        };
        let empty = if writer.file.is_append_only() {
            open_header(format, sample_type)
        } else {
            header(format, sample_type, 0)
        };
        writer.file.write_all(&empty).map_err(|error| writer.failed(&error))?;
        Ok(writer)
    }

    /// Makes everything flushed so far survive a power cut.
    pub fn sync(&mut self) -> Result<(), BackendError> {
        self.file.sync().map_err(|error| self.failed(&error))
    }

    /// The file, for whoever reads back what is in it after a flush. Nothing can be written
    /// by the writer behind that.
    pub fn medium(&mut self) -> &mut dyn Medium {
        &mut self.file
    }

    /// Frames written so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Writes interleaved samples, whole frames of the file's format.
    ///
    /// After an error the file still ends with a whole frame and can be flushed,
    /// finished or tried again; [`frames`](Self::frames) says how far it got.
    pub fn write(&mut self, samples: &[f32]) -> Result<(), BackendError> {
        let channels = usize::from(self.format.channels);
        if !samples.len().is_multiple_of(channels) {
            return Err(BackendError::new(
                BackendErrorKind::Failed,
                format!(
                    "`{}` has {channels} channels and was given {} samples, which are not whole \
                     frames; nothing was written",
                    self.name,
                    samples.len()
                ),
            ));
        }
        let at_once = BLOCK / self.frame_bytes() * channels;
        samples.chunks(at_once).try_for_each(|some| self.write_block(some))
    }

    /// Makes the header true: whoever opens the file now finds everything written so
    /// far. Handed to the system, not synced to the disk. On a medium that is
    /// [append-only](Medium::is_append_only) the header gives no length, and stays so.
    pub fn flush(&mut self) -> Result<(), BackendError> {
        let is_true = self.counted == self.frames && !self.lost_place;
        if is_true || self.file.is_append_only() {
            return Ok(());
        }
        self.put_header().map_err(|error| self.failed(&error))
    }

    /// Makes the header true and closes the file; returns its length in frames.
    pub fn finish(mut self) -> Result<u64, BackendError> {
        self.flush()?;
        Ok(self.frames)
    }

    fn write_block(&mut self, samples: &[f32]) -> Result<(), BackendError> {
        self.block.clear();
        match self.sample_type {
            SampleType::F32 => self.block.extend(samples.iter().flat_map(|s| s.to_le_bytes())),
            SampleType::I16 => {
                let narrow = samples.iter().map(|s| s.to_sample::<i16>());
                self.block.extend(narrow.flat_map(i16::to_le_bytes));
            }
        }
        self.append().map_err(|error| self.failed(&error))?;
        self.frames += (self.block.len() / self.frame_bytes()) as u64;
        // What was captured is in the file now, and nowhere else.
        self.block.fill(0);
        Ok(())
    }

    fn append(&mut self) -> io::Result<()> {
        self.find_place()?;
        self.lost_place = true;
        self.file.write_all(&self.block)?;
        self.lost_place = false;
        Ok(())
    }

    fn put_header(&mut self) -> io::Result<()> {
        self.find_place()?;
        let bytes = header(self.format, self.sample_type, self.frames);
        self.lost_place = true;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&bytes)?;
        self.counted = self.frames;
        self.find_place()
    }

    /// Goes to the end of the last whole frame and cuts off what a failed write may have
    /// left behind it.
    fn find_place(&mut self) -> io::Result<()> {
        if self.lost_place {
            let head = header_len(self.sample_type) as u64;
            let end = head + self.frames * self.frame_bytes() as u64;
            self.file.set_len(end)?;
            self.file.seek(SeekFrom::Start(end))?;
            self.lost_place = false;
        }
        Ok(())
    }

    fn frame_bytes(&self) -> usize {
        self.sample_type.bytes() * usize::from(self.format.channels)
    }

    fn failed(&self, error: &io::Error) -> BackendError {
        BackendError::new(
            BackendErrorKind::Failed,
            format!(
                "writing `{}` failed after {} frames: {error}; what is written before stays \
                 readable",
                self.name, self.frames
            ),
        )
    }
}

fn refuse_nonsense(name: &str, format: Format) -> Result<(), BackendError> {
    if format.is_valid() {
        return Ok(());
    }
    let message = format!("`{name}` cannot be written: {format} is no format for audio");
    Err(BackendError::new(BackendErrorKind::Failed, message))
}

impl Drop for WavWriter {
    fn drop(&mut self) {
        // Best effort: whoever wants to know calls `finish`.
        let _ = self.flush();
    }
}

impl std::fmt::Debug for WavWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WavWriter")
            .field("name", &self.name)
            .field("format", &self.format)
            .field("sample_type", &self.sample_type)
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

/// Bytes in front of the first sample; the same for any number of frames.
fn header_len(sample_type: SampleType) -> usize {
    match sample_type {
        SampleType::F32 => 94,
        SampleType::I16 => 80,
    }
}

/// The header of a file of `frames` frames: RIFF, or RF64 where 32 bits do not hold its
/// sizes.
fn header(format: Format, sample_type: SampleType, frames: u64) -> Vec<u8> {
    let frame = sample_type.bytes() as u64 * u64::from(format.channels);
    let data = frames * frame;
    let riff = header_len(sample_type) as u64 - 8 + data;
    let long = riff > u64::from(u32::MAX);
    // `u32::MAX` stands for "see `ds64`" in every field that overflows.
    let short = |size: u64| if long { u32::MAX } else { size as u32 }.to_le_bytes();

    let mut out = Vec::with_capacity(header_len(sample_type));
    out.extend(if long { b"RF64" } else { b"RIFF" });
    out.extend(short(riff));
    out.extend(b"WAVE");
    out.extend(reserve(long, riff, data, frames));
    out.extend(fmt_chunk(format, sample_type));
    if sample_type == SampleType::F32 {
        out.extend(b"fact\x04\0\0\0");
        out.extend(u32::try_from(frames).unwrap_or(u32::MAX).to_le_bytes());
    }
    out.extend(b"data");
    out.extend(short(data));
    out
}

/// The header of a stream, whose length its reader finds out.
fn open_header(format: Format, sample_type: SampleType) -> Vec<u8> {
    let mut out = header(format, sample_type, 0);
    let end = out.len();
    out[4..8].fill(0xff);
    out[end - 4..].fill(0xff);
    out
}

/// The 28 bytes kept free for long sizes, filled in only when they are needed.
fn reserve(long: bool, riff: u64, data: u64, frames: u64) -> Vec<u8> {
    let mut out = if long { b"ds64".to_vec() } else { b"JUNK".to_vec() };
    out.extend(28_u32.to_le_bytes());
    let sizes = if long { [riff, data, frames] } else { [0; 3] };
    out.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
    // No table of further long chunks.
    out.extend(0_u32.to_le_bytes());
    out
}

fn fmt_chunk(format: Format, sample_type: SampleType) -> Vec<u8> {
    // Only PCM may leave out the length of the extension that it does not have.
    let (tag, size) = match sample_type {
        SampleType::F32 => (3_u16, 18_u32),
        SampleType::I16 => (1, 16),
    };
    let frame = sample_type.bytes() as u16 * format.channels;
    let mut out = b"fmt ".to_vec();
    out.extend(size.to_le_bytes());
    out.extend(tag.to_le_bytes());
    out.extend(format.channels.to_le_bytes());
    out.extend(format.rate.to_le_bytes());
    out.extend((format.rate * u32::from(frame)).to_le_bytes());
    out.extend(frame.to_le_bytes());
    out.extend((sample_type.bytes() as u16 * 8).to_le_bytes());
    out.resize(8 + size as usize, 0);
    out
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read, Seek, Write};
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::wav::WavReader;

    const BOTH: [SampleType; 2] = [SampleType::F32, SampleType::I16];

    #[test]
    fn the_header_has_one_length_whatever_it_counts() {
        for kind in BOTH {
            for frames in [0, 1, 1 << 20, 1 << 31, 1 << 40] {
                let bytes = header(Format::stereo(48_000), kind, frames);
                assert_eq!(bytes.len(), header_len(kind), "{kind:?} {frames}");
            }
        }
    }

    /// What can only be appended to.
    #[derive(Clone, Default)]
    struct Tape(Arc<Mutex<Vec<u8>>>);

    impl Read for Tape {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    impl Write for Tape {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Tape {
        fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
            Err(io::ErrorKind::NotSeekable.into())
        }
    }

    impl Medium for Tape {
        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn set_len(&mut self, _: u64) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn is_append_only(&self) -> bool {
            true
        }
    }

    #[test]
    fn what_can_only_be_appended_to_gets_the_header_of_a_stream() {
        for kind in BOTH {
            let tape = Tape::default();
            let format = Format::mono(16_000);
            let mut writer = WavWriter::on(Box::new(tape.clone()), "tape", format, kind).unwrap();
            for _ in 0..3 {
                writer.write(&[0.5; 100]).unwrap();
                writer.flush().unwrap();
            }
            assert_eq!(writer.finish().unwrap(), 300);
            let bytes = tape.0.lock().unwrap().clone();
            assert_eq!(bytes.len(), header_len(kind) + 300 * kind.bytes());
            let mut reader = WavReader::new(Cursor::new(bytes)).unwrap();
            let mut samples = [0.0; 512];
            assert_eq!(reader.read(&mut samples).unwrap(), 300, "{:?}", reader.findings());
            assert_eq!(samples[..300], [0.5; 300]);
        }
    }

    #[test]
    fn past_4_gib_the_header_becomes_rf64_and_says_the_true_length() {
        for kind in BOTH {
            let format = Format::stereo(48_000);
            let frame = kind.bytes() as u64 * 2;
            // The last file whose outer size fits 32 bits, and the one after it.
            let last = (u64::from(u32::MAX) - (header_len(kind) as u64 - 8)) / frame;
            for (frames, id) in [(last, b"RIFF"), (last + 1, b"RF64"), (1 << 40, b"RF64")] {
                let bytes = header(format, kind, frames);
                assert_eq!(&bytes[..4], id, "{kind:?} {frames}");
                let reader = WavReader::new(Cursor::new(bytes)).expect("our own header");
                if frames != last {
                    assert_eq!(reader.frames_promised(), Some(frames));
                }
            }
        }
    }
}
