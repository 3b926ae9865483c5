//! Playing a script against something that records.

use tympan_core::session::{Ask, Ms, Session, State, Tell, drive};

use super::judge::Rejected;
use super::scenario::What;
use super::{Paper, Phone, Report, Scenario, Setup, TakesSeen};
use crate::Backend;

/// Something that records on a phone and can be rehearsed.
pub trait Subject {
    /// Does everything there is to do at `now`.
    fn drive(&mut self, now: Ms, phone: &mut Phone);
    /// What it told the app since this was last asked.
    fn told(&mut self) -> Vec<Tell>;
    /// What it says about itself.
    fn status(&self) -> Status;
    /// Its process is gone.
    fn kill(&mut self);
    /// A new process begins.
    fn launch(&mut self, now: Ms, phone: &mut Phone);
    /// What became of its takes, read from what was written.
    fn takes(&self) -> TakesSeen;
}

/// What a recorder says about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Its state.
    pub state: State,
    /// How much audio its take holds.
    pub elapsed_ms: Ms,
}

/// The smallest recorder there is: the session machine and takes on paper.
pub struct Rehearsed {
    setup: Setup,
    session: Session,
    paper: Paper,
    told: Vec<Tell>,
}

impl Rehearsed {
    /// One that runs on this phone.
    pub fn new(setup: &Setup, phone: &Phone) -> Self {
        let paper = Paper::new(phone.disk());
        let listening = phone.microphone().start(Box::new(paper.clone()));
        debug_assert!(listening.is_ok(), "{listening:?}");
        let session = Session::new(setup.policy());
        Self { setup: setup.clone(), session, paper, told: Vec::new() }
    }

    /// Its machine.
    pub fn session(&self) -> &Session {
        &self.session
    }
}

impl Subject for Rehearsed {
    fn drive(&mut self, now: Ms, phone: &mut Phone) {
        let told = &mut self.told;
        drive(&mut self.session, now, phone, &mut self.paper, &mut |tell| told.push(tell));
    }

    fn told(&mut self) -> Vec<Tell> {
        std::mem::take(&mut self.told)
    }

    fn status(&self) -> Status {
        Status { state: self.session.state(), elapsed_ms: self.session.captured_ms() }
    }

    fn kill(&mut self) {
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

/// Plays a script in virtual time. What the script does at one moment has all happened
/// before anybody hears of it, as on a phone, where news travels slower than the fact.
pub fn rehearse(scenario: &Scenario, subject: &mut dyn Subject, phone: &mut Phone) -> Report {
    let mut stage = Stage { report: Report::default(), asked: Vec::new(), owed: Vec::new() };
    subject.launch(0, phone);
    let mut events = scenario.events.iter().peekable();
    let end = scenario.end_ms.next_multiple_of(Phone::TICK_MS);
    for tick in (0..=end).step_by(Phone::TICK_MS as usize) {
        while let Some(at) = events.peek().map(|event| event.at_ms).filter(|at| *at <= tick) {
            while let Some(event) = events.next_if(|event| event.at_ms == at) {
                stage.play(at, &event.what, subject, phone);
            }
            stage.run(at, subject, phone);
        }
        phone.hear(tick);
        stage.run(tick, subject, phone);
    }
    stage.report.finish(subject, phone)
}

struct Stage {
    report: Report,
    /// Who asked what when, by number.
    asked: Vec<(Ms, Ask)>,
    /// Questions that nobody has answered yet.
    owed: Vec<Ms>,
}

impl Stage {
    fn play(&mut self, at: Ms, what: &What, subject: &mut dyn Subject, phone: &mut Phone) {
        match what {
            What::Ask(ask) => {
                let ask = in_character(*ask, phone);
                phone.ask(self.asked.len() as u32, ask);
                self.asked.push((at, ask));
            }
            // Nobody is there to ask or to answer where there is no process.
            What::Status if phone.is_alive() => self.owed.push(at),
            What::Status => {}
            What::Happens(happening) => {
                let alive = phone.is_alive();
                phone.happen(happening);
                match (alive, phone.is_alive()) {
                    (true, false) => {
                        self.owed.clear();
                        subject.kill();
                    }
                    (false, true) => subject.launch(at, phone),
                    _ => {}
                }
            }
        }
    }

    fn run(&mut self, now: Ms, subject: &mut dyn Subject, phone: &mut Phone) {
        if phone.is_awake() {
            subject.drive(now, phone);
            for at in self.owed.drain(..) {
                let Status { state, elapsed_ms } = subject.status();
                self.report.status.push((at, state, elapsed_ms));
            }
        }
        for tell in subject.told() {
            self.hear(now, tell);
        }
    }

    fn hear(&mut self, now: Ms, tell: Tell) {
        let report = &mut self.report;
        match tell {
            Tell::State(state) => report.events.push(state.name().to_owned()),
            Tell::Error(code) => report.events.push(format!("error:{}", code.name())),
            Tell::Rejected { id, code } => {
                let (asked_ms, ask) = self.asked[id as usize];
                let (cmd, code) = (ask.verb(), code.name());
                report.rejects.push(Rejected { asked_ms, refused_ms: now, cmd, code });
            }
            Tell::Diagnosis(what) => report.diagnostics.push(what.name()),
            _ => {}
        }
    }
}

/// A start by an intent that would end the process is known as such.
fn in_character(ask: Ask, phone: &Phone) -> Ask {
    match ask {
        Ask::Start(mut start) => {
            start.forbidden |= phone.forbids_start();
            Ask::Start(start)
        }
        other => other,
    }
}
