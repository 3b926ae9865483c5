//! What a third party writes: a [`Kind`] that describes itself and builds a [`Node`].

use alloc::boxed::Box;
use alloc::string::String;
use core::ops::Range;

use crate::Format;
use crate::event::{Event, Fault, What};
use crate::param::{Domain, Live, Param, Settings, Value};
use crate::sink::{Header, Sink};
use crate::tape::Tape;
use crate::time::Ratio;

/// What flows through a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Samples.
    Audio,
    /// A value held until the next one, such as the probability of speech.
    Control,
    /// Encoded packets. They leave the graph; no node takes them.
    Packets,
    /// Nothing but events.
    Events,
}

/// An input port of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name in `from = { name = "node" }`.
    pub name: &'static str,
    /// [`Flow::Audio`] or [`Flow::Control`].
    pub flow: Flow,
}

impl Port {
    /// A port for samples. All audio ports of a node have one rate and are fed the
    /// same stretch of time.
    pub const fn audio(name: &'static str) -> Self {
        Self { name, flow: Flow::Audio }
    }

    /// A port for a held value of any rate. It never makes audio wait.
    pub const fn control(name: &'static str) -> Self {
        Self { name, flow: Flow::Control }
    }
}

/// A sort of node: its description, and how one is built.
///
/// Everything a user sees of a kind (TOML keys, checks, `inspect`, the schema, the
/// docs) comes from these constants.
pub trait Kind {
    /// `kind = "…"` in TOML.
    const NAME: &'static str;
    /// One line for whoever chooses it.
    const ABOUT: &'static str;
    /// Its input ports, the audio ones first.
    const INPUTS: &'static [Port] = &[Port::audio("in")];
    /// What it puts out.
    const OUTPUT: Flow = Flow::Audio;
    /// Its keys.
    const PARAMS: &'static [Param] = &[];

    /// Builds a node for these inputs and settings, or says what it wants instead.
    fn build(cx: &Build<'_>) -> Result<Built, Refusal>;
}

/// A [`Kind`] as data, for registries.
#[derive(Clone, Copy, Debug)]
pub struct KindInfo {
    /// See [`Kind::NAME`].
    pub name: &'static str,
    /// See [`Kind::ABOUT`].
    pub about: &'static str,
    /// See [`Kind::INPUTS`].
    pub inputs: &'static [Port],
    /// See [`Kind::OUTPUT`].
    pub output: Flow,
    /// See [`Kind::PARAMS`].
    pub params: &'static [Param],
    pub(crate) build: fn(&Build<'_>) -> Result<Built, Refusal>,
}

impl KindInfo {
    /// The description of `K`.
    pub const fn of<K: Kind>() -> Self {
        Self {
            name: K::NAME,
            about: K::ABOUT,
            inputs: K::INPUTS,
            output: K::OUTPUT,
            params: K::PARAMS,
            build: K::build,
        }
    }

    /// How many of the inputs are audio; they come first.
    pub(crate) fn audio_inputs(&self) -> usize {
        self.inputs.iter().filter(|p| p.flow == Flow::Audio).count()
    }
}

/// How many frames a node takes per call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frames {
    /// Whatever is there. The result must not depend on how it was cut.
    Any,
    /// Exactly this many.
    Fixed(u32),
}

/// What a node agrees to once it knows its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Frames per call, counted on the audio inputs.
    pub frames: Frames,
    /// The audio or control stream it makes, if it makes one.
    pub output: Option<Format>,
    /// How late the signal comes out: in output frames, for packets in input frames.
    pub delay: u32,
    /// The largest packet of a call in bytes, 0 for none.
    pub packet: usize,
    /// How many frames before its decision a gate may reach back. Only gates have it.
    pub history: Option<u32>,
}

impl Spec {
    /// Audio of this format, whatever comes in per call, without delay.
    pub const fn audio(output: Format) -> Self {
        Self { frames: Frames::Any, output: Some(output), delay: 0, packet: 0, history: None }
    }

    /// A control stream of `rate` values per second.
    pub const fn control(rate: u32) -> Self {
        Self::audio(Format::mono(rate))
    }

    /// Packets of at most `bytes` bytes.
    pub const fn packets(bytes: usize) -> Self {
        Self { packet: bytes, ..Self::events() }
    }

    /// Nothing but events.
    pub const fn events() -> Self {
        Self { frames: Frames::Any, output: None, delay: 0, packet: 0, history: None }
    }

    /// A cut in the graph: what lies behind runs only between
    /// [`Output::open`] and [`Output::close`], and each opening may reach back up to
    /// `history` frames.
    pub const fn gate(output: Format, history: u32) -> Self {
        Self { history: Some(history), ..Self::audio(output) }
    }

    /// Takes exactly `frames` frames per call.
    #[must_use]
    pub const fn fixed(mut self, frames: u32) -> Self {
        self.frames = Frames::Fixed(frames);
        self
    }

    /// The signal comes out this many frames late.
    #[must_use]
    pub const fn delay(mut self, frames: u32) -> Self {
        self.delay = frames;
        self
    }

    /// Together with the node that keeps this promise.
    pub fn runs(self, node: impl Node + 'static) -> Result<Built, Refusal> {
        Ok(Built::Node(self, Box::new(node)))
    }
}

/// What [`Kind::build`] made.
pub enum Built {
    /// A node and what it agrees to.
    Node(Spec, Box<dyn Node>),
    /// Nothing: with these settings the input is already the output.
    Identity,
}

/// Why a kind would not be built.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// An audio input has a format it cannot take. Empty means any.
    Wants {
        /// Rates it takes, in Hz.
        rates: &'static [u32],
        /// Channel counts it takes.
        channels: &'static [u16],
    },
    /// A key has a value that does not go with the input or with another key.
    Setting {
        /// The key.
        name: &'static str,
        /// Why, and what to do: a clause without its full stop.
        why: String,
    },
    /// Something else: a sentence without its full stop.
    Other(String),
}

/// Where a signal breaks off.
///
/// A border flushes signal memory (filters, overlaps, history) so that nothing from
/// before comes out after it. What a node learned slowly, such as a noise estimate or
/// a gain, it keeps over [`Utterance`](Self::Utterance) and [`Segment`](Self::Segment).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Border {
    /// A gate closed: the next utterance follows in the same segment.
    Utterance,
    /// Capture broke off: the next segment follows in the same take.
    Segment,
    /// A new take: forget everything.
    Take,
}

/// A running piece of signal processing.
///
/// # Realtime
/// `process` and `reset` run on the audio path: they must not allocate, lock, block,
/// read a clock or panic. A panic is survived by the pipeline, see
/// [`What::Fault`].
pub trait Node: Send {
    /// Takes the agreed frames of every input and writes all of the output.
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>);

    /// The signal breaks off here.
    fn reset(&mut self, _border: Border) {}

    /// Called once on the thread that will run it, before audio: whatever a library
    /// sets up per thread is set up here.
    fn warm(&mut self) {}
}

/// What a kind knows while it builds.
pub struct Build<'a> {
    pub(crate) kind: &'static str,
    pub(crate) settings: &'a Settings,
    pub(crate) inputs: &'a [Format],
    pub(crate) lags: &'a [u32],
}

impl Build<'_> {
    /// The format of audio port `port`, counted from 0.
    pub fn input(&self, port: usize) -> Format {
        self.inputs[port]
    }

    /// How many frames of the audio input control port `port` (counted from 0 among
    /// the control ports) is behind. Audio at `p` sees the value of `p − lag`.
    pub fn lag(&self, port: usize) -> u32 {
        self.lags[port]
    }

    /// A number.
    pub fn number(&self, name: &str) -> f64 {
        match self.settings.get(name) {
            Some(Value::Number(x)) => *x,
            _ => self.not_described(name),
        }
    }

    /// A time, in whole frames of the first audio input.
    pub fn frames(&self, name: &str) -> u32 {
        (self.number(name) * f64::from(self.inputs[0].rate) / 1000.0 + 0.5) as u32
    }

    /// A whole number.
    pub fn whole(&self, name: &str) -> i64 {
        match self.settings.get(name) {
            Some(Value::Whole(n)) => *n,
            _ => self.not_described(name),
        }
    }

    /// `true` or `false`.
    pub fn flag(&self, name: &str) -> bool {
        match self.settings.get(name) {
            Some(Value::Flag(b)) => *b,
            _ => self.not_described(name),
        }
    }

    /// A word or a text.
    pub fn text(&self, name: &str) -> &str {
        match self.settings.get(name) {
            Some(Value::Text(s)) => s,
            _ => self.not_described(name),
        }
    }

    /// A number that may change while the node runs.
    pub fn live(&self, name: &str) -> Live {
        self.settings.live(name).cloned().unwrap_or_else(|| self.not_described(name))
    }

    /// A fault of the kind's author, not of whoever wrote the graph.
    fn not_described(&self, name: &str) -> ! {
        panic!("kind `{}` reads key `{name}`, which its PARAMS do not describe so", self.kind)
    }
}

/// The tapes of the audio inputs. There is nearly always one, which is then at hand
/// without a look elsewhere in memory: in a long graph that is what running costs.
#[derive(Debug)]
pub(crate) struct Wires {
    pub(crate) first: usize,
    others: Box<[usize]>,
}

impl Wires {
    pub(crate) fn new(tapes: &[usize]) -> Self {
        let (first, others) = tapes.split_first().map_or((0, &[][..]), |(f, o)| (*f, o));
        Self { first, others: others.into() }
    }

    #[inline]
    fn tape(&self, port: usize) -> usize {
        if port == 0 { self.first } else { self.others[port - 1] }
    }

    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        core::iter::once(self.first).chain(self.others.iter().copied())
    }
}

/// A control input: sampled and held, `lag` audio frames late.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) tape: usize,
    /// Control values per audio frame.
    pub(crate) ratio: Ratio,
    pub(crate) lag: i64,
}

/// The read side of one call.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub(crate) tapes: &'a [Tape],
    pub(crate) audio: &'a Wires,
    pub(crate) at: i64,
    pub(crate) control: &'a [Held],
    pub(crate) channels: &'a [u16],
    pub(crate) frames: usize,
    pub(crate) end: i64,
}

impl<'a> Input<'a> {
    /// Frames of this call, the same on every audio port.
    #[inline]
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Channels of audio port `port`.
    #[inline]
    pub fn channels(&self, port: usize) -> usize {
        self.channels[port] as usize
    }

    /// The samples of one channel of audio port `port`.
    #[inline]
    pub fn channel(&self, port: usize, channel: usize) -> &'a [f32] {
        self.tapes[self.audio.tape(port)].read(channel, self.at, self.frames)
    }

    /// The moment of capture of the first frame: frames since the segment or the
    /// utterance began. Negative in what a delay puts before the beginning.
    #[inline]
    pub fn position(&self) -> i64 {
        self.at
    }

    /// How many of the frames lie before the end of the segment or utterance. The
    /// others are zeros that push the last ones out.
    #[inline]
    pub fn real(&self) -> usize {
        (self.end - self.position()).min(self.frames as i64).max(0) as usize
    }

    /// Which of the frames were captured: neither what a delay put before the beginning,
    /// nor the zeros behind the end.
    #[inline]
    pub fn captured(&self) -> Range<usize> {
        let end = self.real();
        (-self.position()).min(end as i64).max(0) as usize..end
    }

    /// The value of control port `port` (counted among the control ports) that is in
    /// force at frame `frame` of this call, and how many frames from there on it
    /// stays in force.
    pub fn held(&self, port: usize, frame: usize) -> (f32, usize) {
        let held = self.control[port];
        let tape = &self.tapes[held.tape];
        let at = self.position() + frame as i64 - held.lag;
        let index = held.ratio.floor(at);
        // Before its first value a detector has found nothing.
        let value = if index < tape.base() { 0.0 } else { tape.at(index) };
        let next = (Ratio { up: held.ratio.down, down: held.ratio.up }).ceil(index + 1);
        let stays = (next - at).min(self.frames.saturating_sub(frame) as i64).max(1);
        (value, stays as usize)
    }
}

/// What a gate decided in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Open { back: u32 },
    Close,
}

/// An end that is not known yet: beyond every position, and far from overflow.
const NEVER: i64 = i64::MAX / 2;

/// Where a step stands in time: what turns frame counts into positions.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) node: u16,
    /// The rate of the audio inputs.
    pub(crate) rate: u32,
    pub(crate) segment: u32,
    pub(crate) utterance: u32,
    /// The position on the segment's timeline where local position 0 lies.
    pub(crate) origin: i64,
    /// The local position at which the segment or utterance ends, once it is known.
    pub(crate) end: i64,
    /// A packet of this segment or utterance is out; the last one is out.
    pub(crate) first_out: bool,
    pub(crate) last_out: bool,
    /// Delay of packets, in input frames.
    pub(crate) delay: i64,
    /// Outputs of the graph that take this node's packets.
    pub(crate) outputs: Box<[u16]>,
}

impl Site {
    pub(crate) fn new(node: u16, rate: u32, delay: i64) -> Self {
        Self {
            node,
            rate,
            segment: 0,
            utterance: 0,
            origin: 0,
            end: NEVER,
            first_out: false,
            last_out: false,
            delay,
            outputs: Box::default(),
        }
    }

    pub(crate) fn packets_to(mut self, outputs: Box<[u16]>) -> Self {
        self.outputs = outputs;
        self
    }

    /// A segment or utterance is over: the next one has not begun.
    pub(crate) fn renew(&mut self) {
        self.end = NEVER;
        self.first_out = false;
        self.last_out = false;
    }

    /// The header of what begins at local position `at` and lasts `frames`.
    pub(crate) fn header(&mut self, at: i64, frames: usize) -> Header {
        let over = (at + frames as i64 - self.end).min(frames as i64).max(0);
        let header = Header {
            position: self.origin + at,
            frames: frames as u32,
            lead: (-at).max(0) as u32,
            trim: over as u32,
            segment: self.segment,
            utterance: self.utterance,
            first: !self.first_out,
            last: at + frames as i64 >= self.end,
        };
        self.first_out = true;
        self.last_out |= header.last;
        header
    }

    /// The record that ends a stream whose last frames are out already.
    pub(crate) fn closing(&mut self) -> Header {
        let end = self.end;
        self.header(end, 0)
    }
}

/// The write side of one call.
pub struct Output<'a> {
    pub(crate) tape: &'a mut Tape,
    pub(crate) made: usize,
    pub(crate) channels: usize,
    pub(crate) bytes: &'a mut [u8],
    pub(crate) site: &'a mut Site,
    pub(crate) at: i64,
    pub(crate) taken: usize,
    pub(crate) sink: &'a mut dyn Sink,
    pub(crate) turn: Option<(usize, Turn)>,
}

impl Output<'_> {
    /// The number of the node that is called, as events have it: its place in the graph.
    #[inline]
    pub fn node(&self) -> u16 {
        self.site.node
    }

    /// Frames to write on every channel.
    #[inline]
    pub fn frames(&self) -> usize {
        self.made
    }

    /// Channels to write.
    #[inline]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The samples of one channel. All of them must be written.
    #[inline]
    pub fn channel(&mut self, channel: usize) -> &mut [f32] {
        self.tape.space(channel, self.made)
    }

    /// Puts out one packet for this call's frames: `write` fills the buffer, which
    /// has the agreed size, and returns how many bytes it wrote. 0 bytes are no packet.
    pub fn packet(&mut self, write: impl FnOnce(&mut [u8]) -> usize) {
        self.packet_of(0..self.taken, write);
    }

    /// The same for a packet that holds only some of this call's frames, such as the
    /// [captured](Input::captured) ones.
    pub fn packet_of(&mut self, frames: Range<usize>, write: impl FnOnce(&mut [u8]) -> usize) {
        let bytes = write(self.bytes).min(self.bytes.len());
        let at = self.at - self.site.delay + frames.start as i64;
        if bytes == 0 {
            return;
        }
        let header = self.site.header(at, frames.len());
        for &output in &self.site.outputs {
            self.sink.packet(output as usize, &header, &self.bytes[..bytes]);
        }
    }

    /// Reports an event at frame `frame` of this call. What lies in the filling
    /// behind the end of a segment did not happen.
    pub fn event(&mut self, frame: usize, what: What) {
        let at = self.at + frame as i64;
        if at < self.site.end {
            self.sink.event(Event {
                position: self.site.origin + at,
                rate: self.site.rate,
                segment: self.site.segment,
                what,
                node: self.site.node,
            });
        }
    }

    /// Tells of the node's death, even in the filling: from here on the graph runs
    /// without it.
    pub(crate) fn confess(&mut self) {
        let at = self.at.min(self.site.end - 1);
        self.sink.event(Event {
            position: self.site.origin + at,
            rate: self.site.rate,
            segment: self.site.segment,
            what: What::Fault(Fault::Panic),
            node: self.site.node,
        });
    }

    /// Reports a failure of the node's own, by number. It has written its output
    /// all the same: silence, or its input.
    pub fn fault(&mut self, code: u16) {
        self.event(0, What::Fault(Fault::Code(code)));
    }

    /// For gates: an utterance begins, `back` frames before frame `frame` of this
    /// call. The call ends there; the next one begins with that frame.
    pub fn open(&mut self, frame: usize, back: u32) {
        self.turn = Some((frame, Turn::Open { back }));
    }

    /// For gates: the utterance ends before frame `frame`. The call ends there.
    pub fn close(&mut self, frame: usize) {
        self.turn = Some((frame, Turn::Close));
    }
}

/// Whether a description makes sense; for tests of kinds and for registries.
pub(crate) fn flaw(kind: &KindInfo) -> Option<&'static str> {
    if kind.audio_inputs() == 0 {
        return Some("it has no audio input");
    }
    if kind.inputs.iter().skip(kind.audio_inputs()).any(|p| p.flow != Flow::Control) {
        return Some("its audio inputs must come first, and inputs are audio or control");
    }
    let twice = |i: usize, p: &Param| kind.params.iter().take(i).any(|q| q.name == p.name);
    if kind.params.iter().enumerate().any(|(i, p)| twice(i, p)) {
        return Some("two of its keys have one name");
    }
    let number = |p: &Param| matches!(p.domain, Domain::Number { .. } | Domain::Time { .. });
    if kind.params.iter().any(|p| p.live && !number(p)) {
        return Some("only numbers and times can be live");
    }
    if kind.params.iter().any(|p| matches!(p.name, "kind" | "id" | "from")) {
        return Some("`kind`, `id` and `from` are every node's own");
    }
    None
}
