//! What a file is that is not a WAV file, by its first bytes, and how to make it one.

use std::path::Path;

use super::source::Source;
use crate::BackendError;

/// How many first bytes tell a WAV file from everything else.
pub(super) const SNIFF: usize = 12;

/// The refusal of an input that starts with `start`, which has fewer than [`SNIFF`]
/// bytes only if the input has no more.
pub(super) fn refuse(source: &Source, start: &[u8]) -> BackendError {
    if start.is_empty() {
        return source.unreadable("is empty: not one byte, no audio; record or copy it again");
    }
    if let Some(what) = known(start) {
        let hint = convert(source, "");
        return source.unreadable(&format!(
            "is not a WAV file: it starts with {what}; convert it to WAV first, {hint}"
        ));
    }
    if start.len() < SNIFF {
        return source.unreadable(&format!(
            "is too short to be a WAV file: {} bytes, where the shortest header has 44; \
             record or copy it again",
            start.len()
        ));
    }
    if start.starts_with(b"version http") {
        return source.unreadable(
            "is not a WAV file but a Git LFS pointer to one; fetch it with `git lfs pull`",
        );
    }
    if start.iter().all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) {
        return source.unreadable(&format!(
            "is not a WAV file: it starts like a text, `{}`; give it a WAV file",
            String::from_utf8_lossy(start).escape_debug()
        ));
    }
    headerless(source, start)
}

/// Neither a header we know nor a text: most often PCM whose header was never written.
fn headerless(source: &Source, start: &[u8]) -> BackendError {
    let bytes: Vec<String> = start[..8].iter().map(|b| format!("{b:02x}")).collect();
    let hint = convert(source, "-f s16le -ar 16000 -ac 1 ");
    source.unreadable(&format!(
        "has no header that we know: it starts with the bytes {}. If it is raw PCM, give it \
         a WAV header that names its true rate and channels, {hint}",
        bytes.join(" ")
    ))
}

/// Whether that is the start of something common.
#[cfg(feature = "decode")]
pub(super) fn is_known(start: &[u8]) -> bool {
    known(start).is_some()
}

/// Names what begins like this, if it is something common.
fn known(start: &[u8]) -> Option<String> {
    let names: [(&[u8], &str); 14] = [
        (b"OggS", "an Ogg page (Opus or Vorbis)"),
        (b"fLaC", "a FLAC header"),
        (b"ID3", "an ID3 tag (MP3)"),
        (b"FORM", "an AIFF `FORM` chunk"),
        (b"caff", "a Core Audio Format (CAF) header"),
        (b"\x1a\x45\xdf\xa3", "a Matroska or WebM header"),
        (b"#!AMR", "an AMR header"),
        (b"#!SILK", "a SILK header"),
        (b".snd", "a Sun AU header"),
        (b"riff\x2e\x91\xcf\x11", "a Sony Wave64 header"),
        (b"RIFX", "a big-endian `RIFX` header"),
        (b"wvpk", "a WavPack block"),
        (b"MThd", "a MIDI header"),
        (b"\x30\x26\xb2\x75", "an ASF header (WMA)"),
    ];
    if let Some((_, name)) = names.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Some((*name).to_owned());
    }
    riff(start).or_else(|| mp4(start)).or_else(|| mpeg(start))
}

fn riff(start: &[u8]) -> Option<String> {
    let kind = start.get(8..12)?;
    start
        .starts_with(b"RIFF")
        .then(|| format!("a RIFF header of the kind `{}`", kind.escape_ascii()))
}

fn mp4(start: &[u8]) -> Option<String> {
    let boxes: [&[u8; 4]; 8] =
        [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"moof"];
    let name = start.get(4..8)?;
    boxes
        .iter()
        .any(|known| known.as_slice() == name)
        .then(|| format!("an MP4 `{}` box", name.escape_ascii()))
}

/// A bare MPEG stream has no name, only eleven set bits and fields with holes in them.
fn mpeg(start: &[u8]) -> Option<String> {
    let &[0xff, second, third, ..] = start else {
        return None;
    };
    if second & 0xf6 == 0xf0 {
        return Some("an AAC (ADTS) frame".to_owned());
    }
    let layer = second & 0x06 != 0;
    let version = second & 0x18 != 0x08;
    let bitrate = third >> 4 != 0 && third >> 4 != 15;
    let rate = third & 0x0c != 0x0c;
    (second & 0xe0 == 0xe0 && layer && version && bitrate && rate)
        .then(|| "an MPEG audio (MP3) frame".to_owned())
}

/// The words that show how to convert; `options` stand before the input.
pub(super) fn convert(source: &Source, options: &str) -> String {
    if !source.is_path() {
        return format!("for example with `ffmpeg {options}-i INPUT -f wav -` in front of it");
    }
    let path = Path::new(source.name());
    let is_wav = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("wav"));
    let out = if is_wav {
        // The result must not be written over what it is made from.
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        path.with_file_name(format!("{stem}-converted.wav"))
    } else {
        path.with_extension("wav")
    };
    let (from, to) = (quoted(source.name()), quoted(&out.to_string_lossy()));
    format!("for example with `ffmpeg {options}-i {from} {to}`")
}

/// A path as a POSIX shell takes it in one piece.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=,:@%".contains(c);
    if path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}
