//! Takes on paper: they count what would be written, and survive what a file would.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tympan_core::Format;
use tympan_core::session::{Event, Gap, Ms, TakeOrder, Takes};

use super::Disk;
use crate::{Buffer, Capture, Notice};

/// After so much audio it is handed to the system, as a file writer does.
const FLUSH_US: u64 = 100_000;

/// A keeper of takes that writes no files: it counts. Clones are the same keeper; one of
/// them listens at a microphone.
#[derive(Clone)]
pub struct Paper {
    desk: Arc<Mutex<Desk>>,
}

/// What became of the takes of a script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakesSeen {
    /// How many there are.
    pub files: u32,
    /// How many of them had to be repaired.
    pub recovered: u32,
    /// How many are as a process left them that is gone.
    pub orphaned: u32,
    /// How much audio the last one holds.
    pub captured_ms: Ms,
    /// How much of that is from before its boundary.
    pub stale_ms: Ms,
    /// The gaps of the last one, in ms, in order.
    pub gaps: Vec<Ms>,
    /// Whether old audio was to be dropped at any time.
    pub discarded: bool,
    /// The output rates of the last one; more than one is a fault.
    pub rates: Vec<u32>,
}

struct Desk {
    disk: Disk,
    takes: Vec<Sheet>,
    answers: VecDeque<Event>,
    gated: bool,
    discarded: bool,
    boundary_ns: u64,
}

/// One take.
#[derive(Default)]
struct Sheet {
    state: On,
    recovered: bool,
    audio: Length,
    flushed_us: u64,
    stale: Length,
    gaps: Vec<Gap>,
}

/// What can be done to a take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum On {
    #[default]
    Open,
    /// A write failed; nothing more can be written.
    Broken,
    Closed,
    /// The process that wrote it is gone.
    Orphaned,
}

/// An exact length of audio of changing rates.
#[derive(Default)]
struct Length {
    us: u64,
    rest: u64,
    rate: u32,
}

impl Length {
    fn add(&mut self, frames: usize, rate: u32) {
        if self.rate != rate {
            (self.rate, self.rest) = (rate, 0);
        }
        let parts = frames as u64 * 1_000_000 + self.rest;
        self.us += parts / u64::from(rate);
        self.rest = parts % u64::from(rate);
    }
}

impl Paper {
    /// The one rate that takes are written at.
    pub const RATE: u32 = 16_000;

    /// A keeper whose files would be on this disk.
    pub fn new(disk: Disk) -> Self {
        let desk = Desk {
            disk,
            takes: Vec::new(),
            answers: VecDeque::new(),
            gated: false,
            discarded: false,
            boundary_ns: 0,
        };
        Self { desk: Arc::new(Mutex::new(desk)) }
    }

    /// The process is gone: what was not flushed is lost.
    pub fn crash(&self) {
        self.with(|desk| {
            desk.answers.clear();
            if let Some(take) = desk.open_take() {
                take.audio.us = take.flushed_us;
                take.state = On::Orphaned;
            }
        });
    }

    /// What became of the takes.
    pub fn seen(&self) -> TakesSeen {
        self.with(|desk| {
            let last = desk.takes.last();
            let count = |is: fn(&Sheet) -> bool| desk.takes.iter().filter(|take| is(take)).count();
            TakesSeen {
                files: desk.takes.len() as u32,
                recovered: count(|take| take.recovered) as u32,
                orphaned: count(|take| take.state == On::Orphaned) as u32,
                captured_ms: last.map_or(0, |take| take.audio.us / 1000),
                stale_ms: last.map_or(0, |take| take.stale.us / 1000),
                gaps: last
                    .map_or_else(Vec::new, |take| take.gaps.iter().map(|gap| gap.ms()).collect()),
                discarded: desk.discarded,
                rates: last.map_or_else(Vec::new, |_| vec![Self::RATE]),
            }
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Desk) -> T) -> T {
        work(&mut self.desk.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Takes for Paper {
    fn perform(&mut self, _: Ms, order: TakeOrder) {
        self.with(|desk| desk.perform(order));
    }

    fn poll(&mut self, _: Ms) -> Option<Event> {
        self.with(|desk| desk.answers.pop_front())
    }
}

impl Desk {
    fn open_take(&mut self) -> Option<&mut Sheet> {
        self.takes.last_mut().filter(|take| matches!(take.state, On::Open | On::Broken))
    }

    fn on_take(&mut self, work: impl FnOnce(&mut Sheet)) {
        if let Some(take) = self.open_take() {
            work(take);
        }
    }

    fn perform(&mut self, order: TakeOrder) {
        match order {
            TakeOrder::Recover => self.recover(),
            TakeOrder::Open { .. } => self.open(),
            TakeOrder::Discard => drop(self.takes.pop()),
            TakeOrder::Gate(gated) => self.gated = gated,
            TakeOrder::DiscardBefore(boundary) => {
                self.discarded = true;
                self.boundary_ns = boundary * 1_000_000;
            }
            TakeOrder::MarkGap(gap) => self.on_take(|take| take.gaps.push(gap)),
            TakeOrder::Flush => self.on_take(|take| take.flushed_us = take.audio.us),
            TakeOrder::Finalise => self.on_take(|take| take.state = On::Closed),
            // Whatever comes in is counted by its own rate.
            _ => {}
        }
    }

    fn open(&mut self) {
        self.gated = false;
        if self.disk.opens() {
            self.takes.push(Sheet::default());
            self.answers.push_back(Event::TakeOpened);
        } else {
            self.answers.push_back(Event::TakeFailed);
        }
    }

    fn recover(&mut self) {
        let mut recovered = 0;
        if self.disk.reopens() {
            // A take in which nothing was written is nothing to recover.
            self.takes.retain(|take| take.state != On::Orphaned || take.audio.us > 0);
            for take in self.takes.iter_mut().filter(|take| take.state == On::Orphaned) {
                (take.state, take.recovered) = (On::Closed, true);
                recovered += 1;
            }
        }
        self.answers.push_back(Event::TakesRecovered(recovered));
    }

    fn write(&mut self, buffer: Buffer<'_>) {
        if self.gated || buffer.host_ns < self.boundary_ns {
            return;
        }
        let Some(take) = self.takes.last_mut().filter(|take| take.state == On::Open) else {
            return;
        };
        if !self.disk.writes() {
            take.state = On::Broken;
            self.answers.push_back(Event::WriteFailed);
            return;
        }
        let Format { rate, channels } = buffer.format;
        let frames = buffer.samples.len() / usize::from(channels);
        take.audio.add(frames, rate);
        // Only audio from before the start of I/O goes below zero.
        if buffer.samples.iter().any(|sample| *sample < 0.0) {
            take.stale.add(frames, rate);
        }
        if take.audio.us - take.flushed_us >= FLUSH_US {
            take.flushed_us = take.audio.us;
        }
    }
}

impl Capture for Paper {
    fn audio(&mut self, buffer: Buffer<'_>) {
        self.with(|desk| desk.write(buffer));
    }

    fn notice(&mut self, _: Notice) {}
}
