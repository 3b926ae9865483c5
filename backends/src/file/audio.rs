//! Who reads a file: our own reader of WAV, or whoever knows the rest.

use std::io::Read;
use std::path::Path;

use tympan_core::Format;

use crate::BackendError;
#[cfg(feature = "decode")]
use crate::decode::Decoder;
use crate::wav::WavReader;

pub(super) enum Audio {
    Wav(Box<WavReader>),
    #[cfg(feature = "decode")]
    Other(Box<Decoder>),
}

impl Audio {
    #[cfg(not(feature = "decode"))]
    pub(super) fn open(path: &Path) -> Result<Self, BackendError> {
        WavReader::open(path).map(Box::new).map(Self::Wav)
    }

    #[cfg(not(feature = "decode"))]
    pub(super) fn stream(
        name: &str,
        reader: impl Read + Send + 'static,
    ) -> Result<Self, BackendError> {
        WavReader::named(name, reader).map(Box::new).map(Self::Wav)
    }

    /// What our own reader cannot read is offered to the others. If it is nothing that they
    /// know either, ours says best what it is instead.
    #[cfg(feature = "decode")]
    pub(super) fn open(path: &Path) -> Result<Self, BackendError> {
        use crate::BackendErrorKind::Unreadable;
        let refusal = match WavReader::open(path) {
            Ok(wav) => return Ok(Self::Wav(Box::new(wav))),
            Err(refusal) if refusal.kind != Unreadable || path.is_dir() => return Err(refusal),
            Err(refusal) => refusal,
        };
        let mut head = Vec::new();
        let file = std::fs::File::open(path);
        // Where nothing can be read, the refusal says why.
        let _ = file.and_then(|file| file.take(HEAD).read_to_end(&mut head));
        match Decoder::open(path) {
            Ok(decoder) => Ok(Self::Other(Box::new(decoder))),
            Err(error) => Err(if is_foreign(&head) { error } else { refusal }),
        }
    }

    /// A stream is read once: its first bytes tell who reads it.
    #[cfg(feature = "decode")]
    pub(super) fn stream(
        name: &str,
        mut reader: impl Read + Send + 'static,
    ) -> Result<Self, BackendError> {
        let mut head = Vec::new();
        let read = reader.by_ref().take(HEAD).read_to_end(&mut head);
        // A failure here comes again in the reader that finds it.
        drop(read);
        let foreign = is_foreign(&head);
        let whole = std::io::Cursor::new(head.clone()).chain(reader);
        if foreign {
            Decoder::stream(name, &head, whole).map(|decoder| Self::Other(Box::new(decoder)))
        } else {
            WavReader::named(name, whole).map(Box::new).map(Self::Wav)
        }
    }

    pub(super) fn format(&self) -> Format {
        match self {
            Self::Wav(wav) => wav.format(),
            #[cfg(feature = "decode")]
            Self::Other(decoder) => decoder.format(),
        }
    }

    pub(super) fn frames_promised(&self) -> Option<u64> {
        match self {
            Self::Wav(wav) => wav.frames_promised(),
            #[cfg(feature = "decode")]
            Self::Other(decoder) => decoder.frames_promised(),
        }
    }

    pub(super) fn findings(&self) -> &[String] {
        match self {
            Self::Wav(wav) => wav.findings(),
            #[cfg(feature = "decode")]
            Self::Other(decoder) => decoder.findings(),
        }
    }

    pub(super) fn read(&mut self, out: &mut [f32]) -> Result<usize, BackendError> {
        match self {
            Self::Wav(wav) => wav.read(out),
            #[cfg(feature = "decode")]
            Self::Other(decoder) => decoder.read(out),
        }
    }
}

/// Bytes that tell a file's sort.
#[cfg(feature = "decode")]
const HEAD: u64 = 64;

/// Whether it begins like something that others read: another container, or a WAV file of
/// something else than plain samples.
#[cfg(feature = "decode")]
fn is_foreign(head: &[u8]) -> bool {
    if !head.starts_with(b"RIFF") || head.get(8..12) != Some(b"WAVE") {
        return crate::wav::is_foreign(head);
    }
    let tag = head.get(20..22).filter(|_| head.get(12..16) == Some(b"fmt "));
    // Plain samples, as integers, floats, or as the extension says.
    tag.is_some_and(|tag| !matches!(tag, [1 | 3, 0] | [0xfe, 0xff]))
}
