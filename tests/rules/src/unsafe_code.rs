//! `unsafe` stands where it has to, says why, and becomes less.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::source::{code, files, read, words};

/// Calls into a platform, the C ABI, and one line for a library in C. Test harnesses and
/// benches, such as the counting allocator, are nobody's product.
fn may_have_it(path: &str) -> bool {
    path.starts_with("backends/src/")
        || path.starts_with("bindings/c/src/")
        || path == "nodes/src/vad/webrtc.rs"
}

fn is_harness(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "tests" | "benches" | "fuzz"))
}

/// The crate that a file belongs to.
fn owner(path: &str) -> &str {
    path.find("/src/").map_or("tympan", |at| &path[..at])
}

/// How often a file says `unsafe`, and what is wrong about it.
fn look(path: &str, text: &str) -> (usize, Vec<String>) {
    let lines: Vec<&str> = text.lines().collect();
    let (mut count, mut wrong) = (0, Vec::new());
    for (n, line) in code(text).iter().enumerate() {
        for at in words(line, "unsafe") {
            let rest = line[at + "unsafe".len()..].trim_start();
            // An attribute such as `unsafe(no_mangle)` has nothing to prove.
            if rest.starts_with('(') {
                continue;
            }
            count += 1;
            if !may_have_it(path) {
                wrong.push(format!("{path}:{}: `unsafe` has no place in this file", n + 1));
            }
            let proved =
                (rest.starts_with('{') || rest.starts_with("impl")) && !has_reason(&lines[..n]);
            if proved {
                wrong.push(format!("{path}:{}: no SAFETY comment above it", n + 1));
            }
            let promise = rest.starts_with("fn") && !has_promise(&lines[..n]);
            if promise && !path.starts_with("bindings/c/") {
                wrong.push(format!("{path}:{}: no `# Safety` section above it", n + 1));
            }
        }
    }
    (count, wrong)
}

/// The comment right above, or above the rest of the statement.
fn has_reason(above: &[&str]) -> bool {
    above.iter().rev().take(8).any(|line| line.trim_start().starts_with("// SAFETY:"))
}

fn has_promise(above: &[&str]) -> bool {
    let own = above.iter().rev().take_while(|line| {
        let line = line.trim_start();
        line.starts_with("//") || line.starts_with('#')
    });
    own.into_iter().any(|line| line.contains("# Safety") || line.contains("SAFETY"))
}

/// The counts as the file in the repository has them.
fn table(counts: &BTreeMap<String, usize>) -> String {
    let mut text = String::new();
    for (name, count) in counts {
        let _ = writeln!(text, "{name} {count}");
    }
    text
}

#[test]
fn unsafe_code_only_becomes_less() {
    let (mut counts, mut wrong) = (BTreeMap::new(), Vec::new());
    for path in files().iter().filter(|path| !is_harness(path)) {
        let (count, faults) = look(path, &read(path));
        if count > 0 {
            *counts.entry(owner(path).to_owned()).or_default() += count;
        }
        wrong.extend(faults);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let (found, known) = (table(&counts), read("tests/rules/unsafe.txt"));
    println!("{found}");
    assert!(
        found == known,
        "tests/rules/unsafe.txt says\n{known}\nand there is\n{found}\nIf it became less, write \
         that into the file. If it became more, find a way without, or show in the same change \
         why there is none."
    );
}

#[test]
fn what_breaks_the_rule_is_noticed() {
    let block = "fn f() {\n    unsafe { g() }\n}\n";
    let with_reason = "fn f() {\n    // SAFETY: it is.\n    unsafe { g() }\n}\n";
    assert_eq!(look("backends/src/ios.rs", with_reason), (1, vec![]));
    let (count, wrong) = look("backends/src/ios.rs", block);
    assert!(count == 1 && wrong[0].contains("SAFETY"), "{wrong:?}");
    let (_, wrong) = look("core/src/tape.rs", with_reason);
    assert!(wrong[0].contains("no place"), "{wrong:?}");
    let (_, wrong) = look("backends/src/ios.rs", "unsafe impl Send for X {}");
    assert!(wrong[0].contains("SAFETY"), "{wrong:?}");
    let (_, wrong) = look("backends/src/ios.rs", "/// It is fast.\npub unsafe fn f() {}");
    assert!(wrong[0].contains("# Safety"), "{wrong:?}");
    // What only mentions the word has none of it.
    let mention =
        "#![deny(unsafe_code)]\n// unsafe {\nlet x = \"unsafe {\";\n#[unsafe(no_mangle)]\n";
    assert_eq!(look("core/src/lib.rs", mention), (0, vec![]));
    assert_eq!(owner("bindings/c/src/lib.rs"), "bindings/c");
    assert_eq!(owner("src/lib.rs"), "tympan");
}
