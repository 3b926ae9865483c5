//! Ordinary files out of sealed takes.

use std::io;
use std::path::{Path, PathBuf};

use tympan_backends::storage::{Files, Medium, Storage};
use tympan_backends::{BackendError, BackendErrorKind};

use super::reader::{Reader, Refusal};
use super::{Ending, IS_THERE, Key, MISSING, Passed, count, lost, pass};
use crate::take::recover::opened;
use crate::take::repair::{Outcome, ms, repair};
use crate::take::{State, Take};

/// A sealed take that is an ordinary file now.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Exported {
    /// The file.
    pub path: PathBuf,
    /// The take, with what was said where all of it is there.
    pub take: Take,
    /// What the file plays, in frames.
    pub frames: u64,
    /// Frames per second.
    pub rate: u32,
    /// Everything that was sealed is there, as it was.
    pub whole: bool,
    /// What is missing, where that can be told.
    pub lost_ms: Option<u64>,
    /// What was odd, a sentence each.
    pub findings: Vec<String>,
}

/// Makes an ordinary file of a sealed take, which decodes to exactly what was recorded.
///
/// The folder is that of a take, complete or open. What a kill, a cut or other damage has
/// left is exported up to there, and the result says what is missing. Nothing that exists
/// is written over: while it works the file has `.part` behind its name.
pub fn export(
    folder: impl AsRef<Path>,
    to: impl AsRef<Path>,
    key: &Key,
) -> Result<Exported, BackendError> {
    let (folder, to) = (folder.as_ref(), to.as_ref());
    let (take, mut sealed) = sealed_take(folder)?;
    if to.symlink_metadata().is_ok() {
        return Err(BackendError::not_created(&shown(to), &io::ErrorKind::AlreadyExists.into()));
    }
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let file = Files.create(&part);
    let mut file = file.map_err(|error| BackendError::not_created(&shown(&part), &error))?;
    let done = written(&mut *sealed, take, key, &mut *file).and_then(|mut exported| {
        to.clone_into(&mut exported.path);
        let named = Files.rename(&part, to).and_then(|()| match to.parent() {
            Some(folder) if folder.as_os_str().is_empty() => Files.sync_folder(Path::new(".")),
            Some(folder) => Files.sync_folder(folder),
            None => Ok(()),
        });
        named.map(|()| exported).map_err(|error| failed(to, &error))
    });
    if done.is_err() {
        // It holds what was sealed. There is nothing more to do where it cannot go.
        drop(file);
        let _ = Files.remove(&part);
    }
    done
}

/// The take in this folder with what was said, authenticated up to its end. Of one that is
/// not whole, what can be known; its length is what can be opened, by its own account.
pub fn unseal(folder: impl AsRef<Path>, key: &Key) -> Result<Take, BackendError> {
    let (take, mut sealed) = sealed_take(folder.as_ref())?;
    let passed = read_through(&mut *sealed, &take, key, &mut io::sink())?;
    Ok(described(take, &passed))
}

/// A sealed take, and its audio.
fn sealed_take(folder: &Path) -> Result<(Take, Box<dyn Medium>), BackendError> {
    let name = shown(folder);
    let sentence = |kind, why: &str| BackendError::new(kind, format!("`{name}` {why}"));
    if !IS_THERE {
        return Err(BackendError::new(BackendErrorKind::Failed, MISSING));
    }
    let known = Take::read(&Files, folder).and_then(|take| match take {
        Some(take) => Ok(Some(take)),
        None => opened(&Files, folder),
    });
    let take = known.map_err(|error| failed(folder, &error))?;
    let Some(take) = take else {
        return Err(sentence(BackendErrorKind::NotFound, "is no folder of a take"));
    };
    if !take.sealed {
        let why = format!("is not sealed: its audio is `{}`", take.file);
        return Err(sentence(BackendErrorKind::Unreadable, &why));
    }
    let path = folder.join(&take.file);
    let file = Files.open(&path).map_err(|error| failed(&path, &error))?;
    Ok((take, file))
}

/// Writes what is sealed into an empty file and makes an ordinary one of it.
fn written(
    sealed: &mut dyn Medium,
    take: Take,
    key: &Key,
    file: &mut dyn Medium,
) -> Result<Exported, BackendError> {
    let passed = read_through(sealed, &take, key, file)?;
    let counted = count(sealed).map_err(|error| failed(&take.path(), &error))?;
    let promised = counted.map_or(0, |counted| counted.promised).max(take.frames);
    let take = described(take, &passed);
    let mended = repair(file).and_then(|mended| file.sync().map(|()| mended));
    let mended = mended.map_err(|error| failed(&take.path(), &error))?;
    if mended.kept_frames == 0 || !matches!(mended.state, State::Healthy | State::Repaired) {
        let message = format!("the take in `{}` holds no sound", shown(&take.folder));
        return Err(BackendError::new(BackendErrorKind::Unreadable, message));
    }
    let lost = lost(&passed, promised, mended.kept_frames);
    let lost_ms = lost.and_then(|lost| ms(lost, mended.rate));
    let whole = passed.ending == Ending::Whole && mended.kept_frames == take.frames;
    Ok(Exported {
        path: PathBuf::new(),
        frames: mended.kept_frames,
        rate: mended.rate,
        whole,
        lost_ms,
        findings: findings(&passed, &mended, &take, lost_ms),
        take,
    })
}

/// Opens everything that can be opened, or says why that is nothing.
fn read_through(
    sealed: &mut dyn Medium,
    take: &Take,
    key: &Key,
    to: &mut dyn io::Write,
) -> Result<Passed, BackendError> {
    let name = shown(&take.path());
    let (kind, why) = match Reader::new(sealed, Some(key)) {
        Ok(Ok(mut reader)) => {
            return pass(&mut reader, to).map_err(|error| failed(&take.path(), &error));
        }
        Ok(Err(Refusal::Key)) => (
            BackendErrorKind::Permission,
            "was sealed with another key, or its first bytes are damaged; nothing of it can be \
             opened with this one",
        ),
        Ok(Err(Refusal::Other)) => {
            (BackendErrorKind::Unreadable, "does not begin like a sealed file of this version")
        }
        Err(error) => return Err(failed(&take.path(), &error)),
    };
    Err(BackendError::new(kind, format!("`{name}` {why}")))
}

/// The take as its last record has it; without one, as far as it is known.
fn described(known: Take, passed: &Passed) -> Take {
    let json = serde_json::from_slice(&passed.description).ok();
    match json.and_then(|json| Take::from_json(&known.folder, &json)) {
        Some(take) => take,
        None => Take { frames: passed.frames, ..known },
    }
}

fn findings(passed: &Passed, mended: &Outcome, take: &Take, lost_ms: Option<u64>) -> Vec<String> {
    let mut findings = Vec::new();
    let missing = match lost_ms {
        Some(ms) => format!("{ms} ms are missing"),
        None => "how much is missing cannot be told".to_owned(),
    };
    let held = ms(mended.kept_frames, mended.rate).unwrap_or_default();
    match passed.ending {
        Ending::Whole if passed.rest > 0 => {
            let rest = passed.rest;
            findings.push(format!("{rest} bytes stand behind its end; they were left out."));
        }
        Ending::Whole => {}
        Ending::Torn => findings.push(format!(
            "The take breaks off after {held} ms, as after a kill or a cut; {missing}."
        )),
        Ending::Damaged => findings.push(format!(
            "After {held} ms the take is not what was written: nothing from there on is taken; \
             {missing}."
        )),
    }
    if passed.ending == Ending::Whole && mended.kept_frames != take.frames {
        findings.push(format!(
            "It was to play {} frames, and plays {}.",
            take.frames, mended.kept_frames
        ));
    }
    findings
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn failed(path: &Path, error: &io::Error) -> BackendError {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => BackendErrorKind::NotFound,
        io::ErrorKind::PermissionDenied => BackendErrorKind::Permission,
        _ => BackendErrorKind::Failed,
    };
    BackendError::new(kind, format!("exporting `{}` failed: {error}", shown(path)))
}
