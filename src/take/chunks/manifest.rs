//! The list of the chunks of a take, line by line as they are sealed.

use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tympan_backends::storage::{Medium, Storage};

use super::FOLDER;
use crate::take::{Missing, journal};

/// Its file.
pub(super) const NAME: &str = "manifest.jsonl";

/// The version of its format. It changes when a field changes its meaning or goes.
const VERSION: u64 = 1;

/// A sealed chunk of a take: a file that never changes, to be sent as it is.
///
/// Positions are frames of the take's audio, at its rate. A chunk begins where the one
/// before it ends, unless there was none for a while: what is missing then is in the take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Its number, from 1.
    pub index: u32,
    /// The name of its file, in the folder `chunks` of the take.
    pub file: String,
    /// Its first frame.
    pub first: u64,
    /// Its length, in frames of the take. Its file has its own rate and as much sound.
    pub frames: u64,
    /// The rate of the take's audio, in Hz.
    pub rate: u32,
    /// Where a segment of capture begins in it.
    pub segments: Vec<u64>,
    /// What is missing in it or in front of it, pauses of the user too.
    pub missing: Vec<Missing>,
    /// The length of its file, in bytes.
    pub bytes: u64,
    /// The SHA-256 of its file, in hexadecimal.
    pub sha256: String,
}

impl Chunk {
    /// Its file, in the folder of a take.
    pub fn path(&self, take: &Path) -> PathBuf {
        take.join(FOLDER).join(&self.file)
    }

    /// The frame behind its last one.
    pub fn end(&self) -> u64 {
        self.first.saturating_add(self.frames)
    }

    fn to_json(&self) -> Value {
        json!({
            "v": VERSION,
            "index": self.index,
            "file": self.file,
            "first": self.first,
            "frames": self.frames,
            "rate": self.rate,
            "segments": self.segments,
            "missing": Missing::all_to_json(&self.missing),
            "bytes": self.bytes,
            "sha256": self.sha256,
        })
    }

    /// Reads what [`to_json`](Self::to_json) made. None if it is something else.
    fn from_json(json: &Value) -> Option<Self> {
        if json["v"].as_u64()? != VERSION {
            return None;
        }
        let index = u32::try_from(json["index"].as_u64()?).ok()?;
        let file = json["file"].as_str()?;
        let sha256 = json["sha256"].as_str()?;
        let is_sum = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit());
        let segments = json["segments"].as_array()?.iter().map(Value::as_u64);
        (super::number(file) == Some((index, true)) && is_sum).then_some(Self {
            index,
            file: file.to_owned(),
            first: json["first"].as_u64()?,
            frames: json["frames"].as_u64()?,
            rate: u32::try_from(json["rate"].as_u64()?).ok()?,
            segments: segments.collect::<Option<_>>()?,
            missing: Missing::all_from_json(&json["missing"])?,
            bytes: json["bytes"].as_u64()?,
            sha256: sha256.to_owned(),
        })
    }
}

/// Writes lines.
pub(super) struct Manifest {
    file: Box<dyn Medium>,
    /// Where the next one goes.
    end: u64,
}

impl Manifest {
    /// The one of this take, behind its last whole line; a new one where there is none.
    pub(super) fn of(storage: &dyn Storage, take: &Path) -> io::Result<Self> {
        let folder = take.join(FOLDER);
        storage.create_folder(&folder)?;
        let path = folder.join(NAME);
        let mut file = match storage.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => storage.create(&path)?,
            opened => journal::cut(opened?)?,
        };
        storage.sync_folder(&folder)?;
        storage.sync_folder(take)?;
        let end = file.stream_position()?;
        Ok(Self { file, end })
    }

    /// Adds a chunk, in one write, and for good.
    pub(super) fn add(&mut self, chunk: &Chunk) -> io::Result<()> {
        let line = format!("{}\n", chunk.to_json());
        self.file.write_all(line.as_bytes())?;
        self.file.sync()?;
        self.end += line.len() as u64;
        Ok(())
    }

    /// Takes back a line that could not be added, or not for good.
    pub(super) fn take_back(&mut self) -> io::Result<()> {
        self.file.set_len(self.end)
    }
}

/// The chunks of the take in this folder that are sealed, in order. It may be read while
/// the take is open.
pub(in crate::take) fn read(storage: &dyn Storage, take: &Path) -> io::Result<Vec<Chunk>> {
    let file = match storage.open(&take.join(FOLDER).join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let mut chunks: Vec<Chunk> = Vec::new();
    for line in journal::lines(file)? {
        // Whatever a power cut left there: chunks follow each other.
        let last = chunks.last().map_or((0, 0), |chunk| (chunk.index, chunk.end()));
        let follows = |chunk: &Chunk| {
            chunk.index > last.0
                && chunk.first >= last.1
                && chunk.first.checked_add(chunk.frames).is_some()
        };
        chunks.extend(Chunk::from_json(&Value::Object(line)).filter(follows));
    }
    Ok(chunks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk() -> Chunk {
        Chunk {
            index: 7,
            file: "0007.opus".to_owned(),
            first: 1,
            frames: 2,
            rate: 48_000,
            segments: vec![1, 2],
            missing: vec![Missing { at: 1, ms: 5, cause: "interruption".to_owned() }],
            bytes: 9,
            sha256: "0f".repeat(32),
        }
    }

    #[test]
    fn a_line_says_what_there_was() {
        assert_eq!(Chunk::from_json(&chunk().to_json()), Some(chunk()));
    }

    #[test]
    fn a_line_that_lies_about_itself_is_none() {
        for (key, value) in [
            ("v", json!(2)),
            ("index", json!(8)),
            ("index", json!(-1)),
            ("file", json!("../0007.opus")),
            ("file", json!("0007.opus.part")),
            ("file", json!("0007./../../x")),
            ("sha256", json!("é".repeat(32))),
            ("segments", json!([0.5])),
            ("missing", json!([{}])),
            ("rate", json!(u64::MAX)),
        ] {
            let mut json = chunk().to_json();
            json[key] = value.clone();
            assert_eq!(Chunk::from_json(&json), None, "{key}: {value}");
        }
    }
}
