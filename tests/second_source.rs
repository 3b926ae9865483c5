//! What the loudspeaker plays, on the microphone's timeline: late, early, absent.

mod kit;

use kit::Hand;
use tympan::core::{Build, Built, Input, Kind, Node, Output, Port, Refusal, Spec};
use tympan::{Format, Graph, Pipeline, Runner};

/// Puts the reference out, aligned with the microphone.
struct Pick;

impl Kind for Pick {
    const NAME: &'static str = "pick";
    const ABOUT: &'static str = "Passes its reference on.";
    const INPUTS: &'static [Port] = &[Port::audio("in"), Port::audio("reference")];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::audio(cx.input(1)).fixed(160).runs(Self)
    }
}

impl Node for Pick {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        output.channel(0).copy_from_slice(input.channel(1, 0));
    }
}

const DEVICE: Format = Format::mono(16_000);
const TEXT: &str = "[[source]]\nname = \"mic\"\n[[source]]\nname = \"render\"\n[[node]]\nkind = \"pick\"\nfrom = { in = \"mic\", reference = \"render\" }\n[[output]]\nname = \"voice\"\n";

const BLOCK: usize = 160;
const BLOCK_NS: u64 = 10_000_000;
/// Host time of the first microphone frame: any number will do.
const START_NS: u64 = 77_000_000_000;

/// Plays blocks numbered from 1 at their host times, each block `order(n)` callbacks
/// earlier or later than the microphone gets there; returns what was heard.
fn heard(blocks: usize, order: impl Fn(usize) -> Option<isize>, jitter_ns: u64) -> Vec<f32> {
    let registry = tympan::registry().add::<Pick>();
    let graph = Graph::from_toml(TEXT, &registry).unwrap_or_else(|e| panic!("{e}"));
    let (hand, grip) = Hand::new(DEVICE);
    let mut pipeline = Pipeline::builder(&graph)
        .backend(hand)
        .render(DEVICE)
        .runner(Runner::Manual)
        .start()
        .unwrap();
    let mut render = pipeline.render().unwrap();
    let mut pcm = pipeline.pcm("voice").unwrap();
    for n in 0..blocks {
        for block in 0..blocks {
            if order(block).is_some_and(|d| block as isize + d == n as isize) {
                let level = (block + 1) as f32 / 1000.0;
                let at = START_NS + block as u64 * BLOCK_NS + (block as u64 % 3) * jitter_ns;
                assert_eq!(render.push(&[level; BLOCK], at), BLOCK);
            }
        }
        grip.at(&[0.9; BLOCK], DEVICE, START_NS + n as u64 * BLOCK_NS);
        pipeline.poll();
    }
    let totals = pipeline.stop();
    assert_eq!(totals.processed as usize, blocks * BLOCK, "the microphone never waits");
    let mut out = Vec::new();
    while let Some(block) = pcm.try_next() {
        out.extend_from_slice(block.samples);
    }
    out
}

fn level(block: usize) -> f32 {
    (block + 1) as f32 / 1000.0
}

#[test]
fn what_is_played_ahead_lies_where_it_is_heard() {
    // The first block has no microphone to be placed by; from the second on all is known.
    let out = heard(50, |n| Some(if n < 2 { 0 } else { -2 }), 0);
    assert_eq!(out.len(), 50 * BLOCK);
    for block in 4..48 {
        assert!(
            out[block * BLOCK..(block + 1) * BLOCK].iter().all(|x| *x == level(block)),
            "{block}"
        );
    }
}

#[test]
fn jitter_of_host_times_tears_no_holes() {
    let out = heard(50, |n| (n >= 2).then_some(-2), 3_000_000);
    assert!(out[4 * BLOCK..48 * BLOCK].iter().all(|x| *x > 0.0));
}

#[test]
fn an_absent_reference_is_silence() {
    let out = heard(50, |_| None, 0);
    assert_eq!(out, vec![0.0; 50 * BLOCK]);
}

#[test]
fn a_pause_of_the_reference_is_silence_and_what_follows_is_in_place() {
    let out = heard(60, |n| (!(20..40).contains(&n)).then_some(if n < 2 { 0 } else { -2 }), 0);
    assert!(out[22 * BLOCK..40 * BLOCK].iter().all(|x| *x == 0.0));
    for block in 40..58 {
        assert!(
            out[block * BLOCK..(block + 1) * BLOCK].iter().all(|x| *x == level(block)),
            "{block}"
        );
    }
}

#[test]
fn what_comes_too_late_is_dropped_not_shifted() {
    let out = heard(60, |n| Some(if n == 30 { 5 } else { -2 }.max(-(n as isize))), 0);
    for block in 36..58 {
        assert!(
            out[block * BLOCK..(block + 1) * BLOCK].iter().all(|x| *x == level(block)),
            "{block}"
        );
    }
}
