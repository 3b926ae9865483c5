//! What was wrong, as a sentence, for the thread that asked.

#![allow(clippy::missing_const_for_thread_local, reason = "for Android clippy sees no `const`")]

use std::borrow::Cow;
use std::cell::UnsafeCell;
use std::ffi::{c_char, c_int};

/// Why a call failed: the number for programs, the sentence for people.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: c_int,
    pub(crate) sentence: Cow<'static, str>,
}

impl Failure {
    pub(crate) fn new(code: c_int, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self { code, sentence: sentence.into() }
    }
}

/// More than any graph's error; a longer one is cut.
const ROOM: usize = 4096;

thread_local! {
    // Of one size, so that an error in the audio callback allocates nothing either, and
    // without a destructor, so that it is there as long as its thread.
    static LAST: UnsafeCell<[u8; ROOM]> = const { UnsafeCell::new([0; ROOM]) };
}

/// Keeps a sentence for [`last`].
pub(crate) fn keep(sentence: &str) {
    let mut end = sentence.len().min(ROOM - 1);
    while !sentence.is_char_boundary(end) {
        end -= 1;
    }
    LAST.with(|last| {
        // SAFETY: only this thread gets here, and no reference outlives this block: `last`
        // hands out a pointer.
        let last = unsafe { &mut *last.get() };
        // C takes a zero for the end; no sentence of ours has one, a graph's text may.
        for (to, &byte) in last.iter_mut().zip(&sentence.as_bytes()[..end]) {
            *to = if byte == 0 { b'?' } else { byte };
        }
        last[end] = 0;
    });
}

/// The sentence kept last by this thread, ended by a zero.
pub(crate) fn last() -> *const c_char {
    LAST.with(|last| last.get().cast_const().cast())
}
