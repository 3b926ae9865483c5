//! `CallKit`, and other libraries, as owners of the session.

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::Arc;

use objc2::rc::Retained;
use objc2::runtime::{NSObject, NSObjectProtocol, ProtocolObject};
use objc2::{AnyThread, DefinedClass, define_class, msg_send};
use objc2_avf_audio::AVAudioSession;
use objc2_call_kit::{CXProvider, CXProviderDelegate};
use tympan_core::session::Event;

use crate::apple::{Inbox, News};

/// Where whoever owns the session says what becomes of it, from any thread.
///
/// An app that has a delegate of its own for its calls calls [`activated`](Self::activated)
/// and [`deactivated`](Self::deactivated) from `provider:didActivateAudioSession:` and
/// `provider:didDeactivateAudioSession:`; one that has none lets
/// [`answer`](Self::answer) do it.
#[derive(Clone)]
pub struct Calls {
    inbox: Arc<Inbox>,
}

impl Calls {
    pub(super) fn new(inbox: Arc<Inbox>) -> Self {
        Self { inbox }
    }

    /// The session is active; I/O may start.
    pub fn activated(&self) {
        self.inbox.post(News::Event(Event::ExternalActivated));
    }

    /// The session is active no longer.
    pub fn deactivated(&self) {
        self.inbox.post(News::Event(Event::ExternalDeactivated));
    }

    /// Makes a delegate the provider's, which says all this by itself. It answers no call:
    /// that takes a delegate of the app's own.
    ///
    /// The provider does not keep it; whoever gets it has to, for as long as calls are
    /// heard of.
    ///
    /// # Safety
    /// `provider` is a `CXProvider` that is alive.
    #[must_use]
    pub unsafe fn answer(&self, provider: NonNull<c_void>) -> CallDelegate {
        let delegate = Delegate::new(self.clone());
        // SAFETY: the caller's promise.
        let provider: &CXProvider = unsafe { provider.cast().as_ref() };
        // SAFETY: without a queue it is called on the main one.
        unsafe { provider.setDelegate_queue(Some(ProtocolObject::from_ref(&*delegate)), None) };
        CallDelegate(delegate)
    }
}

/// Listens to a provider's calls, while it is kept.
pub struct CallDelegate(#[expect(dead_code, reason = "it is held")] Retained<Delegate>);

// SAFETY: it is only held. The object has no state but its `Calls`, which may be used from
// any thread, and reference counts that are atomic.
unsafe impl Send for CallDelegate {}
// SAFETY: as above.
unsafe impl Sync for CallDelegate {}

define_class!(
    // SAFETY: NSObject asks nothing of its subclasses, and there is no `Drop` beside that
    // of the ivars.
    #[unsafe(super(NSObject))]
    #[ivars = Calls]
    #[name = "TympanCallDelegate"]
    struct Delegate;

    // SAFETY: NSObject does it all.
    unsafe impl NSObjectProtocol for Delegate {}

    // SAFETY: the signatures are those of the protocol.
    unsafe impl CXProviderDelegate for Delegate {
        #[unsafe(method(providerDidReset:))]
        fn did_reset(&self, _: &CXProvider) {
            self.ivars().deactivated();
        }

        #[unsafe(method(provider:didActivateAudioSession:))]
        fn did_activate(&self, _: &CXProvider, _: &AVAudioSession) {
            self.ivars().activated();
        }

        #[unsafe(method(provider:didDeactivateAudioSession:))]
        fn did_deactivate(&self, _: &CXProvider, _: &AVAudioSession) {
            self.ivars().deactivated();
        }
    }
);

impl Delegate {
    fn new(calls: Calls) -> Retained<Self> {
        let this = Self::alloc().set_ivars(calls);
        // SAFETY: `init` of NSObject.
        unsafe { msg_send![super(this), init] }
    }
}
