//! Ordinary files out of takes.

use std::io;
use std::path::{Path, PathBuf};

use tympan_backends::storage::{Files, Medium, Storage};
use tympan_backends::{BackendError, BackendErrorKind};

use super::recover::opened;
use super::repair::{Outcome, ms, repair};
use super::sealed::{Ending, IS_THERE, Key, MISSING, Passed, Reader, Refusal, count, lost, pass};
use super::{State, Take};

/// A take that is an ordinary file now.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Exported {
    /// The file, and one more for each that the take [has](Take::more).
    pub paths: Vec<PathBuf>,
    /// The take, with what was said where all of it is there.
    pub take: Take,
    /// What they play, in frames.
    pub frames: u64,
    /// Frames per second.
    pub rate: u32,
    /// Everything that was recorded is there, as it was.
    pub whole: bool,
    /// What is missing, where that can be told.
    pub lost_ms: Option<u64>,
    /// What was odd, a sentence each.
    pub findings: Vec<String>,
}

/// Makes an ordinary file of a take, which decodes to exactly what was recorded. One that is
/// sealed takes its key.
///
/// The folder is that of a take. A sealed one may be open, too: what a kill, a cut or other
/// damage has left is exported up to there, and the result says what is missing. Nothing that
/// exists is written over: while it works the file has `.part` behind its name, or `.2.part`
/// and so on where a kill has left that. A take of several files becomes as many, with `-2`
/// and so on in their names.
pub fn export(
    folder: impl AsRef<Path>,
    to: impl AsRef<Path>,
    key: Option<&Key>,
) -> Result<Exported, BackendError> {
    let (folder, to) = (folder.as_ref(), to.as_ref());
    let mut take = known(folder)?;
    let key = key_for(&take, key)?;
    let mut exported: Option<Exported> = None;
    for (number, from) in take.paths().iter().enumerate() {
        let part = export_file(&take, from, number, &numbered(to, number), key)?;
        take = part.take.clone();
        exported = Some(match exported {
            None => part,
            Some(before) => before.and(part),
        });
    }
    let exported = exported.expect("a take has a file");
    note(&exported);
    Ok(exported)
}

/// The key, if this take wants one.
fn key_for<'a>(take: &Take, key: Option<&'a Key>) -> Result<Option<&'a Key>, BackendError> {
    let name = shown(&take.folder);
    let sentence = |why: String| Err(BackendError::new(BackendErrorKind::Unreadable, why));
    let locked = |why: String| Err(BackendError::new(BackendErrorKind::Permission, why));
    match key {
        _ if take.sealed && !IS_THERE => sentence(MISSING.to_owned()),
        None if take.sealed => locked(format!("`{name}` is sealed: it takes its key")),
        Some(_) if !take.sealed => Ok(None),
        // What is not sealed is repaired where it lies, and not on its way.
        None if take.frames == 0 => {
            sentence(format!("the take in `{name}` is not complete; recover it first"))
        }
        key => Ok(key),
    }
}

/// The name of the file of this number, from 0.
fn numbered(to: &Path, number: usize) -> PathBuf {
    if number == 0 {
        return to.to_owned();
    }
    let mut name = to.file_stem().unwrap_or_default().to_os_string();
    name.push(format!("-{}", number + 1));
    if let Some(extension) = to.extension() {
        name.push(".");
        name.push(extension);
    }
    to.with_file_name(name)
}

impl Exported {
    fn and(self, next: Self) -> Self {
        Self {
            paths: [self.paths, next.paths].concat(),
            take: next.take,
            frames: self.frames + next.frames,
            rate: next.rate,
            whole: self.whole && next.whole,
            lost_ms: self.lost_ms.zip(next.lost_ms).map(|(before, lost)| before + lost),
            findings: [self.findings, next.findings].concat(),
        }
    }
}

/// Writes down that the take was exported. Where that is not possible, it was all the same.
fn note(exported: &Exported) {
    let to: Vec<String> = exported.paths.iter().map(|path| shown(path)).collect();
    let _ = exported.take.note(&Files, "exported", &[("to", &to.join(", "))]);
}

/// A new file for what is not complete yet.
fn new_part(to: &Path) -> Result<(PathBuf, Box<dyn Medium>), BackendError> {
    let mut number = 1;
    loop {
        let mut part = to.as_os_str().to_owned();
        part.push(if number == 1 { ".part".to_owned() } else { format!(".{number}.part") });
        let part = PathBuf::from(part);
        match Files.create(&part) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 100 => {
                number += 1;
            }
            made => {
                let failed = |error| BackendError::not_created(&shown(&part), &error);
                return made.map_err(failed).map(|file| (part, file));
            }
        }
    }
}

fn export_file(
    take: &Take,
    from: &Path,
    number: usize,
    to: &Path,
    key: Option<&Key>,
) -> Result<Exported, BackendError> {
    if to.symlink_metadata().is_ok() {
        return Err(BackendError::not_created(&shown(to), &io::ErrorKind::AlreadyExists.into()));
    }
    let mut medium = Files.open(from).map_err(|error| failed(from, &error))?;
    let (part, mut file) = new_part(to)?;
    let done = match key {
        Some(key) => unsealed(&mut *medium, take, from, number, key, &mut *file),
        None => copied(&mut *medium, take, from, number, &mut *file),
    };
    let done = done.and_then(|mut exported| {
        exported.paths = vec![to.to_owned()];
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
    let folder = folder.as_ref();
    let mut take = known(folder)?;
    if !take.sealed {
        let why = format!("`{}` is not sealed: its audio is `{}`", shown(folder), take.file);
        return Err(BackendError::new(BackendErrorKind::Unreadable, why));
    }
    key_for(&take, Some(key))?;
    let mut frames = 0;
    for path in take.paths() {
        let mut sealed = Files.open(&path).map_err(|error| failed(&path, &error))?;
        let passed = read_through(&mut *sealed, &path, key, &mut io::sink())?;
        frames += passed.frames;
        take = described(take, &passed);
    }
    take.frames = frames;
    // Where that is not possible, it was read all the same.
    let _ = take.note(&Files, "unsealed", &[]);
    Ok(take)
}

/// The take in this folder, complete or open.
fn known(folder: &Path) -> Result<Take, BackendError> {
    let known = Take::read(&Files, folder).and_then(|take| match take {
        Some(take) => Ok(Some(take)),
        None => opened(&Files, folder),
    });
    known.map_err(|error| failed(folder, &error))?.ok_or_else(|| {
        let why = format!("`{}` is no folder of a take", shown(folder));
        BackendError::new(BackendErrorKind::NotFound, why)
    })
}

/// Copies what is an ordinary file already.
fn copied(
    from: &mut dyn Medium,
    take: &Take,
    path: &Path,
    number: usize,
    file: &mut dyn Medium,
) -> Result<Exported, BackendError> {
    let copied = io::copy(from, file).and_then(|_| file.sync());
    copied.map_err(|error| failed(path, &error))?;
    Ok(Exported {
        paths: Vec::new(),
        frames: take.frames_of_file(number),
        rate: take.rate,
        whole: true,
        lost_ms: Some(0),
        findings: Vec::new(),
        take: take.clone(),
    })
}

/// Writes what is sealed into an empty file and makes an ordinary one of it.
fn unsealed(
    sealed: &mut dyn Medium,
    take: &Take,
    from: &Path,
    number: usize,
    key: &Key,
    file: &mut dyn Medium,
) -> Result<Exported, BackendError> {
    let passed = read_through(sealed, from, key, file)?;
    let counted = count(sealed).map_err(|error| failed(from, &error))?;
    let frames = take.frames_of_file(number);
    let promised = counted.map_or(0, |counted| counted.promised).max(frames);
    let take = described(take.clone(), &passed);
    let mended = repair(file).and_then(|mended| file.sync().map(|()| mended));
    let mended = mended.map_err(|error| failed(from, &error))?;
    if mended.kept_frames == 0 || !matches!(mended.state, State::Healthy | State::Repaired) {
        let message = format!("the take in `{}` holds no sound", shown(&take.folder));
        return Err(BackendError::new(BackendErrorKind::Unreadable, message));
    }
    let lost = lost(&passed, promised, mended.kept_frames);
    let lost_ms = lost.and_then(|lost| ms(lost, mended.rate));
    let frames = take.frames_of_file(number);
    let whole = passed.ending == Ending::Whole && mended.kept_frames == frames;
    Ok(Exported {
        paths: Vec::new(),
        frames: mended.kept_frames,
        rate: mended.rate,
        whole,
        lost_ms,
        findings: findings(&passed, &mended, frames, lost_ms),
        take,
    })
}

/// Opens everything that can be opened, or says why that is nothing.
fn read_through(
    sealed: &mut dyn Medium,
    from: &Path,
    key: &Key,
    to: &mut dyn io::Write,
) -> Result<Passed, BackendError> {
    let name = shown(from);
    let (kind, why) = match Reader::new(sealed, Some(key)) {
        Ok(Ok(mut reader)) => {
            return pass(&mut reader, to).map_err(|error| failed(from, &error));
        }
        Ok(Err(Refusal::Key)) => (
            BackendErrorKind::Permission,
            "was sealed with another key, or its first bytes are damaged; nothing of it can be \
             opened with this one",
        ),
        Ok(Err(Refusal::Other)) => {
            (BackendErrorKind::Unreadable, "does not begin like a sealed file of this version")
        }
        Err(error) => return Err(failed(from, &error)),
    };
    Err(BackendError::new(kind, format!("`{name}` {why}")))
}

/// The take as its last record has it; without one, as far as it is known.
fn described(known: Take, passed: &Passed) -> Take {
    let json = serde_json::from_slice(&passed.description).ok();
    match json.and_then(|json| Take::from_json(&known.folder, &json)) {
        Some(take) => take,
        None if known.more.is_empty() => Take { frames: passed.frames, ..known },
        None => known,
    }
}

fn findings(passed: &Passed, mended: &Outcome, frames: u64, lost_ms: Option<u64>) -> Vec<String> {
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
    if passed.ending == Ending::Whole && mended.kept_frames != frames {
        let plays = mended.kept_frames;
        findings.push(format!("It was to play {frames} frames, and plays {plays}."));
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
