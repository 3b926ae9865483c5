//! The host's clock, which goes on while the machine sleeps, and the stamps of buffers,
//! whose clock does not.

use std::sync::atomic::{AtomicU64, Ordering};

use tympan_core::session::Ms;

const NS_PER_MS: u64 = 1_000_000;

#[repr(C)]
#[derive(Clone, Copy)]
struct Timebase {
    numer: u32,
    denom: u32,
}

unsafe extern "C" {
    safe fn mach_absolute_time() -> u64;
    safe fn mach_continuous_time() -> u64;
    fn mach_timebase_info(info: *mut Timebase) -> i32;
}

/// Both clocks, joined.
pub(crate) struct Clock {
    timebase: Timebase,
    /// How many ticks the machine has slept since it was switched on.
    slept: AtomicU64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let mut timebase = Timebase { numer: 1, denom: 1 };
        // SAFETY: it writes the two numbers to the place it is given.
        let status = unsafe { mach_timebase_info(&raw mut timebase) };
        if status != 0 || timebase.denom == 0 {
            timebase = Timebase { numer: 1, denom: 1 };
        }
        let clock = Self { timebase, slept: AtomicU64::new(0) };
        clock.tune();
        clock
    }

    /// Takes into account how long the machine has slept by now.
    pub(crate) fn tune(&self) {
        // Read in this order, a thread that is put off between the two makes the sleep
        // too long, and by no more than that.
        let awake = mach_absolute_time();
        let slept = mach_continuous_time().saturating_sub(awake);
        // A tick more or less is no sleep.
        if slept.abs_diff(self.slept.load(Ordering::Relaxed)) > self.ticks(NS_PER_MS) {
            self.slept.store(slept, Ordering::Relaxed);
        }
    }

    pub(crate) fn now(&self) -> Ms {
        self.ns(mach_continuous_time()) / NS_PER_MS
    }

    /// The stamp of a buffer, in nanoseconds of [`now`](Self::now).
    ///
    /// # Realtime
    /// It reads no clock.
    pub(crate) fn stamp(&self, host: u64) -> u64 {
        self.ns(host.saturating_add(self.slept.load(Ordering::Relaxed)))
    }

    fn ns(&self, ticks: u64) -> u64 {
        (u128::from(ticks) * u128::from(self.timebase.numer) / u128::from(self.timebase.denom))
            as u64
    }

    fn ticks(&self, ns: u64) -> u64 {
        let numer = self.timebase.numer.max(1);
        (u128::from(ns) * u128::from(self.timebase.denom) / u128::from(numer)) as u64
    }
}
