//! Files made to be slow, large or endless.

use std::time::{Duration, Instant};

use crate::help::*;

fn in_time(file: &[u8]) {
    let start = Instant::now();
    settled(file);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn false_beginnings_of_pages_do_not_hold_it_up() {
    let Some(audio) = audio() else { return };
    let good = std::fs::read(audio.join("crash/killed-flush.opus")).unwrap();
    let mut head = good[good.len() - 668..][..27].to_vec();
    head[18..22].copy_from_slice(&999_u32.to_le_bytes());
    head[26] = 255;
    let mut file = good;
    while file.len() < 4 << 20 {
        file.extend(&head);
        file.extend([255; 3]);
    }
    in_time(&file);
}

#[test]
fn false_beginnings_of_frames_do_not_hold_it_up() {
    let Some(audio) = audio() else { return };
    let mut file = std::fs::read(audio.join("crash/killed.flac")).unwrap();
    // Blocks of 65,536 samples, numbered far ahead.
    let mut head = b"\xff\xf8\x75\x08\xf0\xa0\x80\x80\xff\xff".to_vec();
    let sum = head.iter().fold(0, |sum: u8, byte| {
        (0..8).fold(sum ^ byte, |sum, _| sum << 1 ^ if sum >> 7 == 1 { 7 } else { 0 })
    });
    head.push(sum);
    while file.len() < 4 << 20 {
        file.extend(&head);
    }
    in_time(&file);
}

#[test]
fn sizes_that_nothing_can_have_are_not_believed() {
    let riff = |chunks: &[u8]| [b"RIFF\xff\xff\xff\xffWAVE", chunks].concat();
    let fmt = b"fmt \x10\0\0\0\x01\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
    in_time(&riff(&[&fmt[..], b"data\xff\xff\xff\xff", &vec![1; 200_000]].concat()));
    in_time(&riff(&[&fmt[..], b"LIST\xff\xff\xff\xff", &[1; 200]].concat()));
    in_time(&riff(&b"abcd\0\0\0\0".repeat(100_000)));
    let long = [
        &b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0"[..],
        &[0xff; 28],
        fmt,
        b"data\xff\xff\xff\xff",
        &[1; 999],
    ];
    in_time(&long.concat());
    in_time(&[&b"fLaC"[..], &b"\x01\0\0\0".repeat(100_000)].concat());
    in_time(&[&b"fLaC\0\0\0\x22"[..], &[0xff; 34], &b"\x01\xff\xff\xff".repeat(1000)].concat());
}

#[test]
fn random_bytes_have_an_outcome() {
    let mut random = Random(77);
    for start in [
        &b"RIFF\0\0\0\0WAVEfmt "[..],
        b"RF64\0\0\0\0WAVEds64",
        b"OggS\0\x02",
        b"fLaC\0\0\0\x22",
        b"",
    ] {
        for _ in 0..2000 {
            let mut file = start.to_vec();
            let small = random.below(2) == 0;
            let len = random.below(3000);
            file.extend((0..len).map(|_| random.next() as u8 & if small { 3 } else { 255 }));
            settled(&file);
        }
    }
}
