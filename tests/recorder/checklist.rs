//! What an app expects of a recorder that goes on in the background: a test per line.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tympan::Recorder;
use tympan::backend::mock::Parrot;
use tympan::backend::phone::{Call, Handset, Happening, Setup, System};
use tympan::backend::{Permission, PortKind};
use tympan::core::session::{
    Diagnosis, ErrorCode, GapPolicy, Hint, Profile, Reason, RouteReason, State,
};
use tympan::recorder::{RecorderEvent, Recording};
use tympan::take::{self, Container};

use crate::kit::{App, graph, stop};
use crate::temp::Temp;

#[test]
fn permission_is_known_and_asked_for_before_the_start() {
    let app = App::new();
    assert_eq!(app.recorder.permission(), Permission::Granted);
    assert_eq!(app.recorder.request_permission(), Permission::Granted);
    assert!(app.words().is_empty(), "asking is no event");
    assert_eq!(app.hand.look(|phone| phone.calls().len()), 0, "nor does it touch the session");
}

#[test]
fn without_permission_nothing_begins_and_the_settings_are_the_way_back() {
    let denied = Setup { permitted: false, ..Setup::default() };
    let app = App::on(&denied, |builder| builder);
    assert_eq!(app.recorder.permission(), Permission::Denied);
    let error = app.recorder.start().unwrap_err();
    assert_eq!(error.code, ErrorCode::PermissionDenied);
    assert!(error.to_string().contains("open_settings"), "{error}");
    assert_eq!(error.status.state, State::Idle);
    assert!(app.recorder.open_settings());
    assert_eq!(app.hand.settings_opened(), 1);
    app.hand.happen(Happening::Permission(true));
    app.pass(20);
    app.recorder.start().unwrap();
    app.hears_words(&["recording"]);
}

#[test]
fn the_smallest_configuration_records() {
    let folder = Temp::new();
    let (phone, hand) = Handset::new(&Setup::default());
    hand.speed(10.0);
    let builder = Recorder::builder(&graph()).device(phone);
    let recorder = builder.directory(folder.path()).build().unwrap();
    assert_eq!(recorder.start().unwrap().state, State::Recording);
    hand.pass(Duration::from_millis(500));
    let take = stop(&recorder, &hand);
    assert!(take.duration() >= Duration::from_millis(450), "{:?}", take.duration());
    assert!(take.path().is_file());
}

#[test]
fn every_option_at_once_records() {
    let setup = Setup { preferred_input: Some("builtin_mic".into()), ..Setup::default() };
    let app = App::on(&setup, |builder| {
        builder
            .profile(Profile::DICTATION_MIXED)
            .format(Container::WavFloat)
            .gaps(GapPolicy::FillSilence)
            .max_duration(Duration::from_mins(1))
            .ring(Duration::from_secs(3))
            .hold(Duration::from_secs(1))
            .transcriber(Parrot::new("one two three"), "packets")
    });
    let recording = Recording {
        format: Some(Container::Wav),
        max_duration: Some(Duration::from_millis(1500)),
        transcription: true,
        language: Some("de-CH".into()),
    };
    app.recorder.start_with(recording).unwrap();
    app.hears_words(&["recording", "stopped"]);
    let take = app.recorder.take().unwrap();
    assert!(take.duration().abs_diff(Duration::from_millis(1500)) < Duration::from_millis(25));
    assert_eq!(take.transcript.as_deref(), Some("one"));
}

#[test]
fn a_pause_keeps_the_session_and_a_resume_goes_on_with_the_same_take() {
    let app = App::new();
    app.recorder.start().unwrap();
    app.pass(1000);
    let paused = app.recorder.pause().unwrap();
    assert_eq!(paused.state, State::Paused);
    assert!(app.hand.look(|phone| phone.is_held() && phone.is_running()), "held");
    app.pass(1000);
    assert_eq!(app.recorder.status().elapsed, paused.elapsed, "time stands still");
    assert_eq!(app.recorder.pause().unwrap().state, State::Paused, "twice is once");
    assert_eq!(app.recorder.resume().unwrap().state, State::Recording);
    app.pass(1000);
    let take = app.stop();
    let calls = app.hand.look(|phone| phone.calls().to_vec());
    assert_eq!(calls.iter().filter(|(_, call)| *call == Call::Activate).count(), 1);
    assert!(take.duration() > Duration::from_millis(1800), "{:?}", take.duration());
    assert!(take.duration() < Duration::from_millis(2700), "{:?}", take.duration());
    assert!(take.gaps.is_empty(), "a pause is no gap");
    assert_eq!(take.pauses.len(), 1);
    assert!(take.pauses[0].ms.abs_diff(1000) < 400, "{:?}", take.pauses);
    app.hears_words(&["recording", "paused", "recording", "stopped"]);
}

#[test]
fn a_stop_returns_uri_duration_and_transcript() {
    let app = App::on(&Setup::default(), |b| {
        b.transcriber(Parrot::new("good morning to you"), "packets")
    });
    app.recorder.start_with(Recording { transcription: true, ..Recording::default() }).unwrap();
    app.pass(2300);
    let take = app.stop();
    assert!(take.uri().starts_with("file:///") && take.uri().ends_with("/audio.wav"));
    assert!(take.duration() > Duration::from_secs(2));
    assert_eq!(take.transcript.as_deref(), Some("good morning"));
    assert_eq!(take::list(app.folder.path()).unwrap(), [take], "and it is on disk");
    let stopped = app.recorder.status();
    assert_eq!(stopped.state, State::Stopped);
    assert!(!stopped.microphone_open);
}

#[test]
fn listeners_see_every_state_in_order() {
    let app = App::new();
    app.recorder.start().unwrap();
    app.pass(500);
    app.hand.happen(Happening::InterruptionBegan { reason: Reason::Default });
    app.hears_words(&["recording", "error:SESSION_INTERRUPTED", "paused"]);
    app.pass(1000);
    app.hand.happen(Happening::InterruptionEnded { hint: Hint::Yes });
    app.hears_words(&["recording", "error:SESSION_INTERRUPTED", "paused", "recording"]);
    app.pass(500);
    let take = app.stop();
    assert_eq!(take.gaps.len(), 1);
    assert_eq!(take.gaps[0].cause, "interruption");
    app.hears_words(&["recording", "error:SESSION_INTERRUPTED", "paused", "recording", "stopped"]);
}

#[test]
fn a_listener_that_was_removed_is_not_called_any_more() {
    let app = App::new();
    let calls = Arc::new(AtomicU32::new(0));
    let count = calls.clone();
    let id = app.recorder.add_listener(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    app.recorder.start().unwrap();
    app.hears_words(&["recording"]);
    assert!(app.recorder.remove_listener(id));
    assert!(!app.recorder.remove_listener(id), "once");
    let before = calls.load(Ordering::SeqCst);
    app.recorder.pause().unwrap();
    app.hears_words(&["recording", "paused"]);
    assert_eq!(calls.load(Ordering::SeqCst), before);
}

#[test]
fn the_microphone_is_known_to_be_open_also_without_a_take() {
    let app = App::new();
    app.recorder.prewarm().unwrap();
    let warm = app.recorder.status();
    assert!(warm.microphone_open && warm.state == State::Idle, "{warm:?}");
    app.hears(|event| *event == RecorderEvent::Microphone { open: true });
    app.recorder.release().unwrap();
    app.hears(|event| *event == RecorderEvent::Microphone { open: false });
    assert!(app.words().is_empty(), "no state changed");
}

#[test]
fn the_route_tells_ports_and_an_input_can_be_chosen() {
    let app = App::new();
    assert_eq!(app.recorder.route().inputs[0].kind, PortKind::BuiltInMic);
    assert_eq!(app.recorder.route().outputs[0].kind, PortKind::Speaker);
    app.recorder.start().unwrap();
    app.hand.happen(Happening::RouteChanged {
        reason: RouteReason::NewDevice,
        input: Some("airpods".into()),
        rate: Some(24_000),
        channels: None,
        foreign: false,
    });
    app.pass(1000);
    let route = app.recorder.route();
    assert_eq!(route.inputs[0].kind, PortKind::BluetoothHfp, "{route:?}");
    let ids: Vec<_> = app.recorder.inputs().into_iter().map(|port| port.id).collect();
    assert_eq!(ids, ["builtin_mic", "airpods"]);
    app.recorder.choose_input(Some("builtin_mic")).unwrap();
    app.pass(50);
    assert!(
        app.hand.look(|phone| phone.calls().iter().any(|(_, call)| *call == Call::PreferInput))
    );
    let error = app.recorder.choose_input(Some("tin can")).unwrap_err();
    assert!(error.message.contains("`tin can`") && error.message.contains("`airpods`"), "{error}");
}

#[test]
fn a_mute_is_silence_in_the_take_and_no_alarm() {
    let app = App::on(&Setup::default(), |builder| builder.format(Container::WavFloat));
    app.recorder.start().unwrap();
    app.pass(1000);
    app.recorder.mute(true);
    app.pass(5000);
    app.recorder.mute(false);
    app.pass(1000);
    let take = app.stop();
    app.hears(|event| *event == RecorderEvent::Diagnosis(Diagnosis::InputMuted));
    assert!(!app.told().contains(&RecorderEvent::Diagnosis(Diagnosis::InputSilent)));
    let mut wav = tympan::backend::wav::WavReader::open(take.path()).unwrap();
    let mut samples = vec![0.0; take.frames as usize];
    wav.read(&mut samples).unwrap();
    let silent = samples.iter().filter(|sample| **sample == 0.0).count();
    assert!(silent.abs_diff(5 * 16_000) < 8_000, "{silent}");
    assert!(take.duration() > Duration::from_millis(6500), "time goes on");
}

#[test]
fn a_take_ends_by_itself_when_it_is_as_long_as_it_may_be() {
    let app = App::on(&Setup::default(), |b| b.max_duration(Duration::from_secs(2)));
    app.recorder.start().unwrap();
    app.pass(1000);
    app.recorder.pause().unwrap();
    app.pass(3000);
    app.recorder.resume().unwrap();
    app.hears_words(&["recording", "paused", "recording", "stopped"]);
    let take = app.recorder.take().unwrap();
    assert!(take.duration().abs_diff(Duration::from_secs(2)) < Duration::from_millis(25));
}

// ---- Every error code ----

#[test]
fn already_recording_carries_the_status() {
    let app = App::new();
    app.recorder.start().unwrap();
    app.pass(500);
    let error = app.recorder.start().unwrap_err();
    assert_eq!(error.code, ErrorCode::AlreadyRecording);
    assert_eq!(error.status.state, State::Recording);
    assert!(error.status.elapsed >= Duration::from_millis(400), "{:?}", error.status);
}

#[test]
fn not_recording_is_what_a_stop_without_a_take_gets() {
    let app = App::new();
    for refused in [
        app.recorder.stop().map(drop),
        app.recorder.pause().map(drop),
        app.recorder.resume().map(drop),
    ] {
        assert_eq!(refused.unwrap_err().code, ErrorCode::NotRecording);
    }
}

#[test]
fn session_interrupted_is_what_a_start_during_a_call_gets() {
    let app = App::new();
    app.hand.happen(Happening::InterruptionBegan { reason: Reason::Default });
    app.pass(20);
    assert_eq!(app.recorder.start().unwrap_err().code, ErrorCode::SessionInterrupted);
    assert_eq!(take::open(app.folder.path()).unwrap().len(), 0, "and leaves no file");
}

#[test]
fn file_error_is_what_a_full_disk_gets_at_the_start_and_later() {
    let setup = Setup::default();
    let folder = Temp::new();
    let (phone, hand) = Handset::new(&setup);
    hand.speed(10.0);
    let builder = Recorder::builder(&graph()).device(phone).storage(hand.disk());
    let recorder = builder.directory(folder.path()).build().unwrap();
    hand.happen(Happening::DiskFull(true));
    hand.pass(Duration::from_millis(20));
    let error = recorder.start().unwrap_err();
    assert_eq!(error.code, ErrorCode::FileError);
    assert!(error.message.contains("cannot be created"), "{error}");
    hand.happen(Happening::DiskFull(false));
    hand.pass(Duration::from_millis(20));
    recorder.start().unwrap();
    hand.pass(Duration::from_secs(1));
    hand.happen(Happening::DiskFull(true));
    hand.pass(Duration::from_millis(500));
    assert_eq!(recorder.status().state, State::Error);
    let take = stop(&recorder, &hand);
    // What waited for the keeper when the disk was full is lost: 50 ms, times ten.
    assert!(take.duration() >= Duration::from_millis(400), "{:?}", take.duration());
}

#[test]
fn stt_unavailable_leaves_the_recording_alone() {
    let app = App::on(&Setup::default(), |builder| {
        builder.transcriber(Parrot::new("").unavailable("no model is installed"), "packets")
    });
    app.recorder.start_with(Recording { transcription: true, ..Recording::default() }).unwrap();
    app.hears_words(&["recording", "error:STT_UNAVAILABLE"]);
    app.pass(500);
    assert_eq!(app.recorder.status().state, State::Recording);
    let take = app.stop();
    assert_eq!(take.transcript, None);
    assert!(take.duration() >= Duration::from_millis(450));
}

#[test]
fn wav_on_android_becomes_m4a_and_says_so() {
    let android = Setup { system: System::Android, ..Setup::default() };
    let app = App::on(&android, |builder| builder.format(Container::Wav));
    app.recorder.start().unwrap();
    app.hears(|event| matches!(event, RecorderEvent::Trouble(why) if why.contains("`m4a`")));
    app.pass(300);
    let take = app.stop();
    assert_eq!(take.container, Container::M4a);
    assert_eq!(take.path().extension().unwrap(), "m4a");
}

#[test]
fn what_will_not_always_work_is_told_with_the_first_take() {
    let by_intent = Setup { intent: true, ..Setup::default() };
    let app = App::on(&by_intent, |builder| builder);
    let warned = || {
        let warns = |event: &RecorderEvent| matches!(event, RecorderEvent::Trouble(why) if why.contains("Live Activity"));
        app.told().iter().filter(|event| warns(event)).count()
    };
    app.pass(300);
    assert_eq!(warned(), 0);
    for _ in 0..2 {
        app.recorder.start().unwrap();
        app.pass(300);
        app.stop();
    }
    assert_eq!(warned(), 1);
}
