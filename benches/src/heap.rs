//! Counts heap operations, to show that there are none.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static OPERATIONS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

/// The system's allocator with a count per thread. A bench installs it:
///
/// ```
/// #[global_allocator]
/// static HEAP: tympan_benches::heap::Counting = tympan_benches::heap::Counting;
///
/// assert_eq!(tympan_benches::heap::operations(|| drop(Box::new(1))), 2);
/// assert_eq!(tympan_benches::heap::operations(|| drop([0; 64])), 0);
/// assert_eq!(tympan_benches::heap::bytes(|| std::mem::forget(Box::new(0u32))), 4);
/// ```
pub struct Counting;

/// How often `work` allocates, grows or frees on this thread.
pub fn operations(work: impl FnOnce()) -> u64 {
    let before = OPERATIONS.get();
    work();
    OPERATIONS.get() - before
}

/// How many bytes more this thread holds after `work` than before.
pub fn bytes(work: impl FnOnce()) -> i64 {
    let before = BYTES.get();
    work();
    BYTES.get() - before
}

fn count(bytes: i64) {
    OPERATIONS.set(OPERATIONS.get() + 1);
    BYTES.set(BYTES.get() + bytes);
}

// SAFETY: every call goes unchanged to the system's allocator. Counting touches a
// thread-local without a destructor, which neither allocates nor can be gone.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller's promises are the ones `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: as above, and all memory comes from `System`.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as i64 - layout.size() as i64);
        // SAFETY: as above, and all memory comes from `System`.
        unsafe { System.realloc(ptr, layout, size) }
    }
}
