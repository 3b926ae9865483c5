//! Where the phone's audio comes out.

use std::sync::{Arc, Mutex, PoisonError};

use tympan_core::Format;
use tympan_core::session::{Heartbeat, Ms};

use super::{Phone, Sound};
use crate::mock::Signal;
use crate::{Backend, BackendError, BackendErrorKind, Buffer, Capture, Notice};

const NS_PER_MS: u64 = 1_000_000;

/// The microphone of a [`Phone`] as a [`Backend`]. Starting it is listening; whether
/// there is anything to hear, the session decides.
pub struct Microphone {
    line: Arc<Mutex<Line>>,
}

struct Line {
    format: Format,
    capture: Option<Box<dyn Capture>>,
}

/// The phone's end of it.
pub(super) struct Ear {
    line: Arc<Mutex<Line>>,
    samples: Vec<f32>,
    pub(super) signal: Signal,
}

impl Ear {
    pub(super) fn new(format: Format) -> Self {
        let line = Arc::new(Mutex::new(Line { format, capture: None }));
        Self { line, samples: Vec::new(), signal: Signal::Ramp }
    }

    pub(super) fn microphone(&self) -> Microphone {
        Microphone { line: Arc::clone(&self.line) }
    }

    /// Delivers what was captured in the tick that began at `host`.
    pub(super) fn deliver(&mut self, host: Ms, format: Format, sound: Sound) -> Heartbeat {
        let frame_at = |ms: Ms| ms * u64::from(format.rate) / 1000;
        let first = frame_at(host);
        let frames = (frame_at(host + Phone::TICK_MS) - first) as usize;
        self.samples.resize(frames * usize::from(format.channels), 0.0);
        match sound {
            Sound::Signal => self.signal.fill(&mut self.samples, first, format),
            Sound::Zeros => self.samples.fill(0.0),
            Sound::Stale => self.samples.fill(-0.5),
        }
        self.tell(|line| {
            line.format = format;
            if let Some(capture) = &mut line.capture {
                let host_ns = host * NS_PER_MS;
                capture.audio(Buffer { samples: &self.samples, format, host_ns });
            }
        });
        // Whoever searches the memory for what was captured is to find no more than is ours.
        self.samples.fill(0.0);
        let silent = matches!(sound, Sound::Zeros);
        Heartbeat { host, frames: frames as u32, format, silent }
    }

    /// Says that capture breaks off here.
    pub(super) fn interrupt(&self) {
        self.tell(|line| {
            if let Some(capture) = &mut line.capture {
                capture.notice(Notice::Break);
            }
        });
    }

    fn tell(&self, work: impl FnOnce(&mut Line)) {
        work(&mut self.line.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Microphone {
    fn with<T>(&self, work: impl FnOnce(&mut Line) -> T) -> T {
        work(&mut self.line.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Backend for Microphone {
    fn name(&self) -> &'static str {
        "phone"
    }

    fn format(&mut self) -> Result<Format, BackendError> {
        Ok(self.with(|line| line.format))
    }

    fn start(&mut self, capture: Box<dyn Capture>) -> Result<(), BackendError> {
        self.with(|line| {
            if line.capture.is_some() {
                let message = "somebody listens at this microphone already; stop that first";
                return Err(BackendError::new(BackendErrorKind::Busy, message));
            }
            line.capture = Some(capture);
            Ok(())
        })
    }

    fn stop(&mut self) -> Option<Box<dyn Capture>> {
        self.with(|line| line.capture.take())
    }
}
