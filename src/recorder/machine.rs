//! The recorder without threads and without a clock: it moves when it is polled.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use tympan_backends::Capture;
use tympan_core::Format;
use tympan_core::session::{
    Ask, ErrorCode, Event, GapPolicy, Ms, Order, Platform, Policy, Session, Start, State,
    TakeOrder, Takes, Tell, drive,
};

use super::door::{Door, Latch};
use super::office::Office;
use super::scribe::{self, Scribe};
use super::{BuildError, Options, Recording, Status};
use crate::Graph;
use crate::pipeline::{Pipeline, Runner};
use crate::take::keeper::{self, Keeper};
use crate::take::opened::Plan;
use crate::take::syncs::Syncs;
use crate::take::{self, Chunk, Container, Take};

/// Something the recorder says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Said {
    /// What the session tells.
    Tell(Tell),
    /// The system's, or the user's, word on the microphone, for whoever asked.
    Permission {
        /// The asker's numbers.
        ids: Vec<u32>,
        /// Whether it may be used.
        granted: bool,
    },
    /// Audio is back after a break. Packets of outputs wait until this was
    /// [heard](Machine::heard).
    Back {
        /// How long nothing was captured, on the wall.
        ms: Ms,
        /// The number of the break, to be given back.
        breaks: u64,
    },
    /// The microphone was opened or closed.
    Microphone {
        /// Whether it is open.
        open: bool,
    },
    /// What was said so far, as far as it is understood.
    Partial(String),
    /// A chunk of the take is sealed.
    Chunk {
        /// Its file. Where the take is completed meanwhile, it is in the take's folder, which
        /// has another name then.
        path: PathBuf,
        /// What there is to know about it.
        chunk: Chunk,
    },
    /// The disk was too slow: silence stands in for what was lost.
    Dropped {
        /// How far into the take.
        at: Duration,
        /// How much.
        lost: Duration,
    },
    /// Something went wrong that a person should know of, as a sentence.
    Trouble(String),
}

/// A recorder that moves when it is polled. [`Recorder`](super::Recorder) is a thread
/// around it; scripts and tests poll it by hand, in virtual time.
pub struct Machine {
    session: Session,
    hands: Hands,
    out: RefCell<Out>,
    asks: VecDeque<Event>,
    /// Who wants to know whether the microphone may be used.
    curious: Vec<u32>,
    curious_new: bool,
    /// How much was captured when it was last polled, and whether the microphone was
    /// open.
    captured_ms: Ms,
    open: bool,
    /// The state that the app may know of: a take is not stopped before it is complete.
    shown: State,
    /// Breaks that readers were released over, and one whose event is on its way.
    released: u64,
    /// Readers wait for the app's word until then, over so many breaks.
    hold: Option<(Ms, u64)>,
    hold_ms: Option<Ms>,
}

/// What the session's orders about takes are done with.
struct Hands {
    pipeline: Pipeline,
    /// Nobody else runs the graph.
    manual: bool,
    latch: std::sync::Arc<Latch>,
    keeper: Office<Keeper>,
    scribe: Option<Office<Scribe>>,
    options: Options,
    /// The fingerprint of the graph.
    graph: String,
    format: Format,
    /// Takes that were asked for and have not begun.
    asked: VecDeque<(u32, Recording)>,
    /// The hole that was marked since the last poll, in ms.
    hole: Option<Ms>,
    take: Option<Take>,
    text: Text,
    discarded: bool,
}

/// The transcript of the take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    /// Nobody writes one.
    None,
    Running,
    /// The take waits for it until then.
    Due(Ms),
}

/// What is to be said, in order.
#[derive(Default)]
struct Out {
    said: VecDeque<Said>,
    /// Said once the take is complete or gone, and the moment at which it is said anyhow.
    kept: VecDeque<Said>,
    closing: Option<Ms>,
}

/// How long a take may take to be complete, and how much of that its transcript.
const CLOSING_MS: Ms = 6000;
const LAST_WORDS_MS: Ms = 3000;

impl Out {
    fn say(&mut self, said: Said) {
        if self.closing.is_some() { self.kept.push_back(said) } else { self.said.push_back(said) }
    }

    /// The take is complete, or gone. Its last chunks are told first, and where they are now.
    fn closed(&mut self, take: Option<&Take>) {
        self.closing = None;
        for said in &mut self.kept {
            if let (Said::Chunk { path, chunk }, Some(take)) = (said, take) {
                *path = chunk.path(&take.folder);
            }
        }
        let kept = self.kept.make_contiguous();
        kept.sort_by_key(|said| !matches!(said, Said::Chunk { .. }));
        self.said.append(&mut self.kept);
    }
}

/// Where the parts of a machine work.
pub(super) enum Hire<'a> {
    /// On the thread that polls.
    Here,
    /// On threads of their own, which tell the time by this and call when they have
    /// something to say.
    Away(&'a Threads),
}

/// What threads beside the one that polls need.
pub(super) struct Threads {
    pub(super) clock: std::sync::Arc<dyn Fn() -> Ms + Send + Sync>,
    pub(super) call: std::sync::Arc<dyn Fn() + Send + Sync>,
}

impl Machine {
    /// A machine whose every part moves when it is polled, and what the microphone is to
    /// call with its audio, which begins in this format.
    pub fn new(
        graph: &Graph,
        format: Format,
        policy: Policy,
        options: Options,
    ) -> Result<(Self, Box<dyn Capture>), BuildError> {
        Self::hire(graph, format, policy, options, None, &Hire::Here)
    }

    pub(super) fn hire(
        graph: &Graph,
        format: Format,
        policy: Policy,
        options: Options,
        transcriber: Option<scribe::Hired>,
        hire: &Hire<'_>,
    ) -> Result<(Self, Box<dyn Capture>), BuildError> {
        let runner = match hire {
            Hire::Here => Runner::Manual,
            Hire::Away(_) => options.runner,
        };
        let before = options.pre_roll;
        // What was heard before a take comes at once when it begins.
        let builder = Pipeline::builder(graph)
            .runner(runner)
            .entry_seconds(ENTRY_SECONDS + before.as_secs_f64())
            .outlet_seconds((options.ring + before).as_secs_f64())
            .live(options.live);
        let (mut pipeline, capture) = builder.assemble(format)?;
        let reader = options.take_reader(&mut pipeline)?;
        let audio = reader.info().format;
        if let Some(why) = take::refuses(options.format, audio) {
            return Err(BuildError::Output(why));
        }
        if let Some(chunks) = options.chunks
            && let Some(why) = take::refuses(chunks.format, audio)
        {
            return Err(BuildError::Output(format!("of chunks: {why}")));
        }
        if options.key.is_some() && !take::SEALS {
            return Err(BuildError::Output(take::SEALS_NOT.to_owned()));
        }
        if options.key.is_some() && options.chunks.is_some() {
            return Err(BuildError::Output(
                "chunks of a sealed take would be on the disk in plain; do without one of the two"
                    .to_owned(),
            ));
        }
        let (storage, folder) = (options.storage.clone(), options.folder.clone());
        let syncs = match hire {
            Hire::Here => Office::here(Syncs),
            Hire::Away(threads) => threads.office(Syncs, "tympan-sync")?,
        };
        let key = options.key.clone();
        let keeper = Keeper::new(storage, folder, key, &mut pipeline, reader, syncs);
        let scribe = match transcriber {
            Some(hired) => Some(hired.scribe(&mut pipeline)?),
            None => None,
        };
        let (keeper, scribe) = match hire {
            Hire::Here => (Office::here(keeper), scribe.map(Office::here)),
            Hire::Away(threads) => {
                let scribe = scribe.map(|scribe| threads.office(scribe, "tympan-scribe"));
                (threads.office(keeper, "tympan-keeper")?, scribe.transpose()?)
            }
        };
        // Nothing is released over a break before its event was heard.
        pipeline.release(0);
        let a_second = (format.rate * u32::from(format.channels)).max(MOST_HEARD);
        let latch = std::sync::Arc::new(Latch::new(before.as_millis() as u64, a_second));
        let door = Door::new(capture, latch.clone());
        let hold_ms = options.hold.map(|hold| hold.as_millis() as Ms);
        let hands = Hands {
            pipeline,
            manual: runner == Runner::Manual,
            latch,
            keeper,
            scribe,
            options,
            graph: graph.fingerprint(),
            format: audio,
            asked: VecDeque::new(),
            hole: None,
            take: None,
            text: Text::None,
            discarded: false,
        };
        let machine = Self {
            session: Session::new(policy),
            hands,
            out: RefCell::default(),
            asks: VecDeque::from([Event::Launched]),
            curious: Vec::new(),
            curious_new: false,
            captured_ms: 0,
            open: false,
            shown: State::Idle,
            released: 0,
            hold: None,
            hold_ms,
        };
        Ok((machine, Box::new(door)))
    }

    /// The graph at work, for its readers and parameters.
    pub fn pipeline(&mut self) -> &mut Pipeline {
        &mut self.hands.pipeline
    }

    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// How it is.
    pub fn status(&self) -> Status {
        Status {
            state: self.shown,
            elapsed: Duration::from_millis(self.session.captured_ms()),
            microphone_open: self.session.is_open(),
        }
    }

    /// The take that was completed last.
    pub fn take(&self) -> Option<&Take> {
        self.hands.take.as_ref()
    }

    /// Asks for something; the answer carries the same number.
    pub fn ask(&mut self, id: u32, ask: Ask) {
        self.asks.push_back(Event::Asked { id, ask });
    }

    /// Asks for a take.
    pub fn record(&mut self, id: u32, recording: Recording) {
        let max_ms = recording.max_duration.map(|most| most.as_millis() as Ms);
        let stt_unavailable = recording.transcription && self.hands.scribe.is_none();
        let start = Start { max_ms, stt_unavailable, ..Start::default() };
        self.hands.asked.push_back((id, recording));
        self.ask(id, Ask::Start(start));
    }

    /// Asks whether the microphone may be used, and the user if need be.
    pub fn request_permission(&mut self, id: u32) {
        self.curious.push(id);
        self.curious_new = true;
    }

    /// From here on audio is silence, or no longer.
    pub fn mute(&mut self, muted: bool) {
        self.hands.latch.mute(muted);
        self.asks.push_back(Event::InputMuted(muted));
    }

    /// A [`Said::Back`] of this number was heard: readers get what is behind the break,
    /// at once or when the app is [ready](Self::ready).
    pub fn heard(&mut self, now: Ms, breaks: u64) {
        match self.hold_ms {
            Some(ms) => self.hold = Some((now.saturating_add(ms), breaks)),
            None => self.hands.pipeline.release(breaks),
        }
    }

    /// The app can send again: readers get what was kept for them.
    pub fn ready(&mut self) {
        if let Some((_, breaks)) = self.hold.take() {
            self.hands.pipeline.release(breaks);
        }
    }

    /// Whether there is no take, nothing is under way and everything was said.
    pub fn is_at_rest(&self) -> bool {
        let out = self.out.borrow();
        self.session.is_resting() && out.closing.is_none() && self.asks.is_empty()
    }

    /// Whether audio of a time that was over has ever been kept out.
    pub fn has_discarded(&self) -> bool {
        self.hands.discarded
    }

    /// When it wants to be polled, if nothing happens before.
    pub fn next_deadline(&self) -> Option<Ms> {
        let closing = self.out.borrow().closing;
        let hold = self.hold.map(|(until, _)| until);
        [self.session.next_deadline(), closing, hold].into_iter().flatten().min()
    }

    /// Takes in everything that has happened until `now`, and does what follows.
    pub fn poll(&mut self, now: Ms, platform: &mut dyn Platform) {
        if std::mem::take(&mut self.curious_new) {
            platform.perform(now, Order::RequestPermission);
        }
        if self.hands.latch.has_ended() {
            self.ask(ENDED, Ask::Stop);
        }
        let Self { session, hands, out, asks, .. } = self;
        let mut permission = None;
        let mut ears = Ears { platform, asks, permission: &mut permission };
        let mut clerk = Clerk { hands, out };
        drive(session, now, &mut ears, &mut clerk, &mut |tell| {
            out.borrow_mut().say(Said::Tell(tell));
        });
        clerk.forget_refused();
        clerk.close_late(now);
        if let Some(granted) = permission
            && !self.curious.is_empty()
        {
            let ids = std::mem::take(&mut self.curious);
            self.say(Said::Permission { ids, granted });
        }
        self.look_back(now);
    }

    /// What is to be told of the audio: that it is back, that the microphone is open.
    fn look_back(&mut self, now: Ms) {
        match self.hands.latch.prewarmed_ns() {
            0 => {}
            ns => self.hands.keeper.order(now, keeper::Order::Prewarmed { ns }),
        }
        let hole = self.hands.hole.take();
        let captured = self.session.captured_ms();
        let grown = captured > std::mem::replace(&mut self.captured_ms, captured);
        let first = grown && self.session.state() == State::Recording;
        let breaks = self.hands.pipeline.shared().breaks.get();
        if first && breaks > self.released {
            self.released = breaks;
            match hole {
                Some(ms) => self.say(Said::Back { ms, breaks }),
                // The beginning of a take, or too short a hole to speak of.
                None => self.hands.pipeline.release(breaks),
            }
        }
        if self.out.borrow().closing.is_none() {
            self.shown = self.session.state();
        }
        let open = self.session.is_open();
        if std::mem::replace(&mut self.open, open) != open {
            if !open {
                self.hands.latch.forget();
            }
            self.say(Said::Microphone { open });
        }
        if let Some((_, breaks)) = self.hold.take_if(|(until, _)| *until <= now) {
            self.hands.pipeline.release(breaks);
        }
    }

    fn say(&mut self, said: Said) {
        self.out.borrow_mut().say(said);
    }

    /// The next thing it says.
    pub fn said(&mut self) -> Option<Said> {
        self.out.borrow_mut().said.pop_front()
    }
}

/// How much audio may wait for the graph.
const ENTRY_SECONDS: f64 = 2.0;

/// Samples a second that a microphone may have and be remembered for as long as is wanted.
const MOST_HEARD: u32 = 2 * 48_000;

/// The number of a stop that nobody asked for, because the source has ended.
const ENDED: u32 = u32::MAX;

/// What the machine hears, the app's wishes first.
struct Ears<'a> {
    platform: &'a mut dyn Platform,
    asks: &'a mut VecDeque<Event>,
    permission: &'a mut Option<bool>,
}

impl Platform for Ears<'_> {
    fn perform(&mut self, now: Ms, order: Order) {
        self.platform.perform(now, order);
    }

    fn poll(&mut self, now: Ms) -> Option<Event> {
        // What was captured before the end of capture is counted before it.
        let ends =
            matches!(self.asks.front(), Some(Event::Asked { ask: Ask::Stop | Ask::Pause, .. }));
        let heard = if ends { self.platform.poll(now) } else { None };
        let event = heard.or_else(|| self.asks.pop_front()).or_else(|| self.platform.poll(now))?;
        if let Event::Permission(granted) = event {
            *self.permission = Some(granted);
        }
        Some(event)
    }
}

/// Does what the session says about takes.
struct Clerk<'a> {
    hands: &'a mut Hands,
    out: &'a RefCell<Out>,
}

impl Clerk<'_> {
    fn say(&self, said: Said) {
        self.out.borrow_mut().say(said);
    }

    /// A take begins, as whoever asked for it wants it.
    fn open(&mut self, now: Ms, gaps: GapPolicy) {
        let hands = &mut *self.hands;
        let asked = hands.asked.front().map(|(_, asked)| asked.clone()).unwrap_or_default();
        hands.take = None;
        hands.text = Text::None;
        hands.pipeline.renew();
        hands.latch.open();
        if let Some(scribe) = hands.scribe.as_mut().filter(|_| asked.transcription) {
            let language = asked.language.unwrap_or_else(|| hands.options.language.clone());
            scribe.order(now, scribe::Order::Start(language));
            hands.text = Text::Running;
        }
        let mut container = asked.format.unwrap_or(hands.options.format);
        let is_wav = matches!(container, Container::Wav | Container::WavFloat);
        if is_wav && !hands.options.wav {
            container = Container::M4a;
            self.say(Said::Trouble(
                "this system's recorder keeps no WAV: the take is kept as `m4a`".to_owned(),
            ));
        }
        let hands = &mut *self.hands;
        let plan = Plan {
            container,
            gaps,
            chunks: hands.options.chunks,
            protection: hands.options.protection,
            format: hands.format,
            made_with: [
                ("device", hands.options.device.clone()),
                ("profile", hands.options.profile.clone()),
                ("graph", Some(hands.graph.clone())),
            ],
            key: hands.options.key.clone(),
        };
        hands.keeper.order(now, keeper::Order::Open(plan));
    }

    /// A start that was refused, or has begun, is asked for no longer.
    fn forget_refused(&mut self) {
        let out = self.out.borrow();
        let answered = |id: u32| {
            let is = |said: &Said| {
                matches!(said, Said::Tell(Tell::Resolved { id: of, .. } | Tell::Rejected { id: of, .. })
                    if *of == id)
            };
            out.said.iter().chain(&out.kept).any(is)
        };
        self.hands.asked.retain(|(id, _)| !answered(*id));
    }

    /// The take ends; what is told from here on waits until it is complete.
    fn finalise(&mut self, now: Ms) {
        self.hands.latch.shut();
        self.out.borrow_mut().closing = Some(now.saturating_add(CLOSING_MS));
        self.hands.run_graph();
        match &mut self.hands.scribe {
            Some(scribe) if self.hands.text == Text::Running => {
                self.hands.text = Text::Due(now.saturating_add(LAST_WORDS_MS));
                scribe.order(now, scribe::Order::Finish);
            }
            _ => self.hands.keeper.order(now, keeper::Order::Finalise(None)),
        }
    }

    /// The transcript is there, or will not be: the take can be completed.
    fn complete(&mut self, now: Ms, text: Option<String>) {
        if matches!(self.hands.text, Text::Due(_)) {
            self.hands.text = Text::None;
            self.hands.keeper.order(now, keeper::Order::Finalise(text));
        }
    }

    /// The keeper has not completed the take in time. It may still do so.
    fn close_late(&mut self, now: Ms) {
        let late = self.out.borrow().closing.is_some_and(|until| until <= now);
        if late {
            self.out.borrow_mut().closed(None);
            self.say(Said::Trouble(
                "the take is not complete yet: its disk is slow; it will be completed later".into(),
            ));
        }
    }

    /// What the keeper answers; what of it concerns the session.
    fn hear(&mut self, answer: keeper::Answer) -> Option<Event> {
        match answer {
            keeper::Answer::Event(event) => return Some(event),
            keeper::Answer::Closed(take) => {
                self.hands.take = take;
                self.out.borrow_mut().closed(self.hands.take.as_ref());
            }
            keeper::Answer::Unfinished { told } => {
                let mut out = self.out.borrow_mut();
                if !told {
                    out.said.push_back(Said::Tell(Tell::Error(ErrorCode::FileError)));
                }
                out.closed(None);
            }
            keeper::Answer::Discarded => self.out.borrow_mut().closed(None),
            keeper::Answer::Dropped { at, lost } => self.say(Said::Dropped { at, lost }),
            keeper::Answer::Chunk(path, chunk) => self.say(Said::Chunk { path, chunk }),
            keeper::Answer::Trouble(sentence) => self.say(Said::Trouble(sentence)),
        }
        None
    }

    fn listen(&mut self, now: Ms, answer: scribe::Answer) -> Option<Event> {
        match answer {
            scribe::Answer::Unavailable(why) => {
                self.say(Said::Trouble(why));
                self.complete(now, None);
                self.hands.text = Text::None;
                return Some(Event::SttUnavailable);
            }
            scribe::Answer::Partial(text) => self.say(Said::Partial(text)),
            scribe::Answer::Final(text) => self.complete(now, text),
        }
        None
    }
}

impl Takes for Clerk<'_> {
    fn perform(&mut self, now: Ms, order: TakeOrder) {
        let hands = &mut *self.hands;
        match order {
            TakeOrder::Recover => hands.keeper.order(now, keeper::Order::Recover),
            TakeOrder::Open { gaps } => self.open(now, gaps),
            TakeOrder::Discard => {
                hands.latch.shut();
                self.out.borrow_mut().closing = Some(now.saturating_add(CLOSING_MS));
                hands.keeper.order(now, keeper::Order::Discard);
                if let Some(scribe) = hands.scribe.as_mut() {
                    scribe.order(now, scribe::Order::Forget);
                }
            }
            TakeOrder::Gate(gated) => hands.latch.gate(gated),
            TakeOrder::DiscardBefore(boundary) => {
                hands.discarded = true;
                hands.latch.discard_before(boundary.saturating_mul(1_000_000));
            }
            TakeOrder::MarkGap(gap) => {
                hands.hole = Some(gap.ms());
                hands.keeper.order(now, keeper::Order::Gap(gap));
            }
            TakeOrder::MarkPause { at, began, ended } => {
                let ms = ended.saturating_sub(began);
                hands.hole = Some(ms);
                hands.keeper.order(now, keeper::Order::Pause { at, ms });
            }
            TakeOrder::Flush => {
                hands.run_graph();
                hands.keeper.order(now, keeper::Order::Flush);
            }
            TakeOrder::Finalise => self.finalise(now),
            // The graph finds a new format out by itself; other orders are to come.
            _ => {}
        }
    }

    fn poll(&mut self, now: Ms) -> Option<Event> {
        self.hands.run_graph();
        if let Some(scribe) = &mut self.hands.scribe {
            scribe.tend(now);
        }
        while let Some(answer) = self.hands.scribe.as_mut().and_then(Office::answer) {
            if let Some(event) = self.listen(now, answer) {
                return Some(event);
            }
        }
        if matches!(self.hands.text, Text::Due(until) if until <= now) {
            self.complete(now, None);
        }
        self.hands.keeper.tend(now);
        while let Some(answer) = self.hands.keeper.answer() {
            if let Some(event) = self.hear(answer) {
                return Some(event);
            }
        }
        None
    }
}

impl Hands {
    /// Has the graph run over what is there, if nobody else does.
    fn run_graph(&mut self) {
        if self.manual {
            self.pipeline.poll();
        }
    }
}
