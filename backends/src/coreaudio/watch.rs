//! What Core Audio says by itself.

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::Arc;

use objc2_core_audio::{
    AudioObjectAddPropertyListener, AudioObjectID, AudioObjectPropertyAddress,
    AudioObjectPropertySelector, AudioObjectRemovePropertyListener,
    kAudioDevicePropertyDeviceIsAlive, kAudioDevicePropertyNominalSampleRate,
    kAudioDevicePropertyStreamConfiguration, kAudioHardwarePropertyDefaultInputDevice,
    kAudioHardwarePropertyDevices, kAudioHardwarePropertyServiceRestarted,
    kAudioObjectPropertyScopeGlobal, kAudioObjectPropertyScopeInput,
};
use tympan_core::session::{Event, RouteReason};

use super::hal::{self, SYSTEM, at};
use crate::apple::{Inbox, Lent, News};

/// Listens to an object, until it is dropped.
pub(super) struct Watch {
    object: AudioObjectID,
    listeners: Vec<(AudioObjectPropertyAddress, Lent)>,
}

impl Watch {
    /// Listens to what concerns all devices.
    pub(super) fn system(inbox: &Arc<Inbox>) -> Self {
        let mut watch = Self { object: SYSTEM, listeners: Vec::new() };
        let global =
            |selector: AudioObjectPropertySelector| at(selector, kAudioObjectPropertyScopeGlobal);
        let to = inbox.clone();
        watch.add(global(kAudioHardwarePropertyDefaultInputDevice), move || {
            to.post(News::Route(RouteReason::NewDevice));
        });
        let to = inbox.clone();
        watch.add(global(kAudioHardwarePropertyDevices), move || {
            to.post(News::Route(RouteReason::Configuration));
        });
        let to = inbox.clone();
        watch.add(global(kAudioHardwarePropertyServiceRestarted), move || {
            to.post(News::Event(Event::MediaReset));
        });
        watch
    }

    /// Listens to what concerns one device.
    pub(super) fn device(device: AudioObjectID, inbox: &Arc<Inbox>) -> Self {
        let mut watch = Self { object: device, listeners: Vec::new() };
        let to = inbox.clone();
        watch.add(
            at(kAudioDevicePropertyDeviceIsAlive, kAudioObjectPropertyScopeGlobal),
            move || {
                if !hal::is_alive(device) {
                    to.post(News::Route(RouteReason::OldDevice));
                }
            },
        );
        let changes = [
            at(kAudioDevicePropertyNominalSampleRate, kAudioObjectPropertyScopeGlobal),
            at(kAudioDevicePropertyStreamConfiguration, kAudioObjectPropertyScopeInput),
        ];
        for address in changes {
            let to = inbox.clone();
            watch.add(address, move || to.post(News::Event(Event::EngineConfigChanged)));
        }
        watch
    }

    /// What cannot be listened to is not heard of; the watchdog of the session is there for
    /// what nobody tells.
    fn add(
        &mut self,
        mut address: AudioObjectPropertyAddress,
        call: impl Fn() + Send + Sync + 'static,
    ) {
        let lent = Lent::new(call);
        // SAFETY: the address is read; what is lent is a number.
        let status = unsafe {
            AudioObjectAddPropertyListener(
                self.object,
                NonNull::from(&mut address),
                Some(changed),
                lent.number(),
            )
        };
        if status == 0 {
            self.listeners.push((address, lent));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for (address, lent) in &mut self.listeners {
            // SAFETY: as it was added.
            unsafe {
                AudioObjectRemovePropertyListener(
                    self.object,
                    NonNull::from(address),
                    Some(changed),
                    lent.number(),
                );
            }
        }
    }
}

unsafe extern "C-unwind" fn changed(
    _: AudioObjectID,
    _: u32,
    _: NonNull<AudioObjectPropertyAddress>,
    lent: *mut c_void,
) -> i32 {
    Lent::call(lent);
    0
}
