//! A machine at a desk: whatever it orders is answered at once, as a test wants it.

use tympan_core::Format;
use tympan_core::session::{
    Ask, Code, Command, Diagnosis, ErrorCode, Event, Heartbeat, Hint, Ms, Order, Owner, Policy,
    Reason, Route, RouteReason, Session, Start, State, TakeOrder, Tell,
};

pub(crate) const FORMAT: Format = Format::mono(48_000);

/// A machine whose orders are carried out at once.
pub(crate) struct Desk {
    pub(crate) session: Session,
    pub(crate) now: Ms,
    pub(crate) said: Vec<Command>,
    /// What is answered to a command, if anything.
    pub(crate) answer: fn(Command) -> Option<Event>,
    /// The input gives nothing but zeros.
    pub(crate) silent: bool,
}

/// Everything that is asked for works.
pub(crate) fn prompt(command: Command) -> Option<Event> {
    let answer = match command {
        Command::Platform(Order::RequestPermission) => Event::Permission(true),
        Command::Platform(Order::Activate { ticket, .. }) => Event::Activated { ticket },
        Command::Platform(Order::QueryFormat { ticket }) => {
            Event::HardwareFormat { ticket, format: FORMAT }
        }
        Command::Platform(Order::StartIo { ticket, .. }) => Event::IoStarted { ticket },
        Command::Take(TakeOrder::Open { .. }) => Event::TakeOpened,
        _ => return None,
    };
    Some(answer)
}

/// The session is refused, as during a call.
pub(crate) fn refuse(command: Command) -> Option<Event> {
    match command {
        Command::Platform(Order::Activate { ticket, .. }) => {
            Some(Event::ActivateFailed { ticket, code: Code::Priority })
        }
        other => prompt(other),
    }
}

impl Desk {
    pub(crate) fn new(policy: Policy) -> Self {
        let session = Session::new(policy);
        Self { session, now: 0, said: Vec::new(), answer: prompt, silent: false }
    }

    /// A machine that records.
    pub(crate) fn recording(policy: Policy) -> Self {
        let mut desk = Self::new(policy);
        if policy.owner != Owner::App {
            desk.hear(Event::ExternalActivated);
        }
        desk.ask(1, Ask::Start(Start::default()));
        desk.beat();
        assert_eq!(desk.session.state(), State::Recording);
        desk.said.clear();
        desk
    }

    pub(crate) fn hear(&mut self, event: Event) {
        let commands = self.session.step(self.now, event);
        for command in commands.iter() {
            self.said.push(*command);
            if let Some(answer) = (self.answer)(*command) {
                self.hear(answer);
            }
        }
    }

    pub(crate) fn ask(&mut self, id: u32, ask: Ask) {
        self.hear(Event::Asked { id, ask });
    }

    /// Ten milliseconds of audio.
    pub(crate) fn beat(&mut self) {
        let host = self.now;
        self.now += 10;
        let silent = self.silent;
        self.hear(Event::Heartbeat(Heartbeat { host, frames: 480, format: FORMAT, silent }));
    }

    pub(crate) fn beats(&mut self, ms: Ms) {
        (0..ms / 10).for_each(|_| self.beat());
    }

    /// So much time passes, and nothing happens but what the machine waits for.
    pub(crate) fn pass(&mut self, ms: Ms) {
        let end = self.now + ms;
        while let Some(at) = self.session.next_deadline().filter(|at| *at <= end) {
            self.now = at;
            self.hear(Event::Tick);
        }
        self.now = end;
    }

    /// What was said since this was last asked.
    pub(crate) fn news(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.said)
    }

    /// When the session was to be activated.
    pub(crate) fn activations(&mut self, ms: Ms) -> Vec<Ms> {
        let (begun, mut at) = (self.now, Vec::new());
        while self.now < begun + ms {
            let before = self.tries();
            self.pass(10);
            let tries = self.tries() - before;
            at.extend((0..tries).map(|_| self.now - begun));
        }
        at
    }

    pub(crate) fn tries(&self) -> usize {
        self.orders().filter(|order| matches!(order, Order::Activate { .. })).count()
    }

    /// The call is over, and the system advises to go on.
    pub(crate) fn call_ends(&mut self) {
        self.hear(Event::InterruptionEnded);
        self.hear(Event::ResumeHint(Hint::Yes));
    }

    pub(crate) fn counted(&self, what: Command) -> usize {
        self.said.iter().filter(|said| **said == what).count()
    }

    pub(crate) fn orders(&self) -> impl Iterator<Item = Order> {
        self.said.iter().filter_map(|command| match command {
            Command::Platform(order) => Some(*order),
            _ => None,
        })
    }

    pub(crate) fn said(&self, command: Command) -> bool {
        self.said.contains(&command)
    }
}

pub(crate) fn route(reason: RouteReason, speaker: bool) -> Event {
    let preferred = true;
    Event::RouteChanged(Route { reason, format: FORMAT, running: true, preferred, speaker })
}

pub(crate) const RECORDING: Command = Command::Tell(Tell::State(State::Recording));

pub(crate) const PAUSED: Command = Command::Tell(Tell::State(State::Paused));

pub(crate) const fn resolved(id: u32, done: bool) -> Command {
    Command::Tell(Tell::Resolved { id, done })
}

pub(crate) const fn rejected(id: u32, code: ErrorCode) -> Command {
    Command::Tell(Tell::Rejected { id, code })
}

pub(crate) const fn error(code: ErrorCode) -> Command {
    Command::Tell(Tell::Error(code))
}

pub(crate) const fn diagnosis(what: Diagnosis) -> Command {
    Command::Tell(Tell::Diagnosis(what))
}

pub(crate) fn start() -> Ask {
    Ask::Start(Start::default())
}

/// Refuses for a reason that may pass.
pub(crate) fn busy(command: Command) -> Option<Event> {
    match command {
        Command::Platform(Order::Activate { ticket, .. }) => {
            Some(Event::ActivateFailed { ticket, code: Code::Busy })
        }
        other => prompt(other),
    }
}

pub(crate) fn no_input(command: Command) -> Option<Event> {
    match command {
        Command::Platform(Order::QueryFormat { ticket }) => {
            Some(Event::HardwareFormat { ticket, format: Format::mono(0) })
        }
        other => prompt(other),
    }
}

/// What a take does not survive, and what it is called.
pub(crate) const FAULTS: [(Event, ErrorCode); 2] = [
    (Event::WriteFailed, ErrorCode::FileError),
    (Event::PermissionRevoked, ErrorCode::PermissionDenied),
];

pub(crate) const CALL: Event = Event::InterruptionBegan(Reason::Default);

pub(crate) const REBUILD: Command = Command::Platform(Order::RebuildEngine);

/// A route that only differs in these from the one there was.
pub(crate) fn rerouted(reason: RouteReason, format: Format, running: bool) -> Event {
    Event::RouteChanged(Route { reason, format, running, preferred: true, speaker: false })
}
