//! What is recorded: our own speech, and every file of the shared recordings that can be
//! read.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tympan::Format;

use crate::judges::new_ffmpeg;

/// A sound, as a microphone would deliver it.
pub(crate) struct Sound {
    pub(crate) name: String,
    pub(crate) format: Format,
    /// Interleaved. Anything may be in it: what is no sample as well.
    pub(crate) samples: Vec<f32>,
}

/// The speech that comes with this repository.
pub(crate) fn ours() -> Vec<Sound> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audio");
    let wav = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "wav");
    let read = |path: PathBuf| {
        let mut reader = hound::WavReader::open(&path).unwrap();
        let spec = reader.spec();
        Sound {
            name: name(&path, &folder),
            format: Format::new(spec.sample_rate, spec.channels),
            samples: reader.samples::<i16>().map(|x| f32::from(x.unwrap()) / 32_768.0).collect(),
        }
    };
    files(&folder).into_iter().filter(wav).map(read).collect()
}

/// The shared recordings, as ffmpeg reads them, so that nothing of ours has a part in what
/// is due. None, with a word, where they or ffmpeg are missing.
pub(crate) fn shared() -> Option<impl Iterator<Item = Sound>> {
    let named = std::env::var_os("TYMPAN_AUDIO").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/audio");
    let folder = named.unwrap_or(beside);
    if !folder.is_dir() {
        println!("NOT RUN: there are no shared recordings; TYMPAN_AUDIO can name their folder");
        return None;
    }
    let Some(ffmpeg) = new_ffmpeg() else {
        println!("NOT RUN: there is no new ffmpeg to read the shared recordings with");
        return None;
    };
    let paths = files(&folder).into_iter().filter(|path| {
        let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        !["json", "lab", "md", "py", "tsv"].contains(&&*extension)
    });
    Some(paths.filter_map(move |path| {
        let name = name(&path, &folder);
        let read = read(&ffmpeg, &path);
        if read.is_none() {
            println!("{name}: ffmpeg cannot read it");
        }
        read.map(|(format, samples)| Sound { name, format, samples })
    }))
}

/// All of a file, at its own rate and with its own channels.
fn read(ffmpeg: &Path, path: &Path) -> Option<(Format, Vec<f32>)> {
    let words = ["-v", "error", "-f", "wav", "-c:a", "pcm_f32le", "-bitexact", "-"];
    let mut command = Command::new(ffmpeg);
    command.args(&words[..2]).arg("-i").arg(path).args(["-map", "0:a:0"]).args(&words[2..]);
    let bytes = command.stdin(Stdio::null()).output().ok()?.stdout;
    // Its head, as it is written to a pipe: `fmt ` comes first, `data` somewhere behind it.
    let long = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let channels = u16::from_le_bytes(bytes.get(22..24)?.try_into().ok()?);
    let format = Format::new(long(24)?, channels);
    let data = bytes.windows(4).position(|name| name == b"data")? + 8;
    let samples: Vec<f32> =
        bytes[data..].as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    (!samples.is_empty()).then_some((format, samples))
}

fn name(path: &Path, folder: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).display().to_string()
}

/// Every file below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    paths.into_iter().flat_map(below).collect()
}
