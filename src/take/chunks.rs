//! A take as numbered files that can be sent while it is recorded.
//!
//! While a take is open, sealed chunks of it gather in its folder:
//!
//! ```text
//! 20260711T101500000Z.open/
//!     audio.m4a
//!     chunks/
//!         0001.opus           sealed: it never changes
//!         0002.opus
//!         0003.opus.part      being written
//!         manifest.jsonl      a line per sealed chunk
//! ```
//!
//! Sealing finishes the file, syncs it, gives it its name, and then writes its line: what is
//! in the manifest is there, and what is not listed yet is listed by recovery after a kill.
//!
//! Chunks never cost audio: where one cannot be begun, there is none for a while, and where
//! writing fails, there are no more, so that what room there is goes to the take.
//!
//! | file | holds |
//! |---|---|
//! | `cut` | where a chunk ends |
//! | `part` | a chunk that is being written |
//! | `manifest` | the list of those that are sealed |
//! | `recover` | what is done about chunks after a kill |

mod cut;
mod manifest;
mod part;
mod recover;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tympan_backends::BackendError;
use tympan_backends::storage::{Medium, Storage};
use tympan_core::Format;

use self::cut::Cut;
use self::manifest::Manifest;
use self::part::Part;
use super::journal::Journal;
use super::opened::News;
use super::{Container, Missing, in_rate};

pub use self::manifest::Chunk;
pub(super) use self::manifest::read;
pub(super) use self::recover::recover;

/// The folder of chunks in that of the take.
pub(super) const FOLDER: &str = "chunks";

/// How takes are kept as chunks too: sealed files that can be sent while more is recorded.
///
/// One chunk is one file, is one request. It can be decoded without the others, has as many
/// frames as it says, to the sample, and never changes. All of them one behind the other are
/// the take. After a kill the last one may end some 100 ms before or behind the take, which
/// was written beside it.
///
/// A chunk is sealed when it is long enough, at every break of capture, so that what was said
/// before a call can be sent during it, and at the end of the take. They are in the folder
/// `chunks` of the take, as `0001.opus` and so on, with a line for each in `manifest.jsonl`:
/// see [`Chunk`] and [`chunks`](super::chunks()).
///
/// Their files are made while a phone may be locked. So they need a protection class that
/// lets files be created and opened then: on iOS `completeUntilFirstUserAuthentication`.
/// Where that is refused, it is told, and there is no chunk until the next break or until
/// their length later. Where writing fails, as on a full disk, it is told, and there are no
/// further chunks of this take. The take goes on in both cases, and holds what they miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunks {
    /// How long a chunk is, unless a break of capture or the end of the take comes before:
    /// from a second to an hour.
    pub length: Duration,
    /// Whether a chunk ends only where it is quiet: behind the first 20 ms, once it is as
    /// long as it should be, that are within 3 dB of the quietest 20 ms in it. The longer
    /// it takes, the louder they may be; no chunk is longer than twice its length.
    pub at_silences: bool,
    /// What they are kept in, whatever the take is.
    pub format: Container,
}

/// Chunks of 30 s, cut to the frame, in the container that takes have by default.
impl Default for Chunks {
    fn default() -> Self {
        let length = Duration::from_secs(30);
        Self { length, at_silences: false, format: Container::default() }
    }
}

/// Cuts a take into chunks while it is written.
pub(super) struct Chunker {
    storage: Arc<dyn Storage>,
    /// The take's.
    folder: PathBuf,
    plan: Chunks,
    /// Of what comes, and the rate of the take's audio.
    format: Format,
    rate: u32,
    /// Open from the first chunk to the last.
    manifest: Option<Manifest>,
    part: Option<(Part, Cut)>,
    rest: Rest,
    /// Frames of the take so far, at the rate of what comes.
    at: u64,
    /// What was told since the last chunk was sealed.
    segments: Vec<u64>,
    missing: Vec<Missing>,
    sealed: Vec<Chunk>,
    news: Vec<News>,
}

/// Why no chunk is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    No,
    /// None could be begun: not before this frame, or a border.
    Until(u64),
    /// Writing failed: not in this take.
    Ever,
}

impl Chunker {
    /// For the take in this folder, made of audio of this format and kept at this rate.
    pub(super) fn new(
        storage: &Arc<dyn Storage>,
        folder: PathBuf,
        plan: Chunks,
        format: Format,
        rate: u32,
    ) -> Self {
        Self {
            storage: storage.clone(),
            folder,
            plan,
            format,
            rate,
            manifest: None,
            part: None,
            rest: Rest::No,
            at: 0,
            segments: Vec::new(),
            missing: Vec::new(),
            sealed: Vec::new(),
            news: Vec::new(),
        }
    }

    /// What goes into the take goes here too.
    pub(super) fn samples(&mut self, mut samples: &[f32], journal: &mut Journal) {
        let channels = usize::from(self.format.channels);
        while !samples.is_empty() {
            let frames = self.some(samples, journal);
            self.at += frames as u64;
            samples = &samples[frames * channels..];
            if self.part.as_ref().is_some_and(|(_, cut)| cut.ends()) {
                self.seal();
            }
        }
    }

    /// Writes what belongs to the chunk at hand; how many frames that were.
    fn some(&mut self, samples: &[f32], journal: &mut Journal) -> usize {
        let channels = usize::from(self.format.channels);
        if self.part.is_none() && self.may_begin() {
            self.begin(journal);
        }
        let Some((part, cut)) = &mut self.part else { return samples.len() / channels };
        let frames = cut.hear(samples);
        if let Err(error) = part.samples(&samples[..frames * channels]) {
            self.stop(&error.message);
        }
        frames
    }

    fn may_begin(&self) -> bool {
        match self.rest {
            Rest::No => true,
            Rest::Until(frame) => self.at >= frame,
            Rest::Ever => false,
        }
    }

    fn begin(&mut self, journal: &mut Journal) {
        let path = self.folder.join(FOLDER).join(name(self.next(), self.plan.format));
        match self.opened(&path) {
            Ok(medium) => match self.begun(medium, &path, journal) {
                Ok(part) => {
                    let cut = Cut::new(self.plan.length, self.plan.at_silences, self.format);
                    (self.part, self.rest) = (Some((part, cut)), Rest::No);
                }
                Err(error) => {
                    let _ = self.storage.remove(&Part::name(&path));
                    self.stop(&error.message);
                }
            },
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                self.stop(&error.to_string());
            }
            Err(error) => self.refused(&error),
        }
    }

    fn opened(&mut self, path: &Path) -> io::Result<Box<dyn Medium>> {
        if self.manifest.is_none() {
            self.manifest = Some(Manifest::of(&*self.storage, &self.folder)?);
        }
        self.storage.create(&Part::name(path))
    }

    fn begun(
        &self,
        medium: Box<dyn Medium>,
        path: &Path,
        journal: &mut Journal,
    ) -> Result<Part, BackendError> {
        // Where it belongs, for a successor that finds it without its line.
        let place = json!({ "index": self.next(), "first": self.in_take(self.at) });
        let told = journal.line("chunk", place).and_then(|()| journal.sync());
        told.map_err(|error| not_written(path, &error))?;
        Part::begin(self.plan.format, medium, path.to_owned(), self.format)
    }

    fn refused(&mut self, error: &io::Error) {
        self.rest = Rest::Until(self.at + cut::frames(self.plan.length, self.format.rate));
        self.news.push(News::Trouble(format!(
            "chunk {} could not be begun: {error}; the take goes on, and chunks are tried again \
             at its next border or in {:?}",
            self.next(),
            self.plan.length
        )));
    }

    /// The number of the chunk at hand.
    fn next(&self) -> u32 {
        self.sealed.len() as u32 + 1
    }

    /// Frames of what comes as frames of the take.
    fn in_take(&self, frames: u64) -> u64 {
        in_rate(frames, self.format.rate, self.rate)
    }

    /// Completes the chunk at hand, if there is one.
    fn seal(&mut self) {
        let Some((mut part, cut)) = self.part.take() else { return };
        let sealed = part.seal(&*self.storage);
        let listed = match sealed {
            Ok(sum) => self.list(cut.frames(), sum),
            Err(error) => {
                part.discard(&*self.storage);
                Err(error)
            }
        };
        if let Err(error) = listed {
            self.stop(&error.message);
        }
    }

    /// Writes the line of a chunk that is sealed.
    fn list(&mut self, frames: u64, (bytes, sha256): (u64, String)) -> Result<(), BackendError> {
        let (index, first) = (self.next(), self.in_take(self.at - frames));
        let chunk = Chunk {
            index,
            file: name(index, self.plan.format),
            first,
            frames: self.in_take(self.at) - first,
            rate: self.rate,
            segments: std::mem::take(&mut self.segments),
            missing: std::mem::take(&mut self.missing),
            bytes,
            sha256,
        };
        let path = chunk.path(&self.folder);
        let Some(manifest) = &mut self.manifest else { return Ok(()) };
        if let Err(error) = manifest.add(&chunk) {
            // What is not listed is no chunk; if its line stays, it stays too.
            if manifest.take_back().is_ok() {
                let _ = self.storage.remove(&path);
            }
            return Err(not_written(&path, &error));
        }
        self.sealed.push(chunk.clone());
        self.news.push(News::Sealed(chunk));
        Ok(())
    }

    /// Writing failed: what room there is belongs to the take.
    fn stop(&mut self, why: &str) {
        if let Some((part, _)) = self.part.take() {
            part.discard(&*self.storage);
        }
        self.rest = Rest::Ever;
        self.news.push(News::Trouble(format!(
            "there are no further chunks of this take behind number {}: {why}; the take itself \
             goes on",
            self.sealed.len()
        )));
    }

    /// A segment begins at the next frame.
    pub(super) fn segment(&mut self) {
        self.segments.push(self.in_take(self.at));
    }

    /// Something is missing.
    pub(super) fn missing(&mut self, missing: &Missing) {
        self.missing.push(missing.clone());
    }

    /// Capture breaks off: everything so far can be sent, and nothing of it stays here.
    pub(super) fn border(&mut self) {
        self.seal();
        if matches!(self.rest, Rest::Until(_)) {
            self.rest = Rest::No;
        }
    }

    /// Hands everything to the system.
    pub(super) fn flush(&mut self) {
        let flushed = self.part.as_mut().map_or(Ok(()), |(part, _)| part.flush());
        if let Err(error) = flushed {
            self.stop(&error.message);
        }
    }

    /// What is to be told since it was asked last.
    pub(super) fn news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// Everything that was sealed.
    pub(super) fn sealed(self) -> Vec<Chunk> {
        self.sealed
    }
}

fn not_written(path: &Path, error: &io::Error) -> BackendError {
    BackendError::not_created(&path.display().to_string(), error)
}

/// The name of a sealed chunk.
fn name(index: u32, container: Container) -> String {
    format!("{index:04}.{}", container.extension())
}

/// The number of a chunk by the name of its file, and whether it is sealed.
fn number(file: &str) -> Option<(u32, bool)> {
    let sealed = file.strip_suffix(part::PART);
    let (digits, extension) = sealed.unwrap_or(file).split_once('.')?;
    let index = digits.parse().ok()?;
    let ours = Container::ALL.iter().any(|container| container.extension() == extension);
    (ours && digits == format!("{index:04}")).then_some((index, sealed.is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_numbers_and_nothing_else_does() {
        for index in [0, 1, 9999, 10_000, u32::MAX] {
            for container in Container::ALL {
                let name = name(index, container);
                assert_eq!(number(&name), Some((index, true)));
                assert_eq!(number(&format!("{name}.part")), Some((index, false)));
            }
        }
        for other in ["1.wav", "+001.wav", "0001", "0001.txt", "0001.wav/..", "00001.wav", ".wav"] {
            assert_eq!(number(other), None, "{other}");
        }
    }
}
