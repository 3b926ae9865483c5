//! A disk that takes its time. The writer of takes waits for it, and nobody else does.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tympan::backend::mock::Signal;
use tympan::backend::phone::{Handset, Setup};
use tympan::backend::storage::{Files, Medium, Storage};
use tympan::recorder::RecorderEvent;
use tympan::take::Container;
use tympan::{Graph, Recorder};

use crate::kit::Temp;

/// While it stands still, whoever writes waits.
#[derive(Clone, Debug, Default)]
struct SlowDisk(Arc<(Mutex<bool>, Condvar)>);

impl SlowDisk {
    fn stand_still(&self, still: bool) {
        *self.0.0.lock().unwrap() = still;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let still = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(still, |still| *still).unwrap());
    }
}

struct Slow {
    medium: Box<dyn Medium>,
    disk: SlowDisk,
}

impl Read for Slow {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.medium.read(to)
    }
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.wait();
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
        self.disk.wait();
        self.medium.sync()
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
        Ok(Box::new(Slow { medium: Files.create(path)?, disk: self.clone() }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        Ok(Box::new(Slow { medium: Files.open(path)?, disk: self.clone() }))
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

/// Each hole that a slow disk makes is one event and one stretch of the take, and what is
/// there is in its place, to the sample.
#[test]
fn a_slow_disk_drops_the_newest_frames_and_every_hole_is_told() {
    const GRAPH: &str = "[[node]]\nkind = \"mix\"\nchannels = 1\n\n[[output]]\nname = \"take\"\n";
    let (folder, disk) = (Temp::new(), SlowDisk::default());
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
        disk.stand_still(true);
        hand.pass(Duration::from_millis(still));
        disk.stand_still(false);
    }
    hand.pass(Duration::from_secs(1));
    let take = recorder.stop().unwrap().unwrap();
    drop(recorder);
    let told = told.lock().unwrap();
    let time = |frames: u64| Duration::from_nanos(frames * 1_000_000_000 / 48_000);
    let holes: Vec<_> = take.drops.iter().map(|hole| (time(hole.at), time(hole.frames))).collect();
    assert_eq!(*told, holes);
    assert_eq!(holes.len(), 2, "{take:?}");
    // A second found room, and a little of what was read before.
    let lost: Vec<_> = take.drops.iter().map(|hole| hole.frames / 48).collect();
    assert!(lost[0] < 900 && lost[1] > 1500, "{lost:?}");
    let mut wav = tympan::backend::wav::WavReader::open(take.path()).unwrap();
    let mut samples = vec![0.0; take.frames as usize];
    wav.read(&mut samples).unwrap();
    let first = Signal::ramp_frame(samples[0]);
    for (at, sample) in (0_u64..).zip(&samples) {
        let is_hole = take.drops.iter().any(|hole| (hole.at..hole.end()).contains(&at));
        let expected = if is_hole { 0 } else { first + at };
        assert_eq!(Signal::ramp_frame(*sample), expected, "frame {at}");
    }
}
