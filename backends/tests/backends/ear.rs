//! A listener that remembers, and can be out of room.

use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use tympan_backends::{Buffer, Capture, Notice};
use tympan_core::Format;

/// What was heard, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Heard {
    Audio { frames: usize, format: Format, host_ns: u64, first: f32 },
    Notice(Notice),
}

#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) heard: Vec<Heard>,
    pub(crate) samples: Vec<f32>,
    /// Frames that fit before somebody takes them; `None` for any number.
    pub(crate) room: Option<usize>,
    /// Whether more came than there was room for.
    pub(crate) overrun: bool,
}

/// The listener and the test hold the same memory.
#[derive(Clone, Default)]
pub(crate) struct Ear(Arc<Mutex<Memory>>);

impl Ear {
    pub(crate) fn with_room(room: usize) -> Self {
        let ear = Self::default();
        ear.memory().room = Some(room);
        ear
    }

    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().expect("no test panics while it holds this")
    }

    pub(crate) fn boxed(&self) -> Box<dyn Capture> {
        Box::new(self.clone())
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.memory().heard.clone()
    }

    pub(crate) fn samples(&self) -> Vec<f32> {
        self.memory().samples.clone()
    }

    pub(crate) fn notices(&self) -> Vec<Notice> {
        let notice = |heard: &Heard| match heard {
            Heard::Notice(notice) => Some(*notice),
            Heard::Audio { .. } => None,
        };
        self.memory().heard.iter().filter_map(notice).collect()
    }

    /// Sizes and time stamps of the buffers.
    pub(crate) fn buffers(&self) -> Vec<(usize, u64)> {
        let buffer = |heard: &Heard| match heard {
            Heard::Audio { frames, host_ns, .. } => Some((*frames, *host_ns)),
            Heard::Notice(_) => None,
        };
        self.memory().heard.iter().filter_map(buffer).collect()
    }

    /// Waits for something that a thread will do soon, and fails if it does not.
    pub(crate) fn wait(&self, until: impl Fn(&Memory) -> bool) {
        let start = Instant::now();
        while !until(&self.memory()) {
            assert!(start.elapsed() < Duration::from_secs(30), "waited in vain");
            thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn wait_for_end(&self) {
        self.wait(|memory| memory.heard.contains(&Heard::Notice(Notice::End)));
    }
}

impl Capture for Ear {
    fn audio(&mut self, Buffer { samples, format, host_ns }: Buffer<'_>) {
        let mut memory = self.memory();
        let frames = samples.len() / usize::from(format.channels).max(1);
        let first = samples.first().copied().unwrap_or(0.0);
        memory.heard.push(Heard::Audio { frames, format, host_ns, first });
        memory.samples.extend(samples);
        if let Some(room) = memory.room {
            memory.overrun |= frames > room;
            memory.room = Some(room.saturating_sub(frames));
        }
    }

    fn notice(&mut self, notice: Notice) {
        self.memory().heard.push(Heard::Notice(notice));
    }

    fn room(&self) -> usize {
        self.memory().room.unwrap_or(usize::MAX)
    }
}
