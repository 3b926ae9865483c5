//! Counters near 2^31 and 2^32: frames, granules, durations, sizes, numbers of samples.
//! There is no back door into them. What is long is cheap instead: a packet of silence has
//! a few bytes, a file that is all zeros takes no room, and a device may have 640 kHz.

#[path = "kit/desk.rs"]
mod desk;

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use tympan::backend::storage::{Files, Medium, Storage};
use tympan::backend::wav::{SampleType, WavReader, WavWriter};
use tympan::recorder::Options;
use tympan::take::{Container, Kind, State, repair};
use tympan::{Format, Graph, Header};

/// Lengths at which a counter of 31 or 32 bits would turn round.
const BORDERS: [u64; 6] =
    [(1 << 31) - 1, 1 << 31, (1 << 31) + 1, (1 << 32) - 1, 1 << 32, (1 << 32) + 1];

/// All of them, or in the short form the first behind each border.
fn borders() -> impl Iterator<Item = u64> {
    let long = std::env::var_os("TYMPAN_LONG").is_some();
    BORDERS.into_iter().filter(move |border| long || border % 4 == 1)
}

/// What repair makes of a file that is whole: its length.
fn seen(file: &mut dyn Medium, kind: Kind) -> u64 {
    let seen = repair(file).unwrap();
    assert_eq!((seen.state, seen.kind), (State::Healthy, kind), "{seen:?}");
    seen.kept_frames
}

/// What a program prints about a file; none, with a word, if it is not there.
fn told(program: &str, words: &[&str], path: &Path) -> Option<String> {
    let mut command = Command::new(program);
    let Ok(output) = command.args(words).arg(path).stdin(Stdio::null()).output() else {
        println!("NOT JUDGED by {program}: it is not on this machine");
        return None;
    };
    Some(String::from_utf8_lossy(&[output.stderr, output.stdout].concat()).into_owned())
}

/// A file that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("tympan-counters-{}-{name}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = if self.0.is_dir() {
            std::fs::remove_dir_all(&self.0)
        } else {
            std::fs::remove_file(&self.0)
        };
    }
}

#[test]
#[cfg(feature = "aac")]
fn durations_of_an_m4a_file() {
    use tympan::take::{Aac, M4a, Track};
    let mut aac = Aac::new(48_000, 1, 64_000).unwrap();
    let mut silence = Vec::new();
    aac.push(&[0.0; 4096], &mut |bytes, _| silence = bytes.to_vec()).unwrap();
    for frames in borders() {
        let file = Scratch::new(&format!("{frames}.m4a"));
        let track = Track::aac(aac.config(), 48_000, 1, aac.delay());
        let mut take = M4a::new(Files.create(&file.0).unwrap(), track).unwrap();
        for number in 0..=frames.div_ceil(1024) {
            take.packet(&silence, 1024).unwrap();
            if number % 4096 == 0 {
                take.fragment().unwrap();
            }
        }
        take.fragment().unwrap();
        take.finish(frames).unwrap();
        drop(take);
        assert_eq!(seen(&mut *Files.open(&file.0).unwrap(), Kind::Mp4), frames);
        let ask = ["-v", "warning", "-show_entries", "format=duration", "-of", "csv=p=0"];
        if let Some(told) = told("ffprobe", &ask, &file.0) {
            let seconds: f64 = told.trim().parse().unwrap_or_else(|_| panic!("{told}"));
            assert!((seconds - frames as f64 / 48_000.0).abs() < 1e-3, "{frames}: {told}");
        }
    }
}

#[test]
fn granules_of_an_opus_file() {
    use tympan::take::OggOpus;
    // 20 ms without content.
    let packet = [9 << 3];
    for frames in borders() {
        let file = Scratch::new(&format!("{frames}.opus"));
        let mut to = io::BufWriter::new(std::fs::File::create(&file.0).unwrap());
        let mut opus = OggOpus::new(&mut to, Format::mono(48_000));
        let count = (frames + 312).div_ceil(960);
        for number in 0..count {
            let last = number == count - 1;
            let header = Header {
                position: number as i64 * 960 - 312,
                frames: 960,
                lead: if number == 0 { 312 } else { 0 },
                trim: if last { (count * 960 - 312 - frames) as u32 } else { 0 },
                ..Header::default()
            };
            opus.packet(&header, &packet).unwrap();
        }
        opus.finish().unwrap();
        assert_eq!(opus.samples(), frames);
        drop(opus);
        to.flush().unwrap();
        assert_eq!(seen(&mut *Files.open(&file.0).unwrap(), Kind::Ogg), frames);
        if let Some(told) = told("opusinfo", &[], &file.0) {
            assert!(!told.contains("WARNING") && told.contains("stream 1 ended"), "{told}");
            let minutes = frames / 48_000 / 60;
            assert!(told.contains(&format!("Playback length: {minutes}m:")), "{told}");
        }
    }
}

#[test]
fn sizes_of_a_wav_file() {
    for (kind, bytes) in [(SampleType::I16, 2), (SampleType::F32, 4)] {
        for size in borders() {
            // As many bytes of samples as there are whole frames for, around the border.
            let frames = size.div_ceil(bytes);
            let hollow = Hollow::default();
            let format = Format::mono(48_000);
            let mut wav = WavWriter::on(Box::new(hollow.clone()), "it", format, kind).unwrap();
            let zeros = vec![0.0; 1 << 20];
            let mut left = frames;
            while left > 0 {
                let some = left.min(zeros.len() as u64);
                wav.write(&zeros[..some as usize]).unwrap();
                left -= some;
            }
            assert_eq!(wav.finish().unwrap(), frames);
            assert_eq!(seen(&mut hollow.clone(), Kind::Wav), frames);
            let read = WavReader::named("it", hollow.clone()).unwrap();
            assert_eq!(read.frames_promised(), Some(frames));
            // On a disk it has a hole.
            let file = Scratch::new(&format!("{size}-{bytes}.wav"));
            hollow.pour(&file.0).unwrap();
            // It reads a file of less than 4 GiB to its end.
            if let Some(told) = told("sndfile-info", &[], &file.0) {
                assert!(told.contains(&format!("Frames      : {frames}\n")), "{told}");
            }
            let ask = ["-v", "error", "-show_entries", "stream=duration_ts", "-of", "csv=p=0"];
            if let Some(told) = told("ffprobe", &ask, &file.0) {
                assert_eq!(told.trim(), frames.to_string());
            }
        }
    }
}

/// Numbers of samples in a FLAC stream, and positions in everything that a recorder is
/// made of: from the microphone, over the graph, to the sidecar.
#[test]
fn positions_in_a_recorder() {
    let text = "[[source]]\nname = \"mic\"\n[[output]]\nname = \"take\"\nfrom = \"mic\"\n";
    let graph = Graph::from_toml(text, &tympan::registry()).unwrap();
    // A frame of FLAC is 100 ms, and no more than 65,535 samples.
    let format = Format::mono(640_000);
    // In the short form only the first border, and where nothing is encoded.
    let long = std::env::var_os("TYMPAN_LONG").is_some();
    let borders = if long { &[(1 << 31) + 1, (1 << 32) + 1][..] } else { &[(1 << 31) + 1] };
    let wanted = |container: &Container| match container {
        Container::Flac => long,
        other => *other == Container::Wav,
    };
    for container in Container::available().filter(wanted) {
        for frames in borders.iter().copied() {
            let folder = Scratch::new(container.name());
            let audio = Hollow::default();
            let mut options = Options::new(&folder.0);
            options.format = container;
            options.storage = Arc::new(Disk(audio.clone()));
            let mut left = frames;
            let take = desk::record(&graph, format, options, |block| {
                let some = left.min(64_000);
                block.resize(some as usize, 0.0);
                left -= some;
            })
            .unwrap();
            assert_eq!((take.frames, take.dropped()), (frames, 0), "{container:?}");
            if container == Container::Wav {
                assert_eq!(seen(&mut audio.clone(), Kind::Wav), frames);
            }
        }
    }
}

/// A file of which only what is not zero takes memory, by pages.
#[derive(Clone, Debug, Default)]
struct Hollow {
    content: Arc<std::sync::Mutex<Content>>,
    at: u64,
}

#[derive(Debug, Default)]
struct Content {
    pages: std::collections::BTreeMap<u64, Vec<u8>>,
    length: u64,
}

const PAGE: u64 = 4096;

impl Hollow {
    /// Puts it on the disk.
    fn pour(&self, path: &Path) -> io::Result<()> {
        let content = self.content.lock().unwrap();
        let mut file = std::fs::File::create(path)?;
        for (page, bytes) in &content.pages {
            file.seek(SeekFrom::Start(page * PAGE))?;
            file.write_all(bytes)?;
        }
        file.set_len(content.length)
    }
}

impl Read for Hollow {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let content = self.content.lock().unwrap();
        let (page, from) = (self.at / PAGE, (self.at % PAGE) as usize);
        let left = content.length.saturating_sub(self.at).min(PAGE - from as u64);
        let some = to.len().min(left as usize);
        match content.pages.get(&page) {
            Some(bytes) => to[..some].copy_from_slice(&bytes[from..from + some]),
            None => to[..some].fill(0),
        }
        self.at += some as u64;
        Ok(some)
    }
}

impl Write for Hollow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut content = self.content.lock().unwrap();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (page, from) = (self.at / PAGE, (self.at % PAGE) as usize);
            let (some, behind) = rest.split_at(rest.len().min(PAGE as usize - from));
            if some.iter().any(|byte| *byte != 0) || content.pages.contains_key(&page) {
                let held = content.pages.entry(page).or_insert_with(|| vec![0; PAGE as usize]);
                held[from..from + some.len()].copy_from_slice(some);
            }
            self.at += some.len() as u64;
            rest = behind;
        }
        content.length = content.length.max(self.at);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Hollow {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let length = self.content.lock().unwrap().length;
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(off) => length.saturating_add_signed(off),
            SeekFrom::Current(off) => self.at.saturating_add_signed(off),
        };
        Ok(self.at)
    }
}

impl Medium for Hollow {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&mut self, length: u64) -> io::Result<()> {
        let mut content = self.content.lock().unwrap();
        content.pages.retain(|page, _| page * PAGE < length);
        if let Some(bytes) = content.pages.get_mut(&(length / PAGE)) {
            bytes[(length % PAGE) as usize..].fill(0);
        }
        content.length = length;
        Ok(())
    }
}

/// The system's files, but for the audio, which is in a hollow one.
#[derive(Debug)]
struct Disk(Hollow);

impl Storage for Disk {
    fn create_folder(&self, path: &Path) -> io::Result<bool> {
        Files.create_folder(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        let is_audio = path.file_stem().is_some_and(|name| name == "audio");
        if is_audio { Ok(Box::new(self.0.clone())) } else { Files.create(path) }
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        Files.open(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Files.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        Files.remove(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        Files.list(folder)
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}
