//! Text beside a take: where it comes from, and that it never costs audio.

use tympan::backend::mock::Parrot;
use tympan::backend::phone::{Happening, Setup};
use tympan::core::session::Reason;
use tympan::recorder::{RecorderEvent, Recording};

use crate::kit::App;

fn wanted() -> Recording {
    Recording { transcription: true, ..Recording::default() }
}

#[test]
fn the_language_is_the_devices_own_or_the_one_that_is_named() {
    let parrot = Parrot::new("a b c");
    let app = App::on(&Setup::default(), |b| b.transcriber(parrot.clone(), "packets"));
    app.recorder.start_with(wanted()).unwrap();
    app.recorder.stop().unwrap();
    assert_eq!(parrot.locale().as_deref(), Some("en-US"));
    let language = Some("gsw-CH".to_owned());
    app.recorder.start_with(Recording { language, ..wanted() }).unwrap();
    app.recorder.stop().unwrap();
    assert_eq!(parrot.locale().as_deref(), Some("gsw-CH"));
}

#[test]
fn a_language_that_nobody_knows_is_told_with_those_that_are_known() {
    let app = App::on(&Setup::default(), |builder| {
        builder.transcriber(Parrot::new("a").knows(&["de-DE", "fr-FR"]), "packets")
    });
    app.recorder.start_with(wanted()).unwrap();
    app.hears_words(&["recording", "error:STT_UNAVAILABLE"]);
    app.hears(|event| {
        matches!(event, RecorderEvent::Trouble(why)
            if why.contains("`en-US`") && why.contains("de-DE, fr-FR"))
    });
}

#[test]
fn without_a_transcriber_the_take_begins_all_the_same() {
    let app = App::new();
    app.recorder.start_with(wanted()).unwrap();
    app.hears_words(&["recording", "error:STT_UNAVAILABLE"]);
    app.stop();
}

#[test]
fn text_comes_on_the_way_and_all_of_it_at_the_end_over_a_break_too() {
    let parrot = Parrot::new("one two three four five six");
    let app = App::on(&Setup::default(), |b| b.transcriber(parrot.clone(), "packets"));
    app.recorder.start_with(wanted()).unwrap();
    app.pass(1500);
    app.hears(|event| *event == RecorderEvent::Partial("one".into()));
    app.hand.happen(Happening::InterruptionBegan { reason: Reason::Default });
    app.pass(500);
    app.hand.happen(Happening::Foregrounded { os_released: true });
    app.pass(1500);
    let take = app.stop();
    let heard = parrot.heard();
    assert_eq!(heard, take.frames, "it hears exactly what is in the take");
    assert!(take.transcript.as_deref().is_some_and(|text| text.starts_with("one two")));
}

#[test]
fn one_that_gives_up_on_the_way_costs_the_text_alone() {
    let app = App::on(&Setup::default(), |builder| {
        builder.transcriber(Parrot::new("a b").fails_after(16_000), "packets")
    });
    app.recorder.start_with(wanted()).unwrap();
    app.hears_words(&["recording", "error:STT_UNAVAILABLE"]);
    app.pass(500);
    let take = app.stop();
    assert_eq!(take.transcript, None);
    assert!(take.frames > 16_000);
}

#[test]
fn an_output_that_nobody_can_transcribe_is_refused_with_what_to_do() {
    let error = std::panic::catch_unwind(|| {
        App::on(&Setup::default(), |b| b.transcriber(Parrot::new("a"), "packet"))
    });
    assert!(error.is_err(), "`packet` is no output");
}
