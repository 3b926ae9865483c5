//! What a platform shows its user while a take is under way, as data.
//!
//! Android wants a notification for as long as the microphone may be used in the
//! background. Its texts and actions are those of the plugin whose states these are, so
//! that whoever translates an app finds them in one place.

use super::State;

/// A notification that stays for as long as its state does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notification {
    /// What it says.
    pub text: &'static str,
    /// What can be done from it, in the order in which it is offered.
    pub actions: &'static [Action],
}

/// Something that can be done from a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Bring the app to the front.
    LaunchApp,
    /// End the take, then bring the app to the front.
    StopRecording,
}

impl Action {
    /// What its button says.
    pub const fn title(self) -> &'static str {
        match self {
            Self::LaunchApp => "Launch App",
            Self::StopRecording => "Stop Recording",
        }
    }

    /// Its name, for intents and programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LaunchApp => "launch_app",
            Self::StopRecording => "stop_recording",
        }
    }
}

impl State {
    /// What is shown in this state; none where there is no take.
    pub const fn notification(self) -> Option<Notification> {
        const ACTIONS: &[Action] = &[Action::LaunchApp, Action::StopRecording];
        let text = match self {
            Self::Recording => "audio recording in progress",
            Self::Paused => "paused",
            Self::Idle | Self::Stopped | Self::Error => return None,
        };
        Some(Notification { text, actions: ACTIONS })
    }
}
