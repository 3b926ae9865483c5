//! What is played comes out of the take, every sample of it.

use std::time::Duration;

use tympan::backend::Device;
use tympan::backend::cpal::Microphone;
use tympan::recorder::RecorderEvent;
use tympan::take::Container;
use tympan::{Graph, Recorder};

use crate::kit::{Server, find, gaps, is_long, judge, noise, samples, until};

const RATE: u32 = 48_000;

const GRAPH: &str = "[[node]]\nkind = \"mix\"\nchannels = 1\n\n[[output]]\nname = \"take\"\n";

#[test]
fn what_is_played_is_in_the_take_to_the_sample() {
    let Some(server) = Server::start() else { return };
    server.room("room", RATE, 1);
    let microphone = Microphone::system().unwrap();
    assert_eq!(Device::inputs(&microphone)[0].id, "pulseaudio:room.monitor");
    records_all(&server, microphone, if is_long() { 70 } else { 8 });
}

/// The same through ALSA, whose default goes to the server by a plugin.
#[test]
fn through_alsa_nothing_is_lost_either() {
    let Some(server) = Server::start() else { return };
    server.room("room", RATE, 1);
    match Microphone::only("alsa:pulse") {
        Ok(microphone) => records_all(&server, microphone, if is_long() { 60 } else { 5 }),
        Err(error) => println!("NOT RUN: ALSA has no plugin for the server: {error}"),
    }
}

fn records_all(server: &Server, microphone: Microphone, seconds: usize) {
    let played = noise(seconds * RATE as usize, 1);

    let graph = Graph::from_toml(GRAPH, &tympan::registry()).unwrap();
    let recorder = Recorder::builder(&graph)
        .backend(microphone)
        .directory(server.folder().join("takes"))
        .format(Container::Wav)
        .build()
        .unwrap();
    recorder.add_listener(|event| {
        assert!(!matches!(event, RecorderEvent::Error(_)), "{event:?}");
    });
    recorder.start().unwrap();
    // When somebody begins to play, a sink takes back what it was about to do, and its
    // monitor misses some of that. So the beginning is not looked at.
    let lead = noise(RATE as usize / 2, 2);
    let mut player = server.play("room", RATE, 1, &[lead, played.clone()].concat());
    assert!(player.wait().unwrap().success());
    // What is still in the player's and the server's buffers.
    std::thread::sleep(Duration::from_millis(500));
    let take = recorder.stop().unwrap().expect("a take");

    let heard = samples(&take);
    let played: Vec<f32> = played.iter().map(|x| f32::from(*x) / 32_768.0).collect();
    let at = find(&played, &heard).expect("what was played is in the take");
    let verdict = judge(&played, &heard[at..]);
    println!(
        "{seconds} s: of {} samples {} lost, correlation {:.6}; the player was late for {}",
        played.len(),
        verdict.lost,
        verdict.correlation,
        verdict.between
    );
    assert_eq!((verdict.lost, take.dropped(), gaps(&take).len()), (0, 0, 0), "{:?}", take.gaps);
    assert!(verdict.correlation >= 0.99);
    until("the server is left", || {
        server.pactl(&["list", "short", "source-outputs"]).is_some_and(|list| list.is_empty())
    });
}

/// The judge judges: samples that are missing or changed are lost, silence between is not.
#[test]
fn a_single_missing_sample_is_noticed() {
    let played: Vec<f32> = noise(48_000, 5)
        .into_iter()
        .map(|x| f32::from(x) / 32_768.0)
        .filter(|x| *x != 0.0)
        .collect();
    let lost = |heard: &[f32]| judge(&played, heard).lost;
    assert_eq!(lost(&played), 0);
    for missing in [1, 10, 4800] {
        let torn = [&played[..20_000], &played[20_000 + missing..]].concat();
        assert_eq!(lost(&torn), missing);
    }
    let late = [&played[..20_000], &[0.0; 777], &played[20_000..]].concat();
    let verdict = judge(&played, &late);
    assert_eq!((verdict.lost, verdict.between), (0, 777));
    assert!(lost(&played[..40_000]) >= played.len() - 40_000);
    let mut changed = played.clone();
    changed[30_000] += 0.5;
    assert!(lost(&changed) > 0);
}
