//! The session machine under events that nobody would think of, the same every time.

use tympan::Format;
use tympan::core::session::{
    Ask, AutoResume, Code, Command, Commands, Event, Heartbeat, Hint, Ms, OnSpeaker, Order, Owner,
    PauseMode, Policy, Reason, Route, RouteReason, Session, Start, TakeOrder,
};

/// Small, seeded, the same everywhere.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }

    fn flag(&mut self) -> bool {
        self.below(2) == 0
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

const FORMATS: [Format; 5] = [
    Format::mono(48_000),
    Format::mono(16_000),
    Format::stereo(44_100),
    Format::mono(0),
    Format::new(u32::MAX, u16::MAX),
];

/// Kinds of events.
pub const KINDS: u64 = 37;

/// One of all events, with a ticket that may be the right one.
fn event(kind: u64, chance: &mut Chance, now: Ms, tickets: u32) -> Event {
    let ticket = tickets.wrapping_sub(chance.below(2) as u32);
    let code = chance.one_of(&Code::ALL);
    let format = chance.one_of(&FORMATS);
    let reason = chance.one_of(&[
        RouteReason::NewDevice,
        RouteReason::OldDevice,
        RouteReason::Category,
        RouteReason::NoSuitableRoute,
    ]);
    let ask = |ask| Event::Asked { id: 7, ask };
    match kind {
        0 => ask(Ask::Start(Start {
            max_ms: chance.flag().then_some(50),
            stt_unavailable: chance.flag(),
            forbidden: chance.below(9) == 0,
        })),
        1 => ask(Ask::Pause),
        2 => ask(Ask::Resume),
        3 => ask(Ask::Stop),
        4 => ask(Ask::Prewarm),
        5 => ask(Ask::Release),
        6 => ask(Ask::PreferInput(chance.flag())),
        7 => Event::InterruptionBegan(Reason::Default),
        8 => Event::InterruptionEnded,
        9 => Event::ResumeHint(chance.one_of(&[Hint::Yes, Hint::No, Hint::Absent])),
        10 => Event::Foreground,
        11 => Event::Background,
        12 => Event::RouteChanged(Route {
            reason,
            format,
            running: chance.flag(),
            preferred: chance.flag(),
            speaker: chance.flag(),
        }),
        13 => Event::InputAvailable,
        14 => Event::EngineConfigChanged,
        15 => Event::MediaLost,
        16 => Event::MediaReset,
        17 => Event::ExternalActivated,
        18 => Event::ExternalDeactivated,
        19 => Event::InputMuted(chance.flag()),
        20 => Event::ClientSilenced(chance.below(3) == 0),
        21 => Event::PermissionRevoked,
        22 => Event::Permission(chance.below(5) > 0),
        23 => Event::Activated { ticket },
        24 => Event::ActivateFailed { ticket, code },
        25 => Event::HardwareFormat { ticket, format },
        26 => Event::IoStarted { ticket },
        27 => Event::IoFailed { ticket, code },
        28 => Event::TakeOpened,
        29 => Event::TakeFailed,
        30 => Event::WriteFailed,
        31 => Event::TakesRecovered(chance.below(3) as u32),
        32 => Event::Launched,
        34 => Event::StorageAvailable,
        35 => Event::SttUnavailable,
        33 => Event::Heartbeat(Heartbeat {
            host: now.saturating_sub(chance.below(20)),
            frames: chance.one_of(&[0, 480, u32::MAX]),
            format,
            silent: chance.flag(),
        }),
        _ => Event::Tick,
    }
}

fn policy(chance: &mut Chance) -> Policy {
    Policy {
        owner: chance.one_of(&[Owner::App, Owner::App, Owner::CallKit, Owner::Host]),
        auto_resume: chance.one_of(&[
            AutoResume::WhenSystemSays,
            AutoResume::AlwaysAfterInterruption,
            AutoResume::Never,
        ]),
        pause: chance.one_of(&[PauseMode::Hold, PauseMode::Release]),
        on_speaker: chance.one_of(&[OnSpeaker::Pause, OnSpeaker::Mute, OnSpeaker::Continue]),
        rungs: chance.below(4) as u8,
        prefer_input: chance.flag(),
        prefer_no_interruptions: chance.flag(),
        release_in_background: chance.flag(),
        ..Policy::default()
    }
}

/// The event that gets the machine on, if the last commands asked for one.
fn answer(commands: &Commands, now: Ms) -> Option<Event> {
    let format = FORMATS[0];
    commands.iter().rev().find_map(|command| match *command {
        Command::Platform(Order::RequestPermission) => Some(Event::Permission(true)),
        Command::Platform(Order::Activate { ticket, .. }) => Some(Event::Activated { ticket }),
        Command::Platform(Order::QueryFormat { ticket }) => {
            Some(Event::HardwareFormat { ticket, format })
        }
        Command::Platform(Order::StartIo { .. }) => {
            let beat = Heartbeat { host: now, frames: 480, format, silent: false };
            Some(Event::Heartbeat(beat))
        }
        Command::Take(TakeOrder::Open { .. }) => Some(Event::TakeOpened),
        _ => None,
    })
}

/// Plays so many sessions of 60 random events each: `step` takes every one of them.
pub fn play(sessions: usize, mut step: impl FnMut(&mut Session, Ms, Event) -> Commands) {
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
    for _ in 0..sessions {
        let mut session = Session::new(policy(&mut chance));
        let mut now = chance.below(3) * (Ms::MAX / 4);
        let mut next = None;
        let mut tickets = 0;
        for _ in 0..60 {
            now = now.saturating_add(chance.one_of(&[0, 1, 10, 40, 300, 2500, 700_000]));
            let kind = chance.below(KINDS);
            let answered = chance.below(3) > 0;
            let event = next
                .take()
                .filter(|_| answered)
                .unwrap_or_else(|| event(kind, &mut chance, now, tickets));
            let commands = step(&mut session, now, event);
            next = answer(&commands, now);
            for command in commands.iter() {
                if let Command::Platform(
                    Order::Activate { ticket, .. }
                    | Order::QueryFormat { ticket }
                    | Order::StartIo { ticket, .. },
                ) = command
                {
                    tickets = *ticket;
                }
            }
        }
    }
}
