//! Taking over from another executor: same outputs, same nodes where they are the
//! same, the count of segments goes on.

use alloc::string::String;
use core::fmt;
use core::mem;

use crate::executor::{Executor, OutputInfo, StepOrigin};

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
        match running.iter().zip(new).find(|(a, b)| a.format != b.format) {
            None => Ok(()),
            Some((a, b)) => {
                Err(SwapError::Format { output: a.name.clone(), has: a.format, new: b.format })
            }
        }
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
            let twin = theirs.origins.iter().position(|o| o.same(origin));
            if let Some(other) = twin.and_then(|i| old.steps.get_mut(i)) {
                mem::swap(&mut step.node, &mut other.node);
                mem::swap(&mut step.failed, &mut other.failed);
            }
        }
        self.segment = old.segment;
        self.books = old.books;
        self.call = old.call;
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
