//! How loud a take is, for a waveform: written into the journal as it grows.

use std::io;

use serde_json::{Value, json};
use tympan_backends::storage::Storage;
use tympan_core::Format;

use super::{Take, in_rate, journal};

/// A level is the peak of so much audio, and so many levels are a line.
const MS: u64 = 100;
const LINE: usize = 20;

/// The level of silence, and of whatever is quieter.
const SILENCE: i64 = -120;

/// How loud a take is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// Frames of the take that a level stands for.
    pub every: u64,
    /// The peaks, in dB of full scale, from its first frame on. -120 is silence.
    pub dbfs: Vec<i8>,
}

/// Measures them.
pub(super) struct Meter {
    channels: usize,
    /// Frames of what comes, and as many of the take, which may play at another rate.
    every: u64,
    told: u64,
    heard: u64,
    peak: f32,
    dbfs: Vec<i64>,
    /// The frame of the take that the next line begins at.
    at: u64,
}

impl Meter {
    /// For audio of this format in a take that plays at `rate`.
    pub(super) fn new(format: Format, rate: u32) -> Self {
        let every = (MS * u64::from(format.rate) / 1000).max(1);
        let told = in_rate(every, format.rate, rate);
        let channels = usize::from(format.channels).max(1);
        Self { channels, every, told, heard: 0, peak: 0.0, dbfs: Vec::with_capacity(LINE), at: 0 }
    }

    /// Hears the next frames, and hands on each line that is full.
    pub(super) fn hear(&mut self, mut samples: &[f32], mut hand: impl FnMut(Value)) {
        while !samples.is_empty() {
            let left = (self.every - self.heard) as usize * self.channels;
            let (some, rest) = samples.split_at(samples.len().min(left));
            self.peak = some.iter().fold(self.peak, |peak, sample| peak.max(sample.abs()));
            self.heard += (some.len() / self.channels) as u64;
            samples = rest;
            if self.heard == self.every {
                self.dbfs.push(dbfs(self.peak));
                (self.heard, self.peak) = (0, 0.0);
                if self.dbfs.len() == LINE {
                    hand(self.line());
                }
            }
        }
    }

    /// What of the last line is there.
    pub(super) fn end(&mut self) -> Option<Value> {
        if self.heard > 0 {
            self.dbfs.push(dbfs(self.peak));
            (self.heard, self.peak) = (0, 0.0);
        }
        (!self.dbfs.is_empty()).then(|| self.line())
    }

    fn line(&mut self) -> Value {
        let line = json!({ "at": self.at, "every": self.told, "dbfs": self.dbfs });
        self.at += self.told * self.dbfs.len() as u64;
        self.dbfs.clear();
        line
    }
}

fn dbfs(peak: f32) -> i64 {
    let db = 20.0 * f64::from(peak).log10();
    // A peak of 0 is infinitely far below.
    if db < SILENCE as f64 { SILENCE } else { db.round().min(127.0) as i64 }
}

impl Take {
    /// How loud it is, every tenth of a second. Nothing where nobody measured: of takes
    /// that are sealed it is not written down.
    pub fn levels(&self, storage: &dyn Storage) -> io::Result<Levels> {
        let mut levels = Levels::default();
        let file = storage.open(&self.folder.join(journal::NAME))?;
        journal::each(file, |line| {
            let line: Option<Value> =
                journal::is_levels(line).then(|| serde_json::from_slice(line).ok()).flatten();
            let Some(line) = line else { return };
            levels.every = line["every"].as_u64().unwrap_or(levels.every);
            let peaks = line["dbfs"].as_array().into_iter().flatten();
            let peak = |peak: &Value| i8::try_from(peak.as_i64().unwrap_or(SILENCE)).unwrap_or(0);
            levels.dbfs.extend(peaks.map(peak));
        })?;
        Ok(levels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_however_the_audio_is_cut() {
        let samples: Vec<f32> = (0..100_000).map(|n| ((n * 7919 % 1000) as f32) / 1e3).collect();
        let lines = |cut: usize| {
            let mut meter = Meter::new(Format::mono(16_000), 48_000);
            let mut lines = Vec::new();
            samples.chunks(cut).for_each(|some| meter.hear(some, |line| lines.push(line)));
            lines.extend(meter.end());
            lines
        };
        let whole = lines(samples.len());
        assert_eq!(whole.len(), 4);
        assert_eq!(whole[1]["at"], 96_000);
        assert_eq!(whole[3]["dbfs"].as_array().unwrap().len(), 3);
        for cut in [1, 7, 160, 1600, 4801] {
            assert_eq!(lines(cut), whole, "{cut}");
        }
    }

    #[test]
    fn silence_full_scale_and_what_is_beyond_have_levels() {
        assert_eq!([dbfs(0.0), dbfs(1.0), dbfs(0.5), dbfs(1e-7)], [-120, 0, -6, -120]);
        assert_eq!([dbfs(f32::INFINITY), dbfs(1e9)], [127, 127]);
    }
}
