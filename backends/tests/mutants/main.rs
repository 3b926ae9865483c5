//! Deliberate faults in the session machine, and whether some test notices each.
//!
//! `faults.txt` holds mistakes that a person could make. `./x mutants` makes one after
//! the other in a copy of the workspace, runs the machine's tests there and tells which
//! of them noticed. Where none does, a test is missing. An ordinary test run only looks
//! whether the list still fits the code.

mod plant;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use plant::{Fault, mirror, read, write};

/// Where the machine is.
const MACHINE: &str = "core/src";

/// Random scripts for each property: enough, as the list shows.
const CASES: &str = "400";

/// A test that says nothing for so long will not end.
const HANGS: Duration = Duration::from_secs(30);

/// What is built and run, in order, until something fails: the quickest first. A package,
/// a test of it, and which parts of that, one after the other.
const RUNS: [(&str, &str, &[&[&str]]); 2] = [
    ("tympan-core", "session_policies", &[&[]]),
    (
        "tympan-backends",
        "session",
        &[&["scripts::", "profiles::", "metamorphic::"], &["invariants::"]],
    ),
];

// ---- The list ----

fn faults() -> Vec<Fault> {
    plant::faults(include_str!("faults.txt"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The list is stale where the code has moved on without it.
#[test]
fn every_fault_can_be_planted() {
    let faults = faults();
    let stale: Vec<_> = faults
        .iter()
        .filter_map(|fault| fault.plant(&read(&root().join(MACHINE).join(&fault.file))).err())
        .collect();
    assert!(stale.is_empty(), "faults.txt is stale:\n{}", stale.join("\n"));
    let same = faults.iter().find(|fault| fault.lines == fault.instead);
    assert!(same.is_none(), "no fault: {}", same.unwrap().name);
    let names: BTreeSet<_> = faults.iter().map(|fault| &fault.name).collect();
    assert_eq!(names.len(), faults.len(), "two faults of one name");
    assert!(faults.len() >= 60);
}

#[test]
fn every_file_of_the_machine_has_faults() {
    let faults = faults();
    let folder = std::fs::read_dir(root().join(MACHINE).join("session")).unwrap();
    let files = folder.map(|entry| format!("session/{}", entry.unwrap().file_name().display()));
    for file in files.chain(["session.rs".to_owned()]) {
        assert!(faults.iter().any(|fault| fault.file == file), "none in {file}");
    }
}

#[test]
fn what_fits_nowhere_or_twice_is_stale() {
    let fault = |line: &str| Fault {
        name: "a name".to_owned(),
        file: "a.rs".to_owned(),
        lines: vec![line.to_owned()],
        instead: vec!["x".to_owned()],
    };
    assert_eq!(fault("b").plant("a\n  b\nc\n"), Ok("a\nx\nc\n".to_owned()));
    assert_eq!(fault("b").plant("b\nb\n"), Err("a.rs: 2 places for: a name".to_owned()));
    assert_eq!(fault("b").plant("bb\n"), Err("a.rs: 0 places for: a name".to_owned()));
}

// ---- Planting ----

/// A copy of the workspace, which keeps what it built from one fault to the next.
struct Copy {
    workspace: PathBuf,
    target: PathBuf,
}

/// What the tests say about the machine.
#[derive(PartialEq, Eq)]
enum Verdict {
    CaughtBy(String),
    Survived,
}

impl Copy {
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants");
        let copy = Self { workspace: folder.join("workspace"), target: folder.join("target") };
        mirror(&root(), &copy.workspace);
        copy
    }

    /// Puts this text in place of a file of the machine.
    fn put(&self, file: &str, text: &str) {
        write(&self.workspace.join(MACHINE).join(file), text.as_bytes());
    }

    /// Builds a test. Fails with what the compiler says.
    fn build(&self, package: &str, test: &str) -> Result<PathBuf, String> {
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .current_dir(&self.workspace)
            .args(["test", "--no-run", "-p", package, "--test", test])
            .env("CARGO_TARGET_DIR", &self.target)
            // Fast to build rather than fast to run; what a fault leaves unused is no news.
            .env("CARGO_PROFILE_TEST_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_TEST_DEBUG", "0")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env("RUSTFLAGS", "-Awarnings");
        let output = cargo.output().map_err(|error| format!("cargo: {error}"))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // "Executable tests/session/main.rs (/target/debug/deps/session-0123456789abcdef)"
        let program = said.lines().find_map(|line| {
            let path = line.trim().strip_prefix("Executable")?.split_once('(')?.1;
            Some(self.workspace.join(path.strip_suffix(')')?))
        });
        program.filter(|_| output.status.success()).ok_or(said)
    }

    /// Runs the tests until one fails.
    fn judge(&self) -> Result<Verdict, String> {
        for (package, test, parts) in RUNS {
            let program = self.build(package, test)?;
            if let Some(test) = parts.iter().find_map(|part| first_failure(&program, part)) {
                return Ok(Verdict::CaughtBy(test));
            }
        }
        Ok(Verdict::Survived)
    }
}

/// The first test of this program that fails, or why there was none to wait for.
fn first_failure(program: &Path, filters: &[&str]) -> Option<String> {
    // A machine that goes round in circles must not fill this one's memory.
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -v 4000000; exec \"$0\" \"$@\""])
        .arg(program)
        .args(filters)
        .env("TYMPAN_CASES", CASES)
        // The same cases each time, and no time spent on making a failure small.
        .env("PROPTEST_RNG_SEED", "1")
        .env("PROPTEST_MAX_SHRINK_ITERS", "0")
        .env_remove("TYMPAN_LONG")
        .env_remove("TYMPAN_SCENARIOS")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the tests can be run");
    let (said, lines) = mpsc::channel();
    let stdout = BufReader::new(child.stdout.take().expect("it was piped"));
    std::thread::spawn(move || {
        // Nobody listens once a failure is known.
        stdout.lines().map_while(Result::ok).try_for_each(|line| said.send(line))
    });
    let failure = loop {
        match lines.recv_timeout(HANGS) {
            Ok(line) => {
                let failed = line.strip_prefix("test ").and_then(|of| of.strip_suffix("FAILED"));
                if let Some(test) = failed {
                    break Some(test.trim_end_matches([' ', '.']).to_owned());
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => break Some("its not coming to an end".into()),
            Err(mpsc::RecvTimeoutError::Disconnected) => break None,
        }
    };
    if failure.is_some() {
        drop(child.kill());
    }
    let status = child.wait().expect("it was started");
    failure.or_else(|| (!status.success()).then(|| "its breaking down".to_owned()))
}

/// `TYMPAN_FAULTS` chooses those in whose name or file it occurs, or one of several words
/// with `|` between them.
#[test]
#[ignore = "builds the machine anew for each fault: ./x mutants"]
fn every_fault_is_caught() {
    let chosen = std::env::var("TYMPAN_FAULTS").unwrap_or_default();
    let mut faults = faults();
    let named = |Fault { name, file, .. }: &Fault, word| name.contains(word) || file.contains(word);
    faults.retain(|fault| chosen.split('|').any(|word| named(fault, word)));
    assert!(!faults.is_empty(), "no fault is called like `{chosen}`");
    let copy = Copy::new();
    println!("the tests without a fault");
    match copy.judge() {
        Ok(Verdict::Survived) => {}
        // Whatever fails anyway would seem to catch everything.
        Ok(Verdict::CaughtBy(test)) => panic!("without any fault there is already {test}"),
        Err(why) => panic!("without any fault: {why}"),
    }
    let mut caught = 0;
    for (n, fault) in faults.iter().enumerate() {
        let Fault { name, file, .. } = fault;
        let began = Instant::now();
        let sound = read(&root().join(MACHINE).join(file));
        copy.put(file, &fault.plant(&sound).unwrap_or_else(|why| panic!("stale: {why}")));
        let verdict = copy.judge();
        copy.put(file, &sound);
        let verdict = match verdict {
            Ok(Verdict::CaughtBy(test)) => {
                caught += 1;
                format!("caught by {test}")
            }
            Ok(Verdict::Survived) => "SURVIVED".to_owned(),
            Err(why) => format!("NO FAULT, it does not build: {why}"),
        };
        let (n, all, seconds) = (n + 1, faults.len(), began.elapsed().as_secs());
        println!("{n:3}/{all} {file}: {name}: {verdict} ({seconds} s)");
    }
    println!("{caught} of {} faults caught", faults.len());
    assert_eq!(caught, faults.len(), "for a fault that survives, a test is missing");
}
