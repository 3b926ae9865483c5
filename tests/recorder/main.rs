//! The recorder as an app uses it, on a phone that is simulated.

mod account;
mod checklist;
mod chunks;
mod holds;
mod kit;
mod listeners;
mod preroll;
mod scene;
mod schema;
mod scripts;
mod slow;
mod stalls;
mod takes;
#[path = "../kit/temp.rs"]
mod temp;
mod transcripts;
