//! A phone in virtual time: its audio session, its microphone and what happens to them.
//!
//! [`Phone`] is a [`Platform`] like a real one, except that nothing happens in it unless
//! somebody says so ([`Phone::happen`]): calls, headsets, backgrounding, a full disk, a
//! kill. It delivers real buffers in whatever format its hardware has at the moment, to
//! whoever listens at its [`Microphone`], and watches the rules that a phone punishes:
//! no I/O on an inactive session, none with a wrong format, none twice
//! ([`Phone::offences`]). So an app can rehearse what a phone does to it.
//!
//! ```
//! use tympan_backends::phone::{Happening, Paper, Phone, Rehearsed, Setup, Subject};
//! use tympan_core::session::{Ask, Reason, Start, State};
//!
//! let mut phone = Phone::new(&Setup::default());
//! let mut recorder = Rehearsed::new(&Setup::default(), &phone);
//! phone.ask(1, Ask::Start(Start::default()));
//! for now in (0..=5000).step_by(10) {
//!     if now == 3000 {
//!         phone.happen(&Happening::InterruptionBegan { reason: Reason::Default });
//!     }
//!     recorder.drive(now, &mut phone);
//!     phone.hear(now);
//!     recorder.drive(now, &mut phone);
//! }
//! assert_eq!(recorder.status().state, State::Paused);
//! assert_eq!(recorder.status().elapsed_ms, 2900);
//! assert!(phone.offences().is_empty());
//! ```
//!
//! [`Scenario`] reads such scripts from JSON, [`rehearse`] plays one against a
//! [`Subject`], and [`Scenario::judge`] says what is not as expected.

mod disk;
mod handset;
mod happening;
mod judge;
mod microphone;
mod paper;
mod rehearsal;
mod scenario;
mod setup;

use std::collections::VecDeque;

use tympan_core::Format;
use tympan_core::session::{Ask, Code, Event, Ms, Order, Platform, Route, RouteReason};

use crate::mock::Signal;

pub use disk::Disk;
pub use handset::{Hand, Handset};
pub use happening::{Happening, Lasting, Refusal, Until};
pub use judge::{About, Expect, Rejected, Report, StatusExpected};
pub use microphone::Microphone;
pub use paper::{Paper, TakesSeen};
pub use rehearsal::{Rehearsed, Status, Subject, rehearse};
pub use scenario::{Scenario, ScenarioError, Scripted, What};
pub use setup::{Setup, System};

use microphone::Ear;

/// A phone. See the [module](self).
#[expect(clippy::struct_excessive_bools, reason = "any of them can be true with any other")]
pub struct Phone {
    setup: Setup,
    /// What the process has not heard yet, in order.
    inbox: VecDeque<Event>,
    process: Process,
    background: bool,
    /// Somebody else owns the session.
    held: bool,
    active: bool,
    permitted: bool,
    /// The services that do all audio.
    media: Media,
    hardware: Hardware,
    faults: Faults,
    /// When I/O was started.
    io: Option<Ms>,
    ear: Ear,
    disk: Disk,
    calls: Vec<(Ms, Call)>,
    offences: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Process {
    Running,
    Suspended,
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Media {
    Well,
    Lost,
    /// Back, but the app's objects are of the time before.
    Stale,
}

/// The input as it is now.
struct Hardware {
    format: Format,
    port: String,
    present: bool,
    /// Reads 0 Hz until the engine is rebuilt.
    latched: bool,
    /// Another component set another category; the input is dead until ours is set.
    foreign: bool,
}

/// What goes wrong next.
#[derive(Default)]
struct Faults {
    activate: Vec<Refusal>,
    io: Vec<Refusal>,
    stall: Option<Lasting>,
    zeros: Option<Lasting>,
    stale_ms: Ms,
}

impl Faults {
    /// Ends those that a new engine cures.
    fn end_with_engine(&mut self) {
        self.stall.take_if(|lasting| *lasting == Lasting::UntilRebuild);
        self.zeros.take_if(|lasting| *lasting == Lasting::UntilRebuild);
    }
}

/// Something the app did to its phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Category, mode and options were set.
    Configure,
    /// An input was chosen.
    PreferInput,
    /// The system was asked not to interrupt with alerts.
    PreferNoInterruptions,
    /// The session was to be activated.
    Activate,
    /// It was given back.
    Deactivate,
    /// The engine was made anew.
    RebuildEngine,
    /// I/O was to start.
    StartIo,
    /// I/O was stopped.
    StopIo,
}

impl Call {
    /// Its name in scripts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Configure => "configure",
            Self::PreferInput => "set_preferred_input",
            Self::PreferNoInterruptions => "set_prefers_no_interruptions",
            Self::Activate => "activate",
            Self::Deactivate => "deactivate",
            Self::RebuildEngine => "rebuild_engine",
            Self::StartIo => "start_io",
            Self::StopIo => "stop_io",
        }
    }
}

impl Phone {
    /// How often it delivers a buffer, in ms.
    pub const TICK_MS: Ms = 10;
    /// How long after the start of I/O the first buffer comes.
    pub const FIRST_BUFFER_MS: Ms = 100;

    /// A phone in this condition, with the app running.
    pub fn new(setup: &Setup) -> Self {
        Self {
            inbox: VecDeque::new(),
            process: Process::Running,
            background: setup.background,
            held: false,
            active: false,
            permitted: setup.permitted,
            media: Media::Well,
            hardware: Hardware {
                format: setup.format,
                port: setup.port.clone(),
                present: true,
                latched: false,
                foreign: false,
            },
            faults: Faults::default(),
            io: None,
            ear: Ear::new(setup.format),
            disk: Disk::default(),
            calls: Vec::new(),
            offences: Vec::new(),
            setup: setup.clone(),
        }
    }

    /// The app's user or the app itself wants something. Waits with the rest if the app
    /// is suspended, and is lost if there is none.
    pub fn ask(&mut self, id: u32, ask: Ask) {
        self.post(Event::Asked { id, ask });
    }

    /// Where its audio can be heard.
    pub fn microphone(&self) -> Microphone {
        self.ear.microphone()
    }

    /// What its microphone hears. [`Signal::Ramp`] until told otherwise.
    pub fn signal(&mut self, signal: Signal) {
        self.ear.signal = signal;
    }

    /// Its storage.
    pub fn disk(&self) -> Disk {
        self.disk.clone()
    }

    /// Everything the app did, and when.
    pub fn calls(&self) -> &[(Ms, Call)] {
        &self.calls
    }

    /// What the app must never do and did, as sentences.
    pub fn offences(&self) -> &[String] {
        &self.offences
    }

    /// Whether the app holds an active session.
    pub fn is_held(&self) -> bool {
        self.active && !self.setup.callkit
    }

    /// Whether I/O runs.
    pub fn is_running(&self) -> bool {
        self.io.is_some()
    }

    /// Whether the microphone may be used.
    pub fn is_permitted(&self) -> bool {
        self.permitted
    }

    /// The system that it runs.
    pub fn system(&self) -> System {
        self.setup.system
    }

    /// The name of the input that is in use.
    pub fn port(&self) -> &str {
        &self.hardware.port
    }

    /// The app wants this input from now on.
    pub fn prefer(&mut self, input: Option<&str>) {
        self.setup.preferred_input = input.map(str::to_owned);
    }

    /// Whether the app is in the background.
    pub fn is_background(&self) -> bool {
        self.background
    }

    /// Whether the app runs, and is not suspended.
    pub fn is_awake(&self) -> bool {
        self.process == Process::Running
    }

    /// Whether there is a process, suspended or not.
    pub fn is_alive(&self) -> bool {
        self.process != Process::Gone
    }

    /// The format its input has now; zeros while there is none.
    pub fn format(&self) -> Format {
        if self.hardware.present && !self.hardware.latched {
            self.hardware.format
        } else {
            Format::new(0, 0)
        }
    }

    fn post(&mut self, event: Event) {
        if self.is_alive() {
            self.inbox.push_back(event);
        }
    }

    /// The next buffer, if one is due at `now`, a multiple of [`Self::TICK_MS`].
    pub fn hear(&mut self, now: Ms) {
        let Some(since) = self.io else { return };
        let over = |lasting: &mut Lasting| matches!(lasting, Lasting::UntilMs(end) if *end <= now);
        self.faults.stall.take_if(over);
        self.faults.zeros.take_if(over);
        let flows = self.active
            && self.is_awake()
            && self.format().is_valid()
            && !self.hardware.foreign
            && self.faults.stall.is_none();
        if !flows || now < since + Self::FIRST_BUFFER_MS {
            return;
        }
        let stale = std::mem::take(&mut self.faults.stale_ms) / Self::TICK_MS;
        for n in 0..stale {
            // Nothing was captured before the clock began.
            if let Some(host) = since.checked_sub((stale - n) * Self::TICK_MS) {
                self.buffer(host, Sound::Stale);
            }
        }
        let sound = if self.faults.zeros.is_some() { Sound::Zeros } else { Sound::Signal };
        self.buffer(now - Self::TICK_MS, sound);
    }

    fn buffer(&mut self, host: Ms, sound: Sound) {
        let format = self.hardware.format;
        let beat = self.ear.deliver(host, format, sound);
        self.post(Event::Heartbeat(beat));
    }

    /// I/O ends, whoever ended it.
    fn cut(&mut self) {
        if self.io.take().is_some() {
            self.ear.interrupt();
        }
    }

    fn log(&mut self, now: Ms, call: Call) {
        self.calls.push((now, call));
    }

    fn offend(&mut self, now: Ms, what: &str) {
        self.offences.push(format!("at {now} ms: {what}"));
    }

    fn route(&self, reason: RouteReason) -> Route {
        let preferred = self.setup.preferred_input.as_ref();
        Route {
            reason,
            format: self.format(),
            running: self.io.is_some(),
            preferred: preferred.is_none_or(|port| *port == self.hardware.port),
            speaker: self.hardware.port == "builtin_mic",
        }
    }
}

/// What a buffer holds.
#[derive(Clone, Copy)]
pub(crate) enum Sound {
    Signal,
    /// Exactly nothing.
    Zeros,
    /// A remnant of the time before: negative samples, which the signal never has.
    Stale,
}

impl Platform for Phone {
    fn perform(&mut self, now: Ms, order: Order) {
        match order {
            Order::RequestPermission => self.post(Event::Permission(self.permitted)),
            Order::Configure { .. } => {
                self.log(now, Call::Configure);
                self.hardware.foreign = false;
            }
            Order::PreferNoInterruptions => self.log(now, Call::PreferNoInterruptions),
            Order::PreferInput => self.log(now, Call::PreferInput),
            Order::Activate { ticket, rung } => self.activate(now, ticket, rung),
            Order::Deactivate => self.deactivate(now),
            Order::RebuildEngine => self.rebuild(now),
            Order::QueryFormat { ticket } => {
                let format = self.format();
                self.post(Event::HardwareFormat { ticket, format });
            }
            Order::StartIo { ticket, format } => self.start_io(now, ticket, format),
            Order::StopIo => {
                self.log(now, Call::StopIo);
                self.cut();
            }
            // There is no screen.
            _ => {}
        }
    }

    fn poll(&mut self, _: Ms) -> Option<Event> {
        if self.is_awake() { self.inbox.pop_front() } else { None }
    }
}

/// What the app may do to the session.
impl Phone {
    fn activate(&mut self, now: Ms, ticket: u32, rung: u8) {
        self.log(now, Call::Activate);
        let name = self.setup.rungs.get(usize::from(rung)).map(String::as_str);
        let refused = Refusal::next(&mut self.faults.activate, now, name);
        let refused = match self.media {
            _ if refused.is_some() => refused,
            Media::Lost => Some(Code::MediaServices),
            _ => (self.held || self.setup.callkit).then_some(Code::Priority),
        };
        self.active |= refused.is_none();
        self.post(match refused {
            None => Event::Activated { ticket },
            Some(code) => Event::ActivateFailed { ticket, code },
        });
    }

    fn deactivate(&mut self, now: Ms) {
        self.log(now, Call::Deactivate);
        if self.io.is_some() {
            self.offend(now, "the session was deactivated under running I/O");
        }
        self.active = false;
        self.cut();
    }

    fn rebuild(&mut self, now: Ms) {
        self.log(now, Call::RebuildEngine);
        if self.io.is_some() {
            self.offend(now, "the engine was thrown away while it ran");
        }
        self.cut();
        self.hardware.latched = false;
        self.faults.end_with_engine();
        if self.media == Media::Stale {
            self.media = Media::Well;
        }
    }

    fn start_io(&mut self, now: Ms, ticket: u32, format: Format) {
        self.log(now, Call::StartIo);
        if self.io.is_some() {
            self.offend(now, "I/O was started twice");
        }
        if !self.active {
            self.offend(now, "I/O was started on an inactive session");
        }
        if format != self.format() || !format.is_valid() {
            let is = self.format();
            self.offend(now, &format!("I/O was started with {format}; the hardware has {is}"));
        }
        let refused = Refusal::next(&mut self.faults.io, now, None);
        let refused = match self.media {
            _ if refused.is_some() => refused,
            Media::Lost | Media::Stale => Some(Code::MediaServices),
            Media::Well => (!self.permitted).then_some(Code::Unspecified),
        };
        if refused.is_none() {
            self.io = Some(now);
        }
        self.post(match refused {
            None => Event::IoStarted { ticket },
            Some(code) => Event::IoFailed { ticket, code },
        });
    }
}

impl Phone {
    /// A process has begun and hears of it.
    pub fn launched(&mut self) {
        self.post(Event::Launched);
    }

    /// Whether a start would end the process: by an intent, from the background, without
    /// the Live Activity that the system wants.
    pub fn forbids_start(&self) -> bool {
        self.setup.intent && self.background && !self.setup.live_activity
    }
}
