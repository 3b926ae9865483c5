//! Any journal, manifest, progress, sidecar and audio in the folder of a take; and takes that
//! a kill left, damaged: what is recovered is whole, is what is listed, and was all that was
//! to be done.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tympan::backend::Backend;
use tympan::backend::mock::Signal;
use tympan::backend::phone::{Phone, Setup};
use tympan::backend::storage::Storage;
use tympan::recorder::{Machine, Options, Recording, Said};
use tympan::take::{self, Chunks, Container, Key, Recovered, State, Take};
use tympan::{Format, Runner};

use crate::bytes::{Bytes, damage};
use crate::memory::{Disk, Image};
use crate::ogg::checksum;
use crate::sound::graph;

const FOLDER: &str = "/t";

/// Where a section of the input goes, by its letter.
const FILES: [(u8, &str); 11] = [
    (b'j', "/t/x.open/journal.jsonl"),
    (b'a', "/t/x.open/audio.wav"),
    (b'o', "/t/x.open/audio.opus"),
    (b'n', "/t/x.open/audio-2.wav"),
    (b'p', "/t/x.open/audio.wav.progress"),
    (b't', "/t/x.open/take.json"),
    (b'm', "/t/x.open/chunks/manifest.jsonl"),
    (b'c', "/t/x.open/chunks/0001.wav"),
    (b'd', "/t/x.open/chunks/0002.wav.part"),
    (b's', "/t/done/take.json"),
    (b'b', "/t/done/journal.jsonl"),
];

/// What completes takes: the product's, or a planted one that is wrong.
type Recover = fn(&Disk, Option<&Key>) -> Vec<Recovered>;

pub(crate) fn run(bytes: &[u8]) {
    judge(bytes, recover);
}

fn recover(disk: &Disk, key: Option<&Key>) -> Vec<Recovered> {
    take::recover(disk, FOLDER, None, key).expect("memory does not fail")
}

fn key() -> Key {
    Key::new([7; 32])
}

fn judge(bytes: &[u8], recover: Recover) {
    let mut bytes = Bytes::new(bytes);
    let mode = bytes.byte();
    let disk = Disk::default();
    if mode.is_multiple_of(2) {
        told(bytes.rest(), &disk);
    } else {
        killed(&mut bytes, &disk);
    }
    let key = (mode & 2 == 0).then(key);
    let before = disk.image();
    let others = listed(&disk);
    let found = recover(&disk, key.as_ref());
    for one in &found {
        match one {
            Recovered::Take(take) => whole(&disk, take),
            Recovered::Empty(folder) => was_empty(&before, folder),
            Recovered::Left(folder, error) => {
                assert!(!error.to_string().is_empty());
                assert!(disk.image().contains_key(folder), "what was left is gone");
            }
            other => panic!("{other:?}"),
        }
    }
    let takes = listed(&disk);
    assert!(others.iter().all(|other| takes.contains(other)), "another take has changed");
    let settled = disk.image();
    let again = recover(&disk, key.as_ref());
    let left =
        |found: &[Recovered]| found.iter().filter(|one| matches!(one, Recovered::Left(..))).count();
    assert!(again.len() == left(&again) && left(&again) == left(&found), "{found:?} and {again:?}");
    assert!(!again.is_empty() || disk.image() == settled, "a second recovery changed something");
}

fn listed(disk: &Disk) -> Vec<Take> {
    take::list_in(disk, FOLDER).expect("memory does not fail")
}

/// The take is listed as it was told, its files are whole and as long as it says.
fn whole(disk: &Disk, take: &Take) {
    let listed = listed(disk);
    let same = listed.iter().find(|other| other.folder == take.folder);
    assert_eq!(same, Some(take));
    let image = disk.image();
    let mut frames = 0;
    for path in take.paths() {
        let bytes = image.get(&path).and_then(Clone::clone).expect("its audio");
        if !take.sealed {
            let mut file = std::io::Cursor::new(bytes);
            let seen = take::repair(&mut file).expect("memory does not fail");
            assert_eq!((seen.state, seen.rate), (State::Healthy, take.rate), "{seen:?}");
            frames += seen.kept_frames;
        }
    }
    assert!(take.sealed || frames == take.frames, "{frames} frames, and it says {}", take.frames);
    let stretches = [&take.segments, &take.drops, &take.speech, &take.suspect];
    assert!(stretches.iter().all(|all| all.iter().all(|one| one.end() <= take.frames)), "{take:?}");
    assert!(take.gaps.iter().chain(&take.pauses).all(|gap| gap.at <= take.frames), "{take:?}");
    for chunk in &take.chunks {
        let path = chunk.path(&take.folder);
        assert!(path.starts_with(&take.folder) && !chunk.file.contains(".."), "{chunk:?}");
    }
    assert!(take.uri().starts_with("file:///"));
    let _ = (take.duration(), take.dropped(), take.levels(disk).expect("it has a journal"));
}

/// Nothing is thrown away that may be sound: more than any head needs.
fn was_empty(before: &Image, folder: &Path) {
    for (path, bytes) in before.iter().filter(|(path, _)| path.parent() == Some(folder)) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_audio = name.starts_with("audio") && !name.ends_with(".progress");
        let len = bytes.as_ref().map_or(0, Vec::len);
        let lost = is_audio && len > 4096 && is_sound(bytes.as_deref().unwrap_or_default());
        assert!(!lost, "`{name}` had {len} bytes");
    }
}

/// Whether something can be played of it.
fn is_sound(bytes: &[u8]) -> bool {
    let seen = take::repair(&mut std::io::Cursor::new(bytes.to_vec())).expect("memory");
    seen.kept_frames > 0
}

/// Sections as they come: `==j` and a new line begin a journal.
fn told(text: &[u8], disk: &Disk) {
    disk.create_folder(Path::new("/t/x.open")).expect("memory does not fail");
    let mut starts: Vec<usize> = Vec::new();
    let mark = |four: &[u8]| four[..2] == *b"==" && four[3] == b'\n';
    starts.extend(text.windows(4).enumerate().filter(|(_, w)| mark(w)).map(|(at, _)| at));
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let mut files = std::collections::BTreeMap::new();
    for (at, end) in starts.iter().zip(ends) {
        if let Some((_, path)) = FILES.iter().find(|(letter, _)| *letter == text[at + 2]) {
            files.insert(*path, text[at + 4..end].to_vec());
        }
    }
    if let Some(audio) = files.get(FILES[1].1).cloned()
        && let Some(progress) = files.get_mut(FILES[4].1)
    {
        sign(progress, &audio);
    }
    for (path, bytes) in files {
        disk.put(Path::new(path), bytes);
    }
}

/// Even sums in a file of progress become right.
fn sign(progress: &mut [u8], audio: &[u8]) {
    for place in progress.chunks_exact_mut(24) {
        let long = |at: usize| u64::from_le_bytes(*place[at..].first_chunk().expect("24")) as usize;
        let (start, end) = (long(0), long(8));
        if let Some(block) = audio.get(start..end).filter(|_| place[16].is_multiple_of(2)) {
            let sum = checksum(block).to_le_bytes();
            place[16..20].copy_from_slice(&sum);
        }
        if place[20].is_multiple_of(2) {
            let sum = (!checksum(&place[..20])).to_le_bytes();
            place[20..24].copy_from_slice(&sum);
        }
    }
}

/// Journals, manifests and the first of the audio, as they were written.
pub(crate) fn examples() -> Vec<Vec<u8>> {
    let text = |kind: usize| {
        let mut text = Vec::new();
        for (path, bytes) in recorded(KINDS[kind]) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let known = |(_, known): &&(u8, &str)| known.ends_with(&format!("/{name}"));
            if let (Some((letter, _)), Some(bytes)) = (FILES.iter().find(known), bytes) {
                text.extend([b'=', b'=', *letter, b'\n']);
                text.extend(&bytes[..bytes.len().min(500)]);
            }
        }
        text.truncate(1000);
        text
    };
    [0, 1, 2, 5].map(text).into()
}

/// A take as a kill left it, with damage to some of its files.
fn killed(bytes: &mut Bytes<'_>, disk: &Disk) {
    static LEFT: OnceLock<Vec<Image>> = OnceLock::new();
    let left = LEFT.get_or_init(|| KINDS.iter().map(|kind| recorded(*kind)).collect());
    let image = &left[bytes.below(left.len())];
    let names: Vec<&PathBuf> = image.iter().filter(|(_, b)| b.is_some()).map(|(p, _)| p).collect();
    let mut hurt = image.clone();
    for _ in 0..=bytes.below(2) {
        let name = bytes.of(&names);
        match bytes.below(8) {
            0 => drop(hurt.remove(name)),
            _ => {
                if let Some(Some(file)) = hurt.get_mut(name) {
                    damage(file, bytes);
                }
            }
        }
    }
    for (path, bytes) in hurt {
        match bytes {
            Some(bytes) => disk.put(&path, bytes),
            None => drop(disk.create_folder(&path)),
        }
    }
}

/// The container of a take, whether it is sealed, and whether it has chunks.
const KINDS: [(Container, bool, bool); 7] = [
    (Container::Wav, false, false),
    (Container::Wav, false, true),
    (Container::Opus, false, true),
    (Container::Flac, false, false),
    (Container::M4aOpus, false, false),
    (Container::Wav, true, false),
    (Container::Opus, true, false),
];

/// What is on the disk when a take of a second and a half is killed.
fn recorded((format, sealed, in_chunks): (Container, bool, bool)) -> Image {
    let disk = Disk::default();
    let device = Format::mono(8000);
    let setup = Setup { format: device, ..Setup::default() };
    let mut phone = Phone::new(&setup);
    phone.signal(Signal::Speechlike { seed: 7 });
    let mut options = Options::new(FOLDER);
    options.storage = Arc::new(disk.clone());
    options.format = format;
    options.runner = Runner::Manual;
    options.key = sealed.then(key);
    options.chunks =
        in_chunks.then(|| Chunks { length: Duration::from_secs(1), format, ..Chunks::default() });
    let graph = graph("[[node]]\nkind = \"mix\"\nchannels = 1\n[[output]]\nname = \"take\"\n");
    let made = Machine::new(&graph, device, setup.policy(), options);
    let (mut machine, door) = made.unwrap_or_else(|error| panic!("{error}"));
    phone.microphone().start(door).expect("a microphone");
    machine.record(1, Recording::default());
    for now in (0..1500).step_by(10) {
        machine.poll(now, &mut phone);
        phone.hear(now);
        machine.poll(now, &mut phone);
        while let Some(said) = machine.said() {
            if let Said::Back { breaks, .. } = said {
                machine.heard(now, breaks);
            }
        }
    }
    let image = disk.image();
    // Going, it completes the take; that is too late.
    drop(machine);
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(bytes: &[u8], recover: Recover) -> bool {
        std::panic::catch_unwind(|| judge(bytes, recover)).is_err()
    }

    #[test]
    fn takes_that_were_killed_come_back_and_planted_faults_are_noticed() {
        for kind in 0..KINDS.len() as u8 {
            // No damage: none of six is done.
            let bytes = [1, kind, 0, 0, 1, 0];
            judge(&bytes, |disk, key| {
                let found = recover(disk, key);
                assert!(matches!(&found[..], [] | [Recovered::Take(_)]), "{found:?}");
                found
            });
            let planted: [Recover; 3] = [
                |disk, key| {
                    let mut found = recover(disk, key);
                    if let Some(Recovered::Take(take)) = found.first_mut() {
                        take.frames += 1;
                    }
                    found
                },
                |disk, key| {
                    disk.put(Path::new("/t/y.open/journal.jsonl"), b"{\"event\":1}\n".to_vec());
                    recover(disk, key)
                },
                |disk, _| {
                    let folder = disk.list(Path::new(FOLDER)).unwrap().remove(0);
                    let folder = Path::new(FOLDER).join(folder);
                    disk.remove(&folder).unwrap();
                    vec![Recovered::Empty(folder)]
                },
            ];
            for (number, wrong) in planted.into_iter().enumerate() {
                // What is sealed is no sound to whoever looks at it.
                if number < 2 || kind < 5 {
                    assert!(fails(&bytes, wrong), "fault {number} in kind {kind}");
                }
            }
        }
    }
}
