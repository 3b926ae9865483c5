//! Sound in MP4, the `.m4a` that every phone plays.
//!
//! While it is recorded the file is a fragmented one: whatever happens, it plays up to
//! the last whole fragment. [`M4a::finish`] makes an ordinary file of it, which players
//! that do not know fragments play and seek in as well, and [`repair`] does so after a
//! kill.
//!
//! ```text
//! recording   ftyp moov moof mdat moof mdat …
//! finishing   ftyp moov moof mdat moof mdat … moov     (the second one is skipped)
//! finished    ftyp mdat························ moov
//! ```
//!
//! On a medium that can only be appended to, finishing stops half way, with an index of
//! no packets that gives the exact length: [`repair`] does the rest elsewhere.

#![allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "names of boxes are written as `b\"moov\"`, and that is a reference"
)]

mod boxes;
mod check;
mod checksum;
mod close;
mod fragment;
mod head;
mod known;
mod repair;
mod tables;
mod track;
mod view;
mod walk;

use std::fmt;
use std::io::{self, SeekFrom};

use self::close::Closing;
use self::fragment::Fragment;
use self::known::Defaults;
pub(crate) use self::repair::{Outcome, repair};
use self::tables::Tables;
pub use self::track::Track;
use self::view::View;
use self::walk::{Fragments, Trust};
use tympan_backends::storage::Medium;

/// Writes packets of one encoder to an `.m4a` file.
///
/// Nothing grows with the length of the take but the file: the index is made from the
/// file itself when it is finished.
///
/// After an error the file plays up to the last whole fragment. The packets that could
/// not be written are kept and tried again with the next ones, at the place where they
/// belong, unless they are [discarded](Self::discard).
pub struct M4a {
    file: Box<dyn Medium>,
    track: Track,
    fragment: Fragment,
    /// Of the fragments that are in the file.
    tables: Tables,
    number: u32,
    /// Where the first `moov` begins, the first fragment, and the next one.
    moov: u64,
    from: u64,
    end: u64,
    /// Where a failed write left the file's position is unknown.
    lost_place: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Recording,
    /// Finishing began; what is behind the last fragment is not known.
    Finishing,
    Finished,
}

impl M4a {
    /// Begins a file in an empty medium, which must be readable too, or
    /// [append-only](Medium::is_append_only): from now on it is a valid one, of no length.
    pub fn new(mut file: Box<dyn Medium>, track: Track) -> io::Result<Self> {
        let head = head::begun(&track);
        file.write_all(&head)?;
        let from = head.len() as u64;
        Ok(Self {
            file,
            moov: u32::from_be_bytes([head[0], head[1], head[2], head[3]]).into(),
            track,
            fragment: Fragment::default(),
            tables: Tables::default(),
            number: 0,
            from,
            end: from,
            lost_place: false,
            state: State::Recording,
        })
    }

    /// Takes a packet that lasts for so many samples. Nothing is written before the next
    /// [`fragment`](Self::fragment). An empty packet has nothing that a file needs.
    pub fn packet(&mut self, bytes: &[u8], frames: u32) -> io::Result<()> {
        self.still_recording()?;
        if !bytes.is_empty() {
            self.fragment.add(bytes, frames);
        }
        Ok(())
    }

    /// Writes what has come since the last time, in one write. Without packets it does
    /// nothing.
    pub fn fragment(&mut self) -> io::Result<()> {
        self.still_recording()?;
        self.write_fragment()
    }

    /// Forgets the packets that are not in the file yet.
    pub fn discard(&mut self) {
        self.fragment.clear();
    }

    /// Makes everything written so far survive a power cut.
    pub fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }

    /// The file, to be read once it is finished.
    pub(super) fn medium(&mut self) -> &mut dyn Medium {
        &mut self.file
    }

    /// Samples behind the priming that the fragments in the file hold.
    pub fn samples(&self) -> u64 {
        self.tables.frames.saturating_sub(self.track.priming.into())
    }

    /// The most bytes that [`finish`](Self::finish) would need now on top of those in
    /// the file: to be kept free, so that a full disk does not hinder it.
    pub fn footer_bytes(&self) -> u64 {
        let rows = self.tables.rows_after(self.fragment.packets());
        self.fragment.most() + head::most(&self.track, rows)
    }

    /// Makes an ordinary file of it, that plays exactly so many samples, or all there
    /// are if they are fewer. Synced to the disk, because the order of what is written
    /// matters.
    ///
    /// After an error the file is either finished or still a valid one of fragments; it
    /// may be tried again, but takes no more packets.
    pub fn finish(&mut self, samples: u64) -> io::Result<()> {
        if self.state == State::Finished {
            return Ok(());
        }
        if self.state == State::Recording {
            self.write_fragment()?;
            self.state = State::Finishing;
        }
        let heard = samples.min(self.samples());
        if self.file.is_append_only() {
            let length = head::length(&self.track, heard, self.tables.frames);
            self.file.write_all(&length)?;
            self.state = State::Finished;
            return Ok(());
        }
        let mut tables = self.tables.clone();
        tables.finish(|_| Ok(()))?;
        let closing = Closing {
            track: &self.track,
            fragments: Fragments {
                id: head::TRACK,
                defaults: Defaults::default(),
                from: self.from,
                trust: Trust::Ours,
            },
            moov: self.moov,
            end: self.end,
            tables: &tables,
            heard,
        };
        closing.close(&mut View::new(self.file.as_mut())?)?;
        self.state = State::Finished;
        Ok(())
    }

    fn write_fragment(&mut self) -> io::Result<()> {
        if self.fragment.packets() == 0 {
            return Ok(());
        }
        if self.lost_place {
            self.file.set_len(self.end)?;
            self.file.seek(SeekFrom::Start(self.end))?;
        }
        self.lost_place = true;
        let bytes = self.fragment.build(self.number + 1, self.tables.frames, self.end);
        self.file.write_all(bytes)?;
        let len = bytes.len() as u64;
        self.lost_place = false;
        self.fragment.enter(self.end, &mut self.tables)?;
        self.fragment.clear();
        self.number = self.number.wrapping_add(1);
        self.end += len;
        Ok(())
    }

    fn still_recording(&self) -> io::Result<()> {
        if self.state == State::Recording {
            return Ok(());
        }
        Err(io::Error::other("the file is finished and takes nothing more"))
    }
}

impl Drop for M4a {
    fn drop(&mut self) {
        // Best effort: whoever wants to know writes and finishes.
        if self.state == State::Recording {
            let _ = self.write_fragment();
        }
    }
}

impl fmt::Debug for M4a {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("M4a")
            .field("samples", &self.samples())
            .field("bytes", &self.end)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
