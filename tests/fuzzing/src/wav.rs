//! Any bytes as WAV: read up to what is in them, made whole, and then as long for the
//! reader as for the repair.

use std::io::Cursor;

use tympan::take::{Kind, State, repair};
use tympan_backends::wav::WavReader;

use crate::bytes::{Bytes, damage};
use crate::recovery::{Repair, settled};

pub(crate) fn run(bytes: &[u8]) {
    judge(bytes, repair);
}

fn judge(bytes: &[u8], repair: Repair) {
    let mut bytes = Bytes::new(bytes);
    let (mode, kill) = (bytes.byte(), bytes.below(8));
    let file = match mode % 2 {
        0 => bytes.rest().to_vec(),
        _ => written(&mut bytes),
    };
    let _ = read(&file);
    let (outcome, after) = settled(&file, kill, repair);
    if outcome.kind != Kind::Wav || outcome.state != State::Repaired || outcome.kept_frames == 0 {
        return;
    }
    // Of a coding that it does not know the reader says nothing.
    if let Some(frames) = read(&after) {
        assert_eq!(frames, outcome.kept_frames, "the reader and the repair differ: {outcome:?}");
    }
}

/// How many frames a reader finds; none if it refuses.
fn read(file: &[u8]) -> Option<u64> {
    let mut reader = match WavReader::new(Cursor::new(file.to_vec())) {
        Ok(reader) => reader,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return None;
        }
    };
    let channels = usize::from(reader.format().channels);
    let mut buffer = vec![0.0; 512 * channels];
    let mut frames = 0;
    while let Ok(count @ 1..) = reader.read(&mut buffer) {
        frames += count;
        assert!(frames * channels <= file.len(), "more samples than bytes");
    }
    Some(frames as u64)
}

/// A header like those of writers, sizes as somebody left them, and damage.
fn written(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let (tag, width) = bytes.of(&[(1_u16, 2_u16), (3, 4), (1, 3), (1, 1), (6, 1), (0xfffe, 2)]);
    let channels = 1 + bytes.below(3) as u16;
    let mut file = b"RIFF\0\0\0\0WAVE".to_vec();
    if bytes.flag() {
        file.extend(b"JUNK\x1c\0\0\0");
        file.resize(file.len() + 28, 0);
    }
    file.extend(b"fmt \x10\0\0\0");
    for word in [tag, channels, 16_000, 0, 0, 0, width * channels, width * 8] {
        file.extend(word.to_le_bytes());
    }
    if tag == 3 {
        file.extend(b"fact\x04\0\0\0\0\0\0\0");
    }
    file.extend(b"data");
    let data = file.len() + 4;
    let sound = bytes.below(600);
    let size = bytes.of(&[0, sound as u32, sound as u32 / 2, u32::MAX, 0x7fff_f000]);
    file.extend(size.to_le_bytes());
    let seed = bytes.byte();
    file.extend((0..sound).map(|n| (n as u8).wrapping_mul(seed)));
    if bytes.flag() {
        file.extend(b"LIST\x04\0\0\0INFO");
    }
    let riff = bytes.of(&[0, (data as u32).wrapping_add(size), file.len() as u32 - 8, u32::MAX]);
    file[4..8].copy_from_slice(&riff.to_le_bytes());
    damage(&mut file, bytes);
    file
}

/// Files of 16 bits and of float: whole, without sizes, with a chunk behind them.
pub(crate) fn examples() -> Vec<Vec<u8>> {
    let choices: [&[u8]; 4] = [
        &[0, 0, 1, 100, 0, 1, 3, 0, 2],
        &[0, 0, 1, 100, 0, 0, 3, 0, 0],
        &[1, 1, 1, 160, 0, 1, 5, 1, 2],
        &[5, 0, 0, 200, 0, 3, 5, 0, 3],
    ];
    choices.iter().map(|some| written(&mut Bytes::new(some))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::{restless, spoiled};

    #[test]
    fn planted_faults_are_noticed() {
        // 16 bits, 200 bytes of sound, a size that was never filled in.
        let torn = [1, 7, 0, 0, 1, 200, 0, 0, 3, 0, 0, 0, 0, 0];
        judge(&torn, repair);
        for wrong in [spoiled, restless] {
            assert!(std::panic::catch_unwind(|| judge(&torn, wrong)).is_err());
        }
    }
}
