//! What is done with bytes that a fuzzer makes up: each target is a function of bytes that
//! panics where a promise is broken. `fuzz/` hands them to libFuzzer; `cargo test` plays
//! every seed and every finding of old, without a fuzzer and on any toolchain.
//!
//! Checksums are not switched off while fuzzing, which would be another program than the
//! one that ships: targets put right ones into what they are given, but for some that they
//! leave wrong on purpose.

#![allow(missing_docs, reason = "a harness, and nobody's library")]

mod bytes;
mod flac;
mod graph;
mod limits;
mod memory;
mod mp4;
mod ogg;
mod params;
#[path = "../../../backends/tests/session/promises.rs"]
mod promises;
mod recovery;
mod samples;
mod schedule;
#[path = "../../../backends/tests/session/script.rs"]
mod script;
mod seeds;
mod session;
mod sound;
mod storm;
mod takes;
mod threads;
mod trip;
mod wav;
#[path = "../../../backends/tests/session/witness.rs"]
mod witness;

pub use seeds::seeds;

/// What is done with bytes, and how many of them are enough: longer inputs find nothing that
/// shorter ones do not, and take longer. `x` reads this list, too.
pub const TARGETS: [Target; 13] = [
    target("graph", graph::run, 1024),
    target("params", params::run, 64),
    target("samples", samples::run, 512),
    target("schedule", schedule::run, 96),
    target("storm", storm::run, 96),
    target("session", session::run, 64),
    target("ogg", ogg::run, 1024),
    target("wav", wav::run, 512),
    target("mp4", mp4::run, 1024),
    target("flac", flac::run, 512),
    target("takes", takes::run, 1024),
    target("threads", threads::run, 96),
    target("trip", trip::run, 512),
];

#[derive(Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    pub most: usize,
}

const fn target(name: &'static str, run: fn(&[u8]), most: usize) -> Target {
    Target { name, run, most }
}

/// Hands bytes to a target, which may take a second, 64 MiB, and has to give back what it
/// took.
///
/// # Panics
/// Where a promise is broken.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    // What one thread takes and another gives back is on nobody's account.
    limits::bounded(target.run, bytes, name != "threads");
}
