//! What the microphones of iOS and macOS have in common: the clock of their buffers, an
//! audio unit with an input proc of our own, and the codes of their refusals.
//!
//! `coreaudio-rs` sets units up and takes them down. Its own input callback is not used:
//! it grows a vector when the number of frames changes, which it does on every Bluetooth
//! route.

mod clock;
mod code;
mod input;
mod lent;
mod line;
mod news;
mod unit;

pub(crate) use code::code;
pub(crate) use lent::Lent;
pub(crate) use line::Line;
pub(crate) use news::{Inbox, News};
pub(crate) use unit::{Kind, Wanted};
