//! WAV: the sound is there, only the sizes in front of it are wrong.
//!
//! Where the sound ends is decided by the file's length first and by the header second. A
//! header that promises less than there is was not brought up to date after the last
//! flush; then all that follows is sound, unless it is a row of chunks that fill the file
//! to its last byte. Names found among samples are never looked for.
//!
//! A power cut may leave zeros where data was on its way. They cannot be told from
//! silence, so they are cut off only where the header has not promised them, in whole
//! sectors, and no more than a system holds back before it writes.

use std::io;

use super::window::Window;
use super::{Kind, Outcome, State, ms};

/// More chunks than this are a trap, not a file.
const MOST_CHUNKS: usize = 1024;
/// What a size field holds that nobody has filled in, or that is kept in `ds64`.
const UNKNOWN: u32 = u32::MAX;
/// Storage loses zeros in units of this.
const SECTOR: u64 = 512;
/// Longer rows of zeros are silence: a system writes what it holds back within half a
/// minute.
const HELD_BACK: u64 = 60;
/// And no more bytes of it than these are looked at.
const MOST_ZEROS: u64 = 64 << 20;
/// Bytes of the three sizes in a `ds64` chunk, and of its empty table's length.
const LONG_SIZES: u64 = 28;

/// Chunks that stand behind the sound even where the outer size does not count them.
const KNOWN: [&[u8; 4]; 22] = [
    b"LIST", b"fact", b"bext", b"iXML", b"id3 ", b"ID3 ", b"cue ", b"smpl", b"inst", b"plst",
    b"PEAK", b"JUNK", b"junk", b"PAD ", b"FLLR", b"axml", b"chna", b"afsp", b"DISP", b"_PMX",
    b"cart", b"acid",
];

/// What stands in front of the sound, and where.
struct Head {
    /// RF64 or BW64.
    wide: bool,
    riff: u32,
    /// Where 28 bytes are free for long sizes, or hold them: behind the chunk's name.
    room: Option<u64>,
    /// The sizes in a `ds64` chunk: the whole, the sound.
    long: Option<(u64, u64)>,
    fmt: Fmt,
    /// Where the number of frames stands.
    fact: Option<u64>,
    /// The first byte of sound.
    data: u64,
    size: u32,
}

struct Fmt {
    rate: u32,
    /// Bytes of a frame of samples; `None` for codings that have none.
    frame: Option<u64>,
    bytes_per_second: u32,
}

/// Where things end, as found.
struct Ends {
    /// Bytes of sound.
    sound: u64,
    /// Bytes of file.
    file: u64,
    /// What is cut off is zeros, not part of a frame.
    zeros: bool,
}

pub(super) fn repair(window: &mut Window<'_>) -> io::Result<Outcome> {
    let mut outcome = Outcome::new(Kind::Wav);
    let head = match read_head(window)? {
        Ok(head) => head,
        Err(why) => return Ok(outcome.hopeless(why)),
    };
    let len = window.len();
    let ends = ends(window, &head, &mut outcome)?;
    outcome.rate = head.fmt.rate;
    outcome.kept_frames = head.fmt.frame.map_or(0, |frame| ends.sound / frame);
    report(&head, &ends, len, &mut outcome);
    if is_true(&head, &ends, len) {
        return Ok(outcome);
    }
    if ends.sound == 0 {
        return Ok(outcome.hopeless("There is no sound behind the header."));
    }
    outcome.state = State::Repaired;
    cut(window, &head, &ends)?;
    put_sizes(window, &head, &ends, outcome.kept_frames)?;
    if window.len() != ends.file {
        // The byte that makes the length even, when it cannot be taken for a sample any more.
        window.set_len(ends.file)?;
        window.sync()?;
    }
    Ok(outcome)
}

/// Reads up to the first byte of sound, or says why that cannot be.
fn read_head(window: &mut Window<'_>) -> io::Result<Result<Head, String>> {
    let start = window.peek(0, 12)?;
    let (wide, riff) = (&start[..4] != b"RIFF", u32_at(start, 4));
    let (mut fmt, mut fact, mut room, mut long) = (None, None, None, None);
    let mut at = 12;
    for _ in 0..MOST_CHUNKS {
        // Enough for the name, the size and what is read of the contents.
        let chunk = window.peek(at, 48)?;
        if chunk.len() < 8 {
            let len = window.len();
            return Ok(Err(format!("The file ends after {len} bytes, inside its header.")));
        }
        let (name, size, body) =
            ([chunk[0], chunk[1], chunk[2], chunk[3]], u32_at(chunk, 4), at + 8);
        let contents = &chunk[8..chunk.len().min(8 + size as usize)];
        if !is_name(name) {
            return Ok(Err(format!("No chunk of a WAV file begins at byte {at}.")));
        }
        match &name {
            b"data" => {
                let Some(fmt) = fmt else {
                    return Ok(Err("Nothing in front of the samples says what they are.".into()));
                };
                return Ok(Ok(Head { wide, riff, room, long, fmt, fact, data: body, size }));
            }
            b"fmt " if fmt.is_none() => match read_fmt(contents) {
                Some(known) => fmt = Some(known),
                None => return Ok(Err("The description of the samples is cut short.".into())),
            },
            b"fact" if size >= 4 => fact = Some(body),
            b"ds64" | b"JUNK" | b"junk" | b"PAD " | b"FLLR" if at == 12 => {
                let fits = u64::from(size) >= LONG_SIZES && contents.len() >= 28;
                room = fits.then_some(body);
                // In a RIFF file that a repair was making long they do not count yet.
                if &name == b"ds64" && fits && wide {
                    long = Some((u64_at(contents, 0), u64_at(contents, 8)));
                }
            }
            _ => {}
        }
        at = behind(window, body, size)?;
    }
    Ok(Err(format!("There are {MOST_CHUNKS} chunks and none of them is sound.")))
}

/// Where the next chunk begins: behind the byte that makes a length even, which some
/// writers leave out.
fn behind(window: &mut Window<'_>, body: u64, size: u32) -> io::Result<u64> {
    let end = body + u64::from(size);
    if size.is_multiple_of(2) {
        return Ok(end);
    }
    let next = window.peek(end, 4)?;
    let common = [b"fmt ", b"data", b"fact", b"LIST", b"bext", b"JUNK", b"PEAK", b"iXML"];
    let unpadded = common.iter().any(|name| next.starts_with(name.as_slice()));
    Ok(end + u64::from(!unpadded))
}

fn read_fmt(contents: &[u8]) -> Option<Fmt> {
    if contents.len() < 16 {
        return None;
    }
    let (channels, align) = (u16_at(contents, 2), u16_at(contents, 12));
    let mut tag = u16_at(contents, 0);
    if tag == 0xfffe && contents.len() >= 26 {
        tag = u16_at(contents, 24);
    }
    let derived = u64::from(channels) * u64::from(u16_at(contents, 14).div_ceil(8));
    // PCM, float, A-law and mu-law: each sample stands for itself.
    let frame = matches!(tag, 1 | 3 | 6 | 7)
        .then_some(if align == 0 { derived } else { align.into() })
        .filter(|frame| *frame > 0);
    let (rate, bytes_per_second) = (u32_at(contents, 4), u32_at(contents, 8));
    Some(Fmt { rate, frame, bytes_per_second })
}

impl Head {
    /// Bytes of sound that the header promises, if it does.
    fn promised(&self) -> Option<u64> {
        match (self.size, self.long) {
            (UNKNOWN, Some((_, sound))) if sound < 1 << 62 => Some(sound),
            (UNKNOWN, _) => None,
            (size, _) => Some(size.into()),
        }
    }

    /// Where the long sizes are, if there are any.
    fn long_room(&self) -> Option<u64> {
        self.room.filter(|_| self.long.is_some())
    }

    /// Where the file ends by its outer size, if that says something.
    fn outer_end(&self) -> Option<u64> {
        match (self.riff, self.long) {
            (UNKNOWN, Some((whole, _))) => whole.checked_add(8),
            (UNKNOWN, None) => None,
            (riff, _) => Some(u64::from(riff) + 8),
        }
    }
}

/// Sizes that mean "very long" to writers that cannot go back: 2 GiB or 4 GiB, less
/// about a header.
fn is_placeholder(size: u64) -> bool {
    (0xffff_0000..=0xffff_ffff).contains(&size) || (0x7fff_0000..=0x8000_0000).contains(&size)
}

/// Finds where the sound ends, and the file should.
fn ends(window: &mut Window<'_>, head: &Head, outcome: &mut Outcome) -> io::Result<Ends> {
    let (data, len) = (head.data, window.len());
    let there = len - data.min(len);
    let promised = match head.promised() {
        Some(promised) if promised <= there => promised,
        // Cut short, or never known.
        _ => return Ok(whole(head, there, false)),
    };
    // 32 bits may have wrapped around, once for each 4 GiB.
    let turns = if head.size == UNKNOWN { 0 } else { (there - promised) >> 32 };
    for turn in 0..=turns {
        let sound = promised + (turn << 32);
        if ends_with_chunks(window, head, data + sound)? {
            let partial = head.fmt.frame.map_or(0, |frame| sound % frame);
            if partial > 0 && len - data - sound <= 1 {
                // A promise of no whole frames is none.
                return Ok(whole(head, there, false));
            }
            return Ok(Ends { sound, file: len, zeros: false });
        }
    }
    if is_foreign(window, head, data + promised)? {
        outcome.found(format!(
            "Behind the sound are {} bytes that are none; they were left alone.",
            there - promised
        ));
        return Ok(Ends { sound: promised, file: len, zeros: false });
    }
    // What is no whole frame is no sound either way, so it does not make zeros sound.
    let frames = data + whole(head, there, false).sound;
    let end = without_zeros(window, head, data + promised, frames.max(data + promised))?;
    Ok(whole(head, end - data, end < frames))
}

/// All of so many bytes, in whole frames.
fn whole(head: &Head, bytes: u64, zeros: bool) -> Ends {
    let sound = head.fmt.frame.map_or(bytes, |frame| bytes - bytes % frame);
    Ends { sound, file: head.data + sound + sound % 2, zeros }
}

/// Whether the file ends at `at`, or chunks that begin there fill it to the last byte.
fn ends_with_chunks(window: &mut Window<'_>, head: &Head, at: u64) -> io::Result<bool> {
    let (len, odd) = (window.len(), (at - head.data) % 2);
    let empty = at == head.data;
    if at == len || (at + odd == len && !empty) {
        return Ok(true);
    }
    let counted = head.outer_end().is_some_and(|end| end.abs_diff(len) <= 1);
    for pad in 0..=odd {
        let chunks = chunks_to_the_end(window, at + pad)?;
        // No sound at all is believed only if the outer size says so as well.
        if chunks.is_some_and(|known| counted || (known && !empty)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether chunks fill the file from here to its end, and if so whether all are known.
fn chunks_to_the_end(window: &mut Window<'_>, from: u64) -> io::Result<Option<bool>> {
    let (mut at, mut known) = (from, true);
    for _ in 0..MOST_CHUNKS {
        let chunk = window.peek(at, 8)?;
        if chunk.len() < 8 {
            break;
        }
        let name = [chunk[0], chunk[1], chunk[2], chunk[3]];
        if !is_name(name) {
            break;
        }
        known &= KNOWN.contains(&&name);
        let end = at + 8 + u64::from(u32_at(chunk, 4));
        // The last one may lack the byte that makes its length even.
        if end == window.len() || (end % 2 != at % 2 && end + 1 == window.len()) {
            return Ok(Some(known));
        }
        at = end + (end - at) % 2;
        if at > window.len() {
            break;
        }
    }
    Ok(None)
}

/// Whether what follows the sound was never meant to be sound: a tag of another format,
/// or chunks that were cut short.
fn is_foreign(window: &mut Window<'_>, head: &Head, at: u64) -> io::Result<bool> {
    let rest = window.len() - at;
    let odd = (at - head.data) % 2;
    for at in [at, at + odd] {
        let ahead = window.peek(at, 8)?;
        let tag = ahead.starts_with(b"TAG") && rest <= 129;
        let counted = head.outer_end().is_some_and(|end| end >= at + 8) && head.riff != 0;
        let placeholder = is_placeholder(head.riff.into()) && head.long.is_none();
        let torn = counted && !placeholder && at > head.data + 1;
        let named = KNOWN.iter().any(|name| ahead.starts_with(name.as_slice()));
        if tag || ahead.starts_with(b"APETAGEX") || (torn && named) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The end of what is not zeros, in whole sectors and not before `promised`.
fn without_zeros(window: &mut Window<'_>, head: &Head, promised: u64, len: u64) -> io::Result<u64> {
    let second = head.fmt.frame.map_or(0, |frame| frame * u64::from(head.fmt.rate));
    let most = MOST_ZEROS.min(second.saturating_mul(HELD_BACK));
    let floor = promised.max(len.saturating_sub(most));
    let end = window.zeros_before(len, floor)?;
    if end == floor && floor > promised {
        return Ok(len);
    }
    Ok(end.next_multiple_of(SECTOR).min(len))
}

/// Whether the header says what is the case.
fn is_true(head: &Head, ends: &Ends, len: u64) -> bool {
    let end = head.data + ends.sound;
    let too_long = end - 8 > u64::from(UNKNOWN);
    let unknowable = too_long && head.size == UNKNOWN && head.room.is_none();
    let sound = head.promised() == Some(ends.sound) || unknowable;
    // An outer size that counts too much does no harm; one that leaves sound out does.
    let outer = head.outer_end().is_none_or(|outer| outer >= end);
    // The byte that makes the length even may be missing.
    sound && (outer || unknowable) && (ends.file == len || ends.file == len + 1)
}

/// Says what is the matter.
fn report(head: &Head, ends: &Ends, len: u64, outcome: &mut Outcome) {
    let time = |bytes| head.fmt.frame.and_then(|frame| ms(bytes / frame, head.fmt.rate));
    let cut = len.saturating_sub(ends.file);
    if cut > 0 && ends.zeros {
        outcome.found(format!(
            "The last {cut} bytes are zeros that the header never promised, as a power cut \
             leaves them; they were cut off. If they were silence, that was lost."
        ));
        outcome.lost(cut, time(cut));
    } else if cut > 0 {
        outcome.found(format!("The last {cut} bytes are no whole frame; they were cut off."));
        outcome.lost(cut, Some(0));
    }
    match head.promised() {
        Some(promised) if promised == ends.sound => {
            if !is_true(head, ends, len) && cut == 0 {
                outcome.found("The outer size in the header left sound out.");
            }
        }
        None if is_true(head, ends, len) => {}
        Some(promised) if promised > ends.sound && !is_placeholder(promised) => {
            let missing = promised - ends.sound;
            outcome.found(format!(
                "The header promises {promised} bytes of sound and there are {}.",
                ends.sound
            ));
            outcome.lost(0, time(missing).or_else(|| by_rate(missing, &head.fmt)));
        }
        Some(promised) => outcome.found(format!(
            "The header gave {promised} bytes of sound, as a writer leaves it that was killed or \
             could not go back; there are {}.",
            ends.sound
        )),
        None => outcome.found(format!(
            "The header gave no length, as of a stream; there are {} bytes of sound.",
            ends.sound
        )),
    }
}

fn by_rate(bytes: u64, fmt: &Fmt) -> Option<u64> {
    ms(bytes, fmt.bytes_per_second)
}

/// Cuts off what is not sound.
fn cut(window: &mut Window<'_>, head: &Head, ends: &Ends) -> io::Result<()> {
    let end = (head.data + ends.sound).min(ends.file);
    if end < window.len() && ends.file < window.len() {
        // Without its end, what looks like chunks may fill the file behind a promise that is
        // too short. One taken back would make sound of zeros: there a right one comes first.
        if ends.zeros {
            put_promise(window, head, ends)?;
        } else {
            take_back_promise(window, head, ends)?;
        }
        window.set_len(end)?;
        window.sync()?;
    }
    Ok(())
}

/// Makes the size that counts right, if it has room for so much.
fn put_promise(window: &mut Window<'_>, head: &Head, ends: &Ends) -> io::Result<()> {
    match (head.long_room(), u32::try_from(ends.sound)) {
        (Some(room), _) if head.size == UNKNOWN => {
            window.put(room + 8, &ends.sound.to_le_bytes())?;
        }
        (_, Ok(sound)) if head.size != sound => {
            window.put(head.data - 4, &sound.to_le_bytes())?;
        }
        _ => return Ok(()),
    }
    window.sync()
}

/// A promise that is too short makes chunks of what looks like some behind it, as soon as an
/// outer size counts all of it, and a tag of what is left behind it. So none is left: the
/// short size says that it is not known, and a long one is right.
fn take_back_promise(window: &mut Window<'_>, head: &Head, ends: &Ends) -> io::Result<()> {
    // Where no size will be known, it is the last word.
    let knowable = head.room.is_some() || ends.file - 8 <= u64::from(UNKNOWN);
    if knowable && head.promised().is_some_and(|promised| promised != ends.sound) {
        if let Some(room) = head.long_room() {
            // A long size counts as soon as the short one does not: it has to be right.
            window.put(room + 8, &ends.sound.to_le_bytes())?;
            window.sync()?;
        }
        if head.size != UNKNOWN {
            window.put(head.data - 4, &UNKNOWN.to_le_bytes())?;
            window.sync()?;
        }
    }
    Ok(())
}

/// Writes the sizes. That of the sound comes last, and by it a repair sees that it is
/// not done: so all else reaches the disk before.
fn put_sizes(window: &mut Window<'_>, head: &Head, ends: &Ends, frames: u64) -> io::Result<()> {
    let riff = ends.file - 8;
    if head.data + ends.sound + 1 >= window.len() {
        take_back_promise(window, head, ends)?;
    }
    let short = |size: u64| u32::try_from(size).unwrap_or(UNKNOWN).to_le_bytes();
    if let (Some(fact), Some(_)) = (head.fact, head.fmt.frame) {
        window.put(fact, &short(frames))?;
    }
    let long = head.wide || riff > u64::from(UNKNOWN);
    let (Some(room), true) = (head.room, long) else {
        if head.wide && riff <= u64::from(UNKNOWN) {
            window.put(0, b"RIFF")?;
        }
        window.put(4, &short(riff))?;
        window.sync()?;
        window.put(head.data - 4, &short(ends.sound))?;
        return window.sync();
    };
    let sizes = [riff, ends.sound, frames].map(u64::to_le_bytes);
    window.put(room, sizes.as_flattened())?;
    if head.long.is_none() {
        // No table of further long chunks.
        window.put(room + 24, &[0; 4])?;
    }
    window.sync()?;
    window.put(room - 8, b"ds64")?;
    window.put(4, &UNKNOWN.to_le_bytes())?;
    if !head.wide {
        window.put(0, b"RF64")?;
    }
    window.sync()?;
    window.put(head.data - 4, &UNKNOWN.to_le_bytes())?;
    window.sync()
}

fn is_name(name: [u8; 4]) -> bool {
    name.iter().all(|byte| (0x20..0x7f).contains(byte))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
