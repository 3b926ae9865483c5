//! Files that are interrupted, refused, or written in pieces.

use tympan_backends::BackendErrorKind;
use tympan_backends::wav::{SampleType, WavReader, WavWriter};
use tympan_core::Format;

use crate::build::{Temp, read_path};

const FORMAT: Format = Format::stereo(48_000);

fn create(temp: &Temp, sample_type: SampleType) -> WavWriter {
    WavWriter::create(&temp.0, FORMAT, sample_type, false).expect("a new file")
}

#[test]
fn a_writer_killed_at_once_leaves_everything_it_wrote() {
    let temp = Temp::new("killed.wav");
    let mut writer = create(&temp, SampleType::I16);
    writer.write(&vec![0.5; 2 * 4800]).expect("space");
    // As a kill does it: neither `finish` nor `drop`.
    std::mem::forget(writer);
    let got = read_path(&temp.0).expect("audio");
    assert_eq!(got.frames(), 4800);
    assert!(got.findings().contains("gives no length"), "{}", got.findings());
}

#[test]
fn a_writer_killed_after_a_flush_has_a_true_header_up_to_there_and_the_rest_is_named() {
    let temp = Temp::new("flushed.wav");
    let mut writer = create(&temp, SampleType::F32);
    writer.write(&[0.5; 200]).expect("space");
    writer.flush().expect("space");
    assert_eq!(hound::WavReader::open(&temp.0).expect("true").duration(), 100);
    assert_eq!(read_path(&temp.0).expect("true").findings(), "");
    writer.write(&[0.25; 20]).expect("space");
    std::mem::forget(writer);
    let got = read_path(&temp.0).expect("audio");
    assert_eq!(got.frames(), 100);
    assert!(got.findings().contains("room for 10 more frames"), "{}", got.findings());
}

#[test]
fn a_dropped_writer_leaves_a_true_header() {
    let temp = Temp::new("dropped.wav");
    let mut writer = create(&temp, SampleType::I16);
    for n in 0..100 {
        writer.write(&[0.0; 2 * 7]).expect("space");
        if n % 10 == 0 {
            writer.flush().expect("space");
        }
    }
    drop(writer);
    assert_eq!(WavReader::open(&temp.0).expect("sound").frames_promised(), Some(700));
    assert_eq!(read_path(&temp.0).expect("sound").findings(), "");
}

#[test]
fn an_empty_file_is_sound() {
    let temp = Temp::new("nothing.wav");
    assert_eq!(create(&temp, SampleType::F32).finish().expect("space"), 0);
    let got = read_path(&temp.0).expect("no audio, no error");
    assert_eq!((got.frames(), got.reader.frames_promised()), (0, Some(0)));
    assert_eq!(got.findings(), "");
    assert_eq!(hound::WavReader::open(&temp.0).expect("sound").duration(), 0);
}

#[test]
fn an_existing_file_is_kept_unless_overwriting_is_asked_for() {
    let temp = Temp::with("precious.wav", b"precious");
    let error = WavWriter::create(&temp.0, FORMAT, SampleType::F32, false).expect_err("exists");
    assert!(error.message.contains("exists already"), "{error}");
    assert_eq!(std::fs::read(&temp.0).expect("still there"), b"precious");
    let writer = WavWriter::create(&temp.0, FORMAT, SampleType::F32, true).expect("asked for");
    writer.finish().expect("space");
    assert_ne!(std::fs::read(&temp.0).expect("there"), b"precious");
}

#[test]
fn half_a_frame_is_refused_and_nothing_of_it_written() {
    let temp = Temp::new("half.wav");
    let mut writer = create(&temp, SampleType::F32);
    let error = writer.write(&[0.0; 3]).expect_err("1.5 frames");
    assert!(error.message.contains("not whole frames"), "{error}");
    assert_eq!(writer.finish().expect("space"), 0);
}

#[test]
fn a_place_that_does_not_exist_is_named() {
    let temp = Temp::new("no-such-folder");
    let error = WavWriter::create(temp.0.join("x.wav"), FORMAT, SampleType::F32, false);
    assert_eq!(error.expect_err("no folder").kind, BackendErrorKind::NotFound);
    let error = WavWriter::create(&temp.0, Format::new(0, 0), SampleType::F32, false);
    assert!(error.expect_err("0 Hz").message.contains("no format for audio"));
    assert!(!temp.0.exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_not_a_panic() {
    // A device that takes no byte.
    let error = WavWriter::create("/dev/full", FORMAT, SampleType::F32, true);
    let error = error.expect_err("no space");
    assert_eq!(error.kind, BackendErrorKind::Failed);
    assert!(error.message.contains("failed after 0 frames"), "{error}");
}
