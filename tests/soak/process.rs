//! What a process holds, as the system counts it.

use std::fs;

/// Pages are taken to be of this size, as they are wherever these tests run.
const PAGE: i64 = 4096;

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
        let statm = fs::read_to_string("/proc/self/statm").ok()?;
        let mut pages = statm.split(' ').skip(1).map(|pages| pages.trim().parse::<i64>().ok());
        let (resident, shared) = (pages.next()??, pages.next()??);
        Some(Self {
            resident: (resident - shared) * PAGE,
            // The folder itself is open while it is read, every time.
            descriptors: fs::read_dir("/proc/self/fd").ok()?.count(),
            threads: fs::read_dir("/proc/self/task").ok()?.count(),
        })
    }
}
