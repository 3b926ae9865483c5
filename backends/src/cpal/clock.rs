//! A clock that goes on while the machine sleeps, so that a take says how long it did.

/// Nanoseconds since some moment; never backwards, and the same for the whole machine.
pub(crate) fn now_ns() -> u64 {
    sleepless().unwrap_or_else(running)
}

/// The same for whoever counts only while the machine is awake.
pub(super) fn running() -> u64 {
    use std::sync::OnceLock;
    use std::time::Instant;
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    BEGAN.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn sleepless() -> Option<u64> {
    read(libc::CLOCK_BOOTTIME)
}

/// What is called monotonic elsewhere goes on during sleep here.
#[cfg(target_vendor = "apple")]
fn sleepless() -> Option<u64> {
    read(libc::CLOCK_MONOTONIC)
}

/// The clock of Windows does so by itself.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn sleepless() -> Option<u64> {
    None
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
#[allow(unsafe_code, reason = "the standard library has no such clock")]
fn read(clock: libc::clockid_t) -> Option<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes a `timespec` to where it is told, which is one of ours.
    let status = unsafe { libc::clock_gettime(clock, &raw mut time) };
    (status == 0).then(|| time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_runs_as_fast_as_the_other_one() {
        let (a, b) = (super::now_ns(), super::running());
        std::thread::sleep(std::time::Duration::from_millis(20));
        let (passed, other) = (super::now_ns() - a, super::running() - b);
        assert!(passed >= 20_000_000 && passed.abs_diff(other) < 20_000_000, "{passed} {other}");
    }
}
