//! What holds whatever happens: each property on its own, of one run.
//! The numbers are those of the list that the machine was designed from.

use std::cell::Cell;

use tympan_core::session::{
    Ask, AutoResume, Command, ErrorCode, Event, Heartbeat, Ms, Order, PauseMode, Policy, State,
    TakeOrder, Tell,
};

use crate::script::Script;
use crate::witness::{Entry, Log, Moment};

/// What a kill may cost: what is handed to the system at once, and a buffer.
const LOSS_MS: Ms = 110;

pub(crate) type Verdict = Result<(), String>;

fn ok_if(holds: bool, what: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(what()) }
}

/// The asks of a run, by number.
fn asks(log: &Log) -> Vec<Ask> {
    let heard = log.entries.iter().filter_map(|(_, entry)| match entry {
        Entry::Heard(Event::Asked { ask, .. }) => Some(*ask),
        _ => None,
    });
    heard.collect()
}

/// Every entry, and each moment after the entries that led to it.
fn walk(
    log: &Log,
    mut entry: impl FnMut(Ms, &Entry) -> Verdict,
    mut moment: impl FnMut(&Moment) -> Verdict,
) -> Verdict {
    let mut seen = 0;
    for now in &log.moments {
        for (at, what) in &log.entries[seen..now.log] {
            entry(*at, what)?;
        }
        seen = now.log;
        moment(now)?;
    }
    Ok(())
}

/// 1. While the app sees `recording`, something is due before long.
pub(crate) fn recording_is_watched(_: &Script, log: &Log) -> Verdict {
    let stall = Policy::default().stall_ms;
    for now in &log.moments {
        let watched = now.deadline.is_some_and(|at| at <= now.at + stall);
        ok_if(now.state != State::Recording || watched, || format!("{now:?}"))?;
    }
    Ok(())
}

/// 2. I/O starts on an active session, once, with the format that was read last.
pub(crate) fn io_starts_right(_: &Script, log: &Log) -> Verdict {
    let mut last = None;
    for (at, entry) in &log.entries {
        match entry {
            Entry::Heard(Event::HardwareFormat { format, .. }) => last = Some(*format),
            Entry::Said(Command::Platform(Order::StartIo { format, .. })) => {
                ok_if(last == Some(*format), || format!("at {at}: {format}, read {last:?}"))?;
            }
            _ => {}
        }
    }
    ok_if(log.offences.is_empty(), || format!("{:?}", log.offences))
}

/// 3. Nobody activates while somebody else has the session, nor ever where the system
///    does it.
pub(crate) fn activation_waits_its_turn(script: &Script, log: &Log) -> Verdict {
    let mut taken = false;
    for (at, entry) in &log.entries {
        match entry {
            Entry::Heard(Event::InterruptionBegan(_)) => taken = true,
            Entry::Heard(
                Event::InterruptionEnded
                | Event::Foreground
                | Event::MediaReset
                | Event::ExternalActivated
                | Event::Launched
                | Event::Asked { ask: Ask::Resume | Ask::Start(_) | Ask::Prewarm, .. },
            ) => taken = false,
            Entry::Said(Command::Platform(Order::Activate { .. })) => {
                ok_if(!taken && !script.setup.callkit, || format!("activated at {at}"))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// 4. After the user's pause nothing is captured, and in release mode nothing runs, until
///    the user resumes.
pub(crate) fn a_pause_lasts(script: &Script, log: &Log) -> Verdict {
    let asks = asks(log);
    let paused = Cell::new(false);
    let resuming = Cell::new(None);
    let frozen = Cell::new(None);
    walk(
        log,
        |_, entry| {
            match entry {
                Entry::Said(Command::Tell(Tell::Resolved { id, done: true }))
                    if asks[*id as usize] == Ask::Pause =>
                {
                    paused.set(true);
                    resuming.set(None);
                }
                Entry::Said(Command::Tell(Tell::Resolved { id, .. }))
                    if resuming.get() == Some(*id) =>
                {
                    paused.set(false);
                    resuming.set(None);
                }
                Entry::Said(Command::Tell(Tell::Rejected { id, .. }))
                    if resuming.get() == Some(*id) =>
                {
                    resuming.set(None);
                }
                Entry::Said(Command::Tell(
                    Tell::State(State::Stopped)
                    | Tell::Error(ErrorCode::FileError | ErrorCode::PermissionDenied),
                )) => paused.set(false),
                Entry::Heard(Event::Asked { id, ask: Ask::Resume })
                    if paused.get() && resuming.get().is_none() =>
                {
                    resuming.set(Some(*id));
                }
                _ => {}
            }
            Ok(())
        },
        |now| {
            if !paused.get() || resuming.get().is_some() {
                frozen.set(None);
                return Ok(());
            }
            let first = frozen.get().unwrap_or(now.captured_ms);
            frozen.set(Some(first));
            let quiet = script.setup.pause == PauseMode::Hold || !now.io;
            ok_if(quiet && first == now.captured_ms, || format!("{now:?}, captured was {first}"))
        },
    )
}

/// 5. After a stop nothing more happens to that take.
pub(crate) fn a_stop_is_final(_: &Script, log: &Log) -> Verdict {
    let stopped = Cell::new(false);
    let captured = Cell::new(None);
    walk(
        log,
        |at, entry| {
            let broken = match entry {
                // Takes of an earlier run.
                Entry::Said(Command::Take(TakeOrder::Recover)) => false,
                Entry::Heard(Event::Asked { ask: Ask::Start(_) | Ask::Prewarm, .. }) => {
                    stopped.set(false);
                    captured.set(None);
                    false
                }
                Entry::Said(Command::Tell(Tell::State(State::Stopped))) => stopped.replace(true),
                Entry::Said(
                    Command::Platform(Order::Activate { .. } | Order::StartIo { .. })
                    | Command::Take(_),
                ) => stopped.get(),
                _ => false,
            };
            ok_if(!broken, || format!("at {at}: {entry:?} after the stop"))
        },
        |now| {
            if !stopped.get() {
                return Ok(());
            }
            let first = captured.get().unwrap_or(now.captured_ms);
            captured.set(Some(first));
            ok_if(!now.held && !now.io && first == now.captured_ms, || format!("{now:?}"))
        },
    )
}

/// 6. What the app is told is a path through the states.
pub(crate) fn states_follow_each_other(_: &Script, log: &Log) -> Verdict {
    let mut state = State::Idle;
    let mut owed = false;
    for (at, entry) in &log.entries {
        let Entry::Said(Command::Tell(tell)) = entry else { continue };
        let fits = match tell {
            Tell::State(to) => {
                let fits = match to {
                    State::Stopped => true,
                    State::Recording => state != State::Recording,
                    State::Paused => state == State::Recording,
                    _ => false,
                } && (!owed || *to == State::Paused);
                owed = false;
                state = *to;
                fits
            }
            Tell::Error(ErrorCode::SessionInterrupted) => {
                owed = state == State::Recording;
                matches!(state, State::Recording | State::Paused)
            }
            Tell::Error(ErrorCode::SttUnavailable) => state == State::Recording,
            Tell::Error(_) => {
                let fits = !owed && matches!(state, State::Recording | State::Paused);
                state = State::Error;
                fits
            }
            _ => true,
        };
        ok_if(fits, || format!("at {at}: {tell:?} in {state:?}"))?;
    }
    ok_if(!owed, || "an interruption was told, `paused` was not".to_owned())
}

/// What can be asked for is what was told last, and what is shown; or `idle`, while a start
/// waits for its audio.
pub(crate) fn the_state_is_one(_: &Script, log: &Log) -> Verdict {
    let asks = asks(log);
    let (state, shown) = (Cell::new(State::Idle), Cell::new(State::Idle));
    let starts = Cell::new(0);
    walk(
        log,
        |_, entry| {
            match entry {
                Entry::Heard(Event::Launched) => {
                    state.set(State::Idle);
                    shown.set(State::Idle);
                    starts.set(0);
                }
                Entry::Heard(Event::Asked { ask: Ask::Start(_), .. }) => {
                    starts.set(starts.get() + 1);
                }
                Entry::Said(Command::Tell(
                    Tell::Resolved { id, .. } | Tell::Rejected { id, .. },
                )) if matches!(asks[*id as usize], Ask::Start(_)) => starts.set(starts.get() - 1),
                Entry::Said(Command::Tell(Tell::State(told))) => state.set(*told),
                Entry::Said(Command::Tell(Tell::Error(
                    ErrorCode::FileError | ErrorCode::PermissionDenied,
                ))) => state.set(State::Error),
                Entry::Said(Command::Platform(Order::Show(what))) => shown.set(*what),
                _ => {}
            }
            Ok(())
        },
        |now| {
            let (told, shown, starting) = (state.get(), shown.get(), starts.get() > 0);
            let fits = now.state == if starting { State::Idle } else { told };
            ok_if(fits && shown == told, || format!("{now:?}: told {told:?}, shown {shown:?}"))
        },
    )
}

/// 7. Captured time grows, is what was written, and with gaps and pauses makes up the time
///    on the wall.
pub(crate) fn the_books_balance(script: &Script, log: &Log) -> Verdict {
    let asks = asks(log);
    let (mut begun, mut ended, mut paused) = (None, None, None::<Ms>);
    let (mut pauses, mut gaps, mut before) = (0, 0, 0);
    for (at, entry) in &log.entries {
        match entry {
            Entry::Said(Command::Platform(Order::RequestPermission)) => {
                (begun, ended, paused, pauses, gaps, before) = (None, None, None, 0, 0, 0);
            }
            Entry::Said(Command::Take(TakeOrder::MarkGap(gap))) => gaps += gap.ms(),
            Entry::Said(Command::Tell(Tell::Resolved { id, done: true }))
                if asks[*id as usize] == Ask::Pause =>
            {
                paused = paused.or(Some(*at));
            }
            Entry::Said(Command::Tell(Tell::State(State::Recording))) => {
                begun = begun.or(Some(*at));
                pauses += paused.take().map_or(0, |since| at - since);
            }
            Entry::Said(Command::Take(TakeOrder::Finalise)) => {
                pauses += paused.take().map_or(0, |since| at - since);
                ended = Some(*at);
            }
            _ => {}
        }
    }
    for now in &log.moments {
        // A new take begins at nothing.
        ok_if(now.captured_ms >= before || now.captured_ms == 0, || format!("{now:?}"))?;
        before = if now.state == State::Recording { now.captured_ms } else { 0 };
    }
    let captured = log.moments.last().map_or(0, |now| now.captured_ms);
    let Some(wall) = begun.zip(ended).map(|(begun, ended)| ended - begun) else { return Ok(()) };
    ok_if(captured.abs_diff(log.takes.captured_ms) <= 1, || {
        format!("captured {captured}, written {}", log.takes.captured_ms)
    })?;
    // One buffer and one unmarked hole at each border.
    let borders = script.events.len() as u64 + 1;
    let error = wall.abs_diff(captured + gaps + pauses);
    ok_if(error <= borders * 60, || {
        format!("wall {wall}, captured {captured}, gaps {gaps}, pauses {pauses}")
    })
}

/// A take is opened once and closed once, and nothing is done to it before or after.
pub(crate) fn takes_are_opened_and_closed(_: &Script, log: &Log) -> Verdict {
    let mut open = false;
    for (at, entry) in &log.entries {
        let fits = match entry {
            // A process that was killed closes nothing.
            Entry::Heard(Event::Launched | Event::TakeFailed) => {
                open = false;
                true
            }
            Entry::Said(Command::Take(TakeOrder::Open { .. })) => {
                !std::mem::replace(&mut open, true)
            }
            Entry::Said(Command::Take(TakeOrder::Finalise | TakeOrder::Discard)) => {
                std::mem::replace(&mut open, false)
            }
            Entry::Said(Command::Take(
                TakeOrder::Flush | TakeOrder::MarkGap(_) | TakeOrder::MarkPause { .. },
            )) => open,
            _ => true,
        };
        ok_if(fits, || format!("at {at}: {entry:?}"))?;
    }
    Ok(())
}

/// 8. Nothing from before the start of I/O is written.
pub(crate) fn old_audio_stays_out(_: &Script, log: &Log) -> Verdict {
    ok_if(log.takes.stale_ms == 0, || format!("{} ms of old audio", log.takes.stale_ms))
}

/// 10. What is refused changes nothing.
pub(crate) fn refusals_change_nothing(_: &Script, log: &Log) -> Verdict {
    for (n, (at, entry)) in log.entries.iter().enumerate() {
        let Entry::Said(Command::Tell(Tell::Rejected { id, code })) = entry else { continue };
        let asked = log.entries[..n].iter().rposition(|(_, entry)| {
            matches!(entry, Entry::Heard(Event::Asked { id: asked, .. }) if asked == id)
        });
        let asked = asked.ok_or("nobody asked")?;
        let told = log.entries[asked..n]
            .iter()
            .any(|(_, entry)| matches!(entry, Entry::Said(Command::Tell(Tell::State(_)))));
        let start =
            matches!(log.entries[asked].1, Entry::Heard(Event::Asked { ask: Ask::Start(_), .. }));
        ok_if(!told || !start, || format!("at {at}: a refused start was told"))?;
        let before = log.moments.iter().rev().find(|now| now.log <= asked);
        let after = log.moments.iter().find(|now| now.log > n);
        let Some((before, after)) = before.zip(after) else { continue };
        let news = log.entries[before.log..asked].iter().any(|(_, entry)| {
            matches!(entry, Entry::Heard(event) if !matches!(event, Event::Heartbeat(_)))
        });
        let later = log.entries[n..after.log]
            .iter()
            .any(|(_, entry)| matches!(entry, Entry::Heard(Event::Asked { .. })));
        if start && !news && !later && *code != ErrorCode::AlreadyRecording {
            ok_if(before.captured_ms == after.captured_ms, || format!("{before:?} {after:?}"))?;
            ok_if(!after.io && !after.held, || format!("a refused start left {after:?}"))?;
        }
    }
    Ok(())
}

/// 11. A kill costs no more than what was not handed to the system.
pub(crate) fn a_kill_costs_little(log: &Log) -> Verdict {
    let last = log.moments.iter().rev().find(|now| now.state != State::Idle || now.captured_ms > 0);
    let open = |now: &&Moment| matches!(now.state, State::Recording | State::Paused);
    // A take that was never handed over may be gone.
    let Some(last) = last.filter(open).filter(|now| now.captured_ms > LOSS_MS) else {
        return Ok(());
    };
    let kept = log.takes.captured_ms;
    let least = last.captured_ms.saturating_sub(LOSS_MS);
    let closed = log.entries[last.log..]
        .iter()
        .any(|(_, entry)| matches!(entry, Entry::Said(Command::Take(TakeOrder::Finalise))));
    if closed {
        return Ok(());
    }
    ok_if((least..=last.captured_ms).contains(&kept), || {
        format!("kept {kept} of {}", last.captured_ms)
    })?;
    ok_if(log.takes.recovered == 1, || "not recovered".to_owned())
}

/// 12. Whatever comes in, the take is told its format before it is counted.
pub(crate) fn formats_are_announced(_: &Script, log: &Log) -> Verdict {
    let mut known = None;
    let mut heard: Option<Heartbeat> = None;
    let mut captured = 0;
    let mut seen = 0;
    for now in &log.moments {
        for (_, entry) in &log.entries[seen..now.log] {
            match entry {
                Entry::Said(Command::Take(TakeOrder::Resample(format))) => known = Some(*format),
                Entry::Heard(Event::Heartbeat(beat)) => heard = Some(*beat),
                _ => {}
            }
        }
        seen = now.log;
        let last = heard.take();
        if now.state == State::Recording && now.captured_ms > captured && last.is_some() {
            ok_if(last.map(|beat| beat.format) == known, || {
                format!("{now:?}: {last:?}, known {known:?}")
            })?;
        }
        captured = now.captured_ms;
    }
    Ok(())
}

/// Whether something happened, and is not just the answer to an order.
const fn is_news(event: &Event) -> bool {
    !matches!(
        event,
        Event::Activated { .. }
            | Event::ActivateFailed { .. }
            | Event::HardwareFormat { .. }
            | Event::IoStarted { .. }
            | Event::IoFailed { .. }
            | Event::TakeOpened
            | Event::Permission(_)
    )
}

/// 13. Tries are counted: without news there is no more than a budget of them.
pub(crate) fn tries_are_bounded(_: &Script, log: &Log) -> Verdict {
    let policy = Policy::default();
    // A repair in place, its recovery, and the rungs of a resume.
    let most = policy.backoff_ms.len() + 3;
    let (mut tries, mut since) = (0, 0);
    for (at, entry) in &log.entries {
        match entry {
            Entry::Said(Command::Platform(Order::Activate { .. })) => {
                tries += 1;
                ok_if(tries <= most, || format!("{tries} tries from {since} to {at}"))?;
            }
            Entry::Heard(event) if is_news(event) => (tries, since) = (0, *at),
            _ => {}
        }
    }
    Ok(())
}

/// Never means never: under that policy only the user leaves `paused` for `recording`.
pub(crate) fn never_means_never(script: &Script, log: &Log) -> Verdict {
    if script.setup.auto_resume != AutoResume::Never {
        return Ok(());
    }
    let mut asked = false;
    for (at, entry) in &log.entries {
        match entry {
            Entry::Heard(Event::Asked { ask: Ask::Start(_) | Ask::Resume, .. }) => asked = true,
            Entry::Said(Command::Tell(Tell::State(State::Paused))) => asked = false,
            Entry::Said(Command::Tell(Tell::State(State::Recording))) => {
                ok_if(asked, || format!("at {at}: recording, and nobody asked"))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Every ask is answered once, or still waits for something that is due.
pub(crate) fn every_ask_is_answered(script: &Script, log: &Log) -> Verdict {
    let asks = asks(log).len();
    let mut answers = vec![0; asks];
    for (_, entry) in &log.entries {
        if let Entry::Said(Command::Tell(Tell::Resolved { id, .. } | Tell::Rejected { id, .. })) =
            entry
        {
            answers[*id as usize] += 1;
        }
    }
    let twice = answers.iter().any(|count| *count > 1);
    let open = answers.iter().filter(|count| **count == 0).count();
    let asleep = |now: &Moment| now.at < script.end_ms;
    let due = log.moments.last().is_some_and(|now| now.deadline.is_some() || asleep(now));
    ok_if(!twice && (open == 0 || (open == 1 && due)), || format!("answers: {answers:?}"))
}
