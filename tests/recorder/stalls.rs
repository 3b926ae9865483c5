//! Where holes that nobody announced are in a take, in virtual time.

use tympan::backend::mock::Signal;
use tympan::backend::phone::{Happening, Lasting, Phone, Setup};
use tympan::backend::wav::WavReader;
use tympan::core::session::{GapPolicy, Ms, Policy};
use tympan::recorder::{Machine, Options};
use tympan::take::{Container, Take};

use crate::scene::{play_with, start};
use crate::temp::Temp;

/// A graph that brings audio out later than it comes.
const GRAPH: &str = "\
[[node]]
kind = \"mix\"
channels = 1

[[node]]
kind = \"resample\"
rate = 16000

[[node]]
kind = \"suppress\"

[[output]]
name = \"take\"
";

/// A take in which nothing comes from `from` on until `to`, and its samples.
fn take(gaps: GapPolicy, (from, to): (Ms, Ms), end: Ms) -> (Take, Vec<f32>, Ms) {
    let folder = Temp::new();
    let mut options = Options::new(folder.path());
    options.format = Container::WavFloat;
    let stall = |_: &mut Machine, phone: &mut Phone| {
        phone.happen(&Happening::IoStalls(Lasting::UntilMs(to)));
    };
    let policy = Policy { gaps, ..Setup::default().policy() };
    let signal = Signal::Noise { seed: 7, level: 0.1 };
    let scene = play_with(GRAPH, signal, options, policy, &[(100, &start), (from, &stall)], end);
    let take = scene.take.expect("there is a take");
    let mut samples = vec![0.0; take.frames as usize];
    WavReader::open(take.path()).unwrap().read(&mut samples).unwrap();
    (take, samples, scene.captured)
}

/// Everything that was captured is before it, however late the graph brings it.
#[test]
fn a_hole_at_the_end_lies_at_the_end() {
    for late in [60, 100, 300] {
        let (take, _, captured) = take(GapPolicy::Compact, (2000, 9000), 2000 + late);
        assert_eq!(take.gaps.len(), 1, "{late}: {:?}", take.gaps);
        let gap = &take.gaps[0];
        assert_eq!((gap.at, gap.cause.as_str()), (take.frames, "stall"), "{late}");
        assert!(gap.ms.abs_diff(late) <= 20, "{late}: {gap:?}");
        assert!(take.frames.abs_diff(captured * 16) <= 16, "{late}: {captured}");
    }
}

#[test]
fn silence_stands_in_for_a_hole_at_the_end_behind_all_that_was_captured() {
    let (take, samples, captured) = take(GapPolicy::FillSilence, (2000, 9000), 2300);
    assert_eq!(take.gaps.len(), 1, "{:?}", take.gaps);
    let at = take.gaps[0].at as usize;
    assert_eq!(samples.len() - at, take.gaps[0].ms as usize * 16);
    assert!(samples[at..].iter().all(|sample| *sample == 0.0));
    assert!((at as u64).abs_diff(captured * 16) <= 16, "{at} of {captured} ms");
    assert!(samples[at - 160..at].iter().any(|sample| *sample != 0.0));
}

/// Nothing broke off, so nothing but the clock says where it was.
#[test]
fn a_hole_on_the_way_lies_where_it_was() {
    let (take, ..) = take(GapPolicy::Compact, (2000, 2300), 4000);
    assert_eq!(take.gaps.len(), 1, "{:?}", take.gaps);
    let gap = &take.gaps[0];
    let behind = (take.frames - gap.at) / 16;
    assert!(gap.ms.abs_diff(300) <= 20 && behind.abs_diff(4000 - 2300) <= 20, "{gap:?}");
}
