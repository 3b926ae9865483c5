//! Faults that were planted in the engine and that no other test saw: the kind of
//! border a node is told, what is real in a call, ends between two frames, delays that
//! are not reported, the dead in a new body, and the last frame of room.

mod kit;

use std::cell::RefCell;
use std::panic::resume_unwind;

use kit::{
    Detect, Gate, Late, Pack, Rate, Record, Watch, caught, graph, node, output, ramp, swapped,
};
use tympan_core::{
    Border, Build, Built, Event, Executor, Fault, Format, Frames, Graph, Input, Kind, Limits, Node,
    Output, Param, Reason, Refusal, SourceDef, Spec, Value, What,
};

thread_local! {
    /// The borders each watcher was told of.
    static TOLD: RefCell<[Vec<Border>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
    /// The real frames each watcher has got since its last border, at every border.
    static REAL: RefCell<[Vec<usize>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// Writes down what it is told.
struct Notes {
    who: usize,
    real: usize,
}

impl Kind for Notes {
    const NAME: &'static str = "notes";
    const ABOUT: &'static str = "Takes notes.";
    const PARAMS: &'static [Param] =
        &[Param::whole("who", 0, 1, 0), Param::whole("frames", 0, 1 << 20, 0)];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let mut spec = Spec::audio(cx.input(0));
        if cx.whole("frames") > 0 {
            spec.frames = Frames::Fixed(cx.whole("frames") as u32);
        }
        spec.runs(Self { who: cx.whole("who") as usize, real: 0 })
    }
}

impl Node for Notes {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        self.real += input.real();
        output.channel(0).copy_from_slice(input.channel(0, 0));
    }

    fn reset(&mut self, border: Border) {
        TOLD.with_borrow_mut(|told| told[self.who].push(border));
        REAL.with_borrow_mut(|real| real[self.who].push(self.real));
        self.real = 0;
    }
}

fn executor(graph: &Graph, rate: u32) -> Executor {
    graph.plan(&[Format::mono(rate)], Limits::default()).unwrap().executor()
}

#[test]
fn a_node_is_told_which_border_it_is() {
    let mut g = graph([
        node::<Notes>("root", &[("who", 0)], &["mic"]),
        node::<Detect>("voice", &[("period", 1000), ("rate", 1000)], &["mic"]),
        node::<Gate>("gate", &[], &["root", "voice"]),
        node::<Notes>("behind", &[("who", 1)], &["gate"]),
    ]);
    g.output(output("o", "behind"));
    let mut executor = executor(&g, 16_000);
    let mut record = Record::default();
    TOLD.set([Vec::new(), Vec::new()]);
    // Speech from 1000 to 2000: the utterance is over before the segment is.
    executor.push(&ramp(0, 3000), &mut record);
    TOLD.with_borrow(|[root, behind]| {
        assert_eq!((root.len(), &behind[..]), (0, &[Border::Utterance][..]));
    });
    executor.end_segment(Reason::Interruption, &mut record);
    TOLD.with_borrow(|[root, behind]| {
        assert_eq!(root[..], [Border::Segment]);
        assert_eq!(behind[..], [Border::Utterance, Border::Segment]);
    });
    executor.drain(&mut record);
    TOLD.with_borrow(|told| assert!(told.iter().all(|t| t.last() == Some(&Border::Take))));
}

/// The real frames of all calls are exactly what was captured, and what a delay put
/// before it.
#[test]
fn the_filling_is_not_real() {
    for (frames, length) in [(0, 1000), (160, 1000), (160, 960), (4096, 1)] {
        let mut g = graph([
            node::<Late>("late", &[("delay", 300)], &["mic"]),
            node::<Notes>("now", &[("who", 0), ("frames", frames)], &["mic"]),
            node::<Notes>("later", &[("who", 1), ("frames", frames)], &["late"]),
        ]);
        g.output(output("a", "now")).output(output("b", "later"));
        let mut executor = executor(&g, 16_000);
        let mut record = Record::default();
        REAL.set([Vec::new(), Vec::new()]);
        for _ in 0..2 {
            executor.push(&ramp(0, length), &mut record);
            executor.end_segment(Reason::Interruption, &mut record);
        }
        let want = [vec![length; 2], vec![length + 300; 2]];
        REAL.with_borrow(|real| assert_eq!(*real, want, "{frames} frames per call"));
    }
}

/// A segment that ends between two frames of an encoder's rate: the begun one counts.
#[test]
fn packets_at_another_rate_cover_the_last_frame() {
    for (device, rate) in [(48_000, 16_000), (44_100, 16_000), (16_000, 44_100), (16_007, 16_000)] {
        for length in [1, 2, 3, 319, 320, 960, 961, 5001] {
            let mut g = graph([
                node::<Rate>("rate", &[("rate", rate)], &["mic"]),
                node::<Pack>("pack", &[("frames", 320), ("delay", 104)], &["rate"]),
            ]);
            g.output(output("o", "pack"));
            let mut executor = executor(&g, device);
            let mut record = Record::default();
            executor.push(&ramp(0, length), &mut record);
            executor.drain(&mut record);
            let (last, _) = record.stretches[&(0, 0, 0)].packets.last().unwrap();
            let end = last.position + last.frames as i64 - last.trim as i64;
            let want = -(-(length as i64) * rate).div_euclid(device as i64);
            assert_eq!(end, want, "{length} frames at {device} Hz, packets at {rate} Hz");
        }
    }
}

/// To the sample: each delay at its own rate, the longer of two branches, the frames
/// that a call waits for.
#[test]
fn delays_add_up_and_waiting_is_told_apart() {
    let mut g = graph([
        node::<Late>("a", &[("delay", 480)], &["mic"]),
        node::<Rate>("b", &[("rate", 16_000)], &["a"]),
        node::<Late>("c", &[("delay", 80), ("frames", 160)], &["b"]),
        node::<Pack>("d", &[("frames", 320), ("delay", 104)], &["c"]),
        node::<Watch<2>>("e", &[("slack", 1 << 20)], &["mic", "a"]),
    ]);
    for from in ["mic", "a", "b", "c", "d", "e"] {
        g.output(output(from, from));
    }
    let plan = g.plan(&[Format::mono(48_000)], Limits::default()).unwrap();
    let told = |name: &str| {
        let output = plan.output(name).unwrap();
        (output.delay * 48_000.0, output.wait * 48_000.0)
    };
    let near =
        |(a, b): (f64, f64), (c, d): (f64, f64)| (a - c).abs() < 1e-6 && (b - d).abs() < 1e-6;
    assert!(near(told("mic"), (0.0, 0.0)));
    assert!(near(told("a"), (480.0, 0.0)));
    // One frame of three is made when all three are there.
    assert!(near(told("b"), (480.0, 2.0)), "{:?}", told("b"));
    assert!(near(told("c"), (480.0 + 240.0, 2.0 + 159.0 * 3.0)), "{:?}", told("c"));
    // Two blocks of 160 make a packet of 320: the second does not wait for a third.
    let packed = (480.0 + 240.0 + 312.0, 2.0 + 319.0 * 3.0);
    assert!(near(told("d"), packed), "{:?}", told("d"));
    assert!(near(told("e"), (480.0, 0.0)));
}

/// A gate that is always open.
struct Ajar;

impl Kind for Ajar {
    const NAME: &'static str = "ajar";
    const ABOUT: &'static str = "Always open.";

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::gate(cx.input(0), 1000).runs(Self)
    }
}

impl Node for Ajar {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        assert!(input.position() >= 0, "nothing was captured at {}", input.position());
        output.open(0, 1000);
    }
}

/// What a delay puts before the beginning is not part of an utterance.
#[test]
fn an_utterance_does_not_begin_before_the_segment() {
    let mut g = graph([
        node::<Late>("late", &[("delay", 300)], &["mic"]),
        node::<Ajar>("gate", &[], &["late"]),
    ]);
    g.output(output("o", "gate"));
    let mut executor = executor(&g, 16_000);
    let mut record = Record::default();
    executor.push(&ramp(0, 1000), &mut record);
    executor.drain(&mut record);
    let stretch = &record.stretches[&(0, 0, 0)];
    assert_eq!((stretch.start, &stretch.samples[..]), (0, &[ramp(0, 1000)][..]));
}

/// A loss that does not fit 32 bits is told as the most that does.
#[test]
fn a_gap_of_a_day_is_not_told_as_a_few_frames() {
    let mut g = graph([]);
    g.output(output("o", "mic"));
    let mut executor = executor(&g, 48_000);
    let mut record = Record::default();
    executor.push(&ramp(0, 10), &mut record);
    executor.gap((1 << 32) + 5, &mut record);
    let told = &record.events[&Event::ENGINE];
    assert!(told.iter().any(|e| e.what == What::Gap { lost: u32::MAX, filled: 0 }), "{told:?}");
}

/// Dies at the first frame of the first segment; once dead, it must not be called.
struct Undead {
    dead: bool,
}

impl Kind for Undead {
    const NAME: &'static str = "undead";
    const ABOUT: &'static str = "Dies.";

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::audio(cx.input(0)).runs(Self { dead: false })
    }
}

impl Node for Undead {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        if input.channel(0, 0)[0] == 0.0 {
            self.dead = true;
            resume_unwind(Box::new(()));
        }
        output.channel(0).fill(if self.dead { 0.25 } else { 0.5 });
    }
}

#[test]
fn a_swap_does_not_wake_the_dead() {
    let mut g = graph([node::<Undead>("n", &[], &[])]);
    g.output(output("o", "n"));
    let (mut old, new) = (executor(&g, 48_000), executor(&g, 48_000));
    old.set_calls(caught());
    let record = swapped(old, &ramp(0, 100), new, &ramp(1, 100));
    assert_eq!(record.stretches[&(0, 1, 0)].samples[0], [0.5; 100]);
}

/// Dies as soon as nothing in a call is real.
struct Fading;

impl Kind for Fading {
    const NAME: &'static str = "fading";
    const ABOUT: &'static str = "Dies in the filling.";

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::audio(cx.input(0)).fixed(100).delay(250).runs(Self)
    }
}

impl Node for Fading {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        if input.real() == 0 {
            resume_unwind(Box::new(()));
        }
        output.channel(0).fill(0.0);
    }
}

/// What lies behind the end did not happen; that the graph is without a node from here on
/// did, and the last captured frame is the nearest moment that there was.
#[test]
fn a_death_in_the_filling_is_told_at_the_last_frame() {
    let mut g = graph([node::<Fading>("n", &[], &[])]);
    g.output(output("o", "n"));
    let mut executor = executor(&g, 48_000);
    executor.set_calls(caught());
    let mut record = Record::default();
    executor.push(&ramp(0, 150), &mut record);
    executor.end_segment(Reason::Interruption, &mut record);
    let told: Vec<_> = record.events[&0].iter().map(|e| (e.what, e.position)).collect();
    assert_eq!(told, [(What::Fault(Fault::Panic), 149)]);
}

/// Doubles the rate, and is late by frames of the new one.
struct Double;

impl Kind for Double {
    const NAME: &'static str = "double";
    const ABOUT: &'static str = "Silence at twice the rate.";

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let Format { rate, channels } = cx.input(0);
        Spec::audio(Format::new(rate * 2, channels)).delay(300).runs(Self)
    }
}

impl Node for Double {
    fn process(&mut self, _: Input<'_>, output: &mut Output<'_>) {
        output.channel(0).fill(0.0);
    }
}

/// It goes on for half as many frames of what it takes; the engine judges that by itself.
#[test]
fn a_delay_at_another_rate_is_over_in_time() {
    let mut g = graph([node::<Double>("n", &[], &[])]);
    g.output(output("o", "n"));
    let mut executor = executor(&g, 48_000);
    let mut record = Record::default();
    executor.push(&ramp(0, 1000), &mut record);
    executor.end_segment(Reason::Interruption, &mut record);
    assert_eq!(record.stretches[&(0, 0, 0)].samples[0].len(), 2000);
}

/// Dies in its first call, or in its first reset.
struct Frail {
    in_reset: bool,
}

impl Kind for Frail {
    const NAME: &'static str = "frail";
    const ABOUT: &'static str = "Dies.";
    const PARAMS: &'static [Param] = &[Param::flag("in-reset", false)];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let spec = Spec::audio(cx.input(0)).delay(100);
        spec.runs(Self { in_reset: cx.flag("in-reset") })
    }
}

impl Node for Frail {
    fn process(&mut self, _: Input<'_>, output: &mut Output<'_>) {
        if !self.in_reset {
            resume_unwind(Box::new(()));
        }
        output.channel(0).fill(0.0);
    }

    fn reset(&mut self, _: Border) {
        resume_unwind(Box::new(()));
    }
}

fn frail(in_reset: bool) -> Record {
    let mut def = node::<Frail>("n", &[], &[]);
    def.set("in-reset", Value::Flag(in_reset)).unwrap();
    let mut g = graph([def, node::<Pack>("pack", &[("frames", 100)], &["n"])]);
    g.output(output("o", "pack"));
    let mut executor = executor(&g, 16_000);
    executor.set_calls(caught());
    let mut record = Record::default();
    for _ in 0..3 {
        executor.push(&[0.5; 1000], &mut record);
        if in_reset {
            executor.end_segment(Reason::Interruption, &mut record);
        } else {
            // Thrown away: no filling pushes the rest out.
            executor.reset();
        }
    }
    record
}

/// What stands in for a late node has a memory too.
#[test]
fn nothing_of_a_segment_comes_out_of_a_dead_node_in_the_next() {
    let record = frail(false);
    for segment in 0..3 {
        let (first, bytes) = &record.stretches[&(0, segment, 0)].packets[0];
        assert_eq!((first.position, &bytes[..]), (-100, &[0; 8][..]), "segment {segment}");
    }
}

#[test]
fn a_death_in_reset_is_told_once() {
    let record = frail(true);
    let told: Vec<_> = record.events[&0].iter().map(|e| (e.segment, e.what)).collect();
    assert_eq!(told, [(1, What::Fault(Fault::Panic))]);
}

/// What a second source had brought for later belongs to no later segment.
#[test]
fn a_lead_is_forgotten_at_a_border() {
    let mut g = graph([node::<Watch<2>>("both", &[("slack", 1 << 30)], &["render", "mic"])]);
    g.source(SourceDef::new("mic")).source(SourceDef::new("render"));
    g.output(output("o", "both"));
    let mut executor = executor(&g, 16_000);
    let mut record = Record::default();
    for segment in 0..3 {
        let fed = executor.feed(1, 0, &[0.5; 4000], &mut record);
        assert_eq!((fed.taken, fed.late), (4000, 0), "segment {segment}");
        executor.push(&ramp(0, 1000), &mut record);
        if segment == 1 {
            executor.reset();
        } else {
            executor.end_segment(Reason::Interruption, &mut record);
            assert_eq!(record.stretches[&(0, segment, 0)].samples, [[0.5; 1000]]);
        }
    }
}
