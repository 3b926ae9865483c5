//! `dc`: takes away the constant part that cheap converters add.

use tympan_core::{Border, Build, Built, Input, Kind, Node, Output, Param, Refusal, Spec};

/// Subtracts the running mean: a high-pass of first order at a few hertz.
///
/// At the beginning the mean is over what has been heard, from the first frame on,
/// and the window grows until it has the length that `hz` says. So an offset is gone
/// at once, without a look ahead; what it costs is bass in the first few
/// milliseconds. A plain filter would start with a step as high as the offset.
pub struct Dc {
    /// What each channel's mean is now, in f64: in f32 the steps of a slow mean fall
    /// below the last bit.
    means: Vec<f64>,
    /// Frames heard since the beginning, up to `window`.
    heard: u32,
    /// Frames after which the window grows no more.
    window: u32,
}

impl Kind for Dc {
    const NAME: &'static str = "dc";
    const ABOUT: &'static str = "Takes away a constant offset and leaves the voice alone.";
    const PARAMS: &'static [Param] = &[Param::number("hz", 1.0, 20.0, 5.0)
        .unit("Hz")
        .about("where it has taken away 3 dB; 6 dB more per octave below")];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let format = cx.input(0);
        let window = f64::from(format.rate) / (2.0 * std::f64::consts::PI * cx.number("hz"));
        let (means, window) = (vec![0.0; format.channels as usize], window.max(1.0) as u32);
        Spec::audio(format).runs(Self { means, heard: 0, window })
    }
}

/// The mean after one more sample. Digital silence would let it decay into numbers
/// that are slow on some machines, and a NaN would stay for ever: both fail the
/// comparison. Per sample, so that the result does not depend on the cut.
fn moved(mean: f64, x: f64, share: f64) -> f64 {
    let mean = mean + (x - mean) * share;
    if mean.abs() > 1e-30 { mean } else { 0.0 }
}

impl Node for Dc {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let settling = ((self.window - self.heard) as usize).min(input.frames());
        for (channel, mean) in self.means.iter_mut().enumerate() {
            let mut m = *mean;
            let mut through = |x: f32, share: f64| {
                m = moved(m, x.into(), share);
                (f64::from(x) - m) as f32
            };
            let (x, out) = (input.channel(0, channel), output.channel(channel));
            for (i, (o, x)) in out.iter_mut().zip(x).take(settling).enumerate() {
                *o = through(*x, 1.0 / (f64::from(self.heard) + i as f64 + 1.0));
            }
            let share = 1.0 / f64::from(self.window);
            for (o, x) in out.iter_mut().zip(x).skip(settling) {
                *o = through(*x, share);
            }
            *mean = m;
        }
        self.heard += settling as u32;
    }

    fn reset(&mut self, _: Border) {
        self.means.fill(0.0);
        self.heard = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_top::{Bench, sine, through};
    use tympan_core::Format;

    /// The gain at `hz` in dB, after the filter has settled.
    fn gain_at(hz: f64, rate: u32) -> f64 {
        let x = sine(hz, rate, rate as usize * 3);
        let out = through::<Dc>(&[], Format::mono(rate), &x);
        let power = |x: &[f32]| x.iter().map(|x| f64::from(x * x)).sum::<f64>();
        10.0 * (power(&out[rate as usize..]) / power(&x[rate as usize..])).log10()
    }

    #[test]
    fn the_voice_passes() {
        for rate in [8_000, 16_000, 48_000] {
            for hz in [80.0, 150.0, 1000.0] {
                assert!(gain_at(hz, rate).abs() < 0.1, "{hz} Hz at {rate}: {}", gain_at(hz, rate));
            }
            assert!((gain_at(5.0, rate) + 3.0).abs() < 0.1, "{}", gain_at(5.0, rate));
        }
    }

    #[test]
    fn an_offset_at_the_beginning_is_never_heard() {
        for rate in [16_000, 48_000] {
            let voice = sine(150.0, rate, rate as usize);
            let lifted: Vec<f32> = voice.iter().map(|x| x + 0.25).collect();
            let clean = through::<Dc>(&[], Format::mono(rate), &voice);
            let out = through::<Dc>(&[], Format::mono(rate), &lifted);
            let heard = out.iter().zip(&clean).map(|(o, c)| (o - c).abs()).fold(0.0, f32::max);
            assert!(heard < 1e-6, "{heard}");
        }
    }

    #[test]
    fn the_beginning_of_a_voice_is_not_taken_for_an_offset() {
        let voice = sine(150.0, 48_000, 9_600);
        let out = through::<Dc>(&[], Format::mono(48_000), &voice);
        let lost = |from: usize, to: usize| {
            let lost = out.iter().zip(&voice).map(|(o, x)| (o - x).abs());
            lost.skip(from).take(to - from).fold(0.0, f32::max)
        };
        let lost = [lost(480, 960), lost(960, 1_920), lost(4_800, 9_600)];
        assert!(lost[0] < 0.25 && lost[1] < 0.1 && lost[2] < 0.05, "{lost:?}");
    }

    #[test]
    fn an_offset_that_comes_later_is_gone_within_a_fifth_of_a_second() {
        let mut x = vec![0.0; 16_000];
        x.resize(32_000, 0.25);
        let out = through::<Dc>(&[], Format::mono(16_000), &x);
        assert!(out[16_000 + 3_200..].iter().all(|x| x.abs() < 0.0025));
    }

    #[test]
    fn channels_have_offsets_of_their_own() {
        let x: Vec<f32> = (0..4_800).flat_map(|_| [0.25, -0.5]).collect();
        let out = through::<Dc>(&[], Format::stereo(48_000), &x);
        assert!(out.iter().all(|x| x.abs() < 1e-7));
    }

    #[test]
    fn nothing_of_an_offset_outlives_a_border() {
        let mut bench = Bench::new::<Dc>(&[], Format::mono(16_000));
        bench.push(&[0.25; 3_200]);
        bench.end();
        assert!(bench.push(&[0.125; 800]).iter().all(|x| *x == 0.0));
    }

    #[test]
    fn in_silence_the_mean_becomes_exactly_zero() {
        let mean = (0..30_000).fold(0.25, |mean, _| moved(mean, 0.0, 0.005));
        assert_eq!(mean, 0.0);
    }

    #[test]
    fn what_no_number_is_does_not_stay() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let m = moved(moved(0.25, bad, 0.001), 0.5, 0.001);
            assert!(m.is_finite(), "{bad} became {m}");
        }
    }
}
