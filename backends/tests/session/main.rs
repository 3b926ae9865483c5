//! The session machine on the simulated phone.

mod invariants;
mod metamorphic;
mod offences;
mod profiles;
mod promises;
mod random;
mod refusals;
mod script;
mod scripts;
mod witness;
