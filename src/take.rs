//! Takes, one recording each from start to stop, and the files that they and other outputs
//! are kept in.
//!
//! A [`Recorder`](crate::Recorder) makes takes. [`list`], [`open`], [`chunks()`], [`export`],
//! [`delete`] and [`expire`] are for what it has made, [`recover`] and [`repair`] for what a
//! kill or a power cut left. Without a recorder an output becomes a file by [`OutputFile`].
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
//! A take that is being written, from the graph's output to the disk:
//!
//! | file | holds |
//! |---|---|
//! | `keeper` | who keeps takes, as the recorder orders |
//! | `opened` | the take from its first frame to its last |
//! | `part` | one file of its audio; another follows where a disk did not confirm it |
//! | `audio`, `encode`, `aac` | samples in, a file out, with an encoder between |
//! | `syncs` | who waits for the disk |
//! | `timeline` | where a moment is that the session or the graph tells of |
//! | `journal`, `levels` | what happens to it, line by line, and how loud it is |
//! | `progress` | how far its audio can be believed after a power cut |
//! | `chunks` | the same as files to be sent meanwhile |
//! | `sealed` | what lies between it and the disk where there is a key |
//!
//! What is left of it:
//!
//! | file | holds |
//! |---|---|
//! | `sidecar` | what there is to know about a take that is complete |
//! | `shelf`, `export` | takes listed, deleted, expired; ordinary files out of them |
//! | `recover`, `repair` | takes that were left open, and files that are torn |
//!
//! What files are made of:
//!
//! | file | holds |
//! |---|---|
//! | `container` | the choice |
//! | `file` | the file of one output, whatever it carries |
//! | `opus`, `ogg`, `flac`, `m4a` | the formats |
//! | `sums`, `sha256`, `date` | checksums, and moments as text |

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
pub use shelf::{DELETED, Keep, delete, expire, list, list_in, open};
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
