//! A disk in memory that remembers what was done to it, in order, and fails when told to:
//! what a power cut leaves can be worked out from that.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use tympan::backend::storage::{Medium, Storage};

/// One thing that was done.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    Folder(PathBuf),
    Create(PathBuf, usize),
    Write(usize, u64, Vec<u8>),
    SetLen(usize, u64),
    Sync(usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    SyncFolder(PathBuf),
    /// So much had been captured by then, in ms.
    Accepted(u64),
    /// The app had heard of the chunk of this number by then.
    Told(u32),
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails, once.
    Io,
    /// The disk is full from here on, until something is removed.
    Full,
    /// It was interrupted and has to be made again.
    Interrupted,
    /// Half of it is done.
    Short,
    /// The process dies here, half-way through.
    Death,
}

#[derive(Clone, Debug)]
enum Node {
    Folder,
    File(usize),
}

#[derive(Clone, Debug, Default)]
struct State {
    names: BTreeMap<PathBuf, Node>,
    files: Vec<Vec<u8>>,
    deeds: Vec<Deed>,
    calls: usize,
    /// The call that fails, and how.
    fault: Option<(usize, Fault)>,
    /// Syncs of audio so far, and which of them fail.
    syncs: usize,
    unsynced: Range<usize>,
    /// Room for so many bytes, once the disk is full.
    room: Option<u64>,
    dead: bool,
    /// Some call has failed.
    erred: bool,
}

/// The disk. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

/// What a call is to do, where it is not to fail.
enum Way {
    Whole,
    Half,
}

impl State {
    /// Counts a call, and fails it if it is the one.
    fn call(&mut self, bytes: u64) -> io::Result<Way> {
        self.decide(bytes).inspect_err(|_| self.erred = true)
    }

    fn decide(&mut self, bytes: u64) -> io::Result<Way> {
        if self.dead {
            return Err(io::Error::other("the process is dead"));
        }
        self.calls += 1;
        match self.fault {
            Some((at, fault)) if at == self.calls => match fault {
                Fault::Io => return Err(io::Error::other("injected EIO")),
                Fault::Full => self.room = Some(0),
                Fault::Interrupted => return Err(io::ErrorKind::Interrupted.into()),
                Fault::Short => return Ok(Way::Half),
                Fault::Death => {
                    self.dead = true;
                    return Ok(Way::Half);
                }
            },
            _ => {}
        }
        match &mut self.room {
            Some(room) if *room < bytes => Err(io::ErrorKind::StorageFull.into()),
            Some(room) => {
                *room -= bytes;
                Ok(Way::Whole)
            }
            None => Ok(Way::Whole),
        }
    }

    /// A call that is done or not, but never by half.
    fn whole(&mut self, bytes: u64) -> io::Result<()> {
        match self.call(bytes)? {
            Way::Half if self.dead => Err(io::Error::other("the process is dead")),
            _ => Ok(()),
        }
    }

    fn file(&self, path: &Path) -> io::Result<usize> {
        match self.names.get(path) {
            Some(Node::File(id)) => Ok(*id),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn is_audio(&self, id: usize) -> bool {
        let is = |(path, node): (&PathBuf, &Node)| {
            matches!(node, Node::File(of) if *of == id)
                && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("audio"))
                && path.extension().is_none_or(|extension| extension != "progress")
        };
        self.names.iter().any(is)
    }

    fn apply(&mut self, deed: &Deed) {
        match deed {
            Deed::Folder(path) => drop(self.names.insert(path.clone(), Node::Folder)),
            Deed::Create(path, id) => {
                self.files.resize(self.files.len().max(id + 1), Vec::new());
                self.names.insert(path.clone(), Node::File(*id));
            }
            Deed::Write(id, at, bytes) => {
                self.files.resize(self.files.len().max(id + 1), Vec::new());
                let file = &mut self.files[*id];
                let end = *at as usize + bytes.len();
                file.resize(file.len().max(end), 0);
                file[*at as usize..end].copy_from_slice(bytes);
            }
            Deed::SetLen(id, len) => {
                self.files.resize(self.files.len().max(id + 1), Vec::new());
                self.files[*id].resize(*len as usize, 0);
            }
            Deed::Rename(from, to) => {
                let moved: Vec<_> =
                    self.names.keys().filter(|path| path.starts_with(from)).cloned().collect();
                for path in moved {
                    let node = self.names.remove(&path).unwrap();
                    let rest = path.strip_prefix(from).unwrap();
                    let new = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
                    self.names.insert(new, node);
                }
            }
            Deed::Remove(path) => self.names.retain(|name, _| !name.starts_with(path)),
            Deed::Sync(_) | Deed::SyncFolder(_) | Deed::Accepted(_) | Deed::Told(_) => {}
        }
    }

    fn done(&mut self, deed: Deed) {
        self.apply(&deed);
        self.deeds.push(deed);
    }
}

impl Disk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The call of this number, from 1, is to fail like this.
    pub(crate) fn fail(&self, call: usize, fault: Fault) {
        self.lock().fault = Some((call, fault));
    }

    /// The syncs of audio of these numbers, from 1, are to fail.
    pub(crate) fn fail_syncs(&self, numbers: Range<usize>) {
        self.lock().unsynced = numbers;
    }

    /// How many syncs of audio there were.
    pub(crate) fn syncs(&self) -> usize {
        self.lock().syncs
    }

    /// How many calls there were.
    pub(crate) fn calls(&self) -> usize {
        self.lock().calls
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.lock().dead
    }

    /// Whether any call has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.lock().erred
    }

    /// So much has been captured by now.
    pub(crate) fn accepted(&self, ms: u64) {
        self.lock().deeds.push(Deed::Accepted(ms));
    }

    /// The app has heard of the chunk of this number.
    pub(crate) fn told(&self, chunk: u32) {
        self.lock().deeds.push(Deed::Told(chunk));
    }

    pub(crate) fn deeds(&self) -> Vec<Deed> {
        self.lock().deeds.clone()
    }

    /// A disk to which this was done.
    pub(crate) fn of(deeds: &[Deed]) -> Self {
        let mut state = State::default();
        for deed in deeds {
            state.apply(deed);
        }
        Self(Arc::new(Mutex::new(state)))
    }

    /// What a new process finds: the same files, and nothing fails.
    pub(crate) fn reborn(&self) -> Self {
        let state = self.lock();
        let new =
            State { names: state.names.clone(), files: state.files.clone(), ..<_>::default() };
        Self(Arc::new(Mutex::new(new)))
    }

    /// The bytes of a file.
    pub(crate) fn bytes(&self, path: &Path) -> Vec<u8> {
        let state = self.lock();
        let id = state.file(path).unwrap();
        state.files[id].clone()
    }

    /// Everything on it, to be compared.
    pub(crate) fn image(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let state = self.lock();
        let look = |(path, node): (&PathBuf, &Node)| {
            let bytes = match node {
                Node::Folder => None,
                Node::File(id) => Some(state.files[*id].clone()),
            };
            (path.clone(), bytes)
        };
        state.names.iter().map(look).collect()
    }
}

impl Storage for Disk {
    fn create_folder(&self, path: &Path) -> io::Result<bool> {
        let mut state = self.lock();
        if state.names.contains_key(path) {
            return Ok(false);
        }
        state.whole(0)?;
        state.done(Deed::Folder(path.to_owned()));
        Ok(true)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        let mut state = self.lock();
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.whole(0)?;
        let id = state.files.len();
        state.done(Deed::Create(path.to_owned(), id));
        Ok(Box::new(Open { disk: self.clone(), id, at: 0 }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        let mut state = self.lock();
        state.whole(0)?;
        let id = state.file(path)?;
        Ok(Box::new(Open { disk: self.clone(), id, at: 0 }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock();
        if state.names.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if !state.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.whole(0)?;
        state.done(Deed::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        if !state.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.whole(0)?;
        let freed = state.file(path).map_or(0, |id| state.files[id].len() as u64);
        if let Some(room) = &mut state.room {
            *room += freed;
        }
        state.done(Deed::Remove(path.to_owned()));
        Ok(())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let state = self.lock();
        let inside = state.names.keys().filter(|path| path.parent() == Some(folder));
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        Ok(inside.map(name).collect())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.whole(0)?;
        state.done(Deed::SyncFolder(folder.to_owned()));
        Ok(())
    }
}

/// An open file.
struct Open {
    disk: Disk,
    id: usize,
    at: u64,
}

impl Read for Open {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let state = self.disk.lock();
        let file = &state.files[self.id];
        let from = file.get(self.at as usize..).unwrap_or_default();
        let len = from.len().min(to.len());
        to[..len].copy_from_slice(&from[..len]);
        self.at += len as u64;
        Ok(len)
    }
}

impl Write for Open {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.lock();
        let grown =
            (self.at + bytes.len() as u64).saturating_sub(state.files[self.id].len() as u64);
        let some = match state.call(grown)? {
            Way::Whole => bytes,
            Way::Half => &bytes[..bytes.len().div_ceil(2)],
        };
        state.done(Deed::Write(self.id, self.at, some.to_vec()));
        self.at += some.len() as u64;
        Ok(some.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Open {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let len = self.disk.lock().files[self.id].len() as i64;
        let at = match to {
            SeekFrom::Start(at) => at as i64,
            SeekFrom::End(by) => len + by,
            SeekFrom::Current(by) => self.at as i64 + by,
        };
        self.at = at as u64;
        Ok(self.at)
    }
}

impl Medium for Open {
    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.whole(0)?;
        if state.is_audio(self.id) {
            state.syncs += 1;
            if state.unsynced.contains(&state.syncs) {
                return Err(io::Error::other("injected EIO"));
            }
        }
        state.done(Deed::Sync(self.id));
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.disk.lock();
        let grown = len.saturating_sub(state.files[self.id].len() as u64);
        state.whole(grown)?;
        state.done(Deed::SetLen(self.id, len));
        Ok(())
    }
}
