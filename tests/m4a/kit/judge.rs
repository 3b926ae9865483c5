//! Programs of others that say whether a file is a good one.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// An ffmpeg that is new enough to honour edit lists to the sample: the one named by
/// `TYMPAN_FFMPEG`, or else the one that the Python package `imageio-ffmpeg` brings.
pub fn ffmpeg() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let look = || {
        if let Some(named) = std::env::var_os("TYMPAN_FFMPEG") {
            return Some(PathBuf::from(named));
        }
        let tell = "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())";
        let told = Command::new("python3").args(["-c", tell]).output().ok()?;
        let path = String::from_utf8(told.stdout).ok()?;
        told.status.success().then(|| PathBuf::from(path.trim()))
    };
    let found = FOUND.get_or_init(look).as_deref();
    if found.is_none() {
        skipped("no new ffmpeg: neither TYMPAN_FFMPEG nor the Python package imageio-ffmpeg");
    }
    found
}

/// What a file decodes to, interleaved; an error if there was a word of complaint.
pub fn decoded(ffmpeg: &Path, file: &Path) -> Result<Vec<f32>, String> {
    let mut command = Command::new(ffmpeg);
    command.args(["-v", "warning", "-xerror", "-i"]).arg(file).args(["-f", "f32le", "-"]);
    let out = command.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    // It warns when there is nothing to decode, and that may be right.
    let fine = said.is_empty() || out.stdout.is_empty() && said.contains("Output file is empty");
    if !fine {
        return Err(said);
    }
    Ok(out.stdout.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

/// What a program prints; none, with a word, if it is not there.
pub fn told(program: &str, before: &[&str], file: &Path, behind: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(before).arg(file).args(behind).stdin(Stdio::null());
    let Ok(out) = command.output() else {
        skipped(&format!("no {program}"));
        return None;
    };
    // Complaints first.
    Some(String::from_utf8_lossy(&[out.stderr, out.stdout].concat()).into_owned())
}

/// Says so where nobody captures it.
pub fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// A file of this name that goes away with the value.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("m4a-{}-{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        Self(path)
    }

    pub fn with(name: &str, content: &[u8]) -> Self {
        let scratch = Self::new(name);
        std::fs::write(&scratch.0, content).unwrap();
        scratch
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
