//! Listeners that are slow, that panic, that remove themselves.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tympan::core::session::State;
use tympan::recorder::{ListenerId, RecorderEvent};

use crate::kit::App;

#[test]
fn a_slow_listener_stops_neither_the_recorder_nor_the_take() {
    let app = App::new();
    let done = Arc::new(AtomicBool::new(false));
    let release = done.clone();
    app.recorder.add_listener(move |_| {
        while !release.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    app.recorder.start().unwrap();
    app.pass(1000);
    app.recorder.pause().unwrap();
    app.recorder.resume().unwrap();
    app.pass(500);
    let take = app.stop();
    assert!(take.duration() >= Duration::from_millis(1300), "{:?}", take.duration());
    done.store(true, Ordering::SeqCst);
    app.hears_words(&["recording", "paused", "recording", "stopped"]);
}

#[test]
fn a_panicking_listener_is_called_again_and_harms_nobody() {
    let app = App::new();
    let calls = Arc::new(AtomicU32::new(0));
    let count = calls.clone();
    app.recorder.add_listener(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        // Without a message on the screen of whoever runs the tests.
        std::panic::resume_unwind(Box::new("planted"));
    });
    app.recorder.start().unwrap();
    app.pass(100);
    app.recorder.stop().unwrap();
    app.hears_words(&["recording", "stopped"]);
    assert!(calls.load(Ordering::SeqCst) >= 2);
}

#[test]
fn a_listener_may_remove_itself_and_others_and_use_the_recorder() {
    let app = App::new();
    let (own, other) =
        (Arc::<OnceLock<ListenerId>>::default(), Arc::<OnceLock<ListenerId>>::default());
    let seen = Arc::<Mutex<Vec<&str>>>::default();
    let (me, victim, diary) = (own.clone(), other.clone(), seen.clone());
    let recorder = app.recorder.clone();
    let first = app.recorder.add_listener(move |event| {
        if matches!(event, RecorderEvent::State { state: State::Recording, .. }) {
            diary.lock().unwrap().push("first");
            assert!(recorder.remove_listener(*me.get().unwrap()));
            assert!(recorder.remove_listener(*victim.get().unwrap()));
            recorder.pause().unwrap();
        }
    });
    let diary = seen.clone();
    let second = app.recorder.add_listener(move |event| {
        if matches!(event, RecorderEvent::State { .. }) {
            diary.lock().unwrap().push("second");
        }
    });
    own.set(first).unwrap();
    other.set(second).unwrap();
    app.recorder.start().unwrap();
    app.hears_words(&["recording", "paused"]);
    app.recorder.stop().unwrap();
    app.hears_words(&["recording", "paused", "stopped"]);
    assert_eq!(*seen.lock().unwrap(), ["first"], "the second was removed before its turn");
}

#[test]
fn nobody_is_called_after_a_removal_returned_whatever_runs() {
    let app = App::new();
    app.recorder.start().unwrap();
    for round in 0..200 {
        let gone = Arc::new(AtomicBool::new(false));
        let late = Arc::new(AtomicBool::new(false));
        let (is_gone, was_late) = (gone.clone(), late.clone());
        let id = app.recorder.add_listener(move |_| {
            was_late.fetch_or(is_gone.load(Ordering::SeqCst), Ordering::SeqCst);
        });
        // Events come while it is removed.
        app.recorder.mute(round % 2 == 0);
        app.recorder.remove_listener(id);
        gone.store(true, Ordering::SeqCst);
        std::thread::yield_now();
        assert!(!late.load(Ordering::SeqCst), "round {round}");
    }
}

#[test]
fn the_last_recorder_may_go_inside_a_listener() {
    let app = App::new();
    let App { recorder, folder, .. } = app;
    let (told, hears) = std::sync::mpsc::channel();
    let held = Arc::new(Mutex::new(Some(recorder.clone())));
    recorder.add_listener(move |event| {
        if matches!(event, RecorderEvent::State { state: State::Recording, .. }) {
            drop(held.lock().unwrap().take());
            let _ = told.send(());
        }
    });
    recorder.start().unwrap();
    drop(recorder);
    hears.recv_timeout(Duration::from_secs(20)).unwrap();
    // The take that ran is completed.
    for _ in 0..5000 {
        if tympan::take::list(folder.path()).unwrap().len() == 1 {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("no take: {:?}", tympan::take::open(folder.path()));
}
