//! The system's audio by cpal.

use std::time::Duration;

use ::cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use ::cpal::{
    BufferSize, ErrorKind, Host, HostId, InterfaceType, StreamConfig, SupportedBufferSize,
};

use super::system::{Alarmed, Heard, Input, Offer, Span, Spec, Stream, System};
use crate::{BackendError, BackendErrorKind, PortKind};

/// How long a server may take to open a stream.
const PATIENCE: Duration = Duration::from_secs(3);

/// cpal's hosts: connections to servers, made when they are asked and made again when they
/// are dead.
#[derive(Default)]
pub(super) struct Real {
    /// The one to use, where it is not left to us.
    only: Option<HostId>,
    host: Option<Host>,
    #[cfg(target_os = "linux")]
    quiet: Option<quiet::Quiet>,
}

impl Real {
    /// The host that this word names, if it begins like an id.
    pub(super) fn of(name: &str) -> Self {
        let prefix = name.split_once(':').map_or("", |(host, _)| host);
        let hosts = ::cpal::available_hosts();
        let only = hosts.into_iter().find(|host| host.name().eq_ignore_ascii_case(prefix));
        Self { only, ..Self::default() }
    }

    /// The host that this system's own settings speak of.
    fn host(&mut self) -> Result<&Host, BackendError> {
        #[cfg(target_os = "linux")]
        self.hush();
        if self.host.is_none() {
            self.host = Some(preferred_host(self.only)?);
        }
        Ok(self.host.as_ref().expect("it has just been made"))
    }

    /// A server that was restarted is found again only by asking anew.
    fn forget_if_dead<T>(&mut self, result: Result<T, ::cpal::Error>) -> Result<T, BackendError> {
        result.map_err(|error| {
            if matches!(error.kind(), ErrorKind::StreamInvalidated | ErrorKind::HostUnavailable) {
                self.host = None;
            }
            told(&error)
        })
    }

    /// Keeps ALSA from writing to the terminal about plugins that it cannot find.
    #[cfg(target_os = "linux")]
    fn hush(&mut self) {
        self.quiet = quiet::Quiet::new();
    }

    fn device(&mut self, id: &str) -> Result<::cpal::Device, BackendError> {
        let wanted = |device: &::cpal::Device| self::id(device).as_deref() == Some(id);
        let host = self.host()?;
        if let Some(device) = host.default_input_device().filter(wanted) {
            return Ok(device);
        }
        let devices = host.devices();
        let mut devices = self.forget_if_dead(devices)?;
        devices.find(wanted).ok_or_else(|| {
            let message = format!("the input `{id}` is not there any more");
            BackendError::new(BackendErrorKind::NotFound, message)
        })
    }
}

impl System for Real {
    fn inputs(&mut self) -> Result<Vec<Input>, BackendError> {
        let host = self.host()?;
        let (alsa, chosen) = (is_alsa(host.id()), host.default_input_device());
        let devices = host.devices();
        let devices: Vec<_> = self.forget_if_dead(devices)?.collect();
        let mut inputs: Vec<Input> = Vec::new();
        for device in chosen.iter().chain(&devices).filter(|device| is_input(device)) {
            if let Some(input) = input(device)
                && !(alsa && is_no_microphone(&input.id))
                && !inputs.iter().any(|known| known.id == input.id)
            {
                inputs.push(input);
            }
        }
        Ok(inputs)
    }

    fn chosen(&mut self) -> Option<String> {
        id(&self.host().ok()?.default_input_device()?)
    }

    fn offer(&mut self, id: &str) -> Result<Offer, BackendError> {
        let device = self.device(id)?;
        let callback_ms = match self.host()?.id().name() {
            name if name.eq_ignore_ascii_case("alsa") => ALSA_MS,
            name if name.eq_ignore_ascii_case("pulseaudio") => PULSE_MS,
            _ => CALLBACK_MS,
        };
        let usual = device.default_input_config().map(|config| Span {
            rates: (config.sample_rate(), config.sample_rate()),
            channels: config.channels(),
            coding: config.sample_format(),
            frames: frames(*config.buffer_size()),
        });
        let spans = device.supported_input_configs().map(|spans| {
            let span = |span: ::cpal::SupportedStreamConfigRange| Span {
                rates: (span.min_sample_rate(), span.max_sample_rate()),
                channels: span.channels(),
                coding: span.sample_format(),
                frames: frames(*span.buffer_size()),
            };
            spans.map(span).collect::<Vec<_>>()
        });
        match (usual, spans) {
            (Err(error), Err(_)) => self.forget_if_dead(Err(error)),
            (usual, spans) => {
                Ok(Offer { usual: usual.ok(), spans: spans.unwrap_or_default(), callback_ms })
            }
        }
    }

    fn open(
        &mut self,
        id: &str,
        spec: Spec,
        mut heard: Heard,
        alarm: Alarmed,
    ) -> Result<Box<dyn Stream>, BackendError> {
        let device = self.device(id)?;
        let config = StreamConfig {
            channels: spec.format.channels,
            sample_rate: spec.format.rate,
            buffer_size: spec.frames.map_or(BufferSize::Default, BufferSize::Fixed),
        };
        // On ALSA this is how often it looks whether the device is still there.
        let stream = device.build_input_stream_raw(
            config,
            spec.coding,
            move |data, info| heard(data, nanos(info.timestamp().callback)),
            alarm,
            Some(PATIENCE),
        );
        Ok(Box::new(Playing(self.forget_if_dead(stream)?)))
    }
}

struct Playing(::cpal::Stream);

impl Stream for Playing {
    fn play(&mut self) -> Result<(), BackendError> {
        self.0.play().map_err(|error| told(&error))
    }

    fn now_ns(&self) -> u64 {
        nanos(self.0.now())
    }
}

/// Some systems keep the microphone open, and its light on, until it was paused.
impl Drop for Playing {
    fn drop(&mut self) {
        // Those that cannot pause close it all the same.
        let _ = self.0.pause();
    }
}

/// What a callback is long where that can be chosen.
const CALLBACK_MS: u32 = 10;
/// ALSA's ring holds two of them and no more, and its thread is an ordinary one.
const ALSA_MS: u32 = 30;
/// The queue that cpal asks a `PulseAudio` server for holds one of them: a server that is held
/// up for longer loses what comes meanwhile, without a word. On a busy machine 20 ms did.
const PULSE_MS: u32 = 50;

pub(super) fn preferred_host(only: Option<HostId>) -> Result<Host, BackendError> {
    let mut ids = only.map_or_else(::cpal::available_hosts, |id| vec![id]);
    // A server before the drivers below it: its inputs are those that people know, and it
    // says when another one is chosen.
    ids.sort_by_key(|id| is_alsa(*id));
    let mut failed = None;
    for id in ids {
        match ::cpal::host_from_id(id) {
            Ok(host) => return Ok(host),
            Err(error) => failed = failed.or(Some(told(&error))),
        }
    }
    Err(failed.unwrap_or_else(|| {
        let message = "there is no audio system on this machine";
        BackendError::new(BackendErrorKind::NotFound, message)
    }))
}

fn is_alsa(host: HostId) -> bool {
    host.name().eq_ignore_ascii_case("alsa")
}

/// The default of ALSA does not know its own direction before it is opened.
fn is_input(device: &::cpal::Device) -> bool {
    use ::cpal::DeviceDirection::Output;
    device.description().is_ok_and(|about| about.direction() != Output)
}

/// ALSA lists converters, wrappers and a device of nothing among its inputs.
fn is_no_microphone(id: &str) -> bool {
    const NONE: [&str; 11] = [
        "null",
        "lavrate",
        "samplerate",
        "speexrate",
        "speex",
        "upmix",
        "vdownmix",
        "jack",
        "oss",
        "a52",
        "surround",
    ];
    let name = id.trim_start_matches("alsa:").split(':').next().unwrap_or_default();
    NONE.contains(&name)
}

fn id(device: &::cpal::Device) -> Option<String> {
    device.id().ok().map(|id| id.to_string())
}

fn input(device: &::cpal::Device) -> Option<Input> {
    let (id, about) = (id(device)?, device.description().ok()?);
    let kind = match about.interface_type() {
        InterfaceType::BuiltIn => PortKind::BuiltInMic,
        InterfaceType::Usb => PortKind::Usb,
        InterfaceType::Bluetooth => PortKind::BluetoothHfp,
        InterfaceType::Line => PortKind::Wired,
        _ => PortKind::Other,
    };
    let monitor = id.starts_with("pulseaudio:") && id.ends_with(".monitor");
    Some(Input { id, name: about.name().trim().to_owned(), kind, monitor })
}

fn frames(size: SupportedBufferSize) -> Option<(u32, u32)> {
    match size {
        SupportedBufferSize::Range { min, max } => Some((min, max)),
        SupportedBufferSize::Unknown => None,
    }
}

pub(super) fn nanos(moment: ::cpal::StreamInstant) -> u64 {
    u64::try_from(moment.as_nanos()).unwrap_or(u64::MAX)
}

/// What cpal says, as a sentence with the way out.
pub(super) fn told(error: &::cpal::Error) -> BackendError {
    let (kind, what) = match error.kind() {
        ErrorKind::DeviceNotAvailable => {
            (BackendErrorKind::NotFound, "the microphone is not there; is it plugged in?")
        }
        ErrorKind::HostUnavailable => {
            (BackendErrorKind::NotFound, "the audio system does not run; start its server")
        }
        ErrorKind::PermissionDenied => (BackendErrorKind::Permission, DENIED),
        ErrorKind::DeviceBusy => (
            BackendErrorKind::Busy,
            "another program has the microphone for itself; close it, then try again",
        ),
        ErrorKind::StreamInvalidated => {
            (BackendErrorKind::Failed, "the microphone has changed; try again")
        }
        ErrorKind::UnsupportedConfig => {
            (BackendErrorKind::Unreadable, "the microphone cannot be opened in the way it offers")
        }
        ErrorKind::UnsupportedOperation => {
            (BackendErrorKind::NotFound, "it is no input that can be opened")
        }
        _ => (BackendErrorKind::Failed, "the microphone cannot be opened"),
    };
    let message = match error.message() {
        Some(said) => format!("{what} ({said})"),
        None => what.to_owned(),
    };
    BackendError::new(kind, message)
}

const DENIED: &str = if cfg!(target_vendor = "apple") {
    "the microphone may not be used; allow it for this program in the system's settings, under \
     privacy"
} else if cfg!(target_os = "linux") {
    "the microphone may not be used; is this user in the group `audio`?"
} else {
    "the microphone may not be used; allow it in the system's settings"
};

/// ALSA's own messages.
#[cfg(target_os = "linux")]
mod quiet {
    use std::cell::RefCell;
    use std::rc::Rc;

    /// While it lives, what ALSA says on this thread is kept from the terminal.
    pub(super) struct Quiet(#[expect(dead_code)] Rc<RefCell<alsa::Output>>);

    impl Quiet {
        /// A new one begins with nothing, so that what is kept does not grow.
        pub(super) fn new() -> Option<Self> {
            alsa::Output::local_error_handler().ok().map(Self)
        }
    }
}
