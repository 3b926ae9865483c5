//! Nodes, sinks and chance for the engine's tests.
//!
//! The input is a ramp: frame `p` has the value `p / 2^23`, so that every sample on
//! any tape tells the moment it was captured at. Pre-roll is negative.

#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};

use tympan_core::{
    Border, Build, Built, Calls, Event, Executor, Flow, Format, Frames, Graph, Header, Input, Kind,
    KindInfo, Node, NodeDef, Output, OutputDef, Param, Planar, Port, Reason, Refusal, Sink, Spec,
    Value,
};

/// One step of the ramp.
pub const STEP: f32 = 1.0 / (1 << 23) as f32;

pub fn ramp(from: usize, frames: usize) -> Vec<f32> {
    (from..from + frames).map(|p| p as f32 * STEP).collect()
}

/// How many graphs a test draws, usually and in a long run. `TYMPAN_GRAPHS` says it too, for
/// `./x mutants core`, where it is done for each.
pub fn graphs(usually: u64, long: u64) -> u64 {
    let told = std::env::var("TYMPAN_GRAPHS").ok().map(|n| n.parse().expect("a number"));
    let is_long = std::env::var_os("TYMPAN_LONG").is_some();
    told.unwrap_or(if is_long { long } else { usually })
}

/// Small, seeded, the same everywhere.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % n as u64) as usize
    }

    pub fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Small sizes as often as large ones.
    pub fn size(&mut self, most: usize) -> usize {
        let bits = self.below(most.ilog2() as usize + 1);
        (1 + self.below(2 << bits)).min(most)
    }
}

fn frames(cx: &Build<'_>) -> Frames {
    match cx.whole("frames") {
        0 => Frames::Any,
        n => Frames::Fixed(n as u32),
    }
}

const FRAMES: Param = Param::whole("frames", 0, 1 << 40, 0).about("frames per call, 0 for any");

/// Delays the signal, as a filter or a denoiser does.
pub struct Late {
    delay: usize,
    lines: Vec<VecDeque<f32>>,
}

impl Kind for Late {
    const NAME: &'static str = "late";
    const ABOUT: &'static str = "Delays.";
    const PARAMS: &'static [Param] = &[FRAMES, Param::whole("delay", 0, 1 << 40, 0)];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let format = cx.input(0);
        let delay = cx.whole("delay") as u32;
        let mut spec = Spec::audio(format).delay(delay);
        spec.frames = frames(cx);
        // Lines are sized for any call the tests make.
        let lines = vec![
            VecDeque::from(vec![-STEP; delay.min(1 << 20) as usize]);
            format.channels as usize
        ];
        spec.runs(Self { delay: delay as usize, lines })
    }
}

impl Node for Late {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        for (channel, line) in self.lines.iter_mut().enumerate() {
            line.extend(input.channel(0, channel));
            for o in output.channel(channel) {
                *o = line.pop_front().unwrap();
            }
        }
    }

    fn reset(&mut self, _: Border) {
        for line in &mut self.lines {
            line.clear();
            line.resize(self.delay, -STEP);
        }
    }
}

/// Any rate: holds or skips samples, so that values still tell the moment.
pub struct Rate {
    rate: u32,
    from: u32,
}

impl Kind for Rate {
    const NAME: &'static str = "rate";
    const ABOUT: &'static str = "Changes the rate without a filter.";
    const PARAMS: &'static [Param] = &[FRAMES, Param::required("rate", 1, 768_000)];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let format = cx.input(0);
        let rate = cx.whole("rate") as u32;
        if rate == format.rate {
            return Ok(Built::Identity);
        }
        let mut spec = Spec::audio(Format { rate, ..format });
        spec.frames = frames(cx);
        spec.runs(Self { rate, from: format.rate })
    }
}

/// The frames a rate change has made after `p` frames.
fn made(p: i64, rate: u32, from: u32) -> i64 {
    (p as i128 * rate as i128).div_euclid(from as i128) as i64
}

impl Node for Rate {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        for channel in 0..input.channels(0) {
            let start = made(input.position(), self.rate, self.from);
            let x = input.channel(0, channel);
            let out = output.channel(channel);
            let mut at = 0;
            for (i, &x) in x.iter().enumerate() {
                let p = input.position() + i as i64 + 1;
                let upto = (made(p, self.rate, self.from) - start) as usize;
                out[at..upto].fill(x);
                at = upto;
            }
            assert_eq!(at, out.len(), "the engine asked for another number of frames");
        }
    }
}

/// Passes its first input on, and fails the test if its inputs are not the same
/// stretch of time.
pub struct Watch<const N: usize> {
    slack: i64,
}

macro_rules! watch {
    ($n:literal, $name:literal, $ports:expr) => {
        impl Kind for Watch<$n> {
            const NAME: &'static str = $name;
            const ABOUT: &'static str = "Joins and compares.";
            const INPUTS: &'static [Port] = $ports;
            const PARAMS: &'static [Param] = &[FRAMES, Param::whole("slack", 0, 1 << 40, 0)];

            fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
                let mut spec = Spec::audio(Format::mono(cx.input(0).rate));
                spec.frames = frames(cx);
                spec.runs(Self { slack: cx.whole("slack") })
            }
        }
    };
}
watch!(1, "watch1", &[Port::audio("in")]);
watch!(2, "watch2", &[Port::audio("in"), Port::audio("b")]);
watch!(3, "watch3", &[Port::audio("in"), Port::audio("b"), Port::audio("c")]);

impl<const N: usize> Node for Watch<N> {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let real = input.real();
        let first = input.channel(0, 0);
        for port in 1..N {
            let other = input.channel(port, 0);
            for i in 0..real {
                let (a, b) = (first[i] / STEP, other[i] / STEP);
                // Pre-roll and filling say nothing about time.
                if a > 0.0 && b > 0.0 {
                    let apart = (a - b).abs() as i64;
                    assert!(
                        apart <= self.slack,
                        "inputs {apart} frames apart at {}",
                        input.position()
                    );
                }
            }
        }
        output.channel(0).copy_from_slice(first);
    }
}

/// Says "speech" in every second stretch of `period` source frames.
pub struct Detect {
    rate: u32,
    from: u32,
    period: f32,
}

impl Kind for Detect {
    const NAME: &'static str = "detect";
    const ABOUT: &'static str = "A detector.";
    const OUTPUT: Flow = Flow::Control;
    const PARAMS: &'static [Param] = &[
        FRAMES,
        Param::whole("rate", 1, 100_000, 100),
        Param::whole("period", 1, 1 << 30, 1000),
        Param::whole("delay", 0, 1000, 0),
    ];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let rate = cx.whole("rate") as u32;
        let mut spec = Spec::control(rate).delay(cx.whole("delay") as u32);
        spec.frames = frames(cx);
        spec.runs(Self { rate, from: cx.input(0).rate, period: cx.whole("period") as f32 })
    }
}

impl Node for Detect {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let start = made(input.position(), self.rate, self.from);
        let mut at = 0;
        for (i, &x) in input.channel(0, 0).iter().enumerate() {
            let upto =
                (made(input.position() + i as i64 + 1, self.rate, self.from) - start) as usize;
            let on = x > 0.0 && (x / STEP / self.period) as i64 % 2 == 1;
            output.channel(0)[at..upto].fill(f32::from(u8::from(on)));
            at = upto;
        }
    }
}

/// A gate without any patience: opens and closes with its control input.
pub struct Gate {
    back: u32,
    open: bool,
}

impl Kind for Gate {
    const NAME: &'static str = "gate";
    const ABOUT: &'static str = "A cut.";
    const INPUTS: &'static [Port] = &[Port::audio("in"), Port::control("voice")];
    const PARAMS: &'static [Param] = &[Param::whole("back", 0, 1 << 40, 0)];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let back = cx.whole("back") as u32 + cx.lag(0);
        Spec::gate(cx.input(0), back).runs(Self { back, open: false })
    }
}

impl Node for Gate {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let mut at = 0;
        while at < input.frames() {
            let (voice, stays) = input.held(0, at);
            if (voice > 0.5) != self.open {
                self.open = !self.open;
                if self.open {
                    output.open(at, self.back);
                } else {
                    output.close(at);
                }
                return;
            }
            at += stays;
        }
    }

    fn reset(&mut self, border: Border) {
        if border > Border::Utterance {
            self.open = false;
        }
    }
}

/// Packs the first and last value of each call into a packet.
pub struct Pack;

impl Kind for Pack {
    const NAME: &'static str = "pack";
    const ABOUT: &'static str = "Packets.";
    const OUTPUT: Flow = Flow::Packets;
    const PARAMS: &'static [Param] =
        &[Param::whole("frames", 1, 1 << 20, 320), Param::whole("delay", 0, 1 << 20, 0)];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let spec = Spec::packets(8).delay(cx.whole("delay") as u32);
        spec.fixed(cx.whole("frames") as u32).runs(Self)
    }
}

impl Node for Pack {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let x = input.channel(0, 0);
        output.packet(|bytes| {
            bytes[..4].copy_from_slice(&x[0].to_le_bytes());
            bytes[4..].copy_from_slice(&x[x.len() - 1].to_le_bytes());
            8
        });
    }
}

/// A node of `kind` with these keys.
pub fn node<K: Kind>(id: &str, keys: &[(&str, i64)], from: &[&str]) -> NodeDef {
    let info = KindInfo::of::<K>();
    let mut def = NodeDef::new(id, info);
    for (key, value) in keys {
        def.set(key, Value::Whole(*value)).unwrap();
    }
    for (port, feeder) in info.inputs.iter().zip(from) {
        def.wire(port.name, feeder);
    }
    def
}

pub fn output(name: &str, from: &str) -> OutputDef {
    OutputDef::new(name).from(from)
}

pub fn graph(nodes: impl IntoIterator<Item = NodeDef>) -> Graph {
    let mut graph = Graph::new();
    for def in nodes {
        graph.node(def);
    }
    graph
}

/// The same, with outputs by name and feeder.
pub fn wired(nodes: impl IntoIterator<Item = NodeDef>, outputs: &[(&str, &str)]) -> Graph {
    let mut graph = graph(nodes);
    for (name, from) in outputs {
        graph.output(output(name, from));
    }
    graph
}

/// Calls that survive the panics of nodes.
pub fn caught() -> Calls {
    fn process(node: &mut dyn Node, input: Input<'_>, output: &mut Output<'_>) -> bool {
        catch_unwind(AssertUnwindSafe(|| node.process(input, output))).is_ok()
    }
    fn reset(node: &mut dyn Node, border: Border) -> bool {
        catch_unwind(AssertUnwindSafe(|| node.reset(border))).is_ok()
    }
    Calls { process, reset }
}

/// What comes of `before` in the one, a swap, and `after` in the other.
pub fn swapped(mut old: Executor, before: &[f32], mut new: Executor, after: &[f32]) -> Record {
    let mut record = Record::default();
    old.push(before, &mut record);
    old.end_segment(Reason::Swap, &mut record);
    new.take_over(&mut old);
    new.push(after, &mut record);
    new.drain(&mut record);
    record
}

/// One segment or utterance of one output.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stretch {
    pub start: i64,
    pub samples: Vec<Vec<f32>>,
    pub packets: Vec<(Header, Vec<u8>)>,
    pub begun: bool,
    pub ended: bool,
}

/// Everything that comes out, joined over the cuts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// By output, segment, utterance.
    pub stretches: BTreeMap<(usize, u32, u32), Stretch>,
    /// By node.
    pub events: BTreeMap<u16, Vec<Event>>,
}

impl Record {
    fn stretch(&mut self, output: usize, header: &Header) -> &mut Stretch {
        let key = (output, header.segment, header.utterance);
        let stretch = self.stretches.entry(key).or_default();
        assert!(!stretch.ended, "something came after the last");
        assert_eq!(header.first, !stretch.begun, "`first` is wrong at {header:?}");
        if header.first {
            stretch.start = header.position;
        }
        stretch.begun = true;
        stretch.ended = header.last;
        stretch
    }
}

impl Sink for Record {
    fn audio(&mut self, output: usize, header: &Header, block: Planar<'_>) {
        assert_eq!(header.frames as usize, block.frames());
        assert_eq!(header.trim, 0, "samples are never filling");
        let stretch = self.stretch(output, header);
        stretch.samples.resize(block.channels().max(stretch.samples.len()), Vec::new());
        let so_far = stretch.samples.first().map_or(0, Vec::len);
        assert_eq!(header.position, stretch.start + so_far as i64, "a hole in the stream");
        for (channel, samples) in stretch.samples.iter_mut().enumerate() {
            samples.extend_from_slice(block.channel(channel));
        }
    }

    fn packet(&mut self, output: usize, header: &Header, bytes: &[u8]) {
        let stretch = self.stretch(output, header);
        if let Some((before, _)) = stretch.packets.last() {
            assert_eq!(header.position, before.position + before.frames as i64);
        }
        stretch.packets.push((*header, bytes.to_vec()));
    }

    fn event(&mut self, event: Event) {
        self.events.entry(event.node).or_default().push(event);
    }
}

/// No tape was ever fuller than planned.
pub fn assert_within_plan(executor: &Executor) {
    for (tape, (high, room)) in executor.marks().enumerate() {
        assert!(high <= room, "tape {tape} held {high} of {room} frames");
    }
}
