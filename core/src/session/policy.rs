//! What the machine does where there is a choice: plain data.

/// Milliseconds, of a clock that never runs backwards.
pub type Ms = u64;

/// The choices of a session, with sensible ones as [`Default`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Who activates the session.
    pub owner: Owner,
    /// Whether a take goes on by itself after an interruption.
    pub auto_resume: AutoResume,
    /// What a pause does to the microphone.
    pub pause: PauseMode,
    /// How many rungs the profile's activation ladder has, at least 1.
    pub rungs: u8,
    /// Asks the system not to interrupt with alerts.
    pub prefer_no_interruptions: bool,
    /// Insists on the app's own choice of input when another device takes over.
    pub prefer_input: bool,
    /// What to do when the output falls back to the speaker, as when headphones go.
    pub on_speaker: OnSpeaker,
    /// What becomes of gaps in the take.
    pub gaps: GapPolicy,
    /// Ends a take after this much captured audio.
    pub max_ms: Ms,

    /// Delays before each try to bring a take back; as many tries as there are.
    pub backoff_ms: [Ms; 7],
    /// The same for a start.
    pub start_retry_ms: [Ms; 4],
    /// Without audio for this long, capture counts as stalled.
    pub stall_ms: Ms,
    /// How long the hardware must be quiet after a change before it is asked.
    pub settle_ms: Ms,
    /// After so many exact zeros the app is told. A muted microphone is not silent.
    pub silence_ms: Ms,
    /// Shorter holes are not marked as gaps.
    pub gap_ms: Ms,
    /// An open microphone without a take is closed after this.
    pub idle_release_ms: Ms,
    /// It is also closed when the app goes to the background.
    pub release_in_background: bool,
    /// How long to wait for somebody else's activation.
    pub owner_wait_ms: Ms,
    /// How long the platform may take for an answer.
    pub answer_ms: Ms,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            owner: Owner::App,
            auto_resume: AutoResume::WhenSystemSays,
            pause: PauseMode::Hold,
            rungs: 1,
            prefer_no_interruptions: false,
            prefer_input: false,
            on_speaker: OnSpeaker::Continue,
            gaps: GapPolicy::Compact,
            max_ms: 3_600_000,
            backoff_ms: [0, 250, 500, 1000, 2000, 4000, 8000],
            start_retry_ms: [0, 150, 300, 450],
            stall_ms: 2000,
            settle_ms: 250,
            silence_ms: 3000,
            gap_ms: 50,
            idle_release_ms: 600_000,
            release_in_background: false,
            owner_wait_ms: 10_000,
            answer_ms: 10_000,
        }
    }
}

/// Who configures and activates the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// We do.
    App,
    /// We configure; `CallKit` activates, and only then may I/O start.
    CallKit,
    /// Another library does both, such as one for calls. We look on and touch nothing.
    Host,
}

/// Whether a take goes on by itself after an interruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoResume {
    /// When the system says so, or nobody says anything and the app is opened.
    WhenSystemSays,
    /// Whenever the interruption is over.
    AlwaysAfterInterruption,
    /// Only when the app asks for it.
    Never,
}

/// What a pause does to the microphone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseMode {
    /// I/O stops. In the background the app may then be suspended.
    Release,
    /// I/O goes on and its audio is dropped, so that resuming works from anywhere.
    Hold,
}

/// What to do when the output falls back to the speaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnSpeaker {
    /// As if the user had paused.
    Pause,
    /// Drop the audio until there is another output, or the app resumes.
    Mute,
    /// Nothing.
    Continue,
}

/// What becomes of gaps in a take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapPolicy {
    /// The take holds what was captured; a list tells of the gaps.
    Compact,
    /// Silence stands in for them.
    FillSilence,
}

impl Policy {
    /// The same, for this profile.
    #[must_use]
    pub const fn for_profile(mut self, profile: &super::Profile) -> Self {
        self.owner = profile.owner;
        self.rungs = profile.ladder.len() as u8;
        self
    }
}
