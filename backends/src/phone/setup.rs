//! The condition of a phone before anything happens.

use tympan_core::Format;
use tympan_core::session::{AutoResume, Owner, PauseMode, Policy};

/// A phone, its settings and those of the app.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "settings, each by itself")]
pub struct Setup {
    /// Which system it runs.
    pub system: System,
    /// Calls are managed by the system, which then activates the session.
    pub callkit: bool,
    /// Whether the microphone may be used.
    pub permitted: bool,
    /// Whether the app begins in the background.
    pub background: bool,
    /// The name of the input.
    pub port: String,
    /// The format of the input.
    pub format: Format,
    /// The names of the rungs of the activation ladder; none means one.
    pub rungs: Vec<String>,
    /// The input that the app wants.
    pub preferred_input: Option<String>,
    /// The app asks not to be interrupted by alerts.
    pub prefers_no_interruptions: bool,
    /// When takes go on by themselves.
    pub auto_resume: AutoResume,
    /// What a pause does.
    pub pause: PauseMode,
    /// Takes are started by an intent of the system, without a screen.
    pub intent: bool,
    /// A Live Activity, which such an intent needs, is running.
    pub live_activity: bool,
}

impl Setup {
    /// What an app would be warned of.
    pub(super) fn warning(&self) -> Option<&'static str> {
        (self.intent && !self.live_activity).then_some(
            "takes are started by an intent, and no Live Activity is running: iOS refuses the \
             microphone to an app without a screen then; start the activity first",
        )
    }
}

/// The systems whose ways differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum System {
    /// iOS, iPadOS.
    #[default]
    Ios,
    /// Android.
    Android,
    /// macOS.
    Macos,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            system: System::Ios,
            callkit: false,
            permitted: true,
            background: false,
            port: "builtin_mic".to_owned(),
            format: Format::mono(48_000),
            rungs: Vec::new(),
            preferred_input: None,
            prefers_no_interruptions: false,
            auto_resume: AutoResume::WhenSystemSays,
            pause: Policy::default().pause,
            intent: false,
            live_activity: false,
        }
    }
}

impl Setup {
    /// The policy of an app on this phone.
    pub fn policy(&self) -> Policy {
        Policy {
            owner: if self.callkit { Owner::CallKit } else { Owner::App },
            auto_resume: self.auto_resume,
            pause: self.pause,
            rungs: self.rungs.len().max(1) as u8,
            prefer_no_interruptions: self.prefers_no_interruptions,
            prefer_input: self.preferred_input.is_some(),
            ..Policy::default()
        }
    }
}
