//! The last moments before a take, kept in memory only while a microphone is open without
//! one.
//!
//! # Realtime
//! The device's callback writes and reads it; whoever closes the microphone wipes it from
//! another thread. So its places are atomic, each for itself: nobody waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tympan_backends::{Buffer, Capture};
use tympan_core::Format;

/// Host times jitter; what is farther off than this is not the continuation.
const JITTER_NS: u64 = 50_000_000;

/// Samples that are handed on at once.
const PIECE: usize = 4096;

/// The memory, as whoever wipes it sees it.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// How much is kept, at the most.
    ms: u64,
    samples: Box<[AtomicU32]>,
    /// What is in it is nothing any more.
    wiped: AtomicBool,
}

impl Memory {
    /// For so many ms of so many samples a second.
    pub(super) fn new(ms: u64, a_second: u32) -> Self {
        let samples = ms * u64::from(a_second) / 1000;
        let samples = (0..samples).map(|_| AtomicU32::new(0)).collect();
        Self { ms, samples, wiped: AtomicBool::new(false) }
    }

    /// Places that are used for this format: whole frames.
    fn places(&self, format: Format) -> usize {
        let channels = usize::from(format.channels).max(1);
        let frames = (self.ms * u64::from(format.rate) / 1000) as usize;
        frames.min(self.samples.len() / channels) * channels
    }

    /// Leaves nothing of what was captured.
    pub(super) fn wipe(&self) {
        self.wiped.store(true, Ordering::Release);
        for sample in &self.samples {
            sample.store(0, Ordering::Relaxed);
        }
    }
}

/// The callback's side of it.
pub(super) struct PreRoll {
    memory: Arc<Memory>,
    /// How much of the memory this format uses, whole frames; where the next sample goes,
    /// and how many there are.
    format: Format,
    places: usize,
    next: usize,
    held: usize,
    /// When what comes next was captured, if it is the continuation.
    end_ns: u64,
    piece: Box<[f32]>,
}

impl PreRoll {
    pub(super) fn new(memory: Arc<Memory>) -> Self {
        let format = Format::new(0, 0);
        let piece = vec![0.0; PIECE].into();
        Self { memory, format, places: 0, next: 0, held: 0, end_ns: 0, piece }
    }

    /// Keeps this, in the place of what is oldest.
    pub(super) fn keep(&mut self, buffer: &Buffer<'_>) {
        if !self.is_continued_by(buffer) {
            self.forget();
            self.format = buffer.format;
            self.places = self.memory.places(buffer.format);
        }
        if self.places == 0 {
            return;
        }
        // What would be written over at once is left out.
        let skipped = buffer.samples.len().saturating_sub(self.places);
        for sample in &buffer.samples[skipped..] {
            self.memory.samples[self.next].store(sample.to_bits(), Ordering::Relaxed);
            self.next = if self.next + 1 == self.places { 0 } else { self.next + 1 };
        }
        self.held = (self.held + buffer.samples.len()).min(self.places);
        self.end_ns = buffer.host_ns + self.ns(buffer.samples.len());
    }

    /// Hands everything on, if this is what follows; how many ns that were.
    pub(super) fn hand_on(&mut self, to: &mut dyn Capture, next: &Buffer<'_>) -> u64 {
        if self.held == 0 || !self.is_continued_by(next) {
            self.forget();
            return 0;
        }
        let total = self.ns(self.held);
        let channels = usize::from(self.format.channels).max(1);
        let most = PIECE / channels * channels;
        let mut at = (self.next + self.places - self.held) % self.places;
        while self.held > 0 && most > 0 {
            let some = self.held.min(most);
            for sample in &mut self.piece[..some] {
                let bits = self.memory.samples[at].swap(0, Ordering::Relaxed);
                *sample = f32::from_bits(bits);
                at = if at + 1 == self.places { 0 } else { at + 1 };
            }
            // As it was captured: in front of what follows, and nothing between.
            let host_ns = next.host_ns.saturating_sub(self.ns(self.held));
            to.audio(Buffer { samples: &self.piece[..some], format: self.format, host_ns });
            self.piece[..some].fill(0.0);
            self.held -= some;
        }
        self.next = 0;
        total
    }

    /// Leaves nothing of what was captured.
    pub(super) fn forget(&mut self) {
        if self.held > 0 {
            for sample in &self.memory.samples[..self.places] {
                sample.store(0, Ordering::Relaxed);
            }
        }
        (self.next, self.held) = (0, 0);
    }

    fn is_continued_by(&mut self, buffer: &Buffer<'_>) -> bool {
        if self.memory.wiped.swap(false, Ordering::AcqRel) {
            (self.next, self.held) = (0, 0);
        }
        self.held > 0
            && buffer.format == self.format
            && buffer.host_ns.abs_diff(self.end_ns) <= JITTER_NS
    }

    fn ns(&self, samples: usize) -> u64 {
        let frames = samples / usize::from(self.format.channels).max(1);
        frames as u64 * 1_000_000_000 / u64::from(self.format.rate.max(1))
    }
}

#[cfg(test)]
mod tests {
    use tympan_backends::Notice;

    use super::*;

    #[derive(Default)]
    struct Ear(Vec<f32>, Vec<u64>);

    impl Capture for Ear {
        fn audio(&mut self, buffer: Buffer<'_>) {
            self.0.extend(buffer.samples);
            self.1.push(buffer.host_ns);
        }

        fn notice(&mut self, _: Notice) {}
    }

    const STEREO: Format = Format::new(8000, 2);

    fn ms(frame: usize) -> u64 {
        frame as u64 * 125_000
    }

    /// Frames of two samples each, each sample its own number.
    fn samples(from: usize, frames: usize) -> Vec<f32> {
        (from * 2..(from + frames) * 2).map(|n| n as f32).collect()
    }

    fn keep(preroll: &mut PreRoll, from: usize, frames: usize) {
        let samples = samples(from, frames);
        preroll.keep(&Buffer { samples: &samples, format: STEREO, host_ns: ms(from) });
    }

    fn handed_on(preroll: &mut PreRoll, at: usize) -> (u64, Ear) {
        let mut ear = Ear::default();
        let next = Buffer { samples: &[], format: STEREO, host_ns: ms(at) };
        let ns = preroll.hand_on(&mut ear, &next);
        (ns, ear)
    }

    fn is_clean(preroll: &PreRoll) -> bool {
        preroll.memory.samples.iter().all(|sample| sample.load(Ordering::Relaxed) == 0)
            && preroll.piece.iter().all(|sample| *sample == 0.0)
    }

    #[test]
    fn the_last_frames_come_out_in_order_with_their_times_however_they_came() {
        for piece in [1, 3, 64, 1000, 20_000] {
            let mut preroll = PreRoll::new(Arc::new(Memory::new(1000, 16_001)));
            (0..20_000).step_by(piece).for_each(|from| {
                keep(&mut preroll, from, piece.min(20_000 - from));
            });
            let (ns, ear) = handed_on(&mut preroll, 20_000);
            assert_eq!(ns, 1_000_000_000, "{piece}");
            assert_eq!(ear.0, samples(12_000, 8000), "{piece}");
            assert_eq!(ear.1[0], ms(12_000), "{piece}");
            assert_eq!(ear.1[1], ms(12_000 + 2048), "{piece}");
            assert!(is_clean(&preroll), "{piece}");
            assert_eq!(handed_on(&mut preroll, 20_000).0, 0, "once");
        }
    }

    #[test]
    fn nothing_from_before_a_hole_comes_out_nor_stays() {
        let mut preroll = PreRoll::new(Arc::new(Memory::new(1000, 16_000)));
        keep(&mut preroll, 0, 1000);
        keep(&mut preroll, 1500, 100);
        assert_eq!(handed_on(&mut preroll, 1600).1.0, samples(1500, 100));
        keep(&mut preroll, 0, 1000);
        assert_eq!(handed_on(&mut preroll, 1500).0, 0, "the hole is behind it");
        assert!(is_clean(&preroll));
        keep(&mut preroll, 0, 1000);
        let mono = Buffer { samples: &[0.5], format: Format::mono(8000), host_ns: ms(1000) };
        preroll.keep(&mono);
        let next = Buffer { samples: &[], host_ns: ms(1001), ..mono };
        let mut ear = Ear::default();
        preroll.hand_on(&mut ear, &next);
        assert_eq!(ear.0, [0.5], "another format is another signal");
    }

    #[test]
    fn what_somebody_wiped_is_gone() {
        let memory = Arc::new(Memory::new(1000, 16_000));
        let mut preroll = PreRoll::new(memory.clone());
        keep(&mut preroll, 0, 1000);
        memory.wipe();
        assert!(is_clean(&preroll));
        assert_eq!(handed_on(&mut preroll, 1000).0, 0);
        keep(&mut preroll, 1000, 10);
        assert_eq!(handed_on(&mut preroll, 1010).1.0, samples(1000, 10));
    }

    #[test]
    fn without_memory_it_keeps_nothing() {
        let mut preroll = PreRoll::new(Arc::default());
        keep(&mut preroll, 0, 1000);
        assert_eq!(handed_on(&mut preroll, 1000).0, 0);
    }
}
