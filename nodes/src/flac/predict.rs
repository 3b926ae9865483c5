//! What can be foretold of a signal from its last samples.

/// The most samples that a linear prediction looks back at.
pub(super) const ORDER: usize = 12;

/// Bits of a coefficient.
pub(super) const PRECISION: u32 = 14;

/// Fixed predictors continue a polynomial of degree `order - 1`: what is left is the
/// signal differentiated so often.
pub(super) const FIXED: usize = 4;

/// What a fixed predictor leaves of `x[order..]`. False if it does not fit.
pub(super) fn fixed(order: usize, x: &[i32], left: &mut [i32]) -> bool {
    const WEIGHTS: [&[i64]; FIXED + 1] = [&[], &[1], &[2, -1], &[3, -3, 1], &[4, -6, 4, -1]];
    leave(WEIGHTS[order], 0, x, left)
}

/// What a linear predictor leaves.
pub(super) fn linear(by: &Linear, x: &[i32], left: &mut [i32]) -> bool {
    let mut weights = [0; ORDER];
    for (to, weight) in weights.iter_mut().zip(by.weights()) {
        *to = i64::from(*weight);
    }
    leave(&weights[..by.order], by.shift, x, left)
}

/// `x` less its prediction, from the first sample on that has enough before it.
fn leave(weights: &[i64], shift: u32, x: &[i32], left: &mut [i32]) -> bool {
    let mut fits = true;
    for (window, to) in x.windows(weights.len() + 1).zip(left) {
        let (last, past) = window.split_last().unwrap_or((&0, &[]));
        let sum: i64 = past.iter().rev().zip(weights).map(|(x, w)| i64::from(*x) * w).sum();
        let rest = i64::from(*last) - (sum >> shift);
        // Two bits less than it holds: folded, it still fits.
        fits &= rest.unsigned_abs() < 1 << 29;
        *to = rest as i32;
    }
    fits
}

/// A linear predictor: the next sample is the last ones, weighed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Linear {
    pub(super) order: usize,
    pub(super) shift: u32,
    weights: [i32; ORDER],
}

impl Linear {
    /// The weights, that of the newest sample first.
    pub(super) fn weights(&self) -> &[i32] {
        &self.weights[..self.order]
    }
}

/// Finds the predictor with the least squares, and how long it should be.
pub(super) struct Finder {
    /// A window for blocks of the usual length, and room for a block under it.
    window: Box<[f64]>,
    block: Box<[f64]>,
}

impl Finder {
    pub(super) fn new(frames: usize) -> Self {
        Self { window: welch(frames).collect(), block: vec![0.0; frames].into() }
    }

    /// None where nothing can be gained: silence, or too few samples.
    pub(super) fn find(&mut self, x: &[i32]) -> Option<Linear> {
        if x.len() < 4 * ORDER {
            return None;
        }
        let block = &mut self.block[..x.len()];
        if x.len() == self.window.len() {
            block
                .iter_mut()
                .zip(x)
                .zip(&self.window)
                .for_each(|((b, x), w)| *b = f64::from(*x) * w);
        } else {
            block
                .iter_mut()
                .zip(x)
                .zip(welch(x.len()))
                .for_each(|((b, x), w)| *b = f64::from(*x) * w);
        }
        let likeness = likeness(block);
        if likeness[0] < 1.0 {
            return None;
        }
        quantised(best(&likeness, x.len())?)
    }
}

/// The window of Welch: no cosine per sample, and as good here.
fn welch(frames: usize) -> impl Iterator<Item = f64> {
    let half = (frames as f64 - 1.0) / 2.0;
    (0..frames).map(move |i| 1.0 - ((i as f64 - half) / half).powi(2))
}

/// How alike a block is to itself, so many samples later.
fn likeness(x: &[f64]) -> [f64; ORDER + 1] {
    let mut sums = [0.0; ORDER + 1];
    for (lag, sum) in sums.iter_mut().enumerate() {
        *sum = x[lag..].iter().zip(x).map(|(a, b)| a * b).sum();
    }
    sums
}

/// By Levinson and Durbin: the predictors of all orders, and of these the one that is
/// expected to take the fewest bits.
fn best(likeness: &[f64; ORDER + 1], frames: usize) -> Option<([f64; ORDER], usize)> {
    let (mut a, mut error) = ([0.0; ORDER], likeness[0]);
    let mut found = None;
    let mut fewest = f64::INFINITY;
    for order in 0..ORDER {
        let known: f64 = (0..order).map(|i| a[i] * likeness[order - i]).sum();
        let reflection = (likeness[order + 1] - known) / error;
        let before = a;
        for i in 0..order {
            a[i] = before[i] - reflection * before[order - 1 - i];
        }
        a[order] = reflection;
        error *= 1.0 - reflection * reflection;
        if error.is_nan() || error <= 0.0 {
            break;
        }
        let weights = (order + 1) as f64 * f64::from(PRECISION);
        let bits = 0.5 * frames as f64 * (error / likeness[0]).log2() + weights;
        if bits < fewest {
            fewest = bits;
            found = Some((a, order + 1));
        }
    }
    found
}

/// In whole numbers: as many places behind the point as the largest weight allows.
fn quantised((a, order): ([f64; ORDER], usize)) -> Option<Linear> {
    let largest = a[..order].iter().fold(0.0f64, |m, a| m.max(a.abs()));
    if !largest.is_normal() {
        return None;
    }
    let most = (1i32 << (PRECISION - 1)) - 1;
    let shift = (f64::from(most) / largest).log2().floor().clamp(0.0, 15.0);
    let mut weights = [0; ORDER];
    // What one weight is rounded by is taken along to the next.
    let mut rest = 0.0;
    for (to, a) in weights.iter_mut().zip(&a[..order]) {
        let exact = a * shift.exp2() + rest;
        let whole = exact.round().clamp(f64::from(-most), f64::from(most));
        rest = exact - whole;
        *to = whole as i32;
    }
    Some(Linear { order, shift: shift as u32, weights })
}
