//! Many files: a pipeline on each core, one account in the order in which they were named,
//! and a line that says how it stands.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::exit::Exit;
use crate::output::{Output, Said};

/// How often the line is drawn anew.
const LOOK: Duration = Duration::from_millis(100);

/// How far a file is.
pub(crate) struct Progress {
    /// Bytes of it, which stand for the work that it is.
    bytes: u64,
    /// Milliseconds of sound that are through, and thousandths of all.
    ms: AtomicU64,
    part: AtomicU64,
}

impl Progress {
    fn of(path: &Path) -> Self {
        let bytes = std::fs::metadata(path).map_or(0, |file| file.len());
        Self { bytes, ms: AtomicU64::new(0), part: AtomicU64::new(0) }
    }

    /// So many seconds are through, and that is this part of all, where it is known.
    pub(crate) fn at(&self, seconds: f64, part: Option<f64>) {
        self.ms.store((seconds * 1000.0) as u64, Ordering::Relaxed);
        let part = part.unwrap_or(0.0).clamp(0.0, 1.0);
        self.part.store((part * 1000.0) as u64, Ordering::Relaxed);
    }

    fn bytes(&self) -> u64 {
        self.bytes * self.part.load(Ordering::Relaxed) / 1000
    }

    fn seconds(&self) -> f64 {
        self.ms.load(Ordering::Relaxed) as f64 / 1000.0
    }
}

/// How all of them ended.
pub(crate) struct Ended {
    pub(crate) exit: Exit,
    /// How many ended in each way that is worse than findings.
    pub(crate) failed: usize,
    /// Seconds of sound.
    pub(crate) seconds: f64,
    pub(crate) elapsed: Duration,
}

/// Does `work` for every file on up to `threads` threads. One that fails stops no other.
pub(crate) fn each(
    files: &[PathBuf],
    threads: usize,
    out: &mut Output,
    work: impl Fn(usize, &mut Output, &Progress) -> Exit + Sync,
) -> Ended {
    let begun = Instant::now();
    let progress: Vec<Progress> = files.iter().map(|path| Progress::of(path)).collect();
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let json = out.is_json();
    let (done, results) = mpsc::channel::<(usize, Said, Exit)>();
    let bar = Bar::new(&progress);
    let mut exits = vec![None; files.len()];
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, files.len().max(1)) {
            let done = done.clone();
            let (next, stop, progress, work) = (&next, &stop, &progress, &work);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(path) = files.get(number) else { return };
                    let name = path.display().to_string();
                    let mut aside = Output::aside(json, "input", &name);
                    let exit = work(number, &mut aside, &progress[number]);
                    // Nobody is left to hear it only where all is over.
                    let _ = done.send((number, aside.said(), exit));
                }
            });
        }
        drop(done);
        let mut waiting: Vec<Option<Said>> = files.iter().map(|_| None).collect();
        let mut told = 0;
        loop {
            match results.recv_timeout(LOOK) {
                Ok((number, said, exit)) => {
                    waiting[number] = Some(said);
                    exits[number] = Some(exit);
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
            while let Some(said) = waiting.get_mut(told).and_then(Option::take) {
                bar.0.suspend(|| out.repeat(&said));
                told += 1;
            }
            let through = exits.iter().flatten().count();
            bar.draw(&progress, &exits, through, begun);
            if out.is_gone() {
                stop.store(true, Ordering::Relaxed);
            }
        }
    });
    bar.0.finish_and_clear();
    Ended {
        exit: exits.iter().flatten().copied().max().unwrap_or(Exit::Ok),
        failed: exits.iter().flatten().filter(|exit| **exit > Exit::Findings).count(),
        seconds: progress.iter().map(Progress::seconds).sum(),
        elapsed: begun.elapsed(),
    }
}

/// The line at the bottom; nowhere but on a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new(progress: &[Progress]) -> Self {
        // Empty files count a little: nothing is done in no time.
        let bytes = progress.iter().map(|progress| progress.bytes.max(1)).sum();
        let bar = ProgressBar::new(bytes);
        let style = ProgressStyle::with_template("[{bar:24}] {percent:>3} %  {msg}");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("#."));
        }
        Self(bar)
    }

    fn draw(&self, progress: &[Progress], exits: &[Option<Exit>], through: usize, begun: Instant) {
        let one = |(progress, exit): (&Progress, &Option<Exit>)| match exit {
            Some(_) => progress.bytes.max(1),
            None => progress.bytes(),
        };
        let bytes: u64 = progress.iter().zip(exits).map(one).sum();
        let elapsed = begun.elapsed().as_secs_f64();
        let seconds: f64 = progress.iter().map(Progress::seconds).sum();
        let all = self.0.length().unwrap_or(0);
        let left = elapsed * all.saturating_sub(bytes) as f64 / bytes.max(1) as f64;
        let left = if bytes == 0 { String::new() } else { format!("  {} left", clock(left)) };
        let pace = seconds / elapsed.max(1e-3);
        self.0.set_message(format!("{through} of {} files  {pace:.0}x{left}", exits.len()));
        self.0.set_position(bytes);
    }
}

/// A time that somebody waits.
pub(crate) fn clock(seconds: f64) -> String {
    let seconds = seconds.min(1e7).ceil() as u64;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{:02}", seconds % 60)
    } else {
        format!("{minutes}:{:02}", seconds % 60)
    }
}

/// A folder of its own for each file, named after it; by its whole name where two would
/// share one.
pub(crate) fn folders(files: &[PathBuf], out: &Path) -> Vec<PathBuf> {
    let stem = |path: &PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().to_lowercase());
    let shared =
        |path: &PathBuf| files.iter().filter(|other| stem(other) == stem(path)).count() > 1;
    let name = |path: &PathBuf| {
        let name = if shared(path) { path.file_name() } else { path.file_stem() };
        name.map_or_else(|| "input".into(), std::ffi::OsStr::to_owned)
    };
    let mut folders: Vec<PathBuf> = Vec::new();
    for path in files {
        let name = name(path);
        let mut folder = out.join(&name);
        let mut number = 1;
        while folders.contains(&folder) {
            number += 1;
            folder = out.join(format!("{}-{number}", name.to_string_lossy()));
        }
        folders.push(folder);
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_files_share_a_folder() {
        let files = ["a/x.wav", "b/x.wav", "x.flac", "y.wav"].map(PathBuf::from);
        let wanted = ["o/x.wav", "o/x.wav-2", "o/x.flac", "o/y"].map(PathBuf::from);
        assert_eq!(folders(&files, Path::new("o")), wanted);
    }

    #[test]
    fn a_clock_is_read_at_a_glance() {
        assert_eq!([clock(0.2), clock(75.0), clock(3_700.0)], ["0:01", "1:15", "1:01:40"]);
    }
}
