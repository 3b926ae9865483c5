//! The graphs that ship, as a device or a server runs them: what a gate saves, the worst
//! block against its budget, and a thousand at once.
//!
//! Fails if a bar is not kept, or the heap is touched.

use std::process::ExitCode;

use tympan::bench::Bench;
use tympan::core::{Discard, Executor};
use tympan::{Event, Graph, Header, Planar, Sink, What, registry};
use tympan_benches::shipped::{DEVICE, graph, text};
use tympan_benches::speech::{CHAIN, at_48k, duty, recording};
use tympan_benches::{Contender, heap, race};

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

/// A callback of 10 ms.
const BLOCK: usize = 480;
const MANY: usize = 1000;

/// Times the CPU of the same graph without a gate, at 25 % speech.
const GATED: f64 = 0.27;
/// Share of the budget that the worst block takes, in percent: with packets of 20 ms, and
/// of 10 ms.
const WORST: [(&str, f64); 2] = [("dictation", 1.0), ("voice-agent", 0.6)];
/// KiB for each more, and times the cost of one alone.
const KIB: f64 = 80.0;
const CROWDED: f64 = 1.15;

fn main() -> ExitCode {
    let duty = duty(BLOCK);
    let speech = at_48k(&recording("fan-20db"), BLOCK);
    let kept = [gate(&duty), worst(&duty), many(&speech)];
    if kept.iter().all(|k| *k) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn verdict(kept: bool) -> bool {
    println!("{}", if kept { ": kept" } else { ": NOT KEPT" });
    kept
}

fn executor(text: &str) -> Executor {
    let graph = Graph::from_toml(text, &registry()).unwrap_or_else(|e| panic!("{e}"));
    let mut executor = graph.plan(DEVICE).unwrap_or_else(|e| panic!("{e}")).executor();
    executor.warm();
    executor
}

/// Seconds that a gate let through.
#[derive(Default)]
struct Open {
    from: f64,
    seconds: f64,
}

impl Sink for Open {
    fn audio(&mut self, _: usize, _: &Header, _: Planar<'_>) {}
    fn packet(&mut self, _: usize, _: &Header, _: &[u8]) {}
    fn event(&mut self, event: Event) {
        match event.what {
            What::UtteranceStart(_) => self.from = event.seconds(),
            What::UtteranceEnd(_) => self.seconds += event.seconds() - self.from,
            _ => {}
        }
    }
}

/// The speech path of `dictation` with its gate and without.
fn gate(duty: &[f32]) -> bool {
    let gated = text("dictation");
    let node = "[[node]]\nkind = \"gate\"\nfrom = { in = \"clean\", voice = \"vad\" }\n";
    let after = "[[node]]\nkind = \"suppress\"\n";
    assert!(gated.contains(node) && gated.contains(after), "dictation.toml reads otherwise now");
    let ungated =
        gated.replace(node, "").replace(after, "[[node]]\nkind = \"suppress\"\nfrom = \"clean\"\n");
    let mut open = Open::default();
    let mut once = executor(&gated);
    duty.chunks(BLOCK).for_each(|b| once.push(b, &mut open));
    once.drain(&mut open);
    let (mut with, mut without) = (executor(&gated), executor(&ungated));
    let mut all = [
        Contender::new("gated", || duty.chunks(BLOCK).for_each(|b| with.push(b, &mut Discard))),
        Contender::new("not", || duty.chunks(BLOCK).for_each(|b| without.push(b, &mut Discard))),
    ];
    let times = race(&mut all, 5);
    let ratio = times[0].ratio(&times[1]);
    println!(
        "dictation, a minute with 15 s of speech, of which the gate is open {:.1} s:\n\
         gated {:.0} us per s, not gated {:.0} us per s",
        open.seconds,
        times[0].median() / 60e3,
        times[1].median() / 60e3
    );
    print!("{ratio:.3} times the CPU, the bar is {GATED}");
    verdict(ratio <= GATED)
}

/// The worst block: of each the best of some passes, so that no interruption is to blame.
fn worst(duty: &[f32]) -> bool {
    let mut all = true;
    for (name, bar) in WORST {
        let costs = Bench::on(DEVICE).run(&graph(name), duty, |_| {}).expect("it fits");
        let us = |seconds: f64| seconds * 1e6;
        let worst = costs.share(costs.worst()) * 100.0;
        println!(
            "\n{name}, {} blocks of 10 ms: mean {:.1} us, p99 {:.1} us, worst {:.1} us",
            costs.blocks(),
            us(costs.mean()),
            us(costs.at(0.99)),
            us(costs.worst())
        );
        print!("the worst takes {worst:.2} % of its time, the bar is {bar} %");
        all &= verdict(worst <= bar);
    }
    all
}

/// As many as a server runs, in turns on one thread.
fn many(speech: &[f32]) -> bool {
    let block = |i: usize| &speech[i % (speech.len() / BLOCK) * BLOCK..][..BLOCK];
    let before = resident();
    let mut all: Vec<Executor> = (0..MANY).map(|_| executor(CHAIN)).collect();
    // Once round, so that all memory is really there.
    for executor in &mut all {
        (0..4).for_each(|i| executor.push(block(i), &mut Discard));
    }
    let kib = resident().zip(before).map(|(after, before)| (after - before) as f64 / MANY as f64);
    let mut alone = executor(CHAIN);
    let (mut i, mut j) = (0, 0);
    let mut contenders = [
        Contender::new("a thousand", || {
            // Each at another place of the recording, and far enough for a packet.
            for (k, executor) in all.iter_mut().enumerate() {
                (0..2).for_each(|n| executor.push(block(i + 2 * k + n), &mut Discard));
            }
            i += 2;
        }),
        Contender::new("one", || {
            (0..2 * MANY).for_each(|k| alone.push(block(j + k), &mut Discard));
            j += 2 * MANY;
        }),
    ];
    let times = race(&mut contenders, 21);
    let ratio = times[0].ratio(&times[1]);
    println!("\nresample, vad, suppress and opus: {MANY} in one process, in turns on one thread");
    print!("{ratio:.3} times the cost per block of one alone, the bar is {CROWDED}");
    let mut kept = verdict(ratio <= CROWDED);
    match kib {
        Some(kib) => {
            print!("{kib:.1} KiB each, the bar is {KIB}");
            kept &= verdict(kib <= KIB);
        }
        None => println!("memory is not measured on this system"),
    }
    kept
}

/// KiB of this process that are in memory.
fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|l| l.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
