//! The words that apps, files and scripts have for what the machine says: they are read by
//! programs, and stay.

use tympan_core::session::{Ask, Code, Diagnosis, ErrorCode, GapCause, Reason, Start, State};

#[test]
fn what_apps_ask_for() {
    let asks = [
        (Ask::Start(Start::default()), "start"),
        (Ask::Pause, "pause"),
        (Ask::Resume, "resume"),
        (Ask::Stop, "stop"),
        (Ask::Prewarm, "prewarm"),
        (Ask::Release, "release"),
        (Ask::PreferInput(true), "prefer_input"),
        (Ask::PreferInput(false), "prefer_input"),
    ];
    for (ask, verb) in asks {
        assert_eq!(ask.verb(), verb);
    }
}

#[test]
fn states_and_errors() {
    let states = [State::Idle, State::Recording, State::Paused, State::Stopped, State::Error];
    let names = ["idle", "recording", "paused", "stopped", "error"];
    assert_eq!(states.map(State::name), names);
    let errors = [
        (ErrorCode::PermissionDenied, "PERMISSION_DENIED"),
        (ErrorCode::AlreadyRecording, "ALREADY_RECORDING"),
        (ErrorCode::NotRecording, "NOT_RECORDING"),
        (ErrorCode::SttUnavailable, "STT_UNAVAILABLE"),
        (ErrorCode::SessionInterrupted, "SESSION_INTERRUPTED"),
        (ErrorCode::FileError, "FILE_ERROR"),
    ];
    for (error, name) in errors {
        assert_eq!(error.name(), name);
    }
}

#[test]
fn causes_of_gaps_and_diagnoses() {
    let causes = [
        (GapCause::Interruption(Reason::Default), "interruption"),
        (GapCause::Interruption(Reason::BuiltInMicMuted), "built_in_mic_muted"),
        (GapCause::Interruption(Reason::RouteDisconnected), "route_disconnected"),
        (GapCause::Interruption(Reason::AppWasSuspended), "app_was_suspended"),
        (GapCause::Owner, "owner"),
        (GapCause::Silenced, "silenced"),
        (GapCause::NoRoute, "no_route"),
        (GapCause::MediaServices, "media_services"),
        (GapCause::Rebuild, "rebuild"),
        (GapCause::Stall, "stall"),
        (GapCause::Muted, "muted"),
    ];
    for (cause, name) in causes {
        assert_eq!(cause.name(), name);
    }
    let diagnoses = [
        (Diagnosis::RouteChanged, "route_changed"),
        (Diagnosis::CaptureStalled, "capture_stalled"),
        (Diagnosis::InputSilent, "input_silent"),
        (Diagnosis::InputMuted, "input_muted"),
        (Diagnosis::RecordingRecovered, "recording_recovered"),
    ];
    for (diagnosis, name) in diagnoses {
        assert_eq!(diagnosis.name(), name);
    }
}

#[test]
fn codes_of_the_platform_are_its_four_characters() {
    let names = [
        "!pri",
        "!int",
        "!rec",
        "!pla",
        "!act",
        "!cat",
        "siri",
        "msrv",
        "inac",
        "what",
        "!res",
        "fgs_denied",
    ];
    assert_eq!(Code::ALL.map(Code::name), names);
}
