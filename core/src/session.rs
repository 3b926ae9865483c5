//! The audio session: how a take survives calls, Bluetooth, background and resets.
//!
//! [`Session`] is a machine and nothing else: [`Session::step`] takes an [`Event`] and
//! says what to do about it, [`Session::next_deadline`] when it wants to be woken by a
//! [`Tick`](Event::Tick). It knows no clock, no platform and no file, neither allocates
//! nor waits, and takes any event in any phase. All policy is in here, as data in
//! [`Policy`]; whoever executes its commands ([`Platform`], [`Takes`]) only translates.
//! [`drive()`] is the loop between them.
//!
//! # Shape
//!
//! Three things are kept apart:
//!
//! - the *phase*: what the app is told, and what we are after;
//! - the *attempt*: how far the microphone is on its way up, the same for a start, a
//!   resume, a repair and a recovery;
//! - *facts*: who has the microphone, what the system advised, what has to be rebuilt.
//!
//! | phase | the app sees | a failed try | no try left |
//! |---|---|---|---|
//! | idle, stopped, failed | idle, stopped, error | | |
//! | warming, warm | as before | `start_retry_ms` | the prewarm is rejected |
//! | starting | idle | `start_retry_ms`, not where hopeless | the start is rejected |
//! | recording | recording | | |
//! | rebuilding | recording | | told as an interruption, recovering |
//! | paused (by the user) | paused | | |
//! | resuming | paused | next rung, one rebuild | the resume is rejected |
//! | interrupted | paused | | |
//! | recovering | paused | `backoff_ms` | told once more, interrupted |
//!
//! A try is always the same: configure, activate, rebuild if something broke, read the
//! format, start I/O with exactly that, and wait for audio. Only audio counts: a start
//! is not resolved, nor `recording` told, before the first frame is there.
//!
//! ```text
//!            start                    stop, limit
//!   idle ──▶ starting ──▶ recording ─────────────▶ stopped
//!                          │ ▲  │ ▲
//!             change, stall│ │  │ │ resume, end of the interruption, reset, ...
//!                          ▼ │  │ └──────────────────────────────┐
//!                    rebuilding │ pause      ┌──▶ paused ────▶ resuming
//!                          │    ├────────────┘                   │
//!                no audio  │    │ taken away                     │
//!                          ▼    ▼                                │
//!                 recovering ◀──▶ interrupted ───────────────────┘
//! ```
//!
//! # Rules
//!
//! - What takes the microphone away is one path, whoever did it: stop I/O, flush, tell,
//!   and do nothing until it is given back.
//! - A hint counts once per interruption, and only if one was told. So doubled and
//!   invented ends of interruptions change nothing.
//! - The end of an interruption may never come; an app that comes to the front, or a
//!   user who resumes, is as good. Their tries may fail.
//! - A user's pause is never ended by anything but the user.
//! - Results carry a ticket. After a stop, or when a try is given up, the results still
//!   under way belong to nobody.
//! - Audio older than the start of I/O belongs to a time that is over.
//! - A stop always succeeds.
//!
//! # Choices that the public API leaves open
//!
//! `idle` is not told again after `stopped`, and a rejected start leaves whatever state
//! there was. A start without transcription is resolved. A start or resume that a stop
//! overtakes is resolved as not done. Under [`AutoResume::Never`] nothing leaves
//! `paused` but the user, not even our own repairs.

mod ask;
mod attempt;
mod books;
mod command;
mod drive;
mod event;
mod notification;
mod policy;
mod profile;
mod system;
mod watch;

pub use command::{
    Code, Command, Commands, Diagnosis, ErrorCode, Gap, GapCause, Order, State, TakeOrder, Tell,
};
pub use drive::{Platform, Takes, drive};
pub use event::{Ask, Event, Heartbeat, Hint, Reason, Route, RouteReason, Start};
pub use notification::{Action, Notification};
pub use policy::{AutoResume, GapPolicy, Ms, OnSpeaker, Owner, PauseMode, Policy};
pub use profile::{Profile, Rung};

use attempt::{Attempt, Mic};
use books::Books;
use watch::Silence;

/// The machine. See the [module](self).
#[derive(Clone, Debug)]
pub struct Session {
    policy: Policy,
    phase: Phase,
    /// Where a start or a prewarm came from, and a rejected one goes back to.
    rest: Phase,
    /// Where a resume came from.
    back: Phase,
    /// Whoever waits for the attempt under way.
    pending: Option<u32>,
    start: Start,
    facts: Facts,
    mic: Mic,
    attempt: Attempt,
    books: Books,
    /// Those of the take before, for when a start is rejected.
    last_books: Books,
    silence: Silence,
    /// When an open microphone without a take is closed.
    warm_until: Ms,
    said: Commands,
}

/// What we are after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Stopped,
    Failed,
    Warming,
    Warm,
    Starting,
    Recording,
    Rebuilding,
    Paused,
    Resuming,
    Interrupted,
    Recovering,
}

impl Phase {
    /// No take, and no wish for one.
    const fn is_resting(self) -> bool {
        matches!(self, Self::Idle | Self::Stopped | Self::Failed | Self::Warming | Self::Warm)
    }
}

/// What is known about the world, whatever the phase.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "any of them can be true with any other")]
struct Facts {
    /// An interruption began and nothing says that it is over.
    interrupted: bool,
    hint: Advice,
    /// Another owner has activated the session.
    external: bool,
    media_lost: bool,
    no_route: bool,
    silenced: bool,
    muted: bool,
    /// Recovery was given up; the next sign of hope starts it again.
    exhausted: bool,
}

/// The system's advice on the interruption that is or was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Advice {
    /// There was no interruption, so none is expected.
    None,
    /// It may come.
    Awaited,
    Given(Hint),
}

impl Session {
    /// A session that has not begun anything.
    pub const fn new(policy: Policy) -> Self {
        Self {
            policy,
            phase: Phase::Idle,
            rest: Phase::Idle,
            back: Phase::Paused,
            pending: None,
            start: Start { max_ms: None, stt_unavailable: false, forbidden: false },
            facts: Facts {
                interrupted: false,
                hint: Advice::None,
                external: false,
                media_lost: false,
                no_route: false,
                silenced: false,
                muted: false,
                exhausted: false,
            },
            mic: Mic::new(),
            attempt: Attempt::new(),
            books: Books::new(),
            last_books: Books::new(),
            silence: Silence::new(),
            warm_until: 0,
            said: Commands::new(),
        }
    }

    /// The state as the app sees it.
    pub const fn state(&self) -> State {
        match self.phase {
            Phase::Idle | Phase::Starting => State::Idle,
            Phase::Stopped => State::Stopped,
            Phase::Failed => State::Error,
            Phase::Warming | Phase::Warm => match self.rest {
                Phase::Stopped => State::Stopped,
                Phase::Failed => State::Error,
                _ => State::Idle,
            },
            Phase::Recording | Phase::Rebuilding => State::Recording,
            Phase::Paused | Phase::Resuming | Phase::Interrupted | Phase::Recovering => {
                State::Paused
            }
        }
    }

    /// Whether the microphone is open: what a recording indicator hangs on. It can be
    /// with no take, and closed in one.
    pub const fn is_open(&self) -> bool {
        self.mic.io
    }

    /// Whether nobody waits for anything and there is no take: nothing is under way.
    pub const fn is_resting(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Stopped | Phase::Failed)
    }

    /// How much audio the take holds, in ms. Stands still while nothing is captured, and
    /// keeps its value after the end until the next start.
    pub const fn captured_ms(&self) -> Ms {
        self.books.captured_us / 1000
    }

    /// The policy it was made with.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// When [`Event::Tick`] is due, if nothing else happens before.
    pub fn next_deadline(&self) -> Option<Ms> {
        let watched =
            self.is_watched().then(|| self.mic.heard.saturating_add(self.policy.stall_ms));
        let warm = (self.phase == Phase::Warm).then_some(self.warm_until);
        [self.attempt.deadline(), watched, warm].into_iter().flatten().min()
    }

    /// Takes in what happened at `now` and says what to do.
    ///
    /// # Realtime
    /// Neither allocates nor waits, and takes any event at any time. It is meant for the
    /// control thread all the same: what it says may block.
    pub fn step(&mut self, now: Ms, event: Event) -> Commands {
        self.said = Commands::new();
        match event {
            Event::Launched | Event::StorageAvailable => self.take(TakeOrder::Recover),
            Event::TakesRecovered(takes) => {
                (0..takes.min(1)).for_each(|_| self.diagnose(Diagnosis::RecordingRecovered));
            }
            Event::Asked { id, ask } => self.asked(now, id, ask),
            Event::Heartbeat(beat) => self.heartbeat(now, beat),
            Event::Tick => self.tick(now),
            Event::Permission(granted) => self.permission(now, granted),
            Event::TakeOpened => self.take_opened(now),
            Event::TakeFailed => self.take_failed(),
            Event::Activated { ticket } => self.activated(now, ticket),
            Event::ActivateFailed { ticket, code } => self.activate_failed(now, ticket, code),
            Event::HardwareFormat { ticket, format } => self.format_read(now, ticket, format),
            Event::IoStarted { ticket } => self.io_started(now, ticket),
            Event::IoFailed { ticket, code } => self.io_failed(now, ticket, code),
            Event::SttUnavailable => self.stt_unavailable(),
            Event::WriteFailed => self.fail(now, ErrorCode::FileError),
            Event::PermissionRevoked => self.fail(now, ErrorCode::PermissionDenied),
            Event::InterruptionBegan(reason) => self.interruption_began(reason),
            Event::InterruptionEnded => self.interruption_ended(now),
            Event::ResumeHint(hint) => self.hinted(now, hint),
            Event::Foreground => self.foreground(now),
            Event::Background => self.background(),
            Event::RouteChanged(route) => self.route_changed(now, route),
            Event::InputAvailable => self.input_available(now),
            Event::EngineConfigChanged => self.engine_changed(now),
            Event::MediaLost => self.media_lost(),
            Event::MediaReset => self.media_reset(now),
            Event::ExternalActivated => self.external_activated(now),
            Event::ExternalDeactivated => self.external_deactivated(),
            Event::InputMuted(muted) => self.input_muted(muted),
            Event::ClientSilenced(silenced) => self.client_silenced(now, silenced),
        }
        self.said
    }

    fn order(&mut self, order: Order) {
        self.said.push(Command::Platform(order));
    }

    fn take(&mut self, order: TakeOrder) {
        self.said.push(Command::Take(order));
    }

    fn tell(&mut self, tell: Tell) {
        self.said.push(Command::Tell(tell));
    }

    fn diagnose(&mut self, what: Diagnosis) {
        self.tell(Tell::Diagnosis(what));
    }

    /// Goes to a phase whose state the app is told.
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.tell(Tell::State(self.state()));
        self.order(Order::Show(self.state()));
    }

    /// Answers whoever waits for the attempt.
    fn resolve_pending(&mut self, done: bool) {
        if let Some(id) = self.pending.take() {
            self.tell(Tell::Resolved { id, done });
        }
    }

    fn reject_pending(&mut self, code: ErrorCode) {
        if let Some(id) = self.pending.take() {
            self.tell(Tell::Rejected { id, code });
        }
    }
}
