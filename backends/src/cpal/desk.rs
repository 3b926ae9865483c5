//! The thread that has the system's audio in hand.
//!
//! Everything that the system is asked happens here, because any of it may block: servers
//! hang, drivers wait. Nobody else waits for it but with patience, and a desk that is stuck
//! is left alone, with another one in its place. While something is open, or an input is
//! waited for, it looks around every now and then: systems tell of little by themselves.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tympan_core::Format;
use tympan_core::session::{Event, Route, RouteReason};

use super::clock;
use super::ear::{Alarm, Ear, Gate, Wrong};
use super::inbox::Inbox;
use super::names;
use super::negotiate::negotiate;
use super::system::{Input, Spec, Stream, System};
use crate::{BackendError, BackendErrorKind, Notice, Port};

/// Which input is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Choice {
    /// The system's, and another one when the system chooses another.
    #[default]
    System,
    /// This one, and the system's while it is not there.
    Prefer(String),
    /// This one or none.
    Only(String),
}

/// What was opened, or would be now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) input: Input,
    pub(super) spec: Spec,
    /// It is the one that is wanted.
    pub(super) wanted: bool,
}

type Reply<T> = Box<dyn FnOnce(Result<T, BackendError>) + Send>;

/// What the desk is asked.
pub(super) enum Order {
    /// Which input would be used, and how.
    Look(Reply<Target>),
    /// Open what is wanted for this listener. With a session, its troubles become events;
    /// without one they end it.
    Open { gate: Arc<Gate>, session: bool, reply: Reply<Target> },
    /// Close it.
    Close(Reply<()>),
    /// Want this one from now on.
    Choose(Choice),
    /// Go over to the one that is wanted, if another one is in use.
    Insist,
    /// The inputs that are there.
    Inputs(Reply<Vec<Input>>),
    /// What an input would be opened with.
    Offer(String, Reply<Spec>),
}

/// A system's audio is made on the thread of the desk, again and again if need be.
pub(super) type Make = Arc<dyn Fn() -> Box<dyn System> + Send + Sync>;

/// What the desk and the others share.
struct Shared {
    orders: Mutex<VecDeque<Order>>,
    /// When it began what it does, in ns; 0 while it does nothing.
    since_ns: AtomicU64,
    closed: AtomicBool,
    /// What is in use, for those who ask.
    used: Mutex<Option<Port>>,
}

/// The desk as seen from outside.
pub(super) struct Desk {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// How often it looks around.
const LOOK: Duration = Duration::from_millis(500);

/// After an input could not be opened, it is called one again when this has passed: a system
/// whose default leads nowhere looks the same before and after.
const AGAIN: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 5 });

/// Whoever is at one thing for longer is stuck.
pub(super) const STUCK: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 5 });

/// A clock that was left behind by more than this has slept.
const SLEPT_NS: i64 = 500_000_000;

impl Desk {
    pub(super) fn new(make: Make, choice: Choice, inbox: Arc<Inbox>) -> Result<Self, BackendError> {
        let shared = Arc::new(Shared {
            orders: Mutex::default(),
            since_ns: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            used: Mutex::default(),
        });
        let there = shared.clone();
        let body = move || Clerk::new(there, inbox, make(), choice).serve();
        let thread = std::thread::Builder::new().name("tympan-desk".into()).spawn(body);
        let thread = thread.map_err(|error| {
            let message = format!("the system gave no thread for its audio: {error}");
            BackendError::new(BackendErrorKind::Failed, message)
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(super) fn post(&self, order: Order) {
        lock(&self.shared.orders).push_back(order);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    /// Asks, and waits for the answer, but not for ever.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        order: impl FnOnce(Reply<T>) -> Order,
    ) -> Result<T, BackendError> {
        let (reply, answer) = mpsc::channel();
        self.post(order(Box::new(move |result| drop(reply.send(result)))));
        answer.recv_timeout(STUCK).unwrap_or_else(|_| {
            let message = "the system's audio does not answer; try again, or restart its server";
            Err(BackendError::new(BackendErrorKind::Busy, message))
        })
    }

    /// Whether it hangs in something that the system does not end.
    pub(super) fn is_stuck(&self) -> bool {
        let since = self.shared.since_ns.load(Ordering::Acquire);
        since > 0 && clock::running().saturating_sub(since) > STUCK.as_nanos() as u64
    }

    pub(super) fn used(&self) -> Option<Port> {
        lock(&self.shared.used).clone()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        let Some(thread) = self.thread.take() else { return };
        thread.thread().unpark();
        let until = Instant::now() + STUCK;
        while !thread.is_finished() && !self.is_stuck() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        if thread.is_finished() {
            // A panic there was told as an error of the stream.
            let _ = thread.join();
        }
    }
}

/// What is open.
struct Open {
    target: Target,
    gate: Arc<Gate>,
    alarm: Arc<Alarm>,
    session: bool,
    stream: Box<dyn Stream>,
    /// The system's choice that was told last.
    told: Option<String>,
}

/// Who sits at the desk.
struct Clerk {
    shared: Arc<Shared>,
    inbox: Arc<Inbox>,
    system: Box<dyn System>,
    choice: Choice,
    open: Option<Open>,
    /// The session was told that there is no input, and waits for one.
    missing: bool,
    /// An input that could not be opened may be tried again then.
    again: Option<Instant>,
}

impl Clerk {
    fn new(
        shared: Arc<Shared>,
        inbox: Arc<Inbox>,
        system: Box<dyn System>,
        choice: Choice,
    ) -> Self {
        Self { shared, inbox, system, choice, open: None, missing: false, again: None }
    }

    fn serve(mut self) {
        let mut looked = Instant::now();
        while !self.shared.closed.load(Ordering::Acquire) {
            self.shared.since_ns.store(clock::running().max(1), Ordering::Release);
            while let Some(order) = self.next_order() {
                self.perform(order);
            }
            self.attend();
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                self.look_around();
            }
            self.shared.since_ns.store(0, Ordering::Release);
            if lock(&self.shared.orders).is_empty() {
                if self.open.is_some() || self.missing || self.again.is_some() {
                    std::thread::park_timeout(LOOK);
                } else {
                    std::thread::park();
                }
            }
        }
    }

    fn next_order(&self) -> Option<Order> {
        lock(&self.shared.orders).pop_front()
    }

    fn perform(&mut self, order: Order) {
        match order {
            Order::Look(reply) => {
                let target = self.target();
                self.missing = target.is_err();
                reply(target);
            }
            Order::Open { gate, session, reply } => {
                let opened = self.open(gate, session);
                self.again = (session && opened.is_err()).then(|| Instant::now() + AGAIN);
                reply(opened);
            }
            Order::Close(reply) => {
                self.close();
                reply(Ok(()));
            }
            Order::Choose(choice) => {
                self.choice = choice;
                if let Some(open) = &mut self.open {
                    open.told = None;
                }
            }
            Order::Insist => self.insist(),
            Order::Inputs(reply) => reply(self.system.inputs()),
            Order::Offer(id, reply) => {
                let spec = self.spec(&id);
                reply(spec);
            }
        }
    }

    // ---- Which, and how ----

    fn spec(&mut self, id: &str) -> Result<Spec, BackendError> {
        let offer = self.system.offer(id)?;
        negotiate(&offer).ok_or_else(|| {
            let message = format!("the input `{id}` offers no format that can be used");
            BackendError::new(BackendErrorKind::Unreadable, message)
        })
    }

    /// What would be opened now.
    fn target(&mut self) -> Result<Target, BackendError> {
        let inputs = self.system.inputs()?;
        let found = match &self.choice {
            Choice::System => None,
            Choice::Prefer(name) => names::find(name, &inputs).ok().cloned(),
            Choice::Only(name) => Some(names::find(name, &inputs)?.clone()),
        };
        if let Some(input) = found {
            match (self.spec(&input.id), &self.choice) {
                (Ok(spec), _) => return Ok(Target { input, spec, wanted: true }),
                (Err(error), Choice::Only(_)) => return Err(error),
                // It is there and cannot be used: as if it were not there.
                (Err(_), _) => {}
            }
        }
        let wanted = self.choice == Choice::System;
        let chosen = self.system.chosen();
        let chosen = chosen.and_then(|id| inputs.iter().find(|input| input.id == id));
        let Some(input) = chosen.or(inputs.first()).cloned() else { return Err(none_there()) };
        let spec = self.spec(&input.id)?;
        Ok(Target { input, spec, wanted })
    }

    // ---- Opening and closing ----

    fn open(&mut self, gate: Arc<Gate>, session: bool) -> Result<Target, BackendError> {
        self.close();
        let target = self.target()?;
        let alarm = Alarm::here();
        let ear = Ear::new(gate.clone(), alarm.clone(), target.spec);
        let mut stream = self.stream(&target, ear, &alarm)?;
        alarm.offset_ns.store(offset(&*stream), Ordering::Release);
        // Audio may come before this is over.
        *lock(&self.shared.used) = Some(target.input.port());
        stream.play()?;
        let told = self.system.chosen();
        self.missing = false;
        self.open = Some(Open { target: target.clone(), gate, alarm, session, stream, told });
        Ok(target)
    }

    fn stream(
        &mut self,
        target: &Target,
        mut ear: Ear,
        alarm: &Arc<Alarm>,
    ) -> Result<Box<dyn Stream>, BackendError> {
        let alarm = alarm.clone();
        self.system.open(
            &target.input.id,
            target.spec,
            Box::new(move |data, now_ns| ear.hear(data, now_ns)),
            Box::new(move |error| alarm.hear(&error)),
        )
    }

    fn close(&mut self) {
        self.open = None;
        *lock(&self.shared.used) = None;
    }

    // ---- What happens by itself ----

    /// Sees to the alarms of what is open.
    fn attend(&mut self) {
        let Some(open) = &self.open else { return };
        let alarm = open.alarm.clone();
        if alarm.takes(Wrong::Forbidden) {
            return self.lose(Event::PermissionRevoked);
        }
        if alarm.takes(Wrong::Gone) {
            let route = self.route_without();
            return self.lose(Event::RouteChanged(route));
        }
        if alarm.takes(Wrong::Invalid) {
            return self.lose(Event::EngineConfigChanged);
        }
        if alarm.takes(Wrong::Moved) {
            let format = open.target.spec.format;
            self.tell(route(RouteReason::NewDevice, format, true, true));
        }
    }

    /// What is open does not deliver any more.
    fn lose(&mut self, event: Event) {
        let Some(Open { gate, session, stream, .. }) = self.open.take() else { return };
        drop(stream);
        *lock(&self.shared.used) = None;
        if session {
            self.inbox.put(event);
        } else {
            gate.tell(Notice::End);
        }
    }

    /// The route when what is open is gone: another input, or none.
    fn route_without(&mut self) -> Route {
        if let Ok(target) = self.target() {
            return route(RouteReason::OldDevice, target.spec.format, false, target.wanted);
        }
        self.missing = true;
        route(RouteReason::NoSuitableRoute, Format::new(0, 0), false, true)
    }

    fn look_around(&mut self) {
        if self.again.take_if(|at| *at <= Instant::now()).is_some() {
            self.missing = true;
        }
        if self.missing && self.open.is_none() {
            if let Ok(target) = self.target() {
                self.missing = false;
                let format = target.spec.format;
                self.tell(route(RouteReason::NewDevice, format, false, target.wanted));
            }
        } else if self.open.is_some() {
            self.look_at_clock();
            self.look_at_choice();
        }
    }

    /// Whether the machine has slept: then the stream's clock has stood still.
    fn look_at_clock(&mut self) {
        let Some(open) = &self.open else { return };
        let (now, before) = (offset(&*open.stream), open.alarm.offset_ns.load(Ordering::Acquire));
        if now - before > SLEPT_NS {
            open.alarm.offset_ns.store(now, Ordering::Release);
            let format = open.target.spec.format;
            self.tell(route(RouteReason::Wake, format, true, true));
        }
    }

    /// Whether the system would choose another input now, or the one that is wanted is back.
    fn look_at_choice(&mut self) {
        let Some(open) = &self.open else { return };
        if !open.session {
            return;
        }
        let (wanted, used) = (open.target.wanted, open.target.input.id.clone());
        match self.choice {
            Choice::Only(_) => {}
            Choice::Prefer(_) if wanted => {}
            Choice::Prefer(_) => {
                if let Ok(target) = self.target()
                    && target.wanted
                    && self.is_news(Some(&target.input.id))
                {
                    let format = target.spec.format;
                    self.tell(route(RouteReason::NewDevice, format, true, false));
                }
            }
            Choice::System => {
                let chosen = self.system.chosen();
                if self.is_news(chosen.as_ref())
                    && chosen.is_some_and(|id| id != used)
                    && let Ok(target) = self.target()
                {
                    // The route is that one now, and what runs is not on it.
                    self.tell(route(RouteReason::NewDevice, target.spec.format, false, true));
                }
            }
        }
    }

    /// Whether this has not been told yet.
    fn is_news(&mut self, id: Option<&String>) -> bool {
        let Some(open) = &mut self.open else { return false };
        let news = open.told.as_ref() != id;
        open.told = id.cloned();
        news
    }

    fn insist(&mut self) {
        let Some(used) = self.open.as_ref().map(|open| open.target.input.id.clone()) else {
            return;
        };
        if let Ok(target) = self.target()
            && target.wanted
            && target.input.id != used
        {
            self.tell(route(RouteReason::Override, target.spec.format, false, true));
        }
    }

    fn tell(&self, route: Route) {
        if self.open.as_ref().is_none_or(|open| open.session) {
            self.inbox.put(Event::RouteChanged(route));
        }
    }
}

fn route(reason: RouteReason, format: Format, running: bool, preferred: bool) -> Route {
    Route { reason, format, running, preferred, speaker: false }
}

/// How far the stream's clock is behind ours. Of several looks the quickest counts: on a busy
/// machine any two of them can be far apart.
fn offset(stream: &dyn Stream) -> i64 {
    let look = |_| {
        let (before, theirs, after) = (clock::now_ns(), stream.now_ns(), clock::now_ns());
        (after - before, before as i64 - theirs as i64)
    };
    (0..8).map(look).min().map_or(0, |(_, offset)| offset)
}

fn none_there() -> BackendError {
    let message = "there is no microphone; plug one in, or see `tympan doctor`";
    BackendError::new(BackendErrorKind::NotFound, message)
}

impl Input {
    pub(super) fn port(&self) -> Port {
        Port { id: self.id.clone(), name: self.name.clone(), kind: self.kind }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
