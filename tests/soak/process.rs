//! What a process holds, as the system counts it.

use std::fs;

/// What there is of everything that could leak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    /// Bytes in memory that are not of a file.
    pub(crate) resident: i64,
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
}

impl Held {
    /// None where the system does not say.
    pub(crate) fn now() -> Option<Self> {
        // `statm` would be less to read, but since Linux 6.2 it is off by up to 32 pages for
        // each processor.
        let maps = fs::read_to_string("/proc/self/smaps_rollup").ok()?;
        let kib = maps.lines().find_map(|line| line.strip_prefix("Anonymous:"))?;
        Some(Self {
            resident: kib.trim().strip_suffix(" kB")?.parse::<i64>().ok()? * 1024,
            // The folder itself is open while it is read, every time.
            descriptors: fs::read_dir("/proc/self/fd").ok()?.count(),
            threads: fs::read_dir("/proc/self/task").ok()?.count(),
        })
    }
}
