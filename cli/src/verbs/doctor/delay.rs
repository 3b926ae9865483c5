//! How late a reader of a graph hears what was captured: measured, not added up.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tympan::backend::cpal::{Clicks, Microphone, now_ns};
use tympan::backend::{Buffer, Capture, Notice, WorkgroupError};
use tympan::{Backend, BackendError, Format, Graph, Pipeline, Priority};

/// What was measured.
pub(super) struct Measured {
    pub(super) priority: Option<Priority>,
    /// Whether the worker is one of the device's threads, if it was told of any.
    pub(super) joined: Option<Result<(), WorkgroupError>>,
    /// From the call of the callback to the reader.
    pub(super) callback: Option<Spread>,
    /// From the loudspeaker to the reader, or why not.
    pub(super) clicks: Option<Result<Spread, String>>,
}

/// Delays in ms.
pub(super) struct Spread {
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) count: usize,
}

impl Spread {
    /// Of these nanoseconds; none of none.
    fn of(mut delays: Vec<u64>) -> Option<Self> {
        delays.sort_unstable();
        let last = delays.len().checked_sub(1)?;
        let at = |part: usize| delays[last * part / 100] as f64 / 1e6;
        Some(Self { p50: at(50), p99: at(99), count: delays.len() })
    }
}

/// The smallest graph there is.
const GRAPH: &str = "[[node]]\nkind = \"mix\"\nchannels = 1\n\n[[output]]\nname = \"voice\"\n";

/// How often it clicks, and for how long it is listened to.
const EVERY: Duration = Duration::from_millis(200);
const CLICKING: Duration = Duration::from_secs(6);
const LISTENING: Duration = Duration::from_secs(1);

/// A piece as its reader got it.
struct Piece {
    read_ns: u64,
    samples: Vec<f32>,
}

/// Runs the graph on the microphone for a while.
pub(super) fn measure(device: Option<&str>, clicks: bool) -> Result<Measured, String> {
    let graph = Graph::from_toml(GRAPH, &tympan::registry()).map_err(|error| error.to_string())?;
    let microphone = match device {
        None => Microphone::system(),
        Some(name) => Microphone::only(name),
    };
    let calls = Arc::<Mutex<VecDeque<(u64, u64)>>>::default();
    let timed = Timed { inner: microphone.map_err(said)?, calls: calls.clone() };
    let pipeline = Pipeline::builder(&graph).backend(timed).start();
    let mut pipeline = pipeline.map_err(|error| error.to_string())?;
    let mut reader = pipeline.pcm("voice").ok_or("the graph has no such output")?;
    let rate = reader.info().format.rate;
    let consumer = std::thread::spawn(move || {
        let mut pieces = Vec::new();
        while let Some(block) = reader.next_block() {
            pieces.push(Piece { read_ns: now_ns(), samples: block.samples.to_vec() });
        }
        pieces
    });
    let mut clicker = clicks.then(|| Clicks::every(EVERY));
    std::thread::sleep(if clicks { CLICKING } else { LISTENING });
    let moments = clicker.as_mut().map(|clicker| match clicker {
        Ok(clicker) => Ok(clicker.moments()),
        Err(error) => Err(error.message.clone()),
    });
    drop(clicker);
    let (priority, joined) = (pipeline.priority(), pipeline.joined());
    pipeline.stop();
    let pieces = consumer.join().map_err(|_| "the reader has panicked")?;
    let calls = calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let clicks = moments.map(|moments| heard(&pieces, rate, &moments?));
    Ok(Measured { priority, joined, callback: Spread::of(since_call(&pieces, calls)), clicks })
}

fn said(error: BackendError) -> String {
    error.message
}

/// How long each piece took from the callback that brought its last frame.
fn since_call(pieces: &[Piece], mut calls: VecDeque<(u64, u64)>) -> Vec<u64> {
    let (mut read, mut delays) = (0, Vec::new());
    for piece in pieces {
        read += piece.samples.len() as u64;
        while calls.front().is_some_and(|(frames, _)| *frames < read) {
            calls.pop_front();
        }
        if let Some((_, called_ns)) = calls.front() {
            delays.push(piece.read_ns.saturating_sub(*called_ns));
        }
    }
    delays
}

/// When the clicks were read, each by how long that is after it was played.
fn heard(pieces: &[Piece], rate: u32, moments: &[u64]) -> Result<Spread, String> {
    let peak = pieces.iter().flat_map(|piece| &piece.samples).fold(0.0f32, |p, x| p.max(x.abs()));
    // Rooms sound on for a while; only the first of it is the click.
    let quiet = rate as usize / 10;
    let (mut since, mut found) = (quiet, Vec::new());
    for piece in pieces {
        for sample in &piece.samples {
            if sample.abs() > peak / 2.0 && peak > 0.01 {
                if since >= quiet {
                    found.push(piece.read_ns);
                }
                since = 0;
            } else {
                since += 1;
            }
        }
    }
    let mut delays = Vec::new();
    for read_ns in found {
        let played = moments.iter().rev().find(|moment| **moment <= read_ns);
        delays.extend(played.map(|played| read_ns - played));
    }
    // The odd knock on the table is no measurement.
    match Spread::of(delays) {
        Some(spread) if spread.count * 2 >= moments.len() && !moments.is_empty() => Ok(spread),
        _ => Err("the clicks did not arrive: is the loudspeaker on, and in the room of the \
                  microphone?"
            .to_owned()),
    }
}

/// The microphone, with the time of each of its calls.
struct Timed {
    inner: Microphone,
    /// Frames until then, and when.
    calls: Arc<Mutex<VecDeque<(u64, u64)>>>,
}

impl Backend for Timed {
    fn name(&self) -> &str {
        Backend::name(&self.inner)
    }

    fn format(&mut self) -> Result<Format, BackendError> {
        Backend::format(&mut self.inner)
    }

    fn start(&mut self, capture: Box<dyn Capture>) -> Result<(), BackendError> {
        let calls = self.calls.clone();
        self.inner.start(Box::new(Ear { capture, calls, frames: 0 }))
    }

    fn stop(&mut self) -> Option<Box<dyn Capture>> {
        self.inner.stop()
    }

    fn is_live(&self) -> bool {
        true
    }
}

struct Ear {
    capture: Box<dyn Capture>,
    calls: Arc<Mutex<VecDeque<(u64, u64)>>>,
    frames: u64,
}

impl Capture for Ear {
    fn audio(&mut self, buffer: Buffer<'_>) {
        let frames = buffer.samples.len() / usize::from(buffer.format.channels.max(1));
        self.frames += frames as u64;
        let call = (self.frames, now_ns());
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push_back(call);
        self.capture.audio(buffer);
    }

    fn notice(&mut self, notice: Notice) {
        self.capture.notice(notice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clicks_are_found_with_their_delays_and_silence_is_no_measurement() {
        let mut piece = |n: u64| {
            let mut samples = vec![0.001; 480];
            if n % 20 == 7 {
                samples[100..150].fill(0.4);
                samples[300] = 0.39;
            }
            Piece { read_ns: n * 10_000_000 + 25_000_000, samples }
        };
        let pieces: Vec<_> = (0..200).map(&mut piece).collect();
        let moments: Vec<_> = (0..10).map(|n| (n * 20 + 7) * 10_000_000).collect();
        let spread = heard(&pieces, 48_000, &moments).unwrap();
        assert_eq!((spread.count, spread.p50, spread.p99), (10, 25.0, 25.0));
        assert!(heard(&pieces, 48_000, &[]).is_err());
        let silence: Vec<_> =
            (0..9).map(|n| Piece { read_ns: n, samples: vec![0.0; 480] }).collect();
        assert!(heard(&silence, 48_000, &[1]).is_err());
        assert!(heard(&[], 48_000, &[1]).is_err());
    }

    #[test]
    fn a_spread_is_of_what_there_is() {
        assert!(Spread::of(Vec::new()).is_none());
        let spread = Spread::of((1..=100).map(|ms| ms * 1_000_000).collect()).unwrap();
        assert_eq!((spread.p50, spread.p99, spread.count), (50.0, 99.0, 100));
    }
}
