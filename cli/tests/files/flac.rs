//! FLAC: every bit back, with a head that is true.

use std::io::Cursor;

use claxon::{FlacReader, FlacReaderOptions};
use tympan::Format;
use tympan::take::FlacFile;

use crate::judges;
use crate::kit::{Folder, Packets, graph, packets, voice};

/// The file of these packets, finished or not.
fn file(taken: &Packets, finish: bool) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let mut flac = FlacFile::new(&mut file, taken.output.format);
    for (header, packet) in &taken.packets {
        flac.packet(header, packet).expect("memory takes everything");
    }
    if finish {
        flac.finish().expect("memory takes everything");
    }
    file.into_inner()
}

fn decoded(file: &[u8], bits: u32) -> (Vec<f32>, Option<u64>) {
    let options = FlacReaderOptions::default();
    let mut reader = FlacReader::new_ext(file, options).expect("a head");
    let info = reader.streaminfo();
    assert_eq!(info.bits_per_sample, bits);
    let full = (1u32 << (bits - 1)) as f32;
    let samples = reader.samples().map(|x| x.expect("a sample") as f32 / full);
    (samples.collect(), info.samples)
}

#[test]
fn a_file_holds_every_bit_of_what_was_captured() {
    let folder = Folder::new("flac");
    for (rate, channels) in [(8_000, 1), (16_000, 2), (44_100, 1), (48_000, 2)] {
        for bits in [16, 24] {
            let format = Format::new(rate, channels);
            for lengths in [&[1][..], &[17], &[48_000], &[5_000, 3, 4_321], &[4_800, 4_800]] {
                // Samples that 16 bits hold.
                let round = |x: &f32| (x * 32_768.0).round() / 32_768.0;
                let said: Vec<Vec<f32>> =
                    lengths.iter().map(|n| voice(format, *n).iter().map(round).collect()).collect();
                let segments: Vec<&[f32]> = said.iter().map(|s| &s[..]).collect();
                let text = graph("flac", &format!("bits = \"{bits}\""));
                let taken = packets(&text, "it", format, &segments);
                let whole = file(&taken, true);
                let (samples, promised) = decoded(&whole, bits);
                let what = format!("{format}, {bits} bits, {lengths:?}");
                assert!(samples == said.concat(), "{what}");
                assert_eq!(promised, Some(lengths.iter().sum::<usize>() as u64), "{what}");
                judges::flac(&folder.file("it.flac", &whole));
                // Killed before its end, it is the same without the promise.
                let (samples, promised) = decoded(&file(&taken, false), bits);
                assert!(samples == said.concat() && promised.is_none(), "{what}");
            }
        }
    }
}

#[test]
fn the_head_tells_the_smallest_and_the_largest() {
    let format = Format::mono(16_000);
    let sound = voice(format, 4_000);
    let text = graph("flac", "frame = \"50ms\"");
    let taken = packets(&text, "it", format, &[&sound[..2_100], &sound[2_100..]]);
    let sizes: Vec<_> = taken.packets.iter().map(|(_, b)| b.len()).filter(|n| *n > 0).collect();
    let whole = file(&taken, true);
    let reader = FlacReader::new(&whole[..]).expect("a head");
    let info = reader.streaminfo();
    // The first segment ends with 500 frames, the second, and so the file, with 300.
    assert_eq!((info.min_block_size, info.max_block_size), (500, 800));
    assert_eq!(info.min_frame_size.map(|n| n as usize), sizes.iter().min().copied());
    assert_eq!(info.max_frame_size.map(|n| n as usize), sizes.iter().max().copied());
}

#[test]
fn without_packets_there_is_a_file_of_no_length() {
    let taken = packets(&graph("flac", ""), "it", Format::stereo(48_000), &[]);
    let whole = file(&taken, true);
    assert!(decoded(&whole, 16).0.is_empty());
    judges::flac(&Folder::new("no-flac").file("it.flac", &whole));
}

#[test]
fn what_is_no_packet_of_flac_is_refused() {
    let mut flac = FlacFile::new(Cursor::new(Vec::new()), Format::mono(16_000));
    for bytes in [&b"x"[..], b"OggS", &[0xff, 0xf9, 0, 0]] {
        let header = tympan::Header { frames: 1, ..tympan::Header::default() };
        assert!(flac.packet(&header, bytes).is_err());
    }
}

#[test]
fn lost_packets_leave_a_file_that_plays() {
    let format = Format::mono(16_000);
    let sound = voice(format, 16_000);
    let mut taken = packets(&graph("flac", ""), "it", format, &[&sound]);
    taken.packets.remove(3);
    let whole = file(&taken, true);
    let (samples, promised) = decoded(&whole, 16);
    assert_eq!((samples.len(), promised), (14_400, Some(14_400)));
    judges::flac(&Folder::new("flac-lost").file("it.flac", &whole));
}
