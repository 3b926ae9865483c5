//! What a file says about the sound in it.

use super::boxes::{boxed, versioned, words};

/// The sound of a file: its codec, its clock, and how much of it nobody should hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// Ticks per second: the codec's rate.
    pub(super) rate: u32,
    /// Ticks that a decoder puts out before the first sample that was recorded.
    pub(super) priming: u32,
    /// The box `stsd`, which tells a decoder what it needs.
    pub(super) description: Vec<u8>,
    /// Ticks that a decoder needs to settle in. Zero where nothing is known.
    settles: u32,
}

impl Track {
    /// AAC. `config` is the encoder's `AudioSpecificConfig`, `priming` its delay in
    /// samples.
    pub fn aac(config: &[u8], rate: u32, channels: u16, priming: u32) -> Self {
        let description = described(b"mp4a", rate, channels, |out| {
            versioned(out, b"esds", 0, 0, |out| out.extend(elementary_stream(config)));
        });
        Self::known(description, rate, priming)
    }

    /// Opus in up to two channels, whose clock is 48 kHz whatever was encoded.
    /// `input_rate` is for the record only; `pre_skip` counts at 48 kHz.
    pub fn opus(input_rate: u32, channels: u16, pre_skip: u16) -> Self {
        let description = described(b"Opus", 48_000, channels, |out| {
            boxed(out, b"dOps", |out| {
                // Version 0; no gain; channel mapping family 0.
                out.extend([0, channels as u8]);
                out.extend(pre_skip.to_be_bytes());
                out.extend(input_rate.to_be_bytes());
                out.extend([0, 0, 0]);
            });
        });
        Self::known(description, 48_000, pre_skip.into())
    }

    /// Ticks per second.
    pub(crate) fn rate(&self) -> u32 {
        self.rate
    }

    /// What a file says about itself.
    pub(super) fn known(description: Vec<u8>, rate: u32, priming: u32) -> Self {
        let settles = match codec(&description) {
            b"mp4a" => 1,
            // RFC 7845, 4.6, asks for 80 ms of Opus.
            b"Opus" => rate / 25 * 2,
            _ => 0,
        };
        Self { rate, priming, description, settles }
    }

    /// Whether the brand of Apple's audio files fits.
    pub(super) fn is_apple(&self) -> bool {
        codec(&self.description) == b"mp4a"
    }

    /// Packets of `frames` ticks that a decoder must have heard before it is right; zero
    /// where that is not known.
    pub(super) fn roll(&self, frames: u32) -> u16 {
        self.settles.div_ceil(frames.max(1)).min(1_000) as u16
    }
}

/// The codec's name in a `stsd`: behind its head, version, count and the entry's length.
fn codec(description: &[u8]) -> &[u8] {
    description.get(20..24).unwrap_or_default()
}

/// A `stsd` for sound, with what the codec adds.
fn described(codec: &[u8; 4], rate: u32, channels: u16, add: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    versioned(&mut out, b"stsd", 0, 0, |out| {
        words(out, &[1]);
        boxed(out, codec, |out| {
            // Reserved; the data is in this file.
            out.extend([0, 0, 0, 0, 0, 0, 0, 1]);
            words(out, &[0, 0]);
            out.extend(channels.to_be_bytes());
            // Bits of a decoded sample, by convention.
            out.extend(16_u16.to_be_bytes());
            // The rate in Hz as 16.16; where it does not fit the codec's own data say it.
            words(out, &[0, u16::try_from(rate).map_or(0, |rate| u32::from(rate) << 16)]);
            add(out);
        });
    });
    out
}

/// The descriptors of ISO/IEC 14496-1 around an `AudioSpecificConfig`.
fn elementary_stream(config: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    descriptor(&mut out, 3, |out| {
        out.extend([0, 1, 0]);
        descriptor(out, 4, |out| {
            // AAC, a stream of audio; buffer size and bitrates are not told.
            out.extend([0x40, 0x15, 0, 0, 0]);
            words(out, &[0, 0]);
            descriptor(out, 5, |out| out.extend(config));
        });
        descriptor(out, 6, |out| out.push(2));
    });
    out
}

fn descriptor(out: &mut Vec<u8>, tag: u8, fill: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend([tag, 0]);
    fill(out);
    // All that is written here is shorter than the 128 bytes of one digit.
    out[at + 1] = (out.len() - at - 2) as u8;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_settles_in_one_packet_of_aac_and_80_ms_of_opus() {
        let aac = Track::aac(&[0x11, 0x88], 48_000, 1, 1_024);
        let opus = Track::opus(16_000, 1, 312);
        assert_eq!((aac.roll(1_024), opus.roll(960), opus.roll(2_880)), (1, 4, 2));
        assert_eq!(Track::known(Vec::new(), 8_000, 0).roll(0), 0);
    }
}
