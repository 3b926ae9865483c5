//! What the realtime path must not do, each done on purpose. Every instrument is shown all of
//! them; `clippy` is shown this file, so it uses nothing but `std`.

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, RwLock, mpsc};
use std::time::{Duration, Instant, SystemTime};

/// Does it once.
pub type Deed = Box<dyn FnMut() + Send>;

/// A name, and what prepares the deed on an ordinary thread.
pub type Plant = (&'static str, fn() -> Deed);

/// All of them. The function's name in this file is the plant's, with underscores.
pub const PLANTS: &[Plant] = &[
    ("a Vec", a_vec),
    ("a dropped Arc", a_dropped_arc),
    ("malloc in C", malloc_in_c),
    ("an mpsc send", an_mpsc_send),
    ("a contended Mutex", a_contended_mutex),
    ("an uncontended Mutex", an_uncontended_mutex),
    ("an uncontended RwLock", an_uncontended_rwlock),
    ("a write", a_write),
    ("an open", an_open),
    ("a mapping", a_mapping),
    ("a print", a_print),
    ("a yield", a_yield),
    ("a sleep of 1 ns", a_sleep_of_1_ns),
    ("Instant now", instant_now),
    ("SystemTime now", systemtime_now),
    ("an index out of bounds", an_index_out_of_bounds),
];

fn a_vec() -> Deed {
    Box::new(|| drop(black_box(vec![0u8; 256])))
}

fn a_dropped_arc() -> Deed {
    let mut held: Vec<_> = (0..10_000u32).map(Arc::new).collect();
    Box::new(move || drop(black_box(held.pop())))
}

unsafe extern "C" {
    fn malloc(size: usize) -> *mut u8;
    fn free(at: *mut u8);
    fn mmap(at: *mut u8, size: usize, may: i32, how: i32, file: i32, offset: i64) -> *mut u8;
}

fn malloc_in_c() -> Deed {
    // SAFETY: what is asked for is given back, and not touched.
    Box::new(|| unsafe { free(black_box(malloc(black_box(1)))) })
}

fn an_mpsc_send() -> Deed {
    let (to, from) = mpsc::channel();
    Box::new(move || {
        let _ = to.send(0u8);
        black_box(&from);
    })
}

/// Somebody else has the lock until it is asked for, and a little longer.
fn a_contended_mutex() -> Deed {
    let lock = Arc::new((Mutex::new(()), AtomicBool::new(false), AtomicBool::new(false)));
    let others = Arc::clone(&lock);
    std::thread::spawn(move || {
        let (lock, held, asked) = &*others;
        loop {
            let guard = lock.lock();
            held.store(true, SeqCst);
            while !asked.load(SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(2));
            held.store(false, SeqCst);
            drop(guard);
            // Who asked has it first, whatever the system thinks of turns.
            while asked.load(SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
    Box::new(move || {
        let (lock, held, asked) = &*lock;
        while !held.load(SeqCst) {
            std::hint::spin_loop();
        }
        asked.store(true, SeqCst);
        drop(black_box(lock.lock()));
        asked.store(false, SeqCst);
    })
}

fn an_uncontended_mutex() -> Deed {
    let lock = Mutex::new(());
    Box::new(move || drop(black_box(lock.lock())))
}

fn an_uncontended_rwlock() -> Deed {
    let lock = RwLock::new(());
    Box::new(move || drop(black_box(lock.read())))
}

fn a_write() -> Deed {
    let mut nowhere = File::create("/dev/null").expect("there is one everywhere");
    Box::new(move || drop(black_box(nowhere.write(&[0]))))
}

fn an_open() -> Deed {
    Box::new(|| drop(black_box(File::open("/dev/null"))))
}

/// A private one of a page, of no file. It stays.
fn a_mapping() -> Deed {
    // SAFETY: a new mapping that nobody uses.
    Box::new(|| unsafe {
        black_box(mmap(std::ptr::null_mut(), 4096, 0, 0x22, -1, 0));
    })
}

fn a_print() -> Deed {
    Box::new(|| println!("planted"))
}

fn a_yield() -> Deed {
    Box::new(std::thread::yield_now)
}

fn a_sleep_of_1_ns() -> Deed {
    Box::new(|| std::thread::sleep(Duration::from_nanos(1)))
}

fn instant_now() -> Deed {
    Box::new(|| {
        black_box(Instant::now());
    })
}

fn systemtime_now() -> Deed {
    Box::new(|| {
        black_box(SystemTime::now());
    })
}

/// What unwinds is caught, as it is in a node.
fn an_index_out_of_bounds() -> Deed {
    let few = [0u8; 4];
    Box::new(move || drop(catch_unwind(|| black_box(&few[..])[black_box(4)])))
}
