//! Syncs are waited for on a thread of their own: a disk that is busy answers after half a
//! second now and then, and what is captured meanwhile is to be in the system's hands.

use std::io;
use std::path::PathBuf;

use tympan_backends::storage::Syncer;
use tympan_core::session::Ms;

use crate::recorder::office::{Desk, Work};

/// Whoever waits.
pub(crate) struct Syncs;

/// What is to be synced, and the file that wants to hear of it.
pub(crate) struct Order {
    pub(super) syncer: Syncer,
    pub(super) file: Option<PathBuf>,
}

/// How it went.
pub(crate) struct Answer {
    pub(super) file: PathBuf,
    pub(super) synced: io::Result<()>,
}

impl Work for Syncs {
    type Order = Order;
    type Answer = Answer;

    fn perform(&mut self, _: Ms, order: Order, desk: &Desk<Self>) {
        let synced = (order.syncer)();
        if let Some(file) = order.file {
            desk.answer(Answer { file, synced });
        }
    }

    fn tend(&mut self, _: Ms, _: &Desk<Self>) -> bool {
        false
    }
}
