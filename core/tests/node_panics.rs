//! Nodes of every sort that panic at their Nth call, for every N: audio keeps flowing,
//! every output has its exact length, the fault is told, and nobody calls the dead.

mod kit;

use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::resume_unwind;

use kit::{Detect, Gate, Late, Pack, Rate, Record, Watch, caught, graph, node, output, ramp};
use tympan_core::{
    Border, Build, Built, Event, Fault, Flow, Format, Graph, Header, Input, Kind, Limits, Node,
    Output, Param, Planar, Port, Reason, Refusal, Sink, Spec, What,
};

/// Calls left to a mortal node that is being planned or run on this thread.
#[allow(clippy::struct_excessive_bools, reason = "each is one thing that happened")]
#[derive(Clone, Copy, Default)]
struct Fate {
    calls: usize,
    /// It dies after having done its work, not before.
    late: bool,
    /// It has died, and did so while there still was something real in its input.
    died: bool,
    died_in_filling: bool,
    called_dead: bool,
}

thread_local!(static FATE: Cell<Fate> = const { Cell::new(Fate {
    calls: 0, late: false, died: false, died_in_filling: false, called_dead: false,
}) });

/// A node of another kind that dies when its calls are used up.
struct Mortal<K>(PhantomData<K>);

impl<K: Kind> Kind for Mortal<K> {
    const NAME: &'static str = K::NAME;
    const ABOUT: &'static str = K::ABOUT;
    const INPUTS: &'static [Port] = K::INPUTS;
    const OUTPUT: Flow = K::OUTPUT;
    const PARAMS: &'static [Param] = K::PARAMS;

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        match K::build(cx)? {
            Built::Node(spec, inner) => spec.runs(Fuse(inner)),
            Built::Identity => Ok(Built::Identity),
        }
    }
}

struct Fuse(Box<dyn Node>);

impl Node for Fuse {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let mut fate = FATE.get();
        fate.called_dead |= fate.died;
        if fate.calls == 0 {
            if fate.late {
                self.0.process(input, output);
            }
            fate.died = true;
            fate.died_in_filling = input.real() == 0;
            FATE.set(fate);
            // Quietly: no hook, no message.
            resume_unwind(Box::new(()));
        }
        fate.calls -= 1;
        FATE.set(fate);
        self.0.process(input, output);
    }

    fn reset(&mut self, border: Border) {
        let mut fate = FATE.get();
        fate.called_dead |= fate.died;
        FATE.set(fate);
        self.0.reset(border);
    }
}

/// A record that also takes the holes which a dead encoder leaves.
#[derive(Default, PartialEq)]
struct Holes {
    record: Record,
    packets: Vec<Header>,
}

impl Sink for Holes {
    fn audio(&mut self, output: usize, header: &Header, block: Planar<'_>) {
        self.record.audio(output, header, block);
    }
    fn packet(&mut self, _: usize, header: &Header, _: &[u8]) {
        self.packets.push(*header);
    }
    fn event(&mut self, event: Event) {
        self.record.event(event);
    }
}

const LENGTH: usize = 2000;

/// Two segments of a graph one node of which dies at call `n`.
fn run(graph: &Graph, mortal: u16, n: usize, cut: usize) -> (Holes, Fate) {
    FATE.set(Fate { calls: n, late: n % 2 == 1, ..Fate::default() });
    let limits = Limits { max_push: 1024, ..Limits::default() };
    let mut executor = graph.plan(&[Format::mono(16_000)], limits).unwrap().executor();
    executor.set_calls(caught());
    let mut out = Holes::default();
    for _ in 0..2 {
        for block in ramp(0, LENGTH).chunks(cut) {
            executor.push(block, &mut out);
        }
        executor.end_segment(Reason::Interruption, &mut out);
    }
    executor.drain(&mut out);
    kit::assert_within_plan(&executor);
    let fate = FATE.get();
    assert!(!fate.called_dead, "call {n}: a dead node was called");
    let all = out.record.events.iter();
    let faults = all.flat_map(|(node, events)| events.iter().map(move |e| (*node, e.what)));
    let faults: Vec<_> = faults.filter(|(_, what)| matches!(what, What::Fault(_))).collect();
    assert!(faults.iter().all(|fault| *fault == (mortal, What::Fault(Fault::Panic))));
    let must = usize::from(fate.died && !fate.died_in_filling);
    assert!((must..=usize::from(fate.died)).contains(&faults.len()), "call {n}: {faults:?}");
    (out, fate)
}

/// Runs it for every N until the node survives, in two cuts; returns what came out.
fn every_call(graph: &Graph, mortal: u16, same: bool, mut look: impl FnMut(usize, &Holes, Fate)) {
    for n in 0.. {
        let (out, fate) = run(graph, mortal, n, LENGTH);
        if same {
            assert!(out == run(graph, mortal, n, 77).0, "call {n}: the cut shows");
        }
        look(n, &out, fate);
        if !fate.died {
            assert!(n > 2, "it was hardly ever called");
            return;
        }
    }
}

fn samples(out: &Holes, output: usize, segment: u32) -> &[f32] {
    &out.record.stretches[&(output, segment, 0)].samples[0]
}

#[test]
fn a_dead_node_passes_its_input() {
    let keys = [("frames", 160)];
    let mut g = graph([
        node::<Mortal<Late>>("mortal", &keys, &["mic"]),
        node::<Late>("behind", &[("frames", 100), ("delay", 50)], &["mortal"]),
    ]);
    g.output(output("a", "mortal")).output(output("b", "mortal"));
    g.output(output("behind", "behind")).output(output("beside", "mic"));
    every_call(&g, 0, true, |n, out, _| {
        for o in 0..4 {
            assert!((0..2).all(|s| samples(out, o, s) == ramp(0, LENGTH)), "call {n}, output {o}");
        }
    });
    // Of several inputs the first.
    let mut g = graph([
        node::<Late>("late", &[("delay", 123)], &["mic"]),
        node::<Mortal<Watch<2>>>("mortal", &keys, &["mic", "late"]),
    ]);
    g.output(output("o", "mortal"));
    every_call(&g, 1, true, |n, out, _| {
        assert!((0..2).all(|s| samples(out, 0, s) == ramp(0, LENGTH)), "call {n}");
    });
}

#[test]
fn a_dead_rate_change_is_silent_and_its_time_goes_on() {
    let mut g = graph([node::<Mortal<Rate>>("mortal", &[("frames", 160), ("rate", 8000)], &[])]);
    g.output(output("o", "mortal"));
    every_call(&g, 0, true, |n, out, fate| {
        let all = [samples(out, 0, 0), samples(out, 0, 1)];
        assert!(all.iter().all(|s| s.len() == LENGTH / 2), "call {n}");
        let sounds = all.concat().iter().filter(|x| **x != 0.0).count();
        // The filling at the border takes calls too.
        assert!(sounds <= n * 80 && (n < 13 || fate.died_in_filling || sounds + 240 >= n * 80));
    });
}

#[test]
fn a_dead_encoder_makes_no_packets_and_says_where_its_stream_ends() {
    let mut g = graph([node::<Mortal<Pack>>("mortal", &[("frames", 160), ("delay", 40)], &[])]);
    g.output(output("o", "mortal")).output(output("mic", "mic"));
    every_call(&g, 0, true, |n, out, fate| {
        for segment in 0..2 {
            assert!(samples(out, 1, segment) == ramp(0, LENGTH));
            let mine: Vec<_> = out.packets.iter().filter(|h| h.segment == segment).collect();
            let last = mine.last().unwrap();
            assert!(mine.iter().filter(|h| h.last).count() == 1 && last.last, "call {n}");
            assert_eq!(last.position + (last.frames - last.trim) as i64, LENGTH as i64);
            assert_eq!(mine.iter().filter(|h| h.first).count(), 1);
        }
        let whole = out.packets.iter().filter(|h| h.frames > 0).count();
        assert_eq!(whole, n + usize::from(fate.died && fate.late), "call {n}");
    });
}

/// Counts its calls.
struct Counts;

thread_local!(static CALLS: Cell<usize> = const { Cell::new(0) });

impl Kind for Counts {
    const NAME: &'static str = "counts";
    const ABOUT: &'static str = "Counts its calls.";

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::audio(cx.input(0)).runs(Self)
    }
}

impl Node for Counts {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        CALLS.set(CALLS.get() + 1);
        output.channel(0).copy_from_slice(input.channel(0, 0));
    }
}

/// What stands in for a gate says "open" in every call; that must not cost a call of
/// everything behind it for every frame.
#[test]
fn behind_a_dead_gate_nodes_are_not_called_frame_by_frame() {
    let mut g = graph([
        node::<Detect>("voice", &[], &["mic"]),
        node::<Mortal<Gate>>("gate", &[], &["mic", "voice"]),
        node::<Counts>("counts", &[], &["gate"]),
    ]);
    g.output(output("o", "counts"));
    CALLS.set(0);
    run(&g, 1, 0, 100);
    let calls = CALLS.get();
    assert!((40..120).contains(&calls), "{calls} calls for 40 pushes");
}

/// From the moment of death on everything is heard: a dead detector hears speech, and
/// a dead gate is open. Speech is never lost to either.
#[test]
fn behind_a_dead_gate_or_detector_everything_is_heard() {
    let detect = [("frames", 160), ("period", 300)];
    let gate = [("back", 100)];
    let dead_voice = [
        node::<Mortal<Detect>>("voice", &detect, &["mic"]),
        node::<Gate>("gate", &gate, &["mic", "voice"]),
    ];
    let dead_gate = [
        node::<Detect>("voice", &detect, &["mic"]),
        node::<Mortal<Gate>>("gate", &gate, &["mic", "voice"]),
    ];
    for (mortal, nodes) in [(0, dead_voice), (1, dead_gate)] {
        let mut g = graph(nodes);
        g.output(output("o", "gate"));
        every_call(&g, mortal, mortal == 0, |n, out, fate| {
            // Behind the end there is nothing left to hear.
            if fate.died_in_filling {
                return;
            }
            let mut told = out.record.events.get(&mortal).into_iter().flatten();
            let Some(death) = told.find(|e| matches!(e.what, What::Fault(_))) else { return };
            let mut heard = [[false; LENGTH]; 2];
            for ((_, segment, _), stretch) in &out.record.stretches {
                let from = stretch.start as usize;
                let frames = stretch.samples.concat().len();
                heard[*segment as usize][from..from + frames].fill(true);
            }
            let since = death.segment as usize * LENGTH + death.position as usize;
            assert!(heard.concat()[since..].iter().all(|h| *h), "call {n}: {death:?}");
        });
    }
}
