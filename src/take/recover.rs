//! Takes that a process left open because it did not live to complete them.

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::json;
use tympan_backends::storage::{Medium, Storage};

use super::journal::{self, Journal};
use super::opened::{OPEN, closed, complete, give_room};
use super::progress::{self, Progress};
use super::repair::{State, ms, repair_behind};
use super::sealed::{self, Key};
use super::sidecar::{self, Part, Take};
use super::{chunks, date};

/// What became of a take that was open.
#[derive(Debug)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "there are few of them")]
pub enum Recovered {
    /// It is complete now.
    Take(Take),
    /// Nothing was written in it, and it is gone.
    Empty(PathBuf),
    /// It could not be completed now, and was left as it is.
    Left(PathBuf, io::Error),
}

/// Completes every take in this folder that a process left open, but the one named: that
/// one is being written.
///
/// It can be done again at any time, also by a process that was killed while it did so: a
/// take that is complete is not touched.
///
/// Takes that are sealed need no key for it. With their key it is known what of them is as
/// it was written, and how much was lost.
pub fn recover(
    storage: &dyn Storage,
    recordings: impl AsRef<Path>,
    but: Option<&Path>,
    key: Option<&Key>,
) -> io::Result<Vec<Recovered>> {
    let recordings = recordings.as_ref();
    let names = storage.list(recordings)?;
    let open = names.iter().filter(|name| name.ends_with(OPEN)).map(|name| recordings.join(name));
    let theirs = open.filter(|folder| but != Some(folder));
    Ok(theirs.map(|folder| recover_one(storage, &folder, key)).collect())
}

/// Completes the take in this folder, which nobody writes any more.
pub fn recover_one(storage: &dyn Storage, folder: &Path, key: Option<&Key>) -> Recovered {
    match finish(storage, folder, key) {
        Ok(Some(take)) => Recovered::Take(take),
        Ok(None) => Recovered::Empty(folder.to_owned()),
        Err(error) => Recovered::Left(folder.to_owned(), error),
    }
}

/// Completes one take, if there is anything in it.
fn finish(storage: &dyn Storage, folder: &Path, key: Option<&Key>) -> io::Result<Option<Take>> {
    let mut journal = match Journal::reopen(storage, &folder.join(journal::NAME)) {
        // A kill came before the first line: there is nothing but a folder.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return empty(storage, folder, &[]);
        }
        journal => journal?,
    };
    let lines = journal.entries()?;
    let Some(mut take) = Take::told(folder, &lines) else { return empty(storage, folder, &[]) };
    let files: Vec<String> = std::iter::once(take.file.clone())
        .chain(take.more.drain(..).map(|part| part.file))
        .collect();
    let mut kept = Vec::new();
    let mut lost_ms = Some(0);
    for name in &files {
        let Some(found) = file(storage, folder, name, &take, key)? else { continue };
        take.rate = found.rate;
        lost_ms = lost_ms.zip(found.lost_ms).map(|(before, lost)| before + lost);
        kept.push(Part { file: name.clone(), frames: found.frames });
    }
    if kept.is_empty() {
        return empty(storage, folder, &files);
    }
    let frames = kept.iter().map(|part| part.frames).sum();
    take.file = kept.remove(0).file;
    take.more = kept;
    take.end_at(frames);
    (take.folder, take.recovered, take.lost_ms) = (closed(folder), true, lost_ms);
    let _ = give_room(storage, folder);
    for path in take.paths() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let _ = Progress::remove(storage, folder, &name);
    }
    // Chunks never cost a take: what could not be sealed is in it.
    let sealed = chunks::recover(storage, folder, &lines, take.rate);
    take.chunks = sealed.or_else(|_| chunks::read(storage, folder))?;
    journal.line(
        "recovered",
        json!({ "time": date::text(SystemTime::now()), "frames": frames, "lost_ms": lost_ms }),
    )?;
    let sidecar = folder.join(sidecar::NAME);
    let mut sidecar = match storage.open(&sidecar) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => storage.create(&sidecar)?,
        opened => opened?,
    };
    complete(storage, folder, &mut *sidecar, &take)?;
    Ok(Some(take))
}

/// What is left of a file of audio.
struct Found {
    frames: u64,
    rate: u32,
    lost_ms: Option<u64>,
}

/// Makes a file of a take whole, as far as that can be done. None if there is nothing in
/// it.
fn file(
    storage: &dyn Storage,
    folder: &Path,
    name: &str,
    take: &Take,
    key: Option<&Key>,
) -> io::Result<Option<Found>> {
    let path = folder.join(name);
    let mut medium = match storage.open(&path) {
        // It was to be made, and was not.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let found = if take.sealed {
        count(&mut *medium, key, take.rate)?
    } else {
        let is_plain = take.container.sample_type().is_some();
        whole(storage, folder, name, is_plain, &mut *medium)?
    };
    if found.is_some() {
        medium.sync()?;
    }
    Ok(found)
}

/// Makes audio whole and tells of it, if there is any.
fn whole(
    storage: &dyn Storage,
    folder: &Path,
    name: &str,
    is_plain: bool,
    file: &mut dyn Medium,
) -> io::Result<Option<Found>> {
    let believed = progress::believed(storage, folder, name, file)?;
    if let Some(end) = believed.filter(|_| is_plain) {
        // What a power cut made of the rest, a WAV file would play.
        let len = file.seek(SeekFrom::End(0))?;
        file.set_len(end.min(len))?;
    }
    let mended = repair_behind(file, believed.unwrap_or(0))?;
    match mended.state {
        State::Healthy | State::Repaired if mended.kept_frames > 0 => Ok(Some(Found {
            frames: mended.kept_frames,
            rate: mended.rate,
            lost_ms: mended.lost_ms,
        })),
        // Whatever it is that is in there, it is not ours to throw away, unless it is what
        // a power cut made of the first moments.
        _ if believed.is_some_and(|end| end > NOTHING) => not_repaired(),
        _ => Ok(None),
    }
}

/// What is left of audio that is sealed, and stays so, if there is any.
fn count(file: &mut dyn Medium, key: Option<&Key>, rate: u32) -> io::Result<Option<Found>> {
    let len = file.seek(SeekFrom::End(0))?;
    match sealed::left(file, key)?.filter(|left| left.frames > 0) {
        Some(left) => {
            let lost_ms = left.lost.and_then(|lost| ms(lost, rate));
            Ok(Some(Found { frames: left.frames, rate, lost_ms }))
        }
        None if len > NOTHING => not_repaired(),
        None => Ok(None),
    }
}

fn not_repaired() -> io::Result<Option<Found>> {
    Err(io::Error::other("its audio cannot be repaired"))
}

/// No container needs more bytes than this before its first frame.
const NOTHING: u64 = 4096;

/// Nothing was written in this one: it is nothing to keep. A folder in which there is a
/// sound of whatever kind all the same stays: files of audio that were not looked into,
/// because its journal does not tell of them.
fn empty(storage: &dyn Storage, folder: &Path, seen: &[String]) -> io::Result<Option<Take>> {
    let is_unseen = |name: &&String| name.starts_with("audio") && !seen.contains(name);
    for name in storage.list(folder)?.iter().filter(is_unseen) {
        if storage.open(&folder.join(name))?.seek(SeekFrom::End(0))? > NOTHING {
            return Err(io::Error::other("its journal does not tell of its audio"));
        }
    }
    if !chunks::read(storage, folder)?.is_empty() {
        return Err(io::Error::other("its audio is gone, and its chunks are not"));
    }
    gone(storage, folder)
}

fn gone(storage: &dyn Storage, folder: &Path) -> io::Result<Option<Take>> {
    storage.remove(folder)?;
    Ok(None)
}

/// The take that is open in this folder, without its length, if there is one.
pub(super) fn opened(storage: &dyn Storage, folder: &Path) -> io::Result<Option<Take>> {
    match journal::read(storage, folder) {
        Ok(lines) => Ok(Take::told(folder, &lines)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
