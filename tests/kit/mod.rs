//! What the facade's tests share: a backend held in the hand, small random numbers,
//! the shipped graphs.

#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tympan::backend::{Buffer, Capture, Notice};
use tympan::{Backend, BackendError, Format};

/// A device whose callbacks the test calls itself.
pub struct Hand {
    format: Format,
    capture: Arc<Mutex<Option<Box<dyn Capture>>>>,
}

/// The test's end of it.
#[derive(Clone)]
pub struct Grip(Arc<Mutex<Option<Box<dyn Capture>>>>);

impl Hand {
    pub fn new(format: Format) -> (Self, Grip) {
        let capture = Arc::default();
        (Self { format, capture: Arc::clone(&capture) }, Grip(capture))
    }
}

impl Backend for Hand {
    fn name(&self) -> &'static str {
        "hand"
    }

    fn format(&mut self) -> Result<Format, BackendError> {
        Ok(self.format)
    }

    fn start(&mut self, capture: Box<dyn Capture>) -> Result<(), BackendError> {
        *self.capture.lock().unwrap() = Some(capture);
        Ok(())
    }

    fn stop(&mut self) -> Option<Box<dyn Capture>> {
        self.capture.lock().unwrap().take()
    }
}

impl Grip {
    pub fn audio(&self, samples: &[f32], format: Format) {
        self.at(samples, format, 0);
    }

    pub fn at(&self, samples: &[f32], format: Format, host_ns: u64) {
        if let Some(capture) = &mut *self.0.lock().unwrap() {
            capture.audio(Buffer { samples, format, host_ns });
        }
    }

    pub fn notice(&self, notice: Notice) {
        if let Some(capture) = &mut *self.0.lock().unwrap() {
            capture.notice(notice);
        }
    }
}

/// Small, seeded, the same everywhere.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % n as u64) as usize
    }

    pub fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

/// Whether the long form of a test was asked for.
pub fn long() -> bool {
    std::env::var_os("TYMPAN_LONG").is_some()
}

/// The root of the workspace, whichever of its packages this is compiled for.
pub fn root() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = own.ancestors().find(|folder| folder.join("graphs").is_dir());
    root.expect("graphs that ship").to_owned()
}

/// Every graph that ships: found, not listed.
pub fn shipped() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(root().join("graphs")).unwrap();
    let mut graphs: Vec<_> = folder
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    graphs.sort();
    if !cfg!(all(feature = "flac", feature = "opus", feature = "webrtc-vad")) {
        graphs.retain(|path| match tympan::Graph::from_file(path, &tympan::registry()) {
            Ok(_) => true,
            Err(e) => {
                println!("not tested: {}\n{e}", path.display());
                false
            }
        });
    }
    assert!(!graphs.is_empty(), "no graph was found");
    graphs
}

/// Compares with a fixture in `tests/`; `TYMPAN_BLESS=1` writes it instead.
pub fn fixture(name: &str, text: &str) {
    let path = root().join("tests").join(name);
    if std::env::var_os("TYMPAN_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        known == text,
        "this is not what tests/{name} says; look at it, and if it is right run the test again \
         with TYMPAN_BLESS=1\n\n{text}"
    );
}

/// A recording of `tests/audio`, 16 kHz mono.
pub fn speech(name: &str) -> Vec<f32> {
    let folder = root().join("tests/audio");
    let mut reader = hound::WavReader::open(folder.join(format!("{name}.wav"))).unwrap();
    reader.samples::<i16>().map(|x| f32::from(x.unwrap()) / 32768.0).collect()
}
