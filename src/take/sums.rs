//! The checksums of Ogg and FLAC, sixteen bytes at a time: a day of sound is hundreds of
//! megabytes, and all of it is looked at.

/// The checksum of an Ogg page: polynomial 0x04c11db7, the highest bit first.
pub(super) fn ogg(sum: u32, bytes: &[u8]) -> u32 {
    let (pieces, rest) = bytes.as_chunks::<AT_ONCE>();
    let mut sum = sum;
    for piece in pieces {
        let mut piece = *piece;
        for (byte, more) in piece.iter_mut().zip(sum.to_be_bytes()) {
            *byte ^= more;
        }
        let parts = OGG.iter().zip(piece).map(|(table, byte)| table[usize::from(byte)]);
        sum = parts.fold(0, |sum, part| sum ^ part);
    }
    let last = &OGG[AT_ONCE - 1];
    rest.iter().fold(sum, |sum, byte| sum << 8 ^ last[usize::from((sum >> 24) as u8 ^ byte)])
}

/// The checksum of a FLAC frame: polynomial 0x8005. Run over a frame with its sum it
/// comes to 0.
pub(super) fn flac16(sum: u16, bytes: &[u8]) -> u16 {
    let (pieces, rest) = bytes.as_chunks::<AT_ONCE>();
    let mut sum = sum;
    for piece in pieces {
        let mut piece = *piece;
        for (byte, more) in piece.iter_mut().zip(sum.to_be_bytes()) {
            *byte ^= more;
        }
        let parts = FLAC.iter().zip(piece).map(|(table, byte)| table[usize::from(byte)]);
        sum = parts.fold(0, |sum, part| sum ^ part);
    }
    let last = &FLAC[AT_ONCE - 1];
    rest.iter().fold(sum, |sum, byte| sum << 8 ^ last[usize::from((sum >> 8) as u8 ^ byte)])
}

/// The checksum of the head of a FLAC frame: polynomial 0x07. It is a few bytes long.
pub(super) fn flac8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| {
        let shift = |sum: u8| sum << 1 ^ if sum >> 7 == 1 { 0x07 } else { 0 };
        (0..8).fold(sum ^ byte, |sum, _| shift(sum))
    })
}

const AT_ONCE: usize = 16;

static OGG: [[u32; 256]; AT_ONCE] = tables(0x04c1_1db7);
static FLAC: [[u16; 256]; AT_ONCE] = narrow(&tables(0x8005 << 16));

/// What the first, the second, ... of these bytes adds by the end of them.
const fn tables(polynomial: u32) -> [[u32; 256]; AT_ONCE] {
    let mut tables = [[0; 256]; AT_ONCE];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = (byte as u32) << 24;
        let mut behind = 0;
        while behind < AT_ONCE {
            let mut bit = 0;
            while bit < 8 {
                sum = sum << 1 ^ if sum >> 31 == 1 { polynomial } else { 0 };
                bit += 1;
            }
            tables[AT_ONCE - 1 - behind][byte] = sum;
            behind += 1;
        }
        byte += 1;
    }
    tables
}

/// A sum of 16 bits is one of 32 whose low half stays 0.
const fn narrow(wide: &[[u32; 256]; AT_ONCE]) -> [[u16; 256]; AT_ONCE] {
    let mut tables = [[0; 256]; AT_ONCE];
    let mut index = 0;
    while index < AT_ONCE * 256 {
        tables[index / 256][index % 256] = (wide[index / 256][index % 256] >> 16) as u16;
        index += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of these checksums, however the bytes are split.
    #[test]
    fn the_sums_are_those_of_the_formats() {
        let text = b"123456789";
        assert_eq!(flac8(text), 0xf4);
        // Zeros in front change nothing, and make it long.
        for zeros in 0..40 {
            let text = [vec![0; zeros], text.to_vec()].concat();
            for cut in 0..=text.len() {
                let (one, two) = text.split_at(cut);
                assert_eq!(ogg(ogg(0, one), two), 0x89a1_897f);
                assert_eq!(flac16(flac16(0, one), two), 0xfee8);
            }
        }
    }
}
