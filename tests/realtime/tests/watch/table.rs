//! What the realtime path must not do, and who notices: every plant before every instrument,
//! as one table. No instrument sees everything, so each plant must be seen by one of them, and
//! each instrument must see something. Before that, the graphs that ship: there nobody may
//! see anything.
//!
//! `TYMPAN_CALLBACKS` is how many callbacks each graph gets: 10,000,000 in `./x realtime --long`.

use std::fmt::Write;
use std::process::{Command, Output};

use tympan_realtime::kit;
use tympan_realtime::plants::PLANTS;
use tympan_realtime::{ABSENT, SEEN};

use crate::scan::{Code, Place};

/// The programs that watch, by what their column is called.
const PROGRAMS: [(&str, &str); 3] = [
    ("heap", env!("CARGO_BIN_EXE_heap")),
    ("sanitizer", env!("CARGO_BIN_EXE_sanitizer")),
    ("traps", env!("CARGO_BIN_EXE_traps")),
];

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

/// Whether a program saw something; None where it cannot be had here.
fn saw(output: &Output) -> Option<bool> {
    match output.status.code() {
        Some(0) => Some(false),
        Some(code) if code == i32::from(SEEN) => Some(true),
        Some(code) if code == i32::from(ABSENT) => None,
        _ => panic!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)),
    }
}

#[test]
fn nobody_sees_anything_in_graphs_that_ship() {
    let callbacks = std::env::var("TYMPAN_CALLBACKS").unwrap_or("5000".into());
    for (name, program) in PROGRAMS {
        let output = run(program, &["graphs", &callbacks]);
        let said = String::from_utf8_lossy(&output.stdout);
        match saw(&output) {
            None => println!("{name}: not to be had here"),
            Some(seen) => {
                println!("{name}:\n{said}");
                assert!(!seen, "{name}: {said}{}", String::from_utf8_lossy(&output.stderr));
            }
        }
    }
}

/// Who saw what: a row for each plant, a column for each instrument. It is seen if it is seen
/// both in a node and in a callback.
struct Table {
    columns: Vec<&'static str>,
    rows: Vec<(&'static str, Vec<Option<bool>>)>,
}

impl Table {
    fn add(&mut self, column: &'static str, seen: impl Fn(&str) -> Option<bool>) {
        self.columns.push(column);
        for (plant, row) in &mut self.rows {
            row.push(seen(plant));
        }
    }

    /// What nobody saw, and instruments that saw nothing.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (plant, row) in &self.rows {
            if !row.contains(&Some(true)) {
                faults.push(format!("nobody saw {plant}"));
            }
        }
        for (n, column) in self.columns.iter().enumerate() {
            let mut seen = self.rows.iter().map(|(_, row)| row[n]);
            if seen.clone().any(|saw| saw.is_some()) && !seen.any(|saw| saw == Some(true)) {
                faults.push(format!("{column} saw nothing"));
            }
        }
        faults
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = format!("{:<24}", "planted");
        for column in &self.columns {
            let _ = write!(text, "{column:<11}");
        }
        for (plant, row) in &self.rows {
            let _ = write!(text, "\n{plant:<24}");
            for saw in row {
                let word = match saw {
                    Some(true) => "seen",
                    Some(false) => ".",
                    None => "absent",
                };
                let _ = write!(text, "{word:<11}");
            }
        }
        f.write_str(&text)
    }
}

/// The lines of `plants.rs` that belong to a plant.
fn lines_of(plant: &str) -> std::ops::RangeInclusive<usize> {
    let text = std::fs::read_to_string(plants()).unwrap();
    let function = format!("fn {}() -> Deed", plant.to_lowercase().replace(' ', "_"));
    let mut lines = text.lines();
    let first = lines.by_ref().position(|line| line.starts_with(&function)).expect(&function) + 1;
    first..=first + lines.position(|line| line == "}").unwrap() + 1
}

fn plants() -> std::path::PathBuf {
    kit::root().join("tests/realtime/src/plants.rs")
}

/// The lines of the plants that the lints of `nodes/` refuse; None without clippy.
fn refused() -> Option<Vec<usize>> {
    let output = Command::new("clippy-driver")
        .arg(plants())
        .args(["--crate-type", "lib", "--edition", "2024", "--emit", "metadata"])
        .args(["--error-format", "json", "--out-dir", env!("CARGO_TARGET_TMPDIR")])
        .env("CLIPPY_CONF_DIR", kit::root().join("nodes"))
        .output()
        .ok()?;
    let said = String::from_utf8(output.stderr).unwrap();
    let messages =
        said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let lints = messages.filter(|m| {
        m["code"]["code"].as_str().is_some_and(|code| code.starts_with("clippy::disallowed"))
    });
    let line = |m: serde_json::Value| m["spans"][0]["line_start"].as_u64().unwrap() as usize;
    let lines: Vec<usize> = lints.map(line).collect();
    (!lines.is_empty() || output.status.success()).then_some(lines)
}

#[test]
fn everything_that_is_planted_is_seen_by_somebody() {
    let rows = PLANTS.iter().map(|(plant, _)| (*plant, Vec::new())).collect();
    let mut table = Table { columns: Vec::new(), rows };
    for (name, program) in PROGRAMS {
        let at = |plant: &str, place| saw(&run(program, &["plant", plant, place]));
        table.add(name, |plant| Some(at(plant, "node")? && at(plant, "callback")?));
    }
    let refused = refused();
    table.add("lints", |plant| {
        let lines = lines_of(plant);
        Some(refused.as_ref()?.iter().any(|line| lines.contains(line)))
    });
    let code = Code::of(PROGRAMS[2].1);
    table.add("panics", |plant| {
        let code = code.as_ref()?;
        let lines = lines_of(plant);
        let places = code.panics(|name| name.contains("tympan_realtime::plants::"));
        let here = |(file, line, _): &Place| {
            file.ends_with("src/plants.rs") && lines.contains(&(*line as usize))
        };
        Some(places.iter().any(here))
    });
    println!("{table}");
    assert_eq!(table.faults(), Vec::<String>::new());
}

#[test]
fn what_nobody_sees_is_a_fault() {
    let row = |saw: [Option<bool>; 2]| saw.to_vec();
    let table = |rows| Table { columns: vec!["one", "other"], rows };
    let (yes, no) = (Some(true), Some(false));
    assert!(table(vec![("a", row([yes, no])), ("b", row([no, yes]))]).faults().is_empty());
    assert_eq!(
        table(vec![("a", row([yes, yes])), ("b", row([no, no]))]).faults(),
        ["nobody saw b"]
    );
    assert_eq!(table(vec![("a", row([yes, no]))]).faults(), ["other saw nothing"]);
    assert!(table(vec![("a", row([yes, None]))]).faults().is_empty());
}
