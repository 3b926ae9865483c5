//! A graph from a file, or from standard input.

use std::io::Read;
use std::path::Path;

use tympan::{Graph, Registry};

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
    if !is_dash(path) {
        return Ok(Graph::from_file(path, registry)?);
    }
    let cannot = |why: String| {
        Failure::new(Exit::Config, format!("no graph can be read from standard input: {why}"))
    };
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| cannot(error.to_string()))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(cannot(format!("it is larger than {} KiB", MOST_BYTES >> 10)));
    }
    let text = String::from_utf8(bytes).map_err(|_| cannot("it is not text".to_owned()))?;
    Ok(Graph::named(&name(path), &text, registry)?)
}
