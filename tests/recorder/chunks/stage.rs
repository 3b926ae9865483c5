//! A recorder in virtual time that makes chunks, and what an app would have of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tympan::backend::Backend;
use tympan::backend::mock::Signal;
use tympan::backend::phone::{Happening, Phone, Setup};
use tympan::core::session::{Ask, Hint, Ms, Reason, Start};
use tympan::recorder::{Machine, Options, Said};
use tympan::take::{Chunk, Chunks, Container, Take};

use super::super::kit::graph;

pub(crate) const SECOND: Chunks =
    Chunks { length: Duration::from_secs(1), at_silences: false, format: Container::Wav };

/// Takes in this folder as WAV, and as chunks of a second in this container.
pub(crate) fn options(folder: &Path, format: Container) -> Options {
    let mut options = Options::new(folder);
    options.format = Container::Wav;
    options.chunks = Some(Chunks { format, ..SECOND });
    options
}

/// A call in the middle, and what is after it.
pub(crate) fn call(from: Ms, until: Ms) -> Vec<(Ms, Happening)> {
    vec![
        (from, Happening::InterruptionBegan { reason: Reason::Default }),
        (until, Happening::InterruptionEnded { hint: Hint::Yes }),
    ]
}

/// What an app has heard.
#[derive(Default)]
pub(crate) struct Heard {
    /// Chunks, and the bytes that it found in their files when it was told.
    pub(crate) chunks: Vec<(Chunk, Vec<u8>)>,
    pub(crate) troubles: Vec<String>,
    pub(crate) take: Option<Take>,
}

/// Records for so long while this happens, then stops.
pub(crate) fn record(options: Options, signal: Signal, what: &[(Ms, Happening)], ms: Ms) -> Heard {
    record_on(options, |phone| phone.signal(signal), what, ms)
}

pub(crate) fn record_on(
    mut options: Options,
    prepare: impl FnOnce(&mut Phone),
    what: &[(Ms, Happening)],
    ms: Ms,
) -> Heard {
    let setup = Setup::default();
    let mut phone = Phone::new(&setup);
    prepare(&mut phone);
    if what.iter().any(|(_, what)| matches!(what, Happening::Locked(_) | Happening::DiskFull(_))) {
        options.storage = std::sync::Arc::new(phone.disk());
    }
    let made = Machine::new(&graph(), setup.format, setup.policy(), options);
    let (mut machine, door) = made.unwrap();
    phone.microphone().start(door).unwrap();
    machine.ask(1, Ask::Start(Start::default()));
    let mut heard = Heard::default();
    let mut what = what.iter().peekable();
    // A take takes a moment to be completed.
    for now in (0..ms + 500).step_by(10) {
        while let Some((_, what)) = what.next_if(|(at, _)| *at <= now) {
            phone.happen(what);
        }
        if now == ms {
            machine.ask(2, Ask::Stop);
        }
        machine.poll(now, &mut phone);
        phone.hear(now);
        machine.poll(now, &mut phone);
        heard.listen(now, &mut machine);
    }
    heard.take = machine.take().cloned();
    heard
}

/// A new process begins, and does nothing but complete what the last one left.
pub(crate) fn recover(options: Options) {
    let setup = Setup::default();
    let made = Machine::new(&graph(), setup.format, setup.policy(), options);
    let (mut machine, _door) = made.unwrap();
    let mut phone = Phone::new(&setup);
    machine.poll(0, &mut phone);
    machine.poll(10, &mut phone);
}

impl Heard {
    fn listen(&mut self, now: Ms, machine: &mut Machine) {
        while let Some(said) = machine.said() {
            match said {
                Said::Back { breaks, .. } => machine.heard(now, breaks),
                Said::Trouble(sentence) => self.troubles.push(sentence),
                Said::Chunk { path, chunk } => self.chunks.push((chunk, read(&path))),
                _ => {}
            }
        }
    }
}

/// It may be told of a file when the take has its name already.
fn read(path: &Path) -> Vec<u8> {
    let completed = PathBuf::from(path.to_string_lossy().replace(".open", ""));
    let bytes = std::fs::read(path).or_else(|_| std::fs::read(completed));
    bytes.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
