//! Rules for our own source that no compiler knows: where `unsafe` may stand and how much
//! of it there is, what a file of the audio path may not name, how many crates an app gets
//! with us. Each rule is broken on purpose once, and has to notice.

#![cfg(test)]

mod budget;
mod realtime;
mod sbom;
mod source;
mod unsafe_code;
