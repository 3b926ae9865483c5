//! Nodes that panic, fall silent with NaN, or stall: audio keeps flowing and says what
//! happened.

mod kit;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kit::Hand;
use tympan::core::{Build, Built, Flow, Input, Kind, Node, Output, Param, Port, Refusal, Spec};
use tympan::{Event, Fault, Format, Graph, Pipeline, Registry, Runner, Totals, What};

/// Does something bad at its `at`th call.
struct Bad {
    what: String,
    left: i64,
}

fn bad(cx: &Build<'_>) -> Bad {
    Bad { what: cx.text("what").to_owned(), left: cx.whole("at") }
}

const BAD: &[Param] = &[
    Param::choice("what", &["panic", "nan", "stall"], "panic").about("what it does"),
    Param::whole("at", 0, 1000, 2).about("in which call"),
];

impl Kind for Bad {
    const NAME: &'static str = "bad";
    const ABOUT: &'static str = "Fails.";
    const PARAMS: &'static [Param] = BAD;

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::audio(cx.input(0)).runs(bad(cx))
    }
}

impl Node for Bad {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        self.left -= 1;
        let now = self.left < 0;
        assert!(!(now && self.what == "panic"), "planted");
        if now && self.what == "stall" && self.left == -1 {
            std::thread::sleep(Duration::from_millis(300));
        }
        for channel in 0..output.channels() {
            let to = output.channel(channel);
            to.copy_from_slice(input.channel(0, channel));
            if now && self.what == "nan" {
                to[0] = f32::NAN;
            }
        }
    }
}

/// A detector that panics.
struct BadDetector(Bad);

impl Kind for BadDetector {
    const NAME: &'static str = "bad-detector";
    const ABOUT: &'static str = "Detects nothing, then fails.";
    const OUTPUT: Flow = Flow::Control;
    const PARAMS: &'static [Param] = BAD;

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::control(100).runs(Self(bad(cx)))
    }
}

impl Node for BadDetector {
    fn process(&mut self, _: Input<'_>, output: &mut Output<'_>) {
        self.0.left -= 1;
        assert!(self.0.left >= 0, "planted");
        output.channel(0).fill(0.0);
    }
}

/// A gate that follows its detector without patience.
struct Gate(bool);

impl Kind for Gate {
    const NAME: &'static str = "plain-gate";
    const ABOUT: &'static str = "Opens and closes with its detector.";
    const INPUTS: &'static [Port] = &[Port::audio("in"), Port::control("voice")];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::gate(cx.input(0), cx.lag(0)).runs(Self(false))
    }
}

impl Node for Gate {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let mut at = 0;
        while at < input.frames() {
            let (voice, stays) = input.held(0, at);
            if (voice > 0.5) != self.0 {
                self.0 = !self.0;
                return if self.0 { output.open(at, 0) } else { output.close(at) };
            }
            at += stays;
        }
    }
}

fn registry() -> Registry {
    tympan::registry().add::<Bad>().add::<BadDetector>().add::<Gate>()
}

const DEVICE: Format = Format::mono(16_000);

/// A second of audio through a graph; what comes out, and what is told.
fn run(text: &str, runner: Runner) -> (Vec<f32>, Vec<Event>, Totals) {
    let graph = Graph::from_toml(text, &registry()).unwrap_or_else(|e| panic!("{e}"));
    let (hand, grip) = Hand::new(DEVICE);
    let mut pipeline = Pipeline::builder(&graph)
        .backend(hand)
        .runner(runner)
        .outlet_seconds(10.0)
        .start()
        .unwrap();
    let mut pcm = pipeline.pcm("voice").unwrap();
    let mut events = pipeline.events().unwrap();
    for n in 0..100 {
        let block: Vec<f32> = (0..160).map(|i| ((n * 160 + i) as f32 * 0.01).sin() * 0.5).collect();
        grip.audio(&block, DEVICE);
        if runner == Runner::Manual {
            pipeline.poll();
        }
    }
    let totals = pipeline.stop();
    let mut out = Vec::new();
    while let Some(block) = pcm.try_next() {
        out.extend_from_slice(block.samples);
    }
    assert!(pcm.is_finished());
    (out, std::iter::from_fn(|| events.try_next()).collect(), totals)
}

fn sine(n: usize) -> f32 {
    (n as f32 * 0.01).sin() * 0.5
}

fn quietly<T>(test: impl FnOnce() -> T) -> T {
    // The planted panics would fill the log; one of another test may be lost with them.
    static QUIET: AtomicBool = AtomicBool::new(false);
    if !QUIET.swap(true, Ordering::SeqCst) {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref::<&str>().is_none_or(|s| *s != "planted") {
                told(info);
            }
        }));
    }
    test()
}

#[test]
fn a_panicking_node_is_bridged_and_the_audio_goes_on() {
    let text = "[[node]]\nkind = \"bad\"\nat = 3\n[[output]]\nname = \"voice\"\n";
    for runner in [Runner::Manual, Runner::Worker, Runner::Inline] {
        let (out, events, totals) = quietly(|| run(text, runner));
        assert_eq!(out.len(), 16_000, "{runner:?}");
        assert!(out.iter().enumerate().all(|(n, x)| *x == sine(n)), "{runner:?}");
        let faults: Vec<_> = events.iter().filter(|e| matches!(e.what, What::Fault(_))).collect();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!((faults[0].what, faults[0].node), (What::Fault(Fault::Panic), 0));
        assert_eq!(totals.input, totals.processed);
    }
}

#[test]
fn a_dead_detector_holds_the_gate_open() {
    let text = "[[node]]\nkind = \"bad-detector\"\nat = 10\n\n[[node]]\nkind = \"plain-gate\"\nfrom = { in = \"mic\", voice = \"bad-detector\" }\n\n[[output]]\nname = \"voice\"\n";
    let (out, events, _) = quietly(|| run(text, Runner::Manual));
    assert!(events.iter().any(|e| e.what == What::Fault(Fault::Panic)));
    // Silent for ten detector calls, then everything comes through.
    assert!(out.len() >= 14_000 && out.len() < 16_000, "{}", out.len());
    assert_eq!(out.last(), Some(&sine(15_999)));
}

#[test]
fn a_node_that_puts_out_nan_is_told_once_and_silenced_where_it_must_be() {
    let text = "[[node]]\nkind = \"bad\"\nwhat = \"nan\"\nat = 5\n[[output]]\nname = \"voice\"\n";
    let (out, events, _) = run(text, Runner::Manual);
    assert_eq!(out.len(), 16_000);
    for (n, x) in out.iter().enumerate() {
        let nan = n >= 800 && n % 160 == 0;
        assert_eq!(*x, if nan { 0.0 } else { sine(n) }, "{n}");
    }
    let told = events.iter().filter(|e| e.what == What::Fault(Fault::NotFinite)).count();
    assert_eq!(told, 1, "once per segment is enough");
}

#[test]
fn a_stalling_node_makes_the_ring_wait_and_loses_nothing() {
    let text = "[[node]]\nkind = \"bad\"\nwhat = \"stall\"\n[[output]]\nname = \"voice\"\n";
    let (out, _, totals) = run(text, Runner::Worker);
    assert!(out.iter().enumerate().all(|(n, x)| *x == sine(n)));
    assert_eq!((totals.input, totals.processed, totals.dropped), (16_000, 16_000, 0));
}
