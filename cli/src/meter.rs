//! How loud it is, for the eye.

use tympan::core::What;

/// Where the bar begins, in dBFS.
const FLOOR: f64 = -60.0;

/// Collects samples until somebody looks.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    peak: f64,
    squares: f64,
    samples: f64,
    /// What was shown last.
    shown: String,
}

impl Meter {
    pub(crate) fn add(&mut self, samples: &[f32]) {
        for &x in samples {
            let x = f64::from(x);
            self.peak = self.peak.max(x.abs());
            self.squares += x * x;
        }
        self.samples += samples.len() as f64;
    }

    /// A report of a `level` node, where no output carries samples.
    pub(crate) fn add_event(&mut self, what: What) {
        if let What::Level { peak, rms, .. } = what {
            self.peak = self.peak.max(f64::from(peak));
            self.squares += f64::from(rms) * f64::from(rms);
            self.samples += 1.0;
        }
    }

    /// The same while nothing new may have come: what was seen last stays.
    pub(crate) fn show(&mut self, width: usize) -> String {
        if self.samples > 0.0 {
            let text = self.take(width);
            self.shown.clone_from(&text);
        }
        self.shown.clone()
    }

    /// A bar of `width` places, the root mean square and the peak in dBFS; begins anew.
    pub(crate) fn take(&mut self, width: usize) -> String {
        let Self { peak, squares, samples, .. } = std::mem::take(self);
        let rms = decibels((squares / samples.max(1.0)).sqrt());
        let full = ((rms - FLOOR) / -FLOOR * width as f64).round().clamp(0.0, width as f64);
        let bar = "#".repeat(full as usize);
        format!("[{bar:.<width$}] {} rms {} peak", shown(rms), shown(decibels(peak)))
    }
}

fn decibels(x: f64) -> f64 {
    20.0 * x.log10()
}

/// Six places, so that numbers stand below each other.
fn shown(db: f64) -> String {
    if db < -99.9 { "  -inf".to_owned() } else { format!("{db:6.1}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_scale_square_fills_the_bar() {
        let mut meter = Meter::default();
        meter.add(&[1.0, -1.0]);
        assert_eq!(meter.take(4), "[####]    0.0 rms    0.0 peak");
    }

    #[test]
    fn half_scale_is_six_decibels_less_and_silence_has_none() {
        let mut meter = Meter::default();
        meter.add(&[0.001, 0.001]);
        assert_eq!(meter.take(4), "[....]  -60.0 rms  -60.0 peak");
        assert_eq!(meter.take(4), "[....]   -inf rms   -inf peak");
        meter.add(&[0.5; 8]);
        assert_eq!(meter.take(60), format!("[{}......]   -6.0 rms   -6.0 peak", "#".repeat(54)));
    }
}
