//! From TOML to a graph. Every key is known or refused, every value is checked
//! against the description of its kind.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};
use tympan_core as core;
use tympan_core::{Domain, KindInfo, NodeDef, OutputDef, Param, SettingError, SourceDef, Value};

use crate::graph::{Entry, Spans};
use crate::{GraphError, Registry};

type Result<T> = std::result::Result<T, GraphError>;
type Table<'a> = DeTable<'a>;

pub(super) fn load(text: &str, registry: &Registry) -> Result<(core::Graph, Spans)> {
    let table = DeTable::parse(text).map_err(|e| syntax(&e))?;
    let (mut graph, mut spans) = (core::Graph::new(), Spans::default());
    only(table.get_ref(), &["graph", "source", "node", "output"], "a graph file")?;
    if let Some(options) = table.get_ref().get("graph") {
        options_of(&mut graph, options)?;
    }
    for (entry, table) in tables(table.get_ref(), "source")? {
        graph.source(source(&entry, table)?);
        spans.sources.push(entry);
    }
    for (entry, table) in tables(table.get_ref(), "node")? {
        graph.node(node(&entry, table, registry)?);
        spans.nodes.push(entry);
    }
    for (entry, table) in tables(table.get_ref(), "output")? {
        graph.output(output(&entry, table)?);
        spans.outputs.push(entry);
    }
    Ok((graph, spans))
}

fn syntax(error: &toml::de::Error) -> GraphError {
    let shown = GraphError::new("T0101", format!("this is not TOML: {}", error.message()));
    match error.span() {
        Some(span) => shown.at(span, ""),
        None => shown,
    }
}

/// Refuses keys that are not among `known`.
fn only(table: &Table<'_>, known: &[&str], whose: &str) -> Result<()> {
    let known_key = |key: &Spanned<Cow<'_, str>>| known.contains(&key.get_ref().as_ref());
    match table.keys().find(|k| !known_key(k)) {
        None => Ok(()),
        Some(key) => Err(unknown_key(key, known, whose)),
    }
}

fn unknown_key(key: &Spanned<Cow<'_, str>>, known: &[&str], whose: &str) -> GraphError {
    let keys: Vec<_> = known.iter().map(|k| format!("`{k}`")).collect();
    GraphError::new("T0102", format!("{whose} has no key `{}`", key.get_ref()))
        .at(key.span(), "")
        .nearest(key.get_ref(), known.iter().copied())
        .help(format!("the keys of {whose} are {}", keys.join(", ")))
}

fn options_of(graph: &mut core::Graph, options: &Spanned<DeValue<'_>>) -> Result<()> {
    let DeValue::Table(table) = options.get_ref() else {
        return Err(wrong_type("graph", "a table, `[graph]`", options));
    };
    only(table, &["fill"], "`[graph]`")?;
    if let Some(fill) = table.get("fill") {
        let most = f64::from(core::Graph::MAX_FILL_MS);
        let ms = milliseconds(fill).filter(|ms| (0.0..=most).contains(ms));
        let Some(ms) = ms else {
            return Err(out_of_range(
                format!("`fill` takes a time from 0 to {most} ms, written like \"50ms\""),
                fill.span(),
            )
            .help("a longer loss is a break: it ends the segment, and the take goes on"));
        };
        graph.fill(ms as u32);
    }
    Ok(())
}

/// The tables of `[[name]]`, each with its place and its keys' places.
fn tables<'a, 'b>(top: &'b Table<'a>, name: &str) -> Result<Vec<(Entry, &'b Table<'a>)>> {
    let Some(value) = top.get(name) else { return Ok(Vec::new()) };
    let DeValue::Array(array) = value.get_ref() else {
        return Err(wrong_type(name, &format!("a list of tables, `[[{name}]]`"), value));
    };
    let mut found = Vec::new();
    for item in array {
        let DeValue::Table(table) = item.get_ref() else {
            return Err(wrong_type(name, &format!("a list of tables, `[[{name}]]`"), item));
        };
        let keys = table.iter().map(|(k, v)| (k.get_ref().to_string(), v.span())).collect();
        found.push((Entry { whole: item.span(), keys }, table));
    }
    Ok(found)
}

fn source(entry: &Entry, table: &Table<'_>) -> Result<SourceDef> {
    only(table, &["name", "channel"], "`[[source]]`")?;
    let source = SourceDef::new(&required_text(entry, table, "name", "[[source]]")?);
    let Some(channel) = table.get("channel") else { return Ok(source) };
    match whole(channel) {
        Some(n @ 1..=64) => Ok(source.channel(n as u16)),
        _ => Err(out_of_range(
            "`channel` takes the number of a channel, from 1 to 64".into(),
            channel.span(),
        )),
    }
}

fn output(entry: &Entry, table: &Table<'_>) -> Result<OutputDef> {
    only(table, &["name", "from", "rate"], "`[[output]]`")?;
    let mut output = OutputDef::new(&required_text(entry, table, "name", "[[output]]")?);
    if let Some(from) = table.get("from") {
        output = output.from(text("from", from)?);
    }
    let Some(rate) = table.get("rate") else { return Ok(output) };
    match whole(rate) {
        Some(n) if (1..=i64::from(core::Format::MAX_RATE)).contains(&n) => {
            Ok(output.rate(n as u32))
        }
        _ => Err(out_of_range(
            format!("`rate` takes a rate from 1 to {} Hz", core::Format::MAX_RATE),
            rate.span(),
        )),
    }
}

fn node(entry: &Entry, table: &Table<'_>, registry: &Registry) -> Result<NodeDef> {
    let name = required_text(entry, table, "kind", "[[node]]")?;
    let Some(kind) = registry.get(&name) else {
        return Err(unknown_kind(&name, entry, registry));
    };
    let id = match table.get("id") {
        Some(id) => text("id", id)?.to_owned(),
        None => name,
    };
    let mut def = NodeDef::new(&id, *kind);
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "kind" | "id" => {}
            "from" => wires(&mut def, value)?,
            name => setting(&mut def, kind, key, name, value)?,
        }
    }
    Ok(def)
}

fn unknown_kind(name: &str, entry: &Entry, registry: &Registry) -> GraphError {
    let names: Vec<&str> = registry.kinds().map(|k| k.name).collect();
    let span = entry.keys.get("kind").unwrap_or(&entry.whole).clone();
    if tympan_nodes::left_out().any(|kind| kind == name) {
        return GraphError::new("T0106", format!("this build is without the kind `{name}`"))
            .at(span, "")
            .help(format!("turn on the feature `{name}` of the crate tympan"));
    }
    GraphError::new("T0106", format!("there is no kind `{name}`"))
        .at(span, "")
        .nearest(name, names.iter().copied())
        .help(format!("the kinds are {}; `tympan nodes` tells what they do", names.join(", ")))
}

/// `from = "node"` or `from = { port = "node", … }`.
fn wires(def: &mut NodeDef, value: &Spanned<DeValue<'_>>) -> Result<()> {
    match value.get_ref() {
        DeValue::String(feeder) => def.from(feeder),
        DeValue::Table(ports) => {
            for (port, feeder) in ports {
                def.wire(port.get_ref(), text(port.get_ref(), feeder)?);
            }
        }
        _ => return Err(wrong_type("from", "a name, or `{ port = \"name\" }`", value)),
    }
    Ok(())
}

/// A key of the node's kind.
fn setting(
    def: &mut NodeDef,
    kind: &KindInfo,
    key: &Spanned<Cow<'_, str>>,
    name: &str,
    value: &Spanned<DeValue<'_>>,
) -> Result<()> {
    let Some(param) = kind.params.iter().find(|p| p.name == name) else {
        let own = kind.params.iter().map(|p| p.name);
        let known: Vec<&str> = own.chain(["kind", "id", "from"]).collect();
        return Err(unknown_key(key, &known, &format!("kind `{}`", kind.name)));
    };
    let takes = || format!("`{name}` takes {}", param.takes());
    let Some(given) = value_for(param, value) else {
        return Err(out_of_range(takes(), value.span()));
    };
    match def.set(name, given) {
        Ok(()) => Ok(()),
        Err(SettingError::OutOfRange(_)) => {
            let error = out_of_range(takes(), value.span());
            Err(match (param.domain, value.get_ref()) {
                (Domain::Choice { of, .. }, DeValue::String(word)) => {
                    error.nearest(word, of.iter().copied())
                }
                _ => error,
            })
        }
        Err(_) => Err(unknown_key(key, &[], &format!("kind `{}`", kind.name))),
    }
}

/// A TOML value in the form the key wants, if it has that form at all.
fn value_for(param: &Param, value: &Spanned<DeValue<'_>>) -> Option<Value> {
    Some(match (param.domain, value.get_ref()) {
        (Domain::Time { .. }, _) => Value::Number(milliseconds(value)?),
        (Domain::Number { .. }, DeValue::Float(x)) => Value::Number(x.as_str().parse().ok()?),
        (Domain::Number { .. } | Domain::Whole { .. }, DeValue::Integer(n)) => {
            Value::Whole(integer(n)?)
        }
        (Domain::Flag { .. }, DeValue::Boolean(b)) => Value::Flag(*b),
        // Where words may be numbers, a number may go without its quotes.
        (Domain::Choice { .. }, DeValue::Integer(n)) => Value::Text(integer(n)?.to_string()),
        (Domain::Choice { .. } | Domain::Text { .. }, DeValue::String(s)) => {
            Value::Text(s.to_string())
        }
        _ => return None,
    })
}

/// `"200ms"`, `"1.5s"`, `"2min"`; a bare number is milliseconds.
fn milliseconds(value: &Spanned<DeValue<'_>>) -> Option<f64> {
    let ms = match value.get_ref() {
        DeValue::Integer(n) => integer(n)? as f64,
        DeValue::Float(x) => x.as_str().parse().ok()?,
        DeValue::String(s) => {
            let digits = s.trim().trim_end_matches(|c: char| c.is_alphabetic());
            let number: f64 = digits.trim().parse().ok()?;
            match s.trim()[digits.len()..].trim() {
                "ms" => number,
                "s" => number * 1000.0,
                "min" => number * 60_000.0,
                _ => return None,
            }
        }
        _ => return None,
    };
    ms.is_finite().then_some(ms)
}

fn integer(n: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(n.as_str(), n.radix()).ok()
}

fn whole(value: &Spanned<DeValue<'_>>) -> Option<i64> {
    value.get_ref().as_integer().and_then(integer)
}

fn text<'a>(key: &str, value: &'a Spanned<DeValue<'_>>) -> Result<&'a str> {
    match value.get_ref() {
        DeValue::String(s) if !s.is_empty() => Ok(s),
        DeValue::String(_) => Err(out_of_range(format!("`{key}` is empty"), value.span())),
        _ => Err(wrong_type(key, "a name in quotes", value)),
    }
}

fn required_text(entry: &Entry, table: &Table<'_>, key: &str, whose: &str) -> Result<String> {
    match table.get(key) {
        Some(value) => Ok(text(key, value)?.to_owned()),
        None => Err(GraphError::new("T0103", format!("`{whose}` must say its `{key}`"))
            .at(entry.whole.clone(), "")
            .help(format!("add `{key} = \"…\"`"))),
    }
}

fn wrong_type(key: &str, wants: &str, value: &Spanned<DeValue<'_>>) -> GraphError {
    let is = match value.get_ref().type_str() {
        "array" => "a list".to_owned(),
        "integer" => "a whole number".to_owned(),
        "float" => "a number".to_owned(),
        "string" => "a text".to_owned(),
        other => format!("a {other}"),
    };
    GraphError::new("T0104", format!("`{key}` takes {wants}, and this is {is}"))
        .at(value.span(), "")
}

fn out_of_range(why: String, span: Range<usize>) -> GraphError {
    GraphError::new("T0105", why).at(span, "")
}
