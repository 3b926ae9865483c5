//! Any bytes as FLAC, sums made right: what is whole stays, and the rest is cut off once and
//! for all.

use tympan::take::{Kind, State, repair};

use crate::bytes::{Bytes, damage};
use crate::recovery::{Repair, settled};

pub(crate) fn run(bytes: &[u8]) {
    judge(bytes, repair);
}

fn judge(bytes: &[u8], repair: Repair) {
    let mut bytes = Bytes::new(bytes);
    let (mode, kill) = (bytes.byte(), bytes.below(8));
    let mut file = match mode % 2 {
        0 => bytes.rest().to_vec(),
        _ => written(&mut bytes),
    };
    sign(&mut file);
    let (outcome, after) = settled(&file, kill, repair);
    if outcome.kind == Kind::Flac && outcome.state == State::Repaired {
        // It is cut off at its end, and told its length in front.
        let told = 42..after.len().min(file.len());
        assert!(after.len() <= file.len() && after[told.clone()] == file[told], "{outcome:?}");
    }
}

/// A head and frames of constants, as small as they can be, and damage.
fn written(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let mut file = b"fLaC\x80\0\0\x22".to_vec();
    let total = bytes.of(&[0, 192, 192 * 4, 1 << 20]);
    file.extend([0, 192, 0, 192, 0, 0, 0, 0, 0, 0]);
    // 16 kHz, one channel, 16 bits.
    file.extend(((16_000_u64 << 44) | 15 << 36 | total).to_be_bytes());
    file.resize(8 + 34, bytes.byte());
    for number in 0..bytes.below(12) as u8 {
        let (number, samples) =
            if bytes.byte() > 240 { (bytes.byte() & 127, 2) } else { (number, 1) };
        file.extend([0xff, 0xf8, samples << 4 | 5, 8, number, 0, 0, bytes.byte(), bytes.byte()]);
        file.extend([0, 0]);
    }
    damage(&mut file, bytes);
    file
}

/// A few frames: with a length and without, and cut.
pub(crate) fn examples() -> Vec<Vec<u8>> {
    let choices = |total| [&[total, 0, 6][..], &[1, 2, 3].repeat(6)].concat();
    let mut files: Vec<_> = [0, 2].map(|total| written(&mut Bytes::new(&choices(total)))).into();
    files.push(files[0][..files[0].len() - 5].to_vec());
    files
}

/// The length of a frame's head, without its sum, if one may begin here.
fn head(bytes: &[u8]) -> Option<usize> {
    let &[0xff, 0xf8 | 0xf9, third, _, number, ..] = bytes else { return None };
    let number = (number.leading_ones() as usize).max(1);
    let samples = [0, 0, 0, 0, 0, 0, 1, 2];
    let rates = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 0];
    let samples = samples.get(usize::from(third >> 4)).unwrap_or(&0);
    let len = 4 + number + samples + rates[usize::from(third & 15)];
    (len < bytes.len()).then_some(len)
}

/// Every even sum of a head becomes right, and that of a frame in front of the next one, if
/// it is a constant in one channel of 16 bits: what has a right sum and is no frame for all
/// that, no damage makes.
fn sign(file: &mut [u8]) {
    let mut began = None;
    let mut at = 42;
    while at <= file.len() {
        let head = if at == file.len() { None } else { head(&file[at..]) };
        if head.is_none() && at < file.len() {
            at += 1;
            continue;
        }
        let constant = |&(begin, len): &(usize, usize)| {
            at - begin == len + 6 && file[begin + 3] == 8 && file[begin + len + 1] == 0
        };
        if let Some((begin, _)) = began.filter(constant).filter(|_| file[at - 1].is_multiple_of(2))
        {
            let sum = sum16(&file[begin..at - 2]);
            file[at - 2..at].copy_from_slice(&sum);
        }
        let Some(len) = head else { break };
        if file[at + len].is_multiple_of(2) {
            file[at + len] = sum8(&file[at..at + len]);
        }
        began = Some((at, len));
        at += len + 1;
    }
}

fn sum8(bytes: &[u8]) -> u8 {
    let bit = |sum: u8| sum << 1 ^ if sum >> 7 == 1 { 7 } else { 0 };
    bytes.iter().fold(0, |sum, byte| (0..8).fold(sum ^ byte, |sum, _| bit(sum)))
}

fn sum16(bytes: &[u8]) -> [u8; 2] {
    let bit = |sum: u16| sum << 1 ^ if sum >> 15 == 1 { 0x8005 } else { 0 };
    let add = |sum, byte: &u8| (0..8).fold(sum ^ u16::from(*byte) << 8, |sum, _| bit(sum));
    bytes.iter().fold(0, add).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::{restless, spoiled};

    #[test]
    fn planted_faults_are_noticed() {
        // Eight frames, a head without a length.
        let torn = [&[1, 7, 0, 0, 8][..], &[1, 2, 3].repeat(8)].concat();
        let mut file = written(&mut Bytes::new(&torn[2..]));
        sign(&mut file);
        let outcome = crate::recovery::repaired(&file, repair).0;
        assert_eq!((outcome.state, outcome.kept_frames), (State::Repaired, 8 * 192));
        judge(&torn, repair);
        for wrong in [spoiled, restless] {
            assert!(std::panic::catch_unwind(|| judge(&torn, wrong)).is_err());
        }
    }
}
