//! `suppress`: noise suppression at 16 kHz, by the Wiener filter of WebRTC.

use sonora_ns::config::{NsConfig, SuppressionLevel};
use sonora_ns::noise_suppressor::NoiseSuppressor;
use tympan_core::{Border, Build, Built, Input, Kind, Node, Output, Param, Refusal, Spec};

/// Learns the spectrum of the noise and turns down what lies near it. A sixth of the
/// cost of `denoise`, 6 ms late, and gentle: it knows steady noise only.
///
/// Samples above full scale are clipped, as the crate does on its way out.
///
/// Over every border it keeps the noise that it learned, over the border of a take
/// too: the crate makes new estimators only on the heap.
pub struct Suppress {
    voices: Vec<Voice>,
}

/// One channel.
struct Voice {
    suppressor: NoiseSuppressor,
    /// Samples of the call, as the crate wants them.
    frame: Box<[f32; FRAMES]>,
}

/// What the crate takes per call.
const FRAMES: usize = 160;

/// A window reaches back over this many frames, and they come out when it ends.
const DELAY: u32 = 96;

/// The crate's full scale.
const SCALE: f32 = 32768.0;

/// Calls of silence after which no window and no overlap holds any signal.
const FLUSH: usize = 2;

impl Kind for Suppress {
    const NAME: &'static str = "suppress";
    const ABOUT: &'static str = "Turns down steady noise at 16 kHz, early and at little cost.";
    const PARAMS: &'static [Param] =
        &[Param::choice("level", &["6dB", "12dB", "18dB", "21dB"], "12dB")
            .about("how far noise is turned down; more takes more of the voice along")];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let format = cx.input(0);
        if format.rate != 16_000 {
            return Err(Refusal::Wants { rates: &[16_000], channels: &[] });
        }
        let target_level = match cx.text("level") {
            "6dB" => SuppressionLevel::K6dB,
            "18dB" => SuppressionLevel::K18dB,
            "21dB" => SuppressionLevel::K21dB,
            _ => SuppressionLevel::K12dB,
        };
        let voices = (0..format.channels).map(|_| Voice::new(target_level)).collect();
        Spec::audio(format).fixed(FRAMES as u32).delay(DELAY).runs(Self { voices })
    }
}

/// A sample at the crate's scale. One NaN in its estimators stays for ever, so none
/// gets there, nor a number whose square is one.
fn enter(x: f32) -> f32 {
    if x.is_finite() { x.clamp(-8.0, 8.0) * SCALE } else { 0.0 }
}

impl Voice {
    fn new(target_level: SuppressionLevel) -> Self {
        let suppressor = NoiseSuppressor::new(NsConfig { target_level });
        Self { suppressor, frame: Box::new([0.0; FRAMES]) }
    }

    /// Silence through the filter alone: the estimators do not hear of it.
    fn flush(&mut self) {
        for _ in 0..FLUSH {
            self.frame.fill(0.0);
            self.suppressor.process(&mut self.frame);
        }
    }
}

impl Node for Suppress {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        for (channel, Voice { suppressor, frame }) in self.voices.iter_mut().enumerate() {
            for (to, x) in frame.iter_mut().zip(input.channel(0, channel)) {
                *to = enter(*x);
            }
            suppressor.analyze(frame);
            suppressor.process(frame);
            for (o, y) in output.channel(channel).iter_mut().zip(&frame[..]) {
                *o = y / SCALE;
            }
        }
    }

    fn reset(&mut self, _: Border) {
        self.voices.iter_mut().for_each(Voice::flush);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_top::{Bench, refusal, through};
    use tympan_core::{Format, What};

    const MONO: Format = Format::mono(16_000);

    /// Vowels with a gliding pitch, two a second.
    fn voice(frames: usize) -> Vec<f32> {
        let turn = |x: f64| (2.0 * std::f64::consts::PI * x).sin();
        let mut phase = 0.0;
        let mut sample = |i: usize| {
            let t = i as f64 / 16_000.0;
            phase += (130.0 + 30.0 * turn(0.7 * t)) / 16_000.0;
            let tone = |n: i32| turn(f64::from(n) * phase) / f64::from(1 + (n - 5).abs());
            let swell = (0.5 - 0.5 * turn(2.0 * t + 0.25)).powi(2);
            (0.15 * swell * (1..25).map(tone).sum::<f64>()) as f32
        };
        (0..frames).map(&mut sample).collect()
    }

    /// White noise, about -40 dB.
    fn noise(frames: usize) -> Vec<f32> {
        let mut dice = 1u64;
        let mut roll = || {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((dice >> 40) as f32 / (1 << 23) as f32 - 1.0) * 0.017
        };
        (0..frames).map(|_| roll()).collect()
    }

    fn noisy(frames: usize) -> Vec<f32> {
        voice(frames).iter().zip(noise(frames)).map(|(v, n)| v + n).collect()
    }

    fn level(x: &[f32]) -> f64 {
        let power = x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / x.len() as f64;
        10.0 * power.max(1e-20).log10()
    }

    #[test]
    fn it_is_the_crate_at_its_scale_and_96_frames_late() {
        let x = noisy(32_000);
        let mut crates = NoiseSuppressor::new(NsConfig { target_level: SuppressionLevel::K18dB });
        let mut direct = Vec::new();
        for frame in x.chunks(FRAMES).chain([&[0.0; FRAMES][..]]) {
            let mut frame = std::array::from_fn(|i| frame[i] * 32768.0);
            crates.analyze(&frame);
            crates.process(&mut frame);
            direct.extend(frame.map(|y| y / 32768.0));
        }
        let out = through::<Suppress>(&[("level", "18dB".into())], MONO, &x);
        assert!(out == direct[96..][..32_000]);
    }

    #[test]
    fn noise_goes_down_as_far_as_the_level_says_and_the_voice_stays() {
        for (word, db) in [("6dB", 6.0), ("12dB", 12.0), ("18dB", 18.0), ("21dB", 21.0)] {
            let settings = || [("level", word.into())];
            let out = through::<Suppress>(&settings(), MONO, &noise(80_000));
            let lower = level(&noise(80_000)[48_000..]) - level(&out[48_000..]);
            assert!((lower - db).abs() < 0.5, "{word}: {lower}");
            let out = through::<Suppress>(&settings(), MONO, &noisy(80_000));
            let change = level(&out[48_000..]) - level(&voice(80_000)[48_000..]);
            assert!((-2.0..0.5).contains(&change), "{word}: {change}");
        }
    }

    #[test]
    fn the_voice_is_not_moved_in_time() {
        // The engine has taken the stated delay away, so they must lie on each other.
        let mut click = vec![0.0; 16_000];
        click[5_000] = 0.5;
        for x in [click, voice(64_000)] {
            let out = through::<Suppress>(&[], MONO, &x);
            let alike = |lag: i64| -> f64 {
                let at = |i: i64| f64::from(x[i as usize]) * f64::from(out[(i + lag) as usize]);
                (1_000..x.len() as i64 - 1_000).map(at).sum()
            };
            let best = (-100..=100).max_by(|&a, &b| alike(a).total_cmp(&alike(b)));
            assert_eq!(best, Some(0));
        }
    }

    #[test]
    fn channels_do_not_hear_each_other() {
        let (left, right) = (noisy(16_000), noise(16_000));
        let both: Vec<f32> = left.iter().zip(&right).flat_map(|(l, r)| [*l, *r]).collect();
        let out = through::<Suppress>(&[], Format::stereo(16_000), &both);
        for (channel, alone) in [left, right].iter().enumerate() {
            let mine: Vec<f32> = out.iter().skip(channel).step_by(2).copied().collect();
            assert!(mine == through::<Suppress>(&[], MONO, alone));
        }
    }

    #[test]
    fn nothing_from_before_a_border_comes_out_after_it() {
        let mut bench = Bench::new::<Suppress>(&[], MONO);
        bench.push(&noisy(32_000));
        bench.end();
        assert!(bench.push(&[0.0; 1_600]).iter().all(|y| *y == 0.0));
    }

    #[test]
    fn a_flush_alone_leaves_nothing_inside() {
        let mut voice = Voice::new(SuppressionLevel::K12dB);
        for x in noisy(16_000).chunks(FRAMES) {
            voice.frame.iter_mut().zip(x).for_each(|(to, x)| *to = enter(*x));
            voice.suppressor.analyze(&voice.frame);
            voice.suppressor.process(&mut voice.frame);
        }
        voice.flush();
        voice.frame.fill(0.0);
        voice.suppressor.process(&mut voice.frame);
        assert_eq!(*voice.frame, [0.0; FRAMES]);
    }

    #[test]
    fn what_it_learned_outlives_a_segment() {
        let mut bench = Bench::new::<Suppress>(&[("level", "18dB".into())], MONO);
        let first = bench.push(&noise(64_000));
        bench.end();
        let second = bench.push(&noise(64_000));
        let early = |x: &[f32]| level(&x[160..1_600]);
        assert!(early(&second) < early(&first) - 4.0, "{} {}", early(&second), early(&first));
    }

    #[test]
    fn no_sample_breaks_it() {
        assert_eq!(enter(f32::NAN), 0.0);
        assert_eq!(enter(f32::NEG_INFINITY), 0.0);
        assert_eq!(enter(-1e30), -8.0 * SCALE);
        let mut x = noisy(32_000);
        for (i, x) in x.iter_mut().enumerate() {
            *x = match i / 1_600 {
                1 => [8.0, -8.0][i % 2],
                2 => 8.0,
                3 => [1e-38, -1e-38][i % 2],
                4 | 5 => 0.0,
                6 if i % 97 == 0 => -8.0,
                7 => [0.0, f32::NAN][i % 2],
                _ => *x,
            };
        }
        let mut bench = Bench::new::<Suppress>(&[], MONO);
        let out = bench.push(&x);
        assert!(bench.events().iter().all(|e| !matches!(e.what, What::Fault(_))));
        assert!(level(&out[24_000..]) > -30.0, "it hears no more");
    }

    #[test]
    fn another_rate_is_refused() {
        let why = refusal::<Suppress>(&[], Format::mono(48_000));
        assert!(why.contains("16000"), "{why}");
    }
}
