//! Takes that a process left open because it did not live to complete them.

use std::io::{self, SeekFrom};
use std::path::Path;

use serde_json::{Map, Value, json};
use tympan_backends::storage::Storage;

use super::journal::{self, Journal};
use super::open::{OPEN, closed, complete, give_room};
use super::repair::{State, repair as mend};
use super::sidecar::{self, Missing, Take};
use super::{Container, chunks};

/// Completes every open take in this folder but the one named, and says how many there
/// were with anything in them. What cannot be opened now is left for another time.
pub(super) fn recover(storage: &dyn Storage, recordings: &Path, but: Option<&Path>) -> u32 {
    let names = storage.list(recordings).unwrap_or_default();
    let open = names.iter().filter(|name| name.ends_with(OPEN)).map(|name| recordings.join(name));
    open.filter(|folder| but != Some(folder))
        .map(|folder| u32::from(repair(storage, &folder).is_ok_and(|kept| kept)))
        .sum()
}

/// Completes one take; whether there was anything in it.
fn repair(storage: &dyn Storage, folder: &Path) -> io::Result<bool> {
    let lines = match journal::read(storage, folder) {
        Ok(lines) => lines,
        // Killed before the first line: there is nothing but a folder.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let Some(mut take) = described(folder, &lines) else {
        return empty(storage, folder);
    };
    let mut file = match storage.open(&folder.join(&take.file)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return empty(storage, folder),
        opened => opened?,
    };
    let mended = mend(&mut *file)?;
    match mended.state {
        State::Healthy | State::Repaired if mended.kept_frames > 0 => {}
        // Whatever it is that is in there, it is not ours to throw away.
        _ if file.seek(SeekFrom::End(0))? > NOTHING => {
            return Err(io::Error::other("its audio cannot be repaired"));
        }
        _ => return empty(storage, folder),
    }
    file.sync()?;
    (take.frames, take.rate, take.lost_ms) = (mended.kept_frames, mended.rate, mended.lost_ms);
    give_room(storage, folder)?;
    // Chunks never cost a take: what could not be sealed is in it.
    let sealed = chunks::recover(storage, folder, &lines, take.rate);
    take.chunks = sealed.or_else(|_| chunks::read(storage, folder))?;
    Journal::reopen(storage, folder)?.line("recovered", json!({ "frames": take.frames }))?;
    let sidecar = folder.join(sidecar::NAME);
    let mut sidecar = match storage.open(&sidecar) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => storage.create(&sidecar)?,
        opened => opened?,
    };
    complete(storage, folder, &mut *sidecar, &take)?;
    Ok(true)
}

/// No container needs more bytes than this before its first frame.
const NOTHING: u64 = 4096;

/// Nothing was written in this one: it is nothing to keep.
fn empty(storage: &dyn Storage, folder: &Path) -> io::Result<bool> {
    if !chunks::read(storage, folder)?.is_empty() {
        return Err(io::Error::other("its audio is gone, and its chunks are not"));
    }
    storage.remove(folder)?;
    Ok(false)
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
    Some(Take {
        folder: closed(folder),
        file: text("file")?,
        container: Container::named(&text("container")?)?,
        started: text("started")?,
        rate: u32::try_from(open.get("rate")?.as_u64()?).ok()?,
        channels: u16::try_from(open.get("channels")?.as_u64()?).ok()?,
        frames: 0,
        gaps: marks("gap"),
        pauses: marks("pause"),
        dropped: 0,
        transcript: None,
        recovered: true,
        lost_ms: None,
        chunks: Vec::new(),
    })
}
