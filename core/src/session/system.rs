//! What the platform does to us: takes the microphone away, gives it back, changes it.

use super::attempt::Stage;
use super::{Advice, AutoResume, ErrorCode, GapCause, Hint, Ms, Owner, Phase, Reason};
use super::{OnSpeaker, Route, RouteReason, Session, TakeOrder, Tell};

impl Session {
    // ---- Taken away ----

    /// The one path of everything that takes the microphone away.
    fn taken_away(&mut self, cause: GapCause) {
        match self.phase {
            Phase::Recording | Phase::Rebuilding => self.interrupted(cause),
            Phase::Recovering => self.withdraw(Phase::Interrupted),
            Phase::Resuming => self.withdraw(self.back),
            Phase::Starting => self.refuse(ErrorCode::SessionInterrupted),
            Phase::Warming | Phase::Warm => self.cool(),
            Phase::Paused => self.stop_io(),
            Phase::Interrupted | Phase::Idle | Phase::Stopped | Phase::Failed => {}
        }
    }

    /// Ends an attempt that has become vain.
    fn withdraw(&mut self, to: Phase) {
        self.abandon();
        self.stop_io();
        self.phase = to;
        self.reject_pending(ErrorCode::SessionInterrupted);
    }

    /// Tells that the take does not go on for now.
    pub(super) fn interrupted(&mut self, cause: GapCause) {
        self.abandon();
        self.stop_io();
        self.take(TakeOrder::Flush);
        self.absent(cause);
        self.facts.exhausted = false;
        self.tell(Tell::Error(ErrorCode::SessionInterrupted));
        self.enter(Phase::Interrupted);
    }

    pub(super) fn interruption_began(&mut self, reason: Reason) {
        self.facts.interrupted = true;
        self.facts.hint = Advice::Awaited;
        // Whoever owns the session will have to activate it again.
        self.facts.external = false;
        self.taken_away(GapCause::Interruption(reason));
    }

    pub(super) fn media_lost(&mut self) {
        self.facts.media_lost = true;
        self.facts.external = false;
        self.mic.rebuild = true;
        self.taken_away(GapCause::MediaServices);
    }

    pub(super) fn external_deactivated(&mut self) {
        if self.policy.owner != Owner::App && self.facts.external {
            self.facts.external = false;
            self.taken_away(GapCause::Owner);
        }
    }

    /// Another client has the microphone, or no longer does.
    pub(super) fn client_silenced(&mut self, now: Ms, silenced: bool) {
        let before = core::mem::replace(&mut self.facts.silenced, silenced);
        match (before, silenced) {
            (false, true) => self.taken_away(GapCause::Silenced),
            (true, false) => self.recover(now),
            _ => {}
        }
    }

    // ---- Given back ----

    /// Tries to go on, if the microphone may be free and that is wanted without asking.
    pub(super) fn recover(&mut self, now: Ms) {
        let free = !self.facts.interrupted && self.is_within_reach();
        let wanted = self.policy.auto_resume != AutoResume::Never && !self.is_advised_against();
        if self.phase == Phase::Interrupted && free && wanted {
            self.facts.exhausted = false;
            self.phase = Phase::Recovering;
            self.begin(now);
        }
    }

    /// Nothing but an interruption stands in the way.
    fn is_within_reach(&self) -> bool {
        let facts = &self.facts;
        !facts.media_lost && !facts.no_route && !facts.silenced && self.may_use()
    }

    /// The next try now, where one is only waited for, with all tries ahead.
    pub(super) fn hurry(&mut self, now: Ms) {
        if matches!(self.attempt.stage, Stage::Waiting { .. }) {
            let probe = self.attempt.probe;
            self.begin(now);
            self.attempt.probe = probe;
        }
    }

    const fn always(&self) -> bool {
        matches!(self.policy.auto_resume, AutoResume::AlwaysAfterInterruption)
    }

    /// Whether the system advised against going on, and its advice counts.
    fn is_advised_against(&self) -> bool {
        self.facts.hint == Advice::Given(Hint::No) && !self.always()
    }

    /// Whether the system advised to go on, or its advice does not count.
    fn is_advised(&self) -> bool {
        self.facts.hint == Advice::Given(Hint::Yes) || self.always()
    }

    pub(super) fn interruption_ended(&mut self, now: Ms) {
        if core::mem::take(&mut self.facts.interrupted) && self.is_advised() {
            self.recover(now);
        }
    }

    pub(super) fn hinted(&mut self, now: Ms, hint: Hint) {
        if self.facts.hint != Advice::Awaited {
            return;
        }
        self.facts.hint = Advice::Given(hint);
        match self.phase {
            Phase::Recovering if self.is_advised_against() => self.withdraw(Phase::Interrupted),
            Phase::Recovering if self.attempt.probe && self.is_advised() => self.hurry(now),
            Phase::Interrupted if self.is_advised() => self.recover(now),
            _ => {}
        }
    }

    pub(super) fn foreground(&mut self, now: Ms) {
        match self.phase {
            Phase::Interrupted => self.probe(now),
            Phase::Recovering => self.hurry(now),
            _ => {}
        }
    }

    /// Nobody said that the interruption is over. Often nobody does.
    fn probe(&mut self, now: Ms) {
        let interrupted = core::mem::take(&mut self.facts.interrupted);
        self.recover(now);
        if self.phase == Phase::Recovering {
            self.attempt.probe = true;
        } else {
            self.facts.interrupted = interrupted;
        }
    }

    pub(super) fn background(&mut self) {
        if self.policy.release_in_background && matches!(self.phase, Phase::Warming | Phase::Warm) {
            self.cool();
        }
    }

    pub(super) fn media_reset(&mut self, now: Ms) {
        if !self.facts.media_lost {
            // Nobody told of the loss, but everything we had is dead all the same.
            self.media_lost();
        }
        self.facts.media_lost = false;
        if self.phase == Phase::Interrupted {
            self.probe(now);
        }
    }

    pub(super) fn external_activated(&mut self, now: Ms) {
        if self.policy.owner == Owner::App {
            return;
        }
        self.facts.external = true;
        self.facts.interrupted = false;
        self.facts.hint = Advice::None;
        match (self.phase, self.attempt.stage) {
            (Phase::Starting | Phase::Warming, Stage::Owner { .. }) => self.begin(now),
            (Phase::Interrupted, _) => self.recover(now),
            (Phase::Recovering, _) => self.hurry(now),
            _ => {}
        }
    }

    // ---- Changed ----

    pub(super) fn route_changed(&mut self, now: Ms, route: Route) {
        if !self.phase.is_resting() {
            self.diagnose(super::Diagnosis::RouteChanged);
        }
        if route.reason == RouteReason::NoSuitableRoute {
            self.facts.no_route = true;
            return self.taken_away(GapCause::NoRoute);
        }
        if self.phase == Phase::Recording {
            self.rerouted(now, route);
        } else if self.phase == Phase::Paused && route.running {
            // A held microphone goes on, in whatever format.
        } else if self.mic.io && route.format != self.mic.format {
            self.engine_changed(now);
        }
        // Our own tries change the route as well; only an input is news.
        if route.format.is_valid() && (route.reason.is_device() || self.facts.no_route) {
            self.input_available(now);
        }
        self.mind_speaker(now, route);
    }

    /// The route changed under a running take.
    fn rerouted(&mut self, now: Ms, route: Route) {
        let stopped = !route.running;
        if stopped || route.format != self.mic.format {
            self.engine_changed(now);
            // Whoever stopped it may have changed the session as well.
            self.attempt.whole |= stopped;
        } else if !route.preferred {
            self.choose_input();
        }
    }

    /// There may be an input where there was none.
    pub(super) fn input_available(&mut self, now: Ms) {
        let found = core::mem::take(&mut self.facts.no_route);
        match self.phase {
            Phase::Interrupted if found || self.facts.exhausted => self.recover(now),
            Phase::Starting | Phase::Warming | Phase::Recovering => self.hurry(now),
            _ => {}
        }
    }

    /// Sound that was in somebody's ears is in the room now.
    fn mind_speaker(&mut self, now: Ms, route: Route) {
        let fell_back = route.speaker && route.reason == RouteReason::OldDevice;
        let capturing = matches!(self.phase, Phase::Recording | Phase::Rebuilding);
        match self.policy.on_speaker {
            OnSpeaker::Pause if fell_back && capturing => self.pause(now),
            OnSpeaker::Mute if fell_back && capturing => {
                self.absent(GapCause::Muted);
                self.gate(true);
            }
            OnSpeaker::Mute if !route.speaker && capturing => self.gate(false),
            _ => {}
        }
    }
}
