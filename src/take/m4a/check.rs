//! Whether all that an ordinary file's tables speak of is in the file.

use std::io;

use super::view::{Found, View};

/// Whether each packet of these tables lies in the file.
pub(super) fn is_complete(view: &mut View<'_>, tables: Found) -> io::Result<bool> {
    let Some(mut sizes) = Sizes::read(view, tables)? else { return Ok(false) };
    let Some((mut chunk, each)) = places(view, tables)? else { return Ok(false) };
    let Some(stsc) = view.inside(tables, &[b"stsc"])? else { return Ok(false) };
    let mut runs = Runs { row: stsc.body + 8, end: stsc.end, chunks: 0, packets: 0 };
    for number in 1..=chunk.left {
        let packets = runs.packets_of(view, number)?;
        let at = if each == 8 { view.u64(chunk.row)? } else { view.u32(chunk.row)?.map(u64::from) };
        let (Some(at), Some(bytes)) = (at, sizes.of(view, packets)?) else { return Ok(false) };
        if bytes > 0 && at.checked_add(bytes).is_none_or(|end| end > view.len()) {
            return Ok(false);
        }
        chunk.row += each;
    }
    Ok(sizes.left == 0)
}

struct Rows {
    row: u64,
    left: u32,
}

/// The table of places, and the bytes of one.
fn places(view: &mut View<'_>, tables: Found) -> io::Result<Option<(Rows, u64)>> {
    let (found, each) = match view.inside(tables, &[b"stco"])? {
        Some(found) => (Some(found), 4),
        None => (view.inside(tables, &[b"co64"])?, 8),
    };
    let Some(found) = found else { return Ok(None) };
    let Some(left) = view.u32(found.body + 4)? else { return Ok(None) };
    let row = found.body + 8;
    Ok((row + u64::from(left) * each <= found.end).then_some((Rows { row, left }, each)))
}

/// How many packets a chunk has.
struct Runs {
    row: u64,
    end: u64,
    /// The last chunk of the run at hand, and its packets.
    chunks: u32,
    packets: u32,
}

impl Runs {
    fn packets_of(&mut self, view: &mut View<'_>, chunk: u32) -> io::Result<u32> {
        while chunk > self.chunks && self.row + 12 <= self.end {
            self.packets = view.u32(self.row + 4)?.unwrap_or(0);
            self.row += 12;
            // A run ends where the next one begins.
            let next = if self.row + 12 <= self.end { view.u32(self.row)? } else { None };
            self.chunks = next.map_or(u32::MAX, |next| next.saturating_sub(1));
        }
        Ok(self.packets)
    }
}

/// The sizes of packets, in order.
struct Sizes {
    row: u64,
    left: u32,
    /// What all have in common; zero if each has its own.
    common: u32,
}

impl Sizes {
    fn read(view: &mut View<'_>, tables: Found) -> io::Result<Option<Self>> {
        let Some(stsz) = view.inside(tables, &[b"stsz"])? else { return Ok(None) };
        let (Some(common), Some(left)) = (view.u32(stsz.body + 4)?, view.u32(stsz.body + 8)?)
        else {
            return Ok(None);
        };
        let row = stsz.body + 12;
        let fits = common > 0 || row + 4 * u64::from(left) <= stsz.end;
        Ok(fits.then_some(Self { row, left, common }))
    }

    /// Bytes of the next packets.
    fn of(&mut self, view: &mut View<'_>, packets: u32) -> io::Result<Option<u64>> {
        let some = packets.min(self.left);
        self.left -= some;
        if self.common > 0 {
            return Ok(Some(u64::from(self.common) * u64::from(some)));
        }
        let mut sum = 0;
        for _ in 0..some {
            let Some(bytes) = view.u32(self.row)? else { return Ok(None) };
            sum += u64::from(bytes);
            self.row += 4;
        }
        Ok(Some(sum))
    }
}
