//! A chunk that is being written.

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};

use tympan_backends::BackendError;
use tympan_backends::storage::{Medium, Storage};
use tympan_core::Format;

use super::not_written;
use crate::take::Container;
use crate::take::audio::Audio;
use crate::take::sha256::Sha256;

/// What its name ends with until it is sealed.
pub(super) const PART: &str = ".part";

pub(super) struct Part {
    audio: Audio,
    /// Where it is, and where it goes.
    from: PathBuf,
    to: PathBuf,
}

impl Part {
    /// Begins the file that will be `path`, on a medium that is its [`Part::name`].
    pub(super) fn begin(
        container: Container,
        medium: Box<dyn Medium>,
        path: PathBuf,
        format: Format,
    ) -> Result<Self, BackendError> {
        let from = Self::name(&path);
        let audio = Audio::begin(container, medium, &from, format)?;
        Ok(Self { audio, from, to: path })
    }

    /// What a file is called until it is sealed.
    pub(super) fn name(path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(PART);
        name.into()
    }

    pub(super) fn samples(&mut self, samples: &[f32]) -> Result<(), BackendError> {
        self.audio.samples(samples)
    }

    pub(super) fn flush(&mut self) -> Result<(), BackendError> {
        self.audio.flush()
    }

    /// Makes the file complete and final; its bytes and their sum. It is summed up by the
    /// way in that is open already: on a phone that is locked by now there is no other.
    pub(super) fn seal(&mut self, storage: &dyn Storage) -> Result<(u64, String), BackendError> {
        let Self { audio, from, to } = self;
        audio.finish()?;
        audio.sync()?;
        let sealed = sum(audio.medium()).and_then(|sum| {
            named(storage, from, to)?;
            Ok(sum)
        });
        sealed.map_err(|error| not_written(to, &error))
    }

    /// Removes it, as far as that is possible: its audio is in the take.
    pub(super) fn discard(self, storage: &dyn Storage) {
        drop(self.audio);
        // Sealing may have failed behind the name.
        for path in [self.from, self.to] {
            let _ = storage.remove(&path);
        }
    }
}

/// Gives a finished file its name for good.
pub(super) fn named(storage: &dyn Storage, part: &Path, path: &Path) -> io::Result<()> {
    storage.rename(part, path)?;
    path.parent().map_or(Ok(()), |folder| storage.sync_folder(folder))
}

/// The length of a file and its SHA-256.
pub(super) fn sum(file: &mut dyn Medium) -> io::Result<(u64, String)> {
    file.seek(SeekFrom::Start(0))?;
    let (mut sha, mut bytes) = (Sha256::new(), 0);
    let mut some = vec![0; 16 * 1024];
    let read = loop {
        match file.read(&mut some) {
            Ok(0) => break Ok(()),
            Ok(read) => {
                sha.update(&some[..read]);
                bytes += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    // It may be from before a break, and nothing of that stays in memory.
    std::hint::black_box(&mut some).fill(0);
    std::hint::black_box(&some);
    read.map(|()| (bytes, sha.finish()))
}
