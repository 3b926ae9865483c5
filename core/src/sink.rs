//! Where outputs go: the one way out of an executor.

use crate::Event;

/// What every block and every packet says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Header {
    /// The moment of capture of the first frame: frames at the output's rate since
    /// the segment began. The first packets of an encoder, which looks ahead, have
    /// negative positions.
    pub position: i64,
    /// How many frames of time this covers.
    pub frames: u32,
    /// How many frames, from its first one on, lie before the segment or utterance:
    /// what nodes that delay make before the first captured frame comes out. It may
    /// be more than `frames`. A decoder drops them; at the first packet of a file
    /// this is what the file calls pre-skip.
    pub lead: u32,
    /// How many of its frames, at the end, are filling past the end of the
    /// segment or utterance. A decoder drops them.
    pub trim: u32,
    /// Which segment, from 0.
    pub segment: u32,
    /// Which utterance of the segment, from 0; 0 too where no gate is.
    pub utterance: u32,
    /// Nothing came before it in this segment or utterance.
    pub first: bool,
    /// Nothing comes after it in this segment or utterance. When the last frames
    /// were out before their end was known, an empty record says so.
    pub last: bool,
}

impl Header {
    /// How many of its frames were captured: those without lead-in and filling.
    pub fn captured(&self) -> u32 {
        self.frames.saturating_sub(self.lead).saturating_sub(self.trim)
    }
}

/// A block of planar samples.
#[derive(Clone, Copy, Debug)]
pub struct Planar<'a> {
    data: &'a [f32],
    frames: usize,
}

impl<'a> Planar<'a> {
    pub(crate) const fn new(data: &'a [f32], frames: usize) -> Self {
        Self { data, frames }
    }

    /// Frames in the block.
    pub const fn frames(&self) -> usize {
        self.frames
    }

    /// Channels in the block.
    pub fn channels(&self) -> usize {
        self.data.len().checked_div(self.frames).unwrap_or(0)
    }

    /// The samples of one channel, from 0.
    pub fn channel(&self, channel: usize) -> &'a [f32] {
        self.data
            .get(channel * self.frames..)
            .and_then(|d| d.get(..self.frames))
            .unwrap_or_default()
    }
}

/// Takes what a graph puts out.
///
/// # Realtime
/// Called from within [`Executor::push`](crate::Executor::push): what the audio
/// path must not do, an implementation for live use must not do either.
pub trait Sink {
    /// Samples of output `output`: finite and within ±1.
    fn audio(&mut self, output: usize, header: &Header, block: Planar<'_>);
    /// A packet of output `output`; empty where only the header has something to say.
    fn packet(&mut self, output: usize, header: &Header, bytes: &[u8]);
    /// Something happened.
    fn event(&mut self, event: Event);
}

/// Takes everything and keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl Sink for Discard {
    fn audio(&mut self, _: usize, _: &Header, _: Planar<'_>) {}
    fn packet(&mut self, _: usize, _: &Header, _: &[u8]) {}
    fn event(&mut self, _: Event) {}
}
