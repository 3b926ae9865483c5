//! The session machine's choices, each where it makes a difference.

use tympan_core::Format;
use tympan_core::session::{
    Ask, Code, Command, Diagnosis, ErrorCode, Event, GapPolicy, Heartbeat, Ms, OnSpeaker, Order,
    Owner, Policy, Profile, Reason, Route, RouteReason, Session, Start, State, TakeOrder, Tell,
};

const FORMAT: Format = Format::mono(48_000);

/// A machine whose orders are carried out at once.
struct Desk {
    session: Session,
    now: Ms,
    said: Vec<Command>,
}

impl Desk {
    fn new(policy: Policy) -> Self {
        Self { session: Session::new(policy), now: 0, said: Vec::new() }
    }

    /// A machine that records.
    fn recording(policy: Policy) -> Self {
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

    fn hear(&mut self, event: Event) {
        let commands = self.session.step(self.now, event);
        for command in commands.iter() {
            self.said.push(*command);
            let answer = match *command {
                Command::Platform(Order::RequestPermission) => Event::Permission(true),
                Command::Platform(Order::Activate { ticket, .. }) => Event::Activated { ticket },
                Command::Platform(Order::QueryFormat { ticket }) => {
                    Event::HardwareFormat { ticket, format: FORMAT }
                }
                Command::Platform(Order::StartIo { ticket, .. }) => Event::IoStarted { ticket },
                Command::Take(TakeOrder::Open { .. }) => Event::TakeOpened,
                _ => continue,
            };
            self.hear(answer);
        }
    }

    fn ask(&mut self, id: u32, ask: Ask) {
        self.hear(Event::Asked { id, ask });
    }

    /// Ten milliseconds of audio.
    fn beat(&mut self) {
        let host = self.now;
        self.now += 10;
        self.hear(Event::Heartbeat(Heartbeat { host, frames: 480, format: FORMAT, silent: false }));
    }

    fn orders(&self) -> impl Iterator<Item = Order> {
        self.said.iter().filter_map(|command| match command {
            Command::Platform(order) => Some(*order),
            _ => None,
        })
    }

    fn said(&self, command: Command) -> bool {
        self.said.contains(&command)
    }
}

fn route(reason: RouteReason, speaker: bool) -> Event {
    let preferred = true;
    Event::RouteChanged(Route { reason, format: FORMAT, running: true, preferred, speaker })
}

#[test]
fn a_host_is_looked_on_and_nothing_of_it_is_touched() {
    let policy = Policy {
        owner: Owner::Host,
        prefer_input: true,
        prefer_no_interruptions: true,
        ..Policy::default()
    };
    let mut desk = Desk::new(policy);
    desk.ask(1, Ask::Start(Start::default()));
    assert_eq!(desk.session.state(), State::Idle);
    desk.hear(Event::ExternalActivated);
    desk.beat();
    assert_eq!(desk.session.state(), State::Recording);
    desk.hear(Event::ExternalDeactivated);
    assert_eq!(desk.session.state(), State::Paused);
    desk.hear(Event::ExternalActivated);
    desk.beat();
    assert_eq!(desk.session.state(), State::Recording);
    desk.ask(2, Ask::PreferInput(true));
    desk.ask(3, Ask::Stop);
    let ours = |order: &Order| {
        matches!(
            order,
            Order::RequestPermission
                | Order::QueryFormat { .. }
                | Order::StartIo { .. }
                | Order::StopIo
                | Order::RebuildEngine
                | Order::Show(_)
        )
    };
    let touched: Vec<_> = desk.orders().filter(|order| !ours(order)).collect();
    assert_eq!(touched, []);
}

#[test]
fn a_fall_back_to_the_speaker_pauses() {
    let mut desk = Desk::recording(Policy { on_speaker: OnSpeaker::Pause, ..Policy::default() });
    desk.hear(route(RouteReason::OldDevice, true));
    assert!(desk.said(Command::Tell(Tell::State(State::Paused))));
    // As after any pause, only the user goes on.
    desk.hear(route(RouteReason::NewDevice, false));
    assert_eq!(desk.session.state(), State::Paused);
    desk.ask(2, Ask::Resume);
    desk.beat();
    assert_eq!(desk.session.state(), State::Recording);
}

#[test]
fn a_fall_back_to_the_speaker_mutes() {
    let mut desk = Desk::recording(Policy { on_speaker: OnSpeaker::Mute, ..Policy::default() });
    desk.hear(route(RouteReason::OldDevice, true));
    assert!(desk.said(Command::Take(TakeOrder::Gate(true))));
    let before = desk.session.captured_ms();
    (0..20).for_each(|_| desk.beat());
    assert_eq!((desk.session.state(), desk.session.captured_ms()), (State::Recording, before));
    desk.hear(route(RouteReason::NewDevice, false));
    desk.beat();
    assert_eq!(desk.session.captured_ms(), before + 10);
    let gap = desk.said.iter().find_map(|command| match command {
        Command::Take(TakeOrder::MarkGap(gap)) => Some(gap.ms()),
        _ => None,
    });
    assert_eq!(gap, Some(200));
}

#[test]
fn a_fall_back_to_the_speaker_is_nothing_by_default() {
    let mut desk = Desk::recording(Policy::default());
    desk.hear(route(RouteReason::OldDevice, true));
    assert_eq!(desk.said, [Command::Tell(Tell::Diagnosis(Diagnosis::RouteChanged))]);
}

#[test]
fn a_warm_microphone_may_be_closed_in_the_background() {
    for closes in [true, false] {
        let mut desk = Desk::new(Policy { release_in_background: closes, ..Policy::default() });
        desk.ask(1, Ask::Prewarm);
        desk.beat();
        desk.hear(Event::Background);
        assert_eq!(desk.said(Command::Platform(Order::Deactivate)), closes);
        assert_eq!(desk.session.state(), State::Idle);
    }
}

#[test]
fn the_take_knows_what_becomes_of_gaps() {
    let mut desk = Desk::new(Policy { gaps: GapPolicy::FillSilence, ..Policy::default() });
    desk.ask(1, Ask::Start(Start::default()));
    assert!(desk.said(Command::Take(TakeOrder::Open { gaps: GapPolicy::FillSilence })));
}

#[test]
fn results_of_a_try_that_was_given_up_are_nobodys() {
    let mut session = Session::new(Policy::default());
    session.step(0, Event::Asked { id: 1, ask: Ask::Start(Start::default()) });
    session.step(0, Event::Permission(true));
    let commands = session.step(0, Event::TakeOpened);
    let ticket = commands.iter().find_map(|command| match command {
        Command::Platform(Order::Activate { ticket, .. }) => Some(*ticket),
        _ => None,
    });
    let ticket = ticket.unwrap();
    session.step(5, Event::Asked { id: 2, ask: Ask::Stop });
    assert!(session.step(10, Event::Activated { ticket }).is_empty());
    assert_eq!((session.state(), session.next_deadline()), (State::Stopped, None));
}

#[test]
fn a_platform_that_never_answers_is_not_waited_for_forever() {
    let mut session = Session::new(Policy::default());
    session.step(0, Event::Asked { id: 1, ask: Ask::Start(Start::default()) });
    session.step(0, Event::Permission(true));
    session.step(0, Event::TakeOpened);
    let mut rejected = false;
    while let Some(at) = session.next_deadline() {
        assert!(at < 60_000, "still waiting at {at} ms");
        let rejection = Tell::Rejected { id: 1, code: ErrorCode::SessionInterrupted };
        rejected |= session.step(at, Event::Tick).contains(&Command::Tell(rejection));
    }
    assert!(rejected);
    assert_eq!(session.state(), State::Idle);
}

#[test]
fn a_hint_that_comes_without_its_end_is_kept_until_then() {
    let mut desk = Desk::recording(Policy::default());
    desk.hear(Event::InterruptionBegan(Reason::Default));
    desk.hear(Event::ResumeHint(tympan_core::session::Hint::Yes));
    assert!(!desk.orders().any(|order| matches!(order, Order::Activate { .. })));
    desk.hear(Event::InterruptionEnded);
    desk.beat();
    assert_eq!(desk.session.state(), State::Recording);
}

#[test]
fn a_profile_says_who_owns_the_session_and_how_often_to_try() {
    for profile in Profile::ALL {
        let policy = Policy::default().for_profile(&profile);
        assert_eq!(policy.owner, profile.owner, "{}", profile.name);
        assert_eq!(usize::from(policy.rungs), profile.ladder.len(), "{}", profile.name);
        assert!(!profile.ladder.is_empty(), "{} could never be activated", profile.name);
    }
    // Every rung is tried before a start is given up.
    let mut session = Session::new(Policy::default().for_profile(&Profile::DICTATION));
    let mut rungs = Vec::new();
    let mut events = vec![
        Event::Asked { id: 1, ask: Ask::Start(Start::default()) },
        Event::Permission(true),
        Event::TakeOpened,
    ];
    let mut now = 0;
    while let Some(event) = (!events.is_empty()).then(|| events.remove(0)) {
        for command in session.step(now, event).iter() {
            if let Command::Platform(Order::Activate { ticket, rung }) = *command {
                rungs.push(rung);
                events.push(Event::ActivateFailed { ticket, code: Code::CannotRecord });
            }
        }
        if events.is_empty()
            && let Some(at) = session.next_deadline()
        {
            now = at;
            events.push(Event::Tick);
        }
    }
    assert_eq!((rungs, session.state()), (vec![0, 1], State::Idle));
}

#[test]
fn hardware_that_never_settles_is_not_waited_for_forever() {
    let mut desk = Desk::recording(Policy::default());
    let begun = desk.now;
    while !desk.said(Command::Platform(Order::RebuildEngine)) {
        assert!(desk.now < begun + 2500, "still waiting after {} ms", desk.now - begun);
        desk.hear(Event::EngineConfigChanged);
        desk.now += 200;
        if desk.session.next_deadline().is_some_and(|at| at <= desk.now) {
            desk.hear(Event::Tick);
        }
    }
    assert!(desk.now > begun + 1000, "it does wait for a while");
}
