//! WAV files, read with suspicion and written so that a crash costs little.
//!
//! The reader takes what recorders really leave behind: headers that promise more than
//! there is, lengths that were never filled in, formats in odd containers, and pipes
//! that cannot seek. Whatever it had to make up its mind about, it says afterwards in
//! [`WavReader::findings`]; whatever it cannot read, it refuses with a sentence that
//! names the way out. It never believes a size: no input makes it panic, allocate by
//! a number from the file, or run for ever.
//!
//! ```
//! # use tympan_backends::wav::{SampleType, WavReader, WavWriter};
//! # use tympan_core::Format;
//! # fn main() -> Result<(), tympan_backends::BackendError> {
//! # let path = std::env::temp_dir().join(format!("tympan-doc-{}.wav", std::process::id()));
//! let mut writer = WavWriter::create(&path, Format::mono(16_000), SampleType::I16, true)?;
//! writer.write(&[0.0, 0.25, -0.25])?;
//! assert_eq!(writer.finish()?, 3);
//!
//! let mut reader = WavReader::open(&path)?;
//! let mut samples = [0.0; 8];
//! assert_eq!(reader.read(&mut samples)?, 3);
//! assert_eq!(samples[..3], [0.0, 0.25, -0.25]);
//! assert!(reader.findings().is_empty());
//! # std::fs::remove_file(&path).ok();
//! # Ok(())
//! # }
//! ```

mod coding;
mod foreign;
mod header;
mod source;
mod writer;

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use tympan_core::Format;

use crate::{BackendError, BackendErrorKind};
use coding::Coding;
use source::Source;

pub use writer::{SampleType, WavWriter};

/// Whether bytes begin like a usual sort of audio that is not WAV.
#[cfg(feature = "decode")]
pub(crate) fn is_foreign(start: &[u8]) -> bool {
    foreign::is_known(start)
}

/// Bytes fetched at a time; a multiple of nothing, but many of the largest frames.
const BLOCK: usize = 16 * 1024;

/// Reads a WAV file or stream from its first frame to its last.
///
/// Integer PCM of 8 to 32 bits and float of 32 and 64 bits are read, in RIFF, RF64 and
/// BW64, with plain or extensible headers.
pub struct WavReader {
    source: Source,
    format: Format,
    coding: Coding,
    /// Bytes of audio not read yet, `None` where only the end of the input will tell.
    left: Option<u64>,
    promised: Option<u64>,
    frames: u64,
    ended: bool,
    /// Why reading broke off. Kept, because frames may come before it in the same call.
    failed: Option<BackendError>,
    findings: Vec<String>,
    block: Vec<u8>,
}

impl WavReader {
    /// Opens a file and reads its header.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BackendError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let cannot = |error: &io::Error| cannot_open(&name, error);
        if fs::metadata(path).map_err(|error| cannot(&error))?.is_dir() {
            return Err(BackendError::new(
                BackendErrorKind::Unreadable,
                format!("`{name}` is a folder; name a file in it"),
            ));
        }
        let file = fs::File::open(path).map_err(|error| cannot(&error))?;
        Self::from_source(Source::file(&name, file))
    }

    /// Reads the header from a stream, which need not be able to seek: a pipe, standard
    /// input, bytes in memory.
    pub fn new(input: impl Read + Send + 'static) -> Result<Self, BackendError> {
        Self::named("input", input)
    }

    /// As [`new`](Self::new), with the name that messages shall call it by.
    pub fn named(name: &str, input: impl Read + Send + 'static) -> Result<Self, BackendError> {
        Self::from_source(Source::stream(name, input))
    }

    fn from_source(mut source: Source) -> Result<Self, BackendError> {
        let header = header::read(&mut source)?;
        let frame = header.coding.bytes() * usize::from(header.format.channels);
        Ok(Self {
            source,
            format: header.format,
            coding: header.coding,
            left: header.length,
            promised: header.length.map(|bytes| bytes / frame as u64),
            frames: 0,
            ended: false,
            failed: None,
            findings: header.findings,
            block: vec![0; BLOCK / frame * frame],
        })
    }

    /// The rate and channels of what is read.
    pub fn format(&self) -> Format {
        self.format
    }

    /// How many frames the header promises, `None` if it has no usable length. A
    /// promise: there may be fewer.
    pub fn frames_promised(&self) -> Option<u64> {
        self.promised
    }

    /// How many frames were read so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// What was odd about the file, as sentences; complete once `read` has returned 0.
    pub fn findings(&self) -> &[String] {
        &self.findings
    }

    /// Reads interleaved samples until `out` holds as many whole frames as fit or the
    /// audio ends, and returns the number of frames; 0 is the end.
    ///
    /// `out` must have room for a frame. What of it was not filled is left as it was.
    /// When the input fails half-way, the frames before that are returned first and
    /// the error by the next call.
    pub fn read(&mut self, out: &mut [f32]) -> Result<usize, BackendError> {
        let channels = usize::from(self.format.channels);
        let wanted = out.len() / channels;
        let mut done = 0;
        while done < wanted && !self.ended && self.failed.is_none() {
            done += self.read_block(&mut out[done * channels..wanted * channels]);
        }
        match &self.failed {
            Some(error) if done == 0 => Err(error.clone()),
            _ => Ok(done),
        }
    }

    /// Reads what fits into a block and into `out`; returns whole frames.
    fn read_block(&mut self, out: &mut [f32]) -> usize {
        let frame = self.frame_bytes();
        let fits = out.len() / usize::from(self.format.channels) * frame;
        let fits = fits.min(self.block.len());
        let allowed = self.left.map_or(fits, |left| left.min(fits as u64) as usize);
        let want = allowed / frame * frame;
        let (got, outcome) = self.source.fill(&mut self.block[..want]);
        let frames = got / frame;
        self.coding.decode(&self.block[..frames * frame], out);
        self.frames += frames as u64;
        self.left = self.left.map(|left| left - got as u64);
        if let Err(error) = outcome {
            self.failed = Some(self.source.failed(&error));
        } else if want == 0 || got < want {
            self.end(got % frame);
        }
        frames
    }

    fn frame_bytes(&self) -> usize {
        self.coding.bytes() * usize::from(self.format.channels)
    }

    /// Compares what was promised with what came; `cut` bytes of a frame came last.
    fn end(&mut self, cut: usize) {
        self.ended = true;
        let frame = self.frame_bytes() as u64;
        let missing = self.promised.map_or(0, |promised| promised.saturating_sub(self.frames));
        if missing > 0 {
            self.findings.push(format!(
                "The header promises {}, the file ends after {}: {} frames ({:.3} s) are missing.",
                self.frames + missing,
                self.frames,
                missing,
                missing as f64 / f64::from(self.format.rate)
            ));
        }
        let cut = match self.left {
            // The promised length itself is not whole frames.
            Some(left) if missing == 0 => self.source.skip(left).unwrap_or(0),
            _ => cut as u64,
        };
        if cut > 0 {
            self.findings.push(format!(
                "The last frame is incomplete ({cut} of {frame} bytes) and was left out."
            ));
        }
        if missing == 0 {
            self.look_behind((self.frames * frame + cut) % 2);
        }
    }

    /// Says so if the file goes on after its audio and `pad` with something that is no
    /// chunk.
    ///
    /// Only where the length is known: a pipe might make us wait for bytes that do not
    /// concern us.
    fn look_behind(&mut self, pad: u64) {
        let Some(beyond) = self.source.ahead_in_file().filter(|n| *n > pad) else {
            return;
        };
        let mut next = [0; 5];
        let (got, _) = self.source.fill(&mut next);
        // Not every writer pads, so that a name may begin a byte early.
        let mut names = next[..got].windows(4).take(1 + pad as usize);
        if names.any(|name| name.iter().all(|b| b.is_ascii_graphic() || *b == b' ')) {
            return;
        }
        self.findings.push(format!(
            "{beyond} bytes follow the audio that the header counts and are no chunk, room for {} \
             more frames, as a writer leaves them that was killed after its last header; not read.",
            beyond / self.frame_bytes() as u64
        ));
    }
}

impl fmt::Debug for WavReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WavReader")
            .field("name", &self.source.name())
            .field("format", &self.format)
            .field("coding", &self.coding)
            .field("promised", &self.promised)
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

/// Why a file could not be opened, for the person who named it.
fn cannot_open(name: &str, error: &io::Error) -> BackendError {
    match error.kind() {
        io::ErrorKind::NotFound => BackendError::new(
            BackendErrorKind::NotFound,
            format!("there is no file `{name}`; check the path"),
        ),
        io::ErrorKind::PermissionDenied => BackendError::new(
            BackendErrorKind::Permission,
            format!("`{name}` may not be read; change its permissions or run as its owner"),
        ),
        _ => BackendError::new(
            BackendErrorKind::Failed,
            format!("`{name}` could not be opened: {error}"),
        ),
    }
}
