//! `limiter`: no sample above a ceiling, without the distortion of clipping.

use tympan_core::{Border, Build, Built, Input, Kind, Node, Output, Param, Refusal, Spec};

/// Turns peaks down before they come: the signal is delayed by the look-ahead, and
/// the gain is on its way down that long before the peak is out.
///
/// Each frame asks for the gain that would bring it to the ceiling. The lowest of the
/// look-ahead is held, let go slowly, and averaged over the look-ahead: a mean of
/// gains none of which is too high is not too high either. All channels share the
/// gain, so that nothing moves in the stereo image.
pub struct Limiter {
    ceiling: f32,
    /// How much of what is missing to full gain comes back per frame.
    release: f64,
    lowest: Lowest,
    /// The gain that is held and let go, in f64: close to 1 the steps of a slow
    /// release fall below the last bit of an f32, and it would never get there.
    held: f64,
    mean: Mean,
    /// Per channel, the samples on their way through the look-ahead.
    late: Vec<Box<[f32]>>,
    /// Where in them the oldest one lies.
    at: usize,
}

/// Frames that are looked at together; how many does not show in the result.
const BLOCK: usize = 64;

impl Kind for Limiter {
    const NAME: &'static str = "limiter";
    const ABOUT: &'static str = "Lets no sample above a ceiling, by turning peaks down in time.";
    const PARAMS: &'static [Param] = &[
        Param::number("ceiling", -40.0, 0.0, -1.0)
            .unit("dB")
            .about("the highest peak that comes out; 0 is full scale"),
        Param::time("look_ahead", 0.5, 20.0, 2.0)
            .about("how early it turns down, and the delay; shorter is rougher"),
        Param::time("release", 10.0, 2000.0, 100.0)
            .about("after a peak, two thirds of the reduction are gone in this time"),
    ];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let format = cx.input(0);
        let delay = cx.frames("look_ahead").max(1);
        let release = cx.number("release") * f64::from(format.rate) / 1000.0;
        let window = delay as usize + 1;
        Spec::audio(format).delay(delay).runs(Self {
            ceiling: 10f32.powf(cx.number("ceiling") as f32 / 20.0),
            release: -(-1.0 / release).exp_m1(),
            lowest: Lowest::new(window),
            held: 1.0,
            mean: Mean::new(window),
            late: vec![vec![0.0; delay as usize].into(); format.channels as usize],
            at: 0,
        })
    }
}

impl Limiter {
    /// Gains for the frames that come out when frames with these peaks go in.
    fn gains(&mut self, peaks: &mut [f32]) {
        // Nearly always nothing has been turned down for long, and nothing will be: then
        // all memory is ones, and one more changes nothing.
        if self.held == 1.0 && self.mean.is_one() && peaks.iter().all(|p| *p <= self.ceiling) {
            peaks.fill(1.0);
            return;
        }
        for peak in peaks {
            let wanted = if *peak > self.ceiling { self.wanted(*peak) } else { ONE };
            let lowest = f64::from(self.lowest.next(wanted)) / f64::from(ONE);
            let free = self.held + (1.0 - self.held) * self.release;
            // Not for ever nearly 1: what is below the ceiling passes as it is.
            let free = if free > 0.999_99 { 1.0 } else { free };
            self.held = if free < lowest { free } else { lowest };
            *peak = self.mean.next(parts(self.held));
        }
    }

    /// The gain that brings a peak to the ceiling.
    fn wanted(&self, peak: f32) -> u32 {
        parts(f64::from(self.ceiling) / f64::from(peak))
    }

    /// Sends a block of a channel through the look-ahead and turns it down.
    fn pass(&mut self, channel: usize, mut x: &[f32], mut gains: &[f32], mut out: &mut [f32]) {
        let Some(late) = self.late.get_mut(channel) else { return };
        let (c, mut at) = (self.ceiling, self.at);
        // Up to where the memory begins anew, so that the loop inside is plain.
        while let Some(place) =
            late.get_mut(at..).filter(|place| !place.is_empty() && !x.is_empty())
        {
            let run = x.len().min(place.len());
            for (((o, late), x), gain) in out.iter_mut().zip(place).zip(x).zip(gains) {
                // What would still be above is so by rounding.
                *o = (*late * gain).clamp(-c, c);
                *late = *x;
            }
            x = x.get(run..).unwrap_or_default();
            gains = gains.get(run..).unwrap_or_default();
            out = std::mem::take(&mut out).get_mut(run..).unwrap_or_default();
            at = if at + run < late.len() { at + run } else { 0 };
        }
    }
}

impl Node for Limiter {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let mut from = 0;
        while from < input.frames() {
            let block = from..input.frames().min(from + BLOCK);
            let mut gains = [0.0f32; BLOCK];
            let gains = gains.get_mut(..block.len()).unwrap_or_default();
            let part = |channel| input.channel(0, channel).get(block.clone()).unwrap_or_default();
            for channel in 0..output.channels() {
                for (peak, x) in gains.iter_mut().zip(part(channel)) {
                    // A NaN is no peak: the other one is the larger.
                    *peak = peak.max(x.abs());
                }
            }
            self.gains(gains);
            for channel in 0..output.channels() {
                let out = output.channel(channel).get_mut(block.clone()).unwrap_or_default();
                self.pass(channel, part(channel), gains, out);
            }
            self.at = (self.at + block.len()).checked_rem(self.mean.delay()).unwrap_or(0);
            from = block.end;
        }
    }

    fn reset(&mut self, _: Border) {
        self.lowest.reset();
        self.held = 1.0;
        self.mean.reset();
        self.late.iter_mut().for_each(|late| late.fill(0.0));
        self.at = 0;
    }
}

/// A gain of 1. Where gains are compared and added up they are whole numbers, parts of
/// this: a sum of floats that is added to and taken from for hours drifts, and with it
/// the ceiling.
const ONE: u32 = 1 << 30;

/// A gain in such parts, rounded down, never up.
fn parts(gain: f64) -> u32 {
    (gain * f64::from(ONE)) as u32
}

/// The lowest of the last gains, three comparisons for each new one.
///
/// The newest gains fill `values` from the front. What lies behind them is from the
/// round before: there each place holds the lowest from itself to the end.
struct Lowest {
    values: Box<[u32]>,
    at: usize,
    /// The lowest of this round.
    newer: u32,
}

impl Lowest {
    fn new(window: usize) -> Self {
        Self { values: vec![ONE; window].into(), at: 0, newer: ONE }
    }

    fn next(&mut self, gain: u32) -> u32 {
        if let Some(value) = self.values.get_mut(self.at) {
            *value = gain;
        }
        self.newer = self.newer.min(gain);
        self.at += 1;
        if let Some(older) = self.values.get(self.at) {
            return self.newer.min(*older);
        }
        let lowest = self.newer;
        let mut behind = ONE;
        for gain in self.values.iter_mut().rev() {
            behind = behind.min(*gain);
            *gain = behind;
        }
        (self.at, self.newer) = (0, ONE);
        lowest
    }

    fn reset(&mut self) {
        self.values.fill(ONE);
        (self.at, self.newer) = (0, ONE);
    }
}

/// The mean of the last gains.
struct Mean {
    values: Box<[u32]>,
    at: usize,
    sum: i64,
}

impl Mean {
    fn new(window: usize) -> Self {
        Self { values: vec![ONE; window].into(), at: 0, sum: Self::ones(window) }
    }

    /// The sum of as many ones.
    fn ones(window: usize) -> i64 {
        i64::from(ONE) * window as i64
    }

    fn next(&mut self, gain: u32) -> f32 {
        if let Some(value) = self.values.get_mut(self.at) {
            let oldest = std::mem::replace(value, gain);
            self.sum += i64::from(gain) - i64::from(oldest);
        }
        self.at = if self.at + 1 < self.values.len() { self.at + 1 } else { 0 };
        (self.sum as f64 / Self::ones(self.values.len()) as f64) as f32
    }

    fn is_one(&self) -> bool {
        self.sum == Self::ones(self.values.len())
    }

    /// Frames between a peak's coming in and its going out.
    fn delay(&self) -> usize {
        self.values.len() - 1
    }

    fn reset(&mut self) {
        self.values.fill(ONE);
        self.sum = Self::ones(self.values.len());
        self.at = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_top::{Bench, through};
    use tympan_core::Format;

    /// Numbers without a pattern, from -1 to 1.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self) -> f32 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
        }
    }

    /// Stretches of noise and of single peaks, up to 18 dB over full scale.
    fn rough(dice: &mut Dice, samples: usize) -> Vec<f32> {
        let (mut level, mut peaks) = (0.1, false);
        (0..samples)
            .map(|i| {
                if i % 97 == 0 {
                    (level, peaks) = (8.0f32.powf(dice.roll()), dice.roll() > 0.0);
                }
                let x = dice.roll();
                if peaks { x.powi(21) * 8.0 } else { x * level }
            })
            .collect()
    }

    const CEILING: f32 = 0.891_251;

    /// Checks a limited signal: below the ceiling, every channel of a frame turned
    /// down alike, and that smoothly.
    fn judge(x: &[f32], y: &[f32], channels: usize, ceiling: f32, look_ahead: usize) {
        let (mut before, mut since) = (None, 0.0);
        for (x, y) in x.chunks_exact(channels).zip(y.chunks_exact(channels)) {
            assert!(y.iter().all(|y| y.abs() <= ceiling), "{y:?} is above {ceiling}");
            let loudest = (0..channels).max_by(|&a, &b| x[a].abs().total_cmp(&x[b].abs()));
            let (i, gain) = loudest.map(|i| (i, y[i] / x[i])).unwrap();
            since += 1.0;
            // What is very soft tells nothing about the gain.
            if x[i].abs() < 0.01 {
                continue;
            }
            let most = since / look_ahead as f32 + 1e-4;
            let step = gain - before.unwrap_or(gain);
            assert!(gain <= 1.0 && step.abs() < most, "{step} in {since} frames to {gain}");
            assert!(x.iter().zip(y).all(|(x, y)| (x * gain - y).abs() < 1e-6), "{x:?} to {y:?}");
            (before, since) = (Some(gain), 0.0);
        }
    }

    #[test]
    fn no_sample_is_above_the_ceiling_and_none_is_merely_clipped() {
        for seed in 1..60u64 {
            let mut dice = Dice(seed * 7919);
            let (look_ahead, db) = (0.5 + 9.0 * dice.roll().abs(), -20.0 * dice.roll().abs());
            let rate = [8_000, 16_000, 48_000][seed as usize % 3];
            let format = Format::new(rate, 1 + seed as u16 % 4);
            let x = rough(&mut dice, 12_000);
            let settings = [
                ("look_ahead", f64::from(look_ahead).into()),
                ("ceiling", f64::from(db).into()),
                ("release", 10.0.into()),
            ];
            let y = through::<Limiter>(&settings, format, &x);
            assert_eq!(y.len(), x.len());
            let frames = (look_ahead * rate as f32 / 1000.0) as usize;
            judge(&x, &y, format.channels.into(), 10f32.powf(db / 20.0), frames.max(1));
        }
    }

    #[test]
    fn the_gain_alone_keeps_the_ceiling_within_rounding() {
        let x = rough(&mut Dice(5), 100_000);
        let window = 97;
        let (mut lowest, mut mean) = (Lowest::new(window), Mean::new(window));
        let wanted = |x: f32| parts((f64::from(CEILING) / f64::from(x.abs())).min(1.0));
        let gains: Vec<f32> = x.iter().map(|x| mean.next(lowest.next(wanted(*x)))).collect();
        for (i, gain) in gains.iter().enumerate().skip(window) {
            assert!(gain * x[i + 1 - window].abs() <= CEILING * 1.000_000_2, "{i}");
        }
    }

    #[test]
    fn what_is_below_the_ceiling_passes_to_the_bit() {
        let mut dice = Dice(3);
        let x: Vec<f32> = (0..9_600).map(|_| dice.roll() * 0.89).collect();
        assert!(through::<Limiter>(&[], Format::mono(48_000), &x) == x);
    }

    #[test]
    fn after_a_peak_the_gain_comes_back_to_exactly_one() {
        let mut dice = Dice(4);
        let mut x: Vec<f32> = (0..96_000).map(|_| dice.roll() * 0.5).collect();
        x[480] = 8.0;
        let out = through::<Limiter>(&[], Format::mono(48_000), &x);
        let ratio = |at: usize| out[at] / x[at];
        assert!((ratio(480) - CEILING / 8.0).abs() < 1e-6, "{}", ratio(480));
        assert_eq!(ratio(480 - 98), 1.0);
        assert!((ratio(480 + 4_800) - 0.67).abs() < 0.02, "{}", ratio(480 + 4_800));
        assert!(x[72_000..] == out[72_000..]);
    }

    #[test]
    fn it_is_late_by_exactly_the_look_ahead() {
        // A node's delay is trimmed away at the output: what is late by another number
        // would be out of place here.
        for ms in [0.5, 2.0, 7.3] {
            let mut x = vec![0.0; 4_800];
            x[1_000] = 0.5;
            let settings = [("look_ahead", ms.into())];
            assert!(through::<Limiter>(&settings, Format::mono(48_000), &x) == x);
        }
    }

    #[test]
    fn what_no_number_is_does_not_stay() {
        let (mut lowest, mut mean) = (Lowest::new(4), Mean::new(4));
        // An infinite peak asks for a gain of 0.
        let wanted = [parts(1.0 / f64::INFINITY), ONE, ONE, ONE, ONE, ONE, ONE, ONE];
        let gains = wanted.map(|gain| mean.next(lowest.next(gain)));
        assert_eq!(gains, [0.75, 0.5, 0.25, 0.0, 0.25, 0.5, 0.75, 1.0]);
    }

    #[test]
    fn nothing_is_left_after_a_border() {
        let mut bench = Bench::new::<Limiter>(&[], Format::stereo(16_000));
        bench.push(&[8.0; 3_000]);
        bench.end();
        let out = bench.push(&[0.25; 3_000]);
        assert!(!out.is_empty() && out.iter().all(|x| *x == 0.25), "{:?}", &out[..4]);
    }
}
