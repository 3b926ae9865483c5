//! Makes an ordinary file of one that consists of fragments, in place.
//!
//! First the index is written behind everything, where a file of fragments may have
//! anything, and made to last. Then sixteen bytes in the file's first sector change: the
//! head of the first `moov` becomes that of an `mdat` which takes in all that was there
//! before the new index. A kill or a power cut finds the one file or the other, and never
//! a third.

use std::io;

use super::head::{self, Layout};
use super::tables::{Row, Tables};
use super::track::Track;
use super::view::View;
use super::walk::{Fragments, Step};

/// A table is written in pieces of about this size.
const PIECE: usize = 16 * 1024;

/// A file that is to be closed.
pub(super) struct Closing<'a> {
    pub(super) track: &'a Track,
    pub(super) fragments: Fragments,
    /// Where the first `moov` begins.
    pub(super) moov: u64,
    /// Where the last packet's data end, and the index goes.
    pub(super) end: u64,
    /// The finished tables of all packets, of which only the counts are used.
    pub(super) tables: &'a Tables,
    /// Samples to be heard.
    pub(super) heard: u64,
}

impl Closing<'_> {
    pub(super) fn close(&self, view: &mut View<'_>) -> io::Result<()> {
        let len = self.write_index(view)?;
        view.cut(len)?;
        view.sync()?;
        view.write(self.moov, &self.wrapper())?;
        view.sync()
    }

    /// Writes the new `moov`; returns where it ends.
    fn write_index(&self, view: &mut View<'_>) -> io::Result<u64> {
        let layout = Layout::new(self.tables.rows, self.end);
        let index = head::ordinary(self.track, &layout, self.heard, self.tables.frames)
            .ok_or_else(|| io::Error::other("the index is longer than an MP4 file can have"))?;
        // The head goes first, so that whoever reads meanwhile can skip what follows.
        view.write(self.end, &index)?;
        let mut columns = Columns::new(&layout, self.end + index.len() as u64);
        let mut tables = Tables::default();
        self.fragments.walk(view, self.end, |view, step| match step {
            Step::Gap(frames) => {
                tables.stretch(frames);
                Ok(())
            }
            Step::Packet(packet) => tables.add(packet, |row| columns.put(view, row)),
        })?;
        tables.finish(|row| columns.put(view, row))?;
        if tables.rows != self.tables.rows || tables.frames != self.tables.frames {
            return Err(io::Error::other("the file reads otherwise than it was written"));
        }
        columns.finish(view)
    }

    /// The head of an `mdat` that hides everything up to the index.
    fn wrapper(&self) -> [u8; 16] {
        let mut out = *b"\0\0\0\x01mdat\0\0\0\0\0\0\0\0";
        out[8..].copy_from_slice(&(self.end - self.moov).to_be_bytes());
        out
    }
}

/// The four tables, each written from its own place on.
struct Columns {
    columns: [Column; 4],
    long: bool,
}

struct Column {
    at: u64,
    bytes: Vec<u8>,
}

impl Columns {
    fn new(layout: &Layout, at: u64) -> Self {
        let lens = layout.lens();
        let mut next = at;
        let mut place = |which: usize| {
            let at = next;
            next += lens[which];
            at
        };
        let places = [0, 1, 2, 3].map(&mut place);
        let mut heads = layout.heads().into_iter();
        let columns = places.map(|at| Column { at, bytes: heads.next().unwrap_or_default() });
        Self { columns, long: layout.is_long() }
    }

    fn put(&mut self, view: &mut View<'_>, row: Row) -> io::Result<()> {
        let [durations, runs, sizes, places] = &mut self.columns;
        match row {
            Row::Durations { packets, frames } => durations.words(view, &[packets, frames]),
            // The third: the only description.
            Row::Run { chunk, packets } => runs.words(view, &[chunk, packets, 1]),
            Row::Size(bytes) => sizes.words(view, &[bytes]),
            Row::Chunk(at) if self.long => places.words(view, &[(at >> 32) as u32, at as u32]),
            Row::Chunk(at) => places.words(view, &[at as u32]),
        }
    }

    /// Writes what is left; returns where the last table ends.
    fn finish(mut self, view: &mut View<'_>) -> io::Result<u64> {
        self.columns.iter_mut().try_for_each(|column| column.write(view))?;
        Ok(self.columns[3].at)
    }
}

impl Column {
    fn words(&mut self, view: &mut View<'_>, words: &[u32]) -> io::Result<()> {
        for word in words {
            self.bytes.extend(word.to_be_bytes());
        }
        if self.bytes.len() < PIECE { Ok(()) } else { self.write(view) }
    }

    fn write(&mut self, view: &mut View<'_>) -> io::Result<()> {
        view.write(self.at, &self.bytes)?;
        self.at += self.bytes.len() as u64;
        self.bytes.clear();
        Ok(())
    }
}
