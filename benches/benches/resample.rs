//! What `resample` costs and how well it does it, beside rubato 5.0's `Fft`, at blocks
//! of 10 ms.
//!
//! Costs are those of whole executors with one node, and of rubato twice: as a node in
//! the same executor, and called directly, with no engine around it. The bars are set
//! against the cheaper one, the direct call. Gains and delays are what comes out of the
//! executor: tones one by one, and how many frames after a click it is there.
//!
//! Fails if a bar is not kept, or the heap is touched.

use std::process::ExitCode;

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler};
use tympan_benches::{Contender, heap, race};
use tympan_core::{
    Build, Built, Discard, Event, Executor, Format, Graph, Header, Input, Kind, KindInfo, Limits,
    Node, NodeDef, Output, OutputDef, Param, Planar, Refusal, Sink, Spec, Value,
};
use tympan_nodes::Resample;

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

const TO: u32 = 16_000;
const ROUNDS: usize = 201;
/// Blocks of 10 ms in a lap.
const BLOCKS: usize = 100;
/// How many run beside each other where many do.
const MANY: usize = 1000;

/// What one of the ways down to 16 kHz has to keep.
struct Bar {
    from: u32,
    /// Times rubato's cost.
    cost: f64,
    delay_ms: f64,
}

const BARS: [Bar; 2] = [
    Bar { from: 48_000, cost: 0.65, delay_ms: 1.5 },
    Bar { from: 44_100, cost: 0.70, delay_ms: 2.0 },
];
/// Up to 7 kHz no less than this, from 8.5 kHz on no more than that, in dB.
const PASS: f64 = -0.1;
const STOP: f64 = -70.0;

/// rubato's `Fft`, called directly.
struct Peer {
    inner: Fft<f32>,
    taken: Vec<f32>,
    made: Vec<f32>,
}

impl Peer {
    fn new(from: u32) -> Self {
        let (from, to) = (from as usize, TO as usize);
        let inner = Fft::new(from, to, from / 100, 1, FixedSync::Both).expect("the rates are fine");
        assert_eq!(inner.input_frames_next(), from / 100, "rubato takes 10 ms at once");
        Self { inner, taken: vec![0.0; from / 100], made: vec![0.0; to / 100] }
    }

    fn push(&mut self, block: &[f32]) {
        self.taken.copy_from_slice(block);
        let taken = SequentialSlice::new(&self.taken, 1, self.taken.len()).expect("mono");
        let room = self.made.len();
        let mut made = SequentialSlice::new_mut(&mut self.made, 1, room).expect("mono");
        self.inner.process_into_buffer(&taken, &mut made, None).expect("the sizes are right");
    }
}

/// The same as a kind.
struct PeerKind;

impl Kind for PeerKind {
    const NAME: &'static str = "peer";
    const ABOUT: &'static str = "Changes the sample rate.";
    const PARAMS: &'static [Param] = Resample::PARAMS;

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let peer = Peer::new(cx.input(0).rate);
        let delay = peer.inner.output_delay() as u32;
        Spec::audio(Format::mono(TO)).delay(delay).fixed(cx.input(0).rate / 100).runs(peer)
    }
}

impl Node for Peer {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        self.push(input.channel(0, 0));
        output.channel(0).copy_from_slice(&self.made);
    }
}

fn executor<K: Kind>(engine: &str, from: u32) -> Executor {
    let mut node = NodeDef::new(K::NAME, KindInfo::of::<K>());
    node.set("rate", Value::Whole(TO.into())).expect("there is `rate`");
    node.set("engine", Value::Text(engine.into())).expect("there is `engine`");
    let mut graph = Graph::new();
    graph.node(node).output(OutputDef::new("out"));
    let plan = graph.plan(&[Format::mono(from)], Limits::default());
    plan.expect("one node is a graph").executor()
}

/// An executor with nothing in it.
fn idle(from: u32) -> Executor {
    let mut graph = Graph::new();
    graph.output(OutputDef::new("out"));
    graph.plan(&[Format::mono(from)], Limits::default()).expect("nothing is a graph").executor()
}

/// Noise at half of full scale, the same in every run.
fn noise(frames: usize) -> Vec<f32> {
    let mut seed = 1u32;
    let sample = |_| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed as i32 as f32 / (1u32 << 31) as f32 / 2.0
    };
    (0..frames).map(sample).collect()
}

fn ours<'a>(name: &'static str, mut executor: Executor, block: &'a [f32]) -> Contender<'a> {
    let lap = move || (0..BLOCKS).for_each(|_| executor.push(block, &mut Discard));
    Contender::new(name, lap)
}

/// Prints the costs; returns how `resample` compares to the direct call of rubato, and
/// its heap operations.
fn costs(from: u32) -> (f64, u64) {
    let block = noise(from as usize / 100);
    let mut peer = Peer::new(from);
    let mut all = [
        Contender::new("rubato `Fft`, no engine", || {
            (0..BLOCKS).for_each(|_| peer.push(&block));
        }),
        ours("rubato `Fft` as a node", executor::<PeerKind>("auto", from), &block),
        ours("tympan `resample`", executor::<Resample>("fir", from), &block),
        ours("tympan, engine = \"portable\"", executor::<Resample>("portable", from), &block),
        ours("tympan, engine = \"rubato\"", executor::<Resample>("rubato", from), &block),
        ours("tympan, no node", idle(from), &block),
    ];
    let times = race(&mut all, ROUNDS);
    println!("\n| {from} to {TO} Hz | ns per 10 ms | of `Fft` | heap |\n|---|---|---|---|");
    let mut operations = Vec::new();
    for (contender, time) in all.iter_mut().zip(&times) {
        operations.push(heap::operations(&mut contender.lap));
        let (ns, ratio) = (time.min() / BLOCKS as f64, time.ratio(&times[0]));
        let heap = operations.last().copied().unwrap_or_default();
        println!("| {} | {ns:.0} | {ratio:.3} | {heap} |", contender.name);
    }
    (times[2].ratio(&times[0]), operations[2..].iter().sum())
}

#[derive(Default)]
struct Heard(Vec<f32>);

impl Sink for Heard {
    fn audio(&mut self, _: usize, _: &Header, block: Planar<'_>) {
        self.0.extend(block.channel(0));
    }
    fn packet(&mut self, _: usize, _: &Header, _: &[u8]) {}
    fn event(&mut self, _: Event) {}
}

/// What is left of a tone at half of full scale, wherever it ends up, in dB.
fn gain(executor: &mut Executor, from: u32, hz: f64) -> f64 {
    let step = std::f64::consts::TAU * hz / f64::from(from);
    let tone = |i: u32| (step * f64::from(i)).sin() as f32 / 2.0;
    let x: Vec<f32> = (0..from / 10).map(tone).collect();
    let mut heard = Heard::default();
    executor.push(&x, &mut heard);
    executor.drain(&mut heard);
    // Without beginning and end; 100 ms hold whole periods of all tones asked for.
    let rms =
        |x: &[f32]| (x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / x.len() as f64).sqrt();
    20.0 * (rms(&heard.0[100..1500]) / 0.125f64.sqrt()).log10()
}

/// The lowest gain up to 7 kHz and the highest from 8.5 kHz on.
fn mask(engine: &str, from: u32) -> (f64, f64) {
    let mut executor = executor::<Resample>(engine, from);
    let mut tones = |first: u32, last: u32| -> Vec<f64> {
        (first..=last).step_by(25).map(|hz| gain(&mut executor, from, hz.into())).collect()
    };
    let pass = tones(200, 7_000).into_iter().fold(f64::INFINITY, f64::min);
    let stop = tones(8_500, from / 2 - 50).into_iter().fold(f64::NEG_INFINITY, f64::max);
    (pass, stop)
}

/// How long after a click has gone in the frame of its moment comes out, in ms.
fn delay(engine: &str, from: u32) -> f64 {
    let mut executor = executor::<Resample>(engine, from);
    let mut heard = Heard::default();
    // A moment that is a frame of both rates.
    let (at, due) = (from as usize / 10, TO as usize / 10);
    let mut pushed = 0;
    while heard.0.len() <= due {
        executor.push(&[if pushed == at { 1.0 } else { 0.0 }], &mut heard);
        pushed += 1;
    }
    let peak = heard.0.iter().copied().fold(0.0, f32::max);
    assert!(peak > 0.2 && peak == heard.0[due], "the click is not where it belongs");
    (pushed - 1 - at) as f64 * 1e3 / f64::from(from)
}

/// Prints what one costs among many, and how much memory it takes. All share a table;
/// what is each one's own does not stay in the cache.
fn crowd(from: u32) {
    let block = noise(from as usize / 100);
    let mut alone = executor::<Resample>("fir", from);
    let mut many = Vec::with_capacity(MANY);
    let bytes = heap::bytes(|| many.extend((0..MANY).map(|_| executor::<Resample>("fir", from))));
    let idle = heap::bytes(|| std::mem::forget(self::idle(from)));
    let mut all = [
        Contender::new("one", || (0..MANY).for_each(|_| alone.push(&block, &mut Discard))),
        Contender::new("many", || many.iter_mut().for_each(|e| e.push(&block, &mut Discard))),
    ];
    let times = race(&mut all, ROUNDS);
    let ratio = times[1].ratio(&times[0]);
    let kib = |bytes: i64| bytes as f64 / 1024.0;
    println!(
        "{from} Hz: {MANY} executors cost {ratio:.2} times as much each as one alone, and take \
         {:.1} KiB each, {:.1} of them for an executor without a node",
        kib(bytes) / MANY as f64,
        kib(idle)
    );
}

/// Says whether a bar is kept.
fn judge(what: &str, value: f64, kept: bool) -> bool {
    println!("{what}: {value:.3}, {}", if kept { "kept" } else { "NOT KEPT" });
    kept
}

fn main() -> ExitCode {
    // Whoever tests, or asks for a list, has no time for a race.
    if !std::env::args().any(|a| a == "--bench") {
        return ExitCode::SUCCESS;
    }
    let mut kept = true;
    for Bar { from, cost, delay_ms } in BARS {
        let (ratio, operations) = costs(from);
        println!();
        kept &= judge(&format!("at most {cost} of rubato's `Fft`"), ratio, ratio <= cost);
        kept &= judge("no heap operations", operations as f64, operations == 0);
        for engine in ["fir", "portable"] {
            let (pass, stop) = mask(engine, from);
            let ms = delay(engine, from);
            kept &= judge(&format!("{engine}: at least {PASS} dB to 7 kHz"), pass, pass >= PASS);
            kept &= judge(&format!("{engine}: at most {STOP} dB from 8.5"), stop, stop <= STOP);
            kept &= judge(&format!("{engine}: at most {delay_ms} ms late"), ms, ms <= delay_ms);
        }
        crowd(from);
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
