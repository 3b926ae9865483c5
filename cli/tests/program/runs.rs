//! `tympan run`: what goes in comes out, and everything is told.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::kit::{Folder, command, fed, float_wav, graph, line, samples, tympan, wav};

#[test]
fn frames_out_are_the_frames_in_to_the_bit() {
    let folder = Folder::new("bits");
    for (rate, channels, frames) in [(44_100, 2, 100_001), (8_000, 1, 1), (48_000, 6, 5_000)] {
        let input = folder.file("in.wav", wav(rate, channels, frames));
        let out = folder.at("out");
        let ran = tympan(&[
            "run",
            &graph("passthrough.toml"),
            "--input",
            &input,
            "--out",
            &out,
            "--force",
        ]);
        assert_eq!((ran.exit, ran.err.as_str()), (0, ""));
        let (given, _) = samples(&input);
        let (got, promised) = samples(&folder.at("out/audio.wav"));
        assert!(given == got, "{rate} Hz, {channels} channels");
        assert_eq!(promised, u64::from(frames));
        let done = ran.done();
        assert_eq!(done["in"], frames);
        assert_eq!(done["files"][0]["frames"], frames);
        assert_eq!(done["outputs"][0]["name"], "audio");
    }
}

#[test]
fn packets_of_samples_become_the_samples_again() {
    let folder = Folder::new("packets");
    let input = folder.file("in.wav", wav(16_000, 1, 16_100));
    for (kind, bytes) in [("pcm16", 2), ("f32le", 4)] {
        let text = format!("[[node]]\nkind = \"{kind}\"\n[[output]]\nname = \"packets\"\n");
        let graph = folder.file("graph.toml", text);
        let ran = tympan(&["run", &graph, "-i", &input, "-o", &folder.at("out"), "--force"]);
        assert_eq!(ran.exit, 0, "{}", ran.err);
        let path = folder.at("out/packets.wav");
        assert!(samples(&path) == (samples(&input).0, 16_100), "{kind}");
        let size = fs::metadata(&path).expect("the file").len();
        assert!((16_100 * bytes..16_200 * bytes).contains(&size), "{kind}: {size} bytes");
        let done = ran.done();
        // 20 ms each; the last one holds the 100 frames that are left.
        assert_eq!(done["files"][0]["packets"], 51);
        assert_eq!(done["files"][0]["frames"], 16_100);
        assert_eq!(done["files"][0]["bytes"], size);
    }
}

#[test]
fn a_run_is_told_from_start_to_done() {
    let folder = Folder::new("told");
    let input = folder.file("in.wav", wav(48_000, 2, 48_000));
    let ran = tympan(&["run", &graph("levels.toml"), "--input", &input]);
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let names: Vec<_> =
        ran.lines().iter().map(|l| l["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!((names[0].as_str(), names[1].as_str()), ("start", "segment"));
    assert_eq!(names.last().map(String::as_str), Some("done"));
    let levels = ran.events("level");
    let times: Vec<_> = levels.iter().map(|l| l["t"].as_f64().unwrap()).collect();
    assert_eq!(times, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]);
    assert!(levels.iter().all(|l| l["node"] == "level" && l["peak"].as_f64().unwrap() > 0.1));
    let segments = ran.events("segment");
    assert_eq!(
        (segments[1]["state"].clone(), segments[1]["t"].clone()),
        ("end".into(), 1.0.into())
    );
    assert_eq!(ran.done()["files"], serde_json::json!([]), "nothing was to be written");
}

#[test]
fn two_runs_differ_in_their_duration_alone() {
    let folder = Folder::new("twice");
    let input = folder.file("in.wav", wav(44_100, 2, 70_000));
    let run = |out: &str| {
        let ran = tympan(&["run", &graph("levels.toml"), "-i", &input, "-o", &folder.at(out)]);
        let mut lines = ran.lines();
        lines.pop();
        let read = |name: &str| fs::read(folder.at(&format!("{out}/{name}"))).expect("a file");
        (lines, read("voice.wav"), read("packets.wav"))
    };
    assert!(run("a") == run("b"));
}

#[test]
fn audio_may_come_from_standard_input() {
    let folder = Folder::new("stdin");
    let (path, out) = (graph("passthrough.toml"), folder.at("out"));
    let ran = fed(&["run", &path, "--input", "-", "--out", &out], &wav(16_000, 1, 12_345));
    assert_eq!(ran.exit, 0, "{}", ran.err);
    assert_eq!(ran.done()["in"], 12_345);
    assert_eq!(samples(&folder.at("out/audio.wav")).0.len(), 12_345);
}

#[test]
fn text_is_there_for_those_who_ask() {
    let folder = Folder::new("text");
    let input = folder.file("in.wav", wav(48_000, 1, 48_000));
    let ran = tympan(&["run", &graph("levels.toml"), "--input", &input, "--text"]);
    assert_eq!(ran.exit, 0, "{}", ran.err);
    assert!(ran.out.contains("frames: 48000 in + 0 filled = 48000 out + 0 dropped"), "{}", ran.out);
    assert!(!ran.out.contains(['\r', '\x1b']), "no terminal, no tricks");
    let ran =
        tympan(&["run", &graph("levels.toml"), "-i", &input, "-o", &folder.at("o"), "--text"]);
    assert!(ran.out.contains("voice.wav: 1.00 s, 48000 frames, 192094 bytes"), "{}", ran.out);
    assert!(ran.out.contains("packets.wav: 1.00 s, 48000 frames, 96080 bytes"), "{}", ran.out);
}

#[test]
fn realtime_takes_its_time_and_loses_nothing() {
    let folder = Folder::new("realtime");
    let input = folder.file("in.wav", wav(16_000, 1, 8_000));
    let (path, out) = (graph("levels.toml"), folder.at("out"));
    let start = Instant::now();
    let ran = tympan(&["run", &path, "--input", &input, "--out", &out, "--realtime"]);
    assert!(start.elapsed() >= Duration::from_millis(490), "{:?}", start.elapsed());
    assert_eq!(ran.exit, 0, "{}", ran.err);
    assert_eq!(ran.done()["in"], 8_000);
    assert_eq!(ran.events("level").len(), 5);
    let slow = fs::read(folder.at("out/voice.wav")).expect("a file");
    tympan(&["run", &path, "--input", &input, "--out", &out, "--force"]);
    let fast = fs::read(folder.at("out/voice.wav")).expect("a file");
    assert!(slow == fast, "the same audio at any speed");
}

/// What was done until somebody had enough is kept, and counted.
#[cfg(unix)]
#[test]
fn a_run_that_is_interrupted_keeps_what_it_has() {
    let folder = Folder::new("enough");
    let input = folder.file("in.wav", wav(16_000, 1, 16_000 * 60));
    let out = folder.at("out");
    let args =
        ["run", &graph("levels.toml"), "--input", &input, "--out", &out, "--realtime", "--json"];
    let mut child = command(&args).spawn().expect("the program starts");
    let mut told = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut text = String::new();
    while !text.contains("\"event\":\"level\"") {
        assert!(told.read_line(&mut text).expect("a line") > 0, "{text}");
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill").success());
    told.read_to_string(&mut text).expect("lines");
    assert_eq!(child.wait().expect("an end").code(), Some(5), "{text}");
    let done = line(text.lines().last().expect("lines"));
    let frames = done["in"].as_u64().expect("a count");
    assert!((1600..16_000 * 60).contains(&frames), "{done}");
    assert_eq!(samples(&folder.at("out/voice.wav")).0.len() as u64, frames);
}

#[test]
fn a_source_that_nothing_feeds_is_a_finding() {
    let folder = Folder::new("unfed");
    let text = "[[source]]\nname = \"mic\"\n[[source]]\nname = \"far\"\n\
                [[output]]\nname = \"o\"\nfrom = \"far\"\n";
    let two = folder.file("two.toml", text);
    let input = folder.file("in.wav", wav(16_000, 1, 1600));
    let ran = tympan(&["run", &two, "--input", &input]);
    assert_eq!(ran.exit, 1, "{}", ran.err);
    assert!(ran.err.contains("Nothing feeds `far`"), "{}", ran.err);
}

#[test]
fn a_file_that_is_cut_is_used_as_far_as_it_goes_and_that_is_a_finding() {
    let folder = Folder::new("cut");
    let mut bytes = wav(16_000, 1, 16_000);
    bytes.truncate(bytes.len() - 2_001);
    let input = folder.file("in.wav", bytes);
    for realtime in [false, true] {
        let mut args =
            vec!["run".to_owned(), graph("passthrough.toml"), "-i".into(), input.clone()];
        args.extend(realtime.then(|| "--realtime".to_owned()));
        let ran = tympan(&args);
        assert_eq!(ran.exit, 1);
        assert_eq!(ran.done()["in"], 14_999);
        assert_eq!(ran.events("finding").len(), ran.err.lines().count());
        assert!(ran.err.starts_with("warning: The header promises 16000"), "{}", ran.err);
    }
}

#[test]
fn what_no_microphone_makes_is_mended_and_told() {
    let folder = Folder::new("mended");
    let mut audio = vec![0.25; 1_600];
    (audio[100], audio[200]) = (f32::NAN, f32::INFINITY);
    let input = folder.file("in.wav", float_wav(16_000, &audio));
    let (path, out) = (graph("passthrough.toml"), folder.at("out"));
    let ran = tympan(&["run", &path, "--input", &input, "--out", &out]);
    assert_eq!(ran.exit, 1);
    assert_eq!(ran.done()["mended"], 2);
    let bad = ran.events("bad_input");
    assert_eq!(bad.iter().map(|b| b["not_finite"].as_u64().unwrap()).sum::<u64>(), 2);
    assert!(samples(&folder.at("out/audio.wav")).0.iter().all(|x| x.is_finite()));
}

#[test]
fn nothing_is_overwritten_unasked() {
    let folder = Folder::new("force");
    let input = folder.file("in.wav", wav(16_000, 1, 1_600));
    fs::create_dir(folder.at("out")).expect("a folder");
    // The second of two outputs is there: the first must not be begun either.
    let kept = folder.file("out/packets.wav", "mine");
    let run = |more: &[&str]| {
        let (path, out) = (graph("levels.toml"), folder.at("out"));
        tympan(&[&["run", &path, "--input", &input, "--out", &out], more].concat())
    };
    let ran = run(&[]);
    assert_eq!(ran.exit, 2);
    assert!(ran.err.contains("packets.wav") && ran.err.contains("--force"), "{}", ran.err);
    assert_eq!(fs::read(&kept).expect("the file"), b"mine");
    assert!(fs::metadata(folder.at("out/voice.wav")).is_err());
    assert_eq!(run(&["--force"]).exit, 0);
    assert_eq!(samples(&folder.at("out/voice.wav")).0.len(), 1_600);
}

#[test]
fn the_input_is_never_written_over() {
    let folder = Folder::new("itself");
    let bytes = wav(16_000, 1, 1_600);
    let input = folder.file("audio.wav", &bytes);
    let path = graph("passthrough.toml");
    let ran = tympan(&["run", &path, "-i", &input, "-o", &folder.at(""), "--force"]);
    assert_eq!(ran.exit, 2);
    assert!(ran.err.contains("is the input"), "{}", ran.err);
    assert_eq!(fs::read(&input).expect("the input"), bytes);
}

#[test]
fn names_of_outputs_are_no_paths() {
    let folder = Folder::new("names");
    let input = folder.file("in.wav", wav(16_000, 1, 1_600));
    for (name, other) in [("../out", "x"), ("a/b", "x"), ("a\\\\b", "x"), ("Voice", "voice")] {
        let text = format!("[[output]]\nname = \"{name}\"\n[[output]]\nname = \"{other}\"\n");
        let path = folder.file("graph.toml", text);
        let ran = tympan(&["run", &path, "-i", &input, "-o", &folder.at("in")]);
        assert_eq!(ran.exit, 3, "{name}: {}", ran.err);
        assert!(ran.err.contains("file") && ran.err.contains("rename"), "{}", ran.err);
        assert!(fs::metadata(folder.at("in")).is_err(), "nothing was begun");
        // Where nothing is written, any name will do.
        assert_eq!(tympan(&["run", &path, "-i", &input]).exit, 0);
    }
}
