//! The files that outputs are written to.
//!
//! Nothing is overwritten unasked, and nothing is created until it is clear that all of
//! it may be. Headers are made true every second, so that a killed program leaves files
//! that can be read up to there.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tympan::backend::wav::{SampleType, WavWriter};
use tympan::core::OutputInfo;

use crate::exit::{Exit, Failure};
use crate::graph_file;

/// The files of all outputs, in their order.
#[derive(Default)]
pub(crate) struct Files {
    files: Vec<OutputFile>,
}

/// Where files go.
pub(crate) struct Target<'a> {
    pub(crate) folder: &'a Path,
    /// What their names begin with, before the output's own.
    pub(crate) prefix: &'a str,
    /// Whether they may replace others.
    pub(crate) force: bool,
    /// The one file that is never written to.
    pub(crate) input: Option<&'a Path>,
}

struct OutputFile {
    output: String,
    path: PathBuf,
    rate: u32,
    frames: u64,
    /// Frames at the last flush.
    flushed: u64,
    writer: Writer,
}

enum Writer {
    Wav(WavWriter),
    Packets { file: BufWriter<fs::File>, packets: u64 },
}

impl Files {
    /// A file for each output.
    pub(crate) fn create(target: &Target<'_>, outputs: &[OutputInfo]) -> Result<Self, Failure> {
        let &Target { folder, prefix, force, input } = target;
        if graph_file::is_dash(folder) {
            return Err(Failure::new(Exit::Usage, "outputs cannot go to standard output")
                .help("--out takes a folder; one that is called `-` is written `./-`"));
        }
        let path = |output| folder.join(format!("{prefix}{}", file_name(output)));
        let paths: Vec<PathBuf> = outputs.iter().map(path).collect();
        for (i, output) in outputs.iter().enumerate() {
            check_name(output, &outputs[..i])?;
            check_target(&paths[i], force, input)?;
        }
        if !outputs.is_empty() {
            fs::create_dir_all(folder).map_err(|error| no_folder(folder, &error))?;
        }
        let mut made = Self::default();
        for (output, path) in outputs.iter().zip(paths) {
            match OutputFile::create(output, path, force) {
                Ok(file) => made.files.push(file),
                Err(failure) => {
                    made.abandon(force);
                    return Err(failure);
                }
            }
        }
        Ok(made)
    }

    /// Another one failed: takes away those that were not there before.
    fn abandon(self, force: bool) {
        for file in self.files.into_iter().filter(|_| !force) {
            let OutputFile { path, writer, .. } = file;
            drop(writer);
            // It is empty; what happens to it is not worth a second message.
            let _ = fs::remove_file(path);
        }
    }

    /// Writes interleaved samples of output `output`, if it has a file.
    pub(crate) fn samples(&mut self, output: usize, samples: &[f32]) -> Result<(), Failure> {
        let Some(file) = self.files.get_mut(output) else { return Ok(()) };
        let Writer::Wav(wav) = &mut file.writer else { return Ok(()) };
        wav.write(samples).map_err(|error| Failure::new(Exit::Lost, error.message))?;
        file.frames = wav.frames();
        file.tend()
    }

    /// Writes a packet that stands for `frames` frames.
    pub(crate) fn packet(
        &mut self,
        output: usize,
        frames: u32,
        bytes: &[u8],
    ) -> Result<(), Failure> {
        let Some(file) = self.files.get_mut(output) else { return Ok(()) };
        let Writer::Packets { file: to, packets } = &mut file.writer else { return Ok(()) };
        let length = (bytes.len() as u32).to_le_bytes();
        let written = to.write_all(&length).and_then(|()| to.write_all(bytes));
        written.map_err(|error| lost(&file.path, &error))?;
        *packets += 1;
        file.frames += u64::from(frames);
        file.tend()
    }

    /// Makes every file complete. All are tried; the first failure is told.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        let mut outcome = Ok(());
        for file in &mut self.files {
            outcome = outcome.and(file.flush());
        }
        outcome
    }

    /// Each file as data.
    pub(crate) fn data(&self) -> Value {
        let files = self.files.iter().map(|file| {
            let mut json = json!({
                "output": file.output,
                "path": file.path.display().to_string(),
                "frames": file.frames,
            });
            if let Writer::Packets { packets, .. } = file.writer {
                json["packets"] = packets.into();
            }
            json
        });
        files.collect()
    }

    /// Each file as a sentence.
    pub(crate) fn texts(&self) -> impl Iterator<Item = String> {
        self.files.iter().map(|file| {
            let seconds = file.frames as f64 / f64::from(file.rate);
            let path = file.path.display();
            match file.writer {
                Writer::Wav(_) => format!("wrote {path}: {} frames, {seconds:.2} s", file.frames),
                Writer::Packets { packets, .. } => {
                    format!("wrote {path}: {packets} packets, {seconds:.2} s, length before each")
                }
            }
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

impl OutputFile {
    fn create(output: &OutputInfo, path: PathBuf, force: bool) -> Result<Self, Failure> {
        let writer = if output.packet > 0 {
            let mut options = fs::OpenOptions::new();
            options.write(true).create_new(!force).create(true).truncate(force);
            let file = options.open(&path).map_err(|error| {
                Failure::new(
                    Exit::Device,
                    format!("`{}` cannot be created: {error}", path.display()),
                )
            })?;
            Writer::Packets { file: BufWriter::new(file), packets: 0 }
        } else {
            Writer::Wav(WavWriter::create(&path, output.format, SampleType::F32, force)?)
        };
        let (rate, output) = (output.format.rate, output.name.clone());
        Ok(Self { output, path, rate, frames: 0, flushed: 0, writer })
    }

    /// Flushes once a second of audio.
    fn tend(&mut self) -> Result<(), Failure> {
        if self.frames - self.flushed < u64::from(self.rate) {
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.flushed = self.frames;
        match &mut self.writer {
            Writer::Wav(wav) => {
                wav.flush().map_err(|error| Failure::new(Exit::Lost, error.message))
            }
            Writer::Packets { file, .. } => file.flush().map_err(|error| lost(&self.path, &error)),
        }
    }
}

fn lost(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Lost, format!("writing `{}` failed: {error}", path.display()))
}

fn file_name(output: &OutputInfo) -> String {
    format!("{}.{}", output.name, if output.packet > 0 { "bin" } else { "wav" })
}

/// A graph may come from anywhere: its names are no paths, and no two of them may become
/// one file, also where a disk takes `Voice` and `voice` for the same.
fn check_name(output: &OutputInfo, before: &[OutputInfo]) -> Result<(), Failure> {
    let name = &output.name;
    let bad = |c: char| c.is_control() || "/\\:*?\"<>|".contains(c);
    if name.contains(bad) {
        return Err(Failure::new(
            Exit::Config,
            format!("output `{}` cannot be the name of a file", name.escape_debug()),
        )
        .help("rename it in the graph: letters, digits, `-` and `_` are safe"));
    }
    let same = |o: &&OutputInfo| file_name(o).to_lowercase() == file_name(output).to_lowercase();
    match before.iter().find(same) {
        Some(other) => Err(Failure::new(
            Exit::Config,
            format!("outputs `{}` and `{name}` could be one and the same file", other.name),
        )
        .help("rename one of them in the graph, by more than its case")),
        None => Ok(()),
    }
}

fn check_target(path: &Path, force: bool, input: Option<&Path>) -> Result<(), Failure> {
    let whole = |path: &Path| fs::canonicalize(path).ok();
    let is_input = whole(path).is_some_and(|path| input.and_then(whole) == Some(path));
    let shown = path.display();
    if is_input {
        return Err(Failure::new(
            Exit::Usage,
            format!("`{shown}` is the input; writing to it would destroy it"),
        )
        .help("give another folder with --out"));
    }
    if !force && path.symlink_metadata().is_ok() {
        return Err(Failure::new(Exit::Usage, format!("`{shown}` exists already"))
            .help("give another folder with --out, or overwrite with --force"));
    }
    Ok(())
}

fn no_folder(folder: &Path, error: &io::Error) -> Failure {
    let shown = folder.display();
    if folder.is_file() {
        return Failure::new(Exit::Device, format!("`{shown}` is a file, not a folder"))
            .help("--out takes a folder; the files in it are named after the outputs");
    }
    Failure::new(Exit::Device, format!("folder `{shown}` cannot be made: {error}"))
        .help("give a folder of your own with --out")
}
