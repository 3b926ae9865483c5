//! The program as its users meet it: run, looked at from outside, never linked.

#![forbid(unsafe_code)]

mod kit;
mod listening;
mod mistakes;
mod pictures;
mod recordings;
mod runs;
mod simulate;
mod takes;
mod thirty;
mod tools;
mod verbs;
mod written;
