//! Changes to a script that must not change what comes of it.
//! (The ninth and fourteenth of the properties that the machine was designed from.)

use tympan_backends::phone::{
    Call, Happening, Lasting, Phone, Report, Scenario, Scripted, Until, What, rehearse,
};
use tympan_core::Format;
use tympan_core::session::{Ask, Event, Hint, Ms, Reason, RouteReason, State};

use crate::scripts::{all, play};
use crate::witness::{Lag, Witness};

/// What a user can tell apart.
fn outcome(report: &Report) -> impl PartialEq + std::fmt::Debug + use<> {
    let refused = report.rejects.iter().map(|rejected| (rejected.cmd, rejected.code));
    (
        report.events.clone(),
        report.final_state,
        refused.collect::<Vec<_>>(),
        (report.takes.captured_ms, report.takes.gaps.clone(), report.takes.files, report.file()),
        report.count(Call::Activate),
        report.session_active,
        report.offences.clone(),
    )
}

/// Plays every script with one event more, at every place that `places` names.
fn with_one_more(places: impl Fn(&Scenario) -> Vec<(usize, Scripted)>) {
    let mut played = 0;
    for scenario in all() {
        let expected = outcome(&play(&scenario, &scenario.setup));
        for (place, extra) in places(&scenario) {
            let mut changed = scenario.clone();
            changed.events.insert(place, extra.clone());
            let is = outcome(&play(&changed, &scenario.setup));
            let Scripted { at_ms, what } = extra;
            assert_eq!(is, expected, "{} with {what:?} at {at_ms} ms", scenario.id);
            played += 1;
        }
    }
    println!("{played} changed scripts");
    assert!(played > 10);
}

const fn happens(event: &Scripted) -> Option<&Happening> {
    match &event.what {
        What::Happens(happening) => Some(happening),
        _ => None,
    }
}

/// The same again after each event that `chosen` says, at once and a moment later, if
/// nothing comes in between.
fn doubled(scenario: &Scenario, chosen: fn(&Happening) -> bool) -> Vec<(usize, Scripted)> {
    let mut places = Vec::new();
    for (n, event) in scenario.events.iter().enumerate() {
        if !happens(event).is_some_and(chosen) {
            continue;
        }
        let next = scenario.events.get(n + 1).map_or(scenario.end_ms, |next| next.at_ms);
        for wait in [0, 50, 200] {
            let at_ms = event.at_ms + wait;
            if wait == 0 || at_ms < next {
                places.push((n + 1, Scripted { at_ms, what: event.what.clone() }));
            }
        }
    }
    places
}

#[test]
fn an_end_told_twice() {
    with_one_more(|scenario| {
        doubled(scenario, |what| matches!(what, Happening::InterruptionEnded { .. }))
    });
}

#[test]
fn a_beginning_told_twice() {
    with_one_more(|scenario| {
        doubled(scenario, |what| matches!(what, Happening::InterruptionBegan { .. }))
    });
}

/// Ends of interruptions that never began, with every hint, in every quiet moment.
#[test]
fn an_end_of_nothing() {
    with_one_more(|scenario| {
        let mut open = false;
        let mut places = Vec::new();
        let ends = scenario.events.iter().skip(1).map(|event| event.at_ms);
        for (n, (event, next)) in
            scenario.events.iter().zip(ends.chain([scenario.end_ms])).enumerate()
        {
            match happens(event) {
                Some(Happening::InterruptionBegan { .. }) => open = true,
                Some(Happening::InterruptionEnded { .. }) => open = false,
                _ => {}
            }
            let at_ms = event.at_ms.midpoint(next);
            if open || at_ms == event.at_ms {
                continue;
            }
            for hint in [Hint::Yes, Hint::No, Hint::Absent] {
                let what = What::Happens(Happening::InterruptionEnded { hint });
                places.push((n + 1, Scripted { at_ms, what }));
            }
        }
        places
    });
}

/// Whatever is told after the last stop concerns nobody.
#[test]
fn news_after_the_stop() {
    let news = [
        Happening::InterruptionBegan { reason: Reason::Default },
        Happening::InterruptionEnded { hint: Hint::Yes },
        Happening::Foregrounded { os_released: true },
        Happening::MediaLost,
        Happening::MediaReset,
        Happening::ClientSilenced(true),
        Happening::ClientSilenced(false),
        Happening::InputAvailable { format: Format::mono(16_000) },
        Happening::ConfigChanged { rate: Some(16_000), channels: None, still_running: false },
        Happening::RouteChanged {
            reason: RouteReason::NewDevice,
            input: Some("usb".to_owned()),
            rate: Some(48_000),
            channels: Some(2),
            foreign: false,
        },
        Happening::WriteFails(1),
        Happening::Permission(false),
    ];
    let mut played = 0;
    for scenario in all() {
        let before = play(&scenario, &scenario.setup);
        if before.final_state != State::Stopped {
            continue;
        }
        let mut changed = scenario.clone();
        for (n, what) in news.iter().enumerate() {
            let at_ms = scenario.end_ms + 100 * n as Ms;
            changed.events.push(Scripted { at_ms, what: What::Happens(what.clone()) });
            changed.end_ms = at_ms + 5000;
        }
        let after = play(&changed, &scenario.setup);
        assert_eq!(outcome(&after), outcome(&before), "{}", scenario.id);
        played += 1;
    }
    println!("{played} scripts with news after the stop");
}

const fn is_late_news(event: &Event) -> bool {
    matches!(event, Event::RouteChanged(_) | Event::EngineConfigChanged | Event::ResumeHint(_))
}

/// Notices of routes, formats and hints that are up to 300 ms late: each may cost a
/// rebuild, none changes how a script ends.
#[test]
fn late_news() {
    let lags: [Lag; 3] = [
        |event| if is_late_news(event) { 100 } else { 0 },
        |event| if is_late_news(event) { 300 } else { 0 },
        // The notices of one change overtake each other.
        |event| if matches!(event, Event::RouteChanged(_)) { 300 } else { 0 },
    ];
    for scenario in all() {
        // Where a fault ends with a rebuild, it matters when that is.
        let cured = |what: &Happening| *what == Happening::IoStalls(Lasting::UntilRebuild);
        if scenario.events.iter().filter_map(happens).any(cured) {
            continue;
        }
        let report = play(&scenario, &scenario.setup);
        let late = scenario.events.iter().filter_map(happens).filter(|what| {
            matches!(
                what,
                Happening::RouteChanged { .. }
                    | Happening::ConfigChanged { .. }
                    | Happening::InterruptionEnded { .. }
            )
        });
        let tolerance = 700 * late.count() as Ms;
        for lag in lags {
            let mut phone = Phone::new(&scenario.setup);
            let mut witness = Witness::late(&scenario.setup, &phone, lag);
            let is = rehearse(&scenario, &mut witness, &mut phone);
            assert_eq!(is.final_state, report.final_state, "{}", scenario.id);
            assert_eq!(is.offences, report.offences, "{}", scenario.id);
            let (captured, expected) = (is.takes.captured_ms, report.takes.captured_ms);
            assert!(
                captured.abs_diff(expected) <= tolerance,
                "{}: {captured} instead of {expected}",
                scenario.id
            );
        }
    }
}

/// Between the ticks of the phone as well as on them.
#[test]
fn a_little_later() {
    for scenario in all() {
        let report = play(&scenario, &scenario.setup);
        for shift in [1, 3, 7, 9] {
            let mut changed = scenario.clone();
            changed.events = later(&scenario.events, shift).collect();
            changed.end_ms += 10;
            let is = play(&changed, &scenario.setup);
            assert_eq!(is.events, report.events, "{} by {shift} ms", scenario.id);
            assert_eq!(is.final_state, report.final_state, "{} by {shift} ms", scenario.id);
            assert_eq!(is.offences, report.offences, "{} by {shift} ms", scenario.id);
            let (captured, expected) = (is.takes.captured_ms, report.takes.captured_ms);
            assert!(
                captured.abs_diff(expected) <= 110,
                "{} by {shift} ms: {captured} instead of {expected}",
                scenario.id
            );
        }
    }
}

/// The same, so much later, with everything in it that names a moment.
fn later(events: &[Scripted], shift: Ms) -> impl Iterator<Item = Scripted> {
    events.iter().cloned().map(move |mut event| {
        event.at_ms += shift;
        if let What::Happens(Happening::ActivateFails(refusal) | Happening::IoStartFails(refusal)) =
            &mut event.what
            && let Until::At(end) = &mut refusal.until
        {
            *end += shift;
        }
        event
    })
}

/// Whether the phone is as good as new after this script.
fn leaves_no_trace(scenario: &Scenario, report: &Report) -> bool {
    let lasting = |what: &Happening| {
        matches!(
            what,
            Happening::ActivateFails(_)
                | Happening::IoStartFails(_)
                | Happening::IoStalls(_)
                | Happening::ZeroBuffers(_)
                | Happening::Killed
                | Happening::Suspended
                | Happening::Backgrounded
                | Happening::DiskFull(_)
                | Happening::Locked(_)
                | Happening::WriteFails(_)
                | Happening::Permission(_)
        )
    };
    let happened = || scenario.events.iter().filter_map(happens);
    let open = happened().fold(false, |open, what| match what {
        Happening::InterruptionBegan { .. }
        | Happening::ClientSilenced(true)
        | Happening::MediaLost => true,
        Happening::InterruptionEnded { .. }
        | Happening::ClientSilenced(false)
        | Happening::MediaReset => false,
        _ => open,
    });
    !open && !happened().any(lasting) && report.final_state == State::Stopped
}

/// What a take went through is forgotten in the next.
#[test]
fn one_after_another() {
    let scenarios = all();
    let mut played = 0;
    for first in &scenarios {
        let before = play(first, &first.setup);
        if first.setup.callkit || !leaves_no_trace(first, &before) {
            continue;
        }
        let shift = (first.end_ms + 1000).next_multiple_of(Phone::TICK_MS);
        for second in &scenarios {
            let mut setup = first.setup.clone();
            setup.rungs.clone_from(&second.setup.rungs);
            setup.system = second.setup.system;
            if format!("{setup:?}") != format!("{:?}", second.setup) || shift > 30_000 {
                continue;
            }
            let alone = play(second, &setup);
            let mut both = second.clone();
            both.events =
                first.events.iter().cloned().chain(later(&second.events, shift)).collect();
            both.end_ms += shift;
            let is = play(&both, &setup);
            let pair = format!("{} after {}", second.id, first.id);
            assert_eq!(is.events[before.events.len()..], alone.events, "{pair}");
            assert_eq!(is.offences, alone.offences, "{pair}");
            if alone.takes.files > 0 {
                assert_eq!(is.takes.gaps, alone.takes.gaps, "{pair}");
                assert_eq!(is.takes.captured_ms, alone.takes.captured_ms, "{pair}");
            }
            played += 1;
        }
    }
    println!("{played} pairs of scripts");
}

/// The negative control: a change that does matter is seen.
#[test]
fn a_second_pause_is_not_nothing() {
    let matters = all().iter().any(|scenario| {
        let mut changed = scenario.clone();
        let at_ms = scenario.end_ms / 2;
        let place = changed.events.partition_point(|event| event.at_ms <= at_ms);
        changed.events.insert(place, Scripted { at_ms, what: What::Ask(Ask::Pause) });
        outcome(&play(&changed, &scenario.setup)) != outcome(&play(scenario, &scenario.setup))
    });
    assert!(matters);
}
