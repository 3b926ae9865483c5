//! Clicks of the loudspeaker, to measure how long a microphone takes to bring them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use ::cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use ::cpal::{BufferSize, Data, OutputCallbackInfo, SampleFormat};
use dasp_sample::{FromSample, Sample};
use ringbuf::traits::{Consumer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

use super::clock;
use super::real::{nanos, preferred_host, told};
use crate::{BackendError, BackendErrorKind};

/// Clicks on the loudspeaker that the system chooses, for as long as it lives.
pub struct Clicks {
    _stream: ::cpal::Stream,
    moments: HeapCons<u64>,
}

/// More than anybody listens to.
const MOST: usize = 4096;
/// A click is this long, in parts of a second.
const LENGTH: u32 = 1000;
const LEVEL: f32 = 0.5;

impl Clicks {
    /// Clicks once in this time, the first time when that has passed.
    pub fn every(time: Duration) -> Result<Self, BackendError> {
        let host = preferred_host(None)?;
        let device = host.default_output_device().ok_or_else(|| {
            let message = "there is no loudspeaker to click with";
            BackendError::new(BackendErrorKind::NotFound, message)
        })?;
        let usual = device.default_output_config().map_err(|error| told(&error))?;
        let mut config = usual.config();
        config.buffer_size = BufferSize::Fixed(config.sample_rate / 50);
        let (sender, moments) = HeapRb::new(MOST).split();
        let offset_ns = Arc::new(AtomicI64::new(0));
        let mut clicker = Clicker {
            rate: config.sample_rate,
            channels: usize::from(config.channels.max(1)),
            period: (time.as_secs_f64() * f64::from(config.sample_rate)).max(1.0) as u64,
            frame: 0,
            offset_ns: offset_ns.clone(),
            moments: sender,
        };
        let stream = device.build_output_stream_raw(
            config,
            usual.sample_format(),
            move |data, info| clicker.fill(data, info),
            |_| {},
            Some(Duration::from_secs(3)),
        );
        let stream = stream.map_err(|error| told(&error))?;
        let offset = clock::now_ns() as i64 - nanos(stream.now()) as i64;
        offset_ns.store(offset, Ordering::Release);
        stream.play().map_err(|error| told(&error))?;
        Ok(Self { _stream: stream, moments })
    }

    /// When the clicks that were not asked for before leave the loudspeaker, as far as the
    /// system knows, in nanoseconds of [`now_ns`](super::now_ns).
    pub fn moments(&mut self) -> Vec<u64> {
        self.moments.pop_iter().collect()
    }
}

/// The callback.
struct Clicker {
    rate: u32,
    channels: usize,
    period: u64,
    frame: u64,
    offset_ns: Arc<AtomicI64>,
    moments: HeapProd<u64>,
}

impl Clicker {
    fn fill(&mut self, data: &mut Data, info: &OutputCallbackInfo) {
        let leaves = nanos(info.timestamp().playback) as i64;
        let leaves = leaves + self.offset_ns.load(Ordering::Acquire);
        match data.sample_format() {
            SampleFormat::F32 => self.write::<f32>(data, leaves),
            SampleFormat::I16 => self.write::<i16>(data, leaves),
            SampleFormat::I32 => self.write::<i32>(data, leaves),
            SampleFormat::I24 => self.write::<dasp_sample::I24>(data, leaves),
            SampleFormat::U8 => self.write::<u8>(data, leaves),
            _ => {}
        }
    }

    fn write<T: ::cpal::SizedSample + Sample + FromSample<f32>>(
        &mut self,
        data: &mut Data,
        leaves_ns: i64,
    ) {
        let length = u64::from(self.rate / LENGTH).max(1);
        let samples = data.as_slice_mut::<T>().unwrap_or_default();
        for (n, frame) in samples.chunks_mut(self.channels).enumerate() {
            let within = self.frame % self.period;
            let sounds = self.frame >= self.period && within < length;
            if sounds && within == 0 {
                let after = n as i64 * 1_000_000_000 / i64::from(self.rate.max(1));
                let _ = self.moments.try_push((leaves_ns + after).max(0) as u64);
            }
            // Up and down, so that no loudspeaker is pushed one way.
            let level = if within * 2 < length { LEVEL } else { -LEVEL };
            frame.fill(T::from_sample_(if sounds { level } else { 0.0 }));
            self.frame += 1;
        }
    }
}
