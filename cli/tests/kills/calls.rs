//! `kill -9` at every single call with which a short take changes something on the disk,
//! one after the other: `strace` sends it when the call is entered.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tympan::Format;
use tympan::backend::storage::{Files, Storage};
use tympan::backend::wav::{SampleType, WavWriter};
use tympan::take::{self, Recovered, State};

/// Calls that change something, under whatever name this machine has for them.
const CALLS: [&str; 8] = [
    "write",
    "fsync",
    "fdatasync",
    "?rename,?renameat,?renameat2",
    "close",
    "ftruncate",
    "?unlink,?unlinkat",
    "?mkdir,?mkdirat",
];

/// What the program reads at once is 21 ms of this.
const FORMAT: Format = Format::stereo(48_000);

/// A second and a half: some syncs, and an end.
const FRAMES: usize = 72_000;

/// What stands in front of the audio in the input.
const HEAD: u64 = 94;

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("tympan-calls-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn input(folder: &Path) -> PathBuf {
    let path = folder.join("input.wav");
    let mut x = 1_u32;
    let noise = (0..FRAMES * 2).map(|i| {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (x >> 8) as f32 / (1 << 24) as f32 * 0.4 * (i as f32 * 0.001).sin()
    });
    let samples: Vec<f32> = noise.collect();
    let mut wav = WavWriter::create(&path, FORMAT, SampleType::F32, true).unwrap();
    wav.write(&samples).unwrap();
    wav.finish().unwrap();
    path
}

/// Why `strace` cannot be used here, if it cannot.
fn no_strace() -> Option<String> {
    let mut command = Command::new("strace");
    command.args(["-qq", "-f", "-e", "trace=none", "-e", "inject=fsync:signal=KILL", "true"]);
    match command.stdin(Stdio::null()).output() {
        Err(_) => Some("`strace` is not installed".to_owned()),
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// Records into a folder, and is killed at call `number` of these, counted from 1. How many
/// frames it had read by then; none if it came to its end before.
fn killed_at(input: &Path, folder: &Path, format: &str, calls: &str, number: usize) -> Option<u64> {
    fs::create_dir_all(folder).unwrap();
    let log = folder.join("log");
    let status = Command::new("strace")
        .args(["-qq", "-f", "-o"])
        .arg(&log)
        .args(["-e", &format!("trace=read,{calls}")])
        .args(["-e", &format!("inject={calls}:signal=KILL:when={number}")])
        .arg(env!("CARGO_BIN_EXE_tympan"))
        .args(["record", "--json", "--input", "-", "--format", format, "--out"])
        .arg(folder.join("takes"))
        .stdin(fs::File::open(input).unwrap())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    if status.success() {
        return None;
    }
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("killed by SIGKILL"), "{status}: {log}");
    let reads = log.lines().filter(|line| line.contains("read(0, "));
    let read = |line: &str| line.rsplit_once("= ").and_then(|(_, bytes)| bytes.parse::<u64>().ok());
    let bytes: u64 = reads.filter_map(read).sum();
    Some(bytes.saturating_sub(HEAD) / 8)
}

/// Completes what a kill left; how many frames it holds.
fn kept(folder: &Path) -> Result<u64, String> {
    let folder = folder.join("takes");
    let sentence = |error: std::io::Error| error.to_string();
    if !folder.exists() {
        return Ok(0);
    }
    for recovered in take::recover(&Files, &folder, None, None).map_err(sentence)? {
        if let Recovered::Left(folder, error) = recovered {
            return Err(format!("{} was left: {error}", folder.display()));
        }
    }
    let left = take::open(&folder).map_err(sentence)?;
    let takes = take::list(&folder).map_err(sentence)?;
    let take = match (left.as_slice(), takes.as_slice()) {
        ([], []) => return Ok(0),
        ([], [take]) => take,
        others => return Err(format!("{others:?}")),
    };
    let mut file = Files.open(&take.path()).map_err(sentence)?;
    let seen = take::repair(&mut *file).map_err(sentence)?;
    if seen.state != State::Healthy || seen.kept_frames != take.frames {
        return Err(format!("it is not whole: {seen:?}"));
    }
    Ok(take.frames)
}

/// A kill: at which call, and what it cost in ms.
type Kill = (String, Result<i64, String>);

/// All kills of one container, or every so many of them.
fn kills(folder: &Path, input: &Path, format: &str, step: usize) -> Vec<Kill> {
    let (results, next) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    let work = || {
        while let Some(calls) = CALLS.get(next.fetch_add(1, Ordering::Relaxed)) {
            for number in (1..).step_by(step) {
                let name = format!("{} {number}", calls.split(',').next().unwrap());
                let folder = folder.join(format!("{format}-{}", name.replace(['?', ' '], "-")));
                let read = killed_at(input, &folder, format, calls, number);
                let Some(read) = read else { break };
                let lost = kept(&folder).map(|kept| (read as i64 - kept as i64) / 48);
                fs::remove_dir_all(&folder).unwrap();
                results.lock().unwrap().push((name, lost));
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    results.into_inner().unwrap()
}

#[test]
fn a_kill_at_every_call_leaves_a_whole_file_that_lacks_a_moment() {
    if let Some(why) = no_strace() {
        println!("NOT RUN: kills at every call: {why}");
        return;
    }
    let folder = Folder::new();
    let input = input(&folder.0);
    let step = if std::env::var_os("TYMPAN_LONG").is_some() { 1 } else { 9 };
    for format in super::formats() {
        let kills = kills(&folder.0, &input, format, step);
        let unreadable: Vec<_> = kills.iter().filter(|(_, lost)| lost.is_err()).collect();
        let mut lost: Vec<i64> = kills.iter().flat_map(|(_, lost)| lost.clone()).collect();
        lost.sort_unstable();
        let (median, worst) = (lost[lost.len() / 2], lost[lost.len() - 1]);
        let all = if step == 1 { "every call" } else { "some calls" };
        println!(
            "{format}: killed at {all}, {} of them: {} unreadable, lost tail median {median} ms, \
             worst {worst} ms",
            kills.len(),
            unreadable.len()
        );
        assert!(unreadable.is_empty(), "{unreadable:?}");
        // A kill in front of the index leaves the last packet with the silence that filled it.
        assert!(lost[0] >= -25, "more was kept than there was: {} ms", -lost[0]);
        assert!(median <= 100 && worst <= 250, "{median} {worst}");
    }
}

#[test]
fn what_is_lost_would_be_noticed() {
    if no_strace().is_some() {
        return;
    }
    let folder = Folder(std::env::temp_dir().join(format!("tympan-lost-{}", std::process::id())));
    fs::create_dir_all(&folder.0).unwrap();
    let input = input(&folder.0);
    let open = |name: &str| {
        let folder = folder.0.join(name);
        let read = killed_at(&input, &folder, "wav", "write", 60).unwrap();
        let take = take::open(folder.join("takes")).unwrap().remove(0);
        (folder, read, take.join("audio.wav"))
    };
    // Half of the audio is missing.
    let (folder, read, audio) = open("half");
    let file = fs::File::options().write(true).open(&audio).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    assert!((read - kept(&folder).unwrap()) / 48 > 250);
    // The take cannot be completed: its name is taken.
    let (folder, _, audio) = open("left");
    let take = audio.parent().unwrap().to_string_lossy().into_owned();
    let name = take.strip_suffix(".open").unwrap();
    fs::create_dir_all(Path::new(name).join("in the way")).unwrap();
    assert!(kept(&folder).is_err());
}
