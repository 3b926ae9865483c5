//! Every script under every profile that it does not rule out.

use tympan_core::session::{Owner, Profile};

use crate::scripts::{all, play};

#[test]
fn every_script_passes_under_every_profile_that_fits() {
    let mut played = 0;
    let mut failures = Vec::new();
    for scenario in all() {
        for profile in Profile::ALL {
            let ladder: Vec<_> = profile.ladder.iter().map(|rung| rung.name.to_owned()).collect();
            let named = &scenario.setup.rungs;
            let fits = scenario.setup.callkit == (profile.owner == Owner::CallKit)
                && (named.is_empty() || *named == ladder);
            if !fits {
                continue;
            }
            let mut setup = scenario.setup.clone();
            setup.rungs = ladder;
            for finding in scenario.judge(&play(&scenario, &setup)) {
                failures.push(format!("{} under {}: {finding}", scenario.id, profile.name));
            }
            played += 1;
        }
    }
    println!("{played} scripts under profiles");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
