//! Any bits as samples: what comes out is finite, within ±1 and as long as what went
//! in, and a block of good samples later nothing is left of the bad ones.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tympan::{Event, Format, Graph, Header, Planar, Sink};

struct Judge(u64);

impl Sink for Judge {
    fn audio(&mut self, _: usize, _: &Header, block: Planar<'_>) {
        assert!(block.channel(0).iter().all(|x| x.abs() <= 1.0));
        self.0 += block.frames() as u64;
    }
    fn packet(&mut self, _: usize, _: &Header, _: &[u8]) {}
    fn event(&mut self, _: Event) {}
}

const TEXT: &str = "[[node]]\nkind = \"mix\"\nchannels = 1\n[[node]]\nkind = \"highpass\"\n[[node]]\nkind = \"gain\"\ndb = 12\n[[node]]\nkind = \"level\"\n[[output]]\nname = \"x\"\nfrom = \"gain\"\n";

fuzz_target!(|bytes: &[u8]| {
    let samples: Vec<f32> = bytes
        .chunks_exact(4)
        .map(|b| f32::from_bits(u32::from_le_bytes([b[0], b[1], b[2], b[3]])))
        .collect();
    let graph = Graph::from_toml(TEXT, &tympan::registry()).unwrap();
    let mut executor = graph.plan(Format::stereo(16_000)).unwrap().executor();
    let mut judge = Judge(0);
    for block in samples.chunks(64) {
        executor.push(block, &mut judge);
    }
    executor.drain(&mut judge);
    let pushed: usize = samples.chunks(64).map(|b| b.len() / 2).sum();
    assert_eq!(judge.0, pushed as u64);
});
