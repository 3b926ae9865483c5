//! What happens to a take while it is open, line by line: a process that is killed leaves
//! behind what its successor needs to know.
//!
//! A line is an object of JSON with `event`; a torn last line is none. The first line
//! says what the take was meant to be; with it the folder of the take is `open`.

use std::io::{self, Read, SeekFrom};
use std::path::Path;

use serde_json::{Map, Value, json};
use tympan_backends::storage::{Medium, Storage};

/// Its file.
pub(super) const NAME: &str = "journal.jsonl";

/// Most of it that is read: a line has some hundred bytes, and a day of breaks a
/// minute some hundred kilobytes.
const MOST: u64 = 64 << 20;

/// Writes lines.
pub(super) struct Journal {
    file: Box<dyn Medium>,
}

impl Journal {
    /// A new one in this folder.
    pub(super) fn create(storage: &dyn Storage, folder: &Path) -> io::Result<Self> {
        Ok(Self { file: storage.create(&folder.join(NAME))? })
    }

    /// Goes on with one that is there, behind its last whole line.
    pub(super) fn reopen(storage: &dyn Storage, folder: &Path) -> io::Result<Self> {
        Ok(Self { file: cut(storage.open(&folder.join(NAME))?)? })
    }

    /// Writes a line, handed to the system at once.
    pub(super) fn line(&mut self, event: &str, fields: Value) -> io::Result<()> {
        let mut line = Map::from_iter([("event".to_owned(), json!(event))]);
        if let Value::Object(fields) = fields {
            line.extend(fields);
        }
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        self.file.write_all(text.as_bytes())
    }

    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }
}

/// Cuts off what is behind the last whole line of a file, where the next one goes.
pub(super) fn cut(mut file: Box<dyn Medium>) -> io::Result<Box<dyn Medium>> {
    let mut text = Vec::new();
    file.by_ref().take(MOST).read_to_end(&mut text)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    file.set_len(whole as u64)?;
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

/// The whole lines of a journal.
pub(super) fn read(storage: &dyn Storage, folder: &Path) -> io::Result<Vec<Map<String, Value>>> {
    lines(storage.open(&folder.join(NAME))?)
}

/// The whole lines of a file, each an object. What is none is left out: a power cut may
/// have left anything.
pub(super) fn lines(file: Box<dyn Medium>) -> io::Result<Vec<Map<String, Value>>> {
    let mut text = Vec::new();
    file.take(MOST).read_to_end(&mut text)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    let lines = text[..whole].split(|byte| *byte == b'\n');
    Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
}
