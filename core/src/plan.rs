//! A graph compiled for a device: what runs, when, and what it costs.
//!
//! Four passes, each a function with its own errors: resolve, sort, negotiate, size.

mod negotiate;
mod resolve;
mod size;
mod sort;
mod table;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use crate::executor::{
    Books, Bridge, Calls, Executor, Gate, Info, Kept, OutputInfo, Reader, Region, Source, Step,
    StepOrigin, Tap,
};
use crate::graph::Graph;
use crate::node::{Cursor, Flow, Held, Site};
use crate::tape::Tape;
use crate::time::{Counter, Ratio};
use crate::{Format, PlanError};

use negotiate::{Draft, Tapped};
use size::Sizes;

pub use table::Row;

/// What a plan may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Frames of the microphone run at once. Longer pushes are taken in pieces, with
    /// the same result; more only costs memory.
    pub max_push: u32,
    /// Bytes of all tapes and packet buffers.
    pub max_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_push: 1024, max_bytes: 64 << 20 }
    }
}

/// A graph compiled for a device: print it, ask it, or take its executor.
pub struct Plan {
    executor: Executor,
    rows: Vec<Row>,
}

impl Plan {
    /// The executor, ready to run.
    pub fn executor(self) -> Executor {
        self.executor
    }

    /// The outputs, as sinks number them.
    pub fn outputs(&self) -> &[OutputInfo] {
        self.executor.outputs()
    }

    /// What an output carries and how late it is.
    pub fn output(&self, name: &str) -> Option<&OutputInfo> {
        self.outputs().iter().find(|o| o.name == name)
    }

    /// The lines of the plan's table, sources first, outputs last.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Bytes of all tapes and packet buffers.
    pub fn bytes(&self) -> usize {
        self.executor.bytes()
    }
}

pub(crate) fn plan(graph: &Graph, formats: &[Format], limits: Limits) -> Result<Plan, PlanError> {
    let wires = resolve::resolve(graph)?;
    let order = sort::sort(graph, &wires)?;
    let draft = negotiate::negotiate(graph, &wires, &order, formats)?;
    let sizes = size::size(graph, &draft, limits)?;
    let rows = table::rows(graph, &draft, &sizes, limits);
    let executor = build(graph, draft, &sizes, formats, limits);
    Ok(Plan { executor, rows })
}

/// Turns the draft into what runs: steps region by region, tapes of their sizes.
fn build(
    graph: &Graph,
    draft: Draft,
    sizes: &Sizes,
    formats: &[Format],
    limits: Limits,
) -> Executor {
    let outputs = output_infos(graph, &draft, sizes);
    // Steps and taps of a region stand together; regions open in order.
    let mut by_region: Vec<usize> = (0..draft.steps.len()).collect();
    by_region.sort_by_key(|&s| draft.steps[s].region);
    let moved = inverse(&by_region);
    let taps = taps(&draft);
    let regions = regions(&draft, sizes, &by_region, &moved, &taps);
    let tapes = tapes(&draft, sizes);
    let scratch = taps.iter().map(|t| tapes[t.tape].room() * t.channels).max().unwrap_or(0);
    let sources = sources(graph, &draft, formats);
    let mic = draft.streams[0].format.rate;
    let max_fill = mic as usize * graph.fill_ms as usize / 1000;
    let origins: Vec<_> = by_region.iter().map(|&s| origin(graph, &draft, s)).collect();
    let mut by_id: Vec<usize> = (0..origins.len()).collect();
    by_id.sort_by(|&a, &b| origins[a].id.cmp(&origins[b].id));
    let nothing = draft.streams.len();
    let mut steps: Vec<Option<Step>> = Vec::new();
    let packet_outputs: Vec<Vec<u16>> =
        (0..draft.steps.len()).map(|s| packet_outputs(&draft, s)).collect();
    let formats: Vec<Format> = draft.streams.iter().map(|s| s.format).collect();
    for (step, outputs) in draft.steps.into_iter().zip(packet_outputs) {
        let control_out = graph.nodes[step.def].kind.output == Flow::Control;
        steps.push(Some(run_step(step, &formats, nothing, outputs, control_out)));
    }
    let steps = by_region.iter().filter_map(|&s| steps[s].take()).collect();
    Executor {
        tapes,
        steps,
        regions,
        taps,
        sources,
        scratch: vec![0.0; scratch].into(),
        calls: Calls::default(),
        max_push: limits.max_push.max(1) as usize,
        max_fill,
        segment: 0,
        running: false,
        ending: false,
        books: Books::default(),
        info: Arc::new(Info {
            nodes: graph.nodes.iter().map(|n| n.id.clone()).collect(),
            outputs,
            origins,
            by_id,
        }),
    }
}

fn inverse(order: &[usize]) -> Vec<usize> {
    let mut moved = vec![0; order.len()];
    for (new, &old) in order.iter().enumerate() {
        moved[old] = new;
    }
    moved
}

fn run_step(
    step: negotiate::Step,
    formats: &[Format],
    nothing: usize,
    outputs: Vec<u16>,
    control_out: bool,
) -> Step {
    let rate = formats[step.audio[0]].rate;
    let cursors = step.audio.iter().map(|&tape| Cursor { tape, at: step.start });
    let held = step.control.iter().map(|&(tape, lag)| Held {
        tape,
        ratio: Ratio::of(formats[tape].rate, rate),
        lag: lag as i64,
    });
    let ratio = step.spec.output.map_or(Ratio { up: 1, down: 1 }, |f| Ratio::of(f.rate, rate));
    let packet = step.spec.packet > 0;
    let bridge = match step.spec.output {
        _ if control_out => Bridge::Fill(1.0),
        Some(out) if out == formats[step.audio[0]] => {
            Bridge::copy(step.spec.delay as usize, out.channels as usize)
        }
        _ => Bridge::Fill(0.0),
    };
    let gate = step.opens.map(|region| {
        let history = step.spec.history.unwrap_or(0) as i64;
        Gate::new(region, history, step.start)
    });
    Step {
        node: step.node,
        frames: step.spec.frames,
        audio: cursors.collect(),
        control: held.collect(),
        channels: step.audio.iter().map(|&s| formats[s].channels).collect(),
        output: step.output.unwrap_or(nothing),
        out_channels: step.spec.output.map_or(0, |f| f.channels as usize),
        counter: Counter::new(ratio),
        start: step.start,
        bytes: vec![0; step.spec.packet].into(),
        site: Site::new(step.def as u16, rate, if packet { step.spec.delay as i64 } else { 0 })
            .packets_to(outputs.into()),
        gate,
        failed: false,
        untold: false,
        bridge,
    }
}

fn tapes(draft: &Draft, sizes: &Sizes) -> Vec<Tape> {
    let made = draft
        .streams
        .iter()
        .zip(&sizes.room)
        .zip(&sizes.lazy)
        .map(|((s, &room), &lazy)| Tape::new(s.format.channels as usize, room, s.start, lazy));
    // The last one belongs to nodes that put out no samples.
    made.chain([Tape::default()]).collect()
}

fn sources(graph: &Graph, draft: &Draft, formats: &[Format]) -> Vec<Source> {
    let mic = draft.streams[0].format.rate;
    (0..graph.sources().count())
        .map(|i| {
            let device = formats.get(i).or(formats.first());
            let rate = draft.streams[i].format.rate;
            let channel = graph.sources.get(i).and_then(|s| s.channel);
            Source {
                tape: i,
                channel: channel.map(|c| c as usize - 1),
                device_channels: device.map_or(1, |f| f.channels as usize),
                ratio: Ratio::of(rate, mic),
                rate,
                lead: size::lead(rate),
            }
        })
        .collect()
}

fn taps(draft: &Draft) -> Vec<Tap> {
    let mut taps: Vec<(usize, Tap)> = Vec::new();
    for (output, tapped) in draft.outputs.iter().enumerate() {
        let Tapped::Stream(tape) = *tapped else { continue };
        let stream = &draft.streams[tape];
        let node = draft.steps.iter().find(|s| s.output == Some(tape));
        let node = node.map_or(crate::Event::ENGINE, |s| s.def as u16);
        taps.push((
            stream.region,
            Tap {
                output,
                tape,
                channels: stream.format.channels as usize,
                at: 0,
                site: Site::new(node, stream.format.rate, 0),
                blamed: false,
            },
        ));
    }
    taps.sort_by_key(|(region, _)| *region);
    taps.into_iter().map(|(_, tap)| tap).collect()
}

fn regions(
    draft: &Draft,
    sizes: &Sizes,
    by_region: &[usize],
    moved: &[usize],
    taps: &[Tap],
) -> Vec<Region> {
    let mut regions = Vec::new();
    let (mut step, mut tap) = (0, 0);
    for (r, region) in draft.regions.iter().enumerate() {
        let steps = by_region[step..].iter().take_while(|&&s| draft.steps[s].region == r).count();
        let mine = |t: &&Tap| draft.streams[t.tape].region == r;
        let outs = taps[tap..].iter().take_while(mine).count();
        regions.push(Region {
            steps: step..step + steps,
            taps: tap..tap + outs,
            tapes: kept(draft, r, moved, taps),
            entry: region.entry,
            rate: draft.streams[region.entry].format.rate,
            push: sizes.push[r],
            drain: sizes.drain[r],
            utterance: 0,
        });
        step += steps;
        tap += outs;
    }
    regions
}

/// The tapes of a region and who reads them.
fn kept(draft: &Draft, region: usize, moved: &[usize], taps: &[Tap]) -> Vec<Kept> {
    let tapes = (0..draft.streams.len()).filter(|&s| draft.streams[s].region == region);
    tapes
        .map(|tape| {
            let mut readers = Vec::new();
            for (s, step) in draft.steps.iter().enumerate() {
                for (port, _) in step.audio.iter().enumerate().filter(|&(_, &t)| t == tape) {
                    readers.push(Reader::Audio { step: moved[s], port });
                }
                for (port, _) in step.control.iter().enumerate().filter(|(_, c)| c.0 == tape) {
                    readers.push(Reader::Control { step: moved[s], port });
                }
            }
            let mine = taps.iter().enumerate().filter(|(_, t)| t.tape == tape);
            readers.extend(mine.map(|(i, _)| Reader::Tap(i)));
            Kept { tape, readers: readers.into() }
        })
        .collect()
}

fn packet_outputs(draft: &Draft, step: usize) -> Vec<u16> {
    let takes = |t: &Tapped| matches!(*t, Tapped::Step(s) if s == step);
    let all = draft.outputs.iter().enumerate().filter(|(_, t)| takes(t));
    all.map(|(output, _)| output as u16).collect()
}

fn output_infos(graph: &Graph, draft: &Draft, sizes: &Sizes) -> Vec<OutputInfo> {
    let infos = draft.outputs.iter().zip(&graph.outputs).map(|(tapped, def)| {
        let (stream, codec, packet, block) = match *tapped {
            Tapped::Stream(s) => (s, "", 0, sizes.room[s]),
            Tapped::Step(s) => {
                let step = &draft.steps[s];
                let kind = graph.nodes[step.def].kind.name;
                (step.audio[0], kind, step.spec.packet, step.spec.frames.residue() as usize + 1)
            }
        };
        let (delay, wait) = table::delay_and_wait(draft, *tapped);
        OutputInfo {
            name: def.name.clone(),
            format: draft.streams[stream].format,
            codec,
            packet,
            block,
            gated: draft.streams[stream].region > 0,
            delay,
            wait,
        }
    });
    infos.collect()
}

fn origin(graph: &Graph, draft: &Draft, step: usize) -> StepOrigin {
    let step = &draft.steps[step];
    let def = &graph.nodes[step.def];
    StepOrigin {
        id: def.id.clone(),
        kind: def.kind.name,
        settings: def.settings.clone(),
        inputs: step.audio.iter().map(|&s| draft.streams[s].format).collect(),
        lags: step.control.iter().map(|&(_, lag)| lag).collect(),
        spec: step.spec,
    }
}

/// A node's number in events is its place in the graph.
const _: () = assert!(Graph::MOST < crate::Event::ENGINE as usize);

/// The name an output of `graph` takes from `draft`; for the table.
fn tapped_name(graph: &Graph, draft: &Draft, tapped: Tapped) -> String {
    match tapped {
        Tapped::Stream(s) => draft.streams[s].name.clone(),
        Tapped::Step(s) => graph.nodes[draft.steps[s].def].id.clone(),
    }
}
