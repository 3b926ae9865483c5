//! Every kind alone, in blocks of 10 ms on speech in noise: by criterion, and as a part of
//! realtime.

use std::process::ExitCode;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use tympan::core::{Discard, Executor};
use tympan::{Format, Graph, registry};
use tympan_benches::speech::{at_48k, recording};
use tympan_benches::{Contender, heap, race};

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

/// A kind, the rate it is at home at, and the words behind it in a graph.
const KINDS: [(&str, u32, &str); 16] = [
    ("agc", 48_000, ""),
    ("dc", 48_000, ""),
    ("denoise", 48_000, ""),
    ("f32le", 48_000, ""),
    ("flac", 48_000, ""),
    ("gain", 48_000, "db = -6.0"),
    ("gate", 16_000, "from = { in = \"mic\", voice = \"vad\" }"),
    ("highpass", 48_000, "hz = 80"),
    ("level", 48_000, ""),
    ("limiter", 48_000, ""),
    ("mix", 48_000, "channels = 2"),
    ("opus", 16_000, ""),
    ("pcm16", 48_000, ""),
    ("resample", 48_000, "rate = 16000"),
    ("suppress", 16_000, ""),
    ("vad", 16_000, ""),
];

const ROUNDS: usize = 21;
/// Blocks of 10 ms in a lap.
const BLOCKS: usize = 100;

/// A graph of this kind; a gate needs somebody who decides.
fn text(kind: &str, words: &str) -> String {
    let source = "[[source]]\nname = \"mic\"\n";
    let detector = if kind == "gate" { "[[node]]\nkind = \"vad\"\n" } else { "" };
    // What reports events only has no output of its own.
    let from = if matches!(kind, "level" | "vad") { "mic" } else { kind };
    format!(
        "{source}{detector}[[node]]\nkind = \"{kind}\"\n{words}\n\
         [[output]]\nname = \"out\"\nfrom = \"{from}\"\n"
    )
}

fn executor(kind: &str, rate: u32, words: &str) -> Executor {
    let graph = Graph::from_toml(&text(kind, words), &registry());
    let graph = graph.unwrap_or_else(|e| panic!("{e}"));
    let plan = graph.plan(Format::mono(rate)).unwrap_or_else(|e| panic!("{e}"));
    let mut executor = plan.executor();
    executor.warm();
    executor
}

fn main() -> ExitCode {
    let all = registry();
    let mut known: Vec<&str> = all.kinds().map(|kind| kind.name).collect();
    known.sort_unstable();
    assert_eq!(KINDS.map(|(kind, _, _)| kind).to_vec(), known, "each kind is measured");
    let low = recording("fan-20db");
    let high = at_48k(&low, 480);
    let sound = |rate: u32| if rate == 16_000 { &low } else { &high };
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(300))
        .configure_from_args();
    let mut group = criterion.benchmark_group("kinds");
    for (kind, rate, words) in KINDS {
        let frames = rate as usize / 100;
        let mut executor = executor(kind, rate, words);
        let mut blocks = sound(rate).chunks_exact(frames).cycle();
        group.throughput(Throughput::Elements(frames as u64));
        group.bench_function(kind, |b| {
            b.iter(|| executor.push(blocks.next().expect("there is sound"), &mut Discard));
        });
    }
    group.finish();
    criterion.final_summary();
    // Whoever tests, or asks for a list, has no time for a race.
    if !std::env::args().any(|a| a == "--bench") {
        return ExitCode::SUCCESS;
    }
    let mut contenders: Vec<Contender<'_>> = KINDS
        .iter()
        .map(|&(kind, rate, words)| {
            let mut executor = executor(kind, rate, words);
            let mut blocks = sound(rate).chunks_exact(rate as usize / 100).cycle();
            Contender::new(kind, move || {
                blocks.by_ref().take(BLOCKS).for_each(|b| executor.push(b, &mut Discard));
            })
        })
        .collect();
    let times = race(&mut contenders, ROUNDS);
    println!("\nEach kind in an executor of its own, a gate with its `vad`.\n");
    println!("| kind | us per 10 ms | of realtime, % | heap |\n|---|---|---|---|");
    let mut quiet = true;
    for (contender, time) in contenders.iter_mut().zip(&times) {
        let us = time.median() / 1e3 / BLOCKS as f64;
        let heap = heap::operations(&mut contender.lap);
        quiet &= heap == 0;
        println!("| {} | {us:.2} | {:.3} | {heap} |", contender.name, us / 100.0);
    }
    println!("\nno heap operations: {}", if quiet { "kept" } else { "NOT KEPT" });
    if quiet { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
