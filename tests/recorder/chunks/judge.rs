//! What must be true of the chunks of a take, whoever made them.

use std::path::Path;
use std::process::Command;

use tympan::backend::storage::{Files, Storage};
use tympan::backend::wav::WavReader;
use tympan::take::{Chunk, State, Take, repair};

/// What is wrong with the chunks of a complete take, but for what they cover.
pub(crate) fn findings(take: &Take) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut end = 0;
    for (number, chunk) in take.chunks.iter().enumerate() {
        let mut tell = |what: String| wrong.push(format!("chunk {}: {what}", chunk.index));
        if chunk.index as usize != number + 1 {
            tell(format!("is the one at {}", number + 1));
        }
        if chunk.first < end {
            tell(format!("begins at {} in one that ends at {end}", chunk.first));
        }
        if chunk.rate != take.rate {
            tell(format!("counts at {} Hz", chunk.rate));
        }
        end = chunk.end();
        file(&chunk.path(&take.folder), chunk, &mut tell);
    }
    let mut names = Files.list(&take.folder.join("chunks")).unwrap();
    names.retain(|name| name != "manifest.jsonl");
    if !names.iter().eq(take.chunks.iter().map(|chunk| &chunk.file)) {
        wrong.push(format!("there are {names:?}"));
    }
    wrong
}

/// What is wrong beside that where chunks should be the whole take.
pub(crate) fn holes(take: &Take) -> Vec<String> {
    let mut wrong = findings(take);
    let mut end = 0;
    for chunk in &take.chunks {
        if chunk.first != end {
            wrong.push(format!("chunk {} begins at {}, not {end}", chunk.index, chunk.first));
        }
        end = chunk.end();
    }
    if end != take.frames {
        wrong.push(format!("they end at {end} of {}", take.frames));
    }
    wrong
}

fn file(path: &Path, chunk: &Chunk, tell: &mut impl FnMut(String)) {
    let Ok(bytes) = std::fs::read(path) else { return tell("is not there".to_owned()) };
    if bytes.len() as u64 != chunk.bytes {
        tell(format!("has {} bytes, not {}", bytes.len(), chunk.bytes));
    }
    if let Some(sum) = sha256(path)
        && sum != chunk.sha256
    {
        tell(format!("has the sum {sum}, not {}", chunk.sha256));
    }
    let seen = repair(&mut std::io::Cursor::new(bytes)).unwrap();
    let long = seen.kept_frames * u64::from(chunk.rate);
    let should = chunk.frames * u64::from(seen.rate);
    if seen.state != State::Healthy || long != should {
        tell(format!("is {seen:?}, for {} frames at {} Hz", chunk.frames, chunk.rate));
    }
}

/// By somebody else's program.
fn sha256(path: &Path) -> Option<String> {
    let Ok(output) = Command::new("sha256sum").arg(path).output() else {
        println!("NOT RUN: sha256sum, which is not installed");
        return None;
    };
    String::from_utf8(output.stdout).unwrap().split(' ').next().map(str::to_owned)
}

/// All samples of a mono WAV file.
pub(crate) fn samples(path: &Path) -> Vec<f32> {
    let mut wav = WavReader::open(path).unwrap();
    let mut samples = vec![0.0; 10_000_000];
    let frames = wav.read(&mut samples).unwrap();
    samples.truncate(frames);
    samples
}
