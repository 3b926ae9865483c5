//! What a platform shows its user while a take is under way.

use tympan_core::session::State;

#[test]
fn there_is_one_exactly_while_there_is_a_take() {
    let text = |state: State| state.notification().map(|notification| notification.text);
    assert_eq!(text(State::Recording), Some("audio recording in progress"));
    assert_eq!(text(State::Paused), Some("paused"));
    assert_eq!([State::Idle, State::Stopped, State::Error].map(text), [None; 3]);
    let actions = State::Paused.notification().unwrap().actions;
    assert_eq!([actions[0].title(), actions[1].title()], ["Launch App", "Stop Recording"]);
    assert_eq!([actions[0].name(), actions[1].name()], ["launch_app", "stop_recording"]);
}
