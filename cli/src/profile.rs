//! What each node costs while a graph runs: measured from outside, by those who call nodes.
//!
//! Off, it costs nothing: a graph is then called by others.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tympan::core::{Border, Calls, Input, Node, Output};

/// Calls that a trace holds at most: a viewer shows no more.
const MOST: u64 = 2_000_000;

/// One run is measured at a time.
static RUNNING: Mutex<Option<Profile>> = Mutex::new(None);

thread_local! {
    /// Time that a node's call spent in what takes its output.
    static ASIDE: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    /// The same, of a whole block.
    static OUTSIDE: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Calls nodes and survives their panics.
pub(crate) fn shielded() -> Calls {
    fn process(node: &mut dyn Node, input: Input<'_>, output: &mut Output<'_>) -> bool {
        catch_unwind(AssertUnwindSafe(|| node.process(input, output))).is_ok()
    }
    Calls { process, reset }
}

/// The same, with a clock.
pub(crate) fn timed() -> Calls {
    fn process(node: &mut dyn Node, input: Input<'_>, output: &mut Output<'_>) -> bool {
        ASIDE.set(Duration::ZERO);
        let start = Instant::now();
        let lived = catch_unwind(AssertUnwindSafe(|| node.process(input, output))).is_ok();
        let took = start.elapsed().saturating_sub(ASIDE.get());
        with(|profile| profile.call(output.node(), start, took));
        lived
    }
    Calls { process, reset }
}

fn reset(node: &mut dyn Node, border: Border) -> bool {
    catch_unwind(AssertUnwindSafe(|| node.reset(border))).is_ok()
}

/// Does what is no node's work, though it is done within its call.
pub(crate) fn aside(work: impl FnOnce()) {
    let start = Instant::now();
    work();
    let took = start.elapsed();
    ASIDE.set(ASIDE.get() + took);
    OUTSIDE.set(OUTSIDE.get() + took);
}

fn with(tell: impl FnOnce(&mut Profile)) {
    if let Some(profile) = &mut *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) {
        tell(profile);
    }
}

/// What was counted so far.
pub(crate) fn look<T>(at: impl FnOnce(&Profile) -> T) -> Option<T> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(at)
}

/// From here on, calls are counted.
pub(crate) fn begin(profile: Profile) {
    *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = Some(profile);
}

/// What was counted. The trace is complete.
pub(crate) fn end() -> Option<Profile> {
    let profile = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).take();
    profile.map(|mut profile| {
        profile.close();
        profile
    })
}

/// Lets a block go through the graph.
pub(crate) fn block(work: impl FnOnce()) {
    OUTSIDE.set(Duration::ZERO);
    let start = Instant::now();
    work();
    let took = start.elapsed().saturating_sub(OUTSIDE.get());
    with(|profile| profile.block(start, took));
}

/// What a run costs.
pub(crate) struct Profile {
    start: Instant,
    pub(crate) nodes: Vec<Cost>,
    pub(crate) blocks: Cost,
    trace: Option<Trace>,
}

/// The file of every call.
struct Trace {
    file: BufWriter<File>,
    events: u64,
    failed: Option<io::Error>,
}

impl Profile {
    pub(crate) fn new<'a>(nodes: impl Iterator<Item = &'a str>, trace: Option<File>) -> Self {
        let mut profile = Self {
            start: Instant::now(),
            nodes: nodes.map(Cost::new).collect(),
            blocks: Cost::new("block"),
            trace: trace.map(|file| Trace { file: BufWriter::new(file), events: 0, failed: None }),
        };
        let names = ["graph"].into_iter().map(str::to_owned);
        let names: Vec<_> = names.chain(profile.nodes.iter().map(|n| n.name.clone())).collect();
        if let Some(trace) = &mut profile.trace {
            trace.put("[\n{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":1,\"args\":{\"name\":\"tympan\"}}");
            for (row, name) in names.iter().enumerate() {
                let name = serde_json::Value::from(name.as_str());
                trace.put(&format!(
                    ",\n{{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":1,\"tid\":{row},\
                     \"args\":{{\"name\":{name}}}}},\n{{\"name\":\"thread_sort_index\",\
                     \"ph\":\"M\",\"pid\":1,\"tid\":{row},\"args\":{{\"sort_index\":{row}}}}}"
                ));
            }
        }
        profile
    }

    fn call(&mut self, node: u16, start: Instant, took: Duration) {
        let Some(cost) = self.nodes.get_mut(usize::from(node)) else { return };
        cost.add(took);
        if let Some(trace) = &mut self.trace {
            let since = start.saturating_duration_since(self.start);
            trace.call(&cost.name, usize::from(node) + 1, since, took);
        }
    }

    fn block(&mut self, start: Instant, took: Duration) {
        self.blocks.add(took);
        if let Some(trace) = &mut self.trace {
            trace.call("block", 0, start.saturating_duration_since(self.start), took);
        }
    }

    fn close(&mut self) {
        if let Some(trace) = &mut self.trace {
            trace.put("\n]\n");
            trace.failed = trace.failed.take().or(trace.file.flush().err());
        }
    }

    /// Why the trace is not what it should be.
    pub(crate) fn trouble(&self) -> Option<String> {
        let trace = self.trace.as_ref()?;
        if let Some(error) = &trace.failed {
            return Some(format!("The trace is not complete: {error}."));
        }
        (trace.events >= MOST)
            .then(|| format!("The trace holds the first {MOST} calls: no viewer shows more."))
    }
}

impl Trace {
    fn call(&mut self, name: &str, row: usize, since: Duration, took: Duration) {
        if self.events >= MOST {
            return;
        }
        self.events += 1;
        let name = serde_json::Value::from(name);
        let us = |time: Duration| time.as_nanos() as f64 / 1000.0;
        self.put(&format!(
            ",\n{{\"name\":{name},\"ph\":\"X\",\"pid\":1,\"tid\":{row},\"ts\":{:.3},\"dur\":{:.3}}}",
            us(since),
            us(took)
        ));
    }

    fn put(&mut self, text: &str) {
        if self.failed.is_none() {
            self.failed = self.file.write_all(text.as_bytes()).err();
        }
    }
}

/// Steps of the scale between a power of two and the next.
const STEPS: usize = 16;

/// How long something took, over all times that it was done.
pub(crate) struct Cost {
    pub(crate) name: String,
    pub(crate) calls: u64,
    pub(crate) total: Duration,
    pub(crate) worst: Duration,
    /// How many calls took so long, on a scale that is as fine everywhere: no part of it is
    /// wider than a sixteenth of what it stands for.
    counts: Vec<u32>,
}

impl Cost {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            calls: 0,
            total: Duration::ZERO,
            worst: Duration::ZERO,
            counts: vec![0; 64 * STEPS],
        }
    }

    fn add(&mut self, took: Duration) {
        self.calls += 1;
        self.total += took;
        self.worst = self.worst.max(took);
        let ns = (took.as_nanos() as u64).max(1);
        let power = ns.ilog2();
        let part = ((u128::from(ns) * STEPS as u128) >> power) as usize - STEPS;
        self.counts[power as usize * STEPS + part] += 1;
    }

    pub(crate) fn mean(&self) -> Duration {
        self.total / u32::try_from(self.calls.max(1)).unwrap_or(u32::MAX)
    }

    /// What this part of all calls did not take longer than.
    pub(crate) fn quantile(&self, part: f64) -> Duration {
        let wanted = (self.calls as f64 * part).ceil() as u64;
        let mut sum = 0;
        for (place, count) in self.counts.iter().enumerate() {
            sum += u64::from(*count);
            if sum >= wanted && sum > 0 {
                let (power, part) = (place / STEPS, place % STEPS + 1);
                let end = ((1u128 << power) * (STEPS + part) as u128 / STEPS as u128) as u64;
                return Duration::from_nanos(end).min(self.worst);
            }
        }
        self.worst
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_near_and_never_too_low() {
        let mut cost = Cost::new("x");
        (1..=10_000).for_each(|n| cost.add(Duration::from_nanos(n * 37)));
        for part in [0.5, 0.9, 0.99, 0.9999] {
            let exact = (10_000.0 * part) * 37.0;
            let told = cost.quantile(part).as_nanos() as f64;
            assert!((exact..exact * 1.07).contains(&(told + 1e-6)), "{part}: {told} for {exact}");
        }
        assert_eq!(cost.quantile(1.0), Duration::from_micros(370));
        assert_eq!(cost.mean(), Duration::from_nanos(185_018));
        assert_eq!(Cost::new("y").quantile(0.99), Duration::ZERO);
    }
}
