//! WAV: what is recovered is the beginning of what was written, whatever was cut.

use std::io::Cursor;

use crate::help::*;
use tympan::take::State;

struct Wav {
    head: Vec<u8>,
    riff_at: usize,
    data_at: usize,
    fact_at: Option<usize>,
}

/// A header as our own writer leaves it, or a plain one of 44 bytes.
fn header(tag: u16, frame: u16, channels: u16, room: usize) -> Wav {
    let mut head = b"RIFF\0\0\0\0WAVE".to_vec();
    if room > 0 {
        head.extend(b"JUNK");
        head.extend((room as u32).to_le_bytes());
        head.resize(head.len() + room, 0);
    }
    head.extend(b"fmt \x10\0\0\0");
    for word in [tag, channels, 16_000, 0, 0, 0, frame, frame / channels * 8] {
        head.extend(word.to_le_bytes());
    }
    let fact_at = (tag == 3).then(|| {
        head.extend(b"fact\x04\0\0\0\0\0\0\0");
        head.len() - 4
    });
    head.extend(b"data\0\0\0\0");
    Wav { data_at: head.len(), head, riff_at: 4, fact_at }
}

impl Wav {
    /// A file of this sound whose header promises so many bytes of it.
    fn file(&self, sound: &[u8], promised: u32, frame: u32) -> Vec<u8> {
        let mut file = [&self.head, sound].concat();
        let riff = (self.data_at as u32 - 8).wrapping_add(promised + promised % 2);
        Self::put(&mut file, self.riff_at, riff);
        Self::put(&mut file, self.data_at - 4, promised);
        if let Some(at) = self.fact_at {
            Self::put(&mut file, at, promised / frame);
        }
        file
    }

    fn put(file: &mut [u8], at: usize, value: u32) {
        file[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    fn whole(&self, sound: &[u8], frame: u32) -> Vec<u8> {
        let mut file = self.file(sound, sound.len() as u32, frame);
        file.resize(file.len() + sound.len() % 2, 0);
        file
    }
}

fn noise(len: usize) -> Vec<u8> {
    let mut random = Random(3);
    (0..len).map(|_| random.next() as u8 | 1).collect()
}

fn kinds() -> Vec<(Wav, usize)> {
    let kinds =
        [(1, 2, 1, 28), (3, 4, 1, 28), (1, 6, 2, 0), (1, 1, 1, 0), (1, 4, 2, 4036), (3, 8, 2, 28)];
    kinds
        .map(|(tag, frame, channels, room)| (header(tag, frame, channels, room), frame as usize))
        .into()
}

#[test]
fn a_file_cut_anywhere_becomes_what_a_writer_would_have_finished() {
    for (wav, frame) in kinds() {
        let sound = noise(240 * frame / 4 * 4 / frame * frame);
        for promised in [0, 40 * frame, sound.len()] {
            let file = wav.file(&sound, promised as u32, frame as u32);
            for len in 0..=file.len() {
                let (outcome, after) = settled(&file[..len]);
                let there = len.saturating_sub(wav.data_at) / frame * frame;
                if there == 0 {
                    assert_ne!(outcome.state, State::Repaired);
                    continue;
                }
                assert_eq!(outcome.kept_frames, (there / frame) as u64);
                assert!(after == wav.whole(&sound[..there], frame as u32), "{len} {promised}");
            }
        }
    }
}

#[test]
fn sizes_that_say_nothing_are_filled_in() {
    for (wav, frame) in kinds() {
        let sound = noise(100 * frame);
        for size in [0, u32::MAX, 0x7fff_ffff, 0x8000_0000, 0x7fff_f000, 0xffff_0f00] {
            let mut file = wav.file(&sound, 0, frame as u32);
            Wav::put(&mut file, wav.data_at - 4, size);
            for riff in [0, u32::MAX, 4088, size.wrapping_add(36)] {
                Wav::put(&mut file, wav.riff_at, riff);
                let (outcome, after) = settled(&file);
                assert_eq!(outcome.kept_frames, 100);
                assert!(after == wav.whole(&sound, frame as u32), "{size:#x} {riff}");
            }
        }
    }
}

#[test]
fn zeros_are_cut_off_only_beyond_the_promise_and_in_whole_sectors() {
    let (wav, frame) = (header(1, 2, 1, 28), 2);
    for heard in (0..6000).step_by(74) {
        for promised in [0, 1000, 3000, 6000] {
            let mut sound = noise(6000);
            sound[heard..].fill(0);
            let (outcome, after) = settled(&wav.file(&sound, promised, frame));
            let end = wav.data_at + heard.max(promised as usize);
            let kept = (end.next_multiple_of(512)).min(wav.data_at + 6000) - wav.data_at;
            if promised == 6000 {
                assert_eq!(outcome.state, State::Healthy);
            } else {
                assert!(after == wav.whole(&sound[..kept], frame), "{heard} {promised}");
            }
        }
    }
}

#[test]
fn zeros_that_last_longer_than_a_system_holds_back_are_silence() {
    let wav = header(1, 2, 1, 28);
    for (seconds, kept) in [(59, false), (61, true)] {
        let mut sound = noise(4000);
        sound.resize(4000 + 32_000 * seconds, 0);
        let (outcome, _) = settled(&wav.file(&sound, 0, 2));
        assert_eq!(outcome.kept_frames == sound.len() as u64 / 2, kept, "{outcome:?}");
    }
}

#[test]
fn chunks_behind_the_sound_stay() {
    for (wav, frame) in kinds() {
        let sound = noise(99 * frame);
        for tail in
            [&b"LIST\x04\0\0\0INFO"[..], b"id3 \x03\0\0\0abc\0", b"LIST\x04\0\0\0INFObext\0\0\0\0"]
        {
            let mut file = wav.whole(&sound, frame as u32);
            file.extend(tail);
            let (outcome, _) = settled(&file);
            assert_eq!(outcome.state, State::Healthy, "not counted: {outcome:?}");
            let len = file.len() as u32 - 8;
            Wav::put(&mut file, wav.riff_at, len);
            let (outcome, _) = settled(&file);
            assert_eq!((outcome.state, outcome.kept_frames), (State::Healthy, 99));
            // Cut short, the sound before it is still all there.
            for cut in 1..tail.len() {
                let (outcome, _) = settled(&file[..file.len() - cut]);
                assert!(outcome.kept_frames >= 99, "{cut}");
            }
        }
    }
}

#[test]
fn samples_that_look_like_chunks_are_samples() {
    for (wav, frame) in kinds() {
        let mut sound = noise(400 * frame);
        for (at, fake) in [
            (0, &b"data\x10\0\0\0"[..]),
            (100, b"LIST\xff\0\0\0"),
            (160, b"fact\x04\0\0\0abcd"),
            (200, b"RIFF\x08\0\0\0WAVEfmt "),
        ] {
            sound[at..at + fake.len()].copy_from_slice(fake);
        }
        for promised in [0, 100, 160, 200] {
            let promised = promised / frame * frame;
            let (outcome, after) = settled(&wav.file(&sound, promised as u32, frame as u32));
            assert_eq!(outcome.kept_frames, 400);
            assert!(after == wav.whole(&sound, frame as u32));
            // Even one that comes out even, if nobody knows its name or the header says that
            // there is no sound at all.
            let name = if promised == 0 { b"LIST" } else { b"what" };
            let mut sound = sound.clone();
            let rest = (sound.len() - promised - 8) as u32;
            sound[promised..promised + 4].copy_from_slice(name);
            sound[promised + 4..promised + 8].copy_from_slice(&rest.to_le_bytes());
            let (outcome, _) = settled(&wav.file(&sound, promised as u32, frame as u32));
            assert_eq!((outcome.state, outcome.kept_frames), (State::Repaired, 400));
        }
    }
}

#[test]
fn a_repair_that_is_killed_makes_no_chunk_of_samples_that_look_like_one() {
    for (wav, frame) in kinds() {
        let mut sound = noise(400 * frame);
        let promised = 100 / frame * frame;
        sound[promised..promised + 8].copy_from_slice(b"LIST\xff\0\0\0");
        let file = wav.file(&sound, promised as u32, frame as u32);
        survives_kills(&file, |end, goal| {
            let padded = end == goal || [end, &[0]].concat() == goal;
            assert!(padded, "{frame} {} {}", end.len(), goal.len());
        });
    }
}

#[test]
fn a_repair_that_is_killed_is_finished_by_the_next() {
    for (wav, frame) in kinds() {
        let sound = noise(300 * frame);
        let mut zeros = sound.clone();
        zeros.resize(sound.len() + 3000, 0);
        for (sound, promised) in [(&sound, 0), (&sound, 40 * frame), (&zeros, 60 * frame)] {
            let mut file = wav.file(sound, promised as u32, frame as u32);
            file.push(9);
            survives_kills(&file, |end, goal| {
                // Without the byte that makes the length even it is just as well.
                let padded = end == goal || [end, &[0]].concat() == goal;
                assert!(
                    padded,
                    "{frame} {promised} {} {} {:?}",
                    end.len(),
                    goal.len(),
                    end.iter().zip(goal).position(|(a, b)| a != b)
                );
            });
        }
    }
}

/// A file of any length that is zeros where nothing was written.
struct Sparse {
    start: Cursor<Vec<u8>>,
    len: u64,
    left: usize,
    /// What stands at its end.
    tail: &'static [u8],
}

mod sparse {
    use std::io::{self, Read, Seek, SeekFrom, Write};

    use super::Sparse;
    use tympan::backend::storage::Medium;

    impl Read for Sparse {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let at = self.start.position();
            let count = (self.len - at).min(out.len() as u64) as usize;
            // Samples that are no zeros, and a header.
            out[..count].fill(1);
            let start = self.start.get_ref();
            let from = (at as usize).min(start.len());
            let some = &start[from..start.len().min(from + count)];
            out[..some.len()].copy_from_slice(some);
            let tail = self.len - self.tail.len() as u64;
            for (index, byte) in (at..).zip(&mut out[..count]) {
                if index >= tail {
                    *byte = self.tail[(index - tail) as usize];
                }
            }
            self.start.set_position(at + count as u64);
            Ok(count)
        }
    }

    impl Write for Sparse {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.left = self.left.checked_sub(1).ok_or_else(|| io::Error::other("killed"))?;
            self.start.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Sparse {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            let to = if let SeekFrom::End(0) = to { SeekFrom::Start(self.len) } else { to };
            self.start.seek(to)
        }
    }

    impl Medium for Sparse {
        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn set_len(&mut self, len: u64) -> io::Result<()> {
            self.len = len;
            Ok(())
        }
    }
}

#[test]
fn past_4_gib_a_file_becomes_rf64_where_there_is_room() {
    for (wav, frame) in kinds() {
        let len = 5 << 30;
        let data = (len - wav.data_at as u64) / frame as u64 * frame as u64;
        for size in [0, u32::MAX, data as u32] {
            let mut goal: Option<Vec<u8>> = None;
            // Without a limit first, then stopped at every write.
            for left in [usize::MAX].into_iter().chain(0..12) {
                let mut start = wav.file(&[], 0, frame as u32);
                Wav::put(&mut start, wav.data_at - 4, size);
                let mut file = Sparse { start: Cursor::new(start), len, left, tail: &[] };
                let _ = tympan::take::repair(&mut file);
                file.left = usize::MAX;
                file.start.set_position(0);
                let outcome = tympan::take::repair(&mut file).unwrap();
                assert_eq!(outcome.kept_frames, data / frame as u64);
                let again = tympan::take::repair(&mut file).unwrap();
                assert_eq!(again.state, State::Healthy, "{again:?}");
                let start = file.start.into_inner();
                let room = wav.head[12..].starts_with(b"JUNK");
                assert_eq!(start.starts_with(b"RF64"), room, "{size:#x}");
                if room {
                    assert_eq!(start[28..36], data.to_le_bytes());
                }
                assert!(*goal.get_or_insert(start.clone()) == start, "{left} {size:#x}");
            }
        }
    }
}

#[test]
fn chunks_behind_a_length_that_has_wrapped_are_found() {
    let wav = header(1, 2, 1, 28);
    let mut start = wav.file(&[], 0, 2);
    let tail = b"LIST\x04\0\0\0INFO";
    let (data, head) = ((1_u64 << 32) + 1000, wav.data_at as u64);
    Wav::put(&mut start, wav.data_at - 4, data as u32);
    Wav::put(&mut start, 4, (head + data + 4) as u32);
    let mut file = Sparse { start: Cursor::new(start), len: head + data + 12, left: 99, tail };
    for due in [State::Repaired, State::Healthy] {
        let outcome = tympan::take::repair(&mut file).unwrap();
        assert_eq!((outcome.state, outcome.kept_frames), (due, data / 2), "{outcome:?}");
        assert_eq!(file.len, head + data + 12);
    }
}

#[test]
fn judges_take_what_was_repaired() {
    for (index, (wav, frame)) in kinds().into_iter().enumerate() {
        let sound = noise(1000 * frame + frame / 2);
        let (outcome, after) = settled(&wav.file(&sound, 0, frame as u32));
        assert_eq!(outcome.kept_frames, 1000);
        judge_all(&WAV, &after, &format!("{index}.wav"));
    }
}
