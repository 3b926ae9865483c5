//! What a recorder runs on: a platform with a microphone.

use std::sync::Arc;
use std::time::Duration;

use tympan_core::Format;
use tympan_core::session::{Ms, Platform};

use crate::{BackendError, BackendErrorKind, Capture, Workgroup};

/// A platform with a microphone, a clock and a word on what its user allows.
///
/// Orders and events of the session go through [`Platform`]; audio goes to whoever
/// [listens](Self::listen), whenever I/O runs. A device translates and decides nothing.
/// All of it is called from one thread that may block.
pub trait Device: Platform + Send {
    /// What a person would call it.
    fn name(&self) -> String;

    /// The clock that its buffers are stamped with, in ms.
    fn clock(&self) -> Arc<dyn Fn() -> Ms + Send + Sync>;

    /// The format that its audio most likely begins with. It may begin with another.
    fn format(&mut self) -> Format;

    /// Sends all audio here from now on. Dropping the device drops the listener.
    fn listen(&mut self, ear: Box<dyn Capture>) -> Result<(), BackendError>;

    /// Calls this, from any thread, when there is something to [poll](Platform::poll).
    fn on_news(&mut self, call: Arc<dyn Fn() + Send + Sync>);

    /// Waits until there may be something to poll, or until this moment. Whoever has
    /// news unparks the thread that waits.
    fn wait(&mut self, until: Option<Ms>) {
        match until {
            None => std::thread::park(),
            Some(until) => {
                let left = until.saturating_sub((self.clock())());
                std::thread::park_timeout(Duration::from_millis(left));
            }
        }
    }

    /// What works now and will not always: sentences for whoever builds the app.
    fn warnings(&self) -> &[String] {
        &[]
    }

    /// Whether audio comes at its own pace, so that who is late loses some.
    fn is_live(&self) -> bool {
        false
    }

    /// The group of threads that its callback is in, where the system has such groups.
    /// Told once for each start of I/O, behind which it may be another.
    fn workgroup(&mut self) -> Option<Workgroup> {
        None
    }

    /// Whether the microphone may be used, as far as is known without asking.
    fn permission(&self) -> Permission {
        Permission::Granted
    }

    /// Shows the system's settings where a denied microphone can be allowed; whether
    /// there is such a place.
    fn open_settings(&mut self) -> bool {
        false
    }

    /// Where audio comes from and goes to now.
    fn route(&self) -> Ports {
        Ports::default()
    }

    /// The inputs that can be chosen.
    fn inputs(&self) -> Vec<Port> {
        self.route().inputs
    }

    /// Wants this input from now on, by its id; none leaves the choice to the system.
    fn prefer(&mut self, input: Option<&str>) -> Result<(), BackendError> {
        let Some(input) = input else { return Ok(()) };
        let inputs = self.inputs();
        if inputs.iter().any(|port| port.id == input) {
            return Ok(());
        }
        Err(no_input(input, &inputs))
    }

    /// Whether takes are kept as WAV where that is asked for. Apps on Android are used to
    /// get M4A instead.
    fn keeps_wav(&self) -> bool {
        !cfg!(target_os = "android")
    }

    /// The language of the device, as a BCP 47 tag.
    fn language(&self) -> String {
        "en-US".to_owned()
    }
}

/// Whether the microphone may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Permission {
    /// Nobody has asked yet.
    #[default]
    Undetermined,
    /// It may.
    Granted,
    /// It may not, and only the system's settings change that.
    Denied,
}

/// Where audio comes from and goes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// Microphones in use.
    pub inputs: Vec<Port>,
    /// Loudspeakers and headphones in use.
    pub outputs: Vec<Port>,
}

/// A microphone, a loudspeaker, a headset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// What it is chosen by.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// What it is.
    pub kind: PortKind,
}

/// What a port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PortKind {
    /// The device's own microphone.
    BuiltInMic,
    /// The device's loudspeaker.
    Speaker,
    /// The loudspeaker at the ear.
    Receiver,
    /// Something with a plug for headphones or a headset.
    Wired,
    /// A Bluetooth headset in both directions, at the quality of a telephone. `AirPods`
    /// with their microphone in use are one.
    BluetoothHfp,
    /// Bluetooth for listening only.
    BluetoothA2dp,
    /// Bluetooth Low Energy, such as hearing aids.
    BluetoothLe,
    /// USB.
    Usb,
    /// A car.
    Car,
    /// Anything else.
    Other,
}

impl PortKind {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BuiltInMic => "builtin_mic",
            Self::Speaker => "speaker",
            Self::Receiver => "receiver",
            Self::Wired => "wired",
            Self::BluetoothHfp => "bluetooth_hfp",
            Self::BluetoothA2dp => "bluetooth_a2dp",
            Self::BluetoothLe => "bluetooth_le",
            Self::Usb => "usb",
            Self::Car => "car",
            Self::Other => "other",
        }
    }
}

/// There is no such input, and these are there.
pub(crate) fn no_input(wanted: &str, inputs: &[Port]) -> BackendError {
    let ids: Vec<_> = inputs.iter().map(|port| format!("`{}`", port.id)).collect();
    let there = if ids.is_empty() {
        "there is none".into()
    } else {
        format!("there is {}", ids.join(", "))
    };
    BackendError::new(BackendErrorKind::NotFound, format!("there is no input `{wanted}`; {there}"))
}
