//! macOS: a microphone by Core Audio itself.
//!
//! A Mac has no audio session: nobody takes the microphone away by decree, but devices
//! are unplugged, put to sleep and changed by hand. [`CoreAudio`] is a [`Device`] that
//! tells the session machine of it: a device that is gone and another default are new
//! routes, another rate is a change of the engine, and a restart of the system's audio
//! server is a reset of the media services. So takes survive on a Mac as on a phone.
//!
//! An app with a bundle declares `NSMicrophoneUsageDescription` in its `Info.plist`, and
//! in a sandbox the entitlement `com.apple.security.device.audio-input`. A program in a
//! terminal is asked for in the terminal's name.

// The platform is reached through C and Objective-C; each block says why it may.
#![allow(unsafe_code)]

mod hal;
mod permission;
mod watch;

use std::sync::Arc;

use objc2::rc::autoreleasepool;
use objc2_audio_toolbox::kAudioOutputUnitProperty_CurrentDevice;
use objc2_core_audio::AudioObjectID;
use tympan_core::Format;
use tympan_core::session::{Event, Ms, Order, Platform, Route, RouteReason};

use crate::apple::{Kind, Line, News, Wanted, code};
use crate::device::{Device, Permission, Port, Ports, no_input};
use crate::{BackendError, Capture, Workgroup};
use coreaudio::audio_unit::{Element, Scope};
use watch::Watch;

/// The microphone of a Mac. See the [module](self).
pub struct CoreAudio {
    /// What is asked for, by its id; none follows the system's choice.
    chosen: Option<String>,
    voice: bool,
    line: Line,
    /// Of the system as a whole.
    _system: Watch,
    /// Of the device that is used.
    used: Option<Watch>,
}

impl CoreAudio {
    /// The input that the system's settings choose, also when they choose another.
    pub fn system() -> Self {
        let line = Line::new();
        let system = Watch::system(line.inbox());
        Self { chosen: None, voice: false, line, _system: system, used: None }
    }

    /// The input of this id or name. A name may be written in other letters, or be a part
    /// of it.
    pub fn named(name: &str) -> Result<Self, BackendError> {
        let mut device = Self::system();
        device.prefer(Some(name))?;
        Ok(device)
    }

    /// With the system's echo cancellation and gain.
    #[must_use]
    pub fn voice_processing(mut self, voice: bool) -> Self {
        self.voice = voice;
        self
    }

    /// The device that is to be used, if it is there.
    fn target(&self) -> Option<AudioObjectID> {
        match &self.chosen {
            Some(id) => hal::by_id(id),
            None => hal::default_input(),
        }
    }

    /// What the hardware runs at; zeros while there is no input.
    fn hardware(&self) -> Format {
        let mut format = self.target().map_or(Format::new(0, 0), hal::format);
        if format.is_valid() && self.voice {
            // Whatever there is, it makes one voice of it.
            format.channels = 1;
        }
        format
    }

    fn start(&mut self, ticket: u32, format: Format) -> Event {
        let kind = if self.voice { Kind::Voice } else { Kind::Plain };
        let device = self.target().unwrap_or(0);
        self.used = Some(Watch::device(device, self.line.inbox()));
        let chosen = self.chosen.is_some();
        let started = self.line.start(Wanted { kind, format, device }, |unit| {
            // A voice-processing unit follows the system by itself.
            if kind == Kind::Voice && !chosen {
                return Ok(());
            }
            let (current, input) = (
                kAudioOutputUnitProperty_CurrentDevice,
                match kind {
                    Kind::Plain => Element::Output,
                    Kind::Voice => Element::Input,
                },
            );
            unit.set_property(current, Scope::Global, input, Some(&device))
        });
        match started {
            Ok(()) => Event::IoStarted { ticket },
            Err(status) => Event::IoFailed { ticket, code: code(status) },
        }
    }

    /// The route as it is by now.
    fn rerouted(&self, reason: RouteReason) -> Event {
        let target = self.target();
        // A unit goes on with the device it has; that is of no use where that is another.
        let right = |device: u32| target == Some(device) && hal::is_alive(device);
        let running = self.line.running().is_some_and(|unit| right(unit.device()));
        let format = self.hardware();
        let reason = if format.is_valid() { reason } else { RouteReason::NoSuitableRoute };
        Event::RouteChanged(Route { reason, format, running, preferred: true, speaker: false })
    }
}

impl Platform for CoreAudio {
    fn perform(&mut self, _: Ms, order: Order) {
        let answer = match order {
            Order::RequestPermission => {
                return autoreleasepool(|_| permission::request(self.line.inbox()));
            }
            // There is no session that could be somebody else's.
            Order::Activate { ticket, .. } => Event::Activated { ticket },
            Order::RebuildEngine => return self.line.rebuild(),
            Order::QueryFormat { ticket } => {
                Event::HardwareFormat { ticket, format: self.hardware() }
            }
            Order::StartIo { ticket, format } => self.start(ticket, format),
            Order::StopIo => return self.line.stop(),
            _ => return,
        };
        self.line.inbox().post(News::Event(answer));
    }

    fn poll(&mut self, _: Ms) -> Option<Event> {
        if let Some(beat) = self.line.beat() {
            return Some(beat);
        }
        match self.line.inbox().next()? {
            News::Event(event) => Some(event),
            News::Route(reason) => Some(self.rerouted(reason)),
        }
    }
}

impl Device for CoreAudio {
    fn name(&self) -> String {
        self.target().map_or_else(|| "no input".to_owned(), |device| hal::port(device).name)
    }

    fn clock(&self) -> Arc<dyn Fn() -> Ms + Send + Sync> {
        self.line.clock()
    }

    fn format(&mut self) -> Format {
        let format = self.hardware();
        if format.is_valid() { format } else { Format::mono(48_000) }
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
        permission::open_settings()
    }

    fn route(&self) -> Ports {
        let port = |device: Option<AudioObjectID>| device.map(hal::port).into_iter().collect();
        Ports { inputs: port(self.target()), outputs: port(hal::default_output()) }
    }

    fn inputs(&self) -> Vec<Port> {
        hal::inputs().into_iter().map(hal::port).collect()
    }

    fn prefer(&mut self, input: Option<&str>) -> Result<(), BackendError> {
        let inputs = self.inputs();
        self.chosen = match input {
            None => None,
            Some(input) => {
                let found = find(&inputs, input).ok_or_else(|| no_input(input, &inputs))?;
                Some(found.id.clone())
            }
        };
        // Whoever captures moves over.
        self.line.inbox().post(News::Route(RouteReason::Override));
        Ok(())
    }
}

/// By its id, its name, its name in other letters, or a part of it: in this order.
fn find<'p>(inputs: &'p [Port], wanted: &str) -> Option<&'p Port> {
    let lower = wanted.to_lowercase();
    let ways: [&dyn Fn(&Port) -> bool; 4] = [
        &|port| port.id == wanted,
        &|port| port.name == wanted,
        &|port| port.name.to_lowercase() == lower,
        &|port| !lower.is_empty() && port.name.to_lowercase().contains(&lower),
    ];
    ways.iter().find_map(|way| inputs.iter().find(|port| way(port)))
}
