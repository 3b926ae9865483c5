//! What the machine hears: the app, the platform, the results of its own commands, and
//! the heartbeat of the audio.

use super::command::Code;
use super::policy::Ms;
use crate::Format;

/// Everything that can happen to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The process has just begun to run.
    Launched,
    /// The app asks for something. The answer carries the same number.
    Asked {
        /// The asker's own number, echoed in the answer.
        id: u32,
        /// What it asks for.
        ask: Ask,
    },

    /// The platform took the session away; I/O has stopped.
    InterruptionBegan(Reason),
    /// What took it is over. The session stays inactive until it is activated again.
    InterruptionEnded,
    /// What the platform says about going on. May come with the end, after it, or never.
    ResumeHint(Hint),
    /// The app came to the front.
    Foreground,
    /// The app went to the back.
    Background,
    /// The audio takes another way.
    RouteChanged(Route),
    /// There is an input again, or another one.
    InputAvailable,
    /// The hardware's format changed, and the engine most likely stopped itself.
    EngineConfigChanged,
    /// The media services died, and all audio objects with them.
    MediaLost,
    /// They are back; every object has to be made anew.
    MediaReset,
    /// Whoever owns the session (`CallKit`, another library) activated it.
    ExternalActivated,
    /// The owner deactivated it.
    ExternalDeactivated,
    /// The user muted the microphone, by a gesture or a switch, or no longer does.
    InputMuted(bool),
    /// Android gives this client zeros, because another one has the microphone, or no
    /// longer does.
    ClientSilenced(bool),
    /// The microphone may no longer be used.
    PermissionRevoked,

    /// The answer to [`Order::RequestPermission`](super::Order::RequestPermission).
    Permission(bool),
    /// The answer to [`Order::Activate`](super::Order::Activate).
    Activated {
        /// Of the order.
        ticket: u32,
    },
    /// The other answer to it.
    ActivateFailed {
        /// Of the order.
        ticket: u32,
        /// Why.
        code: Code,
    },
    /// The answer to [`Order::QueryFormat`](super::Order::QueryFormat); zeros say that
    /// there is no input yet.
    HardwareFormat {
        /// Of the order.
        ticket: u32,
        /// What the hardware runs at now.
        format: Format,
    },
    /// The answer to [`Order::StartIo`](super::Order::StartIo). No audio has come yet.
    IoStarted {
        /// Of the order.
        ticket: u32,
    },
    /// The other answer to it.
    IoFailed {
        /// Of the order.
        ticket: u32,
        /// Why.
        code: Code,
    },
    /// Audio has come.
    Heartbeat(Heartbeat),

    /// The take is open and can be written.
    TakeOpened,
    /// It could not be opened.
    TakeFailed,
    /// What was captured could not be written.
    WriteFailed,
    /// So many takes of an earlier run were still open and have been repaired.
    TakesRecovered(u32),
    /// Transcription does not work, or no longer does. The take goes on.
    SttUnavailable,
    /// Protected files can be opened again: the phone was unlocked.
    StorageAvailable,

    /// Time has passed: sent when [`Session::next_deadline`](super::Session::next_deadline)
    /// is due.
    Tick,
}

/// What an app asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ask {
    /// Begin a take.
    Start(Start),
    /// Keep the take, capture nothing.
    Pause,
    /// Go on with the take.
    Resume,
    /// End the take.
    Stop,
    /// Open the microphone without a take, so that a start is immediate.
    Prewarm,
    /// Close it again.
    Release,
    /// Insist on the app's own choice of input, or no longer do.
    PreferInput(bool),
}

impl Ask {
    /// The word for it, as in the answers.
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Stop => "stop",
            Self::Prewarm => "prewarm",
            Self::Release => "release",
            Self::PreferInput(_) => "prefer_input",
        }
    }
}

/// How a take begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// Ends the take after this much captured audio, instead of the policy's.
    pub max_ms: Option<Ms>,
    /// Transcription will not work. The take begins anyhow, and says so.
    pub stt_unavailable: bool,
    /// Started without a screen, by an intent of the system that wants a Live Activity,
    /// and there is none: going on would end the process.
    pub forbidden: bool,
}

/// Why the platform took the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Another app, a call, an alarm, or no reason given.
    #[default]
    Default,
    /// The built-in microphone was muted by hardware.
    BuiltInMicMuted,
    /// A device was unplugged.
    RouteDisconnected,
    /// The app was suspended.
    AppWasSuspended,
}

/// Whether the platform thinks that going on would be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It does not say.
    Absent,
}

/// Why the route changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteReason {
    /// Not told.
    Unknown,
    /// A device came.
    NewDevice,
    /// A device went.
    OldDevice,
    /// Somebody set another category.
    Category,
    /// Somebody chose an output by hand.
    Override,
    /// The device woke up.
    Wake,
    /// There is no input at all.
    NoSuitableRoute,
    /// The same devices, arranged differently.
    Configuration,
}

impl RouteReason {
    /// Whether a device came or went.
    pub const fn is_device(self) -> bool {
        matches!(self, Self::NewDevice | Self::OldDevice)
    }
}

/// A new route, as the platform's binding read it when it heard of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Why.
    pub reason: RouteReason,
    /// What the hardware runs at now.
    pub format: Format,
    /// Whether I/O goes on by itself.
    pub running: bool,
    /// Whether the input is the preferred one. True where none is preferred.
    pub preferred: bool,
    /// Whether sound comes out of the built-in speaker.
    pub speaker: bool,
}

/// A sign of life from the audio callback. It may sum up several callbacks, as long as
/// nothing is missing between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// When the first of these frames was captured.
    pub host: Ms,
    /// How many they are.
    pub frames: u32,
    /// What they are.
    pub format: Format,
    /// Whether every sample of them is exactly zero.
    pub silent: bool,
}
