//! The pages of the book that are made from the same descriptions as `inspect` and
//! `explain`: a test compares them with what is in `docs/`, and `TYMPAN_BLESS=1` writes them.

use std::fmt::Write as _;
use std::path::Path;

use tympan::core::{KindInfo, Param};

use crate::codes::CODES;
use crate::verbs::{inspect, nodes};

fn kind_page(kind: &KindInfo) -> String {
    let mut page = format!("# {}\n\n{}\n\n", kind.name, kind.about);
    let inputs = kind.inputs.iter().map(|port| {
        let name = if port.name.is_empty() { String::new() } else { format!(" `{}`", port.name) };
        format!("{}{name}", nodes::flow(port.flow))
    });
    let inputs: Vec<_> = inputs.collect();
    let _ = writeln!(page, "Takes {}; gives {}.\n", inputs.join(", "), nodes::flow(kind.output));
    if !kind.params.is_empty() {
        page += "| key | takes | default | live | |\n|---|---|---|---|---|\n";
        for param in kind.params {
            page += &key_row(param);
        }
        page.push('\n');
    }
    let _ = write!(page, "```toml\n{}```\n", inspect::example(kind, ""));
    page
}

fn key_row(param: &Param) -> String {
    let [name, range, _, live, about] = inspect::key(param);
    let default = inspect::default(param).map_or("must be given".to_owned(), |x| format!("`{x}`"));
    let live = if live.is_empty() { "" } else { "yes" };
    format!("| `{name}` | {range} | {default} | {live} | {about} |\n")
}

fn kinds_page(kinds: &[&KindInfo]) -> String {
    let mut page =
        "# Kinds\n\nA node is of a kind. A live key can be changed while the graph runs. \
                    `tympan inspect KIND` shows the same.\n\n| kind | takes | gives | |\n\
                    |---|---|---|---|\n"
            .to_owned();
    for kind in kinds {
        let takes: Vec<_> = kind.inputs.iter().map(|port| nodes::flow(port.flow)).collect();
        let (name, takes, gives) = (kind.name, takes.join(", "), nodes::flow(kind.output));
        let _ =
            writeln!(page, "| [`{name}`](kinds/{name}.md) | {takes} | {gives} | {} |", kind.about);
    }
    page
}

fn codes_page() -> String {
    let mut page = "# Codes\n\nEvery error of a graph, a file or a device has a code, which never \
                    changes its meaning. `tympan explain CODE` shows the same.\n"
        .to_owned();
    for code in CODES {
        let _ = write!(page, "\n## {}: {}\n\n{}\n", code.id, code.title, code.text);
    }
    page
}

fn summary(kinds: &[&KindInfo]) -> String {
    let mut page = "# Summary\n\n[tympan](introduction.md)\n\n- [Concepts](concepts.md)\n\
                    - [Kinds](kinds.md)\n"
        .to_owned();
    for kind in kinds {
        let _ = writeln!(page, "  - [{0}](kinds/{0}.md)", kind.name);
    }
    for (title, file) in [
        ("Sessions on phones", "session"),
        ("Reliability", "reliability"),
        ("Performance", "performance"),
        ("Cookbook", "cookbook"),
        ("Codes", "codes"),
    ] {
        let _ = writeln!(page, "- [{title}]({file}.md)");
    }
    page
}

/// With every feature on, the pages are those in the book, and no others are there.
#[cfg(all(feature = "flac", feature = "opus"))]
#[test]
fn the_book_tells_what_the_program_tells() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src");
    let registry = tympan::registry();
    let kinds: Vec<&KindInfo> = registry.kinds().collect();
    let mut pages = vec![
        ("SUMMARY.md".to_owned(), summary(&kinds)),
        ("kinds.md".to_owned(), kinds_page(&kinds)),
        ("codes.md".to_owned(), codes_page()),
    ];
    pages.extend(kinds.iter().map(|kind| (format!("kinds/{}.md", kind.name), kind_page(kind))));
    let bless = std::env::var_os("TYMPAN_BLESS").is_some();
    for (name, page) in &pages {
        let path = docs.join(name);
        if bless {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(&path, page).expect("a page");
        }
        let known = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            known == *page,
            "docs/src/{name} is not what the program says; look at it, and if that is right run \
             the test again with TYMPAN_BLESS=1\n\n{page}"
        );
    }
    for entry in std::fs::read_dir(docs.join("kinds")).expect("the pages") {
        let name = format!("kinds/{}", entry.expect("a page").file_name().to_string_lossy());
        assert!(pages.iter().any(|(page, _)| *page == name), "{name} is of no kind");
    }
}

/// Every code that the sources have is explained, and nothing else is.
#[test]
fn every_code_is_explained_and_every_explanation_has_its_code() {
    fn scan(folder: &Path, found: &mut std::collections::BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("sources") {
            let path = entry.expect("a file").path();
            if path.is_dir() {
                scan(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs")
                && !path.ends_with("codes.rs")
                && !path.ends_with("book.rs")
            {
                let text = std::fs::read_to_string(&path).expect("a source");
                // A code stands alone between quotes.
                let words = text.split('"').filter(|word| {
                    let digits = word.strip_prefix('T').unwrap_or_default();
                    digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit())
                });
                found.extend(words.map(str::to_owned));
            }
        }
    }
    let mut found = std::collections::BTreeSet::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for folder in ["core/src", "src", "backends/src", "nodes/src", "cli/src"] {
        scan(&root.join(folder), &mut found);
    }
    let told: Vec<String> = CODES.iter().map(|code| code.id.to_owned()).collect();
    assert!(found.len() > 40, "the scan finds them: {found:?}");
    assert!(told.is_sorted(), "in order, each once");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), told);
}
