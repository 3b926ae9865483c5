//! What a `moov` that was found says about its tracks.

use std::io;

use super::head::MARK;
use super::track::Track;
use super::view::{Found, View};

/// The longest description of a codec that is believed.
const DESCRIPTION: u64 = 64 * 1024;

/// More tracks than this are not looked at.
const TRACKS: usize = 16;

/// A `moov`.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) tracks: Vec<KnownTrack>,
    /// Whether fragments may follow.
    pub(super) continued: bool,
    /// Whether it is one that recording here begins with.
    pub(super) ours: bool,
}

/// A `trak` with the defaults of its fragments.
#[derive(Clone, Debug)]
pub(super) struct KnownTrack {
    pub(super) id: u32,
    pub(super) is_sound: bool,
    pub(super) track: Track,
    /// Ticks that are to be heard, by the edit list.
    pub(super) heard: u64,
    /// The box with the tables.
    pub(super) tables: Found,
    pub(super) defaults: Defaults,
}

/// What a packet of a fragment is where the fragment does not say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Defaults {
    pub(super) frames: u32,
    pub(super) bytes: u32,
}

impl Known {
    /// Reads the boxes of a `moov` that lie from `at` to `end`.
    pub(super) fn read(view: &mut View<'_>, at: u64, end: u64) -> io::Result<Self> {
        let mut known = Self::default();
        let mut at = at;
        let mut defaults = None;
        while let Some(found) = view.found(at, end)?.filter(|found| found.end <= end) {
            match &found.name {
                b"trak" if known.tracks.len() < TRACKS => {
                    known.tracks.extend(track(view, found)?);
                }
                b"free" => known.ours |= view.array(found.body)? == Some(*MARK),
                b"mvex" => defaults = Some(found),
                _ => {}
            }
            at = found.end;
        }
        if let Some(mvex) = defaults {
            known.continued = true;
            known.read_defaults(view, mvex)?;
        }
        Ok(known)
    }

    fn read_defaults(&mut self, view: &mut View<'_>, mvex: Found) -> io::Result<()> {
        let mut at = mvex.body;
        while let Some(trex) = view.child(at, mvex.end, b"trex")? {
            let id = view.u32(trex.body + 4)?;
            let (frames, bytes) = (view.u32(trex.body + 12)?, view.u32(trex.body + 16)?);
            let known = self.tracks.iter_mut().find(|known| Some(known.id) == id);
            if let (Some(known), Some(frames), Some(bytes)) = (known, frames, bytes) {
                known.defaults = Defaults { frames, bytes };
            }
            at = trex.end;
        }
        Ok(())
    }
}

/// Reads a `trak`; none if it lacks what a file cannot be without.
fn track(view: &mut View<'_>, trak: Found) -> io::Result<Option<KnownTrack>> {
    let Some(id) = id(view, trak)? else { return Ok(None) };
    let Some(rate) = rate(view, trak)? else { return Ok(None) };
    let Some(tables) = view.inside(trak, &[b"mdia", b"minf", b"stbl"])? else { return Ok(None) };
    let Some(description) = description(view, tables)? else { return Ok(None) };
    let is_sound = match view.inside(trak, &[b"mdia", b"hdlr"])? {
        Some(hdlr) => view.array(hdlr.body + 8)? == Some(*b"soun"),
        None => false,
    };
    let (heard, priming) = edit(view, trak)?;
    let track = Track::known(description, rate, priming);
    let defaults = Defaults::default();
    Ok(Some(KnownTrack { id, is_sound, track, heard, tables, defaults }))
}

fn id(view: &mut View<'_>, trak: Found) -> io::Result<Option<u32>> {
    let Some(tkhd) = view.inside(trak, &[b"tkhd"])? else { return Ok(None) };
    let long = is_long(view, tkhd)?;
    view.u32(tkhd.body + if long { 20 } else { 12 })
}

fn rate(view: &mut View<'_>, trak: Found) -> io::Result<Option<u32>> {
    let Some(mdhd) = view.inside(trak, &[b"mdia", b"mdhd"])? else { return Ok(None) };
    let long = is_long(view, mdhd)?;
    let rate = view.u32(mdhd.body + if long { 20 } else { 12 })?;
    Ok(rate.filter(|rate| *rate > 0))
}

fn description(view: &mut View<'_>, tables: Found) -> io::Result<Option<Vec<u8>>> {
    let Some(stsd) = view.inside(tables, &[b"stsd"])? else { return Ok(None) };
    let len = stsd.end - stsd.at;
    if len > DESCRIPTION {
        return Ok(None);
    }
    let mut out = Vec::with_capacity(len as usize);
    while (out.len() as u64) < len {
        let bytes = view.bytes(stsd.at + out.len() as u64)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let some = bytes.len().min(len as usize - out.len());
        out.extend_from_slice(&bytes[..some]);
    }
    Ok(Some(out))
}

/// What the first edit that plays something says: for how long, and from where.
fn edit(view: &mut View<'_>, trak: Found) -> io::Result<(u64, u32)> {
    let Some(elst) = view.inside(trak, &[b"edts", b"elst"])? else { return Ok((0, 0)) };
    let long = is_long(view, elst)?;
    let each = if long { 20 } else { 12 };
    let mut at = elst.body + 8;
    while at + each <= elst.end {
        let (heard, from) = if long {
            (view.u64(at)?, view.u64(at + 8)?.map(|from| from as i64))
        } else {
            let from = view.u32(at + 4)?.map(|from| i64::from(from as i32));
            (view.u32(at)?.map(u64::from), from)
        };
        // Less than nothing is a pause before the sound begins.
        if let (Some(heard), Some(Ok(from))) = (heard, from.map(u32::try_from)) {
            return Ok((heard, from));
        }
        at += each;
    }
    Ok((0, 0))
}

fn is_long(view: &mut View<'_>, found: Found) -> io::Result<bool> {
    Ok(view.array(found.body)? == Some([1]))
}
