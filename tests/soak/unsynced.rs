//! The system's files, but nobody waits until they are on the disk: a day has 170,000
//! syncs, which change neither what is in a file nor what a process holds.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use tympan::backend::storage::{Files, Medium, Storage};

#[derive(Debug)]
pub(crate) struct Unsynced;

struct File(Box<dyn Medium>);

impl Storage for Unsynced {
    fn create_folder(&self, path: &Path) -> io::Result<bool> {
        Files.create_folder(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        Ok(Box::new(File(Files.create(path)?)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        Ok(Box::new(File(Files.open(path)?)))
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

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

impl Medium for File {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
}

impl Read for File {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.0.read(to)
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}
