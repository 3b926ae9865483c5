//! A server of sound of the test's own, and what is played into it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tympan::backend::wav::WavReader;
use tympan::take::{Missing, Take};

/// A server with nothing in it, in a folder that goes with it. There is one at a time: the
/// whole process is told by its environment where it is.
pub(crate) struct Server {
    child: Child,
    folder: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

/// Whether the long form is wanted.
pub(crate) fn is_long() -> bool {
    std::env::var_os("TYMPAN_LONG").is_some()
}

fn has(program: &str) -> bool {
    let run = Command::new(program).arg("--version").stdout(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}

impl Server {
    /// None where there is no `pulseaudio`, which is said aloud. `TYMPAN_LIVE=1` makes it an
    /// error.
    pub(crate) fn start() -> Option<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        if !["pulseaudio", "pactl", "pacat"].iter().all(|program| has(program)) {
            assert!(std::env::var_os("TYMPAN_LIVE").is_none(), "pulseaudio is not installed");
            println!("NOT RUN: pulseaudio, pactl or pacat is not here; `./x live` installs them");
            return None;
        }
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = std::env::temp_dir().join(format!("tympan-live-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let socket = folder.join("socket");
        let address = format!("unix:{}", socket.display());
        // Without one of this length the server breaks off, although it asks for none.
        let cookie = folder.join("cookie");
        std::fs::write(&cookie, [0; 256]).unwrap();
        let environment = [
            ("PULSE_COOKIE", cookie.to_str().unwrap()),
            ("PULSE_SERVER", address.as_str()),
            ("PULSE_RUNTIME_PATH", folder.to_str().unwrap()),
            ("PULSE_STATE_PATH", folder.to_str().unwrap()),
            ("XDG_RUNTIME_DIR", folder.to_str().unwrap()),
            ("XDG_CONFIG_HOME", folder.to_str().unwrap()),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere"),
        ];
        for (name, value) in environment {
            // SAFETY: tests of this program take turns, and no other thread of it looks at
            // the environment while a server is started.
            unsafe { std::env::set_var(name, value) };
        }
        let protocol =
            format!("module-native-protocol-unix socket={} auth-anonymous=1", socket.display());
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let child = Command::new("pulseaudio")
            .args(["-n", "--daemonize=no", "--system=false", "--exit-idle-time=-1"])
            .args(["--use-pid-file=no", "--high-priority=yes", "--realtime=yes", "-L", &protocol])
            .env_remove("PULSE_SERVER")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        hurry(&child);
        let server = Self { child, folder, _turn: turn };
        until("the server answers", || server.pactl(&["info"]).is_some());
        Some(server)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What `pactl` prints; none if it fails.
    pub(crate) fn pactl(&self, args: &[&str]) -> Option<String> {
        let server = format!("--server=unix:{}", self.folder.join("socket").display());
        let ran = Command::new("pactl").arg(server).args(args).stderr(Stdio::null()).output();
        let ran = ran.unwrap();
        ran.status.success().then(|| String::from_utf8_lossy(&ran.stdout).into_owned())
    }

    /// Puts a room into the server, with a microphone that hears what is played in it. Its
    /// number is that of the module.
    pub(crate) fn room(&self, name: &str, rate: u32, channels: u16) -> String {
        let args = [
            "load-module".to_owned(),
            "module-null-sink".to_owned(),
            format!("sink_name={name}"),
            // It then never takes back what it has played, nor plays far ahead.
            "norewinds=1".to_owned(),
            "format=s16le".to_owned(),
            format!("rate={rate}"),
            format!("channels={channels}"),
        ];
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.pactl(&args).expect("the room is there").trim().to_owned()
    }

    pub(crate) fn unload(&self, module: &str) {
        self.pactl(&["unload-module", module]).expect("it was there");
    }

    /// Plays raw 16-bit samples in a room.
    pub(crate) fn play(&self, room: &str, rate: u32, channels: u16, samples: &[i16]) -> Child {
        let file = self.folder.join(format!("{room}-{rate}.raw"));
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        std::fs::write(&file, bytes).unwrap();
        Command::new("pacat")
            .args(["--playback", "--raw", "--format=s16le", "--latency-msec=2000"])
            .arg(format!("--rate={rate}"))
            .arg(format!("--channels={channels}"))
            .arg(format!("--device={room}"))
            .arg(&file)
            .stdin(Stdio::null())
            .spawn()
            .unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            println!("the server said:\n{log}");
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Lets the server go before everything else, if that is allowed: a sound card is not late
/// because a machine is busy either.
#[cfg(target_os = "linux")]
fn hurry(server: &Child) {
    let priority = libc::sched_param { sched_priority: 20 };
    // SAFETY: the process is our child and not waited for yet, so the number is its own; the
    // call reads a place of ours.
    unsafe {
        libc::sched_setscheduler(server.id().cast_signed(), libc::SCHED_RR, &raw const priority)
    };
}

#[cfg(not(target_os = "linux"))]
fn hurry(_: &Child) {}

/// Waits for something that comes sooner or later.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < patience, "{what}: not in a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What is missing within a take. What was on its way when it was stopped is not.
pub(crate) fn gaps(take: &Take) -> Vec<&Missing> {
    take.gaps.iter().filter(|gap| gap.at < take.frames || gap.ms > 500).collect()
}

/// Noise in which no two places are alike, and nobody can take one for another.
pub(crate) fn noise(samples: usize, seed: u64) -> Vec<i16> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 48) as i16 / 4
    };
    (0..samples).map(|_| next()).collect()
}

/// The samples of a take that is kept as WAV.
pub(crate) fn samples(take: &Take) -> Vec<f32> {
    let mut reader = WavReader::open(take.path()).unwrap();
    let mut all = vec![0.0; take.frames as usize * usize::from(take.channels) + 1];
    let frames = reader.read(&mut all).unwrap();
    assert_eq!(frames as u64, take.frames, "{:?}", reader.findings());
    all.truncate(frames * usize::from(take.channels));
    all
}

/// How alike two signals are, whatever their level.
pub(crate) fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(1e-12)
}

/// Where `needle` begins in `hay`, by its first samples.
pub(crate) fn find(needle: &[f32], hay: &[f32]) -> Option<usize> {
    const LOOK: usize = 512;
    let first = &needle[..LOOK.min(needle.len())];
    hay.windows(first.len()).position(|window| {
        // Most places are not it, and show it at once.
        correlation(&first[..64], &window[..64]) > 0.8 && correlation(first, window) > 0.9
    })
}

/// What became of what was played.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Samples that are not there, or are others.
    pub(crate) lost: usize,
    /// Samples between them that nobody played: the player was late, and the server put
    /// silence there. That is heard as it was.
    pub(crate) between: usize,
    /// How alike the rest is.
    pub(crate) correlation: f64,
}

/// Compares sample by sample; `heard` begins where `played` does.
pub(crate) fn judge(played: &[f32], heard: &[f32]) -> Verdict {
    const AHEAD: usize = 48_000;
    let same = |a: &f32, b: &f32| (a - b).abs() < 1e-4;
    let (mut verdict, mut here, mut there) = (Verdict::default(), 0, 0);
    let (mut a, mut b) = (Vec::new(), Vec::new());
    while here < played.len() {
        let run =
            played[here..].iter().zip(&heard[there..]).take_while(|(a, b)| same(a, b)).count();
        a.extend_from_slice(&played[here..here + run]);
        b.extend_from_slice(&heard[there..there + run]);
        (here, there) = (here + run, there + run);
        if here == played.len() {
            break;
        }
        // Where does it go on? Later in what was heard, or later in what was played.
        let next = &played[here..played.len().min(here + 512)];
        let rest = &heard[there..heard.len().min(there + AHEAD)];
        if next.len() == 512
            && let Some(silence) = find(next, rest)
            && silence > 0
            && rest[..silence].iter().all(|x| *x == 0.0)
        {
            verdict.between += silence;
            there += silence;
            continue;
        }
        let wanted = &heard[there..heard.len().min(there + 512)];
        let later = &played[here..played.len().min(here + AHEAD)];
        let missing = if wanted.len() == 512 { find(wanted, later) } else { None };
        let missing = missing.unwrap_or(played.len() - here);
        if missing == 0 {
            // It is there, as something else.
            there += 1;
        }
        verdict.lost += missing.max(1);
        here += missing.max(1);
    }
    verdict.correlation = correlation(&a, &b);
    verdict
}
