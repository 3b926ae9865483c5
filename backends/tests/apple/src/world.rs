//! What the fake knows, and the phone that it is a coat of.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ptr::NonNull;

use tympan::backend::phone::Phone;
use tympan::core::session::{Event, Ms, Order, Platform};

use crate::unit::FakeUnit;

/// How the system speaks of interruptions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// By one notification, until iOS 26.
    #[default]
    Interruption,
    /// By several, from iOS 27 on.
    Deactivation,
}

/// The fake's state.
#[derive(Default)]
pub struct World {
    /// The phone, while it is lent.
    phone: Option<NonNull<Phone>>,
    /// The app's process is gone; what its objects do in going reaches nobody.
    pub dead: bool,
    pub version: u32,
    pub dialect: Dialect,
    pub now: Ms,
    /// How long the phone has slept, in ticks.
    pub slept: u64,
    /// What the phone said while it was asked for something else.
    pub said: VecDeque<Event>,
    /// What is not as Apple's documentation wants it, as sentences.
    pub offences: Vec<String>,
    /// Every call, in words.
    pub log: Vec<String>,
    pub units: Vec<FakeUnit>,
    /// The services were reset while the app had no unit that could be dead.
    pub reset_without_unit: bool,
    /// What has to be set, for each rung: category, mode, bits.
    pub wanted: Vec<(String, String, usize)>,
    /// The next category is refused with this number.
    pub refuses: Option<i32>,
    /// What was set last.
    pub options: Option<usize>,
    pub preferred_echo: bool,
    /// Whether the system can cancel the echo itself.
    pub echo_cancelled: bool,
    /// Inputs that are there beside the one in use and the phone's own.
    pub others: Vec<String>,
    /// An end of an interruption, until what comes with it is known.
    pub ended: bool,
    /// References to the device's group of threads beside the device's own, and how many
    /// threads have joined it.
    pub group: (i32, i32),
    /// URLs that were opened.
    pub opened: Vec<String>,
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

/// Looks at the world, or changes it. Nothing that calls back may be called in it.
pub fn with<T>(work: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(work)
}

impl World {
    /// A new phone, with this process as an app on it.
    pub fn begin(version: u32, dialect: Dialect) {
        with(|world| *world = Self { version, dialect, ..Self::default() });
    }

    /// Lends the phone to the fake, for the time that something is done.
    pub fn lend<T>(now: Ms, phone: &mut Phone, work: impl FnOnce() -> T) -> T {
        with(|world| {
            world.now = now;
            world.phone = Some(NonNull::from(phone));
        });
        let done = objc2::rc::autoreleasepool(|_| work());
        with(|world| world.phone = None);
        done
    }

    /// Something that must not be was done.
    pub fn offend(what: impl Into<String>) {
        let what = what.into();
        with(|world| {
            let now = world.now;
            if !world.dead {
                world.offences.push(format!("at {now} ms: {what}"));
            }
        });
    }

    pub fn log(what: impl Into<String>) {
        with(|world| world.log.push(what.into()));
    }

    /// Asks the phone for something. None where the app is gone.
    pub fn phone<T>(work: impl FnOnce(&mut Phone) -> T) -> Option<T> {
        let phone = with(|world| world.phone.filter(|_| !world.dead))?;
        // Safety: it is lent, and nobody else uses it meanwhile: one thread plays, and
        // what is done here does not come back here.
        Some(work(unsafe { &mut *phone.as_ptr() }))
    }

    /// Has the phone do this, and returns its answer.
    pub fn order(order: Order) -> Option<Event> {
        let now = with(|world| world.now);
        let (before, answer) = Self::phone(|phone| {
            let before: Vec<_> = std::iter::from_fn(|| phone.poll(now)).collect();
            phone.perform(now, order);
            (before, phone.poll(now))
        })?;
        with(|world| world.said.extend(before));
        answer
    }

    /// The next thing that the phone says by itself.
    pub fn next(phone: &mut Phone) -> Option<Event> {
        let (now, said) = with(|world| (world.now, world.said.pop_front()));
        said.or_else(|| phone.poll(now))
    }
}
