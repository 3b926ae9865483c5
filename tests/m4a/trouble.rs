//! Media that fail, files that lie, takes that are long.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::kit::judge::skipped;
use crate::kit::reader::play;
use crate::kit::{Chance, packets, record, samples, track};
use tympan::take::{M4a, Track};

use crate::kit::{Outcome, repair};
use tympan::backend::storage::Medium;

/// A file on a disk with so much room, that can be looked at from outside.
#[derive(Clone)]
struct Disk(Arc<Mutex<(Cursor<Vec<u8>>, usize)>>);

impl Disk {
    fn new(room: usize) -> Self {
        Self(Arc::new(Mutex::new((Cursor::new(Vec::new()), room))))
    }

    fn room(&self, room: usize) {
        self.0.lock().unwrap().1 = room;
    }

    fn content(&self) -> Vec<u8> {
        self.0.lock().unwrap().0.get_ref().clone()
    }
}

impl Read for Disk {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.lock().unwrap().0.read(out)
    }
}

impl Write for Disk {
    /// Writes what there is room for, as a system does, and fails the next time.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (file, room) = &mut *self.0.lock().unwrap();
        let free = room.saturating_sub(file.position() as usize);
        if free == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.write(&bytes[..bytes.len().min(free)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Disk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.lock().unwrap().0.seek(to)
    }
}

impl Medium for Disk {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.0.lock().unwrap().0.get_mut().resize(len as usize, 0);
        Ok(())
    }
}

#[test]
fn a_full_disk_at_any_byte_leaves_what_was_written_and_a_reserve_is_enough_to_finish() {
    let packets = packets(40, 2);
    let all = Disk::new(usize::MAX);
    record(Box::new(all.clone()), &packets, false).unwrap();
    let len = all.content().len();
    for room in (700..len + 50).step_by(7) {
        let disk = Disk::new(room);
        let mut take = M4a::new(Box::new(disk.clone()), track()).unwrap();
        let mut full = false;
        let mut written = 0;
        for packet in &packets {
            take.packet(&packet.bytes, packet.frames).unwrap();
            if take.fragment().is_err() {
                full = true;
                break;
            }
            written += 1;
        }
        assert!(full || room >= len - 50);
        let there = play(&disk.content()).unwrap().packets;
        assert_eq!(there, packets[..written]);
        // What could not be written is tried again: then it is there exactly once.
        disk.room(room + take.footer_bytes() as usize);
        take.finish(u64::MAX).unwrap();
        let played = play(&disk.content()).unwrap();
        assert_eq!(played.packets, packets[..written + usize::from(full)]);
        assert_eq!(played.heard, take.samples());
    }
}

#[test]
fn a_disk_that_fills_up_while_finishing_loses_nothing() {
    let packets = packets(40, 3);
    let all = Disk::new(usize::MAX);
    record(Box::new(all.clone()), &packets, false).unwrap();
    let recorded = all.content().len();
    record(Box::new(all.clone()), &packets, true).unwrap_or_default();
    let mut rooms = 0;
    for more in 0.. {
        let disk = Disk::new(recorded + more);
        if record(Box::new(disk.clone()), &packets, true).is_ok() {
            break;
        }
        rooms += 1;
        assert_eq!(play(&disk.content()).unwrap().packets, packets, "{more}");
        disk.room(usize::MAX);
        let outcome = repair(&mut disk.clone()).unwrap();
        assert!(matches!(outcome, Outcome::Repaired { .. }), "{outcome:?}");
        assert_eq!(play(&disk.content()).unwrap().packets, packets, "{more}");
    }
    assert!(rooms > 500);
}

#[test]
fn finishing_can_be_tried_again_and_nothing_comes_behind_it() {
    let packets = packets(20, 1);
    let disk = Disk::new(usize::MAX);
    let mut take = M4a::new(Box::new(disk.clone()), track()).unwrap();
    for packet in &packets {
        take.packet(&packet.bytes, packet.frames).unwrap();
        take.fragment().unwrap();
    }
    disk.room(disk.content().len() + 100);
    assert!(take.finish(samples(&packets)).is_err());
    assert!(take.packet(&[1], 1).is_err() && take.fragment().is_err());
    disk.room(usize::MAX);
    take.finish(samples(&packets)).unwrap();
    take.finish(0).unwrap();
    let played = play(&disk.content()).unwrap();
    assert_eq!((played.heard, played.packets), (samples(&packets), packets));
    drop(take);
}

#[test]
fn dropping_it_writes_what_has_come_and_discarding_does_not() {
    for discard in [false, true] {
        let disk = Disk::new(usize::MAX);
        let mut take = M4a::new(Box::new(disk.clone()), track()).unwrap();
        take.packet(&[1, 2, 3], 960).unwrap();
        if discard {
            take.discard();
        }
        drop(take);
        let there = play(&disk.content()).unwrap().packets.len();
        assert_eq!(there, usize::from(!discard));
    }
}

#[test]
fn no_change_to_a_file_makes_the_repair_panic_or_go_on_for_ever() {
    let begin = Instant::now();
    let mut runs = 0;
    let others: Vec<Vec<u8>> = others().filter_map(|path| std::fs::read(path).ok()).collect();
    for seed in 0..6 + others.len() as u64 {
        if let Some(other) = seed.checked_sub(6).map(|seed| &others[seed as usize]) {
            runs += changed(other, 200, seed);
            continue;
        }
        let whole = Disk::new(usize::MAX);
        record(Box::new(whole.clone()), &packets(25, seed), seed % 3 == 0).unwrap();
        let mut whole = whole.content();
        if seed % 3 == 1 {
            // Someone else's, as far as can be told.
            let mark = whole.windows(8).position(|bytes| bytes == b"tympan 1").unwrap();
            whole[mark] = b'-';
            whole.pop();
        }
        runs += changed(&whole, 1_500, seed);
    }
    assert!(begin.elapsed() < Duration::from_mins(1), "{runs} in {:?}", begin.elapsed());
}

/// Repairs a file with some bytes changed, most of them in its head, so many times.
fn changed(whole: &[u8], times: usize, seed: u64) -> usize {
    let mut chance = Chance::new(seed + 1);
    for _ in 0..times {
        let mut file = whole.to_vec();
        if chance.below(4) == 0 {
            file.truncate(chance.below(file.len() as u64) as usize + 1);
        }
        for _ in 0..=chance.below(4) {
            let limit = if chance.below(3) > 0 { 1_000.min(file.len()) } else { file.len() };
            let at = chance.below(limit as u64) as usize;
            let odd = [0, 1, 0x7f, 0x80, 0xff, chance.below(256) as u8];
            file[at] = odd[chance.below(6) as usize];
        }
        let mut medium = Cursor::new(file.clone());
        let outcome = repair(&mut medium).unwrap();
        let after = medium.into_inner();
        assert!(matches!(outcome, Outcome::Repaired { .. }) || after == file);
        let second = repair(&mut Cursor::new(after)).unwrap();
        assert!(!matches!(second, Outcome::Repaired { .. }), "{outcome:?}, then {second:?}");
    }
    times
}

/// The MP4 files of others.
fn others() -> impl Iterator<Item = PathBuf> {
    let folders =
        shared().into_iter().flat_map(|folder| ["crash", "broken"].map(|g| folder.join(g)));
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap());
    files.map(|entry| entry.unwrap().path()).filter(|path| is_mp4(path))
}

fn is_mp4(path: &Path) -> bool {
    path.extension().is_some_and(|ext| ext == "m4a" || ext == "mp4")
}

/// The folder of the audio that is shared by the developers: named by
/// `TYMPAN_AUDIO`, or beside the repository.
fn shared() -> Option<PathBuf> {
    let named = std::env::var_os("TYMPAN_AUDIO").map(PathBuf::from);
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/audio");
    let folder = named.unwrap_or_else(beside);
    if !folder.is_dir() {
        skipped("the shared audio is not here");
        return None;
    }
    Some(folder)
}

#[test]
fn files_of_others_get_a_verdict_and_the_healthy_ones_stay_as_they_are() {
    let mut seen = 0;
    for path in others() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let before = std::fs::read(&path).unwrap();
        let mut medium = Cursor::new(before.clone());
        let outcome = repair(&mut medium).unwrap();
        let after = medium.into_inner();
        match name {
            "frag-cut-anywhere.m4a" => {
                assert!(matches!(outcome, Outcome::Repaired { samples: 104_448, .. }));
            }
            "killed-nomoov.m4a"
            | "mp4parse-chunk_out_of_range.mp4"
            | "taglib-64bit.mp4"
            | "taglib-ilst-is-last.m4a"
            | "taglib-infloop.m4a" => {
                assert!(matches!(outcome, Outcome::Hopeless(_)), "{name}: {outcome:?}");
            }
            _ => assert_eq!(outcome, Outcome::Healthy, "{name}"),
        }
        assert!(after == before || name == "frag-cut-anywhere.m4a", "{name}");
        seen += 1;
    }
    assert!(seen >= 16 || shared().is_none(), "{seen}");
}

#[test]
fn a_fragmented_file_of_others_cut_anywhere_keeps_more_the_more_there_is() {
    let Some(folder) = shared() else { return };
    for name in ["crash/killed-frag-flush.m4a", "broken/media3-sample_opus_fragmented.mp4"] {
        let whole = std::fs::read(folder.join(name)).unwrap();
        let mut last = 0;
        for len in (0..whole.len()).step_by(101) {
            let mut medium = Cursor::new(whole[..len].to_vec());
            if let Outcome::Repaired { samples, cut } = repair(&mut medium).unwrap() {
                assert!(samples >= last && cut <= len as u64, "{name} {len}");
                last = samples;
                let after = medium.into_inner();
                let again = repair(&mut Cursor::new(after)).unwrap();
                assert_eq!(again, Outcome::Healthy, "{name} {len}");
            }
        }
        assert!(last > 100_000, "{name} {last}");
    }
}

/// A file most of which is zeros that nobody keeps.
#[derive(Default)]
struct Sparse {
    pages: Arc<Mutex<BTreeMap<u64, Vec<u8>>>>,
    at: u64,
    len: u64,
}

const PAGE: u64 = 4_096;

impl Read for Sparse {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let some = (out.len() as u64).min(PAGE - self.at % PAGE).min(self.len - self.at) as usize;
        let from = (self.at % PAGE) as usize;
        match self.pages.lock().unwrap().get(&(self.at / PAGE)) {
            Some(page) => out[..some].copy_from_slice(&page[from..from + some]),
            None => out[..some].fill(0),
        }
        self.at += some as u64;
        Ok(some)
    }
}

impl Write for Sparse {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let some = bytes.len().min((PAGE - self.at % PAGE) as usize);
        let from = (self.at % PAGE) as usize;
        let mut pages = self.pages.lock().unwrap();
        let number = self.at / PAGE;
        if pages.contains_key(&number) || bytes[..some].iter().any(|byte| *byte != 0) {
            let page = pages.entry(number).or_insert_with(|| vec![0; PAGE as usize]);
            page[from..from + some].copy_from_slice(&bytes[..some]);
        }
        self.at += some as u64;
        self.len = self.len.max(self.at);
        Ok(some)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(by) => self.len.saturating_add_signed(by),
            SeekFrom::Current(by) => self.at.saturating_add_signed(by),
        };
        Ok(self.at)
    }
}

impl Medium for Sparse {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.len = len;
        Ok(())
    }
}

#[test]
fn past_4_gib_and_2_to_the_32_samples_places_and_times_take_64_bits() {
    let file = Sparse::default();
    let pages = file.pages.clone();
    let mut take = M4a::new(Box::new(file), Track::opus(48_000, 1, 312)).unwrap();
    let mut packet = vec![0; 48 << 20];
    let count = 100;
    for number in 0..count {
        packet[..4].copy_from_slice(&[0x0b, 0xad, number, 0xff]);
        take.packet(&packet, 1 << 26).unwrap();
        take.fragment().unwrap();
    }
    let heard = (u64::from(count) << 26) - 400;
    take.finish(heard).unwrap();
    drop(take);
    let len = (pages.lock().unwrap().keys().last().unwrap() + 1) * PAGE;
    let mut file = Sparse { pages, at: 0, len };
    let mut tail = vec![0; 8 * PAGE as usize];
    file.seek(SeekFrom::Start(len - 8 * PAGE)).unwrap();
    file.read_exact(&mut tail).unwrap();
    let find = |name: &[u8]| tail.windows(4).position(|bytes| bytes == name).unwrap();
    let long = |at: usize| u64::from_be_bytes(tail[at..at + 8].try_into().unwrap());
    assert_eq!(long(find(b"elst") + 12), heard);
    assert_eq!(long(find(b"elst") + 20), 312);
    let places = find(b"co64") + 12;
    for number in 0..count {
        let mut head = [0; 4];
        file.seek(SeekFrom::Start(long(places + 8 * usize::from(number)))).unwrap();
        file.read_exact(&mut head).unwrap();
        assert_eq!(head, [0x0b, 0xad, number, 0xff]);
    }
    // Its end is not known to the page, so it is not compared with that of the file.
    assert_eq!(repair(&mut file).unwrap(), Outcome::Healthy);
}
