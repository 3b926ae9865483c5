//! The recorder that apps link, moved by hand in the time of its audio: as fast as it goes,
//! and nothing waits or is dropped.

#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::collections::VecDeque;

use tympan::backend::{Buffer, Capture, Notice};
use tympan::core::session::{Ask, Event, Heartbeat, Ms, Order, Platform, Policy, State, Tell};
use tympan::recorder::{Machine, Options, Recording, Said};
use tympan::take::{Container, Take};
use tympan::{Format, Graph};

/// A platform without a session whose time is that of its audio.
struct Desk {
    format: Format,
    inbox: VecDeque<Event>,
    ear: Box<dyn Capture>,
    frames: u64,
}

/// A take of what `next` brings: it fills a buffer with whole frames of this format, and
/// leaves it empty at the end. Whatever the recorder complains of is an error.
pub fn record(
    graph: &Graph,
    format: Format,
    options: Options,
    mut next: impl FnMut(&mut Vec<f32>),
) -> Result<Take, String> {
    let policy = Policy { max_ms: Ms::MAX, ..Policy::default() };
    let made = Machine::new(graph, format, policy, options);
    let (mut machine, ear) = made.map_err(|error| error.to_string())?;
    let mut desk = Desk { format, inbox: VecDeque::new(), ear, frames: 0 };
    let mut block = Vec::new();
    let mut asked = 0;
    machine.record(1, Recording::default());
    while asked < 100 {
        let now = desk.now();
        machine.poll(now, &mut desk);
        while let Some(said) = machine.said() {
            match said {
                Said::Tell(Tell::State(State::Stopped)) => {
                    return machine.take().cloned().ok_or_else(|| "there is no take".to_owned());
                }
                Said::Tell(Tell::Error(code) | Tell::Rejected { code, .. }) => {
                    return Err(code.name().to_owned());
                }
                Said::Trouble(sentence) => return Err(sentence),
                Said::Back { breaks, .. } => machine.heard(now, breaks),
                _ => {}
            }
        }
        block.clear();
        next(&mut block);
        if block.is_empty() {
            machine.ask(2, Ask::Stop);
            asked += 1;
        } else {
            desk.hear(&block);
        }
    }
    Err("it does not stop".to_owned())
}

impl Desk {
    fn now(&self) -> Ms {
        self.frames * 1000 / u64::from(self.format.rate)
    }

    fn hear(&mut self, samples: &[f32]) {
        let (host, format) = (self.now(), self.format);
        self.ear.audio(Buffer { samples, format, host_ns: host * 1_000_000 });
        let frames = samples.len() / usize::from(format.channels);
        self.frames += frames as u64;
        let silent = samples.iter().all(|sample| *sample == 0.0);
        let beat = Heartbeat { host, frames: frames as u32, format, silent };
        self.inbox.push_back(Event::Heartbeat(beat));
    }
}

impl Platform for Desk {
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

/// What this build can keep takes in.
pub fn containers() -> impl Iterator<Item = Container> {
    let (aac, flac, opus) = (cfg!(feature = "aac"), cfg!(feature = "flac"), cfg!(feature = "opus"));
    let is_there = move |container: &Container| match container {
        Container::Opus | Container::M4aOpus => opus,
        Container::Flac => flac,
        Container::M4a => aac,
        _ => true,
    };
    Container::ALL.into_iter().filter(is_there)
}
