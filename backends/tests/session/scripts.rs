//! Every script of the collections: the ones in this repository, and those that
//! `TYMPAN_SCENARIOS` names.

use std::path::{Path, PathBuf};

use tympan_backends::phone::{
    About, Expect, Phone, Rehearsed, Report, Scenario, Setup, StatusExpected, rehearse,
};

/// Where the workspace is.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All there are.
pub(crate) fn all() -> Vec<Scenario> {
    own().into_iter().chain(collected()).collect()
}

/// The scripts in this repository.
fn own() -> Vec<Scenario> {
    let folder = root().join("tests/scenarios");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().flat_map(|file| read(file)).collect()
}

/// The large collection, if it is there.
fn collected() -> Vec<Scenario> {
    let named = std::env::var_os("TYMPAN_SCENARIOS");
    let beside = || PathBuf::from("../shared/session/scenarios.json");
    // Where the tests run is not where they were asked for.
    let path = root().join(named.map_or_else(beside, PathBuf::from));
    if path.exists() {
        return read(&path);
    }
    println!(
        "NOT RUN: the collected scripts. {} is not there; TYMPAN_SCENARIOS may name another file.",
        path.display()
    );
    Vec::new()
}

fn read(path: &Path) -> Vec<Scenario> {
    let text = std::fs::read_to_string(path).unwrap();
    Scenario::read_all(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Plays a script on the phone that it describes, or on a changed one.
pub(crate) fn play(scenario: &Scenario, setup: &Setup) -> Report {
    let mut phone = Phone::new(setup);
    let mut subject = Rehearsed::new(setup, &phone);
    rehearse(scenario, &mut subject, &mut phone)
}

fn all_pass(scenarios: &[Scenario]) {
    let mut failed = 0;
    for scenario in scenarios {
        let findings = scenario.judge(&play(scenario, &scenario.setup));
        failed += usize::from(!findings.is_empty());
        for finding in findings {
            println!("{}: {finding}", scenario.id);
        }
    }
    println!("{} of {} scripts pass", scenarios.len() - failed, scenarios.len());
    assert_eq!(failed, 0);
}

#[test]
fn our_own_scripts_pass() {
    let own = own();
    assert!(own.len() > 10);
    all_pass(&own);
}

#[test]
fn the_collected_scripts_pass() {
    all_pass(&collected());
}

/// The negative control: whatever a script expects, something else is found wanting.
#[test]
fn every_expectation_can_fail() {
    type Change = fn(&mut Expect);
    let changes: [(&str, Change); 15] = [
        ("events", |expect| expect.events.as_mut().unwrap().push("paused".to_owned())),
        ("final_state", |expect| expect.final_state = Some("recording".to_owned())),
        ("rejects", |expect| expect.rejects = Some(vec![(0, "stop".into(), "FILE_ERROR".into())])),
        ("status", |expect| {
            let elapsed_ms = Some(About { approx: 1, tol: 0 });
            let state = "error".to_owned();
            expect.status.push(StatusExpected { at_ms: 5500, state, elapsed_ms });
        }),
        ("captured_ms", |expect| expect.captured_ms = Some(About { approx: 1, tol: 1 })),
        ("gaps", |expect| expect.gaps = Some(Vec::new())),
        ("session_active_final", |expect| expect.session_active_final = Some(true)),
        ("activation_attempts", |expect| expect.activation_attempts = Some((7, 9))),
        ("activate at", |expect| expect.no_activate_between.push((0, 10_000))),
        ("start_io at", |expect| expect.no_start_io_between.push((0, 10_000))),
        ("commands", |expect| expect.commands_include.push("rebuild_engine".to_owned())),
        ("diagnostics", |expect| expect.diagnostics_include.push("input_silent".to_owned())),
        ("file", |expect| expect.file = "recovered".to_owned()),
        ("files", |expect| expect.files = Some(3)),
        ("commands", |expect| expect.commands_include.push("nonsense".to_owned())),
    ];
    let scenario = own().into_iter().find(|own| own.id == "never-without-the-user").unwrap();
    let report = play(&scenario, &scenario.setup);
    for (name, change) in changes {
        let mut changed = scenario.clone();
        change(&mut changed.expect);
        let findings = changed.judge(&report);
        assert!(
            !findings.is_empty()
                && findings.iter().all(|finding| {
                    finding.starts_with(name)
                        || (name == "status" && finding.contains("at 5500 ms"))
                }),
            "{name}: {findings:?}"
        );
    }
}
