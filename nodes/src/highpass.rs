//! `highpass`: takes away rumble, hum and wind below the voice.

use tympan_core::{Border, Build, Built, Input, Kind, Node, Output, Param, Refusal, Spec};

/// A Butterworth filter of second order: 12 dB per octave below `hz`.
pub struct Highpass {
    section: Section,
    /// Two words of memory per channel, in f64: at 20 Hz of 48 kHz the poles stand
    /// so close to 1 that f32 would add noise of its own.
    memory: Vec<[f64; 2]>,
}

/// The coefficients of a biquad, normalised.
#[derive(Clone, Copy)]
struct Section {
    b: [f64; 3],
    a: [f64; 2],
}

impl Kind for Highpass {
    const NAME: &'static str = "highpass";
    const ABOUT: &'static str = "Takes away what lies below the voice: rumble, hum, wind.";
    const PARAMS: &'static [Param] = &[Param::number("hz", 10.0, 1000.0, 80.0)
        .unit("Hz")
        .about("where it has taken away 3 dB; 12 dB more per octave below")];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let format = cx.input(0);
        let hz = cx.number("hz");
        if hz * 2.0 >= f64::from(format.rate) {
            let why = format!("{hz} Hz is half of the rate ({}) or more", format.rate);
            return Err(Refusal::Setting { name: "hz", why });
        }
        let section = Section::highpass(hz, f64::from(format.rate));
        let memory = vec![[0.0; 2]; format.channels as usize];
        Spec::audio(format).runs(Self { section, memory })
    }
}

impl Section {
    fn highpass(hz: f64, rate: f64) -> Self {
        let w = 2.0 * std::f64::consts::PI * hz / rate;
        // Q of a Butterworth filter is 1/sqrt(2).
        let alpha = w.sin() / std::f64::consts::SQRT_2;
        let (c, a0) = (w.cos(), 1.0 + alpha);
        let b = f64::midpoint(1.0, c) / a0;
        Self { b: [b, -2.0 * b, b], a: [-2.0 * c / a0, (1.0 - alpha) / a0] }
    }
}

/// Digital silence would let the memory decay into numbers that are slow on some
/// machines. Per sample, so that the result does not depend on the cut.
fn settle(x: f64) -> f64 {
    if x.abs() < 1e-30 { 0.0 } else { x }
}

impl Node for Highpass {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let Section { b, a } = self.section;
        for (channel, memory) in self.memory.iter_mut().enumerate() {
            let [mut s0, mut s1] = *memory;
            for (o, &x) in output.channel(channel).iter_mut().zip(input.channel(0, channel)) {
                let x = f64::from(x);
                let y = b[0] * x + s0;
                s0 = settle(b[1] * x - a[0] * y + s1);
                s1 = settle(b[2] * x - a[1] * y);
                *o = y as f32;
            }
            *memory = [s0, s1];
        }
    }

    fn reset(&mut self, _: Border) {
        self.memory.fill([0.0; 2]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_top::{refusal, sine, through};
    use tympan_core::Format;

    /// The gain at `hz` in dB, after the filter has settled.
    fn gain_at(hz: f64, rate: u32) -> f64 {
        let x = sine(hz, rate, rate as usize * 2);
        let out = through::<Highpass>(&[("hz", 80.0.into())], Format::mono(rate), &x);
        let power = |x: &[f32]| x.iter().map(|x| f64::from(x * x)).sum::<f64>();
        10.0 * (power(&out[rate as usize..]) / power(&x[rate as usize..])).log10()
    }

    #[test]
    fn the_voice_passes_and_rumble_does_not() {
        for rate in [8_000, 48_000] {
            assert!((gain_at(80.0, rate) + 3.0).abs() < 0.1, "{rate}");
            assert!(gain_at(400.0, rate).abs() < 0.1, "{rate}");
            assert!((gain_at(20.0, rate) + 24.1).abs() < 0.5, "{rate}");
        }
    }

    #[test]
    fn silence_after_sound_becomes_exactly_zero() {
        let mut x = sine(200.0, 8_000, 800);
        x.resize(80_000, 0.0);
        let out = through::<Highpass>(&[], Format::mono(8_000), &x);
        assert!(out[79_000..].iter().all(|x| *x == 0.0));
    }

    #[test]
    fn a_corner_above_the_rate_is_refused() {
        let why = refusal::<Highpass>(&[("hz", 1000.0.into())], Format::mono(1_000));
        assert_eq!(why, "`hz` of `highpass`: 1000 Hz is half of the rate (1000) or more");
    }
}
