//! A day of audio through the recorder, faster than realtime, in every container: every
//! frame is in the file, and nothing grows with its length.
//!
//! By itself it is a few minutes; `./x chaos` records the day. `TYMPAN_SOAK` gives other
//! hours, such as 25, which at 48 kHz are more than 2^32 frames.

#[path = "../kit/desk.rs"]
mod desk;
mod heap;
mod process;
mod unsynced;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use process::Held;
use tympan::backend::storage::{Files, Storage};
use tympan::recorder::Options;
use tympan::take::{self, Container};
use tympan::{Event, Format, Graph, Header, Planar, Sink};

const RATE: u32 = 48_000;

/// 10 ms.
const CALL: usize = RATE as usize / 100;

/// What may be held more after the first minute.
const GROWTH: i64 = 64 * 1024;

const GRAPH: &str = r#"
    [[node]]
    kind = "mix"
    channels = 1

    [[node]]
    kind = "highpass"
    hz = 80

    [[node]]
    kind = "level"

    [[output]]
    name = "take"
"#;

/// What became of one long take.
struct Soak {
    container: Container,
    /// Frames that went in, and that the take holds.
    accepted: u64,
    kept: u64,
    bytes: u64,
    /// By how much the heap grew after the first minute, and the memory of the process.
    heap: i64,
    resident: Option<i64>,
    /// What the end of the take held beyond that, for the moment.
    end: i64,
    /// Descriptors and threads that came after the first minute.
    descriptors: i64,
    threads: i64,
    times: f64,
}

impl Soak {
    fn is_flat(&self) -> bool {
        self.heap <= GROWTH
            && self.resident.is_none_or(|resident| resident <= GROWTH)
            && self.descriptors <= 0
            && self.threads <= 0
    }
}

/// Records so many minutes; `leak` is called every minute, and may leak.
fn soak(container: Container, minutes: u64, mut leak: impl FnMut()) -> Soak {
    let folder = Folder::new(container.name());
    let graph = Graph::from_toml(GRAPH, &tympan::registry()).unwrap();
    let voice = voice();
    let mut options = Options::new(&folder.0);
    options.format = container;
    options.storage = Arc::new(unsynced::Unsynced);
    let calls = minutes * 60 * 100;
    let (mut done, mut place) = (0, 0);
    let (mut first, mut heap, mut last) = (None, 0, None);
    heap::most();
    let began = Instant::now();
    let take = desk::record(&graph, Format::mono(RATE), options, |block| {
        if done == calls {
            return;
        }
        if done > 0 && done.is_multiple_of(60 * 100) {
            leak();
            let (most, held) = (heap::most(), Held::now());
            let (first_most, first_held) = *first.get_or_insert((most, held));
            heap = heap.max(most - first_most);
            last = held.zip(first_held).map(|(held, first)| Held {
                // The most of it, and the last of the others.
                resident: (held.resident - first.resident)
                    .max(last.map_or(0, |last: Held| last.resident)),
                ..held
            });
        }
        done += 1;
        block.extend_from_slice(&voice[place..place + CALL]);
        place = (place + CALL) % voice.len();
    })
    .unwrap();
    let times = minutes as f64 * 60.0 / began.elapsed().as_secs_f64();
    let end = heap::most();
    let (first_most, first_held) = first.expect("more than a minute");
    let gained = |of: fn(&Held) -> usize| {
        last.zip(first_held).map_or(0, |(last, first)| of(&last) as i64 - of(&first) as i64)
    };
    let mut file = Files.open(&take.path()).unwrap();
    let seen = take::repair(&mut *file).unwrap();
    assert_eq!(seen.state, take::State::Healthy, "{container:?}: {seen:?}");
    assert_eq!(seen.kept_frames, take.frames, "{container:?}");
    assert_eq!((take.dropped(), take.filled), (0, 0), "{container:?}");
    Soak {
        container,
        accepted: calls * CALL as u64,
        kept: take.frames,
        bytes: take.path().metadata().unwrap().len(),
        heap,
        resident: last.map(|last| last.resident),
        end: end - first_most,
        descriptors: gained(|held| held.descriptors),
        threads: gained(|held| held.threads),
        times,
    }
}

/// Our own speech at the rate of the device, a whole number of calls long.
fn voice() -> Vec<f32> {
    struct Kept(Vec<f32>);
    impl Sink for Kept {
        fn audio(&mut self, _: usize, _: &Header, block: Planar<'_>) {
            self.0.extend_from_slice(block.channel(0));
        }
        fn packet(&mut self, _: usize, _: &Header, _: &[u8]) {}
        fn event(&mut self, _: Event) {}
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audio/office-5db.wav");
    let mut file = tympan::backend::file::File::open(path).unwrap();
    let text = format!("[[node]]\nkind = \"resample\"\nrate = {RATE}\n[[output]]\nname = \"it\"\n");
    let graph = Graph::from_toml(&text, &tympan::registry()).unwrap();
    let mut kept = Kept(Vec::new());
    tympan::render(&graph, &mut file, &mut kept).unwrap();
    kept.0.truncate(kept.0.len() / CALL * CALL);
    kept.0
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tympan-soak-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn minutes() -> u64 {
    let hours = std::env::var("TYMPAN_SOAK").ok().and_then(|hours| hours.parse::<f64>().ok());
    let long = std::env::var_os("TYMPAN_LONG").is_some();
    let hours = hours.or(long.then_some(24.0));
    if hours.is_none() {
        println!("NOT RUN: a day of each container; ./x chaos records it");
    }
    hours.map_or(3, |hours| (hours * 60.0) as u64)
}

/// One after the other: what is measured is the process's. `TYMPAN_CONTAINER` chooses one.
#[test]
fn a_long_take_holds_every_frame_and_no_more_memory_than_a_short_one() {
    let minutes = minutes();
    let chosen = std::env::var("TYMPAN_CONTAINER").ok();
    // What is done for the first time, by anybody, is not to be counted.
    soak(Container::Wav, 2, || {});
    println!("after the first minute of {minutes}, in KiB: what grew, and what the end took");
    println!(
        "{:10} {:>13} {:>4} {:>9} {:>7} {:>9} {:>7} {:>12} {:>8} {:>10}",
        "container",
        "frames",
        "off",
        "MB",
        "heap",
        "resident",
        "end",
        "descriptors",
        "threads",
        "realtimes"
    );
    let mut flat = true;
    for container in Container::available() {
        if chosen.as_deref().is_some_and(|chosen| chosen != container.name()) {
            continue;
        }
        let soak = soak(container, minutes, || {});
        let resident = soak.resident.map_or("?".to_owned(), kib);
        println!(
            "{:10} {:13} {:4} {:9.1} {:>7} {resident:>9} {:>7} {:12} {:8} {:10.0}",
            soak.container.name(),
            soak.accepted,
            soak.kept.abs_diff(soak.accepted),
            soak.bytes as f64 / 1e6,
            kib(soak.heap),
            kib(soak.end),
            soak.descriptors,
            soak.threads,
            soak.times
        );
        assert_eq!(soak.kept, soak.accepted, "{container:?}");
        flat &= soak.is_flat();
    }
    assert!(flat, "something grew: see above");
    leaks_would_be_noticed();
}

fn kib(bytes: i64) -> String {
    format!("{:.1}", bytes as f64 / 1024.0)
}

/// Each kind of leak, planted.
fn leaks_would_be_noticed() {
    let mut held = Vec::new();
    let memory = soak(Container::Wav, 4, || held.push(vec![1_u8; 40_000]));
    assert!(memory.heap > GROWTH && !memory.is_flat(), "a leak of memory: {}", memory.heap);
    if Held::now().is_none() {
        println!("NOT MEASURED by the system: there is no /proc");
        return;
    }
    let mut open = Vec::new();
    let files = soak(Container::Wav, 3, || {
        open.push(std::fs::File::open(env!("CARGO_MANIFEST_DIR")).unwrap());
    });
    assert!(files.descriptors > 0 && !files.is_flat(), "a leak of descriptors");
    let (stay, go) = std::sync::mpsc::channel::<()>();
    let go = std::sync::Arc::new(std::sync::Mutex::new(go));
    let threads = soak(Container::Wav, 3, || {
        let go = go.clone();
        std::thread::spawn(move || go.lock().unwrap().recv().is_ok());
    });
    assert!(threads.threads > 0 && !threads.is_flat(), "a leak of threads");
    drop(stay);
}
