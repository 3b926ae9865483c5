//! The code of what no prediction foretells: numbers near zero are short.
//!
//! A number is folded, so that it has no sign; its lowest `k` bits are written as they
//! are, what is above as so many zeros. Each part of a block has its own `k`.

use super::bits::Bits;

/// A block has at most `2^SPLITS` parts.
const SPLITS: u32 = 6;

/// The largest `k`, which takes five bits to say.
const LARGEST: u32 = 30;

/// How what is left of a block is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rice {
    splits: u32,
    /// Five bits per `k` rather than four.
    wide: bool,
    k: [u8; 1 << SPLITS],
    pub(super) bits: u64,
}

impl Default for Rice {
    fn default() -> Self {
        Self { splits: 0, wide: false, k: [0; 1 << SPLITS], bits: 0 }
    }
}

fn folded(x: i32) -> u32 {
    (x << 1 ^ x >> 31) as u32
}

impl Rice {
    /// The shortest way to write `left`, which stands behind `order` samples. `bits` is
    /// what it takes at most.
    pub(super) fn of(left: &[i32], order: usize) -> Self {
        let frames = left.len() + order;
        let splits = (0..=SPLITS).rev().find(|&s| splits_into(frames, s, order)).unwrap_or(0);
        // Sums of the finest parts; coarser ones add up.
        let mut sums = [0u64; 1 << SPLITS];
        for (part, sum) in parts(left, frames, splits, order).zip(&mut sums) {
            *sum = part.iter().map(|&x| u64::from(folded(x))).sum();
        }
        let mut best = Self { bits: u64::MAX, ..Self::default() };
        for splits in (0..=splits).rev() {
            let rice = Self::with(&sums, frames, splits, order);
            if rice.bits < best.bits {
                best = rice;
            }
            for i in 0..1usize << splits >> 1 {
                sums[i] = sums[2 * i] + sums[2 * i + 1];
            }
        }
        best
    }

    fn with(sums: &[u64], frames: usize, splits: u32, order: usize) -> Self {
        let mut rice = Self { splits, ..Self::default() };
        let part = (frames >> splits) as u64;
        for (i, (&sum, k)) in sums.iter().zip(&mut rice.k).take(1 << splits).enumerate() {
            let count = if i == 0 { part - order as u64 } else { part };
            let bits = |k: u32| count * u64::from(k + 1) + (sum >> k);
            // Near the logarithm of the mean.
            let near = (sum / count.max(1)).checked_ilog2().unwrap_or(0);
            let around = near.saturating_sub(1)..=(near + 1).min(LARGEST);
            let best = around.min_by_key(|&k| bits(k)).unwrap_or(0);
            *k = best as u8;
            rice.wide |= best > 14;
            rice.bits += bits(best);
        }
        rice.bits += 6 + (4 + u64::from(rice.wide)) * (1 << splits);
        rice
    }

    pub(super) fn write(&self, left: &[i32], order: usize, to: &mut Bits<'_>) {
        to.put(self.wide.into(), 2);
        to.put(self.splits.into(), 4);
        let frames = left.len() + order;
        for (part, &k) in parts(left, frames, self.splits, order).zip(&self.k) {
            to.put(k.into(), 4 + u32::from(self.wide));
            for &x in part {
                let x = u64::from(folded(x));
                to.unary(x >> k);
                to.put(x, k.into());
            }
        }
    }
}

/// Whether a block falls into `2^splits` equal parts, the first of which has more than
/// what comes before the rest.
fn splits_into(frames: usize, splits: u32, order: usize) -> bool {
    frames.is_multiple_of(1 << splits) && frames >> splits > order
}

fn parts(left: &[i32], frames: usize, splits: u32, order: usize) -> impl Iterator<Item = &[i32]> {
    let part = frames >> splits;
    let (first, others) = left.split_at((part - order).min(left.len()));
    std::iter::once(first).chain(others.chunks_exact(part.max(1)))
}
