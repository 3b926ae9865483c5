//! Ogg: pages that carry their own checksum, so that what is whole is known for certain.
//!
//! A torn end is cut off behind the last whole page, and that page is marked as the last.
//! The mark is a flag and a checksum inside the page; however a power cut tears it, the
//! page is still [known](page::Page::half_marked). A hole in the middle of a stream of Opus
//! is [filled where it is](super::filler), because moving what lies behind it forward could
//! not be stopped half way. Of other codings nothing lawful can be made that says nothing:
//! there a hole stays, which players pass over.

use std::io;

use super::filler::{self, Hole};
use super::page::{self, BEGINS, CONTINUES, ENDS, Page};
use super::window::{self, Window};
use super::{Kind, Outcome, State, estimate, ms};

/// More walks than this, no damage asks for.
const MOST_WALKS: usize = 4;
/// Streams side by side that are kept account of.
const MOST_STREAMS: usize = 64;
/// Ticks of a hole that is believed: a week.
const LONGEST_HOLE: u64 = 7 * 24 * 3600 * 48_000;
/// Bytes of a hole that are written at a time.
const BLOCK: usize = 256 << 10;

const ORPHANS: &str = "Behind a damaged place there are pages of a stream whose beginning is \
                       lost; they were left alone.";

#[derive(Clone, Copy, Debug)]
enum Coding {
    /// Opus, with the samples that are skipped at the beginning. Only where it is `plain`
    /// is a packet one stream, which is what fillers are made for.
    Opus {
        skip: u64,
        plain: bool,
    },
    /// A coding whose granules count frames at a rate.
    Counted {
        rate: u32,
    },
    Unknown,
}

/// A page that was passed.
#[derive(Clone, Debug)]
struct Passed {
    at: u64,
    page: Page,
}

/// A place between two packets.
#[derive(Clone, Copy, Debug)]
struct Border {
    at: u64,
    number: u32,
    granule: u64,
    /// Nothing is before it but the head.
    after_head: bool,
}

/// One stream of the chain's current link.
struct Stream {
    serial: u32,
    coding: Coding,
    pages: u64,
    /// Where the granules begin: 0, but for what was cut out of a longer stream.
    origin: Option<u64>,
    last: Passed,
    /// The last page on which a packet ends.
    solid: Option<Passed>,
    /// Behind the last page that leaves no packet open.
    border: Option<Border>,
}

struct Walk<'w, 'm> {
    window: &'w mut Window<'m>,
    streams: Vec<Stream>,
    /// Pages other than first ones have come since the link began.
    under_way: bool,
    /// Behind the last whole page, and the last on which a packet ends.
    end: u64,
    solid_end: u64,
    /// Frames of earlier links.
    frames: u64,
    /// Behind a damaged place are whole pages of a stream whose beginning is lost.
    orphans: bool,
    changed: bool,
    outcome: Outcome,
}

/// Walks are made until one has nothing to do: with its last page marked, a hole before it
/// may be one that can be filled.
pub(super) fn repair(window: &mut Window<'_>) -> io::Result<Outcome> {
    let mut outcome = walk(window, true)?;
    for _ in 1..MOST_WALKS {
        if outcome.state != State::Repaired {
            break;
        }
        let again = walk(window, false)?;
        if again.state != State::Repaired {
            break;
        }
        let before = outcome;
        outcome = Outcome { findings: before.findings, ..again };
        outcome.lost(before.lost_bytes, before.lost_ms);
        again.findings.into_iter().for_each(|finding| outcome.found(finding));
    }
    Ok(outcome)
}

/// What the first walk has changed, others do not give up.
fn walk(window: &mut Window<'_>, first: bool) -> io::Result<Outcome> {
    let mut outcome = Outcome::new(Kind::Ogg);
    if Page::read_marked(window.peek(0, page::LARGEST)?).is_none() {
        return Ok(outcome.hopeless("Its first page is damaged, which says what the rest is."));
    }
    outcome.lost_ms = Some(0);
    let mut walk = Walk {
        window,
        streams: Vec::new(),
        under_way: false,
        end: 0,
        solid_end: 0,
        frames: 0,
        orphans: false,
        changed: false,
        outcome,
    };
    walk.run()?;
    walk.finish(first)
}

impl Walk<'_, '_> {
    /// Passes over all whole pages, and fills holes on the way.
    fn run(&mut self) -> io::Result<()> {
        let mut at = 0;
        while at < self.window.len() {
            let bytes = self.window.peek(at, page::LARGEST)?;
            if let Some(page) = Page::read_marked(bytes) {
                let len = page.len as u64;
                self.pass(at, page)?;
                at += len;
                self.end = at;
                continue;
            }
            let before = std::mem::take(&mut self.orphans);
            let next = self.next_page(at + 1)?;
            let inside = self.orphans;
            self.orphans |= before;
            let Some(next) = next else { break };
            self.damaged(at, next, inside)?;
            at = next;
        }
        Ok(())
    }

    /// Where the next whole page begins that belongs here.
    fn next_page(&mut self, from: u64) -> io::Result<Option<u64>> {
        let mut from = from;
        while let Some(at) = self.window.find(b'O', from, self.window.len())? {
            let bytes = self.window.peek(at, page::HEAD + 255)?;
            from = at + 1;
            let Some(head) = Page::head(bytes).filter(|head| !self.is_old(head)) else { continue };
            let whole = Page::read(self.window.peek(at, page::LARGEST)?).is_some();
            if whole && self.belongs(&head) {
                return Ok(Some(at));
            }
            self.orphans |= whole;
            if !self.window.may_go_on(head.len as u64) {
                break;
            }
        }
        Ok(None)
    }

    /// Whether a page behind a damaged place can be told to be of this file.
    fn belongs(&self, page: &Page) -> bool {
        page.is(BEGINS) || self.streams.iter().any(|stream| stream.serial == page.serial)
    }

    /// Whether it is one that was passed before: a disk's old blocks hold whole pages.
    fn is_old(&self, page: &Page) -> bool {
        let later = |stream: &Stream| {
            let ahead = page.number.wrapping_sub(stream.last.page.number);
            (1..1 << 31).contains(&ahead)
        };
        let stream = self.streams.iter().find(|stream| stream.serial == page.serial);
        !page.is(BEGINS) && stream.is_some_and(|stream| !later(stream))
    }

    /// Fills the bytes from `at` to `next`, which are no page, or notes that they stay: where
    /// there are `orphans` among them, something would be lost.
    fn damaged(&mut self, at: u64, next: u64, orphans: bool) -> io::Result<()> {
        let hole = match self.streams.as_mut_slice() {
            [stream] if !orphans => {
                let border = stream.border.filter(|border| border.at == at);
                let bytes = self.window.peek(next, page::LARGEST)?;
                let hole = stream.measure(border, next, bytes);
                if !hole.is_some_and(|hole| hole.comments && hole.pages == 1) {
                    // Sound is missing, which is a part of it, even before the first page.
                    stream.origin.get_or_insert(0);
                }
                hole
            }
            _ => None,
        };
        if let Some(hole) = hole {
            return self.fill(at, hole);
        }
        self.outcome.found(format!(
            "At byte {at} there are {} bytes that are no page, and silence cannot be fitted in; \
             they were left as they are, and players pass over them.",
            next - at
        ));
        self.outcome.lost(next - at, None);
        Ok(())
    }

    /// Puts silence in the place of a hole.
    fn fill(&mut self, at: u64, mut hole: Hole) -> io::Result<()> {
        let (bytes, ticks) = (hole.bytes, hole.ticks);
        let mut block = Vec::new();
        while hole.pages > 0 {
            block.extend(hole.next().unwrap_or_default());
            if block.len() >= BLOCK || hole.pages == 0 {
                let begin = at + bytes - hole.bytes - block.len() as u64;
                self.window.put(begin, &block)?;
                block.clear();
            }
        }
        self.changed = true;
        let lost = ms(ticks, 48_000).unwrap_or_default();
        self.outcome.found(format!(
            "At byte {at} there was a hole of {bytes} bytes, {lost} ms of sound; it holds silence \
             now, so that what follows keeps its time.",
        ));
        self.outcome.lost(bytes, Some(lost));
        Ok(())
    }

    /// Takes a whole page into account.
    fn pass(&mut self, at: u64, page: Page) -> io::Result<()> {
        if page.is(BEGINS) {
            // Two of one name do not go side by side.
            if self.under_way || self.streams.iter().any(|s| s.serial == page.serial) {
                self.end_link();
            }
            self.begin(at, &page)?;
        } else {
            self.under_way = true;
        }
        let end = at + page.len as u64;
        if page.granule.is_some() || page.is(ENDS) {
            self.solid_end = end;
        }
        let Some(index) = self.streams.iter().position(|s| s.serial == page.serial) else {
            return Ok(());
        };
        if self.streams[index].last.at < at && self.streams[index].last.page.half_marked {
            // It is not the last one after all.
            let last = self.streams[index].last.clone();
            self.mark(&last, false)?;
        }
        let origin = self.origin(index, at, &page)?;
        let stream = &mut self.streams[index];
        stream.pages += 1;
        stream.origin = origin;
        if let (false, Some(granule)) = (page.open, page.granule) {
            let (number, after_head) = (page.number, stream.pages == 1);
            stream.border = Some(Border { at: end, number, granule, after_head });
        }
        if page.granule.is_some() {
            stream.solid = Some(Passed { at, page: page.clone() });
        }
        stream.last = Passed { at, page };
        Ok(())
    }

    /// A stream begins.
    fn begin(&mut self, at: u64, page: &Page) -> io::Result<()> {
        let coding = coding(page::contents(self.window.peek(at, page.len)?, page));
        if self.streams.len() < MOST_STREAMS {
            let last = Passed { at, page: page.clone() };
            self.streams.push(Stream {
                serial: page.serial,
                coding,
                pages: 0,
                origin: None,
                last,
                solid: None,
                border: None,
            });
        }
        Ok(())
    }

    /// Where the granules of a stream of Opus begin, by the first page of its sound.
    fn origin(&mut self, index: usize, at: u64, page: &Page) -> io::Result<Option<u64>> {
        let stream = &self.streams[index];
        let opus = matches!(stream.coding, Coding::Opus { .. });
        match (stream.origin, page.granule) {
            // How long a packet is that began before is not known here.
            (None, Some(1..)) if page.is(CONTINUES) => Ok(Some(0)),
            (None, Some(granule @ 1..)) if opus => {
                let packets = page::packets(self.window.peek(at, page.len)?, page);
                Ok(Some(granule.saturating_sub(filler::ticks(&packets))))
            }
            (origin, _) => Ok(origin),
        }
    }

    /// The chain's next link begins.
    fn end_link(&mut self) {
        self.frames = self.frames.saturating_add(self.link_frames());
        self.streams.clear();
        self.under_way = false;
    }

    /// Frames of the first stream whose coding is known.
    fn link_frames(&mut self) -> u64 {
        let counted = |stream: &Stream| {
            let granule = stream.solid.as_ref().and_then(|passed| passed.page.granule);
            match stream.coding {
                Coding::Opus { skip, .. } => {
                    let before = skip.saturating_add(stream.origin.unwrap_or_default());
                    Some((granule?.saturating_sub(before), 48_000))
                }
                Coding::Counted { rate } => Some((granule?, rate)),
                Coding::Unknown => None,
            }
        };
        let (frames, rate) = self.streams.iter().find_map(counted).unwrap_or_default();
        if self.outcome.rate == 0 {
            self.outcome.rate = rate;
        }
        // Granules near the end of 64 bits are nonsense.
        frames.min(1 << 48)
    }

    /// Writes a page's mark of the last one, or takes it away.
    fn mark(&mut self, passed: &Passed, ends: bool) -> io::Result<()> {
        let bytes = self.window.peek(passed.at, passed.page.len)?;
        let (at, head) = page::mark(bytes, &passed.page, ends);
        self.window.put(passed.at + at as u64, &head)?;
        self.changed = true;
        Ok(())
    }

    /// Cuts off a torn end and marks the last pages.
    fn finish(mut self, first: bool) -> io::Result<Outcome> {
        self.frames = self.frames.saturating_add(self.link_frames());
        if self.window.is_a_trap() && !self.changed {
            return Ok(self.outcome.hopeless(window::TRAP));
        }
        let (len, rate) = (self.window.len(), self.outcome.rate);
        if self.window.is_a_trap() || self.orphans {
            self.end = len;
            self.solid_end = len;
            self.outcome.found(if self.orphans { ORPHANS } else { window::TRAP });
        }
        let is_last = |s: &Stream| s.last.page.is(ENDS) && !s.last.page.half_marked;
        let ended = self.streams.iter().all(is_last);
        let mut keep = self.end;
        if ended && self.is_foreign(keep)? {
            self.outcome.found(format!("The last {} bytes are no Ogg; left alone.", len - keep));
            keep = len;
        } else if !ended {
            // A packet that never ends is worth nothing.
            keep = self.solid_end;
        }
        self.outcome.kept_frames = self.frames;
        // What no packet ends in is no stream, but bytes all the same.
        let silent = self.frames == 0 && rate > 0 && !(ended && keep == len);
        if keep == 0 || silent && first && !self.changed {
            return Ok(self.outcome.hopeless("There is no whole page of sound in it."));
        }
        if keep < len {
            let lost = len - keep;
            self.outcome
                .found(format!("The last {lost} bytes are no whole page; they were cut off."));
            self.outcome.lost(lost, estimate(lost, keep, ms(self.frames, rate)));
            self.window.set_len(keep)?;
            self.window.sync()?;
            self.changed = true;
        }
        if !ended {
            self.mark_last(keep)?;
        }
        if self.changed {
            self.window.sync()?;
            self.outcome.state = State::Repaired;
        }
        Ok(self.outcome)
    }

    /// Marks the last page of each stream.
    fn mark_last(&mut self, keep: u64) -> io::Result<()> {
        self.outcome.found("The stream had no end; its last page is marked now.");
        for stream in std::mem::take(&mut self.streams) {
            let last = if stream.last.at < keep { Some(stream.last) } else { stream.solid };
            let unmarked = |last: &Passed| !last.page.is(ENDS) || last.page.half_marked;
            if let Some(last) = last.filter(unmarked) {
                self.mark(&last, true)?;
            }
        }
        Ok(())
    }

    /// Whether something follows an ended stream that is neither a torn page nor the zeros
    /// of a power cut: somebody has put it there.
    fn is_foreign(&mut self, at: u64) -> io::Result<bool> {
        let rest = self.window.peek(at, 4)?;
        let rest = &rest[..rest.len().min(4)];
        Ok(!b"OggS".starts_with(rest) && rest.iter().any(|byte| *byte != 0))
    }
}

/// What a stream holds, by its first packet.
fn coding(head: &[u8]) -> Coding {
    let at = |at: usize| head.get(at).copied().unwrap_or_default();
    let word = |from| u32::from_le_bytes([at(from), at(from + 1), at(from + 2), at(from + 3)]);
    if head.starts_with(b"OpusHead") && head.len() >= 19 {
        let skip = u64::from(u16::from_le_bytes([at(10), at(11)]));
        return Coding::Opus { skip, plain: at(18) == 0 };
    }
    if head.starts_with(b"\x01vorbis") {
        return Coding::Counted { rate: word(12) };
    }
    if head.starts_with(b"Speex   ") {
        return Coding::Counted { rate: word(36) };
    }
    if head.starts_with(b"\x7fFLAC") && head.len() >= 51 {
        return Coding::Counted { rate: word(26).swap_bytes() >> 4 & 0xf_ffff };
    }
    Coding::Unknown
}

impl Stream {
    /// The hole between a border and the page at `at`, if it can be filled.
    ///
    /// Not where a packet goes over its edge: the page that holds the other half of it holds
    /// whole packets too.
    fn measure(&self, border: Option<Border>, at: u64, bytes: &[u8]) -> Option<Hole> {
        let (border, page) = (border?, Page::read(bytes)?);
        let plain = matches!(self.coding, Coding::Opus { plain: true, .. });
        if !plain || page.serial != self.serial || page.is(CONTINUES) || page.is(BEGINS) {
            return None;
        }
        let packets = page::packets(bytes, &page);
        let (like, _) = *packets.first()?;
        let here = filler::ticks(&packets);
        // The last page may end before its last packet does.
        let up = if page.is(ENDS) { filler::frame(like) } else { 1 };
        let ticks = page.granule?.checked_sub(border.granule)?.checked_sub(here)?;
        if ticks > LONGEST_HOLE || border.granule > u64::MAX / 2 {
            return None;
        }
        let hole = Hole {
            bytes: at - border.at,
            pages: page.number.wrapping_sub(border.number).wrapping_sub(1),
            ticks: ticks.next_multiple_of(up) / filler::SHORTEST * filler::SHORTEST,
            granule: border.granule,
            serial: page.serial,
            number: border.number.wrapping_add(1),
            like,
            comments: border.after_head,
        };
        hole.can_be_filled().then_some(hole)
    }
}
