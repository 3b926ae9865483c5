//! What there is to know about a take that is complete, beside its audio.

use std::fmt::Write as _;
use std::io::{self, Read, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tympan_backends::storage::{Medium, Storage};

use super::journal::{self, Entry, Journal};
use super::{Chunk, Container, chunks, date, duration};

/// Its file.
pub(super) const NAME: &str = "take.json";

/// The version of its format. It changes when a field changes its meaning or goes.
const VERSION: u64 = 1;

/// Most of it that is read.
const MOST: u64 = 64 << 20;

/// A take that is complete: a folder with audio and this.
///
/// Positions and lengths are frames of the audio, at its rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Take {
    /// The folder.
    pub folder: PathBuf,
    /// The name of the audio in it.
    pub file: String,
    /// Further files, each the continuation of the one before: a disk did not confirm what
    /// was written to that, and the take went on in a new one.
    pub more: Vec<Part>,
    /// When it began, as in RFC 3339.
    pub started: String,
    /// The microphone.
    pub device: Option<String>,
    /// How the platform's session was used.
    pub profile: Option<String>,
    /// The fingerprint of the graph.
    pub graph: Option<String>,
    /// What the audio is kept in.
    pub container: Container,
    /// The rate of the audio, in Hz.
    pub rate: u32,
    /// Its channels.
    pub channels: u16,
    /// Its length, in frames, of all files together.
    pub frames: u64,
    /// Frames in it that nobody captured: silence with which an encoder was pushed out
    /// at a break.
    pub filled: u64,
    /// Frames at its beginning that were captured before it was asked for.
    pub prewarmed: u64,
    /// What was captured without a break.
    pub segments: Vec<Stretch>,
    /// What is missing in it.
    pub gaps: Vec<Missing>,
    /// Where the user paused.
    pub pauses: Vec<Missing>,
    /// Silence that stands in for what was lost because a disk was slow.
    pub drops: Vec<Stretch>,
    /// Where somebody spoke, by the detector of the graph, if it has one. Of takes that are
    /// sealed it is not written down.
    pub speech: Vec<Stretch>,
    /// What the disk did not confirm: it was there when the take was completed, and a power
    /// cut may have taken it since.
    pub suspect: Vec<Stretch>,
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

/// A further file of a take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name.
    pub file: String,
    /// Its length.
    pub frames: u64,
}

/// A part of a take, from here on so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its first frame.
    pub at: u64,
    /// Its length.
    pub frames: u64,
}

impl Stretch {
    /// From here on, nobody knows yet how far.
    fn open(at: u64) -> Self {
        Self { at, frames: u64::MAX }
    }

    /// The frame behind its last one.
    pub fn end(&self) -> u64 {
        self.at.saturating_add(self.frames)
    }

    fn end_at(&mut self, end: u64) {
        self.frames = self.end().min(end).saturating_sub(self.at);
    }

    fn to_json(self) -> Value {
        json!({ "at": self.at, "frames": self.frames })
    }

    fn from_json(json: &Value) -> Option<Self> {
        Some(Self { at: json["at"].as_u64()?, frames: json["frames"].as_u64()? })
    }

    fn all_to_json(all: &[Self]) -> Value {
        all.iter().map(|stretch| stretch.to_json()).collect()
    }

    /// None at all where there is something else.
    fn all_from_json(json: &Value) -> Vec<Self> {
        json.as_array().into_iter().flatten().filter_map(Self::from_json).collect()
    }
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
    /// The take that a journal tells of, up to where it was told. None where that is no take.
    pub(super) fn told(folder: &Path, entries: &[Entry]) -> Option<Self> {
        let open = entries.first().filter(|entry| is(entry, "open"))?;
        let text = |key: &str| Some(open.get(key)?.as_str()?.to_owned());
        let container = Container::named(&text("container")?)?;
        let captured = u32::try_from(open.get("rate")?.as_u64()?).ok()?;
        let mut take = Self {
            folder: folder.to_owned(),
            file: text("file").filter(|file| is_inside(file))?,
            more: Vec::new(),
            started: text("started")?,
            device: text("device"),
            profile: text("profile"),
            graph: text("graph"),
            container,
            rate: container.plays_at(captured),
            channels: u16::try_from(open.get("channels")?.as_u64()?).ok()?,
            frames: 0,
            filled: 0,
            prewarmed: 0,
            segments: Vec::new(),
            gaps: Vec::new(),
            pauses: Vec::new(),
            drops: Vec::new(),
            speech: Vec::new(),
            suspect: Vec::new(),
            transcript: None,
            sealed: open.get("sealed") == Some(&json!(true)),
            recovered: false,
            lost_ms: None,
            chunks: Vec::new(),
        };
        for entry in &entries[1..] {
            // A line that is none of ours tells nothing.
            let _ = take.hear(&Value::Object(entry.clone()));
        }
        Some(take)
    }

    /// Takes in what a line of the journal tells.
    fn hear(&mut self, entry: &Value) -> Option<()> {
        let at = |entry: &Value| entry["at"].as_u64();
        if let Some(filled) = entry["filled"].as_u64() {
            self.filled = filled;
        }
        match entry["event"].as_str()? {
            "segment" => {
                let at = at(entry)?;
                self.segments.last_mut().into_iter().for_each(|last| last.end_at(at));
                self.segments.push(Stretch::open(at));
            }
            "gap" => self.gaps.push(Missing::from_json(entry)?),
            "pause" => self.pauses.push(Missing::from_json(entry)?),
            "drop" => self.drops.push(Stretch::from_json(entry)?),
            "suspect" => self.suspect.push(Stretch::from_json(entry)?),
            "prewarmed" => self.prewarmed = entry["frames"].as_u64()?,
            "speech_start" => self.speech.push(Stretch::open(at(entry)?)),
            "speech_end" => self.speech.last_mut()?.end_at(at(entry)?),
            "part" => {
                let file = entry["file"].as_str().filter(|file| is_inside(file))?.to_owned();
                self.more.push(Part { file, frames: 0 });
            }
            _ => {}
        }
        Some(())
    }

    /// It ends here, whatever was told: what is behind that is not in it.
    pub(super) fn end_at(&mut self, frames: u64) {
        self.frames = frames;
        for stretches in [&mut self.segments, &mut self.drops, &mut self.speech, &mut self.suspect]
        {
            for stretch in stretches.iter_mut() {
                stretch.end_at(frames);
            }
            stretches.retain(|stretch| stretch.frames > 0);
        }
        for missing in self.gaps.iter_mut().chain(&mut self.pauses) {
            missing.at = missing.at.min(frames);
        }
        self.filled = self.filled.min(frames);
        self.prewarmed = self.prewarmed.min(frames);
    }

    /// The audio. Where there are [more](Self::more) files of it, the first.
    pub fn path(&self) -> PathBuf {
        self.folder.join(&self.file)
    }

    /// All files of the audio, in order.
    pub fn paths(&self) -> Vec<PathBuf> {
        let more = self.more.iter().map(|part| &part.file);
        std::iter::once(&self.file).chain(more).map(|file| self.folder.join(file)).collect()
    }

    /// Frames of the file of this number, from 0.
    pub(super) fn frames_of_file(&self, number: usize) -> u64 {
        let more: u64 = self.more.iter().map(|part| part.frames).sum();
        match number.checked_sub(1) {
            None => self.frames.saturating_sub(more),
            Some(number) => self.more.get(number).map_or(0, |part| part.frames),
        }
    }

    /// Writes down in its journal that this was done to it, or read from it, now: what it is
    /// called, and more about it. Nothing that was written before is changed.
    pub fn note(
        &self,
        storage: &dyn Storage,
        event: &str,
        about: &[(&str, &str)],
    ) -> io::Result<()> {
        let mut line = json!({ "time": date::text(SystemTime::now()) });
        for (key, value) in about {
            line[*key] = json!(value);
        }
        let mut journal = Journal::reopen(storage, &self.folder.join(journal::NAME))?;
        journal.line(event, line)?;
        journal.sync()
    }

    /// How many frames were lost because a disk was slow.
    pub fn dropped(&self) -> u64 {
        self.drops.iter().map(|drop| drop.frames).sum()
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
        duration(self.frames, self.rate)
    }

    /// As JSON.
    pub(super) fn to_json(&self) -> Value {
        let more = self.more.iter().map(|part| json!({ "file": part.file, "frames": part.frames }));
        json!({
            "v": VERSION,
            "started": self.started,
            "device": self.device,
            "profile": self.profile,
            "graph": self.graph,
            "audio": {
                "file": self.file,
                "more": more.collect::<Value>(),
                "container": self.container.name(),
                "rate": self.rate,
                "channels": self.channels,
                "frames": self.frames,
                "sealed": self.sealed,
            },
            "filled": self.filled,
            "prewarmed": self.prewarmed,
            "segments": Stretch::all_to_json(&self.segments),
            "gaps": Missing::all_to_json(&self.gaps),
            "pauses": Missing::all_to_json(&self.pauses),
            "drops": Stretch::all_to_json(&self.drops),
            "speech": Stretch::all_to_json(&self.speech),
            "suspect": Stretch::all_to_json(&self.suspect),
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
        let text = |of: &Value| of.as_str().map(str::to_owned);
        let more = audio["more"].as_array().into_iter().flatten().map(|part| {
            let file = part["file"].as_str().filter(|file| is_inside(file))?.to_owned();
            Some(Part { file, frames: part["frames"].as_u64()? })
        });
        Some(Self {
            folder: folder.to_owned(),
            file: text(&audio["file"]).filter(|file| is_inside(file))?,
            more: more.collect::<Option<_>>()?,
            started: text(&json["started"])?,
            device: text(&json["device"]),
            profile: text(&json["profile"]),
            graph: text(&json["graph"]),
            container: Container::named(audio["container"].as_str()?)?,
            rate: u32::try_from(audio["rate"].as_u64()?).ok()?,
            channels: u16::try_from(audio["channels"].as_u64()?).ok()?,
            frames: audio["frames"].as_u64()?,
            filled: json["filled"].as_u64()?,
            prewarmed: json["prewarmed"].as_u64().unwrap_or(0),
            segments: Stretch::all_from_json(&json["segments"]),
            gaps: Missing::all_from_json(&json["gaps"])?,
            pauses: Missing::all_from_json(&json["pauses"])?,
            drops: Stretch::all_from_json(&json["drops"]),
            speech: Stretch::all_from_json(&json["speech"]),
            suspect: Stretch::all_from_json(&json["suspect"]),
            transcript: text(&json["transcript"]),
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

/// Whether a line of the journal tells of this.
pub(super) fn is(entry: &Entry, event: &str) -> bool {
    entry.get("event").and_then(Value::as_str) == Some(event)
}

/// Nothing outside the folder is part of a take.
fn is_inside(file: &str) -> bool {
    Path::new(file).file_name().is_some_and(|name| name == file)
}
