//! A graph at work: what comes out of it goes to files, events are told, the account is
//! kept. The same for a file at full speed and for a pipeline that keeps time.

mod account;
mod drive;
pub(crate) mod many;
mod top;

use std::time::{Duration, Instant};

use tympan::core::{Header, OutputInfo};
use tympan::{Event, Format, Graph, Planar, Sink, What};

use crate::events::Teller;
use crate::exit::Failure;
use crate::files::Files;
use crate::interrupt::Interrupt;
use crate::meter::Meter;
use crate::output::{Line, Output};
use crate::profile;
use crate::run::top::At;

/// How a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    /// Events as lines of JSON.
    Json,
    /// Events as sentences.
    Text,
    /// Events as sentences, and a line at the bottom that says how it stands.
    Status,
}

/// Places of the meter's bar.
const BAR: usize = 12;

/// Status lines come no faster than one can read them.
const READABLE: Duration = Duration::from_millis(100);

/// What is measured of a run, beside its results.
#[derive(Debug, Default)]
pub(crate) struct Measure {
    /// Whether a table of costs is told at the end.
    pub(crate) top: bool,
    /// Where every call goes.
    pub(crate) trace: Option<std::fs::File>,
}

impl Measure {
    fn is_on(&self) -> bool {
        self.top || self.trace.is_some()
    }
}

/// Takes what a graph puts out.
pub(crate) struct Run<'a> {
    out: &'a mut Output,
    show: Show,
    device: Format,
    outputs: Vec<OutputInfo>,
    teller: Teller,
    files: Files,
    /// The output that the meter listens to; none if no output has samples.
    metered: Option<usize>,
    meter: Meter,
    /// Whether somebody speaks, as far as the graph listens for that.
    speech: Option<bool>,
    last_status: Option<Instant>,
    begun: Instant,
    length: Option<f64>,
    /// Who wants to know how far it is.
    progress: Option<&'a many::Progress>,
    interrupt: Interrupt,
    measure: Measure,
    profile: Option<profile::Profile>,
    frames: Vec<u64>,
    faults: u64,
    interleaved: Vec<f32>,
    /// The first write that failed. Nothing is written after it.
    lost: Option<Failure>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        out: &'a mut Output,
        show: Show,
        graph: &Graph,
        device: Format,
        outputs: &[OutputInfo],
        files: Files,
    ) -> Self {
        Self {
            out,
            show,
            device,
            teller: Teller::new(graph, outputs),
            files,
            metered: outputs.iter().position(|output| output.packet == 0),
            meter: Meter::default(),
            speech: graph.nodes().any(|(_, kind)| kind.name == "vad").then_some(false),
            last_status: None,
            begun: Instant::now(),
            length: None,
            progress: None,
            interrupt: Interrupt::default(),
            measure: Measure::default(),
            profile: None,
            frames: vec![0; outputs.len()],
            outputs: outputs.to_vec(),
            faults: 0,
            interleaved: Vec::new(),
            lost: None,
        }
    }

    /// There is to be so much of it, in frames, as far as is known.
    pub(crate) fn expect(&mut self, frames: Option<u64>) {
        self.length = frames.map(|frames| frames as f64 / f64::from(self.device.rate));
    }

    /// Measures it.
    pub(crate) fn measure(&mut self, measure: Measure) {
        self.measure = measure;
    }

    /// Something else came of it, or should have.
    pub(crate) fn also(&mut self, what: Result<Line, Failure>) {
        match what {
            Ok(line) if self.show == Show::Json => self.out.line(&line),
            Ok(_) => {}
            Err(failure) => self.lost = self.lost.take().or(Some(failure)),
        }
    }

    /// Tells somebody how far it is.
    pub(crate) fn report_to(&mut self, progress: &'a many::Progress) {
        self.progress = Some(progress);
    }

    /// Ends when somebody asks for it.
    pub(crate) fn listen_to(&mut self, interrupt: &Interrupt) {
        self.interrupt = interrupt.clone();
    }

    /// Whether going on is pointless.
    fn stops(&self) -> bool {
        self.lost.is_some() || self.out.is_gone() || self.interrupt.is_asked()
    }

    fn samples(&mut self, output: usize, frames: u32, samples: &[f32]) {
        self.frames[output] += u64::from(frames);
        if self.metered == Some(output) && self.show == Show::Status {
            self.meter.add(samples);
        }
        if self.lost.is_none() {
            self.lost = self.files.samples(output, samples).err();
        }
    }

    fn bytes(&mut self, output: usize, header: &Header, bytes: &[u8]) {
        self.frames[output] += u64::from(header.captured());
        if self.lost.is_none() {
            self.lost = self.files.packet(output, header, bytes).err();
        }
    }

    fn tell(&mut self, event: Event) {
        let t = self.teller.time(&event);
        self.faults += u64::from(matches!(event.what, What::Fault(_)));
        if self.metered.is_none() {
            self.meter.add_event(event.what);
        }
        match event.what {
            What::SpeechStart => self.speech = Some(true),
            What::SpeechEnd => self.speech = Some(false),
            _ => {}
        }
        match self.show {
            Show::Json => self.out.line(&self.teller.line(&event, t)),
            Show::Text | Show::Status => {
                if let Some(text) = self.teller.text(&event) {
                    // It takes the place of what stood at the bottom.
                    self.last_status = None;
                    self.out.text(&format!("{t:9.3} s  {text}"));
                }
            }
        }
    }

    /// Shows how it stands after `frames` frames of the device.
    fn tick(&mut self, frames: u64, dropped: u64) {
        if let Some(progress) = self.progress {
            let t = frames as f64 / f64::from(self.device.rate);
            progress.at(t, self.length.map(|length| t / length));
        }
        if self.show == Show::Status {
            self.show_status(frames, dropped);
        }
    }

    fn show_status(&mut self, frames: u64, dropped: u64) {
        let every = if self.measure.top { READABLE * 5 } else { READABLE };
        if self.last_status.is_some_and(|last| last.elapsed() < every) {
            return;
        }
        self.last_status = Some(Instant::now());
        let t = frames as f64 / f64::from(self.device.rate);
        let of = self.length.map_or(String::new(), |length| format!(" of {length:.1}"));
        let bar = self.meter.take(BAR);
        let lamp = self.speech.map_or("", lamp);
        let pace = t / self.begun.elapsed().as_secs_f64().max(1e-3);
        let left = self.length.filter(|_| t > 0.0).map(|length| {
            let left = (length - t).max(0.0) / pace;
            format!("{} left", many::clock(left))
        });
        let lost = if dropped > 0 { format!("dropped {dropped}") } else { String::new() };
        let at = At { seconds: t, dropped };
        let table = self.measure.top.then(|| profile::look(|profile| top::table(profile, at)));
        self.out.screen(
            &table.flatten().unwrap_or_default(),
            &[
                format!("{t:7.1}{of} s"),
                bar,
                lamp.into(),
                lost,
                left.unwrap_or_default(),
                format!("{pace:.0}x"),
            ],
        );
    }
}

/// Lit while somebody speaks.
pub(crate) const fn lamp(speech: bool) -> &'static str {
    if speech { "(*) speech" } else { "( ) speech" }
}

impl Sink for Run<'_> {
    fn audio(&mut self, output: usize, header: &Header, block: Planar<'_>) {
        self.unmeasured(|run| {
            let mut interleaved = std::mem::take(&mut run.interleaved);
            interleaved.clear();
            for frame in 0..block.frames() {
                let channels = 0..block.channels();
                interleaved.extend(channels.map(|channel| block.channel(channel)[frame]));
            }
            run.samples(output, header.frames, &interleaved);
            run.interleaved = interleaved;
        });
    }

    fn packet(&mut self, output: usize, header: &Header, bytes: &[u8]) {
        self.unmeasured(|run| run.bytes(output, header, bytes));
    }

    fn event(&mut self, event: Event) {
        self.unmeasured(|run| run.tell(event));
    }
}

impl Run<'_> {
    /// What is done with an output is no node's work, though it happens in its call.
    fn unmeasured(&mut self, work: impl FnOnce(&mut Self)) {
        if self.measure.is_on() {
            profile::aside(|| work(self));
        } else {
            work(self);
        }
    }
}
