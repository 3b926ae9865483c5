//! A process that is killed leaves a sealed take that is completed and exported, with its
//! key or without.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tympan::backend::Backend;
use tympan::backend::mock::Signal;
use tympan::backend::phone::{Happening, Phone, Setup};
use tympan::backend::storage::{Files, Storage};
use tympan::recorder::{Machine, Options, Recording};
use tympan::take::{self, Container, Key, Recovered, State, Take};

use crate::kit::{self, files, key, wanted};
use crate::temp::Temp;

/// What a kill leaves of a take of a second and a half, in virtual time: its folder.
fn killed(folder: &Path, container: Container) -> PathBuf {
    let setup = Setup::default();
    let mut phone = Phone::new(&setup);
    phone.signal(Signal::Speechlike { seed: 3 });
    let mut options = Options::new(folder);
    options.storage = Arc::new(phone.disk());
    options.format = container;
    options.key = Some(key());
    let made = Machine::new(&kit::graph(), phone.format(), setup.policy(), options);
    let (mut machine, door) = made.unwrap();
    phone.microphone().start(door).unwrap();
    machine.record(1, Recording::default());
    let mut now = 0;
    while machine.status().elapsed < Duration::from_millis(1512) {
        phone.hear(now);
        machine.poll(now, &mut phone);
        while machine.said().is_some() {}
        now += Phone::TICK_MS;
        assert!(now < 10_000, "it records");
    }
    phone.happen(&Happening::Killed);
    // Its files are dead already: nothing that it does in going reaches them.
    drop(machine);
    let open = take::open(folder).unwrap();
    assert_eq!(open.len(), 1, "it was not completed");
    open[0].clone()
}

/// The same folder once more, with its audio cut off.
fn copied(from: &Path, to: &Path, cut: Option<usize>) {
    let folder = to.join(from.file_name().unwrap());
    std::fs::create_dir_all(&folder).unwrap();
    for file in files(from) {
        let mut bytes = std::fs::read(&file).unwrap();
        if file.extension().is_some_and(|extension| extension == "sealed") {
            bytes.truncate(cut.unwrap_or(bytes.len()));
        }
        std::fs::write(folder.join(file.file_name().unwrap()), bytes).unwrap();
    }
}

fn recovered(folder: &Path, key: Option<&Key>) -> Take {
    let recovered = take::recover(&Files, folder, None, key).unwrap();
    assert!(matches!(recovered.as_slice(), [Recovered::Take(_)]), "{recovered:?}");
    assert_eq!(take::open(folder).unwrap().len(), 0);
    let takes = take::list(folder).unwrap();
    assert!(takes[0].recovered && takes[0].sealed);
    takes[0].clone()
}

#[test]
fn a_killed_take_is_completed_and_exported_in_every_container() {
    for container in Container::available() {
        let (folder, elsewhere) = (Temp::new(), Temp::new());
        let open = killed(folder.path(), container);
        copied(&open, elsewhere.path(), None);
        let take = recovered(folder.path(), Some(&key()));
        assert_eq!(take.lost_ms, Some(0), "{container:?}: a record is written in one call");
        let without = recovered(elsewhere.path(), None);
        assert_eq!((without.frames, without.lost_ms), (take.frames, None), "{container:?}");
        let out = elsewhere.path().join("out");
        let exported = take::export(&take.folder, &out, Some(&key())).unwrap();
        assert!(!exported.whole, "{container:?}");
        let ms = |frames| frames * 1000 / u64::from(take.rate);
        assert!(ms(exported.frames) > 1200 && ms(exported.frames) <= 1600, "{exported:?}");
        let off = exported.frames.abs_diff(take.frames);
        assert!(ms(off) <= 30, "{container:?}: {} of {}", exported.frames, take.frames);
        let seen = take::repair(&mut *Files.open(&out).unwrap()).unwrap();
        assert_eq!((seen.state, seen.kept_frames), (State::Healthy, exported.frames));
    }
}

#[test]
fn a_take_that_is_open_is_exported_as_well() {
    let (folder, elsewhere) = (Temp::new(), Temp::new());
    let open = killed(folder.path(), Container::Wav);
    let exported = take::export(&open, elsewhere.path().join("out"), Some(&key())).unwrap();
    assert!(exported.frames > 48_000 && !exported.whole);
    assert!(open.exists(), "and stays open");
}

#[test]
fn whatever_a_kill_tears_off_is_told_and_the_rest_kept() {
    let folder = Temp::new();
    let open = killed(folder.path(), Container::Wav);
    let audio =
        files(&open).into_iter().find(|file| file.extension().is_some_and(|e| e == "sealed"));
    let len = std::fs::metadata(audio.unwrap()).unwrap().len() as usize;
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    let mut before = [0; 2];
    let mut cuts: Vec<_> = (0..60)
        .map(|_| {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            11_000 + (chance >> 11) as usize % (len - 11_000)
        })
        .collect();
    cuts.sort_unstable();
    for cut in cuts {
        let elsewhere = Temp::new();
        copied(&open, elsewhere.path(), Some(cut));
        let take = recovered(elsewhere.path(), Some(&key()));
        assert!(take.frames >= before[0], "{cut}");
        before[0] = take.frames;
        // A record is a tenth of a second, or a little more.
        assert!(take.lost_ms.unwrap() <= 250, "{cut}: {take:?}");
        let out = elsewhere.path().join("out.wav");
        let exported = take::export(&take.folder, &out, Some(&key())).unwrap();
        assert_eq!(exported.frames, take.frames, "{cut}");
        assert!(exported.frames >= before[1]);
        before[1] = exported.frames;
        assert_eq!(exported.lost_ms, take.lost_ms, "{cut}");
    }
}

#[test]
fn the_next_start_completes_a_sealed_take_with_any_key() {
    for key in [key(), Key::new([3; 32])] {
        let folder = Temp::new();
        killed(folder.path(), Container::default());
        let (recorder, hand) = kit::recorder(folder.path(), Container::default(), Some(key));
        hand.pass(Duration::from_millis(200));
        drop(recorder);
        let takes = take::list(folder.path()).unwrap();
        assert!(takes.len() == 1 && takes[0].recovered && takes[0].frames > 48_000, "{takes:?}");
        assert!(
            take::export(&takes[0].folder, folder.path().join("out"), Some(&kit::key())).is_ok()
        );
    }
}

#[test]
fn a_disk_that_fills_up_leaves_a_whole_sealed_take() {
    let (folder, elsewhere) = (Temp::new(), Temp::new());
    let (recorder, hand) = kit::recorder(folder.path(), Container::Wav, Some(key()));
    recorder.start_with(wanted()).unwrap();
    hand.pass(Duration::from_secs(1));
    hand.happen(Happening::DiskFull(true));
    hand.pass(Duration::from_secs(1));
    let _ = recorder.stop();
    let takes = take::list(folder.path()).unwrap();
    assert_eq!(takes.len(), 1);
    let exported =
        take::export(&takes[0].folder, elsewhere.path().join("out.wav"), Some(&key())).unwrap();
    assert!(exported.whole, "{exported:?}");
    assert_eq!(exported.frames, takes[0].frames);
    assert!(exported.frames > 9_600, "{}", exported.frames);
}
