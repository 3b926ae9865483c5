//! What the benches share: contenders that run in turns on one clock, and a count of
//! heap operations.
//!
//! Machines are shared, so a time means little and the ratio of two times taken next
//! to each other means much. [`race`] gives each contender a short batch in every
//! round; whatever slows the machine down slows all of them.

pub mod bare;
pub mod heap;
mod race;
pub mod session;
pub mod shipped;
pub mod speech;
pub mod wakes;

pub use race::{Contender, Times, race};
