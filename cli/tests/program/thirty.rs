//! What people get wrong on the command line, and what they are told: the whole text is a
//! fixture, read by a person. What is wrong, where, why, and the next thing to type.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::kit::{self, Folder, command};

/// A name for the mistake, and what was typed.
const MISTAKES: &[(&str, &[&str])] = &[
    ("a verb that is none", &["pln", "good.toml"]),
    ("a verb of another program", &["convert", "talk.wav"]),
    ("a graph instead of a verb", &["good.toml"]),
    ("audio instead of a verb", &["talk.wav"]),
    ("a take instead of a verb", &["talk.m4a"]),
    ("nothing to run", &["run"]),
    ("audio in the place of the graph", &["run", "talk.wav"]),
    ("the graph and the audio the wrong way round", &["run", "talk.wav", "good.toml"]),
    ("a graph that is not there", &["run", "god.toml", "talk.wav"]),
    ("audio that is not there", &["run", "good.toml", "tlak.wav"]),
    ("a folder for audio", &["run", "good.toml", "folder"]),
    ("a folder for a graph", &["check", "folder"]),
    ("a text for audio", &["run", "good.toml", "notes.txt"]),
    ("an empty file for audio", &["run", "good.toml", "empty.wav"]),
    ("a file that was cut", &["run", "good.toml", "cut.m4a"]),
    ("a graph without an output", &["check", "silent.toml"]),
    ("a key in the wrong case", &["check", "case.toml"]),
    ("a graph that does not fit the file", &["run", "pinned.toml", "talk.wav"]),
    ("a rate that is no number", &["plan", "good.toml", "--rate", "48k"]),
    ("a rate that no device has", &["plan", "good.toml", "--rate", "48"]),
    ("no channel", &["plan", "good.toml", "--channels", "0"]),
    ("a format that is none", &["record", "--input", "talk.wav", "--format", "mp4a"]),
    ("an output that the graph does not have", &["record", "good.toml", "--input", "talk.wav"]),
    ("an option with a slip", &["run", "good.toml", "--inptu", "talk.wav"]),
    ("an option of another verb", &["plan", "good.toml", "--top"]),
    ("a file for a folder", &["run", "good.toml", "talk.wav", "--out", "notes.txt"]),
    ("files that are there already", &["run", "good.toml", "talk.wav", "--out", "there"]),
    ("the outputs into the input", &["run", "same.toml", "talk.wav", "--out", ".", "--force"]),
    ("a picture that is there already", &["plot", "talk.wav", "--out", "there/voice.wav"]),
    ("a picture into a folder that is not there", &["dot", "good.toml", "--out", "no/a.svg"]),
    ("a folder that is no take", &["plot", "folder"]),
    ("a kind with a slip", &["inspect", "higpass"]),
    ("a code with a slip", &["explain", "T012"]),
    ("a shell that is none", &["completions", "bsh"]),
    ("standard input twice", &["run", "-", "-"]),
    ("a thread too few", &["run", "good.toml", "talk.wav", "--threads", "0"]),
    ("one of two files is not there", &["run", "good.toml", "talk.wav", "tlak.wav", "--text"]),
    ("a script that is none", &["simulate", "notes.txt"]),
    ("nothing to recover", &["recover", "nowhere"]),
    ("a graph that cannot be formatted", &["fmt", "broken.toml"]),
];

#[test]
fn every_mistake_is_told_with_what_to_do() {
    let folder = Folder::new("thirty");
    let good = "[[node]]\nkind = \"gain\"\n\n[[output]]\nname = \"voice\"\n";
    folder.file("good.toml", good);
    folder.file("silent.toml", "[[source]]\nname = \"mic\"\n");
    folder.file("case.toml", good.replace("\"gain\"\n", "\"gain\"\ndB = 3\n"));
    folder.file("pinned.toml", format!("{good}rate = 48000\n"));
    folder.file("same.toml", good.replace("voice", "talk"));
    folder.file("broken.toml", "[[node]\nkind = \"gain\"\n");
    folder.file("talk.wav", kit::wav(16_000, 1, 1_600));
    folder.file("cut.m4a", b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42isom\0\0\0\0\0\0\x10\0mdat");
    folder.file("empty.wav", "");
    folder.file("notes.txt", "Remember the milk.\n");
    fs::create_dir(folder.at("folder")).expect("a folder");
    fs::create_dir(folder.at("there")).expect("a folder");
    folder.file("there/voice.wav", "mine");
    let (mut all, mut alone) = (String::new(), Vec::new());
    for (name, args) in MISTAKES {
        let ran = command(args).current_dir(folder.at("")).output().expect("the program starts");
        let exit = ran.status.code().expect("it ends by itself");
        let err = String::from_utf8(ran.stderr).expect("UTF-8");
        assert!(exit > 1, "{name} passed: {err}");
        if err.contains("os error") {
            alone.push(format!("{name} is told in the system's words: {err}"));
        }
        if err.lines().any(|line| line.chars().count() > 200) {
            alone.push(format!("{name} is told at length: {err}"));
        }
        let help = ["help", "did you mean", "tip:", "Usage", "; "];
        if !help.iter().any(|word| err.contains(word)) {
            alone.push(format!("{name} is left alone: {err}"));
        }
        write!(all, "# {name}\n\n$ tympan {}\n{err}[{exit}]\n\n", args.join(" ")).expect("text");
    }
    assert!(alone.is_empty(), "{}", alone.join("\n"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/mistakes.txt");
    if std::env::var_os("TYMPAN_BLESS").is_some() {
        fs::write(&path, &all).expect("the fixture");
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        known == all,
        "this is not what cli/tests/program/mistakes.txt says; look at it, and if it is right run \
         the test again with TYMPAN_BLESS=1\n\n{all}"
    );
}
