//! Files that are torn, damaged or lies: an end, a sentence, and never more than is there.

use std::fs;
use std::path::Path;

use crate::kit::{Folder, Heard, heard, sound, streamed, take};

/// Whatever was read, it was read in a civil way.
fn civil(name: &str, outcome: Result<Heard, String>, most: usize) {
    match outcome {
        Ok(got) => {
            assert!(got.frames() <= most, "{name}: {} frames out of nothing", got.frames());
            for sentence in got.findings.iter().chain(&got.error) {
                assert!(sentence.len() > 10 && !sentence.contains("Error("), "{name}: {sentence}");
            }
        }
        Err(sentence) => {
            assert!(sentence.contains('`') && sentence.len() > 20, "{name}: {sentence}");
        }
    }
}

#[test]
fn damage_is_an_end_or_a_gap() {
    let folder = Folder::new("hostile");
    let mut seed = 7u32;
    let mut random = |n: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize % n.max(1)
    };
    let rounds = if std::env::var_os("TYMPAN_LONG").is_some() { 3_000 } else { 150 };
    for format in ["flac", "opus", "m4a"] {
        let (path, kept, _) = take(&folder, format, &sound(48_000, 1, 60_000));
        let good = fs::read(&path).expect("its bytes");
        let (mut refused, mut read) = (0, 0);
        for round in 0..rounds {
            let mut bytes = good.clone();
            match round % 4 {
                0 => bytes.truncate(random(good.len())),
                1 => (0..=random(8)).for_each(|_| bytes[random(good.len())] ^= 1 << random(8)),
                2 => {
                    let at = random(good.len());
                    let end = (at + random(300)).min(good.len());
                    bytes[at..end].fill([0, 0xff][random(2)]);
                }
                _ => drop(bytes.splice(random(good.len()).., good[random(good.len())..].to_vec())),
            }
            let damaged = folder.file(&format!("damaged.{format}"), &bytes);
            let outcome = heard(&damaged);
            match &outcome {
                Ok(_) => read += 1,
                Err(_) => refused += 1,
            }
            // Two copies of it may stand in one file.
            civil(&format!("{format} {round}"), outcome, 4 * kept + 48_000);
            if round % 5 == 0 {
                civil(&format!("{format} {round}, streamed"), streamed(bytes), 4 * kept + 48_000);
            }
        }
        println!("{format}: {read} read, {refused} refused");
        assert!(read > 0 && refused > 0);
    }
}

#[test]
fn what_is_no_audio_is_called_what_it_is() {
    let folder = Folder::new("no-audio");
    for (name, bytes, words) in [
        ("a.mp3", &b""[..], "is empty"),
        ("a.txt", b"no audio, you see", "like a text"),
        (
            "a.ogg",
            b"OggS\0\x02 and nothing more of it than that, I am sorry to say, dear reader",
            "a.ogg",
        ),
        ("a.m4a", b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42isom\0\0\0\0", "a.m4a"),
        ("a.flac", b"fLaC\0\0\0\x22", "a.flac"),
        ("a.mp3", b"ID3\x04\0\0\0\0\0\0", "a.mp3"),
    ] {
        let path = folder.file(name, bytes);
        let error = heard(&path).err().unwrap_or_else(|| panic!("{name} was read"));
        assert!(error.contains(words), "{name}: {error}");
        assert!(streamed(bytes.to_vec()).is_err(), "{name}");
    }
    let error = heard(&folder.0).err().expect("a folder is no file");
    assert!(error.contains("is a folder"), "{error}");
    let error = heard(Path::new("no/such.opus")).err().expect("it is not there");
    assert!(error.contains("no file"), "{error}");
}
