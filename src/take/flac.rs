//! Packets of FLAC as a file: a head, then the packets as they are.

use std::io::{self, Seek, SeekFrom, Write};

use tympan_core::{Format, Header};

/// Blocks are no smaller, says the format, but for the last one.
pub(super) const SMALLEST: u16 = 16;

/// Writes packets of FLAC to a `.flac` file: what was captured, segments and utterances
/// one behind the other.
///
/// What is known at the end only, the length and the sizes of blocks, stands in the head
/// once [`finish`](Self::finish) was called. A file without it, as after a kill, plays
/// all the same.
pub struct FlacFile<W: Write + Seek> {
    to: W,
    format: Format,
    /// Bits of a sample, as the first packet says; 0 before it. And whether packets are
    /// numbered by samples, as those of blocks of any size are.
    bits: u8,
    by_sample: bool,
    frames: u64,
    /// Frames of the smallest and the largest block before the last one.
    blocks: (u16, u16),
    last: u16,
    /// Bytes of the smallest and the largest packet.
    sizes: (u32, u32),
}

impl<W: Write + Seek> FlacFile<W> {
    /// A file of packets that were encoded from audio of this format. Nothing is written
    /// before the first of them.
    pub fn new(to: W, format: Format) -> Self {
        let (blocks, sizes) = ((u16::MAX, 0), (u32::MAX, 0));
        Self { to, format, bits: 0, by_sample: false, frames: 0, blocks, last: 0, sizes }
    }

    /// Writes a packet, in one call of the writer.
    pub fn packet(&mut self, header: &Header, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.bits == 0 {
            self.bits = bits(bytes)?;
            self.by_sample = bytes[1] & 1 == 1;
            let open = self.head((SMALLEST, u16::MAX), (0, 0), 0);
            self.to.write_all(&open)?;
        }
        self.to.write_all(bytes)?;
        if self.last > 0 {
            self.blocks = around(self.blocks, self.last);
        }
        self.last = header.frames as u16;
        self.sizes = around(self.sizes, bytes.len() as u32);
        self.frames += u64::from(header.frames);
        Ok(())
    }

    pub(super) fn medium(&mut self) -> &mut W {
        &mut self.to
    }

    /// Frames taken so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Ends a file whose head cannot be written again: without a packet it gets one.
    pub(super) fn end(&mut self) -> io::Result<()> {
        if self.bits > 0 {
            return Ok(());
        }
        self.bits = 16;
        let open = self.head((SMALLEST, SMALLEST), (0, 0), 0);
        self.to.write_all(&open)
    }

    /// Makes the head complete. A stream without packets becomes a file of no length.
    pub fn finish(&mut self) -> io::Result<()> {
        if self.bits == 0 {
            self.bits = 16;
            self.sizes = (0, 0);
        }
        // The last block counts for the smallest only where it is the only one.
        let (least, most) = self.blocks;
        let least = if most == 0 { self.last } else { least };
        let blocks = told_sizes(least.into(), most.max(self.last).into(), self.by_sample);
        let head = self.head(blocks, self.sizes, self.frames);
        self.to.seek(SeekFrom::Start(0))?;
        self.to.write_all(&head)?;
        self.to.seek(SeekFrom::End(0))?;
        self.to.flush()
    }

    /// The mark of the format, and its one block of metadata. 0 bytes and 0 frames stand
    /// for "unknown", and so does a sum of all samples that is 0.
    fn head(&self, blocks: (u16, u16), sizes: (u32, u32), frames: u64) -> Vec<u8> {
        let mut head = b"fLaC\x80\0\0\x22".to_vec();
        for size in [blocks.0, blocks.1] {
            head.extend(size.to_be_bytes());
        }
        for size in [sizes.0, sizes.1] {
            head.extend(&size.to_be_bytes()[1..]);
        }
        let frames = if frames < 1 << 36 { frames } else { 0 };
        let sound = u64::from(self.format.rate) << 44
            | u64::from(self.format.channels.saturating_sub(1)) << 41
            | u64::from(self.bits - 1) << 36
            | frames;
        head.extend(sound.to_be_bytes());
        head.extend([0; 16]);
        head
    }
}

/// What a head says of the sizes of blocks. Players take two that are equal for a promise
/// that packets are numbered by blocks, and some refuse a file whose packets are not.
pub(super) fn told_sizes(least: u32, most: u32, by_sample: bool) -> (u16, u16) {
    let [least, most] = [least, most].map(|n| n.clamp(SMALLEST.into(), u16::MAX.into()) as u16);
    if by_sample && least == most {
        return (SMALLEST, most.max(SMALLEST + 1));
    }
    (least, most)
}

fn around<T: Ord + Copy>((least, most): (T, T), x: T) -> (T, T) {
    (least.min(x), most.max(x))
}

/// Bits of a sample, from the head of a frame.
fn bits(packet: &[u8]) -> io::Result<u8> {
    match packet {
        [0xff, 0xf8 | 0xf9, _, code, ..] if code >> 1 & 7 == 0b100 => Ok(16),
        [0xff, 0xf8 | 0xf9, _, code, ..] if code >> 1 & 7 == 0b110 => Ok(24),
        _ => Err(io::Error::other("this is no packet of `flac`")),
    }
}
