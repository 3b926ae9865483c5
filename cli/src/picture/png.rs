//! A small writer of PNG: an image with a palette, in base64.
//!
//! Rows are told as differences from the row above, and these by a Huffman code of their
//! own: half the size of what they are, and no library.

/// An image of one byte per pixel, row by row, each the number of a colour.
pub(super) fn base64(width: usize, pixels: &[u8], palette: &[[u8; 3]]) -> String {
    in_base64(&png(width, pixels, palette))
}

fn png(width: usize, pixels: &[u8], palette: &[[u8; 3]]) -> Vec<u8> {
    let height = pixels.len() / width.max(1);
    let mut head = Vec::new();
    head.extend((width as u32).to_be_bytes());
    head.extend((height as u32).to_be_bytes());
    // Eight bits that number a colour; the only compression, filters and order there are.
    head.extend([8, 3, 0, 0, 0]);
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut out, *b"IHDR", &head);
    chunk(&mut out, *b"PLTE", palette.as_flattened());
    chunk(&mut out, *b"IDAT", &zlib(&filtered(width, pixels)));
    chunk(&mut out, *b"IEND", &[]);
    out
}

fn chunk(out: &mut Vec<u8>, name: [u8; 4], data: &[u8]) {
    out.extend((data.len() as u32).to_be_bytes());
    let start = out.len();
    out.extend(name);
    out.extend(data);
    let sum = crc(&out[start..]);
    out.extend(sum.to_be_bytes());
}

/// Each row behind the number of its filter, 2: what the row above does not say.
fn filtered(width: usize, pixels: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(pixels.len() + pixels.len() / width.max(1));
    let mut above = vec![0; width];
    for row in pixels.chunks_exact(width) {
        out.push(2);
        out.extend(row.iter().zip(&above).map(|(x, above)| x.wrapping_sub(*above)));
        above.copy_from_slice(row);
    }
    out
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |mut sum, byte| {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xedb8_8320 * (sum & 1));
        }
        sum
    })
}

/// One block of literals in a code made for them.
fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut counts = [0u32; 257];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    // The end of the block is a symbol too.
    counts[256] = 1;
    let lengths = lengths(&counts);
    let codes = codes(&lengths);
    let mut bits = Bits::default();
    bits.put(0b101, 3); // the last block, with a code of its own
    bits.put(0, 5); // 257 lengths of literals
    bits.put(0, 5); // one length of a distance: 0, there are none
    bits.put(15, 4); // all 19 lengths of the code of lengths, in the order of the format:
    for symbol in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15] {
        // a length of 0 to 15 is told in four bits.
        bits.put(if symbol < 16 { 4 } else { 0 }, 3);
    }
    for length in lengths.iter().chain(&[0]) {
        bits.code(u32::from(*length), 4);
    }
    for symbol in bytes.iter().map(|byte| usize::from(*byte)).chain([256]) {
        bits.code(codes[symbol], lengths[symbol]);
    }
    let mut out = vec![0x78, 0x01];
    out.extend(bits.finish());
    let (mut a, mut b) = (1u32, 0u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    out.extend((b << 16 | a).to_be_bytes());
    out
}

/// How many bits each symbol gets. Where a code would be longer than the format allows,
/// rare symbols are taken for less rare ones.
fn lengths(counts: &[u32; 257]) -> [u8; 257] {
    let mut least = 1;
    loop {
        let lengths = huffman(counts, least);
        if lengths.iter().all(|length| *length <= 15) {
            return lengths;
        }
        least *= 2;
    }
}

fn huffman(counts: &[u32; 257], least: u32) -> [u8; 257] {
    let used = (0..257).filter(|&symbol| counts[symbol] > 0);
    let mut trees: Vec<(u64, Vec<usize>)> =
        used.map(|symbol| (u64::from(counts[symbol].max(least)), vec![symbol])).collect();
    let mut lengths = [0; 257];
    if trees.len() == 1 {
        lengths[trees[0].1[0]] = 1;
    }
    while trees.len() > 1 {
        trees.sort_by_key(|tree| std::cmp::Reverse(tree.0));
        let (Some(one), Some(other)) = (trees.pop(), trees.pop()) else { break };
        let both: Vec<usize> = one.1.into_iter().chain(other.1).collect();
        for &symbol in &both {
            lengths[symbol] += 1;
        }
        trees.push((one.0 + other.0, both));
    }
    lengths
}

/// The code that these lengths stand for: shorter first, then in order.
fn codes(lengths: &[u8; 257]) -> [u32; 257] {
    let mut codes = [0; 257];
    let mut next = 0;
    for length in 1..=15 {
        for symbol in (0..257).filter(|&symbol| lengths[symbol] == length) {
            codes[symbol] = next;
            next += 1;
        }
        next <<= 1;
    }
    codes
}

/// Bits, the lowest of a byte first.
#[derive(Default)]
struct Bits {
    out: Vec<u8>,
    held: u64,
    count: u32,
}

impl Bits {
    fn put(&mut self, bits: u32, count: u32) {
        self.held |= u64::from(bits) << self.count;
        self.count += count;
        while self.count >= 8 {
            self.out.push(self.held as u8);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    /// Codes stand the other way round.
    fn code(&mut self, code: u32, length: u8) {
        let length = u32::from(length);
        if length > 0 {
            self.put(code.reverse_bits() >> (32 - length), length);
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.put(0, 8 - self.count);
        }
        self.out
    }
}

fn in_base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |i: usize| u32::from(three.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * i)) as usize & 63];
            out.push(if i > three.len() { '=' } else { char::from(letter) });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_those_of_the_standard() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foobar", "Zm9vYmFy")] {
            assert_eq!(in_base64(bytes.as_bytes()), text);
        }
        assert_eq!(crc(b"IEND"), 0xae42_6082);
    }

    /// Reads a block of literals as its definition says, independent of the writer.
    fn inflated(zlib: &[u8]) -> Vec<u8> {
        let mut at = 16;
        let mut bits = |count: usize| {
            (0..count).fold(0usize, |sum, i| {
                let bit = zlib[at / 8] >> (at % 8) & 1;
                at += 1;
                sum | usize::from(bit) << i
            })
        };
        assert_eq!((bits(3), bits(5), bits(5), bits(4)), (0b101, 0, 0, 15));
        (0..19).for_each(|i| assert_eq!(bits(3), if i < 3 { 0 } else { 4 }));
        let mut turned = |count: usize| (0..count).fold(0usize, |sum, _| sum << 1 | bits(1));
        let lengths: Vec<usize> = (0..258).map(|_| turned(4)).collect();
        let mut table = Vec::new();
        let mut next = 0;
        for length in 1..16 {
            for symbol in (0..257).filter(|&symbol| lengths[symbol] == length) {
                table.push((length, next, symbol));
                next += 1;
            }
            next <<= 1;
        }
        assert!(table.len() == 1 || next == 1 << 16, "the code is whole");
        let mut out = Vec::new();
        loop {
            let (mut code, mut length) = (0, 0);
            let symbol = loop {
                (code, length) = (code << 1 | turned(1), length + 1);
                assert!(length < 16, "no symbol");
                if let Some(found) = table.iter().find(|t| (t.0, t.1) == (length, code)) {
                    break found.2;
                }
            };
            match symbol {
                256 => return out,
                literal => out.push(literal as u8),
            }
        }
    }

    #[test]
    fn what_is_packed_is_what_comes_out() {
        let mut seed = 1u32;
        let mut noise = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8
        };
        let even: Vec<u8> = (0..5_000).map(|_| noise()).collect();
        // Counts like the numbers of Fibonacci make the longest codes there are.
        let mut steep = Vec::new();
        let (mut a, mut b) = (1usize, 1usize);
        for symbol in 0..24u8 {
            steep.extend(std::iter::repeat_n(symbol, a));
            (a, b) = (b, a + b);
        }
        for bytes in [vec![], vec![7], vec![0; 100], even, steep] {
            assert!(inflated(&zlib(&bytes)) == bytes, "{} bytes", bytes.len());
        }
    }
}
