//! What an MP4 file says to leave out at its ends: the edit list, and where there is none
//! what Apple's encoders say in a comment.
//!
//! symphonia reads neither. Of the whole file only a few boxes are looked at, none of whose
//! sizes is believed further than the file goes.

use std::io::{self, Read, Seek, SeekFrom};

/// Largest index that is looked at: an hour of 20 ms packets has less than a megabyte.
const MOST: u64 = 64 << 20;

/// How much is left out, in frames once the rate is known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Edits {
    /// Left out in front, in ticks of the media's clock.
    start: u64,
    media: u32,
    /// Played, in ticks of the film's clock, 0 if all of it.
    length: u64,
    film: u32,
    /// In frames: what is still to be left out, and still to be played.
    skip: u64,
    left: Option<u64>,
}

impl Edits {
    /// From here on in frames of this rate.
    pub(super) fn fit(&mut self, rate: u32) {
        let frames = |ticks: u64, clock: u32| {
            (u128::from(ticks) * u128::from(rate) / u128::from(clock.max(1))) as u64
        };
        self.skip = frames(self.start, self.media);
        // A film's clock is coarse: what it rounds off is still played.
        let finest = self.film >= rate;
        let length = if finest { self.length } else { self.length + 1 };
        self.left = (self.length > 0 && self.film > 0).then(|| frames(length, self.film));
    }

    /// Leaves out so many frames more.
    pub(super) fn skip(&mut self, frames: u64) {
        self.skip += frames;
    }

    /// Of so many frames, how many are left out in front and how many are played.
    pub(super) fn pass(&mut self, frames: u64) -> (u64, u64) {
        let skip = frames.min(self.skip);
        self.skip -= skip;
        let keep = (frames - skip).min(self.left.unwrap_or(u64::MAX));
        self.left = self.left.map(|left| left - keep);
        (skip, keep)
    }

    /// How many of all frames are played.
    pub(super) fn length(&self, frames: u64) -> u64 {
        frames.saturating_sub(self.skip).min(self.left.unwrap_or(u64::MAX))
    }
}

/// The edits of a file; none of one that is no MP4.
pub(super) fn of(file: &mut (impl Read + Seek)) -> io::Result<Edits> {
    let end = file.seek(SeekFrom::End(0))?;
    let mut at = 0;
    while let Some((kind, body, next)) = head(file, at, end)? {
        // The first box of an MP4 has a name that others do not begin with.
        if at == 0 && !matches!(&kind, b"ftyp" | b"moov" | b"mdat" | b"free" | b"skip" | b"wide") {
            return Ok(Edits::default());
        }
        if &kind == b"moov" && next - body <= MOST {
            let mut index = vec![0; (next - body) as usize];
            file.seek(SeekFrom::Start(body))?;
            file.read_exact(&mut index)?;
            return Ok(in_index(&index).unwrap_or_default());
        }
        at = next;
    }
    Ok(Edits::default())
}

/// Kind, body and end of the box at `at`.
fn head(
    file: &mut (impl Read + Seek),
    at: u64,
    end: u64,
) -> io::Result<Option<([u8; 4], u64, u64)>> {
    if end.saturating_sub(at) < 8 {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(at))?;
    let mut first = [0; 8];
    file.read_exact(&mut first)?;
    let [a, b, c, d, kind @ ..] = first;
    let (size, body) = match u32::from_be_bytes([a, b, c, d]) {
        0 => (end - at, at + 8),
        1 => {
            let mut long = [0; 8];
            if file.read_exact(&mut long).is_err() {
                return Ok(None);
            }
            (u64::from_be_bytes(long), at + 16)
        }
        size => (u64::from(size), at + 8),
    };
    let next = at.saturating_add(size);
    Ok((next >= body && next <= end).then_some((kind, body, next)))
}

/// The boxes in a piece of an index.
fn boxes(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (size, more) = rest.split_first_chunk::<4>()?;
        let (kind, _) = more.split_first_chunk::<4>()?;
        let size = u32::from_be_bytes(*size) as usize;
        let body = rest.get(8..size)?;
        rest = &rest[size..];
        Some((*kind, body))
    })
}

fn inside<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |bytes, kind| {
        boxes(bytes).find(|(found, _)| found == *kind).map(|(_, body)| body)
    })
}

/// The clock of an `mvhd` or `mdhd`.
fn clock(body: &[u8]) -> Option<u32> {
    number(body, if *body.first()? == 1 { 20 } else { 12 }, 4).map(|clock| clock as u32)
}

fn number(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + size)?;
    Some(bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

fn in_index(moov: &[u8]) -> Option<Edits> {
    let is_sound = |trak: &[u8]| {
        inside(trak, &[b"mdia", b"hdlr"]).and_then(|body| body.get(8..12)) == Some(b"soun")
    };
    let mut tracks = boxes(moov).filter(|(kind, body)| kind == b"trak" && is_sound(body));
    let (_, trak) = tracks.next()?;
    let media = clock(inside(trak, &[b"mdia", b"mdhd"])?)?;
    let film = clock(inside(moov, &[b"mvhd"])?)?;
    let edits = Edits { media, film, ..Edits::default() };
    if let Some(list) = inside(trak, &[b"edts", b"elst"]) {
        return listed(list, edits).or(Some(edits));
    }
    Some(commented(moov).map_or(edits, |(start, length)| Edits {
        start,
        length,
        // Here both are counted in frames.
        film: media,
        ..edits
    }))
}

/// The edit that plays. An empty one before it is a pause that nobody captured.
fn listed(list: &[u8], edits: Edits) -> Option<Edits> {
    let wide = *list.first()? == 1;
    let (each, size) = if wide { (20, 8) } else { (12, 4) };
    let empty = if wide { u64::MAX } else { u64::from(u32::MAX) };
    let count = number(list, 4, 4)?;
    for at in (8..).step_by(each).take(count.min(64) as usize) {
        let (length, start) = (number(list, at, size)?, number(list, at + size, size)?);
        if start != empty {
            return Some(Edits { start, length, ..edits });
        }
    }
    None
}

/// `iTunSMPB`: hexadecimal words, of which the second to fourth are what is before, what is
/// behind, and how much there is.
fn commented(moov: &[u8]) -> Option<(u64, u64)> {
    let udta = inside(moov, &[b"udta"])?;
    let meta = inside(udta, &[b"meta"])?.get(4..)?;
    let comments = boxes(inside(meta, &[b"ilst"])?).filter(|(kind, _)| kind == b"----");
    let mut found = comments.filter_map(|(_, body)| {
        let name = inside(body, &[b"name"])?.get(4..)?;
        (name == b"iTunSMPB").then(|| inside(body, &[b"data"])?.get(8..)).flatten()
    });
    let text = std::str::from_utf8(found.next()?).ok()?;
    let mut words = text.split_ascii_whitespace().map(|word| u64::from_str_radix(word, 16).ok());
    let (_, start, _, length) = (words.next()??, words.next()??, words.next()??, words.next()??);
    Some((start, length))
}
