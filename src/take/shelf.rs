//! Takes that are there: listed, deleted, and expired by age or size.

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::json;
use tympan_backends::storage::{Files, Storage};

use super::journal::Journal;
use super::opened::OPEN;
use super::{Take, date};

/// What the names of takes end with that are being deleted.
const GONE: &str = ".gone";

/// What was deleted and why, a line of JSON for each take, in the folder of them all. It
/// is only ever added to.
pub const DELETED: &str = "deleted.jsonl";

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
/// more: one that is half deleted is never listed, and the next call clears it away. That
/// it was there is written down in [`deleted.jsonl`](DELETED) beside it.
pub fn delete(storage: &dyn Storage, take: &Take) -> io::Result<()> {
    let recordings = take.folder.parent().unwrap_or(Path::new(""));
    Deletion::at(storage, recordings)?.delete(take, "asked")
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
        if is_old {
            expired.push((take, "age"));
        } else if keep.bytes.is_some_and(|most| kept > most) {
            expired.push((take, "size"));
        }
    }
    let mut gone = Vec::new();
    for (take, why) in expired.into_iter().rev() {
        Deletion::at(storage, recordings)?.delete(&take, why)?;
        gone.push(take);
    }
    Ok(gone)
}

/// Removes what a deletion left that was killed.
fn clear(storage: &dyn Storage, recordings: &Path) -> io::Result<()> {
    for name in storage.list(recordings)?.iter().filter(|name| name.ends_with(GONE)) {
        Deletion::at(storage, recordings)?.finish(name)?;
    }
    Ok(())
}

/// One take that goes, and the line that stays.
struct Deletion<'a> {
    storage: &'a dyn Storage,
    recordings: &'a Path,
    register: Journal,
}

impl<'a> Deletion<'a> {
    /// Nothing is done yet where this fails.
    fn at(storage: &'a dyn Storage, recordings: &'a Path) -> io::Result<Self> {
        let path = recordings.join(DELETED);
        let register = match Journal::reopen(storage, &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Journal::create(storage, &path)
            }
            register => register,
        }?;
        Ok(Self { storage, recordings, register })
    }

    fn delete(mut self, take: &Take, why: &str) -> io::Result<()> {
        let name = take.folder.file_name().unwrap_or_default().to_string_lossy();
        let gone = format!("{name}{GONE}");
        self.storage.rename(&take.folder, &self.recordings.join(&gone))?;
        let line = json!({
            "time": date::text(SystemTime::now()),
            "take": name,
            "started": take.started,
            "frames": take.frames,
            "rate": take.rate,
            "why": why,
        });
        // On a full disk it is written once there is room, which this makes.
        let _ = self.register.line("deleted", line);
        self.finish(&gone)
    }

    /// With the take that has this name now, nothing is left of it but a line.
    fn finish(mut self, gone: &str) -> io::Result<()> {
        self.storage.remove(&self.recordings.join(gone))?;
        let take = gone.strip_suffix(GONE).unwrap_or(gone);
        let told = self.register.entries()?;
        if !told.iter().any(|line| line.get("take").is_some_and(|known| known == take)) {
            // Whoever began was killed before it could say why.
            let line = json!({ "time": date::text(SystemTime::now()), "take": take });
            self.register.line("deleted", line)?;
        }
        self.register.sync()?;
        self.storage.sync_folder(self.recordings)
    }
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
