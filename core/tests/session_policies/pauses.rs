//! Pauses, and microphones that are held in them.

use tympan_core::Format;
use tympan_core::session::{
    Ask, AutoResume, Command, ErrorCode, Event, Hint, Order, Policy, RouteReason, State, TakeOrder,
};

use crate::desk::{CALL, Desk, FORMAT, REBUILD, RECORDING, rejected, rerouted, resolved};

#[test]
fn a_held_microphone_is_not_repaired_in_the_pause() {
    let stopped = rerouted(RouteReason::Category, Format::mono(16_000), false);
    for change in [Event::EngineConfigChanged, stopped] {
        let mut desk = Desk::recording(Policy::default());
        desk.ask(2, Ask::Pause);
        assert!(desk.session.is_open());
        desk.hear(change);
        assert!(!desk.session.is_open() && desk.session.next_deadline().is_none(), "{change:?}");
        desk.said.clear();
        desk.ask(3, Ask::Resume);
        assert!(desk.said(REBUILD), "{change:?}");
    }
    // One that runs on may do so in any format.
    let mut desk = Desk::recording(Policy::default());
    desk.ask(2, Ask::Pause);
    desk.hear(rerouted(RouteReason::Category, Format::mono(16_000), true));
    assert!(desk.session.is_open());
    // One that fell silent is not waited for.
    desk.pass(5000);
    desk.said.clear();
    desk.ask(3, Ask::Resume);
    assert!(desk.said(REBUILD));
}

#[test]
fn a_pause_in_an_interruption_outlasts_it() {
    let mut desk = Desk::recording(Policy::default());
    desk.hear(CALL);
    desk.said.clear();
    desk.ask(2, Ask::Pause);
    assert_eq!(desk.news(), [resolved(2, true)]);
    desk.call_ends();
    desk.hear(Event::Foreground);
    desk.pass(60_000);
    assert_eq!(desk.said, []);
    desk.ask(3, Ask::Resume);
    desk.beat();
    assert!(desk.said(resolved(3, true)) && desk.said(RECORDING));
}

#[test]
fn a_pause_in_an_interruption_is_as_long_as_it_was() {
    let mut desk = Desk::recording(Policy::default());
    desk.hear(CALL);
    desk.pass(3000);
    desk.ask(2, Ask::Pause);
    desk.call_ends();
    desk.pass(7000);
    desk.said.clear();
    desk.ask(3, Ask::Resume);
    desk.beat();
    let pause = TakeOrder::MarkPause { at: 10, began: 3010, ended: 10_010 };
    assert_eq!(desk.counted(Command::Take(pause)), 1, "{:?}", desk.said);
}

#[test]
fn a_held_microphone_goes_on_at_once() {
    let mut desk = Desk::recording(Policy::default());
    desk.ask(2, Ask::Pause);
    desk.beats(1000);
    desk.said.clear();
    desk.ask(3, Ask::Resume);
    assert_eq!(desk.said, [Command::Take(TakeOrder::Gate(false))]);
    desk.beat();
    assert!(desk.said(RECORDING) && desk.said(resolved(3, true)));
}

#[test]
fn hardware_that_changes_is_not_held() {
    let mut desk = Desk::recording(Policy::default());
    desk.hear(Event::EngineConfigChanged);
    desk.beat();
    assert!(desk.session.is_open());
    desk.ask(2, Ask::Pause);
    assert!(!desk.session.is_open() && desk.session.next_deadline().is_none());
}

#[test]
fn a_resume_against_another_client_is_not_even_tried() {
    let mut desk = Desk::recording(Policy::default());
    desk.hear(Event::ClientSilenced(true));
    desk.said.clear();
    desk.ask(2, Ask::Resume);
    assert_eq!(desk.said, [rejected(2, ErrorCode::SessionInterrupted)]);
}

#[test]
fn a_call_takes_a_held_microphone() {
    for taken in [CALL, Event::MediaLost, Event::ClientSilenced(true)] {
        let mut desk = Desk::recording(Policy::default());
        desk.ask(2, Ask::Pause);
        assert!(desk.session.is_open());
        desk.said.clear();
        desk.hear(taken);
        assert_eq!(desk.news(), [Command::Platform(Order::StopIo)], "{taken:?}");
        assert!(!desk.session.is_open(), "{taken:?}");
    }
}

#[test]
fn a_pause_is_ended_by_nothing_but_the_user() {
    let mut desk = Desk::recording(Policy {
        auto_resume: AutoResume::AlwaysAfterInterruption,
        ..Policy::default()
    });
    desk.ask(2, Ask::Pause);
    for event in [
        CALL,
        Event::ResumeHint(Hint::Yes),
        Event::InterruptionEnded,
        Event::ClientSilenced(true),
        Event::ClientSilenced(false),
        Event::MediaLost,
        Event::MediaReset,
        rerouted(RouteReason::NoSuitableRoute, Format::mono(0), false),
        Event::InputAvailable,
        rerouted(RouteReason::NewDevice, FORMAT, true),
        Event::EngineConfigChanged,
        Event::Foreground,
        Event::ExternalActivated,
        Event::InputMuted(false),
    ] {
        desk.hear(event);
        assert_eq!((desk.tries(), desk.session.next_deadline()), (0, None), "{event:?}");
        assert_eq!(desk.session.state(), State::Paused, "{event:?}");
    }
}
