//! How the samples of a WAV file are written, and how they become f32.

use dasp_sample::{I24, Sample};

use super::foreign;
use super::header::{u16_at, u32_at};
use super::source::Source;
use crate::BackendError;

const PCM: u16 = 0x0001;
const FLOAT: u16 = 0x0003;
const EXTENSIBLE: u16 = 0xfffe;
/// What follows the two bytes of a coding in the GUID that names it.
const GUID_TAIL: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];

/// The ways of writing a sample that are read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    U8,
    I16,
    I24,
    /// 24 bits at the low end of 32; what is above them means nothing.
    I24In32,
    I32,
    F32,
    F64,
}

impl Coding {
    /// Bytes of one sample of one channel.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::I16 => 2,
            Self::I24 => 3,
            Self::I24In32 | Self::I32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// What a `fmt ` chunk of at least 16 bytes says, or a sentence why it cannot be read.
    pub(super) fn from_fmt(
        source: &Source,
        channels: u16,
        fmt: &[u8],
        findings: &mut Vec<String>,
    ) -> Result<Self, BackendError> {
        let tag = tag(source, fmt)?;
        let (align, bits) = (u16_at(fmt, 12), u16_at(fmt, 14));
        let derived = bits.div_ceil(8).max(1);
        let bytes = if align == 0 {
            findings.push(format!(
                "The header gives a frame size of 0; {channels} x {derived} bytes were taken."
            ));
            derived
        } else {
            align / channels
        };
        let even = align.is_multiple_of(channels);
        match (tag, bits, bytes) {
            (PCM, 1..=8, 1) if even => Ok(Self::U8),
            (PCM, 9..=16, 2) if even => Ok(Self::I16),
            (PCM, 17..=24, 3) if even => Ok(Self::I24),
            // Samples with fewer bits than their container stand at its high end, by the
            // format's rules; 24 bits declared as such in 4 bytes are the exception,
            // because those who write that (ALSA's S24_LE) mean the low end.
            (PCM, 24, 4) if even => Ok(Self::I24In32),
            (PCM, 25..=32, 4) if even => Ok(Self::I32),
            (FLOAT, 32, 4) if even => Ok(Self::F32),
            (FLOAT, 64, 8) if even => Ok(Self::F64),
            (PCM | FLOAT, ..) => Err(contradiction(source, tag, channels, align, bits)),
            _ => Err(unknown(source, tag)),
        }
    }

    /// Converts whole samples; `out` has as many elements as `bytes` has samples.
    pub(super) fn decode(self, bytes: &[u8], out: &mut [f32]) {
        match self {
            Self::U8 => convert(bytes, out, |[b]| b.to_sample()),
            Self::I16 => convert(bytes, out, |b| i16::from_le_bytes(b).to_sample()),
            Self::I24 => convert(bytes, out, |[a, b, c]| i24([a, b, c])),
            Self::I24In32 => convert(bytes, out, |[a, b, c, _]| i24([a, b, c])),
            Self::I32 => convert(bytes, out, |b| i32::from_le_bytes(b).to_sample()),
            // Untouched, NaN and infinities too: the graph's entry counts and mends them.
            Self::F32 => convert(bytes, out, f32::from_le_bytes),
            Self::F64 => convert(bytes, out, |b| f64::from_le_bytes(b).to_sample()),
        }
    }
}

fn convert<const N: usize>(bytes: &[u8], out: &mut [f32], sample: impl Fn([u8; N]) -> f32) {
    let (samples, _) = bytes.as_chunks::<N>();
    for (to, from) in out.iter_mut().zip(samples) {
        *to = sample(*from);
    }
}

fn i24([a, b, c]: [u8; 3]) -> f32 {
    // The shift down carries the sign, so that the value is in range by construction.
    I24::new_unchecked(i32::from_le_bytes([0, a, b, c]) >> 8).to_sample()
}

/// The coding's number, looked up in the GUID where there is one.
fn tag(source: &Source, fmt: &[u8]) -> Result<u16, BackendError> {
    let tag = u16_at(fmt, 0);
    if tag != EXTENSIBLE {
        return Ok(tag);
    }
    if fmt.len() < 40 {
        return Err(source.unreadable(&format!(
            "is damaged: its `fmt ` chunk is of the extensible kind and has {} bytes where 40 are \
             due",
            fmt.len()
        )));
    }
    if fmt[26..40] == GUID_TAIL {
        return Ok(u16_at(fmt, 24));
    }
    let hint = foreign::convert(source, "");
    Err(source.unreadable(&format!(
        "is coded in a way that is not known here (sub-format {:#010x}-...); convert it to PCM \
         first, {hint}",
        u32_at(fmt, 24)
    )))
}

fn contradiction(source: &Source, tag: u16, channels: u16, align: u16, bits: u16) -> BackendError {
    let kind = if tag == PCM { "integer" } else { "float" };
    let hint = foreign::convert(source, "");
    source.unreadable(&format!(
        "says that a frame of {channels} {kind} samples of {bits} bits has {align} bytes, which \
         is no way of writing them that is known here; if a player can make sense of it, convert \
         it to PCM, {hint}"
    ))
}

fn unknown(source: &Source, tag: u16) -> BackendError {
    let name = match tag {
        0x0002 => "Microsoft ADPCM",
        0x0006 => "A-law",
        0x0007 => "mu-law",
        0x0011 => "IMA ADPCM",
        0x0031 => "GSM 6.10",
        0x0040 | 0x0045 => "G.726",
        0x0050 => "MPEG layer 1 or 2",
        0x0055 => "MP3",
        0x00ff | 0x1600 | 0x1610 => "AAC",
        0x0160..=0x0163 => "Windows Media Audio",
        0x2000 => "AC-3",
        0x566f | 0x674f..=0x6771 => "Vorbis",
        0x704f => "Opus",
        0xf1ac => "FLAC",
        _ => "a coding that is not known here",
    };
    let hint = foreign::convert(source, "");
    source.unreadable(&format!(
        "holds {name} (coding {tag:#06x}), not PCM or float; convert it first, {hint}"
    ))
}
