//! What holds whatever happens, over random scripts.

use proptest::prelude::*;
use tympan_backends::phone::{Happening, Scripted, Until, What};
use tympan_core::Format;
use tympan_core::session::{Ask, AutoResume, Hint, PauseMode, Start, State};

use crate::promises;
use crate::random::{cases, scripts};
use crate::witness::Moment;

macro_rules! properties {
    ($play:ident: $($name:ident)*) => {
        proptest! {
            #![proptest_config(cases())]
            $(#[test]
            fn $name(script in scripts()) {
                if let Err(why) = promises::$name(&script, &script.$play()) {
                    return Err(TestCaseError::fail(why));
                }
            })*
        }
    };
}

/// Everything that makes a phone well again.
fn cures(callkit: bool) -> Vec<Happening> {
    let mut cures = vec![
        Happening::Unsuspended,
        Happening::IoResumes,
        Happening::ZeroBuffers(None),
        Happening::InputAvailable { format: Format::mono(8000) },
        Happening::ClientSilenced(false),
        Happening::DiskFull(false),
        Happening::WriteFails(0),
        Happening::Locked(false),
        Happening::Permission(true),
        Happening::MediaReset,
        Happening::InterruptionEnded { hint: Hint::Yes },
        Happening::Foregrounded { os_released: true },
    ];
    if callkit {
        cures.push(Happening::CallkitActivated);
    }
    cures
}

mod property {
    use super::*;

    properties! {
        play:
        recording_is_watched
        io_starts_right
        activation_waits_its_turn
        a_pause_lasts
        a_stop_is_final
        states_follow_each_other
        the_state_is_one
        the_books_balance
        takes_are_opened_and_closed
        old_audio_stays_out
        refusals_change_nothing
        formats_are_announced
        tries_are_bounded
        never_means_never
        every_ask_is_answered
    }

    proptest! {
        #![proptest_config(cases())]
        #[test]
        fn recovery_comes_to_an_end(mut script in scripts()) {
            // All tries with all their delays, each waiting for audio in vain.
            let awake = What::Happens(Happening::Unsuspended);
            script.events.push(Scripted { at_ms: script.end_ms, what: awake });
            script.end_ms += 45_000;
            let log = script.play();
            let last = log.moments.last().copied();
            let trying = |now: &Moment| {
                now.state == State::Paused && (now.io || now.deadline.is_some())
            };
            let held = script.setup.pause == PauseMode::Hold;
            prop_assert!(held || !last.is_some_and(|now| trying(&now)), "{last:?}");
        }

        /// Once the phone is well again, a take that the system interrupted goes on by itself,
        /// unless the user or the system is against it.
        #[test]
        fn takes_come_back(mut script in scripts()) {
            let against = |event: &Scripted| match &event.what {
                What::Ask(ask) => *ask == Ask::Pause,
                What::Happens(Happening::InterruptionEnded { hint }) => *hint == Hint::No,
                What::Happens(
                    Happening::ActivateFails(refusal) | Happening::IoStartFails(refusal),
                ) => matches!(refusal.until, Until::Times(_)),
                _ => false,
            };
            if script.setup.auto_resume == AutoResume::Never {
                script.setup.auto_resume = AutoResume::WhenSystemSays;
            }
            script.events.retain(|event| !against(event));
            let at_ms = script.end_ms.max(30_000);
            for what in cures(script.setup.callkit) {
                script.events.push(Scripted { at_ms, what: What::Happens(what) });
            }
            script.end_ms = at_ms + 5000;
            let log = script.play();
            let last = log.moments.last();
            prop_assert!(last.is_some_and(|now| now.state != State::Paused), "{last:?}");
        }
    }

    proptest! {
        // Each of these takes a minute of the phone's time.
        #![proptest_config(ProptestConfig { cases: cases().cases / 10, ..cases() })]

        /// Once the phone is well again, a user who asks gets a recording.
        #[test]
        fn no_trouble_lasts(mut script in scripts()) {
            let mut at_ms = script.end_ms;
            let mut add = |at_ms, what| script.events.push(Scripted { at_ms, what });
            for what in cures(script.setup.callkit) {
                add(at_ms, What::Happens(what));
            }
            // Until every fault that ends by itself has ended.
            at_ms += 30_000;
            let well = at_ms;
            // More often than calls can still fail.
            for _ in 0..60 {
                at_ms += 1000;
                add(at_ms, What::Ask(Ask::Resume));
                add(at_ms, What::Ask(Ask::Start(Start::default())));
            }
            script.end_ms = at_ms + 5000;
            let log = script.play();
            let recorded =
                log.moments.iter().any(|now| now.at > well && now.state == State::Recording);
            prop_assert!(recorded, "{:?}", log.moments.last());
        }
    }

    proptest! {
        #![proptest_config(cases())]

        #[test]
        fn a_kill_costs_little(mut script in scripts()) {
            let at_ms = script.end_ms;
            script.end_ms += 1000;
            let happens = |what| Scripted { at_ms, what: What::Happens(what) };
            script.events.push(happens(Happening::Killed));
            script.events.push(Scripted { at_ms: at_ms + 500, ..happens(Happening::Relaunched) });
            let unlocked = happens(Happening::Locked(false));
            script.events.push(Scripted { at_ms: at_ms + 600, ..unlocked });
            if let Err(why) = promises::a_kill_costs_little(&script.play()) {
                return Err(TestCaseError::fail(why));
            }
        }
    }
}

/// The same where the platform takes its time for an answer, so that much happens
/// meanwhile. An order that is on its way when the session is taken cannot be called
/// back, so that one property is not among them.
mod slowly {
    use super::*;

    properties! {
        play_slowly:
        activation_waits_its_turn
        a_pause_lasts
        a_stop_is_final
        states_follow_each_other
        the_state_is_one
        the_books_balance
        takes_are_opened_and_closed
        old_audio_stays_out
        refusals_change_nothing
        formats_are_announced
        tries_are_bounded
        every_ask_is_answered
    }
}
