//! The recorder as an app uses it, on a phone that is simulated.

mod checklist;
mod chunks;
mod holds;
mod kit;
mod listeners;
mod scripts;
mod takes;
mod transcripts;
