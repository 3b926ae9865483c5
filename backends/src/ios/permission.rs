//! Whether the microphone may be used.

use std::sync::Arc;

use block2::{DynBlock, RcBlock};
use objc2::rc::Retained;
use objc2::runtime::{AnyClass, Bool, NSObject};
use objc2::{msg_send, sel};
use tympan_core::session::Event;

use super::session::shared;
use crate::apple::{Inbox, News};
use crate::device::Permission;

/// From iOS 17 on it is the application that is asked, before it the session. Both say
/// it in the same numbers.
fn application() -> Option<&'static AnyClass> {
    AnyClass::get(c"AVAudioApplication")
}

pub(super) fn now() -> Permission {
    let answer: usize = match application() {
        // SAFETY: the class has this method, which returns an object that is always
        // there, and that has the other.
        Some(class) => unsafe {
            let application: Retained<NSObject> = msg_send![class, sharedInstance];
            msg_send![&*application, recordPermission]
        },
        // SAFETY: a message to an object that is alive.
        None => unsafe { msg_send![&*shared(), recordPermission] },
    };
    match &(answer as u32).to_be_bytes() {
        b"grnt" => Permission::Granted,
        b"deny" => Permission::Denied,
        _ => Permission::Undetermined,
    }
}

/// Asks, and the user if need be. The answer comes when there is one, on any thread.
pub(super) fn request(inbox: &Arc<Inbox>) {
    let inbox = inbox.clone();
    let answer = RcBlock::new(move |granted: Bool| {
        inbox.post(News::Event(Event::Permission(granted.as_bool())));
    });
    let answer: &DynBlock<dyn Fn(Bool)> = &answer;
    let ask = sel!(requestRecordPermissionWithCompletionHandler:);
    match application().filter(|class| class.class_method(ask).is_some()) {
        // SAFETY: the class has this method; the block holds nothing but the inbox, which
        // may be used from any thread.
        Some(class) => unsafe {
            let () = msg_send![class, requestRecordPermissionWithCompletionHandler: answer];
        },
        // SAFETY: as above, of the session.
        None => unsafe {
            let () = msg_send![&*shared(), requestRecordPermission: answer];
        },
    }
}
