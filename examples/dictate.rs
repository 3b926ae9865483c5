//! Dictation: from a microphone to files that no kill takes away, with every state told.
//! While it is recorded, the take comes as segments too, cut where it is quiet.
//!
//! ```text
//! cargo run --example dictate -- talk.wav recordings
//! ```

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use tympan::backend::Backend;
use tympan::backend::file::File;
use tympan::core::session::State;
use tympan::recorder::RecorderEvent;
use tympan::take::{Chunks, Container, Take};
use tympan::{Graph, Recorder, What};

/// What is kept, and beside it a detector that tells when somebody speaks.
const GRAPH: &str = r#"
[[node]]
kind = "mix"
channels = 1

[[node]]
id = "keep"
kind = "resample"
rate = 48000

[[node]]
id = "clean"
kind = "resample"
from = "mix"
rate = 16000

[[node]]
kind = "vad"

[[output]]
name = "take"
from = "keep"
"#;

/// Records until the microphone is at its end. A live one has none: an app calls `stop`.
pub(crate) fn run(
    mic: impl Backend + 'static,
    folder: &Path,
) -> Result<Option<Take>, Box<dyn Error>> {
    let graph = Graph::from_toml(GRAPH, &tympan::registry())?;
    let segments =
        Chunks { length: Duration::from_secs(1), at_silences: true, format: Container::M4a };
    let recorder = Recorder::builder(&graph)
        .backend(mic)
        .directory(folder)
        .format(Container::M4a)
        .chunks(segments)
        .build()?;
    recorder.add_listener(|event| match event {
        RecorderEvent::State { state, elapsed } => println!("{elapsed:>9.2?}  {}", state.name()),
        RecorderEvent::Chunk { path, .. } => println!("{:9}  segment {}", "", path.display()),
        RecorderEvent::Trouble(sentence) => println!("{:9}  {sentence}", ""),
        _ => {}
    });
    let mut events = recorder.events();
    recorder.start()?; // returns with the first audio
    while !matches!(recorder.status().state, State::Stopped | State::Error) {
        let Some(events) = &mut events else { break };
        match events.next_timeout(Duration::from_millis(50)).map(|event| event.what) {
            Some(What::SpeechStart) => println!("{:9}  somebody speaks", ""),
            Some(What::SpeechEnd) => println!("{:9}  and is silent again", ""),
            _ => {}
        }
    }
    Ok(recorder.take())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let input = args.next().ok_or("usage: dictate FILE [FOLDER]")?;
    let folder = args.next().unwrap_or_else(|| "recordings".to_owned());
    let take = run(File::open(input)?.realtime(true), Path::new(&folder))?.ok_or("no take")?;
    println!("{} holds {:.2?}", take.path().display(), take.duration());
    Ok(())
}
