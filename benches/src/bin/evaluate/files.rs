//! Files of Opus, as long as what was recorded? Judged by programs that others use.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tympan::backend::file::File;
use tympan::take::OutputFile;
use tympan::{Backend, Event, Format, Graph, Header, Planar, Sink, registry, render};

use crate::figure::Figure;
use crate::recordings;

/// What the judges say of one file.
struct Verdict {
    /// Samples of each channel that were to be in it, and those that are said to be.
    samples: u64,
    told: u64,
    opusdec: u64,
    ffmpeg: u64,
    /// Lines of `opusinfo` that find something.
    warnings: Vec<String>,
}

pub(crate) fn evaluate() -> Result<Vec<Figure>, String> {
    let folder = std::env::temp_dir().join(format!("tympan-files-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|e| format!("`{}`: {e}", folder.display()))?;
    let verdicts = judge_all(&folder.join("it.opus"));
    // Nothing of value is in it.
    let _ = fs::remove_dir_all(&folder);
    let (heard, unreadable) = verdicts?;
    let off = |of: fn(&Verdict) -> u64| heard.iter().filter(|v| of(v) != v.samples).count() as f64;
    Ok(vec![
        Figure::told("recordings written as Opus", heard.len() as f64),
        Figure::told("recordings that cannot be read", unreadable as f64),
        Figure::at_most(0.0, "files off by any sample, as the writer says", off(|v| v.told)),
        Figure::at_most(0.0, "files off by any sample for opusdec", off(|v| v.opusdec)),
        Figure::at_most(0.0, "files off by any sample for ffmpeg", off(|v| v.ffmpeg)),
        Figure::at_most(
            0.0,
            "warnings of opusinfo",
            heard.iter().map(|v| v.warnings.len() as f64).sum(),
        ),
    ])
}

/// A verdict for every recording that can be read, and how many cannot.
fn judge_all(opus: &Path) -> Result<(Vec<Verdict>, usize), String> {
    let (mut verdicts, mut unreadable) = (Vec::new(), 0);
    for path in recordings::all()? {
        let Ok(mut file) = File::open(&path) else {
            unreadable += 1;
            continue;
        };
        let name = path.display();
        let verdict = judge(&mut file, opus).map_err(|why| format!("`{name}`: {why}"))?;
        let Verdict { samples, told, opusdec, ffmpeg, .. } = verdict;
        if [told, opusdec, ffmpeg] != [samples; 3] {
            println!("{name}: {samples} samples; told {told}, opusdec {opusdec}, ffmpeg {ffmpeg}");
        }
        for warning in &verdict.warnings {
            println!("{name}: {warning}");
        }
        verdicts.push(verdict);
    }
    Ok((verdicts, unreadable))
}

fn judge(file: &mut File, opus: &Path) -> Result<Verdict, String> {
    let device = file.format().map_err(|e| e.to_string())?;
    let graph = Graph::from_toml(&graph(device), &registry()).map_err(|e| e.to_string())?;
    let plan = graph.plan(device).map_err(|e| e.to_string())?;
    let output = &plan.outputs()[0];
    let written = OutputFile::create(opus, output, true).map_err(|e| e.to_string())?;
    let mut written = Written(written, Ok(()));
    let rendered = render(&graph, file, &mut written).map_err(|e| e.to_string())?;
    let Written(mut file, outcome) = written;
    outcome.and_then(|()| file.finish()).map_err(|e| e.to_string())?;

    let Format { rate, channels } = output.format;
    let frames = (rendered.books.pushed * u64::from(rate)).div_ceil(device.rate.into());
    let path = opus.display().to_string();
    let decoded = |program: &str, args: &[&str]| {
        Ok::<_, String>(call(program, args)?.stdout.len() as u64 / 2 / u64::from(channels))
    };
    Ok(Verdict {
        samples: frames * 48_000 / u64::from(rate),
        told: file.frames(),
        opusdec: decoded("opusdec", &["--quiet", "--rate", "48000", &path, "-"])?,
        ffmpeg: decoded("ffmpeg", &["-nostdin", "-v", "error", "-i", &path, "-f", "s16le", "-"])?,
        warnings: warnings(&call("opusinfo", &[&path])?),
    })
}

/// Opus at the device's own rate, or at 48 kHz where Opus has not that; all channels, or
/// one where there are more than two.
fn graph(device: Format) -> String {
    let mut text = String::new();
    if device.channels > 2 {
        text += "[[node]]\nkind = \"mix\"\nchannels = 1\n";
    }
    if ![8_000, 12_000, 16_000, 24_000, 48_000].contains(&device.rate) {
        text += "[[node]]\nkind = \"resample\"\nrate = 48000\n";
    }
    text + "[[node]]\nkind = \"opus\"\n[[output]]\nname = \"speech\"\n"
}

fn warnings(output: &Output) -> Vec<String> {
    let said = String::from_utf8_lossy(&output.stdout);
    let odd = |line: &&str| ["WARNING", "ERROR", "Note:"].iter().any(|word| line.contains(word));
    said.lines().filter(odd).map(|line| line.trim().to_owned()).collect()
}

fn call(program: &str, args: &[&str]) -> Result<Output, String> {
    let output = Command::new(program).args(args).output();
    let output = output.map_err(|e| format!("`{program}` is needed as a judge: {e}"))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(format!("`{program}` fails: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// The file that packets go to, and what became of it.
struct Written(OutputFile, Result<(), tympan::BackendError>);

impl Sink for Written {
    fn audio(&mut self, _: usize, _: &Header, _: Planar<'_>) {}

    fn packet(&mut self, _: usize, header: &Header, bytes: &[u8]) {
        if self.1.is_ok() {
            self.1 = self.0.packet(header, bytes);
        }
    }

    fn event(&mut self, _: Event) {}
}
