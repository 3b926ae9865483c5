//! A recorder that writes down everything it hears and says.

use std::collections::VecDeque;

use tympan_backends::Backend;
use tympan_backends::phone::{Paper, Phone, Setup, Status, Subject, TakesSeen};
use tympan_core::session::{
    Command, Event, Ms, Order, Platform, Session, State, TakeOrder, Takes, Tell, drive,
};

/// One thing that was heard or said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Entry {
    Heard(Event),
    Said(Command),
}

/// The state of things after everything at one moment was done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) at: Ms,
    pub(crate) state: State,
    pub(crate) captured_ms: Ms,
    pub(crate) deadline: Option<Ms>,
    pub(crate) io: bool,
    pub(crate) held: bool,
    /// How long the log was.
    pub(crate) log: usize,
}

/// Everything about a run.
pub(crate) struct Log {
    pub(crate) entries: Vec<(Ms, Entry)>,
    pub(crate) moments: Vec<Moment>,
    pub(crate) takes: TakesSeen,
    pub(crate) offences: Vec<String>,
}

/// How late some notices are.
pub(crate) type Lag = fn(&Event) -> Ms;

pub(crate) struct Witness {
    setup: Setup,
    session: Session,
    paper: Paper,
    told: Vec<Tell>,
    lag: Lag,
    late: VecDeque<(Ms, Event)>,
    pub(crate) entries: Vec<(Ms, Entry)>,
    pub(crate) moments: Vec<Moment>,
}

impl Witness {
    /// One that hears some things late.
    pub(crate) fn late(setup: &Setup, phone: &Phone, lag: Lag) -> Self {
        let paper = Paper::new(phone.disk());
        phone.microphone().start(Box::new(paper.clone())).unwrap();
        Self {
            setup: setup.clone(),
            session: Session::new(setup.policy()),
            paper,
            told: Vec::new(),
            lag,
            late: VecDeque::new(),
            entries: Vec::new(),
            moments: Vec::new(),
        }
    }
}

impl Subject for Witness {
    fn drive(&mut self, now: Ms, phone: &mut Phone) {
        let entries = std::cell::RefCell::new(&mut self.entries);
        let write = |entry| entries.borrow_mut().push((now, entry));
        let told = &mut self.told;
        let mut ear = Ear { phone, lag: self.lag, late: &mut self.late, write: &write };
        let mut pen = Pen { paper: &mut self.paper, write: &write };
        drive(&mut self.session, now, &mut ear, &mut pen, &mut |tell| {
            write(Entry::Said(Command::Tell(tell)));
            told.push(tell);
        });
        self.moments.push(Moment {
            at: now,
            state: self.session.state(),
            captured_ms: self.session.captured_ms(),
            deadline: self.session.next_deadline(),
            io: phone.is_running(),
            held: phone.is_held(),
            log: self.entries.len(),
        });
    }

    fn told(&mut self) -> Vec<Tell> {
        std::mem::take(&mut self.told)
    }

    fn status(&self) -> Status {
        Status { state: self.session.state(), elapsed_ms: self.session.captured_ms() }
    }

    fn kill(&mut self) {
        self.late.clear();
        self.paper.crash();
    }

    fn launch(&mut self, _: Ms, phone: &mut Phone) {
        self.session = Session::new(self.setup.policy());
        phone.launched();
    }

    fn takes(&self) -> TakesSeen {
        self.paper.seen()
    }
}

/// Writes down what the machine hears of the phone and tells it, and may be slow.
struct Ear<'a> {
    phone: &'a mut Phone,
    lag: Lag,
    late: &'a mut VecDeque<(Ms, Event)>,
    write: &'a dyn Fn(Entry),
}

impl Platform for Ear<'_> {
    fn perform(&mut self, now: Ms, order: Order) {
        (self.write)(Entry::Said(Command::Platform(order)));
        self.phone.perform(now, order);
    }

    fn poll(&mut self, now: Ms) -> Option<Event> {
        let event = self.next(now)?;
        (self.write)(Entry::Heard(event));
        Some(event)
    }
}

impl Ear<'_> {
    /// What is late and due, else what is new and not late.
    fn next(&mut self, now: Ms) -> Option<Event> {
        let due = self.late.iter().position(|(at, _)| *at <= now);
        if let Some(place) = due.filter(|_| self.phone.is_awake()) {
            return self.late.remove(place).map(|(_, event)| event);
        }
        loop {
            let event = self.phone.poll(now)?;
            match (self.lag)(&event) {
                0 => return Some(event),
                lag => self.late.push_back((now + lag, event)),
            }
        }
    }
}

struct Pen<'a> {
    paper: &'a mut Paper,
    write: &'a dyn Fn(Entry),
}

impl Takes for Pen<'_> {
    fn perform(&mut self, now: Ms, order: TakeOrder) {
        (self.write)(Entry::Said(Command::Take(order)));
        self.paper.perform(now, order);
    }

    fn poll(&mut self, now: Ms) -> Option<Event> {
        let event = self.paper.poll(now)?;
        (self.write)(Entry::Heard(event));
        Some(event)
    }
}
