//! Nodes that fail.
mod kit;

use kit::{Late, Record, STEP, caught, graph, node, output, ramp};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use tympan_core::{
    Border, Build, Built, Executor, Fault, Format, Frames, Graph, Input, Kind, Limits, Node,
    Output, Param, Reason, Refusal, Spec, What,
};

/// Delays by `delay`, panics when it sees position `at`; quietly.
struct Dies {
    at: i64,
    late: std::collections::VecDeque<f32>,
    rate: (u32, u32),
}
impl Kind for Dies {
    const NAME: &'static str = "dies";
    const ABOUT: &'static str = "Dies.";
    const PARAMS: &'static [Param] = &[
        Param::whole("frames", 0, 1 << 20, 0),
        Param::whole("delay", 0, 1 << 20, 0),
        Param::whole("at", -(1 << 30), 1 << 30, 0),
        Param::whole("rate", 0, 768_000, 0),
    ];
    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let mut out = cx.input(0);
        if cx.whole("rate") > 0 {
            out.rate = cx.whole("rate") as u32;
        }
        let mut spec = Spec::audio(out).delay(cx.whole("delay") as u32);
        if cx.whole("frames") > 0 {
            spec.frames = Frames::Fixed(cx.whole("frames") as u32);
        }
        spec.runs(Self {
            at: cx.whole("at"),
            late: vec![-STEP; spec.delay as usize].into(),
            rate: (out.rate, cx.input(0).rate),
        })
    }
}
impl Node for Dies {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let from = input.position();
        if (from..from + input.frames() as i64).contains(&self.at) {
            resume_unwind(Box::new(()));
        }
        if self.rate.0 != self.rate.1 {
            output.channel(0).fill(1.0);
            return;
        }
        self.late.extend(input.channel(0, 0));
        for o in output.channel(0) {
            *o = self.late.pop_front().unwrap();
        }
    }
    fn reset(&mut self, _: Border) {
        let n = self.late.len();
        self.late.clear();
        self.late.resize(n, -STEP);
    }
}

fn executor(graph: &Graph, max_push: u32) -> Executor {
    let mut e = graph
        .plan(&[Format::mono(48_000)], Limits { max_push, ..Limits::default() })
        .unwrap_or_else(|e| panic!("{e}"))
        .executor();
    e.set_calls(caught());
    e
}

/// The engine drops events in the filling, and with them the news of a node that
/// died there: from then on the graph runs without it and nobody knows.
#[test]
fn a_node_that_dies_while_being_drained_is_reported() {
    let mut g = graph([
        node::<Dies>("dies", &[("frames", 480), ("at", 1500)], &[]),
        node::<Late>("late", &[("delay", 2000)], &[]),
    ]);
    g.output(output("o", "late"));
    let mut e = executor(&g, 1024);
    let mut record = Record::default();
    e.push(&ramp(0, 1000), &mut record);
    e.end_segment(Reason::Interruption, &mut record);
    e.push(&ramp(0, 1000), &mut record);
    e.drain(&mut record);
    let told = record.events.values().flatten().any(|e| e.what == What::Fault(Fault::Panic));
    assert!(told, "nobody was told");
}

/// A dead node with a delay passes its input on at once, though its tape says "late":
/// every position behind it is wrong by the delay, for good.
#[test]
fn positions_stay_true_when_a_late_node_dies() {
    let mut g =
        graph([node::<Dies>("dies", &[("frames", 480), ("delay", 100), ("at", 4800)], &[])]);
    g.output(output("o", "dies"));
    let mut e = executor(&g, 1024);
    let mut record = Record::default();
    e.push(&ramp(0, 10_000), &mut record);
    e.drain(&mut record);
    let out = &record.stretches[&(0, 0, 0)].samples[0];
    assert_eq!(out.len(), 10_000);
    // What was inside of it is lost: as much silence as it was late.
    for (p, x) in out.iter().enumerate() {
        let lost = (4700..4800).contains(&p) && *x == 0.0;
        assert!(lost || (x / STEP) as usize == p, "at {p}: captured at {}", x / STEP);
    }
}

/// Whether a dead node passes its input or is silent hangs on whether this call
/// happens to make as many frames as it takes.
#[test]
fn a_dead_rate_change_does_not_depend_on_the_cut() {
    let mut g = graph([node::<Dies>("dies", &[("at", 0), ("rate", 16_000)], &[])]);
    g.output(output("o", "dies"));
    let run = |cut: usize| {
        let mut e = executor(&g, 1024);
        let mut record = Record::default();
        for block in ramp(0, 3000).chunks(cut) {
            e.push(block, &mut record);
        }
        e.drain(&mut record);
        record.stretches
    };
    assert_eq!(run(1), run(1000));
}

struct BadReset;
impl Kind for BadReset {
    const NAME: &'static str = "badreset";
    const ABOUT: &'static str = "Dies in reset.";
    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::audio(cx.input(0)).runs(Self)
    }
}
impl Node for BadReset {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        output.channel(0).copy_from_slice(input.channel(0, 0));
    }
    fn reset(&mut self, _: Border) {
        resume_unwind(Box::new(()));
    }
}

/// `Node` says that a panic of `process` and `reset` is survived; `Call` guards
/// `process` only.
#[test]
fn a_panic_in_reset_is_survived() {
    let mut g = graph([node::<BadReset>("bad", &[], &[])]);
    g.output(output("o", "bad"));
    let mut e = executor(&g, 480);
    let mut record = Record::default();
    e.push(&ramp(0, 480), &mut record);
    let lived = catch_unwind(AssertUnwindSafe(|| e.end_segment(Reason::Stop, &mut record)));
    assert!(lived.is_ok(), "the panic came out of `end_segment`");
}

struct Nan;
impl Kind for Nan {
    const NAME: &'static str = "nan";
    const ABOUT: &'static str = "NaN at 777.";
    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::audio(cx.input(0)).runs(Self)
    }
}
impl Node for Nan {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let at = input.position();
        for (i, o) in output.channel(0).iter_mut().enumerate() {
            *o = if at + i as i64 == 777 { f32::NAN } else { 0.5 };
        }
    }
}

/// The event names the beginning of the block, and so the cut.
#[test]
fn a_fault_is_told_at_the_sample_that_is_not_finite() {
    let mut g = graph([node::<Nan>("nan", &[], &[])]);
    g.output(output("o", "nan"));
    let run = |cut: usize| {
        let mut e = executor(&g, 1024);
        let mut record = Record::default();
        for block in ramp(0, 3000).chunks(cut) {
            e.push(block, &mut record);
        }
        e.drain(&mut record);
        record
    };
    assert_eq!(run(100), run(1000));
}
