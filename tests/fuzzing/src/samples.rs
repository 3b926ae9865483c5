//! Any bits as samples: the graph hears them as if they had been mended before, which is
//! counted, and at the next segment nothing is left of them.

use std::cell::RefCell;

use tympan::{Executor, Format, Limits, Reason};

use crate::bytes::{Bytes, dice};
use crate::sound::{Ear, graph, mended, samples};

/// Nothing in it remembers beyond a segment.
const LIGHT: &str = r#"
[[node]]
kind = "dc"
[[node]]
id = "left"
kind = "mix"
channels = 1
[[node]]
kind = "highpass"
[[node]]
kind = "gain"
db = 12
[[node]]
kind = "limiter"
[[node]]
kind = "level"
[[output]]
name = "all"
from = "dc"
[[output]]
name = "one"
from = "limiter"
"#;

/// And everything that does.
const HEAVY: &str = r#"
[[node]]
kind = "mix"
channels = 1
[[node]]
kind = "agc"
[[node]]
kind = "denoise"
[[node]]
kind = "resample"
rate = 16000
[[node]]
kind = "suppress"
[[output]]
name = "x"
"#;

/// A low rate, so that a short sound fills what looks ahead.
const LIGHT_DEVICE: Format = Format::stereo(8000);
const HEAVY_DEVICE: Format = Format::mono(48_000);

/// Two of the same, and what a new one makes of a good segment.
struct Pair {
    one: Executor,
    two: Executor,
    good: Ear,
}

fn executor(text: &str, device: Format) -> Executor {
    let limits = Limits { max_push: 256, ..Limits::default() };
    graph(text).plan_with(&[device], limits).expect("it fits").executor()
}

impl Pair {
    fn new() -> Self {
        let mut one = executor(LIGHT, LIGHT_DEVICE);
        let good = good(&mut one);
        Self { one, two: executor(LIGHT, LIGHT_DEVICE), good }
    }
}

fn good(executor: &mut Executor) -> Ear {
    let mut ear = Ear::default();
    executor.push(&[0.25; 2 * 40], &mut ear);
    executor.end_segment(Reason::Discarded, &mut ear);
    ear
}

pub(crate) fn run(bytes: &[u8]) {
    thread_local!(static PAIR: RefCell<Option<Pair>> = const { RefCell::new(None) });
    let seldom = is_seldom(bytes);
    let mut bytes = Bytes::new(bytes);
    // Filters that learn are made anew each time, which takes a hundred times as long as the
    // others take to run: of what asks for them a part gets them.
    if bytes.byte() == 0x17 && seldom {
        let (mut one, mut two) = (executor(HEAVY, HEAVY_DEVICE), executor(HEAVY, HEAVY_DEVICE));
        same(&mut one, &mut two, &mut bytes, 1, mended);
        return;
    }
    PAIR.with_borrow_mut(|pair| {
        let pair = pair.get_or_insert_with(Pair::new);
        same(&mut pair.one, &mut pair.two, &mut bytes, 2, mended);
        assert_eq!(good(&mut pair.one), pair.good, "the next segment is not as it should be");
    });
}

fn is_seldom(bytes: &[u8]) -> bool {
    dice(bytes).is_multiple_of(64)
}

/// Feeds one with what comes and one with what it should be taken for.
fn same(
    one: &mut Executor,
    two: &mut Executor,
    bytes: &mut Bytes<'_>,
    channels: usize,
    mended: fn(f32) -> f32,
) {
    let (mut raw, mut heard, mut due) = (Vec::new(), Ear::default(), Ear::default());
    let (mut not_finite, mut clamped) = (0, 0);
    for _ in 0..=bytes.below(3) {
        let count = bytes.below(48);
        raw.clear();
        samples(bytes, count * channels, &mut raw);
        not_finite += raw.iter().filter(|x| !x.is_finite()).count() as u64;
        clamped += raw.iter().filter(|x| x.is_finite() && x.abs() > 8.0).count() as u64;
        one.push(&raw, &mut heard);
        for x in &mut raw {
            *x = mended(*x);
        }
        two.push(&raw, &mut due);
    }
    one.end_segment(Reason::Interruption, &mut heard);
    two.end_segment(Reason::Interruption, &mut due);
    assert_eq!((heard.not_finite, heard.clamped), (not_finite, clamped), "bad samples are counted");
    assert_eq!(heard.panics, 0, "a node panicked");
    (due.not_finite, due.clamped) = (not_finite, clamped);
    assert!(heard == due, "what is bad was taken for something else");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planted_faults_are_noticed() {
        // Any bits: NaN, and far too loud.
        let bits =
            [&[0, 4, 5, 0][..], &f32::NAN.to_le_bytes(), &1e9_f32.to_le_bytes(), &[0; 64]].concat();
        let pair = |mended: fn(f32) -> f32| {
            let Pair { mut one, mut two, .. } = Pair::new();
            same(&mut one, &mut two, &mut Bytes::new(&bits), 2, mended);
        };
        pair(mended);
        let wrong: fn(f32) -> f32 = |x| if x.is_finite() { x } else { 1.0 };
        assert!(std::panic::catch_unwind(|| pair(wrong)).is_err());
    }

    #[test]
    fn filters_that_learn_are_met_too() {
        let bytes =
            |last| [&[0x17, 2, 60, 5, 0][..], &f32::NAN.to_le_bytes(), &[0; 40], &[last]].concat();
        let met = (0..=255).map(bytes).filter(|bytes| is_seldom(bytes));
        assert!(met.inspect(|bytes| run(bytes)).count() > 0);
    }

    #[test]
    fn what_stays_is_noticed() {
        let learns = "[[node]]\nkind = \"suppress\"\n[[output]]\nname = \"x\"\n";
        let mut executor = executor(learns, Format::stereo(16_000));
        let first = good(&mut executor);
        let mut noise = Vec::new();
        samples(&mut Bytes::new(&[2, 200]), 2 * 16_000, &mut noise);
        executor.push(&noise, &mut Ear::default());
        executor.end_segment(Reason::Discarded, &mut Ear::default());
        assert_ne!(first, good(&mut executor));
    }
}
