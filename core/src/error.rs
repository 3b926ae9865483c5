//! Why a graph could not be planned: one cause each, with its place, for the person
//! who must act.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::Format;

/// Where in a graph something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The graph as a whole.
    Graph,
    /// A source, by its index.
    Source(usize),
    /// A node by its index, and the key of it that is to blame, if one is.
    Node(usize, Option<String>),
    /// An output by its index, and the key.
    Output(usize, Option<String>),
}

/// A graph that cannot be planned.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanError {
    /// Where.
    pub place: Place,
    /// Why.
    pub cause: Cause,
}

/// The causes, grouped by the pass that finds them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are the words of the sentences below")]
pub enum Cause {
    // resolve
    /// `from` names nothing in the graph.
    UnknownNode { name: String, known: Vec<String> },
    /// `from` names a port the kind does not have.
    UnknownPort { kind: &'static str, name: String, known: Vec<&'static str> },
    /// A port was left unconnected.
    OpenPort { node: String, port: &'static str },
    /// One port, two wires.
    PortTwice { port: &'static str },
    /// Two nodes, sources or outputs of one name.
    NameTwice { name: String, key: &'static str },
    /// A key that must be given was not.
    MissingKey { node: String, key: &'static str, takes: String },
    /// A wire joins what does not fit: packets into an audio port and the like.
    WrongFlow { from: String, gives: &'static str, wants: &'static str },
    /// Nobody takes what a node puts out.
    Unused { node: String, gives: &'static str },
    /// The graph has no output and no node that reports events.
    Nothing,
    /// More nodes, sources or outputs than a graph may have.
    TooMany { what: &'static str, most: usize },
    /// A kind's own description contradicts itself.
    BadKind { kind: &'static str, why: &'static str },
    // sort
    /// Nodes that feed each other.
    Cycle { nodes: Vec<String> },
    // negotiate
    /// A source has a format no device has.
    BadSource { name: String, format: Format },
    /// A chosen channel that the device does not have.
    NoChannel { source: String, channel: u16, has: u16 },
    /// A node's audio input has a format it cannot take.
    Wants {
        node: String,
        kind: &'static str,
        from: String,
        has: Format,
        rates: &'static [u32],
        channels: &'static [u16],
    },
    /// Two audio inputs of a node have different rates.
    UnequalRates { node: String, first: (String, u32), other: (String, u32) },
    /// A key's value does not go with the rest.
    Setting { node: String, key: &'static str, why: String },
    /// A kind refused for another reason.
    Refused { node: String, why: String },
    /// A node joins what runs always with what runs behind a gate.
    MixedGate { node: String, gated: String, ungated: String },
    /// A gate behind a gate.
    NestedGate { node: String, behind: String },
    /// An output is pinned to a rate its node does not have.
    PinnedRate { output: String, wants: u32, has: u32, from: String },
    /// A node joins what stands behind two gates.
    TwoGates { node: String, first: String, other: String },
    /// A format outside of what a stream may have.
    BadFormat { node: String, format: Format },
    /// A signal that would come out too late.
    TooLate { node: String, seconds: f64, limit: u32 },
    /// Rates that divide no common clock.
    NoClock { node: String, rate: u32 },
    // size
    /// More memory than allowed.
    TooLarge { node: String, bytes: u128, limit: u128 },
}

impl Cause {
    /// A stable code for this cause.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownNode { .. } => "T0201",
            Self::UnknownPort { .. } => "T0202",
            Self::OpenPort { .. } => "T0203",
            Self::PortTwice { .. } => "T0204",
            Self::NameTwice { .. } => "T0205",
            Self::MissingKey { .. } => "T0206",
            Self::WrongFlow { .. } => "T0207",
            Self::Unused { .. } => "T0208",
            Self::Nothing => "T0209",
            Self::TooMany { .. } => "T0210",
            Self::BadKind { .. } => "T0211",
            Self::Cycle { .. } => "T0301",
            Self::BadSource { .. } => "T0401",
            Self::NoChannel { .. } => "T0402",
            Self::Wants { .. } => "T0403",
            Self::UnequalRates { .. } => "T0404",
            Self::Setting { .. } => "T0405",
            Self::Refused { .. } => "T0406",
            Self::MixedGate { .. } => "T0407",
            Self::NestedGate { .. } => "T0408",
            Self::PinnedRate { .. } => "T0409",
            Self::BadFormat { .. } => "T0410",
            Self::NoClock { .. } => "T0411",
            Self::TwoGates { .. } => "T0412",
            Self::TooLate { .. } => "T0413",
            Self::TooLarge { .. } => "T0501",
        }
    }

    /// What was probably meant is among these.
    pub fn candidates(&self) -> Option<(&str, Vec<&str>)> {
        match self {
            Self::UnknownNode { name, known } => {
                Some((name, known.iter().map(String::as_str).collect()))
            }
            Self::UnknownPort { name, known, .. } => Some((name, known.clone())),
            _ => None,
        }
    }

    /// What to do about it, where that can be said.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::UnknownNode { known, .. } => format!("it can be one of {}", list(known)),
            Self::UnknownPort { kind, known, .. } => {
                format!("the ports of `{kind}` are {}", list(known))
            }
            Self::OpenPort { port, .. } => {
                format!("name the node that feeds it: `from = {{ {port} = \"…\" }}`")
            }
            Self::NameTwice { name, key } => {
                format!("give one of them another name: `{key} = \"{name}2\"`")
            }
            Self::MissingKey { key, takes, .. } => format!("`{key}` takes {takes}"),
            Self::WrongFlow { wants: "samples", .. } => {
                "wire it to the node above, which still has samples".to_owned()
            }
            Self::Unused { node, .. } => format!(
                "take it out of the graph, or add `[[output]]` with `name = \"{node}\"` and `from = \"{node}\"`"
            ),
            Self::Nothing => "add `[[output]]` with `name = \"speech\"`".to_owned(),
            Self::Cycle { .. } => "a graph flows one way; take one of these wires out".to_owned(),
            Self::NoChannel { has: 1, .. } => "the device is mono: leave `channel` out".to_owned(),
            Self::NoChannel { has, .. } => format!("`channel` can be 1 to {has}"),
            Self::Wants { rates, channels, has, .. } => converters(*has, rates, channels)?,
            Self::UnequalRates { first, other, .. } => {
                format!("put `kind = \"resample\"`, `rate = {}` behind `{}`", first.1, other.0)
            }
            Self::MixedGate { gated, .. } => format!(
                "take both inputs from before the gate or both from behind it; `{gated}` stands still while the gate is closed"
            ),
            Self::TwoGates { .. } => "join them before the gates".to_owned(),
            Self::NestedGate { .. } => {
                "one gate per path is enough: take one of them out".to_owned()
            }
            Self::PinnedRate { wants, .. } => {
                format!("put `kind = \"resample\"`, `rate = {wants}` before the output")
            }
            Self::TooLarge { .. } => {
                "shorten the delays, histories or frames of this node".to_owned()
            }
            _ => return None,
        })
    }
}

/// The nodes to put in front so that `has` becomes what is wanted.
fn converters(has: Format, rates: &[u32], channels: &[u16]) -> Option<String> {
    let mut lines = Vec::new();
    if let Some(n) = channels.first().filter(|_| !channels.contains(&has.channels)) {
        lines.push(format!("`kind = \"mix\"`, `channels = {n}`"));
    }
    // The next higher one loses nothing.
    let next = rates.iter().filter(|&&r| r > has.rate).min().or(rates.iter().max());
    if let Some(rate) = next.filter(|_| !rates.contains(&has.rate)) {
        lines.push(format!("`kind = \"resample\"`, `rate = {rate}`"));
    }
    (!lines.is_empty()).then(|| format!("put {} before it", lines.join(" and ")))
}

fn list<T: AsRef<str>>(names: &[T]) -> String {
    let names: Vec<_> = names.iter().map(|n| format!("`{}`", n.as_ref())).collect();
    names.join(", ")
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownNode { name, .. } => write!(f, "there is no node `{name}` in this graph"),
            Self::UnknownPort { kind, name, .. } => {
                write!(f, "kind `{kind}` has no input port `{name}`")
            }
            Self::OpenPort { node, port } => {
                write!(f, "nothing feeds input port `{port}` of `{node}`")
            }
            Self::PortTwice { port } => write!(f, "input port `{port}` is fed twice"),
            Self::NameTwice { name, .. } => write!(f, "the name `{name}` is given twice"),
            Self::MissingKey { node, key, .. } => write!(f, "`{node}` must say its `{key}`"),
            Self::WrongFlow { from, gives, wants } => {
                write!(f, "`{from}` gives {gives}, and {wants} are wanted here")
            }
            Self::Unused { node, gives } => write!(f, "nobody takes the {gives} of `{node}`"),
            Self::Nothing => write!(f, "the graph puts nothing out"),
            Self::TooMany { what, most } => write!(f, "a graph has at most {most} {what}"),
            Self::BadKind { kind, why } => write!(f, "kind `{kind}` contradicts itself: {why}"),
            Self::Cycle { nodes } => write!(f, "these nodes feed each other: {}", list(nodes)),
            Self::BadSource { name, format } => write!(
                f,
                "source `{name}` delivers {format}; a device has {} to {} Hz and 1 to {} channels",
                Format::MIN_RATE,
                Format::MAX_RATE,
                Format::MAX_CHANNELS
            ),
            Self::NoChannel { source, channel, has } => {
                write!(f, "`{source}` is to use channel {channel}, and the device has {has}")
            }
            Self::Wants { node, kind, from, has, rates, channels } => {
                write!(f, "{} takes ", subject(node, kind))?;
                wanted(f, rates, channels)?;
                write!(f, ", and `{from}` gives {has}")
            }
            Self::UnequalRates { node, first, other } => write!(
                f,
                "the audio inputs of `{node}` have two rates: `{}` has {} Hz, `{}` has {} Hz",
                first.0, first.1, other.0, other.1
            ),
            Self::Setting { node, key, why } => write!(f, "`{key}` of `{node}`: {why}"),
            Self::Refused { node, why } => write!(f, "`{node}`: {why}"),
            Self::MixedGate { node, gated, ungated } => write!(
                f,
                "`{node}` joins `{gated}`, which runs only while its gate is open, with `{ungated}`, which does not"
            ),
            Self::NestedGate { node, behind } => {
                write!(f, "gate `{node}` stands behind gate `{behind}`")
            }
            Self::PinnedRate { output, wants, has, from } => {
                write!(f, "output `{output}` is pinned to {wants} Hz, and `{from}` gives {has} Hz")
            }
            Self::TwoGates { node, first, other } => write!(
                f,
                "`{node}` joins `{first}` with `{other}`, which stand behind two gates that open at different times"
            ),
            Self::BadFormat { node, format } => write!(
                f,
                "`{node}` would give {format}; a stream has 1 to {} Hz and 1 to {} channels",
                Format::MAX_RATE,
                Format::MAX_CHANNELS
            ),
            Self::TooLate { node, seconds, limit } => write!(
                f,
                "the signal would be {seconds:.0} s late behind `{node}`, and {limit} s are the most"
            ),
            Self::NoClock { node, rate } => write!(
                f,
                "the {rate} Hz of `{node}` have no usable common clock with the other rates"
            ),
            Self::TooLarge { node, bytes, limit } => write!(
                f,
                "`{node}` would bring the graph to {} of memory, and {} are allowed",
                size(*bytes),
                size(*limit)
            ),
        }
    }
}

/// `` node `x` ``, with its kind where that is not the same word.
fn subject(node: &str, kind: &str) -> String {
    if node == kind { format!("`{node}`") } else { format!("`{node}` ({kind})") }
}

fn wanted(f: &mut fmt::Formatter<'_>, rates: &[u32], channels: &[u16]) -> fmt::Result {
    for (i, rate) in rates.iter().enumerate() {
        write!(f, "{}{rate}", if i == 0 { "" } else { " or " })?;
    }
    if !rates.is_empty() {
        write!(f, " Hz")?;
    }
    let gap = if rates.is_empty() { "" } else { " " };
    match channels {
        [] => Ok(()),
        [1] => write!(f, "{gap}mono"),
        [2] => write!(f, "{gap}stereo"),
        many => {
            write!(f, "{gap}")?;
            for (i, n) in many.iter().enumerate() {
                write!(f, "{}{n}", if i == 0 { "" } else { " or " })?;
            }
            write!(f, " channels")
        }
    }
}

/// Bytes for people: `12.0 KiB`, `3.5 GiB`.
fn size(bytes: u128) -> String {
    let mut value = bytes as f64;
    for unit in ["bytes", "KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 || unit == "TiB" {
            return if unit == "bytes" {
                format!("{value:.0} {unit}")
            } else {
                format!("{value:.1} {unit}")
            };
        }
        value /= 1024.0;
    }
    unreachable!("the last unit returns")
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cause)?;
        if let Some(help) = self.cause.help() {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}

impl core::error::Error for PlanError {}
