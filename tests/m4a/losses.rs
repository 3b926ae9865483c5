//! Kills, power cuts and cut-off files: what is left, and what the repair makes of it.

use std::io::Cursor;

use crate::kit::power::{Deed, Remains, Remembered, remains};
use crate::kit::reader::{Played, play};
use crate::kit::{Outcome, repair};
use crate::kit::{Packet, packets, record, samples};

/// The deeds of a take.
fn deeds(packets: &[Packet], finish: bool) -> Vec<Deed> {
    let (file, deeds) = Remembered::new(Vec::new());
    record(Box::new(file), packets, finish).unwrap();
    std::mem::take(&mut deeds.lock().unwrap())
}

/// The file of a take.
fn file(packets: &[Packet], finish: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for deed in deeds(packets, finish) {
        crate::kit::power::apply(&mut out, &deed);
    }
    out
}

/// Packets that are in the file for good after so many deeds: each write before the
/// index is a fragment.
fn promised(deeds: &[Deed], count: usize) -> usize {
    let mut file = Vec::new();
    for deed in &deeds[..count] {
        crate::kit::power::apply(&mut file, deed);
    }
    play(&file).map_or(0, |played| played.packets.len())
}

/// Repairs what is left and says what it plays then.
fn repaired(file: &[u8]) -> (Outcome, Vec<u8>) {
    let mut medium = Cursor::new(file.to_vec());
    let outcome = repair(&mut medium).unwrap();
    let after = medium.into_inner();
    match outcome {
        Outcome::Repaired { cut, .. } => assert!(cut <= file.len() as u64),
        _ => assert!(after == file, "changed without a word"),
    }
    let mut again = Cursor::new(after.clone());
    let second = repair(&mut again).unwrap();
    assert!(!matches!(second, Outcome::Repaired { .. }), "a second repair: {second:?}");
    assert!(again.into_inner() == after, "a second repair changed something");
    (outcome, after)
}

/// Whether what is left is all that was promised, and nothing that was not recorded.
fn judge(packets: &[Packet], played: &Played, promised: usize) -> Result<(), String> {
    let count = played.packets.len();
    if count < promised {
        return Err(format!("{count} packets of {promised} that were safe"));
    }
    // A hole may be within what was not safe; packets before and behind it are kept.
    let mut left = packets.iter();
    match played.packets.iter().position(|packet| {
        // The time of a hole goes to the packet in front of it.
        !left.any(|known| known.bytes == packet.bytes && known.frames <= packet.frames)
    }) {
        Some(which) => Err(format!("packet {which} was never recorded")),
        None if played.packets[..promised] != packets[..promised]
            && played.packets[..promised.saturating_sub(1)]
                != packets[..promised.saturating_sub(1)] =>
        {
            Err("what was safe has changed".into())
        }
        None => Ok(()),
    }
}

fn judge_remains(packets: &[Packet], deeds: &[Deed], left: &Remains) -> Result<(), String> {
    let promised = promised(deeds, left.safe);
    if left.safe > 0 {
        let as_it_is = play(&left.file).ok_or("cannot be played without a repair")?;
        // Behind what was safe a player may find anything; the repair does not.
        if as_it_is.packets.get(..promised) != Some(&packets[..promised]) {
            return Err("what was safe does not play without a repair".into());
        }
    }
    let (outcome, after) = repaired(&left.file);
    if let Outcome::Hopeless(why) = outcome {
        return if left.safe == 0 { Ok(()) } else { Err(why) };
    }
    let played = play(&after).ok_or("cannot be played")?;
    if !played.is_ordinary {
        return Err("is no ordinary file".into());
    }
    judge(packets, &played, promised)?;
    let whole = played.packets == packets;
    let finishing = left.safe > 0 && promised == packets.len();
    let all = played.packets.iter().map(|packet| u64::from(packet.frames)).sum::<u64>();
    let likely = [all.saturating_sub(100), samples(packets)].contains(&played.heard);
    if finishing && !whole || !likely {
        return Err(format!("{} samples are heard", played.heard));
    }
    Ok(())
}

#[test]
fn a_kill_or_a_power_cut_at_any_moment_loses_nothing_that_was_safe() {
    let mut count = 0;
    for seed in 0..24 {
        let packets = packets(5 + 5 * seed as usize, seed);
        let deeds = deeds(&packets, true);
        remains(&[], &deeds, seed, |left| {
            count += 1;
            judge_remains(&packets, &deeds, left)
                .unwrap_or_else(|why| panic!("seed {seed}, {}: {why}", left.how));
        });
    }
    assert!(count > 3_000, "only {count} cases");
}

#[test]
fn a_finish_in_the_wrong_order_would_be_noticed() {
    let packets = packets(60, 7);
    let mut deeds = deeds(&packets, true);
    // The sync between the index and the sixteen bytes that make it count.
    let sync = deeds.iter().rposition(|deed| matches!(deed, Deed::Write { .. })).unwrap() - 1;
    assert!(matches!(deeds[sync], Deed::Sync));
    deeds.remove(sync);
    let mut noticed = 0;
    remains(&[], &deeds, 1, |left| {
        noticed += usize::from(judge_remains(&packets, &deeds, left).is_err());
    });
    assert!(noticed > 0);
}

#[test]
fn what_was_never_recorded_would_be_noticed() {
    let packets = packets(20, 3);
    let played = play(&file(&packets, true)).unwrap();
    assert_eq!(judge(&packets, &played, 20), Ok(()));
    let mut other = played.clone();
    other.packets[11].bytes[0] ^= 1;
    assert!(judge(&packets, &other, 0).is_err());
    let mut other = played.clone();
    other.packets.pop();
    assert!(judge(&packets, &other, 20).is_err());
}

#[test]
fn the_step_that_makes_it_ordinary_is_sixteen_bytes_in_the_first_sector() {
    let deeds = deeds(&packets(30, 1), true);
    let writes = deeds.iter().filter_map(|deed| match deed {
        Deed::Write { at, bytes } => Some((*at, bytes.len())),
        _ => None,
    });
    let inside: Vec<_> = writes.filter(|(at, _)| (1..512).contains(at)).collect();
    assert_eq!(inside, [(32, 16)]);
}

#[test]
fn a_kill_in_the_middle_of_a_repair_loses_nothing_either() {
    for seed in 0..6 {
        let packets = packets(40, seed);
        let whole = file(&packets, seed >= 3);
        for len in [whole.len(), whole.len() - 1, whole.len() / 2, 700] {
            let cut = &whole[..len];
            let (medium, deeds) = Remembered::new(cut.to_vec());
            let mut medium = medium;
            let outcome = repair(&mut medium).unwrap();
            let expected = play(&repaired(cut).1).map(|played| played.packets);
            if !matches!(outcome, Outcome::Repaired { .. }) {
                continue;
            }
            let deeds = deeds.lock().unwrap().clone();
            remains(cut, &deeds, seed, |left| {
                let (_, again) = repaired(&left.file);
                let same = play(&again).map(|played| played.packets) == expected;
                assert!(same, "seed {seed}, {len} bytes, {}", left.how);
            });
        }
    }
}

#[test]
fn a_file_cut_off_anywhere_plays_up_to_its_last_whole_fragment() {
    for (seed, finish) in [(4, false), (5, false), (4, true), (5, true)] {
        let packets = packets(30, seed);
        let whole = file(&packets, finish);
        let recording = file(&packets, false);
        for len in 0..=whole.len() {
            let (outcome, after) = repaired(&whole[..len]);
            // How many packets are in front of the cut, by the second reader.
            let begun = recording.len().min(len);
            let there = play(&recording[..begun]).map(|played| played.packets.len());
            if let Outcome::Hopeless(_) = outcome {
                assert_eq!(there, None, "{len}");
                continue;
            }
            let played = play(&after).unwrap();
            assert!(played.is_ordinary);
            assert_eq!(played.packets, packets[..there.unwrap()], "{len}");
        }
    }
}

#[test]
fn zeros_behind_a_cut_are_cut_too() {
    let packets = packets(30, 4);
    let whole = file(&packets, false);
    for len in (608..whole.len()).step_by(13) {
        let mut zeroed = whole[..len].to_vec();
        let there = play(&zeroed).map(|played| played.packets.len());
        zeroed.resize(len + 8_192, 0);
        let (outcome, after) = repaired(&zeroed);
        if let Some(there) = there {
            assert!(
                matches!(outcome, Outcome::Repaired { cut, .. } if cut >= 8_192),
                "{outcome:?}"
            );
            assert_eq!(play(&after).unwrap().packets, packets[..there], "{len}");
        }
    }
}

#[test]
fn a_hole_costs_its_fragments_and_the_rest_keeps_its_time() {
    let packets = packets(120, 5);
    let whole = file(&packets, false);
    let hole = whole.len() / 2;
    for (from, to) in [(hole, hole + 1), (hole, hole + 4_096), (700, 900)] {
        let to = to.min(whole.len() - 600);
        let mut holed = whole.clone();
        holed[from..to].iter_mut().for_each(|byte| *byte = !*byte);
        let (outcome, after) = repaired(&holed);
        let played = play(&after).unwrap();
        assert!(played.packets.len() < packets.len() && played.packets.len() > 20, "{outcome:?}");
        assert_eq!(played.packets.last(), packets.last());
        let frames = |packets: &[Packet]| packets.iter().map(|p| u64::from(p.frames)).sum::<u64>();
        if from > 700 {
            assert_eq!(frames(&played.packets), frames(&packets));
        }
        judge(&packets, &played, 0).unwrap();
    }
}

#[test]
fn a_foreign_file_cut_off_anywhere_keeps_every_packet_that_is_there() {
    // Ours without the mark is as foreign as any.
    let packets = packets(30, 5);
    let mut whole = file(&packets, false);
    let mark = whole.windows(8).position(|bytes| bytes == b"tympan 1").unwrap();
    whole[mark..mark + 8].fill(b'-');
    let mut last = 0;
    for len in mark + 8..whole.len() {
        let (outcome, after) = repaired(&whole[..len]);
        let Outcome::Repaired { .. } = outcome else { continue };
        let played = play(&after).unwrap();
        assert!(played.is_ordinary && played.packets.len() >= last, "{len}");
        last = played.packets.len();
        assert_eq!(played.packets, packets[..last], "{len}");
    }
    assert_eq!(last, packets.len() - 1);
}
