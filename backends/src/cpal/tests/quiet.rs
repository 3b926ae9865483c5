//! The callback asks nobody for anything: no heap, and no system call at all.
//!
//! The heap is counted; system calls are forbidden by the kernel itself, on the one thread
//! that plays the system's: at the first one it is gone. So that is a process of its own,
//! once as it is and once with a fault that must be noticed.

#![allow(unsafe_code, reason = "an allocator and the kernel's own switch")]

use std::alloc::{GlobalAlloc, Layout, System as Heap};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::cpal::{Data, ErrorKind, SampleFormat};
use tympan_core::Format;

use crate::cpal::ear::{Alarm, Ear, Gate};
use crate::cpal::system::Spec;
use crate::{Buffer, Capture, Notice};

thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting touches
// thread-locals without a destructor, and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { Heap.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { Heap.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count() {
    if ARMED.try_with(Cell::get).unwrap_or(false) {
        COUNT.with(|count| count.set(count.get() + 1));
    }
}

/// Heap operations of this thread meanwhile.
fn heap_operations(of: impl FnOnce()) -> u64 {
    COUNT.set(0);
    ARMED.set(true);
    of();
    ARMED.set(false);
    COUNT.get()
}

/// A listener that only counts, so that what is measured is ours.
#[derive(Default)]
struct Deaf {
    frames: Arc<AtomicU64>,
    fault: Option<fn()>,
}

impl Capture for Deaf {
    fn audio(&mut self, buffer: Buffer<'_>) {
        let frames = buffer.samples.len() / usize::from(buffer.format.channels);
        self.frames.fetch_add(frames as u64, Ordering::Relaxed);
        if let Some(fault) = self.fault {
            fault();
        }
    }

    fn notice(&mut self, _: Notice) {}
}

const CODINGS: [SampleFormat; 12] = [
    SampleFormat::I8,
    SampleFormat::I16,
    SampleFormat::I24,
    SampleFormat::I32,
    SampleFormat::I64,
    SampleFormat::U8,
    SampleFormat::U16,
    SampleFormat::U24,
    SampleFormat::U32,
    SampleFormat::U64,
    SampleFormat::F32,
    SampleFormat::F64,
];

/// The callbacks of a device, of every coding and any size, with overruns and errors.
struct Device {
    ears: Vec<(SampleFormat, Ear)>,
    alarm: Arc<Alarm>,
    bytes: Vec<u64>,
    /// Frames that it has delivered, and that were heard.
    delivered: u64,
    heard: Arc<AtomicU64>,
}

/// More than the ear converts at once.
const MOST: usize = 10_000;

impl Device {
    fn new(fault: Option<fn()>) -> Self {
        let (alarm, heard) = (Alarm::here(), Arc::<AtomicU64>::default());
        let ear = |coding| {
            let gate = Gate::new(Box::new(Deaf { frames: heard.clone(), fault }));
            let spec = Spec { format: Format::stereo(48_000), coding, frames: None };
            (coding, Ear::new(gate, alarm.clone(), spec))
        };
        let ears = CODINGS.into_iter().map(ear).collect();
        Self { ears, alarm, bytes: vec![0; 2 * MOST], delivered: 0, heard }
    }

    fn deliver(&mut self, rounds: usize) {
        for n in 0..rounds {
            for (coding, ear) in &mut self.ears {
                let frames = [480, 1, 0, 4096, MOST, 333][n % 6];
                // SAFETY: there is room for so many of the widest samples, and any bits are
                // a sample.
                let data = unsafe {
                    Data::from_parts(self.bytes.as_mut_ptr().cast(), 2 * frames, *coding)
                };
                if n % 5 == 3 {
                    self.alarm.hear(&ErrorKind::Xrun.into());
                }
                ear.hear(&data, n as u64 * 10_000_000);
                self.delivered += frames as u64;
            }
        }
    }
}

#[test]
fn the_callback_leaves_the_heap_alone() {
    let mut device = Device::new(None);
    let count = heap_operations(|| device.deliver(600));
    assert!(device.delivered > 1_000_000);
    assert_eq!(device.heard.load(Ordering::Relaxed), device.delivered, "all of it is heard");
    println!("{} frames in every coding: {count} heap operations", device.delivered);
    assert_eq!(count, 0);

    let mut device = Device::new(Some(|| drop(std::hint::black_box(Box::new(0u8)))));
    assert!(heap_operations(|| device.deliver(6)) > 0, "a planted one was not noticed");
}

/// In a process of its own: the kernel ends the thread at the first system call of the
/// callback.
#[cfg(target_os = "linux")]
#[test]
fn the_callback_does_not_call_the_system() {
    use std::process::Command;

    const ROLE: &str = "TYMPAN_TEST_CALLS";
    const NAME: &str = "cpal::tests::quiet::the_callback_does_not_call_the_system";
    if let Ok(role) = std::env::var(ROLE) {
        let fault = (role == "planted").then_some((|| std::thread::yield_now()) as fn());
        return deliver_without_calls(Device::new(fault));
    }
    let run = |role: &str| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([NAME, "--exact", "--nocapture"]).env(ROLE, role);
        command.output().unwrap()
    };
    let clean = run("clean");
    assert!(clean.status.success(), "{}", String::from_utf8_lossy(&clean.stdout));
    assert!(String::from_utf8_lossy(&clean.stdout).contains("0 system calls"));
    let planted = run("planted");
    assert!(!planted.status.success(), "a planted call was not noticed");
}

#[cfg(target_os = "linux")]
fn deliver_without_calls(mut device: Device) {
    let (done, thread) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
    let (there, number) = (done.clone(), thread.clone());
    std::thread::spawn(move || {
        // SAFETY: it takes nothing and always succeeds.
        number.store(unsafe { libc::gettid() } as u64, Ordering::Release);
        // What is loaded at first use is loaded.
        device.deliver(6);
        // SAFETY: strict mode takes no pointer. From here on this thread may read, write and
        // end, and nothing else.
        let forbidden = unsafe { libc::prctl(libc::PR_SET_SECCOMP, 1) };
        if forbidden == 0 {
            device.deliver(600);
        }
        there.store(if forbidden == 0 { device.delivered } else { u64::MAX }, Ordering::Release);
        // SAFETY: it ends this thread alone, which owns nothing that anybody waits for.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
    });
    let is_there = |number: u64| {
        number == 0 || std::path::Path::new(&format!("/proc/self/task/{number}")).exists()
    };
    while done.load(Ordering::Acquire) == 0 {
        let here = is_there(thread.load(Ordering::Acquire));
        std::thread::sleep(std::time::Duration::from_millis(5));
        assert!(here || done.load(Ordering::Acquire) > 0, "the kernel has ended it");
    }
    match done.load(Ordering::Acquire) {
        u64::MAX => println!("NOT RUN, so 0 system calls were seen: the kernel has no such mode"),
        frames => println!("{frames} frames in every coding: 0 system calls"),
    }
}
