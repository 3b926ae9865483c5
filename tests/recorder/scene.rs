//! A recorder on a phone in virtual time, with whatever happens to both.

use tympan::backend::Backend;
use tympan::backend::mock::Signal;
use tympan::backend::phone::{Happening, Phone, Setup};
use tympan::core::session::{Ask, Hint, Ms, Policy, Reason};
use tympan::recorder::{Machine, Options, Said};
use tympan::take::Take;
use tympan::{Format, Graph};

/// Something that happens at a moment.
pub(crate) type Event<'a> = (Ms, &'a dyn Fn(&mut Machine, &mut Phone));

/// What came of it.
pub(crate) struct Scene {
    pub(crate) take: Option<Take>,
    /// How much the session had captured at the end, in ms.
    pub(crate) captured: Ms,
}

/// Plays these events to the microphone that hears `signal`, and stops at the end.
pub(crate) fn play(
    graph: &str,
    signal: Signal,
    options: Options,
    events: &[Event<'_>],
    end: Ms,
) -> Scene {
    play_with(graph, signal, options, Setup::default().policy(), events, end)
}

/// The same under this policy.
pub(crate) fn play_with(
    graph: &str,
    signal: Signal,
    options: Options,
    policy: Policy,
    events: &[Event<'_>],
    end: Ms,
) -> Scene {
    let setup = Setup::default();
    let graph = Graph::from_toml(graph, &tympan::registry()).unwrap();
    let mut phone = Phone::new(&setup);
    phone.signal(signal);
    let made = Machine::new(&graph, Format::mono(48_000), policy, options);
    let (mut machine, door) = made.unwrap();
    phone.microphone().start(door).unwrap();
    let mut captured = 0;
    // A take takes a moment to be completed.
    for now in (0..end + 500).step_by(10) {
        for (_, event) in events.iter().filter(|(at, _)| *at == now) {
            event(&mut machine, &mut phone);
        }
        if now == end {
            captured = machine.session().captured_ms();
            machine.ask(9, Ask::Stop);
        }
        machine.poll(now, &mut phone);
        phone.hear(now);
        machine.poll(now, &mut phone);
        while let Some(said) = machine.said() {
            if let Said::Back { breaks, .. } = said {
                machine.heard(now, breaks);
            }
        }
    }
    Scene { take: machine.take().cloned(), captured }
}

pub(crate) fn start(machine: &mut Machine, _: &mut Phone) {
    machine.record(1, tympan::recorder::Recording::default());
}

pub(crate) fn called(_: &mut Machine, phone: &mut Phone) {
    phone.happen(&Happening::InterruptionBegan { reason: Reason::Default });
}

pub(crate) fn call_over(_: &mut Machine, phone: &mut Phone) {
    phone.happen(&Happening::InterruptionEnded { hint: Hint::Yes });
}
