//! Reads what was sealed: from the beginning, and up to where it is as it was written.

use std::io::{self, SeekFrom};

use tympan_backends::storage::Medium;

use super::Key;
use super::cipher::{Cipher, NONCE};
use super::record::{BEGIN, HEAD, Head, MARK};

/// What comes next in a sealed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::take) enum Step {
    /// A record of the file that was sealed.
    Record,
    /// The last one, with the description: nothing is missing.
    End,
    /// The file stops before its last record, as after a kill. What was begun there was to
    /// play up to so many frames, as far as that is to be seen.
    Torn(u64),
    /// What comes is not what was written.
    Damaged,
}

/// Why a sealed file cannot be read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::take) enum Refusal {
    /// It does not begin like one of this version.
    Other,
    /// It was sealed with another key, or its beginning is damaged.
    Key,
}

/// A sealed file on its way from record to record. Without a key the records are counted
/// only, and nothing is known for sure.
pub(in crate::take) struct Reader<'a> {
    file: &'a mut dyn Medium,
    cipher: Option<Cipher>,
    len: u64,
    /// Where the last whole record ends, and the frames up to there.
    at: u64,
    frames: u64,
    record: Vec<u8>,
}

impl<'a> Reader<'a> {
    pub(in crate::take) fn new(
        file: &'a mut dyn Medium,
        key: Option<&Key>,
    ) -> io::Result<Result<Self, Refusal>> {
        let len = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(0))?;
        let mut begin = [0; BEGIN];
        if len < BEGIN as u64 {
            return Ok(Err(Refusal::Other));
        }
        file.read_exact(&mut begin)?;
        let (mark, rest) = begin.split_at(MARK.len());
        let (nonce, proof) = rest.split_first_chunk::<NONCE>().expect("they are that long");
        if mark != MARK {
            return Ok(Err(Refusal::Other));
        }
        let mut cipher = match key {
            Some(key) => Some(Cipher::new(key, nonce)?),
            None => None,
        };
        let proven = |cipher: &mut Cipher| cipher.open(false, &MARK, &mut proof.to_vec());
        if cipher.as_mut().is_some_and(|cipher| !proven(cipher)) {
            return Ok(Err(Refusal::Key));
        }
        let at = BEGIN as u64;
        Ok(Ok(Self { file, cipher, len, at, frames: 0, record: Vec::new() }))
    }

    /// Goes on by a record. Behind anything but a record there is nothing more to come.
    pub(in crate::take) fn step(&mut self) -> io::Result<Step> {
        let left = self.len - self.at;
        if left < HEAD as u64 {
            return Ok(Step::Torn(self.frames));
        }
        let mut bytes = [0; HEAD];
        self.file.read_exact(&mut bytes)?;
        let Some(head) = Head::read(bytes, self.frames) else { return Ok(Step::Damaged) };
        if head.rest() > left - HEAD as u64 {
            return Ok(Step::Torn(head.frames));
        }
        if !self.contents(&head)? {
            return Ok(Step::Damaged);
        }
        self.at += HEAD as u64 + head.rest();
        self.frames = head.frames;
        Ok(if head.last { Step::End } else { Step::Record })
    }

    /// Opens the contents behind a head, which are in the file.
    fn contents(&mut self, head: &Head) -> io::Result<bool> {
        let Some(cipher) = &mut self.cipher else {
            self.file.seek(SeekFrom::Current(head.rest() as i64))?;
            return Ok(true);
        };
        self.record.resize(head.rest() as usize, 0);
        self.file.read_exact(&mut self.record)?;
        Ok(cipher.open(head.last, &head.bytes(), &mut self.record))
    }

    /// What was in the record that was opened last.
    pub(in crate::take) fn bytes(&self) -> &[u8] {
        &self.record
    }

    /// Frames that the file plays up to here.
    pub(in crate::take) fn frames(&self) -> u64 {
        self.frames
    }

    /// Bytes behind the last whole record.
    pub(in crate::take) fn rest(&self) -> u64 {
        self.len - self.at
    }
}
