//! Any order of callbacks, losses, breaks, format changes and stalls: no frame is off the
//! account, and each that is read stands where the device's clock says.

use std::cell::OnceCell;

use tympan::backend::Notice;
use tympan::{Events, Format, Graph, Limits, PcmReader, Pipeline, Runner, Totals, What};

use crate::bytes::Bytes;
use crate::sound::{Hand, graph};

const GRAPH: &str =
    "[[node]]\nkind = \"mix\"\nchannels = 1\n[[output]]\nname = \"voice\"\nfrom = \"mix\"\n";

const MONO: Format = Format::mono(48_000);
const STEREO: Format = Format::stereo(48_000);

/// Most callbacks and calls of a run.
const MOST: usize = 48;

/// A frame's value tells its number on the device's clock, lost frames counted. Zero is
/// nobody's number.
const NUMBERS: u64 = 1 << 20;

fn value(n: u64) -> f32 {
    (n % NUMBERS + 1) as f32 / (2 * NUMBERS) as f32
}

fn number(x: f32) -> u64 {
    (x * (2 * NUMBERS) as f32) as u64 - 1
}

pub(crate) fn run(bytes: &[u8]) {
    let (totals, reader, delivered) = played(bytes);
    if let Err(why) = judge(&totals, &reader, delivered) {
        panic!("{why}");
    }
}

struct Reader {
    pcm: PcmReader,
    events: Events,
    frames: u64,
    told_lost: u64,
    /// The segment that is read, and the device's number of its first frame.
    segment: (u32, Option<u64>),
}

impl Reader {
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
            if let What::Gap { lost, .. } = event.what {
                self.told_lost += u64::from(lost);
            }
        }
    }
}

fn played(bytes: &[u8]) -> (Totals, Reader, u64) {
    thread_local!(static KNOWN: OnceCell<Graph> = const { OnceCell::new() });
    let graph = KNOWN.with(|known| known.get_or_init(|| graph(GRAPH)).clone());
    let mut bytes = Bytes::new(bytes);
    let hand = Hand::new(MONO);
    let mut pipeline = Pipeline::builder(&graph)
        .backend(hand.clone())
        .runner(Runner::Manual)
        .limits(Limits { max_push: 128, ..Limits::default() })
        .entry_seconds(0.002 + f64::from(bytes.byte()) / 10_000.0)
        .outlet_seconds(0.002 + f64::from(bytes.byte()) / 10_000.0)
        .start()
        .expect("it fits");
    let mut reader = Reader {
        pcm: pipeline.pcm("voice").expect("an output"),
        events: pipeline.events().expect("events"),
        frames: 0,
        told_lost: 0,
        segment: (0, None),
    };
    let (mut format, mut clock, mut delivered) = (MONO, 0, 0);
    let mut buffer = Vec::new();
    for _ in 0..MOST {
        if bytes.is_empty() {
            break;
        }
        match bytes.byte() {
            0..8 => {
                let lost = u64::from(bytes.word());
                clock += lost;
                hand.notice(Notice::Lost(lost));
            }
            8..16 => hand.notice(Notice::Break),
            16..24 => format = if bytes.flag() { MONO } else { STEREO },
            24..64 => drop(pipeline.poll()),
            64..96 => reader.read(),
            step => {
                // Mostly small callbacks, now and then one that the entry has no room for.
                let frames = match step {
                    255 => bytes.below(2049),
                    250..255 => bytes.below(513),
                    step => usize::from(step - 95),
                } as u64;
                buffer.clear();
                let channels = usize::from(format.channels);
                buffer.resize(frames as usize * channels, 0.0);
                for (n, frame) in (clock..).zip(buffer.chunks_exact_mut(channels)) {
                    frame.fill(value(n));
                }
                clock += frames;
                delivered += frames;
                hand.audio(&buffer, format);
            }
        }
    }
    let totals = pipeline.stop();
    reader.read();
    (totals, reader, delivered)
}

fn judge(t: &Totals, reader: &Reader, delivered: u64) -> Result<(), String> {
    let voice = &t.outputs[0];
    let all = [
        ("every frame delivered is on the account", t.input == delivered),
        ("in and filled is out and dropped", t.input + t.filled == t.processed + t.dropped),
        ("what went through came out", t.processed == voice.delivered + voice.dropped),
        ("what came out was read", voice.delivered == reader.frames),
        ("every loss is an event", t.events_lost > 0 || t.dropped + t.lost == reader.told_lost),
    ];
    match all.iter().find(|(_, holds)| !holds) {
        Some((what, _)) => {
            Err(format!("{what}: {t:?}, {} read, {} told", reader.frames, reader.told_lost))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planted_faults_are_noticed() {
        // Losses, callbacks that do not fit, stalls.
        let bytes = [&[9, 9][..], &[200, 200, 30, 70, 0, 5, 0, 253, 255, 255, 16, 1]].concat();
        let (totals, reader, delivered) = played(&bytes);
        assert_eq!(judge(&totals, &reader, delivered), Ok(()));
        assert!(totals.dropped > 0 && totals.lost > 0, "{totals:?}");
        assert!(judge(&totals, &reader, delivered + 1).is_err());
        let worse: [fn(&mut Totals); 4] = [
            |t| t.filled += 1,
            |t| t.processed += 1,
            |t| t.lost += 1,
            |t| t.outputs[0].dropped += 1,
        ];
        for spoil in worse {
            let mut other = totals.clone();
            spoil(&mut other);
            assert!(judge(&other, &reader, delivered).is_err());
        }
    }
}
