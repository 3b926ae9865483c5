//! The plan as a table: what `tympan plan` prints and what fixtures compare.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Write as _};

use crate::graph::Graph;
use crate::node::{Flow, Frames, Spec};
use crate::plan::negotiate::{Draft, Step, Tapped};
use crate::plan::resolve::{Feeder, Wires};
use crate::plan::size::Sizes;
use crate::plan::{Limits, Plan, tapped_name};
use crate::time::Ratio;

/// A line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The node's id, or the source's or output's name.
    pub name: String,
    /// Its kind; `source` and `output` for these.
    pub kind: String,
    /// What it puts out.
    pub format: String,
    /// Frames per call, in and out.
    pub frames: String,
    /// Its own delay in seconds.
    pub delay: f64,
    /// The delay up to and with it, in seconds.
    pub sum: f64,
    /// The longest a frame waits up to here for others to fill a call, in seconds.
    pub wait: f64,
    /// Bytes of its tape and packet buffer.
    pub bytes: usize,
    /// Whether it runs behind a gate.
    pub gated: bool,
    /// Which rows feed it, one for each of its ports in their order.
    pub from: Vec<usize>,
}

pub(crate) fn rows(
    graph: &Graph,
    wires: &Wires,
    draft: &Draft,
    sizes: &Sizes,
    limits: Limits,
) -> Vec<Row> {
    let mut rows = Vec::new();
    let sources = graph.sources().count();
    let row = |feeder: &Feeder| match *feeder {
        Feeder::Source(i) => i,
        Feeder::Node(n) => sources + n,
    };
    for (i, name) in graph.sources().enumerate() {
        let stream = &draft.streams[i];
        rows.push(Row {
            name: name.to_string(),
            kind: "source".to_string(),
            format: stream.format.to_string(),
            frames: format!(
                "up to {}",
                if i == 0 { limits.max_push } else { sizes.room[i] as u32 }
            ),
            delay: 0.0,
            sum: 0.0,
            wait: 0.0,
            bytes: bytes(draft, sizes, i),
            gated: false,
            from: Vec::new(),
        });
    }
    for (n, def) in graph.nodes.iter().enumerate() {
        let from = wires.nodes[n].iter().map(row).collect();
        match draft.steps.iter().position(|s| s.def == n) {
            Some(s) => rows.push(Row { from, ..step_row(graph, draft, sizes, s) }),
            None => rows.push(Row {
                name: def.id.clone(),
                kind: def.kind.name.to_string(),
                format: "as it comes".to_string(),
                frames: "nothing to do".to_string(),
                delay: 0.0,
                sum: 0.0,
                wait: 0.0,
                bytes: 0,
                gated: false,
                from,
            }),
        }
    }
    for ((def, &tapped), feeder) in graph.outputs.iter().zip(&draft.outputs).zip(&wires.outputs) {
        let (sum, wait) = delay_and_wait(draft, tapped);
        let (format, gated) = match tapped {
            Tapped::Stream(s) => (draft.streams[s].format.to_string(), draft.streams[s].region > 0),
            Tapped::Step(s) => ("packets".to_string(), draft.steps[s].region > 0),
        };
        rows.push(Row {
            name: def.name.clone(),
            kind: "output".to_string(),
            format,
            frames: format!("from {}", tapped_name(graph, draft, tapped)),
            delay: 0.0,
            sum,
            wait,
            bytes: 0,
            gated,
            from: Vec::from([row(feeder)]),
        });
    }
    rows
}

fn step_row(graph: &Graph, draft: &Draft, sizes: &Sizes, s: usize) -> Row {
    let step = &draft.steps[s];
    let def = &graph.nodes[step.def];
    let tapped = step.output.map_or(Tapped::Step(s), Tapped::Stream);
    let (sum, wait) = delay_and_wait(draft, tapped);
    let rate = step.spec.output.map_or(draft.streams[step.audio[0]].format.rate, |f| f.rate);
    Row {
        name: def.id.clone(),
        kind: def.kind.name.to_string(),
        format: match (def.kind.output, step.spec.output) {
            (Flow::Control, Some(f)) => format!("{} values/s", f.rate),
            (_, Some(f)) => f.to_string(),
            (Flow::Packets, None) => "packets".to_string(),
            (_, None) => "events".to_string(),
        },
        frames: frames(draft, step),
        delay: step.spec.delay as f64 / rate as f64,
        sum,
        wait,
        bytes: step.output.map_or(0, |t| bytes(draft, sizes, t)) + step.spec.packet,
        gated: step.region > 0,
        from: Vec::new(),
    }
}

fn bytes(draft: &Draft, sizes: &Sizes, tape: usize) -> usize {
    (sizes.room[tape] + sizes.lazy[tape]) * draft.streams[tape].format.channels as usize * 4
}

/// `480 -> 160`, `any`, `320 -> packet`.
fn frames(draft: &Draft, step: &Step) -> String {
    let Spec { frames, output, history, .. } = step.spec;
    let rate = draft.streams[step.audio[0]].format.rate;
    if let Some(back) = history {
        let ms = back as f64 * 1000.0 / rate as f64;
        return format!("back {ms:.0} ms");
    }
    let ratio = output.map(|f| Ratio::of(f.rate, rate));
    match (frames, ratio) {
        (Frames::Any, Some(r)) if !r.is_one() => format!("any x {}/{}", r.up, r.down),
        (Frames::Any, _) => "any".to_string(),
        (Frames::Fixed(n), Some(r)) => {
            let (low, high) = (r.floor(n as i64), r.ceil(n as i64));
            if low == high { format!("{n} -> {low}") } else { format!("{n} -> {low}..{high}") }
        }
        (Frames::Fixed(n), None) if step.spec.packet > 0 => format!("{n} -> packet"),
        (Frames::Fixed(n), None) => format!("{n}"),
    }
}

/// What a signal is late by calculation, and what it may wait for frames to fill,
/// in seconds. Behind a gate both include the way up to it.
pub(crate) fn delay_and_wait(draft: &Draft, tapped: Tapped) -> (f64, f64) {
    let (region, low, lag) = match tapped {
        Tapped::Stream(s) => {
            let stream = &draft.streams[s];
            (stream.region, stream.low, stream.lag)
        }
        Tapped::Step(s) => {
            let step = &draft.steps[s];
            let rate = draft.streams[step.audio[0]].format.rate;
            let most = |of: fn(&crate::plan::negotiate::Stream) -> i128| {
                step.audio.iter().map(|&s| of(&draft.streams[s])).max().unwrap_or(0)
            };
            let delay = draft.clock.ticks(step.spec.delay as i64, rate);
            let waits = draft.clock.ticks(step.waits, rate);
            (step.region, most(|s| s.low) + delay, most(|s| s.lag) + delay + waits)
        }
    };
    let before = draft.regions[region].gate.map(|gate| {
        let s = draft.steps[gate].audio[0];
        (draft.streams[s].low, draft.streams[s].lag)
    });
    let (low0, lag0) = before.unwrap_or((0, 0));
    (draft.clock.seconds((low0 + low).max(0)), draft.clock.seconds(lag0 + lag - low0 - low))
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["node", "kind", "format", "frames", "delay", "sum", "wait", "KiB"];
        let mut cells: Vec<[String; 8]> = alloc::vec![head.map(str::to_string)];
        cells.extend(self.rows().iter().map(row_cells));
        let mut widths = [0; 8];
        for row in &cells {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in &cells {
            let mut line = String::new();
            for (i, (cell, width)) in row.iter().zip(widths).enumerate() {
                // Words stand left, numbers right, and all of it on a screen of 80 columns.
                let _ = if i < 4 {
                    write!(line, "{cell:<width$}  ")
                } else {
                    write!(line, "{cell:>width$} ")
                };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        write!(f, "delays in ms; memory {} KiB", kib(self.bytes()))
    }
}

fn row_cells(row: &Row) -> [String; 8] {
    let runs = row.frames != "nothing to do";
    let ms = |seconds: f64| if runs { format!("{:.2}", seconds * 1000.0) } else { String::new() };
    // What stands behind a gate is indented under it.
    let name = if row.gated { format!("| {}", row.name) } else { row.name.clone() };
    [
        name,
        row.kind.clone(),
        row.format.clone(),
        row.frames.clone(),
        if row.delay > 0.0 { ms(row.delay) } else { String::new() },
        if row.kind == "source" { String::new() } else { ms(row.sum) },
        if row.kind == "source" { String::new() } else { ms(row.wait) },
        if row.bytes > 0 { kib(row.bytes) } else { String::new() },
    ]
}

fn kib(bytes: usize) -> String {
    format!("{:.1}", bytes as f64 / 1024.0)
}
