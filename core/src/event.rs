//! What a running graph says beside audio.

/// Something that happened, and where in time.
///
/// Plain data of 32 bytes, so that telling costs the audio path a copy and nothing
/// else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// Where: frames at `rate` since the segment began.
    pub position: i64,
    /// The rate `position` is counted in, in Hz.
    pub rate: u32,
    /// Which segment, from 0.
    pub segment: u32,
    /// What happened.
    pub what: What,
    /// Which node says so: an index into [`Executor::nodes`](crate::Executor::nodes),
    /// or [`Event::ENGINE`].
    pub node: u16,
}

impl Event {
    /// The `node` of events that the engine itself raises.
    pub const ENGINE: u16 = u16::MAX;

    /// Seconds of capture since the segment began.
    pub fn seconds(&self) -> f64 {
        self.position as f64 / self.rate as f64
    }
}

/// The kinds of events.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum What {
    /// Capture began, or began again after a break.
    SegmentStart,
    /// Capture broke off here; what was inside is out.
    SegmentEnd(Reason),
    /// Frames are missing here. `filled` says how many zeros stand in for them; the
    /// rest of the gap lies between two segments.
    Gap {
        /// How many frames were lost.
        lost: u32,
        /// How many zeros were put in their place.
        filled: u32,
    },
    /// The device delivered samples that no microphone makes. They were mended.
    BadInput {
        /// NaN and infinities, replaced by zero.
        not_finite: u32,
        /// Values far beyond full scale, clamped.
        clamped: u32,
    },
    /// A node behind a gate begins to run: the first frame of an utterance.
    UtteranceStart(u32),
    /// The utterance ends here.
    UtteranceEnd(u32),
    /// A detector hears speech begin.
    SpeechStart,
    /// A detector hears speech end.
    SpeechEnd,
    /// How loud a channel was over the last stretch.
    Level {
        /// The highest absolute sample.
        peak: f32,
        /// The root of the mean square.
        rms: f32,
        /// Samples at or beyond full scale, at most 65535.
        clipped: u16,
        /// Which channel, from 0.
        channel: u8,
    },
    /// A node failed. From here on its input passes through it unchanged where the
    /// formats allow, and is silence where they don't.
    Fault(Fault),
    /// An output's reader was too slow; this many frames or packets were lost.
    Overrun {
        /// Which output.
        output: u16,
        /// How many frames.
        frames: u32,
    },
    /// A word of a third party's node: what it means is said in that node's docs.
    Custom {
        /// Which of its words.
        code: u16,
        /// How much.
        value: f32,
    },
}

/// Why a segment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The user or the app stopped.
    Stop,
    /// Something took the microphone away.
    Interruption,
    /// The hardware has another format.
    Format,
    /// More frames were lost than may be filled.
    Overrun,
    /// Another graph takes over.
    Swap,
    /// The app threw the segment away.
    Discarded,
}

/// How a node failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// It panicked and is out of the graph now.
    Panic,
    /// It put out samples that are not finite; they became zeros.
    NotFinite,
    /// Its own error, by number.
    Code(u16),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_32_bytes() {
        assert_eq!(core::mem::size_of::<Event>(), 32);
    }

    #[test]
    fn a_position_is_a_time() {
        let (what, node) = (What::SegmentStart, Event::ENGINE);
        let event = Event { position: -24_000, rate: 16_000, segment: 0, what, node };
        assert_eq!(event.seconds(), -1.5);
    }
}
