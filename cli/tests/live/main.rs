//! The verbs that use a microphone, on that of a `PulseAudio` server of its own.

#[path = "../../../tests/live/kit.rs"]
#[allow(dead_code, reason = "it is the one of the library's own tests")]
mod kit;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value as Json;

use kit::{Server, noise};

const RATE: u32 = 48_000;

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tympan"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A server with a room in which noise is played for long.
fn server() -> Option<(Server, Noise)> {
    let server = Server::start()?;
    server.room("room", RATE, 1);
    let player = server.play("room", RATE, 1, &noise(60 * RATE as usize, 1));
    Some((server, Noise(player)))
}

struct Noise(Child);

impl Drop for Noise {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Ran {
    exit: i32,
    lines: Vec<Json>,
    err: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        let out = String::from_utf8_lossy(&output.stdout);
        let lines = out.lines().map(|line| serde_json::from_str(line).expect("a line of JSON"));
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        Self { exit: output.status.code().expect("a code"), lines: lines.collect(), err }
    }

    fn event(&self, event: &str) -> &Json {
        let found = self.lines.iter().rev().find(|line| line["event"] == event);
        found.unwrap_or_else(|| panic!("no `{event}` in {:?}\n{}", self.lines, self.err))
    }

    fn check(&self, check: &str) -> &Json {
        let found = self.lines.iter().find(|line| line["check"] == check);
        found.unwrap_or_else(|| panic!("no `{check}` in {:?}\n{}", self.lines, self.err))
    }
}

fn tympan(args: &[&str]) -> Ran {
    Ran::of(&command(args).output().expect("the program starts"))
}

/// Asks it to end, as a terminal does.
fn interrupt(child: &Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill").success());
}

fn graph(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../graphs").join(name);
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn devices_lists_the_room_and_doctor_measures_it() {
    let Some((server, _noise)) = server() else { return };
    let ran = tympan(&["devices", "--json"]);
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let device = ran.event("device");
    assert_eq!(device["id"], "pulseaudio:room.monitor");
    assert_eq!((&device["chosen"], &device["usable"]), (&Json::Bool(true), &Json::Bool(true)));
    assert_eq!((device["rate"].as_u64(), device["channels"].as_u64()), (Some(48_000), Some(1)));

    let out = server.folder().join("takes");
    let out = out.to_str().expect("UTF-8");
    let ran = tympan(&["doctor", "--json", "--device", "ROOM", "--out", out]);
    assert!([0, 1].contains(&ran.exit), "{}", ran.err);
    for check in ["microphone", "buffers", "level", "rate", "flush"] {
        let line = ran.check(check);
        println!("{check}: {}", line["found"].as_str().expect("a text"));
        assert_eq!(line["ok"], true, "{line}\n{}", ran.err);
    }
    for check in ["callback", "worker", "workgroup", "hand-over", "memory", "disk"] {
        println!("{check}: {}", ran.check(check)["found"].as_str().expect("a text"));
    }
}

/// In a room where it is quiet, so that clicks are heard.
#[test]
fn doctor_clicks_and_says_how_late_they_are_heard() {
    let Some(server) = Server::start() else { return };
    server.room("quiet", RATE, 1);
    let ran = tympan(&["doctor", "--json"]);
    let delay = ran.check("delay");
    println!("{}", delay["found"].as_str().expect("a text"));
    assert_eq!(delay["ok"], true, "{}", ran.err);
    let ms = |key: &str| delay[key].as_f64().expect("a figure");
    assert!(0.0 < ms("p50_ms") && ms("p50_ms") <= ms("p99_ms"), "{delay}");
    // Nobody plays anything, and that is said.
    assert_eq!(ran.check("level")["ok"], false);
    assert_eq!(ran.exit, 1, "{}", ran.err);
}

#[test]
fn a_take_of_so_many_seconds_is_that_long_and_one_that_is_interrupted_is_complete() {
    let Some((server, _noise)) = server() else { return };
    let out = server.folder().join("takes");
    let out = out.to_str().expect("UTF-8");
    let args = ["record", "--json", "--format", "wav", "--out", out];
    let ran = tympan(&[&args[..], &["--max", "2"]].concat());
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let frames = ran.event("done")["frames"].as_u64().expect("a count");
    assert!(frames.abs_diff(2 * 48_000) < 4_800, "{frames}");

    let mut child = command(&args).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let first = lines.next().expect("a line").expect("UTF-8");
    assert!(first.contains("recording"), "{first}");
    std::thread::sleep(std::time::Duration::from_millis(700));
    interrupt(&child);
    let rest: Vec<String> = lines.map(|line| line.expect("UTF-8")).collect();
    let exit = child.wait().expect("it ends").code();
    assert_eq!(exit, Some(5), "{rest:?}");
    let done: Json = serde_json::from_str(rest.last().expect("a line")).expect("JSON");
    assert_eq!(done["event"], "done");
    assert!(done["seconds"].as_f64().expect("a figure") > 0.5, "{done}");
}

#[test]
fn a_graph_runs_on_the_room_until_it_is_told_or_the_room_is_gone() {
    let Some((server, _noise)) = server() else { return };
    let ran = tympan(&["run", &graph("levels.toml"), "--json", "--max", "1"]);
    assert_eq!(ran.exit, 0, "{}", ran.err);
    assert_eq!(ran.event("start")["live"], true);
    let level = ran.event("level")["rms"].as_f64().expect("a level");
    assert!((0.05..0.3).contains(&level), "{level}");
    let done = ran.event("done");
    let n = |key: &str| done[key].as_u64().expect("a count");
    assert_eq!(n("in") + n("filled"), n("out") + n("dropped"), "{done}");
    assert!(n("in").abs_diff(48_000) < 24_000, "{done}");

    let out = server.folder().join("out");
    let out = out.to_str().expect("UTF-8");
    let args = ["run", &graph("levels.toml"), "--json", "--out", out];
    let mut child = command(&args).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    while !lines.next().expect("a line").expect("UTF-8").contains("\"level\"") {}
    server.pactl(&["unload-module", "module-null-sink"]).expect("it was there");
    let rest: Vec<String> = lines.map(|line| line.expect("UTF-8")).collect();
    assert_eq!(child.wait().expect("it ends").code(), Some(5), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("the microphone is gone")), "{rest:?}");
    assert!(Path::new(out).join("voice.wav").exists());
}
