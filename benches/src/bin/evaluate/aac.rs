//! How AAC sounds: the encoder that takes are made with, beside two that have been listened
//! to for long. All three are decoded by one decoder.
//!
//! The judges are what can be had from registries: PESQ (the wide band that it knows, up to
//! 7 kHz) and `ViSQOL` for full-band audio, both from Python; and what can be counted: bits,
//! the distance to the original, and up to where noise is coded at all.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tympan::Format;
use tympan::take::Aac;

use crate::figure::Figure;
use crate::recordings::{self, RATE, Recordings};
use crate::through::through;

/// The rate of takes.
const FULL: u32 = 48_000;

/// Bits per second: the default, those around it, and those far from it.
const BITS: [u32; 5] = [32_000, 48_000, 64_000, 96_000, 128_000];
const DEFAULT: u32 = 64_000;

/// What our encoder may fall behind the better one of the others, in PESQ.
const BEHIND: f64 = 0.1;

const UP: &str = "kind = \"resample\"\nrate = 48000";

/// Makes ADTS of mono samples, at so many bits per second; a sentence where it cannot.
type Encode = dyn Fn(&[f32], u32) -> Result<Vec<u8>, String>;

struct Codec {
    name: &'static str,
    encode: Box<Encode>,
}

/// What was measured of one codec at one rate, over all recordings.
#[derive(Default)]
struct Row {
    bits: f64,
    snr: f64,
    edge: f64,
    pesq: Option<f64>,
    visqol: Option<f64>,
}

pub(crate) fn evaluate() -> Result<Vec<Figure>, String> {
    let scratch = Scratch::new()?;
    let ffmpeg = ffmpeg()?;
    let speech = speech()?;
    let codecs = codecs(&ffmpeg);
    let seconds: f64 = speech.iter().map(|(_, x)| x.len() as f64).sum::<f64>() / f64::from(FULL);
    println!("{} recordings of speech, {seconds:.0} s", speech.len());
    let noise = noise();
    let mut rows = Vec::new();
    let mut pairs = Pairs::new(&scratch.0)?;
    for bits in BITS {
        for codec in &codecs {
            let mut row = Row::default();
            for (name, original) in &speech {
                let (decoded, coded) = coded(codec, &ffmpeg, original, bits)?;
                row.bits += coded / speech.len() as f64;
                row.snr += segmental(original, &decoded) / speech.len() as f64;
                pairs.add(rows.len(), name, original, &decoded)?;
            }
            row.edge = edge(&noise, &coded_once(codec, &ffmpeg, &noise, bits)?);
            rows.push(row);
        }
    }
    for (at, pesq, visqol) in pairs.scores(rows.len()) {
        rows[at].pesq = pesq;
        rows[at].visqol = visqol;
    }
    print(&rows, &codecs);
    Ok(figures(&rows, &codecs))
}

fn print(rows: &[Row], codecs: &[Codec]) {
    println!(
        "\n| asked, kb/s | encoder | PESQ | ViSQOL | segmental SNR, dB | noise up to, kHz | real, kb/s |"
    );
    println!("|---|---|---|---|---|---|---|");
    let score = |score: Option<f64>| score.map_or("-".to_owned(), |score| format!("{score:.2}"));
    for (row, at) in rows.iter().zip(0..) {
        println!(
            "| {} | {} | {} | {} | {:.1} | {:.1} | {:.1} |",
            BITS[at / codecs.len()] / 1000,
            codecs[at % codecs.len()].name,
            score(row.pesq),
            score(row.visqol),
            row.snr,
            row.edge / 1000.0,
            row.bits / 1000.0,
        );
    }
}

/// Our encoder at the rate of takes, beside the others.
fn figures(rows: &[Row], codecs: &[Codec]) -> Vec<Figure> {
    let at = BITS.iter().position(|bits| *bits == DEFAULT).unwrap_or(0) * codecs.len();
    let rows = &rows[at..at + codecs.len()];
    let mut figures =
        vec![Figure::told("real rate of syom at 64 kb/s", rows[0].bits / 1000.0).unit(" kb/s")];
    let best = rows[1..].iter().filter_map(|row| row.pesq).max_by(f64::total_cmp);
    if let Some((ours, best)) = rows[0].pesq.zip(best) {
        figures.push(Figure::told("best PESQ of the others at 64 kb/s", best));
        // As many digits as it is told with.
        let goal = ((best - BEHIND) * 1e3).round() / 1e3;
        figures.push(Figure::at_least(goal, "PESQ of syom at 64 kb/s", ours));
    }
    figures
}

/// What is spoken: the shared recordings where they are, and ours, at the rate of takes.
fn speech() -> Result<Vec<(String, Vec<f32>)>, String> {
    let mut all = Vec::new();
    match Recordings::find() {
        Ok(recordings) => {
            for name in recordings.names("speech")? {
                let samples = recordings.samples(&format!("speech/{name}"))?;
                all.push((name, samples));
            }
        }
        Err(why) => println!("not heard: {why}"),
    }
    let ours = recordings::ours()?.into_iter().filter(|one| one.name == "clean");
    all.extend(ours.map(|one| (one.name, one.samples)));
    all.into_iter()
        .map(|(name, samples)| Ok((name, through(UP, Format::mono(RATE), &samples)?)))
        .collect()
}

/// Ours first.
fn codecs(ffmpeg: &Path) -> Vec<Codec> {
    let mut codecs = vec![Codec { name: "syom", encode: Box::new(syom) }];
    match fdk() {
        Ok(fdk) => codecs.push(Codec {
            name: "fdk-aac",
            encode: Box::new(move |samples, bits| {
                let mut command = Command::new(&fdk);
                command.args([FULL.to_string(), bits.to_string()]);
                piped(command, &pcm16(samples))
            }),
        }),
        Err(why) => println!("not heard: fdk-aac: {why}"),
    }
    let ffmpeg = ffmpeg.to_owned();
    codecs.push(Codec {
        name: "ffmpeg",
        encode: Box::new(move |samples, bits| {
            let mut command = Command::new(&ffmpeg);
            command.args(["-v", "error", "-f", "s16le", "-ar", "48000", "-ac", "1", "-i", "-"]);
            command.args(["-c:a", "aac", "-b:a", &bits.to_string(), "-f", "adts", "-"]);
            piped(command, &pcm16(samples))
        }),
    });
    codecs
}

/// Fraunhofer's encoder has a licence of its own, so it is built here and by nobody else.
fn fdk() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fdk");
    println!("fdk-aac is built for this, from `{}`: its licence is its own", folder.display());
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--release", "--quiet", "--message-format", "json"]);
    let output = command.current_dir(&folder).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(said.lines().last().unwrap_or("it cannot be built").to_owned());
    }
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let built = said.rsplit_once("\"executable\":\"").and_then(|(_, rest)| rest.split_once('"'));
    built.map(|(path, _)| path.into()).ok_or_else(|| "cargo names no program".to_owned())
}

/// The ffmpeg that decodes: any will do, since nobody asks for the exact end.
fn ffmpeg() -> Result<PathBuf, String> {
    let named = std::env::var_os("TYMPAN_FFMPEG").map_or_else(|| "ffmpeg".into(), PathBuf::from);
    let there = Command::new(&named).arg("-version").stdout(Stdio::null()).status();
    there.map_err(|error| {
        format!("an ffmpeg has to decode; install it or name one in TYMPAN_FFMPEG: {error}")
    })?;
    Ok(named)
}

/// Our encoder, each packet with a head of ADTS.
fn syom(samples: &[f32], bits: u32) -> Result<Vec<u8>, String> {
    let mut aac = Aac::new(FULL, 1, bits).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    let mut packet = |bytes: &[u8], _| {
        let length = bytes.len() + 7;
        // AAC-LC, 48 kHz, one channel.
        out.extend([0xff, 0xf1, 0x4c, 0x40 | (length >> 11) as u8]);
        out.extend([(length >> 3) as u8, (length << 5) as u8 | 0x1f, 0xfc]);
        out.extend(bytes);
    };
    aac.push(samples, &mut packet).map_err(|error| error.to_string())?;
    aac.finish(&mut packet).map_err(|error| error.to_string())?;
    Ok(out)
}

fn pcm16(samples: &[f32]) -> Vec<u8> {
    let word = |sample: &f32| ((sample * 32_768.0).round() as i16).to_le_bytes();
    samples.iter().flat_map(word).collect()
}

/// What a program makes of these bytes.
fn piped(mut command: Command, input: &[u8]) -> Result<Vec<u8>, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("`{name}`: {error}"))?;
    let mut to = child.stdin.take().ok_or("no way in")?;
    let output = std::thread::scope(|scope| {
        // A program that has enough closes its end, and that is no error of ours.
        scope.spawn(move || drop(to.write_all(input)));
        child.wait_with_output()
    });
    let output = output.map_err(|error| format!("`{name}`: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(format!("`{name}` fails: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// What comes out of a codec, as long as the original and where it was, and its real rate.
fn coded(
    codec: &Codec,
    ffmpeg: &Path,
    original: &[f32],
    bits: u32,
) -> Result<(Vec<f32>, f64), String> {
    let bytes = (codec.encode)(original, bits)?;
    let packets = packets(&bytes);
    let payload: usize = packets.iter().map(|length| length - 7).sum();
    let real = payload as f64 * 8.0 * f64::from(FULL) / (packets.len() as f64 * 1024.0);
    let mut command = Command::new(ffmpeg);
    command.args(["-v", "error", "-f", "aac", "-i", "-", "-f", "f32le", "-"]);
    let decoded = piped(command, &bytes)?;
    let decoded: Vec<f32> = decoded.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    let late = late(original, &decoded);
    let mut decoded = decoded.get(late..).unwrap_or_default().to_vec();
    decoded.resize(original.len(), 0.0);
    Ok((decoded, real))
}

fn coded_once(
    codec: &Codec,
    ffmpeg: &Path,
    original: &[f32],
    bits: u32,
) -> Result<Vec<f32>, String> {
    coded(codec, ffmpeg, original, bits).map(|(decoded, _)| decoded)
}

/// The lengths of the packets of an ADTS stream, with their heads.
fn packets(bytes: &[u8]) -> Vec<usize> {
    let (mut lengths, mut at) = (Vec::new(), 0);
    while let Some(head) = bytes.get(at..at + 7) {
        let length =
            usize::from(head[3] & 3) << 11 | usize::from(head[4]) << 3 | usize::from(head[5]) >> 5;
        if length < 7 {
            break;
        }
        lengths.push(length);
        at += length;
    }
    lengths
}

/// By how many samples the decoded sound is late: where it fits best.
fn late(original: &[f32], decoded: &[f32]) -> usize {
    const MOST: usize = 4096;
    const LONG: usize = 24_000;
    let energy = |from: usize| original[from..from + LONG].iter().map(|x| x * x).sum::<f32>();
    if original.len() < LONG || decoded.len() < LONG + MOST {
        return 0;
    }
    let most = (original.len() - LONG).min(decoded.len() - LONG - MOST);
    let from = (0..=most)
        .step_by(LONG / 4)
        .max_by(|one, other| energy(*one).total_cmp(&energy(*other)))
        .unwrap_or(0);
    let fits = |late: usize| {
        let pairs = original[from..from + LONG].iter().zip(&decoded[from + late..]);
        pairs.map(|(one, other)| f64::from(one * other)).sum::<f64>()
    };
    (0..MOST).max_by(|one, other| fits(*one).total_cmp(&fits(*other))).unwrap_or(0)
}

/// The mean over frames of 20 ms that hold something, each between -10 and 35 dB.
fn segmental(original: &[f32], decoded: &[f32]) -> f64 {
    let energy = |x: &mut dyn Iterator<Item = f32>| x.map(|x| f64::from(x * x)).sum::<f64>();
    let frames = original.chunks_exact(960).zip(decoded.chunks_exact(960));
    let ratios: Vec<f64> = frames
        .filter_map(|(one, other)| {
            let signal = energy(&mut one.iter().copied());
            let noise = energy(&mut one.iter().zip(other).map(|(one, other)| one - other));
            // -50 dB.
            (signal > 960.0 * 1e-5).then(|| 10.0 * (signal / noise.max(1e-12)).log10())
        })
        .map(|ratio| ratio.clamp(-10.0, 35.0))
        .collect();
    ratios.iter().sum::<f64>() / ratios.len().max(1) as f64
}

/// Five seconds of noise, as much in each octave.
fn noise() -> Vec<f32> {
    let mut seed = 1_u32;
    let mut white = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    // The sum of values that are renewed at half the pace each.
    let mut values = [0.0_f32; 12];
    (0..5 * FULL)
        .map(|at| {
            let which = (at.trailing_zeros() as usize).min(values.len() - 1);
            values[which] = white();
            (values.iter().sum::<f32>() + white()) / 26.0
        })
        .collect()
}

/// The highest frequency, in steps of 500 Hz, where a sound keeps a tenth of its power.
fn edge(original: &[f32], decoded: &[f32]) -> f64 {
    let bands = (1..=47).rev().map(|band| f64::from(band) * 500.0);
    let mut kept = bands.filter(|hz| power(decoded, *hz) > 0.1 * power(original, *hz));
    kept.next().unwrap_or(0.0)
}

/// The power around a frequency: some neighbouring ones, over windows of 20 ms.
fn power(samples: &[f32], hz: f64) -> f64 {
    let near = [-100.0, 0.0, 100.0];
    let one = |window: &[f32], hz: f64| {
        let turn = std::f64::consts::TAU * hz / f64::from(FULL);
        let (mut re, mut im) = (0.0, 0.0);
        for (at, sample) in window.iter().enumerate() {
            let bell = (std::f64::consts::PI * at as f64 / window.len() as f64).sin().powi(2);
            let (sin, cos) = (turn * at as f64).sin_cos();
            re += f64::from(*sample) * bell * cos;
            im += f64::from(*sample) * bell * sin;
        }
        re * re + im * im
    };
    let windows = samples.chunks_exact(960).step_by(5);
    windows.map(|window| near.iter().map(|off| one(window, hz + off)).sum::<f64>()).sum()
}

/// Pairs of sounds for judges that are written in Python.
struct Pairs {
    folder: PathBuf,
    list: fs::File,
    count: usize,
}

impl Pairs {
    fn new(folder: &Path) -> Result<Self, String> {
        let list = fs::File::create(folder.join("pairs.tsv")).map_err(|error| error.to_string())?;
        Ok(Self { folder: folder.to_owned(), list, count: 0 })
    }

    fn add(&mut self, row: usize, name: &str, one: &[f32], other: &[f32]) -> Result<(), String> {
        self.count += 1;
        let write = |which: &str, samples: &[f32]| {
            let path = self.folder.join(format!("{}-{which}.s16", self.count));
            fs::write(&path, pcm16(samples)).map_err(|error| error.to_string())?;
            Ok::<_, String>(path)
        };
        let (one, other) = (write("one", one)?, write("other", other)?);
        writeln!(self.list, "{row}\t{name}\t{}\t{}", one.display(), other.display())
            .map_err(|error| error.to_string())
    }

    /// The means of PESQ and `ViSQOL` for each row. Who is not there is named.
    fn scores(&self, rows: usize) -> Vec<(usize, Option<f64>, Option<f64>)> {
        let said = self.judged().unwrap_or_else(|why| {
            println!("not heard by PESQ and ViSQOL: {why}");
            String::new()
        });
        let mut sums = vec![[(0.0, 0); 2]; rows];
        for line in said.lines() {
            let fields: Vec<_> = line.split('\t').collect();
            let (Some(row), Some(which), Some(score)) = (
                fields.first().and_then(|row| row.parse::<usize>().ok()),
                fields.get(1).and_then(|name| ["pesq", "visqol"].iter().position(|n| n == name)),
                fields.get(2).and_then(|score| score.parse::<f64>().ok()),
            ) else {
                println!("{line}");
                continue;
            };
            let sum = &mut sums[row][which];
            *sum = (sum.0 + score, sum.1 + 1);
        }
        let mean = |(sum, count): (f64, i32)| (count > 0).then(|| sum / f64::from(count));
        sums.into_iter().enumerate().map(|(at, [p, v])| (at, mean(p), mean(v))).collect()
    }

    /// Installs the judges for the moment, and has them listen.
    fn judged(&self) -> Result<String, String> {
        let venv = self.folder.join("venv");
        println!("to be installed for the moment, from PyPI: {}", PACKAGES.join(", "));
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let python = venv.join("bin/python");
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(Command::new(&python).args(pip).args(PACKAGES))?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin/evaluate/aac.py");
        run(Command::new(&python).arg(script).arg(self.folder.join("pairs.tsv")))
    }
}

const PACKAGES: [&str; 4] = ["cython", "numpy", "pesq", "visqol-python"];

fn run(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("`{name}`: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("`{name}` fails: {}", said.lines().last().unwrap_or_default()))
}

struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("tympan-aac-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(|error| format!("`{}`: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
