//! What happens to a take, line by line: a process that is killed leaves behind what its
//! successor needs to know, an app can read along while it grows, and what is done with
//! the take later is written down behind it.
//!
//! A line is an object of JSON with `event`; a torn last line is none. The first line
//! says what the take was meant to be; with it the folder of the take is `open`.

use std::io::{self, BufRead, BufReader, Read, SeekFrom};
use std::path::Path;

use serde_json::{Map, Value, json};
use tympan_backends::storage::{Medium, Storage};

/// Its file.
pub(super) const NAME: &str = "journal.jsonl";

/// Most of it that is read: a day of breaks a minute and of levels has some megabytes.
const MOST: u64 = 64 << 20;

/// Lines that wait because they could not be written are no more than this.
const OWED: usize = 1 << 20;

/// A line that was read.
pub(super) type Entry = Map<String, Value>;

/// Writes lines.
pub(super) struct Journal {
    file: Box<dyn Medium>,
    /// Behind the last whole line.
    end: u64,
    /// Lines that are still to be written, because a disk was full.
    owed: Vec<u8>,
}

impl Journal {
    /// A new one, for as long as this is there.
    pub(super) fn create(storage: &dyn Storage, path: &Path) -> io::Result<Self> {
        let file = storage.create(path)?;
        file.lock()?;
        Ok(Self { file, end: 0, owed: Vec::new() })
    }

    /// Goes on with one that is there, behind its last whole line, if nobody else has it.
    pub(super) fn reopen(storage: &dyn Storage, path: &Path) -> io::Result<Self> {
        let file = storage.open(path)?;
        if !file.lock()? {
            let message = "it is being written, or completed, by somebody else";
            return Err(io::Error::new(io::ErrorKind::WouldBlock, message));
        }
        let mut file = cut(file)?;
        let end = file.stream_position()?;
        Ok(Self { file, end, owed: Vec::new() })
    }

    /// Writes a line, handed to the system at once. One that cannot be written now is
    /// written before the next.
    pub(super) fn line(&mut self, event: &str, fields: Value) -> io::Result<()> {
        let mut line = Map::from_iter([("event".to_owned(), json!(event))]);
        if let Value::Object(fields) = fields {
            line.extend(fields);
        }
        let text = Value::Object(line).to_string();
        if self.owed.len() + text.len() < OWED {
            self.owed.extend(text.bytes());
            self.owed.push(b'\n');
        }
        self.pay()
    }

    /// Writes what is still to be written.
    pub(super) fn pay(&mut self) -> io::Result<()> {
        if self.owed.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.file.write_all(&self.owed) {
            // Half a line would spoil the next one.
            let back = self.file.set_len(self.end);
            back.and_then(|()| self.file.seek(SeekFrom::Start(self.end)))?;
            return Err(error);
        }
        self.end += self.owed.len() as u64;
        self.owed.clear();
        Ok(())
    }

    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.pay()?;
        self.file.sync()
    }

    /// All lines but [levels](super::Levels), those that could not be written too.
    pub(super) fn entries(&mut self) -> io::Result<Vec<Entry>> {
        self.file.seek(SeekFrom::Start(0))?;
        let all = parse((&mut self.file).take(self.end).chain(&*self.owed));
        self.file.seek(SeekFrom::Start(self.end))?;
        all
    }
}

/// Cuts off what is behind the last whole line of a file, where the next one goes.
pub(super) fn cut(mut file: Box<dyn Medium>) -> io::Result<Box<dyn Medium>> {
    let mut text = Vec::new();
    file.by_ref().take(MOST).read_to_end(&mut text)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if whole < text.len() {
        file.set_len(whole as u64)?;
    }
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

/// The whole lines of a journal, but [levels](super::Levels).
pub(super) fn read(storage: &dyn Storage, folder: &Path) -> io::Result<Vec<Entry>> {
    lines(storage.open(&folder.join(NAME))?)
}

/// The whole lines of a file, each an object. What is none is left out: a power cut may
/// have left anything.
pub(super) fn lines(file: Box<dyn Medium>) -> io::Result<Vec<Entry>> {
    parse(file.take(MOST))
}

fn parse(text: impl Read) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    each(text, |line| {
        // There are more of them than of all others together, and nobody asks for both.
        if !is_levels(line) {
            entries.extend(serde_json::from_slice::<Entry>(line).ok());
        }
    })?;
    Ok(entries)
}

/// Whether a line of ours tells of levels.
pub(super) fn is_levels(line: &[u8]) -> bool {
    const MARK: &[u8] = br#""event":"levels""#;
    line.windows(MARK.len()).any(|piece| piece == MARK)
}

/// Hands on every whole line.
pub(super) fn each(text: impl Read, mut hand: impl FnMut(&[u8])) -> io::Result<()> {
    let mut text = BufReader::new(text);
    let mut line = Vec::new();
    while text.read_until(b'\n', &mut line)? > 0 {
        if line.pop() == Some(b'\n') {
            hand(&line);
        }
        line.clear();
    }
    Ok(())
}
