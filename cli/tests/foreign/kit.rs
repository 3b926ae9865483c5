//! What the tests share.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tympan::backend::file::File;
use tympan::backend::{Buffer, Capture, Notice};
use tympan::{Backend, Format};

/// What was read of a file.
pub(crate) struct Heard {
    pub(crate) format: Format,
    pub(crate) samples: Vec<f32>,
    pub(crate) promised: Option<u64>,
    pub(crate) findings: Vec<String>,
    pub(crate) error: Option<String>,
}

impl Heard {
    pub(crate) fn frames(&self) -> usize {
        self.samples.len() / usize::from(self.format.channels)
    }
}

/// All of a file, or why it cannot be opened.
pub(crate) fn heard(path: &Path) -> Result<Heard, String> {
    File::open(path).map(all).map_err(|error| error.message)
}

/// The same from a stream that cannot go back.
pub(crate) fn streamed(bytes: Vec<u8>) -> Result<Heard, String> {
    let stream = std::io::Cursor::new(bytes);
    File::from_reader("a stream", stream).map(all).map_err(|error| error.message)
}

fn all(mut file: File) -> Heard {
    struct Ear<'a>(&'a mut Vec<f32>);
    impl Capture for Ear<'_> {
        fn audio(&mut self, buffer: Buffer<'_>) {
            self.0.extend_from_slice(buffer.samples);
        }
        fn notice(&mut self, _: Notice) {}
    }
    let format = file.format().expect("an open file has a format");
    let promised = file.frames_promised();
    let mut samples = Vec::new();
    let error = file.run(&mut Ear(&mut samples)).err().map(|error| error.message);
    Heard { format, samples, promised, findings: file.report().findings(), error }
}

/// Sound with an onset, tones and noise, so that a shift by a frame is seen.
pub(crate) fn sound(rate: u32, channels: u16, frames: u32) -> Vec<i16> {
    let mut seed = 1u32;
    (0..frames)
        .flat_map(|frame| {
            let t = f64::from(frame) / f64::from(rate);
            (0..channels).map(move |channel| (t, channel)).collect::<Vec<_>>()
        })
        .map(|(t, channel)| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = f64::from(seed >> 8) / f64::from(1 << 24) - 0.5;
            let hz = 200.0 + 150.0 * f64::from(channel) + 300.0 * t;
            let swell = (t * 9.0).sin().abs();
            let x = (t * hz * std::f64::consts::TAU).sin() * swell * 0.4 + noise * 0.02;
            (x * 32_767.0) as i16
        })
        .collect()
}

pub(crate) fn wav(rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
    let bytes = (samples.len() * 2) as u32;
    let frame = channels * 2;
    let mut out = b"RIFF".to_vec();
    out.extend((36 + bytes).to_le_bytes());
    out.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    out.extend(channels.to_le_bytes());
    out.extend(rate.to_le_bytes());
    out.extend((rate * u32::from(frame)).to_le_bytes());
    out.extend(frame.to_le_bytes());
    out.extend([16, 0]);
    out.extend(b"data");
    out.extend(bytes.to_le_bytes());
    out.extend(samples.iter().flat_map(|x| x.to_le_bytes()));
    out
}

/// A folder that goes away.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("tympan-foreign-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).expect("a file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A take of this sound, as the program records it: the audio, and its frames and rate.
pub(crate) fn take(folder: &Folder, format: &str, samples: &[i16]) -> (PathBuf, usize, u32) {
    let input = folder.file("in.wav", &wav(48_000, 1, samples));
    let out = folder.0.join(format!("takes-{format}"));
    let ran = Command::new(env!("CARGO_BIN_EXE_tympan"))
        .args(["record", "--json", "--format", format, "--input"])
        .arg(&input)
        .arg("--out")
        .arg(&out)
        .output()
        .expect("the program starts");
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    let done: serde_json::Value =
        serde_json::from_str(text.lines().last().expect("a line")).expect("JSON");
    assert_eq!(done["event"], "done", "{text}");
    let number = |key: &str| done[key].as_u64().expect("a number");
    let file = done["file"].as_str().expect("a file");
    (file.into(), number("frames") as usize, number("rate") as u32)
}

/// How far the best match of `b` in `a` is shifted, in frames, and how alike they are there.
pub(crate) fn shift(a: &[f32], b: &[f32]) -> (i64, f64) {
    let like = |by: i64| {
        let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
        for (i, x) in a.iter().enumerate() {
            let Some(y) = usize::try_from(i as i64 + by).ok().and_then(|j| b.get(j)) else {
                continue;
            };
            let (x, y) = (f64::from(*x), f64::from(*y));
            (ab, aa, bb) = (ab + x * y, aa + x * x, bb + y * y);
        }
        ab / (aa * bb).sqrt().max(1e-12)
    };
    let best = (-40..=40).map(|by| (by, like(by))).max_by(|a, b| a.1.total_cmp(&b.1));
    best.expect("some shift is the best")
}
