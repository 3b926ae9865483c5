//! A day of sound of each kind, repaired in two seconds. Not run by itself: it writes
//! gigabytes. `TYMPAN_LONG=1 cargo test --release --test repair day -- --nocapture`

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::Instant;

use crate::help::*;
use tympan::take::{State, repair};

fn is_short() -> bool {
    let short = std::env::var_os("TYMPAN_LONG").is_none();
    if short {
        println!("NOT RUN: a day of sound; TYMPAN_LONG=1 writes its gigabytes");
    }
    short
}

const DAY: u64 = 24 * 3600;

fn timed(path: &PathBuf, frames: u64) {
    for due in [State::Repaired, State::Healthy] {
        let mut file = OpenOptions::new().read(true).write(true).open(path).unwrap();
        let len = file.metadata().unwrap().len();
        // What the test has just written is not the repair's to wait for.
        file.sync_all().unwrap();
        let start = Instant::now();
        let outcome = repair(&mut file).unwrap();
        println!(
            "{:8} MB {:?} {:.2?} {:?}",
            len / 1_000_000,
            outcome.kind,
            start.elapsed(),
            outcome
        );
        assert_eq!(outcome.state, due);
        assert_eq!(outcome.kept_frames, frames);
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{:?}", status.lines().find(|line| line.starts_with("VmHWM")));
    std::fs::remove_file(path).unwrap();
}

fn create(name: &str) -> (PathBuf, BufWriter<File>) {
    let path = std::env::temp_dir().join(format!("repair-{}-{name}", std::process::id()));
    let file = BufWriter::with_capacity(1 << 20, File::create(&path).unwrap());
    (path, file)
}

#[test]
fn wav() {
    if is_short() {
        return;
    }
    let (path, mut file) = create("day.wav");
    file.write_all(b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data\0\0\0\0").unwrap();
    let block: Vec<u8> = (0..1 << 20).map(|n: u32| (n * 7) as u8 | 1).collect();
    let mut left = DAY * 32_000;
    while left > 0 {
        let some = left.min(block.len() as u64);
        file.write_all(&block[..some as usize]).unwrap();
        left -= some;
    }
    // Then 1 MB of zeros, as a power cut leaves them.
    let mut file = file.into_inner().unwrap();
    let end = file.seek(SeekFrom::End(0)).unwrap().next_multiple_of(512);
    file.set_len(end + (1 << 20)).unwrap();
    timed(&path, (end - 44) / 2);
}

fn table(polynomial: u32) -> Vec<u32> {
    let shift = |sum: u32| sum << 1 ^ if sum >> 31 == 1 { polynomial } else { 0 };
    (0..256).map(|byte| (0..8).fold(byte << 24, |sum, _| shift(sum))).collect()
}

fn sum(table: &[u32], bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum: u32, b| sum << 8 ^ table[usize::from((sum >> 24) as u8 ^ b)])
}

#[test]
fn opus() {
    if is_short() {
        return;
    }
    let table = table(0x04c1_1db7);
    let (path, mut file) = create("day.opus");
    let mut number = 0_u32;
    let mut write = |flags: u8, granule: u64, pieces: &[u8], body: &[u8]| {
        let mut page = b"OggS\0".to_vec();
        page.push(flags);
        page.extend(granule.to_le_bytes());
        page.extend([1, 2, 3, 4]);
        page.extend(number.to_le_bytes());
        page.extend([0, 0, 0, 0, pieces.len() as u8]);
        page.extend(pieces);
        page.extend(body);
        let sum = sum(&table, &page).to_le_bytes();
        page[22..26].copy_from_slice(&sum);
        number += 1;
        file.write_all(&page).unwrap();
        page.len() as u64
    };
    let mut len = write(2, 0, &[19], b"OpusHead\x01\x01\x38\x01\x80\x3e\0\0\0\0\0");
    len += write(0, 0, &[16], b"OpusTags\0\0\0\0\0\0\0\0");
    let mut random = Random(1);
    for index in 1..=DAY * 10 {
        let mut body: Vec<u8> = (0..300).map(|_| random.next() as u8).collect();
        (0..5).for_each(|packet| body[packet * 60] = 9 << 3);
        len += write(0, index * 4800, &[60; 5], &body);
    }
    drop(file);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(len - 10).unwrap();
    timed(&path, (DAY * 10 - 1) * 4800 - 312);
}

#[test]
fn flac() {
    if is_short() {
        return;
    }
    let (wide, narrow) = (table(0x8005 << 16), table(0x07 << 24));
    let (path, mut file) = create("day.flac");
    let mut head = b"fLaC\x80\0\0\x22\x10\0\x10\0\0\0\0\0\0\0".to_vec();
    head.extend((16_000_u64 << 44 | 15 << 36).to_be_bytes());
    head.extend([0; 16]);
    file.write_all(&head).unwrap();
    // Frames of 4096 samples, half as large as they could be: a code whose low half of
    // bits is noise, and whose high half is one bit.
    let mut random = Random(1);
    let frames = DAY * 16_000 / 4096;
    for index in 0..=frames {
        let mut frame = b"\xff\xf8\xc5\x08".to_vec();
        frame.extend(
            char::from_u32(index as u32).map_or_else(Vec::new, |c| c.to_string().into_bytes()),
        );
        if frame.len() == 4 {
            // Numbers that are no characters.
            let n = index as u32;
            frame.extend([
                0xe0 | (n >> 12) as u8,
                0x80 | (n >> 6 & 63) as u8,
                0x80 | (n & 63) as u8,
            ]);
        }
        frame.push((sum(&narrow, &frame) >> 24) as u8);
        // Fixed of order 0, one part, codes of 7 bits behind a one: a byte each.
        let mut body = vec![8 << 1];
        let mut bits = 0b0_0000_0111_u64;
        let mut count = 10;
        for _ in 0..4096 {
            bits = bits << 8 | 0x80 | random.next() >> 57;
            count += 8;
            while count >= 8 {
                count -= 8;
                body.push((bits >> count) as u8);
            }
        }
        body.push((bits << (8 - count)) as u8);
        frame.extend(body);
        let sum = (sum(&wide, &frame) >> 16) as u16;
        frame.extend(sum.to_be_bytes());
        if index == frames {
            frame.truncate(frame.len() - 1);
        }
        file.write_all(&frame).unwrap();
    }
    drop(file);
    timed(&path, frames * 4096);
}
