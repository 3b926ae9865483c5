//! What a take says of itself: beside its audio when it is complete, and line by line
//! while it grows.

use serde_json::Value;
use tympan::backend::mock::Signal;
use tympan::backend::phone::Phone;
use tympan::backend::storage::Files;
use tympan::core::session::Ms;
use tympan::recorder::{Machine, Options};
use tympan::take::{self, Container, Stretch, Take};

use crate::scene::{Event, call_over, called, play, start};
use crate::schema::{Schema, lines};
use crate::temp::Temp;

/// A take of the rate of the microphone, and a detector beside it.
const GRAPH: &str = r#"
    [[node]]
    kind = "mix"
    channels = 1

    [[node]]
    kind = "resample"
    rate = 16000

    [[node]]
    kind = "vad"

    [[output]]
    name = "speech"

    [[output]]
    name = "take"
    from = "mix"
"#;

/// A take in this folder that is recorded from the beginning on.
fn recorded(
    folder: &Temp,
    container: Container,
    signal: Signal,
    events: &[Event<'_>],
    end: Ms,
) -> Take {
    let mut options = Options::new(folder.path());
    options.format = container;
    options.device = Some("a phone".to_owned());
    let events: Vec<Event<'_>> = [(0, &start as _)].into_iter().chain(events.to_vec()).collect();
    play(GRAPH, signal, options, &events, end).take.expect("there is a take")
}

/// The samples of a WAV take.
fn samples(take: &Take) -> Vec<f32> {
    let mut wav = tympan::backend::wav::WavReader::open(take.path()).unwrap();
    let mut samples = vec![0.0; take.frames as usize];
    wav.read(&mut samples).unwrap();
    samples
}

/// A second of voice in every two.
fn voice_by_turns() -> Signal {
    Signal::Custom(Box::new(|frame, _| {
        let t = frame as f64 / 48_000.0;
        if t % 2.0 < 1.0 {
            return 0.0;
        }
        // Harmonics of 140 Hz, in syllables.
        let voice: f64 = (1..20)
            .map(|n| f64::from(n) * 140.0)
            .map(|hz| (std::f64::consts::TAU * hz * t).sin() / (1.0 + hz / 500.0))
            .sum();
        (voice * 0.12 * (std::f64::consts::TAU * 4.0 * t).sin().abs()) as f32
    }))
}

#[test]
fn what_is_beside_a_take_fits_its_schema_in_every_container() {
    let (take_schema, journal_schema) = (Schema::of_takes(), Schema::of_journals());
    for container in Container::available() {
        let (folder, events): (_, [Event<'_>; 2]) =
            (Temp::new(), [(3000, &called), (4000, &call_over)]);
        let take = recorded(&folder, container, voice_by_turns(), &events, 6500);
        take.note(&Files, "read", &[("by", "a test")]).unwrap();
        let sidecar = std::fs::read_to_string(take.folder.join("take.json")).unwrap();
        let sidecar: Value = serde_json::from_str(&sidecar).unwrap();
        assert_eq!(take_schema.findings(&sidecar), [""; 0], "{container:?}");
        for line in lines(&take.folder) {
            assert_eq!(journal_schema.findings(&line), [""; 0], "{container:?}: {line}");
        }
        // Read again it is the same take.
        let listed = take::list(take.folder.parent().unwrap()).unwrap();
        assert_eq!(listed, std::slice::from_ref(&take));
        assert_eq!(take.device.as_deref(), Some("a phone"));
        assert!(take.graph.is_some());
        let [before, behind] = take.segments[..] else { panic!("{take:?}") };
        assert_eq!((before.at, before.end(), behind.end()), (0, behind.at, take.frames));
        assert_eq!(take.gaps[0].at, behind.at, "{take:?}");
    }
}

/// The checks above can fail.
#[test]
fn a_schema_finds_what_does_not_fit() {
    let schema = Schema::of_journals();
    let finds = |line: &str| !schema.findings(&serde_json::from_str(line).unwrap()).is_empty();
    assert!(!finds(r#"{"event":"gap","at":5,"ms":9,"cause":"call"}"#));
    for bad in [
        r#"{"event":"gap","at":-5,"ms":9,"cause":"call"}"#,
        r#"{"event":"gap","at":5,"cause":"call"}"#,
        r#"{"event":"gap","at":5,"ms":9,"cause":"call","more":1}"#,
        r#"{"event":"segment","at":5}"#,
        r#"{"event":"levels","at":0,"every":1600,"dbfs":[-121]}"#,
        r#"{"event":"read"}"#,
        r#"{"at":5}"#,
        "[]",
    ] {
        assert!(finds(bad), "{bad}");
    }
    let schema = Schema::of_takes();
    assert!(!schema.findings(&serde_json::json!({ "v": 1 })).is_empty());
}

#[test]
fn speech_is_where_somebody_spoke_also_behind_a_break() {
    let (folder, events): (_, [Event<'_>; 2]) =
        (Temp::new(), [(4200, &called), (5200, &call_over)]);
    let take = recorded(&folder, Container::Wav, voice_by_turns(), &events, 9000);
    assert!(take.speech.len() >= 2, "{take:?}");
    let samples = samples(&take);
    let loud = |stretch: &Stretch| {
        let part = &samples[stretch.at as usize..stretch.end() as usize];
        part.iter().filter(|sample| sample.abs() > 0.01).count() as f64 / part.len() as f64
    };
    for speech in &take.speech {
        assert!(speech.end() <= take.frames && loud(speech) > 0.5, "{speech:?}: {}", loud(speech));
    }
    // Nearly all of the voice is in there.
    let all = samples.iter().filter(|sample| sample.abs() > 0.01).count() as f64;
    let found: f64 = take.speech.iter().map(|s| loud(s) * s.frames as f64).sum();
    assert!(found / all > 0.8, "{found} of {all}");
}

#[test]
fn levels_are_a_waveform_of_the_whole_take() {
    let folder = Temp::new();
    let take = recorded(&folder, Container::Wav, voice_by_turns(), &[], 5000);
    let levels = take.levels(&Files).unwrap();
    assert_eq!(levels.every, 4800);
    assert_eq!(levels.dbfs.len() as u64, take.frames.div_ceil(levels.every));
    for (samples, level) in samples(&take).chunks(4800).zip(&levels.dbfs) {
        let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        let db = (20.0 * peak.log10()).max(-120.0);
        // A take of 16 bits has steps.
        assert!((db - f32::from(*level)).abs() < 1.0 || db < -80.0, "{db} {level}");
    }
}

/// An app may read along: what there is is whole, and nothing that was told changes.
#[test]
fn a_journal_is_readable_while_it_grows() {
    let folder = Temp::new();
    let seen = std::cell::RefCell::new((Vec::<Value>::new(), 0));
    let look = |_: &mut Machine, _: &mut Phone| {
        let (known, looks) = &mut *seen.borrow_mut();
        let open = take::open(folder.path()).unwrap();
        let now = lines(&open[0]);
        assert_eq!(now[..known.len()], known[..]);
        assert!(now.len() > known.len(), "{now:?}");
        (*known, *looks) = (now, *looks + 1);
    };
    let events: [Event<'_>; 6] = [
        (400, &look),
        (2500, &look),
        (3000, &called),
        (4000, &call_over),
        (4500, &look),
        (6900, &look),
    ];
    let take = recorded(&folder, Container::Wav, voice_by_turns(), &events, 7500);
    let (known, looks) = seen.into_inner();
    assert_eq!(looks, 4);
    let all = lines(&take.folder);
    assert_eq!(all[..known.len()], known[..]);
    assert_eq!(all.last().unwrap()["event"], "closed");
    assert!(known.iter().any(|line| line["event"] == "levels"));
    assert!(known.iter().any(|line| line["event"] == "gap"));
}

#[test]
fn what_is_done_with_a_take_is_written_behind_it() {
    let folder = Temp::new();
    let take = recorded(&folder, Container::Wav, Signal::Silence, &[], 500);
    let before = std::fs::read(take.folder.join("journal.jsonl")).unwrap();
    take.note(&Files, "uploaded", &[("to", "somewhere"), ("by", "a test")]).unwrap();
    take.note(&Files, "read", &[]).unwrap();
    let after = std::fs::read(take.folder.join("journal.jsonl")).unwrap();
    assert_eq!(after[..before.len()], before[..], "nothing that was written is changed");
    let [.., uploaded, read] = &lines(&take.folder)[..] else { panic!("there are lines") };
    assert_eq!((&uploaded["event"], &uploaded["to"]), (&"uploaded".into(), &"somewhere".into()));
    assert_eq!(read["event"], "read");
    assert!(read["time"].as_str().unwrap().ends_with('Z'));
}
