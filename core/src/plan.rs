//! A graph compiled for a device: what runs, when, and what it costs.
//!
//! Four passes, each a function with its own errors: resolve, sort, negotiate, size.

mod negotiate;
mod resolve;
mod size;
mod sort;
mod table;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use crate::executor::{
    Books, Bridge, Calls, Executor, Gate, Info, Kept, OutputInfo, Reader, Region, Source, Step,
    StepOrigin, Tap,
};
use crate::graph::Graph;
use crate::node::{Flow, Frames, Held, Site, Wires};
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
        Self { max_push: 512, max_bytes: 64 << 20 }
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

/// The passes that need no device, and build no node.
pub(crate) fn check(graph: &Graph) -> Result<(), PlanError> {
    let wires = resolve::resolve(graph)?;
    sort::sort(graph, &wires).map(drop)
}

pub(crate) fn plan(graph: &Graph, formats: &[Format], limits: Limits) -> Result<Plan, PlanError> {
    let wires = resolve::resolve(graph)?;
    let order = sort::sort(graph, &wires)?;
    let draft = negotiate::negotiate(graph, &wires, &order, formats)?;
    let sizes = size::size(graph, &draft, limits)?;
    let rows = table::rows(graph, &wires, &draft, &sizes, limits);
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
    let taps = taps(&draft);
    let regions = regions(&draft, sizes, &by_region, &taps);
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
    let streams: Vec<usize> = draft.streams.iter().map(|s| s.region).collect();
    for (step, outputs) in draft.steps.into_iter().zip(packet_outputs) {
        let control_out = graph.nodes[step.def].kind.output == Flow::Control;
        steps.push(Some(run_step(step, &formats, nothing, outputs, control_out)));
    }
    let mut steps: Vec<Step> = by_region.iter().filter_map(|&s| steps[s].take()).collect();
    let mut regions = regions;
    let kept = kept(&streams, &steps, &taps);
    close(&kept, &streams, &mut steps, &mut regions);
    spare(&kept, &streams, &tapes, &mut steps);
    Executor {
        tapes,
        steps,
        regions,
        kept,
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

fn run_step(
    step: negotiate::Step,
    formats: &[Format],
    nothing: usize,
    outputs: Vec<u16>,
    control_out: bool,
) -> Step {
    let rate = formats[step.audio[0]].rate;
    let held = step.control.iter().map(|&(tape, lag)| Held {
        tape,
        ratio: Ratio::of(formats[tape].rate, rate),
        lag: lag as i64,
    });
    let channels = step.audio.iter().map(|&s| formats[s].channels).collect();
    let ratio = step.spec.output.map_or(Ratio { up: 1, down: 1 }, |f| Ratio::of(f.rate, rate));
    // Those of packets are counted in input frames, others at the output's rate.
    let delay = if step.spec.packet > 0 { step.spec.delay as i64 } else { 0 };
    let bridge = match step.spec.output {
        _ if control_out => Bridge::Fill(1.0),
        Some(out) if out == formats[step.audio[0]] => {
            Bridge::copy(step.spec.delay as usize, out.channels as usize)
        }
        _ => Bridge::Fill(0.0),
    };
    let gate = step.opens.map(|region| {
        let history = step.spec.history.unwrap_or(0) as i64;
        Box::new(Gate::new(region, history, step.start))
    });
    Step {
        node: step.node,
        frames: step.spec.frames,
        at: step.start,
        audio: Wires::new(&step.audio),
        control: held.collect(),
        channels,
        output: step.output.unwrap_or(nothing),
        spare: None,
        sole: false,
        closes: Box::default(),
        out_channels: step.spec.output.map_or(0, |f| f.channels as usize),
        counter: Counter::new(ratio),
        start: step.start,
        bytes: vec![0; step.spec.packet].into(),
        site: Site::new(step.def as u16, rate, delay).packets_to(outputs.into()),
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

fn regions(draft: &Draft, sizes: &Sizes, by_region: &[usize], taps: &[Tap]) -> Vec<Region> {
    let mut regions = Vec::new();
    let (mut step, mut tap) = (0, 0);
    for (r, region) in draft.regions.iter().enumerate() {
        let steps = by_region[step..].iter().take_while(|&&s| draft.steps[s].region == r).count();
        let mine = |t: &&Tap| draft.streams[t.tape].region == r;
        let outs = taps[tap..].iter().take_while(mine).count();
        regions.push(Region {
            steps: step..step + steps,
            taps: tap..tap + outs,
            tapes: (0..draft.streams.len()).filter(|&s| draft.streams[s].region == r).collect(),
            closes: Box::default(),
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

/// Who reads each tape, in the order of a pass.
fn kept(regions: &[usize], steps: &[Step], taps: &[Tap]) -> Vec<Kept> {
    let mut readers: Vec<Vec<Reader>> = regions.iter().map(|_| Vec::new()).collect();
    for (i, step) in steps.iter().enumerate() {
        for tape in step.audio.iter() {
            readers[tape].push(Reader::Audio { step: i });
        }
        for (port, held) in step.control.iter().enumerate() {
            readers[held.tape].push(Reader::Control { step: i, port });
        }
    }
    for (i, tap) in taps.iter().enumerate() {
        readers[tap.tape].push(Reader::Tap(i));
    }
    let kept = readers.into_iter().enumerate();
    kept.map(|(tape, readers)| Kept { tape, readers: readers.into() }).collect()
}

/// A tape is tidied up as soon as its last reader has run.
fn close(kept: &[Kept], regions_of: &[usize], steps: &mut [Step], regions: &mut [Region]) {
    let mut by_step: Vec<Vec<usize>> = steps.iter().map(|_| Vec::new()).collect();
    let mut by_region: Vec<Vec<usize>> = regions.iter().map(|_| Vec::new()).collect();
    for (k, kept) in kept.iter().enumerate() {
        match last_step(kept) {
            Some(step) if is_sole(kept, &steps[step]) => steps[step].sole = true,
            Some(step) => by_step[step].push(k),
            None => by_region[regions_of[kept.tape]].push(k),
        }
    }
    for (step, closes) in steps.iter_mut().zip(by_step) {
        step.closes = closes.into();
    }
    for (region, closes) in regions.iter_mut().zip(by_region) {
        region.closes = closes.into();
    }
}

/// A step tidies up its first input by itself if it is the only one to read it.
fn is_sole(kept: &Kept, step: &Step) -> bool {
    kept.readers.len() == 1 && step.audio.first == kept.tape && step.gate.is_none()
}

/// The step that reads a tape last, unless an output does.
fn last_step(kept: &Kept) -> Option<usize> {
    match kept.readers.last()? {
        Reader::Audio { step } | Reader::Control { step, .. } => Some(*step),
        Reader::Tap(_) => None,
    }
}

/// Gives steps the tape that was read out last before them, if it is like their own:
/// a long chain then works in a few buffers, which stay in the cache.
fn spare(kept: &[Kept], regions_of: &[usize], tapes: &[Tape], steps: &mut [Step]) {
    let mut free: Vec<usize> = Vec::new();
    for step in steps {
        let out = step.output;
        let mine = |&t: &usize| {
            t < out
                && regions_of.get(t) == regions_of.get(out)
                && (tapes[t].room(), tapes[t].bytes()) == (tapes[out].room(), tapes[out].bytes())
        };
        if step.gate.is_none() && out < regions_of.len() {
            step.spare = free.iter().rev().copied().find(mine);
        }
        free.extend(step.closes.iter().map(|&k| kept[k].tape));
        free.extend(step.sole.then_some(step.audio.first));
    }
}

fn packet_outputs(draft: &Draft, step: usize) -> Vec<u16> {
    let takes = |t: &Tapped| matches!(*t, Tapped::Step(s) if s == step);
    let all = draft.outputs.iter().enumerate().filter(|(_, t)| takes(t));
    all.map(|(output, _)| output as u16).collect()
}

/// Frames of a packet.
fn block(frames: Frames) -> usize {
    match frames {
        Frames::Any => 1,
        Frames::Fixed(n) => n as usize,
    }
}

fn output_infos(graph: &Graph, draft: &Draft, sizes: &Sizes) -> Vec<OutputInfo> {
    let infos = draft.outputs.iter().zip(&graph.outputs).map(|(tapped, def)| {
        let (stream, codec, packet, block) = match *tapped {
            Tapped::Stream(s) => (s, "", 0, sizes.room[s]),
            Tapped::Step(s) => {
                let step = &draft.steps[s];
                let kind = graph.nodes[step.def].kind.name;
                (step.audio[0], kind, step.spec.packet, block(step.spec.frames))
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
