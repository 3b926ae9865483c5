//! Where audio comes from and goes to.

use objc2::rc::Retained;
use objc2_avf_audio::{
    AVAudioSessionPortBluetoothA2DP, AVAudioSessionPortBluetoothHFP, AVAudioSessionPortBluetoothLE,
    AVAudioSessionPortBuiltInMic, AVAudioSessionPortBuiltInReceiver,
    AVAudioSessionPortBuiltInSpeaker, AVAudioSessionPortCarAudio, AVAudioSessionPortDescription,
    AVAudioSessionPortHeadphones, AVAudioSessionPortHeadsetMic, AVAudioSessionPortLineIn,
    AVAudioSessionPortLineOut, AVAudioSessionPortUSBAudio,
};
use objc2_foundation::{NSArray, NSString};

use super::session::shared;
use crate::device::{Port, PortKind, Ports};

/// The route in use.
pub(super) fn current() -> Ports {
    // SAFETY: messages to objects that are alive.
    unsafe {
        let route = shared().currentRoute();
        Ports { inputs: ports(&route.inputs()), outputs: ports(&route.outputs()) }
    }
}

/// The inputs that can be chosen.
pub(super) fn available() -> Vec<Port> {
    // SAFETY: a message to an object that is alive.
    unsafe { shared().availableInputs() }.map_or_else(Vec::new, |inputs| ports(&inputs))
}

/// Whether sound comes out of the phone's own loudspeaker.
pub(super) fn speaks(ports: &Ports) -> bool {
    ports.outputs.iter().any(|port| port.kind == PortKind::Speaker)
}

/// Wants this input, by its id, or leaves the choice to the system. Whether it is there.
pub(super) fn prefer(id: Option<&str>) -> bool {
    let session = shared();
    let find = |id: &str| -> Option<Retained<AVAudioSessionPortDescription>> {
        // SAFETY: messages to objects that are alive.
        let inputs = unsafe { session.availableInputs() }?;
        // SAFETY: as above.
        inputs.iter().find(|port| unsafe { port.UID() }.to_string() == id)
    };
    let port = id.and_then(find);
    if id.is_some() && port.is_none() {
        return false;
    }
    // SAFETY: a message to an object that is alive, with a port that it named itself.
    unsafe { session.setPreferredInput_error(port.as_deref()) }.is_ok()
}

fn ports(list: &NSArray<AVAudioSessionPortDescription>) -> Vec<Port> {
    list.iter().map(|port| read(&port)).collect()
}

fn read(port: &AVAudioSessionPortDescription) -> Port {
    // SAFETY: messages to an object that is alive.
    unsafe {
        Port {
            id: port.UID().to_string(),
            name: port.portName().to_string(),
            kind: kind(&port.portType()),
        }
    }
}

fn kind(port: &NSString) -> PortKind {
    // SAFETY: they are constants, set before the process runs; those that a system may
    // lack are none there.
    let kinds = unsafe {
        [
            (AVAudioSessionPortBuiltInMic, PortKind::BuiltInMic),
            (AVAudioSessionPortBuiltInSpeaker, PortKind::Speaker),
            (AVAudioSessionPortBuiltInReceiver, PortKind::Receiver),
            (AVAudioSessionPortHeadsetMic, PortKind::Wired),
            (AVAudioSessionPortHeadphones, PortKind::Wired),
            (AVAudioSessionPortLineIn, PortKind::Wired),
            (AVAudioSessionPortLineOut, PortKind::Wired),
            (AVAudioSessionPortBluetoothHFP, PortKind::BluetoothHfp),
            (AVAudioSessionPortBluetoothA2DP, PortKind::BluetoothA2dp),
            (AVAudioSessionPortBluetoothLE, PortKind::BluetoothLe),
            (AVAudioSessionPortUSBAudio, PortKind::Usb),
            (AVAudioSessionPortCarAudio, PortKind::Car),
        ]
    };
    let known = kinds.into_iter().find(|(name, _)| name.is_some_and(|name| name == port));
    known.map_or(PortKind::Other, |(_, kind)| kind)
}
