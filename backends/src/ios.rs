//! iPhone and iPad: the audio session, and a unit that captures.
//!
//! [`Ios`] is a [`Device`] that translates between the session machine and the system and
//! decides nothing. What it sets is what its [`Profile`] says; what it hears becomes an
//! event; when to try again, and whether, is the machine's business.
//!
//! # What an app has to declare
//!
//! | where | what | without it |
//! |---|---|---|
//! | `Info.plist` | `NSMicrophoneUsageDescription`, a sentence for the user | iOS ends the app when it asks for the microphone; [`Ios::new`] refuses |
//! | `Info.plist` | `UIBackgroundModes` with `audio` | capture ends when the app leaves the screen; told by [`Ios::warnings`] |
//! | for `CallKit` | `UIBackgroundModes` with `voip` | the system delivers no calls in the background |
//!
//! # Who owns the session
//!
//! With [`Owner::App`] it is configured, activated and given back from here. With
//! [`Owner::CallKit`] it is configured from here, and the app's provider says through
//! [`Calls`] when the system has activated it. With [`Owner::Host`] another library has
//! it: from here it is looked at and never touched, and that library, too, says through
//! [`Calls`] when it has activated it.
//!
//! # Words of a profile
//!
//! Categories, modes and options are written as in Swift: `playAndRecord`, `voiceChat`,
//! `allowBluetoothHFP`. Two options are preferences of the session rather than of its
//! category: `interruptOnRouteDisconnect`, to be interrupted when a headset goes, and
//! `allowHapticsAndSystemSounds`, to let the phone ring and vibrate meanwhile. Where they
//! are not named they are refused to the system, which else decides by itself.
//!
//! An echo-cancelled input that the system offers (iOS 18.2, mode `default`) is taken
//! where a profile wants voice processing; elsewhere a voice-processing unit is used.
//!
//! # Newer systems
//!
//! What exists on newer systems only is looked up when it is needed, so that an app runs
//! on iOS 15 and hears what iOS 27 says.
//!
//! [`Owner::App`]: tympan_core::session::Owner::App
//! [`Owner::CallKit`]: tympan_core::session::Owner::CallKit
//! [`Owner::Host`]: tympan_core::session::Owner::Host

// The platform is reached through Objective-C and C; each block says why it may.
#![allow(unsafe_code)]

mod app;
mod calls;
mod newer;
mod observers;
mod permission;
mod route;
mod session;
mod words;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use objc2::rc::autoreleasepool;
use tympan_core::Format;
use tympan_core::session::{Code, Event, Ms, Order, Owner, Platform, Profile, Route, RouteReason};

pub use calls::{CallDelegate, Calls};

use crate::apple::{Kind, Line, News, Wanted, code};
use crate::device::{Device, Permission, Port, Ports, no_input};
use crate::{BackendError, Capture, Workgroup};
use observers::Observers;

/// The microphone of an iPhone or iPad. See the [module](self).
pub struct Ios {
    profile: Profile,
    warnings: Vec<String>,
    line: Line,
    /// One set for as long as there is a device.
    observers: Option<Observers>,
    /// Protected files cannot be opened.
    locked: Arc<AtomicBool>,
    /// The input that the app wants, by its id.
    chosen: Option<String>,
    /// Why the last configuration was refused.
    refused: Option<Code>,
}

impl Ios {
    /// The microphone of this phone, to be used like this. The recorder's policy has to
    /// have the same owner and ladder, as
    /// [`for_profile`](tympan_core::session::Policy::for_profile) makes it.
    ///
    /// Refuses where the app does not declare what iOS would end it for.
    pub fn new(profile: Profile) -> Result<Self, BackendError> {
        words::check(&profile)?;
        let warnings = autoreleasepool(|_| app::declared())?;
        let (line, locked) = (Line::new(), Arc::new(AtomicBool::new(false)));
        let observers = autoreleasepool(|_| Observers::new(line.inbox(), &locked));
        let observers = Some(observers);
        Ok(Self { profile, warnings, line, observers, locked, chosen: None, refused: None })
    }

    /// Where the owner of the session says what becomes of it.
    pub fn calls(&self) -> Calls {
        Calls::new(self.line.inbox().clone())
    }

    /// Whether protected files can be opened: not while the phone is locked. As far as
    /// was told since the device was made.
    pub fn protected_data_available(&self) -> bool {
        !self.locked.load(Ordering::Relaxed)
    }

    /// Whether the session is another library's, to be left alone.
    fn is_guest(&self) -> bool {
        self.profile.owner == Owner::Host
    }

    fn configure(&mut self, rung: u8) {
        if self.is_guest() {
            return;
        }
        let rung = self.profile.ladder.get(usize::from(rung));
        let more = rung.map_or(&[][..], |rung| rung.options);
        self.refused = session::configure(&self.profile, more).err();
    }

    fn activate(&mut self, ticket: u32) -> Event {
        // Active in the category of somebody else is not what was asked for.
        let activated = match self.refused {
            Some(code) => Err(code),
            None if self.is_guest() => Err(Code::Priority),
            None => session::activate(),
        };
        match activated {
            Ok(()) => Event::Activated { ticket },
            Err(code) => Event::ActivateFailed { ticket, code },
        }
    }

    fn prefer_now(&self) {
        if !self.is_guest()
            && let Some(id) = &self.chosen
        {
            // That it is away is seen in the route.
            let _ = route::prefer(Some(id));
        }
    }

    /// Whether the system processes the voice in a unit of its own.
    fn kind(&self) -> Kind {
        let voice = self.profile.voice_processing && !session::cancels_echo();
        if voice { Kind::Voice } else { Kind::Plain }
    }

    /// What the hardware runs at; zeros while there is no input.
    fn hardware(&self) -> Format {
        let mut format = session::format();
        if format.is_valid() && self.kind() == Kind::Voice {
            // Whatever there is, it makes one voice of it.
            format.channels = 1;
        }
        format
    }

    fn start(&mut self, ticket: u32, format: Format) -> Event {
        let wanted = Wanted { kind: self.kind(), format, device: 0 };
        match self.line.start(wanted, |_| Ok(())) {
            Ok(()) => Event::IoStarted { ticket },
            Err(status) => Event::IoFailed { ticket, code: code(status) },
        }
    }

    /// The route as it is by now: the handler that heard of the change may not ask.
    fn rerouted(&self, reason: RouteReason) -> Event {
        let ports = route::current();
        let wanted = |id: &String| ports.inputs.iter().any(|port| port.id == *id);
        Event::RouteChanged(Route {
            reason,
            format: self.hardware(),
            running: self.line.running().is_some(),
            preferred: self.chosen.as_ref().is_none_or(wanted),
            speaker: route::speaks(&ports),
        })
    }
}

/// The control thread is nobody's run loop: what the system hands out there is let go at
/// the end of each call, or never.
impl Platform for Ios {
    fn perform(&mut self, _: Ms, order: Order) {
        autoreleasepool(|_| self.act(order));
    }

    fn poll(&mut self, _: Ms) -> Option<Event> {
        if let Some(beat) = self.line.beat() {
            return Some(beat);
        }
        match self.line.inbox().next()? {
            News::Event(event) => Some(event),
            News::Route(reason) => Some(autoreleasepool(|_| self.rerouted(reason))),
        }
    }
}

impl Ios {
    fn act(&mut self, order: Order) {
        let answer = match order {
            Order::RequestPermission => return permission::request(self.line.inbox()),
            Order::Configure { rung } => return self.configure(rung),
            Order::PreferNoInterruptions if !self.is_guest() => {
                return session::prefer_no_interruptions();
            }
            Order::PreferInput => return self.prefer_now(),
            Order::Activate { ticket, .. } => self.activate(ticket),
            Order::Deactivate if !self.is_guest() => return session::deactivate(),
            Order::RebuildEngine => return self.line.rebuild(),
            Order::QueryFormat { ticket } => {
                Event::HardwareFormat { ticket, format: self.hardware() }
            }
            Order::StartIo { ticket, format } => self.start(ticket, format),
            Order::StopIo => return self.line.stop(),
            // The system shows by itself that the microphone is open.
            _ => return,
        };
        self.line.inbox().post(News::Event(answer));
    }
}

impl Device for Ios {
    fn name(&self) -> String {
        app::model()
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn clock(&self) -> Arc<dyn Fn() -> Ms + Send + Sync> {
        self.line.clock()
    }

    fn format(&mut self) -> Format {
        let format = autoreleasepool(|_| self.hardware());
        if format.is_valid() { format } else { Format::mono(self.profile.rate) }
    }

    fn listen(&mut self, ear: Box<dyn Capture>) -> Result<(), BackendError> {
        self.line.listen(ear)
    }

    fn on_news(&mut self, call: Arc<dyn Fn() + Send + Sync>) {
        self.line.inbox().on_news(call);
    }

    fn wait(&mut self, until: Option<Ms>) {
        self.line.wait(until);
    }

    fn is_live(&self) -> bool {
        true
    }

    fn workgroup(&mut self) -> Option<Workgroup> {
        self.line.workgroup()
    }

    fn permission(&self) -> Permission {
        autoreleasepool(|_| permission::now())
    }

    fn open_settings(&mut self) -> bool {
        autoreleasepool(|_| app::open_settings())
    }

    fn route(&self) -> Ports {
        autoreleasepool(|_| route::current())
    }

    fn inputs(&self) -> Vec<Port> {
        autoreleasepool(|_| route::available())
    }

    fn prefer(&mut self, input: Option<&str>) -> Result<(), BackendError> {
        let inputs = self.inputs();
        if let Some(input) = input.filter(|id| !inputs.iter().any(|port| port.id == *id)) {
            return Err(no_input(input, &inputs));
        }
        self.chosen = input.map(str::to_owned);
        if input.is_none() && !self.is_guest() {
            autoreleasepool(|_| route::prefer(None));
        }
        Ok(())
    }

    fn language(&self) -> String {
        autoreleasepool(|_| app::language())
    }
}

/// Nobody is heard of any more before what hears of it goes.
impl Drop for Ios {
    fn drop(&mut self) {
        autoreleasepool(|_| self.observers = None);
    }
}
