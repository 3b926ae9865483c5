//! Programs of others, and what each finds wrong with a take.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use tympan::take::Container;

/// A file, and what it should be.
pub(crate) struct Subject<'a> {
    pub(crate) path: &'a Path,
    pub(crate) container: Container,
    pub(crate) rate: u32,
    pub(crate) channels: u16,
    /// Every sample that was accepted, interleaved, as it should come out.
    pub(crate) samples: &'a [f32],
}

impl Subject<'_> {
    fn frames(&self) -> usize {
        self.samples.len() / usize::from(self.channels)
    }
}

/// A program that judges files of some containers.
pub(crate) struct Judge {
    pub(crate) name: &'static str,
    of: &'static [Container],
    /// Its words, with `F` for the file; the first one names it.
    words: &'static [&'static str],
    /// What it finds, of what it said.
    finds: fn(&Subject<'_>, &Output) -> Option<String>,
}

use Container::{Flac, M4a, M4aOpus, Opus, Wav, WavFloat};

const ALL: &[Container] = &Container::ALL;

/// The word for an ffmpeg that is new enough to cut the ends of AAC.
const NEW: &str = "ffmpeg, new";

const JUDGES: [Judge; 11] = [
    Judge {
        name: NEW,
        of: ALL,
        words: &[NEW, "-v", "warning", "-xerror", "-i", "F", "-f", "f32le", "-"],
        finds: |subject, output| player(output).or_else(|| heard(subject, &samples(output))),
    },
    Judge {
        name: "ffmpeg",
        of: ALL,
        words: &["ffmpeg", "-v", "warning", "-xerror", "-i", "F", "-f", "null", "-"],
        finds: |_, output| player(output),
    },
    Judge {
        name: "ffprobe",
        // Of Ogg it tells the last granule.
        of: &[M4a, M4aOpus, Flac, Wav, WavFloat],
        words: &[
            "ffprobe",
            "-v",
            "warning",
            "-show_entries",
            "stream=duration_ts",
            "-of",
            "csv=p=0",
            "F",
        ],
        finds: |subject, output| {
            let told = lines(output).concat();
            // Nothing lasts for no time.
            let due = match subject.frames() {
                0 => "N/A".to_owned(),
                frames => frames.to_string(),
            };
            (told != due).then(|| format!("it says {told}, not {due}"))
        },
    },
    Judge {
        name: "opusinfo",
        of: &[Opus],
        words: &["opusinfo", "F"],
        finds: |_, output| {
            let odd = complaint(output, &["WARNING", "ERROR", "Note:", "Error"]);
            odd.or_else(|| missing(output, "Logical stream 1 ended"))
        },
    },
    Judge {
        name: "opusdec",
        of: &[Opus],
        words: &["opusdec", "--quiet", "--rate", "48000", "--float", "F", "-"],
        finds: |subject, output| {
            // Three channels and more it mixes; there are none in a take.
            complaint(output, &[""]).or_else(|| heard(subject, &samples(output)))
        },
    },
    Judge {
        name: "oggz-validate",
        of: &[Opus],
        words: &["oggz-validate", "F"],
        finds: |_, output| complaint(output, &["rror", "must", "***", "illegal", "not", "packno"]),
    },
    Judge {
        name: "flac -t",
        of: &[Flac],
        words: &["flac", "-s", "-t", "F"],
        finds: |_, output| {
            // The sum of all samples is optional, and takes of a day have none.
            let lines = lines(output).into_iter();
            let mut odd = lines.filter(|line| !line.contains("cannot check MD5"));
            odd.next().or_else(|| complaint(output, &[]))
        },
    },
    Judge {
        name: "soxi",
        of: &[Flac, Wav, WavFloat],
        words: &["soxi", "F"],
        finds: |subject, output| {
            let odd = complaint(output, &["WARN", "FAIL"]);
            odd.or_else(|| missing(output, &format!("= {} samples", subject.frames())))
        },
    },
    Judge {
        name: "sndfile-info",
        of: &[Opus, Flac, Wav, WavFloat],
        words: &["sndfile-info", "F"],
        finds: |subject, output| {
            let told = |name: &str| {
                let lines = lines(output);
                let line = lines.iter().find_map(|line| line.strip_prefix(name));
                line.and_then(|rest| number(rest, ": "))
            };
            // Opus it plays at the rate of what was encoded.
            let frames = told("Frames").zip(told("Sample Rate"));
            let due = (subject.frames() as u64, u64::from(subject.rate));
            let fits = frames.is_some_and(|(frames, rate)| frames * due.1 == due.0 * rate);
            let wrong = (!fits).then(|| format!("{frames:?} samples and rate, not {due:?}"));
            // It tells both lengths and does not mind.
            let (riff, length) = (told("RIFF"), told("Length"));
            let torn = riff.is_some_and(|riff| Some(riff + 8) != length);
            let torn = torn.then(|| format!("a RIFF of {riff:?} in a file of {length:?}"));
            complaint(output, &["should be", "Error", "***", "arning"]).or(wrong).or(torn)
        },
    },
    Judge {
        name: "mediainfo",
        of: ALL,
        words: &["mediainfo", "--Full", "F"],
        finds: |subject, output| {
            let odd = ["Conformance", "IsTruncated", "Truncated", "Error", "rrors"];
            let odd = complaint(output, &odd).or_else(|| missing(output, "Audio"));
            // Of Ogg Opus it tells the rate of what was encoded.
            let rate = subject.rate.to_string();
            odd.or_else(|| missing(output, &rate).filter(|_| subject.container != Opus))
        },
    },
    Judge {
        name: "AtomicParsley",
        of: &[M4a, M4aOpus],
        words: &["AtomicParsley", "F", "-T"],
        finds: |subject, output| {
            let odd = complaint(output, &["rror", "invalid", "Warning", "warning"]);
            odd.or_else(|| missing(output, "Atom moov")).or_else(|| boxes(subject, output))
        },
    },
];

/// All of them, in the order of the tables.
pub(crate) fn all() -> impl Iterator<Item = &'static Judge> {
    JUDGES.iter()
}

/// The heads of their columns.
pub(crate) fn names(judges: &[&Judge]) -> String {
    judges.iter().fold(String::new(), |names, judge| names + "  " + judge.name)
}

impl Judge {
    pub(crate) fn judges(&self, container: Container) -> bool {
        self.of.contains(&container)
    }

    /// Whether it can judge a take of so many frames. ffmpeg plays nothing of an edit that
    /// begins and ends in one packet, which it is where Opus in MP4 is shorter than one.
    pub(crate) fn can(&self, container: Container, frames: u64) -> bool {
        const PACKET: u64 = 960 - 312;
        !(self.words.contains(&"-xerror") && container == M4aOpus && (1..=PACKET).contains(&frames))
    }

    /// Whether it is on this machine.
    pub(crate) fn is_here(&self) -> bool {
        program(self.words[0]).is_some_and(|program| {
            let mut command = Command::new(program);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok()
        })
    }

    /// What it finds wrong with a file, in its own words.
    pub(crate) fn finds(&self, subject: &Subject<'_>) -> Option<String> {
        let mut command = Command::new(program(self.words[0])?);
        for word in &self.words[1..] {
            let word = if *word == "F" { subject.path.as_os_str() } else { word.as_ref() };
            command.arg(word);
        }
        match command.stdin(Stdio::null()).output() {
            Ok(output) => (self.finds)(subject, &output),
            Err(error) => Some(error.to_string()),
        }
    }
}

/// Those on this machine. The others are named, and where all are wanted it is an error
/// that one is missing.
pub(crate) fn here() -> Vec<&'static Judge> {
    let (here, missing): (Vec<_>, Vec<_>) = all().partition(|judge| judge.is_here());
    for judge in &missing {
        println!("NOT JUDGED by {}: it is not on this machine", judge.name);
    }
    let all = std::env::var_os("TYMPAN_JUDGES").is_some_and(|judges| judges == "all");
    assert!(!all || missing.is_empty(), "all judges were wanted");
    here
}

/// What to start for the first word of a judge.
fn program(word: &'static str) -> Option<PathBuf> {
    if word == NEW { new_ffmpeg() } else { Some(word.into()) }
}

/// The one that `TYMPAN_FFMPEG` names, or that the Python package `imageio-ffmpeg` brings.
pub(crate) fn new_ffmpeg() -> Option<PathBuf> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let look = || {
        if let Some(named) = std::env::var_os("TYMPAN_FFMPEG") {
            return Some(named.into());
        }
        let tell = "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())";
        let told = Command::new("python3").args(["-c", tell]).output().ok()?;
        let path = String::from_utf8(told.stdout).ok()?;
        told.status.success().then(|| path.trim().into())
    };
    FOUND.get_or_init(look).clone()
}

fn lines(output: &Output) -> Vec<String> {
    let said = [&output.stderr[..], &output.stdout[..]].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    said.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// A line that complains, or that it failed. With an empty word every line of the error
/// output does; what it makes of the file is not asked then.
fn complaint(output: &Output, words: &[&str]) -> Option<String> {
    let lines = if words.contains(&"") {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        said.lines().map(str::to_owned).filter(|line| !line.trim().is_empty()).collect()
    } else {
        lines(output)
    };
    let odd = lines.iter().find(|line| words.iter().any(|word| line.contains(word)));
    let failed = || {
        let last = lines.last().cloned().unwrap_or_default();
        (!output.status.success()).then(|| format!("{}: {last}", output.status))
    };
    odd.cloned().or_else(failed)
}

fn missing(output: &Output, words: &str) -> Option<String> {
    let there = lines(output).iter().any(|line| line.contains(words));
    (!there).then(|| format!("it does not say `{words}`"))
}

/// What is wrong with a tree of boxes. It is told where each begins and ends, and nothing
/// is complained of; but boxes stand one behind the other, to the end of the file.
fn boxes(subject: &Subject<'_>, output: &Output) -> Option<String> {
    let mut ends: Vec<u64> = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).trim_start_matches('\u{feff}').lines() {
        let Some(name) = line.trim_start().strip_prefix("Atom ") else { continue };
        let Some((begin, end)) = number(line, " @ ").zip(number(line, "ends @ ")) else { continue };
        // Each level is some blanks further in. The end of the box before, at this level.
        let depth = (line.len() - line.trim_start().len()).div_ceil(4);
        let before = ends.get(depth).copied();
        if before.is_some_and(|before| before != begin) {
            return Some(format!("`{}` does not begin where a box ends", &name[..4]));
        }
        ends.resize(depth, end);
        ends.push(end);
    }
    let length = subject.path.metadata().ok()?.len();
    (ends.first() != Some(&length)).then(|| format!("the boxes end at {ends:?}, not {length}"))
}

/// The number behind these words.
fn number(line: &str, words: &str) -> Option<u64> {
    let number = line.split_once(words)?.1;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// What ffmpeg complains of.
fn player(output: &Output) -> Option<String> {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // Where there is nothing to play it says so, and names of channels may be its guess.
    let fine = ["Output file is empty", "Output file does not contain", "Guessed Channel Layout"];
    let mut odd = said
        .lines()
        .filter(|line| !line.trim().is_empty() && !fine.iter().any(|fine| line.contains(fine)));
    let failed = (!output.status.success()).then(|| output.status.to_string());
    odd.next().map(str::to_owned).or(failed)
}

fn samples(output: &Output) -> Vec<f32> {
    output.stdout.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// What is wrong with what was heard.
fn heard(subject: &Subject<'_>, heard: &[f32]) -> Option<String> {
    let due = subject.samples;
    let channels = usize::from(subject.channels);
    if heard.len() != due.len() {
        let (heard, due) = (heard.len() / channels, due.len() / channels);
        return Some(format!("{heard} samples, not {due}"));
    }
    let differs = |at: usize, why: &str| Some(format!("sample {}: {why}", at / channels));
    match subject.container {
        WavFloat => {
            let at = heard.iter().zip(due).position(|(heard, due)| heard != due)?;
            differs(at, &format!("{} is not {}", heard[at], due[at]))
        }
        Wav | Flac => {
            let at = heard.iter().zip(due).position(|(heard, due)| !is_16_bit(*heard, *due))?;
            differs(at, &format!("{} is not {}", heard[at], due[at]))
        }
        _ => moved(heard, due, channels),
    }
}

/// Whether this is what 16 bits hold of a sample: itself where they can, else a
/// neighbour.
fn is_16_bit(heard: f32, due: f32) -> bool {
    const STEP: f32 = 1.0 / 32_768.0;
    let exact = (due / STEP).fract() == 0.0 && due < 1.0;
    if exact { heard == due } else { (heard - due).abs() <= STEP }
}

/// How far a coded sound lies from where it was, if it is not there: what fits best in a
/// loud stretch of a quarter of a second. Where it is as good as silent nobody can tell.
fn moved(heard: &[f32], due: &[f32], channels: usize) -> Option<String> {
    const FAR: usize = 480;
    const LONG: usize = 12_000;
    const NEAR: i64 = 12;
    // Without what is below 150 Hz, which encoders of speech take away and turn.
    let mono = |samples: &[f32]| -> Vec<f64> {
        let (mut before, mut high) = (0.0, 0.0);
        let frames = samples.chunks_exact(channels).map(|frame| f64::from(frame[0]));
        frames
            .map(|sample| {
                high = 0.98 * (high + sample - before);
                before = sample;
                high
            })
            .collect()
    };
    let (heard, due) = (mono(heard), mono(due));
    if due.len() < LONG + 2 * FAR {
        return None;
    }
    let energy = |from: usize| due[from..from + LONG].iter().map(|x| x * x).sum::<f64>();
    let places = (FAR..due.len() - LONG - FAR).step_by(LONG / 4);
    let from = places.max_by(|one, other| energy(*one).total_cmp(&energy(*other)))?;
    // -40 dB.
    if energy(from) < LONG as f64 * 1e-4 {
        return None;
    }
    let fits = |shift: i64| {
        let start = (from as i64 + shift) as usize;
        let heard = &heard[start..start + LONG];
        let pairs = heard.iter().zip(&due[from..from + LONG]);
        let alike = pairs.map(|(one, other)| one * other).sum::<f64>();
        alike / heard.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-9)
    };
    let far = FAR as i64;
    let best = (-far..=far).max_by(|one, other| fits(*one).total_cmp(&fits(*other)))?;
    // A tone fits at many places nearly as well.
    let surely = fits(best) > 1.02 * fits(0);
    (best.abs() > NEAR && surely).then(|| format!("it is late by {best} samples"))
}
