//! The same backend on iOS 15: what came later is neither named nor called.

use tympan::Format;
use tympan::backend::Device;
use tympan::backend::Permission;
use tympan::backend::ios::Ios;
use tympan::backend::phone::{Phone, Setup};
use tympan::core::session::{Event, Order, Platform, Profile};
use tympan_stage::{Dialect, World, announce, enter, with};

#[test]
fn an_older_system_is_asked_for_what_it_has() {
    let _stage = enter(15, Dialect::Interruption);
    let mut phone = Phone::new(&Setup::default());
    World::lend(0, &mut phone, || {
        let mut device = Ios::new(Profile::VOICE_AGENT).unwrap();
        assert_eq!(device.permission(), Permission::Granted);
        device.perform(0, Order::RequestPermission);
        device.perform(0, Order::Configure { rung: 0 });
        device.perform(0, Order::PreferNoInterruptions);
        device.perform(0, Order::Activate { ticket: 1, rung: 0 });
        let format = Format::mono(48_000);
        device.perform(0, Order::StartIo { ticket: 2, format });
        announce(Event::InputMuted(true));
        announce(Event::InputAvailable);
        announce(Event::Foreground);
        let events: Vec<_> = std::iter::from_fn(|| device.poll(0)).collect();
        let expected = [
            Event::Permission(true),
            Event::Activated { ticket: 1 },
            Event::IoStarted { ticket: 2 },
            // Neither of the two before it exists there.
            Event::Foreground,
        ];
        assert_eq!(events, expected);
        assert!(with(|world| world.units[0].voice), "it cancels no echo by itself");
        assert_eq!(with(|world| world.offences.clone()), [""; 0]);
        with(|world| world.dead = true);
    });
}
