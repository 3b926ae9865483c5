//! A running plan. One pass over the sorted steps fires each as often as its inputs
//! hold a whole call; then what every reader has consumed is moved out.
//!
//! # Realtime
//! [`push`](Executor::push), [`gap`](Executor::gap), [`feed`](Executor::feed) and
//! [`end_segment`](Executor::end_segment) allocate nothing, lock nothing, ask the
//! system nothing and drop nothing owned. Their time is bounded by the frames given
//! and by constants of the plan.

mod border;
mod bridge;
mod entry;
mod gate;
mod swap;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use core::ops::Range;

pub(crate) use bridge::Bridge;
pub use entry::Fed;
pub(crate) use gate::Gate;
pub use swap::SwapError;

use crate::event::{Event, Fault, Reason, What};
use crate::guard;
use crate::node::{Border, Frames, Held, Input, Node, Output, Site, Spec, Turn, Wires};
use crate::sink::{Planar, Sink};
use crate::tape::Tape;
use crate::time::{Counter, Ratio};
use crate::{Format, Settings};

/// How nodes are called. Each function tells whether the node lived through it: the
/// core cannot catch a panic; a crate with `std` can, and gives the executor its own.
#[derive(Clone, Copy, Debug)]
pub struct Calls {
    /// Calls [`Node::process`].
    pub process: fn(&mut dyn Node, Input<'_>, &mut Output<'_>) -> bool,
    /// Calls [`Node::reset`].
    pub reset: fn(&mut dyn Node, Border) -> bool,
}

impl Default for Calls {
    /// Plain calls: a panic goes through.
    fn default() -> Self {
        let process = |node: &mut dyn Node, input: Input<'_>, output: &mut Output<'_>| {
            node.process(input, output);
            true
        };
        let reset = |node: &mut dyn Node, border| {
            node.reset(border);
            true
        };
        Self { process, reset }
    }
}

/// The region before all gates.
const ROOT: usize = 0;

/// A running plan.
pub struct Executor {
    pub(crate) tapes: Vec<Tape>,
    pub(crate) steps: Vec<Step>,
    pub(crate) regions: Vec<Region>,
    pub(crate) kept: Vec<Kept>,
    pub(crate) taps: Vec<Tap>,
    pub(crate) sources: Vec<Source>,
    /// Where samples for an output are brought to ±1; other readers of the tape
    /// still want them as they are.
    pub(crate) scratch: Box<[f32]>,
    pub(crate) calls: Calls,
    pub(crate) max_push: usize,
    pub(crate) max_fill: usize,
    pub(crate) segment: u32,
    pub(crate) running: bool,
    pub(crate) ending: bool,
    pub(crate) books: Books,
    pub(crate) info: Arc<Info>,
}

/// What an executor is known by: names and formats, for people and for swaps.
#[derive(Debug)]
pub(crate) struct Info {
    pub(crate) nodes: Vec<String>,
    pub(crate) outputs: Vec<OutputInfo>,
    pub(crate) origins: Vec<StepOrigin>,
    /// Indices of `origins`, by id.
    pub(crate) by_id: Vec<usize>,
}

/// What a step was built from. Steps of the same origin may change places.
#[derive(Debug)]
pub(crate) struct StepOrigin {
    pub(crate) id: String,
    pub(crate) kind: &'static str,
    pub(crate) settings: Settings,
    pub(crate) inputs: Vec<Format>,
    pub(crate) lags: Vec<u32>,
    pub(crate) spec: Spec,
}

/// An output by name, and what it carries.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputInfo {
    /// Its name in the graph.
    pub name: String,
    /// Its format; for packets that of what was encoded.
    pub format: Format,
    /// The kind whose packets it carries; empty where it carries samples.
    pub codec: &'static str,
    /// The largest packet in bytes; 0 where it carries samples.
    pub packet: usize,
    /// The most frames that one block or packet covers.
    pub block: usize,
    /// Whether a gate stands before it.
    pub gated: bool,
    /// How late its signal is by calculation, in seconds.
    pub delay: f64,
    /// How long a frame may wait to be full, in seconds.
    pub wait: f64,
}

/// What went in, exactly. `pushed + filled` is the sum of all segments' lengths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// Frames of the microphone that were pushed.
    pub pushed: u64,
    /// Zeros put in the place of frames that were lost.
    pub filled: u64,
    /// Samples mended at the door.
    pub mended: u64,
}

pub(crate) struct Source {
    pub(crate) tape: usize,
    /// The channel used, of how many the device has.
    pub(crate) channel: Option<usize>,
    pub(crate) device_channels: usize,
    /// Frames of this source per frame of the microphone.
    pub(crate) ratio: Ratio,
    pub(crate) rate: u32,
    pub(crate) lead: usize,
}

/// A node at its place. What every call needs stands in front, on as few lines of cache
/// as it fits: in a long graph that is what running costs.
#[repr(C, align(64))]
pub(crate) struct Step {
    pub(crate) node: Box<dyn Node>,
    /// Where it reads, the same on every audio input.
    pub(crate) at: i64,
    pub(crate) output: usize,
    pub(crate) out_channels: usize,
    pub(crate) frames: Frames,
    /// It panicked. Nobody calls it again.
    pub(crate) failed: bool,
    /// And nobody was told yet.
    pub(crate) untold: bool,
    /// Nobody else reads its first input.
    pub(crate) sole: bool,
    /// The tapes of its audio inputs.
    pub(crate) audio: Wires,
    /// A tape like its output, that nobody wants anything of when this step runs.
    pub(crate) spare: Option<usize>,
    pub(crate) counter: Counter,
    pub(crate) channels: Box<[u16]>,
    pub(crate) control: Box<[Held]>,
    pub(crate) bytes: Box<[u8]>,
    /// Other tapes that nobody reads after this step in a pass, by their place in `kept`.
    pub(crate) closes: Box<[usize]>,
    pub(crate) site: Site,
    pub(crate) gate: Option<Box<Gate>>,
    pub(crate) start: i64,
    /// What makes up for its delay when it has died.
    pub(crate) bridge: Bridge,
}

/// Steps, tapes and outputs that run and break off together.
pub(crate) struct Region {
    pub(crate) steps: Range<usize>,
    pub(crate) taps: Range<usize>,
    pub(crate) tapes: Vec<usize>,
    /// Tapes that outputs read last, or nobody, by their place in `kept`.
    pub(crate) closes: Box<[usize]>,
    pub(crate) entry: usize,
    pub(crate) rate: u32,
    pub(crate) push: usize,
    pub(crate) drain: usize,
    /// The index of the utterance that runs, or of the next one.
    pub(crate) utterance: u32,
}

impl Region {
    /// How much later than its history a gate may be, because it is busy pushing out
    /// what is behind it.
    pub(crate) fn busy(&self) -> usize {
        self.drain + self.push
    }

    /// Its own of all steps.
    fn own_steps<'a>(&self, all: &'a mut [Step]) -> &'a mut [Step] {
        all.get_mut(self.steps.clone()).unwrap_or_default()
    }

    /// Its own of all outputs.
    fn own_taps<'a>(&self, all: &'a mut [Tap]) -> &'a mut [Tap] {
        all.get_mut(self.taps.clone()).unwrap_or_default()
    }
}

/// A tape and those who still want something of it.
pub(crate) struct Kept {
    pub(crate) tape: usize,
    pub(crate) readers: Box<[Reader]>,
}

#[derive(Clone, Copy)]
pub(crate) enum Reader {
    Audio { step: usize },
    Control { step: usize, port: usize },
    Tap(usize),
}

/// An output that carries samples.
pub(crate) struct Tap {
    pub(crate) output: usize,
    pub(crate) tape: usize,
    pub(crate) channels: usize,
    pub(crate) at: i64,
    pub(crate) site: Site,
    pub(crate) blamed: bool,
}

impl Executor {
    /// Feeds interleaved samples of the microphone, as many as there are, and runs
    /// everything they make ready. A frame that is not whole is ignored.
    ///
    /// # Realtime
    /// See the module's promise. Longer pushes than the plan's largest are taken in
    /// pieces; the result is the same.
    pub fn push(&mut self, samples: &[f32], sink: &mut dyn Sink) {
        let channels = self.mic().device_channels;
        for block in samples.chunks(self.max_push * channels) {
            if block.len() < channels {
                return;
            }
            self.begin_segment(sink);
            self.enter(block, sink);
            self.run(ROOT, sink);
        }
    }

    /// Runs a region until nothing in it is ready.
    fn run(&mut self, region: usize, sink: &mut dyn Sink) {
        for step in self.regions[region].steps.clone() {
            if self.steps[step].gate.is_some() {
                self.pass(step, sink);
            } else {
                self.fire(step, sink);
            }
            for tape in 0..self.steps[step].closes.len() {
                self.let_go(self.steps[step].closes[tape]);
            }
        }
        for tap in self.regions[region].taps.clone() {
            self.deliver(tap, sink);
        }
        for tape in 0..self.regions[region].closes.len() {
            self.let_go(self.regions[region].closes[tape]);
        }
    }

    /// Calls one node as often as its inputs hold a whole call.
    fn fire(&mut self, step: usize, sink: &mut dyn Sink) {
        let step = &mut self.steps[step];
        // Streams are numbered as they come to be: inputs lie before the output, and
        // both can be borrowed at once.
        let (tapes, outs) = self.tapes.split_at_mut(step.output);
        let Some(out) = outs.first_mut() else { return };
        if let Some(spare) = step.spare {
            out.trade(&mut tapes[spare]);
        }
        let mut ready = step.ready(tapes);
        loop {
            let frames = step.takes(ready);
            if frames == 0 || step.is_done() {
                break;
            }
            let made = if step.out_channels == 0 { 0 } else { step.counter.made(frames) };
            step.call(self.calls, tapes, out, frames, made, sink);
            out.commit(made);
            step.counter.advance(frames);
            step.at += frames as i64;
            ready -= frames;
        }
        if step.sole {
            let tape = &mut tapes[step.audio.first];
            tape.discard_before(step.keeps().min(tape.end()).max(tape.base()));
        }
    }

    /// Hands an output what is new on its tape.
    fn deliver(&mut self, tap: usize, sink: &mut dyn Sink) {
        let tap = &mut self.taps[tap];
        let tape = &mut self.tapes[tap.tape];
        let frames = tape.end().min(tap.site.end) - tap.at;
        if frames <= 0 {
            return;
        }
        let frames = frames as usize;
        let mut bad: Option<usize> = None;
        for channel in 0..tap.channels {
            let to = &mut self.scratch[channel * frames..][..frames];
            let first = guard::leave(to, tape.read(channel, tap.at, frames));
            bad = [bad, first].into_iter().flatten().min();
        }
        let header = tap.site.header(tap.at, frames);
        if let Some(bad) = bad.filter(|_| !tap.blamed) {
            tap.blamed = true;
            sink.event(Event {
                position: header.position + bad as i64,
                rate: tap.site.rate,
                segment: header.segment,
                what: What::Fault(Fault::NotFinite),
                node: tap.site.node,
            });
        }
        let block = &self.scratch[..tap.channels * frames];
        sink.audio(tap.output, &header, Planar::new(block, frames));
        tap.at += frames as i64;
    }

    /// Moves out of a tape what all its readers have consumed.
    fn let_go(&mut self, kept: usize) {
        let Kept { tape, readers } = &self.kept[kept];
        let tape = &mut self.tapes[*tape];
        let mut keep = tape.end();
        for reader in readers {
            keep = keep.min(match *reader {
                Reader::Audio { step } => self.steps[step].keeps(),
                Reader::Control { step, port } => self.steps[step].holds(port),
                Reader::Tap(tap) => self.taps[tap].keeps(),
            });
        }
        tape.discard_before(keep.max(tape.base()));
    }

    /// Gives every node the chance to set up what its library keeps per thread. Call
    /// it once on the thread that will push.
    pub fn warm(&mut self) {
        for step in &mut self.steps {
            step.node.warm();
        }
    }

    /// Has nodes called by these, which may catch what the core cannot.
    pub fn set_calls(&mut self, calls: Calls) {
        self.calls = calls;
    }

    /// The ids of the nodes, as events number them.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        self.info.nodes.iter().map(String::as_str)
    }

    /// The outputs, as sinks number them.
    pub fn outputs(&self) -> &[OutputInfo] {
        &self.info.outputs
    }

    /// What the device of source `source` delivers, 0 being the microphone.
    pub fn input(&self, source: usize) -> Option<Format> {
        let source = self.sources.get(source)?;
        Some(Format::new(source.rate, source.device_channels as u16))
    }

    /// The count of what went in.
    pub fn books(&self) -> Books {
        self.books
    }

    /// The index of the segment that runs, or of the next one.
    pub fn segment(&self) -> u32 {
        self.segment
    }

    /// Frames of the microphone since the segment began: where the next push goes.
    pub fn position(&self) -> i64 {
        self.tapes[self.mic().tape].end()
    }

    /// The first of the sources.
    fn mic(&self) -> &Source {
        &self.sources[0]
    }

    /// Whether a segment is open.
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// The fullest and the planned room of every tape, in frames: for tests of the
    /// promise that a plan is never outgrown.
    pub fn marks(&self) -> impl Iterator<Item = (usize, usize)> {
        self.tapes.iter().map(|t| (t.high(), t.room()))
    }

    /// Bytes of all tapes and packet buffers.
    pub fn bytes(&self) -> usize {
        self.tapes.iter().map(Tape::bytes).sum::<usize>()
            + self.steps.iter().map(|s| s.bytes.len()).sum::<usize>()
    }

    /// Raises an event of the engine's own, at the microphone's time.
    fn tell(&self, what: What, sink: &mut dyn Sink) {
        let (position, rate) = (self.position(), self.mic().rate);
        sink.event(Event { position, rate, segment: self.segment, what, node: Event::ENGINE });
    }

    /// Ends the segment: pushes out what is inside, trims every output to what was
    /// captured, and begins anew with the next push.
    pub fn end_segment(&mut self, reason: Reason, sink: &mut dyn Sink) {
        if self.running {
            self.finish_segment(reason, sink);
        }
    }

    /// Ends the last segment of a take. As [`end_segment`](Self::end_segment) with
    /// [`Reason::Stop`]; every node then forgets everything.
    pub fn drain(&mut self, sink: &mut dyn Sink) {
        self.end_segment(Reason::Stop, sink);
        self.reset();
    }
}

impl Tap {
    /// The first position that is still wanted: behind the end, none.
    fn keeps(&self) -> i64 {
        if self.at >= self.site.end { i64::MAX } else { self.at }
    }
}

impl Step {
    /// How many frames every audio input holds.
    #[inline]
    fn ready(&self, tapes: &[Tape]) -> usize {
        let mut end = tapes[self.audio.first].end();
        for tape in self.audio.iter().skip(1) {
            end = end.min(tapes[tape].end());
        }
        (end - self.at).max(0) as usize
    }

    /// How many of `ready` frames the next call takes, 0 if they are not enough.
    #[inline]
    fn takes(&self, ready: usize) -> usize {
        match self.frames {
            Frames::Any => ready,
            Frames::Fixed(n) if ready >= n as usize => n as usize,
            Frames::Fixed(_) => 0,
        }
    }

    /// Calls the node, or what stands in for it, and returns a gate's turn.
    #[inline]
    fn call(
        &mut self,
        calls: Calls,
        tapes: &[Tape],
        out: &mut Tape,
        frames: usize,
        made: usize,
        sink: &mut dyn Sink,
    ) -> Option<(usize, Turn)> {
        let at = self.at;
        let input = Input {
            tapes,
            audio: &self.audio,
            at,
            control: &self.control,
            channels: &self.channels,
            frames,
            end: self.site.end,
        };
        let mut output = Output {
            tape: out,
            made,
            channels: self.out_channels,
            bytes: &mut self.bytes,
            site: &mut self.site,
            at,
            taken: frames,
            sink,
            turn: None,
        };
        if !self.failed {
            if (calls.process)(&mut *self.node, input, &mut output) {
                return output.turn;
            }
            self.failed = true;
            self.untold = true;
        }
        if mem::take(&mut self.untold) {
            output.confess();
        }
        self.bridge.stand_in(input, &mut output);
        // A dead gate is open.
        let closed = self.gate.as_ref().is_some_and(|gate| gate.is_closed());
        closed.then_some((0, Turn::Open { back: 0 }))
    }

    /// Whether it has consumed all there is, and what was to come out of it is out.
    fn is_dry(&self) -> bool {
        self.at >= self.goes_on_to() && self.gate.as_ref().is_none_or(|gate| gate.is_closed())
    }

    /// The position up to which it has to be called.
    fn goes_on_to(&self) -> i64 {
        let end = self.site.end;
        match &self.gate {
            Some(gate) if !self.failed => gate.decides_before(end),
            _ => end + self.site.delay,
        }
    }

    /// Whether it stops there while others are still being pushed out. An encoder fed
    /// further would make packets that nobody decodes; a gate has nothing to decide.
    #[inline]
    fn is_done(&self) -> bool {
        (!self.bytes.is_empty() || self.gate.is_some()) && self.is_dry()
    }

    /// The first position of its audio inputs that it still wants.
    #[inline]
    fn keeps(&self) -> i64 {
        if self.is_done() {
            return i64::MAX;
        }
        self.gate.as_ref().map_or(self.at, |gate| self.at.min(gate.release))
    }

    /// The first position of a control port's tape that is still wanted.
    fn holds(&self, port: usize) -> i64 {
        if self.is_done() {
            return i64::MAX;
        }
        let held = self.control[port];
        held.ratio.floor(self.at - held.lag)
    }
}
