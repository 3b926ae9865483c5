//! The session machine on the simulated phone.

mod invariants;
mod metamorphic;
mod offences;
mod profiles;
mod random;
mod refusals;
mod scripts;
mod witness;
