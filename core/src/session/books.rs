//! What the take holds and what it lacks: captured audio, gaps, the user's pauses.
//!
//! From the first frame to the stop, captured time plus gaps plus pauses is the time on
//! the wall.

use super::{Gap, GapCause, Heartbeat, Ms, Session, TakeOrder};

/// The books of one take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Books {
    /// There is a take on disk that is not closed.
    pub(super) open: bool,
    /// The length of what was captured, in microseconds.
    pub(super) captured_us: u64,
    /// What the division left over, in parts of `rate`, so that no rate accumulates an
    /// error.
    rest: u64,
    rate: u32,
    /// When the last captured frame ended, or the gap behind it. None before the first.
    end: Option<Ms>,
    absence: Absence,
}

/// Why nothing is captured now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Absence {
    /// Something is, or no reason is known.
    None,
    /// The user does not want it. Not a gap.
    User,
    /// It was taken away.
    System(GapCause),
}

impl Books {
    pub(super) const fn new() -> Self {
        Self { open: false, captured_us: 0, rest: 0, rate: 0, end: None, absence: Absence::None }
    }

    /// Adds these frames.
    fn add(&mut self, beat: &Heartbeat) {
        let rate = u64::from(beat.format.rate.max(1));
        if self.rate != beat.format.rate {
            (self.rate, self.rest) = (beat.format.rate, 0);
        }
        let parts = u64::from(beat.frames) * 1_000_000 + self.rest;
        self.captured_us += parts / rate;
        self.rest = parts % rate;
        self.end = Some(beat.host.saturating_add(beat.ms()));
    }
}

impl Heartbeat {
    /// How long these frames are.
    const fn ms(&self) -> Ms {
        let rate = if self.format.rate == 0 { 1 } else { self.format.rate as u64 };
        self.frames as u64 * 1000 / rate
    }
}

impl Session {
    /// From here on nothing is captured, for this reason.
    pub(super) fn absent(&mut self, cause: GapCause) {
        self.books.absence = Absence::System(cause);
    }

    /// From `now` on the user does not want anything captured. What was missing until
    /// then is a gap.
    pub(super) fn absent_by_choice(&mut self, now: Ms) {
        self.end_capture(now, GapCause::Rebuild);
        self.books.absence = Absence::User;
    }

    /// Capture ends here because it is to, and what was missing until then is a gap. Audio
    /// that has come until now is followed by audio that is on its way, for longer than a
    /// gap is where a headset is far off: that is not missing.
    pub(super) fn end_capture(&mut self, now: Ms, cause: GapCause) {
        let comes = self.books.absence == Absence::None
            && now <= self.mic.heard.saturating_add(self.policy.gap_ms);
        if !comes {
            self.close_gap(now, cause);
        }
    }

    /// Ends an absence at `at`, and marks it if it was a gap. `cause` is the one of a
    /// hole that nobody announced.
    fn close_gap(&mut self, at: Ms, cause: GapCause) {
        let absence = core::mem::replace(&mut self.books.absence, Absence::None);
        let cause = match absence {
            Absence::None => cause,
            Absence::System(told) => told,
            Absence::User => {
                if let Some((began, held)) = self.hole_until(at) {
                    self.take(TakeOrder::MarkPause { at: held, began, ended: at });
                }
                return;
            }
        };
        if let Some((began, held)) = self.hole_until(at) {
            self.take(TakeOrder::MarkGap(Gap { began, ended: at, at: held, cause }));
            // A pause that begins here is not as long as the gap before it.
            self.books.end = Some(at);
        }
    }

    /// When capture ended before a hole that ends at `at` and is worth a mark, and how
    /// much the take held then.
    fn hole_until(&self, at: Ms) -> Option<(Ms, Ms)> {
        let began = self.books.end?;
        let long = at > began.saturating_add(self.policy.gap_ms);
        long.then_some((began, self.captured_ms()))
    }

    /// Captured frames: counts them, and marks what is missing before them.
    pub(super) fn count(&mut self, beat: &Heartbeat, cause: GapCause) {
        self.close_gap(beat.host, cause);
        self.books.add(beat);
        self.listen_for_silence(beat);
        let limit = self.start.max_ms.unwrap_or(self.policy.max_ms);
        if self.captured_ms() >= limit {
            self.finish(beat.host.saturating_add(beat.ms()));
        }
    }
}
