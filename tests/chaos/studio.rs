//! A short take in virtual time, the same every time, on a disk that may fail.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tympan::backend::Backend;
use tympan::backend::mock::Signal;
use tympan::backend::phone::{Phone, Setup};
use tympan::core::session::{Ask, Ms, State, Tell};
use tympan::recorder::{Machine, Options, Recording, Said};
use tympan::take::{self, Chunks, Container, Recovered, Take};
use tympan::{Format, Graph};

use crate::disk::Disk;

/// One channel at the microphone's own rate: nothing between the two files but bytes.
const GRAPH: &str = "[[node]]\nkind = \"mix\"\nchannels = 1\n\n[[output]]\nname = \"take\"\n";

pub(crate) fn folder() -> PathBuf {
    PathBuf::from("/takes")
}

/// What came of it for the app.
#[derive(Debug, Default)]
pub(crate) struct Story {
    /// The take that a stop returned.
    pub(crate) take: Option<Take>,
    /// Errors that were told, each with the moment.
    pub(crate) errors: Vec<(Ms, String)>,
    /// What a person was told.
    pub(crate) troubles: Vec<String>,
    /// When the first call failed.
    pub(crate) failed: Option<Ms>,
    /// How much was captured when it did, in ms.
    pub(crate) accepted: Ms,
    pub(crate) captured: Ms,
    pub(crate) state: State,
}

/// Records for so long in this container, until the disk dies.
pub(crate) fn record(container: Container, disk: &Disk, ms: Ms) -> Story {
    record_with(container, disk, ms, None)
}

/// The same, as chunks too if they are wanted.
pub(crate) fn record_with(
    container: Container,
    disk: &Disk,
    ms: Ms,
    chunks: Option<Chunks>,
) -> Story {
    let setup = Setup::default();
    let graph = Graph::from_toml(GRAPH, &tympan::registry()).unwrap();
    let mut phone = Phone::new(&setup);
    phone.signal(Signal::Speechlike { seed: 7 });
    let mut options = Options::new(folder());
    options.storage = Arc::new(disk.clone());
    options.format = container;
    options.chunks = chunks;
    let made = Machine::new(&graph, Format::mono(48_000), setup.policy(), options);
    let (mut machine, door) = made.unwrap();
    phone.microphone().start(door).unwrap();
    let mut story = Story::default();
    machine.record(1, Recording::default());
    for now in (0..ms + 300).step_by(10) {
        if now == ms {
            machine.ask(2, Ask::Stop);
        }
        machine.poll(now, &mut phone);
        phone.hear(now);
        machine.poll(now, &mut phone);
        while let Some(said) = machine.said() {
            match said {
                Said::Tell(Tell::Error(code)) => story.errors.push((now, code.name().to_owned())),
                Said::Tell(Tell::Rejected { code, .. }) => {
                    story.errors.push((now, format!("rejected:{}", code.name())));
                }
                Said::Chunk { chunk, .. } => disk.told(chunk.index),
                Said::Trouble(sentence) => story.troubles.push(sentence),
                Said::Back { breaks, .. } => machine.heard(now, breaks),
                _ => {}
            }
        }
        let captured = machine.session().captured_ms();
        if disk.has_failed() && story.failed.is_none() {
            story.failed = Some(now);
            story.accepted = story.captured;
        }
        story.captured = captured;
        disk.accepted(captured);
        if disk.is_dead() {
            // What the process would still do in going, it does not.
            return story;
        }
    }
    story.state = machine.status().state;
    story.take = machine.take().cloned();
    story
}

/// The containers that this build has, but for two that are written like others.
pub(crate) fn containers() -> impl Iterator<Item = Container> {
    let alike = [Container::M4aOpus, Container::WavFloat];
    Container::available().filter(move |container| !alike.contains(container))
}

/// What the next process makes of it: the take, if there is one.
pub(crate) fn next_process(disk: &Disk) -> Result<Option<Take>, String> {
    for recovered in take::recover(disk, folder(), None, None).map_err(|error| error.to_string())? {
        if let Recovered::Left(folder, error) = recovered {
            return Err(format!("{} was left: {error}", folder.display()));
        }
    }
    let takes = take::list_in(disk, folder()).map_err(|error| error.to_string())?;
    if takes.len() > 1 {
        return Err(format!("{} takes", takes.len()));
    }
    let Some(take) = takes.into_iter().next() else { return Ok(None) };
    sound(disk, &take)?;
    Ok(Some(take))
}

/// Whether all files of a take are whole, and together as long as its sidecar says.
pub(crate) fn sound(disk: &Disk, take: &Take) -> Result<(), String> {
    let mut frames = 0;
    for path in take.paths() {
        let mut file = std::io::Cursor::new(disk.bytes(&path));
        let seen = take::repair(&mut file).map_err(|error| error.to_string())?;
        if seen.state != take::State::Healthy || seen.rate != take.rate {
            return Err(format!("{} is not whole: {seen:?}", path.display()));
        }
        frames += seen.kept_frames;
    }
    if frames != take.frames {
        return Err(format!("it has {frames} frames, its sidecar says {}", take.frames));
    }
    Ok(())
}

/// The length of a take in ms.
pub(crate) fn length(take: Option<&Take>) -> Ms {
    take.map_or(0, |take| take.duration().as_millis() as Ms)
}

/// Samples of a WAV take: what is kept must be what was captured.
pub(crate) fn samples(disk: &Disk, path: &Path) -> Vec<u8> {
    disk.bytes(path)[80..].to_vec()
}
