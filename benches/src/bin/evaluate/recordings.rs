//! The recordings, and how they are read: through our own reader and `resample`.

use std::fs;
use std::path::{Path, PathBuf};

use tympan::backend::file::File;
use tympan::{Graph, registry, render};

use crate::span::{Span, labels};
use crate::through::Kept;

/// The rate at which everything here is heard.
pub(crate) const RATE: u32 = 16_000;

/// A folder of recordings.
pub(crate) struct Recordings(PathBuf);

/// A recording, and where in it somebody speaks.
pub(crate) struct Labelled {
    pub(crate) name: String,
    pub(crate) samples: Vec<f32>,
    pub(crate) speech: Vec<Span>,
}

impl Recordings {
    /// Where `TYMPAN_AUDIO` says, or beside the repository.
    pub(crate) fn find() -> Result<Self, String> {
        let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/audio");
        let folder = std::env::var_os("TYMPAN_AUDIO").map_or_else(beside, PathBuf::from);
        if folder.is_dir() {
            return Ok(Self(folder));
        }
        Err(format!(
            "the recordings are not in `{}`; name their folder in TYMPAN_AUDIO",
            folder.display()
        ))
    }

    /// The names of the WAV files in a folder, without their endings. Files of other
    /// sorts are named on screen, so that nobody takes them for heard.
    pub(crate) fn names(&self, folder: &str) -> Result<Vec<String>, String> {
        let path = self.0.join(folder);
        let entries = fs::read_dir(&path).map_err(|e| format!("`{}`: {e}", path.display()))?;
        let mut names = Vec::new();
        for entry in entries {
            let path = entry.map_err(|e| e.to_string())?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            match path.extension().and_then(|e| e.to_str()) {
                Some("wav") => names.push(name),
                Some("lab") => {}
                _ => println!("not heard: `{}` is no WAV file", path.display()),
            }
        }
        names.sort();
        Ok(names)
    }

    /// All samples of a WAV file, mono at [`RATE`].
    pub(crate) fn samples(&self, file: &str) -> Result<Vec<f32>, String> {
        let path = self.0.join(file).with_extension("wav");
        read(&path).map_err(|why| format!("`{}`: {why}", path.display()))
    }

    /// The recordings in `vad` that have labels.
    pub(crate) fn labelled(&self) -> Result<Vec<Labelled>, String> {
        let names = self.names("vad")?;
        let noisy = names.into_iter().filter(|n| !n.ends_with("-clean"));
        noisy.map(|name| self.one(&format!("vad/{name}"), name)).collect()
    }

    /// A text file.
    pub(crate) fn text(&self, file: &str) -> Result<String, String> {
        let path = self.0.join(file);
        fs::read_to_string(&path).map_err(|e| format!("`{}`: {e}", path.display()))
    }

    fn one(&self, file: &str, name: String) -> Result<Labelled, String> {
        let path = self.0.join(file).with_extension("lab");
        let text = fs::read_to_string(&path).map_err(|e| format!("`{}`: {e}", path.display()))?;
        let speech = labels(&text).map_err(|why| format!("`{}`: {why}", path.display()))?;
        Ok(Labelled { samples: self.samples(file)?, speech, name })
    }
}

/// The recordings that come with this repository.
pub(crate) fn ours() -> Result<Vec<Labelled>, String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/audio");
    let here = Recordings(folder);
    here.names(".")?.into_iter().map(|name| here.one(&name.clone(), name)).collect()
}

/// The paths of all WAV files, wherever they lie, ours among them.
pub(crate) fn all() -> Result<Vec<PathBuf>, String> {
    let ours = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/audio");
    let mut folders = vec![ours, Recordings::find()?.0];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|e| format!("`{}`: {e}", folder.display()))?;
        for entry in entries {
            let path = entry.map_err(|e| e.to_string())?.path();
            match path.extension().and_then(|e| e.to_str()) {
                _ if path.is_dir() => folders.push(path),
                Some("wav") => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<Vec<f32>, String> {
    let text = format!(
        "[[node]]\nkind = \"mix\"\nchannels = 1\n[[node]]\nkind = \"resample\"\nrate = {RATE}\n[[output]]\nname = \"all\""
    );
    let graph = Graph::from_toml(&text, &registry()).map_err(|e| e.to_string())?;
    let mut file = File::open(path).map_err(|e| e.to_string())?;
    let mut kept = Kept(Vec::new());
    render(&graph, &mut file, &mut kept).map_err(|e| e.to_string())?;
    Ok(kept.0)
}
