//! What a script expects.

use serde_json::value::RawValue;

use super::ScenarioError;
use super::fields::{Fields, Source};
use crate::phone::judge::{About, Expect, StatusExpected};

type Result<T> = std::result::Result<T, ScenarioError>;

/// How far a captured time may be off where nothing is said.
const TOLERANCE_MS: u64 = 400;

pub(super) fn read(mut fields: Fields<'_>) -> Result<Expect> {
    let source = fields.source();
    let expect = Expect {
        events: if fields.has("events") { Some(fields.texts_or_none("events")?) } else { None },
        final_state: fields.text_or_none("final_state")?,
        rejects: each(fields.list_or_none("rejects")?, |raw| reject(raw, source))?,
        status: each(fields.list_or_none("status")?, |raw| status(raw, source))?
            .unwrap_or_default(),
        captured_ms: captured(&mut fields)?,
        gaps: each(fields.list_or_none("gaps")?, |raw| about(source.object(raw, "a gap")?))?,
        session_active_final: fields.flag_or_none("session_active_final")?,
        activation_attempts: attempts(&mut fields)?,
        no_activate_between: windows(&mut fields, "no_activate_between")?,
        no_start_io_between: windows(&mut fields, "no_start_io_between")?,
        commands_include: fields.texts_or_none("commands_include")?,
        diagnostics_include: fields.texts_or_none("diagnostics_include")?,
        diagnostics_exclude: fields.texts_or_none("diagnostics_exclude")?,
        file: fields
            .word("file", &["none", "intact", "recovered"].map(|word| (word, word)))?
            .to_owned(),
        files: fields.number_or_none("files")?,
        stale_ms_written: fields.number_or_none("stale_ms_written")?,
    };
    fields.skip(&["events"]);
    fields.done()?;
    Ok(expect)
}

fn each<'a, T>(
    items: Option<Vec<&'a RawValue>>,
    read: impl FnMut(&'a RawValue) -> Result<T>,
) -> Result<Option<Vec<T>>> {
    items.map(|items| items.into_iter().map(read).collect()).transpose()
}

fn captured(fields: &mut Fields<'_>) -> Result<Option<About>> {
    if fields.has("captured_ms") {
        return about(fields.object("captured_ms")?).map(Some);
    }
    fields.skip(&["captured_ms"]);
    Ok(None)
}

fn about(mut fields: Fields<'_>) -> Result<About> {
    let tol = fields.number_or_none("tol")?.unwrap_or(TOLERANCE_MS);
    let about = About { approx: fields.number("approx")?, tol };
    fields.done()?;
    Ok(about)
}

fn reject(raw: &RawValue, source: Source<'_>) -> Result<(u64, String, String)> {
    let mut fields = source.object(raw, "a reject")?;
    let read = (fields.number("at_ms")?, fields.text("cmd")?, fields.text("code")?);
    fields.done()?;
    Ok(read)
}

fn status(raw: &RawValue, source: Source<'_>) -> Result<StatusExpected> {
    let mut fields = source.object(raw, "a status")?;
    let tol = fields.number_or_none("tol")?.unwrap_or(TOLERANCE_MS);
    let elapsed = fields.number_or_none("elapsed_ms")?;
    let status = StatusExpected {
        at_ms: fields.number("at_ms")?,
        state: fields.text("state")?,
        elapsed_ms: elapsed.map(|approx| About { approx, tol }),
    };
    fields.done()?;
    Ok(status)
}

fn attempts(fields: &mut Fields<'_>) -> Result<Option<(u64, u64)>> {
    let source = fields.source();
    let Some(items) = fields.list_or_none("activation_attempts")? else { return Ok(None) };
    pair(&items, source).map(Some).ok_or_else(|| {
        fields.error("activation_attempts", "`activation_attempts` has to be [min, max]")
    })
}

fn windows(fields: &mut Fields<'_>, name: &str) -> Result<Vec<(u64, u64)>> {
    let source = fields.source();
    let mut windows = Vec::new();
    for raw in fields.list_or_none(name)?.unwrap_or_default() {
        let window = source.list(raw, name).ok().and_then(|items| pair(&items, source));
        windows.push(window.ok_or_else(|| {
            fields.error(name, &format!("`{name}` has to be a list of [from, to]"))
        })?);
    }
    Ok(windows)
}

fn pair(items: &[&RawValue], source: Source<'_>) -> Option<(u64, u64)> {
    let [a, b] = items else { return None };
    let number = |raw| source.value(raw).ok()?.as_u64();
    Some((number(a)?, number(b)?))
}
