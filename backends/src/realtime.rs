//! What a thread that must not be late asks of the system: to go before others, and to
//! spend no time on numbers that nobody can hear.

use std::fmt;
use std::marker::PhantomData;

/// How a thread is scheduled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Priority {
    /// Before everything ordinary, at this priority of the system's.
    Realtime(i32),
    /// Before other ordinary threads, by so many steps.
    Raised(i32),
    /// As everybody else, for this reason.
    Ordinary(String),
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Realtime(level) => write!(f, "realtime, {level}"),
            Self::Raised(steps) => write!(f, "raised by {steps}"),
            Self::Ordinary(why) => write!(f, "ordinary: {why}"),
        }
    }
}

/// While it lives, this thread goes before others, as far as the system lets it. Dropping
/// it gives that back.
#[must_use = "the thread goes before others only while this lives"]
pub struct Raise {
    priority: Priority,
    before: sys::Before,
    /// It is about this thread and no other.
    here: PhantomData<*const ()>,
}

impl Raise {
    /// Raises the calling thread. Not for callbacks: it calls the system.
    pub fn this_thread() -> Self {
        let (priority, before) = sys::raise();
        Self { priority, before, here: PhantomData }
    }

    /// What came of it.
    pub fn priority(&self) -> &Priority {
        &self.priority
    }
}

impl Drop for Raise {
    fn drop(&mut self) {
        sys::restore(&self.before);
    }
}

/// How the calling thread is scheduled now.
pub fn this_thread() -> Priority {
    sys::now()
}

/// While it lives, this thread's results that are too small to be normal are zero: filters
/// that fade out would else cost many times what they cost with sound. Dropping it gives
/// back what was set before.
///
/// # Realtime
/// It reads and writes a register.
#[must_use = "results are flushed only while this lives"]
pub struct FlushToZero {
    before: flush::Control,
    here: PhantomData<*const ()>,
}

impl FlushToZero {
    /// Sets it for the calling thread.
    pub fn set() -> Self {
        let before = flush::read();
        flush::write(before | flush::FLUSH);
        Self { before, here: PhantomData }
    }

    /// Whether the calling thread's results are flushed now; none where that is unknown.
    pub fn is_set() -> Option<bool> {
        (flush::FLUSH != 0).then(|| flush::read() & flush::FLUSH == flush::FLUSH)
    }
}

impl Drop for FlushToZero {
    fn drop(&mut self) {
        flush::write(self.before);
    }
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "only instructions of the machine reach its registers")]
mod flush {
    use std::arch::asm;

    pub(super) type Control = u32;

    /// Small results are zero, and small operands count as zero.
    pub(super) const FLUSH: Control = 1 << 15 | 1 << 6;

    pub(super) fn read() -> Control {
        let mut control: Control = 0;
        // SAFETY: the instruction writes four bytes to where it is told, which is ours.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut control, options(nostack)) };
        control
    }

    pub(super) fn write(control: Control) {
        // SAFETY: the value was read from this register, two bits aside that exist on every
        // x86-64. Code that the compiler has computed beforehand does not know of them: it
        // has the small number where there would be zero, and nothing here tells them apart.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const control, options(nostack, readonly)) };
    }
}

#[cfg(target_arch = "aarch64")]
#[allow(unsafe_code, reason = "only instructions of the machine reach its registers")]
mod flush {
    use std::arch::asm;

    pub(super) type Control = u64;

    /// Small results and operands are zero.
    pub(super) const FLUSH: Control = 1 << 24;

    pub(super) fn read() -> Control {
        let control: Control;
        // SAFETY: the register can be read anywhere, and nothing else is touched.
        unsafe { asm!("mrs {}, fpcr", out(reg) control, options(nostack, nomem)) };
        control
    }

    pub(super) fn write(control: Control) {
        // SAFETY: the value was read from this register, one bit aside that exists on every
        // such machine. Code that the compiler has computed beforehand does not know of it:
        // it has the small number where there would be zero, and nothing here tells them
        // apart.
        unsafe { asm!("msr fpcr, {}", in(reg) control, options(nostack)) };
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod flush {
    pub(super) type Control = u32;
    pub(super) const FLUSH: Control = 0;

    pub(super) fn read() -> Control {
        0
    }

    pub(super) fn write(_: Control) {}
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[allow(unsafe_code, reason = "the standard library knows no priorities")]
mod sys {
    use std::io::Error;

    use super::Priority;

    /// What was there before.
    pub(super) enum Before {
        Nothing,
        Policy(i32, libc::sched_param),
        Nice(i32),
    }

    /// Above ordinary programs and below what the kernel needs for its own interrupts.
    const REALTIME: i32 = 10;
    /// What servers of audio and Android's own audio threads use.
    const NICE: i32 = -16;

    pub(super) fn raise() -> (Priority, Before) {
        let (policy, param) = policy();
        let wanted = libc::sched_param { sched_priority: REALTIME };
        // A child process must not inherit it.
        match set_policy(libc::SCHED_RR | libc::SCHED_RESET_ON_FORK, wanted) {
            Ok(()) => (Priority::Realtime(REALTIME), Before::Policy(policy, param)),
            Err(error) => raise_a_little(&error),
        }
    }

    fn raise_a_little(refused: &Error) -> (Priority, Before) {
        let before = nice();
        match set_nice(before.min(NICE)) {
            Ok(()) if before > NICE => (Priority::Raised(before - NICE), Before::Nice(before)),
            _ => (Priority::Ordinary(refused.to_string()), Before::Nothing),
        }
    }

    pub(super) fn restore(before: &Before) {
        // Nobody is refused less than he has.
        let _ = match before {
            Before::Nothing => Ok(()),
            Before::Policy(policy, param) => set_policy(*policy, *param),
            Before::Nice(nice) => set_nice(*nice),
        };
    }

    pub(super) fn now() -> Priority {
        let (policy, param) = policy();
        match policy & !libc::SCHED_RESET_ON_FORK {
            libc::SCHED_RR | libc::SCHED_FIFO => Priority::Realtime(param.sched_priority),
            _ if nice() < 0 => Priority::Raised(-nice()),
            _ => Priority::Ordinary("nobody has asked for more".to_owned()),
        }
    }

    fn policy() -> (i32, libc::sched_param) {
        let mut param = libc::sched_param { sched_priority: 0 };
        // SAFETY: 0 is the calling thread; the second call writes to a place of ours.
        let policy = unsafe {
            libc::sched_getparam(0, &raw mut param);
            libc::sched_getscheduler(0)
        };
        (policy.max(0), param)
    }

    fn set_policy(policy: i32, param: libc::sched_param) -> Result<(), Error> {
        // SAFETY: 0 is the calling thread; the call reads a place of ours.
        match unsafe { libc::sched_setscheduler(0, policy, &raw const param) } {
            0 => Ok(()),
            _ => Err(Error::last_os_error()),
        }
    }

    fn nice() -> i32 {
        // SAFETY: 0 is the calling thread, and nothing is passed.
        unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
    }

    fn set_nice(nice: i32) -> Result<(), Error> {
        // SAFETY: 0 is the calling thread, and nothing is passed.
        match unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) } {
            0 => Ok(()),
            _ => Err(Error::last_os_error()),
        }
    }
}

#[cfg(target_vendor = "apple")]
#[allow(unsafe_code, reason = "the standard library knows no priorities")]
mod sys {
    use super::Priority;

    /// A class of the system's. A plain number: a system may have more than we know.
    type Class = u32;

    /// What was there before, if it was changed.
    pub(super) struct Before(Option<Class>);

    /// The highest class that an app can ask for by itself, and the usual one.
    const USER_INTERACTIVE: Class = 0x21;
    const DEFAULT: Class = 0x15;

    // SAFETY: both are of pthread, about the calling thread, and take values only.
    unsafe extern "C" {
        safe fn qos_class_self() -> Class;
        safe fn pthread_set_qos_class_self_np(class: Class, below: i32) -> i32;
    }

    pub(super) fn raise() -> (Priority, Before) {
        let before = qos_class_self();
        if pthread_set_qos_class_self_np(USER_INTERACTIVE, 0) != 0 {
            let why = "the system refused a higher class".to_owned();
            return (Priority::Ordinary(why), Before(None));
        }
        (Priority::Raised(USER_INTERACTIVE as i32 - before as i32), Before(Some(before)))
    }

    pub(super) fn restore(before: &Before) {
        if let Some(class) = before.0 {
            pthread_set_qos_class_self_np(class, 0);
        }
    }

    pub(super) fn now() -> Priority {
        let above = qos_class_self() as i32 - DEFAULT as i32;
        match above {
            1.. => Priority::Raised(above),
            _ => Priority::Ordinary("nobody has asked for more".to_owned()),
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
mod sys {
    use super::Priority;

    pub(super) type Before = ();

    pub(super) fn raise() -> (Priority, Before) {
        (now(), ())
    }

    pub(super) fn restore((): &Before) {}

    pub(super) fn now() -> Priority {
        Priority::Ordinary("on this system nobody is asked".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn small_numbers_are_zero_while_it_lives_and_not_before_nor_after() {
        let tiny = || black_box(f32::MIN_POSITIVE) / black_box(4.0);
        assert!(tiny() > 0.0, "somebody has set it already");
        if FlushToZero::is_set().is_none() {
            return println!("this machine's registers are not known");
        }
        {
            let _flush = FlushToZero::set();
            assert_eq!(tiny(), 0.0);
            assert_eq!(FlushToZero::is_set(), Some(true));
            {
                let _again = FlushToZero::set();
            }
            assert_eq!(tiny(), 0.0, "the inner one has given back what the outer one set");
        }
        assert!(tiny() > 0.0);
        assert_eq!(FlushToZero::is_set(), Some(false));
    }

    #[test]
    fn a_thread_is_as_before_when_it_is_over() {
        let before = this_thread();
        let raised = Raise::this_thread();
        println!("{}", raised.priority());
        match raised.priority() {
            Priority::Ordinary(why) => assert!(!why.is_empty()),
            other => assert_ne!(*other, before),
        }
        assert_eq!(
            matches!(this_thread(), Priority::Realtime(_)),
            matches!(raised.priority(), Priority::Realtime(_))
        );
        drop(raised);
        assert_eq!(this_thread(), before);
    }
}
