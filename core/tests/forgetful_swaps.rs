//! Swaps that forget: an executor that takes over goes on with what the nodes have
//! learned, the count of segments, the books and the live parameters, or is refused.

mod kit;

use kit::{Pack, Rate, Record, STEP, Watch, graph, node, output, ramp, swapped};
use tympan_core::{
    Border, Build, Built, Discard, Executor, Format, Graph, Input, Kind, Limits, Live, Node,
    Output, Param, Reason, Refusal, Spec,
};

/// Puts out how many frames it has seen since the take began, and a live number.
struct Learns {
    seen: u32,
    level: Live,
}

impl Kind for Learns {
    const NAME: &'static str = "learns";
    const ABOUT: &'static str = "Remembers over borders.";
    const PARAMS: &'static [Param] =
        &[Param::whole("word", 0, 9, 0), Param::number("level", 0.0, 1.0, 0.0).live()];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let spec = Spec::audio(Format::mono(cx.input(0).rate)).fixed(100);
        spec.runs(Self { seen: 0, level: cx.live("level") })
    }
}

impl Node for Learns {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        for o in output.channel(0) {
            self.seen += 1;
            *o = self.seen as f32 * STEP + self.level.get();
        }
        assert_eq!(input.frames(), output.frames());
    }

    fn reset(&mut self, border: Border) {
        if border == Border::Take {
            self.seen = 0;
        }
    }
}

/// The device's rate is made 16 kHz; one node learns before that, one behind it.
fn learning() -> Graph {
    let mut g = graph([
        node::<Learns>("raw", &[], &["mic"]),
        node::<Rate>("to16k", &[("rate", 16_000)], &["mic"]),
        node::<Learns>("learns", &[], &["to16k"]),
        node::<Pack>("pack", &[("frames", 320)], &["learns"]),
    ]);
    g.output(output("clean", "learns")).output(output("packets", "pack"));
    g.output(output("raw", "raw"));
    g
}

fn plan(graph: &Graph, rate: u32) -> Executor {
    graph.plan(&[Format::mono(rate)], Limits::default()).unwrap().executor()
}

/// The first value of an output in a segment, in steps.
fn first(record: &Record, output: usize, segment: u32) -> f32 {
    record.stretches[&(output, segment, 0)].samples[0][0] / STEP
}

#[test]
fn a_swap_at_a_border_does_not_show() {
    let g = learning();
    let run = |swaps: bool| {
        let mut executor = plan(&g, 48_000);
        let mut record = Record::default();
        for segment in 0..5 {
            executor.push(&ramp(0, 1000 + segment), &mut record);
            executor.gap(10, &mut record);
            executor.end_segment(Reason::Swap, &mut record);
            if swaps {
                let mut new = plan(&g, 48_000);
                new.can_replace(executor.outputs()).unwrap();
                new.take_over(&mut executor);
                executor = new;
            }
        }
        executor.drain(&mut record);
        (record, executor.books(), executor.segment())
    };
    let kept = run(false);
    assert_eq!((kept.1.pushed, kept.1.filled, kept.2), (5010, 50, 5));
    assert!(first(&kept.0, 0, 4) > 1000.0, "it had learned something");
    assert!(kept == run(true));
}

#[test]
fn another_device_keeps_what_does_not_hear_the_difference() {
    let g = learning();
    let (mut old, mut new) = (plan(&g, 48_000), plan(&g, 44_100));
    let mut record = Record::default();
    g.param("learns", "level").unwrap().set(0.5).unwrap();
    old.push(&ramp(0, 4800), &mut record);
    old.end_segment(Reason::Format, &mut record);
    let outputs = old.outputs().to_vec();
    // The raw output would change its rate; a pinned graph leaves it out.
    let why = new.can_replace(&outputs).unwrap_err().to_string();
    assert_eq!(
        why,
        "output `raw` carries 48000 Hz mono and would carry 44100 Hz mono; put \
         `kind = \"resample\"` or `kind = \"mix\"` before it so that it keeps its format"
    );
    new.take_over(&mut old);
    new.push(&ramp(0, 4410), &mut record);
    // Live numbers reach nodes that moved and nodes that did not.
    g.param("raw", "level").unwrap().set(0.25).unwrap();
    new.drain(&mut record);
    assert_eq!(first(&record, 0, 0), 0.5 / STEP + 1.0);
    assert!(first(&record, 0, 1) > 0.5 / STEP + 1600.0, "it forgot");
    assert_eq!(first(&record, 2, 1), 1.0, "it took over what it heard at another rate");
    assert_eq!(record.stretches[&(2, 1, 0)].samples[0][4399], 4400.0 * STEP);
    new.push(&ramp(0, 4410), &mut record);
    new.drain(&mut record);
    assert_eq!(first(&record, 2, 2), 0.25 / STEP + 1.0);
    assert_eq!((new.segment(), new.books().pushed), (3, 4800 + 4410 + 4410));
}

#[test]
fn another_word_is_another_node() {
    let g = learning();
    let mut record = Record::default();
    let mut old = plan(&g, 48_000);
    old.push(&ramp(0, 4800), &mut record);
    old.end_segment(Reason::Swap, &mut record);
    let mut other = graph([
        node::<Rate>("to16k", &[("rate", 16_000)], &["mic"]),
        node::<Learns>("learns", &[("word", 1)], &["to16k"]),
    ]);
    other.output(output("x", "mic")).output(output("o", "learns"));
    let mut new = plan(&other, 48_000);
    let why = new.can_replace(old.outputs()).unwrap_err().to_string();
    assert_eq!(
        why,
        "the running graph has the outputs `clean`, `packets`, `raw`, the new one has `x`, `o`; \
         outputs keep their names and order over a swap"
    );
    new.take_over(&mut old);
    new.push(&ramp(0, 4800), &mut record);
    assert_eq!(first(&record, 1, 1), 1.0);
}

/// As `Learns`, with nothing that can be changed while it runs.
struct Counts(u32);

impl Kind for Counts {
    const NAME: &'static str = "counts";
    const ABOUT: &'static str = "Remembers over borders.";
    const PARAMS: &'static [Param] = &[Param::whole("word", 0, 9, 0)];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::audio(cx.input(0)).runs(Self(0))
    }
}

impl Node for Counts {
    fn process(&mut self, _: Input<'_>, output: &mut Output<'_>) {
        for o in output.channel(0) {
            self.0 += 1;
            *o = self.0 as f32 * STEP;
        }
    }
}

#[test]
fn the_same_words_are_the_same_node_and_others_are_not() {
    let counting = |word| {
        let mut g = graph([node::<Counts>("counts", &[("word", word)], &["mic"])]);
        g.output(output("o", "counts"));
        plan(&g, 48_000)
    };
    for (word, goes_on) in [(3, true), (4, false)] {
        let record = swapped(counting(3), &ramp(0, 100), counting(word), &ramp(0, 100));
        // It counts the silence as well that pushes a segment's end out.
        assert_eq!(first(&record, 0, 1) > 100.0, goes_on, "word {word}");
    }
}

/// A node that moved would go on with numbers that nobody can change any more.
#[test]
fn numbers_of_another_graph_belong_to_another_node() {
    let (before, after) = (learning(), learning());
    let (mut old, mut new) = (plan(&before, 48_000), plan(&after, 48_000));
    let mut record = Record::default();
    old.push(&ramp(0, 4800), &mut record);
    old.end_segment(Reason::Swap, &mut record);
    new.take_over(&mut old);
    after.param("learns", "level").unwrap().set(0.5).unwrap();
    new.push(&ramp(0, 4800), &mut record);
    new.drain(&mut record);
    assert_eq!(first(&record, 0, 1), 0.5 / STEP + 1.0);
}

/// With a node more in the graph, everything has another place, and still moves.
#[test]
fn nodes_move_whatever_their_place() {
    let def = node::<Learns>("learns", &[], &["mic"]);
    let mut small = graph([def.clone()]);
    small.output(output("o", "learns"));
    let mut large = graph([
        node::<Watch<1>>("before", &[], &["mic"]),
        def,
        node::<Watch<2>>("behind", &[("slack", 1 << 30)], &["before", "learns"]),
    ]);
    large.output(output("o", "learns")).output(output("p", "behind"));
    let mut record = Record::default();
    let mut executor = plan(&small, 48_000);
    for next in [&large, &small, &large] {
        executor.push(&ramp(0, 500), &mut record);
        executor.end_segment(Reason::Swap, &mut record);
        let mut new = plan(next, 48_000);
        new.take_over(&mut executor);
        executor = new;
    }
    executor.push(&ramp(0, 100), &mut record);
    let seen = |segment| first(&record, 0, segment);
    assert!(seen(0) == 1.0 && seen(1) > 500.0 && seen(2) > 1000.0 && seen(3) > 1500.0);
}

#[test]
fn an_executor_that_has_nothing_to_end_is_swapped_as_well() {
    let g = learning();
    let (mut old, mut new) = (plan(&g, 48_000), plan(&g, 16_000));
    new.take_over(&mut old);
    new.push(&ramp(0, 100), &mut Discard);
    assert_eq!((new.segment(), new.is_running()), (0, true));
}
