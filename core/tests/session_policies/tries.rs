//! How the platform is tried: tickets, times, engines, and what breaks a try off.

use tympan_core::Format;
use tympan_core::session::{
    Ask, Code, Command, Diagnosis, ErrorCode, Event, GapCause, Heartbeat, OnSpeaker, Order,
    PauseMode, Policy, RouteReason, Session, Start, State, TakeOrder, Tell,
};

use crate::desk::{
    CALL, Desk, FORMAT, REBUILD, RECORDING, busy, diagnosis, error, no_input, prompt, rejected,
    rerouted, resolved, route, start,
};

#[test]
fn results_of_a_try_that_was_given_up_are_nobodys() {
    let mut session = Session::new(Policy::default());
    session.step(0, Event::Asked { id: 1, ask: Ask::Start(Start::default()) });
    session.step(0, Event::Permission(true));
    let commands = session.step(0, Event::TakeOpened);
    let ticket = commands.iter().find_map(|command| match command {
        Command::Platform(Order::Activate { ticket, .. }) => Some(*ticket),
        _ => None,
    });
    let ticket = ticket.unwrap();
    session.step(5, Event::Asked { id: 2, ask: Ask::Stop });
    assert!(session.step(10, Event::Activated { ticket }).is_empty());
    assert_eq!((session.state(), session.next_deadline()), (State::Stopped, None));
}

#[test]
fn a_platform_that_never_answers_is_not_waited_for_forever() {
    let mut session = Session::new(Policy::default());
    session.step(0, Event::Asked { id: 1, ask: Ask::Start(Start::default()) });
    session.step(0, Event::Permission(true));
    session.step(0, Event::TakeOpened);
    let mut rejected = false;
    while let Some(at) = session.next_deadline() {
        assert!(at < 60_000, "still waiting at {at} ms");
        let rejection = Tell::Rejected { id: 1, code: ErrorCode::SessionInterrupted };
        rejected |= session.step(at, Event::Tick).contains(&Command::Tell(rejection));
    }
    assert!(rejected);
    assert_eq!(session.state(), State::Idle);
}

#[test]
fn hardware_that_never_settles_is_not_waited_for_forever() {
    let mut desk = Desk::recording(Policy::default());
    let begun = desk.now;
    while !desk.said(Command::Platform(Order::RebuildEngine)) {
        assert!(desk.now < begun + 2500, "still waiting after {} ms", desk.now - begun);
        desk.hear(Event::EngineConfigChanged);
        desk.now += 200;
        if desk.session.next_deadline().is_some_and(|at| at <= desk.now) {
            desk.hear(Event::Tick);
        }
    }
    assert!(desk.now > begun + 1000, "it does wait for a while");
}

/// At each step of a try, the answer to an earlier order is nobody's.
#[test]
fn old_tickets_are_void() {
    let mut session = Session::new(Policy::default());
    let mut now = 0;
    let begin = |session: &mut Session| {
        session.step(0, Event::Asked { id: 1, ask: start() });
        session.step(0, Event::Permission(true));
    };
    // An earlier take, which ended before its session was active.
    begin(&mut session);
    let activates = session.step(now, Event::TakeOpened);
    let Some(Event::Activated { ticket }) = activates.iter().find_map(|said| prompt(*said)) else {
        panic!("{:?}", &activates[..]);
    };
    session.step(now, Event::Asked { id: 2, ask: Ask::Stop });
    let mut tickets = vec![0, ticket];
    begin(&mut session);
    let mut next = Event::TakeOpened;
    loop {
        let commands = session.step(now, next);
        let answer = commands.iter().find_map(|command| prompt(*command));
        let Some(answer) = answer else { break };
        for ticket in &tickets {
            let ticket = *ticket;
            for old in [
                Event::Activated { ticket },
                Event::ActivateFailed { ticket, code: Code::Priority },
                Event::HardwareFormat { ticket, format: FORMAT },
                Event::IoStarted { ticket },
                Event::IoFailed { ticket, code: Code::Busy },
            ] {
                now += 1;
                let before = session.next_deadline();
                assert!(session.step(now, old).is_empty(), "{old:?} before {answer:?}");
                assert_eq!(session.next_deadline(), before, "{old:?} before {answer:?}");
            }
        }
        if let Event::Activated { ticket }
        | Event::HardwareFormat { ticket, .. }
        | Event::IoStarted { ticket } = answer
        {
            tickets.push(ticket);
        }
        next = answer;
    }
    assert_eq!(tickets.len(), 5);
}

/// A platform that does all but one thing is not waited for forever either.
#[test]
fn every_step_has_its_time() {
    type Answer = fn(Command) -> Option<Event>;
    let steps: [Answer; 3] = [
        |command| match command {
            Command::Platform(Order::Activate { .. }) => None,
            other => prompt(other),
        },
        |command| match command {
            Command::Platform(Order::QueryFormat { .. }) => None,
            other => prompt(other),
        },
        |command| match command {
            Command::Platform(Order::StartIo { .. }) => None,
            other => prompt(other),
        },
    ];
    // The last is not answered by audio.
    for answer in steps.into_iter().chain([prompt as Answer]) {
        let mut desk = Desk::new(Policy::default());
        desk.answer = answer;
        desk.ask(1, start());
        desk.pass(60_000);
        assert!(desk.said(rejected(1, ErrorCode::SessionInterrupted)));
        // What hangs may be broken.
        let active = desk.orders().any(|order| matches!(order, Order::QueryFormat { .. }));
        assert_eq!(desk.said(Command::Platform(Order::RebuildEngine)), active);
        assert!(desk.session.next_deadline().is_none() && !desk.session.is_open());
    }
}

#[test]
fn tries_come_when_the_policy_says() {
    let mut desk = Desk::new(Policy::default());
    desk.answer = busy;
    desk.ask(1, start());
    assert_eq!(desk.tries(), 1);
    assert_eq!(desk.activations(30_000), [150, 450, 900]);
    assert_eq!(desk.counted(rejected(1, ErrorCode::SessionInterrupted)), 1);

    let mut desk = Desk::recording(Policy::default());
    desk.hear(CALL);
    desk.answer = busy;
    desk.call_ends();
    assert_eq!(desk.tries(), 1);
    assert_eq!(desk.activations(60_000), [250, 750, 1750, 3750, 7750, 15_750]);
    assert_eq!(desk.counted(error(ErrorCode::SessionInterrupted)), 2);
    // A sign of hope begins it all again.
    desk.hear(Event::InputAvailable);
    assert_eq!(desk.activations(60_000), [250, 750, 1750, 3750, 7750, 15_750]);
    // So does the next interruption, which the user resumes from in vain.
    desk.hear(Event::Foreground);
    desk.answer = prompt;
    desk.pass(500);
    desk.beat();
    assert_eq!(desk.session.state(), State::Recording);
    desk.hear(CALL);
    desk.answer = busy;
    desk.ask(2, Ask::Resume);
    assert!(desk.said(rejected(2, ErrorCode::SessionInterrupted)));
    let before = desk.tries();
    desk.call_ends();
    assert_eq!(desk.tries(), before + 1);
}

#[test]
fn a_resume_tries_every_rung_at_once_and_one_new_engine() {
    let mut desk =
        Desk::recording(Policy { rungs: 3, pause: PauseMode::Release, ..Policy::default() });
    desk.ask(2, Ask::Pause);
    desk.answer = busy;
    desk.ask(3, Ask::Resume);
    assert_eq!((desk.tries(), desk.counted(rejected(3, ErrorCode::SessionInterrupted))), (3, 1));
    assert_eq!((desk.session.state(), desk.session.next_deadline()), (State::Paused, None));
    // I/O starts, and no audio comes.
    desk.answer = prompt;
    desk.said.clear();
    desk.ask(4, Ask::Resume);
    desk.pass(60_000);
    assert_eq!((desk.tries(), desk.counted(REBUILD)), (2, 1));
    assert_eq!(desk.counted(diagnosis(Diagnosis::CaptureStalled)), 2);
    assert_eq!(desk.counted(rejected(4, ErrorCode::SessionInterrupted)), 1);
    assert_eq!((desk.session.state(), desk.session.next_deadline()), (State::Paused, None));
    // And then it does.
    desk.ask(5, Ask::Resume);
    desk.pass(1000);
    desk.beat();
    assert!(desk.said(resolved(5, true)));
}

#[test]
fn an_input_that_is_not_ready_is_asked_again_with_a_new_engine() {
    for ask in [start(), Ask::Prewarm] {
        let mut desk = Desk::new(Policy::default());
        desk.answer = no_input;
        desk.ask(1, ask);
        assert!(!desk.orders().any(|order| matches!(order, Order::StartIo { .. })));
        desk.answer = prompt;
        desk.pass(200);
        desk.beat();
        assert!(desk.said(resolved(1, true)));
        assert_eq!(desk.counted(REBUILD), 1);
        desk.said.clear();
        // That engine is as good as any.
        desk.ask(2, start());
        desk.beat();
        assert!(!desk.said(REBUILD));
    }
}

#[test]
fn io_that_fails_costs_an_engine() {
    let mut desk = Desk::new(Policy::default());
    desk.answer = |command| match command {
        Command::Platform(Order::StartIo { ticket, .. }) => {
            Some(Event::IoFailed { ticket, code: Code::Unspecified })
        }
        other => prompt(other),
    };
    desk.ask(1, start());
    desk.answer = prompt;
    desk.pass(200);
    desk.beat();
    assert!(desk.said(REBUILD) && desk.said(resolved(1, true)));
}

#[test]
fn no_ticket_is_given_twice() {
    let mut desk = Desk::new(Policy::default());
    for id in 0..5 {
        desk.ask(10 * id, start());
        desk.beat();
        desk.hear(CALL);
        desk.call_ends();
        desk.beat();
        desk.ask(10 * id + 1, Ask::Stop);
    }
    let tickets = desk.orders().filter_map(|order| match order {
        Order::Activate { ticket, .. }
        | Order::QueryFormat { ticket }
        | Order::StartIo { ticket, .. } => Some(ticket),
        _ => None,
    });
    let mut tickets: Vec<_> = tickets.collect();
    let given = tickets.len();
    tickets.sort_unstable();
    tickets.dedup();
    assert_eq!((given, tickets.len()), (30, 30));
}

/// At every step that needs the engine, a change of the hardware begins it anew.
#[test]
fn changed_hardware_breaks_the_try_under_way() {
    type Answer = fn(Command) -> Option<Event>;
    let steps: [Answer; 3] = [
        |command| match command {
            Command::Platform(Order::QueryFormat { .. }) => None,
            other => prompt(other),
        },
        |command| match command {
            Command::Platform(Order::StartIo { .. }) => None,
            other => prompt(other),
        },
        prompt,
    ];
    for answer in steps {
        let mut desk = Desk::new(Policy::default());
        desk.answer = answer;
        desk.ask(1, start());
        desk.hear(Event::EngineConfigChanged);
        assert!(!desk.session.is_open());
        desk.said.clear();
        desk.answer = prompt;
        desk.pass(200);
        // It goes on changing.
        desk.hear(Event::EngineConfigChanged);
        desk.pass(200);
        assert_eq!(desk.said, []);
        desk.pass(100);
        desk.beat();
        assert!(desk.said(REBUILD) && desk.said(resolved(1, true)));
    }
}

#[test]
fn changed_hardware_costs_an_engine_and_no_activation() {
    let mut desk = Desk::recording(Policy::default());
    // Whoever stopped I/O may have changed the session.
    desk.hear(rerouted(RouteReason::Category, FORMAT, false));
    desk.pass(300);
    desk.beat();
    assert_eq!((desk.tries(), desk.counted(REBUILD)), (1, 1));
    assert_eq!(desk.session.state(), State::Recording);
    desk.said.clear();
    let other = Format::mono(16_000);
    for change in [Event::EngineConfigChanged, rerouted(RouteReason::Category, other, true)] {
        desk.hear(change);
        desk.pass(300);
        desk.beat();
        assert_eq!((desk.tries(), desk.counted(REBUILD)), (0, 1), "{change:?}");
        assert_eq!(desk.counted(Command::Platform(Order::StopIo)), 1, "{change:?}");
        assert!(!desk.said(RECORDING), "{change:?}");
        desk.said.clear();
    }
    // What changes nothing costs nothing.
    desk.hear(rerouted(RouteReason::Configuration, FORMAT, true));
    assert_eq!(desk.news(), [diagnosis(Diagnosis::RouteChanged)]);
    // A process that slept does not know whether its session is active still.
    desk.hear(Event::EngineConfigChanged);
    desk.now += 5000;
    desk.hear(Event::Tick);
    assert_eq!(desk.tries(), 1);
}

#[test]
fn who_resumes_while_it_is_tried_gets_the_answer_of_the_next_try() {
    let mut desk = Desk::recording(Policy::default());
    desk.hear(CALL);
    desk.answer = busy;
    desk.call_ends();
    desk.pass(300);
    let before = desk.tries();
    desk.ask(2, Ask::Resume);
    assert_eq!(desk.tries(), before + 1);
    assert!(desk.said(rejected(2, ErrorCode::SessionInterrupted)));
    // With all tries ahead.
    assert_eq!(desk.activations(60_000), [250, 750, 1750, 3750, 7750, 15_750]);
}

#[test]
fn signs_of_hope_hurry_what_only_waits() {
    // A start, by an input.
    let mut desk = Desk::new(Policy::default());
    desk.answer = busy;
    desk.ask(1, start());
    for (sign, hurries) in [
        (Event::InputAvailable, true),
        (rerouted(RouteReason::NewDevice, FORMAT, false), true),
        // Our own tries do that.
        (rerouted(RouteReason::Category, FORMAT, false), false),
        // That is no input.
        (rerouted(RouteReason::OldDevice, Format::mono(0), false), false),
    ] {
        let before = desk.tries();
        desk.hear(sign);
        assert_eq!(desk.tries() > before, hurries, "{sign:?}");
    }
    // A recovery, by more.
    for sign in [Event::InputAvailable, Event::Foreground] {
        let mut desk = Desk::recording(Policy::default());
        desk.hear(CALL);
        desk.answer = busy;
        desk.call_ends();
        let before = desk.tries();
        desk.hear(sign);
        assert_eq!(desk.tries(), before + 1, "{sign:?}");
        // A try that is under way is not begun again.
        desk.answer = |command| match command {
            Command::Platform(Order::Activate { .. }) => None,
            other => prompt(other),
        };
        desk.pass(300);
        let before = desk.tries();
        desk.hear(sign);
        assert_eq!(desk.tries(), before, "{sign:?}");
    }
}

#[test]
fn no_frames_are_no_audio() {
    let mut desk = Desk::new(Policy::default());
    desk.ask(1, start());
    let nothing = Heartbeat { host: desk.now, frames: 0, format: FORMAT, silent: false };
    desk.hear(Event::Heartbeat(nothing));
    assert_eq!((desk.session.state(), desk.said(resolved(1, true))), (State::Idle, false));
}

/// What still comes when I/O was stopped belongs to nothing.
#[test]
fn audio_after_the_stop_of_io_does_not_count() {
    let mut desk = Desk::recording(Policy::default());
    desk.answer = |command| match command {
        Command::Platform(Order::QueryFormat { .. }) => None,
        other => prompt(other),
    };
    desk.hear(Event::EngineConfigChanged);
    desk.beat();
    let before = desk.session.captured_ms();
    assert_eq!(before, 20, "it still runs");
    desk.pass(300);
    desk.beat();
    assert_eq!((desk.session.is_open(), desk.session.captured_ms()), (false, before));
}

#[test]
fn a_repair_does_not_end_the_muting() {
    let mut desk = Desk::recording(Policy { on_speaker: OnSpeaker::Mute, ..Policy::default() });
    desk.hear(route(RouteReason::OldDevice, true));
    let before = desk.session.captured_ms();
    desk.hear(Event::EngineConfigChanged);
    desk.pass(300);
    desk.beats(100);
    assert_eq!((desk.session.state(), desk.session.captured_ms()), (State::Recording, before));
}

#[test]
fn a_stall_that_is_repaired_was_a_stall() {
    let mut desk = Desk::recording(Policy::default());
    desk.pass(2500);
    desk.beat();
    assert!(desk.said(diagnosis(Diagnosis::CaptureStalled)) && desk.said(REBUILD));
    let marked = desk.said.iter().find_map(|command| match command {
        Command::Take(TakeOrder::MarkGap(gap)) => Some((gap.cause, gap.ms())),
        _ => None,
    });
    assert_eq!(marked, Some((GapCause::Stall, 2500)));
}

/// Of audio that ceased long before anybody said why, the session may be to blame.
#[test]
fn hardware_that_changed_long_ago_is_tried_from_the_first_step() {
    for (late, tries) in [(250, 0), (251, 1)] {
        let mut desk = Desk::recording(Policy::default());
        desk.beat();
        desk.now += late;
        desk.said.clear();
        desk.hear(Event::EngineConfigChanged);
        // It stays so if the hardware goes on changing.
        desk.pass(100);
        desk.hear(Event::EngineConfigChanged);
        desk.pass(300);
        desk.beat();
        assert_eq!((desk.tries(), desk.counted(REBUILD)), (tries, 1), "{late} ms");
        assert_eq!(desk.session.state(), State::Recording);
    }
}

/// What still comes from an engine that is to go is heard until it goes.
#[test]
fn an_engine_in_repair_runs_as_long_as_it_does() {
    let mut desk = Desk::recording(Policy::default());
    desk.hear(Event::EngineConfigChanged);
    desk.pass(200);
    desk.hear(Event::EngineConfigChanged);
    assert!(desk.session.is_open() && desk.news().is_empty());
    desk.pass(250);
    assert!(desk.said(Command::Platform(Order::StopIo)) && desk.said(REBUILD));
}

/// No engine is in use while the session is activated, so none can be broken.
#[test]
fn an_activation_outlasts_changed_hardware() {
    let mut desk = Desk::recording(Policy::default());
    desk.answer = |command| match command {
        Command::Platform(Order::Activate { .. }) => None,
        other => prompt(other),
    };
    desk.hear(rerouted(RouteReason::Category, FORMAT, false));
    desk.pass(250);
    let ticket = desk.orders().find_map(|order| match order {
        Order::Activate { ticket, .. } => Some(ticket),
        _ => None,
    });
    desk.hear(Event::EngineConfigChanged);
    desk.said.clear();
    desk.hear(Event::Activated { ticket: ticket.expect("a try") });
    assert_eq!(desk.counted(REBUILD), 1);
    desk.beat();
    assert_eq!((desk.session.state(), desk.tries()), (State::Recording, 0));
}

#[test]
fn a_repair_that_fails_is_an_interruption() {
    let mut desk = Desk::recording(Policy::default());
    desk.answer = |command| match command {
        Command::Platform(Order::StartIo { ticket, .. }) => {
            Some(Event::IoFailed { ticket, code: Code::Unspecified })
        }
        other => prompt(other),
    };
    desk.hear(Event::EngineConfigChanged);
    desk.pass(300);
    assert!(desk.said(error(ErrorCode::SessionInterrupted)));
    assert_eq!(desk.session.state(), State::Paused);
    desk.said.clear();
    desk.answer = prompt;
    desk.pass(1000);
    desk.beat();
    assert!(desk.said(RECORDING) && desk.tries() > 0);
}

/// Another format breaks a try as much as it breaks a take.
#[test]
fn another_route_breaks_the_try_under_way() {
    let mut desk = Desk::new(Policy::default());
    desk.ask(1, start());
    assert!(desk.session.is_open());
    desk.said.clear();
    desk.hear(rerouted(RouteReason::Configuration, Format::mono(16_000), true));
    assert!(desk.said(Command::Platform(Order::StopIo)) && !desk.session.is_open());
    desk.pass(300);
    desk.beat();
    assert!(desk.said(REBUILD) && desk.said(resolved(1, true)));
}

/// Our own try changes the route as well, and no engine runs yet that it could break.
#[test]
fn a_route_of_our_own_making_breaks_nothing() {
    let mut desk = Desk::new(Policy::default());
    desk.answer = |command| match command {
        Command::Platform(Order::QueryFormat { .. }) => None,
        other => prompt(other),
    };
    desk.ask(1, start());
    let asked = desk.orders().find_map(|order| match order {
        Order::QueryFormat { ticket } => Some(ticket),
        _ => None,
    });
    let (ticket, format) = (asked.expect("asked for the format"), Format::mono(16_000));
    desk.said.clear();
    desk.hear(rerouted(RouteReason::Category, format, true));
    desk.hear(Event::HardwareFormat { ticket, format });
    assert!(desk.session.is_open() && desk.counted(REBUILD) == 0);
}
