//! What the tests share: a medium that remembers, a second reader of MP4, and judges.

#![allow(dead_code, unreachable_pub, reason = "each test uses some of it")]
#![allow(clippy::trivially_copy_pass_by_ref, reason = "names of boxes are references")]

pub mod judge;
pub mod power;
pub mod reader;

use tympan::backend::storage::Medium;
use tympan::take::{M4a, State, Track};

/// A packet as it was handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    pub bytes: Vec<u8>,
    pub frames: u32,
}

/// Chance that comes out the same every time.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

/// Packets of any size, the larger ones rare, of one duration or of several.
pub fn packets(count: usize, seed: u64) -> Vec<Packet> {
    let mut chance = Chance::new(seed);
    let many = seed.is_multiple_of(2);
    let packet = |_| {
        let most = if chance.below(20) == 0 { 3_000 } else { 40 };
        let len = 1 + chance.below(most) as usize;
        let bytes = (0..len).map(|_| chance.below(256) as u8).collect();
        let frames = if many { 120 << chance.below(4) } else { 1_024 };
        Packet { bytes, frames }
    };
    (0..count).map(packet).collect()
}

pub fn track() -> Track {
    Track::aac(&[0x11, 0x88], 48_000, 1, 100)
}

/// Records packets, up to six to a fragment, synced after every third fragment, and
/// finishes with all but the last three samples, if it is to be finished.
pub fn record(file: Box<dyn Medium>, packets: &[Packet], finish: bool) -> std::io::Result<()> {
    let mut chance = Chance::new(packets.len() as u64);
    let mut take = M4a::new(file, track())?;
    let mut left = packets;
    let mut fragments = 0;
    while !left.is_empty() {
        let (some, rest) = left.split_at(left.len().min(1 + chance.below(6) as usize));
        left = rest;
        for packet in some {
            take.packet(&packet.bytes, packet.frames)?;
        }
        take.fragment()?;
        fragments += 1;
        if fragments % 3 == 0 {
            take.sync()?;
        }
    }
    if finish {
        take.finish(samples(packets))?;
    }
    Ok(())
}

/// Samples that [`record`] finishes with.
pub fn samples(packets: &[Packet]) -> u64 {
    let all: u64 = packets.iter().map(|packet| u64::from(packet.frames)).sum();
    all.saturating_sub(103)
}

/// What a repair came to, as these tests speak of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Healthy,
    Repaired { samples: u64, cut: u64 },
    Hopeless(String),
}

/// Repairs a file that is known to be MP4.
pub fn repair(file: &mut dyn Medium) -> std::io::Result<Outcome> {
    let found = tympan::take::repair(file)?;
    Ok(match found.state {
        State::Healthy => Outcome::Healthy,
        State::Repaired => Outcome::Repaired { samples: found.kept_frames, cut: found.lost_bytes },
        State::Hopeless | State::NotOurs => Outcome::Hopeless(found.findings.join(" ")),
    })
}
