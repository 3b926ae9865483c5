use std::future::poll_fn;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Wake};

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::sync::atomic::Ordering::{Acquire, Release};
use loom::sync::atomic::{AtomicBool, AtomicU64};
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::pipeline::shared::{Bell, Shared, Sleeper};

/// How a model is played: as it is, or with its mistake.
#[derive(Clone, Copy, PartialEq)]
enum As {
    Written,
    Broken,
}

/// Plays the model of the test `name` in all orders; it must hold, in at least `orders` of
/// them, and its broken twin must fail in one and say `why`. The twin plays in a process of
/// its own, because a thread that waits for ever takes loom down with it.
fn play(name: &str, orders: usize, why: &str, model: fn(As)) {
    if std::env::var_os("TYMPAN_BROKEN").is_some() {
        loom::model(move || model(As::Broken));
        return;
    }
    let seen = std::sync::Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    loom::model(move || {
        count.fetch_add(1, Relaxed);
        model(As::Written);
    });
    let seen = seen.load(Relaxed);
    println!("{name}: holds in {seen} orders");
    assert!(seen >= orders, "only {seen} orders were tried");
    let twin = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", &format!("models::{name}")])
        .env("TYMPAN_BROKEN", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&twin.stderr);
    assert!(!twin.status.success(), "the broken twin of {name} held in all orders");
    assert!(said.contains(why), "the broken twin failed for another reason: {said}");
}

/// A ring of one place, one writer and one reader: what is put must be fetched before the
/// next is put.
struct Place<T> {
    full: AtomicU64,
    thing: UnsafeCell<Option<T>>,
}

impl<T> Place<T> {
    fn new() -> Self {
        Self { full: AtomicU64::new(0), thing: UnsafeCell::new(None) }
    }

    fn is_full(&self) -> bool {
        self.full.load(Acquire) == 1
    }

    fn put(&self, thing: T) -> Result<(), T> {
        if self.is_full() {
            return Err(thing);
        }
        // SAFETY: empty, and only the writer makes it full; loom checks that it is so.
        self.thing.with_mut(|place| unsafe { *place = Some(thing) });
        self.full.store(1, Release);
        Ok(())
    }

    fn fetch(&self) -> Option<T> {
        if !self.is_full() {
            return None;
        }
        // SAFETY: full, and only the reader makes it empty; loom checks that it is so.
        let thing = self.thing.with_mut(|place| unsafe { (*place).take() });
        self.full.store(0, Release);
        thing
    }
}

/// A worker that has looked and found nothing sleeps; what is written before the wake is
/// found. Broken: woken first, written then.
#[test]
fn no_wake_is_lost() {
    play("no_wake_is_lost", 10, "deadlock", |how| {
        let (shared, written) = (Arc::new(Shared::default()), Arc::new(AtomicU64::new(0)));
        shared.worker.sleeps_here();
        let device = {
            let (shared, written) = (shared.clone(), written.clone());
            thread::spawn(move || {
                for n in 1..=2 {
                    if how == As::Broken {
                        shared.worker.wake();
                    }
                    written.store(n, Release);
                    if how == As::Written {
                        shared.worker.wake();
                    }
                }
            })
        };
        // As the worker's thread: run, then sleep.
        while written.load(Acquire) < 2 {
            thread::park();
        }
        device.join().unwrap();
    });
}

/// A reader that waits is rung for what the worker has put, and for the end. Broken: the
/// worker raises the bell before it puts.
#[test]
fn every_reader_is_rung() {
    play("every_reader_is_rung", 100, "deadlock", |how| {
        let (bell, records) = (Arc::new(Bell::default()), Arc::new(AtomicU64::new(0)));
        let worker = {
            let (bell, records) = (bell.clone(), records.clone());
            thread::spawn(move || {
                if how == As::Broken {
                    bell.raise();
                    bell.ring_if_raised();
                    records.store(1, Release);
                } else {
                    records.store(1, Release);
                    bell.raise();
                    // The control thread, which is behind it.
                    bell.ring_if_raised();
                }
            })
        };
        let more = block_on(poll_fn(|cx| bell.poll(cx, || records.load(Acquire) > 0)));
        assert!(more);
        worker.join().unwrap();
    });
}

/// What was put before the end is got before the end is told. Broken: closed first.
#[test]
fn the_end_comes_last() {
    play("the_end_comes_last", 300, "the end was told before", |how| {
        let (bell, records) = (Arc::new(Bell::default()), Arc::new(AtomicU64::new(0)));
        let worker = {
            let (bell, records) = (bell.clone(), records.clone());
            thread::spawn(move || {
                if how == As::Broken {
                    bell.close();
                }
                records.store(1, Release);
                if how == As::Written {
                    bell.close();
                }
                bell.ring_if_raised();
            })
        };
        let more = block_on(poll_fn(|cx| bell.poll(cx, || records.load(Acquire) > 0)));
        assert!(more, "the end was told before the last record");
        worker.join().unwrap();
    });
}

/// An executor goes to the worker and the one it replaces comes back, so that the worker
/// never has to drop one. Broken: the control side does not wait for the last to be back.
#[test]
fn an_executor_always_finds_its_way_back() {
    play("an_executor_always_finds_its_way_back", 400, "an executor would be dropped", |how| {
        let shared = Arc::new(Shared::default());
        let (new, old) = (Arc::new(Place::new()), Arc::new(Place::new()));
        let worker = {
            let (shared, new, old) = (shared.clone(), new.clone(), old.clone());
            thread::spawn(move || {
                let mut running = 0;
                let mut taken = 0;
                while taken < 2 {
                    // As `Worker::take_over`, which looks for room first.
                    if (how == As::Broken || !old.is_full())
                        && let Some(next) = new.fetch()
                    {
                        let replaced = std::mem::replace(&mut running, next);
                        taken += 1;
                        old.put(replaced).expect("an executor would be dropped on the worker");
                        shared.control.wake();
                    }
                    thread::yield_now();
                }
                running
            })
        };
        let (mut sent, mut back) = (0, Vec::new());
        while back.len() < 2 {
            // As `Control`: what came back first, then the next one.
            let received = if how == As::Broken && sent < 2 { None } else { old.fetch() };
            back.extend(received);
            let under_way = sent > back.len();
            if sent < 2 && (how == As::Broken || !under_way) && new.put(sent + 1).is_ok() {
                sent += 1;
            }
            thread::yield_now();
        }
        assert_eq!(back, [0, 1]);
        assert_eq!(worker.join().unwrap(), 2);
    });
}

/// Whoever brought audio goes without a word: what it has brought is the end. Broken: the
/// worker asks after it has looked for audio.
#[test]
fn what_an_orphan_brought_is_not_lost() {
    play("what_an_orphan_brought_is_not_lost", 20, "some of it was lost", |how| {
        let (shared, written) = (Arc::new(Shared::default()), Arc::new(AtomicU64::new(0)));
        shared.worker.sleeps_here();
        let device = {
            let (shared, written) = (shared.clone(), written.clone());
            thread::spawn(move || {
                written.store(480, Release);
                shared.worker.wake();
                shared.orphan();
            })
        };
        // As `Worker::run`.
        let mut processed = 0;
        loop {
            let before = shared.is_orphaned();
            processed += written.load(Acquire) - processed;
            let orphaned = if how == As::Broken { shared.is_orphaned() } else { before };
            if orphaned {
                break;
            }
            thread::park();
        }
        assert_eq!(processed, 480, "some of it was lost");
        device.join().unwrap();
    });
}

/// The first audio of a take meets nodes that have forgotten everything. Broken: the worker
/// looks for a renewal, then for audio.
#[test]
fn a_take_begins_with_fresh_nodes() {
    play("a_take_begins_with_fresh_nodes", 5000, "met nodes of the last one", |how| {
        let shared = Arc::new(Shared::default());
        let (door, written) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let worker = {
            let (shared, written) = (shared.clone(), written.clone());
            thread::spawn(move || {
                // As `Worker::run`.
                let mut fresh = false;
                loop {
                    let orphaned = shared.is_orphaned();
                    if how == As::Broken {
                        fresh |= shared.takes_renewal();
                    }
                    let audio = written.load(Acquire) == 1;
                    if how == As::Written {
                        fresh |= shared.takes_renewal();
                    }
                    assert!(fresh || !audio, "a take met nodes of the last one");
                    if orphaned {
                        break;
                    }
                    thread::park();
                }
            })
        };
        shared.worker.is(worker.thread());
        let device = {
            let (shared, door) = (shared.clone(), door.clone());
            thread::spawn(move || {
                // As the door: what comes while it is shut stays outside.
                if door.load(Acquire) == 1 {
                    written.store(1, Release);
                }
                shared.orphan();
            })
        };
        // As whoever opens a take.
        shared.renew();
        door.store(1, Release);
        device.join().unwrap();
        worker.join().unwrap();
    });
}

/// A reader that waits, and counts how often it was rung.
#[derive(Default)]
struct Heard(AtomicUsize);

impl Wake for Heard {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// A reader hears of the end also where it is the last thing that the control thread does.
/// Broken: it asks whether that is so after it has rung.
#[test]
fn the_last_bell_is_rung() {
    play("the_last_bell_is_rung", 200, "was not rung", |how| {
        let (shared, bell) = (Arc::new(Shared::default()), Arc::new(Bell::default()));
        let heard = std::sync::Arc::new(Heard::default());
        let waker = heard.clone().into();
        assert!(bell.poll(&Context::from_waker(&waker), || false).is_pending());
        let control = {
            let (shared, bell) = (shared.clone(), bell.clone());
            thread::spawn(move || {
                // As the control thread, which is woken where this yields.
                loop {
                    let before = shared.is_finished();
                    bell.ring_if_raised();
                    let finished = if how == As::Broken { shared.is_finished() } else { before };
                    if finished {
                        break;
                    }
                    thread::yield_now();
                }
            })
        };
        let worker = {
            let bell = bell.clone();
            thread::spawn(move || {
                bell.close();
                shared.finished.store(true, Release);
            })
        };
        worker.join().unwrap();
        control.join().unwrap();
        assert!(heard.0.load(Relaxed) > 0, "a reader was not rung");
    });
}

/// An office that closes has done what was ordered. Broken: its thread asks whether it is
/// closed when it has looked for orders.
#[test]
fn what_was_ordered_is_done_before_an_office_closes() {
    play("what_was_ordered_is_done_before_an_office_closes", 10, "was not done", |how| {
        let desk = Arc::new((Sleeper::default(), Mutex::new(0), AtomicBool::new(false)));
        let office = {
            let desk = desk.clone();
            thread::spawn(move || {
                let (_, orders, closed) = &*desk;
                let mut done = 0;
                loop {
                    let before = closed.load(Acquire);
                    done += std::mem::take(&mut *orders.lock().unwrap());
                    let over = if how == As::Broken { closed.load(Acquire) } else { before };
                    if over {
                        return done;
                    }
                    thread::park();
                }
            })
        };
        let (worker, orders, closed) = &*desk;
        worker.is(office.thread());
        *orders.lock().unwrap() += 1;
        worker.wake();
        closed.store(true, Release);
        worker.wake();
        assert_eq!(office.join().unwrap(), 1, "an order was not done");
    });
}

/// A wish for an executor is granted once, and a refusal is seen by the worker that waits.
/// Broken: the control thread itself says who it is, when somebody has already had a wish.
#[test]
fn a_wish_is_answered() {
    play("a_wish_is_answered", 10, "deadlock", |how| {
        let format = tympan_core::Format::mono(16_000);
        let shared = Arc::new(Shared::default());
        shared.worker.sleeps_here();
        let control = {
            let shared = shared.clone();
            thread::spawn(move || {
                // As the control thread: look, then sleep.
                if how == As::Broken {
                    shared.control.sleeps_here();
                }
                while shared.take_wish().is_none() {
                    thread::park();
                }
                assert_eq!(shared.take_wish(), None);
                shared.refuse(format);
            })
        };
        if how == As::Written {
            shared.control.is(control.thread());
        }
        shared.wish(format);
        while !shared.is_refused(format) {
            thread::park();
        }
        control.join().unwrap();
    });
}
