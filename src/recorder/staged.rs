//! A recorder on a simulated phone, for scripts: the machine, the graph and takes on disk
//! that an app has, in virtual time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tympan_backends::Backend;
use tympan_backends::phone::{Disk, Phone, Setup, Status as PhoneStatus, Subject, TakesSeen};
use tympan_backends::storage::Files;
use tympan_backends::wav::WavReader;
use tympan_core::Format;
use tympan_core::session::{Ms, Tell};

use super::{BuildError, Machine, Options, Said};
use crate::Graph;
use crate::take::{self, Container, Take};

/// The real recorder as the [`Subject`] of a script. What became of its takes is read
/// from its files.
pub struct Staged {
    graph: Graph,
    setup: Setup,
    format: Format,
    folder: PathBuf,
    disk: Disk,
    machine: Option<Machine>,
    told: Vec<Tell>,
    status: PhoneStatus,
    discarded: bool,
}

impl Staged {
    /// One that keeps its takes in this folder, which should be empty.
    pub fn new(
        graph: &Graph,
        setup: &Setup,
        phone: &Phone,
        folder: impl Into<PathBuf>,
    ) -> Result<Self, BuildError> {
        let staged = Self {
            graph: graph.clone(),
            setup: setup.clone(),
            format: setup.format,
            folder: folder.into(),
            disk: phone.disk(),
            machine: None,
            told: Vec::new(),
            status: PhoneStatus::default(),
            discarded: false,
        };
        // What is wrong with the graph is wrong now.
        staged.machine().map(drop)?;
        Ok(staged)
    }

    fn machine(&self) -> Result<(Machine, Box<dyn tympan_backends::Capture>), BuildError> {
        let mut options = Options::new(&self.folder);
        options.storage = Arc::new(self.disk.clone());
        // Samples as they are, so that old ones can be told from new ones.
        options.format = Container::Wav;
        let format = if self.format.is_valid() { self.format } else { Format::mono(48_000) };
        Machine::new(&self.graph, format, self.setup.policy(), options)
    }

    /// The recorder, while its process lives.
    pub fn recorder(&mut self) -> Option<&mut Machine> {
        self.machine.as_mut()
    }

    fn listen(&mut self, now: Ms) {
        let Some(machine) = &mut self.machine else { return };
        while let Some(said) = machine.said() {
            match said {
                Said::Tell(tell) => self.told.push(tell),
                Said::Back { breaks, .. } => machine.heard(now, breaks),
                _ => {}
            }
        }
        let status = machine.status();
        let elapsed_ms = status.elapsed.as_millis() as Ms;
        self.status = PhoneStatus { state: status.state, elapsed_ms };
        self.discarded |= machine.has_discarded();
    }
}

impl Subject for Staged {
    fn drive(&mut self, now: Ms, phone: &mut Phone) {
        if let Some(machine) = &mut self.machine {
            machine.poll(now, phone);
        }
        self.listen(now);
    }

    fn told(&mut self) -> Vec<Tell> {
        std::mem::take(&mut self.told)
    }

    fn status(&self) -> PhoneStatus {
        self.status
    }

    fn kill(&mut self) {
        // Its files are dead already: nothing that it does in going reaches them.
        self.machine = None;
    }

    fn launch(&mut self, _: Ms, phone: &mut Phone) {
        // The old process's listener goes with it.
        drop(phone.microphone().stop());
        // That it can be built was seen when it was made.
        let Ok((machine, door)) = self.machine() else { return };
        let listening = phone.microphone().start(door);
        debug_assert!(listening.is_ok(), "{listening:?}");
        self.machine = Some(machine);
    }

    fn takes(&self) -> TakesSeen {
        let takes = take::list(&self.folder).unwrap_or_default();
        let orphaned = take::open(&self.folder).unwrap_or_default();
        let mut seen = TakesSeen {
            files: (takes.len() + orphaned.len()) as u32,
            recovered: takes.iter().filter(|take| take.recovered).count() as u32,
            orphaned: orphaned.len() as u32,
            discarded: self.discarded,
            ..TakesSeen::default()
        };
        if let Some(last) = takes.last().filter(|_| orphaned.is_empty()) {
            seen.gaps = last.gaps.iter().map(|gap| gap.ms).collect();
            read(&mut seen, last);
        } else if let Some(folder) = orphaned.last() {
            read_file(&mut seen, &folder.join("audio.wav"));
        }
        seen
    }
}

/// Samples this far below zero are of a time that is over: the phone's own never are.
const STALE: f32 = -0.25;

fn read(seen: &mut TakesSeen, take: &Take) {
    read_file(seen, &take.path());
}

/// The length of a recording, its rate, and how much of it should not be there.
fn read_file(seen: &mut TakesSeen, path: &Path) {
    let Ok(mut wav) = WavReader::open(path) else { return };
    let format = wav.format();
    let (mut frames, mut stale) = (0, 0);
    let mut samples = vec![0.0; 8192];
    while let Ok(read @ 1..) = wav.read(&mut samples) {
        frames += read as u64;
        let samples = &samples[..read * usize::from(format.channels)];
        stale += samples.iter().filter(|sample| **sample < STALE).count() as u64;
    }
    let rate = u64::from(format.rate);
    seen.rates.push(format.rate);
    seen.captured_ms = frames * 1000 / rate;
    seen.stale_ms = stale * 1000 / (rate * u64::from(format.channels));
}

/// The files of a run, for those who want to hear them.
impl Staged {
    /// The takes that are complete.
    pub fn files(&self) -> Vec<Take> {
        take::list_in(&Files, &self.folder).unwrap_or_default()
    }
}
