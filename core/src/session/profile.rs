//! Ways to use the platform's session, as data.

use super::policy::Owner;

/// A way to use the platform's audio session. The binding sets it when the machine says
/// [`Configure`](super::Order::Configure).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// What the session is for, in the platform's words.
    pub category: &'static str,
    /// How it is used, in the platform's words.
    pub mode: &'static str,
    /// The platform's options, always set.
    pub options: &'static [&'static str],
    /// The rate to ask for, in Hz. The hardware decides.
    pub rate: u32,
    /// The length of a callback to ask for, in ms. The hardware decides.
    pub buffer_ms: u32,
    /// Whether the platform's voice processing (echo cancellation, gain) runs.
    pub voice_processing: bool,
    /// Who activates the session.
    pub owner: Owner,
    /// Options to add, one rung after the other, until an activation succeeds.
    pub ladder: &'static [Rung],
}

/// One rung of an activation ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Its name.
    pub name: &'static str,
    /// What it adds to the profile's options.
    pub options: &'static [&'static str],
}

const PLAIN: &[Rung] = &[Rung { name: "plain", options: &[] }];

impl Profile {
    /// One person speaks to the phone. Stops other apps' sound, which is the cleanest
    /// input there is; in the background a session like this may be refused after a
    /// call, so a mixing one is tried next. Costs the user's music.
    pub const DICTATION: Self = Self {
        name: "dictation",
        category: "playAndRecord",
        mode: "default",
        options: &["allowBluetoothHFP"],
        rate: 48_000,
        buffer_ms: 10,
        voice_processing: false,
        owner: Owner::App,
        ladder: &[
            Rung { name: "non_mixable", options: &[] },
            Rung { name: "mixable", options: &["mixWithOthers"] },
        ],
    };

    /// Dictation while other apps go on sounding, with pauses instead of ducking when
    /// something else speaks. Costs purity: the microphone hears the music too, and some
    /// systems refuse to begin recording like this in the background.
    pub const DICTATION_MIXED: Self = Self {
        name: "dictation_mixed",
        mode: "spokenAudio",
        options: &["allowBluetooth", "mixWithOthers"],
        ladder: PLAIN,
        ..Self::DICTATION
    };

    /// A conversation with a program that speaks. The platform cancels its voice from the
    /// input. Costs fidelity and level: the input is a telephone's, and with both sorts
    /// of Bluetooth allowed a headset's own microphone wins.
    pub const VOICE_AGENT: Self = Self {
        name: "voice_agent",
        mode: "voiceChat",
        options: &["allowBluetooth", "allowBluetoothA2DP", "duckOthers"],
        rate: 24_000,
        voice_processing: true,
        ladder: PLAIN,
        ..Self::DICTATION
    };

    /// Beside a call that the system manages. The system activates the session, and
    /// nothing is captured before. Costs independence: no call, no recording.
    pub const CALLKIT: Self = Self {
        name: "callkit",
        mode: "voiceChat",
        options: &["allowBluetooth"],
        voice_processing: true,
        owner: Owner::CallKit,
        ladder: PLAIN,
        ..Self::DICTATION
    };

    /// Several people around a phone that lies on the table. Nothing is processed by the
    /// platform. Costs power, and a headset is not used: its microphone hears one person.
    pub const MEETING: Self = Self {
        name: "meeting",
        mode: "measurement",
        options: &[],
        buffer_ms: 20,
        ..Self::DICTATION
    };

    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::DICTATION, Self::DICTATION_MIXED, Self::VOICE_AGENT, Self::CALLKIT, Self::MEETING];
}
