//! Takes that a process left open because it did not live to complete them.

use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};
use tympan_backends::storage::Storage;
use tympan_backends::wav::WavWriter;
use tympan_core::Format;

use super::Container;
use super::journal::{self, Journal};
use super::open::{OPEN, closed, complete, give_room};
use super::sidecar::{self, Missing, Take};

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
    let container = lines[0]["container"].as_str().and_then(Container::named).unwrap_or_default();
    take.frames = match storage.open(&folder.join(&take.file)) {
        Ok(file) => {
            let format = Format::new(take.rate, take.channels);
            let adopted = WavWriter::adopt(file, &take.file, format, container.sample_type());
            let mut wav = adopted.map_err(io::Error::other)?;
            wav.sync().map_err(io::Error::other)?;
            wav.frames()
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    if take.frames == 0 {
        return empty(storage, folder);
    }
    give_room(storage, folder)?;
    Journal::reopen(storage, folder)?.line("recovered", json!({ "frames": take.frames }))?;
    let sidecar = folder.join(sidecar::NAME);
    let mut sidecar = match storage.open(&sidecar) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => storage.create(&sidecar)?,
        opened => opened?,
    };
    complete(storage, folder, &mut *sidecar, &take)?;
    Ok(true)
}

/// Nothing was written in this one: it is nothing to keep.
fn empty(storage: &dyn Storage, folder: &Path) -> io::Result<bool> {
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
        started: text("started")?,
        rate: u32::try_from(open.get("rate")?.as_u64()?).ok()?,
        channels: u16::try_from(open.get("channels")?.as_u64()?).ok()?,
        frames: 0,
        gaps: marks("gap"),
        pauses: marks("pause"),
        dropped: 0,
        transcript: None,
        recovered: true,
    })
}
