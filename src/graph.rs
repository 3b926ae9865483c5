//! A graph and the text it came from, so that every error can point at its cause.

mod load;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use tympan_core as core;
use tympan_core::{Format, Limits, Live, Place, Plan, PlanError};

use crate::{GraphError, Registry};

/// Sources, nodes and outputs, as a TOML text says.
#[derive(Clone, Debug)]
pub struct Graph {
    pub(crate) core: core::Graph,
    text: Arc<str>,
    path: Arc<str>,
    spans: Spans,
}

/// Where in the text things stand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans {
    sources: Vec<Entry>,
    nodes: Vec<Entry>,
    outputs: Vec<Entry>,
}

/// One `[[…]]` table: its header, and each key's value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    whole: Range<usize>,
    keys: BTreeMap<String, Range<usize>>,
}

impl Graph {
    /// Reads a graph. Errors show the place in `text`, the reason, the nearest valid
    /// name and what to do.
    pub fn from_toml(text: &str, registry: &Registry) -> Result<Self, GraphError> {
        Self::named("graph.toml", text, registry)
    }

    /// Reads a graph whose errors call it `name`.
    pub fn named(name: &str, text: &str, registry: &Registry) -> Result<Self, GraphError> {
        let (text, path): (Arc<str>, Arc<str>) = (text.into(), name.into());
        let (core, spans) = load::load(&text, registry).map_err(|e| e.of(&text, &path))?;
        let graph = Self { core, text, path, spans };
        // Whatever is wrong with every device is wrong now; a device can only bring more.
        graph.core.check().map_err(|e| graph.locate(&e))?;
        Ok(graph)
    }

    /// Reads a graph from a file.
    pub fn from_file(path: impl AsRef<Path>, registry: &Registry) -> Result<Self, GraphError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let text = read(path)
            .map_err(|why| GraphError::new("T0107", format!("`{name}` is no graph: {why}")))?;
        Self::named(&name, &text, registry)
    }

    /// A graph built from Rust values. Errors name nodes, and show no text.
    pub fn from_core(graph: core::Graph) -> Self {
        Self { core: graph, text: "".into(), path: "".into(), spans: Spans::default() }
    }

    /// Compiles the graph for a device of this format.
    pub fn plan(&self, device: Format) -> Result<Plan, GraphError> {
        self.plan_with(&[device], Limits::default())
    }

    /// Compiles the graph for these devices, one per source, within these limits.
    pub fn plan_with(&self, devices: &[Format], limits: Limits) -> Result<Plan, GraphError> {
        self.core.plan(devices, limits).map_err(|e| self.locate(&e))
    }

    /// A number that tells this text from others: what a take was made with.
    pub(crate) fn fingerprint(&self) -> String {
        // FNV-1a: the same on every machine, in every version.
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = self.text.bytes().fold(0xcbf2_9ce4_8422_2325, step);
        format!("{hash:016x}")
    }

    /// Every node's id and kind, in the order written.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &core::KindInfo)> {
        self.core.nodes()
    }

    /// The names of the sources, the microphone first.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.core.sources()
    }

    /// The names of the outputs, in the order written.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.core.outputs()
    }

    /// A parameter that can be changed while the graph runs, as `node.key`.
    pub fn param(&self, name: &str) -> Option<&Live> {
        let (node, key) = name.rsplit_once('.')?;
        self.core.param(node, key)
    }

    /// The names of all such parameters.
    pub fn params(&self) -> impl Iterator<Item = String> {
        self.core.params().map(|(node, key, _)| format!("{node}.{key}"))
    }

    /// A plan error with its place in the text.
    fn locate(&self, error: &PlanError) -> GraphError {
        let cause = &error.cause;
        let mut shown = GraphError::new(cause.code(), cause.to_string());
        if let Some(span) = self.span(&error.place) {
            shown = shown.at(span, "");
        }
        if let Some((word, names)) = cause.candidates() {
            shown = shown.nearest(word, names);
        }
        if let Some(help) = cause.help() {
            shown = shown.help(help);
        }
        shown.of(&self.text, &self.path)
    }

    fn span(&self, place: &Place) -> Option<Range<usize>> {
        let (entry, key) = match place {
            Place::Graph => return None,
            Place::Source(i) => (self.spans.sources.get(*i)?, &None),
            Place::Node(i, key) => (self.spans.nodes.get(*i)?, key),
            Place::Output(i, key) => (self.spans.outputs.get(*i)?, key),
        };
        let key = key.as_ref().and_then(|k| entry.keys.get(k));
        Some(key.unwrap_or(&entry.whole).clone())
    }
}

/// Larger than any graph that a person writes.
const MOST_BYTES: u64 = 1 << 20;

fn read(path: &Path) -> Result<String, String> {
    use std::io::Read;
    if path.is_dir() {
        return Err("it is a folder; name a file in it".into());
    }
    let file = std::fs::File::open(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => "there is no such file; check the path".into(),
        std::io::ErrorKind::PermissionDenied => "it may not be read by this user".into(),
        _ => e.to_string(),
    })?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("it is larger than {} KiB, which no graph is", MOST_BYTES >> 10));
    }
    String::from_utf8(bytes)
        .map_err(|e| format!("it is not text: byte {} is not UTF-8", e.utf8_error().valid_up_to()))
}
