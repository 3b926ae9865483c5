//! The loop between the machine and those who do what it says.

use std::collections::VecDeque;

use tympan_core::session::{
    Ask, Event, Ms, Order, Platform, Policy, Session, Start, TakeOrder, Takes, drive,
};

/// What lies in its queue has happened; what it is told, it writes down.
#[derive(Default)]
struct Clerk {
    happened: VecDeque<Event>,
    done: Vec<(Ms, String)>,
}

impl Platform for Clerk {
    fn perform(&mut self, now: Ms, order: Order) {
        self.done.push((now, format!("{order:?}")));
    }

    fn poll(&mut self, _: Ms) -> Option<Event> {
        self.happened.pop_front()
    }
}

impl Takes for Clerk {
    fn perform(&mut self, now: Ms, order: TakeOrder) {
        self.done.push((now, format!("{order:?}")));
        if let TakeOrder::Open { .. } = order {
            self.happened.push_back(Event::TakeOpened);
        }
    }

    fn poll(&mut self, _: Ms) -> Option<Event> {
        self.happened.pop_front()
    }
}

#[test]
fn everything_that_happened_is_taken_in_and_done() {
    let (mut session, mut platform, mut takes) =
        (Session::new(Policy::default()), Clerk::default(), Clerk::default());
    let mut told = Vec::new();
    let start = Event::Asked { id: 1, ask: Ask::Start(Start::default()) };
    platform.happened.extend([start, Event::Permission(true)]);
    let mut at = |now, platform: &mut Clerk, takes: &mut Clerk| {
        drive(&mut session, now, platform, takes, &mut |tell| told.push(tell));
        session.next_deadline().expect("an answer is waited for")
    };
    let due = at(7, &mut platform, &mut takes);
    assert!(platform.happened.is_empty() && takes.happened.is_empty());
    assert!(takes.done[0].1.starts_with("Open") && takes.done[0].0 == 7, "{:?}", takes.done);
    let tries = |platform: &Clerk| {
        platform.done.iter().filter(|(_, order)| order.starts_with("Activate")).count()
    };
    assert_eq!(tries(&platform), 1, "{:?}", platform.done);

    // Nobody answers, and the time for it is not up, and then it is.
    assert_eq!(at(due - 1, &mut platform, &mut takes), due);
    assert_eq!(tries(&platform), 1);
    assert!(at(due, &mut platform, &mut takes) > due);
    at(due + 1000, &mut platform, &mut takes);
    assert_eq!(tries(&platform), 2);
    assert_eq!(told, []);
}
