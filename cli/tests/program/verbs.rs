//! Every verb, as its help says.

use std::fs;

use serde_json::Value as Json;

use crate::kit::{self, Folder, fed, graph, tympan};

const VERBS: [&str; 20] = [
    "demo",
    "run",
    "record",
    "recover",
    "export",
    "devices",
    "doctor",
    "check",
    "fmt",
    "plan",
    "dot",
    "plot",
    "nodes",
    "inspect",
    "schema",
    "bench",
    "explain",
    "completions",
    "man",
    "simulate",
];

#[test]
fn help_fits_80_columns_and_has_an_example() {
    for verb in VERBS {
        let help = tympan(&[verb, "--help"]);
        assert_eq!(help.exit, 0);
        let example = format!("tympan {verb}");
        assert!(help.out.split("Example").nth(1).is_some_and(|e| e.contains(&example)), "{verb}");
        let wide = help.out.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None, "{verb}");
    }
    let help = tympan(&["--help"]);
    assert!(help.out.lines().all(|line| line.chars().count() <= 80), "{}", help.out);
    for verb in VERBS {
        assert!(help.out.contains(&format!("  {verb} ")), "{verb}");
    }
}

#[test]
fn without_a_verb_there_is_help_and_exit_2() {
    let ran = kit::command::<&str>(&[]).output().expect("the program starts");
    assert_eq!(ran.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("Usage: tympan"));
}

#[test]
fn the_version_is_the_package_s() {
    let ran = tympan(&["--version"]);
    assert_eq!((ran.exit, ran.out.trim()), (0, concat!("tympan ", env!("CARGO_PKG_VERSION"))));
}

#[cfg(feature = "opus")]
#[test]
fn demo_needs_nothing_and_leaves_what_was_said() {
    let folder = Folder::new("demo");
    let out = folder.at("some/where");
    let ran = tympan(&["demo", "--out", &out]);
    assert_eq!(ran.exit, 0, "{}", ran.err);
    assert!(ran.out.contains("suppress"), "the plan: {}", ran.out);
    assert!(ran.out.contains("utterance 1 begins"), "{}", ran.out);
    assert!(ran.out.contains("frames: 480000 in + 0 filled = 480000 out + 0 dropped"));
    assert!(ran.out.contains("times realtime"), "{}", ran.out);
    assert!(ran.out.contains("some/where/speech.opus: "), "{}", ran.out);
    let (take, promised) = kit::samples(&folder.at("some/where/take.wav"));
    assert_eq!((take.len(), promised), (480_000, 480_000));
    let opus = fs::read(folder.at("some/where/speech.opus")).expect("the file");
    assert!(opus.starts_with(b"OggS"));
    // Nothing is written over unasked.
    let again = tympan(&["demo", "--out", &out]);
    assert_eq!(again.exit, 2);
    assert!(again.err.contains("exists already") && again.err.contains("--force"), "{}", again.err);
    assert_eq!(tympan(&["demo", "--out", &out, "--force"]).exit, 0);
    assert!(fs::read(folder.at("some/where/speech.opus")).expect("the file") == opus);
}

#[test]
fn demo_finds_a_folder_of_its_own() {
    let folder = Folder::new("demo-folder");
    for name in ["tympan-demo", "tympan-demo-2"] {
        let mut command = kit::command(&["demo", "--json"]);
        let ran = command.current_dir(folder.at("")).output().expect("the program starts");
        assert_eq!(ran.status.code(), Some(0));
        assert!(fs::metadata(folder.at(name).as_str()).is_ok_and(|it| it.is_dir()), "{name}");
    }
}

#[cfg(feature = "opus")]
#[test]
fn demo_in_json_has_the_plan_the_utterances_and_the_totals() {
    let folder = Folder::new("demo-json");
    let ran = tympan(&["demo", "--json", "--out", &folder.at("")]);
    assert_eq!(ran.exit, 0, "{}", ran.err);
    assert_eq!(ran.events("row").len(), 12);
    let times = |event: &str| -> Vec<f64> {
        ran.events(event).iter().map(|line| line["t"].as_f64().expect("a time")).collect()
    };
    let (starts, ends) = (times("utterance_start"), times("utterance_end"));
    assert_eq!((starts.len(), ends.len()), (2, 2));
    let done = ran.done();
    assert_eq!(done["in"], 480_000);
    assert_eq!(done["files"][0]["frames"], 480_000);
    let speech = &done["files"][2];
    assert_eq!(
        (speech["output"].as_str(), speech["rate"].as_u64()),
        (Some("speech"), Some(48_000))
    );
    // Both utterances, and between them less than a packet and the look-ahead.
    let said: f64 = ends.iter().zip(&starts).map(|(end, start)| end - start).sum();
    let played = speech["frames"].as_f64().expect("a count") / 48_000.0;
    assert!(
        (said..said + 0.04).contains(&(played + 1e-6)),
        "{said} s said, {played} s in the file"
    );
    assert!(done["times_realtime"].as_f64().expect("a ratio") > 1.0);
}

#[test]
fn check_says_ok_or_shows_the_place_of_every_error() {
    let folder = Folder::new("check");
    let bad = folder.file("bad.toml", "[[node]]\nkind = \"gian\"\n\n[[output]]\nname = \"x\"\n");
    let (good, other) = (graph("levels.toml"), graph("passthrough.toml"));
    let ran = tympan(&["check", &good]);
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("levels.toml: ok"), "{}", ran.out);

    let ran = tympan(&["check", &good, &bad, "missing.toml", &other]);
    assert_eq!(ran.exit, 3);
    assert_eq!(ran.out.lines().count(), 2, "both good ones: {}", ran.out);
    assert!(ran.err.contains("bad.toml:2:8"), "{}", ran.err);
    assert!(ran.err.contains("did you mean `gain`?"), "{}", ran.err);
    assert!(ran.err.contains("missing.toml"), "{}", ran.err);

    let ran = tympan(&["check", "--json", &good, &bad]);
    let checks = ran.events("check");
    assert_eq!((checks[0]["ok"].clone(), checks[1]["ok"].clone()), (true.into(), false.into()));
    assert_eq!(checks[1]["code"], "T0106");
    assert_eq!((checks[1]["line"].clone(), checks[1]["column"].clone()), (2.into(), 8.into()));
}

#[test]
fn check_takes_a_device_or_finds_one_that_fits() {
    let folder = Folder::new("device");
    let right = "[[source]]\nname = \"mic\"\nchannel = 2\n\n[[output]]\nname = \"x\"\n";
    let path = folder.file("right.toml", right);
    let ran = tympan(&["check", &path]);
    assert!(ran.exit == 0 && ran.out.contains("48000 Hz stereo"), "{}{}", ran.out, ran.err);
    let ran = tympan(&["check", &path, "--channels", "1"]);
    assert_eq!(ran.exit, 3);
    assert!(ran.err.contains("channel 2"), "{}", ran.err);
    assert_eq!(tympan(&["check", &path, "--channels", "2", "--rate", "8000"]).exit, 0);
}

#[test]
fn plan_is_the_table_of_the_library() {
    let path = graph("levels.toml");
    let ran = tympan(&["plan", &path, "--rate", "44100", "--channels", "2"]);
    assert_eq!(ran.exit, 0);
    let graph = tympan::Graph::from_file(&path, &tympan::registry()).expect("a graph");
    let plan = graph.plan(tympan::Format::stereo(44_100)).expect("a plan");
    assert!(ran.out.ends_with(&format!("\n\n{plan}\n")), "{}", ran.out);
    assert!(ran.out.contains("44100 Hz stereo"), "{}", ran.out);

    let ran = tympan(&["plan", &path, "--json"]);
    assert_eq!(ran.events("row").len(), plan.rows().len());
    assert_eq!(ran.events("row")[1]["kind"], "mix");
    let total = ran.lines().pop().expect("a last line");
    assert_eq!((total["event"].clone(), total["rate"].clone()), ("plan".into(), 48_000.into()));
}

#[test]
fn a_graph_may_come_from_standard_input() {
    let text = std::fs::read(graph("levels.toml")).expect("a graph");
    assert_eq!(fed(&["check", "-"], &text).exit, 0);
    let ran = fed(&["plan", "-"], b"[[output]]\nname = 3");
    assert_eq!(ran.exit, 3);
    assert!(ran.err.contains("standard input:2:8"), "{}", ran.err);
    for (bytes, why) in [(&b"\xff\xfe"[..], "not text"), (&vec![b' '; 2 << 20], "1024 KiB")] {
        let ran = fed(&["check", "-"], bytes);
        assert!(ran.exit == 3 && ran.err.contains(why), "{}", ran.err);
    }
}

#[test]
fn nodes_and_inspect_tell_everything_about_every_kind() {
    let (text, data) = (tympan(&["nodes"]), tympan(&["nodes", "--json"]));
    let kinds = data.events("kind");
    assert_eq!(kinds.len(), tympan::registry().kinds().count());
    for (kind, json) in tympan::registry().kinds().zip(kinds) {
        assert!(text.out.contains(kind.about), "{}", kind.name);
        assert_eq!(json["kind"], kind.name);
        let ran = tympan(&["inspect", kind.name, "--json"]);
        assert_eq!(ran.lines(), [json]);
        let ran = tympan(&["inspect", kind.name]);
        assert_eq!(ran.exit, 0);
        for param in kind.params {
            let keys = ran.out.split("keys\n").nth(1).expect("a list of keys");
            let begins = |line: &&str| line.trim_start().starts_with(&format!("{} ", param.name));
            let line = keys.lines().find(begins).expect("a line for every key");
            assert!(line.ends_with(param.about), "{line}");
            assert_eq!(param.live, line.contains(" live "), "{line}");
        }
    }
    let ran = tympan(&["inspect", "gain"]);
    assert!(ran.out.contains("db  -60 to 60 dB  default 0  live"), "{}", ran.out);
}

/// What `inspect` shows for copying can be copied.
#[test]
fn the_example_of_every_kind_is_a_graph() {
    for kind in tympan::registry().kinds().filter(|kind| kind.inputs.len() == 1) {
        let shown = tympan(&["inspect", kind.name]);
        let example = shown.out.split("in a graph\n").nth(1).expect("an example");
        let text = format!("{example}\n[[output]]\nname = \"x\"\n");
        let ran = fed(&["check", "-"], text.as_bytes());
        // Kinds that only tell events have nothing for an output.
        assert!(ran.exit == 0 || ran.err.contains("T0207"), "{text}{}", ran.err);
    }
}

#[test]
fn an_unknown_kind_names_the_nearest() {
    let ran = tympan(&["inspect", "hihpass"]);
    assert_eq!(ran.exit, 2);
    assert!(ran.err.contains("'highpass'"), "{}", ran.err);
}

#[test]
fn schema_is_a_json_schema_that_knows_every_kind() {
    let (pretty, short) = (tympan(&["schema"]), tympan(&["schema", "--json"]));
    let schema: Json = serde_json::from_str(&pretty.out).expect("JSON");
    assert!(schema["$schema"].as_str().is_some_and(|s| s.contains("json-schema.org")));
    let nodes = schema["properties"]["node"]["items"]["oneOf"].as_array().expect("kinds");
    assert_eq!(nodes.len(), tympan::registry().kinds().count());
    assert_eq!(short.out.lines().count(), 1);
    assert_eq!(serde_json::from_str::<Json>(&short.out).expect("JSON"), schema);
}

#[test]
fn colour_is_for_terminals_or_for_those_who_insist() {
    let check = |args: &[&str]| tympan(&[&["check", "missing.toml"], args].concat()).err;
    assert!(!check(&[]).contains('\x1b'));
    assert!(!check(&["--color", "never"]).contains('\x1b'));
    assert!(check(&["--color", "always"]).contains('\x1b'));
}
