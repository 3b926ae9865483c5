//! `fmt`, `bench`, `explain`, `completions`, `man`, and what `run` measures; and that every
//! verb speaks to programs.

use std::fs;

use serde_json::Value as Json;

use crate::kit::{Folder, fed, graph, tympan, wav};

#[test]
fn fmt_changes_form_alone_and_says_so() {
    let folder = Folder::new("fmt");
    let messy = "[[node]]\nkind=\"gain\"  # loud\n\n\n\n[[output]]\n  name = \"x\"\n";
    let neat = "[[node]]\nkind = \"gain\"                # loud\n\n[[output]]\nname = \"x\"\n";
    let path = folder.file("graph.toml", messy);
    let ran = tympan(&["fmt", "--check", &path]);
    assert!(ran.exit == 1 && ran.out.contains("is not formatted"), "{}{}", ran.out, ran.err);
    assert_eq!(fs::read_to_string(&path).unwrap(), messy, "a check changes nothing");
    assert_eq!(tympan(&["fmt", &path]).exit, 0);
    assert_eq!(fs::read_to_string(&path).unwrap(), neat);
    let ran = tympan(&["fmt", "--check", "--json", &path]);
    assert_eq!((ran.exit, ran.events("fmt")[0]["changed"].clone()), (0, false.into()));
    assert_eq!(fed(&["fmt", "-"], messy.as_bytes()).out, neat);
    let shipped: Vec<String> = fs::read_dir(graph(""))
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .collect();
    let args: Vec<&str> =
        ["fmt", "--check"].into_iter().chain(shipped.iter().map(String::as_str)).collect();
    assert_eq!(tympan(&args).exit, 0, "the graphs that ship are formatted");
}

#[test]
fn bench_tells_figures_and_a_verdict() {
    let args = ["bench", &graph("levels.toml"), "--seconds", "1", "--passes", "2"];
    let ran = tympan(&args);
    assert!(ran.out.contains("p99.99") && ran.out.contains("times realtime"), "{}", ran.out);
    let ran = tympan(&[&args[..], &["--json"]].concat());
    let line = ran.events("bench").pop().expect("a line");
    let n = |key: &str| line[key].as_f64().expect("a number");
    assert!(0.0 < n("mean_us") && n("mean_us") <= n("p9999_us") && n("p9999_us") <= n("worst_us"));
    assert_eq!(line["fits"], n("worst_us") <= 5_000.0);
    assert_eq!(ran.exit, i32::from(line["fits"] == false));
    let ran = tympan(&[&args[..], &["--frames", "128", "--pipelines", "3", "--json"]].concat());
    let line = ran.events("bench").pop().expect("a line");
    // Whole blocks only, of each of the three.
    assert_eq!((&line["frames"], &line["blocks"]), (&128.into(), &(375 * 3).into()));
    assert!(line["p50_us"].as_f64() <= line["p99_us"].as_f64(), "{line}");
}

#[test]
fn top_tells_what_every_node_costs() {
    let folder = Folder::new("top");
    let input = folder.file("in.wav", wav(48_000, 1, 48_000));
    for realtime in [false, true] {
        let (path, trace) = (graph("levels.toml"), folder.at(&format!("trace-{realtime}.json")));
        let mut args = vec!["run", &path, &input, "--top", "--trace", &trace, "--json"];
        args.extend(realtime.then_some("--realtime"));
        let ran = tympan(&args);
        assert_eq!(ran.exit, 0, "{}", ran.err);
        let top = ran.events("top");
        let names: Vec<_> = top.iter().map(|line| line["node"].as_str().unwrap()).collect();
        assert_eq!(names[..5], ["mix", "highpass", "volume", "level", "pcm16"]);
        for line in &top {
            let n = |key: &str| line[key].as_f64().expect("a number");
            // `mix` has nothing to do with one channel.
            assert!(n("mean_us") <= n("worst_us") && n("p99_us") <= n("worst_us"), "{line}");
            assert!(n("calls") > 0.0 || line["node"] == "mix", "{line}");
        }
        perfetto(&fs::read_to_string(&trace).expect("a trace"));
    }
    let ran = tympan(&["run", &graph("levels.toml"), &input, "--top", "--text"]);
    assert!(ran.out.contains("worst µs") && ran.out.contains("dropped: 0 frames"), "{}", ran.out);
}

/// What the format of the viewers asks for: an array of events, each with its phase, times
/// that are numbers, rows that have names, and calls of one row one after the other.
fn perfetto(text: &str) {
    let events: Vec<Json> = serde_json::from_str(text).expect("JSON");
    let named = |phase: &'static str| events.iter().filter(move |event| event["ph"] == phase);
    let rows: Vec<_> = named("M").filter(|e| e["name"] == "thread_name").collect();
    assert!(rows.iter().any(|row| row["args"]["name"] == "pcm16"));
    let mut ends = std::collections::BTreeMap::new();
    for call in named("X") {
        let (start, took) = (call["ts"].as_f64().unwrap(), call["dur"].as_f64().unwrap());
        let row = call["tid"].as_u64().unwrap();
        assert!(rows.iter().any(|named| named["tid"] == row), "row {row} has a name");
        let before = ends.insert(row, start + took).unwrap_or(0.0);
        assert!(start >= before - 0.002 && took >= 0.0, "{call} begins before {before}");
    }
    assert!(named("X").count() > 100);
}

#[test]
fn explain_knows_what_errors_say() {
    let ran = tympan(&["check", "missing.toml", "--json"]);
    let code = ran.events("check")[0]["code"].as_str().expect("a code").to_owned();
    let told = tympan(&["explain", &code]);
    assert!(told.exit == 0 && told.out.starts_with(&format!("{code}: ")), "{}", told.out);
    assert!(told.out.lines().all(|line| line.chars().count() <= 80), "{}", told.out);
    // As it is copied from a screen, or from memory.
    assert_eq!(tympan(&["explain", &format!("error[{code}]:")]).out, told.out);
    assert_eq!(tympan(&["explain", &code.to_lowercase()]).out, told.out);
    let all = tympan(&["explain"]);
    assert!(all.out.lines().count() > 40 && all.out.contains(&code));
    assert!(all.out.lines().all(|line| line.chars().count() <= 80), "{}", all.out);
    let ran = tympan(&["run", &graph("levels.toml"), "missing.wav"]);
    assert_eq!(ran.events("error")[0]["code"], "T0701");
    assert!(ran.err.starts_with("error[T0701]: "), "{}", ran.err);
}

#[test]
fn shells_and_man_know_every_verb() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = tympan(&["completions", shell]).out;
        for verb in ["plot", "explain", "simulate"] {
            assert!(script.contains(verb), "{shell}: {verb}");
        }
    }
    let page = tympan(&["man"]).out;
    assert!(page.contains(".TH tympan 1"), "{page}");
    let folder = Folder::new("man");
    assert_eq!(tympan(&["man", "--out", &folder.at("man1")]).exit, 0);
    let page = fs::read_to_string(folder.at("man1/tympan-plot.1")).expect("a page for each verb");
    assert!(page.contains("tympan\\-plot"), "{page}");
}

#[test]
fn every_verb_speaks_to_programs() {
    let folder = Folder::new("speaks");
    let input = folder.file("in.wav", wav(16_000, 1, 16_000));
    let neat = folder.file("neat.toml", "[[output]]\nname = \"x\"\n");
    let (path, out) = (graph("levels.toml"), folder.at("x.svg"));
    let takes = folder.at("takes");
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/scenarios/calls.json");
    for args in [
        &["check", &path][..],
        &["plan", &path],
        &["dot", &path, "--out", &out, "--force"],
        &["plot", &input, "--out", &out, "--force"],
        &["run", &path, &input],
        &["record", "--input", &input, "--out", &takes],
        &["recover", &takes],
        &["fmt", &neat],
        &["nodes"],
        &["inspect", "gain"],
        &["explain", "T0101"],
        &["explain"],
        &["completions", "bash"],
        &["man"],
        &["bench", &neat, "--seconds", "1", "--passes", "1"],
        &["simulate", scenario],
    ] {
        let ran = tympan(&[args, &["--json"]].concat());
        assert!(ran.exit <= 1, "{args:?}: {}", ran.err);
        assert!(!ran.lines().is_empty(), "{args:?} says nothing");
    }
}

#[test]
fn no_color_is_obeyed() {
    let mut command = crate::kit::command(&["check", "missing.toml", "--color", "auto"]);
    let ran = command.env("NO_COLOR", "1").output().expect("the program starts");
    assert!(!String::from_utf8_lossy(&ran.stderr).contains('\x1b'));
}

/// One that fails stops no other, the account is in order, and the end tells.
#[test]
fn many_files_have_one_account() {
    let folder = Folder::new("many");
    let files: Vec<String> = (0..7)
        .map(|i| match i {
            3 => folder.file("3.wav", "no audio"),
            5 => folder.at("5.wav"),
            _ => folder.file(&format!("{i}.wav"), wav(16_000, 1, 1_000 * (i + 1))),
        })
        .collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let path = graph("levels.toml");
    let read = |out: &str, i: usize| fs::read(folder.at(&format!("{out}/{i}/voice.wav")));
    let mut accounts = Vec::new();
    for threads in ["1", "4"] {
        let out = folder.at(threads);
        let args = [&["run", &path, "--out", &out, "--threads", threads, "--json"], &files[..]];
        // Each failure is an error of its own; the kit allows one.
        let ran = crate::kit::command(&args.concat()).output().expect("the program starts");
        assert_eq!(ran.status.code(), Some(4));
        let text = String::from_utf8(ran.stdout).expect("UTF-8");
        let lines: Vec<Json> = text.lines().map(crate::kit::line).collect();
        let last = lines.last().expect("a line");
        assert_eq!((last["event"].clone(), last["failed"].clone()), ("all".into(), 2.into()));
        let ends: Vec<_> = lines
            .iter()
            .filter(|line| line["event"] == "done" || line["event"] == "error")
            .map(|line| line["input"].as_str().expect("which").to_owned())
            .collect();
        assert_eq!(ends, files);
        accounts.push(lines.iter().filter(|l| l["event"] == "level").cloned().collect::<Vec<_>>());
    }
    assert!(accounts[0] == accounts[1]);
    for i in [0, 1, 2, 4, 6] {
        assert!(read("1", i).expect("a file") == read("4", i).expect("a file"));
    }
    // The same file twice is two files.
    let twice = tympan(&["run", &path, files[0], files[0], "--out", &folder.at("twice"), "--text"]);
    assert!(twice.exit == 0 && twice.out.contains("2 of 2 files"), "{}{}", twice.out, twice.err);
}

/// A figure, not a check: clocks differ. `true` is started in turns with it.
#[cfg(unix)]
#[test]
fn starting_takes_so_long() {
    use std::process::Command;
    use std::time::Instant;

    let time = |command: &mut Command| {
        let start = Instant::now();
        assert!(command.output().expect("it starts").status.success());
        start.elapsed().as_secs_f64() * 1e3
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..25 {
        ours.push(time(&mut crate::kit::command(&["--version"])));
        theirs.push(time(&mut Command::new("true")));
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    println!("`tympan --version` takes {:.2} ms, `true` {:.2} ms", median(ours), median(theirs));
}
