//! Takes that nobody can read without the app's key.
//!
//! A file is sealed as it is written: every flush makes a record of what has come, sealed
//! and authenticated as the next one of a stream. So nothing plain reaches the disk, what
//! a kill left opens up to its last whole record, and records that were changed, swapped,
//! repeated or taken out are noticed. The last record holds no audio but the take's
//! description, with what was said: a file without it is not whole.
//!
//! A stream like this is never written twice at one place, and a file of audio usually is:
//! its head gets the length at the end. So a sealed file holds what is written of it while
//! it is recorded, and [`export`] makes an ordinary one of that.

mod cipher;
mod key;
mod reader;
mod record;
mod writer;

use std::io::{self, Write};

use tympan_backends::storage::Medium;

pub use self::key::Key;
use self::reader::Step;
pub(super) use self::reader::{Reader, Refusal};
pub(super) use self::writer::Sealer;

/// What the names of sealed files end with.
pub(super) const EXTENSION: &str = "sealed";

/// Whether this build can seal anything.
pub(crate) const IS_THERE: bool = cfg!(feature = "encrypt");
pub(crate) const MISSING: &str = "this build cannot seal takes nor open sealed ones: turn on the \
                                  feature `encrypt` of the crate tympan";

/// How a sealed file was found to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Whole,
    Torn,
    Damaged,
}

/// A sealed file that was read up to its end, or to where it is not what was written.
pub(super) struct Passed {
    pub(super) ending: Ending,
    /// Frames up to there, and those that it was to have, as far as that is to be seen.
    pub(super) frames: u64,
    pub(super) promised: u64,
    /// Bytes behind what was read.
    pub(super) rest: u64,
    pub(super) description: Vec<u8>,
}

/// Reads on to the end, and hands on what was sealed.
pub(super) fn pass(reader: &mut Reader<'_>, to: &mut dyn Write) -> io::Result<Passed> {
    let (ending, promised) = loop {
        match reader.step()? {
            Step::Record => to.write_all(reader.bytes())?,
            Step::End => break (Ending::Whole, reader.frames()),
            Step::Torn(frames) => break (Ending::Torn, frames),
            Step::Damaged => break (Ending::Damaged, reader.frames()),
        }
    };
    let (frames, rest) = (reader.frames(), reader.rest());
    let whole = ending == Ending::Whole;
    let description = if whole { reader.bytes().to_vec() } else { Vec::new() };
    Ok(Passed { ending, frames, promised, rest, description })
}

/// Passes over a file without a key: what its records say of themselves, which may be
/// anything. None where it is no sealed file.
pub(super) fn count(file: &mut dyn Medium) -> io::Result<Option<Passed>> {
    match Reader::new(file, None)? {
        Ok(mut reader) => pass(&mut reader, &mut io::sink()).map(Some),
        Err(_) => Ok(None),
    }
}

/// What is left of a sealed file that nobody ended.
pub(super) struct Left {
    pub(super) frames: u64,
    /// Frames that are lost. Not known without the key, because nothing is sure then.
    pub(super) lost: Option<u64>,
}

/// Looks at what a kill left. The file stays as it is: to write another record into the
/// place of a torn one would be to use its nonce twice.
pub(super) fn left(file: &mut dyn Medium, key: Option<&Key>) -> io::Result<Option<Left>> {
    let Some(counted) = count(file)? else { return Ok(None) };
    let unsure = Left { frames: counted.frames, lost: None };
    let Some(key) = key else { return Ok(Some(unsure)) };
    // With another's key as little is known as without one, and the take is kept as well.
    let Ok(mut reader) = Reader::new(file, Some(key))? else { return Ok(Some(unsure)) };
    let passed = pass(&mut reader, &mut io::sink())?;
    let lost = lost(&passed, counted.promised, passed.frames);
    Ok(Some(Left { frames: passed.frames, lost }))
}

/// Frames that are missing behind those that are kept, if it can be told.
pub(super) fn lost(passed: &Passed, promised: u64, kept: u64) -> Option<u64> {
    let lost = promised.max(passed.promised).saturating_sub(kept);
    let unknown = passed.ending == Ending::Damaged && lost == 0;
    (!unknown).then_some(lost)
}

#[cfg(all(test, feature = "encrypt"))]
mod tests;
