//! `denoise`: noise removal at 48 kHz, by the recurrent network of `nnnoiseless`.

use std::cell::Cell;

use nnnoiseless::{DenoiseState, RnnModel};
use tympan_core::{Border, Build, Built, Input, Kind, Live, Node, Output, Param, Refusal, Spec};

/// Lets the network weigh each band of the spectrum, every 10 ms and 10 ms late.
///
/// What comes out can be above full scale where the input nearly was.
///
/// Over every border the network keeps most of what it heard of the room, over the
/// border of a take too: a new one is made only on the heap.
///
/// # Realtime
/// A border costs up to twelve calls at once: it is crossed in silence.
pub struct Denoise {
    mix: Live,
    /// The mix that the last call ended with.
    reached: f32,
    voices: Vec<Voice>,
}

/// One channel.
struct Voice {
    state: Box<DenoiseState<'static>>,
    /// The samples of this call and of the last one, at the crate's scale. What comes
    /// out now belongs to the last one.
    frame: Box<[f32; FRAMES]>,
    dry: Box<[f32; FRAMES]>,
    /// Calls since the last sample that was not zero.
    quiet: u32,
}

const FRAMES: usize = DenoiseState::FRAME_SIZE;

/// The crate wants the numbers of 16-bit samples. What is in ±1 it takes for silence.
const SCALE: f32 = 32768.0;

/// Calls of silence after which nothing is left inside. Four empty the window, the
/// overlap and the pitch search; the high-pass before them loses 8 dB per call, so that
/// even rumble near full scale is then below the last of 16 bits.
const FLUSH: u32 = 12;

impl Kind for Denoise {
    const NAME: &'static str = "denoise";
    const ABOUT: &'static str = "Takes noise away from speech at 48 kHz, by a small network.";
    const PARAMS: &'static [Param] = &[
        Param::number("mix", 0.0, 1.0, 1.0)
            .live()
            .about("how much of what comes out is denoised; the rest is as it was"),
        Param::text("model", "")
            .about("a file with other weights, as nnnoiseless trains them; none for its own"),
    ];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let format = cx.input(0);
        if format.rate != 48_000 {
            return Err(Refusal::Wants { rates: &[48_000], channels: &[] });
        }
        let model =
            model(cx.text("model")).map_err(|why| Refusal::Setting { name: "model", why })?;
        let voice = || Voice {
            state: DenoiseState::from_model(model.clone()),
            frame: Box::new([0.0; FRAMES]),
            dry: Box::new([0.0; FRAMES]),
            quiet: FLUSH,
        };
        let voices = (0..format.channels).map(|_| voice()).collect();
        let mix = cx.live("mix");
        let reached = mix.get();
        let spec = Spec::audio(format).fixed(FRAMES as u32).delay(FRAMES as u32);
        spec.runs(Self { mix, reached, voices })
    }
}

/// The weights in this file, or the crate's own.
fn model(path: &str) -> Result<RnnModel, String> {
    if path.is_empty() {
        return Ok(RnnModel::default());
    }
    let bytes = std::fs::read(path).map_err(|e| format!("{path} cannot be read: {e}"))?;
    RnnModel::from_bytes(&bytes)
        .filter(|_| !has_an_empty_layer(&bytes))
        .ok_or_else(|| format!("{path} holds no weights in the format of nnnoiseless"))
}

/// The crate takes a layer without neurons for one, and panics when it runs.
fn has_an_empty_layer(mut bytes: &[u8]) -> bool {
    for recurrent in [false, true, true, true, false, false] {
        let [inputs, neurons, _, rest @ ..] = bytes else { return true };
        let (inputs, neurons) = (usize::from(*inputs), usize::from(*neurons));
        let size = if recurrent { 3 * (inputs + neurons + 1) } else { inputs + 1 } * neurons;
        if neurons == 0 || rest.len() < size {
            return true;
        }
        bytes = &rest[size..];
    }
    false
}

/// A sample at the crate's scale. In a release build one NaN is undefined behaviour
/// there, so none gets in, nor a number whose square is one.
fn enter(x: f32) -> f32 {
    if x.is_finite() { x.clamp(-8.0, 8.0) * SCALE } else { 0.0 }
}

impl Voice {
    /// Takes a call's samples and leaves denoised ones, one call late, in `out`.
    fn run(&mut self, x: impl Iterator<Item = f32>, out: &mut [f32]) {
        std::mem::swap(&mut self.frame, &mut self.dry);
        let mut sound = false;
        for (to, x) in self.frame.iter_mut().zip(x) {
            *to = enter(x);
            sound |= *to != 0.0;
        }
        self.quiet = if sound { 0 } else { (self.quiet + 1).min(FLUSH) };
        if self.quiet < FLUSH {
            self.state.process_frame(out, &self.frame[..]);
        } else {
            // A muted microphone costs nothing, and no filter decays into numbers that
            // are slow on some machines.
            out.fill(0.0);
        }
    }
}

impl Node for Denoise {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let (from, to) = (self.reached, self.mix.get());
        let step = (to - from) / FRAMES as f32;
        for (channel, voice) in self.voices.iter_mut().enumerate() {
            let out = output.channel(channel);
            voice.run(input.channel(0, channel).iter().copied(), out);
            if from != 1.0 || to != 1.0 {
                for (i, (wet, dry)) in out.iter_mut().zip(&voice.dry[..]).enumerate() {
                    let mix = from + step * (i + 1) as f32;
                    *wet = dry + (*wet - dry) * mix;
                }
            }
            for y in out {
                *y /= SCALE;
            }
        }
        self.reached = to;
    }

    fn reset(&mut self, _: Border) {
        let mut nowhere = [0.0; FRAMES];
        for voice in &mut self.voices {
            while voice.quiet < FLUSH {
                voice.run(std::iter::repeat_n(0.0, FRAMES), &mut nowhere);
            }
        }
        self.reached = self.mix.get();
    }

    /// The crate keeps its FFT plans per thread, makes them at the first call and never
    /// frees them.
    #[allow(clippy::missing_const_for_thread_local, reason = "for Android clippy sees no `const`")]
    fn warm(&mut self) {
        thread_local!(static WARM: Cell<bool> = const { Cell::new(false) });
        if WARM.replace(true) {
            return;
        }
        let (mut scratch, mut out) = (DenoiseState::new(), [0.0; FRAMES]);
        for i in 0..4 {
            let frame = std::array::from_fn::<_, FRAMES, _>(|j| ((i * j * j) % 997) as f32);
            scratch.process_frame(&mut out, &frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_top::{Bench, refusal, through};
    use tympan_core::{Format, What};

    const MONO: Format = Format::mono(48_000);

    /// Vowels with a gliding pitch, four a second.
    fn voice(frames: usize) -> Vec<f32> {
        let turn = |x: f64| (2.0 * std::f64::consts::PI * x).sin();
        let mut phase = 0.0;
        let mut sample = |i: usize| {
            let t = i as f64 / 48_000.0;
            phase += (130.0 + 30.0 * turn(0.7 * t)) / 48_000.0;
            let tone = |n: i32| turn(f64::from(n) * phase) / f64::from(1 + (n - 5).abs());
            let swell = 0.5 - 0.5 * turn(4.0 * t + 0.25);
            (0.15 * swell * (1..25).map(tone).sum::<f64>()) as f32
        };
        (0..frames).map(&mut sample).collect()
    }

    /// Noise as rooms have it, more below than above; about -40 dB.
    fn noise(frames: usize) -> Vec<f32> {
        let (mut dice, mut low) = (1u64, 0.0);
        let mut roll = || {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            low = 0.9 * low + (dice >> 40) as f32 / (1 << 23) as f32 - 1.0;
            low * 0.0075
        };
        (0..frames).map(|_| roll()).collect()
    }

    fn level(x: &[f32]) -> f64 {
        let power = x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / x.len() as f64;
        10.0 * power.max(1e-20).log10()
    }

    #[test]
    fn it_is_the_crate_at_its_scale_and_one_call_late() {
        let x: Vec<f32> = voice(48_000).iter().zip(noise(48_000)).map(|(v, n)| v + n).collect();
        let mut state = DenoiseState::new();
        let mut direct = Vec::new();
        for frame in x.chunks(FRAMES).chain([&[0.0; FRAMES][..]]) {
            let mut out = [0.0; FRAMES];
            let scaled: Vec<f32> = frame.iter().map(|x| x * 32768.0).collect();
            state.process_frame(&mut out, &scaled);
            direct.extend(out.map(|y| y / 32768.0));
        }
        assert!(through::<Denoise>(&[], MONO, &x) == direct[FRAMES..]);
    }

    #[test]
    fn noise_goes_and_the_voice_stays() {
        let out = through::<Denoise>(&[], MONO, &noise(240_000));
        let lower = level(&noise(240_000)[48_000..]) - level(&out[48_000..]);
        assert!((30.0..70.0).contains(&lower), "{lower}");
        let voice = voice(192_000);
        let out = through::<Denoise>(&[], MONO, &voice);
        let change = level(&out[48_000..]) - level(&voice[48_000..]);
        assert!(change.abs() < 1.0, "{change}");
    }

    #[test]
    fn the_voice_is_not_moved_in_time() {
        // The engine has taken the stated delay away, so they must lie on each other.
        let x = voice(192_000);
        let out = through::<Denoise>(&[], MONO, &x);
        let alike = |lag: i64| -> f64 {
            let at = |i: i64| f64::from(x[i as usize]) * f64::from(out[(i + lag) as usize]);
            (48_000..144_000).map(at).sum()
        };
        let best = (-100..=100).max_by(|&a, &b| alike(a).total_cmp(&alike(b)));
        assert_eq!(best, Some(0));
    }

    #[test]
    fn what_is_mixed_in_is_in_step() {
        let x: Vec<f32> = voice(96_000).iter().zip(noise(96_000)).map(|(v, n)| v + n).collect();
        assert!(through::<Denoise>(&[("mix", 0.0.into())], MONO, &x) == x);
        let wet = through::<Denoise>(&[], MONO, &x);
        let half = through::<Denoise>(&[("mix", 0.5.into())], MONO, &x);
        for ((x, wet), half) in x.iter().zip(wet).zip(half) {
            assert!((f32::midpoint(*x, wet) - half).abs() < 1e-6);
        }
    }

    #[test]
    fn a_change_of_mix_is_a_ramp_and_not_a_click() {
        let mut bench = Bench::new::<Denoise>(&[("mix", 0.0.into())], MONO);
        let hum: Vec<f32> = (0..48_000).map(|i| (i as f32 * 0.01).sin() * 0.01 + 0.2).collect();
        let mut out = bench.push(&hum);
        bench.live("mix").set(1.0).unwrap();
        out.extend(bench.push(&hum));
        let step = out.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(step < 0.005, "{step}");
        assert!(level(&out[72_000..]) < level(&hum) - 10.0);
    }

    #[test]
    fn channels_do_not_hear_each_other() {
        let (left, right) = (voice(48_000), noise(48_000));
        let both: Vec<f32> = left.iter().zip(&right).flat_map(|(l, r)| [*l, *r]).collect();
        let out = through::<Denoise>(&[], Format::stereo(48_000), &both);
        for (channel, alone) in [left, right].iter().enumerate() {
            let mine: Vec<f32> = out.iter().skip(channel).step_by(2).copied().collect();
            assert!(mine == through::<Denoise>(&[], MONO, alone));
        }
    }

    #[test]
    fn nothing_loud_from_before_a_border_comes_out_after_it() {
        let rumble: Vec<f32> = (0..48_000).map(|i| 0.25 + 0.6 * (i as f32 * 0.004).cos()).collect();
        for before in [rumble, voice(48_000), noise(48_000).iter().map(|x| x * 30.0).collect()] {
            let mut bench = Bench::new::<Denoise>(&[("mix", 1.0.into())], MONO);
            bench.push(&before);
            bench.end();
            let mut fresh = Bench::new::<Denoise>(&[], MONO);
            // A click wakes the network, so that it does not take the rest for silence.
            let mut after = vec![0.0; 4_800];
            after[10] = 0.01;
            let (out, fresh) = (bench.push(&after), fresh.push(&after));
            assert_eq!(out.len(), fresh.len());
            // Tones below hearing show as a mean over 20 ms.
            for (a, b) in out.chunks(960).zip(fresh.chunks(960)) {
                let mean = |x: &[f32]| x.iter().sum::<f32>() / x.len() as f32;
                assert!((mean(a) - mean(b)).abs() < 1.0 / 65536.0, "{} {}", mean(a), mean(b));
            }
        }
    }

    #[test]
    fn what_it_learned_outlives_a_segment() {
        let noise = noise(240_000);
        let mut bench = Bench::new::<Denoise>(&[], MONO);
        let first = bench.push(&noise);
        bench.end();
        let second = bench.push(&noise);
        // Silence at the border makes it forget some: the first 50 ms are no better.
        let early = |x: &[f32]| level(&x[4_800..24_000]);
        assert!(early(&second) < early(&first) - 6.0, "{} {}", early(&second), early(&first));
    }

    #[test]
    fn silence_stays_silence() {
        assert!(through::<Denoise>(&[], MONO, &[0.0; 4_000]).iter().all(|y| *y == 0.0));
        let mut x = voice(48_000);
        x.resize(96_000, 0.0);
        let out = through::<Denoise>(&[], MONO, &x);
        assert!(out[60_000..].iter().all(|y| *y == 0.0));
    }

    #[test]
    fn no_sample_breaks_it() {
        assert_eq!(enter(f32::NAN), 0.0);
        assert_eq!(enter(f32::INFINITY), 0.0);
        assert_eq!(enter(1e30), 8.0 * SCALE);
        let mut x = voice(48_000);
        for (i, x) in x.iter_mut().enumerate() {
            *x = match i / 4_800 {
                1 => [8.0, -8.0][i % 2],
                2 => 8.0,
                3 => [1e-38, -1e-38][i % 2],
                4 if i % 97 == 0 => -8.0,
                5 => [0.0, f32::NAN][i % 2],
                _ => *x,
            };
        }
        let mut bench = Bench::new::<Denoise>(&[], MONO);
        let out = bench.push(&x);
        assert!(bench.events().iter().all(|e| !matches!(e.what, What::Fault(_))));
        assert!(level(&out[43_200..]) > -40.0, "it hears no more");
    }

    #[test]
    fn another_rate_is_refused() {
        let why = refusal::<Denoise>(&[], Format::mono(44_100));
        assert!(why.contains("48000"), "{why}");
    }

    /// A dense or recurrent layer of zeros: 0.5 comes out of each neuron.
    fn layer(inputs: u8, neurons: u8, recurrent: bool) -> Vec<u8> {
        let (i, n) = (usize::from(inputs), usize::from(neurons));
        let size = if recurrent { 3 * n * (i + n + 1) } else { n * (i + 1) };
        [vec![inputs, neurons, 1], vec![0; size]].concat()
    }

    fn weights(neurons: u8) -> Vec<u8> {
        let n = neurons;
        [
            layer(42, 1, false),
            layer(1, n, true),
            layer(43 + n, 1, true),
            layer(43 + n, 1, true),
            layer(1, 22, false),
            layer(n, 1, false),
        ]
        .concat()
    }

    /// What the kind says to a file with these bytes in it.
    fn with_model(name: &str, bytes: &[u8], run: impl FnOnce(&str)) {
        let path = std::env::temp_dir().join(format!("tympan-{name}-{}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        run(path.to_str().unwrap());
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn weights_from_a_file_are_used() {
        with_model("half", &weights(1), |path| {
            let x = voice(48_000);
            let out = through::<Denoise>(&[("model", path.into())], MONO, &x);
            let change = level(&out[9_600..]) - level(&x[9_600..]);
            assert!((change + 6.02).abs() < 0.2, "{change}");
        });
    }

    #[test]
    fn a_file_that_holds_no_weights_is_refused() {
        let why = refusal::<Denoise>(&[("model", "/no/such.rnn".into())], MONO);
        assert!(why.starts_with("`model` of `denoise`: /no/such.rnn cannot be read: "), "{why}");
        let cut = &weights(1)[..100];
        for (name, bytes) in [("text", &b"weights"[..]), ("cut", cut), ("empty", &weights(0))] {
            with_model(name, bytes, |path| {
                let why = refusal::<Denoise>(&[("model", path.into())], MONO);
                assert!(why.ends_with("holds no weights in the format of nnnoiseless"), "{why}");
            });
        }
    }
}
