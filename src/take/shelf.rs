//! Takes that are there: listed, deleted, and expired by age or size.

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tympan_backends::storage::{Files, Storage};

use super::opened::OPEN;
use super::{Take, date};

/// What the names of takes end with that are being deleted.
const GONE: &str = ".gone";

/// The takes in this folder that are complete, the oldest first.
pub fn list(recordings: impl AsRef<Path>) -> io::Result<Vec<Take>> {
    list_in(&Files, recordings)
}

/// The same, through a storage of one's own.
pub fn list_in(storage: &dyn Storage, recordings: impl AsRef<Path>) -> io::Result<Vec<Take>> {
    let recordings = recordings.as_ref();
    let mut takes = Vec::new();
    for name in storage.list(recordings)? {
        if !name.ends_with(OPEN) && !name.ends_with(GONE) {
            takes.extend(Take::read(storage, &recordings.join(name))?);
        }
    }
    Ok(takes)
}

/// The folders of takes that are being written, or that a process left so.
pub fn open(recordings: impl AsRef<Path>) -> io::Result<Vec<PathBuf>> {
    let recordings = recordings.as_ref();
    let names = Files.list(recordings)?;
    Ok(names.iter().filter(|name| name.ends_with(OPEN)).map(|name| recordings.join(name)).collect())
}

/// Deletes a take with all that belongs to it. From the first moment on it is no take any
/// more: one that is half deleted is never listed, and the next call clears it away.
pub fn delete(storage: &dyn Storage, take: &Take) -> io::Result<()> {
    let mut name = take.folder.clone().into_os_string();
    name.push(GONE);
    let gone = PathBuf::from(name);
    storage.rename(&take.folder, &gone)?;
    storage.remove(&gone)?;
    take.folder.parent().map_or(Ok(()), |recordings| storage.sync_folder(recordings))
}

/// How many takes are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Those that began no longer ago than this.
    pub age: Option<Duration>,
    /// The newest ones that have so many bytes together, all of their files counted.
    pub bytes: Option<u64>,
}

/// Deletes the takes that are not to be kept, the oldest first, and returns them. Takes
/// that are open are not looked at.
pub fn expire(
    storage: &dyn Storage,
    recordings: impl AsRef<Path>,
    keep: Keep,
    now: SystemTime,
) -> io::Result<Vec<Take>> {
    let recordings = recordings.as_ref();
    clear(storage, recordings)?;
    let oldest = keep.age.and_then(|age| now.checked_sub(age)).map(date::text);
    let (mut kept, mut expired) = (0_u64, Vec::new());
    for take in list_in(storage, recordings)?.into_iter().rev() {
        // Written like this, moments stand in the order of text.
        let is_old = oldest.as_ref().is_some_and(|oldest| take.started < *oldest);
        kept = kept.saturating_add(bytes(storage, &take.folder)?);
        if is_old || keep.bytes.is_some_and(|most| kept > most) {
            expired.push(take);
        }
    }
    expired.reverse();
    for take in &expired {
        delete(storage, take)?;
    }
    Ok(expired)
}

/// Removes what a deletion left that was killed.
fn clear(storage: &dyn Storage, recordings: &Path) -> io::Result<()> {
    for name in storage.list(recordings)?.iter().filter(|name| name.ends_with(GONE)) {
        storage.remove(&recordings.join(name))?;
    }
    Ok(())
}

/// Bytes of all files in a folder, and in those in it.
fn bytes(storage: &dyn Storage, folder: &Path) -> io::Result<u64> {
    let mut sum = 0_u64;
    for name in storage.list(folder)? {
        let path = folder.join(name);
        // What cannot be opened as a file is a folder.
        sum += match storage.open(&path) {
            Ok(mut file) => file.seek(SeekFrom::End(0))?,
            Err(_) => bytes(storage, &path)?,
        };
    }
    Ok(sum)
}
