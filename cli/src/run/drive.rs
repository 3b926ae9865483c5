//! What moves a run: a loop over a file, or a pipeline that keeps time.

use std::time::{Duration, Instant};

use tympan::backend::BackendErrorKind;
use tympan::backend::file::File;
use tympan::{
    Backend, BackendError, Events, Graph, PacketReader, PcmReader, Pipeline, Plan, StartError,
    Totals,
};

use crate::exit::{Exit, Failure};
use crate::profile::{self, Profile};
use crate::run::Run;
use crate::run::account::{End, dropped};

/// How often a pipeline that keeps time is looked at.
const LOOK: Duration = Duration::from_millis(20);

impl Run<'_> {
    /// Runs `plan` over what `next` brings, until it brings nothing: on this thread, as
    /// fast as it goes, and nothing can be dropped.
    pub(crate) fn offline(
        &mut self,
        plan: Plan,
        mut next: impl FnMut(&mut Vec<f32>) -> Result<bool, BackendError>,
    ) -> End {
        let start = Instant::now();
        let mut executor = plan.executor();
        let measured = self.measure.is_on();
        if measured {
            executor.set_calls(profile::timed());
            profile::begin(Profile::new(executor.nodes(), self.measure.trace.take()));
        } else {
            executor.set_calls(profile::shielded());
        }
        executor.warm();
        let mut piece = Vec::new();
        let (mut broken, mut stopped) = (None, false);
        loop {
            match next(&mut piece) {
                Ok(true) if measured => profile::block(|| executor.push(&piece, self)),
                Ok(true) => executor.push(&piece, self),
                Ok(false) => break,
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
            self.tick(executor.books().pushed, 0);
            if self.stops() {
                stopped = true;
                break;
            }
        }
        executor.drain(self);
        self.tick(executor.books().pushed, 0);
        let books = executor.books();
        let totals = Totals {
            input: books.pushed,
            filled: books.filled,
            processed: books.pushed + books.filled,
            mended: books.mended,
            ..Totals::default()
        };
        let elapsed = start.elapsed();
        End { totals, broken, stopped, findings: Vec::new(), paced: false, elapsed }
    }

    /// Runs `graph` over a file as it would run on a device.
    pub(crate) fn paced_file(&mut self, graph: &Graph, file: File) -> Result<End, Failure> {
        let report = file.report();
        let mut end = self.paced(graph, file.realtime(true), &|_| false)?;
        end.broken = report.error();
        end.findings = report.findings();
        Ok(end)
    }

    /// Runs `graph` over a microphone until somebody asks for the end, or it is `over` after
    /// so much time.
    pub(crate) fn live(
        &mut self,
        graph: &Graph,
        microphone: impl Backend + 'static,
        over: &dyn Fn(Duration) -> bool,
    ) -> Result<End, Failure> {
        let mut end = self.paced(graph, microphone, over)?;
        if !end.stopped && !over(end.elapsed) {
            let message = "the microphone is gone: it was unplugged, or its server ended";
            end.broken = Some(BackendError::new(BackendErrorKind::Failed, message));
        }
        Ok(end)
    }

    /// Callbacks, rings, a worker. Who is too slow here loses frames, and is told.
    fn paced(
        &mut self,
        graph: &Graph,
        backend: impl Backend + 'static,
        over: &dyn Fn(Duration) -> bool,
    ) -> Result<End, Failure> {
        let start = Instant::now();
        let mut builder = Pipeline::builder(graph).backend(backend);
        if self.measure.is_on() {
            builder = builder.calls(profile::timed());
            let nodes = graph.nodes().map(|(id, _)| id);
            profile::begin(Profile::new(nodes, self.measure.trace.take()));
        }
        let mut pipeline = builder.start().map_err(not_started)?;
        let mut ends = Ends::of(&mut pipeline);
        let (totals, stopped) = loop {
            ends.read(self);
            let totals = pipeline.totals();
            self.tick(totals.input, dropped(&totals));
            self.out.flush();
            if self.stops() {
                break (pipeline.stop(), true);
            }
            if pipeline.is_finished() || over(start.elapsed()) {
                break (pipeline.stop(), false);
            }
            std::thread::sleep(LOOK);
        };
        ends.read(self);
        let elapsed = start.elapsed();
        Ok(End { totals, broken: None, stopped, findings: Vec::new(), paced: true, elapsed })
    }
}

fn not_started(error: StartError) -> Failure {
    match error {
        StartError::Graph(error) => error.into(),
        StartError::Backend(error) => error.into(),
        other => Failure::new(Exit::Device, other.to_string()),
    }
}

/// The reading ends of a pipeline, in the order of its outputs.
struct Ends {
    outputs: Vec<Reader>,
    events: Option<Events>,
}

enum Reader {
    Samples(PcmReader),
    Packets(PacketReader),
    /// It could not be taken.
    None,
}

impl Ends {
    fn of(pipeline: &mut Pipeline) -> Self {
        let names: Vec<String> = pipeline.outputs().iter().map(|o| o.name.clone()).collect();
        let reader = |name: &String| match (pipeline.pcm(name), pipeline.packets(name)) {
            (Some(samples), _) => Reader::Samples(samples),
            (_, Some(packets)) => Reader::Packets(packets),
            _ => Reader::None,
        };
        let outputs = names.iter().map(reader).collect();
        Self { outputs, events: pipeline.events() }
    }

    /// Passes on what is there now.
    fn read(&mut self, run: &mut Run<'_>) {
        for (output, reader) in self.outputs.iter_mut().enumerate() {
            match reader {
                Reader::Samples(samples) => {
                    while let Some(block) = samples.try_next() {
                        run.samples(output, block.header.frames, block.samples);
                    }
                }
                Reader::Packets(packets) => {
                    while let Some(packet) = packets.try_next() {
                        run.bytes(output, &packet.header, packet.bytes);
                    }
                }
                Reader::None => {}
            }
        }
        while let Some(event) = self.events.as_mut().and_then(Events::try_next) {
            run.tell(event);
        }
    }
}
