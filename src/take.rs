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

mod file;
mod flac;
mod ogg;
mod opus;

pub use file::OutputFile;
pub use flac::FlacFile;
pub use opus::OggOpus;
