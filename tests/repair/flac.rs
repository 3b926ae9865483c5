//! FLAC: whole frames stay as they are, and the head says what is there.

use std::process::Command;

use crate::help::*;
use tympan::take::State;

const BLOCK: usize = 192;

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    fn put(&mut self, value: u32, count: usize) {
        for bit in (0..count).rev() {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.len() - 1;
            self.bytes[last] |= ((value >> bit & 1) as u8) << (7 - self.count % 8);
            self.count += 1;
        }
    }

    fn rice(&mut self, value: i32, low: usize) {
        let folded = ((value << 1) ^ (value >> 31)) as u32;
        for _ in 0..folded >> low {
            self.put(0, 1);
        }
        self.put(1, 1);
        self.put(folded & ((1 << low) - 1), low);
    }
}

fn sum16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum: u16, byte| {
        (0..8).fold(sum ^ u16::from(*byte) << 8, |sum, _| {
            sum << 1 ^ if sum >> 15 == 1 { 0x8005 } else { 0 }
        })
    })
}

fn sum8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum: u8, byte| {
        (0..8).fold(sum ^ byte, |sum, _| sum << 1 ^ if sum >> 7 == 1 { 7 } else { 0 })
    })
}

/// A mono frame of 16 bits at 16 kHz, coded in one of the ways there are.
fn frame(number: u32, samples: &[i16], way: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    let short = samples.len() != BLOCK;
    bits.put(0xfff8, 16);
    bits.put(if short { 6 } else { 1 }, 4);
    bits.put(5, 4);
    bits.put(0x08, 8);
    for byte in char::from_u32(number).unwrap().to_string().bytes() {
        bits.put(byte.into(), 8);
    }
    if short {
        bits.put(samples.len() as u32 - 1, 8);
    }
    let sum = sum8(&bits.bytes);
    bits.put(sum.into(), 8);
    let sample = |bits: &mut Bits, sample: i16| bits.put(u32::from(sample as u16), 16);
    match way % 4 {
        0 => {
            bits.put(0, 8);
            sample(&mut bits, samples[0]);
        }
        1 => {
            bits.put(1 << 1, 8);
            for one in samples {
                sample(&mut bits, *one);
            }
        }
        way => {
            // Fixed of order 1, or a prediction with one coefficient of 1 / 1.
            bits.put(if way == 2 { 9 << 1 } else { 32 << 1 }, 8);
            sample(&mut bits, samples[0]);
            if way == 3 {
                bits.put(1, 4);
                bits.put(0, 5);
                bits.put(1, 2);
            }
            bits.put(0, 2);
            let parts = u32::from(!short);
            bits.put(parts, 4);
            let rest: Vec<i32> =
                samples.windows(2).map(|w| i32::from(w[1]) - i32::from(w[0])).collect();
            let middle = if short { rest.len() } else { BLOCK / 2 - 1 };
            for part in [&rest[..middle], &rest[middle..]] {
                if part.is_empty() {
                    continue;
                }
                bits.put(6, 4);
                for one in part {
                    bits.rice(*one, 6);
                }
            }
        }
    }
    let sum = sum16(&bits.bytes).to_be_bytes();
    [bits.bytes, sum.to_vec()].concat()
}

fn head(total: u32, sizes: (u32, u32), blocks: (u16, u16)) -> Vec<u8> {
    let mut head = b"fLaC\0\0\0\x22".to_vec();
    head.extend(blocks.0.to_be_bytes());
    head.extend(blocks.1.to_be_bytes());
    head.extend(&sizes.0.to_be_bytes()[1..]);
    head.extend(&sizes.1.to_be_bytes()[1..]);
    head.extend((16_000_u64 << 44 | 15 << 36 | u64::from(total)).to_be_bytes());
    head.extend([0; 16]);
    // Padding behind it.
    head.extend(b"\x81\0\0\x05\0\0\0\0\0");
    head
}

/// The frames of some sound, and a head as a kill leaves it.
fn stream(count: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut random = Random(9);
    let mut level = 0_i32;
    let frames = (0..count).map(|index| {
        let len = if index == count - 1 { 77 } else { BLOCK };
        let mut step = || {
            level = (level + random.below(400) as i32 - 200).clamp(-9000, 9000);
            level as i16
        };
        let sound: Vec<i16> = (0..len).map(|_| step()).collect();
        frame(index as u32, &sound, index)
    });
    (head(0, (0, 0), (16, 65_535)), frames.collect())
}

/// What the file of these frames is when it is finished; `short` if the last is among them.
fn finished(frames: &[Vec<u8>], short: bool) -> Vec<u8> {
    let sizes = frames.iter().map(|frame| frame.len() as u32);
    let total = frames.len() * BLOCK - if short { BLOCK - 77 } else { 0 };
    let sizes = (sizes.clone().min().unwrap(), sizes.max().unwrap());
    let block = if short && frames.len() == 1 { 77 } else { BLOCK as u16 };
    [head(total as u32, sizes, (block, block)), frames.concat()].concat()
}

fn whole_before(head: &[u8], frames: &[Vec<u8>], len: usize) -> usize {
    let mut end = head.len();
    frames
        .iter()
        .take_while(|frame| {
            end += frame.len();
            end <= len
        })
        .count()
}

#[test]
fn a_file_cut_anywhere_ends_with_its_last_whole_frame() {
    let (head, frames) = stream(14);
    let file = [head.clone(), frames.concat()].concat();
    for len in 0..=file.len() {
        let (outcome, after) = settled(&file[..len]);
        let whole = whole_before(&head, &frames, len);
        if whole == 0 {
            assert_ne!(outcome.state, State::Repaired);
            continue;
        }
        assert!(after == finished(&frames[..whole], whole == 14), "{len} {outcome:?}");
    }
}

#[test]
fn zeros_and_garbage_at_the_end_are_cut_off() {
    let (head, frames) = stream(14);
    let file = [head.clone(), frames.concat()].concat();
    let garbage = Random(4);
    for from in (head.len() + 200..file.len()).step_by(5) {
        for more in [0, 1, 4096, 100_000] {
            let mut zeros = file.clone();
            zeros[from..].fill(0);
            zeros.resize(file.len() + more, 0);
            let whole = frames.iter().scan(head.len(), |at, frame| {
                *at += frame.len();
                Some(zeros[*at - frame.len()..*at] == **frame)
            });
            let whole = whole.take_while(|same| *same).count();
            let (_, after) = settled(&zeros);
            assert!(after == finished(&frames[..whole], whole == 14), "{from} {more}");
            let mut random = Random(garbage.0 + from as u64);
            let mut file = file[..from].to_vec();
            file.extend((0..more.min(5000)).map(|_| random.next() as u8));
            let whole = whole_before(&head, &frames, from);
            let (_, after) = settled(&file);
            assert!(after == finished(&frames[..whole], false), "{from} {more}");
        }
    }
}

#[test]
fn flipped_bits_cost_their_frame_and_nothing_else() {
    let (head, frames) = stream(40);
    let file = [head.clone(), frames.concat()].concat();
    let mut random = Random(2);
    for _ in 0..400 {
        let mut torn = file.clone();
        for _ in 0..=random.below(3) {
            let at = head.len() + random.below(file.len() - head.len());
            torn[at] ^= 1 << random.below(8);
        }
        let (outcome, after) = settled(&torn);
        let mut at = head.len();
        let mut kept = 0;
        let mut last = 0;
        for (index, frame) in frames.iter().enumerate() {
            if torn[at..at + frame.len()] == **frame {
                assert!(after[at..at + frame.len()] == **frame);
                kept += if index == 39 { 77 } else { BLOCK };
                last = at + frame.len();
            }
            at += frame.len();
        }
        assert_eq!((outcome.kept_frames, after.len()), (kept as u64, last), "{outcome:?}");
    }
}

#[test]
fn frames_of_another_file_behind_the_end_are_not_taken() {
    let (head, frames) = stream(20);
    let torn = &frames[12][..frames[12].len() - 1];
    let file = [&head, &*frames[..12].concat(), torn, &frames[2..5].concat()].concat();
    let (_, after) = settled(&file);
    assert!(after == finished(&frames[..12], false));
}

#[test]
fn a_frame_ends_before_one_that_is_not_the_next() {
    // The sum of all three is right; the next one but two, torn, must not tell otherwise.
    let (head, frames) = stream(20);
    let torn = &frames[6][..frames[6].len() - 1];
    let file = [&head, &*frames[..6].concat(), &frames[4], &frames[5], torn].concat();
    let (outcome, _) = settled(&file);
    assert_eq!(outcome.kept_frames, 8 * BLOCK as u64, "{outcome:?}");
}

#[test]
fn a_file_that_lost_its_first_frames_keeps_its_time() {
    let (head, frames) = stream(20);
    let hole = vec![0; frames[..4].concat().len()];
    let (outcome, after) = settled(&[&head, &*hole, &frames[4..19].concat()].concat());
    assert_eq!(outcome.kept_frames, 15 * BLOCK as u64);
    assert_eq!(outcome.lost_ms, Some(4 * BLOCK as u64 * 1000 / 16_000));
    let total = u64::from_be_bytes(*after[18..].first_chunk().unwrap()) & ((1 << 36) - 1);
    assert_eq!(total, 19 * BLOCK as u64);
}

#[test]
fn a_repair_that_is_killed_is_finished_by_the_next() {
    let (head, frames) = stream(20);
    let mut file = [head, frames.concat()].concat();
    file.truncate(file.len() - 3);
    survives_kills(&file, |end, goal| assert!(end == goal));
    // As a file that was finished, and cut afterwards.
    let mut file = finished(&frames, true);
    file.truncate(file.len() - 300);
    file[30] = 7;
    survives_kills(&file, |end, goal| assert!(end == goal));
}

#[test]
fn a_tag_of_another_format_stays() {
    let (_, frames) = stream(5);
    let mut file = finished(&frames, true);
    file.extend(b"TAG");
    file.resize(file.len() + 125, b' ');
    assert_eq!(settled(&file).0.state, State::Healthy);
}

#[test]
fn judges_take_what_was_repaired() {
    let (head, frames) = stream(30);
    let file = [head, frames.concat()].concat();
    for cut in [0, 1, 100, 2000] {
        let (_, after) = settled(&file[..file.len() - cut]);
        judge_all(&FLAC, &after, "own.flac");
    }
}

#[test]
fn files_of_the_reference_encoder_are_known_bit_for_bit() {
    let Some(audio) = audio() else { return };
    let out = std::env::temp_dir().join(format!("repair-{}-ref.flac", std::process::id()));
    let mut random = Random(21);
    for (name, level) in
        [("vad/built-5db.wav", "-0"), ("judge/pesq-speech.wav", "-8"), ("noise", "-5")]
    {
        let mut from = audio.join(name);
        if from.is_dir() {
            from = std::fs::read_dir(from).unwrap().next().unwrap().unwrap().path();
        }
        let made =
            Command::new("flac").args(["-s", "-f", level]).arg(&from).arg("-o").arg(&out).status();
        if !made.is_ok_and(|status| status.success()) {
            println!("SKIPPED: no `flac`, or it does not take {}", from.display());
            continue;
        }
        let file = std::fs::read(&out).unwrap();
        let (outcome, _) = settled(&file);
        assert_eq!(outcome.state, State::Healthy, "{outcome:?}");
        for _ in 0..12 {
            let mut torn = file[..20_000 + random.below(file.len() - 20_000)].to_vec();
            torn.resize(torn.len() + random.below(2) * 5000, 0);
            let (outcome, after) = settled(&torn);
            assert_eq!(outcome.state, State::Repaired, "{name} {} {outcome:?}", torn.len());
            assert!(after[42..] == file[42..after.len()]);
            judge_all(&FLAC, &after, "ref.flac");
        }
    }
    let _ = std::fs::remove_file(out);
}
