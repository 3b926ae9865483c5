//! Samples made of bytes, judges of what comes out of graphs, and a device in the hand.

use std::sync::{Arc, Mutex, PoisonError};

use tympan::backend::{Buffer, Capture, Notice};
use tympan::core::Fault;
use tympan::{Backend, BackendError, Event, Format, Graph, Header, Planar, Sink, What};

use crate::bytes::Bytes;

/// A graph that is known to be right.
pub(crate) fn graph(text: &str) -> Graph {
    Graph::from_toml(text, &tympan::registry()).unwrap_or_else(|error| panic!("{error}"))
}

/// So many samples: a tone, noise, silence, a step, or any bits.
pub(crate) fn samples(bytes: &mut Bytes<'_>, count: usize, to: &mut Vec<f32>) {
    let (kind, loud) = (bytes.byte(), f32::from(bytes.byte()) / 255.0);
    let mut state = u32::from(kind) + 1;
    for index in 0..count {
        to.push(match kind % 6 {
            0 => 0.0,
            1 => (index as f32 * 0.1).sin() * loud,
            2 => {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state as i32 as f32 / i32::MAX as f32) * loud
            }
            3 => loud,
            4 => f32::from(bytes.word() as i16) / 32_768.0,
            _ => bytes.float(),
        });
    }
}

/// What the door makes of a sample that no microphone makes.
pub(crate) fn mended(x: f32) -> f32 {
    if !x.is_finite() || x.is_subnormal() { 0.0 } else { x.clamp(-8.0, 8.0) }
}

/// Hears everything and remembers it as numbers that tell runs apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ear {
    /// For each output: frames that were captured, and a sum of all bits.
    pub(crate) outputs: Vec<(u64, u64)>,
    /// Panics of nodes.
    pub(crate) panics: u32,
    pub(crate) not_finite: u64,
    pub(crate) clamped: u64,
}

impl Ear {
    fn output(&mut self, output: usize) -> &mut (u64, u64) {
        if self.outputs.len() <= output {
            self.outputs.resize(output + 1, (0, 0));
        }
        &mut self.outputs[output]
    }
}

fn mix(sum: u64, word: u64) -> u64 {
    (sum ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}

impl Sink for Ear {
    fn audio(&mut self, output: usize, header: &Header, block: Planar<'_>) {
        let (frames, sum) = self.output(output);
        *frames += u64::from(header.captured());
        for channel in 0..block.channels() {
            for (index, x) in block.channel(channel).iter().enumerate() {
                assert!(x.abs() <= 1.0, "{x} came out");
                // The same however it is cut.
                let place = (header.position + index as i64) as u64 * 64 + channel as u64;
                *sum = sum.wrapping_add(mix(place, u64::from(x.to_bits())));
            }
        }
    }

    fn packet(&mut self, output: usize, header: &Header, bytes: &[u8]) {
        let (frames, sum) = self.output(output);
        *frames += u64::from(header.captured());
        let own = bytes.iter().fold(header.position as u64, |sum, byte| mix(sum, u64::from(*byte)));
        *sum = sum.wrapping_add(if bytes.is_empty() { 0 } else { own });
    }

    fn event(&mut self, event: Event) {
        match event.what {
            What::Fault(Fault::Panic) => self.panics += 1,
            What::BadInput { not_finite, clamped } => {
                self.not_finite += u64::from(not_finite);
                self.clamped += u64::from(clamped);
            }
            _ => {}
        }
    }
}

/// A device whose callbacks the target calls itself.
#[derive(Clone)]
pub(crate) struct Hand {
    format: Format,
    capture: Arc<Mutex<Option<Box<dyn Capture>>>>,
}

impl Hand {
    pub(crate) fn new(format: Format) -> Self {
        Self { format, capture: Arc::default() }
    }

    fn with(&self, work: impl FnOnce(&mut dyn Capture)) {
        let mut capture = self.capture.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(capture) = &mut *capture {
            work(&mut **capture);
        }
    }

    pub(crate) fn audio(&self, samples: &[f32], format: Format) {
        self.with(|capture| capture.audio(Buffer { samples, format, host_ns: 0 }));
    }

    pub(crate) fn notice(&self, notice: Notice) {
        self.with(|capture| capture.notice(notice));
    }
}

impl Backend for Hand {
    fn name(&self) -> &'static str {
        "hand"
    }

    fn format(&mut self) -> Result<Format, BackendError> {
        Ok(self.format)
    }

    fn start(&mut self, capture: Box<dyn Capture>) -> Result<(), BackendError> {
        *self.capture.lock().unwrap_or_else(PoisonError::into_inner) = Some(capture);
        Ok(())
    }

    fn stop(&mut self) -> Option<Box<dyn Capture>> {
        self.capture.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
