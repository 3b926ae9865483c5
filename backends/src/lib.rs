//! Where tympan's audio comes from.
//!
//! A [`Backend`] delivers buffers to a [`Capture`]; that is the whole contract, and
//! everything behind it (a device, a file, a script) looks the same from in front:
//!
//! - [`File`](file::File) plays a file or standard input, as fast as its listener can take
//!   it or paced like a device: WAV, and with the feature `decode` every usual sort;
//! - [`Mock`](mock::Mock) is a device in virtual time that does what a test tells it,
//!   so that an app can rehearse losses, stalls and route changes without a microphone;
//! - [`Phone`](phone::Phone) is a phone in virtual time, with an audio session that calls,
//!   headsets and the system take away and change, and scripts of such troubles;
//! - `cpal::Microphone`, with the feature of that name, is a microphone of a desktop or of
//!   Android, and `default()` the one that the system chooses;
//! - `ios::Ios` and `coreaudio::CoreAudio`, with the features of these names and on these
//!   systems only, are the microphones of an iPhone and of a Mac;
//! - [`wav`] reads and writes the files themselves;
//! - [`storage`] is where files live, and how their loss is rehearsed.
//!
//! A recorder runs on a [`Device`]: a platform's session and its microphone. A phone is
//! one, simulated or not; [`Plain`] makes one of any backend.
//!
//! A backend holds no policy: what to do about a gap or a new format is decided by
//! whoever listens.

// `deny`, not `forbid`: the platform backends call C, and each allows it for its own
// module, with a reason.
#![deny(unsafe_code)]
#![warn(missing_docs)]

#[cfg(all(feature = "apple", any(target_os = "ios", target_os = "macos", rehearsal)))]
#[allow(unsafe_code, reason = "audio units are reached through C")]
mod apple;
/// What `x` has the checks for other systems look at: they must refuse it.
#[cfg(all(planted, any(target_vendor = "apple", target_os = "android")))]
const PLANTED: u32 = "a text";

mod backend;
#[cfg(all(feature = "coreaudio", target_os = "macos"))]
pub mod coreaudio;
#[cfg(feature = "cpal")]
pub mod cpal;
#[cfg(feature = "decode")]
mod decode;
mod device;
pub mod file;
#[cfg(all(feature = "ios", any(target_os = "ios", rehearsal)))]
pub mod ios;
pub mod machine;
pub mod mock;
pub mod phone;
mod plain;
mod pulse;
pub mod realtime;
pub mod storage;
pub mod transcriber;
mod unpaced;
pub mod wav;
mod workgroup;

pub use backend::{Backend, BackendError, BackendErrorKind, Buffer, Capture, Notice};
pub use device::{Device, Permission, Port, PortKind, Ports};
pub use plain::Plain;
pub use transcriber::Transcriber;
pub use unpaced::Unpaced;
pub use workgroup::{Member, Workgroup, WorkgroupError};

/// The microphone that the system chooses, and goes on to choose.
#[cfg(feature = "cpal")]
pub fn default() -> Result<impl Backend + Device, BackendError> {
    cpal::Microphone::system()
}
