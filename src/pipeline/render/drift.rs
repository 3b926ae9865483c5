//! By how much two clocks differ, from how far one runs away from the other.

use super::JITTER;

/// A control loop: told how far the signal is from its place, it says at which ratio
/// to go on. It learns by how much the clocks differ, so that in the end nothing is
/// left to correct; and it is slow, because host times jitter and clocks do not.
#[derive(Default)]
pub(super) struct Drift {
    /// Seconds per second that the signal must be longer than it is.
    learned: f64,
}

/// The time constant. In ten of them even a wrong beginning is forgotten.
const SECONDS: f64 = 5.0;

/// Clocks of sound devices differ by 0.0003 at worst.
const CLOCKS: f64 = 0.001;

/// The farthest that a ratio is from 1, at what is still taken for jitter.
pub(super) const MOST: f64 = CLOCKS + 2.0 * JITTER / SECONDS;

impl Drift {
    /// The signal should lie `off` seconds later than it does, and `since` seconds have
    /// passed since this was last asked. How many frames are to be made of each?
    pub(super) fn steer(&mut self, off: f64, since: f64) -> f64 {
        // A loop of the second order, critically damped.
        let off = off.clamp(-JITTER, JITTER);
        let more = off * since.min(SECONDS) / (SECONDS * SECONDS);
        self.learned = (self.learned + more).clamp(-CLOCKS, CLOCKS);
        1.0 + self.learned + 2.0 * off / SECONDS
    }

    /// The ratio when nothing is known of where the signal is.
    pub(super) fn ratio(&self) -> f64 {
        1.0 + self.learned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs for so many seconds of blocks of 10 ms; how far off it is at the end, and
    /// was at worst. Host times are off by what `jitter` says.
    fn run(clocks: f64, begin: f64, seconds: u32, jitter: impl Fn(u32) -> f64) -> (f64, f64) {
        let (mut drift, mut off, mut worst) = (Drift::default(), begin, begin.abs());
        for n in 0..seconds * 100 {
            let ratio = drift.steer(off + jitter(n), 0.01);
            assert!((ratio - 1.0).abs() < MOST * 1.001);
            off += 0.01 * (1.0 + clocks - ratio);
            worst = worst.max(off.abs());
        }
        (off, worst)
    }

    #[test]
    fn clocks_that_differ_are_met_within_a_minute_and_never_a_millisecond_late() {
        for clocks in [-300e-6, -50e-6, 0.0, 200e-6, 300e-6] {
            let (off, worst) = run(clocks, 0.0, 60, |_| 0.0);
            assert!(off.abs() < 1e-5 && worst < 1e-3, "{clocks}: {off} s, at worst {worst} s");
        }
    }

    #[test]
    fn a_wrong_beginning_is_made_good_without_swinging() {
        for begin in [-8e-3, 8e-3] {
            let (off, worst) = run(200e-6, begin, 60, |_| 0.0);
            assert!(off.abs() < 1e-5 && worst < 8.1e-3, "{begin}: {off} s, at worst {worst} s");
        }
    }

    #[test]
    fn jitter_of_three_milliseconds_moves_it_by_a_tenth_of_one() {
        let jitter = |n: u32| f64::from(n.wrapping_mul(2_654_435_761)) / f64::from(u32::MAX) - 0.5;
        let (off, worst) = run(200e-6, 0.0, 600, |n| 6e-3 * jitter(n));
        assert!(off.abs() < 1e-4 && worst < 1e-3, "{off} s, at worst {worst} s");
    }

    #[test]
    fn the_farther_off_the_harder_the_pull() {
        let ratios = (-100..=100).map(|ms| Drift::default().steer(f64::from(ms) * 1e-3, 0.01));
        assert!(ratios.is_sorted());
    }

    #[test]
    fn the_same_marks_give_the_same_bits() {
        let jitter = |n: u32| f64::from(n * 7 % 13) * 1e-4;
        assert_eq!(run(1e-4, 0.0, 60, jitter), run(1e-4, 0.0, 60, jitter));
    }
}
