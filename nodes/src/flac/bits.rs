//! Bits, highest first, and the two checksums over them.

/// Writes bits into bytes that are large enough.
pub(super) struct Bits<'a> {
    bytes: &'a mut [u8],
    /// Whole bytes written.
    len: usize,
    /// Bits that do not fill a byte yet, in the lowest places.
    rest: u64,
    held: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, len: 0, rest: 0, held: 0 }
    }

    /// The lowest `width` bits of `value`; at most 32.
    pub(super) fn put(&mut self, value: u64, width: u32) {
        self.rest = self.rest << width | value & ((1 << width) - 1);
        self.held += width;
        while self.held >= 8 {
            self.held -= 8;
            // What has no room was promised not to come.
            if let Some(byte) = self.bytes.get_mut(self.len) {
                *byte = (self.rest >> self.held) as u8;
                self.len += 1;
            }
        }
    }

    /// A negative number too.
    pub(super) fn put_signed(&mut self, value: i32, width: u32) {
        self.put(value as u64, width);
    }

    /// So many zeros, and a one.
    pub(super) fn unary(&mut self, mut zeros: u64) {
        while zeros >= 32 {
            self.put(0, 32);
            zeros -= 32;
        }
        self.put(1, zeros as u32 + 1);
    }

    /// Fills the byte with zeros.
    pub(super) fn align(&mut self) {
        self.put(0, (8 - self.held) % 8);
    }

    /// The whole bytes so far.
    pub(super) fn written(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Of the header: x⁸ + x² + x + 1.
pub(super) fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ byte, |s: u8, _| s << 1 ^ if s & 0x80 == 0 { 0 } else { 0x07 })
    })
}

/// Of the frame: x¹⁶ + x¹⁵ + x² + 1.
pub(super) fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, &byte| sum << 8 ^ CRC16[usize::from((sum >> 8) as u8 ^ byte)])
}

const CRC16: [u16; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let (mut sum, mut bit) = ((i as u16) << 8, 0);
        while bit < 8 {
            sum = sum << 1 ^ if sum & 0x8000 == 0 { 0 } else { 0x8005 };
            bit += 1;
        }
        table[i] = sum;
        i += 1;
    }
    table
};
