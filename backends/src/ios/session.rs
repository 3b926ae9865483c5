//! The audio session itself. All of it is called on the control thread, which may block.

use objc2::rc::Retained;
use objc2::runtime::{NSObjectProtocol, Sel};
use objc2::sel;
use objc2_avf_audio::{AVAudioSession, AVAudioSessionSetActiveOptions};
use objc2_foundation::NSError;
use tympan_core::Format;
use tympan_core::session::{Code, Profile};

use super::words;
use crate::apple::code;

/// The one session of the process.
pub(super) fn shared() -> Retained<AVAudioSession> {
    // SAFETY: it exists for as long as the process does.
    unsafe { AVAudioSession::sharedInstance() }
}

/// Whether this system's session has such a method.
fn has(session: &AVAudioSession, method: Sel) -> bool {
    session.respondsToSelector(method)
}

fn refusal(error: &NSError) -> Code {
    code(error.code() as i32)
}

/// Sets what the profile says, with these options beside its own.
pub(super) fn configure(profile: &Profile, more: &[&str]) -> Result<(), Code> {
    let session = shared();
    let says = |word: &str| profile.options.contains(&word) || more.contains(&word);
    let options = words::options(profile.options.iter().chain(more));
    // A system that does not know the name yet has no such category or mode.
    let category = words::category(profile.category).ok_or(Code::Category)?;
    let mode = words::mode(profile.mode).ok_or(Code::Category)?;
    // SAFETY: these are messages to an object that is alive, with arguments as declared;
    // what newer systems added is sent only where it is understood.
    unsafe {
        session
            .setCategory_mode_options_error(category, mode, options)
            .map_err(|error| refusal(&error))?;
        // The rest are wishes. What came of them is read when it is active.
        let _ = session.setPreferredSampleRate_error(profile.rate.into());
        let buffer = f64::from(profile.buffer_ms) / 1000.0;
        let _ = session.setPreferredIOBufferDuration_error(buffer);
        let haptics = says(words::ALLOW_HAPTICS);
        let _ = session.setAllowHapticsAndSystemSoundsDuringRecording_error(haptics);
        if has(&session, sel!(setPrefersInterruptionOnRouteDisconnect:error:)) {
            let interrupt = says(words::INTERRUPT_ON_DISCONNECT);
            let _ = session.setPrefersInterruptionOnRouteDisconnect_error(interrupt);
        }
        if has(&session, sel!(setPrefersEchoCancelledInput:error:)) {
            let _ = session.setPrefersEchoCancelledInput_error(profile.voice_processing);
        }
    }
    Ok(())
}

/// Asks not to be interrupted by calls that only ring.
pub(super) fn prefer_no_interruptions() {
    let session = shared();
    if has(&session, sel!(setPrefersNoInterruptionsFromSystemAlerts:error:)) {
        // SAFETY: it understands the message.
        let _ = unsafe { session.setPrefersNoInterruptionsFromSystemAlerts_error(true) };
    }
}

/// May take seconds.
pub(super) fn activate() -> Result<(), Code> {
    // SAFETY: a message to an object that is alive.
    unsafe { shared().setActive_error(true) }.map_err(|error| refusal(&error))
}

/// Gives it back, and lets others know. That it was busy means that it was given back
/// all the same.
pub(super) fn deactivate() {
    let options = AVAudioSessionSetActiveOptions::NotifyOthersOnDeactivation;
    // SAFETY: a message to an object that is alive.
    let _ = unsafe { shared().setActive_withOptions_error(false, options) };
}

/// What the hardware runs at; zeros while there is no input.
pub(super) fn format() -> Format {
    let session = shared();
    // SAFETY: messages to an object that is alive.
    let (rate, channels) = unsafe { (session.sampleRate(), session.inputNumberOfChannels()) };
    let format = Format::new(rate.round() as u32, channels.clamp(0, 64) as u16);
    if format.is_valid() { format } else { Format::new(0, 0) }
}

/// Whether the system cancels the echo before a plain unit hears it.
pub(super) fn cancels_echo() -> bool {
    let session = shared();
    // SAFETY: it understands the message.
    has(&session, sel!(isEchoCancelledInputAvailable))
        && unsafe { session.isEchoCancelledInputAvailable() && session.prefersEchoCancelledInput() }
}
