//! `RealtimeSanitizer`: the compiler's own runtime takes over every function of the C library
//! that may wait, and ends the process when a watched thread calls one.

use std::process::ExitCode;

#[cfg(not(has_rtsan))]
fn main() -> ExitCode {
    ExitCode::from(tympan_realtime::ABSENT)
}

#[cfg(has_rtsan)]
fn main() -> ExitCode {
    // SAFETY: it may be called at any time, and does nothing when it was.
    unsafe { runtime::__rtsan_ensure_initialized() };
    tympan_realtime::main(tympan_realtime::Instrument {
        watch: runtime::watch,
        let_go: runtime::let_go,
    })
}

#[cfg(has_rtsan)]
mod runtime {
    use std::cell::Cell;
    use std::ffi::{c_int, c_long};

    use tympan_realtime::Role;

    unsafe extern "C" {
        pub(super) fn __rtsan_ensure_initialized();
        fn __rtsan_realtime_enter();
        fn __rtsan_realtime_exit();
        fn __interceptor_syscall(number: c_long, ...) -> c_long;
        fn dlsym(handle: *mut u8, name: *const std::ffi::c_char) -> *mut u8;
    }

    thread_local! {
        static WATCHED: Cell<Option<Role>> = const { Cell::new(None) };
    }

    pub(super) fn watch(role: Role) {
        if WATCHED.replace(Some(role)).is_none() {
            // SAFETY: it has a counterpart below.
            unsafe { __rtsan_realtime_enter() };
        }
    }

    pub(super) fn let_go() {
        if WATCHED.take().is_some() {
            // SAFETY: this thread has entered.
            unsafe { __rtsan_realtime_exit() };
        }
    }

    /// The wake is the one documented system call of the audio path, and the worker waits for
    /// it. The runtime knows no such exception, so its `syscall` is asked for all but these.
    #[unsafe(no_mangle)]
    extern "C" fn syscall(
        n: c_long,
        a: c_long,
        b: c_long,
        c: c_long,
        d: c_long,
        e: c_long,
        f: c_long,
    ) -> c_long {
        let way = b as c_int & 0x7f;
        let waits = WATCHED.try_with(Cell::get) == Ok(Some(Role::Worker));
        let is_documented = n == libc::SYS_futex
            && (way == libc::FUTEX_WAKE
                || waits && matches!(way, libc::FUTEX_WAIT | libc::FUTEX_WAIT_BITSET));
        // SAFETY: the caller's promise is passed on, to the C library or to the runtime, which
        // passes it on to that.
        unsafe {
            if is_documented {
                real()(n, a, b, c, d, e, f)
            } else {
                __interceptor_syscall(n, a, b, c, d, e, f)
            }
        }
    }

    type Syscall = unsafe extern "C" fn(c_long, ...) -> c_long;

    /// The C library's own.
    fn real() -> Syscall {
        use std::sync::atomic::{AtomicPtr, Ordering};
        static REAL: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
        let mut at = REAL.load(Ordering::Relaxed);
        if at.is_null() {
            // SAFETY: RTLD_NEXT, and a name that the C library has.
            at = unsafe { dlsym(-1isize as *mut u8, c"syscall".as_ptr()) };
            REAL.store(at, Ordering::Relaxed);
        }
        // SAFETY: that is what stands there.
        unsafe { std::mem::transmute::<*mut u8, Syscall>(at) }
    }
}
