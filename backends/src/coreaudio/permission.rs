//! Whether the microphone may be used.

use std::sync::Arc;

use block2::{DynBlock, RcBlock};
use objc2::msg_send;
use objc2::runtime::{AnyClass, Bool};
use objc2_foundation::NSString;
use tympan_core::session::Event;

use crate::apple::{Inbox, News};
use crate::device::Permission;

/// Whom to ask. The framework it is in is loaded when it is needed: an app that captures
/// with this has no other use for it.
fn asked() -> Option<&'static AnyClass> {
    let path = c"/System/Library/Frameworks/AVFoundation.framework/AVFoundation";
    // SAFETY: it is the system's own, and stays loaded.
    unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_LAZY) };
    AnyClass::get(c"AVCaptureDevice")
}

/// `AVMediaTypeAudio`, which is a number in four letters.
fn audio() -> objc2::rc::Retained<NSString> {
    NSString::from_str("soun")
}

pub(super) fn now() -> Permission {
    let Some(class) = asked() else { return Permission::Granted };
    // SAFETY: the class has this method, and answers with a number.
    let status: isize = unsafe { msg_send![class, authorizationStatusForMediaType: &*audio()] };
    match status {
        3 => Permission::Granted,
        0 => Permission::Undetermined,
        // Denied, or nothing that the user may decide.
        _ => Permission::Denied,
    }
}

/// Asks, and the user if need be. The answer comes when there is one, on any thread.
pub(super) fn request(inbox: &Arc<Inbox>) {
    let inbox = inbox.clone();
    let Some(class) = asked() else {
        return inbox.post(News::Event(Event::Permission(true)));
    };
    let answer = RcBlock::new(move |granted: Bool| {
        inbox.post(News::Event(Event::Permission(granted.as_bool())));
    });
    let answer: &DynBlock<dyn Fn(Bool)> = &answer;
    // SAFETY: the class has this method; the block holds nothing but the inbox, which may
    // be used from any thread.
    unsafe {
        let () = msg_send![
            class,
            requestAccessForMediaType: &*audio(),
            completionHandler: answer,
        ];
    }
}

/// Shows where a denied microphone can be allowed.
pub(super) fn open_settings() -> bool {
    let page = "x-apple.systempreferences:com.apple.preference.security?Privacy_Microphone";
    std::process::Command::new("open").arg(page).spawn().is_ok()
}
