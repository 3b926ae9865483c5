//! How much of an open take has reached the disk for certain, and how to tell whether
//! what was written behind that is what was meant: after a power cut it may be anything,
//! and a WAV file has no checksums of its own.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tympan_backends::storage::{Medium, Storage, Syncer};

use super::sums::ogg as checksum;

/// What its file has behind the name of the audio, as long as the take is open.
const EXTENSION: &str = "progress";

/// Flushes that are remembered: more than there are between two syncs.
const BLOCKS: usize = 16;

/// Bytes of a place in the file: where a block begins and ends, its sum, and a sum of
/// these.
const PLACE: usize = 24;

/// A few places, written over and over: nothing grows with a take. The first is what is
/// safe, as a block that begins at 0 and whose sum nobody asks for.
pub(super) struct Progress {
    file: Box<dyn Medium>,
    tally: Tally,
    next: usize,
}

/// What was appended to a file since this was last asked.
#[derive(Clone, Default)]
struct Tally(Arc<Mutex<Block>>);

/// A stretch of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Block {
    start: u64,
    end: u64,
    sum: u32,
}

impl Block {
    fn bytes(self) -> [u8; PLACE] {
        let mut bytes = [0; PLACE];
        bytes[..8].copy_from_slice(&self.start.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.end.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.sum.to_le_bytes());
        // Never that of zeros, which are what a power cut writes.
        let check = !checksum(0, &bytes[..20]);
        bytes[20..].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let long = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        let sum = u32::from_le_bytes(bytes.get(16..20)?.try_into().ok()?);
        let block = Self { start: long(0)?, end: long(8)?, sum };
        (block.bytes()[..] == *bytes).then_some(block)
    }

    /// Whether it is in this file as it was written.
    fn is_in(self, file: &mut dyn Medium) -> io::Result<bool> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(self.start))?;
        file.take(self.end - self.start).read_to_end(&mut bytes)?;
        Ok(bytes.len() as u64 == self.end - self.start && checksum(0, &bytes) == self.sum)
    }
}

impl Progress {
    /// For the audio of this name in `file`, which is to be written as it comes back.
    pub(super) fn create(
        storage: &dyn Storage,
        folder: &Path,
        name: &str,
        file: Box<dyn Medium>,
    ) -> io::Result<(Self, Box<dyn Medium>)> {
        let tally = Tally::default();
        let counted = Counted { file, tally: tally.clone(), at: 0 };
        let mut file = storage.create(&beside(folder, name))?;
        // From here on its places are only written over: each is as it was or as it is.
        file.write_all(&[0; (BLOCKS + 1) * PLACE])?;
        Ok((Self { file, tally, next: 0 }, Box::new(counted)))
    }

    /// What was appended so far was handed to the system.
    pub(super) fn flushed(&mut self) -> io::Result<()> {
        let block = self.tally.take();
        self.next = self.next % BLOCKS + 1;
        self.put(self.next, block)
    }

    /// Makes its places ones that are there.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }

    /// How far the file was flushed, in bytes.
    pub(super) fn end(&self) -> u64 {
        self.tally.start()
    }

    /// What was flushed up to there is safe.
    pub(super) fn synced(&mut self, end: u64) -> io::Result<()> {
        self.put(0, Block { start: 0, end, sum: 0 })
    }

    /// What does [`sync`](Self::sync) on another thread.
    pub(super) fn syncer(&self) -> Option<Syncer> {
        self.file.syncer()
    }

    fn put(&mut self, place: usize, block: Block) -> io::Result<()> {
        self.file.seek(SeekFrom::Start((place * PLACE) as u64))?;
        self.file.write_all(&block.bytes())
    }

    /// The audio of this name is safe: nobody will ask any more.
    pub(super) fn remove(storage: &dyn Storage, folder: &Path, name: &str) -> io::Result<()> {
        match storage.remove(&beside(folder, name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

fn beside(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.{EXTENSION}"))
}

/// How far audio that was left open can be believed, in bytes. None where nothing is known.
pub(super) fn believed(
    storage: &dyn Storage,
    folder: &Path,
    name: &str,
    file: &mut dyn Medium,
) -> io::Result<Option<u64>> {
    let mut bytes = Vec::new();
    match storage.open(&beside(folder, name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        progress => progress?.take(((BLOCKS + 1) * PLACE) as u64).read_to_end(&mut bytes)?,
    };
    let mut places = bytes.chunks_exact(PLACE).map(Block::read);
    let Some(Some(safe)) = places.next() else { return Ok(None) };
    let blocks: Vec<Block> = places.flatten().filter(|block| block.end > block.start).collect();
    let mut end = safe.end;
    while let Some(next) = blocks.iter().find(|block| block.start == end) {
        if !next.is_in(file)? {
            break;
        }
        end = next.end;
    }
    Ok(Some(end))
}

impl Tally {
    fn with<T>(&self, work: impl FnOnce(&mut Block) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn start(&self) -> u64 {
        self.with(|block| block.start)
    }

    /// What came since the last time; the next begins behind it.
    fn take(&self) -> Block {
        self.with(|block| {
            let taken = *block;
            *block = Block { start: taken.end, end: taken.end, sum: 0 };
            taken
        })
    }
}

/// A file whose growth is counted. What is written over, as a head is, is not.
struct Counted {
    file: Box<dyn Medium>,
    tally: Tally,
    at: u64,
}

impl Read for Counted {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(to)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        let at = self.at;
        self.at += written as u64;
        self.tally.with(|block| {
            if at == block.end {
                block.end += written as u64;
                block.sum = checksum(block.sum, &bytes[..written]);
            }
        });
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Counted {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.file.seek(to)?;
        Ok(self.at)
    }
}

impl Medium for Counted {
    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn syncer(&self) -> Option<Syncer> {
        self.file.syncer()
    }
}
