//! Calls, other owners of the session, and when to go on behind them.

use tympan_core::Format;
use tympan_core::session::{
    Ask, AutoResume, Code, Command, ErrorCode, Event, Hint, Order, Owner, PauseMode, Policy,
    Reason, RouteReason, Start, State, TakeOrder,
};

use crate::desk::{CALL, Desk, REBUILD, busy, prompt, rejected, rerouted, resolved, start};

#[test]
fn a_host_is_looked_on_and_nothing_of_it_is_touched() {
    let policy = Policy {
        owner: Owner::Host,
        prefer_input: true,
        prefer_no_interruptions: true,
        ..Policy::default()
    };
    let mut desk = Desk::new(policy);
    desk.ask(1, Ask::Start(Start::default()));
    assert_eq!(desk.session.state(), State::Idle);
    desk.hear(Event::ExternalActivated);
    desk.beat();
    assert_eq!(desk.session.state(), State::Recording);
    desk.hear(Event::ExternalDeactivated);
    assert_eq!(desk.session.state(), State::Paused);
    desk.hear(Event::ExternalActivated);
    desk.beat();
    assert_eq!(desk.session.state(), State::Recording);
    desk.ask(2, Ask::PreferInput(true));
    desk.ask(3, Ask::Stop);
    let ours = |order: &Order| {
        matches!(
            order,
            Order::RequestPermission
                | Order::QueryFormat { .. }
                | Order::StartIo { .. }
                | Order::StopIo
                | Order::RebuildEngine
                | Order::Show(_)
        )
    };
    let touched: Vec<_> = desk.orders().filter(|order| !ours(order)).collect();
    assert_eq!(touched, []);
}

#[test]
fn a_hint_that_comes_without_its_end_is_kept_until_then() {
    let mut desk = Desk::recording(Policy::default());
    desk.hear(Event::InterruptionBegan(Reason::Default));
    desk.hear(Event::ResumeHint(tympan_core::session::Hint::Yes));
    assert!(!desk.orders().any(|order| matches!(order, Order::Activate { .. })));
    desk.hear(Event::InterruptionEnded);
    desk.beat();
    assert_eq!(desk.session.state(), State::Recording);
}

#[test]
fn a_resume_that_fails_leaves_the_interruption_as_it_was() {
    let mut desk = Desk::recording(Policy::default());
    desk.hear(CALL);
    desk.answer = |command| match command {
        Command::Platform(Order::Activate { .. }) => None,
        other => prompt(other),
    };
    let refuse = |desk: &mut Desk| {
        let ticket = desk.orders().filter_map(|order| match order {
            Order::Activate { ticket, .. } => Some(ticket),
            _ => None,
        });
        let ticket = ticket.last().unwrap();
        desk.hear(Event::ActivateFailed { ticket, code: Code::Priority });
    };
    desk.ask(2, Ask::Resume);
    refuse(&mut desk);
    assert!(desk.said(rejected(2, ErrorCode::SessionInterrupted)));
    assert_eq!((desk.session.next_deadline(), desk.tries()), (None, 1));
    // The system may say yes while a resume is tried.
    desk.ask(3, Ask::Resume);
    desk.call_ends();
    refuse(&mut desk);
    assert!(desk.said(rejected(3, ErrorCode::SessionInterrupted)));
    assert_eq!(desk.tries(), 3);
    // What was given up is not begun again by a resume that fails.
    desk.answer = busy;
    desk.pass(60_000);
    assert_eq!(desk.session.next_deadline(), None);
    desk.ask(4, Ask::Resume);
    assert_eq!(desk.session.next_deadline(), None);
}

#[test]
fn nothing_goes_on_while_something_else_stands_in_the_way() {
    let lost = rerouted(RouteReason::NoSuitableRoute, Format::mono(0), false);
    for (trouble, cure) in [
        (Event::MediaLost, Event::MediaReset),
        (Event::ClientSilenced(true), Event::ClientSilenced(false)),
        (lost, Event::InputAvailable),
    ] {
        let mut desk = Desk::recording(Policy::default());
        desk.hear(CALL);
        desk.hear(trouble);
        desk.call_ends();
        desk.hear(Event::Foreground);
        assert_eq!(desk.tries(), 0, "{trouble:?}");
        desk.hear(cure);
        desk.beat();
        assert_eq!((desk.tries(), desk.session.state()), (1, State::Recording), "{trouble:?}");
        // Nor does the cure help against a call, unless it says that all is new.
        desk.said.clear();
        desk.hear(CALL);
        desk.hear(trouble);
        desk.hear(Event::Foreground);
        desk.hear(cure);
        assert_eq!(desk.tries(), usize::from(cure == Event::MediaReset), "{trouble:?}");
    }
}

#[test]
fn an_owner_that_takes_back_has_to_give_again() {
    let mut desk = Desk::recording(Policy { owner: Owner::CallKit, ..Policy::default() });
    for taken in [CALL, Event::MediaLost, Event::ExternalDeactivated] {
        desk.hear(taken);
        assert_eq!(desk.session.state(), State::Paused);
        desk.said.clear();
        desk.hear(Event::MediaReset);
        desk.hear(Event::InterruptionEnded);
        desk.hear(Event::ResumeHint(Hint::No));
        desk.ask(2, Ask::Resume);
        assert_eq!(desk.news(), [rejected(2, ErrorCode::SessionInterrupted)], "{taken:?}");
        // Its word counts more than any before.
        desk.hear(Event::ExternalActivated);
        desk.beat();
        assert_eq!(desk.session.state(), State::Recording, "{taken:?}");
        assert_eq!(desk.tries(), 0);
    }
}

#[test]
fn an_owner_that_comes_early_does_not_begin_what_is_not_ready() {
    let mut desk = Desk::new(Policy { owner: Owner::CallKit, ..Policy::default() });
    desk.answer = |command| match command {
        Command::Take(TakeOrder::Open { .. }) => None,
        other => prompt(other),
    };
    desk.ask(1, start());
    desk.said.clear();
    desk.hear(Event::ExternalActivated);
    assert_eq!(desk.said, []);
    desk.hear(Event::TakeOpened);
    desk.beat();
    assert!(desk.said(resolved(1, true)));
}

#[test]
fn a_probe_is_hurried_by_advice_and_ended_by_advice_against() {
    for (hint, tries) in [(Hint::Yes, 1), (Hint::No, 0), (Hint::Absent, 0)] {
        let mut desk = Desk::recording(Policy::default());
        desk.hear(CALL);
        desk.answer = busy;
        desk.hear(Event::Foreground);
        desk.hear(Event::Foreground);
        assert_eq!(desk.tries(), 2);
        desk.hear(Event::ResumeHint(hint));
        assert_eq!(desk.tries(), 2 + tries, "{hint:?}");
        assert_eq!(desk.session.next_deadline().is_some(), hint != Hint::No, "{hint:?}");
        // The advice was given.
        desk.hear(Event::ResumeHint(Hint::Yes));
        assert_eq!(desk.tries(), 2 + tries, "{hint:?}");
    }
}

#[test]
fn advice_counts_by_the_policy() {
    use AutoResume::{AlwaysAfterInterruption, Never, WhenSystemSays};
    for (auto_resume, hint, goes_on, front) in [
        (WhenSystemSays, Hint::Yes, true, true),
        (WhenSystemSays, Hint::Absent, false, true),
        (WhenSystemSays, Hint::No, false, false),
        (AlwaysAfterInterruption, Hint::Yes, true, true),
        (AlwaysAfterInterruption, Hint::Absent, true, true),
        (AlwaysAfterInterruption, Hint::No, true, true),
        (Never, Hint::Yes, false, false),
        (Never, Hint::Absent, false, false),
        (Never, Hint::No, false, false),
    ] {
        let mut desk = Desk::recording(Policy { auto_resume, ..Policy::default() });
        // What was said of an earlier call is not said of this one.
        desk.hear(CALL);
        desk.hear(Event::ResumeHint(if hint == Hint::No { Hint::Yes } else { Hint::No }));
        desk.hear(CALL);
        desk.hear(Event::InterruptionEnded);
        desk.hear(Event::ResumeHint(hint));
        assert_eq!(desk.tries() > 0, goes_on, "{auto_resume:?}, {hint:?}");
        desk.hear(Event::Foreground);
        assert_eq!(desk.tries() > 0, front, "{auto_resume:?}, {hint:?}");
    }
}

/// What is being tried is vain, and whoever waits for it is told so.
#[test]
fn nothing_is_tried_against_a_call() {
    for (id, ask) in [(1, start()), (2, Ask::Prewarm), (3, Ask::Resume)] {
        let mut desk = Desk::new(Policy { pause: PauseMode::Release, ..Policy::default() });
        if ask == Ask::Resume {
            desk = Desk::recording(*desk.session.policy());
            desk.ask(9, Ask::Pause);
        }
        let before = desk.session.state();
        desk.answer = |command| match command {
            Command::Platform(Order::StartIo { .. }) => None,
            other => prompt(other),
        };
        desk.ask(id, ask);
        desk.said.clear();
        desk.hear(CALL);
        let told = if ask == Ask::Prewarm {
            resolved(id, false)
        } else {
            rejected(id, ErrorCode::SessionInterrupted)
        };
        assert_eq!(desk.counted(told), 1, "{ask:?}");
        assert!(desk.said(Command::Platform(Order::StopIo)), "{ask:?}");
        assert_eq!((desk.session.state(), desk.session.next_deadline()), (before, None));
        desk.said.clear();
        // Nor after it, unless somebody asks again.
        desk.call_ends();
        desk.hear(Event::Foreground);
        assert_eq!(desk.said, [], "{ask:?}");
    }
}

#[test]
fn engines_do_not_outlive_the_media_services() {
    for events in [&[Event::MediaLost, Event::MediaReset][..], &[Event::MediaReset]] {
        let mut desk = Desk::recording(Policy::default());
        for event in events {
            desk.hear(*event);
        }
        desk.beat();
        assert_eq!((desk.counted(REBUILD), desk.session.state()), (1, State::Recording));
    }
}

#[test]
fn an_end_counts_once() {
    let mut desk = Desk::recording(Policy {
        auto_resume: AutoResume::AlwaysAfterInterruption,
        ..Policy::default()
    });
    desk.hear(CALL);
    desk.answer = busy;
    desk.hear(Event::InterruptionEnded);
    desk.pass(60_000);
    let before = desk.tries();
    assert!(before > 1 && desk.session.next_deadline().is_none(), "it is given up");
    desk.hear(Event::InterruptionEnded);
    assert_eq!(desk.tries(), before);
}

#[test]
fn another_session_is_no_sign_for_ours() {
    let mut desk = Desk::recording(Policy::default());
    desk.hear(CALL);
    desk.hear(Event::ExternalActivated);
    assert_eq!(desk.tries(), 0);
}

#[test]
fn an_owner_that_gives_is_reason_enough_to_go_on() {
    let mut desk = Desk::recording(Policy { owner: Owner::CallKit, ..Policy::default() });
    let starts =
        |desk: &Desk| desk.orders().filter(|order| matches!(order, Order::StartIo { .. })).count();
    desk.hear(CALL);
    desk.answer = |command| match command {
        Command::Platform(Order::StartIo { ticket, .. }) => {
            Some(Event::IoFailed { ticket, code: Code::Busy })
        }
        other => prompt(other),
    };
    // No end of the call is told.
    desk.hear(Event::ExternalActivated);
    assert_eq!(starts(&desk), 1);
    desk.hear(Event::ExternalActivated);
    assert_eq!(starts(&desk), 2, "what only waits is hurried");
    desk.answer = prompt;
    desk.hear(Event::ExternalActivated);
    desk.beat();
    assert_eq!(desk.session.state(), State::Recording);
}

#[test]
fn what_was_said_of_a_call_is_over_with_it() {
    let mut desk = Desk::recording(Policy::default());
    desk.hear(CALL);
    desk.hear(Event::ResumeHint(Hint::No));
    // Nobody says that it ended, but the user resumes.
    desk.ask(2, Ask::Resume);
    desk.beat();
    assert_eq!(desk.session.state(), State::Recording);
    desk.hear(Event::ClientSilenced(true));
    desk.hear(Event::ClientSilenced(false));
    desk.beat();
    assert_eq!(desk.session.state(), State::Recording);
}
