//! What a recogniser makes of the taps that a graph can offer it: word errors of
//! pocketsphinx over all transcribed recordings, which come in from a device at 48 kHz.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dasp_sample::Sample;
use tympan::Format;

use crate::figure::Figure;
use crate::recordings::{RATE, Recordings};
use crate::through::through;

/// A tap: its name, and what stands in front of it on a device of 48 kHz.
const TAPS: [(&str, &str); 5] = [
    ("clean", DOWN),
    (
        "suppress, 6 dB",
        "kind = \"resample\"\nrate = 16000\n[[node]]\nkind = \"suppress\"\nlevel = \"6dB\"",
    ),
    (
        "suppress, 12 dB",
        "kind = \"resample\"\nrate = 16000\n[[node]]\nkind = \"suppress\"\nlevel = \"12dB\"",
    ),
    (
        "suppress, 21 dB",
        "kind = \"resample\"\nrate = 16000\n[[node]]\nkind = \"suppress\"\nlevel = \"21dB\"",
    ),
    ("denoise", "kind = \"denoise\"\n[[node]]\nkind = \"resample\"\nrate = 16000"),
];
const DOWN: &str = "kind = \"resample\"\nrate = 16000";
const UP: &str = "kind = \"resample\"\nrate = 48000";

const DIGITS: &str = "#JSGF V1.0;\ngrammar digits;\npublic <digit> = zero | one | two | three | four | five | six | seven | eight | nine;\n";

/// What was said in a recording.
struct Said {
    file: String,
    digits: bool,
    words: Vec<String>,
}

pub(crate) fn evaluate() -> Result<Vec<Figure>, String> {
    let recordings = Recordings::find()?;
    let said = said(&recordings)?;
    let words: usize = said.iter().map(|s| s.words.len()).sum();
    let mut judge = Judge::new()?;
    println!(
        "{} recordings, {words} words\n\n| tap | word errors | rate |\n|---|---|---|",
        said.len()
    );
    let mut errors = vec![0; TAPS.len() + 1];
    for one in &said {
        let untouched = recordings.samples(&one.file)?;
        let device = through(UP, Format::mono(RATE), &untouched)?;
        errors[0] += judge.errors(one, &untouched)?;
        for ((_, nodes), sum) in TAPS.iter().zip(&mut errors[1..]) {
            *sum += judge.errors(one, &through(nodes, Format::mono(48_000), &device)?)?;
        }
    }
    let rate = |errors: usize| errors as f64 * 100.0 / words as f64;
    let names = std::iter::once("untouched").chain(TAPS.iter().map(|(name, _)| *name));
    let mut figures = Vec::new();
    for (i, (name, &errors_here)) in names.zip(&errors).enumerate() {
        println!("| {name} | {errors_here} | {:.1} % |", rate(errors_here));
        let what = format!("word errors, {name}");
        figures.push(if i == 1 {
            Figure::at_most(rate(errors[0]), what, rate(errors_here)).unit(" %")
        } else {
            Figure::told(what, rate(errors_here)).unit(" %")
        });
    }
    Ok(figures)
}

/// The lines of `transcripts.tsv` that name WAV files.
fn said(recordings: &Recordings) -> Result<Vec<Said>, String> {
    let text = recordings.text("transcripts.tsv")?;
    let mut said = Vec::new();
    for line in text.lines().skip(1) {
        let [file, grammar, words] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(format!("transcripts.tsv has a line without three fields: {line}"));
        };
        match file.strip_suffix(".wav") {
            Some(file) => said.push(Said {
                file: file.to_owned(),
                digits: grammar == "digits",
                words: words.split_whitespace().map(str::to_owned).collect(),
            }),
            None => println!("not heard: {file} is no WAV file"),
        }
    }
    Ok(said)
}

/// The recogniser, and where it finds its files.
struct Judge {
    folder: PathBuf,
}

impl Judge {
    fn new() -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("tympan-words-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        fs::write(folder.join("digits.gram"), DIGITS).map_err(|e| e.to_string())?;
        Ok(Self { folder })
    }

    /// Words that are wrong, missing or too many in what it understands.
    fn errors(&mut self, said: &Said, samples: &[f32]) -> Result<usize, String> {
        let path = self.folder.join("heard.wav");
        write(&path, samples).map_err(|e| e.to_string())?;
        let mut call = Command::new("pocketsphinx_continuous");
        call.arg("-infile").arg(&path).args(["-logfn", "/dev/null"]);
        if said.digits {
            call.arg("-jsgf").arg(self.folder.join("digits.gram"));
        }
        let out = call.output().map_err(|e| {
            format!("pocketsphinx_continuous does not run ({e}); install pocketsphinx and its en-us model")
        })?;
        if !out.status.success() {
            return Err(format!("pocketsphinx_continuous on {}: {}", said.file, out.status));
        }
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let heard: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Ok(distance(&said.words, &heard))
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        // A folder that stays behind in the system's place for such is no harm.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A file with the plainest header there is: the recogniser knows no other.
fn write(path: &Path, samples: &[f32]) -> std::io::Result<()> {
    let data: Vec<u8> = samples.iter().flat_map(|x| x.to_sample::<i16>().to_le_bytes()).collect();
    let length = data.len() as u32;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(RATE.to_le_bytes());
    file.extend((2 * RATE).to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(length.to_le_bytes());
    file.extend(data);
    fs::write(path, file)
}

/// The fewest words to change, add or take away.
fn distance(said: &[String], heard: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, word) in said.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in heard.iter().enumerate() {
            let cheapest = (diagonal + usize::from(word != other)).min(row[j].min(row[j + 1]) + 1);
            diagonal = std::mem::replace(&mut row[j + 1], cheapest);
        }
    }
    row[heard.len()]
}
