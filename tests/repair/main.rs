//! Files that a kill, a full disk or a power cut left, made whole again.

mod day;
mod flac;
mod help;
mod ogg;
mod shared;
mod traps;
mod wav;
