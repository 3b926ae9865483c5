//! `tympan record`: a take on disk, with the recorder that apps link.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tympan::backend::file::File;
use tympan::backend::{Backend, Unpaced};
use tympan::core::session::{Ask, Diagnosis, ErrorCode, Ms, Policy, State, Tell};
use tympan::recorder::{Machine, Options, RecorderEvent, Recording, Said, Status};
use tympan::take::{Container, Take};
use tympan::{Events, Graph, Recorder, What};

use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::key;
use crate::meter::Meter;
use crate::microphone::Which;
use crate::output::{Line, Output, seconds};
use crate::run::lamp;

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The graph, whose output `take` is kept; without one, the microphone as it is
    graph: Option<PathBuf>,

    /// A WAV file that stands in for the microphone; `-` is standard input
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,

    #[command(flatten)]
    which: Which,

    /// Play the file as slowly as a device would
    #[arg(long, requires = "input")]
    realtime: bool,

    /// What to keep it in
    #[arg(long, value_name = "FORMAT", default_value_t = Container::default().name().to_owned())]
    #[arg(value_parser = format)]
    format: String,

    /// The output of the graph to keep
    #[arg(long, value_name = "NAME", default_value = "take")]
    output: String,

    /// The folder of the takes
    #[arg(long, value_name = "DIR", default_value = "recordings")]
    out: PathBuf,

    /// Seal the take with this key: 32 bytes, or 64 hexadecimal digits
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// End after so many seconds of audio
    #[arg(long, value_name = "SECONDS")]
    max: Option<f64>,
}

const AFTER: &str = "\
A take is a folder with its audio and `take.json`. While it is written the name
ends with `.open`; `tympan recover` completes what a kill left.

A microphone is recorded until Ctrl-C, which completes the take and is exit code
5, or for --max seconds. Calls of other programs, unplugged headsets and
restarted servers leave gaps in it, which `take.json` lists, and end nothing.

Examples:
  tympan record
  tympan record --device headset --format opus --max 60
  tympan record --input talk.wav
  tympan record graphs/dictation.toml --input talk.wav --format opus --json";

/// One channel at a rate that every container takes.
const GRAPH: &str = "\
[[node]]
kind = \"mix\"
channels = 1

[[node]]
kind = \"resample\"
rate = 48000

[[node]]
kind = \"level\"
every = \"100ms\"

[[output]]
name = \"take\"
";

fn format(name: &str) -> Result<String, String> {
    if Container::named(name).is_some() {
        return Ok(name.to_owned());
    }
    let names: Vec<_> = Container::ALL.iter().map(|container| container.name()).collect();
    Err(format!("the formats are {}", names.join(", ")))
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    let registry = tympan::registry();
    let graph = match &args.graph {
        Some(path) => Graph::from_file(path, &registry)?,
        None => Graph::named("record.toml", GRAPH, &registry)?,
    };
    let interrupt = Interrupt::listen();
    let told = match &args.input {
        None => {
            let microphone = args.which.open()?;
            live(args, &graph, microphone, &|| None, &interrupt, out)?
        }
        Some(input) => {
            let file = open(input)?;
            let report = file.report();
            let trouble = move || report.error().map(|error| error.message);
            if args.realtime {
                live(args, &graph, file.realtime(true), &trouble, &interrupt, out)?
            } else {
                fast(args, &graph, file, &interrupt, out)?
            }
        }
    };
    end(&told, interrupt.is_asked(), out)
}

fn open(input: &Path) -> Result<File, Failure> {
    if input == Path::new("-") {
        return Ok(File::from_reader("standard input", Box::new(std::io::stdin()))?);
    }
    Ok(File::open(input)?)
}

/// What came of it.
#[derive(Default)]
struct Told {
    take: Option<Take>,
    failed: bool,
    finding: Option<String>,
}

/// On threads, as in an app. `trouble` is what ended the source, if something did.
fn live(
    args: &Args,
    graph: &Graph,
    source: impl Backend + 'static,
    trouble: &dyn Fn() -> Option<String>,
    interrupt: &Interrupt,
    out: &mut Output,
) -> Result<Told, Failure> {
    let container = Container::named(&args.format).unwrap_or_default();
    let mut builder = Recorder::builder(graph)
        .backend(source)
        .directory(&args.out)
        .output(&args.output)
        .format(container)
        .max_duration(longest(args));
    builder = builder.patience(Duration::from_secs(20));
    if let Some(path) = &args.key_file {
        builder = builder.encrypt(key::read(path)?);
    }
    let recorder = builder.build().map_err(not_built)?;
    let (events, told) = std::sync::mpsc::channel();
    recorder.add_listener(move |event| drop(events.send(event.clone())));
    let failed =
        |error: tympan::recorder::RecorderError| Failure::new(Exit::Device, error.to_string());
    recorder.start().map_err(failed)?;
    let mut result = Told::default();
    let mut look =
        Look { meter: Meter::default(), speech: graph_listens(graph), events: recorder.events() };
    loop {
        while let Ok(event) = told.recv_timeout(Duration::from_millis(20)) {
            result.failed |= is_the_end(&event);
            tell(&event, recorder.status().elapsed, out);
        }
        look.around();
        let status = recorder.status();
        if matches!(status.state, State::Stopped | State::Error) {
            break;
        }
        if interrupt.is_asked() || out.is_gone() {
            // A take that has just ended by itself is as good.
            let _ = recorder.stop();
        }
        if !out.is_json() && out.is_terminal() {
            out.status(&look.status(&status));
        }
    }
    result.take = recorder.take();
    result.finding = trouble();
    Ok(result)
}

/// As fast as it goes, by hand: nothing waits, and nothing is dropped.
fn fast(
    args: &Args,
    graph: &Graph,
    mut file: File,
    interrupt: &Interrupt,
    out: &mut Output,
) -> Result<Told, Failure> {
    let mut options = Options::new(&args.out);
    options.output.clone_from(&args.output);
    options.format = Container::named(&args.format).unwrap_or_default();
    if let Some(path) = &args.key_file {
        options.key = Some(key::read(path)?);
    }
    let format = file.format()?;
    let policy = Policy { max_ms: longest(args).as_millis() as Ms, ..Policy::default() };
    let (mut machine, ear) = Machine::new(graph, format, policy, options).map_err(not_built)?;
    let mut platform = Unpaced::new(format, ear);
    let mut result = Told::default();
    machine.record(1, Recording::default());
    loop {
        let now = platform.now();
        machine.poll(now, &mut platform);
        let mut over = false;
        while let Some(said) = machine.said() {
            over |= hear(said, &mut machine, now, &mut result, out)?;
        }
        if over {
            break;
        }
        let more = !interrupt.is_asked() && !out.is_gone();
        match file.step(&mut platform) {
            Ok(Some(_)) if more => {}
            Ok(_) => machine.ask(2, Ask::Stop),
            Err(error) => {
                result.finding = Some(error.message);
                machine.ask(2, Ask::Stop);
            }
        }
        if out.is_terminal() {
            progress(machine.status().elapsed, out);
        }
    }
    result.take = machine.take().cloned();
    result.finding = result.finding.or(file.report().findings().into_iter().next());
    Ok(result)
}

/// Tells what a machine says; whether the take is over.
fn hear(
    said: Said,
    machine: &mut Machine,
    now: Ms,
    result: &mut Told,
    out: &mut Output,
) -> Result<bool, Failure> {
    let elapsed = machine.status().elapsed;
    let event = match said {
        Said::Tell(Tell::State(state)) => RecorderEvent::State { state, elapsed },
        Said::Tell(Tell::Error(code)) => {
            result.failed = true;
            RecorderEvent::Error(code)
        }
        Said::Tell(Tell::Rejected { code, .. }) => {
            let why = result.finding.take().unwrap_or_else(|| code.name().to_owned());
            return Err(Failure::new(Exit::Device, why));
        }
        Said::Back { breaks, .. } => {
            machine.heard(now, breaks);
            return Ok(false);
        }
        Said::Trouble(sentence) => {
            result.finding = Some(sentence.clone());
            RecorderEvent::Trouble(sentence)
        }
        _ => return Ok(false),
    };
    tell(&event, elapsed, out);
    let over = [State::Stopped, State::Error];
    Ok(matches!(event, RecorderEvent::State { state, .. } if over.contains(&state))
        || matches!(event, RecorderEvent::Error(_)) && over.contains(&machine.status().state))
}

fn longest(args: &Args) -> Duration {
    // A day is longer than any recorder of a phone runs, and shorter than a slip.
    args.max.map_or(Duration::from_hours(7 * 24), |max| {
        Duration::from_secs_f64(max.clamp(0.1, 7.0 * 86_400.0))
    })
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` calls")]
fn not_built(error: tympan::recorder::BuildError) -> Failure {
    Failure::new(Exit::Config, error.to_string())
}

/// Whether the take cannot go on. One that is interrupted does, when the microphone is back.
fn is_the_end(event: &RecorderEvent) -> bool {
    matches!(event, RecorderEvent::Error(code) if *code != ErrorCode::SessionInterrupted)
}

/// Whether a graph says when somebody speaks: then nobody does yet.
fn graph_listens(graph: &Graph) -> Option<bool> {
    graph.nodes().any(|(_, kind)| kind.name == "vad").then_some(false)
}

/// What is to be seen of a take that runs.
struct Look {
    meter: Meter,
    speech: Option<bool>,
    events: Option<Events>,
}

impl Look {
    /// Takes in what the graph has said.
    fn around(&mut self) {
        while let Some(event) = self.events.as_mut().and_then(Events::try_next) {
            self.meter.add_event(event.what);
            match event.what {
                What::SpeechStart => self.speech = Some(true),
                What::SpeechEnd => self.speech = Some(false),
                _ => {}
            }
        }
    }

    fn status(&mut self, status: &Status) -> [String; 3] {
        let bar = self.meter.show(16);
        let lamp = self.speech.map_or("", lamp);
        let (state, elapsed) = (status.state.name(), status.elapsed.as_secs_f64());
        [format!("{state} {elapsed:>8.1} s"), bar, lamp.into()]
    }
}

fn progress(elapsed: Duration, out: &mut Output) {
    if !out.is_json() && out.is_terminal() {
        out.status(&[format!("recording {:>8.1} s", elapsed.as_secs_f64())]);
    }
}

fn tell(event: &RecorderEvent, elapsed: Duration, out: &mut Output) {
    let line = |name: &str| Line::new(name).with("t", seconds(elapsed.as_secs_f64()));
    let (line, text) = match event {
        RecorderEvent::State { state, .. } => {
            (line("state").with("state", state.name()), Some(state.name().to_owned()))
        }
        RecorderEvent::Error(code) => {
            (line("fault").with("code", code.name()), Some(format!("error: {}", code.name())))
        }
        RecorderEvent::Back { missing } => {
            let missing = missing.as_secs_f64();
            let text = format!("back after {missing:.3} s, which are missing");
            (line("gap").with("seconds", seconds(missing)), Some(text))
        }
        RecorderEvent::Diagnosis(what) => {
            (line("diagnosis").with("what", what.name()), Some(diagnosis(*what).to_owned()))
        }
        RecorderEvent::Trouble(sentence) => {
            (line("trouble").with("message", sentence.as_str()), Some(sentence.clone()))
        }
        _ => return,
    };
    if out.is_json() {
        out.line(&line);
        out.flush();
    } else if let Some(text) = text {
        out.text(&text);
    }
}

fn diagnosis(what: Diagnosis) -> &'static str {
    match what {
        Diagnosis::RouteChanged => "the microphone is another one, or its format",
        Diagnosis::CaptureStalled => "no audio comes; the microphone is opened anew",
        Diagnosis::InputSilent => "nothing but exact silence comes; is the microphone muted?",
        Diagnosis::InputMuted => "the microphone is muted",
        Diagnosis::RecordingRecovered => "a take of an earlier run was completed",
        _ => "something that this program does not know",
    }
}

fn end(told: &Told, stopped: bool, out: &mut Output) -> Result<Exit, Failure> {
    let Some(take) = &told.take else {
        let why = told.finding.clone().unwrap_or_else(|| "nothing was captured".to_owned());
        return Err(Failure::new(Exit::Lost, why));
    };
    let path = take.path().display().to_string();
    if out.is_json() {
        out.line(
            &Line::new("done")
                .with("file", path)
                .with("uri", take.uri())
                .with("seconds", seconds(take.duration().as_secs_f64()))
                .with("frames", take.frames)
                .with("rate", take.rate)
                .with("dropped", take.dropped())
                .with("gaps", take.gaps.len()),
        );
    } else {
        out.text(&format!("{:.3} s in {path}", take.duration().as_secs_f64()));
    }
    if let Some(finding) = told.finding.as_ref().filter(|_| !told.failed) {
        out.warn(finding);
    }
    if told.failed {
        let why = told.finding.as_deref().unwrap_or("it could not go on");
        return Err(Failure::new(Exit::Lost, format!("the take ended early: {why}")));
    }
    if take.dropped() > 0 {
        let message = format!("the disk was too slow for {} frames", take.dropped());
        return Err(Failure::new(Exit::Lost, message).help("silence stands in for them"));
    }
    Ok(match stopped {
        true => Exit::Interrupted,
        false if told.finding.is_some() => Exit::Findings,
        false => Exit::Ok,
    })
}
