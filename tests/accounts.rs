//! in + filled = out + dropped, to the frame: random schedules, a worker that stalls,
//! readers that stall, losses, breaks and format changes.

mod kit;

use std::sync::atomic::{AtomicU64, Ordering};

use kit::{Grip, Hand, Rng};
use tympan::backend::Notice;
use tympan::{Events, Format, Graph, PcmReader, Pipeline, Runner, Totals, What};

const GRAPH: &str = r#"
[[node]]
kind = "mix"
channels = 1

[[output]]
name = "voice"
"#;

const MONO: Format = Format::mono(48_000);
const STEREO: Format = Format::stereo(48_000);

/// A frame's value tells its number on the device's clock, lost frames counted, so that
/// a frame in the wrong place is seen. Zero is nobody's number.
const NUMBERS: u64 = 1 << 20;

fn value(n: u64) -> f32 {
    (n % NUMBERS + 1) as f32 / (2 * NUMBERS) as f32
}

fn number(x: f32) -> u64 {
    (x * (2 * NUMBERS) as f32) as u64 - 1
}

struct Reader {
    pcm: PcmReader,
    events: Events,
    frames: u64,
    /// Losses the events tell of: in capture, and in this output.
    told_lost: u64,
    told_overrun: u64,
    /// The segment that is read, and the device's number of its first frame.
    segment: (u32, Option<u64>),
}

impl Reader {
    /// Reads everything there is. In a segment every frame stands where the device's
    /// clock says, and zeros stand for what was lost.
    fn read(&mut self) {
        while let Some(block) = self.pcm.try_next() {
            self.frames += block.samples.len() as u64;
            if block.header.segment != self.segment.0 {
                self.segment = (block.header.segment, None);
            }
            for (i, &x) in block.samples.iter().enumerate().filter(|(_, x)| **x != 0.0) {
                let position = block.header.position as u64 + i as u64;
                let first = (number(x) + NUMBERS - position % NUMBERS) % NUMBERS;
                let known = *self.segment.1.get_or_insert(first);
                assert_eq!(first, known, "a frame at {position} of segment {}", self.segment.0);
            }
        }
        while let Some(event) = self.events.try_next() {
            match event.what {
                What::Gap { lost, .. } => self.told_lost += u64::from(lost),
                What::Overrun { frames, .. } => self.told_overrun += u64::from(frames),
                _ => {}
            }
        }
    }
}

struct Schedule {
    rng: Rng,
    format: Format,
    /// Frames on the device's clock, and those of them that it delivered.
    clock: u64,
    delivered: u64,
    buffer: Vec<f32>,
}

impl Schedule {
    /// Mostly small callbacks, now and then a very large one.
    fn size(&mut self) -> usize {
        match self.rng.below(64) {
            0 => 1 + self.rng.below(8192),
            1..8 => 1 + self.rng.below(1024),
            _ => 1 + self.rng.below(128),
        }
    }

    fn callback(&mut self, grip: &Grip) {
        match self.rng.below(400) {
            0 => {
                let lost = 1 + self.rng.below(6000) as u64;
                self.clock += lost;
                grip.notice(Notice::Lost(lost));
            }
            1 => grip.notice(Notice::Break),
            2 => self.format = if self.rng.chance(2) { MONO } else { STEREO },
            _ => {}
        }
        let frames = self.size();
        let channels = self.format.channels as usize;
        self.buffer.clear();
        for n in self.clock..self.clock + frames as u64 {
            self.buffer.extend(std::iter::repeat_n(value(n), channels));
        }
        self.clock += frames as u64;
        self.delivered += frames as u64;
        grip.audio(&self.buffer, self.format);
    }
}

fn run(seed: u64, callbacks: usize) -> Totals {
    let mut rng = Rng::new(seed);
    let graph = Graph::from_toml(GRAPH, &tympan::registry()).unwrap();
    let (hand, grip) = Hand::new(MONO);
    let mut pipeline = Pipeline::builder(&graph)
        .backend(hand)
        .runner(Runner::Manual)
        .entry_seconds(0.05 + rng.below(100) as f64 / 100.0)
        .outlet_seconds(0.05 + rng.below(100) as f64 / 100.0)
        .start()
        .unwrap();
    let mut reader = Reader {
        pcm: pipeline.pcm("voice").unwrap(),
        events: pipeline.events().unwrap(),
        frames: 0,
        told_lost: 0,
        told_overrun: 0,
        segment: (0, None),
    };
    let mut schedule = Schedule { rng, format: MONO, clock: 0, delivered: 0, buffer: Vec::new() };
    let (mut worker_stalls, mut reader_stalls) = (0usize, 0usize);
    for _ in 0..callbacks {
        schedule.callback(&grip);
        if schedule.rng.chance(300) {
            worker_stalls = schedule.rng.below(400);
        }
        if schedule.rng.chance(300) {
            reader_stalls = schedule.rng.below(400);
        }
        worker_stalls = worker_stalls.saturating_sub(1);
        reader_stalls = reader_stalls.saturating_sub(1);
        if worker_stalls == 0 {
            pipeline.poll();
        }
        if reader_stalls == 0 {
            reader.read();
        }
    }
    let totals = pipeline.stop();
    reader.read();
    check(&totals, &reader, &schedule, seed);
    totals
}

fn check(t: &Totals, reader: &Reader, schedule: &Schedule, seed: u64) {
    let voice = &t.outputs[0];
    assert_eq!(t.input, schedule.delivered, "seed {seed}: every frame delivered is on the account");
    assert_eq!(t.input + t.filled, t.processed + t.dropped, "seed {seed}: {t:?}");
    assert_eq!(t.processed, voice.delivered + voice.dropped, "seed {seed}: {t:?}");
    assert_eq!(voice.delivered, reader.frames, "seed {seed}: {t:?}");
    if t.events_lost == 0 {
        assert_eq!(t.dropped + t.lost, reader.told_lost, "seed {seed}: every loss is an event");
        // What was lost at the very end has no later record to be told with.
        assert!(reader.told_overrun <= voice.dropped, "seed {seed}");
    }
}

#[test]
fn every_frame_is_on_the_account() {
    let (seeds, callbacks) = (1_000, if kit::long() { 100_000 } else { 10_000 });
    let next = AtomicU64::new(1);
    let sums = [(); 5].map(|()| AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > seeds {
                        return;
                    }
                    let t = run(seed, callbacks);
                    let parts = [t.input, t.filled, t.processed, t.dropped, t.outputs[0].dropped];
                    for (sum, part) in sums.iter().zip(parts) {
                        sum.fetch_add(part, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let [input, filled, out, dropped, unread] = sums.map(AtomicU64::into_inner);
    println!(
        "{seeds} seeds x {callbacks} callbacks: {input} in + {filled} filled = {out} out + \
         {dropped} dropped; {unread} dropped behind slow readers"
    );
    assert_eq!(input + filled, out + dropped);
    assert!(filled > 0 && dropped > 0 && unread > 0, "the schedules must provoke losses");
}
