//! A reader of Ogg Opus that forgives nothing, written from the formats' own pages (RFC
//! 3533 and 7845), without a look at the writer.

use opus::{Channels, Decoder};

/// What is in a file of Ogg Opus.
pub(crate) struct Stream {
    pub(crate) channels: usize,
    /// Samples at 48 kHz that a decoder throws away at the start.
    pub(crate) skip: usize,
    /// Where the last page ends, skip included.
    pub(crate) end: usize,
    /// Whether it says that it is complete.
    pub(crate) ended: bool,
    pub(crate) packets: Vec<Vec<u8>>,
    /// The longest page, in samples.
    pub(crate) longest: usize,
}

struct Page<'a> {
    flags: u8,
    granule: u64,
    packets: Vec<&'a [u8]>,
}

const BEGINS: u8 = 2;
const ENDS: u8 = 4;

impl Stream {
    /// Reads all of a file, or says what is wrong with it.
    pub(crate) fn read(file: &[u8]) -> Result<Self, String> {
        let pages = pages(file)?;
        let [head, tags, audio @ ..] = &pages[..] else { return Err("no head".into()) };
        let mut stream = Self::head(head)?;
        check_tags(tags)?;
        for (i, page) in audio.iter().enumerate() {
            stream.page(page, i + 1 == audio.len())?;
        }
        Ok(stream)
    }

    fn head(page: &Page<'_>) -> Result<Self, String> {
        let [head] = page.packets[..] else { return Err("the head is not alone".into()) };
        if (page.flags, page.granule, head.len()) != (BEGINS, 0, 19) {
            return Err("the page of the head is odd".into());
        }
        if !head.starts_with(b"OpusHead\x01") || head[16..] != [0, 0, 0] {
            return Err("the head is odd".into());
        }
        let channels = usize::from(head[9]);
        let skip = usize::from(u16::from_le_bytes([head[10], head[11]]));
        let (packets, longest) = (Vec::new(), 0);
        Ok(Self { channels, skip, end: 0, ended: false, packets, longest })
    }

    fn page(&mut self, page: &Page<'_>, is_last: bool) -> Result<(), String> {
        let before = self.length();
        self.packets.extend(page.packets.iter().map(|p| p.to_vec()));
        let after = self.length();
        self.longest = self.longest.max(after - before);
        self.end = page.granule as usize;
        self.ended = page.flags == ENDS;
        match page.flags {
            0 if self.end != after => Err(format!("a page ends at {}, not {after}", self.end)),
            ENDS if !is_last => Err("there is something behind the end".into()),
            ENDS if page.packets.is_empty() => Err("the end has no packet".into()),
            // Only the last packet may be cut, and nothing that is to be skipped.
            ENDS if self.end > after || self.end < self.skip => {
                Err(format!("the end lies at {} of {after}", self.end))
            }
            0 | ENDS => Ok(()),
            flags => Err(format!("a page of audio with flags {flags}")),
        }
    }

    /// Samples at 48 kHz of all packets.
    fn length(&self) -> usize {
        let samples = |p: &Vec<u8>| opus::packet::get_nb_samples(p, 48_000).expect("a packet");
        self.packets.iter().map(samples).sum()
    }

    /// How many samples a player plays.
    pub(crate) fn samples(&self) -> usize {
        self.end - self.skip
    }

    /// What a player plays, interleaved at 48 kHz.
    pub(crate) fn decoded(&self) -> Vec<f32> {
        let channels = if self.channels == 1 { Channels::Mono } else { Channels::Stereo };
        let mut decoder = Decoder::new(48_000, channels).expect("a decoder");
        let (mut all, mut some) = (Vec::new(), vec![0.0; 5_760 * self.channels]);
        for packet in &self.packets {
            let frames = decoder.decode_float(packet, &mut some, false).expect("a packet");
            all.extend_from_slice(&some[..frames * self.channels]);
        }
        all[self.skip * self.channels..self.end * self.channels].to_vec()
    }
}

fn check_tags(page: &Page<'_>) -> Result<(), String> {
    let [tags] = page.packets[..] else { return Err("the tags are not alone".into()) };
    let vendor = concat!("tympan ", env!("CARGO_PKG_VERSION")).as_bytes();
    let length = (vendor.len() as u32).to_le_bytes();
    let want = [&b"OpusTags"[..], &length, vendor, &[0; 4]].concat();
    if (page.flags, page.granule, tags) == (0, 0, &want[..]) {
        Ok(())
    } else {
        Err("the tags are odd".into())
    }
}

fn pages(mut file: &[u8]) -> Result<Vec<Page<'_>>, String> {
    let mut pages = Vec::new();
    let mut stream = None;
    while !file.is_empty() {
        let (page, serial, length) = page(file, pages.len() as u32)?;
        if *stream.get_or_insert(serial) != serial || serial == 0 {
            return Err("another stream".into());
        }
        pages.push(page);
        file = &file[length..];
    }
    Ok(pages)
}

/// The first page, whose stream it is, and its length in bytes.
fn page(file: &[u8], number: u32) -> Result<(Page<'_>, u32, usize), String> {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("4 bytes"));
    if file.len() < 27 || !file.starts_with(b"OggS\0") {
        return Err(format!("page {number} does not begin"));
    }
    let pieces = 27 + usize::from(file[26]);
    let lengths = file.get(27..pieces).ok_or("a page breaks off in its head")?;
    let length = pieces + lengths.iter().map(|l| usize::from(*l)).sum::<usize>();
    let whole = file.get(..length).ok_or("a page breaks off")?;
    if word(18) != number {
        return Err(format!("page {number} says it is {}", word(18)));
    }
    if word(22) != checksum(whole) {
        return Err(format!("page {number} is damaged"));
    }
    if lengths.last() == Some(&255) {
        return Err(format!("a packet goes on behind page {number}"));
    }
    let (mut packets, mut from, mut to) = (Vec::new(), pieces, pieces);
    for piece in lengths {
        to += usize::from(*piece);
        if *piece < 255 {
            packets.push(&file[from..to]);
            from = to;
        }
    }
    let granule = u64::from(word(6)) | u64::from(word(10)) << 32;
    Ok((Page { flags: file[5], granule, packets }, word(14), length))
}

/// Bit by bit, the page's own checksum taken for zero.
fn checksum(page: &[u8]) -> u32 {
    let mut sum = 0u32;
    for (at, byte) in page.iter().enumerate() {
        let byte = if (22..26).contains(&at) { 0 } else { *byte };
        for bit in (0..8).rev() {
            let carry = sum >> 31 ^ u32::from(byte >> bit & 1);
            sum = (sum << 1) ^ (carry * 0x04c1_1db7);
        }
    }
    sum
}
