//! A file seen through a buffer that slides over it.

use std::io::{self, ErrorKind, SeekFrom};

use tympan_backends::storage::Medium;

/// Bytes read at a time.
const READ: usize = 256 << 10;
/// What a caller may ask for at most; the buffer never grows past this and one read.
pub(super) const MOST: usize = 4 << 20;

/// Why a file is left alone in which what looks like a beginning never is one.
pub(super) const TRAP: &str =
    "It is full of beginnings of pages or frames that are none; it was left alone.";

/// Random access to a medium without many small reads, and the few ways it is changed.
pub(super) struct Window<'a> {
    file: &'a mut dyn Medium,
    len: u64,
    /// Where in the file the buffer begins.
    at: u64,
    buffer: Vec<u8>,
    /// Bytes that may still be looked at in vain.
    patience: u64,
}

impl<'a> Window<'a> {
    pub(super) fn new(file: &'a mut dyn Medium) -> io::Result<Self> {
        let len = file.seek(SeekFrom::End(0))?;
        // Each false beginning may cost as much as the longest true one. Damage makes few
        // of them; a file made to be slow has nothing else.
        let patience = (256 << 20) + len.saturating_mul(4);
        Ok(Self { file, len, at: 0, buffer: Vec::new(), patience })
    }

    /// The file's length.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// At least `want` bytes from `at` on, or all that there are before the end.
    pub(super) fn peek(&mut self, at: u64, want: usize) -> io::Result<&[u8]> {
        debug_assert!(want <= MOST);
        let want = (self.len.saturating_sub(at)).min(want as u64) as usize;
        let end = self.at + self.buffer.len() as u64;
        let here = at >= self.at && at <= end;
        if !here || end - at < want as u64 {
            self.slide(at, here, want)?;
        }
        let from = (at - self.at).min(self.buffer.len() as u64) as usize;
        Ok(&self.buffer[from..])
    }

    fn slide(&mut self, at: u64, here: bool, want: usize) -> io::Result<()> {
        if here {
            self.buffer.drain(..(at - self.at) as usize);
        } else {
            self.buffer.clear();
        }
        self.at = at;
        let mut had = self.buffer.len();
        let goal = (want + READ) as u64;
        self.buffer.resize(goal.min(self.len.saturating_sub(at)) as usize, 0);
        self.file.seek(SeekFrom::Start(at + had as u64))?;
        while had < self.buffer.len() {
            match self.file.read(&mut self.buffer[had..]) {
                // Shorter than it was: somebody else is at work on it.
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(got) => had += got,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.buffer.clear();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// The first place at or after `from` with this byte, before `end`.
    pub(super) fn find(&mut self, byte: u8, from: u64, end: u64) -> io::Result<Option<u64>> {
        let mut at = from;
        while at < end {
            let ahead = self.peek(at, 1)?;
            let some = &ahead[..(ahead.len() as u64).min(end - at) as usize];
            if some.is_empty() {
                break;
            }
            if let Some(index) = position(some, byte) {
                return Ok(Some(at + index as u64));
            }
            at += some.len() as u64;
        }
        Ok(None)
    }

    /// Where the zeros begin that lie before `end`; not before `floor`.
    pub(super) fn zeros_before(&mut self, end: u64, floor: u64) -> io::Result<u64> {
        const STEP: u64 = READ as u64;
        let mut end = end;
        while end > floor {
            let at = end.saturating_sub(STEP).max(floor);
            let some = &self.peek(at, (end - at) as usize)?[..(end - at) as usize];
            if let Some(last) = some.iter().rposition(|byte| *byte != 0) {
                return Ok(at + last as u64 + 1);
            }
            end = at;
        }
        Ok(end)
    }

    /// Counts bytes that were looked at in vain; whether there is patience left.
    pub(super) fn may_go_on(&mut self, wasted: u64) -> bool {
        self.patience = self.patience.saturating_sub(wasted);
        self.patience > 0
    }

    /// Whether there was none left.
    pub(super) fn is_a_trap(&self) -> bool {
        self.patience == 0
    }

    /// Writes over what is there.
    pub(super) fn put(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.buffer.clear();
        self.file.seek(SeekFrom::Start(at))?;
        self.file.write_all(bytes)?;
        self.file.flush()
    }

    /// Cuts the file off behind so many bytes, or adds zeros up to there.
    pub(super) fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.buffer.clear();
        self.file.set_len(len)?;
        self.len = len;
        Ok(())
    }

    /// Makes all of it survive a power cut.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }
}

/// The first place of a byte, eight at a time: files are gigabytes.
pub(super) fn position(bytes: &[u8], byte: u8) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    let (eights, _) = bytes.as_chunks::<8>();
    let pattern = LOW * u64::from(byte);
    let has = |eight: &[u8; 8]| {
        let zero = u64::from_le_bytes(*eight) ^ pattern;
        zero.wrapping_sub(LOW) & !zero & (LOW << 7) != 0
    };
    let from = eights.iter().position(has).unwrap_or(eights.len()) * 8;
    bytes[from..].iter().position(|b| *b == byte).map(|index| from + index)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_byte_is_found_wherever_it_stands() {
        for len in 0..40 {
            for at in 0..len {
                let mut bytes = vec![0xfe; len];
                bytes[at] = 0xff;
                assert_eq!(position(&bytes, 0xff), Some(at));
                assert_eq!(position(&bytes, 0xfd), None);
            }
        }
    }

    #[test]
    fn every_place_of_a_large_file_is_seen_as_it_is() {
        let bytes: Vec<u8> = (0..3 * READ as u32).map(|n| (n / 7) as u8).collect();
        let mut file = Cursor::new(bytes.clone());
        let mut window = Window::new(&mut file).unwrap();
        for at in [0, 5, READ - 3, 2 * READ, 7, READ + 1, 3 * READ - 2, 3 * READ, 4 * READ] {
            let seen = window.peek(at as u64, 100).unwrap();
            let there = &bytes[at.min(bytes.len())..];
            assert!(seen.len() >= there.len().min(100));
            assert_eq!(*seen, there[..seen.len()]);
        }
    }

    #[test]
    fn zeros_are_followed_back_to_what_is_none() {
        let mut file = Cursor::new([vec![1; 10], vec![0; 200_000]].concat());
        let mut window = Window::new(&mut file).unwrap();
        assert_eq!(window.zeros_before(200_010, 0).unwrap(), 10);
        assert_eq!(window.zeros_before(200_010, 500).unwrap(), 500);
        assert_eq!(window.zeros_before(10, 0).unwrap(), 10);
    }
}
