//! What a kind can be told: one description per key yields parsing, checking,
//! the JSON Schema, `inspect` and the docs.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

/// A value of a key, as a graph states it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number; also a time, in milliseconds.
    Number(f64),
    /// A whole number.
    Whole(i64),
    /// Yes or no.
    Flag(bool),
    /// A word or a path.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(x) => write!(f, "{x}"),
            Self::Whole(n) => write!(f, "{n}"),
            Self::Flag(b) => write!(f, "{b}"),
            Self::Text(s) => write!(f, "{s:?}"),
        }
    }
}

/// What values a key takes, and the one it has when nothing is said.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Domain {
    /// A finite number from `min` to `max`.
    Number {
        /// The smallest.
        min: f64,
        /// The largest.
        max: f64,
        /// When nothing is said.
        default: f64,
    },
    /// A length of time from `min` to `max` milliseconds, written `"200ms"` or `"2s"`.
    Time {
        /// The shortest, in milliseconds.
        min: f64,
        /// The longest, in milliseconds.
        max: f64,
        /// When nothing is said, in milliseconds.
        default: f64,
    },
    /// A whole number from `min` to `max`.
    Whole {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
        /// When nothing is said; none if the key must be given.
        default: Option<i64>,
    },
    /// `true` or `false`.
    Flag {
        /// When nothing is said.
        default: bool,
    },
    /// One of these words.
    Choice {
        /// The words.
        of: &'static [&'static str],
        /// When nothing is said.
        default: &'static str,
    },
    /// Any text, such as a path.
    Text {
        /// When nothing is said.
        default: &'static str,
    },
}

/// One key of a kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Param {
    /// The key in TOML.
    pub name: &'static str,
    /// The values it takes.
    pub domain: Domain,
    /// The unit on screen, empty if it has none.
    pub unit: &'static str,
    /// One line for whoever tunes it.
    pub about: &'static str,
    /// Whether it can be changed while the graph runs. Numbers only.
    pub live: bool,
}

impl Param {
    const fn new(name: &'static str, domain: Domain) -> Self {
        Self { name, domain, unit: "", about: "", live: false }
    }

    /// A number between `min` and `max`.
    pub const fn number(name: &'static str, min: f64, max: f64, default: f64) -> Self {
        Self::new(name, Domain::Number { min, max, default })
    }

    /// A length of time, all three in milliseconds.
    pub const fn time(name: &'static str, min: f64, max: f64, default: f64) -> Self {
        Self::new(name, Domain::Time { min, max, default }).unit("ms")
    }

    /// A whole number between `min` and `max`.
    pub const fn whole(name: &'static str, min: i64, max: i64, default: i64) -> Self {
        Self::new(name, Domain::Whole { min, max, default: Some(default) })
    }

    /// A whole number that must be given.
    pub const fn required(name: &'static str, min: i64, max: i64) -> Self {
        Self::new(name, Domain::Whole { min, max, default: None })
    }

    /// `true` or `false`.
    pub const fn flag(name: &'static str, default: bool) -> Self {
        Self::new(name, Domain::Flag { default })
    }

    /// One of some words.
    pub const fn choice(
        name: &'static str,
        of: &'static [&'static str],
        default: &'static str,
    ) -> Self {
        Self::new(name, Domain::Choice { of, default })
    }

    /// Any text.
    pub const fn text(name: &'static str, default: &'static str) -> Self {
        Self::new(name, Domain::Text { default })
    }

    /// The unit shown on screen.
    #[must_use]
    pub const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    /// The line that explains it.
    #[must_use]
    pub const fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    /// It may be changed while the graph runs.
    #[must_use]
    pub const fn live(mut self) -> Self {
        self.live = true;
        self
    }

    /// The value when nothing is said, if there is one.
    pub fn default(&self) -> Option<Value> {
        Some(match self.domain {
            Domain::Number { default, .. } | Domain::Time { default, .. } => Value::Number(default),
            Domain::Whole { default, .. } => Value::Whole(default?),
            Domain::Flag { default } => Value::Flag(default),
            Domain::Choice { default, .. } | Domain::Text { default } => {
                Value::Text(default.to_owned())
            }
        })
    }

    /// What it takes, for a sentence: `a number from -60 to 24 dB`.
    pub fn takes(&self) -> String {
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        match self.domain {
            Domain::Number { min, max, .. } => format!("a number from {min} to {max}{unit}"),
            Domain::Time { min, max, .. } => {
                format!("a time from {min} to {max} ms, written like \"200ms\" or \"2s\"")
            }
            Domain::Whole { min, max, .. } => format!("a whole number from {min} to {max}{unit}"),
            Domain::Flag { .. } => "true or false".to_owned(),
            Domain::Choice { of, .. } => {
                let words: Vec<_> = of.iter().map(|w| format!("{w:?}")).collect();
                format!("one of {}", words.join(", "))
            }
            Domain::Text { .. } => "a text in quotes".to_owned(),
        }
    }

    /// The value in the form this key keeps it, or why it does not fit.
    fn accept(&self, value: Value) -> Option<Value> {
        match (self.domain, value) {
            (Domain::Number { min, max, .. } | Domain::Time { min, max, .. }, Value::Number(x)) => {
                (min..=max).contains(&x).then_some(Value::Number(x))
            }
            (Domain::Number { min, max, .. } | Domain::Time { min, max, .. }, Value::Whole(n)) => {
                (min..=max).contains(&(n as f64)).then_some(Value::Number(n as f64))
            }
            (Domain::Whole { min, max, .. }, Value::Whole(n)) => {
                (min..=max).contains(&n).then_some(Value::Whole(n))
            }
            (Domain::Flag { .. }, Value::Flag(b)) => Some(Value::Flag(b)),
            (Domain::Choice { of, .. }, Value::Text(s)) => {
                of.contains(&s.as_str()).then_some(Value::Text(s))
            }
            (Domain::Text { .. }, Value::Text(s)) => Some(Value::Text(s)),
            _ => None,
        }
    }
}

/// A number that can be changed while the graph runs: the latest value wins.
///
/// Every clone is the same number. A node reads it once per call and smooths by
/// itself; a missed intermediate value is correct behaviour.
#[derive(Clone, Debug)]
pub struct Live {
    bits: Arc<AtomicU32>,
    min: f32,
    max: f32,
}

impl Live {
    /// The value now.
    #[inline]
    pub fn get(&self) -> f32 {
        f32::from_bits(self.bits.load(Ordering::Relaxed))
    }

    /// Sets it. Refuses what is not a number or out of range, and says so.
    pub fn set(&self, value: f32) -> Result<(), SettingError> {
        if !(self.min..=self.max).contains(&value) {
            return Err(SettingError::OutOfRange(format!(
                "{value} is not a number from {} to {}",
                self.min, self.max
            )));
        }
        self.bits.store(value.to_bits(), Ordering::Relaxed);
        Ok(())
    }
}

/// Why a key or its value was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingError {
    /// The kind has no such key.
    Unknown,
    /// The value does not fit; the text says what would.
    OutOfRange(String),
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("there is no such key"),
            Self::OutOfRange(why) => f.write_str(why),
        }
    }
}

impl core::error::Error for SettingError {}

/// The keys of one node, checked and complete.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    params: &'static [Param],
    values: Vec<Option<Value>>,
    live: Vec<Option<Live>>,
}

impl Settings {
    pub(crate) fn new(params: &'static [Param]) -> Self {
        let values: Vec<_> = params.iter().map(Param::default).collect();
        let live = params.iter().map(Self::cell).collect();
        Self { params, values, live }
    }

    fn cell(param: &Param) -> Option<Live> {
        let (Domain::Number { min, max, default } | Domain::Time { min, max, default }) =
            param.domain
        else {
            return None;
        };
        param.live.then(|| Live {
            bits: Arc::new(AtomicU32::new((default as f32).to_bits())),
            min: min as f32,
            max: max as f32,
        })
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.params.iter().position(|p| p.name == name)
    }

    pub(crate) fn set(&mut self, name: &str, value: Value) -> Result<(), SettingError> {
        let i = self.index(name).ok_or(SettingError::Unknown)?;
        let shown = format!("{value}");
        let Some(value) = self.params[i].accept(value) else {
            let takes = self.params[i].takes();
            return Err(SettingError::OutOfRange(format!(
                "`{name}` takes {takes}, and {shown} is not that"
            )));
        };
        if let (Some(live), Value::Number(x)) = (&self.live[i], &value) {
            live.bits.store((*x as f32).to_bits(), Ordering::Relaxed);
        }
        self.values[i] = Some(value);
        Ok(())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.values[self.index(name)?].as_ref()
    }

    /// Same values, and the same numbers to change while running.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let one = |(a, b): (&Option<Live>, &Option<Live>)| match (a, b) {
            (Some(a), Some(b)) => Arc::ptr_eq(&a.bits, &b.bits),
            (None, None) => true,
            _ => false,
        };
        self.values == other.values
            && self.live.len() == other.live.len()
            && self.live.iter().zip(&other.live).all(one)
    }

    pub(crate) fn live(&self, name: &str) -> Option<&Live> {
        self.live[self.index(name)?].as_ref()
    }

    /// Keys that must be given and were not.
    pub(crate) fn missing(&self) -> Option<&'static Param> {
        self.values.iter().position(Option::is_none).map(|i| &self.params[i])
    }

    pub(crate) fn lives(&self) -> impl Iterator<Item = (&'static str, &Live)> {
        self.params.iter().zip(&self.live).filter_map(|(p, l)| Some((p.name, l.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static PARAMS: [Param; 3] = [
        Param::number("db", -60.0, 24.0, 0.0).unit("dB").live(),
        Param::required("channels", 1, 64),
        Param::choice("mode", &["cut", "mute"], "cut"),
    ];

    #[test]
    fn values_out_of_range_say_what_fits() {
        let mut s = Settings::new(&PARAMS);
        let Err(SettingError::OutOfRange(why)) = s.set("db", Value::Number(f64::NAN)) else {
            panic!("NaN was taken")
        };
        assert_eq!(why, "`db` takes a number from -60 to 24 dB, and NaN is not that");
        assert_eq!(s.set("dB", Value::Number(1.0)), Err(SettingError::Unknown));
        assert!(s.set("mode", Value::Text("cot".to_owned())).is_err());
        assert!(s.set("db", Value::Whole(-6)).is_ok());
        assert_eq!(s.get("db"), Some(&Value::Number(-6.0)));
    }

    #[test]
    fn a_live_number_refuses_what_is_not_one() {
        let s = Settings::new(&PARAMS);
        let live = s.live("db").unwrap().clone();
        for bad in [f32::NAN, f32::INFINITY, -61.0, 24.5] {
            assert!(live.set(bad).is_err(), "{bad}");
        }
        live.set(3.0).unwrap();
        assert_eq!(s.live("db").unwrap().get(), 3.0);
    }

    #[test]
    fn a_key_that_must_be_given_is_missed() {
        let mut s = Settings::new(&PARAMS);
        assert_eq!(s.missing().map(|p| p.name), Some("channels"));
        s.set("channels", Value::Whole(1)).unwrap();
        assert!(s.missing().is_none());
    }
}
