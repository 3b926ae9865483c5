//! Scripts of what happens to a phone, with what is expected of a recorder, as JSON.

mod events;
mod expect;
mod fields;

use std::fmt;

use tympan_core::session::{Ask, AutoResume, Ms, PauseMode};

use super::{Expect, Happening, Setup, System};
use fields::{Fields, Source};

/// One script: a phone, what happens to it and to the app, and what is expected.
///
/// Times are milliseconds, events stand in their order, and what is not expected is not
/// looked at, except `file` (`none`, `intact` or `recovered`), which always is.
///
/// ```
/// use tympan_backends::phone::{Phone, Rehearsed, Scenario, rehearse};
///
/// let text = r#"{
///   "schema": "tympan-session-scenarios/1",
///   "scenarios": [{
///     "id": "a-short-call",
///     "preconditions": { "input": { "port": "builtin_mic", "rate": 48000, "channels": 1 } },
///     "events": [
///       { "at_ms": 0, "event": "start_recording" },
///       { "at_ms": 3000, "event": "interruption_began", "reason": "default" },
///       { "at_ms": 5000, "event": "interruption_ended", "should_resume": true },
///       { "at_ms": 8000, "event": "stop_recording" }
///     ],
///     "end_ms": 9000,
///     "expect": {
///       "events": ["recording", "error:SESSION_INTERRUPTED", "paused", "recording", "stopped"],
///       "captured_ms": { "approx": 5800, "tol": 50 },
///       "gaps": [{ "approx": 2100, "tol": 50 }],
///       "file": "intact"
///     }
///   }]
/// }"#;
/// for scenario in Scenario::read_all(text)? {
///     let mut phone = Phone::new(&scenario.setup);
///     let mut recorder = Rehearsed::new(&scenario.setup, &phone);
///     let report = rehearse(&scenario, &mut recorder, &mut phone);
///     assert_eq!(scenario.judge(&report), [""; 0]);
/// }
/// # Ok::<(), tympan_backends::phone::ScenarioError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name.
    pub id: String,
    /// What sort of trouble it is about.
    pub category: String,
    /// What it is about, in a line.
    pub title: String,
    /// The phone it plays on.
    pub setup: Setup,
    /// What happens, in order.
    pub events: Vec<Scripted>,
    /// When it is over.
    pub end_ms: Ms,
    /// What is expected.
    pub expect: Expect,
}

/// One line of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scripted {
    /// When.
    pub at_ms: Ms,
    /// What.
    pub what: What,
}

/// What a line of a script does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The app asks its recorder for something.
    Ask(Ask),
    /// The app asks how it is.
    Status,
    /// Something happens to the phone.
    Happens(Happening),
}

/// What is wrong with a file of scripts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// Where, from 1.
    pub line: usize,
    /// What, and what to do.
    pub message: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for ScenarioError {}

/// Longer scripts are slips of the pen, and would take a minute to play.
const LONGEST_MS: Ms = 7 * 24 * 3_600_000;

/// The format that is read.
const SCHEMA: &str = "tympan-session-scenarios/1";

impl Scenario {
    /// Reads a file of scripts. Unknown words are refused: a script that is half
    /// understood proves nothing.
    pub fn read_all(text: &str) -> Result<Vec<Self>, ScenarioError> {
        let source = Source::new(text);
        let mut file = source.object(source.whole()?, "the file")?;
        // Notes for people.
        file.skip(&["vocabulary", "defaults", "counts"]);
        let schema = file.text("schema")?;
        if schema != SCHEMA {
            let message = format!("this is `{schema}`; only `{SCHEMA}` can be read");
            return Err(ScenarioError { line: file.line_of("schema"), message });
        }
        let scenarios = file.list("scenarios")?;
        file.done()?;
        scenarios.into_iter().map(|raw| Self::read(source.object(raw, "a scenario")?)).collect()
    }

    fn read(mut fields: Fields<'_>) -> Result<Self, ScenarioError> {
        // Where it comes from, for people.
        fields.skip(&["source", "wrong_behaviour", "confidence", "confirmed_by"]);
        let id = fields.text("id")?;
        fields.rename(&format!("scenario `{id}`"));
        let system = system(&mut fields)?;
        let scenario = Self {
            category: fields.text_or("category", "")?,
            title: fields.text_or("title", "")?,
            setup: setup(fields.object("preconditions")?, system)?,
            end_ms: fields.number("end_ms")?,
            events: events::read(fields.list("events")?, fields.source())?,
            expect: expect::read(fields.object("expect")?)?,
            id,
        };
        if scenario.end_ms > LONGEST_MS {
            return Err(fields.error("end_ms", "no script is longer than a week"));
        }
        if scenario.events.last().is_some_and(|last| last.at_ms > scenario.end_ms) {
            return Err(fields.error("end_ms", "it ends before its last event"));
        }
        fields.done()?;
        Ok(scenario)
    }
}

fn system(fields: &mut Fields<'_>) -> Result<System, ScenarioError> {
    let words = [
        ("ios", System::Ios),
        ("any", System::Ios),
        ("android", System::Android),
        ("macos", System::Macos),
    ];
    fields.word_or("platform", &words, System::Ios)
}

fn setup(mut fields: Fields<'_>, system: System) -> Result<Setup, ScenarioError> {
    // A profile, a file's format and what is declared to a store change nothing about
    // when a phone takes its microphone away.
    fields.skip(&["category", "mode", "options", "background_audio_entitled"]);
    fields.skip(&["foreground_service", "format"]);
    let auto_resume = [
        ("when_system_says", AutoResume::WhenSystemSays),
        ("always_after_interruption", AutoResume::AlwaysAfterInterruption),
        ("never", AutoResume::Never),
    ];
    // Nobody is there to answer the system's question.
    let permission = [("granted", true), ("denied", false), ("undetermined", false)];
    let pause = [("release", PauseMode::Release), ("hold", PauseMode::Hold)];
    let default = Setup { system, ..Setup::default() };
    let mut setup = Setup {
        callkit: fields.flag_or("callkit", false)?,
        permitted: fields.word_or("permission", &permission, true)?,
        background: fields.word_or(
            "app_state",
            &[("foreground", false), ("inactive", false), ("background", true)],
            false,
        )?,
        auto_resume: fields.word_or("auto_resume", &auto_resume, default.auto_resume)?,
        pause: fields.word_or("pause_mode", &pause, default.pause)?,
        rungs: fields.texts_or_none("activation_profiles")?,
        preferred_input: fields.text_or_none("preferred_input")?,
        prefers_no_interruptions: fields.flag_or("prefers_no_interruptions", false)?,
        intent: fields.flag_or("background_intent", false)?,
        live_activity: fields.flag_or("live_activity", false)?,
        ..default
    };
    if fields.has("input") {
        let mut input = fields.object("input")?;
        setup.port = input.text("port")?;
        setup.format = events::format(&mut input)?;
        input.done()?;
    }
    fields.done()?;
    Ok(setup)
}
