//! `tympan simulate`: a recorder on a phone where everything goes wrong.

use std::path::PathBuf;

use serde_json::json;
use tympan::backend::phone::{Call, Phone, Rehearsed, Report, Scenario, rehearse};

use crate::exit::{Exit, Failure};
use crate::graph_file;
use crate::output::{Line, Output};

/// Rehearse calls, headsets, kills and full disks on a simulated phone
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The scripts, JSON files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Only the script of this name
    #[arg(long, value_name = "ID")]
    only: Option<String>,
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
    let passed = scenarios.iter().filter(|scenario| passes(scenario, out)).count();
    let all = scenarios.len();
    if out.is_json() {
        out.line(&Line::new("simulated").with("scripts", all).with("passed", passed));
    } else {
        out.text(&format!("{passed} of {all} scripts pass"));
    }
    Ok(if passed == all { Exit::Ok } else { Exit::Findings })
}

fn load(path: &std::path::Path) -> Result<Vec<Scenario>, Failure> {
    let name = graph_file::name(path);
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(Exit::Device, format!("`{name}` cannot be read: {error}")))?;
    Scenario::read_all(&text)
        .map_err(|error| Failure::new(Exit::Config, format!("{name}, {error}")))
}

/// Plays a script and tells of it.
fn passes(scenario: &Scenario, out: &mut Output) -> bool {
    let mut phone = Phone::new(&scenario.setup);
    let mut recorder = Rehearsed::new(&scenario.setup, &phone);
    let report = rehearse(scenario, &mut recorder, &mut phone);
    let findings = scenario.judge(&report);
    let ok = findings.is_empty();
    if out.is_json() {
        out.line(&line(scenario, &report, findings));
        return ok;
    }
    out.text(&format!("{} {}", if ok { "ok    " } else { "FAILED" }, scenario.id));
    if !ok {
        out.text(&format!("       {}", scenario.title));
        for finding in &findings {
            out.text(&format!("       - {finding}"));
        }
    }
    ok
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
        .with("ok", findings.is_empty())
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
