//! The way from the worker to a reader: a ring of records, each a header and bytes.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use ringbuf::traits::{Consumer, Observer, Producer};
use ringbuf::{HeapCons, HeapProd};
use tympan_core::{Event, Header, OutputInfo, Planar, Sink, What};

use crate::pipeline::ring;
use crate::pipeline::shared::{Bell, Count, Shared};

/// Bytes of an encoded header.
const HEAD: usize = 40;

/// `breaks` is how often capture broke off before this.
fn encode(header: &Header, breaks: u32, len: usize) -> [u8; HEAD] {
    let mut bytes = [0; HEAD];
    bytes[..8].copy_from_slice(&header.position.to_le_bytes());
    let words =
        [header.frames, header.lead, header.trim, header.segment, header.utterance, len as u32];
    for (to, word) in bytes[8..32].chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    bytes[32..36].copy_from_slice(&breaks.to_le_bytes());
    bytes[36] = u8::from(header.first) | u8::from(header.last) << 1;
    bytes
}

fn decode(bytes: &[u8; HEAD]) -> (Header, u32, usize) {
    let word = |i: usize| {
        let at = 8 + 4 * i;
        u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    };
    let mut position = [0; 8];
    position.copy_from_slice(&bytes[..8]);
    let header = Header {
        position: i64::from_le_bytes(position),
        frames: word(0),
        lead: word(1),
        trim: word(2),
        segment: word(3),
        utterance: word(4),
        first: bytes[36] & 1 != 0,
        last: bytes[36] & 2 != 0,
    };
    (header, word(6), word(5) as usize)
}

/// Counts of one output, its bell, and what its reader may not have yet.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) bell: Bell,
    pub(crate) delivered: Count,
    pub(crate) dropped: Count,
    /// What lies behind more breaks than this waits in the ring.
    breaks: AtomicU32,
}

impl Line {
    /// The reader may have what lies behind so many breaks, and no more.
    pub(crate) fn release(&self, breaks: u32) {
        self.breaks.store(breaks, Ordering::Release);
        self.bell.raise();
    }
}

impl Default for Line {
    fn default() -> Self {
        let (bell, delivered, dropped) = <(Bell, Count, Count)>::default();
        Self { bell, delivered, dropped, breaks: AtomicU32::new(u32::MAX) }
    }
}

/// The writing end of one output.
struct Outlet {
    ring: HeapProd<u8>,
    rate: u32,
    line: Arc<Line>,
    /// Frames lost and not yet told.
    owed: u32,
}

/// All writing ends: what an executor puts its output into.
pub(crate) struct Outlets {
    ends: Vec<Outlet>,
    events: HeapProd<Event>,
    events_line: Arc<Line>,
    /// Those of them that tell of speech, for whoever keeps a take.
    speech: HeapProd<Event>,
    shared: Arc<Shared>,
    /// Something was put out since the last look.
    news: bool,
    /// How often capture broke off.
    breaks: u32,
    /// Samples on their way into a ring. Here and not on the stack, where nobody could
    /// see to it that they are gone.
    words: Box<[[u8; 4]; 256]>,
}

/// The reading ends, in the order of the outputs.
pub(crate) struct Inlets {
    pub(crate) readers: Vec<Reader>,
    pub(crate) events: Events,
    pub(crate) speech: HeapCons<Event>,
    pub(crate) lines: Vec<Arc<Line>>,
}

/// Events kept for a slow reader, and those of speech.
const EVENTS: usize = 4096;
const SPEECH: usize = 256;

/// What stands in their places before anything happens.
const NONE: Event =
    Event { position: 0, rate: 1, segment: 0, what: What::SpeechStart, node: Event::ENGINE };

/// Rings for these outputs, each for `seconds` of it.
pub(crate) fn outlets(
    outputs: &[OutputInfo],
    seconds: f64,
    shared: Arc<Shared>,
) -> (Outlets, Inlets) {
    let (mut ends, mut readers, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    for output in outputs {
        let channels = output.format.channels as usize;
        let frames = (seconds * f64::from(output.format.rate)).ceil() as usize;
        let record = if output.packet > 0 { output.packet } else { output.block * channels * 4 };
        // At least four records of the largest kind; a header per 5 ms of the rest.
        let bytes =
            (frames * channels * 4).max(4 * record) + HEAD * (64 + (seconds * 200.0) as usize);
        let (ring, out) = ring::ring(bytes, 0);
        let line = Arc::new(Line::default());
        let rate = output.format.rate;
        ends.push(Outlet { ring, rate, line: line.clone(), owed: 0 });
        let reader = Reader {
            ring: out,
            line: line.clone(),
            info: output.clone(),
            bytes: vec![0; record],
            obeys: true,
        };
        readers.push(reader);
        lines.push(line);
    }
    let (events, out) = ring::ring(EVENTS, NONE);
    let events_line = Arc::new(Line::default());
    lines.push(events_line.clone());
    let events_in = Events { ring: out, line: events_line.clone() };
    let (speech, speech_in) = ring::ring(SPEECH, NONE);
    let words = Box::new([[0; 4]; 256]);
    let outlets =
        Outlets { ends, events, events_line, speech, shared, news: false, breaks: 0, words };
    (outlets, Inlets { readers, events: events_in, speech: speech_in, lines })
}

impl Outlets {
    /// Nothing more will come.
    pub(crate) fn close(&mut self) {
        for outlet in &self.ends {
            outlet.line.bell.close();
        }
        self.events_line.bell.close();
        self.news = true;
    }

    /// Capture has broken off here.
    pub(crate) fn broken(&mut self) {
        self.breaks = self.breaks.saturating_add(1);
    }

    /// Whether there is something new since the last question.
    pub(crate) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// Tells of frames that an output has lost, once it takes some again.
    fn confess(&mut self, output: usize, header: &Header) {
        let Some(outlet) = self.ends.get_mut(output) else { return };
        let (lost, rate) = (std::mem::take(&mut outlet.owed), outlet.rate);
        if lost > 0 {
            self.event(Event {
                position: header.position,
                rate,
                segment: header.segment,
                what: What::Overrun { output: output as u16, frames: lost },
                node: Event::ENGINE,
            });
        }
    }
}

impl Outlet {
    fn put(&mut self, bytes: &[u8]) {
        self.ring.push_slice(bytes);
    }

    fn lose(&mut self, frames: usize) {
        self.owed = self.owed.saturating_add(frames as u32);
        self.line.dropped.add(frames as u64);
    }

    fn won(&mut self, frames: usize) {
        self.line.delivered.add(frames as u64);
        self.line.bell.raise();
    }
}

impl Sink for Outlets {
    fn audio(&mut self, output: usize, header: &Header, block: Planar<'_>) {
        let Some(outlet) = self.ends.get_mut(output) else { return };
        let (frames, channels) = (block.frames(), block.channels().max(1));
        let room = outlet.ring.vacant_len().saturating_sub(HEAD) / 4 / channels;
        let taken = frames.min(room);
        outlet.lose(frames - taken);
        if taken == 0 && (frames > 0 || outlet.ring.vacant_len() < HEAD) {
            return;
        }
        let last = header.last && taken == frames;
        let told = Header { frames: taken as u32, last, ..*header };
        outlet.put(&encode(&told, self.breaks, taken * channels * 4));
        let words = &mut *self.words;
        let mut filled = 0;
        for frame in 0..taken {
            for channel in 0..channels {
                let sample = block.channel(channel).get(frame).copied().unwrap_or_default();
                if filled == words.len() {
                    outlet.put(words.as_flattened());
                    filled = 0;
                }
                if let Some(word) = words.get_mut(filled) {
                    *word = sample.to_le_bytes();
                }
                filled += 1;
            }
        }
        outlet.put(words.get(..filled).unwrap_or_default().as_flattened());
        words.fill([0; 4]);
        outlet.won(taken);
        self.news = true;
        self.confess(output, header);
    }

    fn packet(&mut self, output: usize, header: &Header, bytes: &[u8]) {
        let Some(outlet) = self.ends.get_mut(output) else { return };
        if outlet.ring.vacant_len() < HEAD + bytes.len() {
            outlet.lose(header.captured() as usize);
            return;
        }
        outlet.put(&encode(header, self.breaks, bytes.len()));
        outlet.put(bytes);
        outlet.won(header.captured() as usize);
        self.news = true;
        self.confess(output, header);
    }

    fn event(&mut self, event: Event) {
        if matches!(event.what, What::SpeechStart | What::SpeechEnd) {
            // Nobody may want it.
            let _ = self.speech.try_push(event);
        }
        if self.events.try_push(event).is_err() {
            self.shared.events_lost.add(1);
        }
        self.events_line.bell.raise();
        self.news = true;
    }
}

/// The raw reading end of an output.
pub(crate) struct Reader {
    ring: HeapCons<u8>,
    line: Arc<Line>,
    info: OutputInfo,
    bytes: Vec<u8>,
    /// Whether what is held is kept from it. Not from whoever writes the take.
    obeys: bool,
}

impl Reader {
    pub(crate) fn info(&self) -> &OutputInfo {
        &self.info
    }

    /// It gets everything at once, also what is held.
    pub(crate) fn ignore_holds(&mut self) {
        self.obeys = false;
    }

    fn has_record(&self) -> bool {
        let mut head = [0; HEAD];
        if self.ring.peek_slice(&mut head) < HEAD {
            return false;
        }
        let (_, breaks, len) = decode(&head);
        let held = self.obeys && breaks > self.line.breaks.load(Ordering::Acquire);
        self.ring.occupied_len() >= HEAD + len && !held
    }

    /// Takes the next record; its bytes are in `self.bytes[..len]`.
    fn take(&mut self) -> Option<(Header, usize)> {
        if !self.has_record() {
            // Nothing new for now: nor is anything old to be found here.
            self.bytes.fill(0);
            return None;
        }
        let mut head = [0; HEAD];
        ring::take(&mut self.ring, &mut head);
        let (header, _, len) = decode(&head);
        if len > self.bytes.len() {
            self.bytes.resize(len, 0);
        }
        ring::take(&mut self.ring, &mut self.bytes[..len]);
        Some((header, len))
    }

    fn poll_ready(&self, cx: &Context<'_>) -> Poll<bool> {
        self.line.bell.poll(cx, || self.has_record())
    }
}

/// Wakes a thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a reader on an ordinary thread; `None` when the time is over.
fn wait(
    timeout: Option<Duration>,
    mut poll: impl FnMut(&Context<'_>) -> Poll<bool>,
) -> Option<bool> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let cx = Context::from_waker(&waker);
    let deadline = timeout.map(|t| Instant::now() + t);
    loop {
        if let Poll::Ready(more) = poll(&cx) {
            return Some(more);
        }
        match deadline.map(|d| d.saturating_duration_since(Instant::now())) {
            None => thread::park(),
            Some(Duration::ZERO) => return None,
            Some(left) => thread::park_timeout(left),
        }
    }
}

/// Samples of an output, for an ordinary thread or a task.
pub struct PcmReader {
    reader: Reader,
    samples: Vec<f32>,
}

/// A stretch of samples without a break.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Where it belongs.
    pub header: Header,
    /// Interleaved samples.
    pub samples: &'a [f32],
}

impl PcmReader {
    pub(crate) fn new(reader: Reader) -> Self {
        let samples = vec![0.0; reader.bytes.len() / 4];
        Self { reader, samples }
    }

    /// Name and format of the output.
    pub fn info(&self) -> &OutputInfo {
        self.reader.info()
    }

    /// The next block, if there is one now.
    pub fn try_next(&mut self) -> Option<Block<'_>> {
        let Some((header, len)) = self.reader.take() else {
            self.samples.fill(0.0);
            return None;
        };
        if len / 4 > self.samples.len() {
            self.samples.resize(len / 4, 0.0);
        }
        let words = self.reader.bytes[..len].chunks_exact(4);
        for (to, b) in self.samples.iter_mut().zip(words) {
            *to = f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        }
        Some(Block { header, samples: &self.samples[..len / 4] })
    }

    /// Waits for the next block; `None` when the pipeline has ended.
    pub fn next_block(&mut self) -> Option<Block<'_>> {
        wait(None, |cx| self.reader.poll_ready(cx))?;
        self.try_next()
    }

    /// Waits for the next block, at most this long.
    pub fn next_timeout(&mut self, timeout: Duration) -> Option<Block<'_>> {
        wait(Some(timeout), |cx| self.reader.poll_ready(cx))?;
        self.try_next()
    }

    /// Ready with `true` when there is a block, with `false` when none will come.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        self.reader.poll_ready(cx)
    }

    /// The next block, for a task; `None` when the pipeline has ended.
    pub async fn next(&mut self) -> Option<Block<'_>> {
        poll_fn(|cx| self.reader.poll_ready(cx)).await;
        self.try_next()
    }

    /// Whether the pipeline has ended and everything was read.
    pub fn is_finished(&self) -> bool {
        self.reader.line.bell.is_closed() && !self.reader.has_record()
    }
}

/// Packets of an output, for an ordinary thread or a task.
pub struct PacketReader {
    reader: Reader,
}

/// One packet; without bytes it only says that its segment or utterance is over.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Where it belongs.
    pub header: Header,
    /// What a decoder gets.
    pub bytes: &'a [u8],
}

impl PacketReader {
    pub(crate) fn new(reader: Reader) -> Self {
        Self { reader }
    }

    /// Name and format of the output.
    pub fn info(&self) -> &OutputInfo {
        self.reader.info()
    }

    /// The next packet, if there is one now.
    pub fn try_next(&mut self) -> Option<Packet<'_>> {
        let (header, len) = self.reader.take()?;
        Some(Packet { header, bytes: &self.reader.bytes[..len] })
    }

    /// Waits for the next packet; `None` when the pipeline has ended.
    pub fn next_packet(&mut self) -> Option<Packet<'_>> {
        wait(None, |cx| self.reader.poll_ready(cx))?;
        self.try_next()
    }

    /// Waits for the next packet, at most this long.
    pub fn next_timeout(&mut self, timeout: Duration) -> Option<Packet<'_>> {
        wait(Some(timeout), |cx| self.reader.poll_ready(cx))?;
        self.try_next()
    }

    /// Ready with `true` when there is a packet, with `false` when none will come.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        self.reader.poll_ready(cx)
    }

    /// The next packet, for a task; `None` when the pipeline has ended.
    pub async fn next(&mut self) -> Option<Packet<'_>> {
        poll_fn(|cx| self.reader.poll_ready(cx)).await;
        self.try_next()
    }

    /// Whether the pipeline has ended and everything was read.
    pub fn is_finished(&self) -> bool {
        self.reader.line.bell.is_closed() && !self.reader.has_record()
    }
}

/// Events of a pipeline, for an ordinary thread or a task.
pub struct Events {
    ring: HeapCons<Event>,
    line: Arc<Line>,
}

impl Events {
    /// The next event, if there is one now.
    pub fn try_next(&mut self) -> Option<Event> {
        self.ring.try_pop()
    }

    /// Waits for the next event; `None` when the pipeline has ended.
    pub fn next_event(&mut self) -> Option<Event> {
        wait(None, |cx| self.poll_line(cx))?;
        self.try_next()
    }

    /// Waits for the next event, at most this long.
    pub fn next_timeout(&mut self, timeout: Duration) -> Option<Event> {
        wait(Some(timeout), |cx| self.poll_line(cx))?;
        self.try_next()
    }

    /// Ready with `true` when there is an event, with `false` when none will come.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        self.poll_line(cx)
    }

    /// The next event, for a task; `None` when the pipeline has ended.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll_line(cx)).await;
        self.try_next()
    }

    /// Whether the pipeline has ended and everything was read.
    pub fn is_finished(&self) -> bool {
        self.line.bell.is_closed() && self.ring.is_empty()
    }

    fn poll_line(&self, cx: &Context<'_>) -> Poll<bool> {
        self.line.bell.poll(cx, || !self.ring.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_the_ring() {
        let header = Header {
            position: -104,
            frames: 320,
            lead: 104,
            trim: 17,
            segment: u32::MAX,
            utterance: 9,
            first: true,
            last: false,
        };
        assert_eq!(decode(&encode(&header, 7, 123)), (header, 7, 123));
        let header = Header { position: i64::MAX, first: false, last: true, ..header };
        assert_eq!(decode(&encode(&header, u32::MAX, 0)), (header, u32::MAX, 0));
    }
}
