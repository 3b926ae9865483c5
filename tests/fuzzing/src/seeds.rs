//! Where fuzzing begins: files as our writers make them, the graphs that ship, and choices
//! without a pattern.

use std::fmt::Write;
use std::path::Path;

use crate::TARGETS;
use crate::{flac, mp4, ogg, takes, wav};

/// Small, and the same every time.
struct Chance(u64);

impl Chance {
    fn byte(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 24) as u8
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }
}

/// The seeds of a target.
#[must_use]
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let mut chance = Chance(target.bytes().fold(7, |sum, byte| sum * 31 + u64::from(byte)));
    let most = TARGETS.iter().find(|known| known.name == target).map_or(0, |known| known.most);
    let mut seeds = match target {
        "graph" => return graphs(most),
        "ogg" => files(ogg::examples()),
        "wav" => files(wav::examples()),
        "mp4" => files(mp4::examples()),
        "flac" => files(flac::examples()),
        "takes" => takes::examples().into_iter().map(|text| [vec![0], text].concat()).collect(),
        // One of each kind, with and without settings.
        "params" => (0..20).map(|kind| vec![kind; 14]).collect(),
        _ => Vec::new(),
    };
    seeds.retain(|seed| seed.len() <= most);
    for count in 0..12 {
        let mut seed = chance.bytes(most * (count % 4 + 1) / 4);
        if matches!(target, "ogg" | "wav" | "mp4" | "flac" | "takes") {
            seed[0] |= 1;
        }
        if target == "trip" {
            seed[0] = [0, 90, 160, 240, 255][count % 5];
        }
        seeds.push(seed);
    }
    seeds
}

/// Files as they are, each as it is given to a target that takes any bytes: behind two that
/// choose.
fn files(files: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    files.into_iter().map(|file| [vec![0, 1], file].concat()).collect()
}

/// The graphs that ship without what they say to people, and each kind by itself.
fn graphs(most: usize) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../graphs");
    let mut paths: Vec<_> = std::fs::read_dir(root)
        .expect("the graphs that ship")
        .map(|entry| entry.expect("a graph").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort();
    let mut graphs: Vec<String> = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(path).expect("a graph");
        let mut graph = String::new();
        for line in text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
            if !line.is_empty() {
                let _ = writeln!(graph, "{line}");
            }
        }
        graphs.push(graph);
    }
    for kind in tympan::registry().kinds() {
        let mut graph = "[[node]]\nkind = \"mix\"\nchannels = 1\n[[node]]\n".to_owned();
        let _ = writeln!(graph, "kind = \"{}\"", kind.name);
        for param in kind.params {
            if let Some(value) = param.default() {
                let _ = writeln!(graph, "{} = {value}", param.name);
            }
        }
        graphs.push(graph + "[[output]]\nname = \"x\"\n");
    }
    graphs.retain(|graph| graph.len() <= most);
    graphs.into_iter().map(String::into_bytes).collect()
}
