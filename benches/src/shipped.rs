//! The graphs that ship, and what a block of theirs may take.

use std::path::Path;

use tympan::{Format, Graph, registry};

/// The device that they are measured with.
pub const DEVICE: Format = Format::mono(48_000);
/// Frames that it delivers at once.
pub const FRAMES: [usize; 4] = [128, 256, 480, 1024];

/// The one table of budgets: what the worst block may take of its time, in percent, at each
/// of [`FRAMES`].
///
/// A block is short at 128 frames, and a packet that falls into it costs the same, so the
/// share grows. They are goals, by what the kernels cost, with room for slower cores.
pub const BUDGETS: [(&str, [f64; 4]); 8] = [
    ("archive", [20.0, 10.0, 6.0, 3.0]),
    ("dictation", [10.0, 6.0, 4.0, 3.5]),
    ("levels", [1.5, 0.8, 0.4, 0.3]),
    ("low-power", [12.0, 7.0, 4.0, 3.0]),
    ("meeting", [22.0, 11.0, 6.0, 5.0]),
    ("passthrough", [0.5, 0.3, 0.2, 0.1]),
    ("telephone", [5.0, 3.0, 2.0, 2.0]),
    ("voice-agent", [7.0, 4.0, 2.5, 2.0]),
];

/// A graph that ships, as text.
///
/// # Panics
/// If it does not ship.
pub fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../graphs/{name}.toml"));
    std::fs::read_to_string(path).expect("the graph ships")
}

/// The same, read.
///
/// # Panics
/// If it does not ship, or is wrong.
pub fn graph(name: &str) -> Graph {
    Graph::from_toml(&text(name), &registry()).unwrap_or_else(|e| panic!("{e}"))
}

/// The names of all of them.
///
/// # Panics
/// If there are no graphs.
pub fn names() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../graphs");
    let files = std::fs::read_dir(folder).expect("graphs ship");
    let name = |file: std::io::Result<std::fs::DirEntry>| {
        let path = file.expect("it can be listed").path();
        Some(path.file_stem()?.to_str()?.to_owned())
    };
    let mut names: Vec<String> = files.filter_map(name).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_graph_that_ships_has_a_budget() {
        assert_eq!(BUDGETS.map(|(name, _)| name).to_vec(), names());
        for (name, shares) in BUDGETS {
            assert!(shares.is_sorted_by(|a, b| a >= b), "{name}: longer blocks have more time");
            assert!(graph(name).plan(DEVICE).is_ok());
        }
    }
}
