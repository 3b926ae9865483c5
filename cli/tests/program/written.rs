//! What is written is true: every command in the README and in the book runs, every link
//! leads somewhere, and what is shown is what comes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::kit::{Folder, command, wav};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The README and the pages of the book.
fn pages() -> Vec<(PathBuf, String)> {
    let mut pages = vec![root().join("README.md")];
    let mut folders = vec![root().join("docs/src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the book") {
            let path = entry.expect("a file").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                pages.push(path);
            }
        }
    }
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a page");
        (path, text)
    };
    pages.into_iter().map(read).collect()
}

/// The lines of blocks for a shell, and in others those behind a `$`.
fn commands(text: &str) -> Vec<String> {
    let (mut found, mut block) = (Vec::new(), None);
    for line in text.lines() {
        if let Some(sort) = line.strip_prefix("```") {
            block = if block.is_some() { None } else { Some(sort.to_owned()) };
            continue;
        }
        match (block.as_deref(), line.strip_prefix("$ ")) {
            (Some("sh"), _) => found.push(line.trim_start_matches("$ ").to_owned()),
            (Some(_), Some(command)) => found.push(command.to_owned()),
            _ => {}
        }
    }
    found.retain(|line| line.starts_with("tympan "));
    found
}

#[test]
fn every_command_that_is_written_runs() {
    let mut ran = 0;
    for (path, text) in pages() {
        let page = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let folder = Folder::new(&format!("written-{page}"));
        copy(&root().join("graphs"), Path::new(&folder.at("graphs")));
        copy(&root().join("tests/scenarios"), Path::new(&folder.at("tests/scenarios")));
        folder.file("talk.wav", wav(16_000, 1, 80_000));
        folder.file("other.wav", wav(16_000, 1, 16_000));
        folder.file("talk.toml", fs::read(root().join("graphs/levels.toml")).expect("a graph"));
        folder.file("key", "42".repeat(32));
        for line in commands(&text) {
            let line = line.split(" #").next().unwrap_or_default().trim();
            let (line, input) = line.split_once(" < ").map_or((line, None), |(l, i)| (l, Some(i)));
            let line = line.split(" > ").next().unwrap_or_default();
            let mut words = Vec::new();
            for word in line.split_whitespace().skip(1) {
                match word.strip_suffix("*.toml").or(word.strip_suffix("*.json")) {
                    Some(of) => {
                        let all = fs::read_dir(folder.at(of)).expect("a folder");
                        let path = |e: std::io::Result<fs::DirEntry>| e.expect("a file").path();
                        words.extend(all.map(path).map(|path| path.display().to_string()));
                    }
                    None => words.push(word.to_owned()),
                }
            }
            let mut command = command(&words);
            command.current_dir(folder.at(""));
            if let Some(input) = input {
                let file = fs::File::open(folder.at(input)).expect("its input");
                command.stdin(Stdio::from(file));
            }
            let end = command.output().expect("the program starts");
            let exit = end.status.code();
            let err = String::from_utf8_lossy(&end.stderr);
            // A finding is no failure: a busy machine may be slow. Nor is a machine without
            // a microphone.
            let looks = ["tympan devices", "tympan doctor"].contains(&line);
            let deaf = looks && exit == Some(4);
            assert!(deaf || exit.is_some_and(|exit| exit <= 1), "{page}: {line}: {exit:?} {err}");
            ran += 1;
        }
    }
    assert!(ran > 15, "{ran}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("a file").path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("a copy");
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut seen = 0;
    for (path, text) in pages() {
        for part in text.split("](").skip(1) {
            let Some((link, _)) = part.split_once(')') else { continue };
            let link = link.split('#').next().unwrap_or_default();
            if link.is_empty() || link.contains("://") {
                continue;
            }
            let target = path.parent().expect("a folder").join(link);
            assert!(target.exists(), "{}: {link}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}

/// Pictures in the README and the book are those that the program draws today.
#[cfg(all(feature = "flac", feature = "opus"))]
#[test]
fn pictures_are_those_of_today() {
    let bless = std::env::var_os("TYMPAN_BLESS").is_some();
    let images = root().join("docs/src/images");
    for (name, args) in [
        ("dictation.svg", &["dot", "graphs/dictation.toml", "--channels", "2", "--out", "-"][..]),
        ("talk.svg", &["plot", "tests/audio/clean.wav", "--out", "-"]),
    ] {
        let ran = command(args).current_dir(root()).output().expect("the program starts");
        assert_eq!(ran.status.code(), Some(0));
        let drawn = String::from_utf8(ran.stdout).expect("UTF-8");
        let path = images.join(name);
        if bless {
            fs::create_dir_all(&images).expect("a folder");
            fs::write(&path, &drawn).expect("a picture");
        }
        let known = fs::read_to_string(&path).unwrap_or_default();
        // What was measured may differ in its last digit between machines; what is written
        // in the picture does not.
        let words = |svg: &str| {
            let texts = svg.split("<text").skip(1).filter_map(|part| part.split_once('>'));
            texts
                .map(|(_, rest)| rest.split('<').next().unwrap_or_default().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            words(&known),
            words(&drawn),
            "{name} is another now; look at it, and if it is right run the test again with \
             TYMPAN_BLESS=1"
        );
    }
}
