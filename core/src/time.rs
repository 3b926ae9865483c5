//! Exact time: ratios of rates, counts that never drift, and the plan's ticks.
//!
//! A position is an `i64` count of frames since its segment (or utterance) began.
//! Nothing here is a float, so nothing accumulates an error.

/// The greatest common divisor.
pub(crate) const fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// How many frames leave for those that enter, in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ratio {
    pub(crate) up: u32,
    pub(crate) down: u32,
}

impl Ratio {
    /// The ratio of two rates. Both are at least 1.
    pub(crate) fn of(out: u32, input: u32) -> Self {
        let g = (gcd(out as u128, input as u128) as u32).max(1);
        Self { up: out / g, down: input / g }
    }

    pub(crate) const fn is_one(self) -> bool {
        self.up == self.down
    }

    /// The last output position at or before input position `p`.
    pub(crate) fn floor(self, p: i64) -> i64 {
        if self.is_one() {
            return p;
        }
        let scaled = p as i128 * self.up as i128;
        scaled.checked_div_euclid(self.down as i128).unwrap_or(0) as i64
    }

    /// The first output position at or after input position `p`.
    pub(crate) fn ceil(self, p: i64) -> i64 {
        -self.floor(-p)
    }
}

/// Counts frames across a change of rate: after `c` frames in, exactly
/// `floor(c * ratio)` frames are out, however the `c` frames were cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counter {
    ratio: Ratio,
    /// What `c * up` leaves when divided by `down`.
    rest: u64,
}

impl Counter {
    pub(crate) const fn new(ratio: Ratio) -> Self {
        Self { ratio, rest: 0 }
    }

    /// How many frames leave when `frames` more enter.
    pub(crate) fn made(&self, frames: usize) -> usize {
        if self.ratio.is_one() {
            return frames;
        }
        let scaled = self.rest + frames as u64 * self.ratio.up as u64;
        scaled.checked_div(self.ratio.down as u64).unwrap_or(0) as usize
    }

    pub(crate) fn advance(&mut self, frames: usize) {
        if !self.ratio.is_one() {
            let sum = self.rest + frames as u64 * self.ratio.up as u64;
            self.rest = sum.checked_rem(self.ratio.down as u64).unwrap_or(0);
        }
    }

    pub(crate) fn reset(&mut self) {
        self.rest = 0;
    }
}

/// The plan's clock: ticks so fine that every rate of the plan divides a second
/// into whole ticks. Used while planning only; running counts frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    pub(crate) per_second: i128,
}

impl Clock {
    /// More than any useful set of rates needs, and far from overflow.
    const FINEST: u128 = 1 << 80;

    /// The coarsest clock that fits all `rates`, or none if they have no usable
    /// common multiple.
    pub(crate) fn common(rates: impl IntoIterator<Item = u128>) -> Option<Self> {
        let mut lcm: u128 = 1;
        for rate in rates {
            lcm = lcm / gcd(lcm, rate) * rate;
            if lcm > Self::FINEST {
                return None;
            }
        }
        Some(Self { per_second: lcm as i128 })
    }

    /// The length of `frames` frames at `rate`, a rate of this clock.
    pub(crate) const fn ticks(self, frames: i64, rate: u32) -> i128 {
        frames as i128 * (self.per_second / rate as i128)
    }

    /// The frames at `rate` that `ticks` fill, a begun one counted whole.
    pub(crate) const fn frames_up(self, ticks: i128, rate: u32) -> i128 {
        let frame = self.per_second / rate as i128;
        -((-ticks).div_euclid(frame))
    }

    pub(crate) fn seconds(self, ticks: i128) -> f64 {
        ticks as f64 / self.per_second as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_do_not_depend_on_the_cut() {
        for (out, input) in [(16_000, 16_007), (100, 16_000), (16_000, 44_100), (48_000, 11_024)] {
            let ratio = Ratio::of(out, input);
            let mut counter = Counter::new(ratio);
            let (mut fed, mut made, mut size) = (0i64, 0i64, 1usize);
            while fed < 100_000 {
                made += counter.made(size) as i64;
                counter.advance(size);
                fed += size as i64;
                assert_eq!(made, ratio.floor(fed), "{out}/{input} after {fed}");
                size = size * 7 % 311 + 1;
            }
        }
    }

    #[test]
    fn negative_positions_round_down_and_up() {
        let third = Ratio::of(16_000, 48_000);
        assert_eq!((third.floor(-1), third.ceil(-1)), (-1, 0));
        assert_eq!((third.floor(-3), third.ceil(-3)), (-1, -1));
        assert_eq!((third.floor(4), third.ceil(4)), (1, 2));
    }

    #[test]
    fn positions_far_beyond_32_and_53_bits_stay_exact() {
        let r = Ratio::of(16_007, 16_000);
        let p = (1i64 << 55) / 16_000 * 16_000;
        assert_eq!(r.floor(p), p / 16_000 * 16_007);
    }

    #[test]
    fn rates_without_a_common_clock_are_noticed() {
        let primes = [767_957, 767_947, 767_951, 767_933, 767_909];
        assert!(Clock::common(primes).is_none());
        let clock = Clock::common([48_000, 44_100, 11_024, 16_007, 100]).unwrap();
        assert_eq!(clock.per_second % 16_007, 0);
        assert_eq!(clock.frames_up(clock.ticks(3, 48_000), 16_000), 1);
        assert_eq!(clock.frames_up(clock.ticks(4, 48_000), 16_000), 2);
    }
}
