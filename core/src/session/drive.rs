//! The loop between the machine and those who do what it says.

use super::{Command, Event, Ms, Order, Session, TakeOrder, Tell};

/// A platform's session and microphone: a phone, or the simulation of one.
///
/// It translates and decides nothing. Each [`Order`] that has an answer gets exactly
/// one, as an event from [`poll`](Self::poll), in order and as late as it likes; the same
/// queue carries what the platform says by itself.
pub trait Platform {
    /// Does this. It may block; the audio does not run here.
    fn perform(&mut self, now: Ms, order: Order);
    /// The next thing that happened.
    fn poll(&mut self, now: Ms) -> Option<Event>;
}

/// Whoever keeps the takes. Audio does not come this way: a callback brings it.
pub trait Takes {
    /// Does this. [`TakeOrder::Open`] is answered by [`Event::TakeOpened`] or
    /// [`Event::TakeFailed`], [`TakeOrder::Recover`] by [`Event::TakesRecovered`].
    fn perform(&mut self, now: Ms, order: TakeOrder);
    /// The next answer, or [`Event::WriteFailed`].
    fn poll(&mut self, now: Ms) -> Option<Event>;
}

/// Lets the machine take in everything that has happened until `now`, and has its
/// commands done. Call it again when something happens, or when
/// [`Session::next_deadline`] is due.
pub fn drive(
    session: &mut Session,
    now: Ms,
    platform: &mut dyn Platform,
    takes: &mut dyn Takes,
    app: &mut dyn FnMut(Tell),
) {
    loop {
        // What has happened comes before what should have: after a sleep, an
        // interruption explains why there was no audio.
        let happened = takes.poll(now).or_else(|| platform.poll(now));
        let due = session.next_deadline().is_some_and(|at| at <= now);
        let Some(event) = happened.or(due.then_some(Event::Tick)) else { return };
        for command in session.step(now, event).iter() {
            match *command {
                Command::Platform(order) => platform.perform(now, order),
                Command::Take(order) => takes.perform(now, order),
                Command::Tell(tell) => app(tell),
            }
        }
    }
}
