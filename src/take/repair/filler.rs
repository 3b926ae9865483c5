//! Pages of Opus that say nothing, for the place of pages that were destroyed.
//!
//! A hole in an Ogg file has a known length in bytes, in pages and in time: the page
//! behind it has a number and a granule. So pages can be made that fill it exactly: their
//! packets hold no frame, for which a decoder makes something up, and as much padding as
//! there are bytes. Nothing has to be moved, numbers stay in order, and the file keeps its
//! time.

use super::page;

/// Ticks of the longest packet: 120 ms.
const LONGEST: u64 = 5760;
/// The shortest frame there is.
pub(super) const SHORTEST: u64 = 120;

/// What is to be filled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hole {
    pub(super) bytes: u64,
    pub(super) pages: u32,
    /// Ticks of 48 kHz.
    pub(super) ticks: u64,
    /// The granule, the serial number and the number of the first page.
    pub(super) granule: u64,
    pub(super) serial: u32,
    pub(super) number: u32,
    /// The first byte of a packet beside the hole: what kind of frames its neighbours are.
    pub(super) like: u8,
    /// The first page is to be the comments, which were lost.
    pub(super) comments: bool,
}

impl Hole {
    /// The next page for the hole, which becomes smaller by it. None if it does not come
    /// out even.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        let each = self.bytes / u64::from(self.pages);
        let last = self.pages == 1;
        let spare = if last { 1 } else { 4 };
        // Some sizes no page can have; then a neighbour is larger instead.
        (0..spare)
            .find_map(|less| {
                let size = each.checked_sub(less)?;
                let (page, rest) = self.sized(size)?;
                if last {
                    return Some((page, rest));
                }
                (self.pages > 2 || rest.sized(rest.bytes).is_some()).then_some((page, rest))
            })
            .map(|(page, rest)| {
                *self = rest;
                page
            })
    }

    /// Whether pages can be made for all of it.
    pub(super) fn can_be_filled(mut self) -> bool {
        while self.pages > 0 {
            if self.next().is_none() {
                return false;
            }
        }
        self.bytes == 0
    }

    fn sized(&self, size: u64) -> Option<(Vec<u8>, Self)> {
        if size > page::LARGEST as u64 {
            return None;
        }
        let mut rest = *self;
        rest.bytes -= size;
        rest.pages -= 1;
        rest.number = rest.number.wrapping_add(1);
        rest.comments = false;
        let packets = if self.comments {
            vec![comments(size as usize)?]
        } else {
            let (frame, frames) = self.frames()?;
            rest.ticks -= frame * frames;
            rest.granule += frame * frames;
            silence(kind(self.like, frame), LONGEST / frame, frames, size as usize)?
        };
        let page = page::make(0, rest.granule, self.serial, self.number, &packets);
        (page.len() as u64 == size).then_some((page, rest))
    }

    /// The length of a frame in ticks and how many go onto the next page.
    fn frames(&self) -> Option<(u64, u64)> {
        let like = frame(self.like);
        let each = if self.ticks.is_multiple_of(like) { like } else { SHORTEST };
        let frames = self.ticks / each;
        let pages = u64::from(self.pages);
        (frames >= pages && self.ticks.is_multiple_of(each))
            .then(|| (each, frames.div_ceil(pages).min(frames + 1 - pages)))
    }
}

/// Ticks of a frame, as a packet's first byte says (RFC 6716, 3.1).
pub(super) fn frame(first: u8) -> u64 {
    let size = u64::from(first >> 3);
    match size {
        0..12 => [480, 960, 1920, 2880][size as usize % 4],
        12..16 => [480, 960][size as usize % 2],
        _ => 120 << (size % 4),
    }
}

/// Ticks of packets, by the first two bytes of each.
pub(super) fn ticks(packets: &[(u8, u8)]) -> u64 {
    let duration = |(first, second): &(u8, u8)| {
        let frames = match first & 3 {
            0 => 1,
            1 | 2 => 2,
            _ => u64::from(second & 63),
        };
        frames * frame(*first)
    };
    packets.iter().map(duration).sum()
}

/// The first byte, without a count, of packets like these with frames of such a length.
fn kind(like: u8, ticks: u64) -> u8 {
    // Full band at 2.5 ms, where the neighbours' frames do not come out even.
    if frame(like) == ticks { like & !3 } else { 28 << 3 | like & 4 }
}

/// Packets of `frames` empty frames that make a page of `size` bytes.
fn silence(kind: u8, most: u64, frames: u64, size: usize) -> Option<Vec<Vec<u8>>> {
    let least = frames.div_ceil(most);
    let layouts = [(least, 0), (least.max(2), 0), (least.max(2), 1)];
    layouts.into_iter().find_map(|(count, more)| {
        let before = count.checked_sub(1).filter(|_| count <= frames && count <= 255)?;
        let fixed = page::HEAD + 3 * before as usize + more;
        let rest = size.checked_sub(fixed)?;
        let len = packet_in(rest).filter(|len| *len > 0)?;
        if before as usize + len / 255 + 1 > 255 {
            return None;
        }
        let mut packets = Vec::new();
        for index in 0..count {
            let part = frames * (index + 1) / count - frames * index / count;
            let bytes = if index == before { len } else { 2 + if index == 0 { more } else { 0 } };
            packets.push(empty(kind, part, bytes)?);
        }
        Some(packets)
    })
}

/// The length of the packet that takes so many bytes of a page, its pieces' lengths
/// included. Some numbers of bytes none takes.
fn packet_in(bytes: usize) -> Option<usize> {
    let len = bytes.checked_sub(1)? - (bytes - 1) / 256;
    (len + len / 255 + 1 == bytes).then_some(len)
}

/// A packet of `len` bytes with so many frames, all of them empty.
fn empty(kind: u8, frames: u64, len: usize) -> Option<Vec<u8>> {
    let mut packet = match (len, frames) {
        (1, 1) => vec![kind],
        (0 | 1, _) => return None,
        (2, _) => vec![kind | 3, frames as u8],
        _ => {
            let mut packet = vec![kind | 3, 0x40 | frames as u8];
            // The padding's length counts in 254s, each with a byte that says so.
            let padding = len - 3;
            packet.resize(2 + padding / 255, 255);
            packet.push((padding % 255) as u8);
            packet
        }
    };
    packet.resize(len, 0);
    Some(packet)
}

/// The comments, with padding behind them.
fn comments(size: usize) -> Option<Vec<u8>> {
    let len = packet_in(size.checked_sub(page::HEAD)?)?;
    // There may have been little room for a name.
    let vendor = b"tympan";
    let vendor = &vendor[..vendor.len().min(len.checked_sub(16)?)];
    let mut packet = b"OpusTags".to_vec();
    packet.extend((vendor.len() as u32).to_le_bytes());
    packet.extend(vendor);
    packet.extend([0; 4]);
    packet.resize(len, 0);
    Some(packet)
}

#[cfg(test)]
mod tests {
    use super::super::page::Page;
    use super::*;

    fn hole(bytes: u64, pages: u32, ticks: u64, like: u8) -> Hole {
        Hole { bytes, pages, ticks, granule: 0, serial: 1, number: 5, like, comments: false }
    }

    #[test]
    fn every_size_that_pages_of_two_frames_and_more_can_have_is_filled() {
        for pages in 1..4 {
            for bytes in (60 * u64::from(pages)..3000).chain(65_000..65_307) {
                let mut hole = hole(bytes, pages, 960 * 2 * u64::from(pages), 9 << 3);
                assert!(hole.can_be_filled(), "{bytes} in {pages}");
                let (mut len, mut ticks) = (0, 0);
                while hole.pages > 0 {
                    let bytes = hole.next().unwrap();
                    let page = Page::read(&bytes).unwrap();
                    ticks += super::ticks(&page::packets(&bytes, &page));
                    assert_eq!(page.granule, Some(ticks));
                    len += bytes.len() as u64;
                }
                assert_eq!((len, ticks), (bytes, 1920 * u64::from(pages)));
            }
        }
    }

    #[test]
    fn an_odd_time_is_filled_with_short_frames_and_an_impossible_one_is_not() {
        assert!(hole(5000, 2, 120 * 77, 9 << 3).can_be_filled());
        assert!(!hole(5000, 2, 121, 9 << 3).can_be_filled());
        assert!(!hole(5000, 2, 0, 9 << 3).can_be_filled());
        assert!(!hole(40, 2, 9600, 9 << 3).can_be_filled());
        assert!(!hole(200_000, 2, 9600, 9 << 3).can_be_filled());
    }
}
