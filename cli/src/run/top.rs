//! What each node costs, as a table: behind a run, or on the screen while it keeps time.

use std::time::Duration;

use crate::output::{Line, seconds};
use crate::profile::{Cost, Profile};

/// How a run stands.
#[derive(Clone, Copy)]
pub(super) struct At {
    /// Of audio.
    pub(super) seconds: f64,
    /// Frames.
    pub(super) dropped: u64,
}

impl At {
    /// The part of realtime that this takes.
    fn share(self, cost: &Cost) -> f64 {
        cost.total.as_secs_f64() / self.seconds.max(1e-9)
    }
}

/// Of a pipeline that keeps time nobody knows where a block begins.
fn rows(profile: &Profile) -> impl Iterator<Item = &Cost> {
    profile.nodes.iter().chain(Some(&profile.blocks).filter(|blocks| blocks.calls > 0))
}

fn us(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

pub(super) fn lines(profile: &Profile, at: At) -> impl Iterator<Item = Line> {
    rows(profile).map(move |cost| {
        Line::new("top")
            .with("node", cost.name.as_str())
            .with("calls", cost.calls)
            .with("mean_us", seconds(us(cost.mean())))
            .with("p99_us", seconds(us(cost.quantile(0.99))))
            .with("worst_us", seconds(us(cost.worst)))
            .with("share", seconds(at.share(cost)))
    })
}

pub(super) fn table(profile: &Profile, at: At) -> Vec<String> {
    let names = rows(profile).map(|cost| cost.name.chars().count());
    let widest = names.max().unwrap_or(0).max(4);
    let mut table = vec![format!(
        "{:widest$}  {:>8}  {:>9}  {:>9}  {:>9}  of realtime",
        "node", "calls", "mean µs", "p99 µs", "worst µs"
    )];
    table.extend(rows(profile).map(|cost| {
        let Cost { name, calls, worst, .. } = cost;
        if *calls == 0 {
            return format!("{name:widest$}  {:>8}", "idle");
        }
        let (mean, p99, worst) = (us(cost.mean()), us(cost.quantile(0.99)), us(*worst));
        let share = at.share(cost) * 100.0;
        format!("{name:widest$}  {calls:>8}  {mean:>9.1}  {p99:>9.1}  {worst:>9.1}  {share:>9.3} %")
    }));
    table.push(format!("dropped: {} frames", at.dropped));
    table
}
