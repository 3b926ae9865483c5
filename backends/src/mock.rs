//! A device that does what a test tells it, in virtual time.
//!
//! [`Mock`] is a [`Backend`] like any other; nothing moves in it by itself.
//! [`MockHandle`] moves it, on the thread of whoever calls: every callback runs inside
//! the call that caused it and is over when that returns. No sleeping, no luck: a day
//! of audio with a route change every minute is a script, and runs the same way
//! every time. This is part of the library so that apps can rehearse what a
//! microphone does to them.
//!
//! ```
//! use tympan_backends::mock::{Mock, Script, Step};
//! use tympan_backends::{Backend, Buffer, Capture, Notice};
//! use tympan_core::Format;
//!
//! struct Ear;
//! impl Capture for Ear {
//!     fn audio(&mut self, _: Buffer<'_>) {}
//!     fn notice(&mut self, _: Notice) {}
//! }
//!
//! let (mut mock, handle) = Mock::new(Format::mono(48_000));
//! mock.start(Box::new(Ear))?;
//! handle.play(&Script::new([
//!     Step::Advance { ms: 1000 },
//!     Step::Lose(96),
//!     Step::Format(Format::mono(16_000)),
//!     Step::Callback { frames: 160 },
//!     Step::Advance { ms: 500 },
//! ]));
//! assert_eq!(handle.counters().delivered, 48_000 + 8_000);
//! assert_eq!(handle.counters().lost, 96);
//! assert_eq!(handle.clock().now_ms(), 1502);
//! # Ok::<(), tympan_backends::BackendError>(())
//! ```
//!
//! # Realtime
//! This is a test device: it takes a lock around every callback and grows its buffer.
//! A callback must not call the handle (it would wait for itself); reading the
//! [`Clock`] is fine.

mod clock;
mod parrot;
mod random;
mod script;
mod signal;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tympan_core::Format;

use crate::{Backend, BackendError, BackendErrorKind, Buffer, Capture, Notice};
use clock::Timeline;
use random::Random;

pub use clock::Clock;
pub use parrot::Parrot;
pub use script::{Script, Step};
pub use signal::Signal;

/// What happens to the audio of a stall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stall {
    /// The device kept it and delivers it at once afterwards, with the time stamps of
    /// its capture.
    Burst,
    /// Nobody kept it. The device does not say that it is gone; only the time stamps
    /// jump. A callback that had begun is gone as well.
    Silent,
}

/// What a mock has done so far, over all its starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Buffers delivered.
    pub callbacks: u64,
    /// Frames delivered.
    pub delivered: u64,
    /// Frames lost that the device told of ([`Notice::Lost`]).
    pub lost: u64,
    /// Frames that went by in silent stalls and route changes, untold.
    pub missed: u64,
}

/// The device's side of a mock: what an app is given for a microphone.
///
/// Dropping it stops it.
pub struct Mock {
    shared: Arc<Mutex<Device>>,
}

/// The test's side of a mock: makes it do things.
#[derive(Clone)]
pub struct MockHandle {
    shared: Arc<Mutex<Device>>,
    clock: Clock,
}

impl Mock {
    /// A device of this format and the handle that moves it, on a clock of its own.
    ///
    /// It hears [`Signal::Ramp`] and has callbacks of 10 ms until told otherwise.
    pub fn new(format: Format) -> (Self, MockHandle) {
        Self::on_clock(format, &Clock::new())
    }

    /// As [`new`](Self::new), on a clock that others share. If one of them moves it, the
    /// callbacks that fell due come with the next [`MockHandle::catch_up`] or
    /// [`MockHandle::advance`].
    pub fn on_clock(format: Format, clock: &Clock) -> (Self, MockHandle) {
        let shared = Arc::new(Mutex::new(Device::new(format, clock.clone())));
        let handle = MockHandle { shared: Arc::clone(&shared), clock: clock.clone() };
        (Self { shared }, handle)
    }
}

impl Backend for Mock {
    fn name(&self) -> &'static str {
        "mock"
    }

    fn format(&mut self) -> Result<Format, BackendError> {
        Ok(lock(&self.shared).format)
    }

    fn start(&mut self, capture: Box<dyn Capture>) -> Result<(), BackendError> {
        lock(&self.shared).start(capture)
    }

    fn stop(&mut self) -> Option<Box<dyn Capture>> {
        lock(&self.shared).capture.take()
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.stop();
    }
}

impl MockHandle {
    /// Does the steps of a script, one after the other.
    pub fn play(&self, script: &Script) {
        for step in &script.steps {
            self.step(step);
        }
    }

    /// Does one step.
    pub fn step(&self, step: &Step) {
        match *step {
            Step::Deliver(frames) => self.deliver(frames),
            Step::Advance { ms } => self.advance(ms),
            Step::Callback { frames } => self.callback(frames),
            Step::Random { seed, callbacks, max_frames } => {
                self.random(seed, callbacks, max_frames);
            }
            Step::Lose(frames) => self.lose(frames),
            Step::StallSilent { ms } => self.stall(ms, Stall::Silent),
            Step::StallBurst { ms } => self.stall(ms, Stall::Burst),
            Step::Format(format) => self.set_format(format),
            Step::Jitter { ms } => self.jitter(ms),
            Step::Break => self.brk(),
            Step::End => self.end(),
        }
    }

    /// Delivers `frames` in one callback. Time passes until the last of them is over.
    pub fn deliver(&self, frames: usize) {
        self.device().deliver(frames);
    }

    /// Lets `ms` pass; each callback comes at the moment its last frame is over. What is
    /// left of the time counts towards the callback after that.
    pub fn advance(&self, ms: u64) {
        self.device().advance(self.clock.in_ms(ms));
    }

    /// Delivers the callbacks that are due because somebody else moved the clock.
    pub fn catch_up(&self) {
        self.device().catch_up();
    }

    /// Sets the size of the callbacks that [`advance`](Self::advance) makes, at least 1.
    pub fn callback(&self, frames: usize) {
        let mut device = self.device();
        device.callback = frames.max(1);
        device.choose_size();
    }

    /// Delivers `callbacks` buffers of 1 to `max_frames` frames.
    pub fn random(&self, seed: u64, callbacks: u64, max_frames: usize) {
        let mut random = Random::new(seed);
        let most = (max_frames as u64).saturating_sub(1);
        for _ in 0..callbacks {
            self.deliver(1 + random.up_to(most) as usize);
        }
    }

    /// Loses `frames`, as a device does that overran, and says so: the next buffer is
    /// that much further on in time and signal.
    pub fn lose(&self, frames: u64) {
        self.device().lose(frames);
    }

    /// Lets `ms` pass without a callback.
    pub fn stall(&self, ms: u64, kind: Stall) {
        let mut device = self.device();
        self.clock.advance_ms(ms);
        match kind {
            Stall::Burst => device.catch_up(),
            Stall::Silent => device.miss(),
        }
    }

    /// Gives the next buffers another format, without a word. A callback that had begun
    /// is gone. Nonsense, such as 0 Hz, is passed on as devices do.
    pub fn set_format(&self, format: Format) {
        self.device().set_format(format);
    }

    /// Says [`Notice::Break`]. (`break` is a word of the language.)
    pub fn brk(&self) {
        self.device().notice(Notice::Break);
    }

    /// Says [`Notice::End`]. Nothing comes after it, and it cannot be started again.
    pub fn end(&self) {
        let mut device = self.device();
        device.notice(Notice::End);
        device.ended = true;
    }

    /// Makes time stamps up to `ms` late, so that they may even run backwards, and the
    /// callbacks of [`advance`](Self::advance) 1 to twice their size long. 0 ends it.
    pub fn jitter(&self, ms: u64) {
        let mut device = self.device();
        device.jitter_ms = ms;
        device.choose_size();
    }

    /// Seeds the chance that [`jitter`](Self::jitter) uses; 0 without this.
    pub fn seed(&self, seed: u64) {
        let mut device = self.device();
        device.random = Random::new(seed);
        device.choose_size();
    }

    /// What it hears from now on.
    pub fn signal(&self, signal: Signal) {
        self.device().signal = signal;
    }

    /// Makes the next start fail with this error, such as a permission denied.
    pub fn refuse_start(&self, error: BackendError) {
        self.device().refusal = Some(error);
    }

    /// Whether it was started, not stopped since, and has not ended.
    pub fn is_running(&self) -> bool {
        self.device().is_running()
    }

    /// What it has done so far.
    pub fn counters(&self) -> Counters {
        self.device().counters
    }

    /// The clock it runs on.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    fn device(&self) -> MutexGuard<'_, Device> {
        lock(&self.shared)
    }
}

impl fmt::Debug for Mock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mock").finish_non_exhaustive()
    }
}

impl fmt::Debug for MockHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockHandle").field("clock", &self.clock).finish_non_exhaustive()
    }
}

fn lock(shared: &Mutex<Device>) -> MutexGuard<'_, Device> {
    // A listener that panicked has failed its test; the others may go on.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the two sides share.
struct Device {
    clock: Clock,
    format: Format,
    callback: usize,
    signal: Signal,
    capture: Option<Box<dyn Capture>>,
    ended: bool,
    refusal: Option<BackendError>,
    timeline: Timeline,
    /// The number of the next frame in the signal; never goes back.
    position: u64,
    /// Frames of the callback that is being filled.
    size: usize,
    jitter_ms: u64,
    random: Random,
    counters: Counters,
    buffer: Vec<f32>,
}

impl Device {
    fn new(format: Format, clock: Clock) -> Self {
        let callback = (format.rate / 100).max(1) as usize;
        Self {
            timeline: Timeline::new(clock.now_ns(), format.rate),
            clock,
            format,
            callback,
            signal: Signal::Ramp,
            capture: None,
            ended: false,
            refusal: None,
            position: 0,
            size: callback,
            jitter_ms: 0,
            random: Random::new(0),
            counters: Counters::default(),
            buffer: Vec::new(),
        }
    }

    fn is_running(&self) -> bool {
        self.capture.is_some() && !self.ended
    }

    fn start(&mut self, capture: Box<dyn Capture>) -> Result<(), BackendError> {
        let busy = |message: &str| Err(BackendError::new(BackendErrorKind::Busy, message));
        if self.ended {
            return busy("the mock device has ended; make a new one");
        }
        if self.capture.is_some() {
            return busy("the mock device is running already; stop it first");
        }
        if let Some(error) = self.refusal.take() {
            return Err(error);
        }
        self.capture = Some(capture);
        self.timeline = Timeline::new(self.clock.now_ns(), self.format.rate);
        Ok(())
    }

    fn deliver(&mut self, frames: usize) {
        if !self.is_running() {
            // Time goes by all the same.
            self.timeline = Timeline::new(self.clock.now_ns(), self.format.rate);
        }
        if let Some(end) = self.timeline.end_ns(frames as u64) {
            self.clock.advance_to_ns(end);
        }
        self.emit(frames);
    }

    fn advance(&mut self, until_ns: u64) {
        while self.is_running() {
            let Some(end) = self.timeline.end_ns(self.size as u64) else {
                break;
            };
            if end > until_ns {
                break;
            }
            // A listener that looks at the clock sees the moment of its callback.
            self.clock.advance_to_ns(end);
            self.emit(self.size);
        }
        self.clock.advance_to_ns(until_ns);
    }

    fn catch_up(&mut self) {
        self.advance(self.clock.now_ns());
    }

    /// One callback with the next frames, at the present moment.
    fn emit(&mut self, frames: usize) {
        if !self.is_running() {
            return;
        }
        let late_ns = self.random_jitter_ns();
        let host_ns = self.timeline.stamp_ns().saturating_add(late_ns);
        self.buffer.resize(frames * usize::from(self.format.channels), 0.0);
        self.signal.fill(&mut self.buffer, self.position, self.format);
        self.pass(frames as u64);
        self.counters.callbacks += 1;
        self.counters.delivered += frames as u64;
        self.choose_size();
        if let Some(capture) = &mut self.capture {
            capture.audio(Buffer { samples: &self.buffer, format: self.format, host_ns });
        }
    }

    fn lose(&mut self, frames: u64) {
        if !self.is_running() {
            return;
        }
        if let Some(end) = self.timeline.end_ns(frames) {
            self.clock.advance_to_ns(end);
        }
        self.pass(frames);
        self.counters.lost += frames;
        self.notice(Notice::Lost(frames));
    }

    /// Gives up what has gone by and was not delivered.
    fn miss(&mut self) {
        if self.is_running() {
            let frames = self.timeline.waiting(self.clock.now_ns());
            self.pass(frames);
            self.counters.missed += frames;
        }
    }

    fn set_format(&mut self, format: Format) {
        self.miss();
        self.format = format;
        self.timeline = Timeline::new(self.clock.now_ns(), format.rate);
    }

    fn notice(&mut self, notice: Notice) {
        if let Some(capture) = self.capture.as_mut().filter(|_| !self.ended) {
            capture.notice(notice);
        }
    }

    fn pass(&mut self, frames: u64) {
        self.timeline.pass(frames);
        self.position = self.position.saturating_add(frames);
    }

    fn choose_size(&mut self) {
        self.size = self.callback;
        if self.jitter_ms > 0 {
            self.size =
                1 + self.random.up_to((self.callback as u64).saturating_mul(2) - 1) as usize;
        }
    }

    fn random_jitter_ns(&mut self) -> u64 {
        self.random.up_to(self.jitter_ms.saturating_mul(1_000_000))
    }
}
