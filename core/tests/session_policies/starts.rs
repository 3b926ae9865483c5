//! Starts, and microphones that are warm before one.

use tympan_core::Format;
use tympan_core::session::{
    Ask, Code, Command, Diagnosis, ErrorCode, Event, Hint, Order, Owner, Policy, Profile, Route,
    RouteReason, Session, Start, State, TakeOrder,
};

use crate::desk::{
    Desk, FAULTS, FORMAT, PAUSED, REBUILD, diagnosis, error, prompt, refuse, rejected, resolved,
    start,
};

#[test]
fn a_warm_microphone_may_be_closed_in_the_background() {
    for closes in [true, false] {
        let mut desk = Desk::new(Policy { release_in_background: closes, ..Policy::default() });
        desk.ask(1, Ask::Prewarm);
        desk.beat();
        desk.hear(Event::Background);
        assert_eq!(desk.said(Command::Platform(Order::Deactivate)), closes);
        assert_eq!(desk.session.state(), State::Idle);
    }
}

#[test]
fn a_profile_says_who_owns_the_session_and_how_often_to_try() {
    for profile in Profile::ALL {
        let policy = Policy::default().for_profile(&profile);
        assert_eq!(policy.owner, profile.owner, "{}", profile.name);
        let system = if profile == Profile::CALLKIT { Owner::CallKit } else { Owner::App };
        assert_eq!(policy.owner, system, "{}", profile.name);
        assert_eq!(usize::from(policy.rungs), profile.ladder.len(), "{}", profile.name);
        assert!(!profile.ladder.is_empty(), "{} could never be activated", profile.name);
    }
    // Every rung is tried before a start is given up.
    let mut session = Session::new(Policy::default().for_profile(&Profile::DICTATION));
    let mut rungs = Vec::new();
    let mut events = vec![
        Event::Asked { id: 1, ask: Ask::Start(Start::default()) },
        Event::Permission(true),
        Event::TakeOpened,
    ];
    let mut now = 0;
    while let Some(event) = (!events.is_empty()).then(|| events.remove(0)) {
        for command in session.step(now, event).iter() {
            if let Command::Platform(Order::Activate { ticket, rung }) = *command {
                rungs.push(rung);
                events.push(Event::ActivateFailed { ticket, code: Code::CannotRecord });
            }
        }
        if events.is_empty()
            && let Some(at) = session.next_deadline()
        {
            now = at;
            events.push(Event::Tick);
        }
    }
    assert_eq!((rungs, session.state()), (vec![0, 1], State::Idle));
}

#[test]
fn a_start_that_would_end_the_process_is_refused() {
    let mut desk = Desk::new(Policy::default());
    desk.ask(1, Ask::Start(Start { forbidden: true, ..Start::default() }));
    assert_eq!(desk.said, [rejected(1, ErrorCode::SessionInterrupted)]);
}

#[test]
fn a_warm_microphone_need_not_be_warmed() {
    let mut desk = Desk::new(Policy::default());
    desk.ask(1, Ask::Prewarm);
    desk.ask(2, Ask::Prewarm);
    assert!(desk.said(rejected(2, ErrorCode::AlreadyRecording)));
    desk.beat();
    assert!(desk.said(resolved(1, true)));
    assert!(desk.session.is_open() && desk.session.captured_ms() == 0);
    assert!(!desk.session.is_resting());
    desk.said.clear();
    desk.ask(3, Ask::Prewarm);
    assert_eq!(desk.said, [resolved(3, true)]);
}

/// What it hears until the take is open is not in the take.
#[test]
fn a_warm_start_takes_nothing_from_before() {
    let mut desk = Desk::new(Policy::default());
    desk.ask(1, Ask::Prewarm);
    desk.beat();
    desk.answer = |command| match command {
        Command::Take(TakeOrder::Open { .. }) => None,
        other => prompt(other),
    };
    desk.said.clear();
    desk.ask(2, start());
    assert!(desk.said(Command::Take(TakeOrder::Gate(true))));
    desk.beats(100);
    desk.said.clear();
    desk.hear(Event::TakeOpened);
    let before = TakeOrder::DiscardBefore(desk.now);
    assert_eq!(desk.said, [TakeOrder::Gate(false), before].map(Command::Take));
    desk.beat();
    assert_eq!((desk.session.captured_ms(), desk.tries()), (10, 0));
}

#[test]
fn a_warm_engine_that_fell_silent_is_made_anew() {
    let mut desk = Desk::new(Policy::default());
    desk.ask(1, Ask::Prewarm);
    desk.beat();
    desk.pass(1000);
    desk.said.clear();
    desk.ask(2, start());
    assert!(desk.said(REBUILD) && desk.tries() == 1);
}

#[test]
fn a_warm_microphone_is_closed_on_request_and_when_nobody_uses_it() {
    let mut desk = Desk::new(Policy::default());
    desk.ask(1, Ask::Prewarm);
    desk.ask(2, Ask::Release);
    assert!(desk.said(resolved(1, false)) && desk.said(resolved(2, true)));
    assert!(desk.said(Command::Platform(Order::Deactivate)) && !desk.session.is_open());
    desk.said.clear();
    desk.ask(3, Ask::Prewarm);
    desk.beat();
    desk.ask(4, Ask::Release);
    assert!(desk.said(Command::Platform(Order::Deactivate)) && !desk.session.is_open());
    desk.said.clear();
    desk.ask(5, Ask::Prewarm);
    desk.beat();
    desk.pass(599_000);
    assert!(!desk.said(Command::Platform(Order::Deactivate)) && desk.session.is_open());
    desk.pass(2000);
    assert!(desk.said(Command::Platform(Order::Deactivate)) && !desk.session.is_open());
    assert!(desk.session.is_resting() && desk.session.next_deadline().is_none());
}

#[test]
fn a_microphone_that_may_not_be_used_is_not_kept_warm() {
    let mut desk = Desk::new(Policy::default());
    desk.ask(1, Ask::Prewarm);
    desk.beat();
    desk.hear(Event::PermissionRevoked);
    assert!(!desk.session.is_open());
    assert!(!desk.said(error(ErrorCode::PermissionDenied)), "there was no take");
}

#[test]
fn a_refused_start_leaves_things_as_they_were() {
    let denied: fn(Command) -> Option<Event> = |command| match command {
        Command::Platform(Order::RequestPermission) => Some(Event::Permission(false)),
        other => prompt(other),
    };
    let full: fn(Command) -> Option<Event> = |command| match command {
        Command::Take(TakeOrder::Open { .. }) => Some(Event::TakeFailed),
        other => prompt(other),
    };
    for (answer, code, discards) in [
        (denied, ErrorCode::PermissionDenied, false),
        (full, ErrorCode::FileError, false),
        (refuse, ErrorCode::SessionInterrupted, true),
    ] {
        let mut desk = Desk::recording(Policy::default());
        desk.beats(1000);
        desk.ask(2, Ask::Stop);
        let before = (desk.session.state(), desk.session.captured_ms());
        desk.said.clear();
        desk.answer = answer;
        desk.ask(3, start());
        desk.pass(5000);
        assert_eq!(desk.counted(rejected(3, code)), 1, "{code:?}");
        assert_eq!((desk.session.state(), desk.session.captured_ms()), before, "{code:?}");
        assert!(desk.session.is_resting() && !desk.session.is_open(), "{code:?}");
        assert_eq!(desk.said(Command::Take(TakeOrder::Discard)), discards, "{code:?}");
        assert!(!desk.said(Command::Take(TakeOrder::Finalise)), "{code:?}");
    }
}

#[test]
fn a_refused_start_on_a_warm_microphone_does_not_leave_it_warm() {
    let mut desk = Desk::new(Policy::default());
    desk.ask(1, Ask::Prewarm);
    desk.beat();
    desk.answer = |command| match command {
        Command::Take(TakeOrder::Open { .. }) => Some(Event::TakeFailed),
        other => prompt(other),
    };
    desk.ask(2, start());
    assert!(desk.session.is_resting() && !desk.session.is_open());
    assert!(desk.session.next_deadline().is_none());
}

#[test]
fn answers_that_nobody_waits_for_change_nothing() {
    let mut desk = Desk::recording(Policy::default());
    for event in [
        Event::Permission(true),
        Event::Permission(false),
        Event::TakeOpened,
        Event::TakeFailed,
        Event::Activated { ticket: 1 },
        Event::ActivateFailed { ticket: 1, code: Code::Priority },
        Event::HardwareFormat { ticket: 1, format: Format::mono(8000) },
        Event::IoStarted { ticket: 1 },
        Event::IoFailed { ticket: 1, code: Code::Priority },
        Event::ResumeHint(Hint::Yes),
        Event::ResumeHint(Hint::No),
        Event::InterruptionEnded,
        Event::ExternalActivated,
        Event::ExternalDeactivated,
        Event::TakesRecovered(0),
        Event::Tick,
    ] {
        desk.hear(event);
        assert_eq!(desk.news(), [], "{event:?}");
    }
}

#[test]
fn a_start_waits_for_its_owner_but_not_forever() {
    let policy = Policy { owner: Owner::CallKit, ..Policy::default() };
    let mut desk = Desk::new(policy);
    desk.ask(1, start());
    assert!(desk.said(Command::Platform(Order::Configure { rung: 0 })));
    desk.pass(9000);
    assert!(!desk.said(rejected(1, ErrorCode::SessionInterrupted)));
    desk.pass(2000);
    assert!(desk.said(rejected(1, ErrorCode::SessionInterrupted)));
    assert!(!desk.orders().any(|order| matches!(order, Order::Activate { .. })));
}

#[test]
fn alerts_and_inputs_are_only_what_the_app_wants() {
    for wanted in [true, false] {
        let mut desk = Desk::new(Policy {
            prefer_no_interruptions: wanted,
            prefer_input: wanted,
            ..Policy::default()
        });
        desk.ask(1, start());
        desk.beat();
        assert_eq!(desk.said(Command::Platform(Order::PreferNoInterruptions)), wanted);
        assert_eq!(desk.said(Command::Platform(Order::PreferInput)), wanted);
        desk.said.clear();
        // Another device takes over.
        let reason = RouteReason::NewDevice;
        let (running, preferred, speaker) = (true, false, false);
        desk.hear(Event::RouteChanged(Route {
            reason,
            format: FORMAT,
            running,
            preferred,
            speaker,
        }));
        assert_eq!(desk.said(Command::Platform(Order::PreferInput)), wanted);
        desk.said.clear();
        desk.ask(2, Ask::PreferInput(!wanted));
        assert_eq!(desk.said(Command::Platform(Order::PreferInput)), !wanted);
        desk.said.clear();
        desk.hear(Event::EngineConfigChanged);
        desk.pass(300);
        desk.beat();
        assert!(desk.said(Command::Platform(Order::RebuildEngine)));
        assert_eq!(desk.said(Command::Platform(Order::PreferInput)), !wanted);
    }
}

#[test]
fn asks_without_a_take_are_refused() {
    let mut desk = Desk::new(Policy::default());
    for (id, ask) in [(1, Ask::Pause), (2, Ask::Resume), (3, Ask::Stop)] {
        desk.ask(id, ask);
        assert_eq!(desk.news(), [rejected(id, ErrorCode::NotRecording)]);
    }
}

#[test]
fn asks_for_what_is_so_are_granted() {
    let mut desk = Desk::recording(Policy::default());
    desk.ask(2, Ask::Resume);
    assert_eq!(desk.news(), [resolved(2, true)]);
    desk.ask(3, Ask::Pause);
    assert!(desk.news().contains(&PAUSED));
    desk.ask(4, Ask::Pause);
    assert_eq!(desk.news(), [resolved(4, true)]);
    // Nothing of the pause is in the take, nor is it a gap.
    let before = desk.session.captured_ms();
    desk.beats(1000);
    assert_eq!(desk.session.captured_ms(), before);
    desk.ask(5, Ask::Resume);
    desk.ask(6, Ask::Resume);
    assert!(desk.said(resolved(6, true)) && !desk.said(resolved(5, true)));
    desk.beat();
    assert_eq!(desk.counted(resolved(5, true)), 1);
    let marked = |command: &&Command| {
        matches!(command, Command::Take(TakeOrder::MarkGap(_) | TakeOrder::MarkPause { .. }))
    };
    let marks: Vec<_> = desk.said.iter().filter(marked).collect();
    assert!(matches!(marks[..], [Command::Take(TakeOrder::MarkPause { at: 10, .. })]), "{marks:?}");
}

#[test]
fn a_refusal_decides_how_often_a_start_is_tried() {
    for (code, tries) in [
        (Code::Priority, 1),
        (Code::ForegroundService, 1),
        (Code::CannotRecord, 2),
        (Code::CannotInterrupt, 4),
        (Code::Siri, 4),
    ] {
        let mut session = Session::new(Policy { rungs: 2, ..Policy::default() });
        let mut events =
            vec![Event::TakeOpened, Event::Permission(true), Event::Asked { id: 1, ask: start() }];
        let mut rungs = Vec::new();
        let mut now = 0;
        while let Some(event) = events.pop() {
            for command in session.step(now, event).iter() {
                if let Command::Platform(Order::Activate { ticket, rung }) = *command {
                    rungs.push(rung);
                    events.push(Event::ActivateFailed { ticket, code });
                }
            }
            if let (true, Some(at)) = (events.is_empty(), session.next_deadline()) {
                now = at;
                events.push(Event::Tick);
            }
        }
        assert_eq!(rungs, [0, 1, 0, 1][..tries], "{code:?}");
    }
}

#[test]
fn a_start_without_audio_gets_one_new_engine() {
    let mut desk = Desk::new(Policy::default());
    desk.ask(1, start());
    desk.pass(60_000);
    assert_eq!((desk.tries(), desk.counted(REBUILD)), (2, 1));
    assert_eq!(desk.counted(diagnosis(Diagnosis::CaptureStalled)), 2);
    assert!(desk.said(rejected(1, ErrorCode::SessionInterrupted)));
}

#[test]
fn a_warm_microphone_follows_the_hardware() {
    let mut desk = Desk::new(Policy::default());
    desk.ask(1, Ask::Prewarm);
    desk.beat();
    desk.said.clear();
    desk.hear(Event::EngineConfigChanged);
    desk.pass(300);
    desk.beat();
    assert!(desk.said(REBUILD) && desk.session.is_open());
}

/// Getting a microphone ready is no take: what came of the last one is still there to see.
#[test]
fn a_warm_microphone_leaves_what_came_of_the_last_take() {
    for state in [State::Stopped, State::Error] {
        let mut desk = Desk::recording(Policy::default());
        match state {
            State::Stopped => desk.ask(2, Ask::Stop),
            _ => desk.hear(Event::WriteFailed),
        }
        assert_eq!(desk.session.state(), state);
        desk.ask(3, Ask::Prewarm);
        assert_eq!(desk.session.state(), state, "while it warms up");
        desk.beat();
        assert!(desk.said(resolved(3, true)));
        assert_eq!(desk.session.state(), state, "warm");
    }
}

#[test]
fn nothing_is_warmed_in_a_take() {
    for pauses in [false, true] {
        let mut desk = Desk::recording(Policy::default());
        if pauses {
            desk.ask(2, Ask::Pause);
        }
        let before = (desk.session.state(), desk.session.is_open());
        desk.said.clear();
        desk.ask(3, Ask::Prewarm);
        assert_eq!(desk.news(), [rejected(3, ErrorCode::AlreadyRecording)]);
        assert_eq!((desk.session.state(), desk.session.is_open()), before);
    }
}

/// What could not be written was of a take that is over.
#[test]
fn a_warm_microphone_has_nothing_to_write() {
    let mut desk = Desk::new(Policy::default());
    desk.ask(1, Ask::Prewarm);
    desk.beat();
    desk.said.clear();
    desk.hear(Event::WriteFailed);
    assert!(desk.said.is_empty() && desk.session.is_open());
}

#[test]
fn a_start_that_loses_its_rights_or_its_disk_is_refused_and_no_more() {
    for (event, code) in FAULTS {
        let mut desk = Desk::new(Policy::default());
        desk.ask(1, start());
        desk.said.clear();
        desk.hear(event);
        assert!(desk.said(rejected(1, code)) && desk.said(Command::Take(TakeOrder::Discard)));
        assert!(!desk.said(error(code)) && !desk.said(Command::Take(TakeOrder::Finalise)));
        assert_eq!((desk.session.state(), desk.session.is_open()), (State::Idle, false));
    }
}

#[test]
fn an_owner_that_never_gave_cannot_take_back() {
    let mut desk = Desk::new(Policy { owner: Owner::CallKit, ..Policy::default() });
    desk.ask(1, start());
    desk.said.clear();
    desk.hear(Event::ExternalDeactivated);
    assert_eq!(desk.news(), []);
    desk.hear(Event::ExternalActivated);
    desk.beat();
    assert!(desk.said(resolved(1, true)));
}

#[test]
fn the_rate_is_told_to_the_take_when_it_is_another() {
    let mut desk = Desk::new(Policy::default());
    let resample = Command::Take(TakeOrder::Resample(FORMAT));
    for (take, told) in [(1, 1), (2, 0)] {
        desk.ask(take, start());
        desk.beat();
        desk.ask(take + 10, Ask::Stop);
        assert_eq!(desk.counted(resample), told, "take {take}");
        desk.said.clear();
    }
}
