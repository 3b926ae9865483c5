//! The words of a profile in the system's language.

use objc2_avf_audio::{
    AVAudioSessionCategoryMultiRoute, AVAudioSessionCategoryOptions,
    AVAudioSessionCategoryPlayAndRecord, AVAudioSessionCategoryRecord, AVAudioSessionModeDefault,
    AVAudioSessionModeGameChat, AVAudioSessionModeMeasurement, AVAudioSessionModeSpokenAudio,
    AVAudioSessionModeVideoChat, AVAudioSessionModeVideoRecording, AVAudioSessionModeVoiceChat,
    AVAudioSessionModeVoicePrompt,
};
use objc2_foundation::NSString;
use tympan_core::session::Profile;

use crate::{BackendError, BackendErrorKind};

/// A string that the system may not have.
type Name = Option<&'static NSString>;

/// The categories that can capture.
const CATEGORIES: [&str; 3] = ["record", "playAndRecord", "multiRoute"];

pub(super) fn category(word: &str) -> Name {
    // SAFETY: they are constants, set before the process runs.
    unsafe {
        match word {
            "record" => AVAudioSessionCategoryRecord,
            "playAndRecord" => AVAudioSessionCategoryPlayAndRecord,
            "multiRoute" => AVAudioSessionCategoryMultiRoute,
            _ => None,
        }
    }
}

const MODES: [&str; 8] = [
    "default",
    "voiceChat",
    "videoChat",
    "gameChat",
    "videoRecording",
    "measurement",
    "spokenAudio",
    "voicePrompt",
];

pub(super) fn mode(word: &str) -> Name {
    // SAFETY: they are constants, set before the process runs.
    unsafe {
        match word {
            "default" => AVAudioSessionModeDefault,
            "voiceChat" => AVAudioSessionModeVoiceChat,
            "videoChat" => AVAudioSessionModeVideoChat,
            "gameChat" => AVAudioSessionModeGameChat,
            "videoRecording" => AVAudioSessionModeVideoRecording,
            "measurement" => AVAudioSessionModeMeasurement,
            "spokenAudio" => AVAudioSessionModeSpokenAudio,
            "voicePrompt" => AVAudioSessionModeVoicePrompt,
            _ => None,
        }
    }
}

const OPTIONS: [(&str, AVAudioSessionCategoryOptions); 10] = {
    use AVAudioSessionCategoryOptions as Options;
    [
        ("mixWithOthers", Options::MixWithOthers),
        ("duckOthers", Options::DuckOthers),
        // Its name until iOS 26; in the system both are one bit.
        ("allowBluetooth", Options::AllowBluetoothHFP),
        ("allowBluetoothHFP", Options::AllowBluetoothHFP),
        ("allowBluetoothA2DP", Options::AllowBluetoothA2DP),
        ("allowAirPlay", Options::AllowAirPlay),
        ("defaultToSpeaker", Options::DefaultToSpeaker),
        ("interruptSpokenAudioAndMixWithOthers", Options::InterruptSpokenAudioAndMixWithOthers),
        ("overrideMutedMicrophoneInterruption", Options::OverrideMutedMicrophoneInterruption),
        ("bluetoothHighQualityRecording", Options::BluetoothHighQualityRecording),
    ]
};

/// To be interrupted when a device that is in use goes.
pub(super) const INTERRUPT_ON_DISCONNECT: &str = "interruptOnRouteDisconnect";

/// To ring and vibrate while it is captured.
pub(super) const ALLOW_HAPTICS: &str = "allowHapticsAndSystemSounds";

/// Those of the words that are options of the category.
pub(super) fn options<'a>(
    words: impl Iterator<Item = &'a &'a str>,
) -> AVAudioSessionCategoryOptions {
    let bits = |word: &str| OPTIONS.iter().find(|(known, _)| *known == word).map(|(_, bits)| *bits);
    words
        .filter_map(|word| bits(word))
        .fold(AVAudioSessionCategoryOptions::empty(), |all, bits| all | bits)
}

/// Whether every word of a profile is one.
pub(super) fn check(profile: &Profile) -> Result<(), BackendError> {
    let rungs = profile.ladder.iter().flat_map(|rung| rung.options);
    let options: Vec<_> = OPTIONS.iter().map(|(word, _)| *word).collect();
    let options = [&options[..], &[INTERRUPT_ON_DISCONNECT, ALLOW_HAPTICS]].concat();
    known(profile, "category", profile.category, &CATEGORIES)?;
    known(profile, "mode", profile.mode, &MODES)?;
    profile
        .options
        .iter()
        .chain(rungs)
        .try_for_each(|word| known(profile, "option", word, &options))
}

fn known(profile: &Profile, what: &str, word: &str, all: &[&str]) -> Result<(), BackendError> {
    if all.contains(&word) {
        return Ok(());
    }
    let near = tympan_core::nearest(word, all.iter().copied());
    let hint = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    let message = format!(
        "profile `{}` names the {what} `{word}`, and iOS has none of that name to capture \
         with{hint}",
        profile.name,
    );
    Err(BackendError::new(BackendErrorKind::NotFound, message))
}
