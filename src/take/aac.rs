//! AAC-LC, the codec of `.m4a`.

use std::fmt;

use syom::{EncodeOptions, EncodedFrame, Encoder};

/// Samples of a packet, per channel.
pub(crate) const FRAMES: u32 = 1_024;

/// Why there is no encoder, or why it stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AacError(String);

impl fmt::Display for AacError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AAC: {}", self.0)
    }
}

impl std::error::Error for AacError {}

/// Encodes interleaved samples as packets of AAC-LC.
///
/// Any sample is legal: those outside [-1, 1] are clipped and NaN becomes silence,
/// because the encoder itself gives up for good on either. It allocates with every
/// packet, so it is not for a realtime thread.
///
/// One look-ahead packet would be to be had, for sharper onsets; on speech it made no
/// difference that could be measured, and 21 ms more would be lost by a kill.
pub struct Aac {
    encoder: Encoder,
    channels: usize,
    /// Samples of each channel up to a whole packet, as the encoder wants them. Its own
    /// buffer would leave copies of them behind as it grows.
    planes: Vec<Vec<f32>>,
    /// Frames accepted.
    frames: u64,
}

impl Aac {
    /// An encoder for one channel or two. The bitrate is that of all channels, in bit/s.
    pub fn new(rate: u32, channels: u16, bitrate: u32) -> Result<Self, AacError> {
        let channels = usize::from(channels);
        if !(1..=2).contains(&channels) {
            return Err(AacError(format!("{channels} channels are not one or two")));
        }
        let options = EncodeOptions::raw().with_bitrate_bps(bitrate);
        let encoder = Encoder::new(rate, channels, &options).map_err(failed)?;
        let planes = (0..channels).map(|_| Vec::with_capacity(FRAMES as usize)).collect();
        Ok(Self { encoder, channels, planes, frames: 0 })
    }

    /// What a decoder needs to know: the `AudioSpecificConfig`.
    pub fn config(&self) -> &[u8] {
        self.encoder.asc()
    }

    /// Samples that a decoder puts out before the first one that went in.
    pub fn delay(&self) -> u32 {
        FRAMES
    }

    /// Frames accepted.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Encodes whole frames of interleaved samples; hands on each packet that gets full,
    /// with its length in frames. What is behind the last whole frame is left out.
    pub fn push(
        &mut self,
        samples: &[f32],
        packet: &mut impl FnMut(&[u8], u32),
    ) -> Result<(), AacError> {
        let whole = samples.len() - samples.len() % self.channels;
        let mut rest = &samples[..whole];
        while !rest.is_empty() {
            let room = FRAMES as usize - self.planes[0].len();
            let (some, behind) = rest.split_at(rest.len().min(room * self.channels));
            for (channel, plane) in self.planes.iter_mut().enumerate() {
                let of = some.chunks_exact(self.channels).map(|frame| tame(frame[channel]));
                plane.extend(of);
            }
            self.frames += (some.len() / self.channels) as u64;
            if self.planes[0].len() == FRAMES as usize {
                self.encode(packet)?;
            }
            rest = behind;
        }
        Ok(())
    }

    /// Encodes what there is, with silence up to a whole packet.
    fn encode(&mut self, packet: &mut impl FnMut(&[u8], u32)) -> Result<(), AacError> {
        self.planes.iter_mut().for_each(|plane| plane.resize(FRAMES as usize, 0.0));
        let planes: Vec<&[f32]> = self.planes.iter().map(Vec::as_slice).collect();
        let encoded = self.encoder.feed(&planes, hand_on(packet)).map(drop).map_err(failed);
        for plane in &mut self.planes {
            // What was captured does not stay behind.
            plane.fill(0.0);
            plane.clear();
        }
        encoded
    }

    /// Hands on the packets that are left: with silence behind the last frame, until a
    /// decoder has put out every one that was accepted. None if none was.
    pub fn finish(mut self, packet: &mut impl FnMut(&[u8], u32)) -> Result<(), AacError> {
        if self.frames == 0 {
            return Ok(());
        }
        if !self.planes[0].is_empty() {
            self.encode(packet)?;
        }
        // A packet is out with the next one; two more make the encoder forget.
        self.encode(packet)?;
        (0..2).try_for_each(|_| self.encode(&mut |_, _| {}))
    }
}

impl fmt::Debug for Aac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aac")
            .field("channels", &self.channels)
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

fn hand_on(
    packet: &mut impl FnMut(&[u8], u32),
) -> impl FnMut(EncodedFrame<'_>) -> syom::Result<()> {
    |frame| {
        packet(frame.payload, FRAMES);
        Ok(())
    }
}

/// The nearest sample that can be encoded; silence for what is not a number.
fn tame(sample: f32) -> f32 {
    if sample.is_nan() { 0.0 } else { sample.clamp(-1.0, 1.0) }
}

#[allow(clippy::needless_pass_by_value, reason = "it is what `map_err` calls")]
fn failed(error: syom::AacError) -> AacError {
    AacError(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(frames: usize, channels: u16, at_once: usize) -> Vec<Vec<u8>> {
        let mut aac = Aac::new(48_000, channels, 64_000).unwrap();
        let samples: Vec<f32> =
            (0..frames * usize::from(channels)).map(|i| (i as f32 * 0.05).sin() * 0.5).collect();
        let mut out = Vec::new();
        let mut keep = |bytes: &[u8], _| out.push(bytes.to_vec());
        for some in samples.chunks(at_once * usize::from(channels)) {
            aac.push(some, &mut keep).unwrap();
        }
        aac.finish(&mut keep).unwrap();
        out
    }

    #[test]
    fn packets_last_until_every_frame_is_out_and_not_longer() {
        for frames in [0_usize, 1, 1_023, 1_024, 1_025, 2_048, 10_000] {
            let expected = if frames == 0 { 0 } else { frames.div_ceil(1_024) + 1 };
            assert_eq!(packets(frames, 1, 500).len(), expected, "{frames}");
        }
    }

    #[test]
    fn it_does_not_matter_how_the_samples_are_cut() {
        for channels in [1, 2] {
            let whole = packets(9_000, channels, 9_000);
            for at_once in [1, 7, 1_024, 1_500] {
                assert!(packets(9_000, channels, at_once) == whole, "{channels} {at_once}");
            }
        }
    }

    #[test]
    fn any_sample_is_taken() {
        let mut aac = Aac::new(44_100, 2, 96_000).unwrap();
        let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e38, -1.0, 1e-40, -0.0];
        let samples: Vec<f32> = odd.into_iter().cycle().take(20_000).collect();
        let mut count = 0;
        let mut keep = |bytes: &[u8], frames| {
            assert!(!bytes.is_empty() && frames == FRAMES);
            count += 1;
        };
        aac.push(&samples, &mut keep).unwrap();
        aac.push(&[], &mut keep).unwrap();
        aac.finish(&mut keep).unwrap();
        assert_eq!(count, 11);
    }

    #[test]
    fn what_cannot_be_encoded_is_refused_in_words() {
        for (rate, channels, bitrate) in
            [(48_000, 3, 64_000), (47_999, 1, 64_000), (48_000, 0, 64_000), (48_000, 1, 0)]
        {
            let error = Aac::new(rate, channels, bitrate).unwrap_err();
            assert!(error.to_string().len() > 15, "{error}");
        }
    }
}
