//! A recorder on a phone that seals its takes, and a folder that goes with the test.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tympan::backend::mock::{Parrot, Signal};
use tympan::backend::phone::{Hand, Handset, Happening, Setup};
use tympan::core::session::{Hint, Reason};
use tympan::recorder::Recording;
use tympan::take::{Container, Key, Take};
use tympan::{Graph, Recorder};

/// What is said in every take here.
pub(crate) const WORDS: [&str; 3] = ["Ziegenproblem", "Quarkkeulchen", "Rhabarberblatt"];

pub(crate) fn key() -> Key {
    Key::new([0x42; 32])
}

const GRAPH: &str = r#"
    [[node]]
    kind = "mix"
    channels = 1

    [[node]]
    kind = "resample"
    rate = 16000

    [[node]]
    kind = "pcm16"
    frame = "20ms"

    [[output]]
    name = "take"
    from = "mix"
    rate = 48000

    [[output]]
    name = "packets"
"#;

pub(crate) fn graph() -> Graph {
    Graph::from_toml(GRAPH, &tympan::registry()).unwrap()
}

/// A recorder that keeps its takes in this folder, and the phone it is on.
pub(crate) fn recorder(folder: &Path, container: Container, key: Option<Key>) -> (Recorder, Hand) {
    let (phone, hand) = Handset::new(&Setup::default());
    hand.speed(10.0);
    hand.signal(Signal::Speechlike { seed: 3 });
    let builder = Recorder::builder(&graph())
        .device(phone)
        .storage(hand.disk())
        .directory(folder)
        .format(container)
        .patience(Duration::from_secs(20))
        .transcriber(Parrot::new(&WORDS.join(" ")), "packets");
    let builder = match key {
        Some(key) => builder.encrypt(key),
        None => builder,
    };
    (builder.build().unwrap(), hand)
}

pub(crate) fn wanted() -> Recording {
    Recording { transcription: true, ..Recording::default() }
}

/// Records over a call, long enough for all that is said.
pub(crate) fn recorded(folder: &Path, container: Container, key: Option<Key>) -> Take {
    let (recorder, hand) = recorder(folder, container, key);
    recorder.start_with(wanted()).unwrap();
    hand.pass(Duration::from_millis(2234));
    hand.happen(Happening::InterruptionBegan { reason: Reason::Default });
    hand.pass(Duration::from_secs(1));
    hand.happen(Happening::InterruptionEnded { hint: Hint::Yes });
    hand.pass(Duration::from_millis(1777));
    // How long a stop waits for a disk is measured in the phone's time.
    hand.speed(1.0);
    recorder.stop().unwrap().unwrap()
}

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}
