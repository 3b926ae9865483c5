//! The ear on the audio and the eye on the clock: heartbeats, stalls, silence, deadlines.

use super::attempt::Stage;
use super::{Advice, Diagnosis, GapCause, Heartbeat, Ms, Phase, Session, TakeOrder};

/// How long the input has been exactly zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence {
    us: u64,
    told: bool,
}

impl Silence {
    pub(super) const fn new() -> Self {
        Self { us: 0, told: false }
    }
}

impl Session {
    /// Whether missing heartbeats are an alarm.
    pub(super) const fn is_watched(&self) -> bool {
        matches!(self.phase, Phase::Recording)
    }

    pub(super) fn heartbeat(&mut self, now: Ms, beat: Heartbeat) {
        // What was captured before I/O started is a remnant of the time before.
        if !self.mic.io || beat.host < self.mic.boundary || beat.frames == 0 {
            return;
        }
        self.mic.heard = now;
        if beat.format.is_valid() && beat.format != self.mic.format {
            self.mic.format = beat.format;
            self.take(TakeOrder::Resample(beat.format));
        }
        match (self.phase, self.attempt.stage) {
            (_, Stage::StartingIo { .. } | Stage::Listening { .. }) => self.heard(now, &beat),
            (Phase::Recording | Phase::Rebuilding, _) if !self.mic.gated => {
                self.count(&beat, GapCause::Stall);
            }
            _ => {}
        }
    }

    /// The microphone is up: the goal of every attempt.
    fn heard(&mut self, now: Ms, beat: &Heartbeat) {
        self.attempt.stage = Stage::None;
        self.facts.interrupted = false;
        self.facts.hint = Advice::None;
        self.facts.exhausted = false;
        match self.phase {
            Phase::Warming => {
                self.phase = Phase::Warm;
                self.warm_until = now.saturating_add(self.policy.idle_release_ms);
                self.resolve_pending(true);
                return;
            }
            Phase::Starting => self.begun(),
            Phase::Resuming | Phase::Recovering => {
                self.resolve_pending(true);
                self.enter(Phase::Recording);
            }
            _ => self.phase = Phase::Recording,
        }
        if !self.mic.gated {
            self.count(beat, GapCause::Rebuild);
        }
    }

    pub(super) fn listen_for_silence(&mut self, beat: &Heartbeat) {
        if !beat.silent || self.facts.muted {
            self.silence = Silence::new();
            return;
        }
        let rate = u64::from(beat.format.rate.max(1));
        self.silence.us += u64::from(beat.frames) * 1_000_000 / rate;
        if self.silence.us >= self.policy.silence_ms * 1000 && !self.silence.told {
            self.silence.told = true;
            self.diagnose(Diagnosis::InputSilent);
        }
    }

    /// Something may be due.
    pub(super) fn tick(&mut self, now: Ms) {
        if self.attempt.deadline().is_some_and(|at| at <= now) {
            self.attempt_due(now);
        }
        if self.is_watched() && self.mic.heard.saturating_add(self.policy.stall_ms) <= now {
            self.stalled(now);
        }
        if self.phase == Phase::Warm && self.warm_until <= now {
            self.cool();
        }
    }

    /// Audio has ceased during a take, without a word.
    fn stalled(&mut self, now: Ms) {
        self.diagnose(Diagnosis::CaptureStalled);
        self.mic.rebuild = true;
        self.absent(GapCause::Stall);
        self.phase = Phase::Rebuilding;
        self.begin(now);
    }
}
