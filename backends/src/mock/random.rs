//! Chance that repeats itself: the same seed, the same numbers, on every machine.

/// Mixes 64 bits so that neighbours have nothing in common (`SplitMix64`'s finaliser).
pub(super) fn hash(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// As `hash`, of two numbers.
pub(super) fn hash2(a: u64, b: u64) -> u64 {
    hash(hash(a.wrapping_add(STEP)).wrapping_add(b.wrapping_mul(STEP)))
}

/// A number in [0, 1) from the upper bits of a hash.
pub(super) fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A sequence of numbers by seed.
#[derive(Clone, Debug)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: hash(seed) }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        hash(self.state)
    }

    /// A number of `0..=most`, evenly enough: the remainder's bias is far below what a
    /// test could see.
    pub(super) fn up_to(&mut self, most: u64) -> u64 {
        match most.checked_add(1) {
            Some(count) => self.next() % count,
            None => self.next(),
        }
    }
}
