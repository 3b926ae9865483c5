//! A disk that takes its time. The writer of takes waits for it, and nobody else does.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tympan::backend::mock::Signal;
use tympan::backend::phone::{Hand, Handset, Setup};
use tympan::backend::storage::{Files, Medium, Storage, Syncer};
use tympan::backend::wav::WavReader;
use tympan::recorder::RecorderEvent;
use tympan::take::{Container, Take};
use tympan::{Graph, Recorder};

use crate::kit::stop;
use crate::temp::Temp;

/// A disk whose writes and syncs can be made to wait, and whose syncs can be made to fail.
#[derive(Clone, Debug, Default)]
struct SlowDisk {
    writes: Arc<Gate>,
    syncs: Arc<Gate>,
    /// So many syncs fail.
    failing: Arc<AtomicU32>,
}

/// While it is shut, whoever comes waits.
#[derive(Debug, Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn shut(&self, shut: bool) {
        *self.0.lock().unwrap() = shut;
        self.1.notify_all();
    }

    fn pass(&self) {
        let shut = self.0.lock().unwrap();
        drop(self.1.wait_while(shut, |shut| *shut).unwrap());
    }
}

struct Slow {
    medium: Box<dyn Medium>,
    disk: SlowDisk,
    /// It is audio, and not what lies beside it.
    audio: bool,
}

impl SlowDisk {
    fn slow(&self, path: &Path, medium: Box<dyn Medium>) -> Box<dyn Medium> {
        let name = path.file_name().unwrap().to_string_lossy();
        let audio = name.starts_with("audio") && !name.ends_with("progress");
        Box::new(Slow { medium, disk: self.clone(), audio })
    }
}

impl Read for Slow {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.medium.read(to)
    }
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.writes.pass();
        self.medium.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.medium.flush()
    }
}

impl Seek for Slow {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.medium.seek(to)
    }
}

impl Medium for Slow {
    fn sync(&mut self) -> io::Result<()> {
        self.disk.syncs.pass();
        self.medium.sync()
    }

    fn syncer(&self) -> Option<Syncer> {
        let (disk, audio, syncer) = (self.disk.clone(), self.audio, self.medium.syncer()?);
        Some(Arc::new(move || {
            disk.syncs.pass();
            let fails = |left: u32| left.checked_sub(1);
            if audio && disk.failing.fetch_update(SeqCst, SeqCst, fails).is_ok() {
                return Err(io::Error::other("injected EIO"));
            }
            syncer()
        }))
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.medium.set_len(len)
    }
}

impl Storage for SlowDisk {
    fn create_folder(&self, path: &Path) -> io::Result<bool> {
        Files.create_folder(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        Ok(self.slow(path, Files.create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        Ok(self.slow(path, Files.open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Files.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        Files.remove(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        Files.list(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        Files.sync_folder(folder)
    }
}

/// One channel as it comes: every frame tells its number.
const GRAPH: &str = "[[node]]\nkind = \"mix\"\nchannels = 1\n\n[[output]]\nname = \"take\"\n";

/// A recorder on this disk, for which a second of audio may wait.
fn recorder(folder: &Temp, disk: &SlowDisk) -> (Recorder, Hand) {
    let (phone, hand) = Handset::new(&Setup::default());
    hand.speed(5.0);
    hand.signal(Signal::Ramp);
    let recorder = Recorder::builder(&Graph::from_toml(GRAPH, &tympan::registry()).unwrap())
        .device(phone)
        .directory(folder.path())
        .storage(disk.clone())
        .format(Container::WavFloat)
        .ring(Duration::from_secs(1))
        .patience(Duration::from_mins(1))
        .build()
        .unwrap();
    (recorder, hand)
}

/// The numbers of the frames in a take; zeros where silence stands in.
fn numbers(take: &Take) -> Vec<u64> {
    let mut numbers = Vec::new();
    for path in take.paths() {
        let mut wav = WavReader::open(path).unwrap();
        let mut samples = [0.0; 4096];
        loop {
            let read = wav.read(&mut samples).unwrap();
            if read == 0 {
                break;
            }
            numbers.extend(samples[..read].iter().copied().map(Signal::ramp_frame));
        }
    }
    assert_eq!(numbers.len() as u64, take.frames);
    numbers
}

/// Each hole that a slow disk makes is one event and one stretch of the take, and what is
/// there is in its place, to the sample.
#[test]
fn a_slow_disk_drops_the_newest_frames_and_every_hole_is_told() {
    let (folder, disk) = (Temp::new(), SlowDisk::default());
    let (recorder, hand) = recorder(&folder, &disk);
    let told = Arc::new(Mutex::new(Vec::new()));
    let diary = told.clone();
    recorder.add_listener(move |event| {
        if let RecorderEvent::Dropped { at, lost } = event {
            diary.lock().unwrap().push((*at, *lost));
        }
    });
    recorder.start().unwrap();
    for still in [1500, 3000] {
        hand.pass(Duration::from_secs(1));
        disk.writes.shut(true);
        hand.pass(Duration::from_millis(still));
        disk.writes.shut(false);
    }
    hand.pass(Duration::from_secs(1));
    let take = stop(&recorder, &hand);
    drop(recorder);
    let told = told.lock().unwrap();
    let time = |frames: u64| Duration::from_nanos(frames * 1_000_000_000 / 48_000);
    let holes: Vec<_> = take.drops.iter().map(|hole| (time(hole.at), time(hole.frames))).collect();
    assert_eq!(*told, holes);
    assert_eq!(holes.len(), 2, "{take:?}");
    // A second found room, and a little of what was read before.
    let lost: Vec<_> = take.drops.iter().map(|hole| hole.frames / 48).collect();
    assert!(lost[0] < 900 && lost[1] > 1500, "{lost:?}");
    let numbers = numbers(&take);
    for (at, number) in (0_u64..).zip(&numbers) {
        let is_hole = take.drops.iter().any(|hole| (hole.at..hole.end()).contains(&at));
        assert_eq!(*number, if is_hole { 0 } else { numbers[0] + at }, "frame {at}");
    }
}

/// A sync may take its time: what is captured meanwhile is handed to the system all the
/// same, where a kill does not reach it.
#[test]
fn a_sync_that_hangs_holds_up_no_audio() {
    let (folder, disk) = (Temp::new(), SlowDisk::default());
    let (recorder, hand) = recorder(&folder, &disk);
    recorder.start().unwrap();
    hand.pass(Duration::from_secs(1));
    disk.syncs.shut(true);
    hand.pass(Duration::from_secs(3));
    let open = tympan::take::open(folder.path()).unwrap();
    let on_disk = std::fs::metadata(open[0].join("audio.wav")).unwrap().len() / 4;
    let captured = recorder.status().elapsed.as_millis() as u64 * 48;
    assert!(on_disk + 48_000 > captured, "{on_disk} of {captured} frames");
    disk.syncs.shut(false);
    let take = stop(&recorder, &hand);
    assert!(take.drops.is_empty() && take.suspect.is_empty(), "{take:?}");
    let numbers = numbers(&take);
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
}

/// As in virtual time, with a thread that waits for the disk.
#[test]
fn a_sync_that_fails_elsewhere_ends_a_file_and_not_the_take() {
    let (folder, disk) = (Temp::new(), SlowDisk::default());
    let (recorder, hand) = recorder(&folder, &disk);
    recorder.start().unwrap();
    hand.pass(Duration::from_secs(2));
    disk.failing.store(1, SeqCst);
    hand.pass(Duration::from_secs(2));
    let take = stop(&recorder, &hand);
    assert_eq!((take.more.len(), take.suspect.len()), (1, 1), "{take:?}");
    let numbers = numbers(&take);
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
}

/// What fails at the end has nothing to go on with: the take is complete and its last
/// moment in doubt, and no file of nothing is made.
#[test]
fn a_sync_that_fails_under_a_stop_leaves_the_take_whole_and_in_doubt() {
    let (folder, disk) = (Temp::new(), SlowDisk::default());
    let (recorder, hand) = recorder(&folder, &disk);
    let troubles = Arc::new(AtomicU32::new(0));
    let count = troubles.clone();
    recorder.add_listener(move |event| {
        if matches!(event, RecorderEvent::Trouble(_)) {
            count.fetch_add(1, SeqCst);
        }
    });
    recorder.start().unwrap();
    hand.pass(Duration::from_secs(1));
    disk.syncs.shut(true);
    // So long that one is under way.
    hand.pass(Duration::from_secs(2));
    disk.failing.store(1, SeqCst);
    let opens = std::thread::spawn({
        let syncs = disk.syncs.clone();
        move || {
            std::thread::sleep(Duration::from_millis(300));
            syncs.shut(false);
        }
    });
    let take = stop(&recorder, &hand);
    opens.join().unwrap();
    drop(recorder);
    assert_eq!((take.more.len(), take.suspect.len()), (0, 1), "{take:?}");
    assert_eq!(take.suspect[0].end(), take.frames, "{take:?}");
    assert_eq!(troubles.load(SeqCst), 1);
    let files = std::fs::read_dir(take.path().parent().unwrap()).unwrap();
    let audio = files
        .filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().starts_with("audio"));
    assert_eq!(audio.count(), 1);
    let numbers = numbers(&take);
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
}
