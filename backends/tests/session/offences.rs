//! What the phone punishes is noticed: the negative control of everything that finds no
//! offence.

use tympan_backends::phone::{Happening, Phone, Setup};
use tympan_core::Format;
use tympan_core::session::{Code, Event, Order, Platform, Reason};

const FORMAT: Format = Format::mono(48_000);

/// A phone with an active session.
fn active() -> Phone {
    let mut phone = Phone::new(&Setup::default());
    phone.perform(0, Order::Activate { ticket: 1, rung: 0 });
    assert_eq!(phone.poll(0), Some(Event::Activated { ticket: 1 }));
    phone
}

fn start(phone: &mut Phone, format: Format) {
    phone.perform(5, Order::StartIo { ticket: 2, format });
}

#[test]
fn a_good_start_is_no_offence() {
    let mut phone = active();
    start(&mut phone, FORMAT);
    assert!(phone.offences().is_empty() && phone.is_running());
}

#[test]
fn a_start_on_an_inactive_session() {
    let mut phone = active();
    phone.happen(&Happening::InterruptionBegan { reason: Reason::Default });
    start(&mut phone, FORMAT);
    assert_eq!(phone.offences(), ["at 5 ms: I/O was started on an inactive session"]);
}

#[test]
fn a_start_with_another_format() {
    let mut phone = active();
    phone.happen(&Happening::FormatChanged { format: Format::mono(16_000) });
    start(&mut phone, FORMAT);
    let told = "at 5 ms: I/O was started with 48000 Hz mono; the hardware has 16000 Hz mono";
    assert_eq!(phone.offences(), [told]);
}

#[test]
fn a_second_start() {
    let mut phone = active();
    start(&mut phone, FORMAT);
    start(&mut phone, FORMAT);
    assert_eq!(phone.offences(), ["at 5 ms: I/O was started twice"]);
}

#[test]
fn an_engine_or_a_session_taken_away_from_running_io() {
    let mut phone = active();
    start(&mut phone, FORMAT);
    phone.perform(6, Order::RebuildEngine);
    assert_eq!(phone.offences().len(), 1);
    start(&mut phone, FORMAT);
    phone.perform(7, Order::Deactivate);
    assert_eq!(phone.offences().len(), 2);
}

#[test]
fn old_engines_do_not_start_after_a_reset() {
    let mut phone = Phone::new(&Setup::default());
    phone.happen(&Happening::MediaLost);
    phone.perform(1, Order::Activate { ticket: 1, rung: 0 });
    phone.happen(&Happening::MediaReset);
    phone.perform(3, Order::Activate { ticket: 2, rung: 0 });
    start(&mut phone, FORMAT);
    phone.perform(6, Order::RebuildEngine);
    start(&mut phone, FORMAT);
    let told: Vec<_> = std::iter::from_fn(|| phone.poll(9)).collect();
    let failed = |ticket| Event::ActivateFailed { ticket, code: Code::MediaServices };
    let expected = [
        Event::MediaLost,
        failed(1),
        Event::MediaReset,
        Event::Activated { ticket: 2 },
        Event::IoFailed { ticket: 2, code: Code::MediaServices },
        Event::IoStarted { ticket: 2 },
    ];
    assert_eq!(told, expected);
}
