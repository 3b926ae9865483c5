//! The kernel lets a watched thread make no system call but the documented wake, for which
//! the worker also waits; the first other one ends the process. A filter of the kernel's, so
//! Linux only. What asks the system without calling it (the clock) is not seen here.

use std::process::ExitCode;

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn main() -> ExitCode {
    ExitCode::from(tympan_realtime::ABSENT)
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
fn main() -> ExitCode {
    linux::listen();
    tympan_realtime::main(tympan_realtime::Instrument {
        watch: linux::watch,
        let_go: linux::let_go,
    })
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod linux {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicI64, Ordering};

    use libc::{
        BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, c_int, c_long,
        sock_filter,
    };
    use tympan_realtime::{Role, SEEN};

    thread_local! {
        static SHUT: Cell<bool> = const { Cell::new(false) };
        static WATCHED: Cell<bool> = const { Cell::new(false) };
    }

    /// The number of the call that was trapped.
    static CALL: AtomicI64 = AtomicI64::new(-1);

    extern "C" fn trapped(_: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
        // SAFETY: the kernel gives the handler an info; of a SIGSYS, the number of the call
        // stands behind three words and an address.
        let call = unsafe { *info.cast::<c_int>().add(6) };
        if WATCHED.get() || c_long::from(call) != libc::SYS_futex {
            // A thread that may call nobody cannot say it either.
            CALL.store(call.into(), Ordering::Relaxed);
            loop {
                std::hint::spin_loop();
            }
        }
        // A thread that nobody watches any more frees what it had, and somebody else is at the
        // heap: it asks again until it is its turn.
        // SAFETY: the kernel gives the handler what the thread goes on with, and takes it back.
        unsafe { answer(&mut (*context.cast::<libc::ucontext_t>()).uc_mcontext, -libc::EAGAIN) };
    }

    #[cfg(target_arch = "x86_64")]
    fn answer(machine: &mut libc::mcontext_t, with: c_int) {
        machine.gregs[libc::REG_RAX as usize] = with.into();
    }

    #[cfg(target_arch = "aarch64")]
    fn answer(machine: &mut libc::mcontext_t, with: c_int) {
        machine.regs[0] = i64::from(with).cast_unsigned();
    }

    /// Ends the process at the first trap, in whatever thread.
    pub(super) fn listen() {
        // SAFETY: an action of zeros is a valid one, and the handler touches an atomic.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = trapped as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO;
            assert_eq!(libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut()), 0);
        }
        std::thread::spawn(|| {
            loop {
                std::thread::sleep(std::time::Duration::from_millis(1));
                let call = CALL.load(Ordering::Relaxed);
                if call >= 0 {
                    eprintln!("system call {call}");
                    // SAFETY: it takes any status.
                    unsafe { libc::_exit(SEEN.into()) }
                }
            }
        });
    }

    /// What a thread that ends does on its way.
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
        const TRAP: sock_filter = say(BPF_RET | BPF_K, libc::SECCOMP_RET_TRAP);
        const AGAIN: sock_filter =
            say(BPF_RET | BPF_K, libc::SECCOMP_RET_ERRNO | libc::EAGAIN as u32);
        let number = say(BPF_LD | BPF_W | BPF_ABS, 0);
        let mut filter = vec![number];
        for &call in AT_THE_END {
            filter.extend([unless(call as u32, 1), ALLOW]);
        }
        // A thread that ends waits for C's own locks, of the heap and of the list of stacks,
        // with every signal blocked, so that a trap would be its death. Told to ask again, it
        // spins instead. Rust's locks wait in the other way, which is trapped; whether a
        // callback waits for one of C is for the sanitizer to see.
        let (of_c, of_rust) = if waits { (ALLOW, ALLOW) } else { (AGAIN, TRAP) };
        let ways = [
            (libc::FUTEX_WAKE, ALLOW),
            (libc::FUTEX_WAIT, of_c),
            (libc::FUTEX_WAIT_BITSET, of_rust),
        ];
        filter.push(unless(libc::SYS_futex as u32, 2 + 2 * ways.len() as u8));
        // The second argument, without what says whose memory it is.
        filter.push(say(BPF_LD | BPF_W | BPF_ABS, 24));
        filter.push(say(BPF_ALU | BPF_AND | BPF_K, 0x7f));
        for (way, answer) in ways {
            filter.extend([unless(way as u32, 1), answer]);
        }
        filter.push(TRAP);
        let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
        // SAFETY: the program points to a filter that lives as long as the call.
        unsafe {
            assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
            let mode = libc::SECCOMP_MODE_FILTER;
            assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program), 0);
        }
    }

    /// A filter is for good; whether what it traps counts can be changed.
    pub(super) fn watch(role: Role) {
        if !SHUT.replace(true) {
            shut(role == Role::Worker);
        }
        WATCHED.set(true);
    }

    pub(super) fn let_go() {
        WATCHED.set(false);
    }
}
