//! The kernels of the speech chain, called one after the other with no engine around them.

use std::hint::black_box;

use earshot::Detector;
use opus::{Application, Bitrate, Channels, Encoder};
use sonora_ns::config::{NsConfig, SuppressionLevel};
use sonora_ns::noise_suppressor::NoiseSuppressor;
use tympan::nodes::Fir;

/// Frames of a block at 48 kHz: 10 ms.
pub const BLOCK: usize = 480;
const RATE: u32 = 48_000;
/// Frames of a packet at 16 kHz: 20 ms.
const FRAME: usize = 320;

/// The kernels and the buffers between them.
pub struct Bare {
    fir: Fir,
    detector: Option<Detector>,
    suppressor: NoiseSuppressor,
    encoder: Encoder,
    low: [f32; BLOCK / 3],
    /// What the detector has not heard yet.
    ear: Vec<f32>,
    frame: Vec<f32>,
    packet: Vec<u8>,
    voice: f32,
}

impl Bare {
    /// Resampler, detector, suppressor at 12 dB, encoder.
    pub fn listening() -> Self {
        Self::new(Some(Detector::default()), SuppressionLevel::K12dB)
    }

    /// Resampler, suppressor at 18 dB, encoder.
    pub fn deaf() -> Self {
        Self::new(None, SuppressionLevel::K18dB)
    }

    fn new(detector: Option<Detector>, target_level: SuppressionLevel) -> Self {
        let mut encoder =
            Encoder::new(16_000, Channels::Mono, Application::Voip).expect("libopus is there");
        encoder.set_bitrate(Bitrate::Bits(24_000)).expect("a bitrate");
        encoder.set_vbr(true).expect("a mode");
        encoder.set_vbr_constraint(false).expect("a mode");
        encoder.set_complexity(5).expect("a complexity");
        Self {
            fir: Fir::new(RATE, 16_000).expect("a small table"),
            detector,
            suppressor: NoiseSuppressor::new(NsConfig { target_level }),
            encoder,
            low: [0.0; BLOCK / 3],
            ear: Vec::with_capacity(512),
            frame: Vec::with_capacity(FRAME),
            packet: vec![0; 4000],
            voice: 0.0,
        }
    }

    /// Takes 10 ms; every second call gives a packet.
    pub fn push(&mut self, block: &[f32]) -> Option<&[u8]> {
        self.fir.run(block, &mut self.low);
        if let Some(detector) = &mut self.detector {
            self.ear.extend_from_slice(&self.low);
            while self.ear.len() >= 256 {
                self.voice = detector.predict_f32(&self.ear[..256]);
                self.ear.drain(..256);
            }
        }
        let mut scaled = self.low.map(|x| x * 32768.0);
        self.suppressor.analyze(&scaled);
        self.suppressor.process(&mut scaled);
        self.frame.extend(scaled.map(|x| x / 32768.0));
        black_box(self.voice);
        if self.frame.len() < FRAME {
            return None;
        }
        let bytes = self.encoder.encode_float(&self.frame, &mut self.packet).expect("a packet");
        self.frame.clear();
        Some(&self.packet[..bytes])
    }
}
