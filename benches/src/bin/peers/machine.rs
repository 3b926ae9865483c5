//! Where it ran, and what.

use std::process::Command;

/// The processor, how many of it, and the system.
pub(crate) fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, m)| m.to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let release = line("uname", &["-r"]);
    // What comes behind the number is the distribution's own.
    let release = release.split(['-', '+']).next().unwrap_or("");
    format!("{cores} cores of {model}, {} {release}", line("uname", &["-s"]))
}

/// The commit of the folder that we are in, and whether it is changed.
pub(crate) fn commit() -> String {
    let commit = line("git", &["rev-parse", "--short=10", "HEAD"]);
    let changed = line("git", &["status", "--porcelain", "--untracked-files=no"]);
    if changed.is_empty() || changed == UNKNOWN { commit } else { format!("{commit} with changes") }
}

pub(crate) fn date() -> String {
    line("date", &["-u", "+%Y-%m-%d"])
}

/// What everybody says of itself.
pub(crate) fn versions() -> Vec<(&'static str, String)> {
    vec![
        ("compiler", line("rustc", &["--version"])),
        ("C compiler, plain", line("cc", &["--version"])),
        ("C compiler, tuned", line("clang", &["--version"])),
        ("libopus of ours", opus::version().to_owned()),
        ("GStreamer", line("gst-launch-1.0", &["--version"])),
        ("ffmpeg", line("ffmpeg", &["-version"])),
        ("opusenc", line("opusenc", &["--version"])),
    ]
}

const UNKNOWN: &str = "unknown";

/// The first line that a program prints.
fn line(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output();
    let text = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
    text.map_or_else(
        |_| UNKNOWN.to_owned(),
        |text| text.lines().next().unwrap_or("").trim().to_owned(),
    )
}
