//! What frequencies a stretch of sound is made of.

use std::f64::consts::TAU;

/// Looks at stretches of one length, and tells the power in bands that lie evenly on the
/// scale on which people hear.
pub(super) struct Lens {
    size: usize,
    window: Vec<f32>,
    /// Sine and cosine of each part of a turn.
    turns: Vec<(f32, f32)>,
    work: Vec<(f32, f32)>,
    /// The bins of each band, in fractions of one.
    bands: Vec<(f32, f32)>,
}

impl Lens {
    /// The lowest frequency that is told, in Hz.
    pub(super) const LOWEST: f64 = 50.0;

    /// Stretches of at least 40 ms, so that the voice's own pitch can be told apart.
    pub(super) fn new(rate: u32, bands: usize) -> Self {
        let size = (rate as usize / 25).next_power_of_two().clamp(64, 1 << 15);
        let turn = |i: usize| TAU * i as f64 / size as f64;
        let highest = Self::highest(rate);
        let edge = |i: usize| {
            let hz = Self::LOWEST * (highest / Self::LOWEST).powf(i as f64 / bands as f64);
            (hz / f64::from(rate) * size as f64) as f32
        };
        Self {
            size,
            window: (0..size).map(|i| (0.5 - 0.5 * turn(i).cos()) as f32).collect(),
            turns: (0..size / 2).map(|i| (turn(i).cos() as f32, -turn(i).sin() as f32)).collect(),
            work: vec![(0.0, 0.0); size],
            bands: (0..bands).map(|i| (edge(i), edge(i + 1))).collect(),
        }
    }

    /// The highest that is told.
    pub(super) fn highest(rate: u32) -> f64 {
        (f64::from(rate) / 2.0).max(2.0 * Self::LOWEST)
    }

    /// Frames of a stretch.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Adds the power in each band to `sums`. Two channels are looked at at once: one as the
    /// real parts, one as the imaginary ones. A full-scale sine in one of them has power 1.
    pub(super) fn look(&mut self, frames: impl Iterator<Item = (f32, f32)>, sums: &mut [f32]) {
        for ((to, from), window) in self.work.iter_mut().zip(frames).zip(&self.window) {
            *to = (from.0 * window, from.1 * window);
        }
        self.transform();
        let scale = 16.0 / (self.size as f32 * self.size as f32);
        let power = |bin: usize| {
            let (a, b) = (self.work[bin], self.work[(self.size - bin) % self.size]);
            (a.0 * a.0 + a.1 * a.1 + b.0 * b.0 + b.1 * b.1) * 0.5 * scale
        };
        let last = self.size / 2;
        for (sum, &(from, to)) in sums.iter_mut().zip(&self.bands) {
            let (first, end) = (from.ceil() as usize, (to.ceil() as usize).min(last + 1));
            *sum += if first < end {
                (first..end).map(power).fold(0.0, f32::max)
            } else {
                // No bin lies in the band: what lies between its neighbours.
                let middle = f32::midpoint(from, to).min(last as f32);
                let below = (middle as usize).min(last - 1);
                let part = middle - below as f32;
                power(below) * (1.0 - part) + power(below + 1) * part
            };
        }
    }

    /// The Fourier transform, in place.
    fn transform(&mut self) {
        let size = self.size;
        let shift = usize::BITS - size.trailing_zeros();
        for i in 0..size {
            let j = i.reverse_bits() >> shift;
            if i < j {
                self.work.swap(i, j);
            }
        }
        let mut half = 1;
        while half < size {
            let stride = size / (2 * half);
            for block in self.work.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for (i, (a, b)) in low.iter_mut().zip(high).enumerate() {
                    let (cos, sin) = self.turns[i * stride];
                    let turned = (b.0 * cos - b.1 * sin, b.0 * sin + b.1 * cos);
                    (*a, *b) = ((a.0 + turned.0, a.1 + turned.1), (a.0 - turned.0, a.1 - turned.1));
                }
            }
            half *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The band in which `hz` lies.
    fn band(hz: f64, rate: u32, bands: usize) -> usize {
        let span = (Lens::highest(rate) / Lens::LOWEST).ln();
        ((hz / Lens::LOWEST).ln() / span * bands as f64) as usize
    }

    #[test]
    fn a_sine_of_full_scale_has_power_one_where_it_is() {
        for (rate, hz) in [(8_000, 440.0), (48_000, 1_000.0), (44_100, 15_000.0), (48_000, 75.0)] {
            let mut lens = Lens::new(rate, 100);
            let sine = |i: usize| (TAU * hz * i as f64 / f64::from(rate)).sin() as f32;
            for second in [false, true] {
                let frame = |i| if second { (0.0, sine(i)) } else { (sine(i), 0.0) };
                let mut sums = vec![0.0; 100];
                lens.look((0..lens.size()).map(frame), &mut sums);
                let loudest = sums.iter().copied().fold(0.0, f32::max);
                assert!((0.65..1.01).contains(&loudest), "{rate} {hz}: {loudest}");
                let place = sums.iter().position(|x| *x == loudest).unwrap();
                assert!(place.abs_diff(band(hz, rate, 100)) <= 2, "{rate} {hz}: {place}");
                // Far away there is nothing: the window's side lobes fall fast.
                let far = if place > 50 { sums[2] } else { sums[97] };
                assert!(far < 1e-6, "{rate} {hz}: {far}");
            }
        }
    }
}
