//! A second of the microphone, looked at in its own callback.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tympan::backend::realtime::{self, Priority};
use tympan::backend::{Buffer, Capture, Notice};
use tympan::{Backend, BackendError, Format};

/// What came.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) buffers: u64,
    pub(super) frames: u64,
    pub(super) lost: u64,
    pub(super) least: usize,
    pub(super) most: usize,
    pub(super) format: Format,
    pub(super) silent: bool,
    pub(super) peak: f32,
    pub(super) samples: Vec<f32>,
    /// How the thread of the callback is scheduled.
    pub(super) priority: Option<Priority>,
    pub(super) seconds: f64,
    first: Option<(Instant, u64)>,
    last: Option<Instant>,
}

impl Heard {
    /// The rate by our own clock.
    pub(super) fn rate(&self) -> Option<f64> {
        let ((first, before), last) = (self.first?, self.last?);
        let seconds = (last - first).as_secs_f64();
        (seconds > 0.5).then(|| (self.frames - before) as f64 / seconds)
    }
}

/// How long it may take to say anything, and how long it is listened to then.
const PATIENCE: Duration = Duration::from_secs(3);
const LISTENING: Duration = Duration::from_secs(1);

/// Listens to it.
pub(super) fn listen(microphone: &mut impl Backend) -> Result<Heard, BackendError> {
    let heard = Arc::new(Mutex::new(Heard {
        buffers: 0,
        frames: 0,
        lost: 0,
        least: usize::MAX,
        most: 0,
        format: Format::new(0, 0),
        silent: true,
        peak: 0.0,
        samples: Vec::new(),
        priority: None,
        seconds: 0.0,
        first: None,
        last: None,
    }));
    microphone.start(Box::new(Ear(heard.clone())))?;
    let opened = Instant::now();
    while lock(&heard).buffers == 0 && opened.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(5));
    }
    let began = Instant::now();
    std::thread::sleep(LISTENING);
    microphone.stop();
    let mut heard = lock(&heard).clone();
    heard.seconds = began.elapsed().as_secs_f64();
    Ok(heard)
}

/// It looks closer than the callback of a take may: it asks for the time and grows.
struct Ear(Arc<Mutex<Heard>>);

impl Capture for Ear {
    fn audio(&mut self, buffer: Buffer<'_>) {
        let now = Instant::now();
        let frames = buffer.samples.len() / usize::from(buffer.format.channels.max(1));
        let mut heard = lock(&self.0);
        heard.buffers += 1;
        heard.frames += frames as u64;
        (heard.least, heard.most) = (heard.least.min(frames), heard.most.max(frames));
        heard.format = buffer.format;
        heard.silent &= buffer.samples.iter().all(|sample| *sample == 0.0);
        let peak = buffer.samples.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
        heard.peak = heard.peak.max(peak);
        heard.samples.extend_from_slice(buffer.samples);
        if heard.priority.is_none() {
            heard.priority = Some(realtime::this_thread());
        }
        let frames = heard.frames;
        // What lay waiting at the beginning comes in a burst, and tells nothing of the rate.
        if heard.first.is_none() && heard.buffers >= 10 {
            heard.first = Some((now, frames));
        }
        heard.last = Some(now);
    }

    fn notice(&mut self, notice: Notice) {
        if let Notice::Lost(frames) = notice {
            lock(&self.0).lost += frames;
        }
    }
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}
