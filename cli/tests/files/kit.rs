//! What the tests share: a graph run over sound, folders that go away.

use std::fs;
use std::path::{Path, PathBuf};

use tympan::backend::wav::WavReader;
use tympan::{Event, Format, Graph, Header, OutputInfo, Planar, Reason, Sink};

/// The packets of an output.
pub(crate) struct Packets {
    pub(crate) output: OutputInfo,
    pub(crate) packets: Vec<(Header, Vec<u8>)>,
}

/// Keeps the packets of one output.
struct Keep(usize, Vec<(Header, Vec<u8>)>);

impl Sink for Keep {
    fn audio(&mut self, _: usize, _: &Header, _: Planar<'_>) {}

    fn packet(&mut self, output: usize, header: &Header, bytes: &[u8]) {
        if output == self.0 {
            self.1.push((*header, bytes.to_vec()));
        }
    }

    fn event(&mut self, _: Event) {}
}

/// What output `name` of a graph makes of segments of interleaved samples.
pub(crate) fn packets(text: &str, name: &str, format: Format, segments: &[&[f32]]) -> Packets {
    let graph = Graph::from_toml(text, &tympan::registry()).unwrap_or_else(|e| panic!("{e}"));
    let plan = graph.plan(format).unwrap_or_else(|e| panic!("{e}"));
    let place = plan.outputs().iter().position(|o| o.name == name).expect("an output");
    let output = plan.outputs()[place].clone();
    let mut executor = plan.executor();
    let mut keep = Keep(place, Vec::new());
    for segment in segments {
        for piece in segment.chunks(1024 * usize::from(format.channels)) {
            executor.push(piece, &mut keep);
        }
        executor.end_segment(Reason::Interruption, &mut keep);
    }
    executor.drain(&mut keep);
    Packets { output, packets: keep.1 }
}

/// A node of this kind, with these lines under it, and its output `it`.
pub(crate) fn graph(kind: &str, lines: &str) -> String {
    format!("[[node]]\nkind = \"{kind}\"\n{lines}\n[[output]]\nname = \"it\"\n")
}

/// A hum that moves, different in each channel.
pub(crate) fn voice(format: Format, frames: usize) -> Vec<f32> {
    let tone = |turns: f64| (turns * std::f64::consts::TAU).sin();
    let sample = |frame: usize, channel: u16| {
        let t = frame as f64 / f64::from(format.rate);
        let swell = 0.2 * (tone(3.0 * t) + 1.0);
        let pitch = 180.0 + 60.0 * t + 40.0 * f64::from(channel);
        (swell * (tone(pitch * t) + 0.5 * tone(710.0 * t))) as f32
    };
    (0..frames).flat_map(|i| (0..format.channels).map(move |c| sample(i, c))).collect()
}

/// A recording that comes with the repository.
pub(crate) fn recording(name: &str) -> (Format, Vec<f32>) {
    let path = workspace().join("tests/audio").join(name).with_extension("wav");
    let mut reader = WavReader::open(path).unwrap_or_else(|e| panic!("{e}"));
    let format = reader.format();
    let (mut all, mut some) = (Vec::new(), vec![0.0; 4096 * usize::from(format.channels)]);
    loop {
        match reader.read(&mut some).unwrap_or_else(|e| panic!("{e}")) {
            0 => return (format, all),
            frames => all.extend_from_slice(&some[..frames * usize::from(format.channels)]),
        }
    }
}

pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A folder of a test's own, gone when the test is.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tympan-files-{}-{test}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    /// A file in it.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).expect("a file for the test");
        path
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
