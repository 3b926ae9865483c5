//! What an open microphone heard before a take, in virtual time.

use std::time::Duration;

use tympan::backend::mock::Signal;
use tympan::backend::phone::Phone;
use tympan::backend::wav::WavReader;
use tympan::core::session::{Ask, Ms};
use tympan::recorder::{Machine, Options};
use tympan::take::{Container, Take};

use crate::scene::{Event, call_over, called, play, start};
use crate::temp::Temp;

/// One channel as it comes: every frame tells its number.
const GRAPH: &str = "[[node]]\nkind = \"mix\"\nchannels = 1\n\n[[output]]\nname = \"take\"\n";

/// Lets a microphone that is warm from the beginning go through this, in ms; the take that
/// was completed, and how much was captured in it.
fn take(pre_roll: u64, events: &[Event<'_>], end: Ms) -> (Temp, Take, Ms) {
    let folder = Temp::new();
    let mut options = Options::new(folder.path());
    options.format = Container::WavFloat;
    options.pre_roll = Duration::from_millis(pre_roll);
    let events: Vec<Event<'_>> = [(0, &warm as _)].into_iter().chain(events.to_vec()).collect();
    let scene = play(GRAPH, Signal::Ramp, options, &events, end);
    (folder, scene.take.expect("there is a take"), scene.captured)
}

fn warm(machine: &mut Machine, _: &mut Phone) {
    machine.ask(8, Ask::Prewarm);
}

/// The numbers of the frames of a take.
fn numbers(take: &Take) -> Vec<u64> {
    let mut wav = WavReader::open(take.path()).unwrap();
    let mut samples = vec![0.0; take.frames as usize];
    assert_eq!(wav.read(&mut samples).unwrap(), samples.len());
    samples.into_iter().map(Signal::ramp_frame).collect()
}

fn is_unbroken(numbers: &[u64]) -> bool {
    numbers.windows(2).all(|pair| pair[1] == pair[0] + 1)
}

#[test]
fn a_take_begins_with_what_was_heard_before_it_and_nothing_is_between() {
    for pre_roll in [100, 500, 1500] {
        let (_folder, take, captured) = take(pre_roll, &[(3000, &start)], 5000);
        assert_eq!(take.prewarmed, pre_roll * 48, "{pre_roll}");
        let numbers = numbers(&take);
        assert!(is_unbroken(&numbers), "{pre_roll}");
        // What was heard until the file was open comes on top.
        assert!(take.frames.abs_diff(take.prewarmed + captured * 48) <= 48 * 20, "{take:?}");
        assert_eq!(take.segments.len(), 1, "{take:?}");
    }
}

#[test]
fn without_a_wish_for_it_a_take_begins_when_it_is_asked_for() {
    let (_folder, take, captured) = take(0, &[(3000, &start)], 5000);
    assert_eq!(take.prewarmed, 0);
    assert!(is_unbroken(&numbers(&take)));
    assert!(take.frames.abs_diff(captured * 48) <= 48 * 20, "{take:?}");
}

#[test]
fn a_microphone_that_was_not_open_has_heard_nothing() {
    let release = |machine: &mut Machine, _: &mut Phone| machine.ask(9, Ask::Release);
    let (_folder, take, _) = take(500, &[(2000, &release), (3000, &start)], 5000);
    assert_eq!(take.prewarmed, 0);
    assert!(is_unbroken(&numbers(&take)));
}

#[test]
fn a_microphone_that_is_open_for_less_gives_what_it_has() {
    let (_folder, take, _) = take(1500, &[(600, &start)], 3000);
    assert!(take.prewarmed > 200 * 48 && take.prewarmed < 700 * 48, "{take:?}");
    let numbers = numbers(&take);
    assert!(is_unbroken(&numbers) && numbers[0] < 4800, "{:?}", &numbers[..2]);
}

/// Neither what was heard before a call, nor what a person wanted unheard.
#[test]
fn breaks_and_mutes_before_the_take_are_borders() {
    let call: [Event<'_>; 4] = [(2000, &called), (2500, &call_over), (2520, &warm), (3000, &start)];
    let (_folder, behind, _) = take(1500, &call, 5000);
    let frames = numbers(&behind);
    assert!(is_unbroken(&frames), "{behind:?}");
    assert!(behind.prewarmed < 600 * 48, "{behind:?}");

    let mute = |machine: &mut Machine, _: &mut Phone| machine.mute(true);
    let unmute = |machine: &mut Machine, _: &mut Phone| machine.mute(false);
    let (_folder, muted, _) = take(1500, &[(2000, &mute), (2800, &unmute), (3000, &start)], 5000);
    assert!(is_unbroken(&numbers(&muted)));
    assert!(muted.prewarmed.abs_diff(200 * 48) < 48 * 30, "{muted:?}");
}

/// A gap is where the break was, however much came before the take.
#[test]
fn marks_stand_behind_what_was_heard_before() {
    let (_folder, take, _) =
        take(1000, &[(3000, &start), (4000, &called), (5000, &call_over)], 7000);
    assert_eq!((take.prewarmed, take.gaps.len(), take.segments.len()), (48_000, 1, 2), "{take:?}");
    assert_eq!(take.gaps[0].at, take.segments[1].at, "{take:?}");
    assert!(take.segments[0].frames.abs_diff(2 * 48_000) < 48 * 50, "{take:?}");
}
