//! How many instructions a block costs, counted by callgrind: the same number in every run,
//! whatever else the machine does. So a change of one percent shows, and fails.
//!
//! ```text
//! ./x bench instructions          # against `benches/instructions.tsv`
//! ./x bench instructions write    # which this makes anew
//! ```
//!
//! The numbers are those of one compiler for Rust, one for C and one sort of processor, which
//! stand in the file. With others everything is counted and told, and nothing is judged.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use tympan::core::{Discard, Executor};
use tympan::{Format, Graph, registry};
use tympan_benches::shipped::{self, BUDGETS, DEVICE};
use tympan_benches::speech::{at_48k, recording};

const BLOCK: usize = 480;
/// Of 10 ms: ten seconds.
const BLOCKS: usize = 1000;
/// What a count may grow by.
const MOST: f64 = 0.01;
/// A planted regression: one block of so many is run by a second executor, too.
const PLANTED: usize = 40;

/// The engine with nodes that do nearly nothing.
const EXECUTOR: &str = "executor";
const GAINS: usize = 64;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let kept = match words[..] {
        ["run", name] => {
            run(name, false);
            Ok(true)
        }
        ["run-planted", name] => {
            run(name, true);
            Ok(true)
        }
        ["judge"] => judge(),
        ["write"] => write(),
        _ => {
            println!(
                "counting takes valgrind, and a build that nothing else uses: ./x bench instructions"
            );
            Ok(true)
        }
    };
    match kept {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            println!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn executor(name: &str) -> Executor {
    let gain = "[[node]]\nkind = \"gain\"\ndb = -0.1\n";
    let text = if name == EXECUTOR {
        let gains = (0..GAINS).map(|i| gain.replace("kind", &format!("id = \"gain{i}\"\nkind")));
        gains.chain(["[[output]]\nname = \"out\"\n".to_owned()]).collect()
    } else {
        shipped::text(name)
    };
    let graph = Graph::from_toml(&text, &registry()).unwrap_or_else(|e| panic!("{e}"));
    let device: Format = DEVICE;
    let mut executor = graph.plan(device).unwrap_or_else(|e| panic!("{e}")).executor();
    executor.warm();
    executor
}

/// What callgrind runs. Only what is done in `counted_block` is counted.
fn run(name: &str, planted: bool) {
    let sound = at_48k(&recording("office-5db"), BLOCK);
    let (mut one, mut other) = (executor(name), executor(name));
    for (number, block) in sound.chunks_exact(BLOCK).take(BLOCKS).enumerate() {
        counted_block(&mut one, block);
        if planted && number.is_multiple_of(PLANTED) {
            counted_block(&mut other, block);
        }
    }
}

/// Its name is what callgrind is told.
#[inline(never)]
fn counted_block(executor: &mut Executor, block: &[f32]) {
    executor.push(std::hint::black_box(block), &mut Discard);
    // Without it this would be the last call, and become a jump.
    std::hint::black_box(executor);
}

fn names() -> impl Iterator<Item = &'static str> {
    [EXECUTOR].into_iter().chain(BUDGETS.map(|(name, _)| name))
}

fn count(verb: &str, name: &str) -> Result<u64, String> {
    let me = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*counted_block*")
        .arg(me)
        .args([verb, name])
        .output()
        .map_err(|error| format!("valgrind counts the instructions, and does not run: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let count = collected.and_then(|(_, n)| n.trim().parse().ok()).filter(|n| *n > 0);
    count.ok_or_else(|| format!("callgrind counts nothing of `{name}`: {said}"))
}

fn counts() -> Result<Vec<(&'static str, u64)>, String> {
    names().map(|name| Ok((name, count("run", name)?))).collect()
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("instructions.tsv")
}

/// What the numbers depend on.
fn conditions() -> String {
    let line = |program: &str, word: &str| {
        let output = Command::new(program).arg(word).output();
        let text = output.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
        text.unwrap_or_else(|_| "unknown".to_owned())
    };
    #[cfg(target_arch = "x86_64")]
    let wide = std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    let wide = false;
    let arch = std::env::consts::ARCH;
    let (rust, c) = (line("rustc", "--version"), line("cc", "-dumpfullversion"));
    format!("{rust}; {arch}{}; cc {c}", if wide { " with avx2" } else { "" })
}

struct Baseline {
    conditions: String,
    counts: BTreeMap<String, u64>,
}

fn baseline() -> Result<Baseline, String> {
    let path = file();
    let text = std::fs::read_to_string(&path)
        .map_err(|error| format!("{}: {error}; `write` makes it", path.display()))?;
    let conditions = text.lines().find_map(|line| line.strip_prefix("# with: "));
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    let row = |line: &str| {
        let (name, count) = line.split_once('\t')?;
        Some((name.to_owned(), count.parse().ok()?))
    };
    Ok(Baseline {
        conditions: conditions.ok_or("the file does not say what it was made with")?.to_owned(),
        counts: rows.filter_map(row).collect(),
    })
}

fn write() -> Result<bool, String> {
    let mut text = format!(
        "# Instructions of {BLOCKS} blocks of {BLOCK} frames; `./x bench instructions write`\n\
         # with: {}\n",
        conditions()
    );
    for (name, count) in counts()? {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name}\t{count}");
    }
    print!("{text}");
    std::fs::write(file(), text).map_err(|error| error.to_string())?;
    Ok(true)
}

fn grown(count: u64, before: u64) -> f64 {
    count as f64 / before as f64 - 1.0
}

/// Everything against the file, and a planted regression that must be noticed.
fn judge() -> Result<bool, String> {
    let Baseline { conditions: before, counts: known } = baseline()?;
    let now = conditions();
    let same = before == now;
    if !same {
        println!("not judged: the file was made with {before}; this is {now}\n");
    }
    println!("| | instructions per 10 ms | before | change, % |\n|---|---|---|---|");
    let mut kept = true;
    for (name, count) in counts()? {
        let per_block = count / BLOCKS as u64;
        let Some(&known) = known.get(name) else {
            println!("| {name} | {per_block} | | NOT IN THE FILE |");
            kept = false;
            continue;
        };
        let grown = grown(count, known);
        let word = if same && grown > MOST { ": NOT KEPT" } else { "" };
        println!(
            "| {name} | {per_block} | {} | {:+.2}{word} |",
            known / BLOCKS as u64,
            grown * 100.0
        );
        kept &= word.is_empty();
    }
    // Whatever it was made with: the same executor, with and without.
    let planted = grown(count("run-planted", EXECUTOR)?, count("run", EXECUTOR)?);
    let noticed = planted > MOST;
    let word = if noticed { "noticed" } else { "NOT NOTICED" };
    println!("\na planted {:+.2} %: {word}", planted * 100.0);
    Ok(kept && noticed)
}
