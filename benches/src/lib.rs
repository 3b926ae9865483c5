//! What the benches share: contenders that run in turns on one clock, and a count of
//! heap operations.
//!
//! Machines are shared, so a time means little and the ratio of two times taken next
//! to each other means much. [`race`] gives each contender a short batch in every
//! round; whatever slows the machine down slows all of them.

pub mod heap;
mod race;
pub mod session;
pub mod speech;

pub use race::{Contender, Times, blocks, race};
