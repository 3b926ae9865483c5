//! The wider collection of recordings that are broken, cut or something else than their
//! name says, where it is at hand.

use std::fs;
use std::path::PathBuf;

use crate::kit::{graph, tympan};

fn collection() -> PathBuf {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/audio");
    std::env::var_os("TYMPAN_AUDIO").map_or_else(beside, PathBuf::from)
}

#[test]
fn every_broken_recording_has_its_sentence() {
    let (mut read, mut refused) = (0, 0);
    for part in ["broken", "crash"] {
        let folder = collection().join(part);
        let Ok(entries) = fs::read_dir(&folder) else {
            eprintln!("not tested: `{}` is not here; TYMPAN_AUDIO can name it", folder.display());
            continue;
        };
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            let path = path.to_str().expect("a path in UTF-8");
            let ran = tympan(&["run", &graph("passthrough.toml"), "--input", path]);
            assert!([0, 1, 4].contains(&ran.exit), "{path}: {} {}", ran.exit, ran.err);
            match ran.exit {
                4 => {
                    assert_eq!(ran.err.lines().count(), 1, "{path}: {}", ran.err);
                    refused += 1;
                }
                exit => {
                    assert_eq!(ran.err.is_empty(), exit == 0, "{path}: {}", ran.err);
                    ran.done();
                    read += 1;
                }
            }
        }
    }
    eprintln!("{read} recordings read, {refused} refused");
}
