//! What the plan and the docs promise about time and order, held against a run:
//! delay and waiting, the pace of an opening, what comes before what.

mod kit;

use kit::{Detect, Gate, Late, Pack, Rate, Rng, STEP, Watch, graph, node, output, ramp};
use tympan_core::{
    Border, Build, Built, Event, Format, Graph, Header, Input, Kind, Limits, Node, NodeDef, Output,
    Planar, Reason, Refusal, Sink, Spec, What,
};

/// Where each output has got to, and how much it put out since it was last asked.
#[derive(Default)]
struct Reached {
    ends: Vec<Option<i64>>,
    frames: usize,
}

impl Reached {
    fn note(&mut self, output: usize, header: &Header) {
        self.ends.resize(self.ends.len().max(output + 1), None);
        self.ends[output] = Some(header.position + header.frames as i64);
        self.frames += header.frames as usize;
    }
}

impl Sink for Reached {
    fn audio(&mut self, output: usize, header: &Header, _: Planar<'_>) {
        self.note(output, header);
    }
    fn packet(&mut self, output: usize, header: &Header, _: &[u8]) {
        self.note(output, header);
    }
    fn event(&mut self, _: Event) {}
}

/// A chain, a branch, and where they meet again.
fn branches(rng: &mut Rng) -> Graph {
    let mut nodes: Vec<NodeDef> = Vec::new();
    let mut tips = ["mic".to_owned(), "mic".to_owned()];
    for n in 0..3 + rng.below(4) {
        let id = format!("n{n}");
        let tip = rng.below(2);
        let frames = ("frames", if rng.chance(3) { 0 } else { rng.size(900) as i64 });
        let rate = [16_000, 16_007, 44_100][rng.below(3)];
        nodes.push(if rng.chance(2) {
            node::<Late>(&id, &[frames, ("delay", rng.below(900) as i64)], &[&tips[tip]])
        } else {
            node::<Rate>(&id, &[frames, ("rate", rate)], &[&tips[tip]])
        });
        tips[tip] = id;
    }
    for (side, tip) in tips.iter_mut().enumerate() {
        let id = format!("r{side}");
        nodes.push(node::<Rate>(&id, &[("rate", 22_050)], &[tip]));
        *tip = id;
    }
    let keys = [("frames", rng.size(900) as i64), ("slack", 1 << 30)];
    nodes.push(node::<Watch<2>>("join", &keys, &[&tips[0], &tips[1]]));
    let keys = [("frames", rng.size(900) as i64), ("delay", rng.below(900) as i64)];
    nodes.push(node::<Pack>("pack", &keys, &["join"]));
    let outputs: Vec<String> = nodes.iter().enumerate().map(|(i, _)| format!("o{i}")).collect();
    let ids: Vec<String> = (0..nodes.len() - 4).map(|n| format!("n{n}")).collect();
    let mut g = graph(nodes);
    let last = ["r0", "r1", "join", "pack"].map(String::from);
    for (name, from) in outputs.iter().zip(ids.iter().chain(&last)) {
        g.output(output(name, from));
    }
    g
}

/// However the input is cut, an output is never less late than its delay, and never
/// later than delay and waiting together.
#[test]
fn nothing_is_later_than_the_plan_says() {
    // How near the two bounds are come to, in seconds.
    let (mut nearest, mut farthest) = (f64::MAX, f64::MAX);
    for seed in 1..=200 {
        let mut rng = Rng::new(seed);
        let g = branches(&mut rng);
        let plan = g.plan(&[Format::mono(48_000)], Limits::default()).unwrap();
        let promised: Vec<_> =
            plan.outputs().iter().map(|o| (o.delay, o.wait, o.format.rate)).collect();
        let mut executor = plan.executor();
        let mut reached = Reached::default();
        let mut now = 0;
        while now < 20_000 {
            let n = rng.size(500);
            executor.push(&ramp(now, n), &mut reached);
            now += n;
            for (end, &(delay, wait, rate)) in reached.ends.iter().zip(&promised) {
                let Some(end) = end else { continue };
                let late = now as f64 / 48_000.0 - *end as f64 / rate as f64;
                assert!(late > delay - 1e-9, "seed {seed}: {late} s, delay {delay} s");
                assert!(late < delay + wait + 1e-9, "seed {seed}: {late} s, {delay} + {wait} s");
                nearest = nearest.min(late - delay);
                farthest = farthest.min(delay + wait - late);
            }
        }
    }
    assert!(nearest < 1e-6 && farthest < 1e-4, "the bounds are loose: {nearest} {farthest}");
}

/// An opening that reaches back a second catches up within a second, and no push
/// carries more than twice its own frames.
#[test]
fn an_opening_costs_no_burst() {
    for cut in [100, 480, 1000] {
        let mut g = graph([
            node::<Detect>("voice", &[("rate", 1000), ("period", 20_000)], &["mic"]),
            node::<Gate>("gate", &[("back", 16_000)], &["mic", "voice"]),
        ]);
        g.output(output("o", "gate"));
        let plan = g.plan(&[Format::mono(16_000)], Limits::default()).unwrap();
        let mut executor = plan.executor();
        let mut reached = Reached::default();
        for block in ramp(0, 38_000).chunks(cut) {
            reached.frames = 0;
            executor.push(block, &mut reached);
            assert!(reached.frames <= 2 * cut, "{} frames of {cut}", reached.frames);
        }
        // It opened at 20 000 and has long since caught up.
        assert_eq!(reached.ends, [Some(38_000)], "cut {cut}");
    }
}

/// What happened, in the order it was said.
#[derive(Default)]
struct Story(Vec<String>);

impl Story {
    fn say(&mut self, word: String) {
        if self.0.last() != Some(&word) {
            self.0.push(word);
        }
    }
}

impl Sink for Story {
    fn audio(&mut self, _: usize, header: &Header, _: Planar<'_>) {
        self.say(format!("samples {}.{}", header.segment, header.utterance));
    }
    fn packet(&mut self, _: usize, header: &Header, _: &[u8]) {
        self.say(format!("packets {}.{}", header.segment, header.utterance));
    }
    fn event(&mut self, event: Event) {
        if !matches!(event.what, What::SpeechStart | What::SpeechEnd) {
            self.say(format!("{:?} {}", event.what, event.segment));
        }
    }
}

#[test]
fn a_border_is_told_before_and_after_what_lies_between() {
    let mut g = graph([
        node::<Detect>("voice", &[("rate", 1000), ("period", 1000)], &["mic"]),
        node::<Gate>("gate", &[], &["mic", "voice"]),
        node::<Pack>("pack", &[("frames", 960)], &["gate"]),
    ]);
    g.output(output("packets", "pack"));
    for cut in [50, 5000] {
        let mut executor = g.plan(&[Format::mono(16_000)], Limits::default()).unwrap().executor();
        let mut story = Story::default();
        for reason in [Reason::Interruption, Reason::Stop] {
            for block in ramp(0, 3500).chunks(cut) {
                executor.push(block, &mut story);
            }
            executor.gap(3, &mut story);
            executor.end_segment(reason, &mut story);
        }
        let segment = |s: u32, why: &str| {
            let gap = "Gap { lost: 3, filled: 3 }";
            [
                format!("SegmentStart {s}"),
                format!("UtteranceStart(0) {s}"),
                format!("packets {s}.0"),
                format!("UtteranceEnd(0) {s}"),
                format!("UtteranceStart(1) {s}"),
                format!("{gap} {s}"),
                format!("packets {s}.1"),
                format!("UtteranceEnd(1) {s}"),
                format!("SegmentEnd({why}) {s}"),
            ]
        };
        let want = [segment(0, "Interruption"), segment(1, "Stop")].concat();
        assert_eq!(story.0, want, "cut {cut}");
    }
}

/// Writes in the first segment and leaves what is there in the others.
struct Leaves {
    first: bool,
}

impl Kind for Leaves {
    const NAME: &'static str = "leaves";
    const ABOUT: &'static str = "Does not write.";

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::audio(cx.input(0)).runs(Self { first: true })
    }
}

impl Node for Leaves {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        for channel in (0..output.channels()).filter(|_| self.first) {
            output.channel(channel).copy_from_slice(input.channel(0, channel));
        }
    }

    fn reset(&mut self, _: Border) {
        self.first = false;
    }
}

/// Nothing of a segment stays in memory, even for a node that looks for it.
#[test]
fn memory_is_cleared_at_a_border() {
    for reset in [false, true] {
        let mut g = graph([node::<Leaves>("leaves", &[], &[])]);
        g.output(output("o", "leaves"));
        let mut executor = g.plan(&[Format::stereo(16_000)], Limits::default()).unwrap().executor();
        let mut record = kit::Record::default();
        executor.push(&[0.5; 1600], &mut record);
        if reset {
            executor.reset();
        } else {
            executor.end_segment(Reason::Interruption, &mut record);
        }
        executor.push(&[0.5; 1600], &mut record);
        assert_eq!(record.stretches[&(0, 1, 0)].samples, vec![vec![0.0; 800]; 2]);
    }
}

/// No channel gets into another, through delays, rates and gates.
#[test]
fn channels_stay_apart() {
    for channels in [2, 5, 64] {
        let mut g = graph([
            node::<Late>("late", &[("frames", 160), ("delay", 77)], &["mic"]),
            node::<Detect>("voice", &[("period", 500)], &["mic"]),
            node::<Gate>("gate", &[("back", 200)], &["late", "voice"]),
            node::<Rate>("rate", &[("frames", 100), ("rate", 11_024)], &["gate"]),
        ]);
        for from in ["mic", "late", "gate", "rate"] {
            g.output(output(from, from));
        }
        let limits = Limits { max_push: 333, ..Limits::default() };
        let plan = g.plan(&[Format::new(16_000, channels)], limits).unwrap();
        let mut executor = plan.executor();
        let mut record = kit::Record::default();
        // Channel `c` runs `c` steps ahead.
        let frame = |p: usize| (0..channels as usize).map(move |c| (p + c + 1) as f32 * STEP);
        executor.push(&(0..5000).flat_map(frame).collect::<Vec<_>>(), &mut record);
        executor.drain(&mut record);
        assert!(record.stretches.len() > 10);
        for stretch in record.stretches.values() {
            let first = &stretch.samples[0];
            for (c, samples) in stretch.samples.iter().enumerate() {
                for (x, first) in samples.iter().zip(first) {
                    // Filling and pre-roll are the same on all channels.
                    let apart = if *first > 0.0 { c as f32 } else { 0.0 };
                    assert_eq!((x - first) / STEP, apart, "channel {c} of {channels}");
                }
            }
        }
    }
}
