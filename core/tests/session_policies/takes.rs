//! What is told of a take, and how it ends.

use tympan_core::Format;
use tympan_core::session::{
    Ask, Command, Diagnosis, ErrorCode, Event, GapCause, GapPolicy, Heartbeat, Hint, Ms, Order,
    PauseMode, Policy, Reason, Route, RouteReason, Start, State, TakeOrder,
};

use crate::desk::{
    CALL, Desk, FAULTS, FORMAT, RECORDING, diagnosis, error, rejected, rerouted, resolved, start,
};

#[test]
fn the_take_knows_what_becomes_of_gaps() {
    let mut desk = Desk::new(Policy { gaps: GapPolicy::FillSilence, ..Policy::default() });
    desk.ask(1, Ask::Start(Start::default()));
    assert!(desk.said(Command::Take(TakeOrder::Open { gaps: GapPolicy::FillSilence })));
}

#[test]
fn what_a_take_suffered_is_not_held_against_the_next() {
    let no_route = Event::RouteChanged(Route {
        reason: RouteReason::NoSuitableRoute,
        format: Format::mono(0),
        running: false,
        preferred: true,
        speaker: false,
    });
    for trouble in [Event::ClientSilenced(true), no_route] {
        let mut desk = Desk::recording(Policy::default());
        desk.hear(trouble);
        desk.ask(2, Ask::Stop);
        desk.ask(3, start());
        desk.beat();
        desk.ask(4, Ask::Pause);
        desk.ask(5, Ask::Resume);
        desk.beat();
        assert!(desk.said(resolved(5, true)), "{trouble:?}");
        desk.hear(Event::InterruptionBegan(Reason::Default));
        desk.hear(Event::InterruptionEnded);
        desk.hear(Event::ResumeHint(Hint::Yes));
        desk.beat();
        assert_eq!(desk.session.state(), State::Recording, "{trouble:?}");
    }
}

#[test]
fn silence_is_told_once_in_each_take() {
    let mut desk = Desk::new(Policy::default());
    desk.silent = true;
    for id in [0, 10] {
        desk.ask(id, start());
        desk.beats(2500);
        assert_eq!(desk.counted(diagnosis(Diagnosis::InputSilent)), 0);
        desk.beats(5000);
        assert_eq!(desk.counted(diagnosis(Diagnosis::InputSilent)), 1);
        desk.ask(id + 1, Ask::Stop);
        desk.said.clear();
    }
}

#[test]
fn silence_that_a_word_breaks_is_none() {
    let mut desk = Desk::recording(Policy::default());
    for _ in 0..5 {
        desk.silent = true;
        desk.beats(2500);
        desk.silent = false;
        desk.beat();
    }
    assert_eq!(desk.said, []);
}

#[test]
fn a_mute_is_told_and_its_silence_is_not() {
    let mut desk = Desk::new(Policy::default());
    desk.hear(Event::InputMuted(true));
    assert_eq!(desk.said, [], "there is no take");
    desk.ask(1, start());
    desk.silent = true;
    desk.beat();
    assert_eq!(desk.counted(diagnosis(Diagnosis::InputMuted)), 1);
    desk.beats(5000);
    desk.hear(Event::InputMuted(false));
    desk.beats(2500);
    assert!(!desk.said(diagnosis(Diagnosis::InputSilent)));
    desk.hear(Event::InputMuted(true));
    desk.hear(Event::InputMuted(false));
    assert_eq!(desk.counted(diagnosis(Diagnosis::InputMuted)), 2);
    // Counted from the end of the mute.
    desk.beats(2500);
    assert!(!desk.said(diagnosis(Diagnosis::InputSilent)));
    desk.beats(1000);
    assert!(desk.said(diagnosis(Diagnosis::InputSilent)));
}

#[test]
fn a_take_in_the_background_is_left_alone() {
    let policy = Policy { release_in_background: true, ..Policy::default() };
    let mut desk = Desk::recording(policy);
    desk.hear(Event::Background);
    assert_eq!(desk.said, []);
}

#[test]
fn missing_transcription_is_told_in_the_take_and_only_there() {
    let stt = error(ErrorCode::SttUnavailable);
    let mut desk = Desk::new(Policy::default());
    desk.hear(Event::SttUnavailable);
    assert_eq!(desk.said, []);
    desk.ask(1, start());
    desk.hear(Event::SttUnavailable);
    assert!(!desk.said(stt));
    desk.beat();
    let place = |what| desk.said.iter().position(|said| *said == what);
    assert!(place(RECORDING) < place(stt) && place(RECORDING).is_some());
    desk.said.clear();
    desk.hear(Event::SttUnavailable);
    assert_eq!(desk.news(), [stt]);
    desk.ask(2, Ask::Stop);
    desk.said.clear();
    desk.ask(3, Ask::Start(Start { stt_unavailable: true, ..Start::default() }));
    desk.beat();
    assert_eq!(desk.counted(stt), 1);
    desk.ask(4, Ask::Stop);
    desk.said.clear();
    // That was said of one take.
    desk.ask(5, start());
    desk.beat();
    assert!(!desk.said(stt));
}

#[test]
fn what_cannot_be_written_ends_the_take() {
    for (event, code) in FAULTS {
        let mut desk = Desk::recording(Policy::default());
        desk.ask(2, Ask::Pause);
        desk.hear(Event::InterruptionBegan(Reason::Default));
        desk.ask(3, Ask::Resume);
        desk.said.clear();
        desk.hear(event);
        assert!(desk.said(rejected(3, code)) && desk.said(error(code)));
        assert!(desk.said(Command::Platform(Order::Show(State::Error))));
        assert!(desk.said(Command::Take(TakeOrder::Finalise)));
        assert_eq!((desk.session.state(), desk.session.is_open()), (State::Error, false));
        assert!(desk.session.is_resting());
        desk.said.clear();
        desk.hear(event);
        assert_eq!(desk.news(), [], "there is no take any more");
        // What there is can be had, once.
        desk.ask(4, Ask::Stop);
        assert!(desk.said(resolved(4, true)) && desk.session.state() == State::Stopped);
        desk.ask(5, Ask::Stop);
        assert!(desk.said(rejected(5, ErrorCode::NotRecording)));
    }
}

#[test]
fn gaps_know_their_cause() {
    use GapCause::{Interruption, MediaServices, NoRoute, Rebuild, Silenced, Stall};
    let lost = rerouted(RouteReason::NoSuitableRoute, Format::mono(0), false);
    for (event, cause) in [
        (CALL, Interruption(Reason::Default)),
        (Event::InterruptionBegan(Reason::BuiltInMicMuted), Interruption(Reason::BuiltInMicMuted)),
        (Event::MediaLost, MediaServices),
        (Event::MediaReset, MediaServices),
        (Event::ClientSilenced(true), Silenced),
        (lost, NoRoute),
        (Event::EngineConfigChanged, Rebuild),
        // The hole that nobody announces.
        (Event::Foreground, Stall),
    ] {
        let mut desk = Desk::recording(Policy::default());
        desk.beats(500);
        desk.said.clear();
        desk.hear(event);
        desk.pass(1000);
        for sign in [
            Event::MediaReset,
            Event::InputAvailable,
            Event::ClientSilenced(false),
            Event::InterruptionEnded,
            Event::ResumeHint(Hint::Yes),
        ] {
            if desk.session.state() == State::Paused {
                desk.hear(sign);
            }
        }
        desk.beat();
        let marked = desk.said.iter().find_map(|command| match command {
            Command::Take(TakeOrder::MarkGap(gap)) => Some((gap.cause, gap.at, gap.ms())),
            _ => None,
        });
        assert_eq!(marked, Some((cause, 510, 1000)), "{event:?}");
        assert_eq!(desk.session.captured_ms(), 520, "{event:?}");
    }
}

#[test]
fn what_was_captured_is_handed_over_when_it_may_be_the_last() {
    for event in [CALL, Event::MediaLost, Event::Asked { id: 2, ask: Ask::Pause }] {
        let mut desk = Desk::recording(Policy::default());
        desk.hear(event);
        assert!(desk.said(Command::Take(TakeOrder::Flush)), "{event:?}");
    }
}

#[test]
fn short_holes_are_not_gaps() {
    for (hole, marks) in [(40, 0), (50, 0), (51, 1), (500, 1)] {
        let mut desk = Desk::recording(Policy::default());
        desk.now += hole;
        desk.beat();
        desk.now += hole;
        desk.ask(2, Ask::Stop);
        let gaps = desk
            .said
            .iter()
            .filter(|command| matches!(command, Command::Take(TakeOrder::MarkGap(_))));
        assert_eq!(gaps.count(), 2 * marks, "{hole} ms");
    }
}

/// A headset's audio is heard a quarter of a second after it was captured.
#[test]
fn what_is_on_its_way_when_capture_is_to_end_is_not_missing() {
    let far = |desk: &mut Desk| {
        for _ in 0..100 {
            desk.now += 10;
            let host = desk.now - 250;
            let beat = Heartbeat { host, frames: 480, format: FORMAT, silent: false };
            desk.hear(Event::Heartbeat(beat));
        }
    };
    let marks = |desk: &Desk| -> Vec<(Ms, Ms)> {
        let mark = |command: &Command| match command {
            Command::Take(TakeOrder::MarkGap(gap)) => Some((gap.at, gap.ms())),
            Command::Take(TakeOrder::MarkPause { at, began, ended }) => Some((*at, ended - began)),
            _ => None,
        };
        desk.said.iter().filter_map(mark).collect()
    };
    for end in [Event::Asked { id: 2, ask: Ask::Stop }, Event::WriteFailed] {
        for (late, gaps) in [(50, vec![]), (51, vec![(1010, 240 + 51)])] {
            let mut desk = Desk::recording(Policy::default());
            desk.now += 250;
            far(&mut desk);
            desk.said.clear();
            desk.now += late;
            desk.hear(end);
            assert_eq!(marks(&desk), gaps, "{end:?} {late} ms after the last was heard");
        }
    }
    // A pause begins where the audio ends, and nothing is missing before it.
    let mut desk = Desk::recording(Policy { pause: PauseMode::Release, ..Policy::default() });
    desk.now += 250;
    far(&mut desk);
    desk.said.clear();
    desk.ask(2, Ask::Pause);
    desk.pass(5000);
    desk.ask(3, Ask::Resume);
    desk.beat();
    assert_eq!(marks(&desk), [(1010, 5240)]);
}

#[test]
fn a_take_ends_at_its_limit() {
    for (max_ms, limit) in [(None, 2000), (Some(500), 500), (Some(5000), 5000)] {
        let mut desk = Desk::new(Policy { max_ms: 2000, ..Policy::default() });
        desk.now = 1_000_000;
        desk.ask(1, Ask::Start(Start { max_ms, ..Start::default() }));
        desk.beats(10_000);
        assert_eq!((desk.session.state(), desk.session.captured_ms()), (State::Stopped, limit));
        assert!(desk.said(Command::Take(TakeOrder::Finalise)));
    }
}

#[test]
fn takes_of_an_earlier_run_are_repaired_as_soon_as_can_be() {
    let mut desk = Desk::new(Policy::default());
    for moment in [Event::Launched, Event::StorageAvailable] {
        desk.hear(moment);
        assert_eq!(desk.news(), [Command::Take(TakeOrder::Recover)], "{moment:?}");
    }
    for (takes, told) in [(0, 0), (1, 1), (3, 1)] {
        desk.hear(Event::TakesRecovered(takes));
        assert_eq!(desk.news().len(), told);
    }
}

#[test]
fn a_take_that_was_never_opened_is_not_closed() {
    let mut desk = Desk::new(Policy::default());
    desk.answer = |_| None;
    desk.ask(1, start());
    desk.ask(2, Ask::Stop);
    assert!(desk.said(resolved(1, false)) && desk.said(resolved(2, true)));
    assert!(!desk.said(Command::Take(TakeOrder::Finalise)));
}

#[test]
fn a_hole_is_not_explained_by_what_is_over() {
    for (began, ended) in [
        (Event::Asked { id: 2, ask: Ask::Pause }, Event::Asked { id: 3, ask: Ask::Resume }),
        (Event::ClientSilenced(true), Event::ClientSilenced(false)),
    ] {
        let mut desk = Desk::recording(Policy::default());
        desk.hear(began);
        desk.pass(1000);
        desk.hear(ended);
        desk.beat();
        desk.said.clear();
        desk.pass(500);
        desk.beat();
        let gap = match desk.said[..] {
            [Command::Take(TakeOrder::MarkGap(gap))] => Some((gap.cause, gap.ms())),
            _ => None,
        };
        assert_eq!(gap, Some((GapCause::Stall, 500)), "{began:?}");
    }
}

#[test]
fn a_take_ends_after_an_hour_unless_told_otherwise() {
    let mut desk = Desk::recording(Policy::default());
    let mut minutes = 0;
    while desk.session.state() == State::Recording {
        let host = desk.now;
        let minute = Heartbeat { host, frames: 60 * 48_000, format: FORMAT, silent: false };
        desk.now += 60_000;
        desk.hear(Event::Heartbeat(minute));
        minutes += 1;
    }
    assert_eq!((desk.session.state(), minutes), (State::Stopped, 60));
}

/// However it comes: of a length that no microsecond divides, and at changing rates.
#[test]
fn captured_time_is_neither_invented_nor_lost() {
    let lengths = |rates: &[(u32, u32)], beats: usize| {
        let mut desk = Desk::recording(Policy { max_ms: u64::MAX, ..Policy::default() });
        let before = desk.session.captured_ms();
        let mut exact = 0.0;
        for &(rate, frames) in rates.iter().cycle().take(beats) {
            let format = Format::mono(rate);
            let beat = Heartbeat { host: desk.now, frames, format, silent: false };
            desk.hear(Event::Heartbeat(beat));
            exact += f64::from(frames) * 1000.0 / f64::from(rate);
        }
        (desk.session.captured_ms() - before, exact)
    };
    // A second, a sample at a time.
    assert_eq!(lengths(&[(44_100, 1)], 44_100).0, 1000);
    assert_eq!(lengths(&[(11_025, 7)], 11_025 * 3).0, 21_000);
    // A change of the rate may cost a microsecond, and never adds one.
    let (kept, exact) = lengths(&[(48_000, 1), (8000, 1)], 40_000);
    assert!((exact - 41.0..=exact).contains(&(kept as f64)), "{kept} of {exact}");
}
