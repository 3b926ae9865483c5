//! Control values that come from the wrong moment: audio at `p` sees the value of
//! `p - lag`, whatever the rates and however the input was cut, and a value stays in
//! force exactly until the next one.

mod kit;

use std::sync::atomic::{AtomicUsize, Ordering};

use kit::{Late, Rate, Record, Rng, STEP, graph, node, output, ramp};
use tympan_core::{
    Border, Build, Built, Flow, Format, Frames, Input, Kind, Limits, Node, Output, Param, Port,
    Reason, Refusal, Spec,
};

/// Control values that are their own position: the one at `i` is `i` steps.
struct Index {
    next: Option<i64>,
    rate: i64,
    from: i64,
    delay: i64,
}

impl Kind for Index {
    const NAME: &'static str = "index";
    const ABOUT: &'static str = "Numbers its values.";
    const OUTPUT: Flow = Flow::Control;
    const PARAMS: &'static [Param] = &[
        Param::whole("frames", 0, 1 << 20, 0),
        Param::required("rate", 1, 768_000),
        Param::whole("delay", 0, 1 << 20, 0),
    ];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let (rate, delay) = (cx.whole("rate"), cx.whole("delay"));
        let mut spec = Spec::control(rate as u32).delay(delay as u32);
        if cx.whole("frames") > 0 {
            spec.frames = Frames::Fixed(cx.whole("frames") as u32);
        }
        spec.runs(Self { next: None, rate, from: cx.input(0).rate as i64, delay })
    }
}

impl Node for Index {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let begin = (input.position() * self.rate).div_euclid(self.from) - self.delay;
        let next = self.next.get_or_insert(begin);
        for o in output.channel(0) {
            *o = *next as f32 * STEP;
            *next += 1;
        }
    }

    fn reset(&mut self, _: Border) {
        self.next = None;
    }
}

/// Where a stream that starts at `start` starts after a change of rate: at the next
/// frame that is whole in both.
fn start_after(start: i64, from: i64, to: i64) -> i64 {
    let gcd = |mut a: i64, mut b: i64| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let g = gcd(from, to);
    start / (from / g) * (to / g)
}

static LOOKED: AtomicUsize = AtomicUsize::new(0);

/// Looks at two control ports, frame by frame and in strides, and passes audio on.
struct Looks {
    rate: i64,
    rates: [i64; 2],
    starts: [i64; 2],
    lags: [i64; 2],
}

impl Kind for Looks {
    const NAME: &'static str = "looks";
    const ABOUT: &'static str = "Checks two control inputs.";
    const INPUTS: &'static [Port] = &[Port::audio("in"), Port::control("a"), Port::control("b")];
    const PARAMS: &'static [Param] = &[
        Param::whole("frames", 0, 1 << 20, 0),
        Param::required("a", 1, 768_000),
        Param::required("b", 1, 768_000),
        Param::whole("a-start", -(1 << 40), 0, 0),
        Param::whole("b-start", -(1 << 40), 0, 0),
    ];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let mut spec = Spec::audio(cx.input(0));
        if cx.whole("frames") > 0 {
            spec.frames = Frames::Fixed(cx.whole("frames") as u32);
        }
        spec.runs(Self {
            rate: cx.input(0).rate as i64,
            rates: [cx.whole("a"), cx.whole("b")],
            starts: [cx.whole("a-start"), cx.whole("b-start")],
            lags: [0, 1].map(|port| cx.lag(port) as i64),
        })
    }
}

impl Node for Looks {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        for port in 0..2 {
            let value = |frame: usize| {
                let at = input.position() + frame as i64 - self.lags[port];
                let index = (at * self.rates[port]).div_euclid(self.rate);
                // Before the first value there is none.
                if index < self.starts[port] { 0.0 } else { index as f32 * STEP }
            };
            let mut at = 0;
            while at < input.frames() {
                let (held, stays) = input.held(port, at);
                assert!(stays >= 1 && at + stays <= input.frames());
                for frame in at..at + stays {
                    assert_eq!(input.held(port, frame), (value(frame), at + stays - frame));
                    assert_eq!(held, value(frame), "{} + {frame}", input.position());
                    LOOKED.fetch_add(1, Ordering::Relaxed);
                }
                at += stays;
                assert!(
                    at == input.frames() || value(at) != held || held == 0.0,
                    "in force for longer"
                );
            }
        }
        output.channel(0).copy_from_slice(input.channel(0, 0));
    }
}

#[test]
fn a_value_belongs_to_its_moment() {
    const RATES: [i64; 8] = [1, 50, 100, 7_999, 16_000, 16_007, 48_000, 768_000];
    for seed in 1..=300 {
        let mut rng = Rng::new(seed);
        let rates = [rng.pick(&RATES), rng.pick(&RATES)];
        let delays = [rng.below(30) as i64, rng.below(3) as i64];
        let late = [rng.below(500) as i64, rng.below(3000) as i64];
        let b_start =
            start_after(start_after(-late[1], 16_000, 22_050), 22_050, rates[1]) - delays[1];
        let mut frames = || if rng.chance(3) { 0 } else { rng.size(600) as i64 };
        let g = {
            let mut g = graph([
                node::<Late>("late", &[("frames", frames()), ("delay", late[0])], &["mic"]),
                node::<Late>("later", &[("frames", frames()), ("delay", late[1])], &["mic"]),
                node::<Rate>("other", &[("frames", frames()), ("rate", 22_050)], &["later"]),
                node::<Index>(
                    "a",
                    &[("frames", frames()), ("rate", rates[0]), ("delay", delays[0])],
                    &["mic"],
                ),
                node::<Index>(
                    "b",
                    &[("frames", frames()), ("rate", rates[1]), ("delay", delays[1])],
                    &["other"],
                ),
                node::<Looks>(
                    "looks",
                    &[
                        ("frames", frames()),
                        ("a", rates[0]),
                        ("b", rates[1]),
                        ("a-start", -delays[0]),
                        ("b-start", b_start),
                    ],
                    &["late", "a", "b"],
                ),
            ]);
            g.output(output("o", "looks"));
            g
        };
        for cut in [1, 2] {
            let limits = Limits { max_push: rng.size(8192) as u32, ..Limits::default() };
            let plan = g.plan(&[Format::mono(16_000)], limits).unwrap();
            let mut executor = plan.executor();
            let mut record = Record::default();
            for segment in 0..2 {
                let length = 2000 + 500 * segment;
                let mut at = 0;
                while at < length {
                    let n = rng.size(if cut == 1 { 100 } else { 8192 }).min(length - at);
                    executor.push(&ramp(at, n), &mut record);
                    at += n;
                }
                executor.end_segment(Reason::Interruption, &mut record);
                let got = &record.stretches[&(0, segment as u32, 0)].samples;
                assert!(*got == [ramp(0, length)], "seed {seed}");
            }
            kit::assert_within_plan(&executor);
        }
    }
    assert!(LOOKED.load(Ordering::Relaxed) > 1_000_000);
}
