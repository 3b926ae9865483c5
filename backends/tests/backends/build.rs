//! WAV files built byte by byte, right or wrong, and places to put them.

use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use tympan_backends::BackendError;
use tympan_backends::wav::WavReader;

/// A header and what it is about; every field can be made to lie.
#[derive(Clone, Debug)]
pub(crate) struct Wav {
    pub(crate) riff: [u8; 4],
    pub(crate) riff_size: Option<u32>,
    pub(crate) fmt: Vec<u8>,
    /// Chunks in front of `fmt ` and between it and `data`, already as bytes.
    pub(crate) first: Vec<u8>,
    pub(crate) between: Vec<u8>,
    pub(crate) data_size: Option<u32>,
    pub(crate) data: Vec<u8>,
    pub(crate) after: Vec<u8>,
}

impl Wav {
    pub(crate) fn new(fmt: Vec<u8>, data: Vec<u8>) -> Self {
        Self {
            riff: *b"RIFF",
            riff_size: None,
            fmt,
            first: Vec::new(),
            between: Vec::new(),
            data_size: None,
            data,
            after: Vec::new(),
        }
    }

    /// 16-bit mono at 16 kHz: sample `n` is `n`.
    pub(crate) fn count(frames: i16) -> Self {
        Self::new(fmt(1, 1, 16_000, 16), (0..frames).flat_map(i16::to_le_bytes).collect())
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = b"WAVE".to_vec();
        out.extend(&self.first);
        out.extend(chunk(*b"fmt ", &self.fmt));
        out.extend(&self.between);
        out.extend(b"data");
        out.extend(self.data_size.unwrap_or(self.data.len() as u32).to_le_bytes());
        out.extend(&self.data);
        out.extend(&self.after);
        let size = self.riff_size.unwrap_or(out.len() as u32);
        [&self.riff[..], &size.to_le_bytes(), &out].concat()
    }

    pub(crate) fn read(&self) -> Result<Whole, BackendError> {
        read(self.bytes())
    }
}

/// A chunk with its padding.
pub(crate) fn chunk(id: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut out = [&id[..], &(body.len() as u32).to_le_bytes(), body].concat();
    out.resize(out.len().next_multiple_of(2), 0);
    out
}

/// A plain `fmt ` chunk's body, consistent with itself.
pub(crate) fn fmt(tag: u16, channels: u16, rate: u32, bits: u16) -> Vec<u8> {
    let align = channels.wrapping_mul(bits.div_ceil(8));
    fmt_with(tag, channels, rate, bits, align)
}

pub(crate) fn fmt_with(tag: u16, channels: u16, rate: u32, bits: u16, align: u16) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(tag.to_le_bytes());
    out.extend(channels.to_le_bytes());
    out.extend(rate.to_le_bytes());
    out.extend(rate.wrapping_mul(u32::from(align)).to_le_bytes());
    out.extend(align.to_le_bytes());
    out.extend(bits.to_le_bytes());
    out
}

/// An extensible `fmt ` chunk's body.
pub(crate) fn extensible(tag: u16, channels: u16, rate: u32, bits: u16, valid: u16) -> Vec<u8> {
    let mut out = fmt(0xfffe, channels, rate, bits);
    out.extend(22_u16.to_le_bytes());
    out.extend(valid.to_le_bytes());
    out.extend(0_u32.to_le_bytes());
    out.extend(tag.to_le_bytes());
    out.extend([0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]);
    out
}

/// Everything a file gave.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) reader: WavReader,
    pub(crate) samples: Vec<f32>,
}

impl Whole {
    pub(crate) fn frames(&self) -> u64 {
        self.reader.frames()
    }

    pub(crate) fn findings(&self) -> String {
        self.reader.findings().join(" ")
    }
}

pub(crate) fn read(bytes: Vec<u8>) -> Result<Whole, BackendError> {
    drain(WavReader::new(Cursor::new(bytes))?)
}

pub(crate) fn read_path(path: &Path) -> Result<Whole, BackendError> {
    drain(WavReader::open(path)?)
}

fn drain(mut reader: WavReader) -> Result<Whole, BackendError> {
    let channels = usize::from(reader.format().channels);
    let mut samples = Vec::new();
    // An odd size, so that borders fall everywhere.
    let mut block = vec![0.0; 1009 * channels];
    loop {
        match reader.read(&mut block)? {
            0 => return Ok(Whole { reader, samples }),
            frames => samples.extend(&block[..frames * channels]),
        }
    }
}

/// Reads in small bites and is interrupted now and then, as a pipe is.
pub(crate) struct Bites {
    pub(crate) inner: Cursor<Vec<u8>>,
    pub(crate) bite: usize,
    pub(crate) turn: u32,
}

impl Bites {
    pub(crate) fn new(bytes: Vec<u8>, bite: usize) -> Self {
        Self { inner: Cursor::new(bytes), bite, turn: 0 }
    }
}

impl Read for Bites {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.turn += 1;
        if self.turn.is_multiple_of(3) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let n = out.len().min(self.bite);
        self.inner.read(&mut out[..n])
    }
}

/// Gives some bytes and then breaks.
pub(crate) struct Breaks(pub(crate) Cursor<Vec<u8>>);

impl Read for Breaks {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.0.read(out)? {
            0 => Err(io::Error::other("cable pulled")),
            n => Ok(n),
        }
    }
}

/// A path for one test, gone afterwards.
pub(crate) struct Temp(pub(crate) PathBuf);

impl Temp {
    pub(crate) fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let unique = format!("{}-{number}-{name}", std::process::id());
        Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique))
    }

    pub(crate) fn with(name: &str, bytes: &[u8]) -> Self {
        let temp = Self::new(name);
        std::fs::write(&temp.0, bytes).expect("the build's own folder can be written");
        temp
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}
