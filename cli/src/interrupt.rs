//! Ctrl-C: the first one asks for an end that keeps everything, the second one ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::SIGINT;
use signal_hook::flag;

use crate::exit::Exit;

/// Whether somebody has asked for the end.
#[derive(Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on. The signal itself does what there is to do: a thread that waits
    /// for it would cost a short run a twentieth.
    pub(crate) fn listen() -> Self {
        let Self(asked) = Self::default();
        let code = i32::from(Exit::Interrupted.code());
        // In this order: the first one is not yet the second. Where signals cannot be had, the
        // program ends as it always did.
        let _ = flag::register_conditional_shutdown(SIGINT, code, asked.clone());
        let _ = flag::register(SIGINT, asked.clone());
        Self(asked)
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
