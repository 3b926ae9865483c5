//! Signs of life: what the callback leaves for the session, so that it knows that audio
//! comes.

use ringbuf::traits::{Consumer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};
use tympan_core::Format;
use tympan_core::session::{Heartbeat, Ms};

use crate::Buffer;

/// Beats that may wait: at 10 ms each, ten seconds.
const BEATS: usize = 1024;

const NS_PER_MS: i64 = 1_000_000;

/// The callback's end.
///
/// # Realtime
/// Neither allocates nor waits.
pub(crate) struct Pulse {
    beats: HeapProd<Beat>,
    /// What found no room.
    owed: Option<Beat>,
}

/// The session's end.
pub(crate) type Beats = HeapCons<Beat>;

/// A heartbeat with the stamp that the backend gave it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beat {
    pub(crate) host_ns: u64,
    frames: u32,
    format: Format,
    silent: bool,
}

/// Both ends.
pub(crate) fn pulse() -> (Pulse, Beats) {
    let (mut beats, mut out) = HeapRb::new(BEATS).split();
    // Memory that was never touched would be a wait for the callback that is the first to.
    let blank = Beat { host_ns: 0, frames: 0, format: Format::mono(1), silent: true };
    beats.push_iter(std::iter::repeat_n(blank, BEATS));
    out.skip(BEATS);
    (Pulse { beats, owed: None }, out)
}

impl Pulse {
    /// Leaves a beat for this buffer.
    pub(crate) fn beat(&mut self, buffer: &Buffer<'_>) {
        let frames = buffer.samples.len() / usize::from(buffer.format.channels.max(1));
        let mut beat = Beat {
            host_ns: buffer.host_ns,
            frames: frames as u32,
            format: buffer.format,
            silent: buffer.samples.iter().all(|sample| *sample == 0.0),
        };
        if let Some(owed) = self.owed.take_if(|owed| owed.format == beat.format) {
            let frames = owed.frames.saturating_add(beat.frames);
            beat = Beat { frames, silent: owed.silent && beat.silent, ..owed };
        }
        self.owed = self.beats.try_push(beat).err();
    }
}

impl Beat {
    pub(crate) fn length_ns(&self) -> i64 {
        i64::from(self.frames) * 1_000_000_000 / i64::from(self.format.rate.max(1))
    }

    /// As the session hears it, with so much added to its stamp.
    pub(crate) fn heartbeat(&self, offset_ns: i64) -> Heartbeat {
        let host = self.host_ns as i64 + offset_ns;
        Heartbeat {
            host: (host.max(0) / NS_PER_MS) as Ms,
            frames: self.frames,
            format: self.format,
            silent: self.silent,
        }
    }
}

/// The next beat, if there is one.
pub(crate) fn next(beats: &mut Beats) -> Option<Beat> {
    beats.try_pop()
}
