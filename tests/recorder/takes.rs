//! What is on disk afterwards, and what is wrong with a recorder before it begins.

use std::time::Duration;

use tympan::backend::mock::{Mock, Signal};
use tympan::backend::phone::{Handset, Happening, Setup};
use tympan::backend::storage::{Files, Storage};
use tympan::core::session::{GapPolicy, Hint, Reason};
use tympan::take::{self, Container};
use tympan::{Format, Graph, Recorder};

use crate::kit::{App, graph, stop};
use crate::temp::Temp;

#[test]
fn silence_stands_in_for_a_gap_where_that_is_wanted() {
    let app = App::on(&Setup::default(), |builder| builder.gaps(GapPolicy::FillSilence));
    app.recorder.start().unwrap();
    app.pass(1000);
    app.hand.happen(Happening::InterruptionBegan { reason: Reason::Default });
    app.pass(2000);
    app.hand.happen(Happening::InterruptionEnded { hint: Hint::Yes });
    app.pass(1000);
    let status = app.recorder.status();
    let take = app.stop();
    let gap = take.gaps[0].ms;
    assert!(gap.abs_diff(2100) < 400, "{gap}");
    let captured = status.elapsed.as_millis() as u64;
    let long = take.duration().as_millis() as u64;
    assert!(long.abs_diff(captured + gap) < 200, "{long} of {captured} and {gap}");
    let mut wav = tympan::backend::wav::WavReader::open(take.path()).unwrap();
    let mut samples = vec![0.0; take.frames as usize];
    wav.read(&mut samples).unwrap();
    let from = take.gaps[0].at as usize;
    let silent = &samples[from + 16..from + gap as usize * 16 - 16];
    assert!(silent.iter().all(|sample| *sample == 0.0), "it lies where the gap was");
    assert!(samples[..from - 320].iter().any(|sample| *sample != 0.0));
}

#[test]
fn takes_of_one_moment_have_names_of_their_own_and_none_is_overwritten() {
    let app = App::new();
    for _ in 0..3 {
        app.recorder.start().unwrap();
        app.pass(200);
        app.stop();
    }
    let takes = take::list(app.folder.path()).unwrap();
    assert_eq!(takes.len(), 3);
    assert!(takes.windows(2).all(|pair| pair[0].folder < pair[1].folder));
}

#[test]
fn a_start_that_a_stop_overtakes_leaves_a_take_of_no_length() {
    let app = App::new();
    app.hand.happen(Happening::IoStalls(tympan::backend::phone::Lasting::Forever));
    app.pass(20);
    let recorder = app.recorder.clone();
    let starting = std::thread::spawn(move || recorder.start().map(drop));
    app.pass(200);
    let take = app.stop();
    assert_eq!((take.frames, take.duration()), (0, Duration::ZERO));
    starting.join().unwrap().expect("it was overtaken, not refused");
    assert_eq!(take::open(app.folder.path()).unwrap().len(), 0);
    assert_eq!(take::list(app.folder.path()).unwrap(), [take]);
}

#[test]
fn a_backend_without_a_session_records_too() {
    let folder = Temp::new();
    let (device, hand) = Mock::new(Format::stereo(44_100));
    let builder = Recorder::builder(&graph()).backend(device).directory(folder.path());
    let recorder = builder.build().unwrap();
    let playing = hand.clone();
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let over = done.clone();
    let device = std::thread::spawn(move || {
        while !over.load(std::sync::atomic::Ordering::SeqCst) {
            playing.advance(10);
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    recorder.start().unwrap();
    while recorder.status().elapsed < Duration::from_millis(600) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let take = recorder.stop().unwrap().unwrap();
    done.store(true, std::sync::atomic::Ordering::SeqCst);
    device.join().unwrap();
    assert!(take.duration() >= Duration::from_millis(590), "{:?}", take.duration());
    assert!(take.gaps.is_empty(), "{:?}", take.gaps);
}

fn refused(toml: &str, output: &str) -> String {
    let graph = Graph::from_toml(toml, &tympan::registry()).unwrap();
    let (phone, _) = Handset::new(&Setup::default());
    let folder = Temp::new();
    let builder = Recorder::builder(&graph).device(phone).directory(folder.path());
    builder.output(output).build().expect_err("this is no graph for takes").to_string()
}

#[test]
fn graphs_that_make_no_take_are_refused_in_a_sentence() {
    let tap = "[[node]]\nkind = \"mix\"\nchannels = 1\n\n[[output]]\nname = \"take\"\n";
    assert_eq!(
        refused(tap, "taek"),
        "the graph has no output `taek`; it has `take`; did you mean `take`?"
    );
    let packets = "[[node]]\nkind = \"pcm16\"\n\n[[output]]\nname = \"take\"\n";
    assert!(refused(packets, "take").contains("carries packets of `pcm16`"));
    let folder = Temp::new();
    let none = Recorder::builder(&graph()).directory(folder.path()).build().unwrap_err();
    assert!(none.to_string().contains("`.device(…)`"), "{none}");
}

/// A graph whose take is at a rate that every container takes.
fn full_band() -> Graph {
    let text =
        "[[node]]\nkind = \"mix\"\nchannels = 1\n\n[[output]]\nname = \"take\"\nrate = 48000\n";
    Graph::from_toml(text, &tympan::registry()).unwrap()
}

/// Records over a call in this container.
fn recorded(container: Container) -> (Temp, take::Take) {
    let folder = Temp::new();
    let (phone, hand) = Handset::new(&Setup::default());
    hand.speed(10.0);
    hand.signal(Signal::Speechlike { seed: 3 });
    let builder = Recorder::builder(&full_band()).device(phone).directory(folder.path());
    let recorder = builder.format(container).build().unwrap();
    recorder.start().unwrap();
    hand.pass(Duration::from_millis(1234));
    hand.happen(Happening::InterruptionBegan { reason: Reason::Default });
    hand.pass(Duration::from_secs(2));
    hand.happen(Happening::InterruptionEnded { hint: Hint::Yes });
    hand.pass(Duration::from_millis(777));
    let take = stop(&recorder, &hand);
    (folder, take)
}

#[test]
fn every_container_holds_a_take_over_a_break_whole_and_says_how_long_it_is() {
    for container in Container::available() {
        let (_folder, take) = recorded(container);
        assert_eq!(take.container, container);
        assert_eq!(take.gaps.len(), 1, "{container:?}");
        let mut file = Files.open(&take.path()).unwrap();
        let seen = take::repair(&mut *file).unwrap();
        assert_eq!(seen.state, take::State::Healthy, "{container:?}: {seen:?}");
        assert_eq!((seen.kept_frames, seen.rate), (take.frames, take.rate), "{container:?}");
        let [before, behind] = take.segments[..] else { panic!("{container:?}: {take:?}") };
        assert_eq!((before.end(), behind.end()), (behind.at, take.frames), "{container:?}");
        assert_eq!(take.gaps[0].at, behind.at, "{container:?}");
        assert!(before.frames > u64::from(take.rate) * 8 / 10, "{container:?}: {before:?}");
    }
}

#[test]
fn takes_expire_by_size_and_age_the_oldest_first_and_half_deleted_ones_are_none() {
    let app = App::new();
    for _ in 0..4 {
        app.recorder.start().unwrap();
        app.pass(300);
        app.stop();
    }
    let all = take::list(app.folder.path()).unwrap();
    let now = std::time::SystemTime::now();
    let everything = take::Keep::default();
    assert!(take::expire(&Files, app.folder.path(), everything, now).unwrap().is_empty());

    // Killed half-way: what is left is no take, and goes with the next call.
    let half = app.folder.path().join("20200101T000000000Z.gone");
    std::fs::create_dir(&half).unwrap();
    std::fs::write(half.join("audio.wav"), b"half").unwrap();
    assert_eq!(take::list(app.folder.path()).unwrap(), all);

    let size = |take: &take::Take| {
        let files = std::fs::read_dir(&take.folder).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum::<u64>()
    };
    let room = all[2..].iter().map(size).sum();
    let keep = take::Keep { bytes: Some(room), age: None };
    let gone = take::expire(&Files, app.folder.path(), keep, now).unwrap();
    assert_eq!(gone, all[..2]);
    assert!(!half.exists());
    assert_eq!(take::list(app.folder.path()).unwrap(), all[2..]);

    let tomorrow = now + Duration::from_hours(24);
    let keep = take::Keep { age: Some(Duration::from_hours(1)), bytes: None };
    let rest = all.len() - gone.len();
    take::delete(&Files, &all[3]).unwrap();
    assert_eq!(take::expire(&Files, app.folder.path(), keep, tomorrow).unwrap().len(), rest - 1);
    assert!(take::list(app.folder.path()).unwrap().is_empty());

    // Nothing is left of them but that they were there.
    let text = std::fs::read_to_string(app.folder.path().join(take::DELETED)).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let name = |take: &take::Take| take.folder.file_name().unwrap().to_str().unwrap().to_owned();
    let told: Vec<_> = lines
        .map(|line| {
            let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            assert_eq!((text("event"), text("time").is_empty()), ("deleted".to_owned(), false));
            (text("take"), text("why"))
        })
        .collect();
    let expected = [
        ("20200101T000000000Z".to_owned(), ""),
        (name(&all[0]), "size"),
        (name(&all[1]), "size"),
        (name(&all[3]), "asked"),
        (name(&all[2]), "age"),
    ];
    assert_eq!(told, expected.map(|(take, why)| (take, why.to_owned())));
    let files = std::fs::read_dir(app.folder.path()).unwrap();
    assert_eq!(files.count(), 1);
}
