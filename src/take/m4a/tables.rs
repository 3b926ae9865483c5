//! The tables in which an ordinary file says where each packet lies and how long it is.
//!
//! They are made twice: while recording and on a first walk only to be counted, so that
//! every table's place is known; then to be written, a little at a time. So no one ever
//! holds a table in memory, which for a day is 30 MB.

use std::io;

/// A packet in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) at: u64,
    pub(super) bytes: u32,
    /// Ticks until the next one begins.
    pub(super) frames: u32,
}

/// A row of one of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// `stts`: so many packets of so many ticks each.
    Durations { packets: u32, frames: u32 },
    /// `stsc`: from this chunk on, counted from one, each has so many packets.
    Run { chunk: u32, packets: u32 },
    /// `stsz`: the bytes of a packet.
    Size(u32),
    /// `stco` or `co64`: where a chunk lies. A chunk is packets with nothing in between.
    Chunk(u64),
}

/// How many rows the tables have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) durations: u32,
    pub(super) runs: u32,
    pub(super) sizes: u32,
    pub(super) chunks: u32,
}

/// Makes rows of packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tables {
    pub(super) rows: Rows,
    /// Ticks of all packets.
    pub(super) frames: u64,
    /// Where the chunk at hand ends.
    end: u64,
    /// Packets in the chunk at hand, and in each of the run at hand.
    in_chunk: u32,
    in_run: u32,
    /// Packets that share a duration, and the last one's, which may grow yet.
    alike: u32,
    each: u32,
    last: Option<u32>,
}

impl Tables {
    /// Adds a packet and hands on the rows that it completes.
    pub(super) fn add<R>(&mut self, packet: Packet, mut row: R) -> io::Result<()>
    where
        R: FnMut(Row) -> io::Result<()>,
    {
        if self.rows.sizes == u32::MAX {
            return Err(io::Error::other("more packets than a file can count"));
        }
        if self.rows.chunks == 0 || self.end != packet.at {
            self.end_chunk(&mut row)?;
            self.rows.chunks += 1;
            row(Row::Chunk(packet.at))?;
        }
        self.end_duration(&mut row)?;
        self.last = Some(packet.frames);
        self.frames += u64::from(packet.frames);
        self.in_chunk += 1;
        self.end = packet.at + u64::from(packet.bytes);
        self.rows.sizes += 1;
        row(Row::Size(packet.bytes))
    }

    /// Lets the last packet last longer: what came behind it is lost.
    pub(super) fn stretch(&mut self, frames: u32) {
        if let Some(longer) = self.last.and_then(|last| last.checked_add(frames)) {
            self.last = Some(longer);
            self.frames += u64::from(frames);
        }
    }

    /// Hands on what is left.
    pub(super) fn finish<R>(&mut self, mut row: R) -> io::Result<()>
    where
        R: FnMut(Row) -> io::Result<()>,
    {
        self.end_chunk(&mut row)?;
        self.end_duration(&mut row)?;
        if self.alike > 0 {
            self.rows.durations += 1;
            row(Row::Durations { packets: self.alike, frames: self.each })?;
            self.alike = 0;
        }
        Ok(())
    }

    /// The most that the tables have when another chunk of packets has come.
    pub(super) fn rows_after(&self, packets: usize) -> Rows {
        let packets = packets as u32;
        let Rows { durations, runs, sizes, chunks } = self.rows;
        // The runs at hand are not counted yet, and each packet may begin a new one.
        Rows {
            durations: durations + packets + 2,
            runs: runs + 2,
            sizes: sizes + packets,
            chunks: chunks + 1,
        }
    }

    fn end_chunk(&mut self, row: &mut impl FnMut(Row) -> io::Result<()>) -> io::Result<()> {
        if self.in_chunk > 0 && self.in_chunk != self.in_run {
            self.in_run = self.in_chunk;
            self.rows.runs += 1;
            row(Row::Run { chunk: self.rows.chunks, packets: self.in_run })?;
        }
        self.in_chunk = 0;
        Ok(())
    }

    fn end_duration(&mut self, row: &mut impl FnMut(Row) -> io::Result<()>) -> io::Result<()> {
        let Some(frames) = self.last.take() else { return Ok(()) };
        if self.alike > 0 && self.each != frames {
            self.rows.durations += 1;
            row(Row::Durations { packets: self.alike, frames: self.each })?;
            self.alike = 0;
        }
        self.each = frames;
        self.alike += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(packets: &[(u64, u32, u32)]) -> (Vec<Row>, Tables) {
        let (mut tables, mut rows) = (Tables::default(), Vec::new());
        let mut keep = |row| {
            rows.push(row);
            Ok(())
        };
        for &(at, bytes, frames) in packets {
            tables.add(Packet { at, bytes, frames }, &mut keep).unwrap();
        }
        tables.finish(&mut keep).unwrap();
        (rows, tables)
    }

    #[test]
    fn packets_without_a_gap_are_one_chunk_and_equal_chunks_one_run() {
        let (rows, tables) =
            rows(&[(10, 2, 5), (12, 3, 5), (20, 1, 5), (21, 1, 5), (30, 4, 5), (40, 1, 6)]);
        let runs = rows.iter().filter(|row| matches!(row, Row::Run { .. }));
        let expected = [Row::Run { chunk: 1, packets: 2 }, Row::Run { chunk: 3, packets: 1 }];
        assert_eq!(runs.copied().collect::<Vec<_>>(), expected);
        let chunks = rows.iter().filter(|row| matches!(row, Row::Chunk(_)));
        let expected = [10, 20, 30, 40].map(Row::Chunk);
        assert_eq!(chunks.copied().collect::<Vec<_>>(), expected);
        assert_eq!(rows.last(), Some(&Row::Durations { packets: 1, frames: 6 }));
        assert_eq!(tables.rows, Rows { durations: 2, runs: 2, sizes: 6, chunks: 4 });
        assert_eq!(tables.frames, 31);
    }

    #[test]
    fn a_packet_is_as_long_as_the_gap_behind_it() {
        let mut tables = Tables::default();
        let mut rows = Vec::new();
        let mut keep = |row| {
            rows.push(row);
            Ok(())
        };
        tables.add(Packet { at: 0, bytes: 1, frames: 8 }, &mut keep).unwrap();
        tables.stretch(4);
        tables.add(Packet { at: 1, bytes: 1, frames: 8 }, &mut keep).unwrap();
        tables.finish(&mut keep).unwrap();
        assert!(rows.contains(&Row::Durations { packets: 1, frames: 12 }), "{rows:?}");
        assert_eq!(tables.frames, 20);
    }

    #[test]
    fn no_packets_make_no_rows() {
        assert_eq!(rows(&[]).0, []);
    }
}
