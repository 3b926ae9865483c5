//! The constant strings of the frameworks, and the classes.

use std::sync::{Mutex, Once, PoisonError};

use objc2_foundation::NSString;

use crate::application::plist;
use crate::world::{Dialect, World};

/// Each name is a constant whose value is not its name: whoever compares a value with
/// the wrong constant is not lucky.
macro_rules! names {
    ($($since:literal: $($name:ident)*;)*) => {
        $($(#[unsafe(no_mangle)] pub static mut $name: *const NSString = std::ptr::null();)*)*

        /// Sets the names that a system of this version has.
        unsafe fn set(version: u32) {
            $($(
                let value = NSString::from_str(concat!("value of ", stringify!($name)));
                $name = if version >= $since {
                    Box::leak(Box::new(value)) as &NSString
                } else {
                    std::ptr::null()
                };
            )*)*
            // This one is made an URL of.
            let settings = NSString::from_str("app-settings:");
            UIApplicationOpenSettingsURLString = Box::leak(Box::new(settings)) as &NSString;
        }
    };
}

names! {
    15:
        AVAudioSessionCategoryRecord AVAudioSessionCategoryPlayAndRecord
        AVAudioSessionCategoryMultiRoute
        AVAudioSessionModeDefault AVAudioSessionModeVoiceChat AVAudioSessionModeVideoChat
        AVAudioSessionModeGameChat AVAudioSessionModeVideoRecording
        AVAudioSessionModeMeasurement AVAudioSessionModeSpokenAudio
        AVAudioSessionModeVoicePrompt
        AVAudioSessionPortBuiltInMic AVAudioSessionPortBuiltInSpeaker
        AVAudioSessionPortBuiltInReceiver AVAudioSessionPortHeadsetMic
        AVAudioSessionPortHeadphones AVAudioSessionPortLineIn AVAudioSessionPortLineOut
        AVAudioSessionPortBluetoothHFP AVAudioSessionPortBluetoothA2DP
        AVAudioSessionPortBluetoothLE AVAudioSessionPortUSBAudio AVAudioSessionPortCarAudio
        AVAudioSessionInterruptionNotification AVAudioSessionInterruptionTypeKey
        AVAudioSessionInterruptionOptionKey AVAudioSessionInterruptionReasonKey
        AVAudioSessionRouteChangeNotification AVAudioSessionRouteChangeReasonKey
        AVAudioSessionMediaServicesWereLostNotification
        AVAudioSessionMediaServicesWereResetNotification
        AVAudioEngineConfigurationChangeNotification
        UIApplicationDidBecomeActiveNotification UIApplicationDidEnterBackgroundNotification
        UIApplicationProtectedDataWillBecomeUnavailable
        UIApplicationProtectedDataDidBecomeAvailable
        UIApplicationOpenSettingsURLString;
    17:
        AVAudioApplicationInputMuteStateChangeNotification AVAudioApplicationMuteStateKey;
    26:
        AVAudioSessionAvailableInputsChangeNotification;
    27:
        AVAudioSessionDidBecomeActiveNotification AVAudioSessionDidBecomeInactiveNotification
        AVAudioSessionDeactivationContextKey
        AVAudioSessionResumptionRecommendationNotification
        AVAudioSessionResumptionContextKey;
}

/// One test at a time: there is one notification centre in a process.
static STAGE: Mutex<()> = Mutex::new(());

/// Makes this process an app on an iPhone with a system of this version, which declares
/// all that it should, for as long as what this returns is kept.
///
/// What a class can do is decided once per process; older systems are for programs of
/// their own.
pub fn enter(version: u32, dialect: Dialect) -> impl Drop {
    static CLASSES: Once = Once::new();
    let stage = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
    // Safety: nobody else is on the stage.
    unsafe { set(version) };
    World::begin(version, dialect);
    CLASSES.call_once(|| {
        crate::session::register(version);
        crate::application::register();
        crate::calls::register();
        crate::centre::register();
        crate::notices::register();
    });
    plist(&[("NSMicrophoneUsageDescription", &["to record"]), ("UIBackgroundModes", &["audio"])]);
    stage
}
