//! Which places of our own code can panic on the audio path, in the program that ships: the
//! optimizer has taken out the checks that cannot fail, and what is left is counted for each
//! file. `panics.txt` has the counts, which only become less, and why there are any.

use std::collections::BTreeMap;
use std::fmt::Write;

use tympan_realtime::kit;

use crate::scan::Code;

/// Where the audio path begins, and what is called on it through a table.
const BEGINNINGS: &[&str] = &[
    "as tympan_backends::backend::Capture>::audio",
    "as tympan_backends::backend::Capture>::notice",
    "tympan::pipeline::render::RenderWriter::push",
    "tympan::pipeline::worker::Worker::run",
    "tympan::pipeline::shielded::process",
    "tympan::pipeline::shielded::reset",
    "as tympan_core::node::Node>::process",
    "as tympan_core::node::Node>::reset",
    "as tympan_core::sink::Sink>::",
    "as tympan_nodes::vad::Engine>::",
];

fn is_beginning(name: &str) -> bool {
    // Taking an owned thing apart is not on the path.
    !name.contains("drop_in_place") && BEGINNINGS.iter().any(|part| name.contains(part))
}

/// Places in each file of ours.
fn counts(code: &Code) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (file, line, _) in code.panics(is_beginning) {
        if ["core/", "nodes/", "src/"].iter().any(|folder| file.starts_with(folder)) {
            println!("{file}:{line}");
            *counts.entry(file).or_default() += 1;
        }
    }
    counts
}

/// The table that is kept: file, count, reason. Reasons are for people.
fn table(counts: &BTreeMap<String, usize>, known: &str) -> String {
    let reason = |file: &str| {
        let mut lines = known.lines().filter_map(|line| line.split_once(' '));
        let line = lines.find(|(name, _)| *name == file)?;
        Some(line.1.split_once(' ')?.1.to_owned())
    };
    let mut text = String::new();
    for (file, count) in counts {
        let _ = writeln!(text, "{file} {count} {}", reason(file).unwrap_or("why?".into()));
    }
    text
}

fn compiler() -> String {
    let output = std::process::Command::new("rustc").arg("-V").output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn places_that_can_panic_only_become_fewer() {
    if cfg!(debug_assertions) {
        return println!(
            "not looked at: this program does not ship; ./x realtime looks at one that does"
        );
    }
    let Some(code) = Code::of(env!("CARGO_BIN_EXE_traps")) else {
        return println!("not looked at: there is no objdump here, or another form of programs");
    };
    for part in BEGINNINGS {
        println!("{:3} {part}", code.count(|name| name.contains(part)));
    }
    // One that is put into its only caller is looked at there.
    let found = BEGINNINGS.iter().filter(|part| code.count(|name| name.contains(**part)) > 0);
    assert!(found.count() >= 8, "the audio path was not found");
    assert!(code.count(is_beginning) > 40, "the kinds were not found");
    let counts = counts(&code);
    let path = kit::root().join("tests/realtime/panics.txt");
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let rust = known.lines().next().unwrap_or_default();
    let table = format!("rustc {}\n{}", compiler(), table(&counts, &known));
    println!("{} places:\n{table}", counts.values().sum::<usize>());
    if std::env::var_os("TYMPAN_BLESS").is_some() {
        std::fs::write(&path, &table).unwrap();
    } else if rust != format!("rustc {}", compiler()) {
        println!("not judged: optimizers differ, and the counts are of {rust}");
    } else {
        assert!(
            table == known,
            "tests/realtime/panics.txt says\n{known}\nand there is\n{table}\nIf it became less, \
             run this again with TYMPAN_BLESS=1. If it became more, find a way without."
        );
    }
}
