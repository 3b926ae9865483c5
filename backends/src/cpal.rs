//! Microphones of desktops and of Android, by cpal.
//!
//! A [`Microphone`] is a [`Backend`] and, better, a [`Device`]: then the session machine
//! hears what happens to it, and a take goes on over unplugged headsets, other defaults,
//! restarted servers and sleep.
//!
//! ```no_run
//! use tympan_backends::cpal::{Microphone, inputs};
//!
//! for input in inputs()? {
//!     println!("{}  {}", input.id, input.name);
//! }
//! let any = Microphone::system()?;
//! let headset = Microphone::named("headset")?;
//! # Ok::<(), tympan_backends::BackendError>(())
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `system`, `real` | what is asked of a system's audio; cpal's answers |
//! | `inbox` | where events wait for the session |
//! | `android` | what only Java is told there |
//! | `desk` | the thread that asks, and what it notices by itself |
//! | `ear` | the callback and the alarm: convert, place, hand over |
//! | `timeline` | when a frame was captured |
//! | `clicks` | the loudspeaker, for measuring |
//! | `names`, `negotiate`, `convert` | which input, how, in which samples |
//!
//! Where a system does not tell of a change, it is found by looking twice a second. Where a
//! stream ceases without a word, the session's watchdog finds it.

pub mod android;
mod clicks;
mod clock;
mod convert;
mod desk;
mod ear;
mod inbox;
mod names;
mod negotiate;
mod real;
mod system;
#[cfg(test)]
mod tests;
mod timeline;

use std::sync::Arc;
use std::time::Duration;

use tympan_core::Format;
use tympan_core::session::{Code, Event, Ms, Order, Platform};

use crate::plain::code;
use crate::pulse::{self, Beats, Pulse};
use crate::{Backend, BackendError, BackendErrorKind, Buffer, Capture, Device, Notice};
use crate::{Port, PortKind, Ports};
pub use clicks::Clicks;

use desk::{Choice, Desk, Make};
use ear::Gate;
use inbox::Inbox;
use system::System;

/// The moment, in nanoseconds of the clock that buffers are stamped with.
pub fn now_ns() -> u64 {
    clock::now_ns()
}

/// How often heartbeats are looked at while audio comes.
const LOOK_MS: Ms = 100;

/// An input of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InputInfo {
    /// Stays the same over restarts: what a program keeps.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// What it is.
    pub kind: PortKind,
    /// It hears what is played, not a microphone.
    pub monitor: bool,
    /// The system would choose it.
    pub chosen: bool,
    /// What it would be opened with, or why it cannot be used.
    pub format: Result<Format, BackendError>,
}

/// The inputs of this machine, the one that the system chooses first.
pub fn inputs() -> Result<Vec<InputInfo>, BackendError> {
    let desk = Desk::new(real(""), Choice::System, Arc::default())?;
    let chosen = desk.ask(desk::Order::Look).ok().map(|target| target.input.id);
    let inputs = desk.ask(desk::Order::Inputs)?;
    let info = |input: system::Input| {
        let spec = desk.ask(|reply| desk::Order::Offer(input.id.clone(), reply));
        InputInfo {
            chosen: chosen.as_ref() == Some(&input.id),
            format: spec.map(|spec| spec.format),
            id: input.id,
            name: input.name,
            kind: input.kind,
            monitor: input.monitor,
        }
    };
    Ok(inputs.into_iter().map(info).collect())
}

/// cpal's systems: the one that a name begins with, else the best there is.
fn real(name: &str) -> Make {
    let name = name.to_owned();
    Arc::new(move || Box::new(real::Real::of(&name)) as Box<dyn System>)
}

/// An input of this machine, as a [`Backend`] and as a [`Device`].
pub struct Microphone {
    make: Make,
    desk: Desk,
    inbox: Arc<Inbox>,
    choice: Choice,
    /// What it is, as it was seen last.
    input: Port,
    /// While nothing runs, the listener is here.
    ear: Option<Box<dyn Capture>>,
    /// While something does, it is there.
    gate: Option<Arc<Gate>>,
    beats: Beats,
    pulse: Option<Pulse>,
    call: Arc<dyn Fn() + Send + Sync>,
    began_ns: u64,
}

impl Microphone {
    /// The input that the system chooses, and goes on to choose.
    pub fn system() -> Result<Self, BackendError> {
        Self::new(real(""), Choice::System)
    }

    /// The input of this id or name: exactly, else in other letters, else the first that has
    /// the word in it. While it is not there, the one that the system chooses. An id begins
    /// with the name of its audio system, such as `alsa:`, which is used then.
    pub fn named(name: &str) -> Result<Self, BackendError> {
        Self::new(real(name), Choice::Prefer(name.to_owned()))
    }

    /// The input of this id or name and no other: while it is not there, nothing is captured.
    pub fn only(name: &str) -> Result<Self, BackendError> {
        Self::new(real(name), Choice::Only(name.to_owned()))
    }

    fn new(make: Make, choice: Choice) -> Result<Self, BackendError> {
        let inbox = Arc::<Inbox>::default();
        android::register(&inbox);
        let desk = Desk::new(make.clone(), choice.clone(), inbox.clone())?;
        let (pulse, beats) = pulse::pulse();
        let mut microphone = Self {
            make,
            desk,
            inbox,
            choice,
            input: Port { id: String::new(), name: String::new(), kind: PortKind::Other },
            ear: None,
            gate: None,
            beats,
            pulse: Some(pulse),
            call: Arc::new(|| {}),
            began_ns: clock::now_ns(),
        };
        microphone.check()?;
        Ok(microphone)
    }

    /// Whether what is named is there now: a word that is misspelt is told at once.
    fn check(&mut self) -> Result<(), BackendError> {
        if let Choice::Prefer(name) | Choice::Only(name) = &self.choice {
            let inputs = self.desk.ask(desk::Order::Inputs)?;
            names::find(name, &inputs)?;
        }
        let target = self.desk.ask(desk::Order::Look)?;
        self.input = target.input.port();
        Ok(())
    }

    /// Which input it is, as it was seen last.
    pub fn input(&self) -> Port {
        self.input.clone()
    }

    /// The desk, and another one in the place of one that hangs.
    fn desk(&mut self) -> &Desk {
        if self.desk.is_stuck()
            && let Ok(other) = Desk::new(self.make.clone(), self.choice.clone(), self.inbox.clone())
        {
            self.desk = other;
        }
        &self.desk
    }

    /// Has this listener hear from now on, as soon as the system can.
    fn open(&mut self, ticket: u32) -> Result<(), Code> {
        // It runs already, or nobody listens.
        let ear = self.ear.take().ok_or(Code::Busy)?;
        let gate = Gate::new(ear);
        self.gate = Some(gate.clone());
        let inbox = self.inbox.clone();
        let reply = move |opened: Result<desk::Target, BackendError>| {
            inbox.put(match opened {
                Ok(_) => Event::IoStarted { ticket },
                Err(error) => Event::IoFailed { ticket, code: code(error.kind) },
            });
        };
        self.desk().post(desk::Order::Open { gate, session: true, reply: Box::new(reply) });
        Ok(())
    }

    /// Nothing is heard any more when this returns; that the device is closed may take longer.
    fn close(&mut self) {
        let Some(gate) = self.gate.take() else { return };
        if let Some(mut ear) = gate.take() {
            ear.notice(Notice::Break);
            self.ear = Some(ear);
        }
        self.desk().post(desk::Order::Close(Box::new(drop)));
    }

    fn query(&mut self, ticket: u32) {
        let inbox = self.inbox.clone();
        let reply = move |target: Result<desk::Target, BackendError>| {
            let format = target.map_or(Format::new(0, 0), |target| target.spec.format);
            inbox.put(Event::HardwareFormat { ticket, format });
        };
        self.desk().post(desk::Order::Look(Box::new(reply)));
    }
}

impl Backend for Microphone {
    fn name(&self) -> &str {
        &self.input.name
    }

    fn format(&mut self) -> Result<Format, BackendError> {
        Ok(self.desk().ask(desk::Order::Look)?.spec.format)
    }

    fn start(&mut self, capture: Box<dyn Capture>) -> Result<(), BackendError> {
        if self.gate.is_some() {
            let message = format!("`{}` is running already; stop it first", self.input.name);
            return Err(BackendError::new(BackendErrorKind::Busy, message));
        }
        let gate = Gate::new(capture);
        let there = gate.clone();
        let open = |reply| desk::Order::Open { gate: there, session: false, reply };
        match self.desk().ask(open) {
            Ok(target) => {
                self.input = target.input.port();
                self.gate = Some(gate);
                Ok(())
            }
            Err(error) => {
                // It may still open one day, for nobody.
                drop(gate.take());
                self.desk().post(desk::Order::Close(Box::new(drop)));
                Err(error)
            }
        }
    }

    fn stop(&mut self) -> Option<Box<dyn Capture>> {
        let listener = self.gate.take()?.take();
        // The microphone is off when this returns, unless the system hangs.
        let _ = self.desk().ask(desk::Order::Close);
        listener
    }

    fn is_live(&self) -> bool {
        true
    }

    fn into_device(self) -> Box<dyn Device> {
        Box::new(self)
    }
}

impl Platform for Microphone {
    fn perform(&mut self, _: Ms, order: Order) {
        let answer = match order {
            Order::RequestPermission => Event::Permission(true),
            Order::Activate { ticket, .. } if self.inbox.is_refused() => {
                Event::ActivateFailed { ticket, code: Code::ForegroundService }
            }
            Order::Activate { ticket, .. } => Event::Activated { ticket },
            Order::QueryFormat { ticket } => return self.query(ticket),
            Order::StartIo { ticket, .. } => match self.open(ticket) {
                Ok(()) => return,
                Err(code) => Event::IoFailed { ticket, code },
            },
            Order::StopIo => return self.close(),
            Order::PreferInput => return self.desk().post(desk::Order::Insist),
            // There is no session to be configured.
            _ => return,
        };
        self.inbox.put(answer);
    }

    fn poll(&mut self, _: Ms) -> Option<Event> {
        // What was heard before a loss is counted before it.
        if let Some(beat) = pulse::next(&mut self.beats) {
            return Some(Event::Heartbeat(beat.heartbeat(-(self.began_ns as i64))));
        }
        self.inbox.take()
    }
}

impl Device for Microphone {
    fn name(&self) -> String {
        self.input.name.clone()
    }

    fn clock(&self) -> Arc<dyn Fn() -> Ms + Send + Sync> {
        let began = self.began_ns;
        Arc::new(move || clock::now_ns().saturating_sub(began) / 1_000_000)
    }

    fn format(&mut self) -> Format {
        Backend::format(self).unwrap_or(Format::mono(48_000))
    }

    fn listen(&mut self, ear: Box<dyn Capture>) -> Result<(), BackendError> {
        let Some(pulse) = self.pulse.take() else {
            let message = "somebody listens to this device already";
            return Err(BackendError::new(BackendErrorKind::Busy, message));
        };
        let (call, began_ns) = (self.call.clone(), self.began_ns);
        self.ear = Some(Box::new(Tap { ear, pulse, call, began_ns, first: true }));
        Ok(())
    }

    fn on_news(&mut self, call: Arc<dyn Fn() + Send + Sync>) {
        self.inbox.on_news(call.clone());
        self.call = call;
    }

    fn wait(&mut self, until: Option<Ms>) {
        let now = clock::now_ns().saturating_sub(self.began_ns) / 1_000_000;
        let look = self.gate.is_some().then_some(now + LOOK_MS);
        match until.into_iter().chain(look).min() {
            None => std::thread::park(),
            Some(until) => {
                std::thread::park_timeout(Duration::from_millis(until.saturating_sub(now)));
            }
        }
    }

    fn is_live(&self) -> bool {
        true
    }

    fn route(&self) -> Ports {
        Ports { inputs: self.desk.used().into_iter().collect(), outputs: Vec::new() }
    }

    fn inputs(&self) -> Vec<Port> {
        let inputs = self.desk.ask(desk::Order::Inputs).unwrap_or_default();
        inputs.iter().map(system::Input::port).collect()
    }

    fn prefer(&mut self, input: Option<&str>) -> Result<(), BackendError> {
        let choice = match input {
            None => Choice::System,
            Some(name) => {
                let inputs = self.desk().ask(desk::Order::Inputs)?;
                Choice::Prefer(names::find(name, &inputs)?.id.clone())
            }
        };
        self.choice = choice.clone();
        self.desk().post(desk::Order::Choose(choice));
        Ok(())
    }
}

/// Whoever listened is told by being dropped, once no callback can reach it.
impl Drop for Microphone {
    fn drop(&mut self) {
        self.close();
    }
}

/// Listens to what the listener gets, and leaves a sign of life.
///
/// # Realtime
/// Called by the device. One wake-up, for the first buffer after a start.
struct Tap {
    ear: Box<dyn Capture>,
    pulse: Pulse,
    call: Arc<dyn Fn() + Send + Sync>,
    began_ns: u64,
    /// Nothing has come since the last start.
    first: bool,
}

impl Capture for Tap {
    fn audio(&mut self, buffer: Buffer<'_>) {
        let host_ns = buffer.host_ns.saturating_sub(self.began_ns);
        self.ear.audio(Buffer { host_ns, ..buffer });
        if buffer.samples.is_empty() {
            return;
        }
        self.pulse.beat(&buffer);
        if std::mem::take(&mut self.first) {
            (self.call)();
        }
    }

    fn notice(&mut self, notice: Notice) {
        self.first |= notice == Notice::Break;
        self.ear.notice(notice);
    }

    fn room(&self) -> usize {
        self.ear.room()
    }
}
