//! A take that is being written.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::json;
use tympan_backends::BackendError;
use tympan_backends::storage::{Medium, Storage};
use tympan_core::session::{Gap, GapPolicy, Ms};
use tympan_core::{Format, Header};

use super::audio::Audio;
use super::chunks::{Chunker, Chunks, News};
use super::journal::Journal;
use super::progress::Progress;
use super::sealed::{self, Key, Sealer};
use super::sidecar::{self, Missing, Take};
use super::{Container, date, in_rate};

/// What the names of open takes end with.
pub(super) const OPEN: &str = ".open";

/// After so much audio it is handed to the system, and after so much time it is to
/// survive a power cut.
const FLUSH_MS: u64 = 80;
const SYNC_MS: Ms = 500;

/// Room that is kept for what makes a take complete, for when the disk is full.
const RESERVE: (&str, usize) = ("reserve", 64 * 1024);

/// Marks of time are as exact as this; borders of segments are exact.
const NEAR_MS: u64 = 60;

/// How a take is to be.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) container: Container,
    pub(crate) gaps: GapPolicy,
    /// Whether it is kept as chunks too, and how.
    pub(crate) chunks: Option<Chunks>,
    /// The audio that comes.
    pub(crate) format: Format,
    /// What it is made with, for the journal.
    pub(crate) made_with: serde_json::Value,
    /// What it is sealed with.
    pub(crate) key: Option<Key>,
}

/// One take, from its first frame to its last.
pub(super) struct OpenTake {
    storage: Arc<dyn Storage>,
    plan: Plan,
    /// The name of its audio.
    file: String,
    folder: PathBuf,
    started: String,
    journal: Journal,
    sidecar: Box<dyn Medium>,
    audio: Audio,
    /// What is under the audio of a take that is sealed.
    sealer: Option<Sealer>,
    progress: Progress,
    chunker: Option<Chunker>,
    /// The segment that is written, and where its next frame belongs.
    segment: Option<(u32, i64)>,
    /// Where segments begin, in frames of the take.
    borders: Vec<u64>,
    gaps: Vec<Missing>,
    pauses: Vec<Missing>,
    dropped: u64,
    flushed: u64,
    synced: Option<Ms>,
    /// A write failed: what comes now is lost.
    failed: bool,
}

impl OpenTake {
    /// Makes a folder for a take that begins now, with its journal and its empty audio.
    pub(super) fn create(
        storage: &Arc<dyn Storage>,
        recordings: &Path,
        plan: Plan,
    ) -> Result<Self, BackendError> {
        let failed = |path: &Path, error: &io::Error| {
            BackendError::not_created(&path.display().to_string(), error)
        };
        let (folder, started) =
            new_folder(&**storage, recordings).map_err(|error| failed(recordings, &error))?;
        let mut file = format!("audio.{}", plan.container.extension());
        if plan.key.is_some() {
            file = format!("{file}.{}", sealed::EXTENSION);
        }
        let path = folder.join(&file);
        let begin = || {
            let mut journal = Journal::create(&**storage, &folder)?;
            journal.line(
                "open",
                json!({
                    "v": 1,
                    "started": started,
                    "file": file,
                    "container": plan.container.name(),
                    "rate": plan.format.rate,
                    "channels": plan.format.channels,
                    "sealed": plan.key.is_some(),
                    "made_with": plan.made_with,
                }),
            )?;
            journal.sync()?;
            storage.create(&folder.join(RESERVE.0))?.write_all(&vec![0; RESERVE.1])?;
            let sidecar = storage.create(&folder.join(sidecar::NAME))?;
            let medium = storage.create(&path)?;
            let (progress, medium) = Progress::create(&**storage, &folder, medium)?;
            let (medium, sealer) = sealed_with(plan.key.as_ref(), medium)?;
            storage.sync_folder(&folder)?;
            storage.sync_folder(recordings)?;
            Ok(((journal, sidecar, progress, sealer), medium))
        };
        let begun = begin().map_err(|error| failed(&path, &error));
        let begun = begun.and_then(|((journal, sidecar, mut progress, sealer), medium)| {
            let mut audio = Audio::begin(plan.container, medium, &path, plan.format)?;
            // What stands in front of everything is not to be missing one day.
            audio.sync()?;
            let began = progress.flushed().and_then(|()| progress.synced());
            let began = began.and_then(|()| progress.sync());
            began.map_err(|error| failed(&path, &error))?;
            Ok((journal, sidecar, progress, audio, sealer))
        });
        let (journal, sidecar, progress, audio, sealer) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                // Nothing is in it; if it cannot be removed either, recovery does it.
                let _ = storage.remove(&folder);
                return Err(error);
            }
        };
        let chunker = plan
            .chunks
            .map(|chunks| Chunker::new(storage, folder.clone(), chunks, plan.format, audio.rate()));
        Ok(Self {
            storage: storage.clone(),
            plan,
            file,
            folder,
            started,
            journal,
            sidecar,
            progress,
            audio,
            chunker,
            sealer,
            segment: None,
            borders: Vec::new(),
            gaps: Vec::new(),
            pauses: Vec::new(),
            dropped: 0,
            flushed: 0,
            // The first audio is synced at once: a head is written with it.
            synced: None,
            failed: false,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether silence stands in for gaps.
    pub(super) fn fills(&self) -> bool {
        self.plan.gaps == GapPolicy::FillSilence
    }

    /// Whether this block begins a segment that is not the first.
    pub(super) fn breaks_off(&self, header: &Header) -> bool {
        self.segment.is_some_and(|(segment, _)| segment != header.segment)
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Frames in front of the next one, at the rate of what comes.
    fn frames(&self) -> u64 {
        self.audio.position()
    }

    fn frames_of(&self, ms: Ms) -> u64 {
        ms.saturating_mul(u64::from(self.plan.format.rate)) / 1000
    }

    /// Writes a block. After a failure nothing is written any more.
    pub(super) fn block(&mut self, header: &Header, samples: &[f32]) -> Result<(), BackendError> {
        if self.failed || samples.is_empty() {
            return Ok(());
        }
        self.written(header, samples)
    }

    /// Capture breaks off here: nothing of before is to wait in an encoder. Where the take
    /// ends here, there is no need: ending it brings everything out.
    ///
    /// The silence that pushed it out is in the take, so it is in chunks.
    fn border(&mut self) -> Result<(), BackendError> {
        let filled = self.audio.filled();
        self.audio.border().inspect_err(|_| self.failed = true)?;
        let filled = (self.audio.filled() - filled) as usize;
        if let Some(chunker) = &mut self.chunker {
            let silence = vec![0.0; filled * usize::from(self.plan.format.channels)];
            chunker.samples(&silence, &mut self.journal);
            chunker.border();
        }
        Ok(())
    }

    fn written(&mut self, header: &Header, samples: &[f32]) -> Result<(), BackendError> {
        match self.segment {
            Some((segment, next)) if segment == header.segment => {
                // What a slow disk lost keeps its place.
                let lost = u64::try_from(header.position - next).unwrap_or(0);
                self.dropped += lost;
                self.silence(lost)?;
            }
            _ => self.begin_segment()?,
        }
        self.segment = Some((header.segment, header.position + i64::from(header.frames)));
        self.samples(samples)
    }

    fn begin_segment(&mut self) -> Result<(), BackendError> {
        self.border()?;
        let at = self.frames();
        self.borders.push(at);
        // As with marks: where the journal fails, the next write will.
        let _ = self.journal.line("segment", json!({ "at": self.in_file(at) }));
        if let Some(chunker) = &mut self.chunker {
            chunker.segment();
        }
        Ok(())
    }

    fn samples(&mut self, samples: &[f32]) -> Result<(), BackendError> {
        self.audio.samples(samples).inspect_err(|_| self.failed = true)?;
        if let Some(chunker) = &mut self.chunker {
            chunker.samples(samples, &mut self.journal);
        }
        // A record says how far the take plays behind it, so it is not to fill up before.
        if self.sealer.is_some() { self.flush_if_due() } else { Ok(()) }
    }

    fn silence(&mut self, mut frames: u64) -> Result<(), BackendError> {
        let channels = usize::from(self.plan.format.channels);
        let piece = vec![0.0; 1024 * channels];
        while frames > 0 {
            let some = frames.min(1024);
            self.samples(&piece[..some as usize * channels])?;
            frames -= some;
        }
        Ok(())
    }

    /// Hands what is due to the system, and to the disk.
    pub(super) fn keep(&mut self, now: Ms) -> Result<(), BackendError> {
        if self.failed {
            return Ok(());
        }
        self.flush_if_due()?;
        let due = self.synced.is_none_or(|synced| now.saturating_sub(synced) >= SYNC_MS);
        if due && self.flushed > 0 {
            self.audio.sync().inspect_err(|_| self.failed = true)?;
            let first = self.synced.replace(now).is_none();
            let _ = self.progress.synced();
            // Only WAV needs it to the moment; others have checksums of their own.
            if first || self.plan.container.sample_type().is_some() {
                let _ = self.progress.sync();
            }
        }
        Ok(())
    }

    /// Capture has broken off, and may never go on.
    pub(super) fn break_off(&mut self) -> Result<(), BackendError> {
        if self.failed {
            return Ok(());
        }
        self.border()?;
        self.flush()
    }

    fn flush_if_due(&mut self) -> Result<(), BackendError> {
        let due = self.frames() - self.flushed >= self.frames_of(FLUSH_MS);
        if due { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), BackendError> {
        self.flushed = self.frames();
        self.audio.flush().and_then(|()| self.seal()).inspect_err(|_| self.failed = true)?;
        // Where it cannot be written, recovery is only more careful.
        let _ = self.progress.flushed();
        if let Some(chunker) = &mut self.chunker {
            chunker.flush();
        }
        Ok(())
    }

    /// Makes a record of what was written, where that is done.
    fn seal(&self) -> Result<(), BackendError> {
        let Some(sealer) = &self.sealer else { return Ok(()) };
        sealer.record(self.audio.written()).map_err(|error| self.not_sealed(&error))
    }

    fn not_sealed(&self, error: &io::Error) -> BackendError {
        let message = format!(
            "sealing `{}` failed: {error}; what is sealed before stays readable",
            self.folder.join(&self.file).display()
        );
        BackendError::new(tympan_backends::BackendErrorKind::Failed, message)
    }

    /// Something is missing behind `at` ms of audio.
    pub(super) fn gap(&mut self, gap: Gap) -> Result<(), BackendError> {
        let mark = self.mark("gap", gap.at, gap.ms(), gap.cause.name());
        self.gaps.push(mark);
        if self.fills() { self.silence(self.frames_of(gap.ms())) } else { Ok(()) }
    }

    /// The user paused behind `at` ms of audio.
    pub(super) fn pause(&mut self, at: Ms, ms: Ms) {
        let mark = self.mark("pause", at, ms, "user");
        self.pauses.push(mark);
    }

    /// The frame that a moment of captured time is at. What is missing lies between two
    /// segments, or behind the last.
    fn place(&self, at: Ms) -> u64 {
        let told = self.frames_of(at);
        let filled: u64 = if self.fills() { self.gaps.iter().map(|gap| gap.ms).sum() } else { 0 };
        let told = told + self.frames_of(filled) + self.audio.filled();
        let ends = self.borders.iter().copied().chain([self.frames()]);
        let nearest = ends.min_by_key(|border| border.abs_diff(told)).unwrap_or(told);
        if nearest.abs_diff(told) <= self.frames_of(NEAR_MS) { nearest } else { told }
    }

    /// A place behind `at` ms of captured audio, in frames of the file, written down.
    fn mark(&mut self, event: &str, at: Ms, ms: Ms, cause: &str) -> Missing {
        let at = self.in_file(self.place(at));
        // The audio is what matters; where the journal fails, the next write will.
        let _ = self.journal.line(event, json!({ "at": at, "ms": ms, "cause": cause }));
        let missing = Missing { at, ms, cause: cause.to_owned() };
        if let Some(chunker) = &mut self.chunker {
            chunker.missing(&missing);
        }
        missing
    }

    /// Frames of what comes as frames of the file, which may play at another rate.
    fn in_file(&self, frames: u64) -> u64 {
        in_rate(frames, self.plan.format.rate, self.audio.rate())
    }

    /// Seals the last chunk. To be done before the take is completed, so that it takes none
    /// of the room that is kept for that.
    pub(super) fn end_chunks(&mut self) {
        if let Some(chunker) = &mut self.chunker {
            chunker.border();
        }
    }

    /// What there is to tell of chunks.
    pub(super) fn news(&mut self) -> Vec<News> {
        self.chunker.as_mut().map(Chunker::news).unwrap_or_default()
    }

    /// Ends the take: its audio is complete, its folder gets its name.
    pub(super) fn finalise(mut self, transcript: Option<String>) -> Result<Take, BackendError> {
        // If the room is not to be had, it may not be needed.
        let _ = give_room(&*self.storage, &self.folder);
        let frames = self.audio.finish()?;
        let take = Take {
            folder: closed(&self.folder),
            file: self.file.clone(),
            container: self.plan.container,
            started: self.started.clone(),
            rate: self.audio.rate(),
            channels: self.plan.format.channels,
            frames,
            filled: self.in_file(self.audio.filled()),
            gaps: std::mem::take(&mut self.gaps),
            pauses: std::mem::take(&mut self.pauses),
            dropped: self.in_file(self.dropped),
            transcript,
            sealed: self.sealer.is_some(),
            recovered: false,
            lost_ms: None,
            chunks: self.chunker.take().map(Chunker::sealed).unwrap_or_default(),
        };
        if let Some(sealer) = &self.sealer {
            let ended = sealer.end(frames, take.to_json().to_string().as_bytes());
            ended.map_err(|error| self.not_sealed(&error))?;
        }
        self.audio.sync()?;
        // All of it is safe now, and not before.
        let _ = Progress::remove(&*self.storage, &self.folder);
        let named = complete(&*self.storage, &self.folder, &mut *self.sidecar, &take);
        let named = named.map_err(|error| named_not(&self.folder, &error));
        named.map(|()| take)
    }

    /// Removes a take that never began.
    pub(super) fn discard(self) -> io::Result<()> {
        self.storage.remove(&self.folder)
    }
}

/// A medium for audio, and who seals what goes there, if somebody does.
fn sealed_with(
    key: Option<&Key>,
    medium: Box<dyn Medium>,
) -> io::Result<(Box<dyn Medium>, Option<Sealer>)> {
    let Some(key) = key else { return Ok((medium, None)) };
    let sealer = Sealer::begin(medium, key)?;
    Ok((Box::new(sealer.clone()), Some(sealer)))
}

/// Frees what was kept for the end.
pub(super) fn give_room(storage: &dyn Storage, folder: &Path) -> io::Result<()> {
    match storage.remove(&folder.join(RESERVE.0)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Gives a take whose audio is complete its sidecar and its name.
pub(super) fn complete(
    storage: &dyn Storage,
    folder: &Path,
    sidecar: &mut dyn Medium,
    take: &Take,
) -> io::Result<()> {
    take.write(sidecar)?;
    storage.sync_folder(folder)?;
    storage.rename(folder, &take.folder)?;
    take.folder.parent().map_or(Ok(()), |recordings| storage.sync_folder(recordings))
}

/// The name of a take's folder once it is complete.
pub(super) fn closed(folder: &Path) -> PathBuf {
    let name = folder.to_string_lossy();
    PathBuf::from(name.strip_suffix(OPEN).unwrap_or(&name))
}

/// A folder that is new, named after the moment, and that moment.
fn new_folder(storage: &dyn Storage, recordings: &Path) -> io::Result<(PathBuf, String)> {
    let mut time = SystemTime::now();
    storage.create_folder(recordings)?;
    let taken = storage.list(recordings)?;
    // Two takes of one millisecond are told apart by the next one.
    loop {
        let name = date::name(time);
        let folder = recordings.join(format!("{name}{OPEN}"));
        if !taken.contains(&name) && storage.create_folder(&folder)? {
            return Ok((folder, date::text(time)));
        }
        time += std::time::Duration::from_millis(1);
    }
}

fn named_not(folder: &Path, error: &io::Error) -> BackendError {
    let message = format!(
        "the take in `{}` could not be completed: {error}; its audio is safe, and is completed \
         at the next start",
        folder.display()
    );
    BackendError::new(tympan_backends::BackendErrorKind::Failed, message)
}
