//! `agc`: brings speech to one level, near or far, and leaves noise where it is.

use tympan_core::{Border, Build, Built, Input, Kind, Node, Output, Param, Refusal, Spec};

/// Every 10 ms it compares the level with the background's. What stands out is taken
/// for speech and moves the gain; pauses do not, so that no noise swells in them.
///
/// The gain goes to where speech comes out at `target`. Falling faster than it rises
/// weighs loud syllables more than soft ones: with the default times the result is
/// the mean power of speech, not the mean of its decibels. Peaks are not its
/// business: put a `limiter` behind.
pub struct Agc {
    target: f32,
    max_gain: f32,
    noise: f32,
    /// How much of the way it goes in a block, when falling and when rising.
    down: f32,
    up: f32,
    background: Background,
    /// The gain in dB, and as the factor that the last block ended with.
    gain: f32,
    factor: f32,
}

/// How far speech stands out of the background, in dB.
const MARGIN: f32 = 10.0;

/// What is softer, in dB, says nothing about the room: a muted microphone, filling.
const MUTE: f32 = -75.0;

impl Kind for Agc {
    const NAME: &'static str = "agc";
    const ABOUT: &'static str = "Brings speech to one level, near or far, and raises no noise.";
    const PARAMS: &'static [Param] = &[
        Param::number("target", -40.0, -6.0, -20.0)
            .unit("dB")
            .about("level of speech, RMS below full scale; at -20 its peaks just fit"),
        Param::number("max_gain", 0.0, 60.0, 24.0).unit("dB").about("the most it turns up"),
        Param::number("noise", -90.0, 0.0, -45.0)
            .unit("dB")
            .about("the background is turned up to this level and no further"),
        Param::time("attack", 10.0, 5000.0, 250.0)
            .about("time in which it goes two thirds of the way down to loud speech"),
        Param::time("release", 50.0, 20_000.0, 1500.0)
            .about("time of soft speech in which it goes two thirds of the way up"),
    ];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let format = cx.input(0);
        let block = (format.rate / 100).max(1);
        let ms = f64::from(block) * 1000.0 / f64::from(format.rate);
        let share = |name| -(-ms / cx.number(name)).exp_m1() as f32;
        Spec::audio(format).fixed(block).runs(Self {
            target: cx.number("target") as f32,
            max_gain: cx.number("max_gain") as f32,
            noise: cx.number("noise") as f32,
            down: share("attack"),
            up: share("release"),
            background: Background::default(),
            gain: 0.0,
            factor: 1.0,
        })
    }
}

impl Agc {
    /// Moves the gain by what a block of this level says.
    fn hear(&mut self, level: f32) {
        let background = self.background.hear(level);
        let most = (self.noise - background).clamp(0.0, self.max_gain);
        // A room that became loud: not at once, but also without speech.
        self.gain += (most - self.gain).min(0.0) * self.up;
        if level < background + MARGIN {
            return;
        }
        let missing = self.target - (level + self.gain);
        if missing < 0.0 {
            self.gain += missing * self.down;
        } else if self.background.known && self.gain < most {
            self.gain = (self.gain + missing * self.up).min(most);
        }
    }
}

/// The mean power of the loudest channel in dB, or none if there is nothing to learn
/// from it.
fn level(input: &Input<'_>) -> Option<f32> {
    let energy = |channel: usize| energy(input.channel(0, channel));
    let loudest = (0..input.channels(0)).map(energy).fold(0.0, f32::max);
    // A NaN among the samples fails the comparison of `max`, an infinity the last one.
    let level = 10.0 * (loudest / input.frames() as f32).log10();
    let captured = input.real() == input.frames();
    (captured && (MUTE..=60.0).contains(&level)).then_some(level)
}

/// In eight sums: a single one would wait for each addition.
fn energy(x: &[f32]) -> f32 {
    let (whole, rest) = x.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for eight in whole {
        for (sum, x) in sums.iter_mut().zip(eight) {
            *sum += x * x;
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|x| x * x).sum::<f32>()
}

impl Node for Agc {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        if let Some(level) = level(&input) {
            self.hear(level);
        }
        let (from, to) = (self.factor, 10f32.powf(self.gain / 20.0));
        let step = (to - from) / input.frames() as f32;
        for channel in 0..output.channels() {
            let out = output.channel(channel).iter_mut().zip(input.channel(0, channel));
            for (i, (o, x)) in out.enumerate() {
                *o = x * (from + step * (i + 1) as f32);
            }
        }
        self.factor = to;
    }

    fn reset(&mut self, border: Border) {
        // It holds no signal, only what it learned of speaker and room.
        if border == Border::Take {
            self.background = Background::default();
            self.gain = 0.0;
            self.factor = 1.0;
        }
    }
}

/// The level of the room: in the last second and a half, the stretch with the second
/// lowest block. Between words and syllables speech lets the room be heard that often;
/// the very lowest may be a block that was half silence, put in the place of a loss.
struct Background {
    /// The lowest of each stretch, in dB.
    lowest: [f32; 5],
    at: usize,
    /// Blocks of the stretch that runs.
    heard: u32,
    /// It has heard a second and a half. Before, the lowest may well be a voice.
    known: bool,
}

/// Blocks per stretch.
const STRETCH: u32 = 30;

impl Default for Background {
    fn default() -> Self {
        Self { lowest: [f32::INFINITY; 5], at: 0, heard: 0, known: false }
    }
}

impl Background {
    fn hear(&mut self, level: f32) -> f32 {
        if self.heard == STRETCH {
            self.heard = 0;
            self.at = (self.at + 1) % self.lowest.len();
            self.known |= self.at == 0;
        }
        if let Some(lowest) = self.lowest.get_mut(self.at) {
            let so_far = if self.heard == 0 { f32::INFINITY } else { *lowest };
            *lowest = so_far.min(level);
        }
        self.heard += 1;
        let mut lowest = self.lowest;
        lowest.sort_unstable_by(f32::total_cmp);
        lowest[1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_top::{Bench, through};
    use tympan_core::Format;

    const RATE: u32 = 16_000;

    /// Noise of this RMS in dB.
    fn noise(db: f32, seconds: f32) -> Vec<f32> {
        let mut dice = u64::from(db.to_bits());
        let peak = 3f32.sqrt() * 10f32.powf(db / 20.0);
        let mut roll = || {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((dice >> 40) as f32 / (1 << 23) as f32 - 1.0) * peak
        };
        (0..(seconds * RATE as f32) as usize).map(|_| roll()).collect()
    }

    /// Something like speech over a quiet room: syllables of 150 ms, of this RMS in dB
    /// while they last, with 100 ms between them.
    fn speech(db: f32, seconds: f32) -> Vec<f32> {
        let syllable = |i: usize| i % (RATE as usize / 4) < RATE as usize * 3 / 20;
        let voice = noise(db, seconds).into_iter().zip(noise(-70.0, seconds));
        voice.enumerate().map(|(i, (v, n))| if syllable(i) { v } else { n }).collect()
    }

    /// The RMS of syllables in the last second, in dB.
    fn level_of(x: &[f32]) -> f32 {
        let x = &x[x.len() - RATE as usize..];
        let inside = x.chunks(RATE as usize / 4).flat_map(|x| &x[400..2_000]);
        10.0 * (inside.map(|x| x * x).sum::<f32>() / 6_400.0).log10()
    }

    fn change(from: &[f32], to: &[f32]) -> f32 {
        level_of(to) - level_of(from)
    }

    #[test]
    fn soft_and_loud_speech_come_out_at_the_target() {
        for db in [-40.0, -30.0, -20.0, -8.0] {
            let out = through::<Agc>(&[], Format::mono(RATE), &speech(db, 15.0));
            assert!((level_of(&out) + 20.0).abs() < 1.0, "{db} became {}", level_of(&out));
        }
    }

    #[test]
    fn it_turns_up_no_more_than_it_may() {
        let x = speech(-55.0, 20.0);
        let out = through::<Agc>(&[], Format::mono(RATE), &x);
        assert!((change(&x, &out) - 24.0).abs() < 0.1, "{}", change(&x, &out));
        let out = through::<Agc>(&[("max_gain", 6.0.into())], Format::mono(RATE), &x);
        assert!((change(&x, &out) - 6.0).abs() < 0.1, "{}", change(&x, &out));
    }

    #[test]
    fn noise_alone_is_left_as_it_is() {
        for db in [-60.0, -40.0, -12.0] {
            let x = noise(db, 10.0);
            assert!(through::<Agc>(&[], Format::mono(RATE), &x) == x, "{db}");
        }
    }

    #[test]
    fn noise_after_a_muted_beginning_is_no_speech() {
        for mute in [-85.0, -200.0] {
            let mut x = noise(mute, 5.0);
            x.extend(noise(-50.0, 10.0));
            assert!(through::<Agc>(&[], Format::mono(RATE), &x) == x);
        }
    }

    #[test]
    fn a_microphone_that_fades_in_is_no_speech() {
        let mut x = noise(-70.0, 0.25);
        x.extend(noise(-50.0, 10.0));
        assert!(through::<Agc>(&[], Format::mono(RATE), &x) == x);
    }

    #[test]
    fn a_loss_is_no_reason_to_turn_up() {
        let mut x = noise(-50.0, 10.0);
        x[80_100..80_250].fill(0.0);
        assert!(through::<Agc>(&[], Format::mono(RATE), &x) == x);
    }

    #[test]
    fn a_pause_does_not_let_the_noise_swell() {
        let mut x = speech(-35.0, 10.0);
        x.extend(noise(-70.0, 20.0));
        let out = through::<Agc>(&[], Format::mono(RATE), &x);
        let gain = |second: usize| {
            let (o, x) = (&out[second * 16_000..][..16_000], &x[second * 16_000..][..16_000]);
            let power = |x: &[f32]| x.iter().map(|x| x * x).sum::<f32>();
            10.0 * (power(o) / power(x)).log10()
        };
        assert!((gain(9) - 15.0).abs() < 1.5, "{}", gain(9));
        assert!((gain(12) - gain(29)).abs() < 0.01, "{} {}", gain(12), gain(29));
    }

    #[test]
    fn a_noisy_room_is_not_turned_up_with_the_voice() {
        let x: Vec<f32> =
            speech(-35.0, 15.0).iter().zip(noise(-52.0, 15.0)).map(|(s, n)| s + n).collect();
        let out = through::<Agc>(&[], Format::mono(RATE), &x);
        assert!((6.5..9.5).contains(&change(&x, &out)), "{}", change(&x, &out));
    }

    #[test]
    fn a_room_that_becomes_loud_does_not_stay_so() {
        let mut x = speech(-40.0, 15.0);
        x.extend(noise(-35.0, 15.0));
        let out = through::<Agc>(&[], Format::mono(RATE), &x);
        assert!(change(&x, &out).abs() < 0.1, "{}", change(&x, &out));
    }

    #[test]
    fn the_gain_moves_without_a_step() {
        // In syllables all samples have one height, so that any other is the gain's.
        let x: Vec<f32> = speech(-6.0, 5.0)
            .iter()
            .map(|x| if x.abs() > 0.005 { 0.5f32.copysign(*x) } else { *x })
            .collect();
        let out = through::<Agc>(&[], Format::mono(RATE), &x);
        let syllable = |x: &[f32]| x.iter().all(|x| x.abs() == 0.5);
        let pairs = x.windows(2).zip(out.windows(2)).filter(|(x, _)| syllable(x));
        let step = pairs.map(|(_, o)| (o[0].abs() - o[1].abs()).abs()).fold(0.0, f32::max);
        assert!((1e-5..1e-3).contains(&step), "{step}");
    }

    #[test]
    fn channels_keep_their_balance() {
        let x: Vec<f32> = speech(-30.0, 10.0).iter().flat_map(|x| [*x, x * 0.25]).collect();
        let out = through::<Agc>(&[], Format::stereo(RATE), &x);
        assert!(out.chunks(2).all(|o| (o[0] * 0.25 - o[1]).abs() < 1e-7));
        let left: Vec<f32> = out.iter().step_by(2).copied().collect();
        assert!((level_of(&left) + 20.0).abs() < 1.0, "{}", level_of(&left));
    }

    #[test]
    fn what_it_learned_outlives_a_segment() {
        let mut bench = Bench::new::<Agc>(&[], Format::mono(RATE));
        bench.push(&speech(-40.0, 15.0));
        bench.end();
        let out = bench.push(&speech(-40.0, 1.0));
        assert!((level_of(&out) + 20.0).abs() < 1.0, "{}", level_of(&out));
    }

    #[test]
    fn a_rate_without_whole_centiseconds_runs_too() {
        let x = noise(-30.0, 1.0);
        assert!(through::<Agc>(&[], Format::mono(11_025), &x) == x);
    }
}
