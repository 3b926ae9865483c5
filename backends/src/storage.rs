//! Where files live: the system's own file system, or one that fails when a test says so.
//!
//! Whoever writes something that must not be lost works on these two traits, so that a
//! full disk, a locked phone, a failing `fsync` and a power cut can be rehearsed with the
//! code that will meet them.

use std::fmt;
use std::fs;
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// An open file.
pub trait Medium: Read + Write + Seek + Send {
    /// Makes everything written so far survive a power cut. After an error nothing that
    /// was written since the last success can be relied on, and trying again proves
    /// nothing.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file off behind this many bytes, or fills it up to there with zeros.
    fn set_len(&mut self, len: u64) -> io::Result<()>;

    /// Whether it can be written at its end only, and neither read nor cut off: whoever
    /// writes to it leaves out what is filled in later.
    fn is_append_only(&self) -> bool {
        false
    }

    /// Something that does what [`sync`](Self::sync) does, on any thread, while more is
    /// written here; none where that is not possible. A failure is told to one of the two.
    fn syncer(&self) -> Option<Syncer> {
        None
    }

    /// Has it for oneself as long as it is open; whether nobody else has it so. Another
    /// process that asks is told, and one that does not ask is not kept out.
    fn lock(&self) -> io::Result<bool> {
        Ok(true)
    }
}

/// Makes what was written so far to a file survive a power cut.
pub type Syncer = Arc<dyn Fn() -> io::Result<()> + Send + Sync>;

/// Files by name.
///
/// Nothing here replaces what is there already: creating and renaming fail instead.
pub trait Storage: Send + Sync + fmt::Debug {
    /// Makes a folder, and those above it; whether it is new.
    fn create_folder(&self, path: &Path) -> io::Result<bool>;

    /// Makes a file, to be read and written.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Medium>>;

    /// Opens a file that is there, to be read and written.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Medium>>;

    /// Gives a file or folder another name, at once or not at all.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file, or a folder with all that is in it.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The names in a folder, in order. None where there is no such folder.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Makes the names in a folder survive a power cut.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Has files that are made in this folder from now on protected like this. Where the
    /// system knows no such protection, nothing is to be done.
    fn protect(&self, folder: &Path, protection: Protection) -> io::Result<()> {
        let _ = (folder, protection);
        Ok(())
    }
}

/// When files can be used on a phone that is locked: the classes of iOS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Not at all. A take that runs is lost to the lock.
    Complete,
    /// Files that are open stay so, and new ones can be made. None can be opened.
    UnlessOpen,
    /// Always, once the phone was unlocked since it was started: what a recorder that works
    /// behind a locked screen needs for all it does, chunks and recovery too.
    UntilFirstUnlock,
    /// Always.
    None,
}

/// The system's own file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Files;

impl Medium for fs::File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        fs::File::set_len(self, len)
    }

    fn syncer(&self) -> Option<Syncer> {
        let file = self.try_clone().ok()?;
        Some(Arc::new(move || file.sync_data()))
    }

    fn lock(&self) -> io::Result<bool> {
        if cfg!(target_os = "ios") {
            // One app has its files for itself there, and a lock in a shared container gets
            // it killed when it is suspended.
            return Ok(true);
        }
        // A program that is started inherits open files for a moment, and their locks.
        for _ in 0..20 {
            match self.try_lock() {
                Err(fs::TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(10)),
                // Some file systems know no locks.
                Ok(()) | Err(fs::TryLockError::Error(_)) => return Ok(true),
            }
        }
        Ok(false)
    }
}

impl Medium for io::Cursor<Vec<u8>> {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.get_mut().resize(len as usize, 0);
        Ok(())
    }
}

impl<M: Medium + ?Sized> Medium for Box<M> {
    fn sync(&mut self) -> io::Result<()> {
        (**self).sync()
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        (**self).set_len(len)
    }

    fn is_append_only(&self) -> bool {
        (**self).is_append_only()
    }

    fn syncer(&self) -> Option<Syncer> {
        (**self).syncer()
    }

    fn lock(&self) -> io::Result<bool> {
        (**self).lock()
    }
}

impl<M: Medium + ?Sized> Medium for &mut M {
    fn sync(&mut self) -> io::Result<()> {
        (**self).sync()
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        (**self).set_len(len)
    }

    fn is_append_only(&self) -> bool {
        (**self).is_append_only()
    }

    fn syncer(&self) -> Option<Syncer> {
        (**self).syncer()
    }

    fn lock(&self) -> io::Result<bool> {
        (**self).lock()
    }
}

impl Storage for Files {
    fn create_folder(&self, path: &Path) -> io::Result<bool> {
        if let Some(above) = path.parent() {
            fs::create_dir_all(above)?;
        }
        match fs::create_dir(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        let mut options = fs::OpenOptions::new();
        Ok(Box::new(options.read(true).write(true).create_new(true).open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        Ok(Box::new(fs::OpenOptions::new().read(true).write(true).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        // The system would replace a file without a word.
        if to.symlink_metadata().is_ok() {
            let message = format!("`{}` exists already", to.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
        }
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let name = |entry: io::Result<fs::DirEntry>| {
            entry.map(|entry| entry.file_name().to_string_lossy().into_owned())
        };
        let mut names = entries.map(name).collect::<io::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        // Where folders cannot be opened there is nothing to be synced either.
        if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
    }

    #[cfg(target_os = "ios")]
    fn protect(&self, folder: &Path, protection: Protection) -> io::Result<()> {
        protect(&fs::File::open(folder)?, protection)
    }
}

/// The class of a folder is that of the files that are made in it.
#[cfg(target_os = "ios")]
#[allow(unsafe_code, reason = "the standard library knows no such classes")]
fn protect(folder: &fs::File, protection: Protection) -> io::Result<()> {
    use std::os::fd::AsRawFd;

    /// `F_SETPROTECTIONCLASS` of `<sys/fcntl.h>`.
    const SET_CLASS: libc::c_int = 64;
    // The letters of the classes, as the system numbers them.
    let class: libc::c_int = match protection {
        Protection::Complete => 1,
        Protection::UnlessOpen => 2,
        Protection::UntilFirstUnlock => 3,
        Protection::None => 4,
    };
    // SAFETY: the descriptor is open as long as `folder` is, and this command takes an int.
    let done = unsafe { libc::fcntl(folder.as_raw_fd(), SET_CLASS, class) };
    if done == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
