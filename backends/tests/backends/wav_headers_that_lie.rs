//! Headers that say something else than what follows, each as some writer leaves it.

use std::io::{Cursor, Read, repeat};

use tympan_backends::wav::WavReader;
use tympan_backends::{BackendError, BackendErrorKind};

use crate::build::{Breaks, Temp, Wav, chunk, extensible, fmt, fmt_with, read, read_path};

/// The refusal of these bytes, which must be a sentence about the file.
fn refusal(bytes: Vec<u8>) -> String {
    let error = read(bytes).expect_err("not readable");
    sentence(&error)
}

fn sentence(error: &BackendError) -> String {
    assert_eq!(error.kind, BackendErrorKind::Unreadable, "{error}");
    assert!(error.message.contains("`input`"), "{error}");
    error.message.clone()
}

#[test]
fn unfilled_lengths_are_read_to_the_end() {
    // Zero, all ones, SoX, arecord, and all ones less a header.
    for size in [0, u32::MAX, 0x7fff_f000, 0x8000_0000, u32::MAX - 36] {
        let wav = Wav { data_size: Some(size), riff_size: Some(36), ..Wav::count(100) };
        let got = wav.read().expect("audio");
        assert_eq!((got.frames(), got.reader.frames_promised()), (100, None), "{size:#x}");
        assert!(got.findings().contains("gives no length"), "{}", got.findings());
        let temp = Temp::with("unfilled.wav", &wav.bytes());
        assert_eq!(read_path(&temp.0).expect("audio").frames(), 100, "{size:#x}");
    }
}

#[test]
fn a_promise_that_is_not_kept_is_counted() {
    let wav = Wav { data_size: Some(400), ..Wav::count(100) };
    let got = wav.read().expect("audio");
    assert_eq!((got.frames(), got.reader.frames_promised()), (100, Some(200)));
    let findings = got.findings();
    assert!(findings.contains("promises 200, the file ends after 100"), "{findings}");
    assert!(findings.contains("100 frames (0.006 s) are missing"), "{findings}");
}

#[test]
fn a_promise_with_trailing_chunks_is_trusted() {
    let after = [chunk(*b"LIST", b"INFOIART"), chunk(*b"id3 ", &[0; 33])].concat();
    let wav = Wav { after, ..Wav::count(100) };
    assert_eq!(wav.read().expect("audio").frames(), 100);
    let temp = Temp::with("trailing.wav", &wav.bytes());
    let got = read_path(&temp.0).expect("audio");
    assert_eq!((got.frames(), got.findings().as_str()), (100, ""));
}

#[test]
fn an_odd_length_may_be_padded_or_not() {
    for after in
        [vec![], vec![0], chunk(*b"LIST", b"INFO"), [&[0][..], &chunk(*b"LIST", b"INFO")].concat()]
    {
        let wav = Wav { after, ..Wav::new(fmt(1, 1, 8000, 8), vec![0x80; 101]) };
        let temp = Temp::with("odd.wav", &wav.bytes());
        let got = read_path(&temp.0).expect("audio");
        assert_eq!((got.frames(), got.findings().as_str()), (101, ""), "{:?}", wav.after);
    }
}

#[test]
fn more_audio_than_the_header_counts_is_named_and_not_read() {
    let wav = Wav { data_size: Some(100), ..Wav::count(100) };
    let temp = Temp::with("more.wav", &wav.bytes());
    let got = read_path(&temp.0).expect("audio");
    assert_eq!(got.frames(), 50);
    assert!(got.findings().contains("room for 50 more frames"), "{}", got.findings());
}

#[test]
fn a_pipe_is_not_read_beyond_the_promise() {
    // A pipe that stays open must not hold up the end: what breaks here is never asked.
    let input = Breaks(Cursor::new(Wav::count(100).bytes()));
    let mut reader = WavReader::new(input).expect("audio");
    assert_eq!(reader.read(&mut [0.0; 200]).expect("all of it"), 100);
    assert_eq!(reader.read(&mut [0.0; 200]).expect("the end"), 0);
}

#[test]
fn half_a_frame_at_the_end_is_left_out_and_said() {
    let mut bytes = Wav::count(100).bytes();
    bytes.pop();
    let got = read(bytes).expect("audio");
    assert_eq!(got.frames(), 99);
    assert!(got.findings().contains("incomplete (1 of 2 bytes)"), "{}", got.findings());
    // The promise itself is not whole frames, and kept, and not kept.
    let wav = Wav { data_size: Some(201), after: vec![7], ..Wav::count(100) };
    let got = wav.read().expect("audio");
    assert_eq!(got.frames(), 100);
    assert!(got.findings().contains("incomplete (1 of 2 bytes)"), "{}", got.findings());
    let wav = Wav { data_size: Some(201), ..Wav::count(100) };
    assert_eq!(wav.read().expect("audio").findings(), "");
}

#[test]
fn a_zero_length_followed_by_a_counted_chunk_is_really_empty() {
    let empty = Wav { after: chunk(*b"LIST", b"INFOIART"), ..Wav::count(0) };
    let got = empty.read().expect("no audio, no error");
    assert_eq!((got.frames(), got.reader.frames_promised()), (0, Some(0)));
    assert_eq!(got.findings(), "");
    // Samples that look like a chunk's name do not make it empty: the outer size decides.
    let wav = Wav {
        data_size: Some(0),
        riff_size: Some(36),
        data: chunk(*b"LIST", &[0; 12]),
        ..Wav::count(0)
    };
    assert_eq!(wav.read().expect("audio").frames(), 10);
}

#[test]
fn long_sizes_are_taken_from_ds64() {
    let ds64 = |data: u64| {
        let body = [0_u64.to_le_bytes(), data.to_le_bytes(), 0_u64.to_le_bytes()].concat();
        chunk(*b"ds64", &[&body[..], &[0; 4]].concat())
    };
    for riff in [*b"RF64", *b"BW64"] {
        let wav = |first| Wav { riff, first, data_size: Some(u32::MAX), ..Wav::count(100) };
        let got = wav(ds64(100)).read().expect("audio");
        assert_eq!((got.frames(), got.reader.frames_promised()), (50, Some(50)));
        // Promised beyond 4 GiB and beyond reason, not filled in, not there at all.
        assert_eq!(wav(ds64(1 << 40)).read().expect("audio").frames(), 100);
        for odd in [ds64(0), ds64(u64::MAX), vec![]] {
            let got = wav(odd).read().expect("audio");
            assert_eq!((got.frames(), got.reader.frames_promised()), (100, None));
            assert!(got.findings().contains("gives no length"), "{}", got.findings());
        }
        let short = refusal(wav(chunk(*b"ds64", &[0; 8])).bytes());
        assert!(short.contains("`ds64` chunk has 8 bytes"), "{short}");
    }
    // Where the short size is filled in, it counts.
    let wav = Wav { riff: *b"RF64", first: ds64(40), ..Wav::count(100) };
    assert_eq!(wav.read().expect("audio").frames(), 100);
}

#[test]
fn a_length_that_wrapped_around_is_unwrapped() {
    let wav = Wav { data_size: Some(1000), ..Wav::count(0) };
    let bytes = wav.bytes();
    let temp = Temp::with("wrapped.wav", &bytes);
    // Sparse: no byte of these 4 GiB is on the disk.
    let file = std::fs::OpenOptions::new().write(true).open(&temp.0).expect("just made");
    let length = bytes.len() as u64 + 1000 + (1 << 32);
    if file.set_len(length).is_err() {
        println!("not run: this file system has no files of 4 GiB");
        return;
    }
    let mut reader = WavReader::open(&temp.0).expect("audio");
    assert_eq!(reader.frames_promised(), Some(500 + (1 << 31)));
    assert!(reader.findings()[0].contains("outgrown its 32-bit header"));
    assert_eq!(reader.read(&mut [1.0; 600]).expect("audio"), 600);
}

#[test]
fn a_true_length_that_looks_like_a_placeholder_is_trusted_where_it_can_be_checked() {
    let wav = Wav { data_size: Some(0x8000_0000), ..Wav::count(0) };
    let bytes = wav.bytes();
    let temp = Temp::with("2gib.wav", &bytes);
    let file = std::fs::OpenOptions::new().write(true).open(&temp.0).expect("just made");
    if file.set_len(bytes.len() as u64 + 0x8000_0000 + 50).is_err() {
        println!("not run: this file system has no files of 2 GiB");
        return;
    }
    let reader = WavReader::open(&temp.0).expect("audio");
    assert_eq!(reader.frames_promised(), Some(1 << 30));
    assert!(reader.findings().is_empty());
}

#[test]
fn chunks_in_front_of_the_audio_are_passed_over() {
    let first = [
        chunk(*b"JUNK", &[0; 28]),
        chunk(*b"bext", &[b'x'; 603]),
        chunk(*b"PAD ", &[]),
        chunk(*b"iXML", b"<a/>\n"),
    ];
    let between = [chunk(*b"fact", &[0; 4]), chunk(*b"LIST", b"INFOx"), chunk(*b"fmt ", &[0; 3])];
    let wav = Wav { first: first.concat(), between: between.concat(), ..Wav::count(100) };
    let got = wav.read().expect("audio");
    assert_eq!((got.frames(), got.findings().as_str()), (100, ""));
    assert_eq!(Ok(100), u64::try_from(got.samples.len()));
}

#[test]
fn an_odd_chunk_without_its_padding_is_forgiven() {
    let mut odd = chunk(*b"LIST", b"INFOx");
    odd.pop();
    let wav = Wav { between: odd.clone(), ..Wav::count(100) };
    assert_eq!(wav.read().expect("audio").samples[99], 99.0 / 32768.0);
    let wav = Wav { first: odd, ..Wav::count(100) };
    assert_eq!(wav.read().expect("audio").frames(), 100);
}

#[test]
fn more_of_a_fmt_chunk_than_we_know_is_passed_over() {
    for length in [17, 18, 20, 40, 41, 1000] {
        let mut body = fmt(1, 1, 16_000, 16);
        body.resize(length, 0xee);
        let wav = Wav { fmt: body, ..Wav::count(100) };
        assert_eq!(wav.read().expect("audio").frames(), 100, "{length} bytes");
    }
}

#[test]
fn a_frame_size_of_zero_is_derived_and_another_wrong_one_refused() {
    let wav = |align| Wav { fmt: fmt_with(1, 2, 16_000, 16, align), ..Wav::count(100) };
    let got = wav(0).read().expect("audio");
    assert_eq!(got.frames(), 50);
    assert!(got.findings().contains("frame size of 0"), "{}", got.findings());
    for align in [1, 2, 3, 5, 8, u16::MAX] {
        let message = refusal(wav(align).bytes());
        let words = format!("2 integer samples of 16 bits has {align} bytes");
        assert!(message.contains(&words), "{message}");
    }
}

#[test]
fn impossible_formats_are_refused_with_their_numbers() {
    let cases = [
        (fmt(1, 0, 16_000, 16), "0 channels; 1 to 64"),
        (fmt(1, 65, 16_000, 16), "65 channels; 1 to 64"),
        (fmt(1, u16::MAX, 16_000, 16), "65535 channels"),
        (fmt(1, 1, 0, 16), "0 Hz; 1000 to 768000 Hz"),
        (fmt(1, 1, 999, 16), "999 Hz"),
        (fmt(1, 1, 1_092_676, 16), "1092676 Hz; 1000 to 768000 Hz"),
        (fmt(1, 1, u32::MAX, 16), "4294967295 Hz"),
        (fmt(1, 1, 16_000, 0), "0 bits"),
        (fmt(1, 1, 16_000, 64), "64 bits"),
        (fmt(3, 1, 16_000, 16), "float samples of 16 bits"),
        (fmt(2, 1, 16_000, 4), "Microsoft ADPCM (coding 0x0002)"),
        (fmt(6, 1, 8_000, 8), "A-law"),
        (fmt(7, 1, 8_000, 8), "mu-law"),
        (fmt(0x11, 1, 8_000, 4), "IMA ADPCM"),
        (fmt(0x55, 1, 44_100, 0), "MP3"),
        (fmt(0, 1, 44_100, 16), "coding 0x0000"),
        (fmt(0xfffe, 1, 44_100, 16), "16 bytes where 40 are due"),
        (extensible(7, 1, 8_000, 8, 8), "mu-law"),
        ([&extensible(1, 1, 8_000, 16, 16)[..39], &[0]].concat(), "sub-format 0x00000001"),
        (fmt(1, 1, 16_000, 16)[..14].to_vec(), "has 14 bytes where at least 16"),
        (vec![], "has 0 bytes where at least 16"),
    ];
    for (fmt, words) in cases {
        let message = refusal(Wav { fmt, ..Wav::count(10) }.bytes());
        assert!(message.contains(words), "{words:?} is not in: {message}");
    }
}

#[test]
fn all_legal_formats_at_their_borders_are_read() {
    for (channels, rate) in [(64, 1000), (64, 768_000), (1, 768_000), (1, 1000)] {
        for (tag, bits) in [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64)] {
            let fmt = fmt(tag, channels, rate, bits);
            let frame = usize::from(channels) * usize::from(bits / 8);
            let got = Wav::new(fmt, vec![0; frame * 3]).read().expect("legal");
            assert_eq!(got.frames(), 3);
        }
    }
}

#[test]
fn a_header_that_ends_too_early_is_refused_wherever_it_ends() {
    let whole = Wav { between: chunk(*b"fact", &[0; 4]), ..Wav::count(0) }.bytes();
    for length in 0..whole.len() {
        refusal(whole[..length].to_vec());
    }
    assert_eq!(read(whole).expect("all of it").frames(), 0);
}

#[test]
fn samples_before_their_description_are_refused() {
    let wav = Wav { first: chunk(*b"data", &[0; 8]), ..Wav::count(10) };
    assert!(refusal(wav.bytes()).contains("`data` chunk before any `fmt `"));
}

#[test]
fn a_chunk_larger_than_the_file_is_refused_and_not_allocated() {
    for size in [1000, 1 << 20, u32::MAX] {
        let first = [b"bext".to_vec(), size.to_le_bytes().to_vec()].concat();
        let message = refusal(Wav { first, ..Wav::count(10) }.bytes());
        assert!(message.contains("`bext`") && message.contains(&size.to_string()), "{message}");
    }
}

#[test]
fn rubbish_where_a_chunk_should_stand_is_refused_with_its_place() {
    let wav = Wav { between: vec![0; 16], ..Wav::count(10) };
    let message = refusal(wav.bytes());
    assert!(
        message.contains(r"at byte 36") && message.contains(r"`\x00\x00\x00\x00`"),
        "{message}"
    );
}

#[test]
fn an_endless_header_is_given_up() {
    let start = [&b"RIFF\xff\xff\xff\xffWAVE"[..]].concat();
    // Chunks of 0x41414141 bytes named `AAAA`, and empty ones without end.
    let message = WavReader::new(Cursor::new(start.clone()).chain(repeat(b'A')));
    assert!(sentence(&message.expect_err("endless")).contains("claims 1094795585 bytes"));
    let empty = Empty(0);
    let message = WavReader::new(Cursor::new(start).chain(empty));
    assert!(sentence(&message.expect_err("endless")).contains("1024 chunks"));
}

/// `AAAA` and a size of zero, for ever.
struct Empty(usize);

impl Read for Empty {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        for byte in &mut *out {
            *byte = if self.0 % 8 < 4 { b'A' } else { 0 };
            self.0 += 1;
        }
        Ok(out.len())
    }
}

#[test]
fn other_files_are_recognised_and_told_how_to_become_wav() {
    let cases: [(&[u8], &str); 18] = [
        (b"\0\0\0\x1cftypisom", "MP4 `ftyp` box"),
        (b"\0\0\0\x01moov\0\0\0\0", "MP4 `moov` box"),
        (b"OggS\0\x02\0\0\0\0\0\0", "Ogg page"),
        (b"fLaC\0\0\0\x22\x10\0\x10\0", "FLAC"),
        (b"ID3\x04\0\0\0\0\0\0\0\0", "ID3 tag"),
        (b"\xff\xfb\x90\x64\0\0\0\0\0\0\0\0", "MPEG audio (MP3)"),
        (b"\xff\xf1\x50\x80\0\x1f\xfc\xde\0\0\0\0", "AAC (ADTS)"),
        (b"FORM\0\0\0\0AIFF", "AIFF"),
        (b"caff\0\x01\0\0desc", "CAF"),
        (b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f", "Matroska"),
        (b"#!AMR\n\x3c\0\0\0\0\0", "AMR"),
        (b"RIFF\0\0\0\0AVI ", "RIFF header of the kind `AVI `"),
        (b"RIFX\0\0\0\0WAVE", "big-endian"),
        (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb", "Wave64"),
        (b".snd\0\0\0\x18\0\0\0\0", "Sun AU"),
        (b"fLaC", "FLAC"),
        (b"version https://git-lfs.github.com", "git lfs pull"),
        (b"<!DOCTYPE html>", "starts like a text"),
    ];
    for (bytes, words) in cases {
        let message = refusal(bytes.to_vec());
        assert!(message.contains(words), "{words:?} is not in: {message}");
    }
    assert!(refusal(vec![]).contains("is empty"));
    assert!(refusal(vec![0; 11]).contains("11 bytes"));
    assert!(refusal(b"RIFF".to_vec()).contains("too short"));
    let raw = refusal(vec![0, 0, 0xf6, 0xff, 3, 0, 0xf1, 0xff, 5, 0, 0xf3, 0xff]);
    assert!(raw.contains("00 00 f6 ff 03 00 f1 ff") && raw.contains("raw PCM"), "{raw}");
}

#[test]
fn the_command_in_a_refusal_can_be_typed() {
    let ogg = b"OggS\0\x02\0\0\0\0\0\0";
    let temp = Temp::with("a voice.ogg", ogg);
    let name = temp.0.display().to_string();
    let message = WavReader::open(&temp.0).expect_err("Ogg").message;
    let wav = name.replace(".ogg", ".wav");
    assert!(message.contains(&format!("`ffmpeg -i '{name}' '{wav}'`")), "{message}");
    // Never over the file itself.
    let temp = Temp::with("ogg.wav", ogg);
    let message = WavReader::open(&temp.0).expect_err("Ogg").message;
    assert!(message.contains("-ogg-converted.wav`"), "{message}");
}

#[test]
fn what_cannot_be_opened_says_why() {
    let temp = Temp::new("nowhere.wav");
    let error = WavReader::open(&temp.0).expect_err("not there");
    assert_eq!(error.kind, BackendErrorKind::NotFound);
    let error = WavReader::open(env!("CARGO_TARGET_TMPDIR")).expect_err("a folder");
    assert_eq!(error.kind, BackendErrorKind::Unreadable);
    assert!(error.message.contains("is a folder"), "{error}");
}

#[test]
fn input_that_breaks_gives_every_frame_before_it_and_then_the_error_wherever_it_breaks() {
    let whole = Wav { fmt: fmt(1, 2, 16_000, 16), ..Wav::count(100) }.bytes();
    for length in 0..whole.len() {
        let input = Breaks(Cursor::new(whole[..length].to_vec()));
        let Ok(mut reader) = WavReader::new(input) else {
            assert!(length < 44, "the header is whole at {length}");
            continue;
        };
        let frames = (length - 44) / 4;
        let mut out = [0.0; 400];
        if frames > 0 {
            assert_eq!(reader.read(&mut out).expect("what came"), frames);
        }
        for _ in 0..2 {
            let error = reader.read(&mut out).expect_err("broken");
            assert_eq!(error.kind, BackendErrorKind::Failed);
            assert!(error.message.contains(&format!("byte {length}: cable pulled")), "{error}");
        }
    }
}
