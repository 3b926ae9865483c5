//! The session machine on the simulated phone.

mod invariants;
mod random;
mod scripts;
mod witness;
