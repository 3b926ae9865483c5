//! How the worker stands with the system: before which threads it goes, and with which it
//! belongs together. None of it concerns a run of the graph: it is seen to between two.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tympan_backends::realtime::{Priority, Raise};
use tympan_backends::{Member, Workgroup, WorkgroupError};

#[derive(Debug, Default)]
pub(super) struct Standing {
    /// What the system gave the worker, if it was asked.
    priority: OnceLock<Priority>,
    /// The device's threads, and that there is something new about them.
    group: Mutex<Option<Workgroup>>,
    regrouped: AtomicBool,
    /// Whether the worker is one of them, as far as it was told of any.
    joined: Mutex<Option<Result<(), WorkgroupError>>>,
}

/// What the worker holds for as long as it stands so.
#[derive(Default)]
pub(super) struct Stand {
    _raised: Option<Raise>,
    member: Option<Member>,
}

impl Standing {
    pub(super) fn priority(&self) -> Option<Priority> {
        self.priority.get().cloned()
    }

    pub(super) fn joined(&self) -> Option<Result<(), WorkgroupError>> {
        *lock(&self.joined)
    }

    /// The device has these threads now, and the worker is to be one of them.
    pub(super) fn regroup(&self, group: Workgroup) {
        *lock(&self.group) = Some(group);
        self.regrouped.store(true, Ordering::Release);
    }

    /// On the worker, before its first run: goes before others, if there is a need.
    pub(super) fn begin(&self, live: bool) -> Stand {
        let raised = live.then(Raise::this_thread);
        if let Some(raised) = &raised {
            let _ = self.priority.set(raised.priority().clone());
        }
        Stand { _raised: raised, member: None }
    }

    /// On the worker, between two runs: leaves the threads of a device that is gone, and
    /// joins those of the one that is there. It waits for nobody where there is nothing new.
    pub(super) fn keep(&self, stand: &mut Stand) {
        if !self.regrouped.load(Ordering::Relaxed) || !self.regrouped.swap(false, Ordering::AcqRel)
        {
            return;
        }
        let Some(group) = lock(&self.group).take() else { return };
        stand.member = None;
        let (member, joined) = match group.join() {
            Ok(member) => (Some(member), Ok(())),
            Err(error) => (None, Err(error)),
        };
        stand.member = member;
        *lock(&self.joined) = Some(joined);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
