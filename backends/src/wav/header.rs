//! Everything of a WAV file before its first sample: what is said there, and how much
//! of it to believe.
//!
//! A header is a claim. Sizes in it are compared with the bytes that are really there
//! where that can be known, and nothing is ever allocated by one.

use tympan_core::Format;

use super::coding::Coding;
use super::foreign;
use super::source::Source;
use crate::BackendError;

/// More chunks than this in front of the audio are a trap, not a file.
const MOST_CHUNKS: u32 = 1024;
/// A chunk in front of the audio that claims more bytes than this is not skipped.
const LARGEST_CHUNK: u32 = 256 << 20;
/// What a size field holds that nobody has filled in, or that could not hold the size.
const UNKNOWN: u32 = u32::MAX;

/// What the header says, checked.
pub(super) struct Header {
    pub(super) format: Format,
    pub(super) coding: Coding,
    /// Bytes of audio, `None` if only the end of the input will tell.
    pub(super) length: Option<u64>,
    /// What was odd, as sentences.
    pub(super) findings: Vec<String>,
}

struct Chunk {
    /// Where its name stands.
    at: u64,
    id: [u8; 4],
    size: u32,
}

impl Chunk {
    fn name(&self) -> String {
        self.id.escape_ascii().to_string()
    }
}

/// What the first twelve bytes say.
struct Riff {
    /// RF64 and BW64 keep their sizes in a `ds64` chunk.
    wide: bool,
    size: u32,
}

/// Reads up to the first byte of audio.
pub(super) fn read(source: &mut Source) -> Result<Header, BackendError> {
    let riff = read_riff(source)?;
    let mut findings = Vec::new();
    let mut long_length = None;
    let mut described = None;
    for _ in 0..MOST_CHUNKS {
        let Some(chunk) = next_chunk(source)? else {
            return Err(no_audio(source, described.is_some()));
        };
        match &chunk.id {
            b"data" => {
                let Some((format, coding)) = described else {
                    return Err(source.unreadable(
                        "has its `data` chunk before any `fmt ` chunk, so that nothing says what \
                         the samples are; give it a header that begins with `fmt `",
                    ));
                };
                let length = audio_length(source, &riff, &chunk, long_length, &mut findings)?;
                return Ok(Header { format, coding, length, findings });
            }
            b"fmt " if described.is_none() => {
                described = Some(read_fmt(source, &chunk, &mut findings)?);
            }
            // It belongs behind the first twelve bytes; further ones say nothing.
            b"ds64" if riff.wide && chunk.at == 12 => {
                long_length = Some(read_ds64(source, &chunk)?);
            }
            _ => skip_rest(source, &chunk, 0)?,
        }
        skip_pad(source, &chunk)?;
    }
    Err(source.unreadable(&format!(
        "has {MOST_CHUNKS} chunks and none of them is audio; its header is damaged"
    )))
}

fn read_riff(source: &mut Source) -> Result<Riff, BackendError> {
    let mut start = [0; foreign::SNIFF];
    let got = source.take(&mut start)?;
    let is_wave = &start[8..] == b"WAVE";
    match &start[..4] {
        b"RIFF" | b"RF64" | b"BW64" if got == start.len() && is_wave => {
            Ok(Riff { wide: &start[..4] != b"RIFF", size: u32_at(&start, 4) })
        }
        _ => Err(foreign::refuse(source, &start[..got])),
    }
}

/// The next chunk's name and size, or `None` at the end of the input.
fn next_chunk(source: &mut Source) -> Result<Option<Chunk>, BackendError> {
    let at = source.at();
    let mut head = [0; 8];
    if source.take(&mut head)? < head.len() {
        return Ok(None);
    }
    let chunk = Chunk { at, id: [head[0], head[1], head[2], head[3]], size: u32_at(&head, 4) };
    if is_name(chunk.id) {
        return Ok(Some(chunk));
    }
    let name = chunk.name();
    Err(source.unreadable(&format!(
        "is damaged at byte {at}: where the name of a chunk should stand there is `{name}`"
    )))
}

fn is_name(id: [u8; 4]) -> bool {
    id.iter().all(|b| (0x20..0x7f).contains(b))
}

fn no_audio(source: &Source, has_fmt: bool) -> BackendError {
    let missing = if has_fmt { "`data`" } else { "`fmt `" };
    source.unreadable(&format!(
        "ends after {} bytes, inside its header, without a {missing} chunk: there is no audio in \
         it; record or copy it again",
        source.at()
    ))
}

/// Passes over what is left of a chunk of which `used` bytes were read.
fn skip_rest(source: &mut Source, chunk: &Chunk, used: usize) -> Result<(), BackendError> {
    let (name, size, at) = (chunk.name(), chunk.size, chunk.at);
    if size > LARGEST_CHUNK {
        return Err(source.unreadable(&format!(
            "is damaged: its `{name}` chunk at byte {at} claims {size} bytes; record or copy it \
             again"
        )));
    }
    let rest = u64::from(size).saturating_sub(used as u64);
    let passed = source.skip(rest)?;
    if passed == rest {
        return Ok(());
    }
    Err(source.unreadable(&format!(
        "ends inside its `{name}` chunk, which claims {size} bytes and has {}; there is no audio \
         after it; record or copy it again",
        used as u64 + passed
    )))
}

/// Passes over the byte that makes a chunk's length even, if its writer wrote one.
///
/// Some do not. Then the byte in its place is the first letter of the next name, which
/// is believed only for names that every reader knows.
fn skip_pad(source: &mut Source, chunk: &Chunk) -> Result<(), BackendError> {
    const COMMON: [&[u8; 4]; 8] =
        [b"fmt ", b"data", b"LIST", b"fact", b"bext", b"JUNK", b"PEAK", b"iXML"];
    if chunk.size.is_multiple_of(2) {
        return Ok(());
    }
    let mut next = [0; 4];
    let got = source.take(&mut next)?;
    let unpadded = COMMON.iter().any(|name| name.as_slice() == &next[..got]);
    source.put_back(&next[usize::from(!unpadded).min(got)..got]);
    Ok(())
}

/// The length of the audio by a `ds64` chunk.
fn read_ds64(source: &mut Source, chunk: &Chunk) -> Result<u64, BackendError> {
    let mut body = [0; 28];
    let want = body.len().min(chunk.size as usize);
    let got = source.take(&mut body[..want])?;
    skip_rest(source, chunk, got)?;
    if got < 16 {
        return Err(source.unreadable(&format!(
            "is damaged: its `ds64` chunk has {got} bytes where 28 are due"
        )));
    }
    Ok(u64::from(u32_at(&body, 8)) | u64::from(u32_at(&body, 12)) << 32)
}

fn read_fmt(
    source: &mut Source,
    chunk: &Chunk,
    findings: &mut Vec<String>,
) -> Result<(Format, Coding), BackendError> {
    let mut body = [0; 40];
    let want = body.len().min(chunk.size as usize);
    let got = source.take(&mut body[..want])?;
    skip_rest(source, chunk, got)?;
    if got < 16 {
        return Err(source.unreadable(&format!(
            "is damaged: its `fmt ` chunk has {got} bytes where at least 16 are due"
        )));
    }
    let format = Format::new(u32_at(&body, 4), u16_at(&body, 2));
    check_format(source, format)?;
    let coding = Coding::from_fmt(source, format.channels, &body[..got], findings)?;
    Ok((format, coding))
}

fn check_format(source: &Source, format: Format) -> Result<(), BackendError> {
    let Format { rate, channels } = format;
    if format.is_valid() {
        return Ok(());
    }
    let (most, low, high) = (Format::MAX_CHANNELS, Format::MIN_RATE, Format::MAX_RATE);
    let what = if (1..=most).contains(&channels) {
        format!("claims a rate of {rate} Hz; {low} to {high} Hz can be read")
    } else {
        format!("claims {channels} channels; 1 to {most} can be read")
    };
    Err(source.unreadable(&format!(
        "{what}. If its header is damaged, write it anew with the true value"
    )))
}

/// How many bytes of audio follow, standing at the first of them.
fn audio_length(
    source: &mut Source,
    riff: &Riff,
    chunk: &Chunk,
    long_length: Option<u64>,
    findings: &mut Vec<String>,
) -> Result<Option<u64>, BackendError> {
    let size = chunk.size;
    let there = source.ahead_in_file();
    if let (true, UNKNOWN, Some(long)) = (riff.wide, size, long_length)
        && (1..1 << 62).contains(&long)
    {
        return Ok(Some(long));
    }
    if size == 0 && is_really_empty(source, riff)? {
        return Ok(Some(0));
    }
    let fits = there.is_some_and(|there| there >= u64::from(size));
    if size == 0 || size == UNKNOWN || (is_placeholder(size) && !fits) {
        findings.push(format!(
            "The header gives no length (its `data` size is {size:#x}), as writers leave it that \
             were killed or wrote to a pipe: read to the end of the file."
        ));
        return Ok(None);
    }
    let wrapped = there.map_or(0, |there| overflow(there, size));
    if wrapped > 0 {
        findings.push(format!(
            "The file has outgrown its 32-bit header, which says {size} bytes of audio where \
             there are {}: read whole.",
            u64::from(size) + wrapped
        ));
    }
    Ok(Some(u64::from(size) + wrapped))
}

/// Sizes that mean "very long" to writers that cannot go back: 2 GiB or 4 GiB, less
/// about a header.
fn is_placeholder(size: u32) -> bool {
    size >= 0xffff_0000 || (0x7fff_0000..=0x8000_0000).contains(&size)
}

/// What a size must be raised by if `there` bytes follow and the size has wrapped
/// around: exactly the file's length is missing, in whole turns of 4 GiB.
fn overflow(there: u64, size: u32) -> u64 {
    let beyond = there.saturating_sub(u64::from(size));
    let (turns, rest) = (beyond >> 32, beyond & u64::from(u32::MAX));
    // One byte may be left over: the padding of an odd length.
    if rest <= 1 { turns << 32 } else { 0 }
}

/// Whether a `data` size of zero is the truth. It is not when bytes follow, unless the
/// outer size counts them and they are a chunk that fits: a killed writer's outer size
/// stops here.
fn is_really_empty(source: &mut Source, riff: &Riff) -> Result<bool, BackendError> {
    let here = source.at();
    let mut next = [0; 8];
    let got = source.take(&mut next)?;
    source.put_back(&next[..got]);
    if got == 0 {
        return Ok(true);
    }
    let end = u64::from(riff.size) + 8;
    let chunk_end = here + 8 + u64::from(u32_at(&next, 4));
    let name = [next[0], next[1], next[2], next[3]];
    let counted = riff.size != UNKNOWN && got == 8 && chunk_end <= end + 1;
    Ok(counted && is_name(name))
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_wrapped_at_4_gib_is_unwrapped_and_nothing_else_is() {
        let four = 1_u64 << 32;
        assert_eq!(overflow(four + 1000, 1000), four);
        assert_eq!(overflow(2 * four + 1001, 1000), 2 * four);
        assert_eq!(overflow(four + 1044, 1000), 0, "trailing chunks");
        assert_eq!(overflow(1001, 1000), 0, "padding");
        assert_eq!(overflow(10, 1000), 0, "cut short");
    }
}
