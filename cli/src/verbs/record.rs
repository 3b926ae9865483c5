//! `tympan record`: a take on disk, with the recorder that apps link.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tympan::backend::file::File;
use tympan::backend::{Backend, Buffer, Capture, Notice};
use tympan::core::session::{Ask, Event, Heartbeat, Ms, Order, Platform, Policy, State, Tell};
use tympan::recorder::{Machine, Options, RecorderEvent, Recording, Said};
use tympan::take::{Container, Take};
use tympan::{Format, Graph, Recorder};

use crate::exit::{Exit, Failure};
use crate::key;
use crate::output::{Line, Output, seconds};

/// Record a take that no kill, full disk or power cut takes away
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The graph, whose output `take` is kept; without one, the microphone as it is
    graph: Option<PathBuf>,

    /// A WAV file that stands in for the microphone; `-` is standard input
    #[arg(long, value_name = "FILE", required = true)]
    input: PathBuf,

    /// Play it as slowly as a device would
    #[arg(long)]
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

Examples:
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
    let file = if args.input == Path::new("-") {
        File::from_reader("standard input", Box::new(std::io::stdin()))?
    } else {
        File::open(&args.input)?
    };
    let stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    // A second one ends the program as it always did: this is only for the first.
    let _ = ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
    });
    let told = if args.realtime {
        live(args, &graph, file, &stop, out)?
    } else {
        fast(args, &graph, file, &stop, out)?
    };
    end(&told, stop.load(Ordering::SeqCst), out)
}

/// What came of it.
#[derive(Default)]
struct Told {
    take: Option<Take>,
    failed: bool,
    finding: Option<String>,
}

/// On threads, as in an app.
fn live(
    args: &Args,
    graph: &Graph,
    file: File,
    stop: &AtomicBool,
    out: &mut Output,
) -> Result<Told, Failure> {
    let report = file.report();
    let container = Container::named(&args.format).unwrap_or_default();
    let mut builder = Recorder::builder(graph)
        .backend(file.realtime(true))
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
    loop {
        while let Ok(event) = told.recv_timeout(Duration::from_millis(20)) {
            result.failed |= matches!(event, RecorderEvent::Error(_));
            tell(&event, recorder.status().elapsed, out);
        }
        let status = recorder.status();
        if matches!(status.state, State::Stopped | State::Error) {
            break;
        }
        if stop.load(Ordering::SeqCst) || out.is_gone() {
            // A take that has just ended by itself is as good.
            let _ = recorder.stop();
        }
        progress(status.elapsed, out);
    }
    result.take = recorder.take();
    result.finding = report.error().map(|error| error.message);
    Ok(result)
}

/// As fast as it goes, by hand: nothing waits, and nothing is dropped.
fn fast(
    args: &Args,
    graph: &Graph,
    mut file: File,
    stop: &AtomicBool,
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
    let mut desk = Desk { format, inbox: VecDeque::new(), ear, frames: 0 };
    let mut result = Told::default();
    machine.record(1, Recording::default());
    loop {
        let now = desk.now();
        machine.poll(now, &mut desk);
        let mut over = false;
        while let Some(said) = machine.said() {
            over |= hear(said, &mut machine, now, &mut result, out)?;
        }
        if over {
            break;
        }
        let more = !stop.load(Ordering::SeqCst) && !out.is_gone();
        match file.step(&mut desk) {
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

fn progress(elapsed: Duration, out: &mut Output) {
    if !out.is_json() && out.is_terminal() {
        out.status(&format!("recording {:>8.1} s", elapsed.as_secs_f64()));
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

/// A platform without a session whose time is that of the audio in a file.
struct Desk {
    format: Format,
    inbox: VecDeque<Event>,
    ear: Box<dyn Capture>,
    frames: u64,
}

impl Desk {
    fn now(&self) -> Ms {
        self.frames * 1000 / u64::from(self.format.rate.max(1))
    }
}

impl Platform for Desk {
    fn perform(&mut self, _: Ms, order: Order) {
        self.inbox.extend(match order {
            Order::RequestPermission => Some(Event::Permission(true)),
            Order::Activate { ticket, .. } => Some(Event::Activated { ticket }),
            Order::QueryFormat { ticket } => {
                Some(Event::HardwareFormat { ticket, format: self.format })
            }
            Order::StartIo { ticket, .. } => Some(Event::IoStarted { ticket }),
            Order::StopIo => {
                self.ear.notice(Notice::Break);
                None
            }
            _ => None,
        });
    }

    fn poll(&mut self, _: Ms) -> Option<Event> {
        self.inbox.pop_front()
    }
}

impl Capture for Desk {
    fn audio(&mut self, buffer: Buffer<'_>) {
        let host = self.now();
        self.ear.audio(Buffer { host_ns: host * 1_000_000, ..buffer });
        let frames = buffer.samples.len() / usize::from(buffer.format.channels.max(1));
        self.frames += frames as u64;
        let silent = buffer.samples.iter().all(|sample| *sample == 0.0);
        let beat = Heartbeat { host, frames: frames as u32, format: buffer.format, silent };
        self.inbox.push_back(Event::Heartbeat(beat));
    }

    fn notice(&mut self, notice: Notice) {
        // That it is at its end, the loop sees.
        if notice != Notice::End {
            self.ear.notice(notice);
        }
    }
}
