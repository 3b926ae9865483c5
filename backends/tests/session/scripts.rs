//! Every script of the collections: the ones in this repository, and those that
//! `TYMPAN_SCENARIOS` names.

use std::path::{Path, PathBuf};

use tympan_backends::phone::{Phone, Rehearsed, Report, Scenario, Setup, rehearse};

/// All there are.
pub(crate) fn all() -> Vec<Scenario> {
    own().into_iter().chain(collected()).collect()
}

/// The scripts in this repository.
fn own() -> Vec<Scenario> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/scenarios");
    let mut files: Vec<_> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().flat_map(|file| read(file)).collect()
}

/// The large collection, if it is there.
fn collected() -> Vec<Scenario> {
    let path = std::env::var_os("TYMPAN_SCENARIOS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/session/scenarios.json"),
        PathBuf::from,
    );
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
