//! Command lines that were misunderstood: the next thing to type.

use std::path::Path;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Adds to a parser's error what people who write this most often want.
pub(crate) fn advise(error: &mut clap::Error) {
    let said = |error: &clap::Error, kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.clone()),
        _ => None,
    };
    let tip = match error.kind() {
        ErrorKind::InvalidSubcommand => {
            said(error, ContextKind::InvalidSubcommand).and_then(|word| for_verb(&word))
        }
        ErrorKind::UnknownArgument => {
            said(error, ContextKind::InvalidArg).and_then(|word| for_argument(&word))
        }
        _ => None,
    };
    if let Some(tip) = tip {
        let tips = vec![StyledStr::from(tip)];
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
}

fn for_verb(word: &str) -> Option<String> {
    let extension = Path::new(word).extension()?.to_str()?.to_lowercase();
    match extension.as_str() {
        "toml" => Some(format!("to look at this graph, use 'tympan plan {word}'")),
        "json" => Some(format!("to rehearse the scripts in it, use 'tympan simulate {word}'")),
        "wav" => Some(format!("to run a graph over it, use 'tympan run GRAPH --input {word}'")),
        _ => None,
    }
}

fn for_argument(word: &str) -> Option<String> {
    if word.starts_with('-') {
        return None;
    }
    // The parser does not say which verb it was at.
    let verb = std::env::args().nth(1)?;
    match verb.as_str() {
        "run" => Some(format!("the audio goes to an option: '--input {word}'")),
        "nodes" => Some(format!("for a single kind, use 'tympan inspect {word}'")),
        _ => None,
    }
}
