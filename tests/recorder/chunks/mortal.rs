//! A file system that fails from its Nth step on: as when the process is killed there, or
//! as when there is no room for some of the files.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use tympan::backend::storage::{Files, Medium, Storage};

/// Clones fail together.
#[derive(Clone, Debug)]
pub(crate) struct Mortal {
    /// Steps that still work, and those that were made, by their names.
    steps: Arc<Mutex<(usize, Vec<&'static str>)>>,
    /// Only steps on paths with this in them count, and fail.
    on: &'static str,
    why: io::ErrorKind,
}

impl Mortal {
    /// Nothing is written any more behind so many steps.
    pub(crate) fn killed_at(steps: usize) -> Self {
        Self::new(steps, "", io::ErrorKind::Other)
    }

    /// So many steps on paths with `on` in them work, and then none.
    pub(crate) fn new(steps: usize, on: &'static str, why: io::ErrorKind) -> Self {
        Self { steps: Arc::new(Mutex::new((steps, Vec::new()))), on, why }
    }

    /// The steps that were made.
    pub(crate) fn made(&self) -> Vec<&'static str> {
        self.steps.lock().unwrap().1.clone()
    }

    fn step(&self, name: &'static str, path: &Path) -> io::Result<()> {
        if !path.to_string_lossy().contains(self.on) {
            return Ok(());
        }
        let (left, made) = &mut *self.steps.lock().unwrap();
        if *left == 0 {
            return Err(self.why.into());
        }
        *left -= 1;
        made.push(name);
        Ok(())
    }

    /// What takes no room works on a full disk.
    fn giving_back(&self, name: &'static str, path: &Path) -> io::Result<()> {
        if self.why == io::ErrorKind::StorageFull { Ok(()) } else { self.step(name, path) }
    }

    fn held(&self, medium: Box<dyn Medium>, path: &Path) -> Box<dyn Medium> {
        Box::new(Held { medium, path: path.to_owned(), storage: self.clone() })
    }
}

impl Storage for Mortal {
    fn create_folder(&self, path: &Path) -> io::Result<bool> {
        self.step("create_folder", path)?;
        Files.create_folder(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        self.step("create", path)?;
        Files.create(path).map(|medium| self.held(medium, path))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        self.step("open", path)?;
        Files.open(path).map(|medium| self.held(medium, path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step("rename", from)?;
        Files.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.giving_back("remove", path)?;
        Files.remove(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        Files.list(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.step("sync_folder", folder)?;
        Files.sync_folder(folder)
    }
}

struct Held {
    medium: Box<dyn Medium>,
    path: std::path::PathBuf,
    storage: Mortal,
}

impl Read for Held {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.medium.read(to)
    }
}

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The last write is torn: half of it is there, and the next step is never made.
        self.storage.step("write", &self.path)?;
        let torn = self.storage.steps.lock().unwrap().0 == 0;
        self.medium.write(&bytes[..if torn { bytes.len().div_ceil(2) } else { bytes.len() }])
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
        // What a kill leaves needs no syncing.
        self.storage.step("sync", &self.path)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.storage.giving_back("set_len", &self.path)?;
        self.medium.set_len(len)
    }
}
