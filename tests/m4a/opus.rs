//! Opus in MP4, with packets of another's encoder.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::kit::judge::{Scratch, decoded, ffmpeg, skipped, told};
use tympan::take::{M4a, Track};

use crate::kit::{Outcome, repair};
use tympan::backend::storage::{Files, Storage};

/// What `opusenc` makes of so many samples: its pre-skip and packets of 20 ms.
fn opus(frames: usize) -> Option<(u16, Vec<Vec<u8>>)> {
    let options = ["--quiet", "--raw", "--raw-chan", "1", "--raw-rate", "48000", "-", "-"];
    let mut command = Command::new("opusenc");
    command.args(options).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        skipped("no opusenc");
        return None;
    };
    let sample = |i: usize| ((i as f32 * 0.05).sin() * 9_000.0) as i16;
    let samples: Vec<u8> = (0..frames).flat_map(|i| sample(i).to_le_bytes()).collect();
    let mut to = child.stdin.take()?;
    let feed = std::thread::spawn(move || to.write_all(&samples));
    let out = child.wait_with_output().ok()?;
    feed.join().ok()?.ok()?;
    let mut packets = unpaged(&out.stdout);
    let head = packets.remove(0);
    // The comments.
    packets.remove(0);
    Some((u16::from_le_bytes([head[10], head[11]]), packets))
}

/// The packets of an Ogg stream.
fn unpaged(mut pages: &[u8]) -> Vec<Vec<u8>> {
    let mut out = vec![Vec::new()];
    while let Some(head) = pages.get(..27) {
        let (lengths, mut rest) = pages[27..].split_at(head[26].into());
        for length in lengths {
            let (piece, behind) = rest.split_at((*length).into());
            out.last_mut().unwrap().extend(piece);
            rest = behind;
            if *length < 255 {
                out.push(Vec::new());
            }
        }
        pages = rest;
    }
    out.pop();
    out
}

#[test]
fn opus_plays_exactly_what_was_recorded_and_all_packets_before_it_is_finished() {
    let Some(ffmpeg) = ffmpeg() else { return };
    // The judge takes a file that is no longer than its pre-skip, 6.5 ms, for an empty one.
    for frames in [313, 400, 648, 649, 960, 5_000, 72_001] {
        let Some((skip, packets)) = opus(frames) else { return };
        for finish in [true, false] {
            let file = Scratch::new(&format!("opus-{frames}-{finish}.m4a"));
            let track = Track::opus(48_000, 1, skip);
            let mut take = M4a::new(Files.create(&file.0).unwrap(), track).unwrap();
            for some in packets.chunks(5) {
                for packet in some {
                    take.packet(packet, 960).unwrap();
                }
                take.fragment().unwrap();
            }
            if finish {
                take.finish(frames as u64).unwrap();
            }
            let there = take.samples();
            drop(take);
            let expected = if finish { frames as u64 } else { there };
            assert_eq!(decoded(ffmpeg, &file.0).unwrap().len() as u64, expected, "{frames}");
            if let Some(said) = told("mediainfo", &[], &file.0, &[]) {
                assert!(said.contains("Opus") && !said.contains("Conformance"), "{said}");
            }
            let outcome = repair(&mut Files.open(&file.0).unwrap()).unwrap();
            let repaired = Outcome::Repaired { samples: there, cut: 0 };
            assert_eq!(outcome, if finish { Outcome::Healthy } else { repaired });
            assert_eq!(decoded(ffmpeg, &file.0).unwrap().len() as u64, expected, "{frames}");
        }
    }
}
