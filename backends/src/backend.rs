//! The contract between a source of audio and whoever listens.

use std::{fmt, io};

use tympan_core::Format;

use crate::{Device, Plain};

/// One callback's worth of audio, as the device delivers it.
#[derive(Clone, Copy, Debug)]
pub struct Buffer<'a> {
    /// Interleaved samples, whole frames of `format`.
    pub samples: &'a [f32],
    /// The format these samples have. A device may change it between two
    /// callbacks without saying so beforehand.
    pub format: Format,
    /// When the first frame was captured, in nanoseconds of the host's clock.
    pub host_ns: u64,
}

/// What a device says beside audio, on the same thread and in order with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The device itself lost this many frames since the last buffer.
    Lost(u64),
    /// Capture breaks off here and may go on: an interruption, a pause, a new route.
    Break,
    /// Nothing more will come: the file is at its end, the device is gone.
    End,
}

/// The listening side, called from the device's own thread.
///
/// # Realtime
/// `audio` and `notice` are called from the callback of a device. They must not
/// allocate, lock, block or panic.
pub trait Capture: Send {
    /// Takes one buffer.
    fn audio(&mut self, buffer: Buffer<'_>);
    /// Takes one notice; it concerns the place after the last buffer.
    fn notice(&mut self, notice: Notice);
    /// How many frames can be taken now without loss. A device ignores it; a
    /// file, which can wait, does not.
    fn room(&self) -> usize {
        usize::MAX
    }
}

/// A source of audio.
///
/// A backend delivers whatever its device has: any rate, any number of channels,
/// any callback size. It holds no policy and converts nothing but the sample type.
pub trait Backend: Send {
    /// What a person would call it: a device's name, a file's path.
    fn name(&self) -> &str;
    /// The format it would deliver if it were started now.
    fn format(&mut self) -> Result<Format, BackendError>;
    /// Starts delivering to `capture`.
    fn start(&mut self, capture: Box<dyn Capture>) -> Result<(), BackendError>;
    /// Stops. No callback runs when this returns; the listener comes back so that
    /// a later start can go on with it.
    fn stop(&mut self) -> Option<Box<dyn Capture>>;
    /// Whether audio comes at its own pace, so that who is late loses some. A file waits.
    fn is_live(&self) -> bool {
        false
    }
    /// The same as what a recorder runs on. A backend that knows what happens to its
    /// microphone makes a device of its own.
    fn into_device(self) -> Box<dyn Device>
    where
        Self: Sized + 'static,
    {
        Box::new(Plain::new(self))
    }
}

/// Why a backend could not do what was asked: a sentence with the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackendError {
    /// The cause, for programs.
    pub kind: BackendErrorKind,
    /// The cause, for people: what, where, why, what to do.
    pub message: String,
}

/// Causes of a [`BackendError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackendErrorKind {
    /// No such device or file.
    NotFound,
    /// It exists and may not be used.
    Permission,
    /// It is not audio we can read.
    Unreadable,
    /// It was started twice, or started while gone.
    Busy,
    /// Reading failed half-way.
    Failed,
}

impl BackendErrorKind {
    /// A stable code for this cause, which `tympan explain` knows.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotFound => "T0701",
            Self::Permission => "T0702",
            Self::Unreadable => "T0703",
            Self::Busy => "T0704",
            Self::Failed => "T0705",
        }
    }
}

impl BackendError {
    /// An error of this kind with this sentence.
    pub fn new(kind: BackendErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// A file of this name could not be created.
    pub fn not_created(name: &str, error: &io::Error) -> Self {
        let (kind, message) = match error.kind() {
            io::ErrorKind::AlreadyExists => (
                BackendErrorKind::Failed,
                format!("`{name}` exists already; choose another name or allow overwriting"),
            ),
            io::ErrorKind::NotFound => (
                BackendErrorKind::NotFound,
                format!("`{name}` cannot be created: its folder does not exist"),
            ),
            io::ErrorKind::PermissionDenied => (
                BackendErrorKind::Permission,
                format!("`{name}` may not be written; choose a folder of your own"),
            ),
            _ => (BackendErrorKind::Failed, format!("`{name}` cannot be created: {error}")),
        };
        Self::new(kind, message)
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for BackendError {}
