//! Random graphs under random cuts: the output is bit-identical however the input
//! arrives, every position is true, nothing captured is lost or invented, and no
//! tape outgrows the plan.

mod kit;

use kit::{Detect, Gate, Late, Pack, Rate, Record, Rng, STEP, Watch, node, output, ramp};
use tympan_core::{Event, Executor, Format, Graph, Limits, NodeDef, Reason, What};

/// Odd ones among them: 11 024 and 16 007 divide nothing.
const RATES: [u32; 9] = [8_000, 11_024, 16_000, 16_007, 22_050, 24_000, 44_100, 48_000, 96_000];

/// What the generator knows of a stream.
#[derive(Clone)]
struct Stream {
    id: String,
    rate: u32,
    /// 0 before all gates, else which gate.
    region: usize,
    /// Source frames by which rate changes may have moved a value.
    slack: f64,
    used: bool,
}

struct Drawn {
    graph: Graph,
    device: Format,
    /// Rate, slack and gate of each output that carries samples; none for packets.
    outputs: Vec<Option<Stream>>,
    gates: usize,
    odd: bool,
    joins: usize,
}

fn draw(seed: u64) -> Drawn {
    let mut rng = Rng::new(seed);
    let device = Format::mono(rng.pick(&RATES));
    let mut drawing = Drawing {
        streams: vec![Stream {
            id: "mic".into(),
            rate: device.rate,
            region: 0,
            slack: 0.0,
            used: true,
        }],
        nodes: Vec::new(),
        outputs: Vec::new(),
        packets: Vec::new(),
        device: device.rate,
        gates: 0,
        joins: 0,
    };
    for n in 0..2 + rng.below(10) {
        drawing.add(n, &mut rng);
    }
    drawing.finish(device, &mut rng)
}

struct Drawing {
    streams: Vec<Stream>,
    nodes: Vec<NodeDef>,
    outputs: Vec<Stream>,
    packets: Vec<String>,
    device: u32,
    gates: usize,
    joins: usize,
}

impl Drawing {
    fn add(&mut self, n: usize, rng: &mut Rng) {
        let id = format!("n{n}");
        let from = rng.below(self.streams.len());
        let input = self.streams[from].clone();
        let feeder = input.id.clone();
        let frames = if rng.chance(3) { 0 } else { rng.size(700) as i64 };
        let mut out = Stream { id: id.clone(), used: false, ..input.clone() };
        match rng.below(7) {
            0 | 1 => {
                out.rate = rng.pick(&RATES);
                out.slack +=
                    1.0 + self.device as f64 * (1.0 / out.rate as f64 + 1.0 / input.rate as f64);
                let keys = [("frames", frames), ("rate", out.rate as i64)];
                self.nodes.push(node::<Rate>(&id, &keys, &[&feeder]));
            }
            2 => {
                let keys = [("frames", frames), ("delay", rng.below(900) as i64)];
                self.nodes.push(node::<Late>(&id, &keys, &[&feeder]));
            }
            3 if input.region == 0 => {
                self.gate(&id, &input, rng);
                self.gates += 1;
                out.region = self.gates;
            }
            4 => {
                let keys = [("frames", rng.size(700) as i64), ("delay", rng.below(400) as i64)];
                self.nodes.push(node::<Pack>(&id, &keys, &[&feeder]));
                self.packets.push(id);
                self.streams[from].used = true;
                return;
            }
            _ => {
                let joined = self.join(&id, from, frames, rng);
                out.slack = joined;
            }
        }
        self.streams[from].used = true;
        self.streams.push(out);
    }

    /// A detector on any ungated stream, and a gate it opens.
    fn gate(&mut self, id: &str, input: &Stream, rng: &mut Rng) {
        let heard: Vec<&Stream> = self.streams.iter().filter(|s| s.region == 0).collect();
        let heard = heard[rng.below(heard.len())].id.clone();
        let detector = format!("{id}v");
        let keys = [
            ("frames", if rng.chance(4) { 0 } else { rng.size(600) as i64 }),
            ("rate", rng.pick(&[100i64, 100, 50, 62, 1000])),
            ("period", rng.size(6000) as i64 + 5),
            ("delay", rng.below(4) as i64),
        ];
        self.nodes.push(node::<Detect>(&detector, &keys, &[&heard]));
        let back = rng.below(input.rate as usize / 4) as i64;
        self.nodes.push(node::<Gate>(id, &[("back", back)], &[&input.id, &detector]));
    }

    fn join(&mut self, id: &str, first: usize, frames: i64, rng: &mut Rng) -> f64 {
        let Stream { rate, region, .. } = self.streams[first];
        let mut inputs = vec![first];
        for (i, s) in self.streams.iter().enumerate() {
            let fits = s.rate == rate && s.region == region && i != first;
            if fits && inputs.len() < 3 && rng.chance(2) {
                inputs.push(i);
            }
        }
        let slack = inputs.iter().map(|&i| self.streams[i].slack).fold(0.0, f64::max);
        let both = inputs.iter().map(|&i| self.streams[i].slack).sum::<f64>();
        let ids: Vec<String> = inputs.iter().map(|&i| self.streams[i].id.clone()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let keys = [("frames", frames), ("slack", both.ceil() as i64)];
        self.nodes.push(match ids.len() {
            1 => node::<Watch<1>>(id, &keys, &ids),
            2 => node::<Watch<2>>(id, &keys, &ids),
            _ => node::<Watch<3>>(id, &keys, &ids),
        });
        self.joins += usize::from(ids.len() > 1);
        for i in inputs {
            self.streams[i].used = true;
        }
        slack
    }

    /// Whatever nobody takes becomes an output, and some that are taken too.
    fn finish(mut self, device: Format, rng: &mut Rng) -> Drawn {
        let mut graph = kit::graph(self.nodes);
        for s in &self.streams {
            if !s.used || rng.chance(4) {
                self.outputs.push(s.clone());
            }
        }
        let mut outputs = Vec::new();
        for s in &self.outputs {
            graph.output(output(&format!("o-{}", s.id), &s.id));
            outputs.push(Some(s.clone()));
        }
        for id in &self.packets {
            graph.output(output(&format!("p-{id}"), id));
            outputs.push(None);
        }
        let odd = self.streams.iter().any(|s| matches!(s.rate, 11_024 | 16_007));
        Drawn { graph, device, outputs, gates: self.gates, odd, joins: self.joins }
    }
}

/// Where the input breaks off or has a hole; the same for every cut of a seed.
enum Mark {
    Lost(u64),
    End(Reason),
}

fn marks(rng: &mut Rng, frames: usize, rate: u32) -> Vec<(usize, Mark)> {
    let mut marks = Vec::new();
    let mut at = 0;
    loop {
        at += 1 + rng.below(frames);
        if at >= frames {
            return marks;
        }
        marks.push((
            at,
            match rng.below(3) {
                0 => Mark::Lost(1 + rng.below(rate as usize / 40) as u64),
                1 => Mark::Lost(rate as u64),
                _ => Mark::End(Reason::Interruption),
            },
        ));
    }
}

/// Runs a graph over `frames` frames, cut by `cut`, and returns what came out and
/// how long each segment was.
fn run(drawn: &Drawn, seed: u64, cut: u64, frames: usize) -> (Record, Vec<i64>, Executor) {
    let mut rng = Rng::new(seed ^ cut.wrapping_mul(0xD1B5_4A32_D192_ED03));
    let limits = Limits { max_push: rng.size(8192) as u32, ..Limits::default() };
    let plan = drawn.graph.plan(&[drawn.device], limits);
    let mut executor = plan.unwrap_or_else(|e| panic!("seed {seed}: {e}")).executor();
    let mut record = Record::default();
    let mut marks =
        marks(&mut Rng::new(seed ^ 0x4D), frames, drawn.device.rate).into_iter().peekable();
    // The ramp restarts with each segment, so that values are positions.
    let (mut at, mut in_segment, mut lengths) = (0, 0i64, Vec::new());
    while at < frames {
        let next = marks.peek().map_or(frames, |(p, _)| *p);
        let n = rng.size(8192).min(next - at);
        executor.push(&ramp(in_segment as usize, n), &mut record);
        at += n;
        in_segment += n as i64;
        while let Some((_, mark)) = marks.next_if(|(p, _)| *p == at) {
            match mark {
                Mark::Lost(lost) => executor.gap(lost, &mut record),
                Mark::End(reason) => executor.end_segment(reason, &mut record),
            }
            if let Mark::Lost(lost) = mark
                && executor.is_running()
            {
                in_segment += lost as i64;
            }
            if !executor.is_running() && in_segment > 0 {
                lengths.push(in_segment);
                in_segment = 0;
            }
        }
    }
    executor.drain(&mut record);
    if in_segment > 0 {
        lengths.push(in_segment);
    }
    (record, lengths, executor)
}

/// Every sample of every output says where it was captured, and there are exactly as
/// many as were captured.
fn assert_true(drawn: &Drawn, record: &Record, lengths: &[i64], seed: u64) {
    let device = drawn.device.rate as i64;
    for ((o, segment, _), stretch) in &record.stretches {
        assert!(stretch.ended, "seed {seed}: output {o} was not ended");
        let Some(stream) = &drawn.outputs[*o] else {
            continue;
        };
        // An utterance may begin between two frames of another rate than its gate's.
        let between = if stream.region > 0 { device as f64 / stream.rate as f64 } else { 0.0 };
        let slack = if stream.slack > 0.0 { stream.slack + between } else { 0.0 };
        let filled = filled(record, *segment);
        let frames = stretch.samples.first().map_or(0, Vec::len) as i64;
        let end = (stretch.start + frames) as f64 * device as f64 / stream.rate as f64;
        for (i, x) in stretch.samples.iter().flatten().enumerate() {
            let position = stretch.start + i as i64;
            let want = position as f64 * device as f64 / stream.rate as f64;
            let is = (x / STEP) as f64;
            // Zeros stand for what was lost, and at the very end for a frame that a rate
            // change has begun; negative is a delay's pre-roll, which rate changes may
            // carry a little past the beginning.
            let frame = device as f64 / stream.rate as f64;
            let at_end = slack > 0.0 && want + frame + slack >= end;
            if is == 0.0 && (filled || at_end) || is < 0.0 && want <= slack + 1.0 {
                continue;
            }
            assert!(
                (is - want).abs() <= slack,
                "seed {seed}: output {o} at {position}: captured at {is}, should be {want}"
            );
        }
    }
    for (o, stream) in drawn.outputs.iter().enumerate() {
        let Some(stream) = stream.as_ref().filter(|s| s.region == 0) else { continue };
        for (segment, &length) in lengths.iter().enumerate() {
            let want = (length * stream.rate as i64 + device - 1) / device;
            let got = &record.stretches[&(o, segment as u32, 0)];
            assert_eq!(
                (got.start, got.samples[0].len() as i64),
                (0, want),
                "seed {seed} output {o}"
            );
        }
    }
}

fn filled(record: &Record, segment: u32) -> bool {
    record.events.get(&Event::ENGINE).is_some_and(|events| {
        events
            .iter()
            .any(|e| e.segment == segment && matches!(e.what, What::Gap { filled: 1.., .. }))
    })
}

/// Behind a gate there is exactly what lies between its borders.
fn assert_utterances(drawn: &Drawn, record: &Record, executor: &Executor, seed: u64) -> usize {
    let names: Vec<&str> = executor.nodes().collect();
    let mut count = 0;
    for (o, stream) in drawn.outputs.iter().enumerate() {
        let Some(stream) = stream.as_ref().filter(|s| s.region > 0) else { continue };
        // The gate of this region is the only one whose utterances it carries.
        let mine = record.stretches.iter().filter(|((out, _, _), _)| *out == o);
        for ((_, segment, utterance), stretch) in mine {
            count += 1;
            let of_gate = |e: &&Event| {
                e.segment == *segment
                    && names[e.node as usize].starts_with('n')
                    && matches!(e.what, What::UtteranceStart(u) | What::UtteranceEnd(u) if u == *utterance)
            };
            let borders: Vec<(i64, u32)> = record
                .events
                .iter()
                .filter(|(node, _)| **node != Event::ENGINE)
                .map(|(_, events)| events.iter().filter(of_gate).collect::<Vec<_>>())
                .filter(|pair| pair.len() == 2)
                .map(|pair| (pair[1].position - pair[0].position, pair[0].rate))
                .collect();
            let frames = stretch.samples.first().map_or(0, Vec::len) as i64;
            let fits = |&(length, rate): &(i64, u32)| {
                let (out, rate) = (stream.rate as i64, rate as i64);
                (length * out + rate - 1) / rate == frames
            };
            assert!(borders.iter().any(fits), "seed {seed}: {frames} frames between {borders:?}");
        }
    }
    count
}

#[test]
fn any_cut_of_any_graph_gives_the_same_true_stream() {
    let graphs = kit::graphs(10_000, 100_000);
    let (mut joins, mut odd, mut gated, mut utterances, mut tightest) = (0, 0, 0, 0, usize::MAX);
    for seed in 1..=graphs {
        let drawn = draw(seed);
        let frames = 2_000 + Rng::new(seed ^ 5).below(20_000);
        let mut first: Option<Record> = None;
        for cut in 1..=3 {
            let (record, lengths, executor) = run(&drawn, seed, cut, frames);
            kit::assert_within_plan(&executor);
            tightest =
                executor.marks().map(|(high, room)| room - high).min().unwrap_or(0).min(tightest);
            match &first {
                None => {
                    assert_true(&drawn, &record, &lengths, seed);
                    utterances += assert_utterances(&drawn, &record, &executor, seed);
                    first = Some(record);
                }
                Some(first) => assert!(*first == record, "seed {seed}: cut {cut} differs"),
            }
        }
        joins += drawn.joins;
        odd += usize::from(drawn.odd);
        gated += drawn.gates;
    }
    println!(
        "{graphs} graphs: {joins} joins, {odd} with 11 024 or 16 007 Hz, {gated} gates, \
         {utterances} stretches behind gates, least unused room {tightest} frames"
    );
    assert!(
        joins > graphs as usize / 4 && odd > graphs as usize / 4 && gated > graphs as usize / 4
    );
    assert!(utterances > graphs as usize);
}
