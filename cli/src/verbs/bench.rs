//! `tympan bench`: whether this machine keeps up with a graph.

use std::path::PathBuf;

use tympan::Graph;
use tympan::bench::{Bench, Costs};

use crate::device::Device;
use crate::exit::{Exit, Failure};
use crate::graph_file;
use crate::output::{Line, Output, seconds};
use crate::stage;

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
    #[arg(long, value_name = "N", default_value_t = 6)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    passes: u32,

    /// Frames that the device delivers at once; 10 ms without this
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    frames: Option<u16>,

    /// Run so many beside each other, in turns on one thread, as a server does
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pipelines: u16,
}

const AFTER: &str = "\
A device calls every 10 ms, and a block that takes longer is late. Voice-like
sound in noise is played in such blocks, several times; of each block the
shortest time counts, because what else the machine did is no cost of the graph.

The end is 1 if the worst block takes more than half of its time: a phone that
saves power, or other work, would make it late. It is 1, too, if one core does
not keep up with as many pipelines as were asked for.

Examples:
  tympan bench
  tympan bench graphs/meeting.toml --rate 44100 --json
  tympan bench graphs/levels.toml --frames 128
  tympan bench graphs/levels.toml --pipelines 100 --seconds 1";

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
    let usual = Bench::on(device);
    let bench = Bench {
        frames: args.frames.map_or(usual.frames, usize::from),
        passes: args.passes,
        pipelines: args.pipelines.into(),
        ..usual
    };
    let sound = stage::sound(device, args.seconds)?;
    let costs = bench.run(&graph, &sound, |pass| {
        if out.is_terminal() && !out.is_json() {
            out.status(&[format!("pass {} of {}", pass + 1, args.passes)]);
        }
    })?;
    Ok(tell(&name, &bench, args, &costs, out))
}

/// What is told of the times of all blocks.
const TOLD: [(&str, &str, f64); 4] = [
    ("p50", "p50_us", 0.5),
    ("p99", "p99_us", 0.99),
    ("p99.99", "p9999_us", 0.9999),
    ("worst", "worst_us", 1.0),
];

fn tell(name: &str, bench: &Bench, args: &Args, costs: &Costs, out: &mut Output) -> Exit {
    let deadline = costs.budget();
    let (mean, worst) = (costs.mean(), costs.worst());
    // As many as run beside each other share the time of one.
    let pace = deadline / (mean * bench.pipelines as f64).max(1e-12);
    let fits = costs.share(worst) <= MOST && pace >= 1.0;
    if out.is_json() {
        let mut line = Line::new("bench")
            .with("graph", name)
            .with("rate", bench.device.rate)
            .with("channels", bench.device.channels)
            .with("frames", bench.frames)
            .with("pipelines", bench.pipelines)
            .with("passes", args.passes)
            .with("seconds", args.seconds)
            .with("blocks", costs.blocks())
            .with("deadline_us", seconds(deadline * 1e6))
            .with("mean_us", seconds(mean * 1e6));
        for (_, key, part) in TOLD {
            line = line.with(key, seconds(costs.at(part) * 1e6));
        }
        out.line(&line.with("times_realtime", seconds(pace)).with("fits", fits));
        return if fits { Exit::Ok } else { Exit::Findings };
    }
    let many = match bench.pipelines {
        1 => String::new(),
        many => format!("{many} of "),
    };
    out.text(&format!(
        "{many}{name} on a device of {}, blocks of {:.1} ms, the best of {} passes\n",
        bench.device,
        deadline * 1e3,
        args.passes
    ));
    let times = TOLD.iter().map(|&(what, _, part)| (what, costs.at(part)));
    for (what, time) in [("mean", mean)].into_iter().chain(times) {
        let part = costs.share(time) * 100.0;
        out.text(&format!("{what:8} {:9.1} µs  {part:6.2} % of the deadline", time * 1e6));
    }
    let verdict = if fits {
        "it keeps up, with room to spare"
    } else if pace < 1.0 && costs.share(mean) < 1.0 {
        "one core does not keep up with so many"
    } else if costs.share(worst) <= 1.0 {
        "it keeps up, with little room: other work will make it late"
    } else {
        "it does not keep up: `tympan run GRAPH FILE --top` shows which node is to blame"
    };
    out.text(&format!("\n{pace:.0} times realtime: {verdict}"));
    if fits { Exit::Ok } else { Exit::Findings }
}
