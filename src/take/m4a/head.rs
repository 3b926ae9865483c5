//! The boxes that describe a file: those it is begun with, and those of an ordinary one.

use super::boxes::{HEAD, boxed, boxed_before, time, versioned, words};
use super::tables::Rows;
use super::track::Track;

/// The body of an empty box in the first `moov`: this file is recorded here, and its
/// fragments have checksums. It goes when the file is finished.
pub(super) const MARK: &[u8; 8] = b"tympan 1";

/// The number of our only track.
pub(super) const TRACK: u32 = 1;

/// No turning, no scaling.
const UPRIGHT: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// What a file is begun with: a valid file of no length, to be continued by fragments.
pub(super) fn begun(track: &Track) -> Vec<u8> {
    let mut out = Vec::new();
    boxed(&mut out, b"ftyp", |out| {
        out.extend(if track.is_apple() { b"M4A " } else { b"isom" });
        out.extend(b"\0\0\x02\0isomiso5mp42M4A ");
    });
    let play = Play { track, heard: 0, frames: 0 };
    boxed(&mut out, b"moov", |out| {
        movie(out, &play);
        boxed(out, b"trak", |out| play.trak(out, 0, empty_tables));
        boxed(out, b"mvex", |out| {
            // All defaults are given by each fragment.
            versioned(out, b"trex", 0, 0, |out| words(out, &[TRACK, 1, 0, 0, 0]));
        });
        boxed(out, b"free", |out| out.extend(MARK));
    });
    out
}

/// Where the tables of an ordinary file lie, behind the boxes that describe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    rows: Rows,
    /// Whether places take 64 bits.
    long: bool,
}

impl Layout {
    /// `end` is where the last packet ends.
    pub(super) fn new(rows: Rows, end: u64) -> Self {
        Self { rows, long: end > u64::from(u32::MAX) }
    }

    /// The heads of the four tables: for durations, runs, sizes and places, in the order
    /// in which they lie.
    pub(super) fn heads(&self) -> [Vec<u8>; 4] {
        let Rows { durations, runs, sizes, chunks } = self.rows;
        let places = if self.long { b"co64" } else { b"stco" };
        [
            self.table(0, b"stts", &[durations]),
            self.table(1, b"stsc", &[runs]),
            // Zero: the sizes differ.
            self.table(2, b"stsz", &[0, sizes]),
            self.table(3, places, &[chunks]),
        ]
    }

    /// Bytes of the four tables with their heads.
    pub(super) fn lens(&self) -> [u64; 4] {
        let Rows { durations, runs, sizes, chunks } = self.rows;
        let place = if self.long { 8 } else { 4 };
        // A table's head is a box's head, version and flags, and a count; sizes have a
        // common one as well.
        let head = HEAD + 8;
        [(head, 8, durations), (head, 12, runs), (head + 4, 4, sizes), (head, place, chunks)]
            .map(|(head, each, rows)| head + each * u64::from(rows))
    }

    pub(super) fn is_long(&self) -> bool {
        self.long
    }

    fn table(&self, which: usize, name: &[u8; 4], counts: &[u32]) -> Vec<u8> {
        let mut out = Vec::new();
        let rest = self.lens()[which] - HEAD - 4 - 4 * counts.len() as u64;
        boxed_before(&mut out, name, rest as u32, |out| {
            words(out, &[0]);
            words(out, counts);
        });
        out
    }
}

/// The `moov` of an ordinary file without the tables that are its end. `heard` is what a
/// player plays of the `frames` that there are behind the priming. None where the tables
/// are too long for the format.
pub(super) fn ordinary(track: &Track, layout: &Layout, heard: u64, frames: u64) -> Option<Vec<u8>> {
    // All that is in front of the tables is far shorter than this.
    let all = layout.lens().iter().sum::<u64>();
    let rest = u32::try_from(all + track.description.len() as u64 + 4_096).ok()?;
    let rest = rest - track.description.len() as u32 - 4_096;
    let play = Play { track, heard, frames };
    let packets = layout.rows.sizes;
    let each = if packets == 0 { 0 } else { (frames / u64::from(packets)) as u32 };
    let mut out = Vec::new();
    boxed_before(&mut out, b"moov", rest, |out| {
        movie(out, &play);
        boxed_before(out, b"trak", rest, |out| {
            play.trak(out, rest, |out| roll(out, track.roll(each), packets));
        });
    });
    Some(out)
}

/// An index of no packets, for what it says of the length.
pub(super) fn length(track: &Track, heard: u64, frames: u64) -> Vec<u8> {
    let layout = Layout::new(Rows::default(), 0);
    let index = ordinary(track, &layout, heard, frames).unwrap_or_default();
    layout.heads().into_iter().fold(index, |index, table| [index, table].concat())
}

/// The most bytes that [`ordinary`] and its tables take.
pub(super) fn most(track: &Track, rows: Rows) -> u64 {
    let tables = Layout { rows, long: true }.lens().iter().sum::<u64>();
    tables + track.description.len() as u64 + 1_024
}

struct Play<'a> {
    track: &'a Track,
    heard: u64,
    frames: u64,
}

impl Play<'_> {
    /// The inside of a `trak`; `rest` bytes follow what `tables` appends.
    fn trak(&self, out: &mut Vec<u8>, rest: u32, tables: impl FnOnce(&mut Vec<u8>)) {
        self.tkhd(out);
        self.edit(out);
        boxed_before(out, b"mdia", rest, |out| {
            self.mdhd(out);
            versioned(out, b"hdlr", 0, 0, |out| {
                out.extend(b"\0\0\0\0soun\0\0\0\0\0\0\0\0\0\0\0\0\0");
            });
            boxed_before(out, b"minf", rest, |out| {
                versioned(out, b"smhd", 0, 0, |out| words(out, &[0]));
                boxed(out, b"dinf", |out| {
                    versioned(out, b"dref", 0, 0, |out| {
                        words(out, &[1]);
                        // In this very file.
                        versioned(out, b"url ", 0, 1, |_| {});
                    });
                });
                boxed_before(out, b"stbl", rest, |out| {
                    out.extend(&self.track.description);
                    tables(out);
                });
            });
        });
    }

    fn tkhd(&self, out: &mut Vec<u8>) {
        let long = is_long(self.heard);
        // Enabled, part of the movie.
        versioned(out, b"tkhd", long.into(), 3, |out| {
            time(out, long, 0);
            time(out, long, 0);
            words(out, &[TRACK, 0]);
            time(out, long, self.heard);
            // Full volume.
            words(out, &[0, 0, 0, 0x0100_0000]);
            words(out, &UPRIGHT);
            words(out, &[0, 0]);
        });
    }

    /// The edit list: skips the priming, and ends with the last sample that counts. As
    /// long as fragments come, a length of zero stands for all of them.
    fn edit(&self, out: &mut Vec<u8>) {
        let long = is_long(self.heard);
        boxed(out, b"edts", |out| {
            versioned(out, b"elst", long.into(), 0, |out| {
                words(out, &[1]);
                time(out, long, self.heard);
                time(out, long, self.track.priming.into());
                words(out, &[0x1_0000]);
            });
        });
    }

    fn mdhd(&self, out: &mut Vec<u8>) {
        let long = is_long(self.frames);
        versioned(out, b"mdhd", long.into(), 0, |out| {
            time(out, long, 0);
            time(out, long, 0);
            words(out, &[self.track.rate]);
            time(out, long, self.frames);
            // The language is not known: `und`.
            words(out, &[0x55c4_0000]);
        });
    }
}

fn movie(out: &mut Vec<u8>, play: &Play<'_>) {
    let long = is_long(play.heard);
    versioned(out, b"mvhd", long.into(), 0, |out| {
        time(out, long, 0);
        time(out, long, 0);
        // The track's clock, so that the edit list can be exact to the sample.
        words(out, &[play.track.rate]);
        time(out, long, play.heard);
        // Normal speed, full volume.
        words(out, &[0x1_0000, 0x0100_0000, 0, 0]);
        words(out, &UPRIGHT);
        words(out, &[0, 0, 0, 0, 0, 0, TRACK + 1]);
    });
}

fn is_long(time: u64) -> bool {
    time > u64::from(u32::MAX) / 2
}

/// Says how many packets a decoder must hear before it is right.
fn roll(out: &mut Vec<u8>, packets: u16, of: u32) {
    if packets == 0 || of == 0 {
        return;
    }
    versioned(out, b"sgpd", 1, 0, |out| {
        out.extend(b"roll");
        words(out, &[2, 1]);
        out.extend(packets.wrapping_neg().to_be_bytes());
    });
    versioned(out, b"sbgp", 0, 0, |out| {
        out.extend(b"roll");
        words(out, &[1, of, 1]);
    });
}

fn empty_tables(out: &mut Vec<u8>) {
    for (name, numbers) in [(b"stts", 1), (b"stsc", 1), (b"stsz", 2), (b"stco", 1)] {
        versioned(out, name, 0, 0, |out| words(out, &[0, 0][..numbers]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_and_its_tables_fit_into_what_is_foretold() {
        for (end, heard) in [(0, 0), (1 << 31, 1 << 33), (1 << 33, 1 << 31)] {
            let track = Track::aac(&[0x11, 0x88], 48_000, 1, 1_024);
            let rows = Rows { durations: 1, runs: 2, sizes: 3, chunks: 4 };
            let layout = Layout::new(rows, end);
            let out = ordinary(&track, &layout, heard, heard).unwrap();
            let tables = layout.lens().iter().sum::<u64>();
            let size = u32::from_be_bytes(out[..4].try_into().unwrap());
            assert_eq!(u64::from(size), out.len() as u64 + tables);
            assert!(u64::from(size) <= most(&track, rows));
        }
    }

    #[test]
    fn tables_that_no_box_can_hold_are_refused() {
        let track = Track::aac(&[0x11, 0x88], 48_000, 1, 1_024);
        let rows = Rows { sizes: u32::MAX, ..Rows::default() };
        assert_eq!(ordinary(&track, &Layout::new(rows, 0), 0, 0), None);
    }
}
