//! Swaps of graphs and parameters without end, between callbacks of changing formats: what
//! is refused says so and changes nothing, what comes out is sound, and the account is true.

use std::cell::OnceCell;

use tympan::{Format, Graph, Limits, PcmReader, Pipeline, Runner};

use crate::bytes::Bytes;
use crate::sound::{Hand, graph, samples};

/// Most swaps, which are whole plans, and most steps of a run.
const MOST_SWAPS: usize = 3;
const MOST: usize = 32;

const MIX: &str = "[[node]]\nkind = \"mix\"\nchannels = 1\n";

/// What stands behind `mix`, and whether the output is what it was.
const GRAPHS: [(&str, bool); 7] = [
    ("", true),
    ("[[node]]\nkind = \"gain\"\ndb = -6\n", true),
    (
        "[[node]]\nkind = \"highpass\"\n[[node]]\nkind = \"gain\"\n[[node]]\nkind = \"limiter\"\n",
        true,
    ),
    ("[[node]]\nkind = \"agc\"\n", true),
    ("[[node]]\nkind = \"resample\"\nrate = 48000\n[[node]]\nkind = \"gain\"\n", true),
    ("[[node]]\nkind = \"resample\"\nrate = 16000\n", false),
    ("[[node]]\nkind = \"dc\"\n[[node]]\nid = \"gain2\"\nkind = \"gain\"\n", true),
];

const DEVICES: [Format; 4] =
    [Format::mono(48_000), Format::stereo(48_000), Format::mono(44_100), Format::mono(16_000)];

fn graphs() -> Vec<Graph> {
    let text = |nodes| format!("{MIX}{nodes}[[output]]\nname = \"voice\"\n");
    GRAPHS.iter().map(|(nodes, _)| graph(&text(nodes))).collect()
}

pub(crate) fn run(bytes: &[u8]) {
    judge(bytes, 0);
}

/// `planted` is counted as if it had been read.
fn judge(bytes: &[u8], planted: u64) {
    thread_local!(static KNOWN: OnceCell<Vec<Graph>> = const { OnceCell::new() });
    let graphs = KNOWN.with(|known| known.get_or_init(graphs).clone());
    let mut bytes = Bytes::new(bytes);
    let hand = Hand::new(DEVICES[0]);
    let mut pipeline = Pipeline::builder(&graphs[1])
        .backend(hand.clone())
        .runner(Runner::Manual)
        .limits(Limits { max_push: 128, ..Limits::default() })
        .entry_seconds(0.02)
        .outlet_seconds(0.02)
        .start()
        .expect("it fits");
    let mut pcm = pipeline.pcm("voice").expect("an output");
    let (mut device, mut always_48, mut swaps, mut read, mut pushed) = (DEVICES[0], true, 0, 0, 0);
    let mut buffer = Vec::new();
    for _ in 0..MOST {
        if bytes.is_empty() {
            break;
        }
        match bytes.below(16) {
            0 | 1 if swaps < MOST_SWAPS => {
                swaps += 1;
                let which = bytes.below(GRAPHS.len());
                swap(&pipeline, &graphs[which], GRAPHS[which].1);
            }
            2..5 => set(&pipeline, bytes.byte(), bytes.float()),
            5 => {
                device = bytes.of(&DEVICES);
                always_48 &= device.rate == 48_000;
            }
            6..9 => drop(pipeline.poll()),
            9 => read += heard(&mut pcm),
            _ => {
                buffer.clear();
                let frames = bytes.below(200);
                samples(&mut bytes, frames * usize::from(device.channels), &mut buffer);
                pushed += frames as u64;
                hand.audio(&buffer, device);
            }
        }
    }
    let t = pipeline.stop();
    read += heard(&mut pcm) + planted;
    assert_eq!(t.input, pushed, "{t:?}");
    assert_eq!(t.input + t.filled, t.processed + t.dropped, "{t:?}");
    assert_eq!(t.outputs[0].delivered, read, "{t:?}");
    if always_48 {
        assert_eq!(t.processed, read + t.outputs[0].dropped, "{t:?}");
    }
}

/// A graph whose output is another is refused whatever happens.
fn swap(pipeline: &Pipeline, graph: &Graph, fits: bool) {
    match pipeline.swap(graph) {
        Ok(()) => assert!(fits, "a swap changed what an output carries"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A value that is none is refused, and the one before stays.
fn set(pipeline: &Pipeline, which: u8, value: f32) {
    let name = ["gain.db", "gain2.db", "highpass.hz", "none.db"][usize::from(which) % 4];
    let Some(live) = pipeline.param(name) else { return };
    let before = live.get();
    match live.set(value) {
        Ok(()) => assert!(value.is_finite() && live.get() == value, "{name} = {value}"),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(live.get().to_bits() == before.to_bits(), "a refused value counts");
        }
    }
}

fn heard(pcm: &mut PcmReader) -> u64 {
    let mut frames = 0;
    while let Some(block) = pcm.try_next() {
        assert!(block.samples.iter().all(|x| x.abs() <= 1.0));
        frames += block.samples.len() as u64;
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planted_faults_are_noticed() {
        let bytes = [10, 100, 1, 200, 6, 0, 3, 6, 10, 50, 1, 200, 6, 9];
        judge(&bytes, 0);
        assert!(std::panic::catch_unwind(|| judge(&bytes, 1)).is_err());
    }

    #[test]
    fn a_swap_that_should_be_refused_is_known() {
        let graphs = graphs();
        let pipeline = Pipeline::builder(&graphs[0])
            .backend(Hand::new(DEVICES[0]))
            .runner(Runner::Manual)
            .start()
            .unwrap();
        swap(&pipeline, &graphs[5], false);
        let wrong = std::panic::AssertUnwindSafe(|| swap(&pipeline, &graphs[1], false));
        assert!(std::panic::catch_unwind(wrong).is_err());
    }
}
