//! What Android tells only in Java, brought to the session.
//!
//! Two things reach an app as callbacks of the framework and nowhere else, so the app has
//! to pass them on: that the system gives this client silence because another one has the
//! microphone (`AudioManager.AudioRecordingCallback`, `isClientSilenced`, since Android
//! 10), and that it refused the foreground service without which nothing is captured in
//! the background (`ForegroundServiceStartNotAllowedException`, since Android 12).
//!
//! In Kotlin, with the library that this crate is linked into:
//!
//! ```kotlin
//! package org.tympan
//!
//! object Capture {
//!     init { System.loadLibrary("my_app") }
//!     external fun clientSilenced(silenced: Boolean)
//!     external fun foregroundService(allowed: Boolean)
//! }
//!
//! audioManager.registerAudioRecordingCallback(object : AudioManager.AudioRecordingCallback() {
//!     override fun onRecordingConfigChanged(all: List<AudioRecordingConfiguration>) {
//!         Capture.clientSilenced(all.any { it.clientAudioSessionId in ours && it.isClientSilenced })
//!     }
//! }, null)
//!
//! try { startForeground(ID, notification, FOREGROUND_SERVICE_TYPE_MICROPHONE)
//!       Capture.foregroundService(true) }
//! catch (refused: ForegroundServiceStartNotAllowedException) { Capture.foregroundService(false) }
//! ```
//!
//! What the notification says in each state is
//! [`State::notification`](tympan_core::session::State::notification). `AAudio` is reached
//! through the context that the app's framework has given to `ndk-context`, as Tauri, Dioxus
//! and `android-activity` do; an app of its own calls
//! `ndk_context::initialize_android_context` in `JNI_OnLoad`. The same two calls are there
//! for Rust, on every system, so that they can be rehearsed.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tympan_core::session::Event;

use super::inbox::Inbox;

/// Every microphone that there is.
static INBOXES: Mutex<Vec<Weak<Inbox>>> = Mutex::new(Vec::new());

/// What is told from here on is told to this one too.
pub(super) fn register(inbox: &Arc<Inbox>) {
    let mut inboxes = INBOXES.lock().unwrap_or_else(PoisonError::into_inner);
    inboxes.retain(|inbox| inbox.strong_count() > 0);
    inboxes.push(Arc::downgrade(inbox));
}

fn each(tell: impl Fn(&Inbox)) {
    let inboxes = INBOXES.lock().unwrap_or_else(PoisonError::into_inner).clone();
    inboxes.iter().filter_map(Weak::upgrade).for_each(|inbox| tell(&inbox));
}

/// The system gives this app silence, because another one has the microphone, or no longer
/// does. A take is interrupted by it and goes on by itself, with a gap.
pub fn client_silenced(silenced: bool) {
    each(|inbox| inbox.put(Event::ClientSilenced(silenced)));
}

/// Whether the system allowed the foreground service. While it did not, a start is refused.
pub fn foreground_service(allowed: bool) {
    each(|inbox| inbox.refused.store(!allowed, Ordering::Release));
}

#[cfg(target_os = "android")]
#[allow(unsafe_code, reason = "Java finds these by their names")]
mod java {
    use std::ffi::c_void;

    /// `org.tympan.Capture.clientSilenced(Boolean)`.
    // SAFETY: nobody else has a name in the package `org.tympan`.
    #[unsafe(no_mangle)]
    extern "system" fn Java_org_tympan_Capture_clientSilenced(
        _: *mut c_void,
        _: *mut c_void,
        silenced: u8,
    ) {
        super::client_silenced(silenced != 0);
    }

    /// `org.tympan.Capture.foregroundService(Boolean)`.
    // SAFETY: nobody else has a name in the package `org.tympan`.
    #[unsafe(no_mangle)]
    extern "system" fn Java_org_tympan_Capture_foregroundService(
        _: *mut c_void,
        _: *mut c_void,
        allowed: u8,
    ) {
        super::foreground_service(allowed != 0);
    }
}
