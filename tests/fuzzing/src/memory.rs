//! Files in memory, and nothing that fails: a fuzzer has no time for disks.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tympan::backend::storage::{Medium, Storage};

/// A file's bytes; all who have opened it see the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct File {
    bytes: Arc<Mutex<Vec<u8>>>,
    at: u64,
}

impl File {
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        Self { bytes: Arc::new(Mutex::new(bytes)), at: 0 }
    }

    pub(crate) fn held(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn taken(&self) -> Vec<u8> {
        std::mem::take(&mut *self.held())
    }
}

impl Read for File {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let bytes = self.held();
        let from = bytes.get(self.at as usize..).unwrap_or_default();
        let len = from.len().min(to.len());
        to[..len].copy_from_slice(&from[..len]);
        drop(bytes);
        self.at += len as u64;
        Ok(len)
    }
}

impl Write for File {
    fn write(&mut self, some: &[u8]) -> io::Result<usize> {
        let mut bytes = self.held();
        let (at, end) = (self.at as usize, self.at as usize + some.len());
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[at..end].copy_from_slice(some);
        drop(bytes);
        self.at = end as u64;
        Ok(some.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => i64::try_from(at).ok(),
            SeekFrom::End(by) => (self.held().len() as i64).checked_add(by),
            SeekFrom::Current(by) => (self.at as i64).checked_add(by),
        };
        let at = at.filter(|at| *at >= 0).ok_or(io::ErrorKind::InvalidInput)?;
        self.at = at as u64;
        Ok(self.at)
    }
}

impl Medium for File {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.held().resize(len as usize, 0);
        Ok(())
    }
}

/// Everything on a disk: folders have no bytes.
pub(crate) type Image = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// A folder has none.
type Names = BTreeMap<PathBuf, Option<File>>;

/// A disk. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<Names>>);

impl Disk {
    fn names(&self) -> MutexGuard<'_, Names> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a file where it belongs, with the folders above it.
    pub(crate) fn put(&self, path: &Path, bytes: Vec<u8>) {
        let mut names = self.names();
        for folder in path.ancestors().skip(1) {
            names.entry(folder.to_owned()).or_default();
        }
        names.insert(path.to_owned(), Some(File::of(bytes)));
    }

    pub(crate) fn image(&self) -> Image {
        let names = self.names();
        let bytes = |file: &File| file.held().clone();
        names.iter().map(|(path, file)| (path.clone(), file.as_ref().map(bytes))).collect()
    }

    fn file(&self, path: &Path) -> io::Result<File> {
        let names = self.names();
        let file = names.get(path).and_then(Clone::clone);
        Ok(File { at: 0, ..file.ok_or(io::ErrorKind::NotFound)? })
    }
}

impl Storage for Disk {
    fn create_folder(&self, path: &Path) -> io::Result<bool> {
        let mut names = self.names();
        match names.get(path) {
            Some(Some(_)) => Err(io::ErrorKind::AlreadyExists.into()),
            Some(None) => Ok(false),
            None => {
                for folder in path.ancestors() {
                    names.entry(folder.to_owned()).or_default();
                }
                Ok(true)
            }
        }
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        if self.names().contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.put(path, Vec::new());
        self.open(path)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        Ok(Box::new(self.file(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut names = self.names();
        if names.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if !names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let moved: Vec<_> = names.keys().filter(|path| path.starts_with(from)).cloned().collect();
        for path in moved {
            let file = names.remove(&path).flatten();
            let rest = path.strip_prefix(from).unwrap_or(&path);
            let new = if rest.as_os_str().is_empty() { to.to_owned() } else { to.join(rest) };
            names.insert(new, file);
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut names = self.names();
        if !names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        names.retain(|name, _| !name.starts_with(path));
        Ok(())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let names = self.names();
        let inside = names.keys().filter(|path| path.parent() == Some(folder));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}
