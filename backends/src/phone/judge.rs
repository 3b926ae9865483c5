//! What a script expects, what came of it, and the difference.

use std::fmt::Display;

use tympan_core::session::{Ms, State};

use super::{Call, Phone, Scenario, Subject, TakesSeen};

/// What a script expects. What is not there is not looked at.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// What the app is told, exactly.
    pub events: Option<Vec<String>>,
    /// The state at the end.
    pub final_state: Option<String>,
    /// What is refused: when it was asked, what, and why. Exactly, in order.
    pub rejects: Option<Vec<(Ms, String, String)>>,
    /// Answers on the way.
    pub status: Vec<StatusExpected>,
    /// The length of the last take.
    pub captured_ms: Option<About>,
    /// The gaps in it.
    pub gaps: Option<Vec<About>>,
    /// Whether the app holds the session at the end.
    pub session_active_final: Option<bool>,
    /// How often the session may be activated, both ends included.
    pub activation_attempts: Option<(u64, u64)>,
    /// Windows without a try to activate, both ends included.
    pub no_activate_between: Vec<(Ms, Ms)>,
    /// Windows without a start of I/O.
    pub no_start_io_between: Vec<(Ms, Ms)>,
    /// Calls that must be among the rest.
    pub commands_include: Vec<String>,
    /// Diagnoses that must be.
    pub diagnostics_include: Vec<String>,
    /// Diagnoses that must not be.
    pub diagnostics_exclude: Vec<String>,
    /// What is on disk: `none`, `intact` or `recovered`.
    pub file: String,
    /// How many takes.
    pub files: Option<u64>,
    /// The most old audio in a take.
    pub stale_ms_written: Option<u64>,
}

/// A number, more or less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// The number.
    pub approx: u64,
    /// How far it may be off.
    pub tol: u64,
}

impl About {
    const fn fits(self, value: u64) -> bool {
        value.abs_diff(self.approx) <= self.tol
    }
}

impl Display for About {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ± {}", self.approx, self.tol)
    }
}

/// An answer on the way.
#[derive(Clone, Debug)]
pub struct StatusExpected {
    /// When it was asked for.
    pub at_ms: Ms,
    /// The state in it.
    pub state: String,
    /// The captured time in it.
    pub elapsed_ms: Option<About>,
}

/// A refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// When it was asked for.
    pub asked_ms: Ms,
    /// When it was refused, which may be long after.
    pub refused_ms: Ms,
    /// What was asked for.
    pub cmd: &'static str,
    /// Why it was refused.
    pub code: &'static str,
}

impl Rejected {
    /// Whether this is the refusal that a script means. A script names the moment of the
    /// question or, where the answer takes long, that of the answer.
    fn is(&self, (at, cmd, code): &(Ms, String, String)) -> bool {
        (*at == self.asked_ms || *at == self.refused_ms) && cmd == self.cmd && code == self.code
    }
}

/// What came of a script.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What the app was told, in order.
    pub events: Vec<String>,
    /// The state at the end.
    pub final_state: State,
    /// What was refused, in the order it was asked.
    pub rejects: Vec<Rejected>,
    /// Answers: asked when, the state, the captured time.
    pub status: Vec<(Ms, State, Ms)>,
    /// What became of the takes.
    pub takes: TakesSeen,
    /// Whether the app holds the session at the end.
    pub session_active: bool,
    /// What the app did to the phone.
    pub calls: Vec<(Ms, Call)>,
    /// What it diagnosed, in order.
    pub diagnostics: Vec<&'static str>,
    /// What it must never do and did.
    pub offences: Vec<String>,
}

impl Report {
    pub(super) fn finish(mut self, subject: &dyn Subject, phone: &Phone) -> Self {
        self.rejects.sort_by_key(|rejected| rejected.asked_ms);
        self.final_state = subject.status().state;
        self.takes = subject.takes();
        self.session_active = phone.is_held();
        self.calls = phone.calls().to_vec();
        self.offences = phone.offences().to_vec();
        self
    }

    /// What is on disk, in the word of the scripts. They have none for a take that nobody
    /// has repaired yet.
    pub const fn file(&self) -> &'static str {
        match self.takes {
            TakesSeen { files: 0, .. } => "none",
            TakesSeen { orphaned: 1.., .. } => "orphaned",
            TakesSeen { recovered: 1.., .. } => "recovered",
            _ => "intact",
        }
    }

    /// How often this was called.
    pub fn count(&self, call: Call) -> u64 {
        self.calls.iter().filter(|(_, made)| *made == call).count() as u64
    }

    fn made(&self, command: &str) -> bool {
        let discards = command == "discard_stale" && self.takes.discarded;
        discards || self.calls.iter().any(|(_, call)| call.name() == command)
    }
}

impl Scenario {
    /// What is not as expected, as sentences. None is a pass.
    pub fn judge(&self, report: &Report) -> Vec<String> {
        let mut findings = Findings(report.offences.clone());
        let expect = &self.expect;
        if report.takes.rates.len() > 1 {
            findings.say(format!("the take changed its rate: {:?} Hz", report.takes.rates));
        }
        if let Some(events) = &expect.events {
            findings.equal("events", events, &report.events);
        }
        if let Some(state) = &expect.final_state {
            findings.equal("final_state", &state.as_str(), &report.final_state.name());
        }
        if let Some(rejects) = &expect.rejects {
            let mut pairs = rejects.iter().zip(&report.rejects);
            if rejects.len() != report.rejects.len() || !pairs.all(|(said, is)| is.is(said)) {
                findings.say(format!("rejects: expected {rejects:?}, got {:?}", report.rejects));
            }
        }
        expect.status.iter().for_each(|status| findings.status(status, report));
        findings.takes(expect, report);
        findings.calls(expect, report);
        for name in &expect.diagnostics_include {
            if !report.diagnostics.contains(&name.as_str()) {
                findings.say(format!("diagnostics: {name} is missing"));
            }
        }
        for name in &expect.diagnostics_exclude {
            if report.diagnostics.contains(&name.as_str()) {
                findings.say(format!("diagnostics: {name} should not be there"));
            }
        }
        findings.0
    }
}

struct Findings(Vec<String>);

impl Findings {
    fn say(&mut self, finding: String) {
        self.0.push(finding);
    }

    fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, expected: &T, is: &T) {
        if expected != is {
            self.say(format!("{what}: expected {expected:?}, got {is:?}"));
        }
    }

    fn about(&mut self, what: &str, expected: About, is: u64) {
        if !expected.fits(is) {
            self.say(format!("{what}: expected {expected}, got {is}"));
        }
    }

    fn status(&mut self, expected: &StatusExpected, report: &Report) {
        let at = expected.at_ms;
        let Some((_, state, elapsed)) = report.status.iter().find(|(asked, ..)| *asked == at)
        else {
            return self.say(format!("status at {at} ms: nobody answered"));
        };
        self.equal(&format!("status at {at} ms"), &expected.state.as_str(), &state.name());
        if let Some(about) = expected.elapsed_ms {
            self.about(&format!("elapsed at {at} ms"), about, *elapsed);
        }
    }

    fn takes(&mut self, expect: &Expect, report: &Report) {
        let takes = &report.takes;
        self.equal("file", &expect.file.as_str(), &report.file());
        if let Some(files) = expect.files {
            self.equal("files", &files, &u64::from(takes.files));
        }
        if let Some(captured) = expect.captured_ms {
            self.about("captured_ms", captured, takes.captured_ms);
        }
        if let Some(gaps) = &expect.gaps {
            if gaps.len() == takes.gaps.len() {
                for (n, (expected, is)) in gaps.iter().zip(&takes.gaps).enumerate() {
                    self.about(&format!("gap {n}"), *expected, *is);
                }
            } else {
                self.say(format!("gaps: expected {}, got {:?}", gaps.len(), takes.gaps));
            }
        }
        if let Some(most) = expect.stale_ms_written.filter(|most| takes.stale_ms > *most) {
            self.say(format!("stale_ms_written: at most {most}, got {}", takes.stale_ms));
        }
    }

    fn calls(&mut self, expect: &Expect, report: &Report) {
        if let Some(active) = expect.session_active_final {
            self.equal("session_active_final", &active, &report.session_active);
        }
        if let Some((least, most)) = expect.activation_attempts {
            let made = report.count(Call::Activate);
            if !(least..=most).contains(&made) {
                self.say(format!("activation_attempts: expected {least} to {most}, got {made}"));
            }
        }
        self.windows(&expect.no_activate_between, Call::Activate, report);
        self.windows(&expect.no_start_io_between, Call::StartIo, report);
        for command in expect.commands_include.iter().filter(|command| !report.made(command)) {
            self.say(format!("commands: {command} is missing"));
        }
    }

    fn windows(&mut self, windows: &[(Ms, Ms)], call: Call, report: &Report) {
        for (from, to) in windows {
            let inside = |(at, made): &&(Ms, Call)| *made == call && (from..=to).contains(&at);
            if let Some((at, _)) = report.calls.iter().find(inside) {
                self.say(format!("{} at {at} ms, between {from} and {to} ms", call.name()));
            }
        }
    }
}
