//! `tympan run`: a graph over a file, or over a microphone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tympan::backend::file::File;
use tympan::core::OutputInfo;
use tympan::{Backend, BackendError, Format, Graph};

use crate::exit::{Exit, Failure};
use crate::files::{Files, Target};
use crate::graph_file::{self, is_dash};
use crate::input;
use crate::interrupt::Interrupt;
use crate::microphone::Which;
use crate::output::{Line, Output, seconds};
use crate::run::many::{self, Progress};
use crate::run::{Measure, Run, Show};

#[derive(clap::Args)]
#[command(after_help = AFTER)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Args {
    /// The graph, a TOML file; `-` is standard input
    graph: PathBuf,

    /// The audio; `-` is standard input. Without any, the microphone
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// The same as FILE
    #[arg(long, short, value_name = "FILE")]
    input: Vec<PathBuf>,

    #[command(flatten)]
    which: Which,

    /// End after so many seconds of the microphone
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["files", "input"])]
    max: Option<f64>,

    /// Write every output to a file in this folder; of many files, each in its own
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Overwrite files that are there already
    #[arg(long, requires = "out")]
    force: bool,

    /// Run so many files at once; as many as there are cores without this
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// Play the file at the speed of the clock, as a device would
    #[arg(long)]
    realtime: bool,

    /// Measure what each node costs, and show it at the end
    #[arg(long)]
    top: bool,

    /// Write every call of a node to this file, for Perfetto or Chrome
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,

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

Files may be of any usual sort, rate and number of channels. Of many, each has
an own folder in DIR, a failed one stops no other, and the worst end is the exit
code. Every line of JSON then has `input`, and the last one is `all`.

A terminal gets text; a pipe or --json gets lines of JSON: `start`, then events
(`segment`, `gap`, `bad_input`, `level`, `utterance_start`, `utterance_end`,
`speech_start`, `speech_end`, `fault`, `overrun`), a `finding` for each oddity, an
`error` for what failed, and `done` with the totals and the files: how many
`frames` a player finds in each, at which `rate`. A run that cannot begin is a
single `error`. `t` is in seconds of capture, counts are in frames, and
`in` + `filled` = `out` + `dropped`.

Examples:
  tympan run graphs/levels.toml --input talk.m4a --out out
  tympan run graphs/dictation.toml calls/*.wav --out out --threads 4
  tympan run graphs/meeting.toml talk.wav --top
  tympan run graphs/levels.toml --input - --text < talk.wav
  tympan run graphs/dictation.toml --out out --device headset

A microphone runs until Ctrl-C, or for --max seconds; what was captured is
complete then, and Ctrl-C is exit code 5 where it is in files.";

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    if !out.is_terminal() && !args.text {
        out.use_json();
    }
    let inputs: Vec<PathBuf> = args.files.iter().chain(&args.input).cloned().collect();
    if inputs.is_empty() {
        // What looks like audio in the graph's place is told so.
        if graph_file::is_audio(&args.graph) {
            return Err(graph_file::audio_first(&args.graph));
        }
        return live(args, out);
    }
    let dashes = inputs.iter().chain([&args.graph]).filter(|path| is_dash(path)).count();
    if dashes > 1 {
        let message = "standard input is asked for twice, and can be read once";
        return Err(
            Failure::new(Exit::Usage, message).help("give the graph or the audio as a file")
        );
    }
    let graph = graph_file::load(&args.graph, &tympan::registry())?;
    let interrupt = Interrupt::listen();
    match inputs.as_slice() {
        [input] => one(args, &graph, input, args.out.as_deref(), (None, &interrupt), out),
        many => Ok(all(args, &graph, many, &interrupt, out)?),
    }
}

/// Each file through a pipeline of its own.
fn all(
    args: &Args,
    graph: &Graph,
    inputs: &[PathBuf],
    interrupt: &Interrupt,
    out: &mut Output,
) -> Result<Exit, Failure> {
    if args.top || args.trace.is_some() {
        let message = "--top and --trace measure a run of one file";
        return Err(Failure::new(Exit::Usage, message).help("name one of the files only"));
    }
    let folders = args.out.as_ref().map(|folder| many::folders(inputs, folder));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.map_or(cores, usize::from);
    let ended = many::each(inputs, threads, out, |number, out, progress| {
        let folder = folders.as_ref().map(|folders| folders[number].as_path());
        if interrupt.is_asked() {
            return Exit::Interrupted;
        }
        let ran = one(args, graph, &inputs[number], folder, (Some(progress), interrupt), out);
        ran.unwrap_or_else(|failure| {
            out.fail(&failure);
            failure.exit()
        })
    });
    let many::Ended { exit, failed, seconds: audio, elapsed } = ended;
    let (elapsed, files) = (elapsed.as_secs_f64(), inputs.len());
    let pace = audio / elapsed.max(1e-9);
    if out.is_json() {
        let line = Line::new("all")
            .with("files", files)
            .with("failed", failed)
            .with("t", seconds(audio))
            .with("elapsed", seconds(elapsed))
            .with("times_realtime", seconds(pace))
            .with("exit", exit.code());
        out.line(&line);
    } else {
        let well = files - failed;
        out.text(&format!(
            "\n{well} of {files} files: {audio:.2} s of audio in {elapsed:.3} s: {pace:.0} times \
             realtime"
        ));
    }
    Ok(exit)
}

/// One file.
fn one(
    args: &Args,
    graph: &Graph,
    input: &Path,
    folder: Option<&Path>,
    (progress, interrupt): (Option<&Progress>, &Interrupt),
    out: &mut Output,
) -> Result<Exit, Failure> {
    let mut file = input::open(input)?;
    let format = file.format()?;
    let plan = graph.plan(format)?;
    let trace = args.trace.as_deref().map(|path| trace(path, args.force)).transpose()?;
    let files = match folder {
        Some(folder) => {
            let target = Target { folder, force: args.force, input: Some(input) };
            Files::create(&target, plan.outputs())?
        }
        None => Files::default(),
    };

    announce(args, input, &file, format, plan.outputs(), out);
    let show = show(out);
    let wrote = folder.is_some();
    let mut run = Run::new(out, show, graph, format, plan.outputs(), files);
    run.expect(file.frames_promised());
    run.measure(Measure { top: args.top, trace });
    run.listen_to(interrupt);
    if let Some(progress) = progress {
        run.report_to(progress);
    }
    let mut end = if args.realtime {
        run.paced_file(graph, file)?
    } else {
        let mut end = run.offline(plan, |piece| input::next(&mut file, piece));
        end.findings = file.report().findings();
        end
    };
    end.findings.extend(unfed(graph));
    let exit = run.end(&end);
    if !wrote && !out.is_json() && progress.is_none() {
        out.text("nothing was written; --out DIR keeps the outputs");
    }
    Ok(exit)
}

/// The file of a trace.
fn trace(path: &Path, force: bool) -> Result<std::fs::File, Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    options.open(path).map_err(|error| {
        let error = BackendError::not_created(&path.display().to_string(), &error);
        Failure::from(error).help("give --trace another name")
    })
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
    run.listen_to(&interrupt);
    let mut end = run.live(&graph, microphone, &over)?;
    end.findings.extend(unfed(&graph));
    let exit = run.end(&end);
    if args.out.is_none() && !out.is_json() {
        out.text("nothing was written; --out DIR keeps the outputs");
    }
    Ok(exit)
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
