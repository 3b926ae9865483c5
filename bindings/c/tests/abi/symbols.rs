//! The header and the library name the same functions and numbers.

use std::collections::BTreeSet;
use std::process::Command;

use crate::tools::{self, Link};

/// The functions that a header declares.
fn declared(header: &str) -> BTreeSet<String> {
    let plain = without_comments(header);
    let names = plain.split(';').filter_map(|declaration| {
        let (before, _) = declaration.split_once('(')?;
        let name = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next()?;
        name.starts_with("tympan_").then(|| name.to_owned())
    });
    names.collect()
}

fn without_comments(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("/*") {
        plain.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    plain + rest
}

/// The functions that a shared library lets others see.
fn exported() -> BTreeSet<String> {
    let mut nm = Command::new("nm");
    let flags: &[&str] = if cfg!(target_os = "macos") {
        &["-g", "-U", "-P"]
    } else {
        &["-D", "--defined-only", "-P"]
    };
    let said = tools::run(nm.args(flags).arg(tools::library(Link::Shared)));
    let said = String::from_utf8(said).unwrap();
    let name = |line: &str| Some(line.split(' ').next()?.trim_start_matches('_').to_owned());
    // Some linkers add marks of their own to the table; those are no functions.
    let functions = said.lines().filter(|line| line.split(' ').nth(1) == Some("T"));
    functions.filter_map(name).collect()
}

#[test]
fn the_header_declares_what_the_library_exports() {
    let declared = declared(&tools::header());
    assert!(declared.len() > 10 && declared.contains("tympan_push"), "{declared:?}");
    if !tools::has("nm") {
        return;
    }
    let exported = exported();
    println!("{} functions: {exported:?}", exported.len());
    assert_eq!(declared, exported, "declared, exported");
}

#[test]
fn a_function_more_or_less_is_noticed() {
    let header = tools::header();
    let more = header.replace("void tympan_free", "int tympan_fly(void); void tympan_free");
    let less = header.replace("int tympan_lost(", "/* */ static int lost(");
    let known = declared(&header);
    assert_eq!(declared(&more).difference(&known).collect::<Vec<_>>(), ["tympan_fly"]);
    assert_eq!(known.difference(&declared(&less)).collect::<Vec<_>>(), ["tympan_lost"]);
    // What a comment mentions is no declaration.
    assert_eq!(declared("/* int tympan_no(void); */ int tympan_yes(int);").len(), 1);
}
