//! Opus: every rate, packet and length, breaks in between, and what goes wrong.

use std::io::{self, Write};

use tympan::Format;
use tympan::take::OggOpus;

use crate::judges;
use crate::kit::{Folder, Packets, graph, packets, voice};
use crate::ogg::Stream;

const RATES: [u32; 5] = [8_000, 12_000, 16_000, 24_000, 48_000];
const FRAMES: [&str; 6] = ["2.5ms", "5ms", "10ms", "20ms", "40ms", "60ms"];

/// The file of these packets, and how many samples it is said to have.
fn file(packets: &Packets) -> (Vec<u8>, usize) {
    let mut bytes = Vec::new();
    let mut opus = OggOpus::new(&mut bytes, packets.output.format);
    for (header, packet) in &packets.packets {
        opus.packet(header, packet).expect("memory takes everything");
    }
    opus.finish().expect("memory takes everything");
    let samples = opus.samples() as usize;
    drop(opus);
    (bytes, samples)
}

fn read(bytes: &[u8]) -> Stream {
    Stream::read(bytes).unwrap_or_else(|why| panic!("{why}"))
}

fn encoded(frame: &str, format: Format, segments: &[&[f32]]) -> Packets {
    packets(&graph("opus", &format!("frame = \"{frame}\"")), "it", format, segments)
}

#[test]
fn a_file_has_as_many_samples_as_were_captured() {
    let folder = Folder::new("lengths");
    for rate in RATES {
        for frame in FRAMES {
            for channels in [1, 2] {
                let format = Format::new(rate, channels);
                for length in [1, 2, 103, 959, 960, 961, 4_801, 48_000] {
                    let what = format!("{length} frames, {format}, {frame}");
                    let taken = encoded(frame, format, &[&voice(format, length)]);
                    let (bytes, said) = file(&taken);
                    let stream = read(&bytes);
                    let want = length * 48_000 / rate as usize;
                    assert_eq!((stream.samples(), said), (want, want), "{what}");
                    assert_eq!(stream.decoded().len(), want * usize::from(channels), "{what}");
                    assert!(stream.ended && stream.longest <= 4_800, "{what}");
                    // One of each for those outside, which take their time.
                    if length == 961 {
                        let path = folder.file("it.opus", &bytes);
                        judge(&path, usize::from(channels), want);
                    }
                }
            }
        }
    }
}

/// What the judges say of a file that should have so many samples per channel.
fn judge(path: &std::path::Path, channels: usize, samples: usize) {
    judges::opusinfo(path);
    for heard in [judges::opusdec(path, channels), judges::ffmpeg(path, channels)] {
        assert!(heard.is_none_or(|heard| heard == samples), "{heard:?} of {samples}");
    }
}

#[test]
fn what_was_said_first_comes_first() {
    for (rate, frame) in [(16_000, "20ms"), (48_000, "2.5ms"), (8_000, "60ms")] {
        let format = Format::mono(rate);
        let said = voice(format, rate as usize);
        let heard = read(&file(&encoded(frame, format, &[&said])).0).decoded();
        let step = 48_000 / rate as usize;
        let alike = |shift: usize| -> f32 {
            let heard = heard[shift..].iter().step_by(step);
            said[100..].iter().zip(heard).map(|(a, b)| a * b).sum()
        };
        let best = (50 * step..150 * step).max_by(|a, b| alike(*a).total_cmp(&alike(*b)));
        let off = best.expect("a place").abs_diff(100 * step);
        // A quarter of a millisecond: the codec's own filters are no more exact.
        assert!(off <= 12, "{rate} Hz, {frame}: {off} samples off");
    }
}

/// Where each segment lies in the file of these packets, in samples, from what the
/// headers say alone.
fn places(taken: &Packets) -> Vec<(usize, usize)> {
    let ticks = 48_000 / taken.output.format.rate as usize;
    let skip = taken.packets[0].0.lead as usize * ticks;
    let (mut places, mut at): (Vec<(usize, usize)>, _) = (Vec::new(), 0);
    for (header, _) in &taken.packets {
        if header.first {
            let start = at + header.lead as usize * ticks - skip;
            places.push((start, start));
        }
        if let Some((_, end)) = places.last_mut() {
            *end += header.captured() as usize * ticks;
        }
        at += header.frames as usize * ticks;
    }
    places
}

#[test]
fn segments_follow_each_other_and_nothing_of_one_comes_out_in_the_next() {
    let folder = Folder::new("segments");
    for rate in RATES {
        for frame in FRAMES {
            let format = Format::mono(rate);
            let loud = voice(format, 5_000);
            let silence = vec![0.0; 5_003];
            let taken = encoded(frame, format, &[&loud, &silence, &loud[..4_321], &loud[..1]]);
            let (bytes, said) = file(&taken);
            let stream = read(&bytes);
            let what = format!("{rate} Hz, {frame}");
            assert_eq!(stream.samples(), said, "{what}");
            let ticks = 48_000 / rate as usize;
            let places = places(&taken);
            let lengths: Vec<_> = places.iter().map(|(from, to)| (to - from) / ticks).collect();
            assert_eq!(lengths, [5_000, 5_003, 4_321, 1], "{what}");
            assert_eq!((places[0].0, places[3].1), (0, stream.samples()), "{what}");
            // Less than a packet and the look-ahead lies between two of them.
            let packet = taken.output.block * ticks;
            for pair in places.windows(2) {
                assert!(pair[1].0 - pair[0].1 < packet + stream.skip, "{what}: {places:?}");
            }
            let decoded = stream.decoded();
            let peak = |(from, to): (usize, usize)| {
                decoded[from..to].iter().fold(0.0f32, |m, x| m.max(x.abs()))
            };
            // What the codec's filters smear over the border is silence too.
            assert!(peak(places[1]) < 0.02, "{what}: {}", peak(places[1]));
            assert!(peak(places[0]) > 0.2 && peak(places[2]) > 0.2, "{what}");
            judge(&folder.file("it.opus", &bytes), 1, said);
        }
    }
}

#[test]
fn without_packets_there_is_a_file_of_no_length() {
    let folder = Folder::new("empty");
    for channels in [1, 2] {
        let taken = encoded("20ms", Format::new(16_000, channels), &[]);
        let (bytes, said) = file(&taken);
        let stream = read(&bytes);
        assert_eq!((stream.samples(), said, stream.ended), (0, 0, true));
        judge(&folder.file("it.opus", &bytes), usize::from(channels), 0);
    }
}

#[test]
fn lost_packets_leave_the_file_as_long_as_it_was() {
    let folder = Folder::new("lost");
    for rate in [16_000, 48_000] {
        for frame in FRAMES {
            let format = Format::mono(rate);
            let mut taken = encoded(frame, format, &[&voice(format, rate as usize)]);
            let want = file(&taken).1;
            // Of the last one nobody would know.
            let (mut number, last) = (0, taken.packets.len());
            taken.packets.retain(|_| {
                number += 1;
                number == last || number % 5 != 3 && number % 7 != 4
            });
            let (bytes, said) = file(&taken);
            assert_eq!((read(&bytes).samples(), said), (want, want), "{rate} Hz, {frame}");
            judge(&folder.file("it.opus", &bytes), 1, want);
        }
    }
}

#[test]
fn a_lead_in_that_no_head_can_tell_is_left_out() {
    let format = Format::mono(48_000);
    let mut taken = encoded("60ms", format, &[&voice(format, 200_000)]);
    let late = 100_000;
    for (header, _) in &mut taken.packets {
        header.lead = (late - header.position.max(-312)).max(0) as u32;
    }
    let stream = read(&file(&taken).0);
    assert_eq!(stream.samples(), 200_000 - late as usize);
    assert!(stream.skip > 60_000);
}

/// Takes so many writes and then no more.
struct Breaking<'a> {
    file: &'a mut Vec<u8>,
    left: usize,
}

impl Write for Breaking<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other("the disk is full"));
        }
        self.left -= 1;
        self.file.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_killed_writer_leaves_all_but_the_last_100_ms() {
    for frame in FRAMES {
        let format = Format::mono(16_000);
        let taken = encoded(frame, format, &[&voice(format, 16_000)]);
        let mut file = Vec::new();
        let mut opus = OggOpus::new(&mut file, format);
        for (header, packet) in &taken.packets {
            opus.packet(header, packet).expect("memory takes everything");
        }
        let taken = opus.samples() as usize;
        // As a kill does: nobody cleans up.
        std::mem::forget(opus);
        let stream = read(&file);
        assert!(!stream.ended);
        let played = stream.samples();
        assert!(played < taken && taken - played <= 4_800, "{frame}: {played} of {taken}");
        // The page that was being written is torn.
        for cut in 1..100 {
            let torn = &file[..file.len() - cut];
            let whole = torn.windows(4).rposition(|w| w == b"OggS").expect("a page");
            assert!(read(&torn[..whole]).samples() >= played - 4_800);
        }
    }
}

#[test]
fn after_a_write_that_failed_nothing_is_written_and_it_is_said_again() {
    let format = Format::mono(16_000);
    let taken = encoded("20ms", format, &[&voice(format, 16_000)]);
    let pages = 2 + 13;
    for left in 0..pages {
        let mut file = Vec::new();
        let mut opus = OggOpus::new(Breaking { file: &mut file, left }, format);
        let mut failed = 0;
        for (header, packet) in &taken.packets {
            failed += usize::from(opus.packet(header, packet).is_err());
        }
        assert_eq!(failed == 0, left + 1 == pages, "{left}");
        assert!(opus.finish().is_err() && opus.finish().is_err(), "{left}");
        drop(opus);
        if left >= 2 {
            assert!(!read(&file).ended);
        }
    }
    let mut file = Vec::new();
    let mut opus = OggOpus::new(Breaking { file: &mut file, left: pages }, format);
    for (header, packet) in &taken.packets {
        opus.packet(header, packet).expect("room for it");
    }
    opus.finish().expect("room for it");
    let (header, packet) = &taken.packets[0];
    assert!(opus.packet(header, packet).is_err(), "nothing goes behind the end");
    opus.finish().expect("it is done");
    drop(opus);
    assert!(read(&file).ended);
}

#[test]
fn a_dropped_writer_ends_its_file() {
    let format = Format::mono(16_000);
    let taken = encoded("20ms", format, &[&voice(format, 16_000)]);
    let mut bytes = Vec::new();
    let mut opus = OggOpus::new(&mut bytes, format);
    for (header, packet) in &taken.packets {
        opus.packet(header, packet).expect("memory takes everything");
    }
    drop(opus);
    assert!(bytes == file(&taken).0);
}

/// A reader that takes everything would prove nothing.
#[test]
fn our_own_reader_refuses_what_is_wrong() {
    let format = Format::mono(16_000);
    let bytes = file(&encoded("20ms", format, &[&voice(format, 3_200)])).0;
    read(&bytes);
    for at in 0..bytes.len() {
        let mut wrong = bytes.clone();
        wrong[at] ^= 1;
        assert!(Stream::read(&wrong).is_err(), "byte {at}");
    }
    let second = 28 + 19;
    for (from, to) in [(0, second), (second, bytes.len() - 1), (0, bytes.len() - 1)] {
        assert!(Stream::read(&bytes[from..to]).is_err());
    }
    assert!(Stream::read(&[&bytes[..], &bytes[..]].concat()).is_err());
}
