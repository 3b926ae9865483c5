//! FLAC: frames that carry their own checksums behind a head that is filled in last.
//!
//! A torn end is cut off behind the last whole frame, and the head is told what is there:
//! the length, and the sizes of blocks and frames. The checksum of all samples stays or
//! becomes "unknown", because it would take decoding to know it.
//!
//! A hole in the middle is left: frames are numbered, so that players pass over it, and
//! cutting it out would mean to renumber all that follows.

use std::io;

use super::frame::{self, Frame};
use super::window::{self, Window};
use super::{Kind, Outcome, State, estimate, ms};
use crate::take::flac::{SMALLEST, told_sizes};
use crate::take::sums;

/// Where the first block of the head begins, which says what all frames have in common.
const INFO: u64 = 8;
const INFO_LEN: usize = 34;
/// More blocks than this are a trap, not a head.
const MOST_BLOCKS: usize = 1024;

/// What the head says.
struct Head {
    info: [u8; INFO_LEN],
    rate: u32,
    bits: u32,
    channels: u32,
    /// Frames of sound, 0 for unknown.
    total: u64,
    /// The first byte of sound.
    sound: u64,
}

/// What was found behind the head.
#[derive(Clone, Copy, Debug, Default)]
struct Walked {
    frames: u64,
    /// Samples of all whole frames.
    samples: u64,
    /// Where the next frame's sound begins, with what is missing counted.
    position: u64,
    /// Samples of the first and the last frame, and the extremes before the last.
    first: u32,
    last: u32,
    blocks: Option<(u32, u32)>,
    sizes: Option<(u32, u32)>,
    by_sample: bool,
    /// A frame is of another format than the head says, as of a stream that changes.
    varies: bool,
    /// Behind the last whole frame.
    end: u64,
    /// Bytes that are no frame, before it.
    holes: u64,
    /// There are frames that were not looked at.
    skipped: bool,
}

/// So much of what can be believed is looked at all the same: it begins with a whole frame.
const BACK: u64 = 1 << 14;

/// Nothing is wrong with the file up to `believed`.
pub(super) fn repair(window: &mut Window<'_>, believed: u64) -> io::Result<Outcome> {
    let mut outcome = Outcome::new(Kind::Flac);
    let head = match read_head(window)? {
        Ok(head) => head,
        Err(why) => return Ok(outcome.hopeless(why)),
    };
    outcome.rate = head.rate;
    let walked = walk(window, &head, believed, &mut outcome)?;
    outcome.kept_frames = walked.samples;
    let len = window.len();
    if window.is_a_trap() {
        return Ok(outcome.hopeless(window::TRAP));
    }
    if walked.frames == 0 {
        let nothing = len == head.sound && head.total == 0;
        return Ok(if nothing { outcome } else { outcome.hopeless("It holds no whole frame.") });
    }
    let keep = if is_tag(window, walked.end)? { len } else { walked.end };
    let total = walked.position;
    if keep == len && (total == head.total || walked.varies) {
        if walked.varies {
            outcome.found("It changes its format on the way, so that it has no one length.");
        }
        return Ok(outcome);
    }
    outcome.state = State::Repaired;
    if keep < len {
        let lost = len - keep;
        outcome.found(format!("The last {lost} bytes are no whole frame; they were cut off."));
        let kept_ms = ms(walked.samples, head.rate);
        outcome.lost(lost, estimate(lost, walked.end - head.sound, kept_ms));
        window.set_len(keep)?;
        window.sync()?;
    }
    put_info(window, &head, &walked, &mut outcome)?;
    Ok(outcome)
}

/// Reads up to the first byte of sound, or says why that cannot be.
fn read_head(window: &mut Window<'_>) -> io::Result<Result<Head, String>> {
    let start = window.peek(4, 4 + INFO_LEN)?;
    if start.len() < 4 + INFO_LEN || start[0] & 0x7f != 0 || start[1..4] != [0, 0, INFO_LEN as u8] {
        return Ok(Err("The block that says what its samples are is missing.".into()));
    }
    let mut info = [0; INFO_LEN];
    info.copy_from_slice(&start[4..4 + INFO_LEN]);
    let mut at = 4;
    for _ in 0..MOST_BLOCKS {
        let block = window.peek(at, 4)?;
        if block.len() < 4 {
            return Ok(Err(format!("The file ends after {at} bytes, inside its head.")));
        }
        let last = block[0] & 0x80 != 0;
        at += 4 + u64::from(u32::from_be_bytes([0, block[1], block[2], block[3]]));
        if at > window.len() {
            return Ok(Err("The file ends inside its head.".into()));
        }
        if last {
            return Ok(Ok(described(info, at)));
        }
    }
    Ok(Err(format!("Its head has {MOST_BLOCKS} blocks and no end.")))
}

fn described(info: [u8; INFO_LEN], sound: u64) -> Head {
    let word = u64::from_be_bytes(*info[10..].first_chunk().expect("34 bytes"));
    Head {
        info,
        rate: (word >> 44) as u32,
        channels: (word >> 41 & 7) as u32 + 1,
        bits: (word >> 36 & 31) as u32 + 1,
        total: word & TOTAL,
        sound,
    }
}

/// The bits of the head that hold the length.
const TOTAL: u64 = (1 << 36) - 1;

impl Head {
    fn is_like(&self, frame: &Frame) -> bool {
        let known = |said: u32, file: u32| said == 0 || said == file;
        frame.channels == self.channels
            && known(frame.bits, self.bits)
            && known(frame.rate, self.rate)
    }
}

/// Passes over all whole frames.
fn walk(
    window: &mut Window<'_>,
    head: &Head,
    believed: u64,
    outcome: &mut Outcome,
) -> io::Result<Walked> {
    let mut walked = Walked { end: head.sound, ..Walked::default() };
    let mut at = head.sound;
    if believed > at + BACK {
        at = walked.skip(window, head, believed - BACK)?;
    }
    // How it was before a frame whose end the next head told.
    let mut before: Option<(Walked, u64)> = None;
    while at < window.len() {
        let told = before_next(window, at)?;
        // What is here may be cut off, and that head with it: the contents must agree.
        if told.is_none()
            && let Some((then, there)) = before
            && frame_at(window, head, there)?.is_none_or(|(_, end)| end != at)
        {
            (walked, at) = (then, there);
        }
        let found = match told {
            Some(_) => told,
            None => frame_at(window, head, at)?,
        };
        before = told.map(|_| (walked, at));
        if let Some((frame, end)) = found {
            walked.varies |= !head.is_like(&frame);
            walked.pass(&frame, at, end);
            at = end;
            continue;
        }
        let Some(next) = next_frame(window, head, &walked, at + 1)? else { break };
        walked.hole(window, at, next, outcome)?;
        at = next;
    }
    Ok(walked)
}

/// The frame at a place, and where it ends by the head of the next one, if that is there: ten
/// times as fast as by its contents.
fn before_next(window: &mut Window<'_>, at: u64) -> io::Result<Option<(Frame, u64)>> {
    let Some(frame) = Frame::read(window.peek(at, frame::LONGEST_HEAD)?) else {
        return Ok(None);
    };
    let most = (at + frame.most()).min(window.len());
    let want = (frame.most() as usize + frame::LONGEST_HEAD).min(window::MOST);
    let bytes = window.peek(at, want)?;
    let bytes = &bytes[..bytes.len().min(want)];
    let expected = frame.number + if frame.by_sample { frame.samples.into() } else { 1 };
    let (mut sum, mut summed, mut from) = (0, 0, frame::SHORTEST);
    while let Some(index) = bytes.get(from..).and_then(|rest| window::position(rest, 0xff)) {
        let end = from + index;
        from = end + 1;
        if at + end as u64 > most {
            break;
        }
        if bytes.get(from).is_none_or(|second| second & 0xfe != 0xf8) {
            continue;
        }
        sum = sums::flac16(sum, &bytes[summed..end]);
        summed = end;
        let follows = |next: Frame| next.number == expected && next.by_sample == frame.by_sample;
        if sum == 0
            && let Some(next) = Frame::read(&bytes[end..])
        {
            // The sum of several frames is right, too: where another one follows than the
            // next, the contents have to tell.
            return Ok(follows(next).then_some((frame, at + end as u64)));
        }
    }
    Ok(None)
}

/// The frame at a place, and where it ends by its contents, if it is whole.
fn frame_at(window: &mut Window<'_>, head: &Head, at: u64) -> io::Result<Option<(Frame, u64)>> {
    let Some(frame) = Frame::read(window.peek(at, frame::LONGEST_HEAD)?) else {
        return Ok(None);
    };
    let bytes = window.peek(at, (frame.most() as usize).min(window::MOST))?;
    Ok(frame.len(bytes, head.bits).map(|len| (frame, at + len as u64)))
}

/// Where the next whole frame begins behind a damaged place.
fn next_frame(
    window: &mut Window<'_>,
    head: &Head,
    walked: &Walked,
    from: u64,
) -> io::Result<Option<u64>> {
    let mut from = from;
    while let Some(at) = window.find(0xff, from, window.len())? {
        from = at + 1;
        let Some(frame) = Frame::read(window.peek(at, frame::LONGEST_HEAD)?) else { continue };
        let alike = walked.frames == 0 || frame.by_sample == walked.by_sample;
        // Old blocks of a disk may hold frames of another file.
        let later = walked.begins(&frame).is_some_and(|begin| begin >= walked.position);
        if alike && later {
            if frame_at(window, head, at)?.is_some() {
                return Ok(Some(at));
            }
            if !window.may_go_on(frame.most()) {
                break;
            }
        }
    }
    Ok(None)
}

impl Walked {
    /// Where a frame's sound begins, by its number. Longer than a month it cannot be.
    fn begins(&self, frame: &Frame) -> Option<u64> {
        // Of a file that begins with a hole, the first frame that is left tells.
        let first = if self.first > 0 { self.first } else { frame.samples };
        let each = if frame.by_sample { 1 } else { u64::from(first) };
        frame.number.checked_mul(each).filter(|begin| *begin <= TOTAL)
    }

    /// Goes to the first frame behind a place up to which all is well: a day of frames takes
    /// seconds to read, and their number says what was before them. Numbers of blocks do
    /// not, where blocks may be of any length.
    fn skip(&mut self, window: &mut Window<'_>, head: &Head, to: u64) -> io::Result<u64> {
        let Some((first, end)) = frame_at(window, head, head.sound)? else {
            return Ok(head.sound);
        };
        if !first.by_sample || end >= to {
            return Ok(head.sound);
        }
        self.pass(&first, head.sound, end);
        if let Some(next) = next_frame(window, head, self, to)?
            && let Some((frame, _)) = frame_at(window, head, next)?
        {
            (self.samples, self.position, self.skipped) = (frame.number, frame.number, true);
            return Ok(next);
        }
        Ok(end)
    }

    fn pass(&mut self, frame: &Frame, at: u64, end: u64) {
        if self.frames == 0 {
            self.first = frame.samples;
            self.by_sample = frame.by_sample;
        } else {
            self.blocks = Some(around(self.blocks, self.last));
        }
        self.last = frame.samples;
        self.sizes = Some(around(self.sizes, (end - at) as u32));
        self.frames += 1;
        self.samples += u64::from(frame.samples);
        self.position += u64::from(frame.samples);
        self.end = end;
    }

    /// Takes account of what is no frame, before one that is.
    fn hole(
        &mut self,
        window: &mut Window<'_>,
        at: u64,
        next: u64,
        outcome: &mut Outcome,
    ) -> io::Result<()> {
        let frame = Frame::read(window.peek(next, frame::LONGEST_HEAD)?);
        let begin = frame.and_then(|frame| self.begins(&frame)).unwrap_or(self.position);
        let missing = begin.saturating_sub(self.position);
        let time = ms(missing, outcome.rate);
        outcome.found(format!(
            "At byte {at} there are {} bytes that are no frame, {} ms of sound; they were left \
             as they are, and players pass over them.",
            next - at,
            time.unwrap_or_default()
        ));
        outcome.lost(next - at, time);
        self.holes += next - at;
        self.position += missing;
        Ok(())
    }
}

fn around(extremes: Option<(u32, u32)>, one: u32) -> (u32, u32) {
    let (least, most) = extremes.unwrap_or((one, one));
    (least.min(one), most.max(one))
}

/// Whether what follows the last frame is a tag of another format.
fn is_tag(window: &mut Window<'_>, at: u64) -> io::Result<bool> {
    let rest = window.len() - at;
    let ahead = window.peek(at, 8)?;
    Ok((rest == 128 && ahead.starts_with(b"TAG")) || ahead.starts_with(b"APETAGEX"))
}

/// Fills in the head, inside the file's first sector.
fn put_info(
    window: &mut Window<'_>,
    head: &Head,
    walked: &Walked,
    outcome: &mut Outcome,
) -> io::Result<()> {
    let (least, most) = walked.blocks.unwrap_or((walked.last, walked.last));
    let mut blocks = told_sizes(least, most.max(walked.last), walked.by_sample);
    let (mut small, mut large) = walked.sizes.unwrap_or_default();
    if walked.skipped {
        // Of any size; of any number of bytes.
        (blocks, small, large) = ((SMALLEST, u16::MAX), 0, 0);
    }
    let mut info = head.info;
    info[0..2].copy_from_slice(&blocks.0.to_be_bytes());
    info[2..4].copy_from_slice(&blocks.1.to_be_bytes());
    info[4..7].copy_from_slice(&small.to_be_bytes()[1..]);
    info[7..10].copy_from_slice(&large.to_be_bytes()[1..]);
    let total = if walked.position <= TOTAL { walked.position } else { 0 };
    let word = u64::from_be_bytes(*info[10..].first_chunk().expect("34 bytes"));
    info[10..18].copy_from_slice(&(word & !TOTAL | total).to_be_bytes());
    if head.total > 0 || walked.holes > 0 {
        // It was made of what is not there any more. Before the length, by which a repair
        // sees that it is not done.
        window.put(INFO + 18, &[0; 16])?;
        window.sync()?;
    }
    let before = match head.total {
        0 => "no length".to_owned(),
        total => format!("{total} frames"),
    };
    outcome.found(format!("The head gave {before}; there are {total}, which it says now."));
    if head.total > walked.position {
        outcome.lost_ms = ms(head.total - walked.samples, head.rate);
    }
    window.put(INFO, &info[..18])?;
    window.sync()
}
