//! How many crates an app gets with the library: each is code that somebody has to trust.

use std::collections::BTreeSet;
use std::process::Command;

/// Of others, at run time, in the default library.
const MOST: usize = 60;

/// The crates of others in a listing of `cargo tree --prefix none`.
fn crates(listing: &str) -> BTreeSet<String> {
    let first = |line: &str| {
        let mut words = line.split(' ');
        Some(format!("{} {}", words.next()?, words.next()?))
    };
    let others = listing.lines().filter(|line| !line.is_empty() && !line.starts_with("tympan"));
    others.filter_map(first).collect()
}

fn tree(arguments: &[&str]) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let common = [
        "tree",
        "--offline",
        "--locked",
        "--prefix",
        "none",
        "-e",
        "normal,no-proc-macro",
        "-p",
        "tympan",
    ];
    let output = Command::new(cargo)
        .args(common)
        .args(arguments)
        .current_dir(crate::source::root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    crates(&String::from_utf8(output.stdout).unwrap())
}

#[test]
fn an_app_gets_few_crates() {
    for target in ["aarch64-apple-ios", "aarch64-linux-android", "x86_64-unknown-linux-gnu"] {
        let all = tree(&["--target", target, "--all-features"]).len();
        let crates = tree(&["--target", target]);
        println!("{target}: {} crates, {all} with all features", crates.len());
        assert!(crates.len() > 10, "that cannot be all: {crates:?}");
        assert!(crates.len() <= MOST, "{} crates:\n{crates:#?}", crates.len());
    }
}

#[test]
fn one_crate_more_is_noticed() {
    let many: Vec<_> = (0..=MOST).map(|n| format!("crate-{n} v1.0.0")).collect();
    assert_eq!(crates(&many.join("\n")).len(), MOST + 1);
    // Of two versions each counts, of two places in the tree one.
    assert_eq!(crates("a v1.0.0\na v1.0.0 (*)\n\na v2.0.0 (proc-macro)\n").len(), 2);
}
