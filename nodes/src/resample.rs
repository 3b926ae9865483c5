//! `resample`: another rate.
//!
//! One low-pass filter for all ratios: flat up to 7/8 of the lower rate's Nyquist
//! frequency and silent from 8.5/8 of it on, 17 periods of the lower rate to each side.
//! Its phases are tabulated per ratio; where the table would be large, rubato serves.
//!
//! | file | holds |
//! |---|---|
//! | `prototype` | the filter as a function of time |
//! | `table` | its taps for one ratio, shared |
//! | `decimate`, `polyphase` | the two ways to run it |
//! | `awkward` | rubato |

#![allow(
    clippy::inline_always,
    reason = "a kernel that is not inlined runs without the instructions it is written for"
)]

mod decimate;
mod polyphase;
mod prototype;
mod table;

#[cfg(feature = "rubato")]
mod awkward;

use tympan_core::{Border, Build, Built, Format, Input, Kind, Node, Output, Param, Refusal, Spec};

use decimate::Decimate;
use polyphase::Polyphase;
use table::{Ratio, Table};

/// Changes the rate, with what the lower rate cannot carry filtered out.
///
/// The gain is 1 at 0 Hz, at least -0.1 dB up to 7/8 of the lower Nyquist frequency and
/// at most -70 dB from 8.5/8 of it on. The delay is 17 periods of the lower rate, less
/// one output frame: 1 ms at 16 kHz. What is not finite counts as silence.
pub struct Resample;

/// Tables of more bytes than this are rubato's business: all pairs of the usual rates,
/// from 8 to 192 kHz, stay far below it. What remains are rates that share hardly a
/// divisor, such as 16 007 and 16 000 Hz. There rubato costs about ten times as much and
/// delays twice as long.
const LARGEST: usize = 1 << 20;

impl Kind for Resample {
    const NAME: &'static str = "resample";
    const ABOUT: &'static str = "Changes the sample rate.";
    const PARAMS: &'static [Param] = &[
        Param::required("rate", Format::MIN_RATE as i64, Format::MAX_RATE as i64)
            .unit("Hz")
            .about("frames per second that come out"),
        Param::choice("engine", &["auto", "fir", "portable", "rubato"], "auto").about(
            "who does it: auto is fir, or rubato where its table would be large; portable is fir \
             with the instructions that every machine has",
        ),
    ];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let input = cx.input(0);
        let output = Format { rate: cx.whole("rate") as u32, ..input };
        if output == input {
            return Ok(Built::Identity);
        }
        let ratio = Ratio::of(output.rate, input.rate);
        match cx.text("engine") {
            "rubato" => rubato(ratio, input, output),
            "auto" if ratio.bytes() > LARGEST => rubato(ratio, input, output),
            _ if ratio.bytes() > LARGEST => Err(too_large(ratio, input, output)),
            "portable" => fir(ratio, output, pulp::Arch::Scalar),
            _ => fir(ratio, output, pulp::Arch::new()),
        }
    }
}

fn fir(ratio: Ratio, output: Format, arch: pulp::Arch) -> Result<Built, Refusal> {
    let voices = (0..output.channels).map(|_| Fir::of(ratio, arch)).collect();
    Spec::audio(output).delay(ratio.delay()).runs(Filter(voices))
}

/// A channel each.
struct Filter(Vec<Fir>);

impl Node for Filter {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        for (channel, fir) in self.0.iter_mut().enumerate() {
            fir.run(input.channel(0, channel), output.channel(channel));
        }
    }

    fn reset(&mut self, _: Border) {
        self.0.iter_mut().for_each(Fir::reset);
    }
}

/// What `resample` does to one channel, for use without a graph.
///
/// ```
/// let mut fir = tympan_nodes::Fir::new(48_000, 16_000).expect("a small table");
/// let (x, mut out) = ([0.5; 480], [0.0; 160]);
/// assert_eq!(fir.made(x.len()), out.len());
/// fir.run(&x, &mut out);
/// // It is a millisecond late.
/// assert!(out[0].abs() < 0.1 && (out[100] - 0.5).abs() < 0.01);
/// ```
pub struct Fir(Way);

enum Way {
    Decimate(Decimate),
    Polyphase(Polyphase),
}

impl Fir {
    /// From one rate to another. None if the two have so little in common that the
    /// table of taps would be large; the kind then takes rubato.
    pub fn new(from: u32, to: u32) -> Option<Self> {
        let ratio = Ratio::of(to, from);
        (ratio.bytes() <= LARGEST).then(|| Self::of(ratio, pulp::Arch::new()))
    }

    fn of(ratio: Ratio, arch: pulp::Arch) -> Self {
        let table = Table::of(ratio);
        Self(if ratio.up == 1 {
            Way::Decimate(Decimate::new(table, arch))
        } else {
            Way::Polyphase(Polyphase::new(table, arch))
        })
    }

    /// How late the signal comes out, in frames of the output.
    pub fn delay(&self) -> u32 {
        match &self.0 {
            Way::Decimate(way) => way.table().ratio.delay(),
            Way::Polyphase(way) => way.table().ratio.delay(),
        }
    }

    /// How many frames come out when so many go in.
    pub fn made(&self, frames: usize) -> usize {
        match &self.0 {
            Way::Decimate(way) => way.made(frames),
            Way::Polyphase(way) => way.made(frames),
        }
    }

    /// Takes `x` and fills `out`, which has room for what [`made`](Self::made) says.
    ///
    /// # Panics
    /// If it has less.
    pub fn run(&mut self, x: &[f32], out: &mut [f32]) {
        match &mut self.0 {
            Way::Decimate(way) => way.run(x, out),
            Way::Polyphase(way) => way.run(x, out),
        }
    }

    /// Forgets what it heard.
    pub fn reset(&mut self) {
        match &mut self.0 {
            Way::Decimate(way) => way.reset(),
            Way::Polyphase(way) => way.reset(),
        }
    }
}

fn too_large(ratio: Ratio, input: Format, output: Format) -> Refusal {
    let why = format!(
        "from {} to {} Hz the table of \"fir\" would take {} KiB; leave it out, and rubato serves",
        input.rate,
        output.rate,
        ratio.bytes() / 1024
    );
    Refusal::Setting { name: "engine", why }
}

#[cfg(feature = "rubato")]
fn rubato(ratio: Ratio, input: Format, output: Format) -> Result<Built, Refusal> {
    let plan = awkward::Plan::of(ratio, input.rate);
    let spec = Spec::audio(output).delay(plan.delay).fixed(plan.call);
    spec.runs(awkward::Awkward::new(plan, output.channels)?)
}

#[cfg(not(feature = "rubato"))]
fn rubato(_: Ratio, input: Format, output: Format) -> Result<Built, Refusal> {
    Err(Refusal::Other(format!(
        "from {} to {} Hz rubato is needed, and this build was made without it; \
         enable the feature `rubato`",
        input.rate, output.rate
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_top::{Bench, Set, refusal, sine, through};
    use std::sync::Arc;
    use tympan_core::{
        Event, Graph, Header, KindInfo, Limits, NodeDef, OutputDef, Planar, Sink, Value, What,
    };

    fn by(engine: &str, rate: u32) -> [(&'static str, Set); 2] {
        [("rate", i64::from(rate).into()), ("engine", engine.into())]
    }

    fn db(gain: f64) -> f64 {
        20.0 * gain.log10()
    }

    fn rms(x: &[f32]) -> f64 {
        (x.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / x.len() as f64).sqrt()
    }

    /// Without the frames that still hear a signal begin or end.
    fn settled(x: &[f32], from: u32, to: u32) -> &[f32] {
        let skip = 40 * to.div_ceil(from.min(to)) as usize;
        &x[skip..x.len() - skip]
    }

    /// What a tone of `hz` leaves behind, wherever it ends up, beside what it is.
    fn gain(engine: &str, from: u32, to: u32, hz: f64) -> f64 {
        let x = sine(hz, from, from as usize / 5);
        let out = through::<Resample>(&by(engine, to), Format::mono(from), &x);
        let whole = sine(hz, to, out.len());
        let ideal = if 2.0 * hz < f64::from(to) { &whole[..] } else { &x[..] };
        db(rms(settled(&out, from, to)) / rms(settled(ideal, from, to)))
    }

    /// The mask, tone by tone, for what goes down to 16 kHz.
    fn keeps_the_mask(engine: &str, rate: u32) {
        for hz in (0..=20).map(|i| 15.0 + 6_985.0 / 20.0 * f64::from(i)) {
            let gain = gain(engine, rate, 16_000, hz);
            assert!((-0.1..0.1).contains(&gain), "{engine}, {rate} Hz: {gain:.3} dB at {hz} Hz");
        }
        let top = f64::from(rate) / 2.0 - 50.0;
        for hz in (0..=60).map(|i| 8_500.0 + (top - 8_500.0) / 60.0 * f64::from(i)) {
            let gain = gain(engine, rate, 16_000, hz);
            assert!(gain < -70.0, "{engine}, {rate} Hz: {gain:.1} dB at {hz} Hz");
        }
    }

    #[test]
    fn speech_passes_and_what_would_fold_onto_it_does_not() {
        for rate in [48_000, 44_100] {
            keeps_the_mask("fir", rate);
            keeps_the_mask("portable", rate);
        }
    }

    #[cfg(feature = "rubato")]
    #[test]
    fn rubato_keeps_the_same_mask() {
        for rate in [48_000, 44_100] {
            keeps_the_mask("rubato", rate);
        }
    }

    #[cfg(not(feature = "rubato"))]
    #[test]
    fn without_rubato_what_it_would_serve_is_refused_by_name() {
        let why = refusal::<Resample>(&by("auto", 16_000), Format::mono(16_007));
        assert_eq!(
            why,
            "`resample`: from 16007 to 16000 Hz rubato is needed, and this build was made without \
             it; enable the feature `rubato`"
        );
    }

    const USUAL: [u32; 13] = [
        8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000,
        176_400, 192_000,
    ];

    #[test]
    fn usual_rates_need_no_rubato() {
        for (from, to) in USUAL.iter().flat_map(|from| USUAL.map(|to| (*from, to))) {
            let ratio = Ratio::of(to, from);
            assert!(ratio.bytes() <= LARGEST / 4, "{from} to {to}: {} bytes", ratio.bytes());
        }
        assert!(Ratio::of(16_000, 16_007).bytes() > LARGEST);
    }

    /// Common ones and odd ones. Of the last one the table would be large.
    const RATIOS: [(u32, u32); 18] = [
        (48_000, 16_000),
        (44_100, 16_000),
        (32_000, 16_000),
        (24_000, 16_000),
        (22_050, 16_000),
        (11_024, 16_000),
        (8_000, 16_000),
        (96_000, 16_000),
        (192_000, 8_000),
        (16_000, 8_000),
        (16_000, 24_000),
        (16_000, 48_000),
        (48_000, 24_000),
        (48_000, 44_100),
        (44_100, 48_000),
        (8_000, 48_000),
        (1_000, 1_001),
        (16_007, 16_000),
    ];

    /// The farthest that any frame of a tone is from where and what it should be.
    fn error(settings: &[(&str, Set)], from: u32, to: u32, hz: f64) -> f64 {
        let x = sine(hz, from, from as usize);
        let out = through::<Resample>(settings, Format::mono(from), &x);
        let due = (u64::from(to) * x.len() as u64).div_ceil(from.into()) as usize;
        assert_eq!(out.len(), due, "{from} to {to}");
        let ideal = sine(hz, to, out.len());
        let pairs = settled(&out, from, to).iter().zip(settled(&ideal, from, to));
        pairs.map(|(y, x)| f64::from((y - x).abs())).fold(0.0, f64::max)
    }

    fn ours() -> impl Iterator<Item = (u32, u32)> {
        RATIOS.into_iter().filter(|&(from, to)| Ratio::of(to, from).bytes() <= LARGEST)
    }

    /// Ours where it serves, and rubato where it is there.
    fn all(test: impl Fn(u32, u32, &str)) {
        for (from, to) in ours() {
            test(from, to, "fir");
            test(from, to, "portable");
        }
        for (from, to) in RATIOS.into_iter().filter(|_| cfg!(feature = "rubato")) {
            test(from, to, "rubato");
        }
    }

    #[test]
    fn a_tone_comes_out_as_loud_and_at_its_time() {
        all(|from, rate, engine| {
            // 1 kHz of 16: half a percent is a hundredth of a frame or 0.04 dB.
            let hz = f64::from(from.min(rate)) / 16.0;
            let far = error(&by(engine, rate), from, rate, hz);
            assert!(far < 2e-3, "{from} to {rate} by {engine}: {far}");
        });
    }

    #[test]
    fn any_ratio_of_small_numbers_will_do() {
        for (a, b) in (1..=12).flat_map(|a| (1..=12).map(move |b| (a, b))) {
            let (from, rate) = (4_000 * a, 4_000 * b);
            let far = error(&by("fir", rate), from, rate, f64::from(from.min(rate)) / 16.0);
            assert!(far < 2e-3, "{from} to {rate}: {far}");
        }
    }

    /// White, seeded.
    fn noise(frames: usize, mut seed: u32) -> Vec<f32> {
        let mut roll = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed as i32 as f32 / (1u32 << 31) as f32 / 2.0
        };
        (0..frames).map(|_| roll()).collect()
    }

    #[test]
    fn the_delay_is_the_one_stated_to_the_frame() {
        all(|from, rate, engine| {
            let ratio = Ratio::of(rate, from);
            // On a frame of both rates the response is its own mirror image.
            let at = ratio.down as usize
                * (2 * prototype::HALF).div_ceil(ratio.up.min(ratio.down)) as usize;
            let mut x = vec![0.0; 2 * at + 1];
            x[at] = 1.0;
            let out = through::<Resample>(&by(engine, rate), Format::mono(from), &x);
            let middle = at / ratio.down as usize * ratio.up as usize;
            let peak = (0..out.len()).max_by(|&a, &b| out[a].total_cmp(&out[b]));
            assert_eq!(peak, Some(middle), "{from} to {rate}");
            for i in 1..middle.min(out.len() - middle) {
                let (before, after) = (out[middle - i], out[middle + i]);
                assert!((before - after).abs() < 1e-4, "{from} to {rate}: {i} off the middle");
            }
        });
    }

    #[cfg(feature = "rubato")]
    #[test]
    fn both_engines_make_the_same() {
        for (from, rate) in ours() {
            let hz = f64::from(from.min(rate));
            let low = sine(hz / 50.0, from, 8_000);
            let high = sine(hz / 4.0, from, 8_000);
            let x: Vec<f32> = low.iter().zip(high).map(|(a, b)| (a + b) / 2.0).collect();
            let ours = through::<Resample>(&by("auto", rate), Format::mono(from), &x);
            let other = through::<Resample>(&by("rubato", rate), Format::mono(from), &x);
            let far: Vec<f32> = ours.iter().zip(&other).map(|(a, b)| a - b).collect();
            let db = db(rms(settled(&far, from, rate)) / rms(settled(&other, from, rate)));
            assert!(db < -40.0, "{from} to {rate}: {db:.1} dB");
        }
    }

    #[test]
    fn nothing_from_before_a_border_comes_out_after_it() {
        all(|from, rate, engine| {
            let format = Format::mono(from);
            let after = noise(3_000, 2);
            let (mut used, mut fresh) = (
                Bench::new::<Resample>(&by(engine, rate), format),
                Bench::new::<Resample>(&by(engine, rate), format),
            );
            // Not a whole number of groups, so that one is left incomplete.
            used.push(&noise(2_003, 1));
            used.end();
            let [used, fresh] = [&mut used, &mut fresh].map(|bench| {
                let mut out = bench.push(&after);
                out.extend(bench.end());
                out
            });
            assert!(used == fresh, "{from} to {rate}");
        });
    }

    #[test]
    fn channels_do_not_hear_each_other() {
        all(|from, rate, engine| {
            let alone = [noise(3_000, 1), noise(3_000, 2), vec![0.0; 3_000]];
            let frames = alone[0].iter().zip(&alone[1]).zip(&alone[2]);
            let all: Vec<f32> = frames.flat_map(|((a, b), c)| [*a, *b, *c]).collect();
            let out = through::<Resample>(&by(engine, rate), Format::new(from, 3), &all);
            for (channel, alone) in alone.iter().enumerate() {
                let mine: Vec<f32> = out.iter().skip(channel).step_by(3).copied().collect();
                let alone = through::<Resample>(&by(engine, rate), Format::mono(from), alone);
                // rubato adds up in another order for several channels than for one.
                let near = if engine == "rubato" { 1e-6 } else { 0.0 };
                let far = mine.iter().zip(&alone).any(|(a, b)| (a - b).abs() > near);
                assert!(!far && mine.len() == alone.len(), "{from} to {rate}, channel {channel}");
            }
        });
    }

    /// A node that puts out what the entry guard would keep away.
    struct Poison;

    impl Kind for Poison {
        const NAME: &'static str = "poison";
        const ABOUT: &'static str = "Makes what is over 1 infinite, over 2 not a number.";

        fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
            Spec::audio(cx.input(0)).runs(Self)
        }
    }

    impl Node for Poison {
        fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
            for (y, &x) in output.channel(0).iter_mut().zip(input.channel(0, 0)) {
                *y = match x {
                    2.0.. => f32::NAN,
                    1.0.. => f32::INFINITY,
                    _ => x,
                };
            }
        }
    }

    fn graph(kinds: &[KindInfo], engine: &str, rate: u32) -> Graph {
        let mut graph = Graph::new();
        for kind in kinds {
            let mut node = NodeDef::new(kind.name, *kind);
            if kind.name == "resample" {
                node.set("rate", Value::Whole(rate.into())).unwrap();
                node.set("engine", Value::Text(engine.into())).unwrap();
            }
            graph.node(node);
        }
        graph.output(OutputDef::new("out"));
        graph
    }

    struct Heard(Vec<f32>);

    impl Sink for Heard {
        fn audio(&mut self, _: usize, _: &Header, block: Planar<'_>) {
            self.0.extend(block.channel(0));
        }
        fn packet(&mut self, _: usize, _: &Header, _: &[u8]) {}
        fn event(&mut self, event: Event) {
            assert!(!matches!(event.what, What::Fault(_)), "{event:?}");
        }
    }

    #[test]
    fn what_is_not_finite_counts_as_silence_however_it_was_cut() {
        all(|from, rate, engine| {
            let mut x = noise(3_000, 3);
            for (i, bad) in [(700, 1.0), (701, 2.0), (1_500, 2.0), (1_501, 1.0)] {
                x[i] = bad;
            }
            let silenced: Vec<f32> = x.iter().map(|&x| if x < 1.0 { x } else { 0.0 }).collect();
            let clean = through::<Resample>(&by(engine, rate), Format::mono(from), &silenced);
            let graph =
                graph(&[KindInfo::of::<Poison>(), KindInfo::of::<Resample>()], engine, rate);
            for size in [7, 3_000] {
                let plan = graph.plan(&[Format::mono(from)], Limits::default()).unwrap();
                let (mut executor, mut heard) = (plan.executor(), Heard(Vec::new()));
                x.chunks(size).for_each(|piece| executor.push(piece, &mut heard));
                executor.drain(&mut heard);
                assert!(heard.0 == clean, "{from} to {rate} by {engine}");
            }
        });
    }

    #[test]
    fn the_rate_that_is_there_already_costs_nothing() {
        let idle = |engine, rate| {
            let graph = graph(&[KindInfo::of::<Resample>()], engine, 16_000);
            let plan = graph.plan(&[Format::mono(rate)], Limits::default()).unwrap();
            let row = plan.rows().iter().find(|row| row.kind == "resample").unwrap();
            row.frames == "nothing to do" && row.delay == 0.0 && row.bytes == 0
        };
        assert!(!idle("auto", 48_000));
        assert!(["auto", "fir", "rubato"].iter().all(|engine| idle(engine, 16_000)));
    }

    #[test]
    fn all_who_resample_alike_share_one_table() {
        for (from, to) in ours() {
            let table = Table::of(Ratio::of(to, from));
            assert!(Arc::ptr_eq(&table, &Table::of(Ratio::of(2 * to, 2 * from))));
        }
    }

    #[test]
    fn a_table_that_would_be_large_is_refused_by_name() {
        let why = refusal::<Resample>(&by("fir", 16_000), Format::mono(16_007));
        assert_eq!(
            why,
            "`engine` of `resample`: from 16007 to 16000 Hz the table of \"fir\" would take 1500 \
             KiB; leave it out, and rubato serves"
        );
    }
}
