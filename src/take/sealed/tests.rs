//! What is done to a sealed file, and what is seen of it.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use tympan_backends::storage::Medium;
use tympan_core::Format;

use super::reader::Refusal;
use super::record::{BEGIN, HEAD};
use super::*;
use crate::take::audio::Audio;
use crate::take::{Container, State, repair};

fn key() -> Key {
    Key::new([7; 32])
}

struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

/// A file in memory that can be looked at from outside, and whose writes fail half way
/// when they are told to.
#[derive(Clone, Default)]
struct Disk {
    file: Arc<Mutex<Cursor<Vec<u8>>>>,
    /// The number of writes that go well before so many fail.
    failing: Arc<Mutex<Option<(u32, u32)>>>,
}

impl Disk {
    fn content(&self) -> Vec<u8> {
        self.file.lock().unwrap().get_ref().clone()
    }

    fn fails(&self) -> bool {
        let mut failing = self.failing.lock().unwrap();
        match &mut *failing {
            Some((0, 0)) | None => false,
            Some((0, times)) => {
                *times -= 1;
                true
            }
            Some((good, _)) => {
                *good -= 1;
                false
            }
        }
    }
}

impl Read for Disk {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.file.lock().unwrap().read(to)
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap();
        if self.fails() {
            file.write_all(&bytes[..bytes.len() / 2])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Disk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.lock().unwrap().seek(to)
    }
}

impl Medium for Disk {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.file.lock().unwrap().set_len(len)
    }
}

/// A sealed file, what is in it, and where its records end with what they hold up to there.
struct Sealed {
    file: Vec<u8>,
    plain: Vec<u8>,
    ends: Vec<(usize, usize)>,
}

/// Records of any size up to a limit, each of which plays a frame a byte.
fn sealed(records: usize, most: u64, seed: u64) -> Sealed {
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let disk = Disk::default();
    let mut sealer = Sealer::begin(Box::new(disk.clone()), &key()).unwrap();
    let (mut plain, mut ends) = (Vec::new(), vec![(disk.content().len(), 0)]);
    for _ in 0..records {
        let bytes: Vec<u8> = (0..=chance.below(most)).map(|_| chance.below(256) as u8).collect();
        sealer.write_all(&bytes).unwrap();
        plain.extend(bytes);
        sealer.record(plain.len() as u64).unwrap();
        ends.push((disk.content().len(), plain.len()));
    }
    sealer.end(plain.len() as u64, b"the end").unwrap();
    Sealed { file: disk.content(), plain, ends }
}

/// What a file opens to.
fn opened(file: &[u8], key: &Key) -> Result<(Vec<u8>, Passed), Refusal> {
    let mut file = Cursor::new(file.to_vec());
    let mut reader = Reader::new(&mut file, Some(key)).unwrap()?;
    let mut plain = Vec::new();
    let passed = pass(&mut reader, &mut plain).unwrap();
    Ok((plain, passed))
}

#[test]
fn a_whole_file_opens_to_what_was_written_and_its_end() {
    for seed in 0..50 {
        let sealed = sealed(seed as usize % 7, 300, seed);
        let (plain, passed) = opened(&sealed.file, &key()).unwrap();
        assert_eq!(passed.ending, Ending::Whole);
        assert_eq!(passed.description, b"the end");
        assert_eq!((passed.frames, passed.rest), (plain.len() as u64, 0));
        assert_eq!(plain, sealed.plain);
    }
}

#[test]
fn what_is_longer_than_a_record_becomes_several() {
    let disk = Disk::default();
    let mut sealer = Sealer::begin(Box::new(disk.clone()), &key()).unwrap();
    let bytes: Vec<u8> = (0..300_000_u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
    sealer.write_all(&bytes).unwrap();
    let words = "a word ".repeat(30_000);
    sealer.end(5, words.as_bytes()).unwrap();
    let (plain, passed) = opened(&disk.content(), &key()).unwrap();
    assert_eq!(plain, bytes);
    assert_eq!((passed.ending, passed.frames), (Ending::Whole, 5));
    assert_eq!(passed.description, words.as_bytes());
}

#[test]
fn a_file_cut_at_any_byte_opens_up_to_its_last_whole_record_and_says_so() {
    let sealed = sealed(9, 120, 1);
    for cut in 0..sealed.file.len() {
        let file = &sealed.file[..cut];
        if cut < BEGIN {
            assert_eq!(opened(file, &key()).err(), Some(Refusal::Other), "{cut}");
            continue;
        }
        let (plain, passed) = opened(file, &key()).unwrap();
        let held = sealed.ends.iter().rfind(|(end, _)| *end <= cut).unwrap().1;
        assert_eq!(passed.ending, Ending::Torn, "{cut}");
        assert_eq!(plain, sealed.plain[..held], "{cut}");
        assert_eq!(passed.frames, held as u64, "{cut}");
        // What a torn record was to hold is known once its head is there.
        let (begun, _) = *sealed.ends.iter().rfind(|(end, _)| *end <= cut).unwrap();
        let next = sealed.ends.iter().find(|(end, _)| *end > cut).map_or(held, |(_, next)| *next);
        let promised = if cut - begun >= HEAD { next } else { held };
        assert_eq!(passed.promised, promised as u64, "{cut}");
        // The same without a key, as far as it goes.
        let counted = count(&mut Cursor::new(file.to_vec())).unwrap().unwrap();
        assert_eq!((counted.frames, counted.promised), (passed.frames, passed.promised), "{cut}");
    }
}

#[test]
fn a_bit_that_is_flipped_anywhere_is_noticed_and_nothing_behind_it_accepted() {
    let sealed = sealed(6, 60, 2);
    for bit in 0..sealed.file.len() * 8 {
        let mut file = sealed.file.clone();
        file[bit / 8] ^= 1 << (bit % 8);
        let Ok((plain, passed)) = opened(&file, &key()) else {
            assert!(bit / 8 < BEGIN, "{bit}");
            continue;
        };
        assert!(bit / 8 >= BEGIN, "{bit}");
        assert_ne!(passed.ending, Ending::Whole, "{bit}");
        let before = sealed.ends.iter().rfind(|(end, _)| *end <= bit / 8).unwrap().1;
        assert_eq!(plain, sealed.plain[..before], "{bit}");
        assert_eq!(passed.description, b"", "{bit}");
    }
}

#[test]
fn records_that_are_swapped_dropped_repeated_or_anothers_are_noticed() {
    let (one, other) = (sealed(8, 40, 3), sealed(8, 40, 4));
    let record = |of: &Sealed, n: usize| of.file[of.ends[n].0..of.ends[n + 1].0].to_vec();
    let with = |order: &[Vec<u8>]| {
        let end = one.file[one.ends[8].0..].to_vec();
        [vec![one.file[..BEGIN].to_vec()], order.to_vec(), vec![end]].concat().concat()
    };
    let all: Vec<_> = (0..8).map(|n| record(&one, n)).collect();
    assert_eq!(opened(&with(&all), &key()).unwrap().1.ending, Ending::Whole, "a control");
    let noticed = |order: &[Vec<u8>], from: usize, what: &str| {
        let (plain, passed) = opened(&with(order), &key()).unwrap();
        assert_eq!(passed.ending, Ending::Damaged, "{what}");
        assert_eq!(plain, one.plain[..one.ends[from].1], "{what}");
    };
    for n in 0..8 {
        let mut order = all.clone();
        order.remove(n);
        noticed(&order, n, "dropped");
        let mut order = all.clone();
        order.insert(n, all[n].clone());
        noticed(&order, n + 1, "repeated");
        let mut order = all.clone();
        order[n] = record(&other, n);
        noticed(&order, n, "of another file");
        for m in n + 1..8 {
            let mut order = all.clone();
            order.swap(n, m);
            noticed(&order, n, "swapped");
        }
    }
    // A record of the middle does not become the last one by saying so.
    let mut file = one.file[..one.ends[3].0].to_vec();
    file[one.ends[2].0 + 3] |= 0x80;
    assert_ne!(opened(&file, &key()).unwrap().1.ending, Ending::Whole);
}

#[test]
fn another_key_opens_nothing_and_no_two_files_are_alike() {
    let sealed_once = sealed(3, 50, 5);
    for bit in 0..256 {
        let mut other = [7; 32];
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(opened(&sealed_once.file, &Key::new(other)).err(), Some(Refusal::Key));
    }
    let again = sealed(3, 50, 5);
    assert_eq!(again.plain, sealed_once.plain);
    let alike = again.file.iter().zip(&sealed_once.file).skip(BEGIN);
    let (same, all) =
        alike.fold((0, 0), |(same, all), (a, b)| (same + usize::from(a == b), all + 1));
    // The heads of records are alike, and little else by chance.
    assert!(same < all / 2, "{same} of {all} bytes");
}

#[test]
fn a_record_that_could_not_be_written_is_written_again_as_it_was() {
    for good in 0..4 {
        for times in 1..3 {
            let disk = Disk::default();
            let mut sealer = Sealer::begin(Box::new(disk.clone()), &key()).unwrap();
            *disk.failing.lock().unwrap() = Some((good, times));
            let (mut plain, mut failed, mut torn) = (Vec::new(), 0, Vec::new());
            for n in 0..6_u8 {
                let bytes = [n; 50];
                sealer.write_all(&bytes).unwrap();
                plain.extend(bytes);
                if sealer.record(plain.len() as u64).is_err() {
                    failed += 1;
                    torn = disk.content();
                }
            }
            assert_eq!(failed, times);
            sealer.end(plain.len() as u64, b"the end").unwrap();
            let file = disk.content();
            let (opens, passed) = opened(&file, &key()).unwrap();
            assert_eq!((opens, passed.ending), (plain, Ending::Whole), "{good} {times}");
            assert!(file.starts_with(&torn), "a nonce is used for one text only");
        }
    }
}

#[test]
fn what_waits_is_sealed_when_the_writer_goes_and_nothing_is_called_whole() {
    let disk = Disk::default();
    let mut sealer = Sealer::begin(Box::new(disk.clone()), &key()).unwrap();
    sealer.write_all(b"some words").unwrap();
    assert_eq!(disk.content().len(), BEGIN, "they wait in memory");
    drop(sealer);
    let (plain, passed) = opened(&disk.content(), &key()).unwrap();
    assert_eq!((plain.as_slice(), passed.ending), (b"some words".as_slice(), Ending::Torn));
}

#[test]
fn bytes_behind_the_end_are_counted_and_not_taken() {
    let mut file = sealed(2, 30, 8);
    file.file.extend([0; 9]);
    let (plain, passed) = opened(&file.file, &key()).unwrap();
    assert_eq!((plain, passed.ending, passed.rest), (file.plain, Ending::Whole, 9));
}

/// What is left of a file.
fn of(file: &[u8], key: Option<&Key>) -> Left {
    left(&mut Cursor::new(file.to_vec()), key).unwrap().unwrap()
}

#[test]
fn what_a_kill_left_is_counted_without_a_key_and_measured_with_it() {
    let sealed = sealed(6, 60, 9);
    let (end, frames) = sealed.ends[4];
    let promised = sealed.ends[5].1 as u64;
    let torn = &sealed.file[..end + HEAD + 3];
    let (unsure, sure) = (of(torn, None), of(torn, Some(&key())));
    assert_eq!((unsure.frames, unsure.lost), (frames as u64, None));
    assert_eq!((sure.frames, sure.lost), (frames as u64, Some(promised - frames as u64)));
    let others = of(torn, Some(&Key::new([1; 32])));
    assert_eq!((others.frames, others.lost), (frames as u64, None), "as without a key");
    let mut damaged = torn.to_vec();
    damaged[sealed.ends[2].0 + HEAD] ^= 1;
    let (unsure, sure) = (of(&damaged, None), of(&damaged, Some(&key())));
    assert_eq!(unsure.frames, frames as u64, "without a key nothing is noticed");
    let kept = sealed.ends[2].1 as u64;
    assert_eq!((sure.frames, sure.lost), (kept, Some(promised - kept)));
    let nothing = left(&mut Cursor::new(b"RIFF".to_vec()), Some(&key())).unwrap();
    assert!(nothing.is_none());
}

/// The bytes of a file of this container, ordinary or out of a sealed one that was mended.
fn made(container: Container, samples: &[f32], seals: bool) -> (Vec<u8>, u64) {
    let disk = Disk::default();
    let medium: Box<dyn Medium> = Box::new(disk.clone());
    let sealer = seals.then(|| Sealer::begin(Box::new(disk.clone()), &key()).unwrap());
    let medium = sealer.clone().map_or(medium, |sealer| Box::new(sealer));
    let format = Format::mono(48_000);
    let mut audio = Audio::begin(container, medium, Path::new("take"), format).unwrap();
    for (n, some) in samples.chunks(4_800).enumerate() {
        audio.samples(some).unwrap();
        if n % 5 == 4 {
            audio.border().unwrap();
        }
        audio.flush().unwrap();
        if let Some(sealer) = &sealer {
            sealer.record(audio.written()).unwrap();
        }
    }
    let frames = audio.finish().unwrap();
    let Some(sealer) = sealer else { return (disk.content(), frames) };
    sealer.end(frames, b"{}").unwrap();
    let (plain, passed) = opened(&disk.content(), &key()).unwrap();
    assert_eq!((passed.ending, passed.frames), (Ending::Whole, frames));
    let mut plain = Cursor::new(plain);
    let mended = repair(&mut plain).unwrap();
    let fine = matches!(mended.state, State::Healthy | State::Repaired);
    assert!(fine && mended.kept_frames == frames, "{container:?}: {mended:?} of {frames}");
    (plain.into_inner(), frames)
}

/// Sound, with a second of exact silence at its end, which no repair may take for the
/// zeros of a power cut.
fn sound(frames: usize) -> Vec<f32> {
    let quiet = frames.saturating_sub(48_000);
    let sample = |i: usize| if i > quiet { 0.0 } else { (i as f32 * 0.07).sin() * 0.4 };
    (0..frames).map(sample).collect()
}

#[test]
fn what_comes_out_is_the_file_that_would_have_been_written_to_the_byte() {
    for container in Container::available() {
        for frames in [1, 479, 4_800, 100_007, 234_567] {
            let samples = sound(frames);
            let ordinary = made(container, &samples, false);
            let sealed = made(container, &samples, true);
            assert_eq!(sealed.1, ordinary.1, "{container:?} {frames}");
            let place = sealed.0.iter().zip(&ordinary.0).position(|(a, b)| a != b);
            let lens = (sealed.0.len(), ordinary.0.len());
            assert!(sealed.0 == ordinary.0, "{container:?} {frames}: {place:?} {lens:?}");
        }
    }
}

#[test]
fn a_key_tells_nothing_about_itself() {
    assert_eq!(format!("{:?}", Key::new([0xab; 32])), "Key(..)");
}
