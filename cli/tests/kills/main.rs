//! `kill -9` at random moments of a recording, and at every call of one: what is left is
//! whole, and lacks a moment.

mod calls;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tympan::backend::storage::{Files, Storage};
use tympan::take::{self, Recovered, State};

/// Recordings at once: enough to be done soon, few enough for two cores.
const AT_ONCE: usize = 8;

fn input() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tympan-kills-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("input.wav");
    if !path.exists() {
        // Eight seconds of something that no encoder makes nothing of.
        let mut x = 1_u32;
        let noise = (0..8 * 16_000).map(|i| {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let swell = (i as f32 * 0.001).sin().abs();
            (x >> 8) as f32 / (1 << 24) as f32 * 0.5 * swell - 0.1
        });
        let samples: Vec<f32> = noise.collect();
        let format = tympan::Format::mono(16_000);
        let kind = tympan::backend::wav::SampleType::I16;
        let mut wav = tympan::backend::wav::WavWriter::create(&path, format, kind, true).unwrap();
        wav.write(&samples).unwrap();
        wav.finish().unwrap();
    }
    path
}

/// Records, kills after so long, completes; how much is lost, in ms.
fn killed(format: &str, number: usize, after: Duration) -> Result<i64, String> {
    let folder = input().parent().unwrap().join(format!("{format}-{number}"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_tympan"))
        .args(["record", "--realtime", "--json", "--format", format])
        .arg("--input")
        .arg(input())
        .arg("--out")
        .arg(&folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().ok_or("it said nothing")?.map_err(|error| error.to_string())?;
    let began = Instant::now();
    if !first.contains("recording") {
        return Err(first);
    }
    // What had been captured when it said so.
    let told: f64 =
        first.split("\"t\":").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    std::thread::sleep(after);
    let captured = began.elapsed().as_secs_f64() + told;
    child.kill().map_err(|error| error.to_string())?;
    child.wait().map_err(|error| error.to_string())?;
    let recovered =
        take::recover(&Files, &folder, None, None).map_err(|error| error.to_string())?;
    let kept = match recovered.as_slice() {
        [Recovered::Take(take)] => {
            let mut file = Files.open(&take.path()).map_err(|error| error.to_string())?;
            let seen = take::repair(&mut *file).map_err(|error| error.to_string())?;
            if seen.state != State::Healthy || seen.kept_frames != take.frames {
                return Err(format!("it is not whole: {seen:?}"));
            }
            take.duration().as_secs_f64()
        }
        [Recovered::Empty(_)] => 0.0,
        other => return Err(format!("{other:?}")),
    };
    std::fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
    Ok(((captured - kept) * 1000.0) as i64)
}

/// Every container, or the one that somebody asks for.
fn formats() -> Vec<&'static str> {
    let all = ["wav", "wav_float", "m4a", "m4a_opus", "opus", "flac"];
    let asked = std::env::var("TYMPAN_FORMAT");
    let wanted = |format: &&str| asked.as_ref().is_ok_and(|asked| asked == format);
    let some: Vec<_> = all.iter().copied().filter(wanted).collect();
    assert!(asked.is_err() || !some.is_empty(), "TYMPAN_FORMAT is {asked:?}, of {all:?}");
    if some.is_empty() { all.to_vec() } else { some }
}

/// How late this machine is, and its disk: what is lost to that, no writer can keep.
struct Late {
    over: Arc<AtomicBool>,
    naps: JoinHandle<Duration>,
    writes: JoinHandle<Duration>,
}

impl Late {
    fn begin() -> Self {
        let over = Arc::<AtomicBool>::default();
        let naps = Self::worst(&over, || std::thread::sleep(NAP));
        let path = input().with_file_name("late");
        let mut file = std::fs::File::create(path).unwrap();
        let writes = Self::worst(&over, move || {
            std::thread::sleep(NAP);
            // Into the system's memory, as a writer of takes does it, and never synced.
            file.write_all(&[0; 512]).unwrap();
        });
        Self { over, naps, writes }
    }

    fn worst(
        over: &Arc<AtomicBool>,
        mut work: impl FnMut() + Send + 'static,
    ) -> JoinHandle<Duration> {
        let over = over.clone();
        std::thread::spawn(move || {
            let mut worst = Duration::ZERO;
            while !over.load(Ordering::Relaxed) {
                let began = Instant::now();
                work();
                worst = worst.max(began.elapsed().saturating_sub(NAP));
            }
            worst
        })
    }

    /// The worst of both, in ms.
    fn end(self) -> (u128, u128) {
        self.over.store(true, Ordering::Relaxed);
        (self.naps.join().unwrap().as_millis(), self.writes.join().unwrap().as_millis())
    }
}

const NAP: Duration = Duration::from_millis(10);

#[test]
fn a_kill_at_any_moment_leaves_a_whole_file_that_lacks_a_moment() {
    let long = std::env::var_os("TYMPAN_LONG").is_some();
    let kills = if long { 1000 } else { 16 };
    input();
    let mut missed = Vec::new();
    for format in formats() {
        let results = Mutex::new(Vec::new());
        let next = std::sync::atomic::AtomicUsize::new(0);
        let late = Late::begin();
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= kills {
                            return;
                        }
                        // Spread over 0.2 to 4 s, the same every time.
                        let after = 200 + (number * 7919) % 3800;
                        let result = killed(format, number, Duration::from_millis(after as u64));
                        results.lock().unwrap().push(result);
                    }
                });
            }
        });
        let results = results.into_inner().unwrap();
        let unreadable: Vec<_> =
            results.iter().filter_map(|result| result.as_ref().err()).collect();
        let mut lost: Vec<i64> = results.iter().flatten().copied().collect();
        lost.sort_unstable();
        let (median, worst) = (lost[lost.len() / 2], lost[lost.len() - 1]);
        let (naps, writes) = late.end();
        println!(
            "{format}: {} kills, {} unreadable, lost tail median {median} ms, worst {worst} ms; \
             a thread that only sleeps was late by up to {naps} ms, one that writes by {writes}",
            results.len(),
            unreadable.len(),
        );
        assert!(unreadable.is_empty(), "{unreadable:?}");
        // How late a machine runs a thread while it does other things is no figure of ours,
        // so the short form, which runs beside anything, does not judge it.
        if long && (median > 100 || worst > 250) {
            missed.push(format);
        }
    }
    assert!(missed.is_empty(), "more than 100 ms at the median, or 250, in {missed:?}");
    let _ = std::fs::remove_dir_all(input().parent().unwrap());
}
