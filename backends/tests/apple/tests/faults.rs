//! Deliberate faults in the iOS backend, and whether some test notices each.

#[path = "../../mutants/plant.rs"]
mod plant;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use plant::{Fault, mirror, read, write};

/// What the faults are in.
const BACKENDS: &str = "backends/src";

/// The quickest first.
const TESTS: [&str; 4] = ["binding", "older", "heap", "scripts"];

fn faults() -> Vec<Fault> {
    plant::faults(include_str!("../faults.txt"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

#[test]
fn every_fault_can_be_planted() {
    let faults = faults();
    let place = |fault: &Fault| root().join(BACKENDS).join(&fault.file);
    let stale: Vec<_> =
        faults.iter().filter_map(|fault| fault.plant(&read(&place(fault))).err()).collect();
    assert!(stale.is_empty(), "faults.txt is stale:\n{}", stale.join("\n"));
    let names: BTreeSet<_> = faults.iter().map(|fault| &fault.name).collect();
    assert_eq!(names.len(), faults.len(), "two faults of one name");
    assert!(faults.len() >= 30);
}

/// A copy of the workspace with its own stage.
struct Copy {
    workspace: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("faults");
        let copy = Self { workspace: folder.join("workspace"), target: folder.join("target") };
        mirror(&root(), &copy.workspace);
        copy
    }

    fn cargo(&self, arguments: &[&str]) -> Output {
        Command::new("sh")
            .arg(self.workspace.join("backends/tests/apple/run"))
            .args(arguments)
            .env("CARGO_TARGET_DIR", &self.target)
            // Fast to build; what a fault leaves unused is no news.
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_TEST_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("RUSTFLAGS", "-Awarnings")
            .env("TYMPAN_SCENARIOS", "/none")
            .output()
            .expect("it can be run")
    }

    /// Which test notices, if any. Fails with what the compiler says.
    fn judge(&self) -> Result<Option<String>, String> {
        for test in TESTS {
            let built = self.cargo(&["test", "--test", test, "--no-run"]);
            if !built.status.success() {
                return Err(String::from_utf8_lossy(&built.stderr).into_owned());
            }
            let ran = self.cargo(&["test", "--test", test]);
            if !ran.status.success() {
                let said = String::from_utf8_lossy(&ran.stdout).into_owned();
                let failed = said.lines().find(|line| line.ends_with("FAILED"));
                let name = failed.map_or("its breaking down", |line| {
                    line.trim_start_matches("test ").trim_end_matches("FAILED")
                });
                return Ok(Some(format!("{test}: {}", name.trim_end_matches([' ', '.']))));
            }
        }
        Ok(None)
    }
}

/// `TYMPAN_FAULTS` chooses those in whose name or file it occurs.
#[test]
#[ignore = "builds the backend anew for each fault: ./x apple mutants"]
fn every_fault_is_caught() {
    let chosen = std::env::var("TYMPAN_FAULTS").unwrap_or_default();
    let mut faults = faults();
    faults.retain(|fault| fault.name.contains(&chosen) || fault.file.contains(&chosen));
    assert!(!faults.is_empty(), "no fault is called like `{chosen}`");
    let copy = Copy::new();
    match copy.judge() {
        Ok(None) => {}
        Ok(Some(test)) => panic!("without any fault there is already {test}"),
        Err(why) => panic!("without any fault: {why}"),
    }
    let mut caught = 0;
    for (n, fault) in faults.iter().enumerate() {
        let Fault { name, file, .. } = fault;
        let sound = read(&root().join(BACKENDS).join(file));
        let place = copy.workspace.join(BACKENDS).join(file);
        let planted = fault.plant(&sound).unwrap_or_else(|why| panic!("stale: {why}"));
        write(&place, planted.as_bytes());
        let verdict = copy.judge();
        write(&place, sound.as_bytes());
        let verdict = match verdict {
            Ok(Some(test)) => {
                caught += 1;
                format!("caught by {test}")
            }
            Ok(None) => "SURVIVED".to_owned(),
            Err(why) => format!("NO FAULT, it does not build: {why}"),
        };
        println!("{:3}/{} {file}: {name}: {verdict}", n + 1, faults.len());
    }
    println!("{caught} of {} faults caught", faults.len());
    assert_eq!(caught, faults.len(), "for a fault that survives, a test is missing");
}
