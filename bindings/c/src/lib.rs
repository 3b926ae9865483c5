//! tympan for C. `include/tympan.h` is the documentation; this is where pointers become
//! references and panics become numbers, and nothing else. What the functions do is in
//! [`handle`], without an unsafe line.

#![allow(clippy::missing_safety_doc, reason = "the header says what a caller promises")]
#![allow(missing_docs, reason = "the header says what everything is")]

mod event;
mod handle;
mod sentence;

use std::ffi::{CStr, c_char, c_float, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use tympan::Format;
use tympan::backend::Notice;

use event::CEvent;
use handle::{Handle, broken, largest};
use sentence::Failure;

const OK: c_int = 0;
const EMPTY: c_int = 1;
const ENDED: c_int = 2;
const WRONG: c_int = -1;
const SMALL: c_int = -2;
const BUSY: c_int = -3;
const BROKEN: c_int = -4;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct CFormat {
    rate: u32,
    channels: u16,
}

#[repr(C)]
pub struct CInfo {
    name: *const c_char,
    codec: *const c_char,
    format: CFormat,
    largest: usize,
}

#[repr(C)]
pub struct CHeader {
    position: i64,
    frames: u32,
    lead: u32,
    trim: u32,
    segment: u32,
    utterance: u32,
    first: u32,
    last: u32,
    bytes: usize,
}

#[repr(C)]
pub struct CTotals {
    input: u64,
    lost: u64,
    filled: u64,
    dropped: u64,
    processed: u64,
    mended: u64,
    events_lost: u64,
}

// ---- What all functions are made of ------------------------------------------

/// Runs `body` and lets nothing out but its value. `on_panic` sees to it that whatever
/// was being worked on is not used again.
fn fenced<T>(
    body: impl FnOnce() -> Result<T, Failure>,
    on_panic: impl FnOnce(),
) -> Result<T, c_int> {
    let failure = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(failure)) => failure,
        Err(panic) => {
            on_panic();
            // A payload may panic again when it is dropped.
            std::mem::forget(panic);
            broken()
        }
    };
    sentence::keep(&failure.sentence);
    Err(failure.code)
}

/// The same for a function on a handle.
///
/// # Safety
/// `t` is null or a handle that was not freed.
unsafe fn on<T>(
    t: *const Handle,
    body: impl FnOnce(&Handle) -> Result<T, Failure>,
) -> Result<T, c_int> {
    // SAFETY: the caller's promise.
    let Some(handle) = (unsafe { t.as_ref() }) else {
        sentence::keep("the handle is NULL: look at what tympan_start returned");
        return Err(WRONG);
    };
    fenced(
        || {
            handle.check()?;
            body(handle)
        },
        || handle.is_broken_now(),
    )
}

fn number(result: Result<c_int, c_int>) -> c_int {
    result.unwrap_or_else(|code| code)
}

/// A text of the caller's.
///
/// # Safety
/// `text` is null or ends with a zero, and lives as long as the call.
unsafe fn text<'a>(text: *const c_char, name: &str) -> Result<&'a str, Failure> {
    if text.is_null() {
        return Err(Failure::new(WRONG, format!("`{name}` is NULL")));
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_str().map_err(|e| {
        let at = e.valid_up_to();
        Failure::new(WRONG, format!("`{name}` is not text: byte {at} is not UTF-8"))
    })
}

/// Writes a result to where the caller wants it.
///
/// # Safety
/// `to` is null or a place for a `T`.
unsafe fn put<T>(to: *mut T, value: T) -> Result<c_int, Failure> {
    if to.is_null() {
        return Err(Failure::new(WRONG, "there is no place for the result: its pointer is NULL"));
    }
    // SAFETY: the caller's promise.
    unsafe { to.write(value) };
    Ok(OK)
}

fn device(format: CFormat) -> Result<Format, Failure> {
    let format = Format::new(format.rate, format.channels);
    if format.is_valid() {
        return Ok(format);
    }
    Err(Failure::new(
        WRONG,
        "the format is none: it needs a rate of 1000 to 768000 Hz and 1 to 64 channels",
    ))
}

/// The samples of a push.
///
/// # Safety
/// `samples` is null or points to `frames * channels` floats.
unsafe fn samples<'a>(
    samples: *const c_float,
    frames: usize,
    format: Format,
) -> Result<&'a [f32], Failure> {
    if frames == 0 {
        return Ok(&[]);
    }
    let count =
        frames.checked_mul(format.channels as usize).filter(|n| n <= &(isize::MAX as usize / 4));
    match count {
        Some(_) if samples.is_null() => {
            Err(Failure::new(WRONG, "`samples` is NULL, and there are frames to push"))
        }
        Some(_) if !samples.is_aligned() => {
            Err(Failure::new(WRONG, "`samples` is no address of a float: it is not aligned"))
        }
        // SAFETY: the caller's promise; it is aligned and not too large, as was looked at.
        Some(count) => Ok(unsafe { std::slice::from_raw_parts(samples, count) }),
        None => Err(Failure::new(WRONG, "`frames` is more than fits into memory")),
    }
}

// ---- The functions of the header, in its order --------------------------------

#[unsafe(no_mangle)]
pub extern "C" fn tympan_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

#[unsafe(no_mangle)]
pub extern "C" fn tympan_error() -> *const c_char {
    sentence::last()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn tympan_start(toml: *const c_char, format: CFormat) -> *mut Handle {
    let start = || {
        // SAFETY: the header demands it.
        let toml = unsafe { text(toml, "toml") }?;
        Handle::start(toml, device(format)?)
    };
    fenced(start, || ()).map_or(ptr::null_mut(), |handle| Box::into_raw(Box::new(handle)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn tympan_plan(t: *const Handle) -> *const c_char {
    // SAFETY: the header demands it.
    unsafe { on(t, |handle| Ok(handle.plan.as_ptr())) }.unwrap_or(ptr::null())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn tympan_output(t: *const Handle, name: *const c_char) -> c_int {
    // SAFETY: the header demands it.
    number(unsafe { on(t, |handle| handle.output(text(name, "name")?)) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn tympan_output_info(
    t: *const Handle,
    output: c_int,
    info: *mut CInfo,
) -> c_int {
    let tell = |handle: &Handle| {
        let (name, codec, about) = handle.info(output)?;
        let format = CFormat { rate: about.format.rate, channels: about.format.channels };
        let (name, codec) = (name.as_ptr(), codec.as_ptr());
        // SAFETY: the header demands it.
        unsafe { put(info, CInfo { name, codec, format, largest: largest(about) }) }
    };
    // SAFETY: the header demands it.
    number(unsafe { on(t, tell) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn tympan_push(
    t: *mut Handle,
    format: CFormat,
    samples_: *const c_float,
    frames: usize,
    host_ns: u64,
) -> c_int {
    let push = |handle: &Handle| {
        let format = device(format)?;
        // SAFETY: the header demands it.
        let samples = unsafe { samples(samples_, frames, format) }?;
        handle.push(format, samples, host_ns)
    };
    // SAFETY: the header demands it.
    number(unsafe { on(t, push) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn tympan_room(t: *mut Handle) -> usize {
    // SAFETY: the header demands it.
    unsafe { on(t, |handle| Ok(handle.room())) }.unwrap_or(0)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn tympan_lost(t: *mut Handle, frames: u64) -> c_int {
    // SAFETY: the header demands it.
    number(unsafe { on(t, |handle| handle.notice(Notice::Lost(frames))) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn tympan_break(t: *mut Handle) -> c_int {
    // SAFETY: the header demands it.
    number(unsafe { on(t, |handle| handle.notice(Notice::Break)) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn tympan_pull(
    t: *mut Handle,
    output: c_int,
    header: *mut CHeader,
    data: *mut c_void,
    size: usize,
) -> c_int {
    let pull = |handle: &Handle| {
        if header.is_null() {
            return Err(Failure::new(WRONG, "`header` is NULL: a record has to say what it is"));
        }
        if data.is_null() && size > 0 {
            return Err(Failure::new(WRONG, "`data` is NULL, and its size is not 0"));
        }
        handle.pull(output, |about, bytes| {
            let about = CHeader {
                position: about.position,
                frames: about.frames,
                lead: about.lead,
                trim: about.trim,
                segment: about.segment,
                utterance: about.utterance,
                first: about.first.into(),
                last: about.last.into(),
                bytes: bytes.len(),
            };
            // SAFETY: the header demands a place for it, and NULL was turned away.
            unsafe { header.write(about) };
            if bytes.len() > size {
                return false;
            }
            if !bytes.is_empty() {
                // SAFETY: the caller gives `size` bytes, which are enough and ours is not
                // among them; NULL has no size.
                unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), data.cast(), bytes.len()) };
            }
            true
        })
    };
    // SAFETY: the header demands it.
    number(unsafe { on(t, pull) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn tympan_next_event(t: *mut Handle, event: *mut CEvent) -> c_int {
    let next = |handle: &Handle| {
        if event.is_null() {
            return Err(Failure::new(WRONG, "`event` is NULL: there is no place for one"));
        }
        match handle.event()? {
            // SAFETY: the header demands it.
            Ok(next) => unsafe { put(event, CEvent::of(&next)) },
            Err(none) => Ok(none),
        }
    };
    // SAFETY: the header demands it.
    number(unsafe { on(t, next) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn tympan_count(t: *const Handle, totals: *mut CTotals) -> c_int {
    let count = |handle: &Handle| {
        let all = handle.totals()?;
        let told = CTotals {
            input: all.input,
            lost: all.lost,
            filled: all.filled,
            dropped: all.dropped,
            processed: all.processed,
            mended: all.mended,
            events_lost: all.events_lost,
        };
        // SAFETY: the header demands it.
        unsafe { put(totals, told) }
    };
    // SAFETY: the header demands it.
    number(unsafe { on(t, count) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn tympan_end(t: *mut Handle) -> c_int {
    let end = |handle: &Handle| {
        handle.end();
        Ok(OK)
    };
    // SAFETY: the header demands it.
    number(unsafe { on(t, end) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn tympan_free(t: *mut Handle) {
    if t.is_null() {
        return;
    }
    // SAFETY: the header demands it: it came from tympan_start, and this is its last use.
    let handle = unsafe { Box::from_raw(t) };
    let _ = fenced(
        || {
            drop(handle);
            Ok(())
        },
        || (),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRAPH: &CStr = c"[[output]]\nname = \"all\"\nfrom = \"mic\"\n";

    fn error() -> String {
        // SAFETY: a text that ends with a zero.
        unsafe { CStr::from_ptr(tympan_error()) }.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_panic_stays_inside_and_breaks_the_handle() {
        let format = CFormat { rate: 16_000, channels: 1 };
        // SAFETY: a text of ours, and a handle that is freed at the end.
        unsafe {
            let t = tympan_start(GRAPH.as_ptr(), format);
            assert!(!t.is_null(), "{}", error());
            let planted = number(on(t, |_| panic!("planted")));
            assert_eq!(planted, BROKEN);
            assert!(error().contains("panicked"), "{}", error());
            sentence::keep("");
            for answer in [
                tympan_push(t, format, [0.0].as_ptr(), 1, 0),
                tympan_lost(t, 1),
                tympan_end(t),
                tympan_output(t, c"all".as_ptr()),
            ] {
                assert_eq!(answer, BROKEN);
            }
            assert!(tympan_plan(t).is_null());
            assert_eq!(tympan_room(t), 0);
            assert!(error().contains("panicked"), "{}", error());
            tympan_free(t);
        }
    }

    #[test]
    fn a_long_sentence_is_cut_between_letters() {
        sentence::keep(&"ä".repeat(5000));
        let kept = error();
        assert_eq!(kept.len(), 4094);
        assert!(kept.chars().all(|c| c == 'ä'));
        sentence::keep("a\0b");
        assert_eq!(error(), "a?b");
    }
}
