//! The one low-pass filter of all ratios, as a function of time.
//!
//! A windowed sinc spends its taps on a passband as flat as its stopband is deep: a
//! thousand times flatter than speech needs. This filter is as deep as its mask asks
//! and no flatter, which saves a quarter of the taps and of the delay. It is a short
//! sum of cosines, given by the gain at as many frequencies, so any phase of any ratio
//! can be computed when it is wanted and nothing is optimised at run time. How the
//! numbers were found is the test below.

use std::f64::consts::PI;

/// How far the filter reaches to each side, in periods of the lower rate.
pub(super) const HALF: u32 = 17;

/// The gain at the frequencies whose period goes a whole number of times into the
/// filter's length: number `m` stands at `m / (2 HALF)` of the lower rate.
#[rustfmt::skip]
const GAIN: [f64; 21] = [
    1.0, 0.998_013_117, 1.002_072_673, 0.997_943_751, 1.001_780_202, 0.994_419_372,
    1.009_831_125, 0.992_106_446, 1.005_198_211, 0.997_769_080, 0.999_364_847, 1.003_132_910,
    0.994_924_686, 1.006_180_504, 0.994_960_828, 0.970_514_498, 0.550_094_761, 0.100_602_037,
    0.000_677_538, 0.000_067_352, 0.000_079_319,
];

/// The filter `t` periods of the lower rate from its middle.
///
/// At the lower rate's Nyquist frequency N: within 0.085 dB up to 7/8 N, 72.5 dB down
/// from 8.5/8 N on.
pub(super) fn at(t: f64) -> f64 {
    if t.abs() >= f64::from(HALF) {
        return 0.0;
    }
    // The sum by Clenshaw's recurrence: one cosine instead of twenty.
    let c = (PI * t / f64::from(HALF)).cos();
    let (mut b1, mut b2) = (0.0, 0.0);
    for &gain in GAIN[1..].iter().rev() {
        (b1, b2) = (2.0 * c * b1 - b2 + gain, b1);
    }
    (GAIN[0] / 2.0 + c * b1 - b2) / f64::from(HALF)
}

/// Least squares, again and again, each time with more weight where the error was
/// large (Lawson's method): it ends with errors equally large everywhere, measured in
/// what is allowed there.
#[cfg(test)]
mod tests {
    use super::*;

    /// Gains to be found. The one at 0 Hz is 1.
    const N: usize = GAIN.len() - 1;
    /// Passband and stopband, in units of the lower rate.
    const PASS: f64 = 7.0 / 16.0;
    const STOP: f64 = 8.5 / 16.0;
    /// Up to here the stopband is looked at. Beyond, it falls on by itself.
    const END: f64 = 6.0;
    /// What is allowed in the passband: 0.016 dB where voices have their strength,
    /// 0.075 dB above.
    const VOICE: f64 = 0.13;
    const RIPPLE: (f64, f64) = (1.844e-3, 8.672e-3);
    /// What is allowed in the stopband: -74.5 dB where it begins, and less and less at
    /// higher frequencies, because with a low input rate they fold onto each other.
    const FLOOR: f64 = 1.884e-4;
    const TILT: f64 = 1.5;

    /// What each gain adds at frequency `f`, were it 1.
    fn spectrum(f: f64) -> [f64; N + 1] {
        let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
        let x = 2.0 * f64::from(HALF) * f;
        std::array::from_fn(|m| match m {
            0 => sinc(x),
            _ => sinc(x - m as f64) + sinc(x + m as f64),
        })
    }

    /// One frequency: what each gain adds there and what is to be added up, in units of
    /// the error allowed.
    struct Point {
        row: [f64; N],
        want: f64,
        weight: f64,
    }

    fn point(f: f64) -> Point {
        let (ideal, allowed) = match f {
            ..=VOICE => (1.0, RIPPLE.0),
            ..=PASS => (1.0, RIPPLE.1),
            _ => (0.0, FLOOR * (STOP / f).powf(TILT)),
        };
        let all = spectrum(f);
        let row = std::array::from_fn(|m| all[m + 1] / allowed);
        Point { row, want: (ideal - all[0]) / allowed, weight: 1.0 }
    }

    fn points() -> Vec<Point> {
        let step = 1.0 / (24.0 * f64::from(HALF));
        let band = |from: f64, to: f64| {
            let steps = ((to - from) / step) as usize;
            (0..=steps).map(move |i| from + i as f64 * step).chain([to])
        };
        band(0.0, PASS).chain(band(STOP, END)).map(point).collect()
    }

    /// The weighted least squares solution, by elimination.
    fn solve(points: &[Point]) -> [f64; N] {
        let mut m = [[0.0; N + 1]; N];
        for p in points {
            for (row, a) in m.iter_mut().zip(p.row) {
                for (x, b) in row.iter_mut().zip(p.row.iter().chain([&p.want])) {
                    *x += p.weight * a * b;
                }
            }
        }
        for i in 0..N {
            let pivot = m[i];
            for row in &mut m[i + 1..] {
                let by = row[i] / pivot[i];
                row.iter_mut().zip(pivot).for_each(|(x, p)| *x -= by * p);
            }
        }
        let mut x = [0.0; N];
        for i in (0..N).rev() {
            let known: f64 = (i + 1..N).map(|j| m[i][j] * x[j]).sum();
            x[i] = (m[i][N] - known) / m[i][i];
        }
        x
    }

    fn recipe() -> [f64; N + 1] {
        let mut points = points();
        let mut x = [0.0; N];
        for _ in 0..300 {
            x = solve(&points);
            for p in &mut points {
                let made: f64 = p.row.iter().zip(x).map(|(a, x)| a * x).sum();
                p.weight *= (made - p.want).abs();
            }
            let sum: f64 = points.iter().map(|p| p.weight).sum();
            for p in &mut points {
                p.weight /= sum;
            }
        }
        std::array::from_fn(|m| if m == 0 { 1.0 } else { x[m - 1] })
    }

    #[test]
    fn the_numbers_are_what_the_recipe_gives() {
        let found = recipe();
        let far = found.iter().zip(GAIN).any(|(a, b)| (a - b).abs() > 1e-8);
        assert!(!far, "{found:#.12?}");
    }
}
