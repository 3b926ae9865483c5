//! One frame of FLAC: what its head says, and where it ends.
//!
//! A frame does not say how long it is. Where another follows, its head tells; for the
//! last one, or before a hole, the frame's contents have to be passed over bit by bit.

use crate::take::sums;

/// Bytes of the longest head.
pub(super) const LONGEST_HEAD: usize = 16;
/// Bytes of the shortest frame: a head, a constant of 4 bits, a sum.
pub(super) const SHORTEST: usize = 6 + 2 + 2;

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// The number of its first sample, not of the frame.
    pub(super) by_sample: bool,
    pub(super) number: u64,
    /// Samples of each channel.
    pub(super) samples: u32,
    /// 0 where the file's head has to be asked.
    pub(super) rate: u32,
    pub(super) channels: u32,
    /// Which channel, if one, is a difference and has a bit more.
    side: Option<u32>,
    /// 0 where the file's head has to be asked.
    pub(super) bits: u32,
    /// Bytes of the head.
    len: usize,
}

impl Frame {
    /// The head that `bytes` begin with, if they do and its checksum is right.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let &[0xff, second, third, fourth, ..] = bytes else { return None };
        if second & 0xfe != 0xf8 || fourth & 1 != 0 {
            return None;
        }
        let (number, mut len) = number(bytes.get(4..)?)?;
        len += 4;
        let samples = samples(third >> 4, bytes, &mut len)?;
        let rate = rate(third & 15, bytes, &mut len)?;
        if *bytes.get(len)? != sums::flac8(&bytes[..len]) {
            return None;
        }
        let (channels, side) = match fourth >> 4 {
            code @ 0..8 => (u32::from(code) + 1, None),
            8 | 10 => (2, Some(1)),
            9 => (2, Some(0)),
            _ => return None,
        };
        let bits = [0, 8, 12, u32::MAX, 16, 20, 24, 32][usize::from(fourth >> 1 & 7)];
        let by_sample = second & 1 == 1;
        (bits != u32::MAX).then_some(Self {
            by_sample,
            number,
            samples,
            rate,
            channels,
            side,
            bits,
            len: len + 1,
        })
    }

    /// Bytes that no frame like this exceeds: all samples as they are, and some more.
    pub(super) fn most(&self) -> u64 {
        let sample = u64::from(if self.bits == 0 { 32 } else { self.bits }) + 1;
        let all = u64::from(self.samples) * u64::from(self.channels) * sample / 8;
        all + all / 8 + 256
    }

    /// The bytes of this frame, which `bytes` begin with, if it is whole.
    pub(super) fn len(&self, bytes: &[u8], bits_of_file: u32) -> Option<usize> {
        let mut bits = Bits { bytes, at: self.len * 8 };
        let depth = if self.bits == 0 { bits_of_file } else { self.bits };
        for channel in 0..self.channels {
            let more = u32::from(self.side == Some(channel));
            pass_channel(&mut bits, self.samples, depth + more)?;
        }
        let end = bits.at.div_ceil(8) + 2;
        (sums::flac16(0, bytes.get(..end)?) == 0).then_some(end)
    }
}

/// The number of a frame, coded like a character of UTF-8 of up to seven bytes.
fn number(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let len = match first.leading_ones() as usize {
        0 => return Some((first.into(), 1)),
        len @ 2..=7 => len,
        _ => return None,
    };
    let start = u64::from(first) & ((1 << (7 - len)) - 1);
    let number = bytes.get(1..len)?.iter().try_fold(start, |number, byte| {
        (byte >> 6 == 2).then(|| number << 6 | u64::from(byte & 0x3f))
    })?;
    Some((number, len))
}

fn samples(code: u8, bytes: &[u8], len: &mut usize) -> Option<u32> {
    Some(match code {
        0 => return None,
        1 => 192,
        2..6 => 576 << (code - 2),
        6 => tail(bytes, len, 1)? + 1,
        7 => tail(bytes, len, 2)? + 1,
        _ => 256 << (code - 8),
    })
}

fn rate(code: u8, bytes: &[u8], len: &mut usize) -> Option<u32> {
    const RATES: [u32; 12] =
        [0, 88_200, 176_400, 192_000, 8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000];
    match code {
        12 => Some(tail(bytes, len, 1)? * 1000),
        13 => tail(bytes, len, 2),
        14 => Some(tail(bytes, len, 2)? * 10),
        code => RATES.get(usize::from(code)).copied(),
    }
}

/// A number at the end of the head, the highest byte first.
fn tail(bytes: &[u8], len: &mut usize, count: usize) -> Option<u32> {
    let some = bytes.get(*len..*len + count)?;
    *len += count;
    Some(some.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// Up to 16 bits.
    fn take(&mut self, count: u32) -> Option<u32> {
        let first = self.at / 8;
        let some = self.bytes.get(first..)?;
        let word = some.iter().chain(&[0; 3]).take(3).fold(0, |word, b| word << 8 | u32::from(*b));
        let bits = word >> (24 - self.at as u32 % 8 - count) & ((1 << count) - 1);
        self.pass(count as usize)?;
        Some(bits)
    }

    fn pass(&mut self, count: usize) -> Option<()> {
        self.at = self.at.checked_add(count)?;
        (self.at <= self.bytes.len() * 8).then_some(())
    }

    /// Zeros before a one, which is passed as well.
    fn zeros(&mut self) -> Option<u32> {
        let mut count = 0;
        loop {
            let here = *self.bytes.get(self.at / 8)? << (self.at % 8);
            if here != 0 {
                self.at += here.leading_zeros() as usize + 1;
                return Some(count + here.leading_zeros());
            }
            count += 8 - self.at as u32 % 8;
            self.at += 8 - self.at % 8;
        }
    }
}

fn pass_channel(bits: &mut Bits<'_>, samples: u32, depth: u32) -> Option<()> {
    if bits.take(1)? != 0 {
        return None;
    }
    let kind = bits.take(6)?;
    let wasted = if bits.take(1)? == 1 { bits.zeros()? + 1 } else { 0 };
    let depth = depth.checked_sub(wasted)? as usize;
    let order = match kind {
        0 => return bits.pass(depth),
        1 => return bits.pass(depth * samples as usize),
        8..=12 => kind - 8,
        32..64 => kind - 31,
        _ => return None,
    };
    bits.pass(depth * order as usize)?;
    if kind >= 32 {
        let precision = bits.take(4)? + 1;
        bits.pass(5 + precision as usize * order as usize)?;
    }
    pass_residual(bits, samples, order)
}

fn pass_residual(bits: &mut Bits<'_>, samples: u32, order: u32) -> Option<()> {
    let (width, escape) = match bits.take(2)? {
        0 => (4, 15),
        1 => (5, 31),
        _ => return None,
    };
    let parts = bits.take(4)?;
    let each = samples >> parts;
    for part in 0..1_u32 << parts {
        let count = if part == 0 { each.checked_sub(order)? } else { each };
        let low = bits.take(width)?;
        if low == escape {
            let plain = bits.take(5)? as usize;
            bits.pass(plain * count as usize)?;
            continue;
        }
        for _ in 0..count {
            bits.zeros()?;
            bits.pass(low as usize)?;
        }
    }
    Some(())
}
