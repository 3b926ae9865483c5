//! Another graph, another device format: the outputs stay what they were, nothing is
//! lost, and what may not be swapped is refused.

mod kit;

use kit::{Grip, Hand};
use tympan::{Format, Graph, PcmReader, Pipeline, Runner, SwapError};

const MONO: Format = Format::mono(48_000);
const STEREO: Format = Format::stereo(48_000);

fn graph(nodes: &str) -> Graph {
    let text = format!("{nodes}\n[[output]]\nname = \"voice\"\n");
    Graph::from_toml(&text, &tympan::registry()).unwrap_or_else(|e| panic!("{e}"))
}

const MIX: &str = "[[node]]\nkind = \"mix\"\nchannels = 1\n";
const GAIN: &str = "[[node]]\nkind = \"mix\"\nchannels = 1\n\n[[node]]\nkind = \"gain\"\ndb = 0\n";

fn start(graph: &Graph, device: Format) -> (Pipeline, Grip, PcmReader) {
    let (hand, grip) = Hand::new(device);
    let mut pipeline =
        Pipeline::builder(graph).backend(hand).runner(Runner::Manual).start().unwrap();
    let pcm = pipeline.pcm("voice").unwrap();
    (pipeline, grip, pcm)
}

/// All there is: segment, position and samples.
fn read(pcm: &mut PcmReader) -> Vec<(u32, i64, Vec<f32>)> {
    let mut all = Vec::new();
    while let Some(block) = pcm.try_next() {
        all.push((block.header.segment, block.header.position, block.samples.to_vec()));
    }
    all
}

fn frames(blocks: &[(u32, i64, Vec<f32>)], segment: u32) -> usize {
    blocks.iter().filter(|b| b.0 == segment).map(|b| b.2.len()).sum()
}

#[test]
fn a_new_graph_takes_over_between_two_blocks() {
    let (mut pipeline, grip, mut pcm) = start(&graph(MIX), MONO);
    grip.audio(&[0.5; 100], MONO);
    pipeline.poll();
    let louder = graph(GAIN);
    pipeline.swap(&louder).unwrap();
    louder.param("gain.db").unwrap().set(-6.020_6).unwrap();
    grip.audio(&[0.5; 2000], MONO);
    pipeline.poll();
    let totals = pipeline.stop();
    let blocks = read(&mut pcm);
    assert_eq!((frames(&blocks, 0), frames(&blocks, 1)), (100, 2000), "{totals:?}");
    assert_eq!(blocks.iter().find(|b| b.0 == 1).unwrap().1, 0, "a swap begins a segment");
    let last = blocks.iter().rev().find_map(|b| b.2.last()).unwrap();
    assert!((last - 0.25).abs() < 1e-4, "{last}");
    assert_eq!(totals.input, totals.processed);
}

#[test]
fn a_second_swap_waits_until_the_first_is_through() {
    let (mut pipeline, _grip, _pcm) = start(&graph(MIX), MONO);
    pipeline.swap(&graph(GAIN)).unwrap();
    assert!(matches!(pipeline.swap(&graph(MIX)), Err(SwapError::Busy)));
    pipeline.poll();
    pipeline.swap(&graph(MIX)).unwrap();
    pipeline.stop();
}

#[test]
fn outputs_keep_their_names_and_formats() {
    let (pipeline, _grip, _pcm) = start(&graph(MIX), STEREO);
    let text = "[[output]]\nname = \"speech\"\n";
    let other = Graph::from_toml(text, &tympan::registry()).unwrap();
    let error = pipeline.swap(&other).unwrap_err().to_string();
    assert!(error.contains("`voice`") && error.contains("`speech`"), "{error}");
    let wider = graph("");
    let error = pipeline.swap(&wider).unwrap_err().to_string();
    assert_eq!(
        error,
        "output `voice` carries 48000 Hz mono and would carry 48000 Hz stereo; put `kind = \
         \"resample\"` or `kind = \"mix\"` before it so that it keeps its format"
    );
    pipeline.stop();
}

#[test]
fn a_device_that_changes_its_format_goes_on_in_a_new_segment() {
    let (mut pipeline, grip, mut pcm) = start(&graph(GAIN), STEREO);
    pipeline.param("gain.db").unwrap().set(-20.0).unwrap();
    grip.audio(&[0.5; 2000], STEREO);
    pipeline.poll();
    for n in 0..6 {
        let device = if n % 2 == 0 { MONO } else { STEREO };
        grip.audio(&vec![0.5; 1000 * device.channels as usize], device);
        pipeline.poll();
        pipeline.poll();
    }
    let totals = pipeline.stop();
    let blocks = read(&mut pcm);
    for segment in 0..7 {
        assert_eq!(frames(&blocks, segment), 1000, "segment {segment}: {totals:?}");
    }
    // The value that was set outlives every plan.
    for (segment, _, samples) in blocks.iter().filter(|b| b.0 > 0) {
        assert!(samples.iter().all(|x| (x - 0.05).abs() < 1e-4), "segment {segment}");
    }
    assert_eq!((totals.input, totals.processed, totals.dropped), (7000, 7000, 0));
}

#[test]
fn a_format_that_the_graph_cannot_serve_is_told_and_counted() {
    // Without `mix` the output would have two channels.
    let (mut pipeline, grip, _pcm) = start(&graph(""), MONO);
    grip.audio(&[0.5; 100], MONO);
    pipeline.poll();
    grip.audio(&[0.5; 200], STEREO);
    pipeline.poll();
    let trouble = pipeline.trouble().expect("it must be told");
    assert_eq!(trouble.code(), "T0601");
    assert!(trouble.message().contains("48000 Hz stereo"), "{trouble}");
    assert!(pipeline.trouble().is_none(), "once");
    // Back to what it can serve: nothing of the other is left in the way.
    grip.audio(&[0.5; 50], MONO);
    pipeline.poll();
    let totals = pipeline.stop();
    assert_eq!((totals.processed, totals.dropped), (150, 100), "{totals:?}");
    assert_eq!(totals.input + totals.filled, totals.processed + totals.dropped, "{totals:?}");
}

#[test]
fn a_pipeline_stops_though_the_device_ended_in_a_format_it_cannot_serve() {
    for runner in [Runner::Worker, Runner::Inline, Runner::Manual] {
        let (hand, grip) = Hand::new(MONO);
        let graph = graph("");
        let pipeline = Pipeline::builder(&graph).backend(hand).runner(runner).start().unwrap();
        grip.audio(&[0.5; 100], MONO);
        grip.audio(&[0.5; 200], STEREO);
        let totals = pipeline.stop();
        assert_eq!((totals.processed, totals.dropped), (100, 100), "{runner:?}: {totals:?}");
    }
}
