//! What [`shared`](super::shared) is made of. The models of `tests/models` compile that file
//! with other things of these names, which try every order in which threads can run.

pub(crate) use std::sync::OnceLock;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
pub(crate) use std::thread::{Thread, current};

pub(crate) use atomic_waker::AtomicWaker;
