//! What the engine adds to the kernels it runs: the dictation chain without its gate,
//! from 48 kHz to Opus, beside the same kernels called one after the other in a closure.
//!
//! ```text
//! cargo bench -p tympan-benches --bench chain              # CPU time, in turns
//! cargo bench -p tympan-benches --bench chain -- instructions  # callgrind, if installed
//! ```
//!
//! Equal: the kernels, their settings, blocks of 10 ms, a packet every second block, the
//! audio. Not equal: the engine guards its door, keeps positions, cuts frames and counts
//! everything; the closure does none of that. Its detector is `earshot` alone: what our
//! `vad` does around it is on our side of the scale.

use std::hint::black_box;
use std::process::{Command, ExitCode};

use tympan::core::{Discard, Executor};
use tympan::{Format, Graph, registry};
use tympan_benches::bare::Bare;
use tympan_benches::speech::{CHAIN, at_48k, recording};
use tympan_benches::{Contender, heap, race};

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

const RATE: u32 = 48_000;
const BLOCK: usize = 480;
const ROUNDS: usize = 101;
/// The bars: times the bare kernels.
const TIME: f64 = 1.03;
const INSTRUCTIONS: f64 = 1.01;

fn chain() -> Executor {
    let graph = Graph::from_toml(CHAIN, &registry()).expect("the graph is right");
    let mut executor = graph.plan(Format::mono(RATE)).expect("it fits").executor();
    executor.warm();
    executor
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|w| w == word);
    let audio = at_48k(&recording("fan-20db"), 2 * BLOCK);
    let seconds = |n: usize| audio.chunks_exact(BLOCK).cycle().take(n * 100);
    if has("run-chain") {
        let mut chain = chain();
        seconds(10).for_each(|b| chain.push(b, &mut Discard));
        return ExitCode::SUCCESS;
    }
    if has("run-bare") {
        let mut bare = Bare::listening();
        seconds(10).for_each(|b| _ = black_box(bare.push(b)));
        return ExitCode::SUCCESS;
    }
    if has("run-nothing") {
        let (chain, bare) = (chain(), Bare::listening());
        black_box((&chain, &bare));
        return ExitCode::SUCCESS;
    }
    let kept = if has("instructions") { instructions() } else { times(&audio) };
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// In turns, a second of audio a lap.
fn times(audio: &[f32]) -> bool {
    let (mut chain, mut bare) = (chain(), Bare::listening());
    let (mut a, mut b) = (audio.chunks_exact(BLOCK).cycle(), audio.chunks_exact(BLOCK).cycle());
    let mut all = [
        Contender::new("the chain as a graph", || {
            a.by_ref().take(100).for_each(|block| chain.push(block, &mut Discard));
        }),
        Contender::new("its kernels in a closure", || {
            b.by_ref().take(100).for_each(|block| _ = black_box(bare.push(block)));
        }),
    ];
    let times = race(&mut all, ROUNDS);
    println!("| | us per 10 ms | of the kernels | heap |\n|---|---|---|---|");
    let mut heaps = Vec::new();
    for (contender, time) in all.iter_mut().zip(&times) {
        heaps.push(heap::operations(&mut contender.lap));
        let (us, ratio) = (time.median() / 1e5, time.ratio(&times[1]));
        println!("| {} | {us:.2} | {ratio:.4} | {} |", contender.name, heaps[heaps.len() - 1]);
    }
    let ratio = times[0].ratio(&times[1]);
    let kept = ratio <= TIME && heaps[0] == 0;
    println!("\nCPU time: {ratio:.4} times the kernels, the bar is {TIME}: {}", verdict(kept));
    kept
}

fn verdict(kept: bool) -> &'static str {
    if kept { "kept" } else { "NOT KEPT" }
}

/// Instructions of ten seconds, counted by callgrind; what starting costs is taken off.
fn instructions() -> bool {
    let [chain, bare, nothing] = ["run-chain", "run-bare", "run-nothing"].map(counted);
    let (Some(chain), Some(bare), Some(nothing)) = (chain, bare, nothing) else {
        println!("valgrind counts the instructions, and it does not run here; please install it");
        return false;
    };
    let (chain, bare) = (chain - nothing, bare - nothing);
    let ratio = chain / bare;
    println!(
        "instructions per 10 ms: {:.0} as a graph, {:.0} in a closure",
        chain / 1e3,
        bare / 1e3
    );
    let kept = ratio <= INSTRUCTIONS;
    println!("{ratio:.4} times the kernels, the bar is {INSTRUCTIONS}: {}", verdict(kept));
    kept
}

fn counted(part: &str) -> Option<f64> {
    let me = std::env::current_exe().ok()?;
    let out = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(me)
        .arg(part)
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&out.stderr);
    let line = text.lines().find(|l| l.contains("Collected"))?;
    line.rsplit(':').next()?.trim().replace(',', "").parse().ok()
}
