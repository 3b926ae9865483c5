//! `tympan run`: a graph over a file, or over a microphone.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tympan::backend::file::File;
use tympan::backend::{Buffer, Capture, Notice};
use tympan::core::OutputInfo;
use tympan::{Backend, Format, Graph};

use crate::exit::{Exit, Failure};
use crate::files::{Files, Target};
use crate::graph_file::{self, is_dash};
use crate::interrupt::Interrupt;
use crate::microphone::Which;
use crate::output::{Line, Output};
use crate::run::{Run, Show};

/// Run a graph over a microphone or a WAV file and write what comes out
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The graph, a TOML file; `-` is standard input
    graph: PathBuf,

    /// The audio, a WAV file; `-` is standard input. Without it, the microphone
    #[arg(long, short, value_name = "FILE")]
    input: Option<PathBuf>,

    #[command(flatten)]
    which: Which,

    /// End after so many seconds of the microphone
    #[arg(long, value_name = "SECONDS", conflicts_with = "input")]
    max: Option<f64>,

    /// Write every output to a file in this folder
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Overwrite files that are there already
    #[arg(long, requires = "out")]
    force: bool,

    /// Play the file at the speed of the clock, as a device would
    #[arg(long, requires = "input")]
    realtime: bool,

    /// Write text even where the output is no terminal
    #[arg(long, conflicts_with = "json")]
    text: bool,
}

const AFTER: &str = "\
An output becomes a file in DIR that players take:
  samples, f32le  NAME.wav, 32-bit float, bit for bit what the graph made
  pcm16           NAME.wav, 16 bits
  opus            NAME.opus
  flac            NAME.flac
Segments and utterances lie one behind the other in it. Packets of other kinds
become NAME.bin: one after the other, each with its length in bytes before it,
as 4 bytes, little endian.

A terminal gets text; a pipe or --json gets lines of JSON: `start`, then events
(`segment`, `gap`, `bad_input`, `level`, `utterance_start`, `utterance_end`,
`speech_start`, `speech_end`, `fault`, `overrun`), a `finding` for each oddity, an
`error` for what failed, and `done` with the totals and the files: how many
`frames` a player finds in each, at which `rate`. A run that cannot begin is a
single `error`. `t` is in seconds of capture, counts are in frames, and
`in` + `filled` = `out` + `dropped`.

Examples:
  tympan run graphs/levels.toml --input talk.wav --out out
  ffmpeg -i talk.m4a -f wav - | tympan run graphs/levels.toml --input - --text
  tympan run graphs/levels.toml --input talk.wav --realtime
  tympan run graphs/dictation.toml --out out --device headset

A microphone runs until Ctrl-C, or for --max seconds; what was captured is
complete then, and Ctrl-C is exit code 5 where it is in files.";

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    if !out.is_terminal() && !args.text {
        out.use_json();
    }
    let Some(input) = &args.input else { return live(args, out) };
    if is_dash(input) && is_dash(&args.graph) {
        let message = "the graph and the audio cannot both come from standard input";
        return Err(Failure::new(Exit::Usage, message).help("give one of them as a file"));
    }
    let graph = graph_file::load(&args.graph, &tympan::registry())?;
    let mut file = open(input)?;
    let format = file.format()?;
    let plan = graph.plan(format)?;
    let files = match &args.out {
        Some(folder) => {
            let target = Target { folder, force: args.force, input: Some(input) };
            Files::create(&target, plan.outputs())?
        }
        None => Files::default(),
    };

    announce(args, input, &file, format, plan.outputs(), out);
    let show = show(out);
    let mut run = Run::new(out, show, &graph, format, plan.outputs(), files);
    run.expect(file.frames_promised());
    let mut end = if args.realtime {
        run.paced_file(&graph, file)?
    } else {
        let mut end = run.offline(plan, |piece| next(&mut file, piece));
        end.findings = file.report().findings();
        end
    };
    end.findings.extend(unfed(&graph));
    let exit = run.end(&end);
    if args.out.is_none() && !out.is_json() {
        out.text("nothing was written; --out DIR keeps the outputs");
    }
    Ok(exit)
}

/// A file is the microphone. What else a graph listens to hears nothing.
fn unfed(graph: &Graph) -> Option<String> {
    let others: Vec<_> = graph.sources().skip(1).map(|name| format!("`{name}`")).collect();
    let them = others.join(", ");
    (!others.is_empty()).then(|| {
        format!(
            "Nothing feeds {them}: what comes from there is silence. A file is the first source."
        )
    })
}

fn show(out: &Output) -> Show {
    match (out.is_json(), out.is_terminal()) {
        (true, _) => Show::Json,
        (_, true) => Show::Status,
        _ => Show::Text,
    }
}

/// The graph over a microphone, for as long as somebody wants it.
fn live(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    let graph = graph_file::load(&args.graph, &tympan::registry())?;
    let mut microphone = args.which.open()?;
    let format = microphone.format()?;
    let plan = graph.plan(format)?;
    let files = match &args.out {
        Some(folder) => {
            let target = Target { folder, force: args.force, input: None };
            Files::create(&target, plan.outputs())?
        }
        None => Files::default(),
    };
    let (name, graph_name) = (microphone.name().to_owned(), graph_file::name(&args.graph));
    if out.is_json() {
        let line = start_line(&graph_name, &name, format).with("live", true);
        out.line(&line.with("outputs", outputs(plan.outputs())));
        out.flush();
    } else {
        out.text(&format!("{graph_name} over {name}: {format}; Ctrl-C ends it"));
    }
    let interrupt = Interrupt::listen();
    let show = show(out);
    let mut run = Run::new(out, show, &graph, format, plan.outputs(), files);
    let max = args.max.map(|max| Duration::from_secs_f64(max.clamp(0.0, 1e9)));
    let over = move |ran| max.is_some_and(|max| ran >= max);
    let mut end = run.live(&graph, microphone, &interrupt, &over)?;
    end.findings.extend(unfed(&graph));
    let exit = run.end(&end);
    if args.out.is_none() && !out.is_json() {
        out.text("nothing was written; --out DIR keeps the outputs");
    }
    Ok(exit)
}

fn open(input: &Path) -> Result<File, Failure> {
    if !is_dash(input) {
        return Ok(File::open(input)?);
    }
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::new(Exit::Device, "standard input is this terminal, not audio")
            .help("send a WAV file into it, for example with `< talk.wav`"));
    }
    Ok(File::from_reader("standard input", stdin)?)
}

/// What is about to run.
fn announce(
    args: &Args,
    input: &Path,
    file: &File,
    format: Format,
    outputs: &[OutputInfo],
    out: &mut Output,
) {
    let (graph, input) = (graph_file::name(&args.graph), graph_file::name(input));
    if !out.is_json() {
        let length = file.frames_promised().map(|n| n as f64 / f64::from(format.rate));
        let length = length.map_or(String::new(), |s| format!(", {s:.2} s"));
        out.text(&format!("{graph} over {input}: {format}{length}"));
        return;
    }
    let line = start_line(&graph, &input, format)
        .with("frames", file.frames_promised())
        .with("realtime", args.realtime)
        .with("outputs", self::outputs(outputs));
    out.line(&line);
}

fn start_line(graph: &str, input: &str, format: Format) -> Line {
    Line::new("start")
        .with("graph", graph)
        .with("input", input)
        .with("rate", format.rate)
        .with("channels", format.channels)
}

fn outputs(outputs: &[OutputInfo]) -> Value {
    let output = |output: &OutputInfo| {
        json!({
            "name": output.name,
            "carries": if output.packet > 0 { "packets" } else { "samples" },
            "rate": output.format.rate,
            "channels": output.format.channels,
        })
    };
    outputs.iter().map(output).collect()
}

/// The next stretch of a file; false at its end.
fn next(file: &mut File, piece: &mut Vec<f32>) -> Result<bool, tympan::BackendError> {
    piece.clear();
    Ok(file.step(&mut Piece(piece))?.is_some())
}

/// Keeps one callback's samples.
struct Piece<'a>(&'a mut Vec<f32>);

impl Capture for Piece<'_> {
    fn audio(&mut self, buffer: Buffer<'_>) {
        self.0.extend_from_slice(buffer.samples);
    }

    fn notice(&mut self, _: Notice) {}
}
