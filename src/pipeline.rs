//! A graph at work: callback → ring → worker → readers.

mod control;
mod entry;
mod outlet;
mod render;
mod ring;
mod shared;
mod standing;
mod sync;
mod worker;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use ringbuf::HeapCons;
use tympan_backends::realtime::Priority;
use tympan_backends::{Backend, BackendError, Buffer, Capture, Notice, Workgroup, WorkgroupError};
use tympan_core::{Border, Calls, Event, Format, Input, Limits, Live, Node, Output, OutputInfo};

pub use control::SwapError;
pub use outlet::{Block, Events, Packet, PacketReader, PcmReader};
pub use render::RenderWriter;

use crate::{Graph, GraphError};
use control::Control;
pub(crate) use outlet::Reader;
use outlet::{Inlets, Line};
pub(crate) use shared::{Shared, Sleeper};
use standing::Standing;
use worker::Worker;

/// Who runs the graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Runner {
    /// A thread of its own, woken by the device's callback. What a heavy node needs
    /// at once cannot make the device late.
    #[default]
    Worker,
    /// The device's callback itself: one thread less, for light graphs.
    Inline,
    /// Whoever calls [`Pipeline::poll`]. For virtual time, tests and targets without
    /// threads.
    Manual,
}

/// What a pipeline is made of.
pub struct Builder {
    graph: Graph,
    backend: Option<Box<dyn Backend>>,
    runner: Runner,
    limits: Limits,
    entry_seconds: f64,
    outlet_seconds: f64,
    render: Option<Format>,
    live: bool,
    calls: Calls,
}

/// A graph at work on a backend's audio.
pub struct Pipeline {
    /// None where somebody else brings the audio.
    backend: Option<Box<dyn Backend>>,
    capture: Option<Box<dyn Capture>>,
    control: Arc<Mutex<Control>>,
    /// Held here only where nobody else runs it.
    worker: Option<Worker>,
    threads: Vec<JoinHandle<()>>,
    readers: Vec<Option<Reader>>,
    events: Option<Events>,
    speech: Option<HeapCons<Event>>,
    render: Option<RenderWriter>,
    lines: Vec<Arc<Line>>,
    outputs: Vec<OutputInfo>,
    shared: Arc<Shared>,
    standing: Arc<Standing>,
}

/// The account of a pipeline. Once it has stopped, `input + filled` is
/// `processed + dropped`, to the frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Frames the device delivered.
    pub input: u64,
    /// Frames the device says it lost before it delivered them.
    pub lost: u64,
    /// Zeros put in the place of lost or dropped frames.
    pub filled: u64,
    /// Frames that found no room in the entry ring.
    pub dropped: u64,
    /// Frames that went through the graph.
    pub processed: u64,
    /// Samples mended at the door: not finite, or far beyond full scale.
    pub mended: u64,
    /// Events that found no room.
    pub events_lost: u64,
    /// Frames of a second source that came too late or too early.
    pub render_lost: u64,
    /// What became of each output.
    pub outputs: Vec<OutputTotals>,
}

/// The account of an output, in frames.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputTotals {
    /// Its name.
    pub name: String,
    /// Frames its reader has got or can get.
    pub delivered: u64,
    /// Frames that found no room because the reader was slow.
    pub dropped: u64,
}

/// Why a pipeline did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// No backend was given.
    NoBackend,
    /// The graph does not fit the device.
    Graph(GraphError),
    /// The device would not start.
    Backend(BackendError),
    /// The system gave no thread.
    Thread(std::io::Error),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoBackend => {
                write!(f, "a pipeline needs a source; give it one with `.backend(…)`")
            }
            Self::Graph(e) => e.fmt(f),
            Self::Backend(e) => e.fmt(f),
            Self::Thread(e) => write!(f, "the system gave no thread for the graph: {e}"),
        }
    }
}

impl std::error::Error for StartError {}

impl Builder {
    /// Where the audio comes from.
    #[must_use]
    pub fn backend(mut self, backend: impl Backend + 'static) -> Self {
        self.backend = Some(Box::new(backend));
        self
    }

    /// Who runs the graph.
    #[must_use]
    pub fn runner(mut self, runner: Runner) -> Self {
        self.runner = runner;
        self
    }

    /// Limits of the plan.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How much audio may wait for the worker: 2 s by default.
    #[must_use]
    pub fn entry_seconds(mut self, seconds: f64) -> Self {
        self.entry_seconds = seconds.clamp(0.001, 600.0);
        self
    }

    /// How much of each output may wait for its reader: 2 s by default.
    #[must_use]
    pub fn outlet_seconds(mut self, seconds: f64) -> Self {
        self.outlet_seconds = seconds.clamp(0.001, 3600.0);
        self
    }

    /// The graph has a second source, which plays in this format.
    #[must_use]
    pub fn render(mut self, format: Format) -> Self {
        self.render = Some(format);
        self
    }

    /// Audio comes at its own pace, and the graph's thread goes before others as far as the
    /// system lets it.
    pub(crate) fn live(mut self, live: bool) -> Self {
        self.live = live;
        self
    }

    /// Has nodes called by these: for a profiler, whose clock is its own affair. Unlike what
    /// a pipeline has anyway, they need not survive a panic; those that do not end with it.
    #[must_use]
    pub fn calls(mut self, calls: Calls) -> Self {
        self.calls = calls;
        self
    }

    /// Plans the graph for the device, and starts.
    pub fn start(mut self) -> Result<Pipeline, StartError> {
        let mut backend = self.backend.take().ok_or(StartError::NoBackend)?;
        self.live = backend.is_live();
        let device = backend.format().map_err(StartError::Backend)?;
        let (mut pipeline, capture) = self.assemble(device)?;
        if let Err(e) = backend.start(capture) {
            pipeline.abandon();
            return Err(StartError::Backend(e));
        }
        pipeline.backend = Some(backend);
        Ok(pipeline)
    }

    /// Plans the graph for a device of this format, and gives what is to be called with
    /// its audio. Nothing comes after a [`Notice::End`].
    pub(crate) fn assemble(
        self,
        device: Format,
    ) -> Result<(Pipeline, Box<dyn Capture>), StartError> {
        let formats: Vec<Format> = std::iter::once(device).chain(self.render).collect();
        let plan = self.graph.plan_with(&formats, self.limits).map_err(StartError::Graph)?;
        let mut executor = Box::new(plan.executor());
        executor.set_calls(self.calls);
        let outputs = executor.outputs().to_vec();

        let shared = Arc::new(Shared::default());
        let (entry, exit) = entry::entry(device, self.entry_seconds, shared.clone());
        let (outlets, inlets) = outlet::outlets(&outputs, self.outlet_seconds, shared.clone());
        let (writer, render) = match self.render {
            Some(format) => {
                let (w, r) = render::render(format, self.entry_seconds, shared.clone());
                (Some(w), Some(r))
            }
            None => (None, None),
        };
        let Inlets { readers, events, speech, lines } = inlets;
        let (mut control, slots) = Control::new(
            self.graph,
            self.limits,
            self.render,
            outputs.clone(),
            lines.clone(),
            shared.clone(),
            device,
        );
        control.calls = self.calls;
        let worker = Worker::new(exit, executor, slots, outlets, render, shared.clone());

        let mut pipeline = Pipeline {
            backend: None,
            capture: None,
            control: Arc::new(Mutex::new(control)),
            worker: None,
            threads: Vec::new(),
            readers: readers.into_iter().map(Some).collect(),
            events: Some(events),
            speech: Some(speech),
            render: writer,
            lines,
            outputs,
            shared,
            standing: Arc::default(),
        };
        let placed = pipeline.place(self.runner, worker, entry, self.live);
        let capture = placed.map_err(StartError::Thread)?;
        Ok((pipeline, capture))
    }
}

/// Calls nodes and survives their panics.
pub(crate) fn shielded() -> Calls {
    fn process(node: &mut dyn Node, input: Input<'_>, output: &mut Output<'_>) -> bool {
        catch_unwind(AssertUnwindSafe(|| node.process(input, output))).is_ok()
    }
    fn reset(node: &mut dyn Node, border: Border) -> bool {
        catch_unwind(AssertUnwindSafe(|| node.reset(border))).is_ok()
    }
    Calls { process, reset }
}

/// A callback that runs the graph itself.
struct Inline {
    entry: entry::Entry,
    worker: Worker,
    warm: bool,
}

impl Capture for Inline {
    fn audio(&mut self, buffer: Buffer<'_>) {
        if !std::mem::replace(&mut self.warm, true) {
            // The first callback alone may allocate: only it knows its thread.
            self.worker.warm();
        }
        self.entry.audio(buffer);
        self.worker.run();
    }

    fn notice(&mut self, notice: Notice) {
        self.entry.notice(notice);
        self.worker.run();
    }

    fn room(&self) -> usize {
        self.entry.room()
    }
}

impl Pipeline {
    /// A pipeline for `graph`, to be filled in.
    pub fn builder(graph: &Graph) -> Builder {
        Builder {
            graph: graph.clone(),
            backend: None,
            runner: Runner::default(),
            limits: Limits::default(),
            entry_seconds: 2.0,
            outlet_seconds: 2.0,
            render: None,
            live: false,
            calls: shielded(),
        }
    }

    /// Puts the worker where it runs, and returns what the device is to call.
    fn place(
        &mut self,
        runner: Runner,
        mut worker: Worker,
        entry: entry::Entry,
        live: bool,
    ) -> std::io::Result<Box<dyn Capture>> {
        if runner == Runner::Manual {
            worker.warm();
            self.worker = Some(worker);
            return Ok(Box::new(entry));
        }
        let (control, shared) = (self.control.clone(), self.shared.clone());
        let thread = self.thread("tympan-control", move || control_thread(&control, &shared))?;
        self.shared.control.is(&thread);
        if runner == Runner::Inline {
            return Ok(Box::new(Inline { entry, worker, warm: false }));
        }
        let standing = self.standing.clone();
        let run = move || worker_thread(worker, &standing, live);
        let thread = self.thread("tympan-worker", run)?;
        self.shared.worker.is(&thread);
        Ok(Box::new(entry))
    }

    fn thread(
        &mut self,
        name: &str,
        run: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<std::thread::Thread> {
        let running = std::thread::Builder::new().name(name.into()).spawn(run)?;
        let thread = running.thread().clone();
        self.threads.push(running);
        Ok(thread)
    }

    /// The reader of an output that carries samples. It can be taken once.
    pub fn pcm(&mut self, output: &str) -> Option<PcmReader> {
        self.reader(output, false).map(PcmReader::new)
    }

    /// The reader of an output that carries packets. It can be taken once.
    pub fn packets(&mut self, output: &str) -> Option<PacketReader> {
        self.reader(output, true).map(PacketReader::new)
    }

    pub(crate) fn reader(&mut self, output: &str, packets: bool) -> Option<Reader> {
        let fits = |o: &OutputInfo| o.name == output && (o.packet > 0) == packets;
        let i = self.outputs.iter().position(fits)?;
        self.readers[i].take()
    }

    /// The reader of events. It can be taken once.
    pub fn events(&mut self) -> Option<Events> {
        self.events.take()
    }

    /// Events of speech once more, for whoever keeps a take. They can be taken once.
    pub(crate) fn speech(&mut self) -> Option<HeapCons<Event>> {
        self.speech.take()
    }

    /// The writer of the second source. It can be taken once.
    pub fn render(&mut self) -> Option<RenderWriter> {
        self.render.take()
    }

    /// The outputs, in the order of the graph.
    pub fn outputs(&self) -> &[OutputInfo] {
        &self.outputs
    }

    /// The ids of the nodes, as events number them.
    pub fn nodes(&self) -> Vec<String> {
        self.control().graph().nodes().map(|(id, _)| id.to_owned()).collect()
    }

    /// A parameter that can be changed while the graph runs, as `node.key`.
    pub fn param(&self, name: &str) -> Option<Live> {
        self.control().graph().param(name).cloned()
    }

    /// All of them, by name.
    pub(crate) fn params(&self) -> std::collections::HashMap<String, Live> {
        let control = self.control();
        let graph = control.graph();
        let names = graph.params();
        names.filter_map(|name| Some((name.clone(), graph.param(&name)?.clone()))).collect()
    }

    /// Replaces the graph at the next border between two blocks. Outputs keep their
    /// names and formats, or the swap is refused; nodes that are the same go on with
    /// what they have learned.
    pub fn swap(&self, graph: &Graph) -> Result<(), SwapError> {
        self.control().swap(graph)
    }

    /// How the system schedules the thread of the graph. None where nobody asked it for
    /// more than usual: files wait, and the callback's thread is the device's own.
    pub fn priority(&self) -> Option<Priority> {
        self.standing.priority()
    }

    /// What went wrong in the background, such as a new device format that the graph
    /// does not fit. It is told once.
    pub fn trouble(&self) -> Option<GraphError> {
        self.control().take_trouble()
    }

    /// Whether the thread of the graph is one of the device's, on systems where a device has
    /// a group of threads. None where it was told of no group.
    pub fn joined(&self) -> Option<Result<(), WorkgroupError>> {
        self.standing.joined()
    }

    /// The device's threads, which that of the graph is to join.
    pub(crate) fn regroup(&self, group: Workgroup) {
        self.standing.regroup(group);
        self.shared.worker.wake();
    }

    /// For [`Runner::Manual`]: runs what is there and wakes the readers. False when
    /// nothing more will come.
    pub fn poll(&mut self) -> bool {
        let more = self.worker.as_mut().is_none_or(Worker::run);
        self.control().tend();
        // What the control side has just sent is used at once.
        more && self.worker.as_mut().is_none_or(Worker::run)
    }

    /// What is captured from now on belongs to a new take: nodes forget everything.
    pub(crate) fn renew(&self) {
        self.shared.renew();
    }

    /// Readers, but for the one of the take, get what lies behind so many breaks of
    /// capture, and no more.
    pub(crate) fn release(&self, breaks: u64) {
        let breaks = u32::try_from(breaks).unwrap_or(u32::MAX);
        self.lines.iter().for_each(|line| line.release(breaks));
        self.shared.control.wake();
    }

    /// The counts that its threads share.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    fn control(&self) -> std::sync::MutexGuard<'_, Control> {
        // A panic of whoever held it left nothing half-done that matters here.
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account so far.
    pub fn totals(&self) -> Totals {
        let s = &self.shared;
        let outputs = self.outputs.iter().zip(&self.lines).map(|(output, line)| OutputTotals {
            name: output.name.clone(),
            delivered: line.delivered.get(),
            dropped: line.dropped.get(),
        });
        Totals {
            input: s.offered.get(),
            lost: s.lost.get(),
            filled: s.filled.get(),
            dropped: s.dropped.get(),
            processed: s.processed.get(),
            mended: s.mended.get(),
            events_lost: s.events_lost.get(),
            render_lost: s.late.get(),
            outputs: outputs.collect(),
        }
    }

    /// Stops the device, brings out what is inside, and gives the account. Readers
    /// can still read what is in their rings.
    pub fn stop(mut self) -> Totals {
        self.halt();
        self.totals()
    }

    /// Whether nothing more will come: the backend has ended, as a file does and a microphone
    /// that is unplugged, and all of it is out.
    pub fn is_finished(&self) -> bool {
        self.shared.is_finished()
    }

    /// Waits until the backend has ended by itself, as a file does.
    pub fn wait(mut self) -> Totals {
        while !self.shared.is_finished() && self.worker.is_none() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        self.halt();
        self.totals()
    }

    fn halt(&mut self) {
        let stopped = self.backend.as_mut().and_then(|backend| backend.stop());
        if let Some(mut capture) = stopped.or_else(|| self.capture.take()) {
            if !self.shared.is_finished() {
                capture.notice(Notice::End);
            }
            // Inline, only a callback moves the graph, and the end may have to wait for
            // the control side to find an executor for the last format, or none.
            while self.worker.is_none() && !self.shared.is_finished() {
                let format = Format::mono(1);
                capture.audio(Buffer { samples: &[], format, host_ns: 0 });
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            self.capture = Some(capture);
        } else if !self.shared.is_finished() {
            self.shared.orphan();
        }
        while self.worker.is_some() && !self.shared.is_finished() && self.poll() {}
        self.shared.worker.wake();
        self.shared.control.wake();
        for thread in self.threads.drain(..) {
            // A panic there was told as an event; there is nothing to add.
            let _ = thread.join();
        }
        self.control().tend();
    }

    /// The device never started: ends the threads.
    fn abandon(&mut self) {
        self.shared.finished.store(true, std::sync::atomic::Ordering::Release);
        self.halt();
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        if !self.threads.is_empty() {
            self.halt();
        }
    }
}

fn worker_thread(mut worker: Worker, standing: &Standing, live: bool) {
    let mut stand = standing.begin(live);
    worker.warm();
    loop {
        standing.keep(&mut stand);
        match catch_unwind(AssertUnwindSafe(|| worker.run())) {
            Ok(true) => std::thread::park(),
            Ok(false) => return,
            Err(_) => return worker.fail(),
        }
    }
}

fn control_thread(control: &Mutex<Control>, shared: &Shared) {
    loop {
        let finished = shared.is_finished();
        control.lock().unwrap_or_else(PoisonError::into_inner).tend();
        if finished {
            return;
        }
        std::thread::park();
    }
}
