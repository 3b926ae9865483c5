//! Pages of an Ogg stream, each handed on in one write.

use std::io::{self, Write};

use super::sums;

/// What a page says of itself.
pub(super) const BEGINS: u8 = 2;
pub(super) const ENDS: u8 = 4;

/// Pieces a page can hold; a packet is cut into pieces of 255 bytes and a shorter one.
const PIECES: usize = 255;

/// Bytes that a packet must not reach, so that it never goes over a page.
pub(super) const LARGEST: usize = PIECES * 255;

const HEAD: usize = 27;
const CHECKSUM: usize = 22;

/// Collects packets and writes them as pages.
pub(super) struct Pages<W> {
    to: W,
    serial: u32,
    number: u32,
    lengths: Vec<u8>,
    packets: Vec<u8>,
    page: Vec<u8>,
}

impl<W: Write> Pages<W> {
    pub(super) fn new(to: W) -> Self {
        let (lengths, packets, page) = (Vec::new(), Vec::new(), Vec::new());
        Self { to, serial: 0, number: 0, lengths, packets, page }
    }

    pub(super) fn medium(&mut self) -> &mut W {
        &mut self.to
    }

    /// The number that all pages of a stream share, set before the first one.
    pub(super) fn serial(&mut self, serial: u32) {
        self.serial = serial;
    }

    /// Whether the page at hand takes a packet of so many bytes.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.lengths.len() + bytes / 255 < PIECES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Adds a packet to the page at hand, which [has room](Self::has_room) for it.
    pub(super) fn add(&mut self, packet: &[u8]) {
        self.lengths.resize(self.lengths.len() + packet.len() / 255, 255);
        self.lengths.push((packet.len() % 255) as u8);
        self.packets.extend_from_slice(packet);
    }

    /// Writes the page at hand, which ends at `granule`.
    pub(super) fn write(&mut self, granule: u64, flags: u8) -> io::Result<()> {
        self.page.clear();
        self.page.extend(b"OggS\0");
        self.page.push(flags);
        self.page.extend(granule.to_le_bytes());
        self.page.extend(self.serial.to_le_bytes());
        self.page.extend(self.number.to_le_bytes());
        self.page.extend([0; HEAD - CHECKSUM - 1]);
        self.page.push(self.lengths.len() as u8);
        self.page.append(&mut self.lengths);
        self.page.append(&mut self.packets);
        let sum = checksum(&self.page).to_le_bytes();
        self.page[CHECKSUM..CHECKSUM + 4].copy_from_slice(&sum);
        self.number = self.number.wrapping_add(1);
        self.to.write_all(&self.page)
    }
}

/// The checksum of a page whose own checksum is zero.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    sums::ogg(0, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_format() {
        // The check value of CRC-32 with this polynomial, unreflected, from zero.
        assert_eq!(checksum(b"123456789"), 0x89a1_897f);
    }

    #[test]
    fn a_packet_of_whole_pieces_ends_with_an_empty_one() {
        let mut file = Vec::new();
        let mut pages = Pages::new(&mut file);
        for bytes in [0, 1, 254, 255, 510] {
            assert!(pages.has_room(bytes));
            pages.add(&vec![7; bytes]);
        }
        pages.write(5, BEGINS).unwrap();
        assert_eq!(file[26..36], [8, 0, 1, 254, 255, 0, 255, 255, 0, 7]);
    }

    #[test]
    fn a_page_is_full_at_255_pieces() {
        let mut pages = Pages::new(Vec::new());
        assert!(pages.has_room(LARGEST - 1) && !pages.has_room(LARGEST));
        pages.add(&vec![7; LARGEST - 1]);
        assert_eq!(pages.lengths.len(), PIECES);
        assert!(!pages.has_room(0));
    }
}
