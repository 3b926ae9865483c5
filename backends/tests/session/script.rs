//! A script that is played before a witness.

use std::fmt;

use tympan_backends::phone::{Expect, Phone, Scenario, Scripted, Setup, rehearse};
use tympan_core::session::{Event, Ms};

use crate::witness::{Lag, Log, Witness};

/// A script. Its `Debug` is what a person wants to read when it fails.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) setup: Setup,
    pub(crate) events: Vec<Scripted>,
    pub(crate) end_ms: Ms,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Setup { callkit, auto_resume, pause, rungs, .. } = &self.setup;
        writeln!(f, "callkit {callkit}, {auto_resume:?}, {pause:?}, rungs {rungs:?}")?;
        for event in &self.events {
            writeln!(f, "  {:6} {:?}", event.at_ms, event.what)?;
        }
        writeln!(f, "  {:6} the end", self.end_ms)
    }
}

impl Script {
    pub(crate) fn scenario(&self) -> Scenario {
        Scenario {
            id: "random".to_owned(),
            category: String::new(),
            title: String::new(),
            setup: self.setup.clone(),
            events: self.events.clone(),
            end_ms: self.end_ms,
            expect: Expect::default(),
        }
    }

    pub(crate) fn play(&self) -> Log {
        self.play_late(|_| 0)
    }

    /// On a phone that thinks a while before it answers.
    pub(crate) fn play_slowly(&self) -> Log {
        self.play_late(|event| match event {
            Event::Activated { .. } | Event::ActivateFailed { .. } => 330,
            Event::HardwareFormat { .. } | Event::Permission(_) => 20,
            Event::IoStarted { .. } | Event::IoFailed { .. } => 170,
            _ => 0,
        })
    }

    fn play_late(&self, lag: Lag) -> Log {
        let mut phone = Phone::new(&self.setup);
        let mut witness = Witness::late(&self.setup, &phone, lag);
        let report = rehearse(&self.scenario(), &mut witness, &mut phone);
        Log {
            entries: witness.entries,
            moments: witness.moments,
            takes: report.takes,
            offences: report.offences,
        }
    }
}
