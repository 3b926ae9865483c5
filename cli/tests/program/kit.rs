//! What the tests share: the program, folders that go away, small WAV files.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value as Json;
use tympan::backend::wav::WavReader;

/// What became of a call of the program.
pub(crate) struct Ran {
    pub(crate) exit: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    fn of(output: Output, said: &str) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program speaks UTF-8");
        let err = text(output.stderr);
        let Some(exit) = output.status.code() else {
            panic!("{said}: ended by a signal ({})\n{err}", output.status)
        };
        let ran = Self { exit, out: text(output.stdout), err };
        ran.is_civil(said);
        ran
    }

    /// However it ends, it ends with a sentence for a person: no panic, no debris, and one
    /// error if it is one.
    fn is_civil(&self, said: &str) {
        for debris in ["panicked", "RUST_BACKTRACE", "unwrap()", "Some(", "Err("] {
            assert!(!self.err.contains(debris), "{said}: {}", self.err);
        }
        let errors = plain(&self.err).lines().filter(|line| line.starts_with("error")).count();
        match self.exit {
            0 | 1 => assert_eq!(errors, 0, "{said}: {}", self.err),
            // Interrupted: by the reader, who knows, or by the input, which is an error.
            5 => assert!(errors <= 1, "{said}: {}", self.err),
            // One for each graph.
            3 => assert!(errors >= 1, "{said}: {}", self.err),
            _ => assert_eq!(errors, 1, "{said}: {}", self.err),
        }
    }

    /// The lines of JSON, each of which must be one.
    pub(crate) fn lines(&self) -> Vec<Json> {
        self.out.lines().map(line).collect()
    }

    /// The lines that are this event.
    pub(crate) fn events(&self, event: &str) -> Vec<Json> {
        self.lines().into_iter().filter(|line| line["event"] == event).collect()
    }

    /// The last line, which holds the totals.
    pub(crate) fn done(&self) -> Json {
        let last = self.lines().pop().expect("lines of JSON");
        assert_eq!(last["event"], "done", "{}", self.out);
        assert_eq!(last["exit"], self.exit, "{}", self.out);
        let n = |key: &str| last[key].as_u64().expect("a count");
        assert_eq!(n("in") + n("filled"), n("out") + n("dropped"), "the account, {last}");
        last
    }
}

/// Without colours.
fn plain(text: &str) -> String {
    let mut parts = text.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    first
        + &parts.map(|part| part.split_once('m').map_or(part, |(_, rest)| rest)).collect::<String>()
}

pub(crate) fn line(text: &str) -> Json {
    let json: Json = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_eq!(json["v"], 1, "{text}");
    assert!(json["event"].is_string(), "{text}");
    json
}

/// The program, in an environment that does not ask for colours.
pub(crate) fn command<S: AsRef<OsStr>>(args: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tympan"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR"] {
        command.env_remove(name);
    }
    // Whatever machine this is, it has no microphone.
    command.env("PULSE_SERVER", "unix:/nowhere").env("ALSA_CONFIG_PATH", "/dev/null");
    command
}

pub(crate) fn tympan<S: AsRef<OsStr>>(args: &[S]) -> Ran {
    let said = said(args);
    Ran::of(command(args).output().expect("the program starts"), &said)
}

/// Exit code, and everything it said: of a verb whose findings are no error.
pub(crate) fn plain_output<S: AsRef<OsStr>>(args: &[S]) -> (i32, String) {
    let output = command(args).output().expect("the program starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().expect("a code"), String::from_utf8_lossy(&said).into_owned())
}

/// With something on its standard input.
pub(crate) fn fed<S: AsRef<OsStr>>(args: &[S], stdin: &[u8]) -> Ran {
    let said = said(args);
    let mut child = command(args).stdin(Stdio::piped()).spawn().expect("the program starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    // It may well end before it has read everything.
    let _ = pipe.write_all(stdin);
    drop(pipe);
    ended(child, &said)
}

pub(crate) fn ended(child: Child, said: &str) -> Ran {
    Ran::of(child.wait_with_output().expect("the program ends"), said)
}

fn said<S: AsRef<OsStr>>(args: &[S]) -> String {
    let words: Vec<_> = args.iter().map(|a| a.as_ref().to_string_lossy()).collect();
    format!("tympan {}", words.join(" "))
}

/// A graph of the workspace.
pub(crate) fn graph(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../graphs").join(name);
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// A folder of a test's own, gone when the test is.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tympan-cli-{}-{test}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    /// The path of `name` in it.
    pub(crate) fn at(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a path in UTF-8").to_owned()
    }

    /// A file in it.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.at(name);
        fs::write(&path, bytes).expect("a file for the test");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A WAV file of 16-bit noise, made by hand: the program's own writer is on trial.
pub(crate) fn wav(rate: u32, channels: u16, frames: u32) -> Vec<u8> {
    let mut state = 1u32;
    let samples = (0..frames * u32::from(channels)).flat_map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 17) as i16 - 16_384).to_le_bytes()
    });
    riff(1, 16, rate, channels, &samples.collect::<Vec<_>>())
}

/// A WAV file of these 32-bit floats.
pub(crate) fn float_wav(rate: u32, samples: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
    riff(3, 32, rate, 1, &bytes)
}

pub(crate) fn riff(tag: u16, bits: u16, rate: u32, channels: u16, data: &[u8]) -> Vec<u8> {
    let frame = bits / 8 * channels;
    let mut out = b"RIFF".to_vec();
    out.extend((36 + data.len() as u32).to_le_bytes());
    out.extend(b"WAVEfmt \x10\0\0\0");
    out.extend(tag.to_le_bytes());
    out.extend(channels.to_le_bytes());
    out.extend(rate.to_le_bytes());
    out.extend(rate.wrapping_mul(u32::from(frame)).to_le_bytes());
    out.extend(frame.to_le_bytes());
    out.extend(bits.to_le_bytes());
    out.extend(b"data");
    out.extend((data.len() as u32).to_le_bytes());
    out.extend(data);
    out
}

/// All samples of a WAV file, interleaved, and how many frames its header promised.
pub(crate) fn samples(path: &str) -> (Vec<f32>, u64) {
    let mut reader = WavReader::open(path).unwrap_or_else(|e| panic!("{e}"));
    let promised = reader.frames_promised().expect("a header with a length");
    let channels = usize::from(reader.format().channels);
    let (mut all, mut some) = (Vec::new(), vec![0.0; 4096 * channels]);
    loop {
        match reader.read(&mut some).unwrap_or_else(|e| panic!("{e}")) {
            0 => return (all, promised),
            frames => all.extend_from_slice(&some[..frames * channels]),
        }
    }
}
