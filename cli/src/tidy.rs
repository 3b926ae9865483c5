//! TOML in one form: what `tympan fmt` makes of a graph.

use toml_edit::{Decor, DocumentMut, Item, RawString, Table, Value};

/// The column in which comments behind values begin, from 0.
const COMMENTS: usize = 29;

/// The text in its form, or why it is no TOML.
pub(crate) fn tidied(text: &str) -> Result<String, String> {
    // A mark at the start and the ends of lines of other systems are no part of the text.
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let mut document: DocumentMut = text.parse().map_err(|error| format!("{error}"))?;
    let trailing = document.trailing().as_str().unwrap_or_default().to_owned();
    let mut first = true;
    table(document.as_table_mut(), &mut first);
    let trailing = lead(&trailing, false);
    document.set_trailing(if trailing.trim().is_empty() { "" } else { trailing.as_str() });
    let mut out = document.to_string();
    out.truncate(out.trim_end().len());
    if !out.is_empty() {
        out.push('\n');
    }
    Ok(out)
}

/// `first` is whether nothing stands before it in the file.
fn table(table: &mut Table, first: &mut bool) {
    for (mut key, item) in table.iter_mut() {
        match item {
            Item::Value(value) => {
                let before = said(key.leaf_decor().prefix());
                let begin = if *first {
                    lead(before.trim_start_matches('\n'), false)
                } else {
                    lead(&before, false)
                };
                *first = false;
                let name = key.display_repr().into_owned();
                key.leaf_decor_mut().set_prefix(begin);
                key.leaf_decor_mut().set_suffix(" ");
                entry(&name, value);
            }
            Item::Table(inner) => header(inner, first),
            Item::ArrayOfTables(all) => all.iter_mut().for_each(|inner| header(inner, first)),
            Item::None => {}
        }
    }
}

fn header(inner: &mut Table, first: &mut bool) {
    if !inner.is_implicit() {
        let before = said(inner.decor().prefix());
        let comment = said(inner.decor().suffix());
        let lead = lead(&before, !*first);
        *first = false;
        let decor = inner.decor_mut();
        decor.set_prefix(if lead.trim().is_empty() && !lead.contains('\n') {
            String::new()
        } else {
            lead
        });
        decor.set_suffix(behind(&comment, "[[node]]".len()));
    }
    table(inner, first);
}

fn entry(name: &str, value: &mut Value) {
    let comment = said(value.decor().suffix());
    let mut bare = value.clone();
    bare.decor_mut().clear();
    let mut text = bare.to_string();
    // What has comments or lines of its own keeps its form.
    if !text.contains(['#', '\n']) {
        match &mut bare {
            Value::InlineTable(inner) => inner.fmt(),
            Value::Array(inner) => inner.fmt(),
            _ => {}
        }
        bare.decor_mut().clear();
        text = bare.to_string();
    }
    let last = text.rsplit('\n').next().unwrap_or_default().chars().count();
    let width = if text.contains('\n') { last } else { name.chars().count() + 3 + last };
    *bare.decor_mut() = Decor::new(" ", behind(&comment, width));
    *value = bare;
}

fn said(raw: Option<&RawString>) -> String {
    raw.and_then(RawString::as_str).unwrap_or_default().to_owned()
}

/// A comment behind something that is so wide.
fn behind(comment: &str, width: usize) -> String {
    let comment = comment.trim();
    if comment.is_empty() {
        return String::new();
    }
    let gap = COMMENTS.saturating_sub(width).max(2);
    format!("{:gap$}{comment}", "")
}

/// The lines before something: no two blank ones, and one in front if it is wanted.
fn lead(before: &str, blank: bool) -> String {
    let mut out = String::new();
    let mut blanks = usize::from(blank);
    let lines: Vec<&str> = before.split('\n').map(str::trim).collect();
    // What stands behind the last end of a line is indentation.
    for line in &lines[..lines.len() - 1] {
        if line.is_empty() {
            blanks += 1;
            continue;
        }
        if blanks > 0 {
            out.push('\n');
        }
        blanks = 0;
        out.push_str(line);
        out.push('\n');
    }
    if blanks > 0 {
        out.push('\n');
    }
    out
}

#[cfg(test)]
#[allow(clippy::format_collect, reason = "it is short, and no path of the program")]
mod tests {
    use super::*;

    /// What it says, without how.
    fn meaning(text: &str) -> String {
        fn item(item: &Item) -> String {
            match item {
                Item::Table(t) => table(t),
                Item::ArrayOfTables(a) => format!("[{}]", a.iter().map(table).collect::<String>()),
                Item::Value(v) => value(v),
                Item::None => String::new(),
            }
        }
        fn table(t: &Table) -> String {
            let all = t.iter().map(|(k, v)| format!("{k}:{},", item(v)));
            format!("{{{}}}", all.collect::<String>())
        }
        fn value(v: &Value) -> String {
            match v {
                Value::InlineTable(t) => {
                    let all = t.iter().map(|(k, v)| format!("{k}:{},", value(v)));
                    format!("{{{}}}", all.collect::<String>())
                }
                Value::Array(a) => format!("[{}]", a.iter().map(value).collect::<String>()),
                Value::String(s) => format!("{:?}", s.value()),
                Value::Integer(n) => n.value().to_string(),
                Value::Float(x) => x.value().to_string(),
                other => other.to_string().trim().to_owned(),
            }
        }
        table(text.parse::<DocumentMut>().expect("TOML").as_table())
    }

    fn comments(text: &str) -> Vec<String> {
        let lines = text.lines().filter(|line| !line.contains('"'));
        lines.filter_map(|line| Some(line.split_once('#')?.1.trim().to_owned())).collect()
    }

    #[test]
    fn a_graph_that_anybody_typed() {
        let text = "#  For me.\n\n\n\n[[node]]   # first\nkind=\"mix\"# one\n  channels   =   1\n\n\n\
                    [[node]]\n# why\nfrom={in=\"mix\",voice='v'}\nkind = \"gate\"\n\
                    [[output]]\nname = \"a rather long name of an output\"   # long\n\n\n# the end\n\n";
        let wanted = "#  For me.\n\n[[node]]                     # first\nkind = \"mix\"                 # one\n\
                      channels = 1\n\n[[node]]\n# why\nfrom = { in = \"mix\", voice = 'v' }\nkind = \"gate\"\n\n\
                      [[output]]\nname = \"a rather long name of an output\"  # long\n\n# the end\n";
        assert_eq!(tidied(text).expect("TOML"), wanted);
        assert_eq!(tidied(wanted).expect("TOML"), wanted);
        assert_eq!(tidied("").expect("TOML"), "");
        assert!(tidied("a = [").is_err());
    }

    /// The graphs that ship are in this form, and whatever is done to their spaces, they come
    /// back to it, with the same meaning and every comment.
    #[test]
    fn form_is_all_that_changes() {
        let mut seed = 1u32;
        let mut random = |n: usize| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) as usize % n
        };
        for entry in std::fs::read_dir("../graphs").expect("the graphs") {
            let path = entry.expect("a file").path();
            let text = std::fs::read_to_string(&path).expect("a graph");
            assert_eq!(tidied(&text).expect("TOML"), text, "{}", path.display());
            for _ in 0..50 {
                let shaken: String = text
                    .lines()
                    .map(|line| {
                        let blanks = "\n".repeat(random(3) * usize::from(line.starts_with("[[")));
                        let indent = " ".repeat(random(4));
                        let line = match random(3) {
                            0 if !line.starts_with('#') => line.replacen(" = ", "=", 1),
                            1 if !line.starts_with('#') => line.replacen(" = ", "  =\t", 1),
                            _ => line.to_owned(),
                        };
                        format!("{blanks}{indent}{line}{}\r\n", " ".repeat(random(3)))
                    })
                    .collect();
                let tidy = tidied(&shaken).expect("TOML");
                assert_eq!(meaning(&tidy), meaning(&text));
                assert_eq!(comments(&tidy), comments(&text));
                assert_eq!(tidied(&tidy).expect("TOML"), tidy, "it has settled");
            }
        }
    }
}
