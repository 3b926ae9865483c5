//! The bytes under a WAV reader: counted, named for messages, with a little look-ahead.

use std::io::{self, BufReader, Read};

use crate::{BackendError, BackendErrorKind};

/// Bytes that are asked of a file at once.
const AT_ONCE: usize = 64 << 10;

/// A byte stream that knows where it is and what to call itself.
pub(super) struct Source {
    input: Box<dyn Read + Send>,
    /// Bytes read too early; they come before whatever `input` has next.
    ahead: Vec<u8>,
    at: u64,
    /// The whole length in bytes, where it can be known beforehand.
    length: Option<u64>,
    name: String,
    is_path: bool,
}

impl Source {
    pub(super) fn stream(name: &str, input: impl Read + Send + 'static) -> Self {
        Self {
            input: Box::new(input),
            ahead: Vec::new(),
            at: 0,
            length: None,
            name: name.to_owned(),
            is_path: false,
        }
    }

    pub(super) fn file(name: &str, input: std::fs::File) -> Self {
        // A pipe or a device has a path as well, but its length says nothing.
        let length = input.metadata().ok().filter(std::fs::Metadata::is_file);
        // Buffers of a callback are small, and to ask the system for each is not.
        let input = BufReader::with_capacity(AT_ONCE, input);
        Self { length: length.map(|meta| meta.len()), is_path: true, ..Self::stream(name, input) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether `name` is a path that a command line could use.
    pub(super) fn is_path(&self) -> bool {
        self.is_path
    }

    /// Bytes consumed so far.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Bytes between here and the end of the file, where that is known.
    pub(super) fn ahead_in_file(&self) -> Option<u64> {
        self.length.map(|length| length.saturating_sub(self.at))
    }

    /// Reads until `out` is full or the input ends or fails; says how many bytes came
    /// in any case, because the bytes before a failure are still good.
    pub(super) fn fill(&mut self, out: &mut [u8]) -> (usize, io::Result<()>) {
        let mut got = self.ahead.len().min(out.len());
        out[..got].copy_from_slice(&self.ahead[..got]);
        self.ahead.drain(..got);
        let mut outcome = Ok(());
        while got < out.len() {
            match self.input.read(&mut out[got..]) {
                Ok(0) => break,
                // A reader that claims more than it was given room for is broken;
                // believing it would index past the end.
                Ok(n) => got += n.min(out.len() - got),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        self.at = self.at.saturating_add(got as u64);
        (got, outcome)
    }

    /// As `fill`, where a failure leaves nothing worth keeping.
    pub(super) fn take(&mut self, out: &mut [u8]) -> Result<usize, BackendError> {
        let (got, outcome) = self.fill(out);
        match outcome {
            Ok(()) => Ok(got),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Puts bytes back that were read to see what comes.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        self.ahead.splice(0..0, bytes.iter().copied());
        self.at -= bytes.len() as u64;
    }

    /// Passes over `count` bytes by reading them (a pipe cannot seek); says how many
    /// there were.
    pub(super) fn skip(&mut self, count: u64) -> Result<u64, BackendError> {
        let mut waste = [0; 4096];
        let mut left = count;
        while left > 0 {
            let want = left.min(waste.len() as u64) as usize;
            let got = self.take(&mut waste[..want])?;
            left -= got as u64;
            if got < want {
                break;
            }
        }
        Ok(count - left)
    }

    pub(super) fn failed(&self, error: &io::Error) -> BackendError {
        let Self { name, at, .. } = self;
        BackendError::new(
            BackendErrorKind::Failed,
            format!("reading `{name}` failed at byte {at}: {error}"),
        )
    }

    /// An error about the contents: `what` goes on after the name.
    pub(super) fn unreadable(&self, what: &str) -> BackendError {
        BackendError::new(BackendErrorKind::Unreadable, format!("`{}` {what}", self.name))
    }
}
