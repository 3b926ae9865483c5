//! Lists of deliberate faults, and putting them into a copy of the workspace.

use std::collections::BTreeSet;
use std::path::Path;

/// One mistake: these lines of a file, and what stands there instead.
pub(crate) struct Fault {
    /// What is wrong then, in words.
    pub(crate) name: String,
    pub(crate) file: String,
    /// Without what they are indented by.
    pub(crate) lines: Vec<String>,
    pub(crate) instead: Vec<String>,
}

/// Reads a list, which says at its top how it is written.
pub(crate) fn faults(list: &str) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    let mut file = String::new();
    for (n, line) in list.lines().enumerate() {
        let (sign, rest) = line.split_at(line.len().min(1));
        let text = rest.trim();
        match (sign, faults.last_mut()) {
            ("" | "#", _) => {}
            ("@", _) => text.clone_into(&mut file),
            ("*", _) => faults.push(Fault {
                name: text.to_owned(),
                file: file.clone(),
                lines: Vec::new(),
                instead: Vec::new(),
            }),
            ("-", Some(fault)) => fault.lines.push(text.to_owned()),
            ("+", Some(fault)) => fault.instead.push(text.to_owned()),
            (" ", Some(fault)) => {
                fault.lines.push(text.to_owned());
                fault.instead.push(text.to_owned());
            }
            _ => panic!("faults.txt, line {}: {line}", n + 1),
        }
    }
    faults
}

impl Fault {
    /// This text with the mistake in it, if there is exactly one place for it.
    pub(crate) fn plant(&self, text: &str) -> Result<String, String> {
        let all: Vec<_> = text.lines().collect();
        let fits = |at: &usize| {
            let here = &all[*at..];
            here.len() >= self.lines.len()
                && self.lines.iter().zip(here).all(|(line, is)| line == is.trim())
        };
        let places: Vec<_> = (0..all.len()).filter(fits).collect();
        let [at] = places[..] else {
            let Self { name, file, .. } = self;
            return Err(format!("{file}: {} places for: {name}", places.len()));
        };
        let mut planted = all[..at].to_vec();
        planted.extend(self.instead.iter().map(String::as_str));
        planted.extend(&all[at + self.lines.len()..]);
        Ok(planted.join("\n") + "\n")
    }
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Makes a folder the same as another, except for what was built and what fuzzing found.
/// What is the same already is not touched, so that it is not built again.
pub(crate) fn mirror(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    let mut there: BTreeSet<_> =
        std::fs::read_dir(to).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if name == "target" || name == "fuzz" || name.to_string_lossy().starts_with('.') {
            continue;
        }
        there.remove(&name);
        let (from, to) = (entry.path(), to.join(&name));
        if from.is_dir() {
            mirror(&from, &to);
        } else {
            write(&to, &std::fs::read(&from).unwrap());
        }
    }
    for gone in there {
        let gone = to.join(gone);
        if gone.is_dir() { std::fs::remove_dir_all(gone) } else { std::fs::remove_file(gone) }
            .unwrap();
    }
}

pub(crate) fn write(path: &Path, content: &[u8]) {
    if std::fs::read(path).is_ok_and(|is| is == content) {
        return;
    }
    std::fs::write(path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
