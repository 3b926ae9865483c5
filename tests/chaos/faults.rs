//! Every call that a take makes fails once, in every way: nothing that was accepted
//! before is lost, the app hears of it, and the file is whole.

use tympan::core::session::State;
use tympan::take::Container;

use crate::disk::{Disk, Fault};
use crate::studio::{Story, containers, length, next_process, record, sound};

const LONG: u64 = 1300;

/// How late a packet may be: what an encoder holds is lost with a write that fails for
/// good.
fn slack(container: Container) -> u64 {
    match container {
        // What is handed to the system together, a packet that is not full, the delay of
        // the encoder.
        Container::M4a => 100 + 22 + 22,
        Container::Opus => 100 + 20 + 7,
        Container::Flac => 100,
        _ => 0,
    }
}

/// What is wrong with what is left: a file that is not whole, or one that lacks something
/// that had been accepted.
fn lost(container: Container, disk: &Disk, story: &Story) -> Option<String> {
    let kept = match (&story.take, next_process(&disk.reborn())) {
        (Some(take), _) => sound(disk, take).map(|()| length(Some(take))),
        (None, Ok(take)) => Ok(length(take.as_ref())),
        (None, Err(why)) => Err(why),
    };
    match kept {
        Err(why) => Some(why),
        Ok(kept) if kept + 10 + slack(container) < story.accepted => {
            Some(format!("{kept} ms kept"))
        }
        Ok(_) => None,
    }
}

fn each_call(
    container: Container,
    fault: Fault,
    check: impl Fn(usize, &Disk, u64) -> Option<String>,
) {
    let whole = Disk::default();
    record(container, &whole, LONG);
    let calls = whole.calls();
    let mut findings = Vec::new();
    for call in 1..=calls {
        let disk = Disk::default();
        disk.fail(call, fault);
        findings.extend(check(call, &disk, calls as u64));
    }
    println!("{container:?} {fault:?}: {calls} calls, {} findings", findings.len());
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn a_call_that_is_interrupted_or_short_is_made_again_and_nobody_notices() {
    for container in containers() {
        let whole = Disk::default();
        let normal = record(container, &whole, LONG);
        let path = normal.take.as_ref().unwrap().path();
        for fault in [Fault::Short, Fault::Interrupted] {
            each_call(container, fault, |call, disk, _| {
                let story = record(container, disk, LONG);
                let same = story
                    .take
                    .as_ref()
                    .is_some_and(|take| disk.bytes(&take.path()) == whole.bytes(&path));
                // Only writes are interrupted; for the rest this is an error like others.
                let told = !story.errors.is_empty() || !story.troubles.is_empty();
                let failed = fault == Fault::Interrupted && told;
                (!same && !failed).then(|| format!("{container:?} {fault:?} {call}: {story:?}"))
            });
        }
    }
}

#[test]
fn a_disk_that_is_full_at_any_call_keeps_all_that_was_accepted() {
    for container in containers() {
        each_call(container, Fault::Full, |call, disk, _| {
            let story = record(container, disk, LONG);
            let at = || format!("{container:?} full at call {call}: {story:?}");
            // It was full when nothing more was to be written.
            let Some(failed) = story.failed else { return story.take.is_none().then(at) };
            // Before the first audio, the start is refused and leaves nothing.
            if story.errors.iter().any(|(_, error)| error == "rejected:FILE_ERROR") {
                return (next_process(&disk.reborn()) != Ok(None)).then(at);
            }
            let late = story.errors.iter().find(|(_, error)| error == "FILE_ERROR");
            if late.is_none() && story.take.is_none() {
                return Some(at());
            }
            if late.is_some_and(|(told, _)| *told > failed + 100) {
                return Some(format!("told late; {}", at()));
            }
            if late.is_some() && story.state != State::Error && story.state != State::Stopped {
                return Some(at());
            }
            lost(container, disk, &story).map(|why| format!("{why}; {}", at()))
        });
    }
}

#[test]
fn a_call_that_fails_once_loses_nothing_that_was_accepted() {
    for container in containers() {
        each_call(container, Fault::Io, |call, disk, _| {
            let story = record(container, disk, LONG);
            let at = || format!("{container:?} EIO at call {call}: {story:?}");
            if story.errors.iter().any(|(_, error)| error == "rejected:FILE_ERROR") {
                return (!matches!(next_process(&disk.reborn()), Ok(None))).then(at);
            }
            lost(container, disk, &story).map(|why| format!("{why}; {}", at()))
        });
    }
}

/// What an `fsync` did not confirm may be gone one day, and another one proves nothing. So
/// the take goes on in a new file, and tells which part of it is unsure.
#[test]
fn a_sync_that_fails_once_ends_a_file_and_not_the_take() {
    for container in containers() {
        let whole = Disk::default();
        let normal = record(container, &whole, LONG);
        let normal = normal.take.as_ref().unwrap();
        assert!(whole.syncs() > 4, "{container:?}: {}", whole.syncs());
        let mut went_on = 0;
        for number in 2..=whole.syncs() {
            let disk = Disk::default();
            disk.fail_syncs(number..number + 1);
            let story = record(container, &disk, LONG);
            let at = || format!("{container:?}, sync {number}: {story:?}");
            assert!(story.errors.is_empty(), "{}", at());
            let take = story.take.as_ref().unwrap_or_else(|| panic!("{}", at()));
            sound(&disk, take).unwrap_or_else(|why| panic!("{why}: {}", at()));
            assert_eq!(take.frames - take.filled, normal.frames - normal.filled, "{}", at());
            // The first audio could not be confirmed: there is nothing to be sure of.
            let [suspect] = take.suspect[..] else { panic!("{}", at()) };
            // Behind the end there is nothing to go on with.
            let at_end = suspect.end() == take.frames;
            assert_eq!(take.more.len(), usize::from(!at_end), "{}", at());
            went_on += usize::from(!at_end);
            let most = u64::from(take.rate) * 6 / 10;
            assert!(suspect.frames > 0 && suspect.frames < most, "{}", at());
            assert_eq!(story.troubles.len(), 1, "{}", at());
        }
        assert!(went_on >= 2, "{container:?}");
    }
}

#[test]
fn a_disk_that_confirms_nothing_any_more_ends_the_take() {
    for container in containers() {
        let disk = Disk::default();
        disk.fail_syncs(3..usize::MAX);
        let story = record(container, &disk, LONG);
        assert_eq!(story.errors.len(), 1, "{container:?}: {story:?}");
        assert_eq!(story.errors[0].1, "FILE_ERROR");
        assert!(lost(container, &disk, &story).is_none(), "{container:?}: {story:?}");
    }
}

#[test]
fn a_process_that_dies_at_any_call_leaves_a_take_that_is_whole_up_to_there() {
    for container in containers() {
        let mut lost = Vec::new();
        let whole = Disk::default();
        record(container, &whole, LONG);
        for call in 1..=whole.calls() {
            let disk = Disk::default();
            disk.fail(call, Fault::Death);
            let story = record(container, &disk, LONG);
            let reborn = disk.reborn();
            let take = next_process(&reborn)
                .unwrap_or_else(|why| panic!("{container:?}, dead at call {call}: {why}"));
            lost.push(story.captured.saturating_sub(length(take.as_ref())));
            // It is done once: the next process finds nothing to do.
            let image = reborn.image();
            next_process(&reborn).unwrap();
            assert!(reborn.image() == image, "{container:?} {call}");
        }
        lost.sort_unstable();
        let (median, worst) = (lost[lost.len() / 2], lost[lost.len() - 1]);
        println!(
            "{container:?}: dead at each of {} calls: lost tail median {median} ms, worst {worst} ms",
            lost.len()
        );
        assert!(median <= 100 && worst <= 250, "{container:?}: {median} {worst}");
    }
}

/// Recovery itself may be killed at any call, and the next one goes on from there.
#[test]
fn a_recovery_that_dies_at_any_call_is_made_good_by_the_next() {
    for container in containers() {
        let whole = Disk::default();
        record(container, &whole, LONG);
        let dying = Disk::default();
        dying.fail(whole.calls() / 2, Fault::Death);
        record(container, &dying, LONG);
        let left = dying.reborn();
        let good = left.reborn();
        let take = next_process(&good).unwrap().expect("there is half of a take");
        let calls = good.calls();
        for call in 1..=calls {
            let again = left.reborn();
            again.fail(call, Fault::Death);
            let _ = next_process(&again);
            let healed = again.reborn();
            let found = next_process(&healed)
                .unwrap_or_else(|why| panic!("{container:?}, dead at call {call}: {why}"));
            assert_eq!(length(found.as_ref()), length(Some(&take)), "{container:?} {call}");
        }
        println!("{container:?}: recovery dead at each of {calls} calls");
    }
}
