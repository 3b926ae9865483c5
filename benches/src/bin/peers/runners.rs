//! Who runs, with which settings: the same wherever they have the same name.

use std::fs;
use std::path::{Path, PathBuf};

use crate::rounds::Runner;
use crate::sound::{DUTY, SHORT, SPEECH};

/// Where programs of ours are.
pub(crate) struct Programs {
    /// The folder of an ordinary release build.
    pub(crate) plain: PathBuf,
    /// The folder of one for this machine.
    pub(crate) tuned: PathBuf,
    /// The folder of one without microphones.
    pub(crate) server: PathBuf,
    /// sonora's `AudioProcessing` with libopus.
    pub(crate) apm: PathBuf,
    /// Weights for ffmpeg's `arnndn`.
    pub(crate) model: Option<PathBuf>,
}

const CLEAN: &str = r#"
[[node]]
id = "clean"
kind = "resample"
rate = 16000
"#;

const VOICE: &str = r#"
[[node]]
kind = "vad"
"#;

/// A detector that costs next to nothing, for rooms that are calm.
const LOUDNESS: &str = r#"
[[node]]
kind = "vad"
engine = "energy"
"#;

const GATE: &str = r#"
[[node]]
kind = "gate"
from = { in = "clean", voice = "vad" }
"#;

const DENOISE: &str = r#"
[[node]]
kind = "denoise"
"#;

/// As `webrtcdsp` is set.
const SUPPRESS: &str = r#"
[[node]]
kind = "suppress"
level = "18dB"
"#;

/// As everybody's encoder is set.
const OPUS: &str = r#"
[[node]]
kind = "opus"
bitrate = 24000
complexity = "5"
frame = "20ms"

[[output]]
name = "speech"
"#;

/// Graphs, by what they are made of.
const GRAPHS: [(&str, &[&str]); 4] = [
    ("chain.toml", &[CLEAN, SUPPRESS, OPUS]),
    ("gate.toml", &[CLEAN, VOICE, GATE, SUPPRESS, OPUS]),
    ("calm.toml", &[CLEAN, LOUDNESS, GATE, SUPPRESS, OPUS]),
    ("denoise.toml", &[DENOISE, CLEAN, OPUS]),
];

pub(crate) fn write_graphs(folder: &Path) -> Result<(), String> {
    for (name, pieces) in GRAPHS {
        let path = folder.join(name);
        fs::write(&path, pieces.concat())
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let copied = fs::copy(from, to);
    copied.map(drop).map_err(|error| format!("{}: {error}", from.display()))
}

/// Encoders and resamplers add a little, and no more.
fn whole(seconds: f64) -> (f64, f64) {
    (seconds, seconds + 0.1)
}

fn words(program: impl AsRef<Path>, line: &str) -> Vec<String> {
    let program = program.as_ref().display().to_string();
    [program].into_iter().chain(line.split_whitespace().map(str::to_owned)).collect()
}

impl Programs {
    /// Copies all of them, as an installation does. What a linker has just written lies in
    /// memory page by page, and takes a tenth longer to start than what was written at a
    /// stretch, as the programs of others were.
    pub(crate) fn install(&mut self, folder: &Path) -> Result<(), String> {
        let both: &[&str] = &["tympan", "peers"];
        for (name, place, programs) in [
            ("plain", &mut self.plain, both),
            ("tuned", &mut self.tuned, both),
            ("server", &mut self.server, &both[..1]),
        ] {
            let to = folder.join(name);
            fs::create_dir(&to).map_err(|error| format!("{}: {error}", to.display()))?;
            for program in programs {
                copy(&place.join(program), &to.join(program))?;
            }
            *place = to;
        }
        let to = folder.join("apm");
        copy(&self.apm, &to)?;
        self.apm = to;
        Ok(())
    }

    /// Everybody over speech in noise.
    pub(crate) fn speech(&self, folder: &Path, seconds: f64) -> Vec<Runner> {
        let (at, length) = ((folder, SPEECH), whole(seconds));
        let mut all = vec![
            tympan(("tympan", &self.plain), "chain.toml", at, length),
            gstreamer(at, length),
            tympan(("tympan, tuned", &self.tuned), "chain.toml", at, length),
            ffmpeg("ffmpeg, afftdn", "afftdn", at, length),
            self.apm(at, length),
            kernels(("kernels", &self.plain), at, length),
            kernels(("kernels, tuned", &self.tuned), at, length),
        ];
        if let Some(model) = &self.model {
            let filter = format!("arnndn=m={}", model.display());
            let plain = ("tympan, denoise", &*self.plain);
            let tuned = ("tympan, denoise, tuned", &*self.tuned);
            all.push(tympan(plain, "denoise.toml", at, length));
            all.push(ffmpeg("ffmpeg, arnndn", &filter, at, length));
            all.push(tympan(tuned, "denoise.toml", at, length));
        }
        all
    }

    /// Those that have a gate, and one that has none.
    pub(crate) fn duty(&self, folder: &Path, seconds: f64) -> Vec<Runner> {
        let at = (folder, DUTY);
        // 200 ms before each word and a while after it are let through, too.
        let open = (0.2 * seconds, 0.4 * seconds);
        vec![
            tympan(("tympan, gate", &self.plain), "gate.toml", at, open),
            gstreamer(at, whole(seconds)),
            tympan(("tympan, gate, tuned", &self.tuned), "gate.toml", at, open),
            tympan(("tympan, gate by energy", &self.plain), "calm.toml", at, open),
            tympan(("tympan, gate by energy, tuned", &self.tuned), "calm.toml", at, open),
            tympan(("tympan", &self.plain), "chain.toml", at, whole(seconds)),
        ]
    }

    /// Those that start.
    pub(crate) fn start(&self, folder: &Path) -> Vec<Runner> {
        let (at, length) = ((folder, SHORT), whole(0.02));
        vec![
            tympan(("tympan", &self.plain), "chain.toml", at, length),
            opusenc(at, length),
            tympan(("tympan, tuned", &self.tuned), "chain.toml", at, length),
            tympan(("tympan, server", &self.server), "chain.toml", at, length),
            gstreamer(at, length),
            ffmpeg("ffmpeg, afftdn", "afftdn", at, length),
        ]
    }

    fn apm(&self, (folder, sound): (&Path, &str), seconds: (f64, f64)) -> Runner {
        let made = folder.join("apm.opus");
        let line = format!("{} {}", folder.join(sound).display(), made.display());
        Runner { name: "sonora APM", words: words(&self.apm, &line), made, seconds }
    }
}

/// Ours, as users start it.
fn tympan(
    (name, program): (&'static str, &Path),
    graph: &str,
    (folder, sound): (&Path, &str),
    seconds: (f64, f64),
) -> Runner {
    let out = folder.join(name.replace([',', ' '], ""));
    let mut line = vec![program.join("tympan").display().to_string(), "run".to_owned()];
    line.extend([folder.join(graph), folder.join(sound)].map(|p| p.display().to_string()));
    line.extend(["--out".to_owned(), out.display().to_string()]);
    Runner { name, words: line, made: out.join("speech.opus"), seconds }
}

fn kernels(
    (name, programs): (&'static str, &Path),
    (folder, sound): (&Path, &str),
    seconds: (f64, f64),
) -> Runner {
    let made = folder.join("kernels.opus");
    let line = format!("bare {} {}", folder.join(sound).display(), made.display());
    Runner { name, words: words(programs.join("peers"), &line), made, seconds }
}

fn gstreamer((folder, sound): (&Path, &str), seconds: (f64, f64)) -> Runner {
    let made = folder.join("gstreamer.opus");
    let line = format!(
        "-q filesrc location={} ! wavparse ! audioconvert ! audioresample \
         ! audio/x-raw,rate=16000,channels=1 ! webrtcdsp echo-cancel=false \
         noise-suppression=true noise-suppression-level=high high-pass-filter=false \
         gain-control=false limiter=false voice-detection=false ! audioconvert \
         ! opusenc bitrate=24000 bitrate-type=vbr complexity=5 frame-size=20 audio-type=voice \
         ! oggmux ! filesink location={}",
        folder.join(sound).display(),
        made.display()
    );
    Runner { name: "GStreamer", words: words("gst-launch-1.0", &line), made, seconds }
}

/// The filters work on what is there at 48 kHz; `arnndn` takes nothing else.
fn ffmpeg(
    name: &'static str,
    filter: &str,
    (folder, sound): (&Path, &str),
    seconds: (f64, f64),
) -> Runner {
    let made = folder.join("ffmpeg.opus");
    let at_16k = "aresample=16000,aformat=sample_rates=16000:channel_layouts=mono";
    let chain = if filter == "afftdn" {
        format!("{at_16k},{filter}")
    } else {
        format!("{filter},{at_16k}")
    };
    let line = format!(
        "-nostdin -v error -y -i {} -af {chain} -c:a libopus -b:a 24k -vbr on \
         -compression_level 5 -frame_duration 20 -application voip {}",
        folder.join(sound).display(),
        made.display()
    );
    Runner { name, words: words("ffmpeg", &line), made, seconds }
}

/// It encodes, and does nothing else.
fn opusenc((folder, sound): (&Path, &str), seconds: (f64, f64)) -> Runner {
    let made = folder.join("opusenc.opus");
    let line = format!(
        "--quiet --speech --vbr --bitrate 24 --comp 5 --framesize 20 {} {}",
        folder.join(sound).display(),
        made.display()
    );
    Runner { name: "opusenc", words: words("opusenc", &line), made, seconds }
}
