//! Where a chunk ends.

use std::time::Duration;

use tympan_core::Format;

/// Chunks of less than a second are all head, and of more than an hour no chunks.
const LENGTHS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(1));

/// What is heard at a time, in parts of a second: 20 ms.
const PIECES: u32 = 50;

/// A piece is quiet that has no more than twice the energy (3 dB) of the quietest.
const NEAR: f64 = 2.0;

/// Below this mean energy (-100 dB) one silence is not better than another.
const NOTHING: f64 = 1e-10;

/// Counts the frames of one chunk, and says where it ends.
pub(super) struct Cut {
    channels: usize,
    /// As long as it should be, as long as it may be, and as long as it is, in frames.
    length: u64,
    most: u64,
    frames: u64,
    ends: bool,
    quiet: Option<Quiet>,
}

impl Cut {
    pub(super) fn new(length: Duration, at_silences: bool, format: Format) -> Self {
        let channels = usize::from(format.channels);
        let length = frames(length, format.rate);
        let quiet = at_silences.then(|| Quiet::new(format.rate, channels));
        let most = if at_silences { 2 * length } else { length };
        Self { channels, length, most, frames: 0, ends: false, quiet }
    }

    /// Frames so far.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// Whether it ends with the last of them.
    pub(super) fn ends(&self) -> bool {
        self.ends
    }

    /// How many of these frames are the next of the chunk.
    pub(super) fn hear(&mut self, samples: &[f32]) -> usize {
        let here = (samples.len() / self.channels) as u64;
        let here = here.min(self.most - self.frames) as usize;
        let (heard, quiet) = match &mut self.quiet {
            None => (here, false),
            Some(quiet) => {
                let (heard, energy) = quiet.hear(&samples[..here * self.channels]);
                let over = (self.frames + heard as u64) as f64 / self.length as f64 - 1.0;
                let is_quiet = |energy| over >= 0.0 && quiet.is_quiet(energy, over);
                (heard, energy.is_some_and(is_quiet))
            }
        };
        self.frames += heard as u64;
        self.ends = quiet || self.frames == self.most;
        heard
    }
}

/// How many frames a chunk of this length has.
pub(super) fn frames(length: Duration, rate: u32) -> u64 {
    let millis = length.clamp(LENGTHS.0, LENGTHS.1).as_millis() as u64;
    (millis * u64::from(rate) / 1000).max(1)
}

/// Finds the end of a chunk that is not to be cut in the middle of a word.
///
/// The energy of every 20 ms is compared with the quietest and the loudest 20 ms of the
/// chunk so far. Once the chunk is as long as it should be, it ends behind the first
/// piece that is quiet, and what counts as quiet grows until it is as loud as the loudest
/// when the chunk is twice as long. So nothing has to be kept back to look at it, which a
/// kill or a break would find in memory.
struct Quiet {
    channels: usize,
    piece: usize,
    /// Of the piece at hand: frames, and the sum of their squares.
    frames: usize,
    energy: f64,
    least: f64,
    most: f64,
}

impl Quiet {
    fn new(rate: u32, channels: usize) -> Self {
        let piece = (rate / PIECES).max(1) as usize;
        Self { channels, piece, frames: 0, energy: 0.0, least: f64::MAX, most: NOTHING }
    }

    /// Hears samples up to the end of a piece; how many frames that were, and the energy
    /// of the piece if it is whole.
    fn hear(&mut self, samples: &[f32]) -> (usize, Option<f64>) {
        let frames = (samples.len() / self.channels).min(self.piece - self.frames);
        let heard = &samples[..frames * self.channels];
        self.energy += heard.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>();
        self.frames += frames;
        if self.frames < self.piece {
            return (frames, None);
        }
        let energy = (self.energy / (self.piece * self.channels) as f64).max(NOTHING);
        (self.frames, self.energy) = (0, 0.0);
        self.least = self.least.min(energy);
        self.most = self.most.max(energy);
        (frames, Some(energy))
    }

    /// Whether a chunk may end behind a piece of this energy, `over` being how much too
    /// long it is: 0 as long as it should be, 1 twice as long.
    fn is_quiet(&self, energy: f64, over: f64) -> bool {
        energy <= self.least * NEAR * (self.most / self.least).powf(over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many pieces behind the first 50 it takes until one is quiet.
    fn ends(level: impl Fn(usize) -> f32) -> usize {
        let mut quiet = Quiet::new(16_000, 1);
        for piece in 0..100 {
            let (frames, energy) = quiet.hear(&[level(piece); 320]);
            assert_eq!(frames, 320);
            let over = (piece as f64 - 50.0) / 50.0;
            if piece >= 50 && quiet.is_quiet(energy.unwrap(), over) {
                return piece - 50;
            }
        }
        50
    }

    #[test]
    fn a_chunk_is_never_longer_than_twice_its_length_however_samples_come() {
        let format = Format::stereo(48_000);
        for at_once in [1, 441, 480, 96_001] {
            // Ever quieter would end at once, so ever louder.
            let samples: Vec<f32> = (0..500_000).map(|i| (i as f32 / 5e5).powi(8)).collect();
            for (at_silences, most) in [(false, 48_000), (true, 96_000)] {
                let mut cut = Cut::new(Duration::from_secs(1), at_silences, format);
                let mut rest = &samples[..];
                while !cut.ends() {
                    let frames = cut.hear(&rest[..rest.len().min(at_once * 2)]);
                    rest = &rest[frames * 2..];
                }
                assert!((48_000..=most).contains(&cut.frames()), "{}", cut.frames());
            }
        }
    }

    #[test]
    fn a_pause_between_words_is_found_and_a_word_is_not_cut() {
        // A tenth of a second of quiet in each, 0.3 s of voice between.
        assert_eq!(ends(|piece| if piece % 20 < 5 { 0.01 } else { 0.3 }), 10);
        assert_eq!(ends(|piece| if piece % 20 < 15 { 0.3 } else { 0.01 }), 5);
    }

    #[test]
    fn in_steady_noise_or_silence_it_ends_at_once() {
        assert_eq!(ends(|_| 0.0), 0);
        assert_eq!(ends(|_| 0.2), 0);
    }

    #[test]
    fn where_it_gets_louder_a_little_quieter_is_quiet_enough_in_time() {
        let end = ends(|piece| if piece < 50 { 0.001 } else { 0.1 + 0.1 * (piece % 2) as f32 });
        assert!((20..50).contains(&end), "{end}");
    }
}
