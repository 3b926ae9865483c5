//! What the program says: text for people, lines of JSON for programs, on stdout; what
//! went wrong, on stderr.
//!
//! Every line of JSON has `v`, the version of this format, and `event`, what the line is.

use std::fmt::Write as _;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use serde_json::Value;

use crate::exit::{Exit, Failure};

/// The version of the JSON lines. It changes when a field changes its meaning or goes.
const VERSION: u32 = 1;

const RED: &str = "\x1b[1m\x1b[91m";
const YELLOW: &str = "\x1b[1m\x1b[33m";
const CYAN: &str = "\x1b[1m\x1b[96m";
const PLAIN: &str = "\x1b[0m";

/// A line of JSON that keeps its fields in the order in which they were said.
#[derive(Clone, Debug)]
pub(crate) struct Line(String);

impl Line {
    pub(crate) fn new(event: &str) -> Self {
        Self(format!("{{\"v\":{VERSION}")).with("event", event)
    }

    #[must_use]
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        // Writing to a string cannot fail.
        let _ = write!(self.0, ",\"{key}\":{}", value.into());
        self
    }
}

/// A number of seconds, to the microsecond: no device is more exact.
pub(crate) fn seconds(x: f64) -> Value {
    ((x * 1e6).round() / 1e6).into()
}

/// Standard output, and the manner of speaking. Nobody has to ask whether a line could
/// be written: what happened to the stream is said once, by [`finish`](Self::finish).
pub(crate) struct Output {
    to: To,
    json: bool,
    terminal: bool,
    failed: Option<io::Error>,
    /// Columns of the line that is on screen and will be written over, and lines above it.
    status: usize,
    above: usize,
    /// Fields that every line of JSON has at its end.
    tag: String,
}

enum To {
    Stdout(BufWriter<StdoutLock<'static>>),
    /// Somebody repeats it later.
    Kept(Said),
}

/// What was said where nobody listened yet, in order: true is stdout, false stderr.
#[derive(Default)]
pub(crate) struct Said(Vec<(bool, Vec<u8>)>);

impl Said {
    fn put(&mut self, out: bool, bytes: &[u8]) {
        match self.0.last_mut() {
            Some((same, kept)) if *same == out => kept.extend_from_slice(bytes),
            _ => self.0.push((out, bytes.to_vec())),
        }
    }
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let to = To::Stdout(BufWriter::new(stdout.lock()));
        Self { to, json, terminal, failed: None, status: 0, above: 0, tag: String::new() }
    }

    /// One that keeps what is said, of something that happens beside other things: every
    /// line of JSON tells which.
    pub(crate) fn aside(json: bool, key: &str, which: &str) -> Self {
        let tag = format!(",\"{key}\":{}", Value::from(which));
        let to = To::Kept(Said::default());
        Self { to, json, terminal: false, failed: None, status: 0, above: 0, tag }
    }

    /// What was kept.
    pub(crate) fn said(self) -> Said {
        match self.to {
            To::Kept(said) => said,
            To::Stdout(_) => Said::default(),
        }
    }

    /// Says what was kept.
    pub(crate) fn repeat(&mut self, said: &Said) {
        for (out, bytes) in &said.0 {
            if *out {
                self.clear_status();
                self.write(bytes);
            } else {
                self.diagnose(String::from_utf8_lossy(bytes).trim_end());
            }
        }
        self.flush();
    }

    /// Whether programs are to read this.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// From here on, programs are to read this.
    pub(crate) fn use_json(&mut self) {
        self.json = true;
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether nobody listens any more, as behind `| head`.
    pub(crate) fn is_gone(&self) -> bool {
        self.failed.is_some()
    }

    /// A line of text.
    pub(crate) fn text(&mut self, text: &str) {
        self.clear_status();
        self.write(text.as_bytes());
        self.write(b"\n");
    }

    /// Text as it is: a document.
    pub(crate) fn raw(&mut self, text: &str) {
        self.clear_status();
        self.write(text.as_bytes());
    }

    /// A line of JSON.
    pub(crate) fn line(&mut self, line: &Line) {
        let text = format!("{}{}}}\n", line.0, self.tag);
        self.write(text.as_bytes());
    }

    /// A line that the next one replaces, of these parts, as many as the screen has room
    /// for. Only terminals can do that, and only with a line that is not broken.
    pub(crate) fn status(&mut self, parts: &[String]) {
        self.screen(&[], parts);
    }

    /// The same, below lines that are replaced too, each cut off where the screen ends.
    pub(crate) fn screen(&mut self, above: &[String], parts: &[String]) {
        let room = columns() - 1;
        if self.above > 0 || !above.is_empty() {
            self.clear_status();
        }
        for line in above {
            let line: String = line.chars().take(room).collect();
            self.write(format!("{line}\n").as_bytes());
        }
        self.above = above.len();
        let text = joined(parts, room);
        let width = text.chars().count();
        let over = self.status.saturating_sub(width);
        self.write(format!("\r{text}{:over$}", "").as_bytes());
        self.status = width;
        self.flush();
    }

    fn clear_status(&mut self) {
        let width = std::mem::take(&mut self.status);
        if width > 0 {
            self.write(format!("\r{:width$}\r", "").as_bytes());
        }
        let above = std::mem::take(&mut self.above);
        if above > 0 {
            self.flush();
            // A screen that cannot do it keeps the lines.
            let _ = console::Term::stdout().clear_last_lines(above);
        }
    }

    pub(crate) fn flush(&mut self) {
        if let (To::Stdout(stdout), None) = (&mut self.to, &self.failed) {
            self.failed = stdout.flush().err();
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        match &mut self.to {
            To::Stdout(stdout) if self.failed.is_none() => {
                self.failed = stdout.write_all(bytes).err();
            }
            To::Stdout(_) => {}
            To::Kept(said) => said.put(true, bytes),
        }
    }

    /// Something that the user should know and that stops nothing.
    pub(crate) fn warn(&mut self, text: &str) {
        self.diagnose(&format!("{YELLOW}warning{PLAIN}: {text}"));
    }

    /// Why a verb could not do what it was asked, for everybody.
    pub(crate) fn fail(&mut self, failure: &Failure) {
        if self.json {
            let line = Line::new("error").with("exit", failure.exit().code());
            self.line(&failed(line, failure));
        }
        self.explain(failure);
    }

    /// The same, for people alone.
    pub(crate) fn explain(&mut self, failure: &Failure) {
        let text = match failure {
            Failure::Graph(error) => error.render(true),
            Failure::Told { code, message, help, .. } => {
                let mut text = format!("{RED}error[{code}]{PLAIN}: {message}");
                if let Some(help) = help {
                    let _ = write!(text, "\n{CYAN}help{PLAIN}: {help}");
                }
                text
            }
        };
        self.diagnose(&text);
    }

    /// A message on stderr, behind everything that was said before on stdout. Colours
    /// are taken out where they are not wanted.
    fn diagnose(&mut self, text: &str) {
        if let To::Kept(said) = &mut self.to {
            said.put(false, format!("{text}\n").as_bytes());
            return;
        }
        self.clear_status();
        self.flush();
        // Where not even stderr takes anything, there is nobody to tell.
        let _ = writeln!(anstream::stderr(), "{text}");
    }

    /// The last word. A reader that went away is no fault; a full disk is.
    pub(crate) fn finish(mut self, exit: Exit) -> Exit {
        self.clear_status();
        self.flush();
        match self.failed.take() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                let message = format!("standard output cannot be written: {error}");
                self.explain(&Failure::new(Exit::Lost, message).code("T0819"));
                exit.max(Exit::Lost)
            }
            _ => exit,
        }
    }
}

/// As many of the parts, from the first on, as a line of this width holds.
fn joined(parts: &[String], width: usize) -> String {
    let mut line = String::new();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        let gap = if line.is_empty() { "" } else { "  " };
        if line.chars().count() + gap.len() + part.chars().count() > width {
            break;
        }
        line.push_str(gap);
        line.push_str(part);
    }
    line
}

/// How wide the screen is; as wide as screens have always been where it does not say.
fn columns() -> usize {
    console::Term::stdout().size_checked().map_or(80, |(_, columns)| columns.max(2).into())
}

/// The fields of a failure.
pub(crate) fn failed(line: Line, failure: &Failure) -> Line {
    match failure {
        Failure::Graph(error) => {
            let helps: Vec<&str> = error.helps().collect();
            let line = line
                .with("code", error.code())
                .with("message", error.message())
                .with("help", helps);
            match error.place() {
                Some((row, column)) => line.with("line", row).with("column", column),
                None => line,
            }
        }
        Failure::Told { code, message, help, .. } => {
            let line = line.with("code", *code);
            line.with("message", message.as_str()).with("help", Vec::from_iter(help.clone()))
        }
    }
}
