//! A pipeline sleeps while nothing happens, and wakes once for a callback.
#![cfg(target_os = "linux")]

use std::thread::sleep;
use std::time::Duration;

use tympan::backend::mock::Mock;
use tympan::{Format, Pipeline};
use tympan_benches::shipped::graph;
use tympan_benches::wakes;

/// Longer than any period that somebody could look at something in.
const LONG: Duration = Duration::from_millis(1500);

#[test]
fn threads_are_woken_by_work_alone() {
    let (device, hand) = Mock::new(Format::mono(48_000));
    let mut pipeline = Pipeline::builder(&graph("levels")).backend(device).start().unwrap();
    // What begins a pipeline is done.
    sleep(Duration::from_millis(300));
    let before = wakes::counts().unwrap();
    assert!(before.contains_key("tympan-worker"), "who is counted? {before:?}");
    sleep(LONG);
    let idle = wakes::since(&before);
    assert!(idle.values().all(|count| *count == 0), "woken for nothing: {idle:?}");

    // And it is noticed if they are: each callback by itself, until it is through.
    let callbacks = 50;
    for number in 1..=callbacks {
        hand.deliver(480);
        while pipeline.totals().processed < number * 480 {
            sleep(Duration::from_millis(1));
        }
    }
    let busy = wakes::since(&before);
    let worker = busy["tympan-worker"];
    // It may be awake still when the next one comes.
    assert!((1..=callbacks + 5).contains(&worker), "{busy:?} for {callbacks} callbacks");
    assert!(busy["tympan-control"] <= callbacks + 5, "{busy:?}");
    drop(pipeline.events());
    pipeline.stop();
}
