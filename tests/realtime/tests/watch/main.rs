//! Who watches the audio path, and what they see.

mod panics;
mod scan;
mod table;
