//! Taking over from another executor: same outputs, same nodes where they are the
//! same, the count of segments goes on.

use alloc::string::String;
use core::fmt;
use core::mem;

use crate::executor::{Executor, Info, OutputInfo, StepOrigin};

/// Why an executor cannot take another's place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SwapError {
    /// The number of outputs differs, or a name.
    Outputs {
        /// What the running graph has.
        has: String,
        /// What the new one would have.
        new: String,
    },
    /// An output would change what it carries.
    Format {
        /// The output's name.
        output: String,
        /// What it carries now.
        has: crate::Format,
        /// What it would carry.
        new: crate::Format,
    },
    /// An output would carry another codec's packets.
    Codec {
        /// The output's name.
        output: String,
        /// The kind that packs it now.
        has: &'static str,
        /// The kind that would.
        new: &'static str,
    },
}

impl fmt::Display for SwapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outputs { has, new } => write!(
                f,
                "the running graph has the outputs {has}, the new one has {new}; outputs keep their names and order over a swap"
            ),
            Self::Format { output, has, new } => write!(
                f,
                "output `{output}` carries {has} and would carry {new}; put `kind = \"resample\"` or `kind = \"mix\"` before it so that it keeps its format"
            ),
            Self::Codec { output, has, new } => write!(
                f,
                "output `{output}` carries packets of `{has}` and would carry those of `{new}`, which whoever reads it could not tell apart"
            ),
        }
    }
}

impl core::error::Error for SwapError {}

fn names(outputs: &[OutputInfo]) -> String {
    let mut all = String::new();
    for output in outputs {
        if !all.is_empty() {
            all.push_str(", ");
        }
        all.push('`');
        all.push_str(&output.name);
        all.push('`');
    }
    if all.is_empty() { String::from("none") } else { all }
}

impl Executor {
    /// Whether this executor's outputs are those of `running`, so that whoever reads
    /// them need not notice the swap. For the control side: it allocates.
    pub fn can_replace(&self, running: &[OutputInfo]) -> Result<(), SwapError> {
        let new = &self.info.outputs;
        let same = |(a, b): (&OutputInfo, &OutputInfo)| {
            a.name == b.name && (a.packet > 0) == (b.packet > 0)
        };
        if new.len() != running.len() || !running.iter().zip(new).all(same) {
            return Err(SwapError::Outputs { has: names(running), new: names(new) });
        }
        for (a, b) in running.iter().zip(new) {
            let output = || a.name.clone();
            if a.format != b.format {
                return Err(SwapError::Format { output: output(), has: a.format, new: b.format });
            }
            if a.codec != b.codec {
                return Err(SwapError::Codec { output: output(), has: a.codec, new: b.codec });
            }
        }
        Ok(())
    }

    /// Goes on where `old` has ended its segment: nodes built from the same words for
    /// the same input move over with what they learned (an encoder is never reset
    /// inside a take), and segments are numbered on.
    ///
    /// # Realtime
    /// Moves boxes, allocates and drops nothing.
    pub fn take_over(&mut self, old: &mut Self) {
        debug_assert!(!old.running, "the old executor must have ended its segment");
        let (ours, theirs) = (self.info.clone(), old.info.clone());
        for (step, origin) in self.steps.iter_mut().zip(&ours.origins) {
            let other = theirs.twin(origin).and_then(|i| old.steps.get_mut(i));
            // A dead node stays where it is: the new one gets its chance.
            if let Some(other) = other.filter(|o| !o.failed) {
                mem::swap(&mut step.node, &mut other.node);
            }
        }
        self.segment = old.segment;
        self.books = old.books;
        self.calls = old.calls;
    }
}

impl Info {
    /// The step built from the same words as `origin`.
    fn twin(&self, origin: &StepOrigin) -> Option<usize> {
        let by_id = |&i: &usize| self.origins[i].id.as_str().cmp(&origin.id);
        let at = self.by_id.binary_search_by(by_id).ok()?;
        Some(self.by_id[at]).filter(|&i| self.origins[i].same(origin))
    }
}

impl StepOrigin {
    fn same(&self, other: &Self) -> bool {
        self.id == other.id
            && self.kind == other.kind
            && self.inputs == other.inputs
            && self.lags == other.lags
            && self.spec == other.spec
            && self.settings.same(&other.settings)
    }
}
