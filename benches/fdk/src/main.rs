//! Encodes mono samples of 16 bits on standard input as AAC-LC in ADTS on standard output.
//!
//! `tympan-bench-fdk RATE BITS-PER-SECOND`

use std::io::{Read, Write};

use fdk_aac::enc::{AudioObjectType, BitRate, ChannelMode, Encoder, EncoderParams, Transport};

fn main() -> Result<(), String> {
    let number = |at: usize| std::env::args().nth(at)?.parse().ok();
    let (Some(sample_rate), Some(bits)) = (number(1), number(2)) else {
        return Err("name a rate and bits per second".to_owned());
    };
    let encoder = Encoder::new(EncoderParams {
        bit_rate: BitRate::Cbr(bits),
        sample_rate,
        transport: Transport::Adts,
        channels: ChannelMode::Mono,
        audio_object_type: AudioObjectType::Mpeg4LowComplexity,
    })
    .map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    // Silence behind the end brings out what the encoder holds back.
    bytes.extend([0; 16 * 1024]);
    let samples: Vec<i16> =
        bytes.as_chunks().0.iter().map(|sample| i16::from_le_bytes(*sample)).collect();
    let mut out = std::io::stdout().lock();
    let mut packet = [0; 8192];
    let mut rest = &samples[..];
    while !rest.is_empty() {
        let encoded = encoder.encode(rest, &mut packet).map_err(|error| error.to_string())?;
        if encoded.input_consumed == 0 {
            break;
        }
        rest = &rest[encoded.input_consumed..];
        out.write_all(&packet[..encoded.output_size]).map_err(|error| error.to_string())?;
    }
    Ok(())
}
