//! Every seed and every finding of old, through every target, without a fuzzer.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tympan_fuzzing::{TARGETS, Target, run, seeds};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The files of a folder, if there is one.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Writes the seeds anew, where `TYMPAN_BLESS` asks for it.
fn bless() {
    if std::env::var_os("TYMPAN_BLESS").is_none() {
        return;
    }
    for target in TARGETS {
        let folder = fuzz().join("seeds").join(target.name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for (number, seed) in seeds(target.name).iter().enumerate() {
            fs::write(folder.join(format!("{number:02}")), seed).unwrap();
        }
    }
}

#[test]
fn every_seed_and_every_finding_of_old_holds() {
    bless();
    for target in TARGETS {
        let seeds = files(&fuzz().join("seeds").join(target.name));
        let old = files(&fuzz().join("regressions").join(target.name));
        assert!(!seeds.is_empty(), "`{}` has no seeds", target.name);
        for path in seeds.iter().chain(&old) {
            let bytes = fs::read(path).unwrap();
            let held = std::panic::catch_unwind(|| run(target, &bytes));
            assert!(held.is_ok(), "{} is a finding", path.display());
        }
        println!("{}: {} seeds, {} findings of old", target.name, seeds.len(), old.len());
    }
}

#[test]
fn a_finding_would_be_told() {
    let broken = Target { name: "broken", run: |_| panic!("a broken promise"), most: 1 };
    assert!(std::panic::catch_unwind(|| run(broken, &[])).is_err());
}

#[test]
fn every_target_has_a_program_and_nothing_else_has() {
    let names: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    let stem = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    for folder in ["fuzz_targets", "seeds"] {
        let found: BTreeSet<_> = files(&fuzz().join(folder)).iter().map(stem).collect();
        assert_eq!(found, names, "fuzz/{folder}");
    }
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for target in TARGETS {
        let name = target.name;
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "{name}");
        let program = fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("run({}, bytes)", name.to_uppercase())), "{name}");
        for old in files(&fuzz().join("regressions")).iter().map(stem) {
            assert!(names.contains(&old), "`{old}` is no target");
        }
    }
}

#[test]
fn seeds_are_few_and_small() {
    let mut sum = 0;
    for target in TARGETS {
        for path in files(&fuzz().join("seeds").join(target.name)) {
            let len = fs::metadata(&path).unwrap().len();
            assert!(len <= target.most as u64, "{} is longer than an input", path.display());
            sum += len;
        }
    }
    assert!(sum < 1 << 20, "{sum} bytes of seeds");
}

#[test]
fn the_dictionary_knows_every_kind_and_key() {
    let words = fs::read_to_string(fuzz().join("dict/graph.dict")).unwrap();
    for kind in tympan::registry().kinds() {
        for word in kind.params.iter().map(|param| param.name).chain([kind.name]) {
            assert!(words.contains(&format!("\"{word}")), "`{word}` is missing in graph.dict");
        }
    }
}

/// Numbers without a pattern, the same every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % end.max(1) as u64) as usize
    }

    /// A seed with a few places changed, left out, or taken from another.
    fn variation(&mut self, seeds: &[Vec<u8>], most: usize) -> Vec<u8> {
        let mut bytes = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(5) {
            let at = self.below(bytes.len() + 1);
            let len = self.below(16).min(bytes.len() - at);
            match self.below(5) {
                0 => drop(bytes.drain(at..at + len)),
                1 => bytes[at..at + len].fill(0),
                2 => {
                    let other = &seeds[self.below(seeds.len())];
                    let from = self.below(other.len() + 1);
                    let some = &other[from..other.len().min(from + 32)];
                    bytes.splice(at..at + len, some.iter().copied());
                }
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = self.below(256) as u8;
                    }
                }
            }
        }
        bytes.truncate(most);
        bytes
    }
}

/// Not for long, and blindly: what a change broke that much, nobody has to fuzz for.
#[test]
fn variations_of_seeds_hold() {
    let said = std::env::var("TYMPAN_VARIATIONS").ok().and_then(|count| count.parse().ok());
    let chosen = std::env::var("TYMPAN_TARGET").ok();
    for target in TARGETS.iter().filter(|t| chosen.as_ref().is_none_or(|name| name == t.name)) {
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        let seeds = seeds(target.name);
        let began = std::time::Instant::now();
        for count in 0..said.unwrap_or(500) {
            let bytes = chance.variation(&seeds, target.most);
            let held = std::panic::catch_unwind(|| run(*target, &bytes));
            assert!(held.is_ok(), "variation {count} of `{}` is a finding: {bytes:?}", target.name);
        }
        println!("{}: {:?}", target.name, began.elapsed());
    }
}
