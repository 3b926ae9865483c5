//! Calls that come twice, too early or in the middle of something: stopping what does
//! not run, throwing a segment away, gaps before and between segments.

mod kit;

use std::sync::atomic::{AtomicUsize, Ordering};

use kit::{Detect, Gate, Late, Pack, Rate, Record, Rng, graph, node, output, ramp};
use tympan_core::{
    Build, Built, Discard, Event, Executor, Format, Graph, Input, Kind, Limits, Node, Output,
    Reason, Refusal, Spec, What,
};

fn some_graph() -> Graph {
    let mut g = graph([
        node::<Rate>("rate", &[("rate", 11_024), ("frames", 300)], &["mic"]),
        node::<Late>("late", &[("frames", 160), ("delay", 333)], &["mic"]),
        node::<Detect>("voice", &[("period", 700), ("frames", 160)], &["late"]),
        node::<Gate>("gate", &[("back", 3000)], &["mic", "voice"]),
        node::<Late>("inside", &[("frames", 100), ("delay", 500)], &["gate"]),
        node::<Pack>("pack", &[("frames", 320), ("delay", 104)], &["inside"]),
    ]);
    for from in ["mic", "rate", "late", "inside", "pack"] {
        g.output(output(from, from));
    }
    g
}

fn executor(graph: &Graph) -> Executor {
    graph.plan(&[Format::mono(16_000)], Limits::default()).unwrap().executor()
}

fn told(record: &Record) -> Vec<(u32, What)> {
    record.events[&Event::ENGINE].iter().map(|e| (e.segment, e.what)).collect()
}

#[test]
fn ending_what_does_not_run_does_nothing() {
    let mut executor = executor(&some_graph());
    let mut record = Record::default();
    executor.drain(&mut record);
    executor.end_segment(Reason::Stop, &mut record);
    executor.reset();
    executor.gap(0, &mut record);
    executor.push(&[], &mut record);
    assert!(record == Record::default() && executor.segment() == 0 && !executor.is_running());
    executor.push(&ramp(0, 100), &mut record);
    for _ in 0..3 {
        executor.end_segment(Reason::Interruption, &mut record);
    }
    executor.drain(&mut record);
    executor.drain(&mut record);
    assert_eq!((executor.segment(), executor.is_running()), (1, false));
    let once = [(0, What::SegmentStart), (0, What::SegmentEnd(Reason::Interruption))];
    assert_eq!(told(&record), once);
}

/// The very first frames lost, and frames lost between two segments, begin nothing.
#[test]
fn a_gap_where_nothing_runs_is_told_and_that_is_all() {
    let mut executor = executor(&some_graph());
    let mut record = Record::default();
    executor.gap(10, &mut record);
    executor.gap(u64::MAX, &mut record);
    assert!(!executor.is_running() && record.stretches.is_empty());
    let gap = |lost| (0, What::Gap { lost, filled: 0 });
    assert_eq!(told(&record), [gap(10), gap(u32::MAX)]);
    assert_eq!(executor.books().filled, 0);
}

/// A gap of exactly the limit is filled, one of a frame more is a border.
#[test]
fn the_longest_gap_that_is_filled() {
    for (ms, rate) in [(50, 16_000), (50, 11_025), (7, 44_100), (0, 48_000), (999, 16_000)] {
        let mut g = graph([]);
        g.output(output("o", "mic")).fill(ms);
        for max_push in [1, 100, 8192] {
            let limits = Limits { max_push, ..Limits::default() };
            let mut e = g.plan(&[Format::mono(rate)], limits).unwrap().executor();
            let mut record = Record::default();
            let most = rate as u64 * ms.min(50) as u64 / 1000;
            e.push(&[0.5; 10], &mut record);
            e.gap(most, &mut record);
            e.push(&[0.5; 10], &mut record);
            assert!(e.is_running(), "{most} frames at {rate} Hz");
            e.gap(most + 1, &mut record);
            assert!(!e.is_running());
            let want = [vec![0.5; 10], vec![0.0; most as usize], vec![0.5; 10]].concat();
            assert!(record.stretches[&(0, 0, 0)].samples == [want]);
            assert_eq!((e.books().pushed, e.books().filled), (20, most));
            let told = told(&record);
            assert_eq!(told.last(), Some(&(0, What::SegmentEnd(Reason::Overrun))));
            let gap = What::Gap { lost: most as u32 + 1, filled: 0 };
            assert_eq!(told[told.len() - 2], (0, gap));
        }
    }
}

/// Wherever a segment is thrown away, what comes next is as if it had never been,
/// except for its number.
#[test]
fn nothing_of_a_segment_that_was_thrown_away_comes_out_later() {
    let g = some_graph();
    let mut fresh = Record::default();
    let mut executor = executor(&g);
    executor.push(&ramp(0, 5000), &mut fresh);
    executor.drain(&mut fresh);
    for seed in 1..100 {
        let mut rng = Rng::new(seed);
        let mut executor = g.plan(&[Format::mono(16_000)], Limits::default()).unwrap().executor();
        let pushed = rng.size(20_000);
        for block in vec![0.7; pushed].chunks(rng.size(2000)) {
            executor.push(block, &mut Discard);
            if rng.chance(10) {
                executor.gap(rng.size(900) as u64, &mut Discard);
            }
        }
        let segment = executor.segment() + u32::from(executor.is_running());
        executor.reset();
        assert_eq!((executor.segment(), executor.is_running()), (segment, false));
        let mut record = Record::default();
        executor.push(&ramp(0, 5000), &mut record);
        executor.drain(&mut record);
        let now = record.stretches.iter().map(|((o, s, u), stretch)| {
            assert_eq!(*s, segment);
            let mut stretch = stretch.clone();
            for (header, _) in &mut stretch.packets {
                header.segment = 0;
            }
            ((*o, 0, *u), stretch)
        });
        assert!(now.eq(fresh.stretches.clone()), "seed {seed}");
    }
}

/// Counts how many of its sort were warmed.
struct Cold;
static WARMED: AtomicUsize = AtomicUsize::new(0);
impl Kind for Cold {
    const NAME: &'static str = "cold";
    const ABOUT: &'static str = "Has something to set up.";
    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::audio(cx.input(0)).runs(Self)
    }
}
impl Node for Cold {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        output.channel(0).copy_from_slice(input.channel(0, 0));
    }
    fn warm(&mut self) {
        WARMED.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn every_node_is_warmed() {
    let mut g = graph([node::<Cold>("a", &[], &["mic"]), node::<Cold>("b", &[], &["a"])]);
    g.output(output("o", "b"));
    executor(&g).warm();
    assert_eq!(WARMED.load(Ordering::Relaxed), 2);
}
