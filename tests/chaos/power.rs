//! A power cut at any moment: what was not synced may be there, or not, or in part, or
//! as zeros.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tympan::take::{self, Chunks, Container};

use crate::disk::{Deed, Disk};
use crate::studio::{containers, length, next_process, record, record_with, samples};

const LONG: u64 = 2600;

/// Chance that comes out the same every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % n.max(1) as u64) as usize
    }
}

/// Which folder a deed changes names in.
fn parent(deed: &Deed) -> Option<&Path> {
    match deed {
        Deed::Folder(path) | Deed::Create(path, _) | Deed::Remove(path) => path.parent(),
        Deed::Rename(from, _) => from.parent(),
        _ => None,
    }
}

/// What may be on the disk when the power goes behind these deeds.
fn after_a_cut(deeds: &[Deed], chance: &mut Chance) -> Vec<Deed> {
    // What a sync made sure of, and how long the file was then.
    let mut synced: HashMap<usize, (usize, u64)> = HashMap::new();
    let mut lengths: HashMap<usize, u64> = HashMap::new();
    let mut folders: HashMap<PathBuf, usize> = HashMap::new();
    for (at, deed) in deeds.iter().enumerate() {
        match deed {
            Deed::Write(id, place, bytes) => {
                let length = lengths.entry(*id).or_default();
                *length = (*length).max(place + bytes.len() as u64);
            }
            Deed::SetLen(id, len) => drop(lengths.insert(*id, *len)),
            Deed::Sync(id) => {
                synced.insert(*id, (at, lengths.get(id).copied().unwrap_or(0)));
            }
            Deed::SyncFolder(path) => drop(folders.insert(path.clone(), at)),
            _ => {}
        }
    }
    // Names are kept in order, as by a journal of the file system: from some point on,
    // none of those that were not synced is there.
    let names: Vec<usize> = (0..deeds.len())
        .filter(|&at| parent(&deeds[at]).is_some_and(|p| folders.get(p).is_none_or(|s| *s < at)))
        .collect();
    let gone: HashSet<usize> =
        names.get(chance.below(names.len() + 1)..).unwrap_or_default().iter().copied().collect();
    let mode = chance.below(4);
    let mut left = Vec::new();
    for (at, deed) in deeds.iter().enumerate() {
        let sure = |id: &usize| synced.get(id).is_some_and(|(sync, _)| *sync > at);
        match deed {
            _ if gone.contains(&at) => {}
            Deed::Write(id, place, bytes) if !sure(id) => {
                let old = synced.get(id).map_or(0, |(_, length)| *length);
                left.extend(torn(*id, *place, bytes, old, mode, chance));
            }
            Deed::SetLen(id, _) if !sure(id) && chance.below(2) == 0 => {}
            other => left.push(other.clone()),
        }
    }
    left
}

/// What is left of a write that was not synced, to a file that was so long when it was.
fn torn(
    id: usize,
    at: u64,
    bytes: &[u8],
    old: u64,
    mode: usize,
    chance: &mut Chance,
) -> Option<Deed> {
    let how = if mode == 3 { chance.below(4) } else { mode };
    match how {
        // Nothing.
        0 => None,
        // All of it.
        1 => Some(Deed::Write(id, at, bytes.to_vec())),
        // The file is longer, and the new part is zeros. What was there is as it was.
        2 => {
            let from = old.clamp(at, at + bytes.len() as u64);
            Some(Deed::Write(id, from, vec![0; (at + bytes.len() as u64 - from) as usize]))
        }
        // Up to the end of some sector.
        _ => {
            let size = if chance.below(2) == 0 { 512 } else { 4096 };
            let end = (at as usize + bytes.len()) / size * size;
            let keep = end.saturating_sub(at as usize).min(bytes.len());
            Some(Deed::Write(id, at, bytes[..keep].to_vec()))
        }
    }
}

/// How many cuts there are behind each deed.
fn cuts() -> usize {
    if std::env::var_os("TYMPAN_LONG").is_some() { 20 } else { 2 }
}

#[test]
fn a_power_cut_costs_a_second_at_most_and_never_the_take() {
    for container in containers() {
        let disk = Disk::default();
        let story = record(container, &disk, LONG);
        let whole = story.take.expect("nothing fails");
        let reference = samples(&disk, &whole.path());
        let deeds = disk.deeds();
        let mut chance = Chance(0x5eed ^ container as u64);
        let (mut worst, mut states) = (0, 0);
        for end in 0..=deeds.len() {
            let accepted = deeds[..end].iter().rev().find_map(|deed| match deed {
                Deed::Accepted(ms) => Some(*ms),
                _ => None,
            });
            for _ in 0..cuts() {
                let cut = Disk::of(&after_a_cut(&deeds[..end], &mut chance));
                let take = next_process(&cut).unwrap_or_else(|why| {
                    panic!("{container:?}, cut behind deed {end} ({:?}): {why}", deeds.get(end))
                });
                let lost = accepted.unwrap_or(0).saturating_sub(length(take.as_ref()));
                worst = worst.max(lost);
                states += 1;
                if container == Container::Wav
                    && let Some(take) = &take
                {
                    let kept = samples(&cut, &take.path());
                    assert!(reference.starts_with(&kept), "garbage behind deed {end}");
                }
                assert!(lost <= 1000, "{container:?}: {lost} ms behind deed {end}");
            }
        }
        println!("{container:?}: {states} power cuts, worst {worst} ms lost, 0 unreadable");
    }
}

/// A chunk of which the app was told may have been sent. It stays what it was, whatever a
/// power cut leaves of the rest.
#[test]
fn a_power_cut_changes_no_chunk_that_was_told() {
    for container in containers() {
        let chunks =
            Chunks { length: Duration::from_secs(1), at_silences: false, format: container };
        let disk = Disk::default();
        let story = record_with(Container::Wav, &disk, LONG, Some(chunks));
        let whole = story.take.expect("nothing fails");
        assert_eq!(whole.chunks.len(), 3, "{container:?}");
        let deeds = disk.deeds();
        let mut chance = Chance(0xc4a4 ^ container as u64);
        let (mut kept, mut states) = (0, 0);
        for end in 0..=deeds.len() {
            let told = deeds[..end].iter().rev().find_map(|deed| match deed {
                Deed::Told(chunk) => Some(*chunk as usize),
                _ => None,
            });
            let told = told.unwrap_or(0);
            for _ in 0..cuts() {
                let cut = Disk::of(&after_a_cut(&deeds[..end], &mut chance));
                let take = next_process(&cut).unwrap_or_else(|why| {
                    panic!("{container:?}, cut behind deed {end} ({:?}): {why}", deeds.get(end))
                });
                states += 1;
                let found = take.as_ref().map(|take| &take.chunks[..]).unwrap_or_default();
                assert!(found.len() >= told, "{container:?}, deed {end}: {told} told, {found:?}");
                for (chunk, was) in found.iter().zip(&whole.chunks).take(told) {
                    assert_eq!(chunk, was, "{container:?}, deed {end}");
                }
                let folder = take.as_ref().map(|take| take.folder.clone()).unwrap_or_default();
                for chunk in found {
                    let bytes = cut.bytes(&chunk.path(&folder));
                    assert_eq!(bytes.len() as u64, chunk.bytes, "{container:?}, deed {end}");
                    if let Some(was) = whole.chunks.iter().find(|was| was.sha256 == chunk.sha256) {
                        assert!(bytes == disk.bytes(&was.path(&whole.folder)), "deed {end}");
                        kept += 1;
                    }
                    let seen = take::repair(&mut std::io::Cursor::new(bytes)).unwrap();
                    assert_eq!(seen.state, take::State::Healthy, "{container:?}, deed {end}");
                }
            }
        }
        println!("chunks as {container:?}: {states} power cuts, {kept} chunks as they were");
        assert!(kept > 0, "{container:?}");
    }
}
