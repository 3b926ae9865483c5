//! Bringing the microphone up, by tries that are all alike.

use super::{Advice, Code, Diagnosis, ErrorCode, GapCause, Hint, Ms, Order, Owner, Phase, Session};
use super::{TakeOrder, Tell};
use crate::Format;

/// What we have of the microphone.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "any of them can be true with any other")]
pub(super) struct Mic {
    /// I/O was started by us and not stopped since.
    pub(super) io: bool,
    /// The session was activated by us and not given back since.
    pub(super) held: bool,
    /// Audio comes and is dropped.
    pub(super) gated: bool,
    /// The engine has to be made anew before I/O can start.
    pub(super) rebuild: bool,
    /// What the audio is, or was at last.
    pub(super) format: Format,
    /// Audio from before is none of ours.
    pub(super) boundary: Ms,
    /// When audio came last.
    pub(super) heard: Ms,
}

/// How far an attempt is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) stage: Stage,
    /// Tries that have failed.
    tries: u8,
    /// How often I/O ran and no audio came.
    stalls: u8,
    /// Of the order under way.
    ticket: u32,
    /// Nobody said that the microphone is free; we only hope.
    pub(super) probe: bool,
    /// After settling, begin at the first step of a try.
    pub(super) whole: bool,
}

/// The steps of a try, and what comes before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// No attempt.
    None,
    /// Until the user has decided.
    Permission,
    /// Until the take is open.
    Opening,
    /// For the owner of the session.
    Owner {
        until: Ms,
    },
    /// Until the hardware has been quiet for a while. Then from `Reading` on.
    Settling {
        since: Ms,
        until: Ms,
    },
    /// Until the next try.
    Waiting {
        until: Ms,
    },
    Activating {
        until: Ms,
    },
    Reading {
        until: Ms,
    },
    StartingIo {
        until: Ms,
    },
    /// For audio.
    Listening {
        until: Ms,
    },
}

/// Why a try failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Refused(Code),
    NoInput,
    NoAudio,
}

impl Mic {
    pub(super) const fn new() -> Self {
        Self {
            io: false,
            held: false,
            gated: false,
            rebuild: false,
            format: Format::mono(0),
            boundary: 0,
            heard: 0,
        }
    }
}

impl Attempt {
    pub(super) const fn new() -> Self {
        Self { stage: Stage::None, tries: 0, stalls: 0, ticket: 0, probe: false, whole: false }
    }

    pub(super) const fn deadline(&self) -> Option<Ms> {
        match self.stage {
            Stage::None | Stage::Permission | Stage::Opening => None,
            Stage::Owner { until }
            | Stage::Settling { until, .. }
            | Stage::Waiting { until }
            | Stage::Activating { until }
            | Stage::Reading { until }
            | Stage::StartingIo { until }
            | Stage::Listening { until } => Some(until),
        }
    }

    /// The engine is in use, so that a change of the hardware breaks the try.
    pub(super) const fn has_engine(&self) -> bool {
        matches!(
            self.stage,
            Stage::Settling { .. }
                | Stage::Reading { .. }
                | Stage::StartingIo { .. }
                | Stage::Listening { .. }
        )
    }
}

impl Session {
    /// Begins an attempt with its first try.
    pub(super) fn begin(&mut self, now: Ms) {
        self.new_attempt();
        self.next_try(now, self.delay(0).unwrap_or(0));
    }

    pub(super) fn new_attempt(&mut self) {
        let ticket = self.attempt.ticket.wrapping_add(1);
        self.attempt = Attempt { ticket, ..Attempt::new() };
    }

    /// Begins one, or waits for whoever owns the session.
    pub(super) fn begin_or_wait(&mut self, now: Ms) {
        if self.may_use() {
            return self.begin(now);
        }
        self.configure(0);
        let until = now.saturating_add(self.policy.owner_wait_ms);
        self.attempt.stage = Stage::Owner { until };
    }

    /// Gives the attempt up. Results still under way will be nobody's.
    pub(super) fn abandon(&mut self) {
        self.attempt.stage = Stage::None;
        self.attempt.ticket = self.attempt.ticket.wrapping_add(1);
    }

    /// Whether the session is ours to use: we activate it, or its owner has.
    pub(super) fn may_use(&self) -> bool {
        self.policy.owner == Owner::App || self.facts.external
    }

    /// How long to wait before this try, if there is another one.
    fn delay(&self, tries: u8) -> Option<Ms> {
        let schedule: &[Ms] = match self.phase {
            Phase::Warming | Phase::Starting => &self.policy.start_retry_ms,
            Phase::Recovering => &self.policy.backoff_ms,
            _ => &[0],
        };
        schedule.get(usize::from(tries)).copied()
    }

    fn next_try(&mut self, now: Ms, delay: Ms) {
        if delay == 0 {
            self.try_now(now);
        } else {
            self.attempt.stage = Stage::Waiting { until: now.saturating_add(delay) };
        }
    }

    /// A try from its first step.
    pub(super) fn try_now(&mut self, now: Ms) {
        self.stop_io();
        let rung = self.rung();
        self.configure(rung);
        if self.policy.owner == Owner::App {
            let ticket = self.ticket();
            self.mic.held = true;
            self.order(Order::Activate { ticket, rung });
            self.attempt.stage = Stage::Activating { until: self.answer_by(now) };
        } else {
            self.read_format(now);
        }
    }

    fn rung(&self) -> u8 {
        self.attempt.tries % self.policy.rungs.max(1)
    }

    fn configure(&mut self, rung: u8) {
        if self.policy.owner == Owner::Host {
            return;
        }
        self.order(Order::Configure { rung });
        if self.policy.prefer_no_interruptions {
            self.order(Order::PreferNoInterruptions);
        }
    }

    /// Insists on the app's own input, if it has one.
    pub(super) fn choose_input(&mut self) {
        if self.policy.prefer_input && self.policy.owner != Owner::Host {
            self.order(Order::PreferInput);
        }
    }

    fn ticket(&mut self) -> u32 {
        self.attempt.ticket = self.attempt.ticket.wrapping_add(1);
        self.attempt.ticket
    }

    fn answer_by(&self, now: Ms) -> Ms {
        now.saturating_add(self.policy.answer_ms)
    }

    pub(super) fn activated(&mut self, now: Ms, ticket: u32) {
        if matches!(self.attempt.stage, Stage::Activating { .. }) && ticket == self.attempt.ticket {
            self.read_format(now);
        }
    }

    pub(super) fn activate_failed(&mut self, now: Ms, ticket: u32, code: Code) {
        if matches!(self.attempt.stage, Stage::Activating { .. }) && ticket == self.attempt.ticket {
            self.failed(now, Failure::Refused(code));
        }
    }

    /// A try from its middle: the session is active.
    fn read_format(&mut self, now: Ms) {
        if core::mem::take(&mut self.mic.rebuild) {
            self.order(Order::RebuildEngine);
        }
        self.choose_input();
        let ticket = self.ticket();
        self.order(Order::QueryFormat { ticket });
        self.attempt.stage = Stage::Reading { until: self.answer_by(now) };
    }

    pub(super) fn format_read(&mut self, now: Ms, ticket: u32, format: Format) {
        if !matches!(self.attempt.stage, Stage::Reading { .. }) || ticket != self.attempt.ticket {
            return;
        }
        if !format.is_valid() {
            return self.failed(now, Failure::NoInput);
        }
        if format != self.mic.format {
            self.mic.format = format;
            self.take(TakeOrder::Resample(format));
        }
        self.new_boundary(now);
        let ticket = self.ticket();
        self.mic.io = true;
        self.order(Order::StartIo { ticket, format });
        self.attempt.stage = Stage::StartingIo { until: self.answer_by(now) };
    }

    /// What was captured before `now` is dropped from here on.
    pub(super) fn new_boundary(&mut self, now: Ms) {
        self.mic.boundary = now;
        self.take(TakeOrder::DiscardBefore(now));
    }

    pub(super) fn io_started(&mut self, now: Ms, ticket: u32) {
        if matches!(self.attempt.stage, Stage::StartingIo { .. }) && ticket == self.attempt.ticket {
            self.listen(now);
        }
    }

    pub(super) fn io_failed(&mut self, now: Ms, ticket: u32, code: Code) {
        if matches!(self.attempt.stage, Stage::StartingIo { .. }) && ticket == self.attempt.ticket {
            self.mic.io = false;
            self.mic.rebuild = true;
            self.failed(now, Failure::Refused(code));
        }
    }

    /// I/O runs; waits for the first audio.
    pub(super) fn listen(&mut self, now: Ms) {
        let until = now.saturating_add(self.policy.stall_ms);
        self.attempt.stage = Stage::Listening { until };
    }

    pub(super) fn stop_io(&mut self) {
        if core::mem::take(&mut self.mic.io) {
            self.order(Order::StopIo);
        }
    }

    /// Gives the session back, if it was ours to take.
    pub(super) fn deactivate(&mut self) {
        if core::mem::take(&mut self.mic.held) {
            self.order(Order::Deactivate);
        }
    }

    /// The hardware is changing under us: waits until it no longer does, but not for
    /// ever, then goes on with a new engine.
    pub(super) fn settle(&mut self, now: Ms) {
        let (since, due) = match self.attempt.stage {
            Stage::Settling { since, until } => (since, until),
            _ => (now, self.mic.heard),
        };
        self.attempt.whole |= self.is_late(now, due);
        self.abandon();
        self.mic.rebuild = true;
        let calm = now.saturating_add(self.policy.settle_ms);
        let until = calm.min(since.saturating_add(self.policy.stall_ms)).max(now);
        self.attempt.stage = Stage::Settling { since, until };
    }

    /// Whether `now` is so long after `due` that the process must have slept, or lost
    /// audio long before it heard why. The session may be inactive then.
    fn is_late(&self, now: Ms, due: Ms) -> bool {
        now > due.saturating_add(self.policy.settle_ms)
    }

    /// The engine stopped, or will have to be, because the hardware changed.
    pub(super) fn engine_changed(&mut self, now: Ms) {
        match self.phase {
            Phase::Recording => {
                self.new_attempt();
                self.phase = Phase::Rebuilding;
                self.settle(now);
            }
            Phase::Warm => {
                self.new_attempt();
                self.phase = Phase::Warming;
                self.settle(now);
            }
            Phase::Rebuilding if self.attempt.has_engine() => self.settle(now),
            _ if self.attempt.has_engine() => {
                self.stop_io();
                self.settle(now);
            }
            _ => {
                // An open but gated microphone is not repaired: nobody wants it now.
                self.stop_io();
                self.mic.rebuild = true;
            }
        }
    }

    /// The step under way has run out of time, or its wait is over.
    pub(super) fn attempt_due(&mut self, now: Ms) {
        match self.attempt.stage {
            Stage::Waiting { .. } => self.try_now(now),
            Stage::Settling { until, .. } if self.attempt.whole || self.is_late(now, until) => {
                self.try_now(now);
            }
            Stage::Settling { .. } => {
                self.stop_io();
                self.read_format(now);
            }
            Stage::Owner { .. } => self.refuse(ErrorCode::SessionInterrupted),
            Stage::Listening { .. } => {
                self.diagnose(Diagnosis::CaptureStalled);
                self.mic.rebuild = true;
                self.failed(now, Failure::NoAudio);
            }
            Stage::Activating { .. } | Stage::Reading { .. } | Stage::StartingIo { .. } => {
                self.mic.rebuild = true;
                self.failed(now, Failure::Refused(Code::Unspecified));
            }
            Stage::None | Stage::Permission | Stage::Opening => {}
        }
    }

    /// A try has failed: another one, or the end of the attempt.
    pub(super) fn failed(&mut self, now: Ms, why: Failure) {
        self.mic.rebuild |= why == Failure::NoInput;
        self.abandon();
        self.stop_io();
        self.attempt.tries = self.attempt.tries.saturating_add(1);
        let again = match self.phase {
            Phase::Warming | Phase::Starting => self.again_starting(why),
            Phase::Resuming => self.again_resuming(why),
            Phase::Recovering => self.delay(self.attempt.tries),
            _ => None,
        };
        if self.phase == Phase::Recovering {
            // A user who asked for it while we tried gets this try's answer.
            self.reject_pending(ErrorCode::SessionInterrupted);
        }
        match again {
            Some(delay) => self.next_try(now, delay),
            None => self.given_up(now),
        }
    }

    /// The delay before the next try of a start, unless there is no hope.
    fn again_starting(&mut self, why: Failure) -> Option<Ms> {
        let hopeless = match why {
            Failure::NoAudio => return self.once_more(),
            Failure::Refused(Code::Priority | Code::ForegroundService) => true,
            Failure::Refused(Code::CannotRecord) => self.attempt.tries >= self.policy.rungs,
            Failure::Refused(_) | Failure::NoInput => false,
        };
        if hopeless { None } else { self.delay(self.attempt.tries) }
    }

    /// A resume is decided at once: every rung, and one rebuild.
    fn again_resuming(&mut self, why: Failure) -> Option<Ms> {
        match why {
            Failure::NoAudio => self.once_more(),
            Failure::Refused(_) if self.attempt.tries < self.policy.rungs => Some(0),
            Failure::Refused(_) | Failure::NoInput => None,
        }
    }

    /// A new engine often finds the audio that the old one lost.
    fn once_more(&mut self) -> Option<Ms> {
        self.attempt.stalls += 1;
        (self.attempt.stalls == 1).then_some(0)
    }

    fn given_up(&mut self, now: Ms) {
        match self.phase {
            Phase::Warming | Phase::Starting => self.refuse(ErrorCode::SessionInterrupted),
            Phase::Resuming => {
                self.phase = self.back;
                self.reject_pending(ErrorCode::SessionInterrupted);
                if !self.facts.exhausted && self.facts.hint == Advice::Given(Hint::Yes) {
                    // The system said so while we tried.
                    self.recover(now);
                }
            }
            Phase::Rebuilding => {
                self.interrupted(GapCause::Stall);
                self.recover(now);
            }
            Phase::Recovering => {
                self.facts.exhausted = true;
                self.phase = Phase::Interrupted;
                self.tell(Tell::Error(ErrorCode::SessionInterrupted));
            }
            _ => {}
        }
    }
}
