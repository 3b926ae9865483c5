//! What a sealed file consists of, as far as it is readable without a key.
//!
//! ```text
//! file      mark and version, 8    nonce, 19     tag, 16: an empty record that proves the key
//! record    length and end, 4      frames, 8     contents, sealed     tag, 16
//! ```
//!
//! Numbers are little endian. The top bit of the length marks the last record, which holds
//! no audio but the take's description. What is readable is authenticated all the same.

use super::cipher::{NONCE, TAG};

/// The file's first bytes; the last of them is the version.
pub(super) const MARK: [u8; 8] = *b"TYSEAL\0\x01";

/// Bytes in front of the first record.
pub(super) const BEGIN: usize = MARK.len() + NONCE + TAG;

/// Bytes in front of a record's contents.
pub(super) const HEAD: usize = 12;

/// Most plain bytes of a record, so that little waits in memory: a tenth of a second of
/// anything that is recorded.
pub(super) const MOST: usize = 128 * 1024;

/// Most of the last one, as of a sidecar.
pub(super) const MOST_LAST: usize = 64 << 20;

const LAST: u32 = 1 << 31;

/// What stands in front of a record's contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Bytes of the contents, without the tag.
    pub(super) len: usize,
    /// Nothing comes behind it.
    pub(super) last: bool,
    /// Frames that the file plays up to its end.
    pub(super) frames: u64,
}

impl Head {
    pub(super) fn bytes(&self) -> [u8; HEAD] {
        let mut out = [0; HEAD];
        let last = if self.last { LAST } else { 0 };
        out[..4].copy_from_slice(&(self.len as u32 | last).to_le_bytes());
        out[4..].copy_from_slice(&self.frames.to_le_bytes());
        out
    }

    /// Reads what may be one, behind `before` frames. None if none was ever written so:
    /// zeros of a power cut are none.
    pub(super) fn read(bytes: [u8; HEAD], before: u64) -> Option<Self> {
        let (len, frames) = bytes.split_first_chunk::<4>()?;
        let len = u32::from_le_bytes(*len);
        let frames = u64::from_le_bytes(*frames.first_chunk()?);
        let last = len & LAST != 0;
        let len = (len & !LAST) as usize;
        let fits = (1..=if last { MOST_LAST } else { MOST }).contains(&len);
        // An hour in one record is nothing that was recorded.
        let likely = frames.checked_sub(before).is_some_and(|more| more < 1 << 32);
        (fits && likely).then_some(Self { len, last, frames })
    }

    /// Bytes of the record behind the head.
    pub(super) fn rest(&self) -> u64 {
        (self.len + TAG) as u64
    }
}
