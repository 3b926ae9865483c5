//! What holds for the repair of every kind of file.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

use tympan::backend::storage::Medium;
use tympan::take::{Outcome, State};

/// What makes files whole: the product's, or a planted one that is wrong.
pub(crate) type Repair = fn(&mut dyn Medium) -> io::Result<Outcome>;

/// Repairs a file. Nothing but a repair changes a byte; a second one finds nothing to do,
/// and one that was killed is finished by the next.
pub(crate) fn settled(bytes: &[u8], kill: usize, repair: Repair) -> (Outcome, Vec<u8>) {
    let (outcome, after) = repaired(bytes, repair);
    if outcome.state != State::Repaired {
        assert!(after == bytes, "{outcome:?} changed something");
        return (outcome, after);
    }
    let (again, second) = repaired(&after, repair);
    assert_eq!(again.state, State::Healthy, "{outcome:?} then {again:?}");
    assert_eq!(again.kept_frames, outcome.kept_frames, "{outcome:?} then {again:?}");
    assert!(second == after, "a healthy file was changed");
    // Where nothing plays, a kill takes nothing.
    if outcome.kept_frames > 0 {
        killed(bytes, kill, &outcome, repair);
    }
    (outcome, after)
}

pub(crate) fn repaired(bytes: &[u8], repair: Repair) -> (Outcome, Vec<u8>) {
    let mut file = Cursor::new(bytes.to_vec());
    let outcome = repair(&mut file).expect("memory does not fail");
    (outcome, file.into_inner())
}

/// The process dies at some change; the next comes to an end that plays as long.
fn killed(bytes: &[u8], kill: usize, goal: &Outcome, repair: Repair) {
    let mut file = Mortal { file: Cursor::new(bytes.to_vec()), left: kill };
    if repair(&mut file).is_ok() {
        return;
    }
    let left = file.file.into_inner();
    let (outcome, after) = repaired(&left, repair);
    let done = matches!(outcome.state, State::Healthy | State::Repaired);
    assert!(done, "{goal:?}, and killed after {kill} steps {outcome:?}");
    assert_eq!(outcome.kept_frames, goal.kept_frames, "killed after {kill} steps: {outcome:?}");
    let (again, _) = repaired(&after, repair);
    assert_eq!(again.state, State::Healthy, "killed after {kill} steps: {outcome:?}");
}

/// A medium that fails from the Nth change on.
struct Mortal {
    file: Cursor<Vec<u8>>,
    left: usize,
}

impl Mortal {
    fn change(&mut self) -> io::Result<()> {
        self.left = self.left.checked_sub(1).ok_or_else(|| io::Error::other("killed"))?;
        Ok(())
    }
}

impl Read for Mortal {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.file.read(to)
    }
}

impl Write for Mortal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.change()?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Mortal {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Medium for Mortal {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.change()?;
        self.file.set_len(len)
    }
}

/// A repair that does what the product's does, and then a fault of its own.
#[cfg(test)]
pub(crate) fn spoiled(file: &mut dyn Medium) -> io::Result<Outcome> {
    let outcome = tympan::take::repair(file)?;
    let middle = file.seek(SeekFrom::End(0))? / 2;
    let mut byte = [0];
    file.seek(SeekFrom::Start(middle))?;
    file.read_exact(&mut byte)?;
    file.seek(SeekFrom::Start(middle))?;
    file.write_all(&[!byte[0]])?;
    Ok(outcome)
}

/// One that is never done.
#[cfg(test)]
pub(crate) fn restless(file: &mut dyn Medium) -> io::Result<Outcome> {
    let mut outcome = tympan::take::repair(file)?;
    if outcome.state == State::Healthy {
        outcome.state = State::Repaired;
    }
    Ok(outcome)
}
