//! What the app asks for, and how takes begin and end.

use super::attempt::Stage;
use super::{
    Ask, Diagnosis, ErrorCode, GapCause, Ms, Order, Phase, Session, Start, TakeOrder, Tell,
};
use super::{Books, PauseMode, Silence};

impl Session {
    pub(super) fn asked(&mut self, now: Ms, id: u32, ask: Ask) {
        let answer = match ask {
            Ask::Start(start) => self.ask_start(id, start),
            Ask::Pause => self.ask_pause(now),
            Ask::Resume => self.ask_resume(now, id),
            Ask::Stop => self.ask_stop(now),
            Ask::Prewarm => self.ask_prewarm(id),
            Ask::Release => self.ask_release(),
            Ask::PreferInput(prefer) => {
                self.policy.prefer_input = prefer;
                self.choose_input();
                Answer::Done
            }
        };
        match answer {
            Answer::Done => self.tell(Tell::Resolved { id, done: true }),
            Answer::Refused(code) => self.tell(Tell::Rejected { id, code }),
            Answer::Later => {}
        }
    }

    // ---- Beginning ----

    fn ask_start(&mut self, id: u32, start: Start) -> Answer {
        if !self.phase.is_resting() {
            return Answer::Refused(ErrorCode::AlreadyRecording);
        }
        if start.forbidden {
            return Answer::Refused(ErrorCode::SessionInterrupted);
        }
        self.open_up(id, Phase::Starting);
        self.start = start;
        self.last_books = core::mem::replace(&mut self.books, Books::new());
        self.silence = Silence::new();
        // What was told about an input that was given back is out of date.
        (self.facts.silenced, self.facts.no_route) = (false, false);
        Answer::Later
    }

    fn ask_prewarm(&mut self, id: u32) -> Answer {
        match self.phase {
            Phase::Warm => Answer::Done,
            Phase::Warming => Answer::Refused(ErrorCode::AlreadyRecording),
            _ if self.phase.is_resting() => {
                self.open_up(id, Phase::Warming);
                Answer::Later
            }
            _ => Answer::Refused(ErrorCode::AlreadyRecording),
        }
    }

    /// The first step of a start and a prewarm. A microphone that is warm stays so.
    fn open_up(&mut self, id: u32, phase: Phase) {
        self.resolve_pending(false);
        if !matches!(self.phase, Phase::Warm | Phase::Warming) {
            self.rest = self.phase;
        }
        self.phase = phase;
        self.pending = Some(id);
        self.abandon();
        self.attempt.stage = Stage::Permission;
        self.order(Order::RequestPermission);
    }

    pub(super) fn permission(&mut self, now: Ms, granted: bool) {
        match (self.attempt.stage, self.phase) {
            (Stage::Permission, _) if !granted => self.refuse(ErrorCode::PermissionDenied),
            (Stage::Permission, Phase::Starting) => {
                self.attempt.stage = Stage::Opening;
                self.books.open = true;
                self.mic.gated = false;
                // What a warm microphone hears until the take is open is kept back.
                self.gate(self.mic.io);
                self.take(TakeOrder::Open { gaps: self.policy.gaps });
            }
            (Stage::Permission, _) => self.begin_or_wait(now),
            _ => {}
        }
    }

    pub(super) fn take_opened(&mut self, now: Ms) {
        if self.attempt.stage != Stage::Opening {
            return;
        }
        self.gate(false);
        if self.is_sounding(now, self.policy.settle_ms) {
            self.new_boundary(now);
            self.listen(now);
        } else {
            // An engine that runs and is silent has died.
            self.mic.rebuild |= self.mic.io;
            self.begin_or_wait(now);
        }
    }

    pub(super) fn take_failed(&mut self) {
        if self.attempt.stage == Stage::Opening {
            self.books.open = false;
            self.refuse(ErrorCode::FileError);
        }
    }

    /// The first audio of a take is there.
    pub(super) fn begun(&mut self) {
        self.resolve_pending(true);
        self.enter(Phase::Recording);
        if self.start.stt_unavailable {
            self.tell(Tell::Error(ErrorCode::SttUnavailable));
        }
        if self.facts.muted {
            self.diagnose(Diagnosis::InputMuted);
        }
    }

    /// The take goes on without a transcript.
    pub(super) fn stt_unavailable(&mut self) {
        match self.phase {
            // Told once the take has begun.
            Phase::Starting => self.start.stt_unavailable = true,
            _ if self.phase.is_resting() => {}
            _ => self.tell(Tell::Error(ErrorCode::SttUnavailable)),
        }
    }

    /// A start or a prewarm will not be.
    pub(super) fn refuse(&mut self, code: ErrorCode) {
        self.close_microphone();
        if core::mem::take(&mut self.books.open) {
            self.take(TakeOrder::Discard);
        }
        if self.phase == Phase::Starting {
            self.books = self.last_books;
        }
        self.phase = self.rest;
        self.reject_pending(code);
    }

    fn close_microphone(&mut self) {
        self.abandon();
        self.stop_io();
        self.deactivate();
    }

    // ---- A microphone without a take ----

    fn ask_release(&mut self) -> Answer {
        if matches!(self.phase, Phase::Warm | Phase::Warming) {
            self.cool();
        }
        Answer::Done
    }

    /// Closes it.
    pub(super) fn cool(&mut self) {
        self.close_microphone();
        self.phase = self.rest;
        self.resolve_pending(false);
    }

    // ---- Pausing ----

    fn ask_pause(&mut self, now: Ms) -> Answer {
        match self.phase {
            Phase::Recording | Phase::Rebuilding => self.pause(now),
            Phase::Interrupted | Phase::Recovering | Phase::Resuming => {
                self.resolve_pending(false);
                self.quieten(now);
                self.absent_by_choice(now);
                self.phase = Phase::Paused;
            }
            Phase::Paused => {}
            _ => return Answer::Refused(ErrorCode::NotRecording),
        }
        Answer::Done
    }

    /// Stops capturing by choice.
    pub(super) fn pause(&mut self, now: Ms) {
        self.quieten(now);
        self.take(TakeOrder::Flush);
        self.absent_by_choice(now);
        self.enter(Phase::Paused);
    }

    /// No audio from here on: the gate where the microphone may be held and is sound,
    /// else no I/O.
    fn quieten(&mut self, now: Ms) {
        self.abandon();
        let hold = self.policy.pause == PauseMode::Hold;
        if hold && self.is_sounding(now, self.policy.stall_ms) {
            self.gate(true);
        } else {
            self.stop_io();
        }
    }

    /// Whether audio has come within this time, and nothing says that it will cease.
    const fn is_sounding(&self, now: Ms, within: Ms) -> bool {
        self.mic.io && !self.mic.rebuild && now <= self.mic.heard.saturating_add(within)
    }

    pub(super) fn gate(&mut self, gated: bool) {
        if self.mic.gated != gated {
            self.mic.gated = gated;
            self.take(TakeOrder::Gate(gated));
        }
    }

    fn ask_resume(&mut self, now: Ms, id: u32) -> Answer {
        match self.phase {
            Phase::Recording | Phase::Rebuilding => {
                self.gate(false);
                Answer::Done
            }
            Phase::Resuming => Answer::Done,
            Phase::Paused | Phase::Interrupted | Phase::Recovering if self.is_taken() => {
                Answer::Refused(ErrorCode::SessionInterrupted)
            }
            Phase::Paused | Phase::Interrupted => {
                self.resume(now, id);
                Answer::Later
            }
            Phase::Recovering => {
                self.resolve_pending(false);
                self.pending = Some(id);
                self.hurry(now);
                Answer::Later
            }
            _ => Answer::Refused(ErrorCode::NotRecording),
        }
    }

    /// Somebody else has the microphone for certain, so that a try is vain.
    fn is_taken(&self) -> bool {
        self.facts.silenced || !self.may_use()
    }

    fn resume(&mut self, now: Ms, id: u32) {
        self.back = self.phase;
        self.phase = Phase::Resuming;
        self.pending = Some(id);
        self.gate(false);
        if self.is_sounding(now, self.policy.settle_ms) {
            self.new_attempt();
            self.listen(now);
        } else {
            self.mic.rebuild |= self.mic.io;
            self.begin(now);
        }
    }

    // ---- Ending ----

    fn ask_stop(&mut self, now: Ms) -> Answer {
        match self.phase {
            Phase::Failed => self.enter(Phase::Stopped),
            _ if self.phase.is_resting() => return Answer::Refused(ErrorCode::NotRecording),
            _ => self.finish(now),
        }
        Answer::Done
    }

    /// Ends the take at `at`.
    pub(super) fn finish(&mut self, at: Ms) {
        self.end_capture(at, GapCause::Stall);
        self.close_microphone();
        self.finalise();
        self.resolve_pending(false);
        self.enter(Phase::Stopped);
    }

    fn finalise(&mut self) {
        if core::mem::take(&mut self.books.open) {
            self.take(TakeOrder::Finalise);
        }
    }

    /// The take cannot go on.
    pub(super) fn fail(&mut self, now: Ms, code: ErrorCode) {
        match self.phase {
            Phase::Starting => self.refuse(code),
            Phase::Warming | Phase::Warm if code == ErrorCode::PermissionDenied => self.cool(),
            _ if self.phase.is_resting() => {}
            _ => {
                self.end_capture(now, GapCause::Stall);
                self.close_microphone();
                self.finalise();
                self.reject_pending(code);
                self.phase = Phase::Failed;
                self.tell(Tell::Error(code));
                self.order(Order::Show(self.state()));
            }
        }
    }

    /// The user muted the microphone, or no longer does.
    pub(super) fn input_muted(&mut self, muted: bool) {
        self.facts.muted = muted;
        self.silence = Silence::new();
        if muted && !self.phase.is_resting() {
            self.diagnose(Diagnosis::InputMuted);
        }
    }
}

/// What an app that asks is told.
enum Answer {
    Done,
    Refused(ErrorCode),
    /// When the attempt is decided.
    Later,
}
