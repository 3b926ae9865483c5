//! A medium that remembers what was done to it, and what power cuts make of that.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex};

use tympan::backend::storage::Medium;

use super::Chance;

/// What the disk writes at once or not at all.
const SECTOR: u64 = 512;

#[derive(Clone, Debug)]
pub enum Deed {
    Write { at: u64, bytes: Vec<u8> },
    SetLen(u64),
    Sync,
}

/// A file in memory with its history.
pub struct Remembered {
    file: Cursor<Vec<u8>>,
    deeds: Arc<Mutex<Vec<Deed>>>,
}

impl Remembered {
    pub fn new(content: Vec<u8>) -> (Self, Arc<Mutex<Vec<Deed>>>) {
        let deeds = Arc::new(Mutex::new(Vec::new()));
        (Self { file: Cursor::new(content), deeds: deeds.clone() }, deeds)
    }

    fn remember(&self, deed: Deed) {
        self.deeds.lock().unwrap().push(deed);
    }
}

impl Read for Remembered {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.file.read(out)
    }
}

impl Write for Remembered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.remember(Deed::Write { at: self.file.position(), bytes: bytes.to_vec() });
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Remembered {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Medium for Remembered {
    fn sync(&mut self) -> io::Result<()> {
        self.remember(Deed::Sync);
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.remember(Deed::SetLen(len));
        self.file.get_mut().resize(len as usize, 0);
        Ok(())
    }
}

/// A file as it may be found, and after how many deeds it had last been made safe.
pub struct Remains {
    pub file: Vec<u8>,
    /// Deeds that count, because they happened and nothing of them can be missing.
    pub safe: usize,
    pub how: String,
}

/// What may be left when the process is killed after each deed, or the power is cut.
pub fn remains(before: &[u8], deeds: &[Deed], seed: u64, mut look: impl FnMut(&Remains)) {
    let mut chance = Chance::new(seed);
    let mut safe = before.to_vec();
    let mut synced = 0;
    for count in 0..=deeds.len() {
        if count > 0 && matches!(deeds[count - 1], Deed::Sync) {
            apply_all(&mut safe, &deeds[synced..count]);
            synced = count;
        }
        let unsafe_ones = &deeds[synced..count];
        let mut all = safe.clone();
        apply_all(&mut all, unsafe_ones);
        let mut tell = |file: Vec<u8>, safe: usize, how: &str| {
            look(&Remains { file, safe, how: format!("{how} after {count} deeds") });
        };
        if unsafe_ones.is_empty() {
            tell(all, count, "killed");
            continue;
        }
        let mut zeros = safe.clone();
        zeros.resize(all.len().max(zeros.len()), 0);
        tell(zeros, synced, "only the length");
        for left_out in 0..unsafe_ones.len() {
            let file = applied(&safe, unsafe_ones, |which| which != left_out);
            tell(file, synced, &format!("without {left_out} of the last {}", unsafe_ones.len()));
        }
        for _ in 0..3 {
            let file = applied(&safe, unsafe_ones, |_| chance.below(2) == 0);
            tell(file, synced, "some");
        }
        if let Some(Deed::Write { at, bytes }) = unsafe_ones.last() {
            let mut rest = safe.clone();
            apply_all(&mut rest, &unsafe_ones[..unsafe_ones.len() - 1]);
            for torn in tears(*at, bytes.len()) {
                let mut file = rest.clone();
                apply(&mut file, &Deed::Write { at: *at, bytes: bytes[..torn].to_vec() });
                tell(file.clone(), synced, &format!("torn at {torn}"));
                file.resize(all.len().max(file.len()), 0);
                tell(file, synced, &format!("torn at {torn} and filled up"));
            }
        }
        tell(all, count, "killed");
    }
}

/// Where a write is torn: at borders of sectors, which are the disk's.
fn tears(at: u64, len: usize) -> impl Iterator<Item = usize> {
    let first = SECTOR - at % SECTOR;
    (first..len as u64).step_by(SECTOR as usize).map(|place| place as usize)
}

fn applied(file: &[u8], deeds: &[Deed], mut does: impl FnMut(usize) -> bool) -> Vec<u8> {
    let mut file = file.to_vec();
    for (which, deed) in deeds.iter().enumerate() {
        if does(which) {
            apply(&mut file, deed);
        }
    }
    file
}

fn apply_all(file: &mut Vec<u8>, deeds: &[Deed]) {
    for deed in deeds {
        apply(file, deed);
    }
}

pub fn apply(file: &mut Vec<u8>, deed: &Deed) {
    match deed {
        Deed::Write { at, bytes } => {
            let (at, end) = (*at as usize, *at as usize + bytes.len());
            file.resize(file.len().max(end), 0);
            file[at..end].copy_from_slice(bytes);
        }
        Deed::SetLen(len) => file.resize(*len as usize, 0),
        Deed::Sync => {}
    }
}
