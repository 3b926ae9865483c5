//! Real files: malformed ones from other projects' bug lists, ones left by killed
//! writers, and sound ones of many makers.
//!
//! They are not part of this repository. `TYMPAN_AUDIO` names the folder they are in,
//! which is `../shared/audio` beside the workspace without it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tympan_backends::BackendErrorKind;

use crate::build::read_path;

/// The folder `name` of them, or a word to whoever reads the log.
fn folder(name: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/audio");
    let audio = std::env::var_os("TYMPAN_AUDIO").map_or_else(beside, PathBuf::from);
    let folder = audio.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("not run: {} is absent; TYMPAN_AUDIO can name another folder", folder.display());
    None
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_name().expect("a file").to_string_lossy().into_owned()
}

/// What `facts.tsv` says: file name to (does ffmpeg read it, frames of ffmpeg, of libsndfile).
fn facts(folder: &Path) -> BTreeMap<String, (bool, String, String)> {
    let text = std::fs::read_to_string(folder.join("facts.tsv")).expect("facts.tsv");
    let row = |line: &str| {
        let mut fields = line.split('\t').map(str::to_owned);
        let mut next = || fields.next().expect("six fields");
        let (name, _, _, exit, ffmpeg, sndfile) = (next(), next(), next(), next(), next(), next());
        let sndfile = sndfile.split('@').next().expect("a part").to_owned();
        (name, (exit == "0", ffmpeg, sndfile))
    };
    text.lines().skip(1).map(row).collect()
}

#[test]
fn every_broken_file_gives_the_frames_that_others_find_or_a_sentence() {
    // Others read these two; we refuse them on purpose: ADPCM is not PCM, and nothing is
    // recorded at 1092676 Hz (the file's header is damaged, others play it as it says).
    const REFUSED: [(&str, &str); 2] =
        [("am-ms_adpcm.wav", "Microsoft ADPCM"), ("ps-awful.wav", "1092676 Hz")];
    let Some(folder) = folder("broken") else {
        return;
    };
    let facts = facts(&folder);
    let (mut heard, mut refused) = (0, 0);
    for path in files(&folder) {
        let name = name(&path);
        let Some((readable, ffmpeg, sndfile)) = facts.get(&name) else {
            continue;
        };
        let wanted = path.extension().is_some_and(|e| e == "wav") && *readable;
        let on_purpose = REFUSED.iter().find(|(file, _)| *file == name);
        match read_path(&path) {
            Ok(got) => {
                assert!(wanted && on_purpose.is_none(), "{name} should have been refused");
                let frames = got.frames().to_string();
                assert_eq!((&frames, &frames), (ffmpeg, sndfile), "{name}");
                println!("{name}: {frames} frames. {}", got.findings());
                heard += 1;
            }
            Err(error) => {
                println!("{error}");
                assert_eq!(error.kind, BackendErrorKind::Unreadable, "{error}");
                assert!(error.message.contains(&name), "{error}");
                assert!(!wanted || on_purpose.is_some(), "{name} is audio for others");
                let words = on_purpose.map_or("", |(_, words)| words);
                assert!(error.message.contains(words), "{words:?} is not in: {error}");
                refused += 1;
            }
        }
    }
    println!("{heard} files heard, {refused} refused");
    assert_eq!(heard + refused, facts.len(), "every file of the table was tried");
}

#[test]
fn a_killed_writer_costs_nothing_that_reached_the_disk() {
    let Some(folder) = folder("crash") else {
        return;
    };
    let facts = std::fs::read_to_string(folder.join("facts.json")).expect("facts.json");
    let recovered = |name: &str| -> u64 {
        let entry = facts.split('}').find(|entry| entry.contains(&format!("crash/{name}\"")));
        let number = entry.and_then(|e| e.split("ffmpeg_recovers_samples\": ").nth(1));
        let digits = number.and_then(|n| n.split(',').next()).expect("a fact per file");
        digits.parse().expect("a number")
    };
    let mut names = Vec::new();
    for path in files(&folder).iter().filter(|path| path.extension().is_some_and(|e| e == "wav")) {
        let name = name(path);
        let got = read_path(path).expect("audio");
        println!("{name}: {} frames. {}", got.frames(), got.findings());
        assert_eq!(got.frames(), recovered(&name), "{name}");
        let findings = got.findings();
        if name == "odd-byte.wav" {
            assert!(findings.contains("promises 149714, the file ends after 147420"), "{findings}");
            assert!(findings.contains("incomplete (1 of 2 bytes)"), "{findings}");
        } else {
            assert!(findings.contains("gives no length"), "{name}: {findings}");
            assert_eq!(got.reader.frames_promised(), None, "{name}");
        }
        names.push(name);
    }
    let expected =
        ["datasize0-junk4088.wav", "killed-sox.wav", "odd-byte.wav", "streamed-ffffffff.wav"];
    assert_eq!(names, expected);
}

#[test]
fn a_file_that_is_not_wav_is_refused_by_name_however_it_was_damaged() {
    let Some(folder) = folder("crash") else {
        return;
    };
    for path in files(&folder) {
        let kind = path.extension().and_then(|e| e.to_str());
        let words = match kind {
            Some("m4a") => "MP4",
            Some("opus") => "Ogg",
            Some("flac") => "FLAC",
            _ => continue,
        };
        let error = read_path(&path).expect_err("not WAV");
        assert!(error.message.contains(words), "{error}");
    }
}

#[test]
fn every_sound_file_reads_as_hound_reads_it() {
    let mut count = 0;
    let folders = "speech digits vad noise damage route-change hfp judge";
    for folder in folders.split(' ').filter_map(folder) {
        for path in files(&folder) {
            if path.extension().is_some_and(|e| e == "wav") {
                compare(&path);
                count += 1;
            }
        }
    }
    println!("{count} files compared");
}

fn compare(path: &Path) {
    let name = path.display();
    let got = read_path(path).expect("audio");
    let mut judge = hound::WavReader::open(path).expect("a sound file");
    let spec = judge.spec();
    // hound believes a header that promises too much and fails at the end of the file;
    // we must have said something then, and only then.
    let kept = got.frames() == u64::from(judge.duration());
    assert_eq!(kept, got.findings().is_empty(), "{name}: {}", got.findings());
    let expected: Vec<u32> = match spec.sample_format {
        hound::SampleFormat::Float => {
            let samples = judge.samples::<f32>();
            samples.map_while(Result::ok).map(f32::to_bits).collect()
        }
        hound::SampleFormat::Int => {
            let scale = 2_f64.powi(i32::from(spec.bits_per_sample) - 1);
            let float = |s: i32| (f64::from(s) / scale) as f32;
            let samples = judge.samples().map_while(Result::ok);
            samples.map(|s| float(s).to_bits()).collect()
        }
    };
    let samples: Vec<u32> = got.samples.iter().map(|s| s.to_bits()).collect();
    assert!(samples == expected, "{name} differs");
}
