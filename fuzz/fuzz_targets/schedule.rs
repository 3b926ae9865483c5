//! Any order of callbacks, losses, breaks, format changes, stalls, swaps and
//! parameters: no frame is off the account.

#![no_main]

use std::sync::{Arc, Mutex};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use tympan::backend::{Buffer, Capture, Notice};
use tympan::{Backend, BackendError, Format, Graph, Pipeline, Runner};

#[derive(Arbitrary, Debug)]
enum Step {
    Audio(u16),
    Stereo(bool),
    Lost(u32),
    Break,
    Poll,
    Read,
    Swap,
    Gain(f32),
}

#[derive(Clone, Default)]
struct Hand(Arc<Mutex<Option<Box<dyn Capture>>>>);

impl Backend for Hand {
    fn name(&self) -> &str {
        "hand"
    }
    fn format(&mut self) -> Result<Format, BackendError> {
        Ok(Format::mono(48_000))
    }
    fn start(&mut self, capture: Box<dyn Capture>) -> Result<(), BackendError> {
        *self.0.lock().unwrap() = Some(capture);
        Ok(())
    }
    fn stop(&mut self) -> Option<Box<dyn Capture>> {
        self.0.lock().unwrap().take()
    }
}

const TEXT: &str = "[[node]]\nkind = \"mix\"\nchannels = 1\n[[node]]\nkind = \"gain\"\n[[node]]\nkind = \"pcm16\"\n[[output]]\nname = \"voice\"\nfrom = \"gain\"\n[[output]]\nname = \"packets\"\n";

fuzz_target!(|steps: Vec<Step>| {
    let graph = Graph::from_toml(TEXT, &tympan::registry()).unwrap();
    let hand = Hand::default();
    let mut pipeline = Pipeline::builder(&graph)
        .backend(hand.clone())
        .runner(Runner::Manual)
        .entry_seconds(0.1)
        .outlet_seconds(0.1)
        .start()
        .unwrap();
    let mut pcm = pipeline.pcm("voice").unwrap();
    let (mut format, mut read) = (Format::mono(48_000), 0u64);
    let samples = vec![0.25f32; 2 * 8192];
    let call = |with: &dyn Fn(&mut dyn Capture)| {
        if let Some(capture) = hand.0.lock().unwrap().as_mut() {
            with(capture.as_mut());
        }
    };
    let mut drain = |pcm: &mut tympan::PcmReader| {
        while let Some(block) = pcm.try_next() {
            read += block.samples.len() as u64;
        }
    };
    for step in steps.into_iter().take(500) {
        match step {
            Step::Audio(frames) => {
                let n = (frames as usize % 8193) * format.channels as usize;
                call(&|c| c.audio(Buffer { samples: &samples[..n], format, host_ns: 0 }));
            }
            Step::Stereo(yes) => format = Format::new(48_000, 1 + u16::from(yes)),
            Step::Lost(n) => call(&|c| c.notice(Notice::Lost(u64::from(n)))),
            Step::Break => call(&|c| c.notice(Notice::Break)),
            Step::Poll => drop(pipeline.poll()),
            Step::Read => drain(&mut pcm),
            Step::Swap => drop(pipeline.swap(&graph)),
            Step::Gain(db) => drop(pipeline.param("gain.db").unwrap().set(db)),
        }
    }
    let t = pipeline.stop();
    drain(&mut pcm);
    assert_eq!(t.input + t.filled, t.processed + t.dropped, "{t:?}");
    assert_eq!(t.processed, t.outputs[0].delivered + t.outputs[0].dropped, "{t:?}");
    assert_eq!(t.outputs[0].delivered, read, "{t:?}");
});
