//! An audio unit that captures: set up, started, stopped and taken down.

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::Arc;

use coreaudio::Error;
use coreaudio::audio_unit::{AudioUnit, Element, IOType, Scope};
use objc2_audio_toolbox::{
    AURenderCallbackStruct, AudioUnitAddPropertyListener, AudioUnitPropertyID,
    AudioUnitRemovePropertyListenerWithUserData, AudioUnitRenderActionFlags,
    kAudioOutputUnitProperty_EnableIO, kAudioOutputUnitProperty_IsRunning,
    kAudioOutputUnitProperty_OSWorkgroup, kAudioOutputUnitProperty_SetInputCallback,
    kAudioUnitProperty_MaximumFramesPerSlice, kAudioUnitProperty_SetRenderCallback,
    kAudioUnitProperty_StreamFormat, kAudioUnitScope_Input,
};
use objc2_core_audio_types::{
    AudioBufferList, AudioStreamBasicDescription, AudioTimeStamp, kAudioFormatFlagIsFloat,
    kAudioFormatFlagIsPacked, kAudioFormatLinearPCM,
};
use tympan_core::Format;

use super::Lent;
use super::input::Input;
use crate::Workgroup;

/// The most frames of a callback that a unit is asked to keep to: what iOS makes of it
/// while the screen is off.
const MOST_FRAMES: u32 = 4096;

/// What sort of unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The hardware as it is.
    Plain,
    /// With the platform's echo cancellation and gain.
    Voice,
}

impl Kind {
    const fn io_type(self) -> IOType {
        match self {
            #[cfg(not(target_os = "macos"))]
            Self::Plain => IOType::RemoteIO,
            #[cfg(target_os = "macos")]
            Self::Plain => IOType::HalOutput,
            Self::Voice => IOType::VoiceProcessingIO,
        }
    }
}

/// What a unit has to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) kind: Kind,
    /// What it delivers.
    pub(crate) format: Format,
    /// The device that it listens to, where there is a choice; else 0.
    pub(crate) device: u32,
}

/// An audio unit and where its input goes.
pub(crate) struct Unit {
    inner: AudioUnit,
    wanted: Wanted,
    /// The most frames of a callback.
    most: usize,
    input: Arc<Input>,
    /// Called when its hardware has changed.
    changed: Lent,
}

impl Unit {
    /// A unit like this. `choose` may do more to it before it is initialised.
    pub(crate) fn new(
        wanted: Wanted,
        input: &Arc<Input>,
        changed: impl Fn() + Send + Sync + 'static,
        choose: impl FnOnce(&mut AudioUnit) -> Result<(), Error>,
    ) -> Result<Self, i32> {
        let inner = AudioUnit::new_uninitialized(wanted.kind.io_type()).map_err(status)?;
        let (input, changed) = (input.clone(), Lent::new(changed));
        let mut unit = Self { inner, wanted, most: 0, input, changed };
        unit.set_up(choose).map_err(status)?;
        Ok(unit)
    }

    fn set_up(
        &mut self,
        choose: impl FnOnce(&mut AudioUnit) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let unit = &mut self.inner;
        let (enable, on, off) = (kAudioOutputUnitProperty_EnableIO, 1u32, 0u32);
        unit.set_property(enable, Scope::Input, Element::Input, Some(&on))?;
        match self.wanted.kind {
            Kind::Plain => unit.set_property(enable, Scope::Output, Element::Output, Some(&off))?,
            // What voice processing subtracts is what it plays: it wants an output, and
            // is given silence for it.
            Kind::Voice => {
                let silence = AURenderCallbackStruct {
                    inputProc: Some(silence_proc),
                    inputProcRefCon: std::ptr::null_mut(),
                };
                let callback = kAudioUnitProperty_SetRenderCallback;
                unit.set_property(callback, Scope::Input, Element::Output, Some(&silence))?;
            }
        }
        choose(unit)?;
        let most = kAudioUnitProperty_MaximumFramesPerSlice;
        unit.set_property(most, Scope::Global, Element::Output, Some(&MOST_FRAMES))?;
        let format = description(self.wanted.format);
        let stream = kAudioUnitProperty_StreamFormat;
        unit.set_property(stream, Scope::Output, Element::Input, Some(&format))?;
        let (proc, input) = self.input.proc();
        let callback = AURenderCallbackStruct { inputProc: proc, inputProcRefCon: input };
        let listen = kAudioOutputUnitProperty_SetInputCallback;
        unit.set_property(listen, Scope::Global, Element::Output, Some(&callback))?;
        self.watch()?;
        let unit = &mut self.inner;
        unit.initialize()?;
        let most: u32 = unit.get_property(most, Scope::Global, Element::Output)?;
        self.most = most.max(MOST_FRAMES) as usize;
        Ok(())
    }

    /// Listens for changes of the hardware's format.
    fn watch(&mut self) -> Result<(), Error> {
        // SAFETY: the unit is alive, and what is lent to it is a number.
        Error::from_os_status(unsafe {
            AudioUnitAddPropertyListener(
                *self.inner.as_ref(),
                kAudioUnitProperty_StreamFormat,
                Some(format_changed),
                self.changed.number(),
            )
        })
    }

    /// Whether it is like this.
    pub(crate) fn fits(&self, wanted: Wanted) -> bool {
        self.wanted == wanted
    }

    /// The device that it listens to, where there is a choice.
    #[cfg(target_os = "macos")]
    pub(crate) const fn device(&self) -> u32 {
        self.wanted.device
    }

    pub(crate) fn start(&mut self) -> Result<(), i32> {
        self.input.open(*self.inner.as_ref(), self.wanted.format, self.most);
        self.inner.start().map_err(|error| {
            self.input.close();
            status(error)
        })
    }

    /// Stops it, whether or not it runs. Nothing is delivered when this returns.
    pub(crate) fn stop(&mut self) {
        // One that the system has stopped already may say so.
        let _ = self.inner.stop();
        self.input.close();
    }

    /// Whether it runs, as the system sees it.
    pub(crate) fn is_running(&self) -> bool {
        let running: Result<u32, _> = self.inner.get_property(
            kAudioOutputUnitProperty_IsRunning,
            Scope::Global,
            Element::Output,
        );
        running.is_ok_and(|running| running != 0)
    }
}

impl Unit {
    /// The threads of its device.
    pub(crate) fn workgroup(&self) -> Option<Workgroup> {
        let property = kAudioOutputUnitProperty_OSWorkgroup;
        // Voice processing names it at its input, if at all.
        let find = |element| -> Option<Workgroup> {
            let group = self.inner.get_property(property, Scope::Global, element).ok()?;
            // SAFETY: that is what the property is, and the unit is alive, and so its group.
            unsafe { Workgroup::of(group) }
        };
        find(Element::Output).or_else(|| find(Element::Input))
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        // SAFETY: the unit is alive, and this number was lent to it.
        unsafe {
            AudioUnitRemovePropertyListenerWithUserData(
                *self.inner.as_ref(),
                kAudioUnitProperty_StreamFormat,
                Some(format_changed),
                self.changed.number(),
            );
        }
        // The fields go in their order: the unit before what it calls.
        self.stop();
    }
}

/// Interleaved samples as we have them.
fn description(format: Format) -> AudioStreamBasicDescription {
    let channels = u32::from(format.channels);
    let frame = channels * size_of::<f32>() as u32;
    AudioStreamBasicDescription {
        mSampleRate: format.rate.into(),
        mFormatID: kAudioFormatLinearPCM,
        mFormatFlags: kAudioFormatFlagIsFloat | kAudioFormatFlagIsPacked,
        mBytesPerPacket: frame,
        mFramesPerPacket: 1,
        mBytesPerFrame: frame,
        mChannelsPerFrame: channels,
        mBitsPerChannel: 32,
        mReserved: 0,
    }
}

/// The number behind an error.
fn status(error: Error) -> i32 {
    match error {
        Error::Unknown(status) => status,
        Error::NoMatchingDefaultAudioUnitFound => i32::from_be_bytes(*b"!res"),
        other => other.as_os_status(),
    }
}

/// Our own settings change formats too; only the hardware's side of the input counts.
unsafe extern "C-unwind" fn format_changed(
    changed: NonNull<c_void>,
    _: objc2_audio_toolbox::AudioUnit,
    _: AudioUnitPropertyID,
    scope: u32,
    element: u32,
) {
    if scope == kAudioUnitScope_Input && element == Element::Input as u32 {
        Lent::call(changed.as_ptr());
    }
}

/// Plays nothing.
///
/// # Realtime
/// It fills the buffers it is given with zeros.
unsafe extern "C-unwind" fn silence_proc(
    _: NonNull<c_void>,
    flags: NonNull<AudioUnitRenderActionFlags>,
    _: NonNull<AudioTimeStamp>,
    _: u32,
    _: u32,
    list: *mut AudioBufferList,
) -> i32 {
    let Some(list) = NonNull::new(list) else { return 0 };
    // SAFETY: the unit lends flags and list for the time of the call; the list has as
    // many buffers as it says, each as long as it says.
    unsafe {
        *flags.as_ptr() |= AudioUnitRenderActionFlags::UnitRenderAction_OutputIsSilence;
        let first =
            (&raw mut (*list.as_ptr()).mBuffers).cast::<objc2_core_audio_types::AudioBuffer>();
        for n in 0..(*list.as_ptr()).mNumberBuffers as usize {
            let buffer = &*first.add(n);
            if !buffer.mData.is_null() {
                buffer.mData.cast::<u8>().write_bytes(0, buffer.mDataByteSize as usize);
            }
        }
    }
    0
}
