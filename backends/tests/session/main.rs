//! The session machine on the simulated phone.

mod scripts;
