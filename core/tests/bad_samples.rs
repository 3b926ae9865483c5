//! Samples no microphone makes, frames that are not whole, and channels: what gets in
//! is finite and bounded, what comes out is finite and within ±1, and it is told.

mod kit;

use kit::{Record, STEP, graph, node, output};
use tympan_core::{
    Build, Built, Event, Executor, Fault, Format, Graph, Input, Kind, Limits, Node, Output, Param,
    Reason, Refusal, SourceDef, Spec, What,
};

/// Fails the test if anything gets in that should have been mended, and puts out what
/// it likes.
struct Wild {
    out: f32,
}

const WILD: [f32; 6] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3.0, 1e-40, f32::MAX];

impl Kind for Wild {
    const NAME: &'static str = "wild";
    const ABOUT: &'static str = "Puts out anything.";
    const PARAMS: &'static [Param] = &[Param::whole("out", 0, WILD.len() as i64, 6)];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let out = WILD.get(cx.whole("out") as usize).copied().unwrap_or(0.0);
        Spec::audio(cx.input(0)).runs(Self { out })
    }
}

impl Node for Wild {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        for channel in 0..output.channels() {
            let x = input.channel(0, channel);
            assert!(x.iter().all(|x| x.abs() <= 8.0 && !x.is_subnormal()));
            let marked = |x: f32| if x == 0.25 { self.out } else { x };
            for (o, &x) in output.channel(channel).iter_mut().zip(x) {
                *o = marked(x);
            }
        }
    }
}

fn executor(graph: &Graph, channels: u16, max_push: u32) -> Executor {
    let format = Format::new(16_000, channels);
    graph.plan(&[format], Limits { max_push, ..Limits::default() }).unwrap().executor()
}

/// Interleaved frames whose every sample tells its frame and channel.
fn frames(from: usize, count: usize, channels: usize) -> Vec<f32> {
    let of = |i: usize| ((from + i / channels) * 64 + i % channels) as f32 * STEP;
    (0..count * channels).map(of).collect()
}

#[test]
fn any_bit_pattern_is_mended_at_the_door_and_counted() {
    let bad = [
        f32::NAN,
        -f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        -8.000_001,
        1e-40,
        -f32::from_bits(1),
    ];
    for channels in [1u16, 2, 3, 64] {
        let mut g = graph([node::<Wild>("wild", &[], &[])]);
        g.output(output("o", "wild")).output(output("raw", "mic"));
        let mut executor = executor(&g, channels, 100);
        let mut record = Record::default();
        let mut samples = frames(0, 1000, channels as usize);
        for (i, x) in samples.iter_mut().enumerate() {
            if i % 7 == 0 {
                *x = bad[i / 7 % bad.len()];
            }
        }
        executor.push(&samples, &mut record);
        executor.drain(&mut record);
        for o in 0..2 {
            let out = &record.stretches[&(o, 0, 0)].samples;
            assert_eq!(out.len(), channels as usize);
            for (i, x) in samples.iter().enumerate() {
                let (frame, channel) = (i / channels as usize, i % channels as usize);
                let want = match x {
                    x if !x.is_finite() || x.is_subnormal() => 0.0,
                    x => x.clamp(-1.0, 1.0),
                };
                assert_eq!(out[channel][frame], want, "{x} in {channels} channels at {i}");
            }
        }
        let count = |bad: fn(&f32) -> bool| samples.iter().filter(|x| bad(x)).count() as u32;
        let want = (count(|x| !x.is_finite()), count(|x| x.is_finite() && x.abs() > 8.0));
        let told = record.events[&Event::ENGINE].iter().filter_map(|e| match e.what {
            What::BadInput { not_finite, clamped } => Some((not_finite, clamped)),
            _ => None,
        });
        let told = told.fold((0, 0), |sum, n| (sum.0 + n.0, sum.1 + n.1));
        assert_eq!(told, want, "{channels} channels");
        assert_eq!(executor.books().mended, (want.0 + want.1) as u64);
    }
}

#[test]
fn what_a_node_puts_out_leaves_finite_and_within_full_scale() {
    for (i, wild) in WILD.into_iter().enumerate() {
        let mut g = graph([node::<Wild>("wild", &[("out", i as i64)], &[])]);
        g.output(output("o", "wild")).output(output("p", "wild"));
        let mut executor = executor(&g, 2, 100);
        let mut record = Record::default();
        for _ in 0..2 {
            executor.push(&[0.5, 0.25].repeat(500), &mut record);
            executor.end_segment(Reason::Interruption, &mut record);
        }
        let want = if wild.is_nan() { 0.0 } else { wild.clamp(-1.0, 1.0) };
        for segment in 0..2 {
            let out = &record.stretches[&(0, segment, 0)].samples;
            assert_eq!(*out, [vec![0.5; 500], vec![want; 500]], "{wild}");
        }
        // Told once per output and segment, and not for what is merely loud.
        let told = record.events.get(&0).into_iter().flatten();
        let told: Vec<_> = told.map(|e| (e.segment, e.what)).collect();
        let fault = |segment| (segment, What::Fault(Fault::NotFinite));
        let faults = [fault(0), fault(0), fault(1), fault(1)];
        assert_eq!(told, if wild.is_finite() { &[][..] } else { &faults }, "{wild}");
    }
}

#[test]
fn a_channel_is_chosen_and_the_others_are_not_looked_at() {
    for (channels, chosen) in [(1u16, 1u16), (2, 1), (2, 2), (64, 1), (64, 64)] {
        let mut g = graph([]);
        g.source(SourceDef::new("mic").channel(chosen));
        g.output(output("o", "mic"));
        let mut executor = executor(&g, channels, 33);
        assert_eq!(executor.input(0), Some(Format::new(16_000, channels)));
        assert_eq!(executor.outputs()[0].format, Format::mono(16_000));
        let mut samples = frames(0, 500, channels as usize);
        let mine = |i: usize| i % channels as usize == chosen as usize - 1;
        for (i, x) in samples.iter_mut().enumerate().filter(|(i, _)| !mine(*i)) {
            *x = [f32::NAN, f32::MAX][i % 2];
        }
        let mut record = Record::default();
        executor.push(&samples, &mut record);
        executor.drain(&mut record);
        let all = frames(0, 500, channels as usize);
        let want: Vec<f32> =
            all.iter().skip(chosen as usize - 1).step_by(channels as usize).copied().collect();
        assert_eq!(record.stretches[&(0, 0, 0)].samples, [want]);
        assert_eq!(executor.books().mended, 0);
    }
}

#[test]
fn a_frame_that_is_not_whole_is_ignored() {
    for (channels, max_push) in [(2u16, 1), (3, 8192), (64, 10)] {
        let mut g = graph([]);
        g.output(output("o", "mic"));
        let mut executor = executor(&g, channels, max_push);
        let mut record = Record::default();
        let n = channels as usize;
        executor.push(&[], &mut record);
        assert!(!executor.is_running(), "nothing was pushed");
        for (from, count) in [(0, 7), (7, 0), (7, 40), (47, 3)] {
            let mut samples = frames(from, count, n);
            samples.extend(vec![f32::NAN; n - 1]);
            executor.push(&samples, &mut record);
        }
        executor.drain(&mut record);
        let all = frames(0, 50, n);
        for (channel, got) in record.stretches[&(0, 0, 0)].samples.iter().enumerate() {
            let want: Vec<f32> = all.iter().skip(channel).step_by(n).copied().collect();
            assert_eq!(*got, want);
        }
        assert_eq!((executor.books().pushed, executor.books().mended), (50, 0));
    }
}

#[test]
fn those_of_a_second_source_are_mended_and_counted_too() {
    let mut g = graph([node::<Wild>("wild", &[], &["render"])]);
    g.source(SourceDef::new("mic")).source(SourceDef::new("render"));
    g.output(output("o", "wild")).output(output("m", "mic"));
    let plan = g.plan(&[Format::mono(16_000), Format::mono(16_000)], Limits::default());
    let mut executor = plan.unwrap().executor();
    let mut record = Record::default();
    executor.push(&[0.0; 10], &mut record);
    assert_eq!(executor.feed(1, 10, &[f32::NAN, 99.0, -99.0, 0.5], &mut record).taken, 4);
    assert_eq!(executor.books().mended, 3);
    assert_eq!(executor.feed(1, 14, &[f32::NAN], &mut record).taken, 1);
    assert_eq!(executor.books().mended, 4);
}
