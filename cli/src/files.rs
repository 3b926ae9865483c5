//! The files that outputs are written to.
//!
//! Nothing is overwritten unasked, and nothing is created until it is clear that all of
//! it may be. Headers are made true every second, so that a killed program leaves files
//! that can be read up to there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tympan::take::OutputFile;
use tympan::{BackendError, Header, OutputInfo};

use crate::exit::{Exit, Failure};
use crate::graph_file;

/// The files of all outputs, in their order.
#[derive(Default)]
pub(crate) struct Files {
    files: Vec<Open>,
}

/// Where files go.
pub(crate) struct Target<'a> {
    pub(crate) folder: &'a Path,
    /// Whether they may replace others.
    pub(crate) force: bool,
    /// The one file that is never written to.
    pub(crate) input: Option<&'a Path>,
}

/// A file that is being written.
struct Open {
    output: String,
    path: PathBuf,
    /// Packets in it; none where it takes samples.
    packets: Option<u64>,
    /// Frames at the last flush.
    flushed: u64,
    file: OutputFile,
}

impl Files {
    /// A file for each output.
    pub(crate) fn create(target: &Target<'_>, outputs: &[OutputInfo]) -> Result<Self, Failure> {
        let &Target { folder, force, input } = target;
        if graph_file::is_dash(folder) {
            return Err(Failure::new(Exit::Usage, "outputs cannot go to standard output")
                .code("T0812")
                .help("--out takes a folder; one that is called `-` is written `./-`"));
        }
        let path = |output| folder.join(file_name(output));
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
            match Open::create(output, path, force) {
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
            let Open { path, file, .. } = file;
            drop(file);
            // It is empty; what happens to it is not worth a second message.
            let _ = fs::remove_file(path);
        }
    }

    /// Writes interleaved samples of output `output`, if it has a file.
    pub(crate) fn samples(&mut self, output: usize, samples: &[f32]) -> Result<(), Failure> {
        let Some(open) = self.files.get_mut(output) else { return Ok(()) };
        open.file.samples(samples).map_err(lost)?;
        open.tend()
    }

    /// Writes a packet of output `output`, if it has a file.
    pub(crate) fn packet(
        &mut self,
        output: usize,
        header: &Header,
        bytes: &[u8],
    ) -> Result<(), Failure> {
        let Some(open) = self.files.get_mut(output) else { return Ok(()) };
        open.file.packet(header, bytes).map_err(lost)?;
        open.packets = open.packets.map(|n| n + u64::from(!bytes.is_empty()));
        open.tend()
    }

    /// Makes every file complete. All are tried; the first failure is told.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        let mut outcome = Ok(());
        for open in &mut self.files {
            outcome = outcome.and(open.file.finish().map_err(lost));
        }
        outcome
    }

    /// Each file as data.
    pub(crate) fn data(&self) -> Value {
        let files = self.files.iter().map(|open| {
            let mut json = json!({
                "output": open.output,
                "path": open.path.display().to_string(),
                "rate": open.file.rate(),
                "frames": open.file.frames(),
                "bytes": open.bytes(),
            });
            if let Some(packets) = open.packets {
                json["packets"] = packets.into();
            }
            json
        });
        files.collect()
    }

    /// Each file as a sentence.
    pub(crate) fn texts(&self) -> impl Iterator<Item = String> {
        self.files.iter().map(|open| {
            let frames = open.file.frames();
            let seconds = frames as f64 / f64::from(open.file.rate());
            let bytes = open.bytes();
            format!("wrote {}: {seconds:.2} s, {frames} frames, {bytes} bytes", open.path.display())
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

impl Open {
    fn create(output: &OutputInfo, path: PathBuf, force: bool) -> Result<Self, Failure> {
        let file = OutputFile::create(&path, output, force)?;
        let packets = (output.packet > 0).then_some(0);
        Ok(Self { output: output.name.clone(), path, packets, flushed: 0, file })
    }

    /// Flushes once a second of audio.
    fn tend(&mut self) -> Result<(), Failure> {
        let frames = self.file.frames();
        if frames - self.flushed < u64::from(self.file.rate()) {
            return Ok(());
        }
        self.flushed = frames;
        self.file.flush().map_err(lost)
    }

    /// Its length on disk, as far as it can be told.
    fn bytes(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |file| file.len())
    }
}

fn lost(error: BackendError) -> Failure {
    Failure::new(Exit::Lost, error.message)
}

fn file_name(output: &OutputInfo) -> String {
    format!("{}.{}", output.name, OutputFile::extension(output))
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
        .code("T0815")
        .help("rename it in the graph: letters, digits, `-` and `_` are safe"));
    }
    let same = |o: &&OutputInfo| file_name(o).to_lowercase() == file_name(output).to_lowercase();
    match before.iter().find(same) {
        Some(other) => Err(Failure::new(
            Exit::Config,
            format!("outputs `{}` and `{name}` could be one and the same file", other.name),
        )
        .code("T0815")
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
        .code("T0814")
        .help("give another folder with --out"));
    }
    if !force && path.symlink_metadata().is_ok() {
        return Err(Failure::new(Exit::Usage, format!("`{shown}` exists already"))
            .code("T0811")
            .help("give another folder with --out, or overwrite with --force"));
    }
    Ok(())
}

fn no_folder(folder: &Path, error: &io::Error) -> Failure {
    let shown = folder.display();
    if folder.is_file() {
        return Failure::new(Exit::Device, format!("`{shown}` is a file, not a folder"))
            .code("T0813")
            .help("--out takes a folder; the files in it are named after the outputs");
    }
    Failure::new(Exit::Device, format!("folder `{shown}` cannot be made: {error}"))
        .code("T0813")
        .help("give a folder of your own with --out")
}
