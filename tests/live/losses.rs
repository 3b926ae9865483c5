//! Microphones go, and come back as something else.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tympan::core::session::{ErrorCode, State};
use tympan::recorder::RecorderEvent;
use tympan::take::Container;
use tympan::{Graph, Recorder};

use crate::kit::{Server, correlation, find, gaps, judge, noise, samples, until};

/// What the take has, whatever the microphone.
const RATE: u32 = 48_000;

const GRAPH: &str = "\
[[node]]
kind = \"mix\"
channels = 1

[[node]]
kind = \"resample\"
rate = 48000

[[output]]
name = \"take\"
";

/// What was told, and when.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<(Instant, RecorderEvent)>>>);

impl Told {
    fn has(&self, wanted: &RecorderEvent) -> bool {
        self.0.lock().unwrap().iter().any(|(_, event)| event == wanted)
    }

    fn states(&self) -> Vec<State> {
        let told = self.0.lock().unwrap();
        let state = |(_, event): &(Instant, RecorderEvent)| match event {
            RecorderEvent::State { state, .. } => Some(*state),
            _ => None,
        };
        told.iter().filter_map(state).collect()
    }

    fn forget(&self) {
        self.0.lock().unwrap().clear();
    }
}

fn recorder(server: &Server) -> (Recorder, Told) {
    let graph = Graph::from_toml(GRAPH, &tympan::registry()).unwrap();
    let recorder = Recorder::builder(&graph)
        .device(tympan::backend::default().unwrap())
        .directory(server.folder().join("takes"))
        .format(Container::Wav)
        .build()
        .unwrap();
    let told = Told::default();
    let there = told.clone();
    recorder.add_listener(move |event| {
        there.0.lock().unwrap().push((Instant::now(), event.clone()));
    });
    (recorder, told)
}

#[test]
fn a_microphone_that_goes_and_comes_back_as_another_leaves_one_gap_in_one_take() {
    let Some(server) = Server::start() else { return };
    let module = server.room("room", 48_000, 1);
    let (recorder, told) = recorder(&server);
    recorder.start().unwrap();

    let first = noise(RATE as usize * 2, 1);
    let mut player = server.play("room", RATE, 1, &[noise(24_000, 9), first.clone()].concat());
    assert!(player.wait().unwrap().success());
    std::thread::sleep(Duration::from_millis(500));
    let gone = Instant::now();
    server.unload(&module);
    until("the loss is told", || told.has(&RecorderEvent::Error(ErrorCode::SessionInterrupted)));
    until("the take waits", || recorder.status().state == State::Paused);
    std::thread::sleep(Duration::from_millis(1500));
    told.forget();

    server.room("other", 44_100, 2);
    until("the take goes on", || recorder.status().state == State::Recording);
    let back = Instant::now();
    // The same in both channels, at the rate of the new one.
    let mono = noise(44_100 / 2, 8).into_iter().chain(tone()).collect::<Vec<_>>();
    let stereo: Vec<i16> = mono.iter().flat_map(|x| [*x, *x]).collect();
    let mut player = server.play("other", 44_100, 2, &stereo);
    assert!(player.wait().unwrap().success());
    std::thread::sleep(Duration::from_millis(500));
    let ran = back.elapsed();
    let take = recorder.stop().unwrap().expect("a take");

    let out = (back - gone).as_millis() as u64;
    println!("gone for {out} ms by the wall; the take says {:?}", take.gaps);
    let missing = gaps(&take);
    assert_eq!(missing.len(), 1, "one gap");
    assert!(missing[0].ms.abs_diff(out) < 400, "its length: {} for {out}", missing[0].ms);
    assert_eq!((take.rate, take.channels), (RATE, 1), "the take's own format stays");

    // What came before is there to the sample, and what came after is there at the same rate.
    let heard = samples(&take);
    let first: Vec<f32> = first.iter().map(|x| f32::from(*x) / 32_768.0).collect();
    let at = find(&first, &heard).expect("what was played before");
    assert_eq!(judge(&first, &heard[at..]).lost, 0, "before the gap");
    let border = missing[0].at as usize;
    assert!(at + first.len() <= border, "the gap is behind what came before it");
    let after = heard.len() - border;
    let wanted = ran.as_secs_f64() * f64::from(RATE);
    assert!((after as f64 - wanted).abs() < f64::from(RATE) * 0.5, "{after} for {wanted}");
    let hz = pitch(&heard[heard.len() - 2 * RATE as usize..]);
    println!("a tone of 441 Hz at 44.1 kHz is one of {hz:.2} Hz in the take");
    assert!((hz - 441.0).abs() < 0.5, "the rate of the take is constant");
}

/// Two seconds of 441 Hz, at 44.1 kHz, and a while of silence to be cut off.
fn tone() -> impl Iterator<Item = i16> {
    let step = std::f32::consts::TAU / 100.0;
    (0..3 * 44_100).map(move |n| (10_000.0 * (n as f32 * step).sin()) as i16)
}

/// The pitch of the loudest second in it.
fn pitch(samples: &[f32]) -> f64 {
    let second = RATE as usize;
    let power = |at: usize| samples[at..at + second].iter().map(|x| x * x).sum::<f32>();
    let places = (0..=samples.len() - second).step_by(second / 10);
    let loudest = places.max_by(|a, b| power(*a).total_cmp(&power(*b))).unwrap();
    let second = &samples[loudest..loudest + second];
    // By the distance between the first and the last rise through zero.
    let rises: Vec<f64> = second
        .windows(2)
        .enumerate()
        .filter(|(_, w)| w[0] < 0.0 && w[1] >= 0.0)
        .map(|(n, w)| n as f64 + f64::from(w[0] / (w[0] - w[1])))
        .collect();
    let span = rises.last().unwrap() - rises[0];
    (rises.len() - 1) as f64 * f64::from(RATE) / span
}

#[test]
fn another_default_is_followed_within_the_take() {
    let Some(server) = Server::start() else { return };
    server.room("first", 48_000, 1);
    server.room("second", 16_000, 2);
    server.pactl(&["set-default-source", "first.monitor"]).unwrap();
    let (recorder, told) = recorder(&server);
    recorder.start().unwrap();
    let used = |id: &str| recorder.route().inputs.first().is_some_and(|input| input.id == id);
    until("the first is in use", || used("pulseaudio:first.monitor"));
    std::thread::sleep(Duration::from_millis(700));

    server.pactl(&["set-default-source", "second.monitor"]).unwrap();
    until("it goes over", || used("pulseaudio:second.monitor"));
    std::thread::sleep(Duration::from_millis(700));
    let played = noise(16_000, 3);
    let stereo: Vec<i16> = played.iter().flat_map(|x| [*x, *x]).collect();
    assert!(server.play("second", 16_000, 2, &stereo).wait().unwrap().success());
    std::thread::sleep(Duration::from_millis(500));
    let take = recorder.stop().unwrap().expect("a take");
    println!("going over took {:?}", take.gaps);
    let missing = gaps(&take);
    assert!(missing.len() <= 1 && missing.iter().all(|gap| gap.ms < 5_000), "{missing:?}");
    // The app hears on a thread of its own, and no word of what was between.
    until("the end is told", || told.states().last() == Some(&State::Stopped));
    assert_eq!(told.states(), [State::Recording, State::Stopped]);
    let heard = samples(&take);
    let loud = heard.iter().filter(|x| x.abs() > 0.01).count();
    assert!(loud > RATE as usize / 2, "what was played in the second room is there: {loud}");
}

/// The judges of this file judge.
#[test]
fn a_pitch_is_measured() {
    let at = |hz: f32| -> Vec<f32> {
        let step = std::f32::consts::TAU * hz / RATE as f32;
        (0..2 * RATE).map(|n| (n as f32 * step).sin()).collect()
    };
    assert!((pitch(&at(441.0)) - 441.0).abs() < 0.01);
    // What a take of the wrong rate would sound like.
    assert!((pitch(&at(441.0 * 44_100.0 / 48_000.0)) - 441.0).abs() > 30.0);
    assert!(correlation(&at(441.0), &at(440.0)) < 0.9);
}
