//! The input proc, and all that it touches.

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use objc2_audio_toolbox::{AudioUnit, AudioUnitRender, AudioUnitRenderActionFlags};
use objc2_core_audio_types::{AudioBuffer, AudioBufferList, AudioTimeStamp, AudioTimeStampFlags};
use ringbuf::HeapProd;
use ringbuf::traits::Producer;
use tympan_core::Format;
use tympan_core::session::{Heartbeat, Ms};

use super::clock::Clock;
use crate::{Buffer, Capture, Notice};

const NS_PER_MS: u64 = 1_000_000;

/// Nobody may come in: no unit runs, or it is being stopped.
const SHUT: u8 = 0;
/// The input proc may come in.
const OPEN: u8 = 1;
/// The input proc is in.
const INSIDE: u8 = 2;

/// Where the audio of a unit goes. It lives as long as its device, over any number of
/// units.
///
/// The input proc and the control thread take turns in it: the gate lets the proc in only
/// while a unit runs, and the control thread only while the gate is shut.
pub(crate) struct Input {
    gate: AtomicU8,
    stand: UnsafeCell<Stand>,
    clock: Arc<Clock>,
}

/// What is inside.
pub(crate) struct Stand {
    pub(crate) ear: Option<Box<dyn Capture>>,
    pub(crate) pulse: HeapProd<Heartbeat>,
    pub(crate) call: Arc<dyn Fn() + Send + Sync>,
    /// The unit that runs.
    unit: AudioUnit,
    format: Format,
    /// Room for the longest callback there can be.
    samples: Box<[f32]>,
    /// A sign of life that found no room.
    owed: Option<Heartbeat>,
    /// Nothing has come since the last start.
    first: bool,
}

// SAFETY: only the raw pointer to the unit stands in the way. An audio unit may be used
// from any thread, and this one is only rendered, from its own input proc.
unsafe impl Send for Stand {}

// SAFETY: whoever reaches the stand has the gate: it is `INSIDE` for one input proc at a
// time, and `SHUT` for `&mut self` or for the one control thread (see `shut`).
unsafe impl Sync for Input {}

impl Stand {
    pub(crate) fn new(pulse: HeapProd<Heartbeat>) -> Self {
        Self {
            ear: None,
            pulse,
            call: Arc::new(|| {}),
            unit: std::ptr::null_mut(),
            format: Format::new(0, 0),
            samples: Box::default(),
            owed: None,
            first: true,
        }
    }
}

impl Input {
    pub(crate) fn new(stand: Stand, clock: Arc<Clock>) -> Arc<Self> {
        Arc::new(Self { gate: AtomicU8::new(SHUT), stand: UnsafeCell::new(stand), clock })
    }

    /// Changes something while no unit runs. For the one control thread.
    pub(crate) fn shut<T>(&self, change: impl FnOnce(&mut Stand) -> T) -> T {
        // A proc that is in is out within a callback's time.
        while self
            .gate
            .compare_exchange_weak(OPEN, SHUT, Ordering::Acquire, Ordering::Relaxed)
            .is_err_and(|is| is != SHUT)
        {
            std::thread::yield_now();
        }
        // SAFETY: the gate is shut, so no input proc is in and none comes in, and there
        // is only one control thread, which does not call this from within `change`.
        change(unsafe { &mut *self.stand.get() })
    }

    /// From here on this unit may call. It delivers this format, and no callback of more
    /// than so many frames.
    pub(crate) fn open(&self, unit: AudioUnit, format: Format, most: usize) {
        let room = most * usize::from(format.channels);
        self.shut(|stand| {
            if stand.samples.len() < room {
                stand.samples = vec![0.0; room].into();
            }
            (stand.unit, stand.format, stand.first) = (unit, format, true);
        });
        self.gate.store(OPEN, Ordering::Release);
    }

    /// No unit calls any more: capture breaks off here.
    pub(crate) fn close(&self) {
        self.shut(|stand| {
            let ran = !std::mem::replace(&mut stand.unit, std::ptr::null_mut()).is_null();
            if let Some(ear) = stand.ear.as_mut().filter(|_| ran) {
                ear.notice(Notice::Break);
            }
        });
    }

    /// What a unit has to be given to call.
    pub(crate) fn proc(self: &Arc<Self>) -> (objc2_audio_toolbox::AURenderCallback, *mut c_void) {
        (Some(input_proc), Arc::as_ptr(self).cast_mut().cast())
    }
}

/// Called by the unit for each buffer of its input.
///
/// # Realtime
/// One render, one copy, a heartbeat and, for the first buffer after a start, one
/// wake-up. It allocates nothing, takes no lock and reads no clock.
unsafe extern "C-unwind" fn input_proc(
    input: NonNull<c_void>,
    flags: NonNull<AudioUnitRenderActionFlags>,
    stamp: NonNull<AudioTimeStamp>,
    bus: u32,
    frames: u32,
    _: *mut AudioBufferList,
) -> i32 {
    // SAFETY: whoever set the unit up gave it this pointer and keeps the input until
    // after the unit is gone.
    let input: &Input = unsafe { input.cast().as_ref() };
    let come = input.gate.compare_exchange(OPEN, INSIDE, Ordering::Acquire, Ordering::Relaxed);
    if come.is_err() {
        return 0;
    }
    // SAFETY: the gate is ours until it is opened again below.
    let stand = unsafe { &mut *input.stand.get() };
    let call = Call { flags, stamp, bus, frames };
    // A panic must not run into the platform's own code. There is none to be expected.
    let heard = catch_unwind(AssertUnwindSafe(|| stand.hear(&call, &input.clock)));
    // After a panic nobody comes in again, which is noticed as silence.
    input.gate.store(if heard.is_ok() { OPEN } else { SHUT }, Ordering::Release);
    0
}

/// The arguments of a callback.
struct Call {
    flags: NonNull<AudioUnitRenderActionFlags>,
    stamp: NonNull<AudioTimeStamp>,
    bus: u32,
    frames: u32,
}

impl Stand {
    fn hear(&mut self, call: &Call, clock: &Clock) {
        let Some(ear) = &mut self.ear else { return };
        let channels = usize::from(self.format.channels);
        let count = call.frames as usize * channels;
        let Some(samples) = self.samples.get_mut(..count) else {
            // It had promised not to.
            return ear.notice(Notice::Lost(call.frames.into()));
        };
        // SAFETY: the platform's arguments are passed on to the platform.
        if unsafe { render(self.unit, call, samples, channels as u32) } != 0 {
            return ear.notice(Notice::Lost(call.frames.into()));
        }
        // SAFETY: the platform lends it for the time of the call.
        let stamp = unsafe { call.stamp.as_ref() };
        let host_ns = if stamp.mFlags.contains(AudioTimeStampFlags::HostTimeValid) {
            clock.stamp(stamp.mHostTime)
        } else {
            0
        };
        ear.audio(Buffer { samples, format: self.format, host_ns });
        let silent = samples.iter().all(|sample| *sample == 0.0);
        self.beat(host_ns / NS_PER_MS, call.frames, silent);
    }

    fn beat(&mut self, host: Ms, frames: u32, silent: bool) {
        let mut beat = Heartbeat { host, frames, format: self.format, silent };
        if let Some(owed) = self.owed.take_if(|owed| owed.format == beat.format) {
            let frames = owed.frames.saturating_add(frames);
            beat = Heartbeat { frames, silent: owed.silent && silent, ..owed };
        }
        self.owed = self.pulse.try_push(beat).err();
        if std::mem::take(&mut self.first) {
            (self.call)();
        }
    }
}

/// Has the unit put its input into these samples.
///
/// # Safety
/// `unit` is the one that is calling, with the arguments in `call`.
unsafe fn render(unit: AudioUnit, call: &Call, samples: &mut [f32], channels: u32) -> i32 {
    // Made anew each time: the unit writes into it how much there was.
    let mut list = AudioBufferList {
        mNumberBuffers: 1,
        mBuffers: [AudioBuffer {
            mNumberChannels: channels,
            mDataByteSize: size_of_val(samples) as u32,
            mData: samples.as_mut_ptr().cast(),
        }],
    };
    // SAFETY: the list describes memory that is ours, as long as it says.
    let status = unsafe {
        AudioUnitRender(
            unit,
            call.flags.as_ptr(),
            call.stamp,
            call.bus,
            call.frames,
            NonNull::from(&mut list),
        )
    };
    let whole = list.mBuffers[0].mDataByteSize as usize >= size_of_val(samples);
    let ours = list.mBuffers[0].mData == samples.as_mut_ptr().cast();
    // A unit may hand out memory of its own instead; it was not asked to.
    if status == 0 && !(whole && ours) { -1 } else { status }
}
