//! What the tests of repair share: judges, media that fail, and small files.

#![allow(dead_code, unreachable_pub)]

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tympan::backend::storage::Medium;
use tympan::take::{Outcome, State, repair};

pub fn repaired(bytes: &[u8]) -> (Outcome, Vec<u8>) {
    let mut file = Cursor::new(bytes.to_vec());
    let outcome = repair(&mut file).expect("memory does not fail");
    let after = file.into_inner();
    if matches!(outcome.state, State::Healthy | State::Hopeless | State::NotOurs) {
        assert!(after == bytes, "{outcome:?} changed something");
    }
    (outcome, after)
}

/// Repairs, and sees to it that a second repair has nothing to do.
pub fn settled(bytes: &[u8]) -> (Outcome, Vec<u8>) {
    let (outcome, after) = repaired(bytes);
    if outcome.state == State::Repaired {
        let (again, _) = repaired(&after);
        assert_eq!(again.state, State::Healthy, "{outcome:?} then {again:?}");
        assert_eq!(again.kept_frames, outcome.kept_frames);
    }
    (outcome, after)
}

/// The folder of damaged files, if it is there.
pub fn audio() -> Option<PathBuf> {
    let named = std::env::var_os("TYMPAN_AUDIO").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/audio");
    let folder = named.or(Some(beside)).filter(|folder| folder.is_dir());
    if folder.is_none() {
        println!("SKIPPED: no audio; set TYMPAN_AUDIO");
    }
    folder
}

/// What a judge says against a file: nothing if it is content or missing.
pub fn judge(command: &str, path: &Path) -> Option<String> {
    let mut words = command.split(' ');
    let mut judge = Command::new(words.next()?);
    let words = words.map(|word| if word == "F" { path.as_os_str() } else { word.as_ref() });
    match judge.args(words).stdin(Stdio::null()).output() {
        Err(_) => {
            println!("SKIPPED: `{command}` is missing");
            None
        }
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said).into_owned();
            let strict = !command.starts_with("soxi");
            let words = ["WARNING", "Error", "***", "must be", "rror:", "discontinu"];
            let unset = "cannot check MD5 signature since it was unset";
            let bad = said.lines().any(|line| {
                strict && !line.contains(unset) && words.iter().any(|word| line.contains(word))
            });
            let note = |line: &str| line.is_empty() || line.starts_with("Guessed Channel Layout");
            let talks = command.starts_with("ffmpeg") && !said.lines().all(note);
            (!output.status.success() || bad || talks).then_some(said)
        }
    }
}

pub const OPUS: [&str; 3] =
    ["opusinfo F", "oggz-validate F", "ffmpeg -v warning -xerror -i F -f null -"];
pub const FLAC: [&str; 2] = ["flac -s -t F", "ffmpeg -v warning -xerror -i F -f null -"];
pub const WAV: [&str; 2] = ["soxi F", "ffmpeg -v warning -xerror -i F -f null -"];

pub fn judge_all(commands: &[&str], bytes: &[u8], name: &str) {
    let path = std::env::temp_dir().join(format!("repair-{}-{name}", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    for command in commands {
        if let Some(said) = judge(command, &path) {
            panic!("{command} about {name}: {said}");
        }
    }
    std::fs::remove_file(&path).unwrap();
}

/// A medium that dies at the Nth change, and of which a power cut takes what was not
/// synced.
pub struct Mortal {
    now: Cursor<Vec<u8>>,
    synced: Vec<u8>,
    /// What was done since the last sync.
    pending: Vec<Change>,
    left: usize,
    pub changes: usize,
}

#[derive(Clone)]
enum Change {
    Write(u64, Vec<u8>),
    Len(u64),
}

impl Mortal {
    pub fn new(bytes: &[u8], left: usize) -> Self {
        let (now, synced) = (Cursor::new(bytes.to_vec()), bytes.to_vec());
        Self { now, synced, pending: Vec::new(), left, changes: 0 }
    }

    fn change(&mut self) -> io::Result<()> {
        self.left = self.left.checked_sub(1).ok_or_else(|| io::Error::other("killed"))?;
        self.changes += 1;
        Ok(())
    }

    /// What may be found after a kill, and after a power cut: each change that was not
    /// synced may be missing, or torn at a sector's border.
    pub fn remains(&self) -> Vec<Vec<u8>> {
        let mut all = vec![self.now.get_ref().clone(), self.synced.clone()];
        let count = self.pending.len();
        for skip in 0..count {
            all.push(self.replay(|index| (index != skip).then_some(usize::MAX)));
            all.push(self.replay(|index| (index == skip).then_some(usize::MAX)));
            for torn in [1, 4, 17, 19] {
                all.push(self.replay(|index| Some(if index == skip { torn } else { usize::MAX })));
            }
        }
        all
    }

    fn replay(&self, part: impl Fn(usize) -> Option<usize>) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        for (index, change) in self.pending.iter().enumerate() {
            match (change, part(index)) {
                (_, None) => {}
                (Change::Len(len), Some(_)) => bytes.resize(*len as usize, 0),
                (Change::Write(at, some), Some(most)) => {
                    let some = &some[..some.len().min(most)];
                    let end = *at as usize + some.len();
                    bytes.resize(bytes.len().max(end), 0);
                    bytes[*at as usize..end].copy_from_slice(some);
                }
            }
        }
        bytes
    }
}

impl Read for Mortal {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.now.read(out)
    }
}

impl Write for Mortal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.change()?;
        self.pending.push(Change::Write(self.now.position(), bytes.to_vec()));
        self.now.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Mortal {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.now.seek(to)
    }
}

impl Medium for Mortal {
    fn sync(&mut self) -> io::Result<()> {
        self.change()?;
        self.synced = self.now.get_ref().clone();
        self.pending.clear();
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.change()?;
        self.pending.push(Change::Len(len));
        self.now.set_len(len)
    }
}

/// Stops a repair at every change; each time a fresh one must come to the same end.
pub fn survives_kills(bytes: &[u8], same: impl Fn(&[u8], &[u8])) {
    let (_, goal) = settled(bytes);
    for left in 0.. {
        let mut medium = Mortal::new(bytes, left);
        if repair(&mut medium).is_ok() {
            assert!(*medium.now.get_ref() == goal);
            return;
        }
        for found in medium.remains() {
            let (_, end) = settled(&found);
            same(&end, &goal);
        }
    }
}

/// Numbers without a pattern.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}
