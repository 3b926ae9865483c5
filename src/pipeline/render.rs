//! A second source: what the loudspeaker plays, placed on the microphone's timeline
//! by host time.

use std::sync::Arc;

use ringbuf::traits::{Consumer, Observer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};
use tympan_core::{Executor, Format, Sink};

use crate::pipeline::shared::Shared;

/// Takes what the loudspeaker plays, from its callback.
///
/// # Realtime
/// [`push`](Self::push) allocates, locks and blocks nothing.
pub struct RenderWriter {
    samples: HeapProd<f32>,
    times: HeapProd<(u64, u64)>,
    written: u64,
    channels: usize,
    shared: Arc<Shared>,
}

pub(crate) struct RenderExit {
    samples: HeapCons<f32>,
    times: HeapCons<(u64, u64)>,
    time: Option<(u64, u64)>,
    taken: u64,
    format: Format,
    mic_rate: u32,
    /// Where the microphone was, and when.
    mic: Option<(i64, u64)>,
    /// Where the next frame goes if nothing speaks against it.
    next: Option<i64>,
    scratch: Box<[f32]>,
    shared: Arc<Shared>,
}

/// Host times jitter; only a larger distance than this moves the signal.
const JITTER_MS: i64 = 8;
const CHUNK: usize = 2048;

pub(crate) fn render(
    format: Format,
    mic: Format,
    seconds: f64,
    shared: Arc<Shared>,
) -> (RenderWriter, RenderExit) {
    let channels = format.channels as usize;
    let frames = (seconds * f64::from(format.rate)).ceil().max(1.0) as usize;
    let (samples, out) = HeapRb::new(frames * channels).split();
    let (times, times_out) = HeapRb::new(1024).split();
    let writer = RenderWriter { samples, times, written: 0, channels, shared: shared.clone() };
    let exit = RenderExit {
        samples: out,
        times: times_out,
        time: None,
        taken: 0,
        format,
        mic_rate: mic.rate,
        mic: None,
        next: None,
        scratch: vec![0.0; CHUNK * channels].into(),
        shared,
    };
    (writer, exit)
}

impl RenderWriter {
    /// Gives interleaved samples whose first frame is heard at `host_ns`. Returns how
    /// many frames were taken; a full ring takes no more.
    pub fn push(&mut self, samples: &[f32], host_ns: u64) -> usize {
        let frames = samples.len() / self.channels;
        let taken = frames.min(self.samples.vacant_len() / self.channels);
        if taken > 0 && self.times.try_push((self.written, host_ns)).is_ok() {
            self.samples.push_slice(&samples[..taken * self.channels]);
            self.written += taken as u64;
            self.shared.late.add((frames - taken) as u64);
            return taken;
        }
        self.shared.late.add(frames as u64);
        0
    }
}

impl RenderExit {
    pub(crate) fn mic_was_at(&mut self, position: i64, host_ns: u64) {
        if position == 0 {
            // A new segment: nothing is placed yet.
            self.next = None;
        }
        self.mic = Some((position, host_ns));
    }

    /// Feeds what has come, each piece to its time.
    pub(crate) fn feed(&mut self, executor: &mut Executor, sink: &mut dyn Sink) {
        let channels = self.format.channels as usize;
        loop {
            let samples = self.samples.occupied_len();
            if self.time.is_some_and(|(at, _)| at == self.taken) {
                let heard = self.time.take().map_or(0, |(_, ns)| ns);
                self.place(heard);
            }
            self.time = self.time.or_else(|| self.times.try_pop());
            if self.time.is_some_and(|(at, _)| at == self.taken) {
                continue;
            }
            let upto = self.time.map_or(u64::MAX, |(at, _)| at - self.taken).min(CHUNK as u64);
            let frames = (samples / channels).min(upto as usize);
            let Some(next) = self.next.filter(|_| frames > 0) else { return };
            let block = &mut self.scratch[..frames * channels];
            self.samples.pop_slice(block);
            let fed = executor.feed(1, next, block, sink);
            self.shared.late.add((fed.late + fed.early) as u64);
            self.next = Some(next + frames as i64);
            self.taken += frames as u64;
        }
    }

    /// The next frame is heard at `host_ns`: moves it there if it is far off.
    fn place(&mut self, host_ns: u64) {
        let Some((at, ns)) = self.mic else { return };
        let rate = i128::from(self.format.rate);
        let since = i128::from(host_ns) - i128::from(ns);
        let mic = i128::from(at) * rate / i128::from(self.mic_rate);
        let want = (mic + since * rate / 1_000_000_000) as i64;
        let jitter = i64::from(self.format.rate) * JITTER_MS / 1000;
        if self.next.is_none_or(|next| (next - want).abs() > jitter) {
            self.next = Some(want);
        }
    }
}
