//! Every sample type read here is written by somebody else's code, and every file
//! written here is read by it.

use std::io::Cursor;

use hound::{SampleFormat, WavSpec};
use tympan_backends::wav::{SampleType, WavWriter};
use tympan_core::Format;

use crate::build::{Temp, Wav, extensible, fmt, fmt_with, read, read_path};

/// A file of `frames` frames by hound, and the integers that it was given.
fn by_hound(channels: u16, bits: u16, frames: u32) -> (Vec<u8>, Vec<i32>) {
    let spec = WavSpec {
        channels,
        sample_rate: 44_100,
        bits_per_sample: bits,
        sample_format: SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("hound can write this");
    let (low, high) = (i32::MIN >> (32 - bits), i32::MAX >> (32 - bits));
    let some = (0..frames * u32::from(channels)).map(|n| {
        // The extremes first, then all over the range.
        [low, high, 0, -1]
            .get(n as usize)
            .copied()
            .unwrap_or_else(|| (n.wrapping_mul(0x9e37_79b9) as i32) >> (32 - bits))
    });
    let samples: Vec<i32> = some.collect();
    for &s in &samples {
        writer.write_sample(s).expect("memory");
    }
    writer.finalize().expect("memory");
    (bytes.into_inner(), samples)
}

#[test]
fn integers_of_every_width_come_back_as_hound_wrote_them() {
    for bits in [8, 16, 24, 32] {
        for channels in [1, 2, 6] {
            let (bytes, samples) = by_hound(channels, bits, 1000);
            let got = read(bytes).expect("a sound file");
            assert_eq!(got.reader.format(), Format::new(44_100, channels));
            assert_eq!(got.reader.frames_promised(), Some(1000));
            assert_eq!(got.frames(), 1000, "{bits} bits, {channels} channels");
            let scale = 2_f64.powi(i32::from(bits) - 1);
            let expected: Vec<f32> =
                samples.iter().map(|&s| (f64::from(s) / scale) as f32).collect();
            assert_eq!(got.samples, expected, "{bits} bits, {channels} channels");
            assert_eq!(got.findings(), "");
        }
    }
}

#[test]
fn floats_come_back_to_the_bit_whatever_they_are() {
    let samples = [0.0, -0.0, 1.0, -1.0, f32::NAN, f32::INFINITY, 1e-40, 3e38];
    for channels in [1, 2] {
        let spec = WavSpec {
            channels,
            sample_rate: 48_000,
            bits_per_sample: 32,
            sample_format: SampleFormat::Float,
        };
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("hound can write this");
        for &s in &samples {
            writer.write_sample(s).expect("memory");
        }
        writer.finalize().expect("memory");
        let got = read(bytes.into_inner()).expect("a sound file");
        assert_eq!(bits(&got.samples), bits(&samples));
    }
}

#[test]
fn hound_reads_back_what_we_write() {
    let samples = [0.0, 0.5, -0.5, 0.999_969_5, -1.0, 1.0, 7.0, -7.0, 1e-9, -1e-9, 0.25, f32::NAN];
    for channels in [1, 2, 3] {
        let temp = Temp::new("ours.wav");
        let format = Format::new(48_000, channels);
        let mut writer = WavWriter::create(&temp.0, format, SampleType::F32, false).expect("new");
        writer.write(&samples).expect("space");
        let frames = writer.finish().expect("space");
        assert_eq!(frames, samples.len() as u64 / u64::from(channels));

        let mut judge = hound::WavReader::open(&temp.0).expect("hound reads ours");
        assert_eq!(judge.spec().sample_rate, 48_000);
        assert_eq!(judge.spec().channels, channels);
        assert_eq!(judge.spec().sample_format, SampleFormat::Float);
        let heard: Vec<f32> = judge.samples().map(|s| s.expect("whole")).collect();
        assert_eq!(bits(&heard), bits(&samples));

        let mut writer = WavWriter::create(&temp.0, format, SampleType::I16, true).expect("again");
        writer.write(&samples).expect("space");
        writer.finish().expect("space");
        let mut judge = hound::WavReader::open(&temp.0).expect("hound reads ours");
        assert_eq!(judge.spec().bits_per_sample, 16);
        let heard: Vec<i16> = judge.samples().map(|s| s.expect("whole")).collect();
        let expected = [0, 16384, -16384, 32767, -32768, 32767, 32767, -32768, 0, 0, 8192, 0];
        assert_eq!(heard, expected);
    }
}

#[test]
fn every_16_bit_value_survives_reading_and_writing() {
    let all: Vec<i16> = (i16::MIN..=i16::MAX).collect();
    let wav = Wav::new(fmt(1, 1, 8000, 16), all.iter().flat_map(|s| s.to_le_bytes()).collect());
    let got = wav.read().expect("a sound file");
    let temp = Temp::new("all.wav");
    let mut writer =
        WavWriter::create(&temp.0, Format::mono(8000), SampleType::I16, false).expect("new");
    writer.write(&got.samples).expect("space");
    writer.finish().expect("space");
    let mut judge = hound::WavReader::open(&temp.0).expect("hound reads ours");
    let heard: Vec<i16> = judge.samples().map(|s| s.expect("whole")).collect();
    assert_eq!(heard, all);
}

#[test]
fn doubles_are_narrowed() {
    // hound does not read 64 bits; the numbers judge themselves.
    let samples = [0.0, 0.1, -1.0, 1e300, f64::NAN];
    let data: Vec<u8> = samples.iter().flat_map(|s: &f64| s.to_le_bytes()).collect();
    for fmt in [fmt(3, 1, 44_100, 64), extensible(3, 1, 44_100, 64, 64)] {
        let got = Wav::new(fmt, data.clone()).read().expect("a sound file");
        assert_eq!(got.samples[..4], [0.0, 0.1, -1.0, f32::INFINITY]);
        assert!(got.samples[4].is_nan());
    }
}

#[test]
fn twenty_four_bits_in_four_bytes_stand_low_when_declared_as_24() {
    // -96, 23052, the highest, and the lowest under a byte of rubbish.
    let data = [0xa0, 0xff, 0xff, 0x00, 0x0c, 0x5a, 0, 0, 0xff, 0xff, 0x7f, 0, 0, 0, 0x80, 0x55];
    let wav = Wav::new(fmt_with(1, 2, 48_000, 24, 8), data.to_vec());
    let got = wav.read().expect("as ALSA writes it");
    let expected = [-96.0, 23052.0, 8_388_607.0, -8_388_608.0].map(|s: f32| s / 8_388_608.0);
    assert_eq!(got.samples, expected);
    let mut judge = hound::WavReader::new(Cursor::new(wav.bytes())).expect("hound agrees");
    let heard: Vec<i32> = judge.samples().map(|s| s.expect("whole")).collect();
    assert_eq!(heard, [-96, 23052, 8_388_607, -8_388_608]);
}

#[test]
fn twenty_four_valid_bits_of_32_stand_high() {
    // The extensible format says so, and so do ffmpeg and libsndfile; hound alone takes
    // the low end here, which is why it is not asked.
    let data: Vec<u8> = [i32::MIN, 0x4000_0000, 0].iter().flat_map(|s| s.to_le_bytes()).collect();
    let got = Wav::new(extensible(1, 1, 48_000, 32, 24), data).read().expect("a sound file");
    assert_eq!(got.samples, [-1.0, 0.5, 0.0]);
}

#[test]
fn bits_that_fill_no_byte_stand_high_in_their_container() {
    let got = Wav::new(fmt(1, 1, 48_000, 20), vec![0, 0, 0x40, 0, 0, 0x80]).read();
    assert_eq!(got.expect("20 bits in 3 bytes").samples, [0.5, -1.0]);
    let got = Wav::new(fmt(1, 1, 48_000, 12), vec![0, 0x40, 0, 0x80]).read();
    assert_eq!(got.expect("12 bits in 2 bytes").samples, [0.5, -1.0]);
}

#[test]
fn a_file_on_disk_reads_as_from_a_pipe() {
    let (bytes, _) = by_hound(2, 24, 5000);
    let temp = Temp::with("disk.wav", &bytes);
    let disk = read_path(&temp.0).expect("a sound file");
    let pipe = read(bytes).expect("a sound file");
    assert_eq!(disk.samples, pipe.samples);
    assert_eq!(disk.findings(), "");
}

fn bits(samples: &[f32]) -> Vec<u32> {
    samples.iter().map(|s| s.to_bits()).collect()
}
