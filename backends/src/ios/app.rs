//! The app around the microphone: what it declares, its settings, its language.

use block2::DynBlock;
use dispatch2::DispatchQueue;
use objc2::MainThreadMarker;
use objc2::runtime::{AnyObject, Bool};
use objc2_foundation::{NSArray, NSBundle, NSDictionary, NSLocale, NSString, NSURL};
use objc2_ui_kit::{UIApplication, UIApplicationOpenSettingsURLString};

use crate::{BackendError, BackendErrorKind};

const USAGE: &str = "NSMicrophoneUsageDescription";
const MODES: &str = "UIBackgroundModes";

/// Whether the app declares what it has to; what it does without, as sentences.
pub(super) fn declared() -> Result<Vec<String>, BackendError> {
    let usage = declaration(USAGE).and_then(|usage| usage.downcast::<NSString>().ok());
    if usage.is_none_or(|usage| usage.is_empty()) {
        let message = format!(
            "the app's Info.plist has no `{USAGE}`, and iOS ends an app that asks for the \
             microphone without it; add it, with a sentence that tells the user what is recorded"
        );
        return Err(BackendError::new(BackendErrorKind::Permission, message));
    }
    let mut warnings = Vec::new();
    if !runs_in_background() {
        warnings.push(format!(
            "the app's Info.plist has no `audio` among its `{MODES}`: capture ends when the app \
             leaves the screen; add it, in Xcode by the capability Background Modes"
        ));
    }
    if std::env::var_os("SIMULATOR_UDID").is_some() {
        warnings.push(
            "this is the simulator: it uses the Mac's microphone, and neither calls nor headsets \
             nor the background are as on a phone; try those on a device"
                .to_owned(),
        );
    }
    Ok(warnings)
}

fn runs_in_background() -> bool {
    let modes = declaration(MODES).and_then(|modes| modes.downcast::<NSArray>().ok());
    modes.is_some_and(|modes| {
        let is_audio = |mode: &AnyObject| {
            mode.downcast_ref::<NSString>().is_some_and(|mode| mode.to_string() == "audio")
        };
        modes.iter().any(|mode| is_audio(&mode))
    })
}

fn declaration(key: &str) -> Option<objc2::rc::Retained<AnyObject>> {
    NSBundle::mainBundle().objectForInfoDictionaryKey(&NSString::from_str(key))
}

/// The machine, as in `iPhone17,1`.
pub(super) fn model() -> String {
    // SAFETY: all zeros are a value of it, and `uname` fills it in with strings that end.
    unsafe {
        let mut names: libc::utsname = std::mem::zeroed();
        if libc::uname(&raw mut names) != 0 {
            return "iPhone".to_owned();
        }
        std::ffi::CStr::from_ptr(names.machine.as_ptr()).to_string_lossy().into_owned()
    }
}

/// The language that the user likes best.
pub(super) fn language() -> String {
    let first = NSLocale::preferredLanguages().firstObject();
    first.map_or_else(|| "en-US".to_owned(), |language| language.to_string())
}

/// Shows the app's own page of the settings.
pub(super) fn open_settings() -> bool {
    // Only the main thread may, and nobody waits for it.
    DispatchQueue::main().exec_async(|| {
        let Some(main) = MainThreadMarker::new() else { return };
        // SAFETY: it is a constant, set before the process runs.
        let url = unsafe { NSURL::URLWithString(UIApplicationOpenSettingsURLString) };
        let Some(url) = url else { return };
        let (options, done) = (NSDictionary::new(), None::<&DynBlock<dyn Fn(Bool)>>);
        // SAFETY: no options, and nobody to be told.
        unsafe {
            UIApplication::sharedApplication(main)
                .openURL_options_completionHandler(&url, &options, done);
        }
    });
    true
}
