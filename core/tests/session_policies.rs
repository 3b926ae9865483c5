//! The session machine's choices, each where it makes a difference.

use tympan_core::Format;
use tympan_core::session::{
    Ask, AutoResume, Code, Command, Diagnosis, ErrorCode, Event, GapCause, GapPolicy, Heartbeat,
    Hint, Ms, OnSpeaker, Order, Owner, PauseMode, Policy, Profile, Reason, Route, RouteReason,
    Session, Start, State, TakeOrder, Tell,
};

const FORMAT: Format = Format::mono(48_000);

/// A machine whose orders are carried out at once.
struct Desk {
    session: Session,
    now: Ms,
    said: Vec<Command>,
    /// What is answered to a command, if anything.
    answer: fn(Command) -> Option<Event>,
    /// The input gives nothing but zeros.
    silent: bool,
}

/// Everything that is asked for works.
fn prompt(command: Command) -> Option<Event> {
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
fn refuse(command: Command) -> Option<Event> {
    match command {
        Command::Platform(Order::Activate { ticket, .. }) => {
            Some(Event::ActivateFailed { ticket, code: Code::Priority })
        }
        other => prompt(other),
    }
}

impl Desk {
    fn new(policy: Policy) -> Self {
        let session = Session::new(policy);
        Self { session, now: 0, said: Vec::new(), answer: prompt, silent: false }
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
            if let Some(answer) = (self.answer)(*command) {
                self.hear(answer);
            }
        }
    }

    fn ask(&mut self, id: u32, ask: Ask) {
        self.hear(Event::Asked { id, ask });
    }

    /// Ten milliseconds of audio.
    fn beat(&mut self) {
        let host = self.now;
        self.now += 10;
        let silent = self.silent;
        self.hear(Event::Heartbeat(Heartbeat { host, frames: 480, format: FORMAT, silent }));
    }

    fn beats(&mut self, ms: Ms) {
        (0..ms / 10).for_each(|_| self.beat());
    }

    /// So much time passes, and nothing happens but what the machine waits for.
    fn pass(&mut self, ms: Ms) {
        let end = self.now + ms;
        while let Some(at) = self.session.next_deadline().filter(|at| *at <= end) {
            self.now = at;
            self.hear(Event::Tick);
        }
        self.now = end;
    }

    /// What was said since this was last asked.
    fn news(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.said)
    }

    /// When the session was to be activated.
    fn activations(&mut self, ms: Ms) -> Vec<Ms> {
        let (begun, mut at) = (self.now, Vec::new());
        while self.now < begun + ms {
            let before = self.tries();
            self.pass(10);
            let tries = self.tries() - before;
            at.extend((0..tries).map(|_| self.now - begun));
        }
        at
    }

    fn tries(&self) -> usize {
        self.orders().filter(|order| matches!(order, Order::Activate { .. })).count()
    }

    /// The call is over, and the system advises to go on.
    fn call_ends(&mut self) {
        self.hear(Event::InterruptionEnded);
        self.hear(Event::ResumeHint(Hint::Yes));
    }

    fn counted(&self, what: Command) -> usize {
        self.said.iter().filter(|said| **said == what).count()
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
        Command::Take(TakeOrder::MarkGap(gap)) => Some((gap.ms(), gap.cause)),
        _ => None,
    });
    assert_eq!(gap, Some((200, GapCause::Muted)));
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
        let system = if profile == Profile::CALLKIT { Owner::CallKit } else { Owner::App };
        assert_eq!(policy.owner, system, "{}", profile.name);
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

const RECORDING: Command = Command::Tell(Tell::State(State::Recording));
const PAUSED: Command = Command::Tell(Tell::State(State::Paused));

const fn resolved(id: u32, done: bool) -> Command {
    Command::Tell(Tell::Resolved { id, done })
}

const fn rejected(id: u32, code: ErrorCode) -> Command {
    Command::Tell(Tell::Rejected { id, code })
}

const fn error(code: ErrorCode) -> Command {
    Command::Tell(Tell::Error(code))
}

const fn diagnosis(what: Diagnosis) -> Command {
    Command::Tell(Tell::Diagnosis(what))
}

fn start() -> Ask {
    Ask::Start(Start::default())
}

#[test]
fn a_start_that_would_end_the_process_is_refused() {
    let mut desk = Desk::new(Policy::default());
    desk.ask(1, Ask::Start(Start { forbidden: true, ..Start::default() }));
    assert_eq!(desk.said, [rejected(1, ErrorCode::SessionInterrupted)]);
}

#[test]
fn what_a_take_suffered_is_not_held_against_the_next() {
    let no_route = Event::RouteChanged(Route {
        reason: RouteReason::NoSuitableRoute,
        format: Format::mono(0),
        running: false,
        preferred: true,
        speaker: false,
    });
    for trouble in [Event::ClientSilenced(true), no_route] {
        let mut desk = Desk::recording(Policy::default());
        desk.hear(trouble);
        desk.ask(2, Ask::Stop);
        desk.ask(3, start());
        desk.beat();
        desk.ask(4, Ask::Pause);
        desk.ask(5, Ask::Resume);
        desk.beat();
        assert!(desk.said(resolved(5, true)), "{trouble:?}");
        desk.hear(Event::InterruptionBegan(Reason::Default));
        desk.hear(Event::InterruptionEnded);
        desk.hear(Event::ResumeHint(Hint::Yes));
        desk.beat();
        assert_eq!(desk.session.state(), State::Recording, "{trouble:?}");
    }
}

#[test]
fn silence_is_told_once_in_each_take() {
    let mut desk = Desk::new(Policy::default());
    desk.silent = true;
    for id in [0, 10] {
        desk.ask(id, start());
        desk.beats(2500);
        assert_eq!(desk.counted(diagnosis(Diagnosis::InputSilent)), 0);
        desk.beats(5000);
        assert_eq!(desk.counted(diagnosis(Diagnosis::InputSilent)), 1);
        desk.ask(id + 1, Ask::Stop);
        desk.said.clear();
    }
}

#[test]
fn silence_that_a_word_breaks_is_none() {
    let mut desk = Desk::recording(Policy::default());
    for _ in 0..5 {
        desk.silent = true;
        desk.beats(2500);
        desk.silent = false;
        desk.beat();
    }
    assert_eq!(desk.said, []);
}

#[test]
fn a_mute_is_told_and_its_silence_is_not() {
    let mut desk = Desk::new(Policy::default());
    desk.hear(Event::InputMuted(true));
    assert_eq!(desk.said, [], "there is no take");
    desk.ask(1, start());
    desk.silent = true;
    desk.beat();
    assert_eq!(desk.counted(diagnosis(Diagnosis::InputMuted)), 1);
    desk.beats(5000);
    desk.hear(Event::InputMuted(false));
    desk.beats(2500);
    assert!(!desk.said(diagnosis(Diagnosis::InputSilent)));
    desk.hear(Event::InputMuted(true));
    desk.hear(Event::InputMuted(false));
    assert_eq!(desk.counted(diagnosis(Diagnosis::InputMuted)), 2);
    // Counted from the end of the mute.
    desk.beats(2500);
    assert!(!desk.said(diagnosis(Diagnosis::InputSilent)));
    desk.beats(1000);
    assert!(desk.said(diagnosis(Diagnosis::InputSilent)));
}

#[test]
fn a_warm_microphone_need_not_be_warmed() {
    let mut desk = Desk::new(Policy::default());
    desk.ask(1, Ask::Prewarm);
    desk.ask(2, Ask::Prewarm);
    assert!(desk.said(rejected(2, ErrorCode::AlreadyRecording)));
    desk.beat();
    assert!(desk.said(resolved(1, true)));
    assert!(desk.session.is_open() && desk.session.captured_ms() == 0);
    assert!(!desk.session.is_resting());
    desk.said.clear();
    desk.ask(3, Ask::Prewarm);
    assert_eq!(desk.said, [resolved(3, true)]);
}

/// What it hears until the take is open is not in the take.
#[test]
fn a_warm_start_takes_nothing_from_before() {
    let mut desk = Desk::new(Policy::default());
    desk.ask(1, Ask::Prewarm);
    desk.beat();
    desk.answer = |command| match command {
        Command::Take(TakeOrder::Open { .. }) => None,
        other => prompt(other),
    };
    desk.said.clear();
    desk.ask(2, start());
    assert!(desk.said(Command::Take(TakeOrder::Gate(true))));
    desk.beats(100);
    desk.said.clear();
    desk.hear(Event::TakeOpened);
    let before = TakeOrder::DiscardBefore(desk.now);
    assert_eq!(desk.said, [TakeOrder::Gate(false), before].map(Command::Take));
    desk.beat();
    assert_eq!((desk.session.captured_ms(), desk.tries()), (10, 0));
}

#[test]
fn a_warm_engine_that_fell_silent_is_made_anew() {
    let mut desk = Desk::new(Policy::default());
    desk.ask(1, Ask::Prewarm);
    desk.beat();
    desk.pass(1000);
    desk.said.clear();
    desk.ask(2, start());
    assert!(desk.said(REBUILD) && desk.tries() == 1);
}

#[test]
fn a_warm_microphone_is_closed_on_request_and_when_nobody_uses_it() {
    let mut desk = Desk::new(Policy::default());
    desk.ask(1, Ask::Prewarm);
    desk.ask(2, Ask::Release);
    assert!(desk.said(resolved(1, false)) && desk.said(resolved(2, true)));
    assert!(desk.said(Command::Platform(Order::Deactivate)) && !desk.session.is_open());
    desk.said.clear();
    desk.ask(3, Ask::Prewarm);
    desk.beat();
    desk.ask(4, Ask::Release);
    assert!(desk.said(Command::Platform(Order::Deactivate)) && !desk.session.is_open());
    desk.said.clear();
    desk.ask(5, Ask::Prewarm);
    desk.beat();
    desk.pass(599_000);
    assert!(!desk.said(Command::Platform(Order::Deactivate)) && desk.session.is_open());
    desk.pass(2000);
    assert!(desk.said(Command::Platform(Order::Deactivate)) && !desk.session.is_open());
    assert!(desk.session.is_resting() && desk.session.next_deadline().is_none());
}

#[test]
fn a_take_in_the_background_is_left_alone() {
    let policy = Policy { release_in_background: true, ..Policy::default() };
    let mut desk = Desk::recording(policy);
    desk.hear(Event::Background);
    assert_eq!(desk.said, []);
}

#[test]
fn a_microphone_that_may_not_be_used_is_not_kept_warm() {
    let mut desk = Desk::new(Policy::default());
    desk.ask(1, Ask::Prewarm);
    desk.beat();
    desk.hear(Event::PermissionRevoked);
    assert!(!desk.session.is_open());
    assert!(!desk.said(error(ErrorCode::PermissionDenied)), "there was no take");
}

#[test]
fn a_refused_start_leaves_things_as_they_were() {
    let denied: fn(Command) -> Option<Event> = |command| match command {
        Command::Platform(Order::RequestPermission) => Some(Event::Permission(false)),
        other => prompt(other),
    };
    let full: fn(Command) -> Option<Event> = |command| match command {
        Command::Take(TakeOrder::Open { .. }) => Some(Event::TakeFailed),
        other => prompt(other),
    };
    for (answer, code, discards) in [
        (denied, ErrorCode::PermissionDenied, false),
        (full, ErrorCode::FileError, false),
        (refuse, ErrorCode::SessionInterrupted, true),
    ] {
        let mut desk = Desk::recording(Policy::default());
        desk.beats(1000);
        desk.ask(2, Ask::Stop);
        let before = (desk.session.state(), desk.session.captured_ms());
        desk.said.clear();
        desk.answer = answer;
        desk.ask(3, start());
        desk.pass(5000);
        assert_eq!(desk.counted(rejected(3, code)), 1, "{code:?}");
        assert_eq!((desk.session.state(), desk.session.captured_ms()), before, "{code:?}");
        assert!(desk.session.is_resting() && !desk.session.is_open(), "{code:?}");
        assert_eq!(desk.said(Command::Take(TakeOrder::Discard)), discards, "{code:?}");
        assert!(!desk.said(Command::Take(TakeOrder::Finalise)), "{code:?}");
    }
}

#[test]
fn a_refused_start_on_a_warm_microphone_does_not_leave_it_warm() {
    let mut desk = Desk::new(Policy::default());
    desk.ask(1, Ask::Prewarm);
    desk.beat();
    desk.answer = |command| match command {
        Command::Take(TakeOrder::Open { .. }) => Some(Event::TakeFailed),
        other => prompt(other),
    };
    desk.ask(2, start());
    assert!(desk.session.is_resting() && !desk.session.is_open());
    assert!(desk.session.next_deadline().is_none());
}

#[test]
fn answers_that_nobody_waits_for_change_nothing() {
    let mut desk = Desk::recording(Policy::default());
    for event in [
        Event::Permission(true),
        Event::Permission(false),
        Event::TakeOpened,
        Event::TakeFailed,
        Event::Activated { ticket: 1 },
        Event::ActivateFailed { ticket: 1, code: Code::Priority },
        Event::HardwareFormat { ticket: 1, format: Format::mono(8000) },
        Event::IoStarted { ticket: 1 },
        Event::IoFailed { ticket: 1, code: Code::Priority },
        Event::ResumeHint(Hint::Yes),
        Event::ResumeHint(Hint::No),
        Event::InterruptionEnded,
        Event::ExternalActivated,
        Event::ExternalDeactivated,
        Event::TakesRecovered(0),
        Event::Tick,
    ] {
        desk.hear(event);
        assert_eq!(desk.news(), [], "{event:?}");
    }
}

/// At each step of a try, the answer to an earlier order is nobody's.
#[test]
fn old_tickets_are_void() {
    let mut session = Session::new(Policy::default());
    let mut now = 0;
    let begin = |session: &mut Session| {
        session.step(0, Event::Asked { id: 1, ask: start() });
        session.step(0, Event::Permission(true));
    };
    // An earlier take, which ended before its session was active.
    begin(&mut session);
    let activates = session.step(now, Event::TakeOpened);
    let Some(Event::Activated { ticket }) = activates.iter().find_map(|said| prompt(*said)) else {
        panic!("{:?}", &activates[..]);
    };
    session.step(now, Event::Asked { id: 2, ask: Ask::Stop });
    let mut tickets = vec![0, ticket];
    begin(&mut session);
    let mut next = Event::TakeOpened;
    loop {
        let commands = session.step(now, next);
        let answer = commands.iter().find_map(|command| prompt(*command));
        let Some(answer) = answer else { break };
        for ticket in &tickets {
            let ticket = *ticket;
            for old in [
                Event::Activated { ticket },
                Event::ActivateFailed { ticket, code: Code::Priority },
                Event::HardwareFormat { ticket, format: FORMAT },
                Event::IoStarted { ticket },
                Event::IoFailed { ticket, code: Code::Busy },
            ] {
                now += 1;
                let before = session.next_deadline();
                assert!(session.step(now, old).is_empty(), "{old:?} before {answer:?}");
                assert_eq!(session.next_deadline(), before, "{old:?} before {answer:?}");
            }
        }
        if let Event::Activated { ticket }
        | Event::HardwareFormat { ticket, .. }
        | Event::IoStarted { ticket } = answer
        {
            tickets.push(ticket);
        }
        next = answer;
    }
    assert_eq!(tickets.len(), 5);
}

/// A platform that does all but one thing is not waited for forever either.
#[test]
fn every_step_has_its_time() {
    type Answer = fn(Command) -> Option<Event>;
    let steps: [Answer; 3] = [
        |command| match command {
            Command::Platform(Order::Activate { .. }) => None,
            other => prompt(other),
        },
        |command| match command {
            Command::Platform(Order::QueryFormat { .. }) => None,
            other => prompt(other),
        },
        |command| match command {
            Command::Platform(Order::StartIo { .. }) => None,
            other => prompt(other),
        },
    ];
    // The last is not answered by audio.
    for answer in steps.into_iter().chain([prompt as Answer]) {
        let mut desk = Desk::new(Policy::default());
        desk.answer = answer;
        desk.ask(1, start());
        desk.pass(60_000);
        assert!(desk.said(rejected(1, ErrorCode::SessionInterrupted)));
        // What hangs may be broken.
        let active = desk.orders().any(|order| matches!(order, Order::QueryFormat { .. }));
        assert_eq!(desk.said(Command::Platform(Order::RebuildEngine)), active);
        assert!(desk.session.next_deadline().is_none() && !desk.session.is_open());
    }
}

#[test]
fn a_start_waits_for_its_owner_but_not_forever() {
    let policy = Policy { owner: Owner::CallKit, ..Policy::default() };
    let mut desk = Desk::new(policy);
    desk.ask(1, start());
    assert!(desk.said(Command::Platform(Order::Configure { rung: 0 })));
    desk.pass(9000);
    assert!(!desk.said(rejected(1, ErrorCode::SessionInterrupted)));
    desk.pass(2000);
    assert!(desk.said(rejected(1, ErrorCode::SessionInterrupted)));
    assert!(!desk.orders().any(|order| matches!(order, Order::Activate { .. })));
}

#[test]
fn alerts_and_inputs_are_only_what_the_app_wants() {
    for wanted in [true, false] {
        let mut desk = Desk::new(Policy {
            prefer_no_interruptions: wanted,
            prefer_input: wanted,
            ..Policy::default()
        });
        desk.ask(1, start());
        desk.beat();
        assert_eq!(desk.said(Command::Platform(Order::PreferNoInterruptions)), wanted);
        assert_eq!(desk.said(Command::Platform(Order::PreferInput)), wanted);
        desk.said.clear();
        // Another device takes over.
        let reason = RouteReason::NewDevice;
        let (running, preferred, speaker) = (true, false, false);
        desk.hear(Event::RouteChanged(Route {
            reason,
            format: FORMAT,
            running,
            preferred,
            speaker,
        }));
        assert_eq!(desk.said(Command::Platform(Order::PreferInput)), wanted);
        desk.said.clear();
        desk.ask(2, Ask::PreferInput(!wanted));
        assert_eq!(desk.said(Command::Platform(Order::PreferInput)), !wanted);
        desk.said.clear();
        desk.hear(Event::EngineConfigChanged);
        desk.pass(300);
        desk.beat();
        assert!(desk.said(Command::Platform(Order::RebuildEngine)));
        assert_eq!(desk.said(Command::Platform(Order::PreferInput)), !wanted);
    }
}

#[test]
fn missing_transcription_is_told_in_the_take_and_only_there() {
    let stt = error(ErrorCode::SttUnavailable);
    let mut desk = Desk::new(Policy::default());
    desk.hear(Event::SttUnavailable);
    assert_eq!(desk.said, []);
    desk.ask(1, start());
    desk.hear(Event::SttUnavailable);
    assert!(!desk.said(stt));
    desk.beat();
    let place = |what| desk.said.iter().position(|said| *said == what);
    assert!(place(RECORDING) < place(stt) && place(RECORDING).is_some());
    desk.said.clear();
    desk.hear(Event::SttUnavailable);
    assert_eq!(desk.news(), [stt]);
    desk.ask(2, Ask::Stop);
    desk.said.clear();
    desk.ask(3, Ask::Start(Start { stt_unavailable: true, ..Start::default() }));
    desk.beat();
    assert_eq!(desk.counted(stt), 1);
    desk.ask(4, Ask::Stop);
    desk.said.clear();
    // That was said of one take.
    desk.ask(5, start());
    desk.beat();
    assert!(!desk.said(stt));
}

#[test]
fn what_cannot_be_written_ends_the_take() {
    let faults = [
        (Event::WriteFailed, ErrorCode::FileError),
        (Event::PermissionRevoked, ErrorCode::PermissionDenied),
    ];
    for (event, code) in faults {
        let mut desk = Desk::recording(Policy::default());
        desk.ask(2, Ask::Pause);
        desk.hear(Event::InterruptionBegan(Reason::Default));
        desk.ask(3, Ask::Resume);
        desk.said.clear();
        desk.hear(event);
        assert!(desk.said(rejected(3, code)) && desk.said(error(code)));
        assert!(desk.said(Command::Platform(Order::Show(State::Error))));
        assert!(desk.said(Command::Take(TakeOrder::Finalise)));
        assert_eq!((desk.session.state(), desk.session.is_open()), (State::Error, false));
        assert!(desk.session.is_resting());
        desk.said.clear();
        desk.hear(event);
        assert_eq!(desk.news(), [], "there is no take any more");
        // What there is can be had, once.
        desk.ask(4, Ask::Stop);
        assert!(desk.said(resolved(4, true)) && desk.session.state() == State::Stopped);
        desk.ask(5, Ask::Stop);
        assert!(desk.said(rejected(5, ErrorCode::NotRecording)));
    }
}

#[test]
fn only_the_fall_back_to_the_speaker_counts() {
    for on_speaker in [OnSpeaker::Pause, OnSpeaker::Mute] {
        let mut desk = Desk::recording(Policy { on_speaker, ..Policy::default() });
        for (reason, speaker) in [
            (RouteReason::OldDevice, false),
            (RouteReason::NewDevice, true),
            (RouteReason::Override, true),
        ] {
            desk.hear(route(reason, speaker));
            assert_eq!(desk.news(), [diagnosis(Diagnosis::RouteChanged)], "{reason:?}");
        }
    }
}

#[test]
fn asks_without_a_take_are_refused() {
    let mut desk = Desk::new(Policy::default());
    for (id, ask) in [(1, Ask::Pause), (2, Ask::Resume), (3, Ask::Stop)] {
        desk.ask(id, ask);
        assert_eq!(desk.news(), [rejected(id, ErrorCode::NotRecording)]);
    }
}

#[test]
fn asks_for_what_is_so_are_granted() {
    let mut desk = Desk::recording(Policy::default());
    desk.ask(2, Ask::Resume);
    assert_eq!(desk.news(), [resolved(2, true)]);
    desk.ask(3, Ask::Pause);
    assert!(desk.news().contains(&PAUSED));
    desk.ask(4, Ask::Pause);
    assert_eq!(desk.news(), [resolved(4, true)]);
    // Nothing of the pause is in the take, nor is it a gap.
    let before = desk.session.captured_ms();
    desk.beats(1000);
    assert_eq!(desk.session.captured_ms(), before);
    desk.ask(5, Ask::Resume);
    desk.ask(6, Ask::Resume);
    assert!(desk.said(resolved(6, true)) && !desk.said(resolved(5, true)));
    desk.beat();
    assert_eq!(desk.counted(resolved(5, true)), 1);
    let marked = |command: &&Command| {
        matches!(command, Command::Take(TakeOrder::MarkGap(_) | TakeOrder::MarkPause { .. }))
    };
    let marks: Vec<_> = desk.said.iter().filter(marked).collect();
    assert!(matches!(marks[..], [Command::Take(TakeOrder::MarkPause { at: 10, .. })]), "{marks:?}");
}

/// Refuses for a reason that may pass.
fn busy(command: Command) -> Option<Event> {
    match command {
        Command::Platform(Order::Activate { ticket, .. }) => {
            Some(Event::ActivateFailed { ticket, code: Code::Busy })
        }
        other => prompt(other),
    }
}

fn no_input(command: Command) -> Option<Event> {
    match command {
        Command::Platform(Order::QueryFormat { ticket }) => {
            Some(Event::HardwareFormat { ticket, format: Format::mono(0) })
        }
        other => prompt(other),
    }
}

const CALL: Event = Event::InterruptionBegan(Reason::Default);
const REBUILD: Command = Command::Platform(Order::RebuildEngine);

/// A route that only differs in these from the one there was.
fn rerouted(reason: RouteReason, format: Format, running: bool) -> Event {
    Event::RouteChanged(Route { reason, format, running, preferred: true, speaker: false })
}

#[test]
fn tries_come_when_the_policy_says() {
    let mut desk = Desk::new(Policy::default());
    desk.answer = busy;
    desk.ask(1, start());
    assert_eq!(desk.tries(), 1);
    assert_eq!(desk.activations(30_000), [150, 450, 900]);
    assert_eq!(desk.counted(rejected(1, ErrorCode::SessionInterrupted)), 1);

    let mut desk = Desk::recording(Policy::default());
    desk.hear(CALL);
    desk.answer = busy;
    desk.call_ends();
    assert_eq!(desk.tries(), 1);
    assert_eq!(desk.activations(60_000), [250, 750, 1750, 3750, 7750, 15_750]);
    assert_eq!(desk.counted(error(ErrorCode::SessionInterrupted)), 2);
    // A sign of hope begins it all again.
    desk.hear(Event::InputAvailable);
    assert_eq!(desk.activations(60_000), [250, 750, 1750, 3750, 7750, 15_750]);
    // So does the next interruption, which the user resumes from in vain.
    desk.hear(Event::Foreground);
    desk.answer = prompt;
    desk.pass(500);
    desk.beat();
    assert_eq!(desk.session.state(), State::Recording);
    desk.hear(CALL);
    desk.answer = busy;
    desk.ask(2, Ask::Resume);
    assert!(desk.said(rejected(2, ErrorCode::SessionInterrupted)));
    let before = desk.tries();
    desk.call_ends();
    assert_eq!(desk.tries(), before + 1);
}

#[test]
fn a_refusal_decides_how_often_a_start_is_tried() {
    for (code, tries) in [
        (Code::Priority, 1),
        (Code::ForegroundService, 1),
        (Code::CannotRecord, 2),
        (Code::CannotInterrupt, 4),
        (Code::Siri, 4),
    ] {
        let mut session = Session::new(Policy { rungs: 2, ..Policy::default() });
        let mut events =
            vec![Event::TakeOpened, Event::Permission(true), Event::Asked { id: 1, ask: start() }];
        let mut rungs = Vec::new();
        let mut now = 0;
        while let Some(event) = events.pop() {
            for command in session.step(now, event).iter() {
                if let Command::Platform(Order::Activate { ticket, rung }) = *command {
                    rungs.push(rung);
                    events.push(Event::ActivateFailed { ticket, code });
                }
            }
            if let (true, Some(at)) = (events.is_empty(), session.next_deadline()) {
                now = at;
                events.push(Event::Tick);
            }
        }
        assert_eq!(rungs, [0, 1, 0, 1][..tries], "{code:?}");
    }
}

#[test]
fn a_resume_tries_every_rung_at_once_and_one_new_engine() {
    let mut desk =
        Desk::recording(Policy { rungs: 3, pause: PauseMode::Release, ..Policy::default() });
    desk.ask(2, Ask::Pause);
    desk.answer = busy;
    desk.ask(3, Ask::Resume);
    assert_eq!((desk.tries(), desk.counted(rejected(3, ErrorCode::SessionInterrupted))), (3, 1));
    assert_eq!((desk.session.state(), desk.session.next_deadline()), (State::Paused, None));
    // I/O starts, and no audio comes.
    desk.answer = prompt;
    desk.said.clear();
    desk.ask(4, Ask::Resume);
    desk.pass(60_000);
    assert_eq!((desk.tries(), desk.counted(REBUILD)), (2, 1));
    assert_eq!(desk.counted(diagnosis(Diagnosis::CaptureStalled)), 2);
    assert_eq!(desk.counted(rejected(4, ErrorCode::SessionInterrupted)), 1);
    assert_eq!((desk.session.state(), desk.session.next_deadline()), (State::Paused, None));
    // And then it does.
    desk.ask(5, Ask::Resume);
    desk.pass(1000);
    desk.beat();
    assert!(desk.said(resolved(5, true)));
}

#[test]
fn a_start_without_audio_gets_one_new_engine() {
    let mut desk = Desk::new(Policy::default());
    desk.ask(1, start());
    desk.pass(60_000);
    assert_eq!((desk.tries(), desk.counted(REBUILD)), (2, 1));
    assert_eq!(desk.counted(diagnosis(Diagnosis::CaptureStalled)), 2);
    assert!(desk.said(rejected(1, ErrorCode::SessionInterrupted)));
}

#[test]
fn an_input_that_is_not_ready_is_asked_again_with_a_new_engine() {
    for ask in [start(), Ask::Prewarm] {
        let mut desk = Desk::new(Policy::default());
        desk.answer = no_input;
        desk.ask(1, ask);
        assert!(!desk.orders().any(|order| matches!(order, Order::StartIo { .. })));
        desk.answer = prompt;
        desk.pass(200);
        desk.beat();
        assert!(desk.said(resolved(1, true)));
        assert_eq!(desk.counted(REBUILD), 1);
        desk.said.clear();
        // That engine is as good as any.
        desk.ask(2, start());
        desk.beat();
        assert!(!desk.said(REBUILD));
    }
}

#[test]
fn io_that_fails_costs_an_engine() {
    let mut desk = Desk::new(Policy::default());
    desk.answer = |command| match command {
        Command::Platform(Order::StartIo { ticket, .. }) => {
            Some(Event::IoFailed { ticket, code: Code::Unspecified })
        }
        other => prompt(other),
    };
    desk.ask(1, start());
    desk.answer = prompt;
    desk.pass(200);
    desk.beat();
    assert!(desk.said(REBUILD) && desk.said(resolved(1, true)));
}

#[test]
fn no_ticket_is_given_twice() {
    let mut desk = Desk::new(Policy::default());
    for id in 0..5 {
        desk.ask(10 * id, start());
        desk.beat();
        desk.hear(CALL);
        desk.call_ends();
        desk.beat();
        desk.ask(10 * id + 1, Ask::Stop);
    }
    let tickets = desk.orders().filter_map(|order| match order {
        Order::Activate { ticket, .. }
        | Order::QueryFormat { ticket }
        | Order::StartIo { ticket, .. } => Some(ticket),
        _ => None,
    });
    let mut tickets: Vec<_> = tickets.collect();
    let given = tickets.len();
    tickets.sort_unstable();
    tickets.dedup();
    assert_eq!((given, tickets.len()), (30, 30));
}

/// At every step that needs the engine, a change of the hardware begins it anew.
#[test]
fn changed_hardware_breaks_the_try_under_way() {
    type Answer = fn(Command) -> Option<Event>;
    let steps: [Answer; 3] = [
        |command| match command {
            Command::Platform(Order::QueryFormat { .. }) => None,
            other => prompt(other),
        },
        |command| match command {
            Command::Platform(Order::StartIo { .. }) => None,
            other => prompt(other),
        },
        prompt,
    ];
    for answer in steps {
        let mut desk = Desk::new(Policy::default());
        desk.answer = answer;
        desk.ask(1, start());
        desk.hear(Event::EngineConfigChanged);
        assert!(!desk.session.is_open());
        desk.said.clear();
        desk.answer = prompt;
        desk.pass(200);
        // It goes on changing.
        desk.hear(Event::EngineConfigChanged);
        desk.pass(200);
        assert_eq!(desk.said, []);
        desk.pass(100);
        desk.beat();
        assert!(desk.said(REBUILD) && desk.said(resolved(1, true)));
    }
}

#[test]
fn changed_hardware_costs_an_engine_and_no_activation() {
    let mut desk = Desk::recording(Policy::default());
    // Whoever stopped I/O may have changed the session.
    desk.hear(rerouted(RouteReason::Category, FORMAT, false));
    desk.pass(300);
    desk.beat();
    assert_eq!((desk.tries(), desk.counted(REBUILD)), (1, 1));
    assert_eq!(desk.session.state(), State::Recording);
    desk.said.clear();
    let other = Format::mono(16_000);
    for change in [Event::EngineConfigChanged, rerouted(RouteReason::Category, other, true)] {
        desk.hear(change);
        desk.pass(300);
        desk.beat();
        assert_eq!((desk.tries(), desk.counted(REBUILD)), (0, 1), "{change:?}");
        assert_eq!(desk.counted(Command::Platform(Order::StopIo)), 1, "{change:?}");
        assert!(!desk.said(RECORDING), "{change:?}");
        desk.said.clear();
    }
    // What changes nothing costs nothing.
    desk.hear(rerouted(RouteReason::Configuration, FORMAT, true));
    assert_eq!(desk.news(), [diagnosis(Diagnosis::RouteChanged)]);
    // A process that slept does not know whether its session is active still.
    desk.hear(Event::EngineConfigChanged);
    desk.now += 5000;
    desk.hear(Event::Tick);
    assert_eq!(desk.tries(), 1);
}

#[test]
fn a_warm_microphone_follows_the_hardware() {
    let mut desk = Desk::new(Policy::default());
    desk.ask(1, Ask::Prewarm);
    desk.beat();
    desk.said.clear();
    desk.hear(Event::EngineConfigChanged);
    desk.pass(300);
    desk.beat();
    assert!(desk.said(REBUILD) && desk.session.is_open());
}

#[test]
fn a_held_microphone_is_not_repaired_in_the_pause() {
    let stopped = rerouted(RouteReason::Category, Format::mono(16_000), false);
    for change in [Event::EngineConfigChanged, stopped] {
        let mut desk = Desk::recording(Policy::default());
        desk.ask(2, Ask::Pause);
        assert!(desk.session.is_open());
        desk.hear(change);
        assert!(!desk.session.is_open() && desk.session.next_deadline().is_none(), "{change:?}");
        desk.said.clear();
        desk.ask(3, Ask::Resume);
        assert!(desk.said(REBUILD), "{change:?}");
    }
    // One that runs on may do so in any format.
    let mut desk = Desk::recording(Policy::default());
    desk.ask(2, Ask::Pause);
    desk.hear(rerouted(RouteReason::Category, Format::mono(16_000), true));
    assert!(desk.session.is_open());
    // One that fell silent is not waited for.
    desk.pass(5000);
    desk.said.clear();
    desk.ask(3, Ask::Resume);
    assert!(desk.said(REBUILD));
}

#[test]
fn who_resumes_while_it_is_tried_gets_the_answer_of_the_next_try() {
    let mut desk = Desk::recording(Policy::default());
    desk.hear(CALL);
    desk.answer = busy;
    desk.call_ends();
    desk.pass(300);
    let before = desk.tries();
    desk.ask(2, Ask::Resume);
    assert_eq!(desk.tries(), before + 1);
    assert!(desk.said(rejected(2, ErrorCode::SessionInterrupted)));
    // With all tries ahead.
    assert_eq!(desk.activations(60_000), [250, 750, 1750, 3750, 7750, 15_750]);
}

#[test]
fn a_resume_that_fails_leaves_the_interruption_as_it_was() {
    let mut desk = Desk::recording(Policy::default());
    desk.hear(CALL);
    desk.answer = |command| match command {
        Command::Platform(Order::Activate { .. }) => None,
        other => prompt(other),
    };
    let refuse = |desk: &mut Desk| {
        let ticket = desk.orders().filter_map(|order| match order {
            Order::Activate { ticket, .. } => Some(ticket),
            _ => None,
        });
        let ticket = ticket.last().unwrap();
        desk.hear(Event::ActivateFailed { ticket, code: Code::Priority });
    };
    desk.ask(2, Ask::Resume);
    refuse(&mut desk);
    assert!(desk.said(rejected(2, ErrorCode::SessionInterrupted)));
    assert_eq!((desk.session.next_deadline(), desk.tries()), (None, 1));
    // The system may say yes while a resume is tried.
    desk.ask(3, Ask::Resume);
    desk.call_ends();
    refuse(&mut desk);
    assert!(desk.said(rejected(3, ErrorCode::SessionInterrupted)));
    assert_eq!(desk.tries(), 3);
    // What was given up is not begun again by a resume that fails.
    desk.answer = busy;
    desk.pass(60_000);
    assert_eq!(desk.session.next_deadline(), None);
    desk.ask(4, Ask::Resume);
    assert_eq!(desk.session.next_deadline(), None);
}

#[test]
fn gaps_know_their_cause() {
    use GapCause::{Interruption, MediaServices, NoRoute, Rebuild, Silenced, Stall};
    let lost = rerouted(RouteReason::NoSuitableRoute, Format::mono(0), false);
    for (event, cause) in [
        (CALL, Interruption(Reason::Default)),
        (Event::InterruptionBegan(Reason::BuiltInMicMuted), Interruption(Reason::BuiltInMicMuted)),
        (Event::MediaLost, MediaServices),
        (Event::MediaReset, MediaServices),
        (Event::ClientSilenced(true), Silenced),
        (lost, NoRoute),
        (Event::EngineConfigChanged, Rebuild),
        // The hole that nobody announces.
        (Event::Foreground, Stall),
    ] {
        let mut desk = Desk::recording(Policy::default());
        desk.beats(500);
        desk.said.clear();
        desk.hear(event);
        desk.pass(1000);
        for sign in [
            Event::MediaReset,
            Event::InputAvailable,
            Event::ClientSilenced(false),
            Event::InterruptionEnded,
            Event::ResumeHint(Hint::Yes),
        ] {
            if desk.session.state() == State::Paused {
                desk.hear(sign);
            }
        }
        desk.beat();
        let marked = desk.said.iter().find_map(|command| match command {
            Command::Take(TakeOrder::MarkGap(gap)) => Some((gap.cause, gap.at, gap.ms())),
            _ => None,
        });
        assert_eq!(marked, Some((cause, 510, 1000)), "{event:?}");
        assert_eq!(desk.session.captured_ms(), 520, "{event:?}");
    }
}

#[test]
fn what_was_captured_is_handed_over_when_it_may_be_the_last() {
    for event in [CALL, Event::MediaLost, Event::Asked { id: 2, ask: Ask::Pause }] {
        let mut desk = Desk::recording(Policy::default());
        desk.hear(event);
        assert!(desk.said(Command::Take(TakeOrder::Flush)), "{event:?}");
    }
}

#[test]
fn short_holes_are_not_gaps() {
    for (hole, marks) in [(40, 0), (60, 1), (500, 1)] {
        let mut desk = Desk::recording(Policy::default());
        desk.now += hole;
        desk.beat();
        desk.now += hole;
        desk.ask(2, Ask::Stop);
        let gaps = desk
            .said
            .iter()
            .filter(|command| matches!(command, Command::Take(TakeOrder::MarkGap(_))));
        assert_eq!(gaps.count(), 2 * marks, "{hole} ms");
    }
}

#[test]
fn a_take_ends_at_its_limit() {
    for (max_ms, limit) in [(None, 2000), (Some(500), 500), (Some(5000), 5000)] {
        let mut desk = Desk::new(Policy { max_ms: 2000, ..Policy::default() });
        desk.now = 1_000_000;
        desk.ask(1, Ask::Start(Start { max_ms, ..Start::default() }));
        desk.beats(10_000);
        assert_eq!((desk.session.state(), desk.session.captured_ms()), (State::Stopped, limit));
        assert!(desk.said(Command::Take(TakeOrder::Finalise)));
    }
}

#[test]
fn nothing_goes_on_while_something_else_stands_in_the_way() {
    let lost = rerouted(RouteReason::NoSuitableRoute, Format::mono(0), false);
    for (trouble, cure) in [
        (Event::MediaLost, Event::MediaReset),
        (Event::ClientSilenced(true), Event::ClientSilenced(false)),
        (lost, Event::InputAvailable),
    ] {
        let mut desk = Desk::recording(Policy::default());
        desk.hear(CALL);
        desk.hear(trouble);
        desk.call_ends();
        desk.hear(Event::Foreground);
        assert_eq!(desk.tries(), 0, "{trouble:?}");
        desk.hear(cure);
        desk.beat();
        assert_eq!((desk.tries(), desk.session.state()), (1, State::Recording), "{trouble:?}");
        // Nor does the cure help against a call, unless it says that all is new.
        desk.said.clear();
        desk.hear(CALL);
        desk.hear(trouble);
        desk.hear(Event::Foreground);
        desk.hear(cure);
        assert_eq!(desk.tries(), usize::from(cure == Event::MediaReset), "{trouble:?}");
    }
}

#[test]
fn an_owner_that_takes_back_has_to_give_again() {
    let mut desk = Desk::recording(Policy { owner: Owner::CallKit, ..Policy::default() });
    for taken in [CALL, Event::MediaLost, Event::ExternalDeactivated] {
        desk.hear(taken);
        assert_eq!(desk.session.state(), State::Paused);
        desk.said.clear();
        desk.hear(Event::MediaReset);
        desk.hear(Event::InterruptionEnded);
        desk.hear(Event::ResumeHint(Hint::No));
        desk.ask(2, Ask::Resume);
        assert_eq!(desk.news(), [rejected(2, ErrorCode::SessionInterrupted)], "{taken:?}");
        // Its word counts more than any before.
        desk.hear(Event::ExternalActivated);
        desk.beat();
        assert_eq!(desk.session.state(), State::Recording, "{taken:?}");
        assert_eq!(desk.tries(), 0);
    }
}

#[test]
fn an_owner_that_comes_early_does_not_begin_what_is_not_ready() {
    let mut desk = Desk::new(Policy { owner: Owner::CallKit, ..Policy::default() });
    desk.answer = |command| match command {
        Command::Take(TakeOrder::Open { .. }) => None,
        other => prompt(other),
    };
    desk.ask(1, start());
    desk.said.clear();
    desk.hear(Event::ExternalActivated);
    assert_eq!(desk.said, []);
    desk.hear(Event::TakeOpened);
    desk.beat();
    assert!(desk.said(resolved(1, true)));
}

#[test]
fn signs_of_hope_hurry_what_only_waits() {
    // A start, by an input.
    let mut desk = Desk::new(Policy::default());
    desk.answer = busy;
    desk.ask(1, start());
    for (sign, hurries) in [
        (Event::InputAvailable, true),
        (rerouted(RouteReason::NewDevice, FORMAT, false), true),
        // Our own tries do that.
        (rerouted(RouteReason::Category, FORMAT, false), false),
        // That is no input.
        (rerouted(RouteReason::OldDevice, Format::mono(0), false), false),
    ] {
        let before = desk.tries();
        desk.hear(sign);
        assert_eq!(desk.tries() > before, hurries, "{sign:?}");
    }
    // A recovery, by more.
    for sign in [Event::InputAvailable, Event::Foreground] {
        let mut desk = Desk::recording(Policy::default());
        desk.hear(CALL);
        desk.answer = busy;
        desk.call_ends();
        let before = desk.tries();
        desk.hear(sign);
        assert_eq!(desk.tries(), before + 1, "{sign:?}");
        // A try that is under way is not begun again.
        desk.answer = |command| match command {
            Command::Platform(Order::Activate { .. }) => None,
            other => prompt(other),
        };
        desk.pass(300);
        let before = desk.tries();
        desk.hear(sign);
        assert_eq!(desk.tries(), before, "{sign:?}");
    }
}

#[test]
fn a_new_input_ends_no_call() {
    let mut desk = Desk::recording(Policy::default());
    desk.hear(CALL);
    for event in [Event::InputAvailable, Event::InterruptionEnded, Event::ResumeHint(Hint::Absent)]
    {
        desk.hear(event);
        desk.hear(Event::InputAvailable);
        desk.hear(rerouted(RouteReason::NewDevice, FORMAT, false));
        assert_eq!(desk.tries(), 0, "{event:?}");
    }
}

#[test]
fn a_lost_input_is_found_in_whatever_way() {
    for found in [
        Event::InputAvailable,
        rerouted(RouteReason::NewDevice, FORMAT, false),
        rerouted(RouteReason::Configuration, FORMAT, false),
    ] {
        let mut desk = Desk::recording(Policy::default());
        for _ in 0..2 {
            desk.hear(rerouted(RouteReason::NoSuitableRoute, Format::mono(0), false));
            assert_eq!(desk.session.state(), State::Paused);
            desk.hear(found);
            desk.beat();
            assert_eq!(desk.session.state(), State::Recording, "{found:?}");
        }
    }
}

#[test]
fn a_probe_is_hurried_by_advice_and_ended_by_advice_against() {
    for (hint, tries) in [(Hint::Yes, 1), (Hint::No, 0), (Hint::Absent, 0)] {
        let mut desk = Desk::recording(Policy::default());
        desk.hear(CALL);
        desk.answer = busy;
        desk.hear(Event::Foreground);
        desk.hear(Event::Foreground);
        assert_eq!(desk.tries(), 2);
        desk.hear(Event::ResumeHint(hint));
        assert_eq!(desk.tries(), 2 + tries, "{hint:?}");
        assert_eq!(desk.session.next_deadline().is_some(), hint != Hint::No, "{hint:?}");
        // The advice was given.
        desk.hear(Event::ResumeHint(Hint::Yes));
        assert_eq!(desk.tries(), 2 + tries, "{hint:?}");
    }
}

#[test]
fn advice_counts_by_the_policy() {
    use AutoResume::{AlwaysAfterInterruption, Never, WhenSystemSays};
    for (auto_resume, hint, goes_on, front) in [
        (WhenSystemSays, Hint::Yes, true, true),
        (WhenSystemSays, Hint::Absent, false, true),
        (WhenSystemSays, Hint::No, false, false),
        (AlwaysAfterInterruption, Hint::Yes, true, true),
        (AlwaysAfterInterruption, Hint::Absent, true, true),
        (AlwaysAfterInterruption, Hint::No, true, true),
        (Never, Hint::Yes, false, false),
        (Never, Hint::Absent, false, false),
        (Never, Hint::No, false, false),
    ] {
        let mut desk = Desk::recording(Policy { auto_resume, ..Policy::default() });
        // What was said of an earlier call is not said of this one.
        desk.hear(CALL);
        desk.hear(Event::ResumeHint(if hint == Hint::No { Hint::Yes } else { Hint::No }));
        desk.hear(CALL);
        desk.hear(Event::InterruptionEnded);
        desk.hear(Event::ResumeHint(hint));
        assert_eq!(desk.tries() > 0, goes_on, "{auto_resume:?}, {hint:?}");
        desk.hear(Event::Foreground);
        assert_eq!(desk.tries() > 0, front, "{auto_resume:?}, {hint:?}");
    }
}

#[test]
fn routes_are_told_in_a_take_and_only_there() {
    let mut desk = Desk::new(Policy::default());
    desk.hear(route(RouteReason::NewDevice, false));
    assert_eq!(desk.said, []);
    desk.ask(1, start());
    desk.beat();
    desk.said.clear();
    desk.hear(route(RouteReason::NewDevice, false));
    assert_eq!(desk.said, [diagnosis(Diagnosis::RouteChanged)]);
}

#[test]
fn no_frames_are_no_audio() {
    let mut desk = Desk::new(Policy::default());
    desk.ask(1, start());
    let nothing = Heartbeat { host: desk.now, frames: 0, format: FORMAT, silent: false };
    desk.hear(Event::Heartbeat(nothing));
    assert_eq!((desk.session.state(), desk.said(resolved(1, true))), (State::Idle, false));
}

/// What still comes when I/O was stopped belongs to nothing.
#[test]
fn audio_after_the_stop_of_io_does_not_count() {
    let mut desk = Desk::recording(Policy::default());
    desk.answer = |command| match command {
        Command::Platform(Order::QueryFormat { .. }) => None,
        other => prompt(other),
    };
    desk.hear(Event::EngineConfigChanged);
    desk.beat();
    let before = desk.session.captured_ms();
    assert_eq!(before, 20, "it still runs");
    desk.pass(300);
    desk.beat();
    assert_eq!((desk.session.is_open(), desk.session.captured_ms()), (false, before));
}

#[test]
fn takes_of_an_earlier_run_are_repaired_as_soon_as_can_be() {
    let mut desk = Desk::new(Policy::default());
    for moment in [Event::Launched, Event::StorageAvailable] {
        desk.hear(moment);
        assert_eq!(desk.news(), [Command::Take(TakeOrder::Recover)], "{moment:?}");
    }
    for (takes, told) in [(0, 0), (1, 1), (3, 1)] {
        desk.hear(Event::TakesRecovered(takes));
        assert_eq!(desk.news().len(), told);
    }
}

#[test]
fn a_pause_in_an_interruption_outlasts_it() {
    let mut desk = Desk::recording(Policy::default());
    desk.hear(CALL);
    desk.said.clear();
    desk.ask(2, Ask::Pause);
    assert_eq!(desk.news(), [resolved(2, true)]);
    desk.call_ends();
    desk.hear(Event::Foreground);
    desk.pass(60_000);
    assert_eq!(desk.said, []);
    desk.ask(3, Ask::Resume);
    desk.beat();
    assert!(desk.said(resolved(3, true)) && desk.said(RECORDING));
}

#[test]
fn a_held_microphone_goes_on_at_once() {
    let mut desk = Desk::recording(Policy::default());
    desk.ask(2, Ask::Pause);
    desk.beats(1000);
    desk.said.clear();
    desk.ask(3, Ask::Resume);
    assert_eq!(desk.said, [Command::Take(TakeOrder::Gate(false))]);
    desk.beat();
    assert!(desk.said(RECORDING) && desk.said(resolved(3, true)));
}

#[test]
fn hardware_that_changes_is_not_held() {
    let mut desk = Desk::recording(Policy::default());
    desk.hear(Event::EngineConfigChanged);
    desk.beat();
    assert!(desk.session.is_open());
    desk.ask(2, Ask::Pause);
    assert!(!desk.session.is_open() && desk.session.next_deadline().is_none());
}

#[test]
fn a_resume_against_another_client_is_not_even_tried() {
    let mut desk = Desk::recording(Policy::default());
    desk.hear(Event::ClientSilenced(true));
    desk.said.clear();
    desk.ask(2, Ask::Resume);
    assert_eq!(desk.said, [rejected(2, ErrorCode::SessionInterrupted)]);
}

#[test]
fn a_take_that_was_never_opened_is_not_closed() {
    let mut desk = Desk::new(Policy::default());
    desk.answer = |_| None;
    desk.ask(1, start());
    desk.ask(2, Ask::Stop);
    assert!(desk.said(resolved(1, false)) && desk.said(resolved(2, true)));
    assert!(!desk.said(Command::Take(TakeOrder::Finalise)));
}

#[test]
fn a_hole_is_not_explained_by_what_is_over() {
    for (began, ended) in [
        (Event::Asked { id: 2, ask: Ask::Pause }, Event::Asked { id: 3, ask: Ask::Resume }),
        (Event::ClientSilenced(true), Event::ClientSilenced(false)),
    ] {
        let mut desk = Desk::recording(Policy::default());
        desk.hear(began);
        desk.pass(1000);
        desk.hear(ended);
        desk.beat();
        desk.said.clear();
        desk.pass(500);
        desk.beat();
        let gap = match desk.said[..] {
            [Command::Take(TakeOrder::MarkGap(gap))] => Some((gap.cause, gap.ms())),
            _ => None,
        };
        assert_eq!(gap, Some((GapCause::Stall, 500)), "{began:?}");
    }
}

#[test]
fn a_take_ends_after_an_hour_unless_told_otherwise() {
    let mut desk = Desk::recording(Policy::default());
    let mut minutes = 0;
    while desk.session.state() == State::Recording {
        let host = desk.now;
        let minute = Heartbeat { host, frames: 60 * 48_000, format: FORMAT, silent: false };
        desk.now += 60_000;
        desk.hear(Event::Heartbeat(minute));
        minutes += 1;
    }
    assert_eq!((desk.session.state(), minutes), (State::Stopped, 60));
}

/// What is being tried is vain, and whoever waits for it is told so.
#[test]
fn nothing_is_tried_against_a_call() {
    for (id, ask) in [(1, start()), (2, Ask::Prewarm), (3, Ask::Resume)] {
        let mut desk = Desk::new(Policy { pause: PauseMode::Release, ..Policy::default() });
        if ask == Ask::Resume {
            desk = Desk::recording(*desk.session.policy());
            desk.ask(9, Ask::Pause);
        }
        let before = desk.session.state();
        desk.answer = |command| match command {
            Command::Platform(Order::StartIo { .. }) => None,
            other => prompt(other),
        };
        desk.ask(id, ask);
        desk.said.clear();
        desk.hear(CALL);
        let told = if ask == Ask::Prewarm {
            resolved(id, false)
        } else {
            rejected(id, ErrorCode::SessionInterrupted)
        };
        assert_eq!(desk.counted(told), 1, "{ask:?}");
        assert!(desk.said(Command::Platform(Order::StopIo)), "{ask:?}");
        assert_eq!((desk.session.state(), desk.session.next_deadline()), (before, None));
        desk.said.clear();
        // Nor after it, unless somebody asks again.
        desk.call_ends();
        desk.hear(Event::Foreground);
        assert_eq!(desk.said, [], "{ask:?}");
    }
}

#[test]
fn a_call_takes_a_held_microphone() {
    for taken in [CALL, Event::MediaLost, Event::ClientSilenced(true)] {
        let mut desk = Desk::recording(Policy::default());
        desk.ask(2, Ask::Pause);
        assert!(desk.session.is_open());
        desk.said.clear();
        desk.hear(taken);
        assert_eq!(desk.news(), [Command::Platform(Order::StopIo)], "{taken:?}");
        assert!(!desk.session.is_open(), "{taken:?}");
    }
}

#[test]
fn engines_do_not_outlive_the_media_services() {
    for events in [&[Event::MediaLost, Event::MediaReset][..], &[Event::MediaReset]] {
        let mut desk = Desk::recording(Policy::default());
        for event in events {
            desk.hear(*event);
        }
        desk.beat();
        assert_eq!((desk.counted(REBUILD), desk.session.state()), (1, State::Recording));
    }
}

#[test]
fn a_pause_is_ended_by_nothing_but_the_user() {
    let mut desk = Desk::recording(Policy {
        auto_resume: AutoResume::AlwaysAfterInterruption,
        ..Policy::default()
    });
    desk.ask(2, Ask::Pause);
    for event in [
        CALL,
        Event::ResumeHint(Hint::Yes),
        Event::InterruptionEnded,
        Event::ClientSilenced(true),
        Event::ClientSilenced(false),
        Event::MediaLost,
        Event::MediaReset,
        rerouted(RouteReason::NoSuitableRoute, Format::mono(0), false),
        Event::InputAvailable,
        rerouted(RouteReason::NewDevice, FORMAT, true),
        Event::EngineConfigChanged,
        Event::Foreground,
        Event::ExternalActivated,
        Event::InputMuted(false),
    ] {
        desk.hear(event);
        assert_eq!((desk.tries(), desk.session.next_deadline()), (0, None), "{event:?}");
        assert_eq!(desk.session.state(), State::Paused, "{event:?}");
    }
}

#[test]
fn an_end_counts_once() {
    let mut desk = Desk::recording(Policy {
        auto_resume: AutoResume::AlwaysAfterInterruption,
        ..Policy::default()
    });
    desk.hear(CALL);
    desk.answer = busy;
    desk.hear(Event::InterruptionEnded);
    desk.pass(60_000);
    let before = desk.tries();
    assert!(before > 1 && desk.session.next_deadline().is_none(), "it is given up");
    desk.hear(Event::InterruptionEnded);
    assert_eq!(desk.tries(), before);
}

#[test]
fn another_session_is_no_sign_for_ours() {
    let mut desk = Desk::recording(Policy::default());
    desk.hear(CALL);
    desk.hear(Event::ExternalActivated);
    assert_eq!(desk.tries(), 0);
}

#[test]
fn an_owner_that_gives_is_reason_enough_to_go_on() {
    let mut desk = Desk::recording(Policy { owner: Owner::CallKit, ..Policy::default() });
    let starts =
        |desk: &Desk| desk.orders().filter(|order| matches!(order, Order::StartIo { .. })).count();
    desk.hear(CALL);
    desk.answer = |command| match command {
        Command::Platform(Order::StartIo { ticket, .. }) => {
            Some(Event::IoFailed { ticket, code: Code::Busy })
        }
        other => prompt(other),
    };
    // No end of the call is told.
    desk.hear(Event::ExternalActivated);
    assert_eq!(starts(&desk), 1);
    desk.hear(Event::ExternalActivated);
    assert_eq!(starts(&desk), 2, "what only waits is hurried");
    desk.answer = prompt;
    desk.hear(Event::ExternalActivated);
    desk.beat();
    assert_eq!(desk.session.state(), State::Recording);
}

#[test]
fn what_was_said_of_a_call_is_over_with_it() {
    let mut desk = Desk::recording(Policy::default());
    desk.hear(CALL);
    desk.hear(Event::ResumeHint(Hint::No));
    // Nobody says that it ended, but the user resumes.
    desk.ask(2, Ask::Resume);
    desk.beat();
    assert_eq!(desk.session.state(), State::Recording);
    desk.hear(Event::ClientSilenced(true));
    desk.hear(Event::ClientSilenced(false));
    desk.beat();
    assert_eq!(desk.session.state(), State::Recording);
}

#[test]
fn a_repair_does_not_end_the_muting() {
    let mut desk = Desk::recording(Policy { on_speaker: OnSpeaker::Mute, ..Policy::default() });
    desk.hear(route(RouteReason::OldDevice, true));
    let before = desk.session.captured_ms();
    desk.hear(Event::EngineConfigChanged);
    desk.pass(300);
    desk.beats(100);
    assert_eq!((desk.session.state(), desk.session.captured_ms()), (State::Recording, before));
}

#[test]
fn a_stall_that_is_repaired_was_a_stall() {
    let mut desk = Desk::recording(Policy::default());
    desk.pass(2500);
    desk.beat();
    assert!(desk.said(diagnosis(Diagnosis::CaptureStalled)) && desk.said(REBUILD));
    let marked = desk.said.iter().find_map(|command| match command {
        Command::Take(TakeOrder::MarkGap(gap)) => Some((gap.cause, gap.ms())),
        _ => None,
    });
    assert_eq!(marked, Some((GapCause::Stall, 2500)));
}
