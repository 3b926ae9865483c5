//! Every graph that ships, in blocks of four sizes: the mean by criterion, and the worst
//! blocks, which it does not tell, by [`tympan::bench`], as `tympan bench` does; then as many
//! in one process as a server runs.
//!
//! Fails if the worst block of a graph takes more of its time than the table in
//! `benches/src/shipped.rs` gives it.

use std::process::ExitCode;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use tympan::bench::{Bench, Costs};
use tympan::core::Discard;
use tympan_benches::shipped::{BUDGETS, DEVICE, FRAMES, graph};
use tympan_benches::speech::duty;

const PASSES: u32 = 6;
const CROWDS: [usize; 4] = [1, 10, 100, 1000];
/// Blocks of 10 ms that each of a crowd gets: enough for packets of all lengths.
const TURNS: [usize; 4] = [2000, 1000, 300, 100];
const BLOCK: usize = 480;

fn main() -> ExitCode {
    // Speech a quarter of the time: gates open and close.
    let sound = duty(BLOCK);
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(300))
        .configure_from_args();
    for (name, _) in BUDGETS {
        let mut group = criterion.benchmark_group(name);
        for frames in FRAMES {
            let mut executor = graph(name).plan(DEVICE).expect("it fits").executor();
            executor.warm();
            let mut blocks = sound.chunks_exact(frames).cycle();
            group.throughput(Throughput::Elements(frames as u64));
            group.bench_function(format!("{frames} frames"), |b| {
                b.iter(|| executor.push(blocks.next().expect("there is sound"), &mut Discard));
            });
        }
        group.finish();
    }
    criterion.final_summary();
    // Whoever tests, or asks for a list, has no time for the rest.
    if !std::env::args().any(|a| a == "--bench") {
        return ExitCode::SUCCESS;
    }
    let kept = worst(&sound);
    crowds(&sound);
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn costs(name: &str, frames: usize, pipelines: usize, sound: &[f32]) -> Costs {
    let bench = Bench { frames, passes: PASSES, pipelines, ..Bench::on(DEVICE) };
    bench.run(&graph(name), sound, |_| {}).expect("it fits")
}

/// The worst blocks against their budgets.
fn worst(sound: &[f32]) -> bool {
    println!("\nMicroseconds per block, of each block the best of {PASSES} passes over a minute;");
    println!("the mean and the worst as parts of the time that the block stands for.\n");
    println!(
        "| graph | frames | mean | p50 | p99 | p99.99 | worst | mean, % | worst, % | budget |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let mut kept = true;
    for (name, budgets) in BUDGETS {
        for (frames, budget) in FRAMES.into_iter().zip(budgets) {
            let costs = costs(name, frames, 1, sound);
            print!("| {name} | {frames} | {:.1} |", costs.mean() * 1e6);
            for part in [0.5, 0.99, 0.9999, 1.0] {
                print!(" {:.1} |", costs.at(part) * 1e6);
            }
            let share = |time| costs.share(time) * 100.0;
            let fits = share(costs.worst()) <= budget;
            print!(" {:.2} | {:.2} |", share(costs.mean()), share(costs.worst()));
            println!(" {budget}{} |", if fits { "" } else { ": NOT KEPT" });
            kept &= fits;
        }
    }
    kept
}

/// Many at once, in turns on one thread.
fn crowds(sound: &[f32]) {
    println!(
        "\nPipelines in turns on one thread, blocks of 10 ms: microseconds per block, mean and"
    );
    println!("p99.99; the last column is how many of them one core runs live.\n");
    println!("| graph | 1 | 10 | 100 | 1000 | live |\n|---|---|---|---|---|---|");
    for (name, _) in BUDGETS {
        print!("| {name} |");
        let mut live = 0.0;
        for (pipelines, turns) in CROWDS.into_iter().zip(TURNS) {
            // From where somebody speaks.
            let from = 350 * BLOCK;
            let costs = costs(name, BLOCK, pipelines, &sound[from..from + turns * BLOCK]);
            print!(" {:.1}, {:.1} |", costs.mean() * 1e6, costs.at(0.9999) * 1e6);
            live = costs.budget() / costs.mean();
        }
        println!(" {live:.0} |");
    }
}
