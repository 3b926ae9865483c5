//! Recordings that others collected, whole and broken, beside what `ffmpeg` reads of them.

use std::path::{Path, PathBuf};

use crate::ffmpeg;
use crate::kit::{Folder, heard};

fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, out);
        } else {
            out.push(path);
        }
    }
}

const SORTS: [&str; 15] = [
    "wav", "flac", "opus", "ogg", "m4a", "mp4", "mp3", "aac", "aif", "aiff", "caf", "webm", "mka",
    "mkv", "w64",
];

#[test]
fn collected_files_are_read_or_refused() {
    let here = std::env::var_os("TYMPAN_AUDIO").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/audio"),
        PathBuf::from,
    );
    if !here.is_dir() {
        println!("NOT RUN: there is no folder {}; TYMPAN_AUDIO can name one", here.display());
        return;
    }
    let mut all = Vec::new();
    files(&here, &mut all);
    all.sort();
    let folder = Folder::new("corpus");
    let judge = ffmpeg::is_there();
    let (mut same, mut differ) = (0, Vec::new());
    for path in all {
        let name = path.strip_prefix(&here).unwrap_or(&path).display().to_string();
        let end = path.extension().map(|end| end.to_string_lossy().to_lowercase());
        let broken = name.starts_with("broken") || name.starts_with("crash");
        if !broken && !end.is_some_and(|end| SORTS.contains(&end.as_str())) {
            continue;
        }
        let got = heard(&path);
        if let Err(sentence) = &got {
            assert!(sentence.contains('`') && sentence.len() > 20, "{name}: {sentence}");
        }
        let out = folder.0.join("judged.wav");
        let theirs = if judge { ffmpeg::judged(&path, &out) } else { None };
        let ours = got.as_ref().ok().map(|got| (got.frames(), got.format.rate));
        let theirs = theirs.map(|(x, rate, channels)| (x.len() / usize::from(channels), rate));
        // Not every ffmpeg leaves out what an MP4 says to leave out at the end.
        let end = |(ours, theirs): ((usize, u32), (usize, u32))| {
            ours.1 == theirs.1 && ours.0 <= theirs.0 && theirs.0 - ours.0 < 1_024
        };
        let is_mp4 = path.extension().is_some_and(|end| end == "m4a" || end == "mp4");
        if ours == theirs || is_mp4 && ours.zip(theirs).is_some_and(end) {
            same += 1;
        } else {
            let why = got.err().unwrap_or_default();
            differ.push((name, broken, format!("ours {ours:?}, ffmpeg {theirs:?} {why}")));
        }
    }
    println!("{same} files are what ffmpeg says; these are not:");
    for (name, _, what) in &differ {
        println!("  {name}: {what}");
    }
    let whole: Vec<_> = differ.iter().filter(|(_, broken, _)| judge && !broken).collect();
    assert!(whole.is_empty(), "{whole:?}");
}
