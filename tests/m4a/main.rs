//! The `.m4a` of a take: exact to the sample, and never lost.

mod exact;
mod kit;
mod losses;
mod opus;
mod trouble;
