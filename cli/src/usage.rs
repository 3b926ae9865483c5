//! Command lines that were misunderstood: the next thing to type.

use std::path::Path;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::graph_file;

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
        // We know better than what merely sounds alike.
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::None);
        let tips = vec![StyledStr::from(tip)];
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
}

fn for_verb(word: &str) -> Option<String> {
    if graph_file::is_audio(Path::new(word)) {
        return Some(format!("to run a graph over it, use 'tympan run GRAPH {word}'"));
    }
    // What other programs call what we do.
    let ours = match word {
        "convert" | "transcode" | "process" | "render" => "run",
        "draw" | "show" | "view" | "spectrogram" => "plot",
        "graph" | "diagram" => "dot",
        "repair" | "fix" => "recover",
        "validate" | "lint" => "check",
        "format" => "fmt",
        "list" | "kinds" => "nodes",
        "info" | "describe" => "inspect",
        _ => "",
    };
    if !ours.is_empty() {
        return Some(format!("here that is 'tympan {ours}'"));
    }
    let extension = Path::new(word).extension()?.to_str()?.to_lowercase();
    match extension.as_str() {
        "toml" => Some(format!("to look at this graph, use 'tympan plan {word}'")),
        "json" => Some(format!("to rehearse the scripts in it, use 'tympan simulate {word}'")),
        _ => None,
    }
}

fn for_argument(word: &str) -> Option<String> {
    // The parser does not say which verb it was at.
    let verb = std::env::args().nth(1)?;
    if let Some(option) = word.strip_prefix("--") {
        let mut program = crate::command();
        program.build();
        let has =
            |verb: &clap::Command| verb.get_arguments().any(|arg| arg.get_long() == Some(option));
        let other = program.get_subcommands().find(|verb| has(verb))?;
        return Some(format!("'{word}' is an option of 'tympan {}'", other.get_name()));
    }
    match verb.as_str() {
        "nodes" => Some(format!("for a single kind, use 'tympan inspect {word}'")),
        _ => None,
    }
}
