//! The input proc allocates nothing, and asks nothing of the system.
//!
//! Locks cannot be seen from outside while nobody else wants them; what waits for one
//! asks the system, which is seen.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use tympan::Format;
use tympan::backend::ios::Ios;
use tympan::backend::phone::{Phone, Setup};
use tympan::backend::{Buffer, Capture, Device, Notice};
use tympan::core::session::{Order, Platform, Profile};
use tympan_stage::{Dialect, World, deliver, enter, with};

static OPERATIONS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Counts while it is true.
    static ARMED: Cell<bool> = const { Cell::new(false) };
}

struct Counting;

fn count() {
    if ARMED.try_with(Cell::get).unwrap_or(false) {
        OPERATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

// Safety: all is left to the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count();
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What is planted in an ear, to show that it would be noticed.
#[derive(Clone, Copy, PartialEq)]
enum Planted {
    Nothing,
    Allocation,
    SystemCall,
}

struct Ear(Planted);

impl Capture for Ear {
    fn audio(&mut self, buffer: Buffer<'_>) {
        black_box(buffer.samples.iter().sum::<f32>());
        match self.0 {
            Planted::Nothing => {}
            Planted::Allocation => drop(black_box(Box::new(0u8))),
            // Safety: it asks for a number.
            Planted::SystemCall => drop(black_box(unsafe { libc::syscall(libc::SYS_gettid) })),
        }
    }

    fn notice(&mut self, notice: Notice) {
        black_box(notice);
    }
}

/// Callbacks of every kind, also such as cannot be rendered and such as are too long.
/// `each` is done around every one of them.
fn callbacks(planted: Planted, profile: Profile, each: impl Fn(&dyn Fn())) {
    with(|world| world.dead = false);
    let setup = Setup { format: Format::mono(48_000), ..Setup::default() };
    let mut phone = Phone::new(&setup);
    World::lend(0, &mut phone, || {
        let mut device = Ios::new(profile).unwrap();
        device.listen(Box::new(Ear(planted))).unwrap();
        device.perform(0, Order::Configure { rung: 0 });
        device.perform(0, Order::Activate { ticket: 1, rung: 0 });
        device.perform(0, Order::StartIo { ticket: 2, format: setup.format });
        let sound = vec![0.25f32; 5000];
        // More heartbeats than there is room for, too.
        for n in 0..3000u64 {
            let frames = [480, 1, 37, 4096, 1024, 5000][n as usize % 6];
            with(|world| world.units[0].fails = n % 50 == 17);
            each(&|| deliver(&sound[..frames], frames, n * 10_000_000));
        }
        let beats = std::iter::from_fn(|| device.poll(0)).count();
        assert!(beats > 1000, "{beats} heartbeats: the callbacks came through");
        with(|world| world.dead = true);
    });
}

fn operations(planted: Planted) -> u64 {
    OPERATIONS.store(0, Ordering::Relaxed);
    let voice = [Profile::DICTATION, Profile::VOICE_AGENT];
    for profile in voice {
        callbacks(planted, profile, |call| {
            ARMED.set(true);
            call();
            ARMED.set(false);
        });
    }
    OPERATIONS.load(Ordering::Relaxed)
}

#[test]
fn the_input_proc_allocates_nothing() {
    let _stage = enter(27, Dialect::Interruption);
    assert_eq!(operations(Planted::Nothing), 0);
    assert!(operations(Planted::Allocation) > 1000, "what is planted is counted");
}

/// Whether a process that may ask for nothing but to end gets through.
fn lives(planted: Planted) -> bool {
    // Safety: the child does what is below and ends, without what it has from the parent.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            let left = Cell::new(3000u32);
            callbacks(planted, Profile::DICTATION, |call| {
                if left.get() == 2900 {
                    // From here on: read, write, exit, and nothing else.
                    libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_STRICT);
                }
                call();
                left.set(left.get() - 1);
                if left.get() == 0 {
                    libc::syscall(libc::SYS_exit, 0);
                }
            });
            libc::_exit(1);
        }
        let mut status = 0;
        libc::waitpid(child, &raw mut status, 0);
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
    }
}

#[test]
fn the_input_proc_asks_nothing_of_the_system() {
    let _stage = enter(27, Dialect::Interruption);
    assert!(lives(Planted::Nothing));
    assert!(!lives(Planted::SystemCall), "what is planted ends it");
}
