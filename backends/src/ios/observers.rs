//! What the system says by itself, in our words.
//!
//! A handler runs on whatever thread the system likes, and some of them must not ask the
//! session anything. So they copy numbers out and post them; what has to be read is read
//! on the control thread.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use block2::RcBlock;
use objc2::msg_send;
use objc2::rc::Retained;
use objc2::runtime::{AnyObject, NSObject, NSObjectProtocol, ProtocolObject};
use objc2_avf_audio::{
    AVAudioEngineConfigurationChangeNotification, AVAudioSessionInterruptionNotification,
    AVAudioSessionInterruptionOptionKey, AVAudioSessionInterruptionOptions,
    AVAudioSessionInterruptionReason, AVAudioSessionInterruptionReasonKey,
    AVAudioSessionInterruptionType, AVAudioSessionInterruptionTypeKey,
    AVAudioSessionMediaServicesWereLostNotification,
    AVAudioSessionMediaServicesWereResetNotification, AVAudioSessionRouteChangeNotification,
    AVAudioSessionRouteChangeReason, AVAudioSessionRouteChangeReasonKey,
};
use objc2_foundation::{NSNotification, NSNotificationCenter, NSNumber, NSString};
use objc2_ui_kit::{
    UIApplicationDidBecomeActiveNotification, UIApplicationDidEnterBackgroundNotification,
    UIApplicationProtectedDataDidBecomeAvailable, UIApplicationProtectedDataWillBecomeUnavailable,
};
use tympan_core::session::{Event, Hint, Reason, RouteReason};

use super::newer::name;
use crate::apple::{Inbox, News};

/// Listens to everything, until it is dropped.
pub(super) struct Observers {
    tokens: Vec<Retained<ProtocolObject<dyn NSObjectProtocol>>>,
    heard: Arc<Heard>,
}

/// Where what is heard goes.
struct Heard {
    inbox: Arc<Inbox>,
    locked: Arc<AtomicBool>,
}

// SAFETY: a token is only held, and handed back to the notification centre, which may be
// used from any thread.
unsafe impl Send for Observers {}

type Handler = fn(&NSNotification, &Heard);

impl Observers {
    pub(super) fn new(inbox: &Arc<Inbox>, locked: &Arc<AtomicBool>) -> Self {
        let heard = Heard { inbox: inbox.clone(), locked: locked.clone() };
        let mut all = Self { tokens: Vec::new(), heard: Arc::new(heard) };
        // SAFETY: they are constants, set before the process runs; those that a system
        // may lack are none there.
        unsafe {
            all.add(AVAudioSessionInterruptionNotification, interruption);
            all.add(AVAudioSessionRouteChangeNotification, route);
            all.add(AVAudioSessionMediaServicesWereLostNotification, |_, heard| {
                post(heard, Event::MediaLost);
            });
            all.add(AVAudioSessionMediaServicesWereResetNotification, |_, heard| {
                post(heard, Event::MediaReset);
            });
            all.add(Some(AVAudioEngineConfigurationChangeNotification), |_, heard| {
                post(heard, Event::EngineConfigChanged);
            });
            all.add(Some(UIApplicationDidBecomeActiveNotification), |_, heard| {
                post(heard, Event::Foreground);
            });
            all.add(Some(UIApplicationDidEnterBackgroundNotification), |_, heard| {
                post(heard, Event::Background);
            });
            all.add(Some(UIApplicationProtectedDataWillBecomeUnavailable), |_, heard| {
                heard.locked.store(true, Ordering::Relaxed);
            });
            all.add(Some(UIApplicationProtectedDataDidBecomeAvailable), |_, heard| {
                heard.locked.store(false, Ordering::Relaxed);
                post(heard, Event::StorageAvailable);
            });
        }
        all.add(name(c"AVAudioSessionAvailableInputsChangeNotification"), |_, heard| {
            post(heard, Event::InputAvailable);
        });
        all.add(name(c"AVAudioApplicationInputMuteStateChangeNotification"), muted);
        all.add(name(c"AVAudioSessionDidBecomeActiveNotification"), |_, heard| {
            // By whoever owns it; an owner that is us knows already.
            post(heard, Event::ExternalActivated);
        });
        all.add(name(c"AVAudioSessionDidBecomeInactiveNotification"), deactivated);
        all.add(name(c"AVAudioSessionResumptionRecommendationNotification"), recommended);
        all
    }

    fn add(&mut self, name: Option<&'static NSString>, handler: Handler) {
        let Some(name) = name else { return };
        let heard = self.heard.clone();
        let block = RcBlock::new(move |notification: NonNull<NSNotification>| {
            // SAFETY: the centre lends it for the time of the call.
            handler(unsafe { notification.as_ref() }, &heard);
        });
        let centre = NSNotificationCenter::defaultCenter();
        // SAFETY: the block may be called from any thread: what it holds is `Sync`.
        self.tokens.push(unsafe {
            centre.addObserverForName_object_queue_usingBlock(Some(name), None, None, &block)
        });
    }
}

impl Drop for Observers {
    fn drop(&mut self) {
        let centre = NSNotificationCenter::defaultCenter();
        for token in self.tokens.drain(..) {
            // SAFETY: the centre gave this token.
            unsafe { centre.removeObserver((*token).as_ref()) };
        }
    }
}

fn post(heard: &Heard, event: Event) {
    heard.inbox.post(News::Event(event));
}

/// What a notification carries under this key.
fn item(notification: &NSNotification, key: Option<&NSString>) -> Option<Retained<AnyObject>> {
    notification.userInfo()?.objectForKey(key?)
}

fn number(notification: &NSNotification, key: Option<&NSString>) -> Option<usize> {
    let number = item(notification, key)?.downcast::<NSNumber>().ok()?;
    Some(number.unsignedIntegerValue())
}

fn reason(number: usize) -> Reason {
    match AVAudioSessionInterruptionReason(number) {
        AVAudioSessionInterruptionReason::BuiltInMicMuted => Reason::BuiltInMicMuted,
        AVAudioSessionInterruptionReason::RouteDisconnected => Reason::RouteDisconnected,
        #[expect(deprecated, reason = "systems before iOS 16 still say it")]
        AVAudioSessionInterruptionReason::AppWasSuspended => Reason::AppWasSuspended,
        _ => Reason::Default,
    }
}

fn interruption(notification: &NSNotification, heard: &Heard) {
    // SAFETY: they are constants, set before the process runs.
    let (kind, options, why) = unsafe {
        (
            AVAudioSessionInterruptionTypeKey,
            AVAudioSessionInterruptionOptionKey,
            AVAudioSessionInterruptionReasonKey,
        )
    };
    let Some(kind) = number(notification, kind) else { return };
    if AVAudioSessionInterruptionType(kind) == AVAudioSessionInterruptionType::Began {
        // The reason is in the beginning only, the options in the end only.
        let why = number(notification, why).map_or(Reason::Default, reason);
        return post(heard, Event::InterruptionBegan(why));
    }
    let resume = AVAudioSessionInterruptionOptions::ShouldResume;
    let hint = match number(notification, options).map(AVAudioSessionInterruptionOptions) {
        None => Hint::Absent,
        Some(options) if options.contains(resume) => Hint::Yes,
        Some(_) => Hint::No,
    };
    post(heard, Event::InterruptionEnded);
    post(heard, Event::ResumeHint(hint));
}

fn route(notification: &NSNotification, heard: &Heard) {
    // SAFETY: it is a constant, set before the process runs.
    let why = number(notification, unsafe { AVAudioSessionRouteChangeReasonKey });
    heard.inbox.post(News::Route(match why.map(AVAudioSessionRouteChangeReason) {
        Some(AVAudioSessionRouteChangeReason::NewDeviceAvailable) => RouteReason::NewDevice,
        Some(AVAudioSessionRouteChangeReason::OldDeviceUnavailable) => RouteReason::OldDevice,
        Some(AVAudioSessionRouteChangeReason::CategoryChange) => RouteReason::Category,
        Some(AVAudioSessionRouteChangeReason::Override) => RouteReason::Override,
        Some(AVAudioSessionRouteChangeReason::WakeFromSleep) => RouteReason::Wake,
        Some(AVAudioSessionRouteChangeReason::NoSuitableRouteForCategory) => {
            RouteReason::NoSuitableRoute
        }
        Some(AVAudioSessionRouteChangeReason::RouteConfigurationChange) => {
            RouteReason::Configuration
        }
        _ => RouteReason::Unknown,
    }));
}

fn muted(notification: &NSNotification, heard: &Heard) {
    let muted = number(notification, name(c"AVAudioApplicationMuteStateKey"));
    post(heard, Event::InputMuted(muted.is_some_and(|muted| muted != 0)));
}

/// Who deactivated the session, as iOS 27 says it.
const BY_SYSTEM: isize = 2;

fn deactivated(notification: &NSNotification, heard: &Heard) {
    let context = item(notification, name(c"AVAudioSessionDeactivationContextKey"));
    let Some(context) = context else { return };
    // SAFETY: the system's header declares both like this, and the second may be nil.
    let (source, interruption): (isize, Option<Retained<NSObject>>) =
        unsafe { (msg_send![&*context, source], msg_send![&*context, interruptionContext]) };
    if source != BY_SYSTEM {
        return post(heard, Event::ExternalDeactivated);
    }
    let why = interruption.map_or(Reason::Default, |interruption| {
        // SAFETY: as above.
        reason(unsafe { msg_send![&*interruption, reason] })
    });
    post(heard, Event::InterruptionBegan(why));
}

/// That one may resume, as iOS 27 says it.
const SHOULD_RESUME: isize = 1;

fn recommended(notification: &NSNotification, heard: &Heard) {
    let context = item(notification, name(c"AVAudioSessionResumptionContextKey"));
    let Some(context) = context else { return };
    // SAFETY: the system's header declares it like this.
    let recommendation: isize = unsafe { msg_send![&*context, recommendation] };
    post(heard, Event::InterruptionEnded);
    let hint = if recommendation == SHOULD_RESUME { Hint::Yes } else { Hint::No };
    post(heard, Event::ResumeHint(hint));
}
