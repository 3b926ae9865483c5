//! `AVAudioSession` and what it hands out.

use objc2::rc::Retained;
use objc2::runtime::{AnyClass, AnyObject, Bool, NSObject, Sel};
use objc2::{AnyThread, ClassType, DefinedClass, define_class, msg_send, sel};
use objc2_foundation::{NSArray, NSError, NSInteger, NSString, NSUInteger};
use std::sync::OnceLock;
use tympan::core::session::{Code, Event, Order};

use crate::names::*;
use crate::world::{World, with};

/// Methods that a system has only from this version on.
fn newer() -> [(Sel, u32); 7] {
    [
        (sel!(setPrefersInterruptionOnRouteDisconnect:error:), 17),
        (sel!(prefersInterruptionOnRouteDisconnect), 17),
        (sel!(setPrefersEchoCancelledInput:error:), 18),
        (sel!(prefersEchoCancelledInput), 18),
        (sel!(isEchoCancelledInputAvailable), 18),
        (sel!(isEchoCancelledInputEnabled), 18),
        (sel!(setPreferredMicrophoneInjectionMode:error:), 18),
    ]
}

/// A method that is called on a system that has none would have ended the app.
fn needs(version: u32, what: &str) {
    if with(|world| world.version) < version {
        World::offend(format!("{what} does not exist before iOS {version}"));
    }
}

/// The number of a refusal, as Apple's headers write it.
pub(crate) fn number(code: Code) -> i32 {
    let four: &[u8; 4] = match code {
        Code::Priority => b"!pri",
        Code::CannotInterrupt => b"!int",
        Code::CannotRecord => b"!rec",
        Code::CannotPlay => b"!pla",
        Code::Busy => b"!act",
        Code::Category => b"!cat",
        Code::Siri => b"siri",
        Code::MediaServices => b"msrv",
        Code::Inactive => b"inac",
        Code::NoHardware => b"!res",
        _ => b"what",
    };
    i32::from_be_bytes(*four)
}

unsafe fn refuse(error: *mut *mut NSError, number: i32) -> Bool {
    let domain = NSString::from_str("NSOSStatusErrorDomain");
    let made = NSError::errorWithDomain_code_userInfo(&domain, number as NSInteger, None);
    if !error.is_null() {
        *error = Retained::autorelease_ptr(made);
    }
    Bool::NO
}

unsafe fn text(value: *const NSString) -> String {
    if value.is_null() { "nil".to_owned() } else { (*value).to_string() }
}

define_class!(
    #[unsafe(super(NSObject))]
    #[name = "AVAudioSession"]
    struct Session;

    impl Session {
        #[unsafe(method(sharedInstance))]
        fn shared() -> *mut Self {
            static SHARED: OnceLock<usize> = OnceLock::new();
            *SHARED.get_or_init(|| {
                let session = Self::alloc().set_ivars(());
                let session: Retained<Self> = unsafe { msg_send![super(session), init] };
                Retained::into_raw(session) as usize
            }) as *mut Self
        }

        #[unsafe(method(respondsToSelector:))]
        fn responds(&self, selector: Sel) -> Bool {
            let version = with(|world| world.version);
            let since = newer().into_iter().find(|(newer, _)| *newer == selector);
            let has = Self::class().instance_method(selector).is_some();
            Bool::new(has && since.is_none_or(|(_, since)| version >= since))
        }

        #[unsafe(method(setCategory:mode:options:error:))]
        unsafe fn set_category(
            &self,
            category: *const NSString,
            mode: *const NSString,
            options: NSUInteger,
            error: *mut *mut NSError,
        ) -> Bool {
            if let Some(number) = with(|world| world.refuses.take()) {
                return refuse(error, number);
            }
            let is = (text(category), text(mode), options);
            let known = with(|world| {
                world.options = Some(options);
                world.wanted.is_empty() || world.wanted.contains(&is)
            });
            if !known {
                World::offend(format!("configured as {is:?}, which is no rung of the profile"));
            }
            World::log(format!("category {} {} {:#x}", is.0, is.1, is.2));
            World::order(Order::Configure { rung: 0 });
            Bool::YES
        }

        #[unsafe(method(setPreferredSampleRate:error:))]
        fn set_rate(&self, rate: f64, _error: *mut *mut NSError) -> Bool {
            World::log(format!("rate {rate}"));
            Bool::YES
        }

        #[unsafe(method(setPreferredIOBufferDuration:error:))]
        fn set_buffer(&self, seconds: f64, _error: *mut *mut NSError) -> Bool {
            World::log(format!("buffer {seconds}"));
            Bool::YES
        }

        #[unsafe(method(setAllowHapticsAndSystemSoundsDuringRecording:error:))]
        fn set_haptics(&self, allow: Bool, _error: *mut *mut NSError) -> Bool {
            World::log(format!("haptics {}", allow.as_bool()));
            Bool::YES
        }

        #[unsafe(method(setPrefersInterruptionOnRouteDisconnect:error:))]
        fn set_disconnect(&self, interrupt: Bool, _error: *mut *mut NSError) -> Bool {
            needs(17, "the preference on disconnects");
            World::log(format!("interrupt on disconnect {}", interrupt.as_bool()));
            Bool::YES
        }

        #[unsafe(method(setPrefersNoInterruptionsFromSystemAlerts:error:))]
        fn set_alerts(&self, none: Bool, _error: *mut *mut NSError) -> Bool {
            World::log(format!("no interruptions {}", none.as_bool()));
            if none.as_bool() {
                World::order(Order::PreferNoInterruptions);
            }
            Bool::YES
        }

        #[unsafe(method(setPrefersEchoCancelledInput:error:))]
        fn set_echo(&self, cancel: Bool, _error: *mut *mut NSError) -> Bool {
            needs(18, "the echo-cancelled input");
            with(|world| world.preferred_echo = cancel.as_bool());
            Bool::YES
        }

        #[unsafe(method(prefersEchoCancelledInput))]
        fn prefers_echo(&self) -> Bool {
            needs(18, "the echo-cancelled input");
            Bool::new(with(|world| world.preferred_echo))
        }

        #[unsafe(method(isEchoCancelledInputAvailable))]
        fn echo_available(&self) -> Bool {
            needs(18, "the echo-cancelled input");
            Bool::new(with(|world| world.echo_cancelled))
        }

        #[unsafe(method(setActive:error:))]
        unsafe fn set_active(&self, active: Bool, error: *mut *mut NSError) -> Bool {
            set_active(active.as_bool(), 0, error)
        }

        #[unsafe(method(setActive:withOptions:error:))]
        unsafe fn set_active_with(
            &self,
            active: Bool,
            options: NSUInteger,
            error: *mut *mut NSError,
        ) -> Bool {
            set_active(active.as_bool(), options, error)
        }

        #[unsafe(method(sampleRate))]
        fn sample_rate(&self) -> f64 {
            World::phone(|phone| phone.format().rate.into()).unwrap_or(0.0)
        }

        #[unsafe(method(inputNumberOfChannels))]
        fn channels(&self) -> NSInteger {
            World::phone(|phone| phone.format().channels as NSInteger).unwrap_or(0)
        }

        #[unsafe(method(recordPermission))]
        fn permission(&self) -> NSUInteger {
            permission()
        }

        #[unsafe(method(requestRecordPermission:))]
        fn request(&self, answer: &block2::Block<dyn Fn(Bool)>) {
            answer.call((Bool::new(granted()),));
        }

        #[unsafe(method(availableInputs))]
        fn inputs(&self) -> *mut NSArray {
            let used = World::phone(|phone| phone.port().to_owned()).unwrap_or_default();
            let mut ids = vec!["builtin_mic".to_owned(), used];
            ids.extend(with(|world| world.others.clone()));
            let mut seen = std::collections::BTreeSet::new();
            ids.retain(|id| !id.is_empty() && seen.insert(id.clone()));
            Retained::autorelease_return(list(ids.iter().map(|id| port(id, true))))
        }

        #[unsafe(method(currentRoute))]
        fn route(&self) -> *mut Route {
            let route = Route::alloc().set_ivars(());
            let route: Retained<Route> = unsafe { msg_send![super(route), init] };
            Retained::autorelease_return(route)
        }

        #[unsafe(method(setPreferredInput:error:))]
        fn prefer(&self, port: *const Port, _error: *mut *mut NSError) -> Bool {
            // Safety: it is one of ours.
            let id = unsafe { port.as_ref() }.map(|port| port.ivars().0.clone());
            World::log(format!("preferred input {id:?}"));
            if id.is_some() {
                World::order(Order::PreferInput);
            }
            Bool::YES
        }
    }
);

unsafe fn set_active(active: bool, options: usize, error: *mut *mut NSError) -> Bool {
    World::log(format!("active {} {options}", active));
    if !active {
        if options != 1 {
            World::offend("others are not told that the session is given back");
        }
        World::order(Order::Deactivate);
        // Busy, as before iOS 26 with I/O just stopped; it is given back all the same.
        return refuse(error, number(Code::Busy));
    }
    let rung = with(|world| {
        let set = world.options;
        world.wanted.iter().position(|(_, _, bits)| Some(*bits) == set).unwrap_or(0)
    });
    match World::order(Order::Activate { ticket: 0, rung: rung as u8 }) {
        Some(Event::ActivateFailed { code, .. }) => refuse(error, number(code)),
        Some(Event::Activated { .. }) => Bool::YES,
        _ => refuse(error, number(Code::Unspecified)),
    }
}

fn granted() -> bool {
    matches!(World::order(Order::RequestPermission), Some(Event::Permission(true)))
}

fn permission() -> NSUInteger {
    let permitted = World::phone(|phone| phone.is_permitted()).unwrap_or(false);
    u32::from_be_bytes(if permitted { *b"grnt" } else { *b"deny" }) as NSUInteger
}

fn list<T: objc2::Message>(items: impl Iterator<Item = Retained<T>>) -> Retained<NSArray> {
    let items: Vec<Retained<AnyObject>> =
        items.map(|item| unsafe { Retained::cast_unchecked(item) }).collect();
    let array = NSArray::from_retained_slice(&items);
    unsafe { Retained::cast_unchecked(array) }
}

define_class!(
    #[unsafe(super(NSObject))]
    #[name = "AVAudioSessionRouteDescription"]
    struct Route;

    impl Route {
        #[unsafe(method(inputs))]
        fn inputs(&self) -> *mut NSArray {
            let used = World::phone(|phone| (phone.port().to_owned(), phone.format().is_valid()));
            let ports = used.filter(|(_, valid)| *valid).map(|(id, _)| port(&id, true));
            Retained::autorelease_return(list(ports.into_iter()))
        }

        #[unsafe(method(outputs))]
        fn outputs(&self) -> *mut NSArray {
            let id = World::phone(|phone| phone.port().to_owned()).unwrap_or_default();
            let id = if id == "builtin_mic" { "speaker".to_owned() } else { id };
            Retained::autorelease_return(list([port(&id, false)].into_iter()))
        }
    }
);

define_class!(
    #[unsafe(super(NSObject))]
    #[name = "AVAudioSessionPortDescription"]
    #[ivars = (String, bool)]
    struct Port;

    impl Port {
        #[unsafe(method(UID))]
        fn uid(&self) -> *mut NSString {
            Retained::autorelease_return(NSString::from_str(&self.ivars().0))
        }

        #[unsafe(method(portName))]
        fn name(&self) -> *mut NSString {
            Retained::autorelease_return(NSString::from_str(&format!("name of {}", self.ivars().0)))
        }

        #[unsafe(method(portType))]
        fn kind(&self) -> *mut NSString {
            let (id, input) = self.ivars();
            // Safety: they were set when the process began.
            let kind = unsafe {
                match id.as_str() {
                    "builtin_mic" => AVAudioSessionPortBuiltInMic,
                    "speaker" => AVAudioSessionPortBuiltInSpeaker,
                    id if id.contains("usb") => AVAudioSessionPortUSBAudio,
                    id if id.contains("wired") && *input => AVAudioSessionPortHeadsetMic,
                    id if id.contains("wired") => AVAudioSessionPortHeadphones,
                    _ => AVAudioSessionPortBluetoothHFP,
                }
            };
            kind.cast_mut()
        }
    }
);

fn port(id: &str, input: bool) -> Retained<Port> {
    let port = Port::alloc().set_ivars((id.to_owned(), input));
    unsafe { msg_send![super(port), init] }
}

define_class!(
    #[unsafe(super(NSObject))]
    #[name = "AVAudioApplication"]
    struct Application;

    impl Application {
        #[unsafe(method(sharedInstance))]
        fn shared() -> *mut Self {
            let application = Self::alloc().set_ivars(());
            let application: Retained<Self> = unsafe { msg_send![super(application), init] };
            Retained::autorelease_return(application)
        }

        #[unsafe(method(recordPermission))]
        fn permission(&self) -> NSUInteger {
            permission()
        }

        #[unsafe(method(requestRecordPermissionWithCompletionHandler:))]
        fn request(answer: &block2::Block<dyn Fn(Bool)>) {
            answer.call((Bool::new(granted()),));
        }
    }
);

pub(crate) fn register(version: u32) {
    let _: [&AnyClass; 3] = [Session::class(), Route::class(), Port::class()];
    if version >= 17 {
        let _ = Application::class();
    }
}
