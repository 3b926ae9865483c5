//! Any script of what goes wrong with a phone: every promise of the session machine holds,
//! whether the phone answers at once or takes its time.

use tympan_backends::phone::{
    Happening, Lasting, Phone, Refusal, Scripted, Setup, System, Until, What,
};
use tympan_core::Format;
use tympan_core::session::{
    Ask, AutoResume, Code, Hint, Ms, PauseMode, Reason, RouteReason, Start,
};

use crate::bytes::Bytes;
use crate::promises::{self, Verdict};
use crate::script::Script;
use crate::witness::Log;

/// Most events of a script, and its end: each tick of the phone costs.
const MOST: usize = 12;
const LONGEST: Ms = 8_000;

type Promise = fn(&Script, &Log) -> Verdict;

/// What holds whether the phone is quick or slow.
const ALWAYS: [(&str, Promise); 12] = [
    ("activation waits its turn", promises::activation_waits_its_turn),
    ("a pause lasts", promises::a_pause_lasts),
    ("a stop is final", promises::a_stop_is_final),
    ("states follow each other", promises::states_follow_each_other),
    ("the state is one", promises::the_state_is_one),
    ("the books balance", promises::the_books_balance),
    ("takes are opened and closed", promises::takes_are_opened_and_closed),
    ("old audio stays out", promises::old_audio_stays_out),
    ("refusals change nothing", promises::refusals_change_nothing),
    ("formats are announced", promises::formats_are_announced),
    ("tries are bounded", promises::tries_are_bounded),
    ("every ask is answered", promises::every_ask_is_answered),
];

/// And what holds only of one that answers at once.
const AT_ONCE: [(&str, Promise); 3] = [
    ("recording is watched", promises::recording_is_watched),
    ("I/O starts right", promises::io_starts_right),
    ("never means never", promises::never_means_never),
];

pub(crate) fn run(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let mode = bytes.byte();
    let script = script(&mut bytes);
    let slowly = mode % 4 == 3;
    let log = if slowly { script.play_slowly() } else { script.play() };
    let mut result = judge(&script, &log, slowly);
    if mode % 4 == 2 {
        result =
            result.and_then(|()| promises::a_kill_costs_little(&killed(script.clone()).play()));
    }
    if let Err(why) = result {
        panic!("{why}\n{script:?}");
    }
}

fn judge(script: &Script, log: &Log, slowly: bool) -> Verdict {
    let all = ALWAYS.iter().chain(AT_ONCE.iter().filter(|_| !slowly));
    for (name, promise) in all {
        promise(script, log).map_err(|why| format!("{name}: {why}"))?;
    }
    Ok(())
}

/// The same with a kill at its end, and another process.
fn killed(mut script: Script) -> Script {
    let at_ms = script.end_ms;
    script.end_ms += 1000;
    let happens = |at_ms, what| Scripted { at_ms, what: What::Happens(what) };
    script.events.push(happens(at_ms, Happening::Killed));
    script.events.push(happens(at_ms + 500, Happening::Relaunched));
    script.events.push(happens(at_ms + 600, Happening::Locked(false)));
    script
}

fn script(bytes: &mut Bytes<'_>) -> Script {
    let switches = bytes.byte();
    let callkit = switches & 3 == 3;
    let setup = Setup {
        callkit,
        auto_resume: bytes.of(&[
            AutoResume::WhenSystemSays,
            AutoResume::AlwaysAfterInterruption,
            AutoResume::Never,
        ]),
        pause: if switches & 4 == 0 { PauseMode::Hold } else { PauseMode::Release },
        system: if switches & 8 == 0 { System::Ios } else { System::Android },
        // A low rate, so that much time costs few samples.
        format: Format::mono(1000),
        rungs: if switches & 16 == 0 {
            Vec::new()
        } else {
            ["plain", "mixed"].map(String::from).to_vec()
        },
        ..Setup::default()
    };
    let (mut events, mut at_ms) = (Vec::new(), 0);
    if switches & 32 == 0 {
        if callkit {
            events.push(Scripted { at_ms, what: What::Happens(Happening::CallkitActivated) });
        }
        events.push(Scripted { at_ms, what: What::Ask(Ask::Start(Start::default())) });
    }
    while !bytes.is_empty() && events.len() < MOST && at_ms < LONGEST {
        at_ms += wait(bytes.byte());
        let what = what(bytes);
        if what == What::Happens(Happening::Unsuspended) {
            // A process that sleeps at all sleeps for a while.
            at_ms += 500;
        }
        events.push(Scripted { at_ms, what });
    }
    let end_ms = (at_ms + 100 + wait(switches >> 2)).next_multiple_of(Phone::TICK_MS);
    Script { setup, events, end_ms }
}

/// None, moments, seconds.
fn wait(byte: u8) -> Ms {
    match byte {
        0..64 => 0,
        64..224 => Ms::from(byte - 64) * 2,
        byte => Ms::from(byte - 223) * 80,
    }
}

fn what(bytes: &mut Bytes<'_>) -> What {
    let start = |max_ms| What::Ask(Ask::Start(Start { max_ms, ..Start::default() }));
    let happens = What::Happens;
    match bytes.below(44) {
        0 => start(None),
        1 => start(Some(Ms::from(bytes.byte()) * 16 + 1)),
        2 | 3 => What::Ask(Ask::Pause),
        4 | 5 => What::Ask(Ask::Resume),
        6 | 7 => What::Ask(Ask::Stop),
        8 => What::Ask(Ask::Prewarm),
        9 => What::Ask(Ask::Release),
        10..13 => happens(Happening::InterruptionBegan { reason: Reason::Default }),
        13..16 => happens(Happening::InterruptionEnded {
            hint: bytes.of(&[Hint::Yes, Hint::No, Hint::Absent]),
        }),
        16 => happens(Happening::MediaLost),
        17 => happens(Happening::MediaReset),
        18 => happens(Happening::ClientSilenced(bytes.flag())),
        19 => happens(Happening::CallkitActivated),
        20 => happens(Happening::CallkitDeactivated),
        21 | 22 => happens(route(bytes)),
        23 | 24 => happens(config(bytes)),
        25 => happens(Happening::FormatChanged { format: format(bytes) }),
        26 => happens(Happening::InputUnavailable { stops_io: bytes.flag() }),
        27 => happens(Happening::InputAvailable { format: format(bytes) }),
        28 => happens(Happening::InputLatchedDead),
        29 => happens(Happening::InputMuted(bytes.flag())),
        30 => happens(Happening::ForeignCategory),
        31 => happens(Happening::ActivateFails(refusal(bytes))),
        32 => happens(Happening::IoStartFails(refusal(bytes))),
        33 => happens(Happening::IoStalls(lasting(bytes))),
        34 => happens(Happening::IoResumes),
        35 => happens(Happening::ZeroBuffers(bytes.flag().then(|| lasting(bytes)))),
        36 => happens(Happening::StaleBuffers(Ms::from(bytes.byte()) * 3)),
        37 => happens(Happening::DiskFull(bytes.flag())),
        38 => happens(Happening::WriteFails(1)),
        39 => happens(Happening::Locked(bytes.flag())),
        40 => happens(Happening::Backgrounded),
        41 => happens(Happening::Foregrounded { os_released: bytes.flag() }),
        42 => happens(bytes.of(&[Happening::Suspended, Happening::Unsuspended])),
        _ => happens(Happening::Permission(bytes.flag())),
    }
}

fn format(bytes: &mut Bytes<'_>) -> Format {
    Format::new(bytes.of(&[1000, 2000, 1378]), 1 + bytes.byte() as u16 % 2)
}

fn route(bytes: &mut Bytes<'_>) -> Happening {
    let format = bytes.flag().then(|| format(bytes));
    Happening::RouteChanged {
        reason: bytes.of(&[
            RouteReason::NewDevice,
            RouteReason::OldDevice,
            RouteReason::Category,
            RouteReason::Configuration,
            RouteReason::NoSuitableRoute,
        ]),
        input: None,
        rate: format.map(|format| format.rate),
        channels: format.map(|format| format.channels),
        foreign: bytes.below(5) == 0,
    }
}

fn config(bytes: &mut Bytes<'_>) -> Happening {
    let Format { rate, channels } = format(bytes);
    Happening::ConfigChanged {
        rate: Some(rate),
        channels: Some(channels),
        still_running: bytes.flag(),
    }
}

fn refusal(bytes: &mut Bytes<'_>) -> Refusal {
    let until = match bytes.byte() {
        times @ 0..128 => Until::Times(1 + u32::from(times) % 4),
        at => Until::At(Ms::from(at - 128) * 60),
    };
    Refusal { code: bytes.of(&Code::ALL), until, rung: None }
}

fn lasting(bytes: &mut Bytes<'_>) -> Lasting {
    bytes.of(&[Lasting::UntilRebuild, Lasting::UntilTold])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::witness::Entry;
    use tympan_core::session::{Command, Event, Tell};

    /// Something that says nothing stands in the place of these.
    fn hide(log: &mut Log, what: fn(&Entry) -> bool) {
        let hidden = log.entries.iter_mut().filter(|(_, entry)| what(entry));
        hidden.for_each(|(_, entry)| *entry = Entry::Heard(Event::Background));
    }

    #[test]
    fn a_log_that_lies_is_noticed() {
        // A start, and a stop after a while.
        let script = script(&mut Bytes::new(&[0, 0, 220, 6]));
        assert_eq!(script.events.len(), 2, "{script:?}");
        let honest = script.play();
        assert_eq!(judge(&script, &honest, false), Ok(()));
        let spoils: [fn(&mut Log); 4] = [
            |log| log.takes.captured_ms += 500,
            |log| log.offences.push("planted".to_owned()),
            |log| hide(log, |e| matches!(e, Entry::Said(Command::Tell(Tell::Resolved { .. })))),
            |log| hide(log, |e| matches!(e, Entry::Heard(Event::HardwareFormat { .. }))),
        ];
        for (number, spoil) in spoils.into_iter().enumerate() {
            let mut log = script.play();
            spoil(&mut log);
            assert!(judge(&script, &log, false).is_err(), "fault {number}");
        }
    }
}
