//! Any bytes as Ogg, and what a writer of ours wrote and something damaged: what is whole
//! stays, and the rest is made whole once and for all.

use tympan::Format;
use tympan::core::Header;
use tympan::take::{OggOpus, State, repair};

use crate::bytes::{Bytes, damage};
use crate::recovery::{Repair, repaired, settled};

pub(crate) fn run(bytes: &[u8]) {
    judge(bytes, repair);
}

fn judge(bytes: &[u8], repair: Repair) {
    let mut bytes = Bytes::new(bytes);
    let (mode, kill) = (bytes.byte(), bytes.below(8));
    let mut file = match mode % 2 {
        0 => bytes.rest().to_vec(),
        _ => written(&mut bytes, repair),
    };
    sign(&mut file);
    let (outcome, after) = settled(&file, kill, repair);
    if outcome.state == State::Repaired {
        assert!(keeps(&file, &after), "a whole page is gone: {outcome:?}");
    }
}

/// The first byte of a packet, and the ticks that it says the packet lasts.
const PACKETS: [(u8, u32); 4] = [(9 << 3, 960), (8 << 3, 480), (16 << 3, 120), (11 << 3, 2880)];

/// A stream of packets as they come, whole or damaged.
fn written(bytes: &mut Bytes<'_>, repair: Repair) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = OggOpus::new(&mut file, Format::mono(48_000));
    let (kind, count, ends) = (bytes.of(&PACKETS), bytes.below(24), bytes.flag());
    let mut position = -312;
    for index in 0..count {
        let first = index == 0;
        let (toc, frames) = if bytes.flag() { kind } else { bytes.of(&PACKETS) };
        let packet: Vec<u8> = [&[toc], bytes.take(6)].concat();
        let header = Header {
            position,
            frames,
            lead: if first { 312.min(frames) } else { 0 },
            trim: if index + 1 == count { bytes.below(60) as u32 } else { 0 },
            first,
            ..Header::default()
        };
        writer.packet(&header, &packet).expect("memory does not fail");
        position += i64::from(frames);
    }
    writer.finish().expect("memory does not fail");
    let samples = writer.samples();
    drop(writer);
    let (outcome, after) = repaired(&file, repair);
    assert_eq!((outcome.state, outcome.kept_frames), (State::Healthy, samples), "{outcome:?}");
    assert!(after == file, "a healthy file was changed");
    if !ends {
        damage(&mut file, bytes);
    }
    file
}

/// Streams of a few packets: whole, without their end, with a hole.
pub(crate) fn examples() -> Vec<Vec<u8>> {
    let choices = [&[0, 8, 1][..], &[0, 1, 2, 3, 4, 5, 6, 7].repeat(8)].concat();
    let whole = written(&mut Bytes::new(&choices), repair);
    let torn = whole[..whole.len() - 20].to_vec();
    let mut holed = whole.clone();
    let middle = holed.len() / 2;
    holed[middle..middle + 30].fill(0);
    vec![whole, torn, holed]
}

const HEAD: usize = 27;
const SUM: usize = 22;
const ENDS: u8 = 4;

/// The length of the page that begins here, if all of it is there.
fn page(file: &[u8]) -> Option<usize> {
    let head = file.get(..HEAD).filter(|head| head.starts_with(b"OggS\0") && head[5] < 8)?;
    let pieces = file.get(HEAD..HEAD + usize::from(head[26]))?;
    let len = HEAD + pieces.len() + pieces.iter().map(|n| usize::from(*n)).sum::<usize>();
    (len <= file.len()).then_some(len)
}

/// The checksum of a page with other flags than it may have.
fn sum(page: &[u8], flags: u8) -> [u8; 4] {
    let byte = |at: usize, byte: u8| match at {
        5 => flags,
        SUM..26 => 0,
        _ => byte,
    };
    page.iter().enumerate().fold(0, |sum, (at, b)| add(sum, byte(at, *b))).to_le_bytes()
}

/// The same sum over other bytes.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, byte| add(sum, *byte))
}

fn add(sum: u32, byte: u8) -> u32 {
    sum << 8 ^ TABLE[usize::from((sum >> 24) as u8 ^ byte)]
}

/// Where a page's sum is wrong and even, it becomes right. Odd ones stay, so that there is
/// damage too.
fn sign(file: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = file[at..].windows(4).position(|four| four == b"OggS") {
        at += found;
        let Some(len) = page(&file[at..]) else {
            at += 4;
            continue;
        };
        let page = &mut file[at..at + len];
        if page[SUM].is_multiple_of(2) {
            let sum = sum(page, page[5]);
            page[SUM..SUM + 4].copy_from_slice(&sum);
        }
        at += len;
    }
}

/// Whether every whole page before the first damage is still there, but for the mark of the
/// last one. Pages on which nothing ends may be cut off.
fn keeps(before: &[u8], after: &[u8]) -> bool {
    let mut at = 0;
    while let Some(len) = page(&before[at..]) {
        let old = &before[at..at + len];
        if old[SUM..SUM + 4] != sum(old, old[5]) {
            return true;
        }
        let Some(new) = after.get(at..at + len) else {
            return old[6..14] == [0xff; 8] && old[5] & ENDS == 0;
        };
        let right = new[SUM..SUM + 4] == sum(old, new[5]);
        let same = old[..5] == new[..5]
            && (old[5] ^ new[5]) & !ENDS == 0
            && old[6..SUM] == new[6..SUM]
            && old[SUM + 4..] == new[SUM + 4..];
        if !right || !same {
            return false;
        }
        at += len;
    }
    true
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut sum = (index as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            sum = sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 };
            bit += 1;
        }
        table[index] = sum;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::{restless, spoiled};

    /// Eight packets, cut in the middle of a page.
    fn torn() -> Vec<u8> {
        let mut file = vec![1, 7, 0, 8, 0];
        file.extend([0, 1, 2, 3, 4, 5, 6, 7].repeat(8));
        file.extend([1, 200, 0, 9, 0, 0]);
        file
    }

    #[test]
    fn planted_faults_are_noticed() {
        judge(&torn(), repair);
        for wrong in [spoiled, restless] {
            assert!(std::panic::catch_unwind(|| judge(&torn(), wrong)).is_err());
        }
    }

    #[test]
    fn a_page_that_changed_is_missed() {
        let mut file = written(&mut Bytes::new(&torn()[2..40]), repair);
        sign(&mut file);
        assert!(keeps(&file, &file));
        let mut other = file.clone();
        *other.last_mut().unwrap() ^= 1;
        assert!(!keeps(&file, &other));
        assert!(!keeps(&file, &file[..file.len() - 1]));
    }
}
