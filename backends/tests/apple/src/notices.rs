//! What the phone says, as notifications.

use objc2::rc::Retained;
use objc2::runtime::{AnyObject, NSObject};
use objc2::{AnyThread, ClassType, DefinedClass, define_class, msg_send};
use objc2_foundation::{
    NSDictionary, NSInteger, NSNotificationCenter, NSNumber, NSString, NSUInteger,
};
use tympan::core::session::{Event, Hint, Reason, RouteReason};

use crate::names::*;
use crate::world::{Dialect, with};
use crate::{calls, unit};

type Item = (*const NSString, Retained<AnyObject>);

/// Posts a notification, as the system does, on the thread that plays.
fn post(name: *const NSString, items: &[Item]) {
    // Safety: names are set for as long as the process runs; null ones are of a system
    // that says no such thing.
    let Some(name) = (unsafe { name.as_ref() }) else { return };
    let keys: Vec<&NSString> = items.iter().map(|(key, _)| unsafe { &**key }).collect();
    let values: Vec<&AnyObject> = items.iter().map(|(_, value)| &**value).collect();
    let info = NSDictionary::from_slices(&keys, &values);
    let info: &NSDictionary = unsafe { &*(&raw const *info).cast() };
    let centre = NSNotificationCenter::defaultCenter();
    unsafe { centre.postNotificationName_object_userInfo(name, None, Some(info)) };
}

fn number(value: usize) -> Retained<AnyObject> {
    unsafe { Retained::cast_unchecked(NSNumber::new_usize(value)) }
}

fn reason(reason: Reason) -> usize {
    match reason {
        Reason::AppWasSuspended => 1,
        Reason::BuiltInMicMuted => 2,
        Reason::RouteDisconnected => 4,
        _ => 0,
    }
}

fn route(reason: RouteReason) -> usize {
    match reason {
        RouteReason::NewDevice => 1,
        RouteReason::OldDevice => 2,
        RouteReason::Category => 3,
        RouteReason::Override => 4,
        RouteReason::Wake => 6,
        RouteReason::NoSuitableRoute => 7,
        RouteReason::Configuration => 8,
        _ => 0,
    }
}

/// Tells the app, in the system's ways, what the phone has said.
pub fn announce(event: Event) {
    // Safety: one thread plays.
    unsafe {
        match event {
            Event::InterruptionBegan(why) => began(why),
            // What comes with it comes at the same moment.
            Event::InterruptionEnded => with(|world| world.ended = true),
            Event::ResumeHint(hint) => {
                let ended = with(|world| std::mem::take(&mut world.ended));
                assert!(ended, "a hint without an end");
                finished(hint);
            }
            Event::RouteChanged(to) => post(
                AVAudioSessionRouteChangeNotification,
                &[(AVAudioSessionRouteChangeReasonKey, number(route(to.reason)))],
            ),
            Event::InputAvailable => post(AVAudioSessionAvailableInputsChangeNotification, &[]),
            Event::EngineConfigChanged => {
                if !unit::hardware_changed() {
                    post(AVAudioEngineConfigurationChangeNotification, &[]);
                }
            }
            Event::MediaLost => post(AVAudioSessionMediaServicesWereLostNotification, &[]),
            Event::MediaReset => {
                with(|world| world.reset_without_unit |= world.units.is_empty());
                post(AVAudioSessionMediaServicesWereResetNotification, &[]);
            }
            Event::Foreground => post(UIApplicationDidBecomeActiveNotification, &[]),
            Event::Background => post(UIApplicationDidEnterBackgroundNotification, &[]),
            Event::StorageAvailable => post(UIApplicationProtectedDataDidBecomeAvailable, &[]),
            Event::InputMuted(muted) => post(
                AVAudioApplicationInputMuteStateChangeNotification,
                &[(AVAudioApplicationMuteStateKey, number(usize::from(muted)))],
            ),
            Event::ExternalActivated => calls::tell(true),
            Event::ExternalDeactivated => calls::tell(false),
            // It has come through the microphone.
            Event::Heartbeat(_) => {}
            other => panic!("iOS does not say {other:?}"),
        }
    }
}

/// An engine of the app's own has stopped.
pub fn engine_stopped() {
    // Safety: one thread plays.
    post(unsafe { AVAudioEngineConfigurationChangeNotification }, &[]);
}

/// The phone is being locked.
pub fn locking() {
    // Safety: one thread plays.
    post(unsafe { UIApplicationProtectedDataWillBecomeUnavailable }, &[]);
}

/// Whoever owns the session has activated it, as iOS 27 says it.
pub fn activated() {
    // Safety: one thread plays.
    post(unsafe { AVAudioSessionDidBecomeActiveNotification }, &[]);
}

/// And has given it back.
pub fn given_back() {
    // Safety: one thread plays.
    unsafe {
        let context: Retained<AnyObject> = Retained::cast_unchecked(Context::new(1, 0));
        let items = [(AVAudioSessionDeactivationContextKey, context)];
        post(AVAudioSessionDidBecomeInactiveNotification, &items);
    }
}

unsafe fn began(why: Reason) {
    if with(|world| world.dialect) == Dialect::Deactivation {
        let context: Retained<AnyObject> = Retained::cast_unchecked(Context::new(2, reason(why)));
        return post(
            AVAudioSessionDidBecomeInactiveNotification,
            &[(AVAudioSessionDeactivationContextKey, context)],
        );
    }
    let items = [
        (AVAudioSessionInterruptionTypeKey, number(1)),
        (AVAudioSessionInterruptionReasonKey, number(reason(why))),
    ];
    post(AVAudioSessionInterruptionNotification, &items);
}

unsafe fn finished(hint: Hint) {
    // Where nothing is recommended, the old way is the only one to say that it is over.
    if with(|world| world.dialect) == Dialect::Deactivation && hint != Hint::Absent {
        let advice = isize::from(hint == Hint::Yes);
        let context: Retained<AnyObject> = Retained::cast_unchecked(Context::new(advice, 0));
        return post(
            AVAudioSessionResumptionRecommendationNotification,
            &[(AVAudioSessionResumptionContextKey, context)],
        );
    }
    let mut items = vec![(AVAudioSessionInterruptionTypeKey, number(0))];
    match hint {
        Hint::Yes => items.push((AVAudioSessionInterruptionOptionKey, number(1))),
        Hint::No => items.push((AVAudioSessionInterruptionOptionKey, number(0))),
        Hint::Absent => {}
    }
    post(AVAudioSessionInterruptionNotification, &items);
}

define_class!(
    /// Any of the contexts of iOS 27: each has other names for its number.
    #[unsafe(super(NSObject))]
    #[name = "AVAudioSessionDeactivationContext"]
    #[ivars = (NSInteger, NSUInteger)]
    struct Context;

    impl Context {
        #[unsafe(method(source))]
        fn source(&self) -> NSInteger {
            self.ivars().0
        }

        #[unsafe(method(recommendation))]
        fn recommendation(&self) -> NSInteger {
            self.ivars().0
        }

        #[unsafe(method(interruptionContext))]
        fn interruption(&self) -> *const Self {
            self
        }

        #[unsafe(method(reason))]
        fn reason(&self) -> NSUInteger {
            self.ivars().1
        }
    }
);

impl Context {
    fn new(number: NSInteger, reason: NSUInteger) -> Retained<Self> {
        let context = Self::alloc().set_ivars((number, reason));
        unsafe { msg_send![super(context), init] }
    }
}

pub(crate) fn register() {
    let _ = Context::class();
}
