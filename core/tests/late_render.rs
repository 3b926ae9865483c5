//! A second source that is late, early, full of holes or not there at all: it never
//! holds up the microphone, never outgrows the plan, and what is taken of it lies
//! where it belongs, however the input was cut.

mod kit;

use std::sync::atomic::{AtomicUsize, Ordering};

use kit::{Detect, Gate, Late, Pack, Rate, Record, Rng, STEP, graph, node, output, ramp};
use tympan_core::{
    Build, Built, Executor, Fed, Format, Frames, Graph, Input, Kind, Limits, Node, NodeDef, Output,
    Param, Port, Reason, Refusal, SourceDef, Spec,
};

/// Samples of both sources that were found beside each other.
static COMPARED: AtomicUsize = AtomicUsize::new(0);

/// Takes both sources, passes the first on, and fails the test if what lies beside
/// each other was not captured at one time.
struct Both {
    rates: [f64; 2],
    slack: f64,
}

impl Kind for Both {
    const NAME: &'static str = "both";
    const ABOUT: &'static str = "Joins two sources.";
    const INPUTS: &'static [Port] = &[Port::audio("in"), Port::audio("other")];
    const PARAMS: &'static [Param] = &[
        Param::whole("frames", 0, 1 << 20, 0),
        Param::whole("first", 1, 768_000, 1),
        Param::whole("other", 1, 768_000, 1),
        Param::whole("slack", 0, i64::MAX, 0).unit("ns"),
    ];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let mut spec = Spec::audio(cx.input(0));
        if cx.whole("frames") > 0 {
            spec.frames = Frames::Fixed(cx.whole("frames") as u32);
        }
        let rates = ["first", "other"].map(|key| cx.whole(key) as f64);
        spec.runs(Self { rates, slack: cx.whole("slack") as f64 * 1e-9 })
    }
}

impl Node for Both {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let (a, b) = (input.channel(0, 0), input.channel(1, 0));
        for i in 0..input.real() {
            // Pre-roll is negative, and zeros stand for what is missing.
            if a[i] > 0.0 && b[i] > 0.0 {
                let second = |x: f32, source: usize| (x / STEP) as f64 / self.rates[source];
                let apart = (second(a[i], 0) - second(b[i], 1)).abs();
                assert!(apart <= self.slack, "{apart} s apart at {}", input.position());
                COMPARED.fetch_add(1, Ordering::Relaxed);
            }
        }
        output.channel(0).copy_from_slice(a);
    }
}

const RATES: [u32; 7] = [8_000, 11_024, 16_000, 16_007, 24_000, 44_100, 48_000];

struct Drawn {
    graph: Graph,
    devices: [Format; 2],
    /// Rates of the outputs that are neither gated nor packets.
    outputs: Vec<Option<u32>>,
}

/// A few nodes on each source, joins of both, and some nodes behind the joins.
fn draw(seed: u64) -> Drawn {
    let mut rng = Rng::new(seed);
    let devices = [rng.pick(&RATES), rng.pick(&RATES)];
    let mut nodes: Vec<NodeDef> = Vec::new();
    let frames = |rng: &mut Rng| if rng.chance(3) { 0 } else { rng.size(600) as i64 };
    let mut outputs: Vec<(String, Option<u32>)> = Vec::new();
    for join in 0..=rng.below(2) {
        let common = rng.pick(&RATES);
        let mut sides = Vec::new();
        for (source, name) in ["mic", "render"].into_iter().enumerate() {
            let (mut from, mut rate, mut slack) = (name.to_owned(), devices[source], 0.0);
            for n in 0..rng.below(3) {
                let id = format!("{name}{join}{n}");
                let keys = [("frames", frames(&mut rng)), ("delay", rng.below(900) as i64)];
                nodes.push(node::<Late>(&id, &keys, &[&from]));
                from = id;
            }
            let via = [rng.pick(&RATES), common];
            for (n, to) in via.into_iter().enumerate().skip(rng.below(2)) {
                let id = format!("{name}{join}r{n}");
                let keys = [("frames", frames(&mut rng)), ("rate", to as i64)];
                nodes.push(node::<Rate>(&id, &keys, &[&from]));
                slack += 1.0 / to as f64 + 1.0 / rate as f64;
                (from, rate) = (id, to);
            }
            sides.push((from, devices[source], slack));
        }
        if rng.chance(2) {
            sides.reverse();
        }
        let slack = ((sides[0].2 + sides[1].2) * 1e9) as i64 + 1;
        let id = format!("both{join}");
        let keys = [
            ("frames", frames(&mut rng)),
            ("first", sides[0].1 as i64),
            ("other", sides[1].1 as i64),
            ("slack", slack),
        ];
        nodes.push(node::<Both>(&id, &keys, &[&sides[0].0, &sides[1].0]));
        outputs.push((id.clone(), Some(common)));
        let behind = format!("behind{join}");
        match rng.below(4) {
            0 => {
                let keys = [("frames", rng.size(700) as i64), ("delay", rng.below(400) as i64)];
                nodes.push(node::<Pack>(&behind, &keys, &[&id]));
                outputs.push((behind, None));
            }
            // A gate for the microphone that hears the other source, and the reverse.
            n @ (1 | 2) => {
                let [heard, cut] = if n == 1 { ["render", "mic"] } else { ["mic", &id] };
                let voice = format!("voice{join}");
                let keys = [("period", rng.size(6000) as i64), ("frames", frames(&mut rng))];
                nodes.push(node::<Detect>(&voice, &keys, &[heard]));
                let back = [("back", rng.below(3000) as i64)];
                nodes.push(node::<Gate>(&behind, &back, &[cut, &voice]));
                outputs.push((behind, None));
            }
            _ => {
                let to = rng.pick(&RATES);
                let keys = [("frames", frames(&mut rng)), ("rate", to as i64)];
                nodes.push(node::<Rate>(&behind, &keys, &[&id]));
                outputs.push((behind, Some(to)));
            }
        }
    }
    let mut graph = graph(nodes);
    graph.source(SourceDef::new("mic")).source(SourceDef::new("render"));
    for (from, _) in &outputs {
        graph.output(output(&format!("o-{from}"), from));
    }
    let outputs = outputs.into_iter().map(|(_, rate)| rate).collect();
    Drawn { graph, devices: devices.map(Format::mono), outputs }
}

/// What happens at a frame of the microphone: the same for every cut of a seed.
enum Act {
    /// So many frames of the second source, the first at this position.
    Feed(i64, usize),
    Gap(u64),
    End,
}

fn acts(rng: &mut Rng, frames: usize, devices: [Format; 2]) -> Vec<(usize, Act)> {
    let [mic, render] = devices.map(|d| d.rate as usize);
    let (mut acts, mut at, mut begun, mut next) = (Vec::new(), 0, 0, 0i64);
    // Now and then the second source is silent for long, or all the time.
    let absent = rng.chance(8);
    while at < frames {
        match rng.below(20) {
            0 => acts.push((at, Act::Gap(1 + rng.below(mic / 30) as u64))),
            1 => acts.push((at, Act::End)),
            _ if absent => {}
            kind => {
                let time = ((at - begun) * render / mic) as i64;
                let position = match kind {
                    // Far behind, just late, with a hole, far ahead; mostly right on.
                    2 => time - rng.below(render * 2) as i64,
                    3 => next - rng.below(render / 50) as i64,
                    4 => next + rng.below(render / 50) as i64,
                    5 => time + rng.below(render * 2) as i64,
                    6 => time + render as i64 / 2,
                    _ => next.max(time),
                };
                let n = if kind == 7 { render } else { rng.size(render / 20) };
                acts.push((at, Act::Feed(position, n)));
                if (4..8).contains(&kind) || kind > 7 {
                    next = position.max(0) + n as i64;
                }
            }
        }
        if let Some((_, Act::End | Act::Gap(_))) = acts.last() {
            (begun, next) = (at, 0);
        }
        if !rng.chance(3) {
            at += rng.size(mic / 20);
        }
    }
    acts
}

fn run(drawn: &Drawn, seed: u64, cut: u64) -> (Record, Vec<i64>, Vec<Fed>) {
    let mut rng = Rng::new(seed ^ cut.wrapping_mul(0xD1B5_4A32_D192_ED03));
    let limits = Limits { max_push: rng.size(8192) as u32, ..Limits::default() };
    let plan = drawn.graph.plan(&drawn.devices, limits);
    let mut executor = plan.unwrap_or_else(|e| panic!("seed {seed}: {e}")).executor();
    let frames = 2_000 + Rng::new(seed ^ 5).below(20_000);
    let acts = acts(&mut Rng::new(seed ^ 0x4D), frames, drawn.devices);
    let (mut record, mut lengths, mut fed) = (Record::default(), Vec::new(), Vec::new());
    let (mut at, mut in_segment) = (0, 0);
    for (to, act) in acts {
        while at < to {
            let n = rng.size(8192).min(to - at);
            executor.push(&ramp(in_segment, n), &mut record);
            (at, in_segment) = (at + n, in_segment + n);
        }
        match act {
            Act::Feed(position, n) => {
                fed.push(feed(&mut executor, position, n, &mut rng, &mut record));
            }
            Act::Gap(lost) => {
                executor.gap(lost, &mut record);
                in_segment += lost as usize * usize::from(executor.is_running());
            }
            Act::End => executor.end_segment(Reason::Interruption, &mut record),
        }
        if !executor.is_running() && in_segment > 0 {
            lengths.push(in_segment as i64);
            in_segment = 0;
        }
    }
    executor.drain(&mut record);
    lengths.extend((in_segment > 0).then_some(in_segment as i64));
    kit::assert_within_plan(&executor);
    (record, lengths, fed)
}

/// Feeds at once or in pieces, which is the same.
fn feed(e: &mut Executor, position: i64, n: usize, rng: &mut Rng, record: &mut Record) -> Fed {
    let value = |p: i64| if p < 0 { -STEP } else { p as f32 * STEP };
    let block: Vec<f32> = (position..position + n as i64).map(value).collect();
    let mut sum = Fed::default();
    let mut at = 0;
    while at < n {
        let size = if rng.chance(2) { n - at } else { rng.size(n - at) };
        let fed = e.feed(1, position + at as i64, &block[at..at + size], record);
        assert_eq!(fed.taken + fed.late + fed.early, size);
        sum.taken += fed.taken;
        sum.late += fed.late;
        sum.early += fed.early;
        at += size;
    }
    sum
}

#[test]
fn both_sources_stay_aligned_and_within_the_plan() {
    let graphs = kit::graphs(250, 10_000);
    let (mut taken, mut late, mut early) = (0, 0, 0);
    for seed in 1..=graphs {
        let drawn = draw(seed);
        let first = run(&drawn, seed, 1);
        for cut in 2..=3 {
            assert!(first == run(&drawn, seed, cut), "seed {seed}: cut {cut} differs");
        }
        let (record, lengths, fed) = first;
        for (o, rate) in drawn.outputs.iter().enumerate() {
            let Some(rate) = rate else { continue };
            let device = drawn.devices[0].rate as i64;
            for (segment, length) in lengths.iter().enumerate() {
                let stretch = &record.stretches[&(o, segment as u32, 0)];
                let want = (length * *rate as i64 + device - 1) / device;
                let got = stretch.samples.concat().len() as i64;
                assert_eq!((stretch.start, got), (0, want), "seed {seed}: output {o}");
            }
        }
        taken += fed.iter().map(|f| f.taken).sum::<usize>();
        late += fed.iter().map(|f| f.late).sum::<usize>();
        early += fed.iter().map(|f| f.early).sum::<usize>();
    }
    let compared = COMPARED.load(Ordering::Relaxed);
    println!("{taken} frames taken, {late} late, {early} early, {compared} compared");
    // The test looks at what it claims to look at.
    let many = graphs as usize * 4000;
    assert!(taken > many && late > many && early > many && compared > many);
}

/// The rules by which a frame is taken, once more and as simply as can be.
#[test]
fn what_was_fed_lies_where_it_belongs() {
    let mut g = graph([node::<Both>("both", &[("slack", i64::MAX)], &["render", "mic"])]);
    g.source(SourceDef::new("mic")).source(SourceDef::new("render"));
    g.output(output("o", "both"));
    for seed in 1..=200 {
        let mut rng = Rng::new(seed);
        let limits = Limits { max_push: rng.size(2000) as u32, ..Limits::default() };
        let mut executor = g.plan(&[Format::mono(1000)], limits).unwrap().executor();
        let (mut record, mut timeline, mut now) = (Record::default(), Vec::new(), 0);
        for _ in 0..100 {
            if rng.chance(2) {
                let n = rng.size(400);
                executor.push(&ramp(now, n), &mut record);
                now += n;
                timeline.resize(now.max(timeline.len()), 0.0);
                continue;
            }
            let position = now as i64 + rng.below(1500) as i64 - 700;
            let samples: Vec<f32> = (0..rng.size(800)).map(|i| 0.1 + i as f32 * STEP).collect();
            let mut want = Fed::default();
            let written = timeline.len() as i64;
            for (p, x) in (position..).zip(&samples) {
                if p < written {
                    want.late += 1;
                } else if p >= now as i64 + 500 {
                    want.early += 1;
                } else {
                    want.taken += 1;
                    timeline.resize(p as usize, 0.0);
                    timeline.push(*x);
                }
            }
            assert_eq!(executor.feed(1, position, &samples, &mut record), want, "seed {seed}");
        }
        executor.drain(&mut record);
        timeline.truncate(now);
        if now > 0 {
            assert!(record.stretches[&(0, 0, 0)].samples == [timeline], "seed {seed}");
        }
    }
}

/// Half a second ahead at any moment, before each of many small pushes.
#[test]
fn a_source_that_is_always_ahead_fits() {
    for (mic, render) in [(48_000, 44_100), (44_100, 48_000), (16_007, 11_025), (8_000, 96_000)] {
        for max_push in [1, 100, 8192] {
            let mut g = graph([
                node::<Rate>("far", &[("rate", mic as i64), ("frames", 441)], &["render"]),
                node::<Both>("both", &[("frames", 512), ("slack", i64::MAX)], &["mic", "far"]),
            ]);
            g.source(SourceDef::new("mic")).source(SourceDef::new("render"));
            g.output(output("o", "both"));
            let limits = Limits { max_push, ..Limits::default() };
            let formats = [Format::mono(mic), Format::mono(render)];
            let mut executor = g.plan(&formats, limits).unwrap().executor();
            let mut record = Record::default();
            let all = vec![0.25; 2 * render as usize];
            let mut at = 0;
            for block in ramp(0, 20_000).chunks(333) {
                let fed = executor.feed(1, at, &all, &mut record);
                at += fed.taken as i64;
                let ahead = executor.feed(1, at, &all, &mut record);
                assert_eq!((fed.late, ahead.taken), (0, 0));
                executor.push(block, &mut record);
            }
            executor.drain(&mut record);
            kit::assert_within_plan(&executor);
            assert_eq!(record.stretches[&(0, 0, 0)].samples, [ramp(0, 20_000)]);
        }
    }
}

/// A source there is not, less than a frame, and the microphone itself.
#[test]
fn what_cannot_be_fed_changes_nothing() {
    let mut g = graph([node::<Both>("both", &[("slack", i64::MAX)], &["render", "mic"])]);
    g.source(SourceDef::new("mic")).source(SourceDef::new("render"));
    g.output(output("o", "both"));
    let formats = [Format::mono(16_000), Format::mono(16_000)];
    let mut executor = g.plan(&formats, Limits::default()).unwrap().executor();
    let mut record = Record::default();
    executor.push(&ramp(0, 100), &mut record);
    for source in [0, 2, usize::MAX] {
        assert_eq!(executor.feed(source, 100, &[0.5; 100], &mut record), Fed::default());
    }
    assert_eq!(executor.feed(1, 100, &[], &mut record), Fed::default());
    assert_eq!(executor.feed(1, i64::MAX, &[0.5], &mut record).early, 1);
    executor.drain(&mut record);
    assert_eq!(record.stretches[&(0, 0, 0)].samples, [vec![0.0; 100]]);
}

#[test]
fn what_is_late_of_two_channels_is_whole_frames() {
    let mut g = graph([]);
    g.source(SourceDef::new("mic")).source(SourceDef::new("render"));
    g.output(output("far", "render")).output(output("near", "mic"));
    let formats = [Format::mono(1000), Format::stereo(1000)];
    let mut executor = g.plan(&formats, Limits::default()).unwrap().executor();
    let mut record = Record::default();
    executor.push(&ramp(0, 100), &mut record);
    let left: Vec<f32> = (0..20).map(|i| 0.1 + i as f32 * STEP).collect();
    let right: Vec<f32> = left.iter().map(|x| x + 0.5).collect();
    let block: Vec<f32> = left.iter().zip(&right).flat_map(|(l, r)| [*l, *r]).collect();
    let fed = executor.feed(1, 90, &block, &mut record);
    assert_eq!(fed, Fed { taken: 10, late: 10, early: 0 });
    executor.push(&ramp(100, 10), &mut record);
    executor.drain(&mut record);
    let far = &record.stretches[&(0, 0, 0)];
    assert_eq!([&far.samples[0][100..], &far.samples[1][100..]], [&left[10..], &right[10..]]);
}
