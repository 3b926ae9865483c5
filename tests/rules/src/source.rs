//! Files of the workspace, and what of a file is code.

use std::path::{Path, PathBuf};

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every Rust file of ours, as a path from the root.
pub(crate) fn files() -> Vec<String> {
    let mut found = Vec::new();
    for folder in [
        "backends", "benches", "bindings", "cli", "core", "examples", "fuzz", "nodes", "src",
        "tests",
    ] {
        walk(&root().join(folder), &mut found);
    }
    let mut found: Vec<String> = found
        .iter()
        .map(|path| path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/"))
        .collect();
    found.sort();
    found
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                walk(&path, found);
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// Each line without its comments and without what stands in quotes. Good enough for our
/// own code, as `rustfmt` leaves it.
pub(crate) fn code(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut rest) = (String::new(), text);
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(len) = quoted(rest, line.chars().last()) {
            line.push('"');
            len
        } else {
            0
        };
        if skipped > 0 {
            let lost = rest[..skipped].matches('\n').count();
            for _ in 0..lost {
                lines.push(std::mem::take(&mut line));
            }
            rest = &rest[skipped..];
            continue;
        }
        if c == '\n' {
            lines.push(std::mem::take(&mut line));
        } else {
            line.push(c);
        }
        rest = &rest[c.len_utf8()..];
    }
    lines.push(line);
    lines
}

/// The length of the text or letter in quotes that begins here.
fn quoted(rest: &str, before: Option<char>) -> Option<usize> {
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if !in_word && (rest.starts_with("r\"") || rest.starts_with("r#")) {
        let hashes = rest[1..].find(|c| c != '#')?;
        let open = 1 + hashes + 1;
        let end = format!("\"{}", &rest[1..=hashes]);
        return rest.get(open..)?.find(&end).map(|at| open + at + end.len());
    }
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    if quote == '\'' {
        // A lifetime has no second quote behind its first letter.
        let mut letters = rest[1..].char_indices();
        let (_, first) = letters.next()?;
        if first != '\\' {
            let (at, second) = letters.next()?;
            return (second == '\'').then_some(at + 2);
        }
    }
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Whether `word` stands in a line of code by itself.
pub(crate) fn words<'a>(line: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let of_a_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        !line[..at].ends_with(of_a_name) && !line[at + word.len()..].starts_with(of_a_name)
    })
}

#[test]
fn code_is_told_from_comments_and_quotes() {
    let text =
        "a // unsafe\nb /* unsafe\nunsafe */ c \"un\\\"safe\" 'x' '\\'' 'life\nr#\"unsafe \"# d";
    let code = code(text);
    assert_eq!(code, ["a ", "b ", " c \" \" \" 'life", "\" d"]);
    assert_eq!(words("unsafe_code not_unsafe unsafe{", "unsafe").count(), 1);
}
