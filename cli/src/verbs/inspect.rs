//! `tympan inspect`: all about a kind.

use clap::builder::PossibleValuesParser;
use serde_json::{Value as Json, json};
use tympan::core::{Domain, KindInfo, Param, Value};

use crate::exit::{Exit, Failure};
use crate::output::{Line, Output};
use crate::verbs::nodes::flow;

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The kind
    // Its names are known to the parser, which then also knows the nearest one.
    #[arg(value_parser = names())]
    kind: String,
}

const AFTER: &str = "\
A live key can be changed while the graph runs.

Examples:
  tympan inspect gain
  tympan inspect gain --json";

fn names() -> PossibleValuesParser {
    let names: Vec<&str> = tympan::registry().kinds().map(|kind| kind.name).collect();
    PossibleValuesParser::new(names)
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    let registry = tympan::registry();
    let Some(kind) = registry.get(&args.kind) else {
        return Err(Failure::new(Exit::Usage, format!("there is no kind `{}`", args.kind)));
    };
    if out.is_json() {
        out.line(&line(kind));
    } else {
        out.text(&text(kind));
    }
    Ok(Exit::Ok)
}

fn text(kind: &KindInfo) -> String {
    let ports = kind.inputs.iter().map(|port| [port.name.to_owned(), flow(port.flow).to_owned()]);
    let mut text = format!("{}: {}\n", kind.name, kind.about);
    text += "\nports\n";
    text += &table(ports.chain([["out".to_owned(), flow(kind.output).to_owned()]]));
    if !kind.params.is_empty() {
        text += "\nkeys\n";
        text += &table(kind.params.iter().map(key));
    }
    text += "\nin a graph\n";
    text += &example(kind, "  ");
    text.truncate(text.trim_end().len());
    text
}

/// Name, range and default, whether it is live, what it is for.
pub(crate) fn key(param: &Param) -> [String; 5] {
    let must = "must be given".to_owned();
    [
        param.name.to_owned(),
        range(param),
        default(param).map_or(must, |default| format!("default {default}")),
        if param.live { "live".to_owned() } else { String::new() },
        param.about.to_owned(),
    ]
}

fn range(param: &Param) -> String {
    let unit = |text: String| format!("{text} {}", param.unit).trim_end().to_owned();
    match param.domain {
        Domain::Number { min, max, .. } => unit(format!("{min} to {max}")),
        Domain::Time { min, max, .. } => format!("{} to {}", time(min), time(max)),
        Domain::Whole { min, max, .. } => unit(format!("{min} to {max}")),
        Domain::Flag { .. } => "true, false".to_owned(),
        Domain::Choice { of, .. } => of.join(", "),
        _ => "text".to_owned(),
    }
}

/// The default as a graph would say it.
pub(crate) fn default(param: &Param) -> Option<String> {
    Some(match (param.domain, param.default()?) {
        (Domain::Time { default, .. }, _) => format!("\"{}\"", time(default)),
        (_, value) => value.to_string(),
    })
}

fn time(ms: f64) -> String {
    if ms >= 1000.0 { format!("{}s", ms / 1000.0) } else { format!("{ms}ms") }
}

/// The node with every key: what must be given at its least, the rest as it is anyway.
pub(crate) fn example(kind: &KindInfo, indent: &str) -> String {
    let mut lines = vec!["[[node]]".to_owned(), format!("kind = \"{}\"", kind.name)];
    if kind.inputs.len() > 1 {
        let ports = kind.inputs.iter().map(|port| format!("{} = \"…\"", port.name));
        lines.push(format!("from = {{ {} }}", ports.collect::<Vec<_>>().join(", ")));
    }
    lines.extend(kind.params.iter().map(|param| {
        let least = match param.domain {
            Domain::Whole { min, .. } => min.to_string(),
            _ => String::new(),
        };
        format!("{} = {}", param.name, default(param).unwrap_or(least))
    }));
    format!("{indent}{}\n", lines.join(&format!("\n{indent}")))
}

/// Indented columns, each as wide as its widest cell.
fn table<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<_> = rows.collect();
    let width = |i: usize| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).filter(|(_, width)| *width > 0);
        let cells: Vec<_> = cells.map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("  {}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// A kind as data.
pub(crate) fn line(kind: &KindInfo) -> Line {
    let ports = kind.inputs.iter().map(|p| json!({ "name": p.name, "flow": flow(p.flow) }));
    Line::new("kind")
        .with("kind", kind.name)
        .with("about", kind.about)
        .with("inputs", ports.collect::<Vec<_>>())
        .with("output", flow(kind.output))
        .with("params", kind.params.iter().map(data).collect::<Vec<_>>())
}

fn data(param: &Param) -> Json {
    let mut json = json!({
        "name": param.name,
        "about": param.about,
        "unit": param.unit,
        "live": param.live,
        "default": param.default().map(|value| match value {
            Value::Number(x) => json!(x),
            Value::Whole(n) => json!(n),
            Value::Flag(b) => json!(b),
            Value::Text(s) => json!(s),
        }),
    });
    let (takes, min, max) = match param.domain {
        Domain::Number { min, max, .. } => ("number", json!(min), json!(max)),
        Domain::Time { min, max, .. } => ("time", json!(min), json!(max)),
        Domain::Whole { min, max, .. } => ("whole", json!(min), json!(max)),
        Domain::Flag { .. } => ("flag", Json::Null, Json::Null),
        Domain::Choice { .. } => ("choice", Json::Null, Json::Null),
        _ => ("text", Json::Null, Json::Null),
    };
    json["takes"] = takes.into();
    if !min.is_null() {
        (json["min"], json["max"]) = (min, max);
    }
    if let Domain::Choice { of, .. } = param.domain {
        json["of"] = json!(of);
    }
    json
}
