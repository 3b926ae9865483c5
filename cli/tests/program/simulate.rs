//! `simulate`: scripts that pass, scripts that do not, and files that are no scripts.

use crate::kit::{Folder, tympan};

const CALLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/scenarios/calls.json");

#[test]
fn what_passes_is_told_in_a_line_each() {
    let ran = tympan(&["simulate", CALLS]);
    assert_eq!(ran.exit, 0, "{}", ran.out);
    let last = ran.out.lines().last().unwrap();
    let passed = ran.out.lines().filter(|line| line.starts_with("ok ")).count();
    assert_eq!(last, format!("{passed} of {passed} scripts pass"));
}

#[test]
fn programs_get_everything_that_came_of_a_script() {
    let ran = tympan(&["simulate", CALLS, "--only", "two-calls-one-end", "--json"]);
    let scripts = ran.events("script");
    assert_eq!((ran.exit, scripts.len()), (0, 1));
    assert_eq!(scripts[0]["captured_ms"], 4800);
    assert_eq!(scripts[0]["events"][1], "error:SESSION_INTERRUPTED");
    assert_eq!(scripts[0]["gaps"][0], 4100);
    let totals = ran.events("simulated");
    assert_eq!((&totals[0]["scripts"], &totals[0]["passed"]), (&1.into(), &1.into()));
}

#[test]
fn a_script_that_expects_something_else_is_a_finding() {
    let folder = Folder::new("simulate-findings");
    let path = folder.at("calls.json");
    let text = std::fs::read_to_string(CALLS).unwrap();
    std::fs::write(&path, text.replacen("\"approx\": 4800", "\"approx\": 9999", 1)).unwrap();
    let ran = tympan(&["simulate", &path]);
    assert_eq!(ran.exit, 1, "{}", ran.out);
    assert!(ran.out.contains("FAILED two-calls-one-end"), "{}", ran.out);
    assert!(ran.out.contains("captured_ms: expected 9999 ± 30, got 4800"), "{}", ran.out);
}

#[test]
fn what_is_no_script_is_refused_with_its_line() {
    let folder = Folder::new("simulate-refusals");
    let path = folder.at("calls.json");
    let text = std::fs::read_to_string(CALLS).unwrap();
    std::fs::write(&path, text.replacen("interruption_ended", "interuption_end", 1)).unwrap();
    let ran = tympan(&["simulate", &path]);
    assert_eq!(ran.exit, 3);
    assert!(ran.err.contains("line 16"), "{}", ran.err);
    assert!(ran.err.contains("did you mean `interruption_ended`?"), "{}", ran.err);

    let ran = tympan(&["simulate", &folder.at("nothing.json")]);
    assert_eq!(ran.exit, 4, "{}", ran.err);
    let ran = tympan(&["simulate", CALLS, "--only", "two-calls"]);
    assert_eq!(ran.exit, 2, "{}", ran.err);
    assert!(ran.err.contains("two-calls-one-end"), "{}", ran.err);
}
