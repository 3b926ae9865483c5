//! One page of Ogg: what its head says, and whether it is whole.

use crate::take::sums;

/// What a page says of itself.
pub(super) const CONTINUES: u8 = 1;
pub(super) const BEGINS: u8 = 2;
pub(super) const ENDS: u8 = 4;

/// Bytes of a head without the lengths of its pieces.
pub(super) const HEAD: usize = 27;
/// Bytes of the largest page.
pub(super) const LARGEST: usize = HEAD + 255 + 255 * 255;

const FLAGS: usize = 5;
const SUM: usize = 22;

/// The head of a whole page.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) flags: u8,
    /// Time at the end of the last packet that ends here; `None` if none does.
    pub(super) granule: Option<u64>,
    pub(super) serial: u32,
    pub(super) number: u32,
    /// Bytes of all of it.
    pub(super) len: usize,
    /// Its last packet goes on behind it.
    pub(super) open: bool,
    /// A repair was stopped while it marked this page as the last.
    pub(super) half_marked: bool,
}

impl Page {
    /// The page that `bytes` begin with, if there is one and its checksum is right.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let page = Self::head(bytes)?;
        let bytes = bytes.get(..page.len)?;
        (field(bytes, SUM) == checksum(bytes, page.flags)).then_some(page)
    }

    /// As `read`, and a page of which a repair has changed a part.
    pub(super) fn read_marked(bytes: &[u8]) -> Option<Self> {
        Self::read(bytes).or_else(|| {
            let page = Self::head(bytes)?;
            let bytes = bytes.get(..page.len)?;
            let half_marked = is_half_marked(bytes, page.flags, field(bytes, SUM));
            half_marked.then_some(Self { half_marked, ..page })
        })
    }

    /// What the head says, before anything is known to be right.
    pub(super) fn head(bytes: &[u8]) -> Option<Self> {
        let head = bytes.get(..HEAD)?;
        if !head.starts_with(b"OggS\0") || head[FLAGS] > 7 {
            return None;
        }
        let pieces = bytes.get(HEAD..HEAD + usize::from(head[26]))?;
        let contents: usize = pieces.iter().map(|piece| usize::from(*piece)).sum();
        let granule = u64::from(field(head, 6)) | u64::from(field(head, 10)) << 32;
        Some(Self {
            flags: head[FLAGS],
            granule: (granule != u64::MAX).then_some(granule),
            serial: field(head, 14),
            number: field(head, 18),
            len: HEAD + pieces.len() + contents,
            open: pieces.last() == Some(&255),
            half_marked: false,
        })
    }

    pub(super) fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Whether a page is whole but for the mark of the last one, of which a power cut let only
/// a part reach the disk: the flag, the sum, or some bytes of it.
fn is_half_marked(bytes: &[u8], flags: u8, sum: u32) -> bool {
    let with = checksum(bytes, flags | ENDS).to_le_bytes();
    let without = checksum(bytes, flags & !ENDS).to_le_bytes();
    let sum = sum.to_le_bytes();
    (0..=4).any(|cut| {
        let mixed =
            |one: [u8; 4], two: [u8; 4]| sum[..cut] == one[..cut] && sum[cut..] == two[cut..];
        mixed(with, without) || mixed(without, with)
    })
}

/// The head of this page as it must be for the last one, or any other: its bytes from the
/// flags to the checksum, and where they belong.
pub(super) fn mark(bytes: &[u8], page: &Page, ends: bool) -> (usize, Vec<u8>) {
    let flags = page.flags & !ENDS | if ends { ENDS } else { 0 };
    let mut head = bytes[FLAGS..SUM].to_vec();
    head[0] = flags;
    head.extend(checksum(&bytes[..page.len], flags).to_le_bytes());
    (FLAGS, head)
}

/// Makes a page of packets that all end on it.
pub(super) fn make(
    flags: u8,
    granule: u64,
    serial: u32,
    number: u32,
    packets: &[Vec<u8>],
) -> Vec<u8> {
    let mut page = b"OggS\0".to_vec();
    page.push(flags);
    page.extend(granule.to_le_bytes());
    page.extend(serial.to_le_bytes());
    page.extend(number.to_le_bytes());
    page.extend([0; 5]);
    for packet in packets {
        page.resize(page.len() + packet.len() / 255, 255);
        page.push((packet.len() % 255) as u8);
    }
    page[26] = (page.len() - HEAD) as u8;
    page.extend(packets.iter().flatten());
    let sum = checksum(&page, flags);
    page[SUM..SUM + 4].copy_from_slice(&sum.to_le_bytes());
    page
}

/// The checksum of a page that has these flags, and zeros where the sum stands.
fn checksum(bytes: &[u8], flags: u8) -> u32 {
    let mut head = [0; SUM + 4];
    head[..SUM].copy_from_slice(&bytes[..SUM]);
    head[FLAGS] = flags;
    sums::ogg(sums::ogg(0, &head), &bytes[SUM + 4..])
}

/// The packets that end on a page, by their first byte and length; what a page before began
/// is left out.
pub(super) fn packets(bytes: &[u8], page: &Page) -> Vec<(u8, u8)> {
    let pieces = &bytes[HEAD..HEAD + usize::from(bytes[26])];
    let mut at = HEAD + pieces.len();
    let mut from = at;
    let mut begun = page.is(CONTINUES);
    let mut out = Vec::new();
    for piece in pieces {
        at += usize::from(*piece);
        if *piece < 255 {
            if !begun && at > from {
                let second = if at > from + 1 { bytes[from + 1] } else { 0 };
                out.push((bytes[from], second));
            }
            begun = false;
            from = at;
        }
    }
    out
}

/// The first bytes of the first packet on a page.
pub(super) fn contents<'a>(bytes: &'a [u8], page: &Page) -> &'a [u8] {
    &bytes[HEAD + usize::from(bytes[26])..page.len]
}

fn field(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_known_by_its_sum_and_every_flipped_bit_is_seen() {
        let bytes = make(BEGINS, 7, 1, 2, &[vec![1; 300], vec![], vec![2]]);
        let page = Page::read(&bytes).unwrap();
        assert_eq!((page.granule, page.serial, page.number, page.open), (Some(7), 1, 2, false));
        assert_eq!(page.len, bytes.len());
        for bit in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            let seen = Page::read_marked(&other);
            assert!(seen.is_none_or(|page| page.half_marked && bit / 8 == FLAGS), "{bit}");
        }
    }

    #[test]
    fn however_a_mark_is_torn_the_page_is_still_known() {
        let bytes = make(0, 7, 1, 2, &[vec![9; 99]]);
        let (at, marked) = mark(&bytes, &Page::read(&bytes).unwrap(), true);
        for (from, to) in [(0, 1), (0, 18), (0, 19), (17, 21), (18, 21), (20, 21)] {
            let mut torn = bytes.clone();
            torn[at + from..at + to].copy_from_slice(&marked[from..to]);
            assert!(Page::read_marked(&torn).is_some_and(|page| page.half_marked), "{from}..{to}");
        }
        let mut all = bytes;
        all[at..at + marked.len()].copy_from_slice(&marked);
        assert!(Page::read_marked(&all).is_some_and(|page| !page.half_marked && page.is(ENDS)));
    }
}
