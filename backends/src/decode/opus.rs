//! Opus, by libopus.

use opus::{Channels, Decoder};
use symphonia::core::codecs::audio::AudioCodecParameters;

/// The rate at which it is always decoded.
pub(super) const RATE: u32 = 48_000;
/// A packet holds at most 120 ms.
const LONGEST: usize = RATE as usize * 120 / 1000;

pub(super) struct Opus {
    decoder: Decoder,
    channels: u16,
    lead: u16,
}

impl Opus {
    pub(super) fn new(params: &AudioCodecParameters) -> Result<Self, String> {
        let count = params.channels.as_ref().map_or(1, symphonia::core::audio::Channels::count);
        let channels = match count {
            1 => Channels::Mono,
            2 => Channels::Stereo,
            _ => {
                return Err(format!(
                    "Opus with {count} channels is not read, only mono and stereo"
                ));
            }
        };
        let failed = |error: opus::Error| format!("its Opus cannot be decoded: {error}");
        let mut decoder = Decoder::new(RATE, channels).map_err(failed)?;
        // Part of the sound, says the standard: players must obey it.
        if let Some(gain) = params.extra_data.as_deref().and_then(gain) {
            decoder.set_gain(i32::from(gain)).map_err(failed)?;
        }
        let lead = params.extra_data.as_deref().and_then(lead).unwrap_or(0);
        Ok(Self { decoder, channels: count as u16, lead })
    }

    /// What the encoder put in front, in frames.
    pub(super) fn lead(&self) -> u64 {
        self.lead.into()
    }

    /// Decodes a packet, and says how many channels it has; none if it is damaged.
    pub(super) fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> Option<u16> {
        let channels = usize::from(self.channels);
        out.resize(LONGEST * channels, 0.0);
        let frames = self.decoder.decode_float(packet, out, false).unwrap_or(0);
        out.truncate(frames * channels);
        (frames > 0).then_some(self.channels)
    }
}

/// The pre-skip of an `OpusHead`.
fn lead(head: &[u8]) -> Option<u16> {
    let head = head.strip_prefix(b"OpusHead")?;
    Some(u16::from_le_bytes([*head.get(2)?, *head.get(3)?]))
}

/// The gain in an `OpusHead`, in 256ths of a decibel. In MP4 its numbers stand the other way
/// round, without the name.
fn gain(head: &[u8]) -> Option<i16> {
    match head.strip_prefix(b"OpusHead") {
        Some(head) => Some(i16::from_le_bytes([*head.get(8)?, *head.get(9)?])),
        None => Some(i16::from_be_bytes([*head.get(8)?, *head.get(9)?])),
    }
}
