//! Every script with the recorder that an app has: a graph, takes on disk, and what came
//! of them read from the files.

use std::path::{Path, PathBuf};

use tympan::backend::phone::{Phone, Scenario, Setup, rehearse};
use tympan::core::session::{Owner, Profile};
use tympan::recorder::Staged;

use crate::kit::graph;
use crate::temp::Temp;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &Path) -> Vec<Scenario> {
    let text = std::fs::read_to_string(file).unwrap();
    Scenario::read_all(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The scripts in this repository, and the large collection if it is there.
fn all() -> Vec<Scenario> {
    let folder = std::fs::read_dir(root().join("tests/scenarios")).unwrap();
    let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let named = std::env::var_os("TYMPAN_SCENARIOS").map(PathBuf::from);
    let collected = root().join(named.unwrap_or("../shared/session/scenarios.json".into()));
    if collected.exists() {
        files.push(collected);
    } else {
        println!("NOT RUN: the collected scripts; TYMPAN_SCENARIOS may name their file");
    }
    files.iter().flat_map(|file| read(file)).collect()
}

fn play(scenario: &Scenario, setup: &Setup) -> Vec<String> {
    let folder = Temp::new();
    let mut phone = Phone::new(setup);
    let mut recorder = Staged::new(&graph(), setup, &phone, folder.path()).unwrap();
    let report = rehearse(scenario, &mut recorder, &mut phone);
    scenario.judge(&report)
}

#[test]
fn every_script_passes_with_the_real_recorder() {
    let all = all();
    assert!(all.len() > 20);
    let mut failed = 0;
    for scenario in &all {
        let findings = play(scenario, &scenario.setup);
        failed += usize::from(!findings.is_empty());
        for finding in findings {
            println!("{}: {finding}", scenario.id);
        }
    }
    println!("{} of {} scripts pass with takes on disk", all.len() - failed, all.len());
    assert_eq!(failed, 0);
}

/// A profile changes what is asked of the platform, never what becomes of a take. A
/// script that says who owns the session, or which rungs there are, is for profiles that
/// say the same.
#[test]
fn every_script_passes_under_every_profile_that_fits_it() {
    let all = all();
    for profile in Profile::ALL {
        let mut played = 0;
        for scenario in &all {
            let own = if scenario.setup.callkit { Owner::CallKit } else { Owner::App };
            if own != profile.owner || !scenario.setup.rungs.is_empty() {
                continue;
            }
            let rungs = profile.ladder.iter().map(|rung| rung.name.to_owned()).collect();
            let setup = Setup { rungs, ..scenario.setup.clone() };
            // What counts tries is for a ladder of one rung.
            let mut scenario = scenario.clone();
            scenario.expect.activation_attempts = None;
            let findings = play(&scenario, &setup);
            assert!(findings.is_empty(), "{} under {}: {findings:?}", scenario.id, profile.name);
            played += 1;
        }
        println!("{}: {played} scripts", profile.name);
        assert!(played > 0, "{}", profile.name);
    }
}
