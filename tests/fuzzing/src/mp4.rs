//! Any bytes as MP4, and what a writer of ours wrote and something damaged: what it plays
//! then was recorded, in order.

#[path = "../../m4a/kit/reader.rs"]
#[allow(unreachable_pub, clippy::trivially_copy_pass_by_ref, reason = "another test's")]
pub(crate) mod reader;

use tympan::take::{M4a, State, Track, repair};

use crate::bytes::{Bytes, damage};
use crate::memory::File;
use crate::recovery::{Repair, repaired, settled};

/// A packet as it was handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(unreachable_pub, reason = "what the reader tells is public, too")]
pub struct Packet {
    pub bytes: Vec<u8>,
    pub frames: u32,
}

pub(crate) fn run(bytes: &[u8]) {
    judge(bytes, repair);
}

fn judge(bytes: &[u8], repair: Repair) {
    let mut bytes = Bytes::new(bytes);
    let (mode, kill) = (bytes.byte(), bytes.below(8));
    if mode.is_multiple_of(2) {
        let mut file = bytes.rest().to_vec();
        sign(&mut file);
        settled(&file, kill, repair);
        return;
    }
    let (packets, file, head) = written(&mut bytes, repair);
    // What begins a file is synced before there is anything to lose.
    let mut rest = file[head..].to_vec();
    damage(&mut rest, &mut bytes);
    let file = [&file[..head], &rest].concat();
    let (outcome, after) = settled(&file, kill, repair);
    if outcome.state == State::Repaired {
        let played = reader::play(&after).expect("it was repaired");
        assert!(played.is_ordinary && played.heard == outcome.kept_frames, "{outcome:?}");
        assert!(were(&played.packets, &packets), "what it plays was never recorded: {outcome:?}");
    }
}

/// Whether these are some of those, in their order. The time of a hole goes to the packet in
/// front of it.
fn were(played: &[Packet], packets: &[Packet]) -> bool {
    let mut left = packets.iter();
    let known = |packet: &Packet| {
        left.any(|known| known.bytes == packet.bytes && known.frames <= packet.frames)
    };
    played.iter().all(known)
}

/// Packets as they come, in a file; how much of it is the head.
fn written(bytes: &mut Bytes<'_>, repair: Repair) -> (Vec<Packet>, Vec<u8>, usize) {
    let file = File::default();
    let track = if bytes.flag() {
        Track::aac(&[0x11, 0x88], 48_000, 1, 100)
    } else {
        Track::opus(48_000, 1, 312)
    };
    let mut writer = M4a::new(Box::new(file.clone()), track).expect("memory does not fail");
    let head = file.held().len();
    let mut packets = Vec::new();
    let (count, finish) = (bytes.below(24), bytes.flag());
    for index in 0..count {
        let frames = bytes.of(&[1024, 1024, 1024, 960, 120]);
        let packet = [&[index as u8 + 1], bytes.take(3)].concat();
        writer.packet(&packet, frames).expect("memory does not fail");
        packets.push(Packet { bytes: packet, frames });
        if bytes.below(3) == 0 {
            writer.fragment().expect("memory does not fail");
        }
    }
    if finish {
        writer.fragment().expect("memory does not fail");
        let samples = writer.samples();
        writer.finish(samples).expect("memory does not fail");
        let whole = file.held().clone();
        let (outcome, after) = repaired(&whole, repair);
        assert_eq!((outcome.state, outcome.kept_frames), (State::Healthy, samples), "{outcome:?}");
        assert!(after == whole, "a healthy file was changed");
    }
    drop(writer);
    (packets, file.taken(), head)
}

/// Files of a few packets: as they are written, finished, cut, and of somebody else.
pub(crate) fn examples() -> Vec<Vec<u8>> {
    let choices = |finish| [&[1, 6, finish][..], &[0, 1, 2, 3, 0].repeat(6)].concat();
    let growing = written(&mut Bytes::new(&choices(0)), repair).1;
    let whole = written(&mut Bytes::new(&choices(1)), repair).1;
    let torn = growing[..growing.len() - 30].to_vec();
    let mut foreign = torn.clone();
    if let Some(mark) = foreign.windows(8).position(|eight| eight == b"tympan 1") {
        foreign[mark..mark + 8].fill(b'-');
    }
    vec![growing, whole, torn, foreign]
}

/// Where the sum of a fragment is wrong and even, it becomes right.
fn sign(file: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = file[at..].windows(4).position(|four| four == b"moof") {
        let moof = (at + found).saturating_sub(4);
        at += found + 4;
        let Some(end) = end(file, moof, *b"moof") else { continue };
        let Some(last) = self::end(file, end, *b"mdat") else { continue };
        if end - moof < 16 || file[end - 1] % 2 == 1 {
            continue;
        }
        let sum = sum(moof as u64, &[&file[moof..end - 8], &file[end..last]].concat());
        file[end - 8..end].copy_from_slice(&sum.to_be_bytes());
    }
}

/// Where the box of this name ends that begins here.
fn end(file: &[u8], at: usize, name: [u8; 4]) -> Option<usize> {
    let head = file.get(at..at + 8).filter(|head| head[4..] == name[..])?;
    let size = u32::from_be_bytes(*head.first_chunk()?) as usize;
    (size >= 8 && file.len() - at >= size).then_some(at + size)
}

/// The sum that our fragments have.
fn sum(place: u64, bytes: &[u8]) -> u64 {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let stirred = |sum: u64, word: u64| (sum ^ word).wrapping_mul(SPREAD).rotate_left(29);
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let words = words.iter().chain(std::iter::once(&last)).map(|word| u64::from_le_bytes(*word));
    stirred(words.fold(place ^ SPREAD, stirred), rest.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::{restless, spoiled};

    /// Twelve packets that nobody finished.
    fn torn() -> Vec<u8> {
        [&[1, 7, 1, 12, 0][..], &[0, 1, 2, 3, 0].repeat(12), &[1, 60, 0, 9, 0, 0]].concat()
    }

    #[test]
    fn planted_faults_are_noticed() {
        judge(&torn(), repair);
        for wrong in [spoiled, restless] {
            assert!(std::panic::catch_unwind(|| judge(&torn(), wrong)).is_err());
        }
    }

    #[test]
    fn what_was_never_recorded_is_noticed_and_sums_are_those_of_the_writer() {
        let (packets, file, _) = written(&mut Bytes::new(&torn()[2..]), repair);
        assert!(packets.len() == 12 && were(&packets[3..], &packets));
        let mut other = packets.clone();
        other[5].bytes[0] ^= 1;
        assert!(!were(&other, &packets));
        let mut signed = file.clone();
        // A sum that is even and wrong becomes what it was, if it was even.
        let at = signed.windows(4).position(|four| four == b"mdat").unwrap() - 5;
        signed[at] = signed[at].wrapping_add(2) & !1;
        sign(&mut signed);
        assert!(signed == file || file[at] % 2 == 1);
    }
}
