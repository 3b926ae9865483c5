//! What a stream is: its rate and its channels.

use core::fmt;

/// Rate and channel count of a stream of f32 samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Format {
    /// Frames per second, in Hz.
    pub rate: u32,
    /// Samples per frame.
    pub channels: u16,
}

impl Format {
    /// The lowest rate a source may have, in Hz.
    pub const MIN_RATE: u32 = 1_000;
    /// The highest rate of any stream, in Hz.
    pub const MAX_RATE: u32 = 768_000;
    /// The most channels of any stream.
    pub const MAX_CHANNELS: u16 = 64;

    /// A format of `channels` channels at `rate` Hz.
    pub const fn new(rate: u32, channels: u16) -> Self {
        Self { rate, channels }
    }

    /// One channel at `rate` Hz.
    pub const fn mono(rate: u32) -> Self {
        Self::new(rate, 1)
    }

    /// Two channels at `rate` Hz.
    pub const fn stereo(rate: u32) -> Self {
        Self::new(rate, 2)
    }

    /// Whether a device may deliver this: `MIN_RATE..=MAX_RATE` and 1 to 64 channels.
    pub const fn is_valid(self) -> bool {
        self.rate >= Self::MIN_RATE
            && self.rate <= Self::MAX_RATE
            && self.channels >= 1
            && self.channels <= Self::MAX_CHANNELS
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.channels {
            1 => write!(f, "{} Hz mono", self.rate),
            2 => write!(f, "{} Hz stereo", self.rate),
            n => write!(f, "{} Hz, {n} channels", self.rate),
        }
    }
}
