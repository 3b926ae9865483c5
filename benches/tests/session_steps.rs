//! The session machine against every event in every state: it takes them all, says
//! little, allocates nothing and never falls behind its own deadlines.
//! (The fifteenth of the properties that it was designed from.)

use std::collections::BTreeSet;

use tympan::core::session::{Commands, Event, Ms, Session};
use tympan_benches::heap;
use tympan_benches::session::{KINDS, play};

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

/// What `work` gives, and how often it used the heap.
fn operations<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let mut result = None;
    let used = heap::operations(|| result = Some(work()));
    (result.expect("it has run"), used)
}

#[test]
fn any_event_in_any_state() {
    let sessions = if std::env::var_os("TYMPAN_LONG").is_some() { 2_000_000 } else { 20_000 };
    let mut met = BTreeSet::new();
    let mut longest = 0;
    play(sessions, |session, now, event| {
        met.insert((session.state().name(), format!("{:?}", std::mem::discriminant(&event))));
        let (commands, used) = operations(|| session.step(now, event));
        assert_eq!(used, 0, "{event:?} used the heap");
        longest = longest.max(commands.len());
        catch_up(session, now);
        commands
    });
    println!("{} pairs of state and event; at most {longest} commands in a step", met.len());
    assert!(longest <= Commands::MOST);
    assert_eq!(met.len() as u64, 5 * (KINDS - 6), "every kind of event in every state");
}

/// A deadline that is due is over after a few ticks.
fn catch_up(session: &mut Session, now: Ms) {
    for _ in 0..4 {
        match session.next_deadline() {
            // The end of time is the one deadline that cannot be passed.
            Some(at) if at <= now && now < Ms::MAX => session.step(now, Event::Tick),
            _ => return,
        };
    }
    panic!("{session:?} is due at {now} for ever");
}

#[test]
fn the_counter_counts() {
    let (_, used) = operations(|| std::hint::black_box(Box::new(1)));
    assert_eq!(used, 1);
}
