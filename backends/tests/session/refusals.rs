//! Scripts that are not understood are refused, with the line and the word that may be
//! meant.

use proptest::prelude::*;
use tympan_backends::phone::Scenario;

/// A script with this event and this expectation in it.
fn script(event: &str, expect: &str) -> String {
    format!(
        r#"{{
 "schema": "tympan-session-scenarios/1",
 "scenarios": [
  {{
   "id": "one",
   "preconditions": {{ "permission": "granted" }},
   "events": [
    {{ "at_ms": 1000, "event": "start_recording" }},
    {event}
   ],
   "end_ms": 2000,
   "expect": {{ "file": "intact"{expect} }}
  }}
 ]
}}"#
    )
}

fn refusal(text: &str) -> String {
    Scenario::read_all(text).unwrap_err().to_string()
}

#[test]
fn a_sound_script_is_read() {
    let text = script(r#"{ "at_ms": 1500, "event": "stop_recording" }"#, "");
    let scenarios = Scenario::read_all(&text).unwrap();
    assert_eq!(scenarios[0].events.len(), 2);
}

#[test]
fn wrong_events_are_shown() {
    for (event, expected) in [
        (
            r#"{ "at_ms": 1500, "event": "interupted_ended" }"#,
            "line 9: an event: there is no `interupted_ended`; did you mean `interruption_ended`?",
        ),
        (
            r#"{ "at_ms": 1500, "event": "io_stalls", "untill": "rebuild" }"#,
            "line 9: `io_stalls` knows no `untill`; did you mean `until`?",
        ),
        (
            r#"{ "at_ms": 1500, "event": "io_stalls", "until": "rebild" }"#,
            "line 9: `io_stalls`: there is no until `rebild`; did you mean `rebuild`?",
        ),
        (
            r#"{ "at_ms": 500, "event": "stop_recording" }"#,
            "line 9: `stop_recording`: at 500 ms, but the event before it is at 1000 ms; events \
             stand in the order of time",
        ),
        (
            r#"{ "at_ms": "soon", "event": "stop_recording" }"#,
            "line 9: `stop_recording`: `at_ms` has to be a whole number",
        ),
        (
            r#"{ "event": "stop_recording", "at": 1500 }"#,
            "line 9: `stop_recording` has no `at_ms`; there is `at`, which may be meant",
        ),
        (
            r#"{ "at_ms": 1500, "event": "activate_fails", "code": "!int" }"#,
            "line 9: `activate_fails`: it needs either `times` or `until_ms`",
        ),
        (
            r#"{ "at_ms": 1500, "event": "mic_format_changed", "rate": 0, "channels": 1 }"#,
            "line 9: `mic_format_changed`: no device has 1 channels at 0 Hz",
        ),
        (
            r#"{ "at_ms": 2500, "event": "stop_recording" }"#,
            "line 11: scenario `one`: it ends before its last event",
        ),
    ] {
        assert_eq!(refusal(&script(event, "")), expected);
    }
}

#[test]
fn wrong_expectations_are_shown() {
    let stop = r#"{ "at_ms": 1500, "event": "stop_recording" }"#;
    let told = refusal(&script(stop, r#", "captured": 3"#));
    assert_eq!(
        told,
        "line 12: `expect` of scenario `one` knows no `captured`; did you mean `captured_ms`?"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..<_>::default() })]

    /// Whatever a slip makes of a file, it is read or refused with a line that it has.
    #[test]
    fn slips_of_the_pen(at in any::<prop::sample::Index>(), end in 0..9usize, with in "[ -~]{0,3}") {
        let text = include_str!("../../../tests/scenarios/app.json");
        let at = at.index(text.len() - end);
        let slip = format!("{}{with}{}", &text[..at], &text[at + end..]);
        if let Err(error) = Scenario::read_all(&slip) {
            prop_assert!((1..=slip.lines().count() + 1).contains(&error.line), "{error}");
        }
    }
}

#[test]
fn what_is_no_script_at_all_is_said() {
    assert!(refusal("{").starts_with("line 1: this is not JSON"));
    assert_eq!(refusal("[]"), "line 1: the file has to be an object, `{ ... }`");
    let other = r#"{ "schema": "other/2", "scenarios": [] }"#;
    assert_eq!(
        refusal(other),
        "line 1: this is `other/2`; only `tympan-session-scenarios/1` can be read"
    );
}
