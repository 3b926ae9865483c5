//! FLAC whose head tells one size for all blocks while its frames tell that sizes may
//! differ. Both are true, the standard allows it, and symphonia takes such a file for a
//! broken one. So it is shown a head that promises less.

use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::io::MediaSource;

/// Where the head says how small and how large blocks may be.
const SIZES: std::ops::Range<u64> = 8..12;
/// What every stream keeps within.
const ANY: [u8; 4] = [0, 16, 0xff, 0xff];
/// Blocks of metadata that are walked over.
const MOST: usize = 1_000;

/// A source whose head may be another.
pub(super) struct Lenient<T> {
    inner: T,
    at: u64,
    changed: bool,
}

impl<T> Lenient<T> {
    pub(super) fn new(inner: T, changed: bool) -> Self {
        Self { inner, at: 0, changed }
    }
}

/// Whether the head of this file has to be shown otherwise.
pub(super) fn needs_it(file: &mut (impl Read + Seek)) -> io::Result<bool> {
    let mut head = [0; 42];
    file.read_exact(&mut head)?;
    if !(head.starts_with(b"fLaC") && head[8..10] == head[10..12]) {
        return Ok(false);
    }
    let mut last = head[4] & 0x80 != 0;
    for _ in 0..MOST {
        if last {
            let mut sync = [0; 2];
            file.read_exact(&mut sync)?;
            return Ok(sync == [0xff, 0xf9]);
        }
        let mut block = [0; 4];
        file.read_exact(&mut block)?;
        last = block[0] & 0x80 != 0;
        let size = u32::from_be_bytes([0, block[1], block[2], block[3]]);
        file.seek(SeekFrom::Current(size.into()))?;
    }
    Ok(false)
}

impl<T: Read> Read for Lenient<T> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        if self.changed {
            for (byte, place) in ANY.into_iter().zip(SIZES) {
                let place = place.checked_sub(self.at).map(|place| place as usize);
                if let Some(place) = place.filter(|place| *place < read) {
                    out[place] = byte;
                }
            }
        }
        self.at += read as u64;
        Ok(read)
    }
}

impl<T: Seek> Seek for Lenient<T> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.inner.seek(to)?;
        Ok(self.at)
    }
}

impl<T: MediaSource> MediaSource for Lenient<T> {
    fn is_seekable(&self) -> bool {
        self.inner.is_seekable()
    }

    fn byte_len(&self) -> Option<u64> {
        self.inner.byte_len()
    }
}
