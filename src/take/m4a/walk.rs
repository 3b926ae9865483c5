//! Finds the packets in the fragments of a file, ours or another's, whole or not.

use std::io;

use super::boxes::HEAD;
use super::checksum::Checksum;
use super::known::{Defaults, KnownTrack};
use super::tables::Packet;
use super::view::{Found, View};

/// What fragments are looked for, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragments {
    /// The track that counts.
    pub(super) id: u32,
    pub(super) defaults: Defaults,
    /// Where the first of them begins.
    pub(super) from: u64,
    pub(super) trust: Trust,
}

/// What makes a fragment a good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// That we have just written it.
    Ours,
    /// That its checksum says so.
    Checksum,
    /// That its packets are in the file, and something is in them.
    Looks,
}

/// What is found, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Packet(Packet),
    /// So many ticks are missing.
    Gap(u32),
}

/// How far a walk came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Walked {
    /// Where the last good data ends.
    pub(super) end: u64,
    /// Whether it had to leave something out in between.
    pub(super) holes: bool,
}

impl Fragments {
    pub(super) fn of(track: &KnownTrack, from: u64, trust: Trust) -> Self {
        Self { id: track.id, defaults: track.defaults, from, trust }
    }

    /// Hands on all packets up to `to`. Where something is damaged the walk goes on at
    /// the next fragment that is not, so that no hole costs more than itself.
    pub(super) fn walk<S>(self, view: &mut View<'_>, to: u64, mut step: S) -> io::Result<Walked>
    where
        S: FnMut(&mut View<'_>, Step) -> io::Result<()>,
    {
        let mut walk = Walk {
            fragments: self,
            to,
            end: self.from,
            time: None,
            gap: 0,
            budget: 4 * view.len(),
        };
        let mut holes = false;
        let mut at = self.from;
        loop {
            match walk.next(view, at, &mut step)? {
                Some(next) => at = next,
                None if at == to => break,
                None => match walk.search(view, at + 1)? {
                    Some(next) => {
                        holes = true;
                        at = next;
                    }
                    None => break,
                },
            }
        }
        Ok(Walked { end: walk.end, holes })
    }
}

struct Walk {
    fragments: Fragments,
    to: u64,
    end: u64,
    /// Where the next packet begins, once there was one.
    time: Option<u64>,
    /// Ticks that are missing in front of it.
    gap: u32,
    /// Bytes that may still be read in search of fragments: a file made to be searched
    /// for ever is not.
    budget: u64,
}

impl Walk {
    /// Takes the box at this place; none if it is damaged, or if there is none.
    fn next<S>(&mut self, view: &mut View<'_>, at: u64, step: &mut S) -> io::Result<Option<u64>>
    where
        S: FnMut(&mut View<'_>, Step) -> io::Result<()>,
    {
        let Some(found) = view.found(at, self.to)?.filter(|found| found.end <= self.to) else {
            return Ok(None);
        };
        match &found.name {
            b"moof" => {
                if self.fragments.trust == Trust::Checksum && !is_as_written(view, found, self.to)?
                {
                    return Ok(None);
                }
                if !self.fragment(view, found, step)? {
                    return Ok(None);
                }
            }
            // The index of an ordinary file that was not finished.
            b"moov" => return Ok(None),
            b"mdat" => self.end = self.end.max(found.end),
            // Zeros, or anything else that is no name.
            name if !name.iter().all(|byte| (b' '..=b'~').contains(byte)) => return Ok(None),
            _ => {}
        }
        Ok(Some(found.end))
    }

    /// Hands on the packets of a fragment; whether all of them are in the file.
    fn fragment<S>(&mut self, view: &mut View<'_>, moof: Found, step: &mut S) -> io::Result<bool>
    where
        S: FnMut(&mut View<'_>, Step) -> io::Result<()>,
    {
        let mut at = moof.body;
        let mut base = moof.at;
        while let Some(traf) = view.child(at, moof.end, b"traf")? {
            let Some(run) = self.traf(view, moof, traf, base, step)? else { return Ok(false) };
            base = run;
            at = traf.end;
        }
        Ok(true)
    }

    /// Hands on the packets of a track in a fragment; where its data end, if all of it
    /// is there.
    fn traf<S>(
        &mut self,
        view: &mut View<'_>,
        moof: Found,
        traf: Found,
        base: u64,
        step: &mut S,
    ) -> io::Result<Option<u64>>
    where
        S: FnMut(&mut View<'_>, Step) -> io::Result<()>,
    {
        let Some((id, head)) = Head::read(view, traf, self.fragments.defaults)? else {
            return Ok(None);
        };
        let base = head.base.unwrap_or(if head.from_moof { moof.at } else { base });
        let ours = id == self.fragments.id;
        if ours {
            self.keep_time(view, traf)?;
        }
        let (mut at, mut next) = (traf.body, base);
        while let Some(trun) = view.child(at, traf.end, b"trun")? {
            let Some(mut run) = Run::read(view, trun, base, next, head.defaults)? else {
                return Ok(None);
            };
            while let Some(packet) = run.next(view)? {
                if !ours {
                    continue;
                }
                if !self.is_there(view, packet, moof)? {
                    return Ok(None);
                }
                if self.gap > 0 {
                    step(view, Step::Gap(self.gap))?;
                    self.gap = 0;
                }
                self.end = packet.at + u64::from(packet.bytes);
                self.time = Some(self.time.unwrap_or(0) + u64::from(packet.frames));
                step(view, Step::Packet(packet))?;
            }
            next = run.at;
            at = trun.end;
        }
        Ok(Some(next))
    }

    /// Whether a packet has bytes, in the file, behind those of the one before: so there
    /// are never more of them than bytes.
    fn is_there(&self, view: &mut View<'_>, packet: Packet, moof: Found) -> io::Result<bool> {
        let end = packet.at.checked_add(packet.bytes.into());
        let inside = packet.bytes > 0 && packet.at >= self.end.max(moof.end + HEAD);
        if !inside || end.is_none_or(|end| end > self.to) {
            return Ok(false);
        }
        Ok(self.fragments.trust != Trust::Looks || !is_empty(view, packet)?)
    }

    /// Notes the time that is missing in front of this fragment. It is told with the next
    /// packet: behind the last one nothing is missing.
    fn keep_time(&mut self, view: &mut View<'_>, traf: Found) -> io::Result<()> {
        let Some(tfdt) = view.child(traf.body, traf.end, b"tfdt")? else { return Ok(()) };
        let begins = match view.array(tfdt.body)? {
            Some([1]) => view.u64(tfdt.body + 4)?,
            _ => view.u32(tfdt.body + 4)?.map(u64::from),
        };
        let Some(begins) = begins.filter(|begins| *begins < u64::MAX / 2) else { return Ok(()) };
        let missing = begins.saturating_sub(self.time.unwrap_or(begins));
        if let Some(gap) = u32::try_from(missing).ok().and_then(|gap| self.gap.checked_add(gap)) {
            self.gap = gap;
            self.time = Some(begins.max(self.time.unwrap_or(0)));
        }
        Ok(())
    }

    /// The next place from `at` on where a whole fragment begins.
    fn search(&mut self, view: &mut View<'_>, at: u64) -> io::Result<Option<u64>> {
        let mut at = at;
        loop {
            let bytes = view.bytes(at)?;
            if bytes.is_empty() || self.budget == 0 {
                return Ok(None);
            }
            let there = bytes.windows(8).position(|bytes| bytes[4..] == *b"moof");
            // The last seven may be the beginning of what the next page goes on with.
            let step = there.unwrap_or(bytes.len().saturating_sub(7)) as u64;
            let left = bytes.len() as u64 - step;
            self.budget = self.budget.saturating_sub(step + 1);
            at += step;
            if there.is_some() || left < 8 {
                if self.is_fragment(view, at)? {
                    return Ok(Some(at));
                }
                at += 1;
            }
        }
    }

    /// Whether a whole fragment begins here, as far as that can be told.
    fn is_fragment(&mut self, view: &mut View<'_>, at: u64) -> io::Result<bool> {
        let Some(moof) = view.found(at, self.to)?.filter(|found| found.end <= self.to) else {
            return Ok(false);
        };
        if moof.name != *b"moof" || moof.at < self.end {
            return Ok(false);
        }
        // Of a torn one that has no sum the first packets may be there.
        let summed = self.fragments.trust == Trust::Checksum;
        let fits = |found: &Found| !summed || found.end <= self.to;
        let Some(mdat) = view.found(moof.end, self.to)?.filter(fits) else {
            return Ok(false);
        };
        if mdat.name != *b"mdat" || view.inside(moof, &[b"mfhd"])?.is_none() {
            return Ok(false);
        }
        let cost = if summed { mdat.end - moof.at } else { moof.end - moof.at };
        if cost > self.budget {
            return Ok(false);
        }
        self.budget -= cost;
        if summed {
            return is_as_written(view, moof, self.to);
        }
        Ok(view.inside(moof, &[b"traf", b"trun"])?.is_some())
    }
}

/// What a `tfhd` says.
struct Head {
    base: Option<u64>,
    from_moof: bool,
    defaults: Defaults,
}

impl Head {
    fn read(
        view: &mut View<'_>,
        traf: Found,
        defaults: Defaults,
    ) -> io::Result<Option<(u32, Self)>> {
        let Some(tfhd) = view.child(traf.body, traf.end, b"tfhd")? else { return Ok(None) };
        let (Some(flags), Some(id)) = (view.u32(tfhd.body)?, view.u32(tfhd.body + 4)?) else {
            return Ok(None);
        };
        let mut head = Self { base: None, from_moof: flags & 0x2_0000 != 0, defaults };
        let mut at = tfhd.body + 8;
        if flags & 1 != 0 {
            head.base = view.u64(at)?;
            at += 8;
        }
        if flags & 2 != 0 {
            at += 4;
        }
        if flags & 8 != 0 {
            head.defaults.frames = view.u32(at)?.unwrap_or(0);
            at += 4;
        }
        if flags & 16 != 0 {
            head.defaults.bytes = view.u32(at)?.unwrap_or(0);
            at += 4;
        }
        Ok((at <= tfhd.end).then_some((id, head)))
    }
}

/// The packets of a `trun`.
struct Run {
    flags: u32,
    defaults: Defaults,
    left: u32,
    /// Where the next row is.
    row: u64,
    /// Where the next packet lies.
    at: u64,
}

impl Run {
    fn read(
        view: &mut View<'_>,
        trun: Found,
        base: u64,
        next: u64,
        defaults: Defaults,
    ) -> io::Result<Option<Self>> {
        let (Some(flags), Some(left)) = (view.u32(trun.body)?, view.u32(trun.body + 4)?) else {
            return Ok(None);
        };
        let mut run =
            Self { flags: flags & 0xff_ffff, defaults, left, row: trun.body + 8, at: next };
        if flags & 1 != 0 {
            let offset = view.u32(run.row)?.map_or(0, |offset| offset as i32);
            let Some(at) = base.checked_add_signed(offset.into()) else { return Ok(None) };
            run.at = at;
            run.row += 4;
        }
        if flags & 4 != 0 {
            run.row += 4;
        }
        let rows = u64::from(left) * run.bytes_of_row();
        // Packets of which the table says nothing need a size from elsewhere.
        let sized = flags & 0x200 != 0 || defaults.bytes > 0;
        Ok((run.row + rows <= trun.end && sized).then_some(run))
    }

    fn bytes_of_row(&self) -> u64 {
        u64::from((self.flags >> 8 & 0xf).count_ones()) * 4
    }

    fn next(&mut self, view: &mut View<'_>) -> io::Result<Option<Packet>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let Defaults { mut frames, mut bytes } = self.defaults;
        let mut at = self.row;
        if self.flags & 0x100 != 0 {
            frames = view.u32(at)?.unwrap_or(0);
            at += 4;
        }
        if self.flags & 0x200 != 0 {
            bytes = view.u32(at)?.unwrap_or(0);
        }
        self.row += self.bytes_of_row();
        let packet = Packet { at: self.at, bytes, frames };
        self.at = self.at.saturating_add(bytes.into());
        Ok(Some(packet))
    }
}

/// Whether a fragment is as it was written.
fn is_as_written(view: &mut View<'_>, moof: Found, to: u64) -> io::Result<bool> {
    let Some(mdat) = view.found(moof.end, to)? else { return Ok(false) };
    if mdat.name != *b"mdat" || mdat.end > to || moof.end - moof.body < 8 {
        return Ok(false);
    }
    let mut sum = Checksum::at(moof.at);
    add(view, &mut sum, moof.at, moof.end - 8)?;
    add(view, &mut sum, mdat.at, mdat.end)?;
    Ok(view.u64(moof.end - 8)? == Some(sum.value()))
}

fn add(view: &mut View<'_>, sum: &mut Checksum, from: u64, to: u64) -> io::Result<()> {
    let mut at = from;
    while at < to {
        let bytes = view.bytes(at)?;
        if bytes.is_empty() {
            break;
        }
        let some = bytes.len().min((to - at) as usize);
        sum.add(&bytes[..some]);
        at += some as u64;
    }
    Ok(())
}

/// Whether a packet is nothing but zeros, which is what a power cut leaves of one. No
/// packet of AAC is: it ends with a mark.
fn is_empty(view: &mut View<'_>, packet: Packet) -> io::Result<bool> {
    let end = packet.at + u64::from(packet.bytes);
    let mut at = packet.at;
    while at < end {
        let bytes = view.bytes(at)?;
        let some = bytes.len().min((end - at) as usize);
        if some == 0 || bytes[..some].iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at += some as u64;
    }
    Ok(packet.bytes > 2)
}
