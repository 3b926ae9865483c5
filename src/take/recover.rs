//! Takes that a process left open because it did not live to complete them.

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tympan_backends::storage::{Medium, Storage};

use super::journal::{self, Journal};
use super::opened::{OPEN, closed, complete, give_room};
use super::progress::{self, Progress};
use super::repair::{State, ms, repair};
use super::sealed::{self, Key};
use super::sidecar::{self, Missing, Take};
use super::{Container, chunks};

/// What became of a take that was open.
#[derive(Debug)]
#[non_exhaustive]
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
    let Some(mut take) = opened(storage, folder)? else {
        return empty(storage, folder);
    };
    take.folder = closed(folder);
    let mut file = match storage.open(&folder.join(&take.file)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return empty(storage, folder),
        opened => opened?,
    };
    let is_kept = if take.sealed {
        count(&mut *file, key, &mut take)?
    } else {
        whole(storage, folder, &mut *file, &mut take)?
    };
    if !is_kept {
        return remove(storage, folder);
    }
    file.sync()?;
    let _ = give_room(storage, folder);
    let _ = Progress::remove(storage, folder);
    // Chunks never cost a take: what could not be sealed is in it.
    let lines = journal::read(storage, folder)?;
    let sealed = chunks::recover(storage, folder, &lines, take.rate);
    take.chunks = sealed.or_else(|_| chunks::read(storage, folder))?;
    Journal::reopen(storage, folder)?.line("recovered", json!({ "frames": take.frames }))?;
    let sidecar = folder.join(sidecar::NAME);
    let mut sidecar = match storage.open(&sidecar) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => storage.create(&sidecar)?,
        opened => opened?,
    };
    complete(storage, folder, &mut *sidecar, &take)?;
    Ok(Some(take))
}

/// Makes audio whole and tells the take of it; whether there is any.
fn whole(
    storage: &dyn Storage,
    folder: &Path,
    file: &mut dyn Medium,
    take: &mut Take,
) -> io::Result<bool> {
    let believed = progress::believed(storage, folder, file)?;
    if let Some(end) = believed.filter(|_| take.container.sample_type().is_some()) {
        // What a power cut made of the rest, a WAV file would play.
        let len = file.seek(SeekFrom::End(0))?;
        file.set_len(end.min(len))?;
    }
    let mended = repair(file)?;
    (take.frames, take.rate, take.lost_ms) = (mended.kept_frames, mended.rate, mended.lost_ms);
    match mended.state {
        State::Healthy | State::Repaired if mended.kept_frames > 0 => Ok(true),
        // Whatever it is that is in there, it is not ours to throw away, unless it is what
        // a power cut made of the first moments.
        _ if believed.is_some_and(|end| end > NOTHING) => not_repaired(),
        _ => Ok(false),
    }
}

/// Tells the take what is left of audio that is sealed, and stays so; whether there is any.
fn count(file: &mut dyn Medium, key: Option<&Key>, take: &mut Take) -> io::Result<bool> {
    let len = file.seek(SeekFrom::End(0))?;
    let left = sealed::left(file, key)?.filter(|left| left.frames > 0);
    let Some(left) = left else {
        return if len > NOTHING { not_repaired() } else { Ok(false) };
    };
    take.frames = left.frames;
    take.lost_ms = left.lost.and_then(|lost| ms(lost, take.rate));
    Ok(true)
}

fn not_repaired() -> io::Result<bool> {
    Err(io::Error::other("its audio cannot be repaired"))
}

/// No container needs more bytes than this before its first frame.
const NOTHING: u64 = 4096;

/// Nothing was written in this one: it is nothing to keep. A folder in which there is a
/// sound of whatever kind all the same stays.
fn empty(storage: &dyn Storage, folder: &Path) -> io::Result<Option<Take>> {
    for name in storage.list(folder)?.iter().filter(|name| name.starts_with("audio.")) {
        if storage.open(&folder.join(name))?.seek(SeekFrom::End(0))? > NOTHING {
            return Err(io::Error::other("its journal is lost, and its audio is not"));
        }
    }
    if !chunks::read(storage, folder)?.is_empty() {
        return Err(io::Error::other("its audio is gone, and its chunks are not"));
    }
    remove(storage, folder)
}

fn remove(storage: &dyn Storage, folder: &Path) -> io::Result<Option<Take>> {
    storage.remove(folder)?;
    Ok(None)
}

/// The take that is open in this folder, without its length. None where a kill came before
/// the first line: then there is nothing but a folder.
pub(super) fn opened(storage: &dyn Storage, folder: &Path) -> io::Result<Option<Take>> {
    match journal::read(storage, folder) {
        Ok(lines) => Ok(described(folder, &lines)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The take that a journal tells of, without its length.
fn described(folder: &Path, lines: &[Map<String, Value>]) -> Option<Take> {
    let open = lines.first().filter(|line| line.get("event") == Some(&json!("open")))?;
    let marks = |event: &str| {
        let those = lines.iter().filter(|line| line.get("event") == Some(&json!(event)));
        let mark = |line: &Map<String, Value>| {
            let number = |key: &str| line.get(key)?.as_u64();
            let cause = line.get("cause")?.as_str()?.to_owned();
            Some(Missing { at: number("at")?, ms: number("ms")?, cause })
        };
        those.filter_map(mark).collect()
    };
    let text = |key: &str| Some(open.get(key)?.as_str()?.to_owned());
    let container = Container::named(&text("container")?)?;
    let captured = u32::try_from(open.get("rate")?.as_u64()?).ok()?;
    let file = text("file")?;
    // Nothing outside the folder is part of a take.
    let inside = Path::new(&file).file_name().is_some_and(|name| name == file.as_str());
    inside.then_some(())?;
    Some(Take {
        folder: folder.to_owned(),
        file,
        container,
        started: text("started")?,
        rate: container.plays_at(captured),
        channels: u16::try_from(open.get("channels")?.as_u64()?).ok()?,
        frames: 0,
        filled: 0,
        gaps: marks("gap"),
        pauses: marks("pause"),
        dropped: 0,
        transcript: None,
        sealed: open.get("sealed") == Some(&json!(true)),
        recovered: true,
        lost_ms: None,
        chunks: Vec::new(),
    })
}
