//! Three instruments watch the audio path, each a program of its own, because each takes over
//! something of the whole process: `heap` counts heap operations, of libraries in C too;
//! `sanitizer` is `RealtimeSanitizer`, which knows the functions that may wait; `traps` has the
//! kernel refuse every system call but the wake. What one sees ends its process with
//! [`SEEN`]. They ride the same [graphs](ride) and are shown the same [plants]; `tests/watch`
//! makes one table of what was seen by whom.

#[allow(missing_docs, reason = "they are for tests")]
#[path = "../../kit/mod.rs"]
pub mod kit;
pub mod plants;
pub mod ride;

use std::process::ExitCode;
use std::sync::OnceLock;

/// The status of a process whose instrument has seen something.
pub const SEEN: u8 = 43;

/// The status of a process whose instrument cannot be had here.
pub const ABSENT: u8 = 4;

/// Whose work a thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The device's callback. It may wake others.
    Callback,
    /// The thread of the graph. It also waits to be woken.
    Worker,
}

/// What watches a thread.
#[derive(Clone, Copy)]
pub struct Instrument {
    /// From here on the calling thread is watched.
    pub watch: fn(Role),
    /// From here on it is not, if the instrument can let go.
    pub let_go: fn(),
}

static INSTRUMENT: OnceLock<Instrument> = OnceLock::new();

/// The one of this process.
///
/// # Panics
/// Where [`main`] has not begun.
pub fn instrument() -> Instrument {
    *INSTRUMENT.get().expect("main has set it")
}

/// What each of the programs does: `graphs CALLBACKS [GRAPH]`, or `plant NAME`, with
/// `node` or `callback` behind it.
pub fn main(instrument: Instrument) -> ExitCode {
    let _ = INSTRUMENT.set(instrument);
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["graphs", callbacks] => ride::all(callbacks.parse().expect("a number"), ""),
        ["graphs", callbacks, which] => ride::all(callbacks.parse().expect("a number"), which),
        ["plant", name, place] => ride::planted(name, place == "node"),
        _ => panic!("usage: graphs CALLBACKS [GRAPH] | plant NAME node|callback"),
    }
    ExitCode::SUCCESS
}
