//! What was captured before a break is not to be found in the process behind it: the
//! whole memory is searched for it.
//!
//! One test, in a process of its own: nothing else may keep what it looks for.

#![cfg(target_os = "linux")]

mod kit;

use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use tympan::backend::mock::{Mock, Signal};
use tympan::backend::phone::{Handset, Happening, Setup};
use tympan::backend::storage::Files;
use tympan::core::session::{Hint, Reason};
use tympan::take::{Chunks, Container};
use tympan::{Format, Graph, PacketReader, PcmReader, Pipeline, Recorder};

/// Needles are kept like this, so that a search does not find them themselves.
const VEIL: u8 = 0xa5;

/// Bytes of a needle: four samples of float, eight of 16 bits.
const NEEDLE: usize = 16;

/// What is looked for.
#[derive(Default)]
struct Needles {
    veiled: HashSet<[u8; NEEDLE]>,
    /// Whether a needle begins with such two bytes.
    starts: Vec<bool>,
}

impl Needles {
    /// These bytes, the first [`NEEDLE`] of them. They are veiled as they come, so that
    /// nothing of them is left on the way.
    fn add(&mut self, bytes: impl Iterator<Item = u8>) {
        self.starts.resize(1 << 16, false);
        let (mut veiled, mut telling) = ([0; NEEDLE], 0);
        for (to, byte) in veiled.iter_mut().zip(bytes) {
            telling += usize::from(byte != 0 && byte != 0xff);
            *to = byte ^ VEIL;
        }
        // Needles of nearly nothing are everywhere.
        if telling > NEEDLE / 2 {
            self.starts[start([veiled[0] ^ VEIL, veiled[1] ^ VEIL])] = true;
            self.veiled.insert(veiled);
        }
    }

    /// Every place in these samples, as float and as 16 bits.
    fn samples(&mut self, samples: &[f32]) {
        for some in samples.windows(8) {
            self.add(some.iter().flat_map(|x| x.to_le_bytes()));
            self.add(some.iter().flat_map(|x| ((x * 32_768.0) as i16).to_le_bytes()));
        }
    }

    /// Every place in these bytes.
    fn bytes(&mut self, bytes: &[u8]) {
        for some in bytes.windows(NEEDLE) {
            self.add(some.iter().copied());
        }
    }

    /// How often any of them is in the memory of this process, and where first.
    fn found(&self) -> (usize, String) {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let mut memory = std::fs::File::open("/proc/self/mem").unwrap();
        let mut chunk = vec![0; 1 << 20];
        let (mut hits, mut first) = (0, String::new());
        for line in maps.lines().filter(|line| line.contains(" rw")) {
            let (from, rest) = line.split_once('-').unwrap();
            let (to, _) = rest.split_once(' ').unwrap();
            let mut at = u64::from_str_radix(from, 16).unwrap();
            let end = u64::from_str_radix(to, 16).unwrap();
            while at < end {
                let len = chunk.len().min((end - at) as usize);
                memory.seek(SeekFrom::Start(at)).unwrap();
                if memory.read_exact(&mut chunk[..len]).is_err() {
                    break;
                }
                let new = self.count(&chunk[..len]);
                if hits == 0 && new > 0 {
                    line.clone_into(&mut first);
                }
                hits += new;
                // Needles over the seam are found by their neighbours.
                at += len as u64;
            }
            chunk.fill(0);
        }
        (hits, first)
    }

    fn count(&self, bytes: &[u8]) -> usize {
        let is = |some: &&[u8]| {
            if !self.starts[start([some[0], some[1]])] {
                return false;
            }
            let mut veiled = [0; NEEDLE];
            for (to, byte) in veiled.iter_mut().zip(*some) {
                *to = byte ^ VEIL;
            }
            self.veiled.contains(&veiled)
        };
        bytes.windows(NEEDLE).filter(is).count()
    }
}

fn start(bytes: [u8; 2]) -> usize {
    u16::from_le_bytes(bytes).into()
}

/// What is found when 100 ms have passed. On a machine that is busy a thread may not have
/// had its turn by then: what is to go is given a few more; what stays is found all the
/// same.
fn found_soon(needles: &Needles, mut pass: impl FnMut()) -> (usize, String) {
    let mut found = (1, String::new());
    for _ in 0..10 {
        if found.0 > 0 {
            pass();
            found = needles.found();
        }
    }
    found
}

/// A voice of noise that nothing else in the world sounds like.
fn marker(frame: u64) -> f32 {
    let mut x = frame.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def0;
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 32;
    (x as i32 >> 8) as f32 / (1 << 24) as f32
}

/// Marked until this frame, then silence.
fn marked_until(end: u64) -> Signal {
    Signal::Custom(Box::new(move |frame, _| if frame < end { marker(frame) } else { 0.0 }))
}

fn needles_of_the_marker(frames: u64) -> Needles {
    let mut needles = Needles::default();
    let mut samples: Vec<f32> = (0..frames).map(marker).collect();
    needles.samples(&samples);
    samples.fill(0.0);
    std::hint::black_box(&samples);
    needles
}

enum Tap {
    Pcm(PcmReader),
    Packets(PacketReader),
}

impl Tap {
    fn all(pipeline: &mut Pipeline) -> Vec<Self> {
        let outputs = pipeline.outputs().to_vec();
        let tap = |output: &tympan::OutputInfo| {
            if output.packet > 0 {
                Self::Packets(pipeline.packets(&output.name).unwrap())
            } else {
                Self::Pcm(pipeline.pcm(&output.name).unwrap())
            }
        };
        outputs.iter().map(tap).collect()
    }

    /// Reads what is there, and remembers it as something that must not stay.
    fn drain(&mut self, needles: &mut Needles) {
        match self {
            Self::Pcm(reader) => {
                while let Some(block) = reader.try_next() {
                    needles.samples(block.samples);
                }
            }
            Self::Packets(reader) => {
                while let Some(packet) = reader.try_next() {
                    needles.bytes(packet.bytes);
                }
            }
        }
    }
}

fn drain(taps: &mut [Tap], needles: &mut Needles) {
    for tap in taps {
        tap.drain(needles);
    }
}

/// A graph that ships, on a worker thread: a second of the marker, a break, 100 ms.
fn hits_in(path: &std::path::Path) -> usize {
    let graph = Graph::from_file(path, &tympan::registry()).unwrap();
    let mut needles = needles_of_the_marker(48_000);
    let (device, hand) = Mock::new(Format::mono(48_000));
    hand.signal(marked_until(48_000));
    let mut pipeline = Pipeline::builder(&graph).backend(device).start().unwrap();
    let mut taps = Tap::all(&mut pipeline);
    for _ in 0..10 {
        hand.advance(100);
        std::thread::sleep(Duration::from_millis(5));
        drain(&mut taps, &mut needles);
    }
    hand.brk();
    std::thread::sleep(Duration::from_millis(20));
    drain(&mut taps, &mut needles);
    // What comes of the silence behind it is no needle.
    let mut ignored = Needles::default();
    let mut ignored_silence = || {
        for _ in 0..10 {
            hand.advance(10);
            std::thread::sleep(Duration::from_millis(10));
            drain(&mut taps, &mut ignored);
        }
    };
    let (hits, place) = found_soon(&needles, &mut ignored_silence);
    println!("{}: {} needles, {hits} hits {place}", path.display(), needles.veiled.len());
    drop(pipeline.stop());
    hits
}

/// A recorder with a take on disk, and chunks of it on wish: a call comes, and 100 ms
/// later it is as if nothing had been said.
fn nothing_stays_in_a_recorder(of_take: Container, chunks: Option<Container>) {
    let graph = Graph::from_toml(
        "[[node]]\nkind = \"mix\"\nchannels = 1\n\n[[output]]\nname = \"take\"\nrate = 48000\n",
        &tympan::registry(),
    );
    let needles = needles_of_the_marker(120_000);
    let folder = std::env::temp_dir().join(format!("tympan-remains-{}", std::process::id()));
    let (phone, hand) = Handset::new(&Setup::default());
    hand.signal(marked_until(u64::MAX));
    let builder = Recorder::builder(&graph.unwrap()).device(phone).directory(&folder);
    let mut builder = builder.storage(Files).format(of_take);
    if let Some(format) = chunks {
        let (length, at_silences) = (Duration::from_secs(1), true);
        builder = builder.chunks(Chunks { length, at_silences, format });
    }
    let recorder = builder.build().unwrap();
    recorder.start().unwrap();
    hand.pass(Duration::from_secs(1));
    hand.happen(Happening::InterruptionBegan { reason: Reason::Default });
    hand.signal(Signal::Silence);
    hand.happen(Happening::InterruptionEnded { hint: Hint::Yes });
    hand.pass(Duration::from_millis(250));
    assert!(recorder.status().elapsed > Duration::from_millis(800));
    let pass = || hand.pass(Duration::from_millis(100));
    let (hits, place) = found_soon(&needles, pass);
    println!("{of_take:?}, chunks {chunks:?}: {} needles, {hits} hits", needles.veiled.len());
    assert_eq!(hits, 0, "{place}");
    // What is gone from memory is in the take.
    let take = recorder.stop().unwrap().unwrap();
    let bytes = std::fs::read(take.path()).unwrap();
    assert!(of_take != Container::WavFloat || needles.count(&bytes) > 10_000);
    assert_eq!(take.chunks.is_empty(), chunks.is_none());
    drop(recorder);
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A microphone that is warm without a take, and is closed: it has heard nothing.
fn nothing_stays_of_a_warm_microphone() {
    let graph = "[[node]]\nkind = \"mix\"\nchannels = 1\n\n[[output]]\nname = \"take\"\n";
    let graph = Graph::from_toml(graph, &tympan::registry()).unwrap();
    let needles = needles_of_the_marker(120_000);
    let folder = std::env::temp_dir().join(format!("tympan-warm-{}", std::process::id()));
    let (phone, hand) = Handset::new(&Setup::default());
    hand.signal(marked_until(u64::MAX));
    let builder = Recorder::builder(&graph).device(phone).directory(&folder);
    let recorder = builder.pre_roll(Duration::from_secs(1)).build().unwrap();
    recorder.prewarm().unwrap();
    hand.pass(Duration::from_secs(1));
    // The negative control: it is in memory, and nowhere else.
    let (kept, _) = needles.found();
    assert!(kept > 10_000, "{kept}");
    recorder.release().unwrap();
    hand.signal(Signal::Silence);
    let (hits, place) = found_soon(&needles, || hand.pass(Duration::from_millis(100)));
    println!("a warm microphone: {kept} hits while it is open, {hits} behind it");
    assert_eq!(hits, 0, "{place}");
    drop(recorder);
    let _ = std::fs::remove_dir_all(&folder);
}

#[test]
fn nothing_of_before_a_break_stays_in_memory() {
    // The negative control: what does stay is found.
    let needles = needles_of_the_marker(4_800);
    let mut kept: Vec<f32> = (0..4_800).map(marker).collect();
    let (hits, _) = needles.found();
    assert!(hits >= 4_000, "{hits} hits");
    kept.fill(0.0);
    std::hint::black_box(&kept);
    drop((kept, needles));
    let hits: usize = kit::shipped().iter().map(|path| hits_in(path)).sum();
    assert_eq!(hits, 0);
    nothing_stays_of_a_warm_microphone();
    for container in Container::available() {
        nothing_stays_in_a_recorder(container, None);
        nothing_stays_in_a_recorder(Container::WavFloat, Some(container));
    }
}
