//! A platform that is as fast as whoever hands it audio: a take of a file in no more time
//! than it costs.

use std::collections::VecDeque;

use tympan_core::Format;
use tympan_core::session::{Event, Heartbeat, Ms, Order, Platform};

use crate::{Buffer, Capture, Notice};

const NS_PER_MS: u64 = 1_000_000;

/// A platform without a session whose time is that of the audio it is handed, and which
/// refuses nothing. Whoever polls a recorder by hand on it hands it audio in between.
pub struct Unpaced {
    format: Format,
    ear: Box<dyn Capture>,
    inbox: VecDeque<Event>,
    frames: u64,
}

impl Unpaced {
    /// One whose audio begins in this format, and goes to `ear`.
    pub fn new(format: Format, ear: Box<dyn Capture>) -> Self {
        Self { format, ear, inbox: VecDeque::new(), frames: 0 }
    }

    /// How much audio it was handed.
    pub fn now(&self) -> Ms {
        self.frames * 1000 / u64::from(self.format.rate.max(1))
    }
}

impl Platform for Unpaced {
    fn perform(&mut self, _: Ms, order: Order) {
        self.inbox.extend(match order {
            Order::RequestPermission => Some(Event::Permission(true)),
            Order::Activate { ticket, .. } => Some(Event::Activated { ticket }),
            Order::QueryFormat { ticket } => {
                Some(Event::HardwareFormat { ticket, format: self.format })
            }
            Order::StartIo { ticket, .. } => Some(Event::IoStarted { ticket }),
            Order::StopIo => {
                self.ear.notice(Notice::Break);
                None
            }
            _ => None,
        });
    }

    fn poll(&mut self, _: Ms) -> Option<Event> {
        self.inbox.pop_front()
    }
}

/// What it hears was captured now.
impl Capture for Unpaced {
    fn audio(&mut self, buffer: Buffer<'_>) {
        let host = self.now();
        self.ear.audio(Buffer { host_ns: host * NS_PER_MS, ..buffer });
        let frames = buffer.samples.len() / usize::from(buffer.format.channels.max(1));
        self.frames += frames as u64;
        let silent = buffer.samples.iter().all(|sample| *sample == 0.0);
        let beat = Heartbeat { host, frames: frames as u32, format: buffer.format, silent };
        self.inbox.push_back(Event::Heartbeat(beat));
    }

    fn notice(&mut self, notice: Notice) {
        // Whoever hands it audio knows when there is no more, and asks for the end.
        if notice != Notice::End {
            self.ear.notice(notice);
        }
    }
}
