//! How often threads were woken: a phone that sleeps saves power, and every wake costs some.

use std::collections::BTreeMap;
use std::fs;

/// How often each thread of this process, by its name, has gone to sleep by itself so far,
/// which is as often as somebody had to wake it. Threads of one name count together. `None`
/// where the system does not say.
pub fn counts() -> Option<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task").ok()? {
        // One that ended meanwhile is not counted.
        let Ok(text) = fs::read_to_string(task.ok()?.path().join("status")) else { continue };
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim().to_owned())
        };
        let waits: u64 = field("voluntary_ctxt_switches:")?.parse().ok()?;
        *counts.entry(field("Name:")?).or_default() += waits;
    }
    Some(counts)
}

/// How often each was woken since `before`, those that begin with `tympan` only.
pub fn since(before: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let ours =
        counts().unwrap_or_default().into_iter().filter(|(name, _)| name.starts_with("tympan"));
    ours.map(|(name, count)| {
        let before = before.get(&name).copied().unwrap_or(0);
        (name, count.saturating_sub(before))
    })
    .collect()
}
