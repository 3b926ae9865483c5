//! Routes and inputs that change.

use tympan_core::Format;
use tympan_core::session::{
    Ask, Command, Diagnosis, Event, GapCause, Hint, OnSpeaker, Policy, RouteReason, State,
    TakeOrder, Tell,
};

use crate::desk::{CALL, Desk, FORMAT, diagnosis, rerouted, route, start};

#[test]
fn a_fall_back_to_the_speaker_pauses() {
    let mut desk = Desk::recording(Policy { on_speaker: OnSpeaker::Pause, ..Policy::default() });
    desk.hear(route(RouteReason::OldDevice, true));
    assert!(desk.said(Command::Tell(Tell::State(State::Paused))));
    // As after any pause, only the user goes on.
    desk.hear(route(RouteReason::NewDevice, false));
    assert_eq!(desk.session.state(), State::Paused);
    desk.ask(2, Ask::Resume);
    desk.beat();
    assert_eq!(desk.session.state(), State::Recording);
}

#[test]
fn a_fall_back_to_the_speaker_mutes() {
    let mut desk = Desk::recording(Policy { on_speaker: OnSpeaker::Mute, ..Policy::default() });
    desk.hear(route(RouteReason::OldDevice, true));
    assert!(desk.said(Command::Take(TakeOrder::Gate(true))));
    let before = desk.session.captured_ms();
    (0..20).for_each(|_| desk.beat());
    assert_eq!((desk.session.state(), desk.session.captured_ms()), (State::Recording, before));
    desk.hear(route(RouteReason::NewDevice, false));
    desk.beat();
    assert_eq!(desk.session.captured_ms(), before + 10);
    let gap = desk.said.iter().find_map(|command| match command {
        Command::Take(TakeOrder::MarkGap(gap)) => Some((gap.ms(), gap.cause)),
        _ => None,
    });
    assert_eq!(gap, Some((200, GapCause::Muted)));
}

#[test]
fn a_fall_back_to_the_speaker_is_nothing_by_default() {
    let mut desk = Desk::recording(Policy::default());
    desk.hear(route(RouteReason::OldDevice, true));
    assert_eq!(desk.said, [Command::Tell(Tell::Diagnosis(Diagnosis::RouteChanged))]);
}

#[test]
fn only_the_fall_back_to_the_speaker_counts() {
    for on_speaker in [OnSpeaker::Pause, OnSpeaker::Mute] {
        let mut desk = Desk::recording(Policy { on_speaker, ..Policy::default() });
        for (reason, speaker) in [
            (RouteReason::OldDevice, false),
            (RouteReason::NewDevice, true),
            (RouteReason::Override, true),
        ] {
            desk.hear(route(reason, speaker));
            assert_eq!(desk.news(), [diagnosis(Diagnosis::RouteChanged)], "{reason:?}");
        }
    }
}

#[test]
fn a_new_input_ends_no_call() {
    let mut desk = Desk::recording(Policy::default());
    desk.hear(CALL);
    for event in [Event::InputAvailable, Event::InterruptionEnded, Event::ResumeHint(Hint::Absent)]
    {
        desk.hear(event);
        desk.hear(Event::InputAvailable);
        desk.hear(rerouted(RouteReason::NewDevice, FORMAT, false));
        assert_eq!(desk.tries(), 0, "{event:?}");
    }
}

#[test]
fn a_lost_input_is_found_in_whatever_way() {
    for found in [
        Event::InputAvailable,
        rerouted(RouteReason::NewDevice, FORMAT, false),
        rerouted(RouteReason::Configuration, FORMAT, false),
    ] {
        let mut desk = Desk::recording(Policy::default());
        for _ in 0..2 {
            desk.hear(rerouted(RouteReason::NoSuitableRoute, Format::mono(0), false));
            assert_eq!(desk.session.state(), State::Paused);
            desk.hear(found);
            desk.beat();
            assert_eq!(desk.session.state(), State::Recording, "{found:?}");
        }
    }
}

#[test]
fn routes_are_told_in_a_take_and_only_there() {
    let mut desk = Desk::new(Policy::default());
    desk.hear(route(RouteReason::NewDevice, false));
    assert_eq!(desk.said, []);
    desk.ask(1, start());
    desk.beat();
    desk.said.clear();
    desk.hear(route(RouteReason::NewDevice, false));
    assert_eq!(desk.said, [diagnosis(Diagnosis::RouteChanged)]);
}

#[test]
fn the_muting_ends_with_the_speaker_and_in_a_take() {
    let gates = |desk: &mut Desk| {
        let said = desk.news();
        said.iter().filter(|said| matches!(said, Command::Take(TakeOrder::Gate(false)))).count()
    };
    let policy = Policy { on_speaker: OnSpeaker::Mute, ..Policy::default() };
    let mut desk = Desk::recording(policy);
    desk.hear(route(RouteReason::OldDevice, true));
    for (reason, speaker, ends) in
        [(RouteReason::Category, true, 0), (RouteReason::NewDevice, false, 1)]
    {
        desk.hear(route(reason, speaker));
        assert_eq!(gates(&mut desk), ends, "{reason:?}");
    }
    // A microphone that is held in a pause is opened by nobody but the user.
    desk.ask(2, Ask::Pause);
    desk.hear(route(RouteReason::NewDevice, false));
    assert_eq!((gates(&mut desk), desk.session.is_open()), (0, true));
}
