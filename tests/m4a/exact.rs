//! Whether players find as many samples as were recorded, and where they were.

#![cfg(feature = "aac")]

use std::path::Path;

use crate::kit::judge::{Scratch, decoded, ffmpeg, told};
use tympan::take::Aac;
use tympan::take::{M4a, Track};

use crate::kit::{Outcome, repair};
use tympan::backend::storage::{Files, Storage};

/// A sound that is nowhere like itself a moment later.
fn sound(frames: usize, channels: u16) -> Vec<f32> {
    let sample = |i: usize| {
        let (time, side) = ((i / usize::from(channels)) as f32, (i % usize::from(channels)) as f32);
        (time * (0.15 + side * 0.04) + time * time * 1e-6).sin() * 0.4
    };
    (0..frames * usize::from(channels)).map(sample).collect()
}

/// Records a sound; `finish` says with how many samples, if at all. Returns the samples
/// behind the priming that are in the file.
fn record(
    path: &Path,
    rate: u32,
    channels: u16,
    samples: &[f32],
    finish: impl Fn(u64) -> Option<u64>,
) -> u64 {
    let mut aac = Aac::new(rate, channels, 64_000 * u32::from(channels)).unwrap();
    let track = Track::aac(aac.config(), rate, channels, aac.delay());
    let mut take = M4a::new(Files.create(path).unwrap(), track).unwrap();
    for some in samples.chunks(rate as usize / 10 * usize::from(channels)) {
        aac.push(some, &mut |bytes, frames| take.packet(bytes, frames).unwrap()).unwrap();
        take.fragment().unwrap();
    }
    let accepted = aac.frames();
    aac.finish(&mut |bytes, frames| take.packet(bytes, frames).unwrap()).unwrap();
    take.fragment().unwrap();
    if let Some(samples) = finish(accepted) {
        take.finish(samples).unwrap();
    }
    take.samples()
}

const FORMATS: [(u32, u16); 4] = [(48_000, 1), (48_000, 2), (44_100, 1), (44_100, 2)];

#[test]
fn a_finished_file_plays_exactly_what_was_recorded() {
    let Some(ffmpeg) = ffmpeg() else { return };
    // Every one of them takes some minutes: for once, when something has changed.
    let step = if std::env::var_os("TYMPAN_EVERY_LENGTH").is_some() { 1 } else { 331 };
    let mut lengths: Vec<usize> = (0..5_000).step_by(step).collect();
    lengths.extend([1, 2, 1_023, 1_024, 1_025, 2_047, 2_048, 2_049, 3 * 44_100 + 7, 144_000]);
    for (rate, channels) in FORMATS {
        for frames in &lengths {
            let file = Scratch::new(&format!("exact-{rate}-{channels}-{frames}.m4a"));
            let samples = sound(*frames, channels);
            record(&file.0, rate, channels, &samples, Some);
            let out = decoded(ffmpeg, &file.0).unwrap();
            assert_eq!(out.len(), samples.len(), "{rate} Hz, {channels}, {frames} frames");
            if *frames > 20_000 {
                assert_similar(&samples, &out, channels);
            }
        }
    }
}

/// Whether two signals are the same but for what the codec adds; a shift of one sample
/// shows.
fn assert_similar(one: &[f32], other: &[f32], channels: u16) {
    let energy = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>();
    let noise = energy(&mut one.iter().zip(other).map(|(one, other)| one - other));
    let shifted =
        energy(&mut one.iter().skip(channels.into()).zip(other).map(|(one, other)| one - other));
    let signal = energy(&mut one.iter().copied());
    assert!(noise < signal / 100.0, "{}", signal / noise);
    assert!(shifted > 3.0 * noise, "the judge would not notice a shift");
}

#[test]
fn a_file_of_fragments_plays_all_packets_behind_the_priming() {
    let Some(ffmpeg) = ffmpeg() else { return };
    for (rate, channels) in FORMATS {
        for frames in [1, 1_024, 5_000, 100_000] {
            let file = Scratch::new(&format!("fragments-{rate}-{channels}-{frames}.m4a"));
            let samples = sound(frames, channels);
            let there = record(&file.0, rate, channels, &samples, |_| None);
            let out = decoded(ffmpeg, &file.0).unwrap();
            assert_eq!(out.len() as u64, there * u64::from(channels), "{rate} {channels} {frames}");
            if frames > 20_000 {
                assert_similar(&samples, &out[..samples.len()], channels);
            }
        }
    }
}

#[test]
fn a_length_that_is_wrong_by_one_would_be_noticed() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let file = Scratch::new("planted.m4a");
    record(&file.0, 48_000, 1, &sound(5_000, 1), |accepted| Some(accepted - 1));
    assert_eq!(decoded(ffmpeg, &file.0).unwrap().len(), 4_999);
}

#[test]
fn a_file_cut_at_or_beside_each_fragment_is_played_and_repaired() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let whole = Scratch::new("whole.m4a");
    record(&whole.0, 48_000, 1, &sound(40_000, 1), |_| None);
    let bytes = std::fs::read(&whole.0).unwrap();
    let moofs: Vec<usize> = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, name)| name == b"moof")
        .map(|(at, _)| at - 4)
        .collect();
    assert!(moofs.len() > 8);
    for at in moofs.iter().flat_map(|at| [at - 1, *at, at + 1, at + 60]).skip(1) {
        let cut = Scratch::with("cut.m4a", &bytes[..at]);
        let outcome = repair(&mut Files.open(&cut.0).unwrap()).unwrap();
        let Outcome::Repaired { samples, .. } = outcome else { panic!("{at}: {outcome:?}") };
        assert_eq!(decoded(ffmpeg, &cut.0).unwrap().len() as u64, samples, "{at}");
        // The same without a repair, if the cut is between two fragments.
        if samples > 0 && moofs.contains(&at) {
            let raw = Scratch::with("raw.m4a", &bytes[..at]);
            assert_eq!(decoded(ffmpeg, &raw.0).unwrap().len() as u64, samples, "{at}");
        }
    }
}

#[test]
fn the_index_of_an_unfinished_finish_disturbs_no_player() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let file = Scratch::new("finishing.m4a");
    let there = record(&file.0, 48_000, 1, &sound(30_000, 1), Some);
    let finished = std::fs::read(&file.0).unwrap();
    let other = Scratch::new("fragments.m4a");
    record(&other.0, 48_000, 1, &sound(30_000, 1), |_| None);
    let begun = std::fs::read(&other.0).unwrap();
    for len in
        [begun.len() + 4, begun.len() + 8, begun.len() + 200, finished.len() - 1, finished.len()]
    {
        let mut between = begun.clone();
        between.extend(&finished[begun.len()..len]);
        let file = Scratch::with("between.m4a", &between);
        // It may say that there is an index too many, and plays on.
        let out = std::process::Command::new(ffmpeg)
            .args(["-v", "error", "-i"])
            .arg(&file.0)
            .args(["-f", "f32le", "-"])
            .output()
            .unwrap();
        assert_eq!(out.stdout.len() as u64 / 4, there, "{len}");
        let outcome = repair(&mut Files.open(&file.0).unwrap()).unwrap();
        let Outcome::Repaired { samples, .. } = outcome else { panic!("{outcome:?}") };
        let exact = if len == finished.len() { 30_000 } else { there };
        assert_eq!(samples, exact);
        assert_eq!(decoded(ffmpeg, &file.0).unwrap().len() as u64, exact);
    }
}

#[test]
fn other_readers_have_nothing_to_complain_about() {
    for finish in [true, false] {
        let file = Scratch::new(&format!("readers-{finish}.m4a"));
        record(&file.0, 48_000, 2, &sound(50_000, 2), |all| finish.then_some(all));
        if let Some(said) = told("mediainfo", &[], &file.0, &[]) {
            assert!(said.contains("AAC LC") && said.contains("48.0 kHz"), "{said}");
            assert!(!said.contains("Conformance") && !said.contains("IsTruncated"), "{said}");
        }
        if let Some(said) = told("AtomicParsley", &[], &file.0, &["-T"]) {
            assert!(said.contains("Atom moov") && !said.to_lowercase().contains("error"), "{said}");
        }
        let ask = ["-v", "warning", "-show_streams"];
        if let Some(said) = told("ffprobe", &ask, &file.0, &[]) {
            // A warning would come first.
            assert!(said.starts_with("[STREAM]") && said.contains("codec_name=aac"), "{said}");
        }
    }
}

#[test]
fn a_torn_file_is_noticed_by_a_reader() {
    let file = Scratch::new("torn.m4a");
    record(&file.0, 48_000, 1, &sound(50_000, 1), Some);
    let bytes = std::fs::read(&file.0).unwrap();
    let torn = Scratch::with("torn2.m4a", &bytes[..bytes.len() - 100]);
    if let Some(ffmpeg) = ffmpeg() {
        assert!(decoded(ffmpeg, &torn.0).is_err());
    }
}
