//! `tympan bench`: whether this machine keeps up with a graph.

use std::path::PathBuf;
use std::time::Instant;

use tympan::{Format, Graph};

use crate::device::Device;
use crate::exit::{Exit, Failure};
use crate::graph_file;
use crate::output::{Line, Output, seconds};
use crate::{profile, stage};

/// Measure a graph against the deadline of a device, on this machine
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The graph, a TOML file; `-` is standard input; the one for dictation without it
    graph: Option<PathBuf>,

    #[command(flatten)]
    device: Device,

    /// Seconds of sound
    #[arg(long, value_name = "N", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,

    /// How often it is played
    #[arg(long, value_name = "N", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    passes: u32,
}

const AFTER: &str = "\
A device calls every 10 ms, and a block that takes longer is late. Voice-like
sound in noise is played in such blocks, several times; of each block the
shortest time counts, because what else the machine did is no cost of the graph.

The end is 1 if the worst block takes more than half of its time: a phone that
saves power, or other work, would make it late.

Examples:
  tympan bench
  tympan bench graphs/meeting.toml --rate 44100 --json";

/// Calls of a device in a second.
const CALLS: f64 = 100.0;
/// What the worst block may take of its time.
const MOST: f64 = 0.5;

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    let registry = tympan::registry();
    let (name, graph) = if let Some(path) = &args.graph {
        (graph_file::name(path), graph_file::load(path, &registry)?)
    } else {
        let (name, text) = super::demo::GRAPH;
        (name.to_owned(), Graph::named(name, text, &registry)?)
    };
    let (device, _) = args.device.plan(&graph)?;
    let sound = stage::sound(device, args.seconds)?;
    let mut shortest: Vec<f64> = Vec::new();
    for pass in 0..args.passes {
        if out.is_terminal() && !out.is_json() {
            out.status(&[format!("pass {} of {}", pass + 1, args.passes)]);
        }
        let times = play(&graph, device, &sound)?;
        if shortest.is_empty() {
            shortest = times;
        } else {
            shortest.iter_mut().zip(times).for_each(|(least, time)| *least = least.min(time));
        }
    }
    shortest.sort_by(f64::total_cmp);
    Ok(tell(&name, device, args, &Figures::of(&shortest), out))
}

/// The seconds that each block takes.
fn play(graph: &Graph, device: Format, sound: &[f32]) -> Result<Vec<f64>, Failure> {
    let mut executor = graph.plan(device)?.executor();
    executor.set_calls(profile::shielded());
    executor.warm();
    let blocks = sound.chunks_exact(stage::block(device));
    let times = blocks.map(|block| {
        let start = Instant::now();
        executor.push(block, &mut stage::Nowhere);
        start.elapsed().as_secs_f64()
    });
    Ok(times.collect())
}

struct Figures {
    mean: f64,
    most: f64,
    worst: f64,
}

impl Figures {
    /// Of times in order.
    fn of(times: &[f64]) -> Self {
        let count = times.len().max(1);
        let at = (count as f64 * 0.9999).ceil() as usize - 1;
        Self {
            mean: times.iter().sum::<f64>() / count as f64,
            most: times.get(at).copied().unwrap_or(0.0),
            worst: times.last().copied().unwrap_or(0.0),
        }
    }
}

fn tell(name: &str, device: Format, args: &Args, figures: &Figures, out: &mut Output) -> Exit {
    let &Figures { mean, most, worst } = figures;
    let deadline = 1.0 / CALLS;
    let fits = worst <= MOST * deadline;
    let pace = deadline / mean.max(1e-12);
    if out.is_json() {
        let line = Line::new("bench")
            .with("graph", name)
            .with("rate", device.rate)
            .with("channels", device.channels)
            .with("passes", args.passes)
            .with("seconds", args.seconds)
            .with("deadline_us", seconds(deadline * 1e6))
            .with("mean_us", seconds(mean * 1e6))
            .with("p9999_us", seconds(most * 1e6))
            .with("worst_us", seconds(worst * 1e6))
            .with("times_realtime", seconds(pace))
            .with("fits", fits);
        out.line(&line);
    } else {
        out.text(&format!(
            "{name} on a device of {device}, blocks of {:.0} ms, the best of {} passes\n",
            deadline * 1e3,
            args.passes
        ));
        for (what, time) in [("mean", mean), ("p99.99", most), ("worst", worst)] {
            let part = time / deadline * 100.0;
            out.text(&format!("{what:8} {:9.1} µs  {part:6.2} % of the deadline", time * 1e6));
        }
        let verdict = if fits {
            "it keeps up, with room to spare"
        } else if worst <= deadline {
            "it keeps up, with little room: other work will make it late"
        } else {
            "it does not keep up: `tympan run GRAPH FILE --top` shows which node is to blame"
        };
        out.text(&format!("\n{pace:.0} times realtime: {verdict}"));
    }
    if fits { Exit::Ok } else { Exit::Findings }
}
