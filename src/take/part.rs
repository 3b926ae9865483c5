//! One file of a take's audio, with what is kept beside it while it is written.

use std::io;
use std::path::{Path, PathBuf};

use tympan_backends::storage::{Medium, Storage, Syncer};
use tympan_backends::{BackendError, BackendErrorKind};
use tympan_core::session::Ms;

use super::audio::Audio;
use super::opened::Plan;
use super::progress::Progress;
use super::sealed::{self, Key, Sealer};

/// After so much audio it is handed to the system, and after so much time it is to
/// survive a power cut.
const FLUSH_MS: u64 = 80;
const SYNC_MS: Ms = 500;

/// A file that is being written. Positions are frames of what comes, from its begin.
pub(super) struct Writing {
    path: PathBuf,
    audio: Audio,
    /// What is under the audio of a take that is sealed.
    sealer: Option<Sealer>,
    progress: Progress,
    /// What syncs it on another thread, where that can be done.
    syncer: Option<Syncer>,
    /// A sync is under way, of what was flushed then: frames, and bytes of the file.
    syncing: Option<(u64, u64)>,
    /// After so many frames they are handed to the system.
    flush: u64,
    flushed: u64,
    /// What is certain to be on the disk, and since when.
    safe: u64,
    synced: Option<Ms>,
    /// Whether what a power cut leaves is believed by [`Progress`] only.
    plain: bool,
}

/// The name of the file of this number, from 0, of a take.
pub(super) fn name(plan: &Plan, number: usize) -> String {
    let number = if number == 0 { String::new() } else { format!("-{}", number + 1) };
    let file = format!("audio{number}.{}", plan.container.extension());
    if plan.key.is_some() { format!("{file}.{}", sealed::EXTENSION) } else { file }
}

impl Writing {
    /// Makes an empty file, which survives a power cut from here on.
    pub(super) fn create(
        storage: &dyn Storage,
        folder: &Path,
        file: &str,
        plan: &Plan,
    ) -> Result<Self, BackendError> {
        let path = folder.join(file);
        let failed =
            |error: &io::Error| BackendError::not_created(&path.display().to_string(), error);
        let begin = || {
            let medium = storage.create(&path)?;
            let (progress, medium) = Progress::create(storage, folder, file, medium)?;
            let (medium, sealer) = sealed_with(plan.key.as_ref(), medium)?;
            storage.sync_folder(folder)?;
            Ok((progress, medium, sealer))
        };
        let (mut progress, medium, sealer) = begin().map_err(|error| failed(&error))?;
        let syncer = medium.syncer();
        let mut audio = Audio::begin(plan.container, medium, &path, plan.format)?;
        // What stands in front of everything is not to be missing one day.
        audio.sync()?;
        let began = progress.flushed().and_then(|()| progress.synced(progress.end()));
        began.and_then(|()| progress.sync()).map_err(|error| failed(&error))?;
        let flush = FLUSH_MS * u64::from(plan.format.rate) / 1000;
        let plain = plan.container.sample_type().is_some();
        // The first audio is synced at once: a head is written with it.
        let synced = None;
        let (syncing, flushed, safe) = (None, 0, 0);
        Ok(Self {
            path,
            audio,
            sealer,
            progress,
            syncer,
            syncing,
            flush,
            flushed,
            safe,
            synced,
            plain,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Frames in front of the next one, at the rate of what comes.
    pub(super) fn position(&self) -> u64 {
        self.audio.position()
    }

    /// How many of them are filling at borders.
    pub(super) fn filled(&self) -> u64 {
        self.audio.filled()
    }

    /// How many of them are certain to be on the disk.
    pub(super) fn safe(&self) -> u64 {
        self.safe
    }

    /// The rate at which it plays.
    pub(super) fn rate(&self) -> u32 {
        self.audio.rate()
    }

    pub(super) fn samples(&mut self, samples: &[f32]) -> Result<(), BackendError> {
        self.audio.samples(samples)
    }

    /// Brings out what waits in an encoder, behind silence.
    pub(super) fn border(&mut self) -> Result<(), BackendError> {
        self.audio.border()
    }

    /// Whether what came is to be handed to the system.
    pub(super) fn is_flush_due(&self) -> bool {
        self.position() - self.flushed >= self.flush
    }

    /// Hands what came to the system.
    pub(super) fn flush(&mut self) -> Result<(), BackendError> {
        self.flushed = self.position();
        self.audio.flush()?;
        if let Some(sealer) = &self.sealer {
            let sealed = sealer.record(self.audio.written());
            sealed.map_err(|error| self.not_sealed(&error))?;
        }
        // Where it cannot be written, recovery is only more careful.
        let _ = self.progress.flushed();
        Ok(())
    }

    /// Whether what was handed to the system is to go to the disk.
    pub(super) fn is_sync_due(&self, now: Ms) -> bool {
        let due = self.synced.is_none_or(|synced| now.saturating_sub(synced) >= SYNC_MS);
        due && self.flushed > 0 && self.syncing.is_none()
    }

    /// Has what was handed to the system go to the disk: here, or by whoever takes what is
    /// returned and says how it [went](Self::synced).
    pub(super) fn sync(&mut self, now: Ms) -> Result<Option<Syncer>, BackendError> {
        self.syncing = Some((self.flushed, self.progress.end()));
        if let Some(syncer) = &self.syncer {
            return Ok(Some(syncer.clone()));
        }
        let synced = self.audio.sync();
        if self.noted(now, synced.is_ok()) {
            let _ = self.progress.sync();
        }
        synced.map(|()| None)
    }

    /// A sync that was done elsewhere has gone like this. Returns what is to be synced as
    /// well; its failure makes recovery more careful, and nothing else.
    pub(super) fn synced(
        &mut self,
        now: Ms,
        synced: io::Result<()>,
    ) -> Result<Option<Syncer>, BackendError> {
        let is_noted = self.noted(now, synced.is_ok());
        synced.map_err(|error| not_synced(&self.path, &error))?;
        Ok(self.progress.syncer().filter(|_| is_noted))
    }

    /// Whether a sync is under way.
    pub(super) fn is_syncing(&self) -> bool {
        self.syncing.is_some()
    }

    /// Writes down what is safe now, and says whether that has to be synced itself.
    fn noted(&mut self, now: Ms, is_safe: bool) -> bool {
        let Some((flushed, end)) = self.syncing.take().filter(|_| is_safe) else { return false };
        let first = self.synced.replace(now).is_none();
        self.safe = flushed;
        let _ = self.progress.synced(end);
        // Only plain samples need it to the moment; others have checksums of their own.
        first || self.plain
    }

    /// Ends the file; its length in frames at its own rate.
    pub(super) fn finish(&mut self) -> Result<u64, BackendError> {
        self.audio.finish()
    }

    /// Ends what is sealed, with what is known at the end.
    pub(super) fn seal(&mut self, frames: u64, description: &[u8]) -> Result<(), BackendError> {
        let Some(sealer) = &self.sealer else { return Ok(()) };
        sealer.end(frames, description).map_err(|error| self.not_sealed(&error))
    }

    /// Has all of it go to the disk.
    pub(super) fn confirm(&mut self) -> Result<(), BackendError> {
        self.audio.sync()
    }

    fn not_sealed(&self, error: &io::Error) -> BackendError {
        let message = format!(
            "sealing `{}` failed: {error}; what is sealed before stays readable",
            self.path.display()
        );
        BackendError::new(BackendErrorKind::Failed, message)
    }
}

fn not_synced(path: &Path, error: &io::Error) -> BackendError {
    let message = format!(
        "writing `{}` failed: {error}; what is written before stays readable",
        path.display()
    );
    BackendError::new(BackendErrorKind::Failed, message)
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
