//! The line from a unit to whoever listens: what a device of iOS and one of macOS have in
//! common.

use std::sync::Arc;
use std::time::Duration;

use coreaudio::Error;
use coreaudio::audio_unit::AudioUnit;
use ringbuf::traits::{Consumer, Producer, Split};
use ringbuf::{HeapCons, HeapRb};
use tympan_core::Format;
use tympan_core::session::{Event, Heartbeat, Ms};

use super::clock::Clock;
use super::input::{Input, Stand};
use super::unit::{Unit, Wanted};
use super::{Inbox, News};
use crate::{BackendError, BackendErrorKind, Capture, Workgroup};

/// Heartbeats that may wait: at 10 ms each, ten seconds.
const BEATS: usize = 1024;

/// How often heartbeats are looked at while audio comes.
const LOOK_MS: Ms = 100;

/// A unit, as long as there is one, and all that outlives it.
pub(crate) struct Line {
    clock: Arc<Clock>,
    inbox: Arc<Inbox>,
    beats: HeapCons<Heartbeat>,
    input: Arc<Input>,
    unit: Option<Unit>,
    /// I/O was started and not stopped since.
    running: bool,
    /// Nobody was told of its threads since.
    fresh: bool,
}

impl Line {
    pub(crate) fn new() -> Self {
        let (mut pulse, mut beats) = HeapRb::new(BEATS).split();
        // Memory that was never touched would be a wait for the callback that is the first to.
        let blank = Heartbeat { host: 0, frames: 0, format: Format::mono(1), silent: true };
        pulse.push_iter(std::iter::repeat_n(blank, BEATS));
        beats.skip(BEATS);
        let clock = Arc::new(Clock::new());
        let input = Input::new(Stand::new(pulse), clock.clone());
        Self {
            clock,
            inbox: Arc::new(Inbox::new()),
            beats,
            input,
            unit: None,
            running: false,
            fresh: false,
        }
    }

    pub(crate) fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    pub(crate) fn clock(&self) -> Arc<dyn Fn() -> Ms + Send + Sync> {
        let clock = self.clock.clone();
        Arc::new(move || clock.now())
    }

    /// Starts a unit that is as wanted: the one at hand, or a new one, to which `choose`
    /// may do more before it is initialised.
    pub(crate) fn start(
        &mut self,
        wanted: Wanted,
        choose: impl FnOnce(&mut AudioUnit) -> Result<(), Error>,
    ) -> Result<(), i32> {
        self.unit.take_if(|unit| !unit.fits(wanted));
        let unit = match &mut self.unit {
            Some(unit) => unit,
            none => {
                let inbox = self.inbox.clone();
                let changed = move || inbox.post(News::Event(Event::EngineConfigChanged));
                none.insert(Unit::new(wanted, &self.input, changed, choose)?)
            }
        };
        unit.start()?;
        (self.running, self.fresh) = (true, true);
        Ok(())
    }

    pub(crate) fn stop(&mut self) {
        self.running = false;
        if let Some(unit) = &mut self.unit {
            unit.stop();
        }
    }

    /// Throws the unit away; the next start makes another.
    pub(crate) fn rebuild(&mut self) {
        self.running = false;
        self.unit = None;
    }

    /// The unit that runs, as the system sees it.
    pub(crate) fn running(&self) -> Option<&Unit> {
        self.unit.as_ref().filter(|unit| unit.is_running())
    }

    /// The threads of the device, once for each start.
    pub(crate) fn workgroup(&mut self) -> Option<Workgroup> {
        let fresh = std::mem::take(&mut self.fresh);
        self.unit.as_ref().filter(|_| fresh).and_then(Unit::workgroup)
    }

    /// What was heard, which comes before what has happened: it was heard before whatever
    /// took the microphone.
    pub(crate) fn beat(&mut self) -> Option<Event> {
        let beat = self.beats.try_pop();
        if beat.is_none() {
            self.clock.tune();
        }
        beat.map(Event::Heartbeat)
    }

    pub(crate) fn listen(&mut self, ear: Box<dyn Capture>) -> Result<(), BackendError> {
        let call = self.inbox.call();
        self.input.shut(|stand| {
            if stand.ear.is_some() {
                let message = "somebody listens to this microphone already";
                return Err(BackendError::new(BackendErrorKind::Busy, message));
            }
            (stand.ear, stand.call) = (Some(ear), call);
            Ok(())
        })
    }

    pub(crate) fn wait(&self, until: Option<Ms>) {
        let now = self.clock.now();
        let look = self.running.then_some(now + LOOK_MS);
        match until.into_iter().chain(look).min() {
            None => std::thread::park(),
            Some(until) => {
                std::thread::park_timeout(Duration::from_millis(until.saturating_sub(now)));
            }
        }
    }
}

/// The unit goes before what it calls, and whoever listened is told that it is over.
impl Drop for Line {
    fn drop(&mut self) {
        self.unit = None;
        self.input.shut(|stand| drop(stand.ear.take()));
    }
}
