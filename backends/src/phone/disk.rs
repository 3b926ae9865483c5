//! The phone's storage, as far as it can go wrong.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::storage::{Files, Medium, Protection, Storage};

/// Whether files can be opened and written, and a [`Storage`] of real files that are as
/// good as that. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    full: bool,
    locked: bool,
    /// What was asked for, by folder. What nobody asked for is protected completely but for
    /// files that are open.
    protected: Vec<(PathBuf, Protection)>,
    failing: u32,
    /// Room that was won by removing files since it was full.
    freed: u64,
    /// How often the process has died. What it had open then can be written no more.
    deaths: u32,
}

impl Disk {
    /// Whether a new file can be opened now: not while the disk is full, nor while the
    /// phone is locked and its files are protected.
    pub fn opens(&self) -> bool {
        self.with(|disk| !disk.full && !disk.locked)
    }

    /// Whether a file that is there can be opened again to repair it, which takes no room.
    pub fn reopens(&self) -> bool {
        self.with(|disk| !disk.locked)
    }

    /// Whether the next write to an open file succeeds. Asking counts as writing.
    pub fn writes(&self) -> bool {
        self.with(|disk| {
            let fails = disk.full || disk.failing > 0;
            disk.failing = disk.failing.saturating_sub(1);
            !fails
        })
    }

    pub(super) fn set_full(&self, full: bool) {
        self.with(|disk| (disk.full, disk.freed) = (full, 0));
    }

    pub(super) fn set_locked(&self, locked: bool) {
        self.with(|disk| disk.locked = locked);
    }

    pub(super) fn fail_writes(&self, times: u32) {
        self.with(|disk| disk.failing = times);
    }

    pub(super) fn bury(&self) {
        self.with(|disk| disk.deaths += 1);
    }

    /// Whether a file may grow by so many bytes.
    fn grows(&self, bytes: u64) -> bool {
        self.with(|disk| {
            if disk.failing > 0 {
                disk.failing -= 1;
                return false;
            }
            if disk.full && bytes > disk.freed {
                return false;
            }
            disk.freed = disk.freed.saturating_sub(bytes);
            true
        })
    }

    fn protection(&self, path: &Path) -> Option<Protection> {
        self.with(|disk| {
            let holds = |(folder, _): &&(PathBuf, Protection)| path.starts_with(folder);
            disk.protected.iter().rev().find(holds).map(|(_, protection)| *protection)
        })
    }

    /// Why nothing can be made here now, if that is so.
    fn refusal(&self, path: &Path) -> io::Result<()> {
        let protection = self.protection(path);
        let makes = !matches!(protection, None | Some(Protection::Complete));
        if !makes && !self.reopens() {
            return Err(locked());
        }
        self.is_full().map_or(Ok(()), Err)
    }

    fn is_full(&self) -> Option<io::Error> {
        let full = self.with(|disk| disk.full && disk.freed == 0);
        full.then(|| io::ErrorKind::StorageFull.into())
    }

    fn held(&self, medium: Box<dyn Medium>) -> Box<dyn Medium> {
        let deaths = self.with(|disk| disk.deaths);
        Box::new(Held { medium, disk: self.clone(), deaths })
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn locked() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "the phone is locked and the file protected")
}

impl Storage for Disk {
    fn create_folder(&self, path: &Path) -> io::Result<bool> {
        // Folders hold no content that could be protected.
        self.is_full().map_or(Ok(()), Err)?;
        Files.create_folder(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        self.refusal(path)?;
        Files.create(path).map(|medium| self.held(medium))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        use Protection::{None as Never, UntilFirstUnlock};
        let opens = matches!(self.protection(path), Some(UntilFirstUnlock | Never));
        if !opens && !self.reopens() {
            return Err(locked());
        }
        Files.open(path).map(|medium| self.held(medium))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Files.rename(from, to)?;
        self.with(|disk| {
            for (folder, _) in disk.protected.iter_mut().filter(|(folder, _)| folder == from) {
                to.clone_into(folder);
            }
        });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let bytes = path.symlink_metadata().map_or(0, |about| about.len());
        Files.remove(path)?;
        self.with(|disk| disk.freed += if disk.full { bytes } else { 0 });
        Ok(())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        Files.list(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        Files.sync_folder(folder)
    }

    fn protect(&self, folder: &Path, protection: Protection) -> io::Result<()> {
        self.with(|disk| disk.protected.push((folder.to_owned(), protection)));
        Ok(())
    }
}

/// A file that a process has open.
struct Held {
    medium: Box<dyn Medium>,
    disk: Disk,
    deaths: u32,
}

impl Held {
    fn alive(&self) -> io::Result<()> {
        if self.disk.with(|disk| disk.deaths) == self.deaths {
            Ok(())
        } else {
            Err(io::Error::other("the process that had this file open is gone"))
        }
    }
}

impl Read for Held {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.medium.read(to)
    }
}

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.alive()?;
        let (at, end) = (self.medium.stream_position()?, self.medium.seek(SeekFrom::End(0))?);
        self.medium.seek(SeekFrom::Start(at))?;
        let new = (at + bytes.len() as u64).saturating_sub(end);
        if self.disk.grows(new) {
            self.medium.write(bytes)
        } else {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.medium.flush()
    }
}

impl Seek for Held {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.medium.seek(to)
    }
}

impl Medium for Held {
    fn sync(&mut self) -> io::Result<()> {
        self.alive()?;
        // Time is virtual, and so is a power cut: nothing is gained by waiting for the
        // disk of the machine that this runs on.
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.alive()?;
        self.medium.set_len(len)
    }
}
