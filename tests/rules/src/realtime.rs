//! What the audio path does not name. In `core/` there is no `std` that could wait; for
//! `nodes/` its `clippy.toml` says the same as this, by types; in the facade only some files
//! are on the audio path, which clippy cannot be told.

use crate::source::{code, files, read, words};

/// Between the device's callback and the rings to the readers.
const FILES: &[&str] = &[
    "src/pipeline/entry.rs",
    "src/pipeline/ring.rs",
    "src/pipeline/shared.rs",
    "src/pipeline/worker.rs",
    "src/pipeline/render/drift.rs",
    "src/pipeline/render/stretch.rs",
    "src/recorder/door.rs",
];

/// Locks, clocks, text, threads that wait, and what allocates by its name.
const WORDS: &[&str] = &[
    "Mutex",
    "RwLock",
    "Condvar",
    "Barrier",
    "Instant",
    "SystemTime",
    "sleep",
    "park",
    "println",
    "eprintln",
    "print",
    "eprint",
    "dbg",
    "format",
    "to_string",
    "to_owned",
    "to_vec",
    "collect",
    "String",
    "spawn",
    "mpsc",
    "unwrap",
    "expect",
    "panic",
    "unreachable",
    "todo",
];

/// What is named all the same, on an ordinary thread: once in each of these.
const EXCEPTIONS: &[(&str, &str, &str)] =
    &[("src/pipeline/render/stretch.rs", "expect", "it is built before it runs")];

/// What is said above the first test of a file, and where.
fn named(text: &str) -> Vec<(usize, &'static str)> {
    let lines = code(text);
    let product = lines.iter().position(|line| line.contains("cfg(test)")).unwrap_or(lines.len());
    let mut found = Vec::new();
    for (n, line) in lines[..product].iter().enumerate() {
        for &word in WORDS {
            // `format` is a macro here, and a field everywhere.
            let is_it = |at: usize| word != "format" || line[at + word.len()..].starts_with('!');
            if words(line, word).any(is_it) {
                found.push((n + 1, word));
            }
        }
    }
    found
}

#[test]
fn the_audio_path_names_nothing_that_waits() {
    for &path in FILES.iter().filter(|path| crate::source::root().join(path).exists()) {
        let mut found = named(&read(path));
        for (_, word, _) in EXCEPTIONS.iter().filter(|(file, ..)| *file == path) {
            let at = found.iter().position(|(_, found)| found == word);
            found.remove(at.unwrap_or_else(|| panic!("{path} no longer names {word}")));
        }
        println!("{path}: {} lines", read(path).lines().count());
        assert!(found.is_empty(), "{path} names {found:?}");
    }
}

#[test]
fn the_engine_has_no_std() {
    assert!(read("core/src/lib.rs").contains("#![no_std]"));
    for path in files().iter().filter(|path| path.starts_with("core/src/")) {
        let text = read(path);
        let mut code = code(&text);
        let product = code.iter().position(|line| line.contains("cfg(test)"));
        code.truncate(product.unwrap_or(code.len()));
        let found = code.iter().position(|line| words(line, "std").next().is_some());
        assert!(found.is_none(), "{path}:{} names std", found.unwrap_or(0) + 1);
    }
}

#[test]
fn what_waits_is_noticed() {
    for planted in [
        "let x = std::sync::Mutex::new(());",
        "let now = Instant::now();",
        "println!(\"x\");",
        "let s = format!(\"{x}\");",
        "std::thread::sleep(d);",
        "let v: Vec<_> = all.collect();",
        "let y = x.unwrap();",
    ] {
        assert_eq!(named(planted).len(), 1, "{planted}");
    }
    assert!(named("self.format = format; // a Mutex\nx.unwrap_or(0);").is_empty());
    assert!(named("#[cfg(test)]\nmod tests { x.unwrap(); }").is_empty());
}
