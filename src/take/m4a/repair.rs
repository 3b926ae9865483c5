//! Makes an ordinary file of what a kill or a power cut left.

use std::io;

use super::boxes::HEAD;
use super::check;
use super::close::Closing;
use super::known::{Known, KnownTrack};
use super::tables::Tables;
use super::view::{Found, View};
use super::walk::{Fragments, Step, Trust};
use tympan_backends::storage::Medium;

/// Bytes of the first box of our `moov`.
const MOVIE: u64 = 108;

/// What a repair found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing is missing, and nothing was changed.
    Healthy {
        /// Samples that it plays; 0 where that is not told.
        samples: u64,
        /// Samples per second.
        rate: u32,
    },
    /// It is an ordinary file now.
    Repaired {
        /// Samples that it plays.
        samples: u64,
        /// Samples per second.
        rate: u32,
        /// Bytes behind the last good ones, which are gone.
        cut: u64,
    },
    /// Nothing can be done, for this reason, and nothing was changed.
    Hopeless(String),
}

/// Repairs an MP4 file in place.
///
/// Of our own files everything comes back whose fragment is as it was written; of
/// other fragmented files with one track each packet that is there. A file that needs
/// nothing is left as it is, to the byte, and so is one that cannot be helped.
///
/// A kill on the way loses nothing: the next repair does the same again. Memory is
/// bounded, whatever the file says about its lengths; the time is that of reading it
/// twice.
pub(crate) fn repair(file: &mut dyn Medium) -> io::Result<Outcome> {
    let mut view = View::new(file)?;
    let found = match examine(&mut view)? {
        Verdict::Healthy { samples, rate } => return Ok(Outcome::Healthy { samples, rate }),
        Verdict::Hopeless(why) => return Ok(Outcome::Hopeless(why.into())),
        Verdict::Unfinished(found) => found,
    };
    if found.hidden {
        found.unhide(&mut view)?;
    }
    let mut tables = Tables::default();
    let len = view.len();
    let walked = found.fragments.walk(&mut view, len, |_, step| match step {
        Step::Gap(frames) => {
            tables.stretch(frames);
            Ok(())
        }
        Step::Packet(packet) => tables.add(packet, |_| Ok(())),
    })?;
    tables.finish(|_| Ok(()))?;
    if tables.rows.sizes == 0 && !found.ours {
        return Ok(Outcome::Hopeless(NOTHING.into()));
    }
    let heard = found.heard(&mut view, walked.end, tables.frames)?;
    // Nobody needs to look at each byte twice, if everything up to the end was good.
    let trust = if found.ours && !walked.holes { Trust::Ours } else { found.fragments.trust };
    let closing = Closing {
        track: &found.track.track,
        fragments: Fragments { trust, ..found.fragments },
        moov: found.moov,
        end: walked.end,
        tables: &tables,
        heard,
    };
    closing.close(&mut view)?;
    let rate = found.track.track.rate;
    Ok(Outcome::Repaired { samples: heard, rate, cut: len - walked.end })
}

const NOTHING: &str = "the file was begun, but none of its sound was written";
const OTHER: &str = "this is no MP4 file";
const NO_INDEX: &str = "the file has no index (`moov`): it says neither how its sound is coded nor \
                        where one packet ends and the next begins, and the packets themselves do \
                        not say it either";
const TORN_INDEX: &str = "the file's index (`moov`) is not whole";
const NO_SOUND: &str = "there is no track of sound in the file";
const MISSING: &str = "the file's index speaks of sound that is not in the file";
const SEVERAL: &str = "the file is cut off, and only one with a single track, of sound, can be \
                       made whole";
const MIXED: &str = "the file is cut off, and only a part of its sound is in fragments";

enum Verdict {
    Healthy { samples: u64, rate: u32 },
    Hopeless(&'static str),
    Unfinished(Unfinished),
}

/// A file of fragments.
struct Unfinished {
    track: KnownTrack,
    fragments: Fragments,
    /// Where its first `moov` begins, or began.
    moov: u64,
    ours: bool,
    /// Whether it was finished once, so that only an `mdat` is to be seen of it.
    hidden: bool,
}

impl Unfinished {
    /// Makes a file of fragments again of one that was finished and then lost its index:
    /// it plays, and is repaired like any other.
    fn unhide(&self, view: &mut View<'_>) -> io::Result<()> {
        let mut head = *b"\0\0\0\0moov\0\0\0\0mvhd";
        head[..4].copy_from_slice(&((self.fragments.from - self.moov) as u32).to_be_bytes());
        head[8..12].copy_from_slice(&(MOVIE as u32).to_be_bytes());
        view.write(self.moov, &head)?;
        view.sync()
    }

    /// Samples to be heard: those behind the priming. If finishing got as far as writing
    /// the index, that knows how many of them were recorded; the rest was padding.
    fn heard(&self, view: &mut View<'_>, end: u64, frames: u64) -> io::Result<u64> {
        let all = frames.saturating_sub(self.track.track.priming.into());
        let len = view.len();
        let index = view.found(end, len)?.filter(|found| found.name == *b"moov");
        let Some(index) = index.filter(|found| self.ours && found.end == len) else {
            return Ok(all);
        };
        let known = Known::read(view, index.body, index.end)?;
        let exact = known.tracks.first().map(|track| track.heard);
        // What a torn index says is believed only if it is likely.
        Ok(exact.filter(|heard| *heard <= all && all - heard < PADDING).unwrap_or(all))
    }
}

/// More than an encoder pads.
const PADDING: u64 = 8_192;

fn examine(view: &mut View<'_>) -> io::Result<Verdict> {
    let len = view.len();
    let Some(moov) = first_moov(view)?.filter(|moov| moov.end <= len) else {
        return without_index(view);
    };
    let known = Known::read(view, moov.body, moov.end)?;
    if known.ours {
        return Ok(ours(known, moov.at, moov.end, false));
    }
    if !known.tracks.iter().any(|track| track.is_sound) {
        return Ok(Verdict::Hopeless(NO_SOUND));
    }
    if known.continued { foreign(view, known, moov) } else { ordinary(view, &known) }
}

/// The first `moov`, whether or not it ends in the file.
fn first_moov(view: &mut View<'_>) -> io::Result<Option<Found>> {
    let len = view.len();
    let mut at = 0;
    while let Some(found) = view.found(at, len)? {
        if found.name == *b"moov" {
            return Ok(Some(found));
        }
        at = found.end;
    }
    Ok(None)
}

fn ours(known: Known, moov: u64, from: u64, hidden: bool) -> Verdict {
    let Some(track) = known.tracks.into_iter().next() else {
        return Verdict::Hopeless(TORN_INDEX);
    };
    let fragments = Fragments::of(&track, from, Trust::Checksum);
    Verdict::Unfinished(Unfinished { track, fragments, moov, ours: true, hidden })
}

/// A file of someone else's, with fragments: as it should be if it ends with a box.
fn foreign(view: &mut View<'_>, known: Known, moov: Found) -> io::Result<Verdict> {
    if ends_with_a_box(view, moov.end)? {
        // How much there is, its fragments say, and nobody counts them here.
        return Ok(Verdict::Healthy { samples: 0, rate: 0 });
    }
    let mut tracks = known.tracks;
    let Some(track) = tracks.pop().filter(|track| tracks.is_empty() && track.is_sound) else {
        return Ok(Verdict::Hopeless(SEVERAL));
    };
    let stsz = view.inside(track.tables, &[b"stsz"])?;
    let before = match stsz {
        Some(stsz) => view.u32(stsz.body + 8)?.unwrap_or(0),
        None => 0,
    };
    if before > 0 {
        return Ok(Verdict::Hopeless(MIXED));
    }
    let fragments = Fragments::of(&track, moov.end, Trust::Looks);
    let (moov, ours, hidden) = (moov.at, false, false);
    Ok(Verdict::Unfinished(Unfinished { track, fragments, moov, ours, hidden }))
}

fn ends_with_a_box(view: &mut View<'_>, from: u64) -> io::Result<bool> {
    let len = view.len();
    let mut at = from;
    while let Some(found) = view.found(at, len)? {
        at = found.end;
    }
    Ok(at == len)
}

/// A file without fragments: as it should be if all of its sound is there.
fn ordinary(view: &mut View<'_>, known: &Known) -> io::Result<Verdict> {
    let (mut samples, mut rate) = (0, 0);
    for track in known.tracks.iter().filter(|track| track.is_sound) {
        if !check::is_complete(view, track.tables)? {
            return Ok(Verdict::Hopeless(MISSING));
        }
        (samples, rate) = (track.heard, track.track.rate);
    }
    Ok(Verdict::Healthy { samples, rate })
}

/// A file that lacks its index. If it is one of ours that was finished and then cut off,
/// the first `moov` is still there, but for sixteen bytes, and so are the fragments.
fn without_index(view: &mut View<'_>) -> io::Result<Verdict> {
    let len = view.len();
    let Some(ftyp) = view.found(0, len)?.filter(|found| found.name.is_ascii()) else {
        return Ok(Verdict::Hopeless(OTHER));
    };
    if ftyp.name != *b"ftyp" {
        return Ok(Verdict::Hopeless(OTHER));
    }
    let Some(mdat) = view.found(ftyp.end, len)? else {
        return Ok(Verdict::Hopeless(if ftyp.end == len { NOTHING } else { TORN_INDEX }));
    };
    if mdat.name == *b"moov" {
        return Ok(Verdict::Hopeless(TORN_INDEX));
    }
    if mdat.name != *b"mdat" || mdat.body != mdat.at + 16 {
        return Ok(Verdict::Hopeless(NO_INDEX));
    }
    let first = mdat.at + HEAD + MOVIE;
    let mut from = first;
    while let Some(found) = view.found(from, len)?.filter(|found| found.end <= len) {
        if ![b"trak", b"mvex", b"free"].contains(&&found.name) {
            break;
        }
        from = found.end;
    }
    let known = Known::read(view, first, from)?;
    Ok(if known.ours { ours(known, mdat.at, from, true) } else { Verdict::Hopeless(NO_INDEX) })
}
