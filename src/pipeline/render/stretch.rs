//! A signal made a little longer or shorter, by rubato's asynchronous resampler.
//!
//! # Realtime
//! [`run`](Stretch::run) and [`reset`](Stretch::reset) allocate, lock and block nothing.

use std::num::NonZeroUsize;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Adjustable, Async, FixedAsync, Resampler, Resizable, SincInterpolationParameters,
    SincInterpolationType, WindowFunction,
};

use super::CHUNK;
use super::drift::MOST;

/// Length of the filter, in frames.
const LENGTH: usize = 64;
/// Phases in its table, between which cubic polynomials lead.
const PHASES: usize = 32;
/// How many frames before the first one taken the first one made lies.
const BEHIND: f64 = (LENGTH / 2 - 1) as f64 - 1.0 / PHASES as f64;

pub(super) struct Stretch {
    inner: Async<f32>,
    channels: NonZeroUsize,
    made: Box<[f32]>,
    behind: f64,
}

impl Stretch {
    pub(super) fn new(channels: NonZeroUsize) -> Self {
        let interleaved = channels.get();
        let filter = SincInterpolationParameters {
            sinc_len: LENGTH,
            f_cutoff: Some(7.75 / 8.0),
            oversampling_factor: PHASES,
            interpolation: SincInterpolationType::Cubic,
            window: WindowFunction::Blackman,
        };
        let inner =
            Async::new_sinc(1.0, 1.0 + 2.0 * MOST, &filter, CHUNK, interleaved, FixedAsync::Input)
                .expect("rubato takes what is constant here");
        let made = vec![0.0; inner.output_frames_max() * interleaved].into();
        Self { inner, channels, made, behind: BEHIND }
    }

    /// How many frames the next one made lies behind the next one taken.
    pub(super) fn behind(&self) -> f64 {
        self.behind
    }

    /// Forgets what it has taken.
    pub(super) fn reset(&mut self) {
        self.inner.reset();
        self.behind = BEHIND;
    }

    /// Takes up to `CHUNK` interleaved frames and makes `ratio` of each.
    pub(super) fn run(&mut self, x: &[f32], ratio: f64) -> &[f32] {
        let made = self.try_run(x, ratio).unwrap_or_default();
        self.made.get(..made * self.channels.get()).unwrap_or_default()
    }

    /// How many were made. None if rubato refuses, which it has no reason for.
    fn try_run(&mut self, x: &[f32], ratio: f64) -> Option<usize> {
        let frames = x.len() / self.channels;
        self.inner.set_chunk_size(frames).ok()?;
        self.inner.set_resample_ratio(ratio, false).ok()?;
        let room = self.made.len() / self.channels;
        let channels = self.channels.get();
        let x = InterleavedSlice::new(x, channels, frames).ok()?;
        let mut made = InterleavedSlice::new_mut(&mut self.made, channels, room).ok()?;
        let (taken, made) = self.inner.process_into_buffer(&x, &mut made, None).ok()?;
        self.behind += taken as f64 - made as f64 / ratio;
        Some(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where each frame made lies among those taken: a ramp says it itself.
    fn places(stretch: &mut Stretch, sizes: &[usize], ratio: f64) -> Vec<f64> {
        let mut at = 0;
        let mut places = Vec::new();
        for &size in sizes {
            let ramp: Vec<f32> = (at..at + size).map(|i| i as f32 / 4096.0).collect();
            let before = at as f64 - stretch.behind();
            let made = stretch.run(&ramp, ratio).to_vec();
            for (i, x) in made.iter().enumerate() {
                let place = f64::from(*x) * 4096.0;
                // The filter has run in after its length.
                if at > 2 * LENGTH {
                    let said = before + i as f64 / ratio;
                    assert!((place - said).abs() < 0.05, "{place}, not {said}");
                }
                places.push(place);
            }
            at += size;
        }
        places
    }

    #[test]
    fn it_knows_how_far_it_is_behind() {
        for ratio in [1.0, 1.0 - MOST, 1.0 + MOST] {
            for sizes in [&[160; 40][..], &[1; 1000], &[37, 2048, 5, 480, 1, 1, 1500]] {
                let mut stretch = Stretch::new(NonZeroUsize::MIN);
                let places = places(&mut stretch, sizes, ratio);
                assert!(places.len() > sizes.iter().sum::<usize>() - LENGTH);
                stretch.reset();
                assert_eq!(stretch.behind(), BEHIND);
            }
        }
    }
}
