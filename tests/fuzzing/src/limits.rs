//! What a run may cost, and that it gives back what it took.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

const MOST_BYTES: isize = 64 << 20;
const MOST_SECONDS: f64 = 1.0;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// Counts what each thread has on Rust's heap. That of libraries in C is not seen.
struct Counting;

#[global_allocator]
static HEAP: Counting = Counting;

fn count(by: isize) {
    let live = LIVE.get() + by;
    LIVE.set(live);
    if live > PEAK.get() {
        PEAK.set(live);
    }
}

// SAFETY: all of it is the system's; counting touches nothing but two numbers.
#[allow(unsafe_code, reason = "a heap is counted where it is asked")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(at, layout, size) }
    }
}

/// Seconds that this thread has computed: what others do on the machine counts nothing.
fn computed() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place for the time is there.
    #[allow(unsafe_code, reason = "the standard library has no such clock")]
    unsafe {
        libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time);
    }
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Runs it, once as a rule, and fails it if it is too dear.
pub(crate) fn bounded(run: fn(&[u8]), bytes: &[u8], gives_back: bool) {
    let left = measured(run, bytes);
    // What is kept for the next time is kept once.
    let leaks = gives_back && left > 0 && (0..3).all(|_| measured(run, bytes) > 0);
    assert!(!leaks, "each run leaves {left} bytes on the heap");
}

/// Runs it; how many bytes more than before it leaves on the heap.
fn measured(run: fn(&[u8]), bytes: &[u8]) -> isize {
    let (before, began) = (LIVE.get(), computed());
    PEAK.set(before);
    run(bytes);
    let (peak, seconds) = (PEAK.get() - before, computed() - began);
    assert!(seconds <= MOST_SECONDS, "that took {seconds:.1} s");
    assert!(peak <= MOST_BYTES, "that took {peak} bytes");
    LIVE.get() - before
}

#[cfg(test)]
mod tests {
    use std::cell::OnceCell;

    use super::*;

    fn fails(run: fn(&[u8])) -> bool {
        std::panic::catch_unwind(|| bounded(run, &[], true)).is_err()
    }

    #[test]
    fn what_costs_too_much_is_noticed() {
        assert!(!fails(|_| drop(vec![1_u8; 1 << 20])));
        assert!(fails(|_| drop(vec![1_u8; 65 << 20])));
        assert!(fails(|_| std::mem::forget(std::hint::black_box(vec![1_u8; 100]))));
        assert!(fails(|_| {
            let began = computed();
            while computed() - began < 1.1 {
                std::hint::spin_loop();
            }
        }));
    }

    #[test]
    fn what_is_kept_once_is_no_leak() {
        thread_local!(static KEPT: OnceCell<Vec<u8>> = const { OnceCell::new() });
        assert!(!fails(
            |_| KEPT.with(|kept| assert_eq!(kept.get_or_init(|| vec![0; 100]).len(), 100))
        ));
    }
}
