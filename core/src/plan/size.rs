//! Pass 4: how many frames each tape must hold, and what all of it weighs.

use alloc::vec::Vec;

use crate::error::{Cause, Place, PlanError};
use crate::graph::Graph;
use crate::plan::Limits;
use crate::plan::negotiate::{Draft, LEAD_MS, Step, Tapped};

/// A history is moved when it has run on by this part of itself: with 8, moving costs
/// eight copies per sample, and the tape an eighth more.
const LAZY: i128 = 8;

pub(crate) struct Sizes {
    /// Frames per tape.
    pub(crate) room: Vec<usize>,
    /// Frames per tape that may lie consumed before they are moved out.
    pub(crate) lazy: Vec<usize>,
    /// Frames of the entry, per region, that push everything else out.
    pub(crate) drain: Vec<usize>,
    /// The most frames fed into each region at once.
    pub(crate) push: Vec<usize>,
}

pub(crate) fn size(graph: &Graph, draft: &Draft, limits: Limits) -> Result<Sizes, PlanError> {
    let entry_rate = |r: usize| draft.streams[draft.regions[r].entry].format.rate;
    // Behind a gate the same stretch of time is fed per pass as in front of it.
    let mic = entry_rate(0);
    let chunk = draft.clock.ticks(limits.max_push.max(1) as i64, mic);
    let push: Vec<i128> =
        (0..draft.regions.len()).map(|r| draft.clock.frames_up(chunk, entry_rate(r))).collect();
    let drain = drains(draft);
    let busy: Vec<usize> = drain.iter().zip(&push).map(|(d, &p)| d + p as usize).collect();
    let behind = behind(draft, &busy);
    let (mut room, mut lazy, mut bytes) = (Vec::new(), Vec::new(), 0u128);
    for (s, stream) in draft.streams.iter().enumerate() {
        let rate = stream.format.rate;
        let fed = draft.clock.ticks(push[stream.region] as i64, entry_rate(stream.region));
        let ahead = if is_second_source(graph, s) { lead(rate) as i128 } else { 0 };
        let frames = draft.clock.frames_up(fed + behind[s].0 - stream.low, rate) + ahead + 2;
        // A long history would be moved with every push: let it run on for a while instead.
        let history = draft.clock.frames_up(behind[s].1, rate) / LAZY;
        bytes += (frames + history) as u128 * stream.format.channels as u128 * 4;
        check(graph, draft, s, bytes, limits)?;
        room.push(frames as usize);
        lazy.push(history as usize);
    }
    Ok(Sizes { room, lazy, drain, push: push.iter().map(|&p| p as usize).collect() })
}

fn is_second_source(graph: &Graph, stream: usize) -> bool {
    (1..graph.sources().count()).contains(&stream)
}

fn check(
    graph: &Graph,
    draft: &Draft,
    stream: usize,
    bytes: u128,
    limits: Limits,
) -> Result<(), PlanError> {
    let packets: u128 = draft.steps.iter().map(|s| s.spec.packet as u128).sum();
    let bytes = bytes + packets;
    let limit = limits.max_bytes as u128;
    if bytes <= limit {
        return Ok(());
    }
    // To blame is whoever sends large packets, or reads far behind, else whoever makes it.
    let steps = &draft.steps;
    let sends = |s: &&Step| s.spec.packet as u128 > limit / 2;
    let wants = |s: &Step| s.waits + s.spec.history.unwrap_or(0) as i64;
    let reader = |s: &&Step| s.audio.contains(&stream) && wants(s) > 0;
    let blamed = steps.iter().find(sends);
    let blamed = blamed.or_else(|| steps.iter().filter(reader).max_by_key(|s| wants(s)));
    let blamed = blamed.or_else(|| steps.iter().find(|s| s.output == Some(stream)));
    let (node, place) = match blamed {
        Some(step) => (graph.nodes[step.def].id.clone(), Place::Node(step.def, None)),
        None => (draft.streams[stream].name.clone(), Place::Graph),
    };
    Err(PlanError { place, cause: Cause::TooLarge { node, bytes, limit } })
}

/// Per stream: how far behind the moment of capture its slowest reader may be, and
/// how much of that is a gate's history.
fn behind(draft: &Draft, busy: &[usize]) -> Vec<(i128, i128)> {
    let mut behind: Vec<(i128, i128)> = draft.streams.iter().map(|s| (s.lag, 0)).collect();
    let mut keep = |stream: usize, ticks: i128, history: i128| {
        let b = &mut behind[stream];
        *b = (b.0.max(ticks), b.1.max(history));
    };
    for step in &draft.steps {
        let rate = draft.streams[step.audio[0]].format.rate;
        let lag = step.audio.iter().map(|&s| draft.streams[s].lag).max().unwrap_or(0);
        let history = draft.clock.ticks(step.spec.history.unwrap_or(0) as i64, rate);
        // A gate does not look up while it pushes out what is behind it.
        let busy = step.opens.map_or(0, |region| busy[region]);
        let own = draft.clock.ticks(step.waits + busy as i64, rate);
        let waits = lag + own + history;
        for &s in &step.audio {
            keep(s, waits, history);
        }
        for &(s, held) in &step.control {
            let value = draft.clock.ticks(1, draft.streams[s].format.rate);
            keep(s, waits + draft.clock.ticks(held as i64, rate) + value, 0);
        }
    }
    behind
}

/// Per region: the frames of filling after which the last captured frame is out
/// everywhere.
fn drains(draft: &Draft) -> Vec<usize> {
    let mut ticks: Vec<i128> = draft.regions.iter().map(|_| 0).collect();
    let mut wait = |region: usize, t: i128| ticks[region] = t.max(ticks[region]);
    for step in &draft.steps {
        let rate = draft.streams[step.audio[0]].format.rate;
        let lag = step.audio.iter().map(|&s| draft.streams[s].lag).max().unwrap_or(0);
        let ahead = if step.spec.packet > 0 { step.spec.delay as i64 } else { 0 };
        // What was said last may open a gate as long as an opening reaches it.
        let own = step.waits + ahead + i64::from(step.spec.history.unwrap_or(0));
        wait(step.region, lag + draft.clock.ticks(own + 1, rate));
    }
    for output in &draft.outputs {
        if let Tapped::Stream(s) = *output {
            let stream = &draft.streams[s];
            wait(stream.region, stream.lag + draft.clock.ticks(1, stream.format.rate));
        }
    }
    let rate = |r: usize| draft.streams[draft.regions[r].entry].format.rate;
    (0..draft.regions.len())
        .map(|r| draft.clock.frames_up(ticks[r], rate(r)) as usize + 1)
        .collect()
}

/// How many frames ahead of the microphone a second source may be.
pub(crate) fn lead(rate: u32) -> usize {
    rate as usize * LEAD_MS as usize / 1000
}
