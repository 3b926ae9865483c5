//! `tympan simulate`: a recorder on a phone where everything goes wrong.

use std::cell::Cell;
use std::path::PathBuf;

use serde_json::json;
use tympan::Graph;
use tympan::backend::phone::{Call, Phone, Report, Scenario, rehearse};
use tympan::recorder::Staged;

use crate::exit::{Exit, Failure};
use crate::graph_file;
use crate::output::{Line, Output};

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The scripts, JSON files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Only the script of this name
    #[arg(long, value_name = "ID")]
    only: Option<String>,

    /// Keep the takes, one folder for each script
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

const AFTER: &str = "\
Each script says what happens to a phone and what is expected of the recorder.
Time is virtual, so that an hour takes a moment.

Examples:
  tympan simulate tests/scenarios/*.json
  tympan simulate tests/scenarios/calls.json --only two-calls-one-end --json";

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    let mut scenarios = Vec::new();
    for path in &args.files {
        scenarios.extend(load(path)?);
    }
    if let Some(only) = &args.only {
        let named = |scenario: &Scenario| scenario.id == *only;
        if !scenarios.iter().any(named) {
            let ids: Vec<_> = scenarios.iter().map(|scenario| scenario.id.as_str()).collect();
            let failure = Failure::new(Exit::Usage, format!("there is no script `{only}`"));
            return Err(failure.help(format!("there are {}", ids.join(", "))));
        }
        scenarios.retain(named);
    }
    let stage = Stage::set(args)?;
    let mut passed = 0;
    for scenario in &scenarios {
        passed += usize::from(passes(scenario, &stage, out)?);
    }
    let all = scenarios.len();
    if out.is_json() {
        out.line(&Line::new("simulated").with("scripts", all).with("passed", passed));
    } else {
        out.text(&format!("{passed} of {all} scripts pass"));
    }
    Ok(if passed == all { Exit::Ok } else { Exit::Findings })
}

/// What scripts are played with.
struct Stage {
    graph: Graph,
    /// Takes go here, and stay if somebody named it.
    folder: PathBuf,
    keep: bool,
    played: Cell<usize>,
}

impl Stage {
    fn set(args: &Args) -> Result<Self, Failure> {
        let graph = Graph::named("simulate.toml", GRAPH, &tympan::registry())?;
        let own = || std::env::temp_dir().join(format!("tympan-simulate-{}", std::process::id()));
        let (keep, folder) = (args.out.is_some(), args.out.clone().unwrap_or_else(own));
        Ok(Self { graph, folder, keep, played: Cell::new(0) })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !self.keep {
            // What is in the system's own folder for such things is no loss.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// One rate and one channel, whatever the phone has.
const GRAPH: &str = "\
[[node]]
kind = \"mix\"
channels = 1

[[node]]
kind = \"resample\"
rate = 16000

[[output]]
name = \"take\"
";

fn load(path: &std::path::Path) -> Result<Vec<Scenario>, Failure> {
    let name = graph_file::name(path);
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(Exit::Device, format!("`{name}` cannot be read: {error}")))?;
    Scenario::read_all(&text).map_err(|error| {
        Failure::new(Exit::Config, format!("{name}, {error}"))
            .help("a script is JSON, like those in tests/scenarios; `tympan simulate --help`")
    })
}

/// Plays a script and tells of it: the recorder that an app has, with a graph and takes
/// on disk.
fn passes(scenario: &Scenario, stage: &Stage, out: &mut Output) -> Result<bool, Failure> {
    let folder = stage.folder.join(format!("{:04}", stage.played.get()));
    stage.played.set(stage.played.get() + 1);
    let mut phone = Phone::new(&scenario.setup);
    let mut recorder = Staged::new(&stage.graph, &scenario.setup, &phone, &folder)
        .map_err(|error| Failure::new(Exit::Config, error.to_string()))?;
    let report = rehearse(scenario, &mut recorder, &mut phone);
    drop(recorder);
    let findings = scenario.judge(&report);
    let pass = findings.is_empty();
    if out.is_json() {
        out.line(&line(scenario, &report, findings));
        return Ok(pass);
    }
    out.text(&format!("{} {}", if pass { "ok    " } else { "FAILED" }, scenario.id));
    if !pass {
        out.text(&format!("       {}", scenario.title));
        for finding in &findings {
            out.text(&format!("       - {finding}"));
        }
    }
    Ok(pass)
}

/// Everything that came of a script.
fn line(scenario: &Scenario, report: &Report, findings: Vec<String>) -> Line {
    let rejects = report.rejects.iter().map(|rejected| {
        json!({
            "at_ms": rejected.asked_ms, "refused_ms": rejected.refused_ms,
            "cmd": rejected.cmd, "code": rejected.code,
        })
    });
    let status = report.status.iter().map(|(at_ms, state, elapsed_ms)| {
        json!({ "at_ms": at_ms, "state": state.name(), "elapsed_ms": elapsed_ms })
    });
    let calls = report.calls.iter().map(|(at, call)| json!([at, call.name()]));
    Line::new("script")
        .with("id", scenario.id.as_str())
        .with("pass", findings.is_empty())
        .with("findings", findings)
        .with("events", report.events.clone())
        .with("final_state", report.final_state.name())
        .with("rejects", rejects.collect::<Vec<_>>())
        .with("status", status.collect::<Vec<_>>())
        .with("file", report.file())
        .with("files", report.takes.files)
        .with("captured_ms", report.takes.captured_ms)
        .with("gaps", report.takes.gaps.clone())
        .with("stale_ms_written", report.takes.stale_ms)
        .with("session_active_final", report.session_active)
        .with("activation_attempts", report.count(Call::Activate))
        .with("diagnostics", report.diagnostics.clone())
        .with("calls", calls.collect::<Vec<_>>())
}
