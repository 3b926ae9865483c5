//! As much of JSON Schema as ours use, and no more: a word that is not known is a panic.

use std::path::Path;

use serde_json::Value;
use tympan::take::{JOURNAL_SCHEMA, TAKE_SCHEMA};

pub(crate) struct Schema(Value);

/// The lines of the journal of a take, all of them whole.
pub(crate) fn lines(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("journal.jsonl")).unwrap();
    assert!(text.ends_with('\n'), "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

impl Schema {
    pub(crate) fn of_takes() -> Self {
        Self(serde_json::from_str(TAKE_SCHEMA).unwrap())
    }

    pub(crate) fn of_journals() -> Self {
        Self(serde_json::from_str(JOURNAL_SCHEMA).unwrap())
    }

    /// What of a value does not fit.
    pub(crate) fn findings(&self, value: &Value) -> Vec<String> {
        self.check(&self.0, value)
    }

    fn check(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut findings = Vec::new();
        let mut find = |is_so: bool, what: &str| {
            if !is_so {
                findings.push(format!("{what}: {value}"));
            }
        };
        let mut inner = Vec::new();
        for (word, is) in schema.as_object().unwrap() {
            match word.as_str() {
                "$schema" | "$defs" | "title" | "description" => {}
                "type" => find(of_type(is, value), "type"),
                "const" => find(is == value, "const"),
                "enum" => find(is.as_array().unwrap().contains(value), "enum"),
                "minimum" => {
                    find(value.as_i64().is_none_or(|it| it >= is.as_i64().unwrap()), "minimum");
                }
                "required" => {
                    for key in is.as_array().unwrap() {
                        let there = value.get(key.as_str().unwrap()).is_some();
                        find(there || !value.is_object(), &format!("required {key}"));
                    }
                }
                "properties" => {
                    for (key, value) in value.as_object().into_iter().flatten() {
                        inner.extend(is.get(key).map(|schema| self.check(schema, value)));
                    }
                }
                "additionalProperties" => {
                    let known = |key: &String| schema["properties"].get(key).is_some();
                    let all = value.as_object().is_none_or(|object| object.keys().all(known));
                    find(is == true || all, "additional");
                }
                "items" => {
                    let items = value.as_array().into_iter().flatten();
                    inner.extend(items.map(|item| self.check(is, item)));
                }
                "oneOf" => {
                    let fits = |one: &&Value| self.check(one, value).is_empty();
                    find(is.as_array().unwrap().iter().filter(fits).count() == 1, "one of");
                }
                "not" => find(!self.check(is, value).is_empty(), "not"),
                "$ref" => {
                    let name = is.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                    inner.push(self.check(&self.0["$defs"][name], value));
                }
                other => panic!("a schema says `{other}`, which nobody here knows"),
            }
        }
        findings.extend(inner.into_iter().flatten());
        findings
    }
}

fn of_type(names: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        other => panic!("a schema says the type `{other}`, which nobody here knows"),
    };
    names.as_array().map_or_else(|| is(names), |names| names.iter().any(is))
}
