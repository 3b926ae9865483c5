//! How the program ends: a number for the machine, a sentence for the person.

use std::process::ExitCode;

use tympan::{BackendError, GraphError};

/// The exit codes, which all verbs share. A worse end is a greater number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Everything was done.
    Ok = 0,
    /// Everything was done, and something is worth knowing.
    Findings = 1,
    /// The command line asks for what cannot be.
    Usage = 2,
    /// The graph is wrong.
    Config = 3,
    /// A device, a file of audio or a folder cannot be used, and nothing came of it.
    Device = 4,
    /// It broke off; what came before is safe.
    Interrupted = 5,
    /// Frames were dropped, or an output could not be written.
    Lost = 6,
}

impl Exit {
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// Why a verb could not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A graph is wrong, which shows its own place and help.
    Graph(GraphError),
    /// Anything else.
    Told {
        /// How the program ends.
        exit: Exit,
        /// What `tympan explain` knows about it.
        code: &'static str,
        /// What is wrong, as a sentence.
        message: String,
        /// What to do, if that can be said.
        help: Option<String>,
    },
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        let code = match exit {
            Exit::Ok | Exit::Findings | Exit::Usage => "T0801",
            Exit::Config => "T0802",
            Exit::Device => "T0803",
            Exit::Interrupted => "T0804",
            Exit::Lost => "T0805",
        };
        Self::Told { exit, code, message: message.into(), help: None }
    }

    /// Says the cause more exactly.
    pub(crate) fn code(mut self, id: &'static str) -> Self {
        if let Self::Told { code, .. } = &mut self {
            *code = id;
        }
        self
    }

    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        if let Self::Told { help, .. } = &mut self {
            *help = Some(text.into());
        }
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Graph(_) => Exit::Config,
            Self::Told { exit, .. } => *exit,
        }
    }
}

impl From<GraphError> for Failure {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

/// A backend's sentence has the way out in it.
impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Self {
        Self::new(Exit::Device, error.message).code(error.kind.code())
    }
}
