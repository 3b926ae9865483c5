//! A figure and its goal.

use std::fmt;

/// What was measured, and what it should be.
pub(crate) struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    goal: Goal,
}

enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// To be known, not to be reached.
    None,
}

impl Figure {
    pub(crate) fn at_least(goal: f64, name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value, unit: "", goal: Goal::AtLeast(goal) }
    }

    pub(crate) fn at_most(goal: f64, name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value, unit: "", goal: Goal::AtMost(goal) }
    }

    pub(crate) fn told(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value, unit: "", goal: Goal::None }
    }

    pub(crate) fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    /// What could not be measured does not meet a goal.
    pub(crate) fn met(&self) -> bool {
        match self.goal {
            Goal::AtLeast(goal) => self.value >= goal,
            Goal::AtMost(goal) => self.value <= goal,
            Goal::None => true,
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, unit, .. } = self;
        write!(f, "{name}: {value:.3}{unit}")?;
        let verdict = if self.met() { "PASS" } else { "MISS" };
        match self.goal {
            Goal::AtLeast(goal) => write!(f, ", goal at least {goal}{unit}: {verdict}"),
            Goal::AtMost(goal) => write!(f, ", goal at most {goal}{unit}: {verdict}"),
            Goal::None => Ok(()),
        }
    }
}
