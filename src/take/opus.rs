//! Packets of Opus as an Ogg stream (RFC 7845), which every player takes.

use std::io::{self, Write};

use tympan_core::{Format, Header};

use super::ogg::{BEGINS, ENDS, LARGEST, Pages, checksum};

/// The clock of the format, whatever rate was encoded.
pub(super) const RATE: u32 = 48_000;

/// The most that a page holds: 80 ms. With what waits elsewhere a kill takes about 100.
const PAGE: u64 = RATE as u64 * 8 / 100;

/// What a file of no length has, because players do not take one without packets: 20 ms
/// without content, all of which is pre-skip.
const NOTHING: (u16, [u8; 1]) = (960, [9 << 3]);

/// Writes packets of Opus to an `.opus` file.
///
/// All packets of a take make one stream, because they come from one encoder: it has
/// one pre-skip and ends with the last captured frame, to the sample. Segments lie one
/// behind the other, and so do the utterances of a gated output. Between two of them
/// remains the silence with which the encoder was pushed out and begun again: less than
/// a packet, and the look-ahead. It is counted, as a decoder counts it.
///
/// Packets that were lost in between, because a reader was slow, are replaced by empty
/// ones, for which a decoder makes something up: the file keeps its time.
///
/// A page is written when the next packet does not fit into its 80 ms any more, in one
/// call of the writer, so that a file needs no buffer around it. The last page is
/// written by [`finish`](Self::finish); dropping does it too, and cannot say whether it
/// worked.
pub struct OggOpus<W: Write> {
    pages: Pages<W>,
    format: Format,
    state: State,
    /// Samples at 48 kHz before the first captured one.
    skip: u64,
    /// Samples of all packets.
    samples: u64,
    /// Those on the page at hand.
    on_page: u64,
    /// Those behind the end of what was captured, in the last packet.
    trim: u64,
    /// Where the next packet belongs.
    next: (u32, u32, i64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing is written: the pre-skip is not known.
    Empty,
    Begun,
    Ended,
    /// A write failed: what comes behind it would not be found.
    Failed,
}

impl<W: Write> OggOpus<W> {
    /// A stream of packets that were encoded from audio of this format. Nothing is
    /// written before the first of them.
    pub fn new(to: W, format: Format) -> Self {
        Self {
            pages: Pages::new(to),
            format,
            state: State::Empty,
            skip: 0,
            samples: 0,
            on_page: 0,
            trim: 0,
            next: (0, 0, 0),
        }
    }

    /// Writes a packet; an empty one says nothing that a file needs.
    pub fn packet(&mut self, header: &Header, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if bytes.len() >= LARGEST {
            return Err(io::Error::other(format!("{} bytes are no packet of Opus", bytes.len())));
        }
        match self.state {
            State::Empty => {
                let lead = self.ticks(header.lead.into());
                // The file has 16 bits for it. A decoder settles in a tenth of that.
                let Ok(skip) = u16::try_from(lead) else { return Ok(()) };
                self.begin(skip, checksum(bytes))?;
            }
            State::Begun => self.fill(header, bytes)?,
            State::Ended => return Err(io::Error::other("the stream has ended")),
            State::Failed => return Err(failed_before()),
        }
        self.add(self.ticks(header.frames.into()), bytes)?;
        self.trim = self.ticks(header.trim.into());
        let end = header.position.saturating_add(header.frames.into());
        self.next = (header.segment, header.utterance, end);
        Ok(())
    }

    /// How many samples, at 48 kHz, a decoder makes of what was taken so far.
    pub fn samples(&self) -> u64 {
        self.samples.saturating_sub(self.trim + self.skip)
    }

    /// As many of them as are in the pages that are written.
    pub(super) fn written(&self) -> u64 {
        self.samples.saturating_sub(self.on_page + self.skip).min(self.samples())
    }

    /// Writes what is left and ends the stream. A stream without packets, as of a gate
    /// that never opened, becomes a file of no length.
    pub fn finish(&mut self) -> io::Result<()> {
        match self.state {
            State::Empty => {
                let (samples, packet) = NOTHING;
                self.begin(samples, checksum(&packet))?;
                self.add(samples.into(), &packet)?;
            }
            State::Begun => {}
            State::Ended => return Ok(()),
            State::Failed => return Err(failed_before()),
        }
        self.write(self.samples.saturating_sub(self.trim), ENDS)?;
        self.state = State::Ended;
        Ok(())
    }

    pub(super) fn medium(&mut self) -> &mut W {
        self.pages.medium()
    }

    fn ticks(&self, frames: u64) -> u64 {
        frames * u64::from(RATE) / u64::from(self.format.rate.max(1))
    }

    /// The two pages of the head.
    fn begin(&mut self, skip: u16, serial: u32) -> io::Result<()> {
        self.state = State::Begun;
        self.skip = skip.into();
        // Two files one behind the other are to be told apart.
        self.pages.serial(serial);
        let mut head = b"OpusHead\x01".to_vec();
        head.push(self.format.channels as u8);
        head.extend(skip.to_le_bytes());
        head.extend(self.format.rate.to_le_bytes());
        // No change of loudness; one stream of one or two channels.
        head.extend([0, 0, 0]);
        self.pages.add(&head);
        self.write(0, BEGINS)?;
        let vendor = concat!("tympan ", env!("CARGO_PKG_VERSION"));
        let mut tags = b"OpusTags".to_vec();
        tags.extend((vendor.len() as u32).to_le_bytes());
        tags.extend(vendor.as_bytes());
        // And no comments.
        tags.extend([0; 4]);
        self.pages.add(&tags);
        self.write(0, 0)
    }

    /// Replaces what was lost before this packet: a packet without content stands for
    /// one frame of the same kind.
    fn fill(&mut self, header: &Header, bytes: &[u8]) -> io::Result<()> {
        let (segment, utterance, position) = self.next;
        if (segment, utterance) != (header.segment, header.utterance) {
            return Ok(());
        }
        let lost = self.ticks(header.position.saturating_sub(position).max(0) as u64);
        let empty = bytes[0] & !3;
        let each = frame(empty);
        for _ in 0..lost / each {
            self.add(each, &[empty])?;
        }
        Ok(())
    }

    /// Adds a packet, and writes the page at hand before if it is full. So the last
    /// packet always waits for the page that ends the stream.
    fn add(&mut self, samples: u64, packet: &[u8]) -> io::Result<()> {
        let full = self.on_page + samples > PAGE || !self.pages.has_room(packet.len());
        if full && !self.pages.is_empty() {
            self.write(self.samples, 0)?;
            self.on_page = 0;
        }
        self.pages.add(packet);
        self.on_page += samples;
        self.samples += samples;
        Ok(())
    }

    fn write(&mut self, granule: u64, flags: u8) -> io::Result<()> {
        self.pages.write(granule, flags).inspect_err(|_| self.state = State::Failed)
    }
}

impl<W: Write> Drop for OggOpus<W> {
    fn drop(&mut self) {
        // Best effort: whoever wants to know calls `finish`.
        if self.state == State::Begun {
            let _ = self.finish();
        }
    }
}

fn failed_before() -> io::Error {
    io::Error::other("a write before this one failed")
}

/// Samples at 48 kHz of a frame, as a packet's first byte says (RFC 6716, 3.1).
fn frame(first: u8) -> u64 {
    let size = u64::from(first >> 3);
    match size {
        0..12 => [480, 960, 1920, 2880][size as usize % 4],
        12..16 => [480, 960][size as usize % 2],
        _ => 120 << (size % 4),
    }
}
