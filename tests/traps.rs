//! No system call on the realtime path but the documented wake: callback and worker run
//! under a filter that traps every other one, on every shipped graph, with bad input, gaps
//! and breaks. What is planted must be trapped.
//!
//! A filter of the kernel's, so Linux only. What asks the system without calling it (the
//! clock) is not seen here; lints see to that.

#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

mod kit;

use std::cell::Cell;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use kit::{Grip, Hand};
use libc::{
    BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, c_int, sock_filter,
};
use tympan::backend::Notice;
use tympan::core::{Build, Built, Flow, Input, Kind, Node, Output, Refusal, Spec};
use tympan::{Format, Graph, Pipeline};

static TRAPS: AtomicU64 = AtomicU64::new(0);
/// The last one, for people.
static CALL: AtomicI32 = AtomicI32::new(-1);

extern "C" fn trapped(_: c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel gives the handler an info; of a SIGSYS, the number of the call
    // stands behind three words and an address.
    let call = unsafe { *info.cast::<c_int>().add(6) };
    CALL.store(call, Ordering::Relaxed);
    TRAPS.fetch_add(1, Ordering::Relaxed);
}

/// Counts traps from here on, in all threads.
fn count_traps() {
    // SAFETY: an action of zeros is a valid one, and the handler touches two atomics.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = trapped as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        assert_eq!(libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut()), 0);
    }
}

/// What a thread that ends does on its way, and the way back from the handler.
const AT_THE_END: &[libc::c_long] = &[
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_munmap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
];

const fn say(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

const fn unless(k: u32, skip: u8) -> sock_filter {
    sock_filter { code: (BPF_JMP | BPF_JEQ | BPF_K) as u16, jt: 0, jf: skip, k }
}

/// From here on this thread may wake others, wait for them if `waits`, and end.
fn shut(waits: bool) {
    const ALLOW: sock_filter = say(BPF_RET | BPF_K, libc::SECCOMP_RET_ALLOW);
    let number = say(BPF_LD | BPF_W | BPF_ABS, 0);
    let mut filter = vec![number];
    for &call in AT_THE_END {
        filter.extend([unless(call as u32, 1), ALLOW]);
    }
    let ways: &[c_int] = if waits {
        &[libc::FUTEX_WAKE, libc::FUTEX_WAIT, libc::FUTEX_WAIT_BITSET]
    } else {
        &[libc::FUTEX_WAKE]
    };
    filter.push(unless(libc::SYS_futex as u32, 2 + 2 * ways.len() as u8));
    // The second argument, without what says whose memory it is.
    filter.push(say(BPF_LD | BPF_W | BPF_ABS, 24));
    filter.push(say(BPF_ALU | BPF_AND | BPF_K, 0x7f));
    for &way in ways {
        filter.extend([unless(way as u32, 1), ALLOW]);
    }
    filter.push(say(BPF_RET | BPF_K, libc::SECCOMP_RET_TRAP));
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program points to a filter that lives as long as the call.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_MODE_FILTER;
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program), 0);
    }
}

thread_local! {
    static SHUT: Cell<bool> = const { Cell::new(false) };
}

/// Shuts the thread that runs the graph, from its first call on.
struct Shut {
    plant: i64,
}

impl Kind for Shut {
    const NAME: &'static str = "shut";
    const ABOUT: &'static str = "Traps the system calls of the thread it runs on.";
    const OUTPUT: Flow = Flow::Events;
    const PARAMS: &'static [tympan::core::Param] =
        &[tympan::core::Param::whole("plant", 0, PLANTS.len() as i64, 0).about("which violation")];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::events().runs(Self { plant: cx.whole("plant") })
    }
}

/// What must be trapped.
const PLANTS: &[(&str, fn())] = &[
    ("a file is written to", || {
        // SAFETY: nothing is written, to a file that is not open.
        unsafe { libc::write(-1, std::ptr::null(), 0) };
    }),
    ("a thread gives way", std::thread::yield_now),
    ("a thread sleeps", || {
        // Not by `std`, which does not believe the answer of a call that was trapped.
        let time = libc::timespec { tv_sec: 0, tv_nsec: 1 };
        // SAFETY: a time to sleep, and nobody asks what was left of it.
        unsafe { libc::nanosleep(&raw const time, std::ptr::null_mut()) };
    }),
    ("memory is asked for", || {
        // SAFETY: an anonymous mapping that nobody uses.
        unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                4096,
                0,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
    }),
];

impl Node for Shut {
    fn process(&mut self, _: Input<'_>, _: &mut Output<'_>) {
        if !SHUT.replace(true) {
            shut(true);
        }
        if self.plant > 0 {
            PLANTS[self.plant as usize - 1].1();
        }
    }
}

/// A shipped graph with the filter beside it.
fn shutting(path: &std::path::Path, plant: usize) -> Graph {
    let text = std::fs::read_to_string(path).unwrap();
    let shut =
        format!("\n[[node]]\nid = \"shut\"\nkind = \"shut\"\nfrom = \"mic\"\nplant = {plant}\n");
    let registry = tympan::registry().add::<Shut>();
    Graph::named(&path.display().to_string(), &(text + &shut), &registry).unwrap()
}

/// A device that speaks, from a thread of its own that is shut too.
fn play(grip: &Grip, device: Format, callbacks: usize, plant: Option<fn()>) {
    let speech = kit::speech("fan-20db");
    let channels = device.channels as usize;
    let most = 1024;
    // All callbacks' samples, made before.
    let samples: Vec<f32> = (0..device.rate as usize * 8)
        .flat_map(|frame| {
            let x = speech[frame * 16_000 / device.rate as usize % speech.len()];
            let x = if frame % 30_000 == 77 { f32::NAN } else { x };
            std::iter::repeat_n(x, channels)
        })
        .collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            shut(false);
            let mut at = 0;
            for n in 0..callbacks {
                let frames = [480, 1, 1024, 333, 128, 960][n % 6];
                if (at + most) * channels >= samples.len() {
                    at = 0;
                }
                grip.audio(&samples[at * channels..][..frames * channels], device);
                at += frames;
                match n % 97 {
                    5 => grip.notice(Notice::Lost(100)),
                    51 => grip.notice(Notice::Lost(100_000)),
                    86 => grip.notice(Notice::Break),
                    _ => {}
                }
                if let Some(plant) = plant {
                    plant();
                }
            }
        });
    });
}

/// Traps while `graph` runs.
fn traps(graph: &Graph, device: Format, callbacks: usize, plant: Option<fn()>) -> u64 {
    let (hand, grip) = Hand::new(device);
    let pipeline = Pipeline::builder(graph).backend(hand).entry_seconds(60.0).start().unwrap();
    let before = TRAPS.load(Ordering::Relaxed);
    play(&grip, device, callbacks, plant);
    let totals = pipeline.stop();
    assert!(totals.processed > 0 && totals.mended > 0, "{totals:?}");
    TRAPS.load(Ordering::Relaxed) - before
}

/// One test, because the count is one for all threads.
#[test]
fn the_realtime_path_calls_nobody() {
    count_traps();
    let callbacks = if kit::long() { 100_000 } else { 1_500 };
    let mut all = 0;
    for path in kit::shipped() {
        for device in [Format::mono(16_000), Format::stereo(48_000)] {
            let graph = shutting(&path, 0);
            if graph.plan(device).is_err() {
                continue;
            }
            let count = traps(&graph, device, callbacks, None);
            let call = CALL.load(Ordering::Relaxed);
            println!("{}: {device}: {count} traps", path.file_stem().unwrap().display());
            assert_eq!(count, 0, "{} at {device}: system call {call}", path.display());
            all += callbacks;
        }
    }
    println!("{all} callbacks, 0 traps");

    let first = &kit::shipped()[0];
    let device = Format::mono(16_000);
    for (n, (name, plant)) in PLANTS.iter().enumerate() {
        let in_node = traps(&shutting(first, n + 1), device, 200, None);
        let in_callback = traps(&shutting(first, 0), device, 200, Some(*plant));
        println!("planted, {name}: {in_node} traps in a node, {in_callback} in a callback");
        assert!(in_node > 0 && in_callback > 0, "{name}: not trapped");
    }
}
