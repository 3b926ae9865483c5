//! What a graph is tried with where there is no microphone: a voice in a noisy room.

use std::sync::{Arc, Mutex, PoisonError};

use tympan::backend::mock::{Mock, Signal};
use tympan::backend::{Buffer, Capture, Notice};
use tympan::{Backend, BackendError, Event, Format, Header, Plan, Planar, Sink};

use crate::profile::{self, Profile};

const VOICE: Signal = Signal::Speechlike { seed: 7 };
const HISS: Signal = Signal::Noise { seed: 1, level: 0.01 };
const HUM: Signal = Signal::Sine { hz: 50.0, level: 0.01 };

/// The sound as a device hears it, interleaved, for so many seconds. The third of every
/// three phrases is left out, so that there are pauses that a gate closes in. It is made
/// beforehand, so that the time a graph takes is the graph's alone.
pub(crate) fn sound(device: Format, seconds: u64) -> Result<Vec<f32>, BackendError> {
    let mut sound = heard(VOICE, device, seconds)?;
    // A phrase and the pause before it.
    let phrase = device.rate as usize * 8 / 5 * usize::from(device.channels);
    for phrase in sound.chunks_mut(phrase).skip(2).step_by(3) {
        phrase.fill(0.0);
    }
    for noise in [heard(HISS, device, seconds)?, heard(HUM, device, seconds)?] {
        sound.iter_mut().zip(noise).for_each(|(sample, noise)| *sample += noise);
    }
    Ok(sound)
}

/// What a device hears of a signal.
fn heard(signal: Signal, device: Format, seconds: u64) -> Result<Vec<f32>, BackendError> {
    let heard = Arc::default();
    let (mut mock, handle) = Mock::new(device);
    handle.signal(signal);
    mock.start(Box::new(Ear { heard: Arc::clone(&heard) }))?;
    handle.advance(seconds * 1000);
    drop(mock);
    Ok(std::mem::take(&mut *heard.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// Keeps everything it hears.
struct Ear {
    heard: Arc<Mutex<Vec<f32>>>,
}

impl Capture for Ear {
    fn audio(&mut self, buffer: Buffer<'_>) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.extend_from_slice(buffer.samples);
    }

    fn notice(&mut self, _: Notice) {}
}

/// Samples of 10 ms, as most devices deliver them.
pub(crate) fn block(device: Format) -> usize {
    (device.rate as usize / 100).max(1) * usize::from(device.channels)
}

/// What part of realtime each node takes on this machine.
pub(crate) fn costs(plan: Plan, sound: &[f32], device: Format) -> Vec<f64> {
    let mut executor = plan.executor();
    executor.set_calls(profile::timed());
    executor.warm();
    let nodes: Vec<String> = executor.nodes().map(str::to_owned).collect();
    profile::begin(Profile::new(nodes.iter().map(String::as_str), None));
    for block in sound.chunks(block(device)) {
        profile::block(|| executor.push(block, &mut Nowhere));
    }
    let frames = sound.len() / usize::from(device.channels);
    let seconds = frames as f64 / f64::from(device.rate);
    let nodes = profile::end().map_or(Vec::new(), |profile| profile.nodes);
    nodes.iter().map(|node| node.total.as_secs_f64() / seconds).collect()
}

/// Where nothing is kept.
pub(crate) struct Nowhere;

impl Sink for Nowhere {
    fn audio(&mut self, _: usize, _: &Header, _: Planar<'_>) {}
    fn packet(&mut self, _: usize, _: &Header, _: &[u8]) {}
    fn event(&mut self, _: Event) {}
}
