//! Seals what a file is written with, as it comes.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tympan_backends::storage::{Medium, Syncer};

use super::Key;
use super::cipher::{Cipher, NONCE, TAG, nonce};
use super::record::{BEGIN, HEAD, Head, MARK, MOST};

/// A medium that can only be written at its end, and a hand on it for whoever says when a
/// record is over. Clones are the same file.
///
/// What is written waits in memory for its record: nothing plain reaches the medium below.
#[derive(Clone)]
pub(in crate::take) struct Sealer(Arc<Mutex<Stream>>);

struct Stream {
    file: Box<dyn Medium>,
    cipher: Cipher,
    /// What has come since the last record. It is sealed where it lies, and has its room
    /// from the start, so that no copy of it is left anywhere.
    plain: Vec<u8>,
    /// A record that is not in the file yet. If it cannot be written now, the same bytes
    /// go to the same place later: its nonce seals nothing else.
    sealed: Vec<u8>,
    /// Where the last whole record ends, and the frames up to there.
    end: u64,
    frames: u64,
    /// Where a failed write left the file's position is unknown.
    lost_place: bool,
    ended: bool,
}

impl Sealer {
    /// Begins a stream on an empty medium.
    pub(in crate::take) fn begin(mut file: Box<dyn Medium>, key: &Key) -> io::Result<Self> {
        let nonce = nonce()?;
        let mut cipher = Cipher::new(key, &nonce)?;
        let mut proof = Vec::with_capacity(TAG);
        cipher.seal(false, &MARK, &mut proof)?;
        file.write_all(&begin(&nonce, &proof))?;
        Ok(Self(Arc::new(Mutex::new(Stream {
            file,
            cipher,
            plain: Vec::with_capacity(MOST + TAG),
            sealed: Vec::with_capacity(HEAD + MOST + TAG),
            end: BEGIN as u64,
            frames: 0,
            lost_place: false,
            ended: false,
        }))))
    }

    /// Makes a record of what has come, and hands it to the system: the file plays so
    /// many frames up to here.
    pub(in crate::take) fn record(&self, frames: u64) -> io::Result<()> {
        let mut stream = self.stream();
        stream.frames = frames;
        stream.record()
    }

    /// Ends the file with what is known at the end only. Nothing can be written behind.
    pub(in crate::take) fn end(&self, frames: u64, description: &[u8]) -> io::Result<()> {
        let mut stream = self.stream();
        stream.frames = frames;
        stream.record()?;
        stream.plain.reserve_exact(description.len() + TAG);
        stream.plain.extend_from_slice(description);
        stream.ended = true;
        stream.seal(true)?;
        stream.put()
    }

    fn stream(&self) -> MutexGuard<'_, Stream> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file's first bytes.
fn begin(nonce: &[u8; NONCE], proof: &[u8]) -> Vec<u8> {
    [MARK.as_slice(), nonce, proof].concat()
}

impl Stream {
    fn record(&mut self) -> io::Result<()> {
        self.put()?;
        if !self.plain.is_empty() {
            self.seal(false)?;
        }
        self.put()
    }

    fn seal(&mut self, last: bool) -> io::Result<()> {
        let head = Head { len: self.plain.len(), last, frames: self.frames }.bytes();
        self.cipher.seal(last, &head, &mut self.plain)?;
        self.sealed.extend(head);
        self.sealed.append(&mut self.plain);
        Ok(())
    }

    /// Writes the record that waits, in one write.
    fn put(&mut self) -> io::Result<()> {
        if self.sealed.is_empty() {
            return Ok(());
        }
        if self.lost_place {
            self.file.set_len(self.end)?;
            self.file.seek(SeekFrom::Start(self.end))?;
        }
        self.lost_place = true;
        self.file.write_all(&self.sealed)?;
        self.lost_place = false;
        self.end += self.sealed.len() as u64;
        self.sealed.clear();
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // Best effort: whoever wants to know ends it.
        if !self.ended {
            let _ = self.record();
        }
    }
}

impl Write for Sealer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut stream = self.stream();
        if stream.ended {
            return Err(io::Error::other("it is sealed up to its end, and takes nothing more"));
        }
        if stream.plain.len() == MOST {
            stream.record()?;
        }
        let some = bytes.len().min(MOST - stream.plain.len());
        stream.plain.extend_from_slice(&bytes[..some]);
        Ok(some)
    }

    /// Does nothing: a record is over when its owner says so, who knows its frames.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn append_only() -> io::Error {
    let message = "what is sealed is not read or written again where it lies";
    io::Error::new(io::ErrorKind::NotSeekable, message)
}

impl Read for Sealer {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(append_only())
    }
}

impl Seek for Sealer {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(append_only())
    }
}

impl Medium for Sealer {
    fn sync(&mut self) -> io::Result<()> {
        self.stream().file.sync()
    }

    fn set_len(&mut self, _: u64) -> io::Result<()> {
        Err(append_only())
    }

    fn syncer(&self) -> Option<Syncer> {
        self.stream().file.syncer()
    }

    fn is_append_only(&self) -> bool {
        true
    }
}
