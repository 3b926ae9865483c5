//! What the loudspeaker plays, on the microphone's timeline: late, early, absent.

mod kit;

use kit::Hand;
use tympan::core::{Build, Built, Input, Kind, Node, Output, Port, Refusal, Spec};
use tympan::{Format, Graph, Pipeline, Runner};

/// Puts the reference out, aligned with the microphone.
struct Pick;

impl Kind for Pick {
    const NAME: &'static str = "pick";
    const ABOUT: &'static str = "Passes its reference on.";
    const INPUTS: &'static [Port] = &[Port::audio("in"), Port::audio("reference")];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::audio(cx.input(1)).fixed(160).runs(Self)
    }
}

impl Node for Pick {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        output.channel(0).copy_from_slice(input.channel(1, 0));
    }
}

const DEVICE: Format = Format::mono(16_000);
const TEXT: &str = "[[source]]\nname = \"mic\"\n[[source]]\nname = \"render\"\n[[node]]\nkind = \"pick\"\nfrom = { in = \"mic\", reference = \"render\" }\n[[output]]\nname = \"voice\"\n";

const BLOCK: usize = 160;
const BLOCK_NS: u64 = 10_000_000;
/// Host time of the first microphone frame: any number will do.
const START_NS: u64 = 77_000_000_000;

/// Plays blocks numbered from 1 at their host times, each block `order(n)` callbacks
/// earlier or later than the microphone gets there; returns what was heard.
fn heard(blocks: usize, order: impl Fn(usize) -> Option<isize>, jitter_ns: u64) -> Vec<f32> {
    let registry = tympan::registry().add::<Pick>();
    let graph = Graph::from_toml(TEXT, &registry).unwrap_or_else(|e| panic!("{e}"));
    let (hand, grip) = Hand::new(DEVICE);
    let mut pipeline = Pipeline::builder(&graph)
        .backend(hand)
        .render(DEVICE)
        .runner(Runner::Manual)
        .start()
        .unwrap();
    let mut render = pipeline.render().unwrap();
    let mut pcm = pipeline.pcm("voice").unwrap();
    for n in 0..blocks {
        for block in 0..blocks {
            if order(block).is_some_and(|d| block as isize + d == n as isize) {
                let level = (block + 1) as f32 / 1000.0;
                let at = START_NS + block as u64 * BLOCK_NS + (block as u64 % 3) * jitter_ns;
                assert_eq!(render.push(&[level; BLOCK], at), BLOCK);
            }
        }
        grip.at(&[0.9; BLOCK], DEVICE, START_NS + n as u64 * BLOCK_NS);
        pipeline.poll();
    }
    let totals = pipeline.stop();
    assert_eq!(totals.processed as usize, blocks * BLOCK, "the microphone never waits");
    let mut out = Vec::new();
    while let Some(block) = pcm.try_next() {
        out.extend_from_slice(block.samples);
    }
    out
}

/// Where a block begins and ends, the filter hears its neighbours too.
fn is_in_place(out: &[f32], block: usize) -> bool {
    let level = (block + 1) as f32 / 1000.0;
    let inner = block * BLOCK + 40..(block + 1) * BLOCK - 40;
    out[inner].iter().all(|x| (x - level).abs() < 1e-4)
}

#[test]
fn what_is_played_ahead_lies_where_it_is_heard() {
    // The first block has no microphone to be placed by; from the second on all is known.
    let out = heard(50, |n| Some(if n < 2 { 0 } else { -2 }), 0);
    assert_eq!(out.len(), 50 * BLOCK);
    assert!((4..48).all(|block| is_in_place(&out, block)));
}

#[test]
fn jitter_of_host_times_tears_no_holes() {
    let out = heard(50, |n| (n >= 2).then_some(-2), 3_000_000);
    assert!(out[4 * BLOCK..48 * BLOCK].iter().all(|x| *x > 0.0));
}

#[test]
fn an_absent_reference_is_silence() {
    let out = heard(50, |_| None, 0);
    assert_eq!(out, vec![0.0; 50 * BLOCK]);
}

#[test]
fn a_pause_of_the_reference_is_silence_and_what_follows_is_in_place() {
    let out = heard(60, |n| (!(20..40).contains(&n)).then_some(if n < 2 { 0 } else { -2 }), 0);
    assert!(out[22 * BLOCK..40 * BLOCK].iter().all(|x| *x == 0.0));
    assert!((40..58).all(|block| is_in_place(&out, block)));
}

#[test]
fn what_comes_too_late_is_dropped_not_shifted() {
    let out = heard(60, |n| Some(if n == 30 { 5 } else { -2 }.max(-(n as isize))), 0);
    assert!((36..58).all(|block| is_in_place(&out, block)));
}

#[test]
fn what_finds_no_room_is_missing_and_the_rest_is_in_place() {
    let (hand, grip) = Hand::new(DEVICE);
    let mut pipeline = Pipeline::builder(&far_graph())
        .backend(hand)
        .render(DEVICE)
        .entry_seconds(0.1)
        .runner(Runner::Manual)
        .start()
        .unwrap();
    let mut render = pipeline.render().unwrap();
    let mut far = pipeline.pcm("far").unwrap();
    let wave = |i: usize| 0.3 + 0.2 * (i as f32 / 250.0).sin();
    let (mut out, mut played) = (Vec::new(), 0);
    for n in 0..200 {
        while played < (n + 2) * BLOCK {
            // Once more than the ring holds: 5 ms are lost, no more than host times jitter.
            let frames = if played == 100 * BLOCK { 1_680 } else { BLOCK };
            let block: Vec<f32> = (played..played + frames).map(wave).collect();
            let taken = render.push(&block, START_NS + played as u64 * BLOCK_NS / BLOCK as u64);
            assert_eq!(taken, frames.min(1_600));
            played += frames;
        }
        grip.at(&[0.0; BLOCK], DEVICE, START_NS + n as u64 * BLOCK_NS);
        pipeline.poll();
        while let Some(block) = far.try_next() {
            out.extend_from_slice(block.samples);
        }
    }
    assert_eq!(pipeline.stop().render_lost, 80);
    let off: Vec<usize> = (40..out.len()).filter(|&i| (out[i] - wave(i)).abs() > 1e-3).collect();
    // The last frames before the hole stay in the filter.
    assert!((80..160).contains(&off.len()), "{} frames, from {:?}", off.len(), off.first());
}

#[test]
fn a_new_format_of_the_microphone_moves_nothing() {
    let (hand, grip) = Hand::new(DEVICE);
    let mut pipeline = Pipeline::builder(&far_graph())
        .backend(hand)
        .render(DEVICE)
        .runner(Runner::Manual)
        .start()
        .unwrap();
    let mut render = pipeline.render().unwrap();
    let mut far = pipeline.pcm("far").unwrap();
    let wave = |i: usize| 0.3 + 0.2 * (i as f32 / 250.0).sin();
    let mut out = Vec::new();
    for n in 0..100 {
        let block: Vec<f32> = (n * BLOCK..(n + 1) * BLOCK).map(wave).collect();
        render.push(&block, START_NS + n as u64 * BLOCK_NS);
        if let Some(n) = n.checked_sub(2) {
            let format = if n < 50 { DEVICE } else { Format::mono(48_000) };
            let silence = vec![0.0; format.rate as usize / 100];
            grip.at(&silence, format, START_NS + n as u64 * BLOCK_NS);
        }
        pipeline.poll();
        while let Some(block) = far.try_next() {
            out.extend_from_slice(block.samples);
        }
    }
    assert_eq!(out.len(), 98 * BLOCK);
    // What was played ahead ends with the old segment.
    let known = (3 * BLOCK..50 * BLOCK).chain(54 * BLOCK..98 * BLOCK);
    let off: Vec<usize> = known.filter(|&i| (out[i] - wave(i)).abs() > 1e-3).collect();
    assert!(off.is_empty(), "{} frames, from {:?}", off.len(), off.first());
}

fn far_graph() -> Graph {
    let text = "[[source]]\nname = \"mic\"\n[[source]]\nname = \"render\"\n\
                [[node]]\nkind = \"resample\"\nfrom = \"mic\"\nrate = 16000\n\
                [[output]]\nname = \"voice\"\nfrom = \"resample\"\n\
                [[output]]\nname = \"far\"\nfrom = \"render\"\n";
    Graph::from_toml(text, &tympan::registry()).unwrap_or_else(|e| panic!("{e}"))
}

/// A loudspeaker and a microphone whose clocks both run wrong, in virtual time.
struct Room {
    mic: Device,
    render: Device,
    /// How long before it is heard a block is handed over.
    ahead: f64,
    /// Every host time is off by up to this, in seconds.
    jitter: f64,
}

#[derive(Clone, Copy)]
struct Device {
    rate: u32,
    /// How much faster than that it counts, in parts per million.
    ppm: f64,
}

impl Device {
    fn frames_per_second(self) -> f64 {
        f64::from(self.rate) * (1.0 + self.ppm * 1e-6)
    }

    /// When block `n` of 10 ms begins.
    fn time(self, n: u64) -> f64 {
        (n * u64::from(self.rate / 100)) as f64 / self.frames_per_second()
    }
}

/// What is heard at `t`: something all the time, and a click in the middle of every
/// other second.
fn sound(t: f64) -> f32 {
    let from_click = (t - 1.0).rem_euclid(2.0) - 1.0;
    (0.25 + 0.5 * (-(from_click / 0.4e-3).powi(2)).exp()) as f32
}

impl Room {
    /// What the output `far` says after so many seconds, if the loudspeaker plays
    /// while `plays` says so; and the frames of it that were lost before and after
    /// `settled` seconds.
    fn heard(&self, seconds: f64, settled: f64, plays: impl Fn(f64) -> bool) -> Far {
        let format = Format::mono(self.mic.rate);
        let (hand, grip) = Hand::new(format);
        let mut pipeline = Pipeline::builder(&far_graph())
            .backend(hand)
            .render(Format::mono(self.render.rate))
            .runner(Runner::Manual)
            .start()
            .unwrap();
        let mut render = pipeline.render().unwrap();
        let mut far = pipeline.pcm("far").unwrap();
        let mut dice = kit::Rng::new(7);
        let mut host = |t: f64| {
            let jitter = (dice.below(2001) as f64 / 1000.0 - 1.0) * self.jitter;
            START_NS + ((t + jitter + 1.0) * 1e9) as u64
        };
        let (mut out, mut lost, mut played) = (Vec::new(), [0; 2], 0);
        let silence = vec![0.0; self.mic.rate as usize / 100];
        for n in 0.. {
            let now = self.mic.time(n + 1);
            if now > seconds {
                break;
            }
            while self.render.time(played) < now + self.ahead {
                let t = self.render.time(played);
                if plays(t) {
                    let at = |i| t + f64::from(i) / self.render.frames_per_second();
                    let block: Vec<f32> =
                        (0..self.render.rate / 100).map(|i| sound(at(i))).collect();
                    render.push(&block, host(t));
                }
                played += 1;
            }
            grip.at(&silence, format, host(self.mic.time(n)));
            pipeline.poll();
            while let Some(block) = far.try_next() {
                out.extend_from_slice(block.samples);
            }
            lost[usize::from(now >= settled)] = pipeline.totals().render_lost;
        }
        pipeline.stop();
        while let Some(block) = far.try_next() {
            out.extend_from_slice(block.samples);
        }
        let rate = f64::from(self.render.rate) * (1.0 + self.mic.ppm * 1e-6);
        Far { samples: out, rate, lost: lost[1].saturating_sub(lost[0]) }
    }
}

struct Far {
    samples: Vec<f32>,
    /// Its frames per second of real time, which the microphone counts.
    rate: f64,
    /// Frames that were lost after it had settled.
    lost: u64,
}

impl Far {
    fn part(&self, from: f64, to: f64) -> &[f32] {
        &self.samples[(from * self.rate) as usize..(to * self.rate) as usize]
    }

    /// The farthest any click between these seconds is from its time, in seconds.
    fn off(&self, from: f64, to: f64) -> f64 {
        let mut worst = 0.0f64;
        for click in (from as u32..to as u32).filter(|t| t % 2 == 0) {
            let (begin, end) = (f64::from(click) - 0.02, f64::from(click) + 0.02);
            let first = (begin * self.rate) as usize;
            let weights = self.part(begin, end).iter().map(|x| f64::from(x - 0.25).max(0.0));
            let (mut sum, mut moment) = (0.0, 0.0);
            for (i, weight) in weights.enumerate() {
                sum += weight;
                moment += weight * (first + i) as f64;
            }
            assert!(sum > 1.0, "no click at {click} s");
            worst = worst.max((moment / sum / self.rate - f64::from(click)).abs());
        }
        worst
    }

    /// No hole between these seconds.
    fn is_whole(&self, from: f64, to: f64) -> bool {
        self.part(from, to).iter().all(|x| *x > 0.24)
    }
}

const MIC: Device = Device { rate: 16_000, ppm: 30.0 };

#[test]
fn a_clock_that_runs_wrong_stays_in_step_for_ten_minutes() {
    for ppm in [-200.0, 200.0, 300.0] {
        let render = Device { rate: 16_000, ppm };
        let room = Room { mic: MIC, render, ahead: 0.04, jitter: 0.0 };
        let far = room.heard(600.0, 40.0, |_| true);
        let off = far.off(40.0, 598.0);
        println!("{ppm} ppm: {:.4} ms at worst", off * 1e3);
        assert!(off < 1e-4, "{ppm} ppm: {off} s");
        assert!(far.is_whole(40.0, 598.0) && far.lost == 0, "{ppm} ppm: {} lost", far.lost);
    }
}

#[test]
fn host_times_that_jitter_do_not_move_it() {
    let render = Device { rate: 16_000, ppm: -170.0 };
    let room = Room { mic: MIC, render, ahead: 0.04, jitter: 2e-3 };
    let far = room.heard(600.0, 60.0, |_| true);
    let off = far.off(60.0, 598.0);
    println!("{:.4} ms at worst", off * 1e3);
    assert!(off < 1e-3, "{off} s");
    assert!(far.is_whole(60.0, 598.0) && far.lost == 0, "{} lost", far.lost);
}

#[test]
fn rates_need_not_be_the_same() {
    for (mic, render) in [(48_000, 44_100), (44_100, 48_000), (48_000, 16_000)] {
        let mic = Device { rate: mic, ppm: -40.0 };
        let render = Device { rate: render, ppm: 210.0 };
        let far = Room { mic, render, ahead: 0.02, jitter: 1e-4 }.heard(120.0, 40.0, |_| true);
        let off = far.off(40.0, 118.0);
        println!("{} beside {}: {:.4} ms at worst", render.rate, mic.rate, off * 1e3);
        assert!(off < 1e-3, "{off} s");
        assert!(far.is_whole(40.0, 118.0) && far.lost == 0, "{} lost", far.lost);
    }
}

#[test]
fn what_was_learned_outlives_a_late_start_and_a_pause() {
    let render = Device { rate: 16_000, ppm: 250.0 };
    let room = Room { mic: MIC, render, ahead: 0.04, jitter: 1e-4 };
    let far = room.heard(200.0, 200.0, |t| t > 5.5 && !(90.5..110.5).contains(&t));
    assert!(far.part(0.0, 5.4).iter().chain(far.part(90.6, 110.4)).all(|x| *x == 0.0));
    assert!(far.off(6.0, 90.0) < 1.5e-3, "{}", far.off(6.0, 90.0));
    let again = far.off(111.0, 198.0);
    println!("{:.4} ms at worst after the pause", again * 1e3);
    assert!(again < 3e-4, "{again} s");
    assert!(far.is_whole(5.6, 90.4) && far.is_whole(110.6, 198.0));
}

#[test]
fn the_same_marks_give_the_same_bits() {
    let render = Device { rate: 48_000, ppm: 123.0 };
    let room = Room { mic: MIC, render, ahead: 0.03, jitter: 1e-3 };
    let [a, b] = [(); 2].map(|()| room.heard(30.0, 30.0, |_| true).samples);
    assert!(a == b && a.len() > 1_000_000);
}
