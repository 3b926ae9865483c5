//! Every script of an iPhone, through the real backend.

use std::path::{Path, PathBuf};

use tympan::Graph;
use tympan::backend::phone::{Phone, Scenario, System, rehearse};
use tympan_stage::{Dialect, OnIos, enter};

/// One rate and one channel, whatever the phone has.
const GRAPH: &str = "
[[node]]
kind = \"mix\"
channels = 1

[[node]]
kind = \"resample\"
rate = 16000

[[output]]
name = \"take\"
";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// The scripts in this repository, and the large collection if it is there.
fn scripts() -> Vec<Scenario> {
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
    let read =
        |file: &PathBuf| Scenario::read_all(&std::fs::read_to_string(file).unwrap()).unwrap();
    let mut all: Vec<_> = files.iter().flat_map(read).collect();
    all.retain(|scenario| scenario.setup.system == System::Ios);
    all
}

fn play(scenario: &Scenario, graph: &Graph, dialect: Dialect) -> Vec<String> {
    let folder = std::env::temp_dir().join(format!("tympan-stage-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let _stage = enter(27, dialect);
    let mut phone = Phone::new(&scenario.setup);
    let mut recorder = OnIos::new(graph, &scenario.setup, &phone, &folder);
    let report = rehearse(scenario, &mut recorder, &mut phone);
    let mut findings = scenario.judge(&report);
    findings.extend(recorder.end());
    let _ = std::fs::remove_dir_all(&folder);
    findings
}

#[test]
fn every_script_passes_through_the_real_backend() {
    let graph = Graph::named("take.toml", GRAPH, &tympan::registry()).unwrap();
    let only = std::env::var("TYMPAN_ONLY").unwrap_or_default();
    let runs: u32 = std::env::var("TYMPAN_RUNS").map_or(1, |runs| runs.parse().unwrap());
    let scripts = scripts();
    assert!(scripts.len() > 20);
    for dialect in [Dialect::Interruption, Dialect::Deactivation] {
        let mut passed = 0;
        for run in 1..=runs {
            let mut failed = Vec::new();
            for script in scripts.iter().filter(|script| script.id.contains(&only)) {
                let findings = play(script, &graph, dialect);
                for finding in &findings {
                    println!("{}: {finding}", script.id);
                }
                if !findings.is_empty() {
                    failed.push(&script.id);
                }
            }
            passed += u32::from(failed.is_empty());
            let all = scripts.len();
            println!("{dialect:?}, run {run}: {} of {all} scripts pass", all - failed.len());
        }
        println!("{dialect:?}: {passed} of {runs} runs");
        assert_eq!(passed, runs);
    }
}
