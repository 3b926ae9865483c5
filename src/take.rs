//! Files out of packets and samples: what a player opens is written here.
//!
//! Everything works on an ordinary thread, behind the readers of a pipeline, and writes
//! as it goes: a program that is killed leaves a file that plays up to there.
//!
//! ```no_run
//! use tympan::take::OutputFile;
//!
//! # fn keep(mut packets: tympan::PacketReader) -> Result<(), tympan::BackendError> {
//! let output = packets.info().clone();
//! let name = format!("{}.{}", output.name, OutputFile::extension(&output));
//! let mut file = OutputFile::create(name, &output, false)?;
//! while let Some(packet) = packets.next_packet() {
//!     file.packet(&packet.header, packet.bytes)?;
//! }
//! file.finish()
//! # }
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `file` | the file of one output, whatever it carries |
//! | `opus` | packets of Opus as an Ogg stream |
//! | `ogg` | its pages |
//! | `flac` | packets of FLAC with the head that makes them a file |

#[cfg(feature = "aac")]
mod aac;
mod audio;
mod chunks;
mod container;
mod date;
mod encode;
mod export;
mod file;
mod flac;
mod journal;
pub(crate) mod keeper;
mod levels;
mod m4a;
mod ogg;
pub(crate) mod opened;
mod opus;
mod part;
mod progress;
mod recover;
mod repair;
mod sealed;
mod sha256;
mod shelf;
mod sidecar;
mod sums;
pub(crate) mod syncs;
mod timeline;

#[cfg(feature = "aac")]
pub use aac::{Aac, AacError};
pub use chunks::{Chunk, Chunks};
pub use container::Container;
pub use export::{Exported, export, unseal};
pub use file::OutputFile;
pub use flac::FlacFile;
pub use levels::Levels;
pub use m4a::{M4a, Track};
pub use opus::OggOpus;
pub use recover::{Recovered, recover, recover_one};
pub use repair::{Kind, Outcome, State, repair};
pub use sealed::Key;
pub(crate) use sealed::{IS_THERE as SEALS, MISSING as SEALS_NOT};
pub use shelf::{Keep, delete, expire, list, list_in, open};
pub use sidecar::{Missing, Part, Stretch, Take};

use std::io;
use std::path::Path;
use std::time::Duration;

use tympan_backends::storage::Files;

/// The sealed chunks of the take in this folder, in order. The take may be open: they are
/// listed as they are sealed, and never change.
pub fn chunks(take: impl AsRef<Path>) -> io::Result<Vec<Chunk>> {
    chunks::read(&Files, take.as_ref())
}

/// The JSON Schema of `take.json`, which lies beside the audio of a take that is complete.
pub const TAKE_SCHEMA: &str = include_str!("take/schema/take.json");

/// The JSON Schema of a line of `journal.jsonl`, which tells of a take while it grows.
pub const JOURNAL_SCHEMA: &str = include_str!("take/schema/journal.json");

/// Frames of one rate as frames of another.
fn in_rate(frames: u64, from: u32, to: u32) -> u64 {
    let frames = u128::from(frames) * u128::from(to) / u128::from(from.max(1));
    frames.min(u64::MAX.into()) as u64
}

/// How long so many frames of this rate are.
fn duration(frames: u64, rate: u32) -> Duration {
    let nanos = u128::from(frames) * 1_000_000_000 / u128::from(rate.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Why takes of this format cannot be kept so, as a sentence, if they cannot.
pub(crate) fn refuses(container: Container, format: tympan_core::Format) -> Option<String> {
    audio::Audio::refuses(container, format)
}
