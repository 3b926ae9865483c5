//! Counts heap operations of a watched thread, and ends at the first, with where it was.

use std::cell::Cell;
use std::process::ExitCode;

use tympan_realtime::{Instrument, SEEN};

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
}

fn main() -> ExitCode {
    tympan_realtime::main(Instrument {
        watch: |_| WATCHED.set(true),
        let_go: || WATCHED.set(false),
    })
}

fn seen() {
    // While a thread ends its locals are gone, and it is not on the audio path.
    if WATCHED.try_with(Cell::get).unwrap_or(false) {
        WATCHED.set(false);
        eprintln!("a heap operation:\n{}", std::backtrace::Backtrace::force_capture());
        // Without what a process does at its end, which may wait for what it was at.
        // SAFETY: it takes any status.
        unsafe { libc::_exit(SEEN.into()) }
    }
}

/// Where C's own names can be taken over, what libraries in C ask for is counted too;
/// Rust's allocator asks through the same names.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod names {
    use super::seen;
    use std::ffi::{c_int, c_void};

    unsafe extern "C" {
        fn __libc_malloc(size: usize) -> *mut c_void;
        fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
        fn __libc_realloc(at: *mut c_void, size: usize) -> *mut c_void;
        fn __libc_memalign(align: usize, size: usize) -> *mut c_void;
        fn __libc_free(at: *mut c_void);
    }

    /// Passes a call on to the C library's own allocator.
    macro_rules! counted {
        ($name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)? = $real:ident) => {
            #[unsafe(no_mangle)]
            extern "C" fn $name($($arg: $type),*) $(-> $result)? {
                seen();
                // SAFETY: the caller's promise is passed on.
                unsafe { $real($($arg),*) }
            }
        };
    }

    counted!(malloc(size: usize) -> *mut c_void = __libc_malloc);
    counted!(calloc(count: usize, size: usize) -> *mut c_void = __libc_calloc);
    counted!(realloc(at: *mut c_void, size: usize) -> *mut c_void = __libc_realloc);
    counted!(memalign(align: usize, size: usize) -> *mut c_void = __libc_memalign);
    counted!(aligned_alloc(align: usize, size: usize) -> *mut c_void = __libc_memalign);
    counted!(free(at: *mut c_void) = __libc_free);

    #[unsafe(no_mangle)]
    extern "C" fn posix_memalign(to: *mut *mut c_void, align: usize, size: usize) -> c_int {
        seen();
        // SAFETY: the caller's promise is passed on, and `to` is a place to write to.
        unsafe { *to = __libc_memalign(align, size) };
        0
    }
}

/// Elsewhere only Rust is heard.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod names {
    use super::seen;
    use std::alloc::{GlobalAlloc, Layout, System};

    struct Counting;

    // SAFETY: every call goes to the system's allocator unchanged; counting touches an
    // atomic and a thread-local without a destructor, and allocates nothing.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            seen();
            // SAFETY: the caller's promise is passed on.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
            seen();
            // SAFETY: the caller's promise is passed on.
            unsafe { System.dealloc(at, layout) }
        }

        unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            seen();
            // SAFETY: the caller's promise is passed on.
            unsafe { System.realloc(at, layout, size) }
        }
    }

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;
}
