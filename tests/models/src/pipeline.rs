//! `crate::pipeline`, as `shared.rs` knows it.

#[path = "../../../src/pipeline/shared.rs"]
#[allow(dead_code, reason = "a model uses its part")]
pub(crate) mod shared;

/// Loom's things, by the names of the library's.
pub(crate) mod sync {
    use loom::sync::atomic;
    pub(crate) use loom::sync::atomic::Ordering;
    pub(crate) use loom::thread::{Thread, current};

    /// As `std`'s, with stores that are exchanges: loom lets an exchange read what stood
    /// there before a plain store and yet come after it, which no machine does.
    macro_rules! exchanged {
        ($name:ident, $value:ty) => {
            #[derive(Debug, Default)]
            pub(crate) struct $name(atomic::$name);

            impl $name {
                pub(crate) fn load(&self, order: Ordering) -> $value {
                    self.0.load(order)
                }

                pub(crate) fn store(&self, value: $value, order: Ordering) {
                    self.0.swap(value, order);
                }

                pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                    self.0.swap(value, order)
                }
            }
        };
    }

    exchanged!(AtomicBool, bool);
    exchanged!(AtomicU64, u64);

    impl AtomicU64 {
        pub(crate) fn fetch_add(&self, n: u64, order: Ordering) -> u64 {
            self.0.fetch_add(n, order)
        }
    }

    /// As `std`'s: whether it is set is known to a thread when it has seen that.
    #[derive(Debug)]
    pub(crate) struct OnceLock<T> {
        set: AtomicBool,
        value: std::sync::OnceLock<T>,
    }

    impl<T> Default for OnceLock<T> {
        fn default() -> Self {
            Self { set: AtomicBool::default(), value: std::sync::OnceLock::new() }
        }
    }

    impl<T> OnceLock<T> {
        pub(crate) fn set(&self, value: T) -> Result<(), T> {
            let result = self.value.set(value);
            self.set.store(true, Ordering::Release);
            result
        }

        pub(crate) fn get(&self) -> Option<&T> {
            if self.set.load(Ordering::Acquire) { self.value.get() } else { None }
        }
    }

    /// As `atomic_waker`'s.
    #[derive(Debug)]
    pub(crate) struct AtomicWaker(loom::future::AtomicWaker);

    impl Default for AtomicWaker {
        fn default() -> Self {
            Self(loom::future::AtomicWaker::new())
        }
    }

    impl AtomicWaker {
        pub(crate) fn register(&self, waker: &std::task::Waker) {
            self.0.register_by_ref(waker);
        }

        pub(crate) fn wake(&self) {
            self.0.wake();
        }
    }
}
