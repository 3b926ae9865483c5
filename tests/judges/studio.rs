//! Takes of a sound, and what they should hold.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use tympan::recorder::Options;
use tympan::take::{Container, Take};
use tympan::{Event, Format, Graph, Header, Planar, Sink};

use crate::desk::record;
use crate::judges::{Judge, Subject};
use crate::sounds::Sound;

/// What lies between the microphone and a take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tap {
    /// Nothing.
    AsItIs,
    /// A rate that every container takes, and no more than two channels.
    FullBand,
}

/// The rate of [`Tap::FullBand`], and of everything that is kept as Opus.
const FULL: u32 = 48_000;

/// The device hands over 10 ms at a time.
const CALLS: usize = 100;

impl Tap {
    pub(crate) const ALL: [Self; 2] = [Self::AsItIs, Self::FullBand];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AsItIs => "as it is",
            Self::FullBand => "48 kHz",
        }
    }

    /// Whether sounds of this format are recorded so in this container: as they are where
    /// it takes them, at 48 kHz where that is another thing and something encodes them.
    pub(crate) fn suits(self, container: Container, format: Format) -> bool {
        let few = format.channels <= 2;
        let (lossless, takes) = match container {
            Container::Wav | Container::WavFloat => (true, true),
            Container::Flac => (true, format.channels <= 8),
            Container::M4a => (false, few && [44_100, FULL].contains(&format.rate)),
            _ => (false, few && [8_000, 12_000, 16_000, 24_000, FULL].contains(&format.rate)),
        };
        match self {
            Self::AsItIs => takes,
            Self::FullBand => !(lossless || takes && format.rate == FULL),
        }
    }

    fn graph(self, format: Format) -> Graph {
        let text = match self {
            Self::AsItIs => {
                "[[source]]\nname = \"mic\"\n[[output]]\nname = \"take\"\nfrom = \"mic\"\n"
                    .to_owned()
            }
            Self::FullBand => {
                let mix = "[[node]]\nkind = \"mix\"\nchannels = 2\n";
                let mix = if format.channels > 2 { mix } else { "" };
                let resample = "[[node]]\nkind = \"resample\"\nrate = 48000\n";
                format!("{mix}{resample}[[output]]\nname = \"take\"\n")
            }
        };
        Graph::from_toml(&text, &tympan::registry()).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// A take, and every sample that it should play.
pub(crate) struct Recorded {
    folder: Folder,
    pub(crate) take: Take,
    pub(crate) due: Vec<f32>,
}

impl Recorded {
    /// Records a sound; a sentence if the recorder will not.
    pub(crate) fn of(sound: &Sound, tap: Tap, container: Container) -> Result<Self, String> {
        let folder = Folder::new();
        let mut options = Options::new(&folder.0);
        options.format = container;
        let channels = usize::from(sound.format.channels);
        let some = (sound.format.rate as usize).div_ceil(CALLS) * channels;
        let mut blocks = sound.samples.chunks(some);
        let graph = tap.graph(sound.format);
        let take = record(&graph, sound.format, options, |block| {
            block.extend_from_slice(blocks.next().unwrap_or_default());
        })?;
        let due = due(sound, tap, take.rate);
        Ok(Self { folder, take, due })
    }

    /// Frames that were accepted, at the rate of the take.
    pub(crate) fn frames(&self) -> u64 {
        (self.due.len() / usize::from(self.take.channels)) as u64
    }

    /// What a judge finds.
    pub(crate) fn before(&self, judge: &Judge) -> Option<String> {
        judge.finds(&self.subject(&self.take.path()))
    }

    /// What a judge finds in other bytes, if they are taken for this take.
    pub(crate) fn with_bytes_before(&self, bytes: &[u8], judge: &Judge) -> Option<String> {
        let path = self.folder.0.join(&self.take.file);
        std::fs::write(&path, bytes).unwrap();
        judge.finds(&self.subject(&path))
    }

    fn subject<'a>(&'a self, path: &'a std::path::Path) -> Subject<'a> {
        let Take { container, rate, channels, .. } = self.take;
        Subject { path, container, rate, channels, samples: &self.due }
    }
}

/// The samples that a take of this rate should play: those that came in, where it plays
/// at their rate; else what `resample` makes of them, of the length that time demands.
fn due(sound: &Sound, tap: Tap, rate: u32) -> Vec<f32> {
    if rate == sound.format.rate && tap == Tap::AsItIs {
        return sound.samples.iter().map(|sample| accepted(*sample)).collect();
    }
    let plan = Tap::FullBand.graph(sound.format).plan(sound.format).unwrap();
    let channels = usize::from(sound.format.channels);
    let mut executor = plan.executor();
    let mut kept = Kept(Vec::new());
    for some in sound.samples.chunks(1024 * channels) {
        executor.push(some, &mut kept);
    }
    executor.drain(&mut kept);
    let frames = (sound.samples.len() / channels) as u64;
    let long = (frames * u64::from(rate)).div_ceil(sound.format.rate.into());
    assert_eq!(kept.0.len() as u64, long * channels.min(2) as u64, "{}", sound.name);
    kept.0
}

/// What the entry guard makes of a sample (DESIGN.md), and the outputs behind it.
fn accepted(sample: f32) -> f32 {
    if sample.is_finite() && !sample.is_subnormal() { sample.clamp(-1.0, 1.0) } else { 0.0 }
}

/// Keeps what comes out, interleaved.
struct Kept(Vec<f32>);

impl Sink for Kept {
    fn audio(&mut self, _: usize, _: &Header, block: Planar<'_>) {
        for frame in 0..block.frames() {
            self.0.extend((0..block.channels()).map(|channel| block.channel(channel)[frame]));
        }
    }

    fn packet(&mut self, _: usize, _: &Header, _: &[u8]) {}

    fn event(&mut self, _: Event) {}
}

/// A folder that goes with what is in it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("tympan-judges-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
