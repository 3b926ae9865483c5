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
/// shorter ones do not, and take longer. `x` reads this list, too. Each has a name of its own,
/// so that a program of one holds nothing of the others: a fuzzer looks at all that a program
/// counts after every run.
pub const GRAPH: Target = target("graph", graph::run, 1024);
pub const PARAMS: Target = target("params", params::run, 64);
pub const SAMPLES: Target = target("samples", samples::run, 512);
pub const SCHEDULE: Target = target("schedule", schedule::run, 96);
pub const STORM: Target = target("storm", storm::run, 96);
pub const SESSION: Target = target("session", session::run, 64);
pub const OGG: Target = target("ogg", ogg::run, 1024);
pub const WAV: Target = target("wav", wav::run, 512);
pub const MP4: Target = target("mp4", mp4::run, 1024);
pub const FLAC: Target = target("flac", flac::run, 512);
pub const TAKES: Target = target("takes", takes::run, 1024);
pub const THREADS: Target = target("threads", threads::run, 96);
pub const TRIP: Target = target("trip", trip::run, 512);

pub const TARGETS: [Target; 13] =
    [GRAPH, PARAMS, SAMPLES, SCHEDULE, STORM, SESSION, OGG, WAV, MP4, FLAC, TAKES, THREADS, TRIP];

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
pub fn run(target: Target, bytes: &[u8]) {
    // What one thread takes and another gives back is on nobody's account.
    limits::bounded(target.run, bytes, target.name != THREADS.name);
}
