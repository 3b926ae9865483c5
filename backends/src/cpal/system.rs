//! The seam: what is asked of a system's audio. [`real`](super::real) answers with cpal, and
//! tests answer with a script.

use ::cpal::{Data, SampleFormat};
use tympan_core::Format;

use crate::{BackendError, PortKind};

/// A system that has inputs. It lives on one thread and may block there.
pub(super) trait System {
    /// The inputs that are there, the one that the system would choose first.
    fn inputs(&mut self) -> Result<Vec<Input>, BackendError>;

    /// The id of the input that the system would choose now.
    fn chosen(&mut self) -> Option<String>;

    /// What an input can do; the error says why it cannot be used.
    fn offer(&mut self, id: &str) -> Result<Offer, BackendError>;

    /// Opens an input. Nothing is delivered before it plays.
    fn open(
        &mut self,
        id: &str,
        spec: Spec,
        heard: Heard,
        alarm: Alarmed,
    ) -> Result<Box<dyn Stream>, BackendError>;
}

/// Called with every buffer, and the moment of the call in nanoseconds of the stream's own
/// clock.
pub(super) type Heard = Box<dyn FnMut(&Data, u64) + Send>;

/// Called when something is wrong, on whatever thread notices it.
pub(super) type Alarmed = Box<dyn FnMut(::cpal::Error) + Send>;

/// An input that was opened. Dropping it closes it.
pub(super) trait Stream {
    /// Begins to deliver. Returns when the device runs.
    fn play(&mut self) -> Result<(), BackendError>;

    /// Its own clock, in nanoseconds.
    fn now_ns(&self) -> u64;
}

/// An input of a system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Input {
    /// Stays the same over restarts of the machine: the host's name, a colon, the host's own.
    pub(super) id: String,
    /// What a person calls it.
    pub(super) name: String,
    pub(super) kind: PortKind,
    /// It hears what is played, not a microphone.
    pub(super) monitor: bool,
}

/// What an input can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offer {
    /// What it runs at by itself.
    pub(super) usual: Option<Span>,
    /// Everything it takes.
    pub(super) spans: Vec<Span>,
    /// The shortest callback that is reliable on such a system, in ms.
    pub(super) callback_ms: u32,
}

/// A stretch of rates at which an input runs, all else being equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) rates: (u32, u32),
    pub(super) channels: u16,
    pub(super) coding: SampleFormat,
    /// The frames that a callback can have, if that is known.
    pub(super) frames: Option<(u32, u32)>,
}

/// How an input is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) format: Format,
    pub(super) coding: SampleFormat,
    /// The frames of a callback, which the system may ignore; none leaves it the choice.
    pub(super) frames: Option<u32>,
}
