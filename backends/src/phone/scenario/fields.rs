//! JSON with the line of everything, for errors that show their place.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;
use tympan_core::nearest;

use super::ScenarioError;

type Result<T> = std::result::Result<T, ScenarioError>;

/// The text that everything is read from.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    text: &'a str,
}

impl<'a> Source<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text }
    }

    pub(super) fn whole(self) -> Result<&'a RawValue> {
        serde_json::from_str(self.text).map_err(|error| ScenarioError {
            line: error.line(),
            message: format!("this is not JSON: {error}"),
        })
    }

    fn line(self, raw: &RawValue) -> usize {
        // What is read borrows from the text, so the distance of the two is its place.
        let at = (raw.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        self.text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
    }

    pub(super) fn object(self, raw: &'a RawValue, what: &str) -> Result<Fields<'a>> {
        match serde_json::from_str(raw.get()) {
            Ok(left) => Ok(Fields {
                source: self,
                whole: raw,
                what: what.to_owned(),
                left,
                known: BTreeMap::new(),
            }),
            Err(_) => Err(self.error(raw, format!("{what} has to be an object, `{{ ... }}`"))),
        }
    }

    pub(super) fn list(self, raw: &'a RawValue, what: &str) -> Result<Vec<&'a RawValue>> {
        serde_json::from_str(raw.get())
            .map_err(|_| self.error(raw, format!("{what} has to be a list, `[ ... ]`")))
    }

    pub(super) fn value(self, raw: &RawValue) -> Result<Value> {
        serde_json::from_str(raw.get()).map_err(|error| self.error(raw, error.to_string()))
    }

    pub(super) fn error(self, raw: &RawValue, message: String) -> ScenarioError {
        ScenarioError { line: self.line(raw), message }
    }
}

/// The fields of an object. Each is taken out by its name; what is left over is unknown.
pub(super) struct Fields<'a> {
    source: Source<'a>,
    whole: &'a RawValue,
    what: String,
    left: BTreeMap<String, &'a RawValue>,
    /// What was asked for, and what was there.
    known: BTreeMap<String, Option<&'a RawValue>>,
}

impl<'a> Fields<'a> {
    pub(super) const fn source(&self) -> Source<'a> {
        self.source
    }

    pub(super) fn rename(&mut self, what: &str) {
        what.clone_into(&mut self.what);
    }

    /// Fields that may be there and are not read.
    pub(super) fn skip(&mut self, names: &[&str]) {
        for name in names {
            self.raw(name);
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.left.contains_key(name)
    }

    fn raw(&mut self, name: &str) -> Option<&'a RawValue> {
        // What was taken can be read again, as something else.
        let before = self.known.get(name).copied().flatten();
        let raw = self.left.remove(name).or(before);
        self.known.insert(name.to_owned(), raw);
        raw
    }

    fn need(&mut self, name: &str) -> Result<&'a RawValue> {
        if let Some(raw) = self.raw(name) {
            return Ok(raw);
        }
        let near = nearest(name, self.left.keys().map(String::as_str));
        let hint = near
            .map_or_else(String::new, |near| format!("; there is `{near}`, which may be meant"));
        let message = format!("{} has no `{name}`{hint}", self.what);
        Err(self.source.error(self.whole, message))
    }

    /// The line of a field that was taken, else of the object.
    pub(super) fn line_of(&self, name: &str) -> usize {
        let raw = self.known.get(name).copied().flatten().unwrap_or(self.whole);
        self.source.line(raw)
    }

    pub(super) fn error(&self, name: &str, message: &str) -> ScenarioError {
        let message = format!("{}: {message}", self.what);
        ScenarioError { line: self.line_of(name), message }
    }

    fn wrong(&self, name: &str, wanted: &str) -> ScenarioError {
        self.error(name, &format!("`{name}` has to be {wanted}"))
    }

    /// The value of a field, none if it is absent or `null`.
    fn value(&mut self, name: &str) -> Result<Option<Value>> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        let value = self.source.value(raw)?;
        Ok(if value.is_null() { None } else { Some(value) })
    }

    pub(super) fn object(&mut self, name: &str) -> Result<Self> {
        let raw = self.need(name)?;
        self.source.object(raw, &format!("`{name}` of {}", self.what))
    }

    pub(super) fn list(&mut self, name: &str) -> Result<Vec<&'a RawValue>> {
        let raw = self.need(name)?;
        self.source.list(raw, &format!("`{name}` of {}", self.what))
    }

    pub(super) fn list_or_none(&mut self, name: &str) -> Result<Option<Vec<&'a RawValue>>> {
        if self.has(name) {
            return self.list(name).map(Some);
        }
        self.skip(&[name]);
        Ok(None)
    }

    pub(super) fn number_or_none(&mut self, name: &str) -> Result<Option<u64>> {
        match self.value(name)? {
            None => Ok(None),
            Some(value) => {
                value.as_u64().map(Some).ok_or_else(|| self.wrong(name, "a whole number"))
            }
        }
    }

    pub(super) fn number(&mut self, name: &str) -> Result<u64> {
        if !self.has(name) {
            self.need(name)?;
        }
        self.number_or_none(name)?.ok_or_else(|| self.wrong(name, "a whole number"))
    }

    pub(super) fn flag_or_none(&mut self, name: &str) -> Result<Option<bool>> {
        match self.value(name)? {
            None => Ok(None),
            Some(value) => {
                value.as_bool().map(Some).ok_or_else(|| self.wrong(name, "`true` or `false`"))
            }
        }
    }

    pub(super) fn flag_or(&mut self, name: &str, default: bool) -> Result<bool> {
        Ok(self.flag_or_none(name)?.unwrap_or(default))
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<bool> {
        if !self.has(name) {
            self.need(name)?;
        }
        self.flag_or_none(name)?.ok_or_else(|| self.wrong(name, "`true` or `false`"))
    }

    pub(super) fn text_or_none(&mut self, name: &str) -> Result<Option<String>> {
        match self.value(name)? {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "a text in quotes")),
        }
    }

    pub(super) fn text_or(&mut self, name: &str, default: &str) -> Result<String> {
        Ok(self.text_or_none(name)?.unwrap_or_else(|| default.to_owned()))
    }

    pub(super) fn text(&mut self, name: &str) -> Result<String> {
        if !self.has(name) {
            self.need(name)?;
        }
        self.text_or_none(name)?.ok_or_else(|| self.wrong(name, "a text in quotes"))
    }

    pub(super) fn texts_or_none(&mut self, name: &str) -> Result<Vec<String>> {
        let Some(value) = self.value(name)? else { return Ok(Vec::new()) };
        let texts = value.as_array().and_then(|items| {
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        texts.ok_or_else(|| self.wrong(name, "a list of texts"))
    }

    /// A text that is one of these words.
    pub(super) fn word_or<T: Copy>(
        &mut self,
        name: &str,
        words: &[(&str, T)],
        default: T,
    ) -> Result<T> {
        match self.text_or_none(name)? {
            None => Ok(default),
            Some(text) => self.look_up(name, &text, words),
        }
    }

    pub(super) fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Result<T> {
        let text = self.text(name)?;
        self.look_up(name, &text, words)
    }

    fn look_up<T: Copy>(&self, name: &str, text: &str, words: &[(&str, T)]) -> Result<T> {
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(*meaning);
        }
        let advice = advice(text, words.iter().map(|(word, _)| *word));
        Err(self.error(name, &format!("there is no {name} `{text}`; {advice}")))
    }

    /// Nothing else may be there.
    pub(super) fn done(self) -> Result<()> {
        let Some((name, raw)) = self.left.iter().next() else { return Ok(()) };
        let advice = advice(name, self.known.keys().map(String::as_str));
        let message = format!("{} knows no `{name}`; {advice}", self.what);
        Err(self.source.error(raw, message))
    }
}

/// What to write instead: the nearest word, or all of them.
pub(super) fn advice<'w>(word: &str, words: impl Iterator<Item = &'w str> + Clone) -> String {
    if let Some(near) = nearest(word, words.clone()) {
        return format!("did you mean `{near}`?");
    }
    let all: Vec<_> = words.map(|word| format!("`{word}`")).collect();
    format!("there are {}", all.join(", "))
}
