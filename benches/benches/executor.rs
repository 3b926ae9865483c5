//! What the engine itself costs: chains of gains, which do almost nothing, beside
//! Firewheel 0.14 and beside no engine at all.
//!
//! Two pairs. *Bare* gains compare engines: each is nothing but one and the same loop,
//! one multiplication per sample, from one buffer to another. Our `gain` and
//! Firewheel's `volume` compare what is shipped: both follow changes, each has its own
//! loop, and ours asks for the widest instructions of the machine.
//!
//! Equal: 480 mono samples per block; both engines keep their own copy of the input
//! and look at every sample of it. Not equal: on the way out we see to it that every
//! sample is finite and within ±1, which Firewheel leaves off unless asked, and hand
//! over a copy, as it does; we keep positions and cut into frames, Firewheel keeps
//! masks of silent channels and looks for events. Firewheel is built without its
//! optional features and is told the time, so that it need not ask for it.
//!
//! Fails if 64 of our `gain` take longer than 64 of its `volume`, or touch the heap. Of
//! bare gains the figure is told, not judged: the two engines are level there, and
//! which is ahead by a percent or two differs from run to run.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use tympan_benches::{Contender, Times, heap, race};
use tympan_core::{Discard, Event, Executor, Header, Planar, Sink};
use tympan_nodes::Gain;

use ours::Bare;

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

const RATE: u32 = 48_000;
const FRAMES: usize = 480;
/// A lap is the least audio that whole blocks of 480 and callbacks of 512 make up.
const BLOCKS: usize = 16;
const LAP: usize = BLOCKS * FRAMES;
/// 64 of these are 6 dB: nothing gets near the denormals or full scale.
const DB: f64 = -0.1;

const CHAINS: [usize; 4] = [0, 1, 8, 64];
const ROUNDS: usize = 301;
/// The bar: as many times our rival's time for the longest chain as we may take.
const MOST: f64 = 1.0;

/// The loop every contender runs, never inlined: how it happens to be aligned must not
/// favour one. Unrolled by hand, because the compiler's own takes 26 or 43 ns per block
/// depending on what surrounds it, and then measures that and no engine.
#[inline(never)]
fn multiply(out: &mut [f32], x: &[f32], by: f32) {
    let ((out, out_rest), (x, x_rest)) = (out.as_chunks_mut::<32>(), x.as_chunks::<32>());
    for (out, x) in out.iter_mut().zip(x) {
        for (o, x) in out.iter_mut().zip(x) {
            *o = x * by;
        }
    }
    for (o, x) in out_rest.iter_mut().zip(x_rest) {
        *o = x * by;
    }
}

fn factor() -> f32 {
    black_box(10f32.powf(DB as f32 / 20.0))
}

/// No engine: the loop from buffer to buffer, the input copied in and the output out.
mod hand {
    use super::{FRAMES, factor, multiply};

    pub(super) struct Chain {
        nodes: Vec<f32>,
        now: Vec<f32>,
        next: Vec<f32>,
        pub(super) out: Vec<f32>,
    }

    impl Chain {
        pub(super) fn new(nodes: usize) -> Self {
            let silence = || vec![0.0; FRAMES];
            Self { nodes: vec![factor(); nodes], now: silence(), next: silence(), out: silence() }
        }

        pub(super) fn push(&mut self, block: &[f32]) {
            self.now.copy_from_slice(block);
            for &by in &self.nodes {
                multiply(&mut self.next, &self.now, by);
                std::mem::swap(&mut self.now, &mut self.next);
            }
            self.out.copy_from_slice(&self.now);
        }
    }
}

/// Us.
mod ours {
    use tympan_core::{
        Build, Built, Executor, Format, Frames, Graph, Input, Kind, KindInfo, Limits, Node,
        NodeDef, Output, OutputDef, Param, Refusal, Spec, Value,
    };

    use super::{DB, RATE, multiply};

    /// A gain that is nothing but the loop; in frames of so many, 0 for any.
    pub(super) struct Bare<const FRAMES: u32>(f32);

    impl<const FRAMES: u32> Kind for Bare<FRAMES> {
        const NAME: &'static str = "bare";
        const ABOUT: &'static str = "Multiplies.";
        const PARAMS: &'static [Param] = &[Param::number("db", -60.0, 60.0, 0.0)];

        fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
            let mut spec = Spec::audio(cx.input(0));
            if FRAMES > 0 {
                spec.frames = Frames::Fixed(FRAMES);
            }
            spec.runs(Self(10f32.powf(cx.number("db") as f32 / 20.0)))
        }
    }

    impl<const FRAMES: u32> Node for Bare<FRAMES> {
        fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
            multiply(output.channel(0), input.channel(0, 0), self.0);
        }
    }

    pub(super) fn chain<K: Kind>(nodes: usize) -> Executor {
        let mut graph = Graph::new();
        for i in 0..nodes {
            let mut node = NodeDef::new(&format!("gain{i}"), KindInfo::of::<K>());
            node.set("db", Value::Number(DB)).expect("a gain has `db`");
            graph.node(node);
        }
        graph.output(OutputDef::new("out"));
        let plan = graph.plan(&[Format::mono(RATE)], Limits::default());
        plan.expect("a chain is a graph").executor()
    }
}

/// Firewheel.
mod peer {
    use std::num::NonZeroU32;
    use std::time::{Duration, Instant};

    use audioadapter_buffers::direct::InterleavedSlice;
    use firewheel::backend::BackendProcessInfo;
    use firewheel::channel_config::{ChannelConfig, ChannelCount, NonZeroChannelCount};
    use firewheel::node::{
        AudioNode, AudioNodeInfo, AudioNodeProcessor, ConstructProcessorContext, EmptyConfig,
        NodeError, ProcBuffers, ProcExtra, ProcInfo, ProcessStatus, StreamStatus,
    };
    use firewheel::nodes::volume::{VolumeNode, VolumeNodeConfig};
    use firewheel::processor::FirewheelProcessor;
    use firewheel::{ActivateInfo, FirewheelConfig, FirewheelContext};

    use super::{DB, FRAMES, RATE, factor, multiply};

    /// A gain that is nothing but the loop. Out of place, as Firewheel's own volume
    /// is: its scheduler copies for nodes that want to work in place.
    struct Bare;
    struct BareProcessor(f32);

    impl AudioNode for Bare {
        type Configuration = EmptyConfig;

        fn info(&self, _: &EmptyConfig) -> Result<AudioNodeInfo, NodeError> {
            let (num_inputs, num_outputs) = (ChannelCount::MONO, ChannelCount::MONO);
            Ok(AudioNodeInfo::new().channel_config(ChannelConfig { num_inputs, num_outputs }))
        }

        fn construct_processor(
            &self,
            _: &EmptyConfig,
            _: ConstructProcessorContext<'_>,
        ) -> Result<impl AudioNodeProcessor, NodeError> {
            Ok(BareProcessor(factor()))
        }
    }

    impl AudioNodeProcessor for BareProcessor {
        fn process(
            &mut self,
            _: &ProcInfo,
            buffers: ProcBuffers<'_, '_>,
            _: &mut ProcExtra,
        ) -> ProcessStatus {
            multiply(buffers.outputs[0], buffers.inputs[0], self.0);
            ProcessStatus::OutputsModified
        }
    }

    pub(super) struct Chain {
        // Goes before the context, which takes back what is in it.
        processor: FirewheelProcessor,
        context: FirewheelContext,
        info: BackendProcessInfo,
        pub(super) out: [f32; FRAMES],
    }

    impl Chain {
        pub(super) fn bare(nodes: usize) -> Self {
            Self::of(nodes, || (Bare, None))
        }

        /// Firewheel's own gain, which also follows changes and skips silence.
        pub(super) fn volume(nodes: usize) -> Self {
            let mono = VolumeNodeConfig { channels: NonZeroChannelCount::MONO };
            Self::of(nodes, || (VolumeNode::from_decibels(DB as f32), Some(mono)))
        }

        fn of<N: AudioNode + 'static>(
            nodes: usize,
            node: impl Fn() -> (N, Option<N::Configuration>),
        ) -> Self {
            let mut context = FirewheelContext::new(FirewheelConfig {
                num_graph_inputs: ChannelCount::MONO,
                num_graph_outputs: ChannelCount::MONO,
                ..Default::default()
            });
            let mut last = context.graph_in_node_id();
            for _ in 0..nodes {
                let (node, config) = node();
                let node = context.add_node(node, config).expect("the node is fine");
                context.connect(last, node, &[(0, 0)], false).expect("both are mono");
                last = node;
            }
            let out = context.graph_out_node_id();
            context.connect(last, out, &[(0, 0)], false).expect("both are mono");
            let processor = context.activate(ActivateInfo {
                sample_rate: NonZeroU32::new(RATE).expect("not 0"),
                max_block_frames: NonZeroU32::new(FRAMES as u32).expect("not 0"),
                num_stream_in_channels: 1,
                num_stream_out_channels: 1,
                input_to_output_latency_seconds: 0.0,
            });
            let processor = processor.expect("nothing runs yet");
            context.update().expect("a chain is a graph");
            let info = BackendProcessInfo {
                frames: FRAMES,
                process_timestamp: Some(Instant::now()),
                duration_since_stream_start: Duration::ZERO,
                input_stream_status: StreamStatus::empty(),
                output_stream_status: StreamStatus::empty(),
                dropped_frames: 0,
                process_to_playback_delay: None,
            };
            Self { processor, context, info, out: [0.0; FRAMES] }
        }

        pub(super) fn push(&mut self, block: &[f32]) {
            debug_assert!(self.context.is_active());
            let input = InterleavedSlice::new(block, 1, FRAMES).expect("mono");
            let mut output = InterleavedSlice::new_mut(&mut self.out, 1, FRAMES).expect("mono");
            self.processor.process(&input, &mut output, self.info.clone());
        }
    }
}

/// A lap of noise at half of full scale, the same in every run.
fn noise() -> Vec<f32> {
    let mut seed = 1u32;
    let sample = |_| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed as i32 as f32 / (1u32 << 31) as f32 / 2.0
    };
    (0..LAP).map(sample).collect()
}

/// Everyone who runs a chain of so many nodes over `audio`, in the table's order.
fn contenders(nodes: usize, audio: &[f32]) -> Vec<Contender<'_>> {
    let mut hand = hand::Chain::new(nodes);
    let ours = |name, mut executor: Executor, at_once: usize| {
        Contender::new(name, move || {
            audio.chunks_exact(at_once).for_each(|b| executor.push(b, &mut Discard));
        })
    };
    let theirs = |name, mut chain: peer::Chain| {
        Contender::new(name, move || {
            audio.chunks_exact(FRAMES).for_each(|b| chain.push(b));
            black_box(&chain.out);
        })
    };
    vec![
        Contender::new("no engine", move || {
            audio.chunks_exact(FRAMES).for_each(|b| hand.push(b));
            black_box(&hand.out);
        }),
        ours("tympan, bare gains", ours::chain::<Bare<0>>(nodes), FRAMES),
        ours("tympan, bare gains of 480, callback 512", ours::chain::<Bare<480>>(nodes), 512),
        ours("tympan, `gain`", ours::chain::<Gain>(nodes), FRAMES),
        theirs("firewheel, bare gains", peer::Chain::bare(nodes)),
        theirs("firewheel, `volume`", peer::Chain::volume(nodes)),
    ]
}

/// Whom each of them is compared to.
const RIVALS: [usize; 6] = [4, 4, 4, 5, 4, 5];
/// Who must keep the bar.
const JUDGED: [usize; 1] = [3];

/// A contender that skips work would win.
fn all_do_the_work(audio: &[f32]) {
    for nodes in CHAINS {
        let mut hand = hand::Chain::new(nodes);
        let mut any = ours::chain::<Bare<0>>(nodes);
        let mut framed = ours::chain::<Bare<480>>(nodes);
        let mut gain = ours::chain::<Gain>(nodes);
        let mut last: [Last; 3] = Default::default();
        let mut theirs = [peer::Chain::bare(nodes), peer::Chain::volume(nodes)];
        for block in audio.chunks_exact(FRAMES) {
            hand.push(block);
            any.push(block, &mut last[0]);
            framed.push(block, &mut last[1]);
            gain.push(block, &mut last[2]);
            for chain in &mut theirs {
                chain.push(block);
            }
        }
        let outs = last.iter().map(|l| &l.0[..]).chain(theirs.iter().map(|t| &t.out[..]));
        for (i, out) in outs.enumerate() {
            let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-6;
            let same = out.len() == FRAMES && out.iter().zip(&hand.out).all(near);
            assert!(same, "engine {i} makes something else of {nodes} gains");
        }
    }
}

/// Keeps the last block.
#[derive(Default)]
struct Last(Vec<f32>);

impl Sink for Last {
    fn audio(&mut self, _: usize, _: &Header, block: Planar<'_>) {
        self.0 = block.channel(0).to_vec();
    }
    fn packet(&mut self, _: usize, _: &Header, _: &[u8]) {}
    fn event(&mut self, _: Event) {}
}

/// What one of them was measured to take.
struct Row {
    name: &'static str,
    /// Per chain, in ns per lap.
    times: Vec<Times>,
    /// In a lap of the longest chain.
    heap: u64,
}

fn measure(audio: &[f32]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for nodes in CHAINS {
        let mut all = contenders(nodes, audio);
        let times = race(&mut all, ROUNDS);
        rows.resize_with(all.len(), || Row { name: "", times: Vec::new(), heap: 0 });
        for ((row, mut contender), times) in rows.iter_mut().zip(all).zip(times) {
            row.name = contender.name;
            row.times.push(times);
            row.heap = heap::operations(&mut contender.lap);
        }
    }
    rows
}

impl Row {
    /// The longest chain against that of a rival.
    fn against(&self, rival: &Self) -> (f64, f64) {
        let (a, b) = (&self.times[CHAINS.len() - 1], &rival.times[CHAINS.len() - 1]);
        (a.ratio(b), a.ratio_of_minima(b))
    }
}

fn print(rows: &[Row]) {
    println!();
    println!(
        "ns of thread time per {FRAMES} frames for 0 to 64 gains, best of {ROUNDS} rounds; per"
    );
    println!(
        "node as the slope from 8 to 64; 64 gains against firewheel's of the same sort, as the"
    );
    println!("median over the rounds and as best against best; heap operations with 64 gains.");
    println!();
    println!("| engine | 0 | 1 | 8 | 64 | a node | median | best | heap |");
    println!("|---|---|---|---|---|---|---|---|---|");
    for (row, &rival) in rows.iter().zip(&RIVALS) {
        let ns: Vec<f64> = row.times.iter().map(|t| t.min() / BLOCKS as f64).collect();
        let node = (ns[3] - ns[2]) / (CHAINS[3] - CHAINS[2]) as f64;
        let (median, best) = row.against(&rows[rival]);
        print!("| {} |", row.name);
        for ns in &ns {
            print!(" {ns:.0} |");
        }
        println!(" {node:.1} | {median:.3} | {best:.3} | {} |", row.heap);
    }
    println!();
}

/// Says whether those who must keep the bar do.
fn judge(rows: &[Row]) -> bool {
    let mut all = true;
    for i in JUDGED {
        let (row, rival) = (&rows[i], &rows[RIVALS[i]]);
        let (ratio, _) = row.against(rival);
        let kept = ratio <= MOST && row.heap == 0;
        let verdict = if kept { "kept" } else { "NOT KEPT" };
        println!("{}: {ratio:.3} times {}, {} heap operations", row.name, rival.name, row.heap);
        println!("    the bar of {MOST:.3} and 0 is {verdict}");
        all &= kept;
    }
    all
}

fn main() -> ExitCode {
    let audio = noise();
    all_do_the_work(&audio);
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500))
        .configure_from_args();
    for nodes in CHAINS {
        let mut group = criterion.benchmark_group(format!("{nodes} gains"));
        group.throughput(Throughput::Elements(LAP as u64));
        for mut contender in contenders(nodes, &audio) {
            group.bench_function(contender.name, |b| b.iter(&mut contender.lap));
        }
        group.finish();
    }
    criterion.final_summary();
    // Whoever tests, or asks for a list, has no time for a race.
    if !std::env::args().any(|a| a == "--bench") {
        return ExitCode::SUCCESS;
    }
    let rows = measure(&audio);
    print(&rows);
    if judge(&rows) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
