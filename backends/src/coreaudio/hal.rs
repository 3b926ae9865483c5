//! What Core Audio says about its devices.

use std::ffi::c_void;
use std::ptr::NonNull;

use objc2_core_audio::{
    AudioObjectGetPropertyData, AudioObjectGetPropertyDataSize, AudioObjectID,
    AudioObjectPropertyAddress, AudioObjectPropertyScope, AudioObjectPropertySelector,
    kAudioDevicePropertyDeviceIsAlive, kAudioDevicePropertyDeviceUID,
    kAudioDevicePropertyNominalSampleRate, kAudioDevicePropertyStreamConfiguration,
    kAudioDevicePropertyTransportType, kAudioDeviceTransportTypeBluetooth,
    kAudioDeviceTransportTypeBluetoothLE, kAudioDeviceTransportTypeBuiltIn,
    kAudioDeviceTransportTypeUSB, kAudioHardwarePropertyDefaultInputDevice,
    kAudioHardwarePropertyDefaultOutputDevice, kAudioHardwarePropertyDevices,
    kAudioObjectPropertyElementMain, kAudioObjectPropertyName, kAudioObjectPropertyScopeGlobal,
    kAudioObjectPropertyScopeInput, kAudioObjectSystemObject,
};
use objc2_core_audio_types::{AudioBuffer, AudioBufferList};
use objc2_core_foundation::{CFRetained, CFString};
use tympan_core::Format;

use crate::device::{Port, PortKind};

/// The object that stands for the whole system.
pub(super) const SYSTEM: AudioObjectID = kAudioObjectSystemObject as AudioObjectID;

/// Where a property is, of the object as a whole.
pub(super) const fn at(
    selector: AudioObjectPropertySelector,
    scope: AudioObjectPropertyScope,
) -> AudioObjectPropertyAddress {
    AudioObjectPropertyAddress {
        mSelector: selector,
        mScope: scope,
        mElement: kAudioObjectPropertyElementMain,
    }
}

/// The bytes of a property, aligned for anything that is read from them.
fn bytes(object: AudioObjectID, mut at: AudioObjectPropertyAddress) -> Option<(Vec<u64>, usize)> {
    let (mut size, address) = (0u32, NonNull::from(&mut at));
    // SAFETY: address and size are places of ours; there is no qualifier.
    let status = unsafe {
        AudioObjectGetPropertyDataSize(
            object,
            address,
            0,
            std::ptr::null(),
            NonNull::from(&mut size),
        )
    };
    if status != 0 {
        return None;
    }
    let mut data = vec![0u64; (size as usize).div_ceil(8).max(1)];
    let to = NonNull::from(&mut data[0]).cast::<c_void>();
    // SAFETY: as above, and `data` is as long as `size` says, which is what is written at
    // most.
    let status = unsafe {
        AudioObjectGetPropertyData(
            object,
            address,
            0,
            std::ptr::null(),
            NonNull::from(&mut size),
            to,
        )
    };
    (status == 0).then_some((data, size as usize))
}

/// A property that is a number, or some numbers in a row.
fn numbers<T: Copy>(object: AudioObjectID, at: AudioObjectPropertyAddress) -> Vec<T> {
    let Some((data, size)) = bytes(object, at) else { return Vec::new() };
    let first = data.as_ptr().cast::<T>();
    // SAFETY: `size` bytes were written, and `T` is a plain number of at most 8 bytes.
    (0..size / size_of::<T>()).map(|n| unsafe { first.add(n).read() }).collect()
}

fn number<T: Copy>(
    object: AudioObjectID,
    selector: AudioObjectPropertySelector,
    scope: AudioObjectPropertyScope,
) -> Option<T> {
    numbers(object, at(selector, scope)).first().copied()
}

fn text(object: AudioObjectID, selector: AudioObjectPropertySelector) -> Option<String> {
    let found = number::<usize>(object, selector, kAudioObjectPropertyScopeGlobal)?;
    let text = NonNull::new(std::ptr::with_exposed_provenance_mut::<CFString>(found))?;
    // SAFETY: these properties are strings, which whoever reads them has to release.
    Some(unsafe { CFRetained::from_raw(text) }.to_string())
}

fn default(selector: AudioObjectPropertySelector) -> Option<AudioObjectID> {
    number(SYSTEM, selector, kAudioObjectPropertyScopeGlobal).filter(|device| *device != 0)
}

pub(super) fn default_input() -> Option<AudioObjectID> {
    default(kAudioHardwarePropertyDefaultInputDevice)
}

pub(super) fn default_output() -> Option<AudioObjectID> {
    default(kAudioHardwarePropertyDefaultOutputDevice)
}

/// All devices with a microphone.
pub(super) fn inputs() -> Vec<AudioObjectID> {
    let mut all: Vec<AudioObjectID> =
        numbers(SYSTEM, at(kAudioHardwarePropertyDevices, kAudioObjectPropertyScopeGlobal));
    all.retain(|device| channels(*device) > 0);
    all
}

pub(super) fn by_id(id: &str) -> Option<AudioObjectID> {
    inputs().into_iter().find(|device| uid(*device) == id)
}

fn uid(device: AudioObjectID) -> String {
    text(device, kAudioDevicePropertyDeviceUID).unwrap_or_default()
}

/// Whether it is still there.
pub(super) fn is_alive(device: AudioObjectID) -> bool {
    let scope = kAudioObjectPropertyScopeGlobal;
    number::<u32>(device, kAudioDevicePropertyDeviceIsAlive, scope) == Some(1)
}

/// What its input runs at; zeros where it has none.
pub(super) fn format(device: AudioObjectID) -> Format {
    let scope = kAudioObjectPropertyScopeGlobal;
    let rate = number::<f64>(device, kAudioDevicePropertyNominalSampleRate, scope);
    let format = Format::new(rate.unwrap_or(0.0).round() as u32, channels(device));
    if format.is_valid() { format } else { Format::new(0, 0) }
}

/// What stands before the buffers of a list: their number, and nothing up to where they
/// are aligned.
const HEAD: usize = std::mem::offset_of!(AudioBufferList, mBuffers);
const _: () = assert!(HEAD.is_multiple_of(size_of::<u64>()));

fn channels(device: AudioObjectID) -> u16 {
    let address = at(kAudioDevicePropertyStreamConfiguration, kAudioObjectPropertyScopeInput);
    let Some((data, size)) = bytes(device, address) else { return 0 };
    if size < HEAD {
        return 0;
    }
    // SAFETY: the property is a list of buffers, which begins with their number.
    let count = unsafe { data.as_ptr().cast::<u32>().read() } as usize;
    let there = (size - HEAD) / size_of::<AudioBuffer>();
    let first = data[HEAD / size_of::<u64>()..].as_ptr().cast::<AudioBuffer>();
    // SAFETY: behind it are the buffers; as many are read as were written.
    let each = (0..count.min(there)).map(|n| unsafe { (*first.add(n)).mNumberChannels });
    each.sum::<u32>().min(64) as u16
}

pub(super) fn port(device: AudioObjectID) -> Port {
    let name = text(device, kAudioObjectPropertyName).unwrap_or_else(|| "unnamed".to_owned());
    Port { id: uid(device), name, kind: kind(device) }
}

#[expect(non_upper_case_globals, reason = "the names are the system's")]
fn kind(device: AudioObjectID) -> PortKind {
    let scope = kAudioObjectPropertyScopeGlobal;
    match number::<u32>(device, kAudioDevicePropertyTransportType, scope).unwrap_or(0) {
        kAudioDeviceTransportTypeBuiltIn if channels(device) > 0 => PortKind::BuiltInMic,
        kAudioDeviceTransportTypeBuiltIn => PortKind::Speaker,
        kAudioDeviceTransportTypeUSB => PortKind::Usb,
        kAudioDeviceTransportTypeBluetooth if channels(device) > 0 => PortKind::BluetoothHfp,
        kAudioDeviceTransportTypeBluetooth => PortKind::BluetoothA2dp,
        kAudioDeviceTransportTypeBluetoothLE => PortKind::BluetoothLe,
        _ => PortKind::Other,
    }
}
