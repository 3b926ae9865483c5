//! What a recorder is made of.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tympan_backends::storage::{Files, Protection, Storage};
use tympan_backends::{Backend, Device, Transcriber};
use tympan_core::session::{AutoResume, GapPolicy, PauseMode, Policy, Profile};

use super::machine::Machine;
use super::scribe::Hired;
use super::{BuildError, Recorder};
use crate::pipeline::{Pipeline, Runner};
use crate::take::{Chunks, Container, Key};
use crate::{Graph, PcmReader};

/// Where takes go and what they are like.
#[derive(Clone, Debug)]
pub struct Options {
    /// What files are reached through.
    pub storage: Arc<dyn Storage>,
    /// The folder of the takes.
    pub folder: PathBuf,
    /// The output of the graph that a take is made of: samples, of one format whatever
    /// the microphone has, and not behind a gate.
    pub output: String,
    /// What takes are kept in.
    pub format: Container,
    /// Whether takes are kept as chunks for upload too, and how.
    pub chunks: Option<Chunks>,
    /// When the files of takes can be used on a phone that is locked, if that is not to be
    /// as the app's other files.
    pub protection: Option<Protection>,
    /// How much audio may wait for a slow disk, and for whoever reads other outputs.
    pub ring: Duration,
    /// How much of what an open microphone heard before a take is in it.
    pub pre_roll: Duration,
    /// Who runs the graph. A machine that is polled by hand runs it itself.
    pub runner: Runner,
    /// After a break of capture, readers of outputs wait until the app says that it is
    /// ready to send again, but no longer than this. None does not wait.
    pub hold: Option<Duration>,
    /// Whether takes may be WAV. On Android an app expects M4A in its place.
    pub wav: bool,
    /// Whether audio comes at its own pace: the graph's thread then goes before others.
    pub live: bool,
    /// The language of the device.
    pub language: String,
    /// The microphone and how the platform's session is used, for takes to tell.
    pub device: Option<String>,
    /// See `device`.
    pub profile: Option<String>,
    /// What takes are sealed with, which takes the feature `encrypt`.
    pub key: Option<Key>,
}

impl Options {
    /// The usual ones, for takes in this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            storage: Arc::new(Files),
            folder: folder.into(),
            output: "take".to_owned(),
            format: Container::default(),
            chunks: None,
            protection: None,
            ring: Duration::from_secs(2),
            pre_roll: Duration::ZERO,
            runner: Runner::Worker,
            hold: None,
            wav: true,
            live: false,
            language: "en-US".to_owned(),
            device: None,
            profile: None,
            key: None,
        }
    }

    /// The reader of the output that takes are made of.
    pub(super) fn take_reader(&self, pipeline: &mut Pipeline) -> Result<PcmReader, BuildError> {
        let name = &self.output;
        let Some(info) = pipeline.outputs().iter().find(|info| info.name == *name) else {
            return Err(BuildError::no_output(name, pipeline));
        };
        if info.gated {
            return Err(BuildError::Output(format!(
                "output `{name}` is behind a gate, which would be missing from the take; take one \
                 from before the gate"
            )));
        }
        if info.packet > 0 {
            return Err(BuildError::Output(format!(
                "output `{name}` carries packets of `{}`; a take is made of samples, and encoded \
                 when it is written",
                info.codec
            )));
        }
        let mut reader = pipeline.reader(name, false).expect("it was found, and nobody took it");
        reader.ignore_holds();
        Ok(PcmReader::new(reader))
    }
}

/// What a recorder is made of.
pub struct Builder {
    graph: Graph,
    device: Option<Box<dyn Device>>,
    policy: Policy,
    profile: Option<Profile>,
    options: Options,
    transcriber: Option<Hired>,
    patience: Duration,
}

impl Builder {
    pub(super) fn new(graph: &Graph) -> Self {
        Self {
            graph: graph.clone(),
            device: None,
            policy: Policy::default(),
            profile: None,
            options: Options::new("recordings"),
            transcriber: None,
            patience: Duration::from_mins(1),
        }
    }

    /// The microphone, with the session that it comes with.
    #[must_use]
    pub fn device(self, device: impl Device + 'static) -> Self {
        self.runs_on(Box::new(device))
    }

    fn runs_on(mut self, device: Box<dyn Device>) -> Self {
        self.options.language = device.language();
        self.options.wav = device.keeps_wav();
        self.options.live = device.is_live();
        self.device = Some(device);
        self
    }

    /// A microphone, or a file that stands in for one, as the
    /// [device](Backend::into_device) that it is.
    #[must_use]
    pub fn backend(self, backend: impl Backend + 'static) -> Self {
        self.runs_on(backend.into_device())
    }

    /// The folder of the takes: `recordings` by default.
    #[must_use]
    pub fn directory(mut self, folder: impl AsRef<Path>) -> Self {
        self.options.folder = folder.as_ref().into();
        self
    }

    /// What files are reached through: the system's own file system by default.
    #[must_use]
    pub fn storage(mut self, storage: impl Storage + 'static) -> Self {
        self.options.storage = Arc::new(storage);
        self
    }

    /// What takes are kept in.
    #[must_use]
    pub fn format(mut self, format: Container) -> Self {
        self.options.format = format;
        self
    }

    /// Keeps takes as chunks too: sealed files that can be sent while more is recorded. An
    /// app is told of each by [`RecorderEvent::Chunk`](super::RecorderEvent::Chunk).
    ///
    /// Their files are made while the phone may be locked: see [`Chunks`].
    #[must_use]
    pub fn chunks(mut self, chunks: Chunks) -> Self {
        self.options.chunks = Some(chunks);
        self
    }

    /// Seals takes with this key: nothing of their audio, nor of what was said, reaches the
    /// disk otherwise. [`take::export`](crate::take::export) makes ordinary files of them.
    ///
    /// It takes the feature `encrypt`; without it there is no recorder, not an open take.
    #[must_use]
    pub fn encrypt(mut self, key: Key) -> Self {
        self.options.key = Some(key);
        self
    }

    /// When the files of takes can be used on a phone that is locked: like the app's other
    /// files by default. Files of a take are made when it begins, and what needs more later,
    /// chunks and recovery, survives a refusal.
    #[must_use]
    pub fn protection(mut self, protection: Protection) -> Self {
        self.options.protection = Some(protection);
        self
    }

    /// The output of the graph that a take is made of: `take` by default.
    #[must_use]
    pub fn output(mut self, name: &str) -> Self {
        name.clone_into(&mut self.options.output);
        self
    }

    /// What is transcribed, if a take wants it, and from which output: mono samples of
    /// 16 kHz.
    #[must_use]
    pub fn transcriber(mut self, transcriber: impl Transcriber + 'static, output: &str) -> Self {
        let (transcriber, output) = (Box::new(transcriber), output.to_owned());
        self.transcriber = Some(Hired { transcriber, output });
        self
    }

    /// Takes end after this much captured audio: an hour by default.
    #[must_use]
    pub fn max_duration(mut self, most: Duration) -> Self {
        self.policy.max_ms = most.as_millis() as u64;
        self
    }

    /// Whether a take goes on by itself after an interruption.
    #[must_use]
    pub fn auto_resume(mut self, auto_resume: AutoResume) -> Self {
        self.policy.auto_resume = auto_resume;
        self
    }

    /// What a pause does to the microphone.
    #[must_use]
    pub fn pause_mode(mut self, pause: PauseMode) -> Self {
        self.policy.pause = pause;
        self
    }

    /// What becomes of gaps in a take.
    #[must_use]
    pub fn gaps(mut self, gaps: GapPolicy) -> Self {
        self.policy.gaps = gaps;
        self
    }

    /// How the platform's session is used.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.policy = self.policy.for_profile(&profile);
        self.profile = Some(profile);
        self
    }

    /// All choices of the session at once.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// How much audio may wait for a slow disk or reader: 2 s by default.
    #[must_use]
    pub fn ring(mut self, length: Duration) -> Self {
        self.options.ring = length.clamp(Duration::from_millis(100), Duration::from_hours(1));
        self
    }

    /// While the microphone is open without a take, behind
    /// [`Recorder::prewarm`](super::Recorder::prewarm), the last `length` of what it hears is
    /// kept in memory, and a take begins with that: whoever speaks before the button is down
    /// loses no word. At most 10 s; nothing by default.
    ///
    /// It is in no file before there is a take, and is forgotten when the microphone is
    /// closed, muted, or breaks off. Where the graph runs [inline](Runner::Inline), all of it
    /// goes through in one callback. [`Take::prewarmed`](crate::take::Take::prewarmed) says
    /// how much a take has; it does not count as captured time.
    #[must_use]
    pub fn pre_roll(mut self, length: Duration) -> Self {
        self.options.pre_roll = length.min(Duration::from_secs(10));
        self
    }

    /// After a break of capture, packets wait until [`Recorder::ready`] is called, but no
    /// longer than this: for an app that has to build up its connection again. The ring
    /// is made as long at least.
    #[must_use]
    pub fn hold(mut self, most: Duration) -> Self {
        self.options.hold = Some(most);
        self
    }

    /// Who runs the graph.
    #[must_use]
    pub fn runner(mut self, runner: Runner) -> Self {
        self.options.runner = runner;
        self
    }

    /// How long a call may take: a minute by default. The system may be asking its user
    /// all that time.
    #[must_use]
    pub fn patience(mut self, most: Duration) -> Self {
        self.patience = most;
        self
    }

    /// Makes the recorder. Takes that an earlier run left open are completed first.
    pub fn build(mut self) -> Result<Recorder, BuildError> {
        let device = self.device.take().ok_or(BuildError::NoDevice)?;
        if let Some(hold) = self.options.hold {
            self.options.ring = self.options.ring.max(hold + Duration::from_secs(1));
        }
        self.options.device = Some(device.name());
        self.options.profile = self.profile.map(|profile| profile.name.to_owned());
        let Self { graph, policy, options, transcriber, patience, .. } = self;
        Recorder::start_thread(device, patience, |format, threads| {
            Machine::hire(&graph, format, policy, options, transcriber, threads)
        })
    }
}
