//! Chunks that a process left unlisted because it did not live to list them.

use std::io;
use std::path::Path;

use serde_json::{Value, json};
use tympan_backends::storage::Storage;

use super::manifest::{self, Chunk, Manifest};
use super::part::{named, sum};
use super::{FOLDER, number, part};
use crate::take::journal::Entry;
use crate::take::repair::{State, repair as mend};
use crate::take::{Missing, in_rate};

/// Lists every chunk of a take that is finished, and finishes those that are not; all of
/// them, in order. `lines` are the take's journal, and `rate` is that of its audio.
///
/// A chunk that is listed is not touched. A step that was done is not done again, so that
/// a kill in between costs nothing.
pub(in crate::take) fn recover(
    storage: &dyn Storage,
    take: &Path,
    lines: &[Entry],
    rate: u32,
) -> io::Result<Vec<Chunk>> {
    let mut chunks = manifest::read(storage, take)?;
    let mut files: Vec<(u32, bool, String)> = storage
        .list(&take.join(FOLDER))?
        .into_iter()
        .filter_map(|file| number(&file).map(|(index, sealed)| (index, sealed, file)))
        .filter(|(index, ..)| chunks.last().is_none_or(|last| *index > last.index))
        .collect();
    if files.is_empty() {
        return Ok(chunks);
    }
    // By number, and what is sealed before what is not.
    files.sort_by_key(|(index, sealed, _)| (*index, !sealed));
    let mut manifest = Manifest::of(storage, take)?;
    for (index, _, file) in files {
        let last = chunks.last();
        if last.is_some_and(|last| last.index >= index) {
            continue;
        }
        let behind = last.map_or(0, Chunk::end);
        let first = told(lines, index).unwrap_or(behind).max(behind);
        if let Some(chunk) = sealed(storage, take, (index, file), lines, (first, rate))? {
            manifest.add(&chunk)?;
            chunks.push(chunk);
        }
    }
    Ok(chunks)
}

/// Where the journal says that a chunk begins.
fn told(lines: &[Entry], index: u32) -> Option<u64> {
    let is = |line: &&Entry| {
        line.get("event") == Some(&json!("chunk")) && line.get("index") == Some(&json!(index))
    };
    lines.iter().rfind(is)?.get("first")?.as_u64()
}

/// Repairs a chunk and gives it its name. None if nothing is in it.
fn sealed(
    storage: &dyn Storage,
    take: &Path,
    (index, file): (u32, String),
    lines: &[Entry],
    (first, rate): (u64, u32),
) -> io::Result<Option<Chunk>> {
    let path = take.join(FOLDER).join(&file);
    let mut medium = storage.open(&path)?;
    let mended = mend(&mut *medium)?;
    let whole = matches!(mended.state, State::Healthy | State::Repaired);
    if !whole || mended.kept_frames == 0 {
        // Nothing can be heard in it; what was is in the take.
        drop(medium);
        storage.remove(&path)?;
        return Ok(None);
    }
    medium.sync()?;
    let (bytes, sha256) = sum(&mut *medium)?;
    let name = file.strip_suffix(part::PART).unwrap_or(&file).to_owned();
    if name != file {
        named(storage, &path, &path.with_file_name(&name))?;
    }
    let frames = in_rate(mended.kept_frames, mended.rate, rate);
    let (mut segments, mut missing) = (Vec::new(), Vec::new());
    for line in lines.iter().cloned().map(Value::Object) {
        let here = line["at"].as_u64().filter(|at| (first..first + frames).contains(at));
        match (line["event"].as_str(), here) {
            (Some("segment"), Some(at)) => segments.push(at),
            (Some("gap" | "pause"), Some(_)) => missing.extend(Missing::from_json(&line)),
            _ => {}
        }
    }
    Ok(Some(Chunk { index, file: name, first, frames, rate, segments, missing, bytes, sha256 }))
}
