//! Programs that others use. Where one is not installed, that is said.

use std::path::Path;
use std::process::{Command, Output};

/// How many samples of each channel `opusdec` makes of a file.
pub(crate) fn opusdec(file: &Path, channels: usize) -> Option<usize> {
    let mut command = Command::new("opusdec");
    command.args(["--quiet", "--rate", "48000"]).arg(file).arg("-");
    Some(played(&run(command)?, file) / 2 / channels)
}

/// How many samples of each channel `ffmpeg` makes of a file.
pub(crate) fn ffmpeg(file: &Path, channels: usize) -> Option<usize> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-i"]).arg(file).args(["-f", "s16le", "-"]);
    let output = run(command)?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.is_empty(), "{}: {said}", file.display());
    Some(played(&output, file) / 2 / channels)
}

fn played(output: &Output, file: &Path) -> usize {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", file.display());
    output.stdout.len()
}

/// Fails if `opusinfo` finds anything odd about a file.
pub(crate) fn opusinfo(file: &Path) {
    let mut command = Command::new("opusinfo");
    command.arg(file);
    if let Some(output) = run(command) {
        let said = String::from_utf8_lossy(&output.stdout);
        let odd = ["WARNING", "ERROR", "Note:"].iter().any(|word| said.contains(word));
        assert!(output.status.success() && !odd, "{}: {said}", file.display());
        assert!(said.contains("Logical stream 1 ended"), "{said}");
    }
}

/// Fails if `flac` finds a file damaged.
pub(crate) fn flac(file: &Path) {
    let mut command = Command::new("flac");
    command.args(["--test", "--silent"]).arg(file);
    if let Some(output) = run(command) {
        let said = String::from_utf8_lossy(&output.stderr);
        let odd = said.lines().any(|l| !l.trim().is_empty() && !l.contains("cannot check MD5"));
        assert!(output.status.success() && !odd, "{}: {said}", file.display());
    }
}

fn run(mut command: Command) -> Option<Output> {
    let output = command.output().ok();
    if output.is_none() {
        let program = command.get_program().to_string_lossy();
        eprintln!("not judged by `{program}`, which is not installed");
    }
    output
}
