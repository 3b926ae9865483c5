//! Who listens, and who stops listening: pipes that close, disks that are full, a program
//! that is killed, a terminal.

use std::io::{BufRead, BufReader};
use std::process::Command;

use crate::kit::{Folder, command, ended, graph, line, samples, wav};

#[test]
fn a_reader_that_goes_away_ends_a_verb_quietly() {
    for args in [&["schema"][..], &["nodes", "--json"], &["plan", &graph("levels.toml")]] {
        let mut child = command(args).spawn().expect("the program starts");
        drop(child.stdout.take());
        let ran = ended(child, "tympan | true");
        assert_eq!((ran.exit, ran.err.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn a_reader_that_goes_away_changes_no_verdict() {
    let mut child = command(&["check", "missing.toml", "--json"]).spawn().expect("it starts");
    drop(child.stdout.take());
    assert_eq!(ended(child, "tympan check | true").exit, 3);
}

#[test]
fn a_run_without_files_ends_quietly_with_its_reader() {
    let folder = Folder::new("reader");
    let input = folder.file("in.wav", wav(16_000, 1, 3_200_000));
    let mut child =
        command(&["run", &graph("levels.toml"), "-i", &input]).spawn().expect("it starts");
    drop(child.stdout.take());
    let ran = ended(child, "tympan run | true");
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));
}

#[test]
fn a_run_with_files_completes_them_when_its_reader_goes_away() {
    let folder = Folder::new("reader-files");
    let input = folder.file("in.wav", wav(16_000, 1, 320_000));
    let out = folder.at("out");
    let args = ["run", &graph("levels.toml"), "-i", &input, "-o", &out, "--realtime"];
    let mut child = command(&args).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    while line(&lines.next().expect("a line").expect("UTF-8"))["event"] != "level" {}
    drop(lines);
    let ran = ended(child, "tympan run | head");
    assert_eq!(ran.exit, 5, "{}", ran.err);
    assert!(ran.err.contains("complete up to there"), "{}", ran.err);
    let (voice, promised) = samples(&folder.at("out/voice.wav"));
    assert_eq!(voice.len() as u64, promised);
    assert!((1_600..320_000).contains(&promised), "{promised}");
}

/// The header is made true every second.
#[test]
fn a_run_that_is_killed_leaves_a_file_that_can_be_read() {
    let folder = Folder::new("killed");
    let input = folder.file("in.wav", wav(16_000, 1, 320_000));
    let out = folder.at("out");
    let args = ["run", &graph("levels.toml"), "-i", &input, "-o", &out, "--realtime"];
    let mut child = command(&args).spawn().expect("it starts");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    for text in lines {
        if line(&text.expect("UTF-8"))["t"].as_f64().is_some_and(|t| t >= 1.5) {
            break;
        }
    }
    child.kill().expect("it was running");
    child.wait().expect("it ends");
    let (voice, promised) = samples(&folder.at("out/voice.wav"));
    assert!(promised >= 16_000 && voice.len() as u64 >= promised, "{promised}");
}

#[cfg(all(target_os = "linux", feature = "opus"))]
#[test]
fn a_full_disk_is_data_lost() {
    let folder = Folder::new("full");
    let input = folder.file("in.wav", wav(16_000, 1, 64_000));
    let text = "[[node]]\nkind = \"opus\"\n[[output]]\nname = \"voice\"\nfrom = \"mic\"\n\
                [[output]]\nname = \"speech\"\nfrom = \"opus\"\n";
    let graph = folder.file("graph.toml", text);
    std::fs::create_dir(folder.at("out")).expect("a folder");
    std::os::unix::fs::symlink("/dev/full", folder.at("out/speech.opus")).expect("a link");
    let out = folder.at("out");
    let ran = crate::kit::tympan(&["run", &graph, "-i", &input, "-o", &out, "--force"]);
    assert_eq!(ran.exit, 6, "{}", ran.err);
    assert!(ran.err.contains("speech.opus") && ran.err.contains("No space"), "{}", ran.err);
    assert_eq!(ran.done()["event"], "done", "the account is given all the same");
    let (voice, promised) = samples(&folder.at("out/voice.wav"));
    assert_eq!(voice.len() as u64, promised, "the other file is complete");
}

#[cfg(target_os = "linux")]
#[test]
fn a_standard_output_that_takes_nothing_is_data_lost() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let child = command(&["schema"]).stdout(full).spawn().expect("the program starts");
    let ran = ended(child, "tympan schema > /dev/full");
    assert_eq!(ran.exit, 6);
    assert!(ran.err.contains("standard output cannot be written"), "{}", ran.err);
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_gets_text_with_a_meter() {
    let folder = Folder::new("terminal");
    let input = folder.file("in.wav", wav(16_000, 1, 8_000));
    let program = env!("CARGO_BIN_EXE_tympan");
    let typed = format!(
        "'{program}' run '{}' --input '{input}' --realtime; '{program}' check nothing.toml; \
         NO_COLOR=1 '{program}' check nothing.toml",
        graph("levels.toml")
    );
    let script = Command::new("script")
        .args(["-qec", &typed, "/dev/null"])
        .env_remove("NO_COLOR")
        .env("TERM", "xterm")
        .output();
    let Ok(script) = script else {
        eprintln!("not tested: the look on a terminal; there is no `script` here");
        return;
    };
    let seen = String::from_utf8(script.stdout).expect("UTF-8");
    assert!(seen.contains("frames: 8000 in + 0 filled = 8000 out + 0 dropped"), "{seen}");
    assert!(seen.contains(" of 0.5 s  [") && !seen.contains("dropped 0  "), "{seen}");
    // A line that is broken cannot be written over.
    let meters: Vec<_> = seen.split(['\r', '\n']).filter(|line| line.contains("peak")).collect();
    assert!(meters.iter().all(|line| line.chars().count() < 80), "{meters:?}");
    assert!(!seen.contains("\"v\":1"), "{seen}");
    let errors: Vec<_> = seen.lines().filter(|line| line.contains("T0107")).collect();
    let coloured: Vec<_> = errors.iter().map(|line| line.contains('\x1b')).collect();
    assert_eq!(coloured, [true, false], "{seen}");
}
