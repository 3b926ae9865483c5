//! Virtual time: it stands still until somebody moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const NS_PER_MS: u64 = 1_000_000;
const NS_PER_SECOND: u128 = 1_000_000_000;

/// A clock in nanoseconds that starts at 0 and moves only when told to.
///
/// Clones are the same clock, so that several devices and whatever watches them can
/// share one. Reading it takes no lock and is allowed from within a callback.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    now_ns: Arc<AtomicU64>,
}

impl Clock {
    /// A clock at 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// The virtual now.
    pub fn now_ns(&self) -> u64 {
        self.now_ns.load(Ordering::Acquire)
    }

    /// The virtual now in whole milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.now_ns() / NS_PER_MS
    }

    /// Lets `ms` pass.
    pub fn advance_ms(&self, ms: u64) {
        self.advance_to_ns(self.in_ms(ms));
    }

    /// Lets time pass up to `ns`; a moment that has passed already changes nothing.
    pub fn advance_to_ns(&self, ns: u64) {
        self.now_ns.fetch_max(ns, Ordering::AcqRel);
    }

    /// The moment `ms` from now.
    pub(super) fn in_ms(&self, ms: u64) -> u64 {
        self.now_ns().saturating_add(ms.saturating_mul(NS_PER_MS))
    }
}

/// A device's own frame count on the clock: every moment follows from the origin and a
/// number of frames, so that nothing adds up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeline {
    origin_ns: u64,
    rate: u32,
    frames: u64,
}

impl Timeline {
    pub(super) fn new(origin_ns: u64, rate: u32) -> Self {
        Self { origin_ns, rate, frames: 0 }
    }

    /// When the next frame begins, to the nanosecond below.
    pub(super) fn stamp_ns(&self) -> u64 {
        let since = u128::from(self.frames) * NS_PER_SECOND;
        // A device between two routes may claim 0 Hz; its time stands still.
        let since = since.checked_div(u128::from(self.rate)).unwrap_or(0);
        self.origin_ns.saturating_add(since as u64)
    }

    /// When the `count` next frames are over, to the nanosecond above; never at 0 Hz.
    pub(super) fn end_ns(&self, count: u64) -> Option<u64> {
        let since = u128::from(self.frames.saturating_add(count)) * NS_PER_SECOND;
        let rate = u128::from(self.rate);
        let since = if rate == 0 {
            return None;
        } else {
            since.div_ceil(rate)
        };
        Some(self.origin_ns.saturating_add(since as u64))
    }

    /// Whole frames that have gone by until `now_ns` and were not passed yet.
    pub(super) fn waiting(&self, now_ns: u64) -> u64 {
        let since = u128::from(now_ns.saturating_sub(self.origin_ns));
        let whole = since * u128::from(self.rate) / NS_PER_SECOND;
        (whole as u64).saturating_sub(self.frames)
    }

    /// Goes on by `count` frames, delivered or not.
    pub(super) fn pass(&mut self, count: u64) {
        self.frames = self.frames.saturating_add(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_rate_does_not_drift_in_a_week() {
        let mut line = Timeline::new(0, 44_100);
        let week = 7 * 24 * 3600;
        line.pass(44_100 * week);
        assert_eq!(line.stamp_ns(), week * 1_000_000_000);
        assert_eq!(line.end_ns(441), Some(week * 1_000_000_000 + 10_000_000));
    }

    #[test]
    fn a_frame_waits_only_when_it_is_over() {
        for rate in [8_000, 44_100, 48_000, 768_000] {
            let line = Timeline::new(1_000, rate);
            for count in 1..2_000 {
                let end = line.end_ns(count).expect("a rate");
                assert_eq!(line.waiting(end), count, "{rate} Hz");
                assert_eq!(line.waiting(end - 1), count - 1, "{rate} Hz");
            }
            assert_eq!(line.waiting(0), 0);
        }
    }

    #[test]
    fn at_0_hz_no_frame_is_ever_due() {
        let line = Timeline::new(5, 0);
        assert_eq!(line.end_ns(1), None);
        assert_eq!(line.waiting(u64::MAX), 0);
        assert_eq!(line.stamp_ns(), 5);
    }
}
