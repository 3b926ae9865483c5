//! The phone's storage, as far as it can go wrong.

use std::sync::{Arc, Mutex, PoisonError};

/// Whether files can be opened and written. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    full: bool,
    locked: bool,
    failing: u32,
}

impl Disk {
    /// Whether a new file can be opened now: not while the disk is full, nor while the
    /// phone is locked and its files are protected.
    pub fn opens(&self) -> bool {
        self.with(|disk| !disk.full && !disk.locked)
    }

    /// Whether a file that is there can be opened again to repair it, which takes no room.
    pub fn reopens(&self) -> bool {
        self.with(|disk| !disk.locked)
    }

    /// Whether the next write to an open file succeeds. Asking counts as writing.
    pub fn writes(&self) -> bool {
        self.with(|disk| {
            let fails = disk.full || disk.failing > 0;
            disk.failing = disk.failing.saturating_sub(1);
            !fails
        })
    }

    pub(super) fn set_full(&self, full: bool) {
        self.with(|disk| disk.full = full);
    }

    pub(super) fn set_locked(&self, locked: bool) {
        self.with(|disk| disk.locked = locked);
    }

    pub(super) fn fail_writes(&self, times: u32) {
        self.with(|disk| disk.failing = times);
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
