//! What the program records, it reads.

use std::fs;

use crate::kit::{Folder, heard, shift, sound, streamed, take};

#[test]
fn takes_are_read_as_long_as_they_are() {
    let folder = Folder::new("own");
    for frames in [48_000, 100_001, 7] {
        let samples = sound(48_000, 1, frames);
        let plain: Vec<f32> = samples.iter().map(|x| f32::from(*x) / 32_768.0).collect();
        for format in ["wav", "flac", "opus", "m4a"] {
            let (path, kept, rate) = take(&folder, format, &samples);
            let got = heard(&path).unwrap_or_else(|e| panic!("{format}: {e}"));
            assert_eq!((got.frames(), got.format.rate), (kept, rate), "{format}, {frames} frames");
            assert_eq!(got.findings, [] as [&str; 0], "{format}");
            assert_eq!(got.error, None, "{format}");
            assert_eq!(got.promised, Some(kept as u64), "{format}");
            if frames > 1_000 {
                let (by, alike) = shift(&plain, &got.samples);
                assert!(by.abs() <= 3 && alike > 0.9, "{format}: {by} frames off, {alike}");
            }
            if format == "flac" {
                assert!(got.samples == plain, "FLAC loses nothing");
            }
        }
    }
}

/// A pipe gives what a file gives, or says why it cannot.
#[test]
fn streams_are_read_like_files() {
    let folder = Folder::new("streams");
    let samples = sound(48_000, 1, 100_001);
    for format in ["wav", "flac", "opus", "m4a"] {
        let (path, ..) = take(&folder, format, &samples);
        let whole = heard(&path).expect("a file");
        match streamed(fs::read(&path).expect("its bytes")) {
            Ok(got) => {
                assert_eq!(got.error, None, "{format}");
                let more = got.frames() - whole.frames();
                // What an MP4 says to leave out stands behind what it is said of.
                assert!(more == 0 || format == "m4a" && more < 4_096, "{format}: {more}");
            }
            Err(error) => {
                assert!(format == "m4a" && error.contains("as a file"), "{format}: {error}");
            }
        }
    }
}
