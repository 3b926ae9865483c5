//! Random troubles, which shrink to a script that can be read.

use proptest::prelude::*;
use tympan_backends::phone::{
    Happening, Lasting, Phone, Refusal, Scripted, Setup, System, Until, What,
};
use tympan_core::Format;
use tympan_core::session::{
    Ask, AutoResume, Code, Hint, Ms, PauseMode, Reason, RouteReason, Start,
};

use crate::script::Script;

/// How many cases of each property are tried: many, far more when asked for, or as many
/// as `TYMPAN_CASES` says.
pub(crate) fn cases() -> ProptestConfig {
    let usual = if std::env::var_os("TYMPAN_LONG").is_some() { 200_000 } else { 20_000 };
    let said = std::env::var("TYMPAN_CASES").ok();
    let cases = said.and_then(|number| number.parse().ok()).unwrap_or(usual);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Scripts that begin with a take, most of them, and then go wrong.
pub(crate) fn scripts() -> impl Strategy<Value = Script> {
    let events = prop::collection::vec((pauses(), whats()), 1..14);
    (setups(), events, prop::bool::weighted(0.8), 100..4000u64).prop_map(
        |(setup, later, begins, rest)| {
            let mut events = Vec::new();
            let mut at_ms = 0;
            if begins {
                if setup.callkit {
                    events
                        .push(Scripted { at_ms, what: What::Happens(Happening::CallkitActivated) });
                }
                events.push(Scripted { at_ms, what: What::Ask(Ask::Start(Start::default())) });
            }
            for (wait, what) in later {
                at_ms += wait;
                if what == What::Happens(Happening::Unsuspended) {
                    // A process that sleeps at all sleeps for a while.
                    at_ms += 500;
                }
                events.push(Scripted { at_ms, what });
            }
            Script { setup, events, end_ms: (at_ms + rest).next_multiple_of(Phone::TICK_MS) }
        },
    )
}

/// Waits between two events: none, moments, seconds.
fn pauses() -> impl Strategy<Value = Ms> {
    prop_oneof![1 => Just(0), 3 => (1..40u64).prop_map(|n| n * 10), 3 => (4..300u64).prop_map(|n| n * 10)]
}

fn setups() -> impl Strategy<Value = Setup> {
    let auto = prop_oneof![
        4 => Just(AutoResume::WhenSystemSays),
        2 => Just(AutoResume::AlwaysAfterInterruption),
        1 => Just(AutoResume::Never),
    ];
    let pause = prop_oneof![Just(PauseMode::Release), Just(PauseMode::Hold)];
    (prop::bool::weighted(0.2), auto, pause, any::<bool>(), any::<bool>()).prop_map(
        |(callkit, auto_resume, pause, ladder, android)| Setup {
            callkit,
            auto_resume,
            pause,
            system: if android { System::Android } else { System::Ios },
            // A low rate, so that much time costs few samples.
            format: Format::mono(8000),
            rungs: if ladder { ["plain", "mixed"].map(String::from).to_vec() } else { Vec::new() },
            ..Setup::default()
        },
    )
}

fn whats() -> impl Strategy<Value = What> {
    prop_oneof![4 => asks().prop_map(What::Ask), 10 => happenings().prop_map(What::Happens)]
}

fn asks() -> impl Strategy<Value = Ask> {
    let start = |max_ms| Ask::Start(Start { max_ms, ..Start::default() });
    prop_oneof![
        3 => Just(start(None)),
        1 => (1..6u64).prop_map(move |s| start(Some(s * 700))),
        4 => Just(Ask::Pause),
        4 => Just(Ask::Resume),
        3 => Just(Ask::Stop),
        1 => Just(Ask::Prewarm),
        1 => Just(Ask::Release),
    ]
}

fn happenings() -> impl Strategy<Value = Happening> {
    prop_oneof![5 => interruptions(), 4 => hardware(), 4 => faults(), 3 => processes()]
}

fn interruptions() -> impl Strategy<Value = Happening> {
    let hint = prop_oneof![3 => Just(Hint::Yes), 1 => Just(Hint::No), 1 => Just(Hint::Absent)];
    prop_oneof![
        4 => Just(Happening::InterruptionBegan { reason: Reason::Default }),
        4 => hint.prop_map(|hint| Happening::InterruptionEnded { hint }),
        1 => Just(Happening::MediaLost),
        1 => Just(Happening::MediaReset),
        1 => any::<bool>().prop_map(Happening::ClientSilenced),
        1 => Just(Happening::CallkitActivated),
        1 => Just(Happening::CallkitDeactivated),
    ]
}

fn formats() -> impl Strategy<Value = Format> {
    let rate = prop_oneof![Just(8000), Just(16_000), Just(11_025)];
    (rate, 1..=2u16).prop_map(|(rate, channels)| Format::new(rate, channels))
}

fn hardware() -> impl Strategy<Value = Happening> {
    let reasons = prop_oneof![
        3 => Just(RouteReason::NewDevice),
        2 => Just(RouteReason::OldDevice),
        1 => Just(RouteReason::Category),
        1 => Just(RouteReason::Configuration),
        1 => Just(RouteReason::NoSuitableRoute),
    ];
    let route = (reasons, prop::option::of(formats()), prop::bool::weighted(0.2)).prop_map(
        |(reason, format, foreign)| Happening::RouteChanged {
            reason,
            input: None,
            rate: format.map(|format| format.rate),
            channels: format.map(|format| format.channels),
            foreign,
        },
    );
    let config = (formats(), any::<bool>()).prop_map(|(format, still_running)| {
        let (rate, channels) = (Some(format.rate), Some(format.channels));
        Happening::ConfigChanged { rate, channels, still_running }
    });
    prop_oneof![
        3 => route,
        3 => config,
        1 => formats().prop_map(|format| Happening::FormatChanged { format }),
        1 => any::<bool>().prop_map(|stops_io| Happening::InputUnavailable { stops_io }),
        2 => formats().prop_map(|format| Happening::InputAvailable { format }),
        1 => Just(Happening::InputLatchedDead),
        1 => any::<bool>().prop_map(Happening::InputMuted),
        1 => Just(Happening::ForeignCategory),
    ]
}

fn faults() -> impl Strategy<Value = Happening> {
    let refusal = || {
        let code = prop::sample::select(Code::ALL.to_vec());
        let until = prop_oneof![
            (1..5u32).prop_map(Until::Times),
            (0..300u64).prop_map(|n| Until::At(n * 100)),
        ];
        (code, until).prop_map(|(code, until)| Refusal { code, until, rung: None })
    };
    let lasting = || prop_oneof![2 => Just(Lasting::UntilRebuild), 1 => Just(Lasting::UntilTold)];
    prop_oneof![
        3 => refusal().prop_map(Happening::ActivateFails),
        3 => refusal().prop_map(Happening::IoStartFails),
        2 => lasting().prop_map(Happening::IoStalls),
        2 => Just(Happening::IoResumes),
        1 => prop::option::of(lasting()).prop_map(Happening::ZeroBuffers),
        1 => (1..60u64).prop_map(|n| Happening::StaleBuffers(n * 10)),
        1 => any::<bool>().prop_map(Happening::DiskFull),
        1 => Just(Happening::WriteFails(1)),
        1 => any::<bool>().prop_map(Happening::Locked),
    ]
}

fn processes() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => Just(Happening::Backgrounded),
        4 => any::<bool>().prop_map(|os_released| Happening::Foregrounded { os_released }),
        1 => Just(Happening::Suspended),
        2 => Just(Happening::Unsuspended),
        1 => any::<bool>().prop_map(Happening::Permission),
    ]
}
