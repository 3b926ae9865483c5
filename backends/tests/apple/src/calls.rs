//! `CXProvider`: calls that the system manages.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::NonNull;

use objc2::rc::Retained;
use objc2::runtime::{AnyObject, NSObject};
use objc2::{AnyThread, ClassType, define_class, msg_send};

thread_local! {
    /// The delegate of the one provider. It is not kept by it.
    static DELEGATE: Cell<*const AnyObject> = const { Cell::new(std::ptr::null()) };
}

define_class!(
    #[unsafe(super(NSObject))]
    #[name = "CXProvider"]
    struct Provider;

    impl Provider {
        #[unsafe(method(setDelegate:queue:))]
        fn set_delegate(&self, delegate: *const AnyObject, _queue: *const c_void) {
            DELEGATE.set(delegate);
        }
    }
);

pub(crate) fn register() {
    let _ = Provider::class();
}

/// A provider, as an app would make one. It lives for as long as the process does.
pub fn provider() -> NonNull<c_void> {
    let provider = Provider::alloc().set_ivars(());
    let provider: Retained<Provider> = unsafe { msg_send![super(provider), init] };
    NonNull::new(Retained::into_raw(provider).cast()).expect("it was made")
}

/// The system (de)activates the session for a call.
pub(crate) fn tell(activated: bool) {
    let delegate = DELEGATE.get();
    // Safety: whoever set it keeps it.
    let Some(delegate) = (unsafe { delegate.as_ref() }) else { return };
    let provider: *const AnyObject = provider().as_ptr().cast_const().cast();
    let session: Retained<AnyObject> =
        unsafe { msg_send![objc2::class!(AVAudioSession), sharedInstance] };
    let session: &AnyObject = &session;
    unsafe {
        if activated {
            let () = msg_send![delegate, provider: provider, didActivateAudioSession: session];
        } else {
            let () = msg_send![delegate, provider: provider, didDeactivateAudioSession: session];
        }
    }
}
