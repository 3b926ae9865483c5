//! Real capture, without a sound card: a `PulseAudio` server of the test's own, whose null
//! sinks are the microphones.
//!
//! The quick form is `./x test`, the long one `./x live`. Where there is no `pulseaudio`,
//! nothing of this runs, and it says so.

mod kit;
mod latency;
mod losses;
mod whole;
