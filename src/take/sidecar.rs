//! What there is to know about a take that is complete, beside its audio.

use std::fmt::Write as _;
use std::io::{self, Read, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tympan_backends::storage::{Medium, Storage};

use super::{Chunk, Container, chunks};

/// Its file.
pub(super) const NAME: &str = "take.json";

/// The version of its format. It changes when a field changes its meaning or goes.
const VERSION: u64 = 1;

/// Most of it that is read.
const MOST: u64 = 64 << 20;

/// A take that is complete: a folder with audio and this.
#[derive(Clone, Debug, PartialEq)]
pub struct Take {
    /// The folder.
    pub folder: PathBuf,
    /// The name of the audio in it.
    pub file: String,
    /// When it began, as in RFC 3339.
    pub started: String,
    /// What the audio is kept in.
    pub container: Container,
    /// The rate of the audio, in Hz.
    pub rate: u32,
    /// Its channels.
    pub channels: u16,
    /// Its length, in frames.
    pub frames: u64,
    /// Frames in it that nobody captured: silence with which an encoder was pushed out
    /// at a break.
    pub filled: u64,
    /// What is missing in it.
    pub gaps: Vec<Missing>,
    /// Where the user paused.
    pub pauses: Vec<Missing>,
    /// Frames lost because a disk was slow; silence stands in for them.
    pub dropped: u64,
    /// What was said, if somebody listened. In a take that is sealed it is sealed too, and
    /// only there: the recorder that made the take tells it, and [`unseal`](super::unseal).
    pub transcript: Option<String>,
    /// The audio is sealed with a key: [`export`](super::export) opens it.
    pub sealed: bool,
    /// The process that made it did not live to complete it.
    pub recovered: bool,
    /// How much of what was on disk could not be kept when it was completed by another
    /// process, where that is known.
    pub lost_ms: Option<u64>,
    /// The same as sealed files, if [chunks](super::Chunks) were wanted.
    pub chunks: Vec<Chunk>,
}

/// A place in a take where time went by and nothing was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The frame before which it lies.
    pub at: u64,
    /// How long, on the wall.
    pub ms: u64,
    /// Why, in a word.
    pub cause: String,
}

impl Missing {
    pub(super) fn to_json(&self) -> Value {
        json!({ "at": self.at, "ms": self.ms, "cause": self.cause })
    }

    /// None if it is something else.
    pub(super) fn from_json(json: &Value) -> Option<Self> {
        let (at, ms) = (json["at"].as_u64()?, json["ms"].as_u64()?);
        Some(Self { at, ms, cause: json["cause"].as_str()?.to_owned() })
    }

    pub(super) fn all_to_json(all: &[Self]) -> Value {
        all.iter().map(Self::to_json).collect()
    }

    pub(super) fn all_from_json(json: &Value) -> Option<Vec<Self>> {
        json.as_array()?.iter().map(Self::from_json).collect()
    }
}

impl Take {
    /// The audio.
    pub fn path(&self) -> PathBuf {
        self.folder.join(&self.file)
    }

    /// The audio, as a URI.
    pub fn uri(&self) -> String {
        let path = std::path::absolute(self.path()).unwrap_or_else(|_| self.path());
        let mut uri = "file://".to_owned();
        if !path.has_root() || cfg!(windows) {
            uri.push('/');
        }
        for byte in path.to_string_lossy().replace('\\', "/").bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                    uri.push(char::from(byte));
                }
                other => {
                    // Writing to a string cannot fail.
                    let _ = write!(uri, "%{other:02X}");
                }
            }
        }
        uri
    }

    /// How much audio it holds.
    pub fn duration(&self) -> Duration {
        let nanos = u128::from(self.frames) * 1_000_000_000 / u128::from(self.rate.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// As JSON.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "v": VERSION,
            "started": self.started,
            "audio": {
                "file": self.file,
                "container": self.container.name(),
                "rate": self.rate,
                "channels": self.channels,
                "frames": self.frames,
                "sealed": self.sealed,
            },
            "filled": self.filled,
            "gaps": Missing::all_to_json(&self.gaps),
            "pauses": Missing::all_to_json(&self.pauses),
            "dropped": self.dropped,
            "transcript": self.transcript,
            "recovered": self.recovered,
            "lost_ms": self.lost_ms,
        })
    }

    /// Reads what [`to_json`](Self::to_json) made. None if it is something else.
    pub(super) fn from_json(folder: &Path, json: &Value) -> Option<Self> {
        if json["v"].as_u64()? != VERSION {
            return None;
        }
        let audio = &json["audio"];
        let file = audio["file"].as_str()?;
        // Nothing outside the folder is part of a take.
        let inside = Path::new(file).file_name().is_some_and(|name| name == file);
        inside.then_some(Self {
            folder: folder.to_owned(),
            file: file.to_owned(),
            container: Container::named(audio["container"].as_str()?)?,
            started: json["started"].as_str()?.to_owned(),
            rate: u32::try_from(audio["rate"].as_u64()?).ok()?,
            channels: u16::try_from(audio["channels"].as_u64()?).ok()?,
            frames: audio["frames"].as_u64()?,
            filled: json["filled"].as_u64()?,
            gaps: Missing::all_from_json(&json["gaps"])?,
            pauses: Missing::all_from_json(&json["pauses"])?,
            dropped: json["dropped"].as_u64()?,
            transcript: json["transcript"].as_str().map(str::to_owned),
            sealed: audio["sealed"].as_bool().unwrap_or(false),
            recovered: json["recovered"].as_bool()?,
            lost_ms: json["lost_ms"].as_u64(),
            // They are in a file of their own.
            chunks: Vec::new(),
        })
    }

    /// Writes it into its file, which is open already: on a phone that is locked by now no
    /// other could be opened.
    pub(super) fn write(&self, file: &mut dyn Medium) -> io::Result<()> {
        let mut json = self.to_json();
        if self.sealed {
            json["transcript"] = Value::Null;
        }
        let mut text = serde_json::to_string_pretty(&json)?;
        text.push('\n');
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(text.as_bytes())?;
        file.sync()
    }

    /// Reads the take in this folder. None where there is none.
    pub(super) fn read(storage: &dyn Storage, folder: &Path) -> io::Result<Option<Self>> {
        let mut text = Vec::new();
        match storage.open(&folder.join(NAME)) {
            // Neither a folder without one nor a file is a take.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            file => file?.take(MOST).read_to_end(&mut text)?,
        };
        let json = serde_json::from_slice(&text).ok();
        let Some(mut take) = json.and_then(|json: Value| Self::from_json(folder, &json)) else {
            return Ok(None);
        };
        take.chunks = chunks::read(storage, folder)?;
        Ok(Some(take))
    }
}
