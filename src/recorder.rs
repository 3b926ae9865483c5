//! Takes on disk that survive what happens to a microphone.
//!
//! A [`Recorder`] owns a graph, a device and the takes: it starts and stops the
//! microphone as the [session machine](tympan_core::session) says, and writes what comes
//! out of one output of the graph. Its states, events and error codes are those of a
//! well-known plugin for recording in the background, so that an interface that was
//! written for that keeps working.
//!
//! ```
//! use std::time::Duration;
//! use tympan::backend::phone::{Handset, Setup};
//! use tympan::recorder::{Recorder, RecorderEvent};
//! use tympan::{Graph, take::Container};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("tympan-doc-{}", std::process::id()));
//! let graph = Graph::from_toml(
//!     "[[node]]\nkind = \"mix\"\nchannels = 1\n\n[[output]]\nname = \"take\"\nrate = 48000\n",
//!     &tympan::registry(),
//! )?;
//! // A phone that nobody has to hold; a real one is used in the same way.
//! let (phone, hand) = Handset::new(&Setup::default());
//! let recorder = Recorder::builder(&graph)
//!     .device(phone)
//!     .directory(&folder)
//!     .format(Container::Wav)
//!     .build()?;
//! recorder.add_listener(|event| println!("{event:?}"));
//! recorder.start()?;
//! hand.pass(Duration::from_millis(300));
//! let take = recorder.stop()?.expect("something was captured");
//! println!("{} of {:?}", take.uri(), take.duration());
//! # std::fs::remove_dir_all(&folder).ok();
//! # Ok(())
//! # }
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `machine` | the recorder without threads: polled, as scripts in virtual time do |
//! | `door` | what keeps out of the graph what is not of the take |
//! | `preroll` | what an open microphone heard before a take |
//! | `office` | work on a thread of its own, or on this one |
//! | `shell` | the thread around a machine, and the calls of an app |
//! | `listeners` | who is told, and on which thread |
//! | `scribe` | who brings audio to a transcriber |
//! | `staged` | a machine on a simulated phone, for scripts |

mod builder;
mod door;
mod listeners;
mod machine;
pub(crate) mod office;
mod preroll;
mod scribe;
mod shell;
mod staged;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tympan_core::nearest;
use tympan_core::session::{Diagnosis, ErrorCode, State};

use crate::StartError;
use crate::pipeline::Pipeline;
use crate::take::{Chunk, Container};

pub use builder::{Builder, Options};
pub use listeners::ListenerId;
pub use machine::{Machine, Said};
pub use shell::Recorder;
pub use staged::Staged;

/// What a take is to be, where it is not as the recorder was built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// What it is kept in.
    pub format: Option<Container>,
    /// It ends after this much captured audio.
    pub max_duration: Option<Duration>,
    /// What is said in it is written down.
    pub transcription: bool,
    /// The language that is spoken, as a BCP 47 tag; the device's own by default.
    pub language: Option<String>,
}

/// How a recorder is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Its state.
    pub state: State,
    /// How much audio the take holds. It stands still while nothing is captured.
    pub elapsed: Duration,
    /// Whether the microphone is open, with a take or without: what an app shows its
    /// user.
    pub microphone_open: bool,
}

/// Something that a listener is told.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RecorderEvent {
    /// The state is this now.
    State {
        /// The state.
        state: State,
        /// How much audio the take holds.
        elapsed: Duration,
    },
    /// Something went wrong. The state changes only with an event of its own, but for
    /// `FILE_ERROR` and `PERMISSION_DENIED`, behind which it is `error`.
    Error(ErrorCode),
    /// Audio is back after a break. No packet from behind the break is read before this
    /// was told.
    Back {
        /// How long nothing was captured, on the wall.
        missing: Duration,
    },
    /// The microphone was opened or closed, with a take or without.
    Microphone {
        /// Whether it is open.
        open: bool,
    },
    /// Worth knowing.
    Diagnosis(Diagnosis),
    /// What is said so far, as far as it is understood yet.
    Partial(String),
    /// A [chunk](crate::take::Chunks) of the take is sealed, and can be sent. The last one is told before
    /// the state is `stopped`.
    Chunk {
        /// Its file. When the take is complete its folder has another name, and the file is
        /// where [`Chunk::path`] says for [`Take::folder`](crate::take::Take::folder).
        path: PathBuf,
        /// What there is to know about it.
        chunk: Chunk,
    },
    /// The disk was too slow: silence stands in for what was lost.
    Dropped {
        /// How far into the take.
        at: Duration,
        /// How much.
        lost: Duration,
    },
    /// Something that a person should know of, as a sentence.
    Trouble(String),
}

/// Why a recorder did not do what it was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct RecorderError {
    /// The cause, for programs.
    pub code: ErrorCode,
    /// The cause, for people.
    pub message: String,
    /// How the recorder is.
    pub status: Status,
}

impl RecorderError {
    fn new(code: ErrorCode, status: Status) -> Self {
        let message = match code {
            ErrorCode::PermissionDenied => {
                "the microphone may not be used; only the system's settings change that, and \
                 `open_settings` shows them"
            }
            ErrorCode::AlreadyRecording => "there is a take already; stop it first",
            ErrorCode::NotRecording => "there is no take; start one first",
            ErrorCode::SttUnavailable => "nothing can be written down; recording works",
            ErrorCode::SessionInterrupted => {
                "something else has the microphone, such as a call; try again when it is over"
            }
            ErrorCode::FileError => "the take cannot be written",
            _ => "it is not possible now",
        };
        Self { code, message: message.to_owned(), status }
    }
}

impl fmt::Display for RecorderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.message)
    }
}

impl std::error::Error for RecorderError {}

/// Why there is no recorder.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// No device was given.
    NoDevice,
    /// The graph does not fit the device, or there is no thread for it.
    Start(StartError),
    /// The graph has not the output that is wanted, as a sentence.
    Output(String),
    /// The device cannot be listened to.
    Device(crate::BackendError),
    /// The system gave no thread.
    Thread(std::io::Error),
}

impl BuildError {
    fn no_output(wanted: &str, pipeline: &Pipeline) -> Self {
        let names: Vec<_> = pipeline.outputs().iter().map(|o| format!("`{}`", o.name)).collect();
        let near = nearest(wanted, pipeline.outputs().iter().map(|output| output.name.as_str()));
        let hint = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        Self::Output(format!(
            "the graph has no output `{wanted}`; it has {}{hint}",
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        ))
    }
}

impl From<StartError> for BuildError {
    fn from(error: StartError) -> Self {
        Self::Start(error)
    }
}

impl From<std::io::Error> for BuildError {
    fn from(error: std::io::Error) -> Self {
        Self::Thread(error)
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDevice => {
                write!(f, "a recorder needs a microphone; give it one with `.device(…)`")
            }
            Self::Start(error) => error.fmt(f),
            Self::Output(sentence) => f.write_str(sentence),
            Self::Device(error) => error.fmt(f),
            Self::Thread(error) => write!(f, "the system gave no thread for the recorder: {error}"),
        }
    }
}

impl std::error::Error for BuildError {}
