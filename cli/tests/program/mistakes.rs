//! What people get wrong: each mistake has its exit code and a sentence that says so.

use std::fs;

use crate::kit::{self, Folder, fed, graph, riff, tympan, wav};

/// A graph, the exit code it shall have, and words of the message.
const GRAPHS: [(&str, &str, &str); 24] = [
    ("malformed TOML", "[[node]\nkind = \"gain\"", "not TOML"),
    ("a string without an end", "[[output]]\nname = \"x", "not TOML"),
    ("an empty file", "", "puts nothing out"),
    ("only comments", "# nothing\n", "puts nothing out"),
    ("unknown table", "[[nodes]]\nkind = \"gain\"", "did you mean `node`?"),
    ("one bracket too few", "[node]\nkind = \"gain\"", "list of tables"),
    ("unknown kind", "[[node]]\nkind = \"gian\"", "did you mean `gain`?"),
    ("no kind", "[[node]]\nid = \"gain\"", "must say its `kind`"),
    ("unknown key", "[[node]]\nkind = \"gain\"\ndB = 3", "did you mean `db`?"),
    ("key without its value", "[[node]]\nkind = \"mix\"", "must say its `channels`"),
    ("value out of range", "[[node]]\nkind = \"gain\"\ndb = 1000", "-60 to 60"),
    ("not a number", "[[node]]\nkind = \"gain\"\ndb = nan", "-60 to 60"),
    ("a word for a number", "[[node]]\nkind = \"gain\"\ndb = \"loud\"", "-60 to 60"),
    ("time without a unit", "[[node]]\nkind = \"level\"\nevery = \"10\"", "200ms"),
    ("level every=10min", "[[node]]\nkind = \"level\"\nevery = \"10min\"", "10000 ms"),
    ("unknown node", "[[node]]\nkind = \"gain\"\nfrom = \"mix\"", "no node `mix`"),
    ("unknown port", "[[node]]\nkind = \"gain\"\nfrom = { inn = \"mic\" }", "port `inn`"),
    ("a node that feeds itself", "[[node]]\nkind = \"gain\"\nfrom = \"gain\"", "feed each other"),
    (
        "a cycle",
        "[[node]]\nkind = \"gain\"\nfrom = \"b\"\n[[node]]\nkind = \"gain\"\nid = \"b\"\nfrom = \"gain\"",
        "feed each other",
    ),
    ("a name given twice", "[[node]]\nkind = \"gain\"\n[[node]]\nkind = \"gain\"", "given twice"),
    ("an output without a name", "[[output]]\nfrom = \"mic\"", "must say its `name`"),
    (
        "packets for samples",
        "[[node]]\nkind = \"pcm16\"\n[[node]]\nkind = \"gain\"\nfrom = \"pcm16\"",
        "packets",
    ),
    ("a channel no device has", "[[source]]\nname = \"mic\"\nchannel = 65", "1 to 64"),
    ("a rate that is not there", "[[output]]\nname = \"x\"\nrate = 16001", "16001"),
];

#[test]
fn graphs_that_cannot_be() {
    let folder = Folder::new("graphs");
    let input = folder.file("in.wav", wav(48_000, 1, 480));
    for (what, text, words) in GRAPHS {
        let text = if text.contains("[[output]]") || !text.contains("[[") || text.contains("\nname")
        {
            text.to_owned()
        } else {
            format!("{text}\n[[output]]\nname = \"out\"")
        };
        let path = folder.file("graph.toml", text);
        for args in [&["check", &path][..], &["plan", &path], &["run", &path, "-i", &input]] {
            let ran = tympan(args);
            assert_eq!(ran.exit, 3, "{what}: {}{}", ran.out, ran.err);
            assert!(ran.err.contains(words), "{what}: {}", ran.err);
            assert!(ran.err.starts_with("error[T0"), "{what}: {}", ran.err);
        }
    }
}

#[test]
fn files_that_are_no_graphs() {
    let folder = Folder::new("no-graphs");
    let binary: Vec<u8> = (0..=255).cycle().take(5_000).collect();
    let deep = format!("a = {}", "[".repeat(100_000));
    let dots = format!("a{} = 1", ".a".repeat(100_000));
    for (path, words) in [
        (folder.at("missing.toml"), "missing.toml"),
        (folder.at(""), "it is a folder"),
        (folder.file("binary.toml", binary), "not text"),
        (folder.file("audio.toml", wav(8_000, 1, 100)), "not text"),
        (folder.file("long.toml", " ".repeat(3 << 20)), "1024 KiB"),
        (folder.file("deep.toml", deep), "recur"),
        (folder.file("dots.toml", dots), "recur"),
    ] {
        for verb in ["check", "plan"] {
            let ran = tympan(&[verb, &path]);
            assert_eq!(ran.exit, 3, "{path}: {}", ran.err);
            assert!(ran.err.contains(words), "{path}: {}", ran.err);
        }
    }
}

#[test]
fn gigabytes_are_refused_before_they_are_asked_for() {
    let folder = Folder::new("gigabytes");
    let text =
        "[[node]]\nkind = \"level\"\nevery = \"10s\"\n[[output]]\nname = \"x\"\nfrom = \"mic\"\n";
    let path = folder.file("graph.toml", text);
    // As such there is nothing wrong with it.
    assert_eq!(tympan(&["check", &path]).exit, 0);
    let ran = tympan(&["check", &path, "--rate", "768000", "--channels", "64"]);
    assert_eq!(ran.exit, 3);
    assert!(ran.err.contains("GiB of memory"), "{}", ran.err);
}

#[test]
fn inputs_that_are_no_audio() {
    let folder = Folder::new("inputs");
    let ftyp = b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42isom\0\0\0\0";
    let m4a = [&ftyp[..], &[0x55; 4_000]].concat();
    let mut no_data = wav(48_000, 1, 0);
    no_data.truncate(36);
    let adpcm = riff(2, 4, 48_000, 1, &[0; 512]);
    for (path, words) in [
        (folder.at("missing.wav"), "no file"),
        (folder.at(""), "folder"),
        (folder.file("nothing.wav", ""), "empty"),
        (folder.file("short.wav", "RIFF"), "too short"),
        (folder.file("text.wav", "this is not audio at all"), "like a text"),
        (folder.file("m4a.wav", m4a), "MP4"),
        (folder.file("ogg.wav", "OggS and some more of it"), "Ogg"),
        (folder.file("noise.wav", vec![0xa5; 4_000]), "no header"),
        (folder.file("header.wav", no_data), "no audio"),
        (folder.file("adpcm.wav", adpcm), "adpcm"),
        (folder.file("rate.wav", riff(1, 16, 0, 1, &[0; 64])), "0 Hz"),
        (folder.file("rate4g.wav", riff(1, 16, u32::MAX, 1, &[0; 64])), "4294967295 Hz"),
        (folder.file("no-channel.wav", riff(1, 16, 48_000, 0, &[0; 64])), "0 channels"),
        (folder.file("channels.wav", riff(1, 16, 48_000, 65, &[0; 260])), "65 channels"),
    ] {
        let out = folder.at("out");
        let ran = tympan(&["run", &graph("passthrough.toml"), "--input", &path, "--out", &out]);
        assert_eq!(ran.exit, 4, "{path}: {}", ran.err);
        assert!(ran.err.to_lowercase().contains(&words.to_lowercase()), "{path}: {}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{path}: {}", ran.err);
        assert!(fs::metadata(&out).is_err(), "{path}: nothing was begun");
        assert_eq!(ran.events("error")[0]["exit"], 4);
    }
    for (bytes, words) in [(&b""[..], "empty"), (b"no audio, you see", "like a text")] {
        let ran = fed(&["run", &graph("passthrough.toml"), "--input", "-"], bytes);
        assert_eq!(ran.exit, 4);
        assert!(ran.err.contains("standard input") && ran.err.contains(words), "{}", ran.err);
    }
}

#[test]
fn inputs_with_little_in_them() {
    let folder = Folder::new("little");
    let mut huge = wav(48_000, 1, 480);
    huge[40..44].copy_from_slice(&0x7000_0000_u32.to_le_bytes());
    for (path, frames) in [
        (folder.file("zero.wav", wav(48_000, 1, 0)), 0),
        (folder.file("huge.wav", huge), 480),
        (folder.file("odd.wav", &wav(48_000, 1, 480)[..44 + 959]), 479),
    ] {
        let ran = tympan(&["run", &graph("passthrough.toml"), "--input", &path]);
        assert_eq!(ran.exit, 1, "{path}: {}", ran.err);
        assert!(ran.err.starts_with("warning: "), "{path}: {}", ran.err);
        assert_eq!(ran.done()["in"], frames, "{path}");
    }
}

#[test]
fn a_graph_that_does_not_fit_the_file() {
    let folder = Folder::new("misfit");
    let input = folder.file("in.wav", wav(44_100, 1, 441));
    let output = "[[output]]\nname = \"x\"\n";
    for (text, words) in [
        (format!("{output}rate = 48000\n"), "pinned to 48000 Hz"),
        (format!("[[source]]\nname = \"mic\"\nchannel = 2\n{output}"), "the device is mono"),
    ] {
        let path = folder.file("graph.toml", text);
        let ran = tympan(&["run", &path, "--input", &input, "--out", &folder.at("out")]);
        assert_eq!(ran.exit, 3, "{}", ran.err);
        assert!(ran.err.contains(words), "{}", ran.err);
        assert!(fs::metadata(folder.at("out")).is_err(), "nothing was begun");
    }
}

#[test]
fn folders_that_cannot_be_written() {
    let folder = Folder::new("unwritable");
    let input = folder.file("in.wav", wav(48_000, 1, 480));
    let file = folder.file("file", "");
    for out in [file.clone(), format!("{file}/below")] {
        for verb in [&["run", &graph("passthrough.toml"), "-i", &input][..], &["demo"]] {
            let ran = tympan(&[verb, &["--out", &out]].concat());
            assert_eq!(ran.exit, 4, "{out}: {}", ran.err);
            assert!(ran.err.contains(&file) && ran.err.contains("\nhelp: "), "{}", ran.err);
        }
    }
    fs::create_dir_all(folder.at("out/audio.wav")).expect("a folder in the file's place");
    let out = folder.at("out");
    let run = ["run", &graph("passthrough.toml"), "-i", &input, "-o", &out, "--force"];
    assert_eq!(tympan(&run).exit, 4);
}

#[test]
fn command_lines_that_make_no_sense() {
    let folder = Folder::new("senseless");
    let input = folder.file("in.wav", wav(48_000, 1, 480));
    let path = graph("levels.toml");
    for (args, words) in [
        (&["pan", &path][..], "'plan'"),
        (&[&path], "tympan plan"),
        (&["talk.wav"], "tympan run GRAPH talk.wav"),
        (&["run"], "<GRAPH>"),
        (&["run", &path, "--inptu", "talk.wav"], "'--input'"),
        (&["run", &path, "--input"], "--input <FILE>"),
        (&["run", &path, "--input", "talk.wav", "--force"], "--out <DIR>"),
        (&["run", &path, "--json", "--text"], "cannot be used with"),
        (&["run", "-", "--input", "-"], "standard input"),
        (&["run", &path, "--input", &input, "--out", "-"], "standard output"),
        (&["demo", "--out", "-"], "standard output"),
        (&["check"], "<GRAPHS>"),
        (&["plan", &path, "--rate", "fast"], "--rate"),
        (&["plan", &path, "--rate", "0"], "from 1000 to 768000"),
        (&["plan", &path, "--rate", "-48000"], "-4"),
        (&["plan", &path, "--channels", "65"], "1..=64"),
        (&["nodes", "gain"], "tympan inspect gain"),
        (&["inspect"], "<KIND>"),
        (&["inspect", "lvel"], "'level'"),
        (&["demo", "--color", "sometimes"], "always"),
    ] {
        let ran = tympan(args);
        assert_eq!(ran.exit, 2, "{args:?}: {}", ran.err);
        assert!(ran.err.contains(words), "{args:?}: {}", ran.err);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_machine_without_a_microphone_is_told_so_and_what_to_do() {
    let levels = graph("levels.toml");
    let folder = Folder::new("deaf");
    let out = folder.at("takes");
    for args in [&["run", &levels][..], &["record", "--out", &out], &["devices"]] {
        let ran = tympan(args);
        assert_eq!(ran.exit, 4, "{args:?}: {}", ran.err);
        assert!(ran.err.contains("microphone") && ran.err.contains("help"), "{}", ran.err);
    }
    let ran = tympan(&["run", &levels]);
    assert!(ran.err.contains("--input"), "{}", ran.err);
    if cfg!(not(feature = "cpal")) {
        assert!(ran.err.contains("the feature `cpal`"), "{}", ran.err);
        return;
    }
    assert!(ran.err.contains("tympan doctor"), "{}", ran.err);

    let doctor = kit::plain_output(&["doctor", "--out", &out]);
    assert_eq!(doctor.0, 4, "{}", doctor.1);
    assert!(doctor.1.contains("microphone"), "{}", doctor.1);
    assert!(doctor.1.contains("disk"), "the rest is looked at all the same: {}", doctor.1);
}
