//! Every file there is: an outcome for each, and judges over those that were repaired.

use std::path::PathBuf;

use crate::help::*;
use tympan::take::{Kind, State};

#[test]
fn crashed_and_broken_files_have_an_outcome_and_judges_agree() {
    let Some(audio) = audio() else { return };
    println!(
        "{:46} {:5} {:9} {:>8} {:>6} {:>6} {:>6}",
        "file", "kind", "state", "frames", "rate", "lost", "ms"
    );
    for folder in ["crash", "broken"] {
        for path in files(audio.join(folder)) {
            let bytes = std::fs::read(&path).unwrap();
            let (outcome, after) = settled(&bytes);
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.ends_with("json") || name.ends_with("tsv") {
                continue;
            }
            let ms = outcome.lost_ms.map_or("?".into(), |ms| ms.to_string());
            println!(
                "{:46} {:5} {:9} {:>8} {:>6} {:>6} {ms:>6}",
                name.get(..46).unwrap_or(&name),
                format!("{:?}", outcome.kind),
                format!("{:?}", outcome.state),
                outcome.kept_frames,
                outcome.rate,
                outcome.lost_bytes,
            );
            for finding in &outcome.findings {
                println!("    {finding}");
            }
            if outcome.state == State::Repaired {
                let judges: &[&str] = match outcome.kind {
                    Kind::Wav => &WAV,
                    Kind::Flac => &FLAC,
                    _ if after[28..].starts_with(b"OpusHead") => &OPUS,
                    _ => &[],
                };
                judge_all(judges, &after, &name);
            }
        }
    }
}

#[test]
fn files_that_are_well_keep_every_byte() {
    let Some(audio) = audio() else { return };
    for folder in ["damage", "digits", "hfp", "judge", "noise", "route-change", "speech", "vad"] {
        for path in files(audio.join(folder)) {
            let (outcome, _) = repaired(&std::fs::read(&path).unwrap());
            let other = outcome.kind == Kind::Unknown || outcome.kind == Kind::Mp4;
            // Written to a pipe: it has no length in its header.
            let streamed = path.ends_with("speech/u8-44k.wav");
            let due = if streamed { State::Repaired } else { State::Healthy };
            assert!(other || outcome.state == due, "{}: {outcome:?}", path.display());
        }
    }
}

#[test]
fn files_with_random_damage_settle() {
    let Some(audio) = audio() else { return };
    let mut random = Random(7);
    for folder in ["crash", "broken"] {
        for path in files(audio.join(folder)) {
            let bytes = std::fs::read(&path).unwrap();
            for _ in 0..rounds() {
                let mut bytes = bytes.clone();
                match random.below(3) {
                    0 => bytes.truncate(random.below(bytes.len() + 1)),
                    1 => {
                        let at = random.below(bytes.len());
                        let end = (at + 1 + random.below(5000)).min(bytes.len());
                        bytes[at..end].fill(0);
                    }
                    _ => {
                        for _ in 0..=random.below(8) {
                            let near = 1 << random.below(20);
                            let at = random.below(bytes.len().min(near));
                            bytes[at] ^= 1 << random.below(8);
                        }
                    }
                }
                settled(&bytes);
            }
        }
    }
}

fn files(folder: PathBuf) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// How often each file is damaged; more for a night.
fn rounds() -> usize {
    std::env::var("REPAIR_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(20)
}
