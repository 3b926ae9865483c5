//! A graph from a file, or from standard input.

use std::io::Read;
use std::path::Path;

use tympan::{Graph, GraphError, Registry};

use crate::exit::{Exit, Failure};

/// What stands for standard input and output on the command line.
const DASH: &str = "-";

/// Larger than any graph that a person writes.
const MOST_BYTES: u64 = 1 << 20;

pub(crate) fn is_dash(path: &Path) -> bool {
    path.as_os_str() == DASH
}

/// What messages call it.
pub(crate) fn name(path: &Path) -> String {
    if is_dash(path) { "standard input".to_owned() } else { path.display().to_string() }
}

pub(crate) fn load(path: &Path, registry: &Registry) -> Result<Graph, Failure> {
    if is_audio(path) {
        return Err(audio_first(path));
    }
    if let Some(near) = near(path) {
        let message = format!("`{}` is no graph: there is no such file", path.display());
        return Err(Failure::new(Exit::Config, message)
            .code("T0107")
            .help(format!("did you mean `{near}`?")));
    }
    if !is_dash(path) {
        return Ok(Graph::from_file(path, registry)?);
    }
    Ok(Graph::named(&name(path), &text(path)?, registry)?)
}

/// The file beside one that is not there which was most likely meant.
pub(crate) fn near(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy();
    if is_dash(path) || path.exists() {
        return None;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.take(1_000).collect();
    names.sort();
    let near = GraphError::nearest_of(&name, names.iter().map(String::as_str))?;
    Some(path.with_file_name(near).display().to_string())
}

/// Audio stands where a graph should.
pub(crate) fn audio_first(path: &Path) -> Failure {
    let shown = path.display();
    Failure::new(Exit::Config, format!("`{shown}` is audio, and a graph comes first"))
        .code("T0107")
        .help(format!("to run a graph over it: `tympan run GRAPH {shown}`"))
}

/// Whether its name is that of audio.
pub(crate) fn is_audio(path: &Path) -> bool {
    const NAMES: [&str; 12] =
        ["wav", "m4a", "mp4", "mp3", "opus", "ogg", "flac", "aac", "aiff", "caf", "webm", "mka"];
    let end = path.extension().map(|end| end.to_string_lossy().to_lowercase());
    end.is_some_and(|end| NAMES.contains(&end.as_str()))
}

/// What is written there.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    let name = name(path);
    let cannot = |why: String| {
        Failure::new(Exit::Config, format!("no graph can be read from {name}: {why}")).code("T0107")
    };
    let input: Box<dyn Read> = if is_dash(path) {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).map_err(|error| cannot(error.to_string()))?)
    };
    let mut bytes = Vec::new();
    let read = input.take(MOST_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| cannot(error.to_string()))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(cannot(format!("it is larger than {} KiB", MOST_BYTES >> 10)));
    }
    String::from_utf8(bytes).map_err(|_| cannot("it is not text".to_owned()))
}
