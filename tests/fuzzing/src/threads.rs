//! The public interface in any order from two threads, Rust's and C's: nothing panics, every
//! answer is one that is documented, and the account is true in the end.

use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use tympan::backend::Notice;
use tympan::{Events, Format, Graph, Limits, PcmReader, Pipeline, Runner};

use crate::bytes::{Bytes, dice};
use crate::sound::{Hand, graph, samples};

const DEVICE: Format = Format::mono(16_000);
const GRAPH: &str = "[[node]]\nkind = \"mix\"\nchannels = 1\n[[node]]\nkind = \"gain\"\n\
                     [[output]]\nname = \"voice\"\n";

/// Most steps of each thread.
const MOST: usize = 24;

pub(crate) fn run(bytes: &[u8]) {
    // Threads of a pipeline's own take many times as long to come and go as all the rest: of
    // what asks for them, a part gets them.
    let seldom = dice(bytes);
    let mut bytes = Bytes::new(bytes);
    let mode = bytes.byte();
    let half = bytes.byte();
    let mine = bytes.take(usize::from(half) % 48).to_vec();
    let theirs = bytes.rest().to_vec();
    match mode % 4 {
        3 if seldom.is_multiple_of(32) => c::run(&mine, theirs),
        2 if seldom.is_multiple_of(32) => rust(Runner::Worker, &mine, theirs),
        1 if seldom.is_multiple_of(16) => rust(Runner::Inline, &mine, theirs),
        _ => rust(Runner::Manual, &mine, theirs),
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// Another thread, which lives on: to make one for each run would take longer than the run.
struct Partner {
    jobs: Sender<Job>,
    done: Receiver<bool>,
}

impl Partner {
    fn new() -> Self {
        let (jobs, work) = channel::<Job>();
        let (finished, done) = channel();
        thread::spawn(move || {
            for job in work {
                if finished.send(catch_unwind(AssertUnwindSafe(job)).is_ok()).is_err() {
                    break;
                }
            }
        });
        Self { jobs, done }
    }
}

/// Does two things at once, and both to their end.
fn at_once(mine: impl FnOnce(), theirs: impl FnOnce() + Send + 'static) {
    thread_local!(static PARTNER: OnceCell<Partner> = const { OnceCell::new() });
    PARTNER.with(|partner| {
        let partner = partner.get_or_init(Partner::new);
        partner.jobs.send(Box::new(theirs)).expect("the partner lives");
        let own = catch_unwind(AssertUnwindSafe(mine));
        assert!(partner.done.recv().expect("the partner lives"), "the other thread panicked");
        if let Err(panic) = own {
            std::panic::resume_unwind(panic);
        }
    });
}

fn rust(runner: Runner, mine: &[u8], theirs: Vec<u8>) {
    thread_local!(static KNOWN: OnceCell<[Graph; 2]> = const { OnceCell::new() });
    let other = "[[node]]\nkind = \"dc\"\n[[output]]\nname = \"voice\"\n";
    let graphs = KNOWN.with(|known| known.get_or_init(|| [graph(GRAPH), graph(other)]).clone());
    let hand = Hand::new(DEVICE);
    let mut pipeline = Pipeline::builder(&graphs[0])
        .backend(hand.clone())
        .runner(runner)
        .limits(Limits { max_push: 64, ..Limits::default() })
        .entry_seconds(0.02)
        .outlet_seconds(0.02)
        .start()
        .expect("it fits");
    let mut pcm = pipeline.pcm("voice").expect("an output");
    let events = pipeline.events().expect("events");
    let device = hand.clone();
    let mut read = 0;
    at_once(
        || app(&mut pipeline, &mut pcm, &mut read, &graphs, mine),
        move || callbacks(&device, events, &theirs),
    );
    let t = pipeline.stop();
    read += heard(&mut pcm);
    assert_eq!(t.input + t.filled, t.processed + t.dropped, "{t:?}");
    assert_eq!(t.outputs[0].delivered, read, "{t:?}");
    assert!(pcm.is_finished());
}

fn app(
    pipeline: &mut Pipeline,
    pcm: &mut PcmReader,
    read: &mut u64,
    graphs: &[Graph; 2],
    bytes: &[u8],
) {
    let mut bytes = Bytes::new(bytes);
    for _ in 0..MOST {
        if bytes.is_empty() {
            break;
        }
        match bytes.below(12) {
            0 => drop(pipeline.swap(&graphs[bytes.below(2)])),
            1 => drop(pipeline.param("gain.db").map(|live| live.set(bytes.float()))),
            2 => {
                let t = pipeline.totals();
                assert!(t.processed <= t.input + t.filled, "{t:?}");
            }
            3 => drop(pipeline.trouble()),
            4 => assert!(pipeline.outputs().len() == 1 && !pipeline.nodes().is_empty()),
            5 => drop((pipeline.is_finished(), pipeline.joined(), pipeline.priority())),
            6..9 => drop(pipeline.poll()),
            _ => *read += heard(pcm),
        }
    }
}

fn heard(pcm: &mut PcmReader) -> u64 {
    let mut frames = 0;
    while let Some(block) = pcm.try_next() {
        frames += block.samples.len() as u64;
    }
    frames
}

/// What a device does, and who hears the events.
fn callbacks(hand: &Hand, mut events: Events, bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let mut buffer = Vec::new();
    for _ in 0..MOST {
        if bytes.is_empty() {
            break;
        }
        match bytes.below(12) {
            0 => hand.notice(Notice::Lost(bytes.word().into())),
            1 => hand.notice(Notice::Break),
            2 => drop(events.try_next()),
            kind => {
                let device = if kind == 3 { Format::stereo(16_000) } else { DEVICE };
                buffer.clear();
                let frames = bytes.below(120);
                samples(&mut bytes, frames * usize::from(device.channels), &mut buffer);
                hand.audio(&buffer, device);
            }
        }
    }
}

mod c {
    #![allow(unsafe_code, reason = "what a program in C would do, NULL and all")]

    use std::ffi::{CStr, c_char, c_int, c_void};
    use std::ptr::{null, null_mut};

    use super::{Bytes, MOST, at_once};

    // The library's own names, as its header has them.
    use tympan_c as _;

    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Form {
        rate: u32,
        channels: u16,
    }

    #[repr(C)]
    #[derive(Default)]
    struct Totals {
        input: u64,
        lost: u64,
        filled: u64,
        dropped: u64,
        processed: u64,
        mended: u64,
        events_lost: u64,
    }

    /// Room for the structs that are only written to.
    type Room = [u64; 8];

    unsafe extern "C" {
        fn tympan_error() -> *const c_char;
        fn tympan_start(toml: *const c_char, format: Form) -> *mut c_void;
        fn tympan_plan(t: *const c_void) -> *const c_char;
        fn tympan_output(t: *const c_void, name: *const c_char) -> c_int;
        fn tympan_output_info(t: *const c_void, output: c_int, info: *mut Room) -> c_int;
        fn tympan_push(t: *mut c_void, f: Form, s: *const f32, n: usize, ns: u64) -> c_int;
        fn tympan_room(t: *mut c_void) -> usize;
        fn tympan_lost(t: *mut c_void, frames: u64) -> c_int;
        fn tympan_break(t: *mut c_void) -> c_int;
        fn tympan_pull(t: *mut c_void, o: c_int, h: *mut Room, d: *mut u8, size: usize) -> c_int;
        fn tympan_next_event(t: *mut c_void, event: *mut Room) -> c_int;
        fn tympan_count(t: *const c_void, totals: *mut Totals) -> c_int;
        fn tympan_end(t: *mut c_void) -> c_int;
        fn tympan_free(t: *mut c_void);
    }

    const TOML: &CStr = c"[[node]]\nkind = \"pcm16\"\nframe = \"5ms\"\n[[output]]\nname = \"p\"\n\
                          [[output]]\nname = \"s\"\nfrom = \"mic\"\n";
    const FORM: Form = Form { rate: 16_000, channels: 1 };

    struct Handle(*mut c_void);
    // SAFETY: the header allows any thread any call but `tympan_free`.
    unsafe impl Send for Handle {}

    pub(super) fn run(mine: &[u8], theirs: Vec<u8>) {
        // SAFETY: a text that ends with a zero; the handle is freed once, at the end.
        unsafe {
            let t = tympan_start(TOML.as_ptr(), FORM);
            assert!(!t.is_null(), "{}", error());
            let other = Handle(t);
            at_once(
                || calls(t, mine),
                move || {
                    let Handle(t) = { other };
                    calls(t, &theirs);
                },
            );
            assert_eq!(tympan_end(t), 0, "{}", error());
            let mut totals = Totals::default();
            assert_eq!(tympan_count(t, &raw mut totals), 0, "{}", error());
            let Totals { input, filled, processed, dropped, .. } = totals;
            assert_eq!(input + filled, processed + dropped);
            tympan_free(t);
        }
    }

    fn error() -> String {
        // SAFETY: a text that ends with a zero, whatever happened.
        unsafe { CStr::from_ptr(tympan_error()) }.to_str().expect("a sentence").to_owned()
    }

    /// Calls as they come, many of them wrong.
    fn calls(t: *mut c_void, bytes: &[u8]) {
        let mut bytes = Bytes::new(bytes);
        let (mut room, mut data) = ([0; 8], [0; 512]);
        let mut info: [Room; 2] = Default::default();
        let samples = [0.25_f32; 256];
        for _ in 0..MOST {
            if bytes.is_empty() {
                break;
            }
            let (call, how) = (bytes.below(16), bytes.byte());
            let t = if how == 255 { null_mut() } else { t };
            let room: *mut Room = if how % 16 == 15 { null_mut() } else { &raw mut room };
            // SAFETY: the handle lives, and every pointer is NULL or large enough.
            let answer = unsafe {
                match call {
                    0 => tympan_lost(t, how.into()),
                    1 => tympan_break(t),
                    2 => tympan_output(t, if how == 7 { null() } else { c"s".as_ptr() }).min(0),
                    3 => tympan_output_info(t, c_int::from(how % 4), info.as_mut_ptr()),
                    4 => tympan_next_event(t, room),
                    5 => tympan_count(t, null_mut()),
                    6 if how < 40 => tympan_end(t),
                    7 => {
                        let _ = (tympan_plan(t), tympan_room(t));
                        0
                    }
                    8..11 => {
                        let size = if how % 4 == 3 { 2 } else { data.len() };
                        tympan_pull(t, c_int::from(how % 3), room, data.as_mut_ptr(), size)
                    }
                    _ => {
                        let form = if how % 32 == 9 { Form { rate: 0, channels: 1 } } else { FORM };
                        let from = if how % 32 == 8 { null() } else { samples.as_ptr() };
                        tympan_push(t, form, from, how.into(), 0)
                    }
                }
            };
            assert!((-3..=2).contains(&answer), "call {call} answers {answer}: {}", error());
            assert!(answer >= 0 || !error().is_empty(), "call {call} says nothing about {answer}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_either_thread_is_noticed() {
        at_once(|| (), || ());
        assert!(catch_unwind(|| at_once(|| panic!("planted"), || ())).is_err());
        assert!(catch_unwind(|| at_once(|| (), || panic!("planted"))).is_err());
        at_once(|| (), || ());
    }
}
