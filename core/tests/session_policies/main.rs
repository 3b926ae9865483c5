//! The session machine's choices, each where it makes a difference.

mod desk;
mod drives;
mod interruptions;
mod notifications;
mod pauses;
mod profiles;
mod routes;
mod starts;
mod takes;
mod tries;
mod words;
