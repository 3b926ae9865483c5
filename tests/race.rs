//! A race on purpose, for `./x tsan`: a hand-over like those of the pipeline, but for its flag,
//! which orders nothing. `ThreadSanitizer` must report it, or its silence about all the other
//! tests says nothing. Without it the test passes, as races do.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, Ordering};

struct Slot {
    value: UnsafeCell<u64>,
    full: AtomicBool,
}

// SAFETY: none; that is the fault.
unsafe impl Sync for Slot {}

#[test]
#[ignore = "a race on purpose: ./x tsan"]
fn a_planted_race() {
    let slot = &Slot { value: UnsafeCell::new(0), full: AtomicBool::new(false) };
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // SAFETY: none; that is the fault.
            unsafe { *slot.value.get() = 7 };
            slot.full.store(true, Ordering::Relaxed);
        });
        scope.spawn(move || {
            while !slot.full.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
            // SAFETY: none; that is the fault.
            println!("{}", unsafe { *slot.value.get() });
        });
    });
}
