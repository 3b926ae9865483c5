//! A graph as it was written: names, kinds, settings and wires. Nothing here runs.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use crate::node::{Flow, KindInfo};
use crate::param::{Live, SettingError, Settings, Value};
use crate::plan::{self, Limits, Plan};
use crate::{Format, PlanError};

/// Sources, nodes and outputs, and how they are wired.
///
/// Each plan made from a graph shares its live parameters, so a value that was set
/// stays set when the hardware changes its format and the graph is planned anew.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    pub(crate) sources: Vec<SourceDef>,
    pub(crate) nodes: Vec<NodeDef>,
    pub(crate) outputs: Vec<OutputDef>,
    /// The longest overrun that becomes silence, in milliseconds.
    pub(crate) fill_ms: u32,
}

/// A way in: the microphone, or what the loudspeaker plays.
#[derive(Clone, Debug)]
pub struct SourceDef {
    pub(crate) name: String,
    pub(crate) channel: Option<u16>,
}

impl SourceDef {
    /// A source that takes all channels of its device.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), channel: None }
    }

    /// Uses only this channel of the device, counted from 1.
    #[must_use]
    pub fn channel(mut self, channel: u16) -> Self {
        self.channel = Some(channel);
        self
    }
}

/// A node: its kind, its settings and who feeds it.
#[derive(Clone, Debug)]
pub struct NodeDef {
    pub(crate) id: String,
    pub(crate) kind: KindInfo,
    pub(crate) settings: Settings,
    /// Port and feeder; a port without a name is the first audio port.
    pub(crate) from: Vec<(Option<String>, String)>,
}

impl NodeDef {
    /// A node of this kind with every setting at its default, fed by the node above.
    pub fn new(id: &str, kind: KindInfo) -> Self {
        let settings = Settings::new(kind.params);
        Self { id: id.to_owned(), kind, settings, from: Vec::new() }
    }

    /// Sets a key.
    pub fn set(&mut self, key: &str, value: Value) -> Result<(), SettingError> {
        self.settings.set(key, value)
    }

    /// Feeds the first audio port.
    pub fn from(&mut self, feeder: &str) {
        self.from.push((None, feeder.to_owned()));
    }

    /// Feeds a port by name.
    pub fn wire(&mut self, port: &str, feeder: &str) {
        self.from.push((Some(port.to_owned()), feeder.to_owned()));
    }
}

/// A way out, by name.
#[derive(Clone, Debug)]
pub struct OutputDef {
    pub(crate) name: String,
    pub(crate) from: Option<String>,
    pub(crate) rate: Option<u32>,
}

impl OutputDef {
    /// An output fed by the last node.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), from: None, rate: None }
    }

    /// Feeds it.
    #[must_use]
    pub fn from(mut self, feeder: &str) -> Self {
        self.from = Some(feeder.to_owned());
        self
    }

    /// Holds it to a rate, whatever the device has.
    #[must_use]
    pub fn rate(mut self, rate: u32) -> Self {
        self.rate = Some(rate);
        self
    }
}

impl Graph {
    /// The longest overrun that may become silence, in milliseconds.
    pub const MAX_FILL_MS: u32 = 50;

    /// The most nodes, sources or outputs.
    pub const MOST: usize = 10_000;

    /// An empty graph.
    pub fn new() -> Self {
        Self { fill_ms: Self::MAX_FILL_MS, ..Self::default() }
    }

    /// Adds a source. The first one is the microphone; a graph without any has `mic`.
    pub fn source(&mut self, source: SourceDef) -> &mut Self {
        self.sources.push(source);
        self
    }

    /// Adds a node.
    pub fn node(&mut self, node: NodeDef) -> &mut Self {
        self.nodes.push(node);
        self
    }

    /// Adds an output.
    pub fn output(&mut self, output: OutputDef) -> &mut Self {
        self.outputs.push(output);
        self
    }

    /// Overruns up to `ms` milliseconds become silence; longer ones end the segment.
    pub fn fill(&mut self, ms: u32) -> &mut Self {
        self.fill_ms = ms.min(Self::MAX_FILL_MS);
        self
    }

    /// Names of the sources, the microphone first.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        let mic = self.sources.is_empty().then_some("mic");
        mic.into_iter().chain(self.sources.iter().map(|s| s.name.as_str()))
    }

    /// Every node's id and kind, in the order written.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &KindInfo)> {
        self.nodes.iter().map(|n| (n.id.as_str(), &n.kind))
    }

    /// Every output's name, in the order written.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.outputs.iter().map(|o| o.name.as_str())
    }

    /// A live parameter, by node and key.
    pub fn param(&self, node: &str, key: &str) -> Option<&Live> {
        self.nodes.iter().find(|n| n.id == node)?.settings.live(key)
    }

    /// Every live parameter: node, key, handle.
    pub fn params(&self) -> impl Iterator<Item = (&str, &'static str, &Live)> {
        self.nodes
            .iter()
            .flat_map(|n| n.settings.lives().map(move |(key, live)| (n.id.as_str(), key, live)))
    }

    /// Whether names and wires make a graph: what is wrong here is wrong with every device.
    pub fn check(&self) -> Result<(), PlanError> {
        plan::check(self)
    }

    /// Compiles the graph for these device formats, one per source. A source without
    /// a format of its own has that of the first.
    pub fn plan(&self, formats: &[Format], limits: Limits) -> Result<Plan, PlanError> {
        plan::plan(self, formats, limits)
    }
}

/// The name of what flows, for sentences.
pub(crate) const fn flow_name(flow: Flow) -> &'static str {
    match flow {
        Flow::Audio => "samples",
        Flow::Control => "control values",
        Flow::Packets => "packets",
        Flow::Events => "only events",
    }
}
