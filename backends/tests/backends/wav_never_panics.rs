//! Whatever the bytes, reading ends, does not panic and makes no audio out of nothing.

use proptest::collection::vec;
use proptest::prelude::*;
use tympan_backends::wav::WavReader;
use tympan_core::Format;

use crate::build::{Bites, Wav, chunk, extensible, fmt, fmt_with, read};

/// Reads all of it; every sample must have cost at least a byte.
fn check(bytes: Vec<u8>) {
    let length = bytes.len() as u64;
    match read(bytes) {
        Ok(got) => {
            let channels = u64::from(got.reader.format().channels);
            assert!(got.reader.format().is_valid());
            assert!(got.frames() * channels <= length.saturating_sub(28));
            assert_eq!(got.samples.len() as u64, got.frames() * channels);
        }
        Err(error) => assert!(error.message.contains("`input`"), "{error}"),
    }
}

/// Sound files of all kinds.
fn sound() -> impl Strategy<Value = Wav> {
    let formats = prop_oneof![
        Just(fmt(1, 1, 16_000, 8)),
        Just(fmt(1, 2, 44_100, 16)),
        Just(fmt(1, 3, 48_000, 24)),
        Just(fmt_with(1, 2, 48_000, 24, 8)),
        Just(fmt(3, 1, 48_000, 32)),
        Just(fmt(3, 2, 96_000, 64)),
        Just(extensible(1, 2, 48_000, 32, 24)),
    ];
    let junk = vec(any::<u8>(), 0..40).prop_map(|body| chunk(*b"JUNK", &body));
    (formats, junk, vec(any::<u8>(), 0..3000), any::<bool>()).prop_map(|(fmt, junk, data, long)| {
        let mut wav = Wav { first: junk, ..Wav::new(fmt, data) };
        if long {
            wav.riff = *b"RF64";
            let sizes = [0, wav.data.len() as u64, 0];
            let body: Vec<u8> = sizes.iter().flat_map(|s: &u64| s.to_le_bytes()).collect();
            wav.first = chunk(*b"ds64", &[&body[..], &[0; 4]].concat());
            wav.data_size = Some(u32::MAX);
        }
        wav
    })
}

/// A change of one place.
#[derive(Clone, Debug)]
enum Harm {
    Set(usize, u8),
    SetWord(usize, u32),
    Cut(usize),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    // Most of what matters is in the first hundred bytes.
    let place = || prop_oneof![3 => 0_usize..100, 1 => 0_usize..3200];
    let word = prop_oneof![Just(0), Just(1), Just(u32::MAX), Just(0x7fff_ffff), any::<u32>()];
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Harm::Set(at, byte)),
        (place(), word).prop_map(|(at, word)| Harm::SetWord(at, word)),
        place().prop_map(Harm::Cut),
        (place(), vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Harm::Insert(at, bytes)),
        (place(), 1_usize..9).prop_map(|(at, count)| Harm::Remove(at, count)),
    ]
}

fn apply(bytes: &mut Vec<u8>, harm: &Harm) {
    let at = |place: usize, length: usize| place.min(length);
    match harm {
        Harm::Set(place, byte) => {
            if let Some(old) = bytes.get_mut(*place) {
                *old = *byte;
            }
        }
        Harm::SetWord(place, word) => {
            if let Some(old) = bytes.get_mut(*place..place + 4) {
                old.copy_from_slice(&word.to_le_bytes());
            }
        }
        Harm::Cut(place) => bytes.truncate(*place),
        Harm::Insert(place, new) => {
            let place = at(*place, bytes.len());
            bytes.splice(place..place, new.iter().copied());
        }
        Harm::Remove(place, count) => {
            let (start, end) = (at(*place, bytes.len()), at(place + count, bytes.len()));
            bytes.drain(start..end);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn on_random_bytes(bytes in vec(any::<u8>(), 0..300)) {
        check(bytes);
    }

    #[test]
    fn on_random_bytes_behind_a_true_start(
        riff in prop_oneof![Just(*b"RIFF"), Just(*b"RF64"), Just(*b"BW64")],
        bytes in vec(any::<u8>(), 0..300),
    ) {
        check([&riff[..], &[0; 4], b"WAVE", &bytes].concat());
        check([&riff[..], &[0; 4], b"WAVEfmt ", &[40, 0, 0, 0], &bytes].concat());
    }

    #[test]
    fn on_sound_files_that_were_harmed(wav in sound(), harms in vec(harm(), 0..5)) {
        let mut bytes = wav.bytes();
        for harm in &harms {
            apply(&mut bytes, harm);
        }
        check(bytes);
    }

    #[test]
    fn on_any_cut_of_the_input_and_the_same_comes_out(
        wav in sound(),
        bite in 1_usize..200,
        sizes in vec(1_usize..500, 1..8),
    ) {
        let whole = wav.read().expect("sound");
        let mut reader = WavReader::new(Bites::new(wav.bytes(), bite)).expect("sound");
        let Format { channels, .. } = reader.format();
        let mut samples = Vec::new();
        for size in sizes.iter().cycle() {
            // Room for some samples more than whole frames, which must stay untouched.
            let mut out = vec![7.5; size * usize::from(channels) + usize::from(channels) - 1];
            let frames = reader.read(&mut out).expect("sound");
            let got = frames * usize::from(channels);
            samples.extend_from_slice(&out[..got]);
            prop_assert!(out[got..].iter().all(|s| *s == 7.5));
            if frames == 0 {
                break;
            }
            prop_assert!(frames <= *size);
        }
        let bits = |samples: &[f32]| samples.iter().map(|s| s.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&samples), bits(&whole.samples));
        prop_assert_eq!(reader.findings(), whole.reader.findings());
    }
}
