//! Audio units: RemoteIO and voice processing, with their rules.

use std::ffi::c_void;
use std::ptr::NonNull;

use objc2_audio_toolbox::{AURenderCallback, AURenderCallbackStruct, AudioUnitRenderActionFlags};
use objc2_core_audio_types::{
    AudioBuffer, AudioBufferList, AudioStreamBasicDescription, AudioTimeStamp, AudioTimeStampFlags,
};
use tympan::Format;
use tympan::backend::{Buffer, Capture, Notice};
use tympan::core::session::{Event, Order};

use crate::mach::TICKS_PER_MS;
use crate::session::number;
use crate::world::{World, with};

// From AudioUnitProperties.h and AUComponent.h.
const STREAM_FORMAT: u32 = 8;
const MAXIMUM_FRAMES: u32 = 14;
const SET_RENDER_CALLBACK: u32 = 23;
const IS_RUNNING: u32 = 2001;
const ENABLE_IO: u32 = 2003;
const SET_INPUT_CALLBACK: u32 = 2005;
const OS_WORKGROUP: u32 = 2015;
const SCOPE_GLOBAL: u32 = 0;
const SCOPE_INPUT: u32 = 1;
const SCOPE_OUTPUT: u32 = 2;
const INVALID_PROPERTY: i32 = -10879;
const INVALID_SCOPE: i32 = -10866;
const INVALID_ELEMENT: i32 = -10877;
const INITIALIZED: i32 = -10849;
const UNINITIALIZED: i32 = -10867;
const FORMAT_NOT_SUPPORTED: i32 = -10868;
const FAILED_INITIALIZATION: i32 = -10875;
const TOO_MANY_FRAMES: i32 = -10874;
const CANNOT_DO: i32 = -10863;
const PARAM: i32 = -50;

type Listener = unsafe extern "C-unwind" fn(NonNull<c_void>, *mut c_void, u32, u32, u32);

/// An audio unit.
pub struct FakeUnit {
    id: usize,
    pub voice: bool,
    input_enabled: bool,
    output_enabled: bool,
    initialized: bool,
    running: bool,
    most: u32,
    /// What it gives to the app.
    client: AudioStreamBasicDescription,
    input: Option<(AURenderCallback, usize)>,
    render: Option<AURenderCallback>,
    listeners: Vec<(u32, usize, usize)>,
    /// What is to be rendered in the callback under way.
    piece: Option<(usize, usize)>,
    /// The next callback fails to render.
    pub fails: bool,
    /// It calls although it was stopped.
    pub late: bool,
}

const NO_FORMAT: AudioStreamBasicDescription = AudioStreamBasicDescription {
    mSampleRate: 0.0,
    mFormatID: 0,
    mFormatFlags: 0,
    mBytesPerPacket: 0,
    mFramesPerPacket: 0,
    mBytesPerFrame: 0,
    mChannelsPerFrame: 0,
    mBitsPerChannel: 0,
    mReserved: 0,
};

fn find<T>(unit: *mut c_void, work: impl FnOnce(&mut FakeUnit) -> T) -> Option<T> {
    let found = with(|world| world.units.iter_mut().find(|own| own.id == unit as usize).map(work));
    if found.is_none() {
        World::offend("a unit is used that is none, or no longer");
    }
    found
}

// ---- Components ----

#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn AudioComponentFindNext(
    _: *mut c_void,
    wanted: *const [u32; 5],
) -> *mut c_void {
    let [kind, subtype, maker, ..] = (*wanted).map(u32::to_be_bytes);
    match (&kind, &subtype, &maker) {
        (b"auou", b"rioc", b"appl") => 0x10 as *mut c_void,
        (b"auou", b"vpio", b"appl") => 0x20 as *mut c_void,
        _ => std::ptr::null_mut(),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn AudioComponentInstanceNew(
    component: *mut c_void,
    made: *mut *mut c_void,
) -> i32 {
    static LAST: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0x1000);
    let id = LAST.fetch_add(0x10, std::sync::atomic::Ordering::Relaxed);
    let stale = with(|world| {
        world.units.push(FakeUnit {
            id,
            voice: component as usize == 0x20,
            input_enabled: false,
            output_enabled: true,
            initialized: false,
            running: false,
            most: 1156,
            client: NO_FORMAT,
            input: None,
            render: None,
            listeners: Vec::new(),
            piece: None,
            fails: false,
            late: false,
        });
        std::mem::take(&mut world.reset_without_unit)
    });
    if stale {
        World::order(Order::RebuildEngine);
    }
    *made = id as *mut c_void;
    0
}

#[unsafe(no_mangle)]
extern "C-unwind" fn AudioComponentInstanceDispose(unit: *mut c_void) -> i32 {
    let listeners = find(unit, |unit| unit.listeners.len()).unwrap_or(0);
    if listeners > 0 {
        World::offend("a unit was thrown away that still lends a listener");
    }
    with(|world| world.units.retain(|own| own.id != unit as usize));
    World::order(Order::RebuildEngine);
    0
}

// ---- Properties ----

/// Reads a value of this type from what the app passes.
unsafe fn read<T: Copy>(data: *const c_void, size: u32) -> Option<T> {
    (!data.is_null() && size as usize == size_of::<T>()).then(|| data.cast::<T>().read_unaligned())
}

#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn AudioUnitSetProperty(
    unit: *mut c_void,
    id: u32,
    scope: u32,
    element: u32,
    data: *const c_void,
    size: u32,
) -> i32 {
    let done = find(unit, |unit| match (id, scope, element) {
        (ENABLE_IO | STREAM_FORMAT | MAXIMUM_FRAMES, ..) if unit.initialized => Err(INITIALIZED),
        (ENABLE_IO, SCOPE_INPUT, 1) => {
            unit.input_enabled = read::<u32>(data, size).ok_or(PARAM)? != 0;
            Ok(())
        }
        (ENABLE_IO, SCOPE_OUTPUT, 0) => {
            unit.output_enabled = read::<u32>(data, size).ok_or(PARAM)? != 0;
            Ok(())
        }
        (ENABLE_IO, SCOPE_INPUT | SCOPE_OUTPUT, _) => Err(INVALID_ELEMENT),
        (ENABLE_IO, ..) => Err(INVALID_SCOPE),
        (STREAM_FORMAT, SCOPE_OUTPUT, 1) => {
            let format: AudioStreamBasicDescription = read(data, size).ok_or(PARAM)?;
            check(&format)?;
            unit.client = format;
            Ok(())
        }
        // The hardware's side cannot be set.
        (STREAM_FORMAT, SCOPE_INPUT, 1) => Err(-10865),
        // What is played: not looked at.
        (STREAM_FORMAT, _, 0) => Ok(()),
        (STREAM_FORMAT, ..) => Err(INVALID_ELEMENT),
        (MAXIMUM_FRAMES, SCOPE_GLOBAL, 0) => {
            unit.most = read(data, size).ok_or(PARAM)?;
            Ok(())
        }
        (SET_INPUT_CALLBACK, SCOPE_GLOBAL, _) => {
            let given: AURenderCallbackStruct = read(data, size).ok_or(PARAM)?;
            unit.input = Some((given.inputProc, given.inputProcRefCon as usize));
            Ok(())
        }
        (SET_RENDER_CALLBACK, SCOPE_INPUT, 0) => {
            let given: AURenderCallbackStruct = read(data, size).ok_or(PARAM)?;
            unit.render = Some(given.inputProc);
            Ok(())
        }
        (MAXIMUM_FRAMES | SET_INPUT_CALLBACK | SET_RENDER_CALLBACK, ..) => Err(INVALID_SCOPE),
        _ => Err(INVALID_PROPERTY),
    });
    match done {
        Some(Ok(())) => 0,
        Some(Err(status)) => status,
        None => CANNOT_DO,
    }
}

/// Whether a description makes sense: packed floats, interleaved.
fn check(format: &AudioStreamBasicDescription) -> Result<(), i32> {
    let frame = format.mChannelsPerFrame * 4;
    let sound = &format.mFormatID.to_be_bytes() == b"lpcm"
        // Float and packed; not non-interleaved.
        && format.mFormatFlags == 1 | 8
        && format.mBitsPerChannel == 32
        && format.mFramesPerPacket == 1
        && format.mBytesPerFrame == frame
        && format.mBytesPerPacket == frame
        && format.mSampleRate >= 8000.0
        && format.mChannelsPerFrame > 0;
    if sound { Ok(()) } else { Err(FORMAT_NOT_SUPPORTED) }
}

#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn AudioUnitGetProperty(
    unit: *mut c_void,
    id: u32,
    scope: u32,
    _element: u32,
    data: *mut c_void,
    size: *mut u32,
) -> i32 {
    if id == OS_WORKGROUP && scope == SCOPE_GLOBAL && *size as usize == size_of::<usize>() {
        data.cast::<usize>().write(GROUP);
        return 0;
    }
    let running = World::phone(|phone| phone.is_running()).unwrap_or(false);
    let value = find(unit, |unit| match (id, scope) {
        (IS_RUNNING, SCOPE_GLOBAL) => Ok(u32::from(unit.running && running)),
        (MAXIMUM_FRAMES, SCOPE_GLOBAL) => Ok(unit.most),
        (IS_RUNNING | MAXIMUM_FRAMES, _) => Err(INVALID_SCOPE),
        _ => Err(INVALID_PROPERTY),
    });
    match value {
        Some(Ok(value)) if *size as usize == size_of::<u32>() => {
            data.cast::<u32>().write(value);
            0
        }
        Some(Ok(_)) => PARAM,
        Some(Err(status)) => status,
        None => CANNOT_DO,
    }
}

#[unsafe(no_mangle)]
extern "C-unwind" fn AudioUnitAddPropertyListener(
    unit: *mut c_void,
    id: u32,
    proc: Option<Listener>,
    lent: *mut c_void,
) -> i32 {
    let Some(proc) = proc else { return PARAM };
    let added =
        find(unit, |unit| unit.listeners.push((id, proc as *const () as usize, lent as usize)));
    if added.is_some() { 0 } else { CANNOT_DO }
}

#[unsafe(no_mangle)]
extern "C-unwind" fn AudioUnitRemovePropertyListenerWithUserData(
    unit: *mut c_void,
    id: u32,
    proc: Option<Listener>,
    lent: *mut c_void,
) -> i32 {
    let Some(proc) = proc else { return PARAM };
    let own = (id, proc as *const () as usize, lent as usize);
    let removed = find(unit, |unit| unit.listeners.retain(|listener| *listener != own));
    if removed.is_some() { 0 } else { CANNOT_DO }
}

/// The hardware under the app's units has changed; whether one of them says so.
pub(crate) fn hardware_changed() -> bool {
    let listeners: Vec<_> = with(|world| {
        let all = world.units.iter();
        all.flat_map(|unit| unit.listeners.iter().map(|listener| (unit.id, *listener))).collect()
    });
    let mut told = false;
    for (unit, (id, proc, lent)) in listeners {
        if id == STREAM_FORMAT {
            // Safety: it was registered as such, and is called as Apple calls it, also for
            // the side that has not changed.
            unsafe {
                let proc: Listener = std::mem::transmute(proc);
                let lent = NonNull::new(lent as *mut c_void).expect("something was lent");
                proc(lent, unit as *mut c_void, id, SCOPE_INPUT, 1);
                proc(lent, unit as *mut c_void, id, SCOPE_OUTPUT, 1);
            }
            told = true;
        }
    }
    told
}

// ---- Running ----

#[unsafe(no_mangle)]
extern "C-unwind" fn AudioUnitInitialize(unit: *mut c_void) -> i32 {
    let done = find(unit, |unit| {
        // Voice processing subtracts what it plays: without an output it does not begin.
        if unit.voice && !(unit.output_enabled && unit.render.is_some()) {
            return FAILED_INITIALIZATION;
        }
        if unit.voice && unit.client.mChannelsPerFrame != 1 {
            return FAILED_INITIALIZATION;
        }
        unit.initialized = true;
        0
    });
    done.unwrap_or(CANNOT_DO)
}

#[unsafe(no_mangle)]
extern "C-unwind" fn AudioUnitUninitialize(unit: *mut c_void) -> i32 {
    find(unit, |unit| unit.initialized = false).map_or(CANNOT_DO, |()| 0)
}

#[unsafe(no_mangle)]
extern "C-unwind" fn AudioOutputUnitStart(unit: *mut c_void) -> i32 {
    let Some((ready, client, voice)) =
        find(unit, |unit| (unit.initialized && unit.input_enabled, unit.client, unit.voice))
    else {
        return CANNOT_DO;
    };
    if !ready {
        return UNINITIALIZED;
    }
    World::log(format!("start {}", if voice { "voice" } else { "remote" }));
    let mut format = Format::new(client.mSampleRate as u32, client.mChannelsPerFrame as u16);
    if voice {
        // It makes one voice of whatever the hardware has.
        format.channels = World::phone(|phone| phone.format().channels).unwrap_or(1);
    }
    match World::order(Order::StartIo { ticket: 0, format }) {
        Some(Event::IoStarted { .. }) => {
            find(unit, |unit| unit.running = true);
            0
        }
        Some(Event::IoFailed { code, .. }) => number(code),
        _ => CANNOT_DO,
    }
}

#[unsafe(no_mangle)]
extern "C-unwind" fn AudioOutputUnitStop(unit: *mut c_void) -> i32 {
    let Some(ran) = find(unit, |unit| std::mem::take(&mut unit.running)) else { return CANNOT_DO };
    if ran {
        World::order(Order::StopIo);
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn AudioUnitRender(
    unit: *mut c_void,
    _flags: *mut AudioUnitRenderActionFlags,
    _stamp: NonNull<AudioTimeStamp>,
    bus: u32,
    frames: u32,
    list: NonNull<AudioBufferList>,
) -> i32 {
    let list = &mut *list.as_ptr();
    let Some(state) = find(unit, |unit| {
        (unit.piece.take(), unit.client.mBytesPerFrame, unit.most, std::mem::take(&mut unit.fails))
    }) else {
        return CANNOT_DO;
    };
    let (Some((samples, length)), frame, most, fails) = state else {
        World::offend("a unit was rendered from without its callback");
        return CANNOT_DO;
    };
    if fails {
        return -10863;
    }
    if bus != 1 {
        World::offend("the input is not on that bus");
        return INVALID_ELEMENT;
    }
    if frames > most {
        return TOO_MANY_FRAMES;
    }
    let bytes = frames * frame;
    if list.mNumberBuffers != 1 || list.mBuffers[0].mDataByteSize < bytes {
        World::offend("the buffer list is too small");
        return PARAM;
    }
    // Safety: `deliver` has put them there, and waits.
    let samples = std::slice::from_raw_parts(samples as *const f32, length);
    assert_eq!(samples.len() * 4, bytes as usize);
    let to = list.mBuffers[0].mData.cast::<f32>();
    std::ptr::copy_nonoverlapping(samples.as_ptr(), to, samples.len());
    list.mBuffers[0].mDataByteSize = bytes;
    0
}

/// Hears what the phone hears, and brings it to the unit that runs.
pub(crate) struct Wire {
    samples: Vec<f32>,
    dice: u32,
}

impl Wire {
    pub(crate) fn new() -> Self {
        Self { samples: Vec::with_capacity(1 << 16), dice: 1 }
    }

    /// In the format that the app has asked for: RemoteIO converts, if badly here.
    fn convert(&mut self, buffer: Buffer<'_>, to: Format) {
        let from = buffer.format;
        let frames = buffer.samples.len() / usize::from(from.channels);
        let out = frames * to.rate as usize / from.rate as usize;
        self.samples.clear();
        for n in 0..out {
            let at = n * frames / out.max(1);
            for channel in 0..to.channels {
                let channel = usize::from(channel.min(from.channels - 1));
                self.samples.push(buffer.samples[at * usize::from(from.channels) + channel]);
            }
        }
    }
}

impl Capture for Wire {
    /// In callbacks of any size, as a Bluetooth route has them.
    fn audio(&mut self, buffer: Buffer<'_>) {
        let running = with(|world| {
            let unit = world.units.iter().find(|unit| unit.running)?;
            Some(Format::new(unit.client.mSampleRate as u32, unit.client.mChannelsPerFrame as u16))
        });
        let Some(format) = running else { return };
        self.convert(buffer, format);
        let channels = usize::from(format.channels);
        let (mut at, all) = (0, self.samples.len() / channels);
        while at < all {
            self.dice = self.dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let frames = (1 + self.dice as usize % all).min(all - at);
            let piece = &self.samples[at * channels..(at + frames) * channels];
            let ns = at as u64 * 1_000_000_000 / u64::from(format.rate);
            deliver(piece, frames, buffer.host_ns + ns);
            at += frames;
        }
    }

    fn notice(&mut self, _: Notice) {
        // iOS says this by notifications only.
    }
}

/// One callback of the unit that runs, with these samples.
pub fn deliver(samples: &[f32], frames: usize, host_ns: u64) {
    let called = with(|world| {
        let unit = world.units.iter_mut().find(|unit| unit.running || unit.late)?;
        unit.piece = Some((samples.as_ptr() as usize, samples.len()));
        Some((unit.input?, unit.render.flatten()))
    });
    let Some(((Some(proc), lent), render)) = called else { return };
    let slept = with(|world| world.slept);
    let mut flags = AudioUnitRenderActionFlags(0);
    // Safety: all zeros are a stamp that says nothing.
    let mut stamp: AudioTimeStamp = unsafe { std::mem::zeroed() };
    stamp.mFlags = AudioTimeStampFlags::SampleHostTimeValid;
    stamp.mHostTime = (host_ns * TICKS_PER_MS / 1_000_000).saturating_sub(slept);
    // Safety: called as Apple calls it.
    unsafe {
        proc(
            NonNull::new(lent as *mut c_void).expect("something was lent"),
            NonNull::from(&mut flags),
            NonNull::from(&mut stamp),
            1,
            frames as u32,
            std::ptr::null_mut(),
        );
    }
    if let Some(render) = render {
        plays_silence(render);
    }
}

/// What a voice-processing unit plays has to be nothing at all.
fn plays_silence(
    render: unsafe extern "C-unwind" fn(
        NonNull<c_void>,
        NonNull<AudioUnitRenderActionFlags>,
        NonNull<AudioTimeStamp>,
        u32,
        u32,
        *mut AudioBufferList,
    ) -> i32,
) {
    let mut sound = [1.0f32; 64];
    let mut list = AudioBufferList {
        mNumberBuffers: 1,
        mBuffers: [AudioBuffer {
            mNumberChannels: 1,
            mDataByteSize: size_of_val(&sound) as u32,
            mData: sound.as_mut_ptr().cast(),
        }],
    };
    let mut flags = AudioUnitRenderActionFlags(0);
    // Safety: as above. It was given nothing, and looks at nothing.
    unsafe {
        let mut stamp: AudioTimeStamp = std::mem::zeroed();
        let nothing = NonNull::dangling();
        render(nothing, NonNull::from(&mut flags), NonNull::from(&mut stamp), 0, 64, &raw mut list);
    }
    if sound.iter().any(|sample| *sample != 0.0) {
        World::offend("the voice-processing unit plays noise");
    }
}

// ---- Workgroups ----

/// Stands for the group of the one device.
const GROUP: usize = 0x7000;

fn at_group(group: *mut c_void, change: impl FnOnce(&mut (i32, i32))) {
    assert_eq!(group as usize, GROUP);
    with(|world| change(&mut world.group));
}

#[unsafe(no_mangle)]
extern "C" fn os_retain(group: *mut c_void) -> *mut c_void {
    at_group(group, |(references, _)| *references += 1);
    group
}

#[unsafe(no_mangle)]
extern "C" fn os_release(group: *mut c_void) {
    at_group(group, |(references, _)| *references -= 1);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn os_workgroup_join(group: *mut c_void, token: *mut u64) -> i32 {
    if with(|world| world.group.1) > 0 {
        // EALREADY: a thread is in one group at most.
        return 37;
    }
    at_group(group, |(_, members)| *members += 1);
    // The system writes into it, and knows it by its place.
    *token = token as u64;
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn os_workgroup_leave(group: *mut c_void, token: *mut u64) {
    assert_eq!(*token, token as u64, "the token was moved");
    at_group(group, |(_, members)| *members -= 1);
}
