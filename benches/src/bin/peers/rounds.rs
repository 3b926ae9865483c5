//! Programs in turns, A B C A B C …, and the ratio of two of them per turn: whatever slows
//! the machine down slows both.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Cost};

/// Somebody who makes a file of a file.
pub(crate) struct Runner {
    pub(crate) name: &'static str,
    /// A program, with what it takes.
    pub(crate) words: Vec<String>,
    /// What it writes, and how many seconds that plays at least and at most.
    pub(crate) made: PathBuf,
    pub(crate) seconds: (f64, f64),
}

/// What everybody took, a figure per turn.
pub(crate) struct Rounds {
    costs: Vec<(&'static str, Vec<Cost>)>,
}

/// Everybody in every turn, after one that does not count: what is read for the first time
/// comes from the disk, and `GStreamer` makes a list of its plugins once.
pub(crate) fn run(runners: &[Runner], turns: usize, folder: &Path) -> Result<Rounds, String> {
    let mut costs: Vec<_> = runners.iter().map(|r| (r.name, Vec::new())).collect();
    for turn in 0..=turns {
        for (runner, (_, costs)) in runners.iter().zip(&mut costs) {
            let cost = once(runner, folder)?;
            if turn > 0 {
                costs.push(cost);
            }
        }
        eprint!(".");
    }
    eprintln!();
    Ok(Rounds { costs })
}

fn once(runner: &Runner, folder: &Path) -> Result<Cost, String> {
    // What is there from before must not be taken for this turn's.
    let _ = std::fs::remove_file(&runner.made);
    let mut command = Command::new(&runner.words[0]);
    let cost = process::run(command.args(&runner.words[1..]), folder)?;
    let seconds = played(&runner.made)?;
    let (least, most) = runner.seconds;
    if !(least..=most).contains(&seconds) {
        return Err(format!("{} made {seconds:.3} s, not {least} to {most}", runner.name));
    }
    Ok(cost)
}

/// Seconds that an Ogg Opus file plays, its pre-skip included: what its last page says.
fn played(path: &Path) -> Result<f64, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    length(&bytes).ok_or_else(|| format!("{} is no Ogg file", path.display()))
}

fn length(bytes: &[u8]) -> Option<f64> {
    let last = bytes.windows(4).rposition(|word| word == b"OggS")?;
    let granule = bytes.get(last + 6..last + 14)?;
    Some(u64::from_le_bytes(granule.try_into().ok()?) as f64 / 48_000.0)
}

/// How one compares to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) turns: usize,
}

impl Ratio {
    /// Of two figures per turn.
    fn of(ours: &[f64], theirs: &[f64]) -> Self {
        let mut ratios: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a / b).collect();
        ratios.sort_by(f64::total_cmp);
        Self {
            median: median(&ratios),
            least: ratios[0],
            most: ratios[ratios.len() - 1],
            turns: ratios.len(),
        }
    }
}

/// Of figures in order.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    }
}

impl Rounds {
    fn costs(&self, name: &str) -> Option<&[Cost]> {
        self.costs.iter().find(|(n, _)| *n == name).map(|(_, costs)| &costs[..])
    }

    fn times(&self, name: &str) -> Option<Vec<f64>> {
        Some(self.costs(name)?.iter().map(|cost| cost.seconds).collect())
    }

    /// Nothing if one of them did not run.
    pub(crate) fn ratio(&self, ours: &str, theirs: &str) -> Option<Ratio> {
        Some(Ratio::of(&self.times(ours)?, &self.times(theirs)?))
    }

    /// Seconds of the CPU that it usually takes.
    pub(crate) fn seconds(&self, name: &str) -> f64 {
        let mut times = self.times(name).unwrap_or_default();
        times.sort_by(f64::total_cmp);
        if times.is_empty() { f64::NAN } else { median(&times) }
    }

    /// The most memory that it had in any turn.
    pub(crate) fn kib(&self, name: &str) -> u64 {
        self.costs(name).unwrap_or(&[]).iter().map(|cost| cost.kib).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_the_work_is_half_on_a_machine_that_is_slow_at_times() {
        let machine = [1.0, 1.0, 3.0, 1.5, 1.02];
        let mut ours = machine.map(|m| m * 2.0);
        let theirs = machine.map(|m| m * 4.0);
        ours[1] *= 20.0;
        let ratio = Ratio::of(&ours, &theirs);
        assert_eq!(ratio, Ratio { median: 0.5, least: 0.5, most: 10.0, turns: 5 });
    }

    #[test]
    fn the_last_page_says_how_long_a_file_is() {
        let page = |granule: u64| {
            let mut page = b"OggS\0\0".to_vec();
            page.extend(granule.to_le_bytes());
            page.extend([0; 40]);
            page
        };
        assert_eq!(length(&[page(0), page(960), page(96_000)].concat()), Some(2.0));
        assert_eq!(length(b"RIFF and so on"), None);
    }

    #[test]
    fn who_writes_too_little_is_noticed() {
        let folder = std::env::temp_dir().join(format!("rounds-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let made = folder.join("made");
        let script = format!(
            "printf 'OggS\\000\\000\\300\\003\\000\\000\\000\\000\\000\\000' > {}",
            made.display()
        );
        let words = ["sh", "-c", &script].map(str::to_owned).into();
        let mut runner = Runner { name: "a shell", words, made, seconds: (0.02, 0.03) };
        assert!(
            run(
                &[Runner { words: runner.words.clone(), made: runner.made.clone(), ..runner }],
                1,
                &folder
            )
            .is_ok()
        );
        runner.seconds = (1.0, 1.1);
        let why = once(&runner, &folder).unwrap_err();
        assert!(why.contains("made 0.020 s"), "{why}");
        runner.words = ["true"].map(str::to_owned).into();
        assert!(once(&runner, &folder).is_err(), "nothing was written");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
