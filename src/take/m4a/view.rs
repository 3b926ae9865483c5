//! Looks into a file in any order, and never holds more of it than a few pages.

use std::io::{self, ErrorKind, SeekFrom};

use super::boxes::HEAD;
use tympan_backends::storage::Medium;

const PAGE: u64 = 32 * 1024;

/// A file that is read at any place. What it says about lengths decides nothing about
/// memory.
pub(super) struct View<'a> {
    file: &'a mut dyn Medium,
    len: u64,
    /// One for each of the tables that are read side by side, the latest one first.
    pages: Vec<Page>,
}

struct Page {
    at: u64,
    bytes: Vec<u8>,
}

/// A box in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) name: [u8; 4],
    pub(super) at: u64,
    /// Where its body begins.
    pub(super) body: u64,
    /// Where it ends by its own account, which may lie behind the end of everything.
    pub(super) end: u64,
}

impl<'a> View<'a> {
    pub(super) fn new(file: &'a mut dyn Medium) -> io::Result<Self> {
        let len = file.seek(SeekFrom::End(0))?;
        Ok(Self { file, len, pages: Vec::new() })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The bytes from here to the end of the page; none behind the end of the file.
    pub(super) fn bytes(&mut self, at: u64) -> io::Result<&[u8]> {
        if at >= self.len {
            return Ok(&[]);
        }
        let start = at - at % PAGE;
        match self.pages.iter().position(|page| page.at == start) {
            Some(0) => {}
            Some(place) => self.pages[..=place].rotate_right(1),
            None => self.turn_to(start)?,
        }
        Ok(self.pages[0].bytes.get((at - start) as usize..).unwrap_or_default())
    }

    /// `N` bytes, if the file has them.
    pub(super) fn array<const N: usize>(&mut self, at: u64) -> io::Result<Option<[u8; N]>> {
        let mut out = [0; N];
        let mut got = 0;
        while got < N {
            let bytes = self.bytes(at.saturating_add(got as u64))?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let some = bytes.len().min(N - got);
            out[got..got + some].copy_from_slice(&bytes[..some]);
            got += some;
        }
        Ok(Some(out))
    }

    pub(super) fn u32(&mut self, at: u64) -> io::Result<Option<u32>> {
        Ok(self.array(at)?.map(u32::from_be_bytes))
    }

    pub(super) fn u64(&mut self, at: u64) -> io::Result<Option<u64>> {
        Ok(self.array(at)?.map(u64::from_be_bytes))
    }

    /// The box that begins here, in something that ends at `limit`.
    pub(super) fn found(&mut self, at: u64, limit: u64) -> io::Result<Option<Found>> {
        if limit.saturating_sub(at) < HEAD {
            return Ok(None);
        }
        let (Some(size), Some(name)) = (self.u32(at)?, self.array(at + 4)?) else {
            return Ok(None);
        };
        let (head, size) = match size {
            // The rest of the file, which only data may be.
            0 if name == *b"mdat" => (HEAD, limit - at),
            1 => match self.u64(at + HEAD)? {
                Some(size) => (HEAD + 8, size),
                None => return Ok(None),
            },
            size => (HEAD, size.into()),
        };
        let end = at.checked_add(size).filter(|_| size >= head);
        Ok(end.map(|end| Found { name, at, body: at + head, end }))
    }

    /// The first box of this name among those from `at` to `limit`, if it ends there.
    pub(super) fn child(
        &mut self,
        at: u64,
        limit: u64,
        name: &[u8; 4],
    ) -> io::Result<Option<Found>> {
        let mut at = at;
        while let Some(found) = self.found(at, limit)? {
            if found.end > limit {
                return Ok(None);
            }
            if found.name == *name {
                return Ok(Some(found));
            }
            at = found.end;
        }
        Ok(None)
    }

    /// What a path of names leads to, from the boxes inside this one.
    pub(super) fn inside(&mut self, of: Found, path: &[&[u8; 4]]) -> io::Result<Option<Found>> {
        let mut found = of;
        for name in path {
            match self.child(found.body, found.end, name)? {
                Some(child) => found = child,
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    }

    /// Writes where nothing is read any more, and lets the file grow.
    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(at))?;
        self.file.write_all(bytes)?;
        self.len = self.len.max(at + bytes.len() as u64);
        Ok(())
    }

    /// Cuts what lies behind.
    pub(super) fn cut(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        self.len = len;
        self.pages.clear();
        Ok(())
    }

    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }

    fn turn_to(&mut self, start: u64) -> io::Result<()> {
        let mut page = if self.pages.len() < 4 { None } else { self.pages.pop() }
            .unwrap_or_else(|| Page { at: 0, bytes: Vec::with_capacity(PAGE as usize) });
        page.at = start;
        page.bytes.resize(PAGE.min(self.len - start) as usize, 0);
        self.file.seek(SeekFrom::Start(start))?;
        let read = read_full(self.file, &mut page.bytes)?;
        page.bytes.truncate(read);
        self.pages.insert(0, page);
        Ok(())
    }
}

/// Reads as much as there is.
fn read_full(file: &mut dyn Medium, out: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < out.len() {
        match file.read(&mut out[got..]) {
            Ok(0) => break,
            Ok(some) => got += some,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn what_crosses_a_page_is_whole_and_what_crosses_the_end_is_nothing() {
        let bytes: Vec<u8> = (0..PAGE * 6 + 5).map(|i| (i % 251) as u8).collect();
        let mut file = Cursor::new(bytes.clone());
        let mut view = View::new(&mut file).unwrap();
        for at in [5 * PAGE - 4, 0, PAGE - 1, 3 * PAGE - 7, 6 * PAGE - 3, 2 * PAGE - 4, PAGE - 1] {
            let place = at as usize;
            assert_eq!(&view.array::<8>(at).unwrap().unwrap(), &bytes[place..place + 8]);
        }
        assert_eq!(view.array::<6>(PAGE * 6).unwrap(), None);
        assert_eq!(view.u64(u64::MAX - 3).unwrap(), None);
    }

    #[test]
    fn a_box_that_lies_about_its_size_is_none_or_ends_outside() {
        let found = |bytes: &[u8]| {
            let mut file = Cursor::new(bytes.to_vec());
            let mut view = View::new(&mut file).unwrap();
            let len = view.len();
            view.found(0, len).unwrap()
        };
        assert_eq!(found(b"\0\0\0\x07free"), None);
        assert_eq!(found(b"\0\0\0\0free"), None);
        assert_eq!(found(b"\0\0\0\x01free\0\0\0\0\0\0\0\x0f"), None);
        assert_eq!(found(b"\0\0\0\x01free\xff\xff\xff\xff\xff\xff\xff\xff").unwrap().end, u64::MAX);
        assert_eq!(found(b"\0\0\0\0mdat123").unwrap().end, 11);
        assert_eq!(found(b"\0\0\x01\0mdat123").unwrap().end, 256);
    }
}
