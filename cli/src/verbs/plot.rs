//! `tympan plot`: a sound as a picture.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tympan::take::{self, Missing, Take};
use tympan::{Event, Executor, Format, Graph, Header, Planar, Sink, What};

use crate::document::{Document, Whereto};
use crate::exit::{Exit, Failure};
use crate::graph_file::{self, is_dash};
use crate::input;
use crate::output::{Line, Output, seconds};
use crate::picture::sound::{self, Mark, Scene};
use crate::picture::survey::{Survey, Surveyed};

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The audio, or the folder of a take; `-` is standard input
    file: PathBuf,

    #[command(flatten)]
    document: Whereto,
}

const AFTER: &str = "\
The picture is SVG, which browsers show and most documents take. Without --out
it goes beside you, named after the sound. In a take, what is missing is marked
where it is missing. Speech is what the detector of the graphs hears.

Examples:
  tympan plot talk.wav
  tympan plot recordings/20260101T090000000Z --open
  tympan plot talk.wav --out - > talk.svg";

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    let (file, take) = found(&args.file)?;
    let name = match &take {
        Some(take) => format!("{}  ·  {}", folder_name(&take.folder), take.file),
        None => match file.file_name() {
            Some(name) if !is_dash(&file) => name.to_string_lossy().into_owned(),
            _ => graph_file::name(&file),
        },
    };
    let stem = match &take {
        Some(take) => folder_name(&take.folder),
        None if is_dash(&file) => "sound".to_owned(),
        None => file.file_stem().map_or("sound".into(), |stem| stem.to_string_lossy().into_owned()),
    };
    let document = Document::at(&args.document, &format!("{stem}.svg"))?;
    let heard = listen(&file)?;
    if heard.sound.frames == 0 {
        let broken = heard.broken.unwrap_or_else(|| "no frame is in it".to_owned());
        return Err(Failure::new(Exit::Device, format!("`{name}` has no audio to draw: {broken}"))
            .code("T0703")
            .help("see what is in it with `ffprobe`, or make it whole with `tympan recover`"));
    }
    let marks = take.as_ref().map_or(Vec::new(), marks);
    let scene = Scene { name: &name, speech: heard.speech.as_deref(), marks: &marks };
    let path = document.write(&sound::draw(&scene, &heard.sound), out)?;
    tell(&path, &heard, &marks, out);
    for finding in &heard.findings {
        out.warn(finding);
    }
    if let Some(broken) = &heard.broken {
        out.warn(&format!("it breaks off: {broken}"));
    }
    document.open(&path, out);
    let whole = heard.broken.is_none() && heard.findings.is_empty();
    Ok(if whole { Exit::Ok } else { Exit::Findings })
}

/// The file to read, and the take that it belongs to, if it belongs to one.
fn found(path: &Path) -> Result<(PathBuf, Option<Take>), Failure> {
    if is_dash(path) {
        return Ok((path.to_owned(), None));
    }
    let whole = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let is_folder = whole.is_dir();
    let folder = if is_folder { whole.as_path() } else { whole.parent().unwrap_or(&whole) };
    let takes = folder.parent().and_then(|recordings| take::list(recordings).ok());
    let mut takes = takes.unwrap_or_default().into_iter();
    let take = takes.find(|take| {
        let named = is_folder || whole.file_name().is_some_and(|name| name == take.file.as_str());
        named && take.folder == folder
    });
    match take {
        Some(take) if take.sealed => {
            let shown = take.folder.display();
            Err(Failure::new(Exit::Device, format!("the take in `{shown}` is sealed")).code("T0817").help(format!(
                "make a plain file of it: `tympan export {shown} --key-file KEY`, then draw that"
            )))
        }
        Some(take) => Ok((take.path(), Some(take))),
        None if is_folder => {
            let shown = path.display();
            let message = format!("the folder `{shown}` is no take: it has no `take.json`");
            let open = whole.extension().is_some_and(|end| end == "open");
            Err(Failure::new(Exit::Device, message).code("T0816").help(if open {
                format!("it was left open; `tympan recover {shown}` completes it")
            } else {
                "name a file in it, or the folder of a single take".to_owned()
            }))
        }
        None => Ok((path.to_owned(), None)),
    }
}

fn folder_name(folder: &Path) -> String {
    folder.file_name().map_or("take".into(), |name| name.to_string_lossy().into_owned())
}

fn marks(take: &Take) -> Vec<Mark> {
    let mark = |missing: &Missing, wanted: bool| {
        let long = missing.ms as f64 / 1000.0;
        Mark {
            at: missing.at as f64 / f64::from(take.rate.max(1)),
            text: format!("{}: {long:.1} s", missing.cause),
            wanted,
        }
    };
    let gaps = take.gaps.iter().map(|gap| mark(gap, false));
    let mut marks: Vec<_> = gaps.chain(take.pauses.iter().map(|pause| mark(pause, true))).collect();
    marks.sort_by(|a, b| a.at.total_cmp(&b.at));
    marks
}

/// What was heard of a file.
struct Heard {
    sound: Surveyed,
    speech: Option<Vec<(f64, f64)>>,
    findings: Vec<String>,
    broken: Option<String>,
}

fn listen(path: &Path) -> Result<Heard, Failure> {
    let mut file = input::open(path)?;
    let format = tympan::Backend::format(&mut file)?;
    let mut listener = Listener::new(format);
    let (mut piece, mut broken) = (Vec::new(), None);
    loop {
        match input::next(&mut file, &mut piece) {
            Ok(true) => listener.hear(&piece),
            Ok(false) => break,
            Err(error) => {
                broken = Some(error.message);
                break;
            }
        }
    }
    let (sound, speech) = listener.finish();
    Ok(Heard { sound, speech, findings: file.report().findings(), broken })
}

/// The picture of a sound that is in memory.
pub(crate) fn picture(name: &str, format: Format, samples: &[f32]) -> String {
    let mut listener = Listener::new(format);
    listener.hear(samples);
    let (sound, speech) = listener.finish();
    sound::draw(&Scene { name, speech: speech.as_deref(), marks: &[] }, &sound)
}

/// Hears what a picture shows.
struct Listener {
    survey: Survey,
    detector: Option<Executor>,
    ear: Ear,
}

impl Listener {
    fn new(format: Format) -> Self {
        Self { survey: Survey::new(format), detector: detector(format), ear: Ear::default() }
    }

    fn hear(&mut self, samples: &[f32]) {
        self.survey.add(samples);
        if let Some(detector) = &mut self.detector {
            detector.push(samples, &mut self.ear);
        }
    }

    fn finish(mut self) -> (Surveyed, Option<Vec<(f64, f64)>>) {
        let sound = self.survey.finish();
        let speech = self.detector.map(|mut detector| {
            detector.drain(&mut self.ear);
            self.ear.end(sound.seconds())
        });
        (sound, speech)
    }
}

/// What the shipped graphs hear speech with.
const DETECTOR: &str = "\
[[node]]
kind = \"mix\"
channels = 1

[[node]]
kind = \"resample\"
rate = 16000

[[node]]
kind = \"vad\"
";

/// None where the format is none that a detector can be had for.
fn detector(format: Format) -> Option<Executor> {
    let graph = Graph::named("plot.toml", DETECTOR, &tympan::registry()).ok()?;
    let mut executor = graph.plan(format).ok()?.executor();
    executor.warm();
    Some(executor)
}

/// Notes where speech begins and ends, in seconds.
#[derive(Default)]
struct Ear {
    spans: Vec<(f64, f64)>,
    since: Option<f64>,
}

impl Ear {
    fn end(mut self, whole: f64) -> Vec<(f64, f64)> {
        self.spans.extend(self.since.map(|since| (since, whole)));
        self.spans
    }
}

impl Sink for Ear {
    fn audio(&mut self, _: usize, _: &Header, _: Planar<'_>) {}

    fn packet(&mut self, _: usize, _: &Header, _: &[u8]) {}

    fn event(&mut self, event: Event) {
        let t = event.position.max(0) as f64 / f64::from(event.rate.max(1));
        match event.what {
            What::SpeechStart => self.since = Some(t),
            What::SpeechEnd => self.spans.extend(self.since.take().map(|since| (since, t))),
            _ => {}
        }
    }
}

fn tell(path: &str, heard: &Heard, marks: &[Mark], out: &mut Output) {
    let Heard { sound, speech, .. } = heard;
    if !out.is_json() {
        return;
    }
    let spans = speech.as_ref().map(|spans| {
        spans.iter().map(|(start, end)| json!([seconds(*start), seconds(*end)])).collect::<Value>()
    });
    let marks = marks
        .iter()
        .map(|mark| json!({ "t": seconds(mark.at), "text": mark.text, "wanted": mark.wanted }));
    let line = Line::new("plot")
        .with("file", path)
        .with("seconds", seconds(sound.seconds()))
        .with("frames", sound.frames)
        .with("rate", sound.format.rate)
        .with("channels", sound.format.channels)
        .with("peak", seconds(f64::from(sound.peak)))
        .with("rms", seconds(sound.rms()))
        .with("full_scale", sound.clipped())
        .with("not_finite", sound.not_finite)
        .with("speech", spans)
        .with("gaps", marks.collect::<Value>());
    out.line(&line);
}
