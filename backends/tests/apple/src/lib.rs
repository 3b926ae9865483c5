//! A fake iPhone under the real iOS backend, so that it runs on Linux.
//!
//! The backend, the bindings it is written with and the recorder above it are the ones
//! that ship. What is not is below: the classes and functions that those bindings call.
//! Here they are a thin coat over the simulated phone, written from Apple's documentation
//! and not from the backend, with numbers where that has names. So a script that passes
//! on the simulated phone has to pass through the backend as well, and a mistake in the
//! backend has nothing here that would make up for it.
//!
//! ```text
//! recorder ─▶ Ios ─▶ objc2-avf-audio, coreaudio-rs, ... ─▶ here ─▶ simulated phone
//! recorder ◀─ Ios ◀─ blocks, input proc, delegate       ◀─ here ◀─ simulated phone
//! ```
//!
//! One thread plays everything, and the phone is lent to the fake while it does.

#![allow(
    non_upper_case_globals,
    non_snake_case,
    unsafe_op_in_unsafe_fn,
    clippy::missing_safety_doc
)]

mod application;
mod arc;
mod calls;
mod centre;
mod mach;
mod names;
mod notices;
mod session;
mod subject;
mod unit;
mod world;

pub use application::plist;
pub use calls::provider;
pub use names::enter;
pub use notices::{activated, announce, engine_stopped, given_back, locking};
pub use subject::{OnIos, ladder};
pub use unit::{FakeUnit, deliver};
pub use world::{Dialect, World, with};
