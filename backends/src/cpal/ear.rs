//! The callback: converts, counts, and hands over. And the alarm beside it.
//!
//! # Realtime
//! Neither allocates, locks, calls the system nor panics. What the listener does is its own
//! affair, and what it does here is one documented wake-up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, TryLockError};
use std::thread::Thread;
use std::time::Duration;

use ::cpal::{Data, ErrorKind};

use super::convert::pieces;
use super::system::Spec;
use super::timeline::Timeline;
use crate::{Buffer, Capture, Notice};

/// Where the listener is, for the callback and for whoever wants it back.
///
/// Both only *try* to have it, and nobody ever waits inside the lock: the callback leaves at
/// once if it cannot, and that is only while capture ends. So it is a flag, and neither the
/// callback nor the system can be kept waiting by the other.
#[derive(Default)]
pub(super) struct Gate(Mutex<Option<Box<dyn Capture>>>);

type Place<'a> = MutexGuard<'a, Option<Box<dyn Capture>>>;

impl Gate {
    pub(super) fn new(listener: Box<dyn Capture>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(listener))))
    }

    fn try_enter(&self) -> Option<Place<'_>> {
        match self.0.try_lock() {
            Ok(place) => Some(place),
            Err(TryLockError::Poisoned(place)) => Some(place.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Not for callbacks: waits until one that runs is over.
    fn enter(&self) -> Place<'_> {
        loop {
            if let Some(place) = self.try_enter() {
                return place;
            }
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    /// Takes the listener back. No callback reaches it any more when this returns.
    pub(super) fn take(&self) -> Option<Box<dyn Capture>> {
        self.enter().take()
    }

    /// Tells the listener something, if it is still here.
    pub(super) fn tell(&self, notice: Notice) {
        if let Some(listener) = self.enter().as_mut() {
            listener.notice(notice);
        }
    }
}

/// What went wrong, as flags: they can be raised from any thread, at no cost.
#[derive(Default)]
pub(super) struct Alarm {
    raised: AtomicU32,
    /// Whoever looks at them.
    looks: OnceLock<Thread>,
    /// What is to be added to the stream's clock to make it ours, in ns.
    pub(super) offset_ns: AtomicI64,
}

/// Something that can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Wrong {
    /// Frames were lost. The callback itself sees to that.
    Overrun = 1,
    /// The device is not there any more.
    Gone = 2,
    /// The stream has to be made anew.
    Invalid = 4,
    /// The system has moved the stream to another device, and it goes on.
    Moved = 8,
    /// The microphone may not be used any more.
    Forbidden = 16,
}

impl Alarm {
    /// An alarm that wakes the thread that makes it.
    pub(super) fn here() -> Arc<Self> {
        let alarm = Self::default();
        let _ = alarm.looks.set(std::thread::current());
        Arc::new(alarm)
    }

    /// # Realtime
    /// One wake-up, the first time.
    pub(super) fn raise(&self, wrong: Wrong) {
        let before = self.raised.fetch_or(wrong as u32, Ordering::AcqRel);
        let news = before & wrong as u32 == 0 && wrong != Wrong::Overrun;
        if let Some(thread) = self.looks.get().filter(|_| news) {
            thread.unpark();
        }
    }

    /// Whether this was raised since it was last asked.
    pub(super) fn takes(&self, wrong: Wrong) -> bool {
        // A read alone, mostly: this is asked in every callback.
        self.raised.load(Ordering::Acquire) & wrong as u32 != 0
            && self.raised.fetch_and(!(wrong as u32), Ordering::AcqRel) & wrong as u32 != 0
    }

    /// What cpal calls with its errors, on any thread, the audio thread too.
    ///
    /// # Realtime
    /// As [`raise`](Self::raise). An error with a text in it was allocated by the caller on
    /// this very thread, and ends here.
    pub(super) fn hear(&self, error: &::cpal::Error) {
        self.raise(match error.kind() {
            ErrorKind::Xrun => Wrong::Overrun,
            ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable => Wrong::Gone,
            ErrorKind::DeviceChanged => Wrong::Moved,
            // It goes on, if less surely.
            ErrorKind::RealtimeDenied => return,
            ErrorKind::PermissionDenied => Wrong::Forbidden,
            _ => Wrong::Invalid,
        });
    }
}

/// Samples converted at once. A larger callback comes in pieces.
const ROOM: usize = 8192;

/// What the data callback of a stream does.
pub(super) struct Ear {
    gate: Arc<Gate>,
    alarm: Arc<Alarm>,
    spec: Spec,
    timeline: Timeline,
    room: Box<[f32]>,
}

impl Ear {
    pub(super) fn new(gate: Arc<Gate>, alarm: Arc<Alarm>, spec: Spec) -> Self {
        let timeline = Timeline::new(spec.format.rate);
        Self { gate, alarm, spec, timeline, room: vec![0.0; ROOM].into() }
    }

    /// Hands over what was captured; `now_ns` is the moment of the call by the stream's clock.
    pub(super) fn hear(&mut self, data: &Data, now_ns: u64) {
        let Self { gate, alarm, spec, timeline, room } = self;
        let Some(mut place) = gate.try_enter() else { return };
        let Some(listener) = place.as_mut() else { return };
        let channels = usize::from(spec.format.channels);
        let now = now_ns as i64 + alarm.offset_ns.load(Ordering::Acquire);
        let overrun = alarm.takes(Wrong::Overrun);
        let placed = timeline.place(data.len() / channels, now.max(0) as u64, overrun);
        // Behind this is the system's own code, which no panic may reach.
        let heard = catch_unwind(AssertUnwindSafe(|| {
            if placed.lost > 0 {
                listener.notice(Notice::Lost(placed.lost));
            }
            let mut before = 0;
            pieces(data, channels, room, &mut |samples| {
                let host_ns = placed.host_ns + before * 1_000_000_000 / u64::from(spec.format.rate);
                listener.audio(Buffer { samples, format: spec.format, host_ns });
                before += (samples.len() / channels) as u64;
            });
        }));
        if heard.is_err() {
            alarm.raise(Wrong::Invalid);
        }
    }
}
