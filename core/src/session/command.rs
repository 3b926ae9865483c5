//! What the machine says: to the platform, to the take, to the app.

use super::event::Reason;
use super::policy::{GapPolicy, Ms};
use crate::Format;

/// One command, with its addressee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// For the platform's binding.
    Platform(Order),
    /// For whoever writes the take.
    Take(TakeOrder),
    /// For the app.
    Tell(Tell),
}

/// What the platform's binding does, one after the other, on one thread that may block.
///
/// A ticket comes back with the answer, so that a late one is known for what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// Ask whether the microphone may be used, and the user if need be.
    RequestPermission,
    /// Set category, mode and options of the profile, with the options of this rung of
    /// its ladder.
    Configure {
        /// Which rung, from 0.
        rung: u8,
    },
    /// Ask the system not to interrupt with alerts.
    PreferNoInterruptions,
    /// Choose the app's own input.
    PreferInput,
    /// Activate the session. May take seconds.
    Activate {
        /// Comes back.
        ticket: u32,
        /// Which rung was configured before.
        rung: u8,
    },
    /// Deactivate it and let others go on. That I/O was "busy" is no failure.
    Deactivate,
    /// Throw the engine away and make another.
    RebuildEngine,
    /// Read rate and channels of the hardware.
    QueryFormat {
        /// Comes back.
        ticket: u32,
    },
    /// Start I/O with exactly this format.
    StartIo {
        /// Comes back.
        ticket: u32,
        /// The hardware's, as last read.
        format: Format,
    },
    /// Stop I/O, whether or not it runs.
    StopIo,
    /// Show this state where the platform shows such things, as in a notification.
    Show(State),
}

/// What happens to the take on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TakeOrder {
    /// Repair what an earlier run left open, and leave alone what this one has open.
    Recover,
    /// Open a new take. Nothing is gated.
    Open {
        /// What becomes of gaps.
        gaps: GapPolicy,
    },
    /// The take that was opened never began: remove it.
    Discard,
    /// Drop all audio from here on, or no longer do.
    Gate(bool),
    /// Drop audio captured before this moment, and forget what nodes and encoder
    /// remember: it belongs to a time that is over.
    DiscardBefore(Ms),
    /// From now on the input has this format, for takes to come as well; a take keeps its
    /// own.
    Resample(Format),
    /// Something is missing.
    MarkGap(Gap),
    /// Nothing was captured for so long because the user wanted it so.
    MarkPause {
        /// How much the take holds before it.
        at: Ms,
        /// When the last frame before it ended.
        began: Ms,
        /// When the first frame behind it begins, or the take ended.
        ended: Ms,
    },
    /// Hand everything to the system: we may not run again soon.
    Flush,
    /// Close the take.
    Finalise,
}

/// What is missing in a take, other than by the user's wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// When the last frame before it ended.
    pub began: Ms,
    /// When the first frame behind it begins.
    pub ended: Ms,
    /// How much the take holds before it.
    pub at: Ms,
    /// Why.
    pub cause: GapCause,
}

impl Gap {
    /// How long it is, on the wall.
    pub const fn ms(self) -> Ms {
        self.ended.saturating_sub(self.began)
    }
}

/// Why audio is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GapCause {
    /// The platform interrupted.
    Interruption(Reason),
    /// The owner of the session deactivated it.
    Owner,
    /// Another client has the microphone.
    Silenced,
    /// There was no input.
    NoRoute,
    /// The media services died.
    MediaServices,
    /// The hardware changed, and capture was set up again.
    Rebuild,
    /// No audio came, for no reason that was told.
    Stall,
    /// The microphone was muted because the output fell back to the speaker.
    Muted,
}

/// What the app hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tell {
    /// The state is this now.
    State(State),
    /// Something went wrong. The state is what [`Session::state`](super::Session::state)
    /// says.
    Error(ErrorCode),
    /// What was asked for is done.
    Resolved {
        /// The asker's number.
        id: u32,
        /// Whether it came about. False if something else the app asked for overtook it,
        /// such as a stop during a start.
        done: bool,
    },
    /// What was asked for is refused, and nothing has changed.
    Rejected {
        /// The asker's number.
        id: u32,
        /// Why.
        code: ErrorCode,
    },
    /// Worth knowing, nothing to do.
    Diagnosis(Diagnosis),
}

/// The state as the app sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// No take.
    #[default]
    Idle,
    /// Audio is captured, or is being brought back within moments.
    Recording,
    /// There is a take and nothing is captured.
    Paused,
    /// The take is complete.
    Stopped,
    /// The take ended because it could not go on. What was captured is safe.
    Error,
}

impl State {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Recording => "recording",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Error => "error",
        }
    }
}

/// Errors as the app sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorCode {
    /// The microphone may not be used.
    PermissionDenied,
    /// There is a take already.
    AlreadyRecording,
    /// There is no take, or none that this could be done to.
    NotRecording,
    /// Transcription does not work. Recording does.
    SttUnavailable,
    /// Something else has the microphone.
    SessionInterrupted,
    /// The take cannot be written.
    FileError,
}

impl GapCause {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interruption(Reason::Default) => "interruption",
            Self::Interruption(Reason::BuiltInMicMuted) => "built_in_mic_muted",
            Self::Interruption(Reason::RouteDisconnected) => "route_disconnected",
            Self::Interruption(Reason::AppWasSuspended) => "app_was_suspended",
            Self::Owner => "owner",
            Self::Silenced => "silenced",
            Self::NoRoute => "no_route",
            Self::MediaServices => "media_services",
            Self::Rebuild => "rebuild",
            Self::Stall => "stall",
            Self::Muted => "muted",
        }
    }
}

impl ErrorCode {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::AlreadyRecording => "ALREADY_RECORDING",
            Self::NotRecording => "NOT_RECORDING",
            Self::SttUnavailable => "STT_UNAVAILABLE",
            Self::SessionInterrupted => "SESSION_INTERRUPTED",
            Self::FileError => "FILE_ERROR",
        }
    }
}

/// Things worth knowing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Diagnosis {
    /// The route changed during a take.
    RouteChanged,
    /// No audio came although it should have.
    CaptureStalled,
    /// Nothing but exact zeros, and nobody muted.
    InputSilent,
    /// The microphone is muted.
    InputMuted,
    /// A take of an earlier run was repaired.
    RecordingRecovered,
}

impl Diagnosis {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RouteChanged => "route_changed",
            Self::CaptureStalled => "capture_stalled",
            Self::InputSilent => "input_silent",
            Self::InputMuted => "input_muted",
            Self::RecordingRecovered => "recording_recovered",
        }
    }
}

/// Why a platform refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    /// `!pri`: somebody more important has it, such as a call.
    Priority,
    /// `!int`: a session that mixes with nobody may not begin in the background.
    CannotInterrupt,
    /// `!rec`: a session that mixes may not begin to record in the background.
    CannotRecord,
    /// `!pla`: nor to play.
    CannotPlay,
    /// `!act`: busy.
    Busy,
    /// `!cat`: not with this category.
    Category,
    /// `siri`: Siri is recording.
    Siri,
    /// `msrv`: the media services are gone.
    MediaServices,
    /// `inac`: the session is not active.
    Inactive,
    /// `what`: not told.
    Unspecified,
    /// `!res`: there is no such hardware.
    NoHardware,
    /// `fgs_denied`: Android does not let a foreground service begin here.
    ForegroundService,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Priority,
        Self::CannotInterrupt,
        Self::CannotRecord,
        Self::CannotPlay,
        Self::Busy,
        Self::Category,
        Self::Siri,
        Self::MediaServices,
        Self::Inactive,
        Self::Unspecified,
        Self::NoHardware,
        Self::ForegroundService,
    ];

    /// Its four characters, where the platform has such.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Priority => "!pri",
            Self::CannotInterrupt => "!int",
            Self::CannotRecord => "!rec",
            Self::CannotPlay => "!pla",
            Self::Busy => "!act",
            Self::Category => "!cat",
            Self::Siri => "siri",
            Self::MediaServices => "msrv",
            Self::Inactive => "inac",
            Self::Unspecified => "what",
            Self::NoHardware => "!res",
            Self::ForegroundService => "fgs_denied",
        }
    }
}

/// The commands of one step, in order.
#[derive(Clone, Copy, Debug)]
pub struct Commands {
    items: [Command; Self::MOST],
    len: u8,
}

impl Commands {
    /// No step says more.
    pub const MOST: usize = 16;

    pub(super) const fn new() -> Self {
        Self { items: [Command::Platform(Order::StopIo); Self::MOST], len: 0 }
    }

    pub(super) fn push(&mut self, command: Command) {
        debug_assert!((self.len as usize) < Self::MOST, "a step says too much: {command:?}");
        if let Some(place) = self.items.get_mut(self.len as usize) {
            *place = command;
            self.len += 1;
        }
    }
}

impl core::ops::Deref for Commands {
    type Target = [Command];

    fn deref(&self) -> &[Command] {
        &self.items[..self.len as usize]
    }
}
