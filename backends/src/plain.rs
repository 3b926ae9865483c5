//! A backend as a device: a platform without an audio session, where nobody takes the
//! microphone away by decree.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use tympan_core::Format;
use tympan_core::session::{Code, Event, Ms, Order, Platform};

use crate::device::Device;
use crate::pulse::{self, Beats, Pulse};
use crate::{Backend, BackendError, BackendErrorKind, Buffer, Capture, Notice};

/// How often heartbeats are looked at while audio comes.
const LOOK_MS: Ms = 100;

const NS_PER_MS: i64 = 1_000_000;

/// A [`Backend`] that a recorder can run on: a desktop's microphone, a file, a mock.
pub struct Plain<B> {
    backend: B,
    /// While nothing runs, the listener is here.
    ear: Option<Box<dyn Capture>>,
    beats: Beats,
    pulse: Option<Pulse>,
    anchor: Arc<Anchor>,
    running: bool,
    /// Audio has come since the last start.
    heard: bool,
    inbox: VecDeque<Event>,
    call: Arc<dyn Fn() + Send + Sync>,
    clock: Arc<dyn Fn() -> Ms + Send + Sync>,
}

impl<B: Backend> Plain<B> {
    /// A device of this backend.
    pub fn new(backend: B) -> Self {
        let began = Instant::now();
        Self::on_clock(backend, Arc::new(move || began.elapsed().as_millis() as Ms))
    }

    /// The same, on another clock.
    pub fn on_clock(backend: B, clock: Arc<dyn Fn() -> Ms + Send + Sync>) -> Self {
        let (pulse, beats) = pulse::pulse();
        Self {
            backend,
            ear: None,
            beats,
            pulse: Some(pulse),
            anchor: Arc::default(),
            running: false,
            heard: false,
            inbox: VecDeque::new(),
            call: Arc::new(|| {}),
            clock,
        }
    }

    fn start(&mut self, now: Ms, ticket: u32) -> Event {
        let Some(ear) = self.ear.take() else {
            // The device took the listener with it, or it runs already.
            return Event::IoFailed { ticket, code: Code::Busy };
        };
        self.anchor.start_ns.store(now as i64 * NS_PER_MS, Ordering::Release);
        self.heard = false;
        match self.backend.start(ear) {
            Ok(()) => {
                self.running = true;
                Event::IoStarted { ticket }
            }
            Err(error) => {
                self.ear = self.backend.stop();
                Event::IoFailed { ticket, code: code(error.kind) }
            }
        }
    }

    fn stop(&mut self) {
        self.running = false;
        if let Some(mut ear) = self.backend.stop() {
            ear.notice(Notice::Break);
            self.ear = Some(ear);
        }
    }
}

/// What joins the clock of a backend's buffers to ours: they need not have begun at the
/// same moment.
#[derive(Debug, Default)]
struct Anchor {
    /// When I/O was started, by our clock.
    start_ns: AtomicI64,
    /// What is to be added to the stamp of a buffer.
    offset_ns: AtomicI64,
}

/// Why the session's order came to nothing.
pub(crate) const fn code(kind: BackendErrorKind) -> Code {
    match kind {
        BackendErrorKind::NotFound => Code::NoHardware,
        BackendErrorKind::Busy => Code::Busy,
        BackendErrorKind::Permission => Code::CannotRecord,
        BackendErrorKind::Unreadable | BackendErrorKind::Failed => Code::Unspecified,
    }
}

impl<B: Backend> Platform for Plain<B> {
    fn perform(&mut self, now: Ms, order: Order) {
        let answer = match order {
            Order::RequestPermission => Some(Event::Permission(true)),
            Order::Activate { ticket, .. } => Some(Event::Activated { ticket }),
            Order::QueryFormat { ticket } => {
                let format = self.backend.format().unwrap_or(Format::new(0, 0));
                Some(Event::HardwareFormat { ticket, format })
            }
            Order::StartIo { ticket, .. } => Some(self.start(now, ticket)),
            Order::StopIo => {
                self.stop();
                None
            }
            // There is no session to be configured.
            _ => None,
        };
        self.inbox.extend(answer);
    }

    fn poll(&mut self, now: Ms) -> Option<Event> {
        if let Some(event) = self.inbox.pop_front() {
            return Some(event);
        }
        let beat = pulse::next(&mut self.beats)?;
        if self.running && !std::mem::replace(&mut self.heard, true) {
            // It has just come: that is as exactly as the two clocks can be compared.
            let began = now as i64 * NS_PER_MS - beat.length_ns();
            let earliest = self.anchor.start_ns.load(Ordering::Acquire);
            let offset = began.max(earliest) - beat.host_ns as i64;
            self.anchor.offset_ns.store(offset, Ordering::Release);
        }
        let offset = self.anchor.offset_ns.load(Ordering::Acquire);
        Some(Event::Heartbeat(beat.heartbeat(offset)))
    }
}

impl<B: Backend> Device for Plain<B> {
    fn name(&self) -> String {
        self.backend.name().to_owned()
    }

    fn clock(&self) -> Arc<dyn Fn() -> Ms + Send + Sync> {
        self.clock.clone()
    }

    fn format(&mut self) -> Format {
        self.backend.format().unwrap_or(Format::mono(48_000))
    }

    fn listen(&mut self, ear: Box<dyn Capture>) -> Result<(), BackendError> {
        let Some(pulse) = self.pulse.take() else {
            let message = "somebody listens to this device already";
            return Err(BackendError::new(BackendErrorKind::Busy, message));
        };
        let (anchor, call) = (self.anchor.clone(), self.call.clone());
        self.ear = Some(Box::new(Tap { ear, pulse, anchor, call, first: true }));
        Ok(())
    }

    fn wait(&mut self, until: Option<Ms>) {
        let now = (self.clock)();
        let look = self.running.then_some(now + LOOK_MS);
        let until = until.into_iter().chain(look).min();
        match until {
            None => std::thread::park(),
            Some(until) => {
                std::thread::park_timeout(Duration::from_millis(until.saturating_sub(now)));
            }
        }
    }

    fn on_news(&mut self, call: Arc<dyn Fn() + Send + Sync>) {
        self.call = call;
    }

    fn is_live(&self) -> bool {
        self.backend.is_live()
    }
}

/// Listens to what the listener gets, and leaves a sign of life.
///
/// # Realtime
/// Called by the device. One wake-up, for the first buffer after a start.
struct Tap {
    ear: Box<dyn Capture>,
    pulse: Pulse,
    anchor: Arc<Anchor>,
    call: Arc<dyn Fn() + Send + Sync>,
    /// Nothing has come since the last start.
    first: bool,
}

impl Capture for Tap {
    fn audio(&mut self, buffer: Buffer<'_>) {
        if buffer.samples.len() < usize::from(buffer.format.channels.max(1)) {
            return self.ear.audio(buffer);
        }
        let first = std::mem::take(&mut self.first);
        if first {
            let start = self.anchor.start_ns.load(Ordering::Acquire);
            self.anchor.offset_ns.store(start - buffer.host_ns as i64, Ordering::Release);
        }
        let host_ns = buffer.host_ns as i64 + self.anchor.offset_ns.load(Ordering::Acquire);
        self.ear.audio(Buffer { host_ns: host_ns.max(0) as u64, ..buffer });

        self.pulse.beat(&buffer);
        if first {
            (self.call)();
        }
    }

    fn notice(&mut self, notice: Notice) {
        self.first |= notice == Notice::Break;
        self.ear.notice(notice);
        if notice == Notice::End {
            (self.call)();
        }
    }

    fn room(&self) -> usize {
        self.ear.room()
    }
}
