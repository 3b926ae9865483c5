//! What an app without a pipeline would write: WAV of 48 kHz through sonora's
//! `AudioProcessing` down to 16 kHz, noise suppression on, into packets of Opus.
//!
//! `tympan-bench-apm FROM.wav TO.opus`

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;

use ogg::{PacketWriteEndInfo, PacketWriter};
use opus::{Application, Bitrate, Channels, Encoder};
use sonora::config::{NoiseSuppression, NoiseSuppressionLevel};
use sonora::{AudioProcessing, Config, StreamConfig};

const RATE: u32 = 16_000;
/// What it takes at 48 kHz, and gives at 16 kHz: 10 ms.
const BLOCK: usize = 480;
const LOW: usize = BLOCK / 3;
/// Frames of a packet: 20 ms.
const FRAME: usize = 320;

fn main() -> Result<(), Box<dyn Error>> {
    let mut names = std::env::args().skip(1);
    let (Some(from), Some(to)) = (names.next(), names.next()) else {
        return Err("name the WAV file and the one to write".into());
    };
    let mut wav = hound::WavReader::open(from)?;
    let spec = wav.spec();
    if (spec.sample_rate, spec.channels, spec.bits_per_sample) != (48_000, 1, 16) {
        return Err("it takes 48 kHz, mono, 16 bits".into());
    }
    let level = NoiseSuppressionLevel::High;
    let suppression = NoiseSuppression { level, ..NoiseSuppression::default() };
    let (input, output) = (StreamConfig::new(48_000, 1), StreamConfig::new(RATE, 1));
    let mut apm = AudioProcessing::builder()
        .config(Config { noise_suppression: Some(suppression), ..Config::default() })
        .capture_config(input)
        .build();
    let mut encoder = Encoder::new(RATE, Channels::Mono, Application::Voip)?;
    encoder.set_bitrate(Bitrate::Bits(24_000))?;
    encoder.set_vbr(true)?;
    encoder.set_vbr_constraint(false)?;
    encoder.set_complexity(5)?;
    let mut stream = Stream::new(to, encoder.get_lookahead()?)?;

    let (mut block, mut low) = ([0.0f32; BLOCK], [0.0f32; LOW]);
    let (mut frame, mut packet) = (Vec::with_capacity(FRAME), [0u8; 4000]);
    let mut samples = wav.samples::<i16>();
    loop {
        let mut taken = 0;
        for (to, sample) in block.iter_mut().zip(&mut samples) {
            *to = f32::from(sample?) / 32_768.0;
            taken += 1;
        }
        if taken == 0 {
            break;
        }
        block[taken..].fill(0.0);
        apm.process_capture_f32_with_config(&[&block], &input, &output, &mut [&mut low])
            .map_err(|error| format!("{error:?}"))?;
        frame.extend_from_slice(&low);
        if frame.len() == FRAME {
            let bytes = encoder.encode_float(&frame, &mut packet)?;
            stream.packet(&packet[..bytes])?;
            frame.clear();
        }
    }
    stream.finish()
}

/// An Ogg stream. The last packet waits, because it has to say that it is the last.
struct Stream {
    writer: PacketWriter<'static, BufWriter<File>>,
    waiting: Option<Vec<u8>>,
    samples: u64,
}

const SERIAL: u32 = 1;

impl Stream {
    fn new(path: String, lookahead: i32) -> Result<Self, Box<dyn Error>> {
        let mut writer = PacketWriter::new(BufWriter::new(File::create(path)?));
        let mut head = b"OpusHead\x01\x01".to_vec();
        head.extend((lookahead as u16 * 3).to_le_bytes());
        head.extend(RATE.to_le_bytes());
        head.extend([0, 0, 0]);
        writer.write_packet(head, SERIAL, PacketWriteEndInfo::EndPage, 0)?;
        let tags = b"OpusTags\x06\0\0\0sonora\0\0\0\0".to_vec();
        writer.write_packet(tags, SERIAL, PacketWriteEndInfo::EndPage, 0)?;
        Ok(Self { writer, waiting: None, samples: 0 })
    }

    fn packet(&mut self, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
        if let Some(before) = self.waiting.replace(bytes.to_vec()) {
            self.write(before, PacketWriteEndInfo::NormalPacket)?;
        }
        Ok(())
    }

    fn write(&mut self, packet: Vec<u8>, end: PacketWriteEndInfo) -> Result<(), Box<dyn Error>> {
        self.samples += FRAME as u64 * 3;
        Ok(self.writer.write_packet(packet, SERIAL, end, self.samples)?)
    }

    fn finish(&mut self) -> Result<(), Box<dyn Error>> {
        match self.waiting.take() {
            Some(last) => self.write(last, PacketWriteEndInfo::EndStream),
            None => Ok(()),
        }
    }
}
