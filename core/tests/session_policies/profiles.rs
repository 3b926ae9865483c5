//! What the profiles ask of a platform: apps choose by it, and bindings set it.

use tympan_core::session::{Owner, Policy, Profile};

/// A property of every profile, in the order of `Profile::ALL`.
fn of_all<T>(property: impl FnMut(Profile) -> T) -> Vec<T> {
    Profile::ALL.into_iter().map(property).collect()
}

#[test]
fn names_and_modes() {
    let names = ["dictation", "dictation_mixed", "voice_agent", "callkit", "meeting"];
    assert_eq!(of_all(|profile| profile.name), names);
    let modes = ["default", "spokenAudio", "voiceChat", "voiceChat", "measurement"];
    assert_eq!(of_all(|profile| profile.mode), modes);
    assert!(Profile::ALL.iter().all(|profile| profile.category == "playAndRecord"));
}

#[test]
fn only_conversations_are_processed_by_the_platform_and_sound_like_a_telephone() {
    let processed = of_all(|profile| profile.voice_processing);
    assert_eq!(processed, [false, false, true, true, false]);
    assert_eq!(of_all(|profile| profile.rate), [48_000, 48_000, 24_000, 48_000, 48_000]);
    assert_eq!(of_all(|profile| profile.buffer_ms), [10, 10, 10, 10, 20]);
}

#[test]
fn a_headset_is_heard_everywhere_but_around_a_table() {
    let headset = |profile: Profile| -> Vec<&str> {
        let is = |option: &&str| option.starts_with("allowBluetooth");
        profile.options.iter().copied().filter(is).collect()
    };
    let plain = vec!["allowBluetooth"];
    let heard = [
        vec!["allowBluetoothHFP"],
        plain.clone(),
        vec!["allowBluetooth", "allowBluetoothA2DP"],
        plain,
        vec![],
    ];
    assert_eq!(of_all(headset), heard);
}

/// What becomes of the sound of others, at each try.
#[test]
fn dictation_stops_the_sound_of_others_and_lets_it_be_where_that_is_refused() {
    let others = |profile: Profile| -> Vec<Option<&str>> {
        let mixes = |option: &&str| matches!(*option, "mixWithOthers" | "duckOthers");
        let rung = |rung: &tympan_core::session::Rung| {
            profile.options.iter().chain(rung.options).copied().find(mixes)
        };
        profile.ladder.iter().map(rung).collect()
    };
    let (mixed, ducked) = (Some("mixWithOthers"), Some("duckOthers"));
    let stopped_first = vec![None, mixed];
    let tries = [stopped_first.clone(), vec![mixed], vec![ducked], vec![None], stopped_first];
    assert_eq!(of_all(others), tries);
    assert_eq!(of_all(|profile| Policy::default().for_profile(&profile).rungs), [2, 1, 1, 1, 2]);
}

#[test]
fn only_beside_a_call_the_system_activates() {
    let owner = |profile: Profile| Policy::default().for_profile(&profile).owner;
    let app = Owner::App;
    assert_eq!(of_all(owner), [app, app, app, Owner::CallKit, app]);
}
