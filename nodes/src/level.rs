//! `level`: how loud it is, as events.

use dasp_ring_buffer::Fixed;
use dasp_rms::Rms;
use tympan_core::{
    Border, Build, Built, Flow, Input, Kind, Node, Output, Param, Refusal, Spec, What,
};

/// Reports peak, RMS and clipped samples of every channel, on a fixed grid of
/// positions.
pub struct Level {
    /// One window for all channels, which take turns.
    rms: Rms<f32, Box<[f32]>>,
}

impl Kind for Level {
    const NAME: &'static str = "level";
    const ABOUT: &'static str = "Reports peak, RMS and clipping of each channel as events.";
    const OUTPUT: Flow = Flow::Events;
    const PARAMS: &'static [Param] =
        &[Param::time("every", 5.0, 10_000.0, 100.0).about("the stretch each report covers")];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let frames = cx.frames("every").max(1);
        let window = vec![0.0f32; frames as usize].into_boxed_slice();
        Spec::events().fixed(frames).runs(Self { rms: Rms::new(Fixed::from(window)) })
    }
}

impl Node for Level {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let captured = input.captured();
        if captured.is_empty() {
            return;
        }
        for channel in 0..input.channels(0) {
            let (mut peak, mut clipped) = (0.0f32, 0u16);
            self.rms.reset();
            for &x in input.channel(0, channel).get(captured.clone()).unwrap_or_default() {
                let height = dasp_peak::full_wave(x);
                peak = peak.max(height);
                clipped = clipped.saturating_add(u16::from(height >= 1.0));
                self.rms.next(x);
            }
            // The window is as long as a whole call; the first and the last may hold less.
            let share = input.frames() as f32 / captured.len() as f32;
            let rms = self.rms.current() * share.sqrt();
            let level = What::Level { peak, rms, clipped, channel: channel as u8 };
            output.event(captured.start, level);
        }
    }

    fn reset(&mut self, _: Border) {
        self.rms.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_top::{Bench, sine};
    use tympan_core::Format;

    fn levels(bench: &Bench) -> Vec<(i64, f32, f32, u16, u8)> {
        let level = |e: &tympan_core::Event| match e.what {
            What::Level { peak, rms, clipped, channel } => {
                Some((e.position, peak, rms, clipped, channel))
            }
            _ => None,
        };
        bench.events().iter().filter_map(level).collect()
    }

    #[test]
    fn a_sine_has_its_level() {
        let mut bench = Bench::new::<Level>(&[], Format::mono(16_000));
        bench.push(&sine(1000.0, 16_000, 4_000));
        bench.end();
        let got = levels(&bench);
        // Two whole stretches of 100 ms and half a one.
        assert_eq!(got.iter().map(|l| l.0).collect::<Vec<_>>(), [0, 1600, 3200]);
        for (_, peak, rms, clipped, _) in got {
            assert!((peak - 1.0).abs() < 1e-3 && (rms - 0.5f32.sqrt()).abs() < 1e-3, "{rms}");
            assert!(clipped <= 200, "a full-scale sine touches full scale at most twice a cycle");
        }
    }

    #[test]
    fn every_clipped_sample_of_every_channel_counts() {
        let mut bench = Bench::new::<Level>(&[("every", 10.0.into())], Format::stereo(1000));
        let frames = (0..10).flat_map(|i| [if i < 3 { 1.0 } else { 0.0 }, -1.5]);
        bench.push(&frames.collect::<Vec<_>>());
        let got = levels(&bench);
        assert_eq!((got[0].3, got[0].4, got[1].3, got[1].4), (3, 0, 10, 1));
        assert_eq!(got[1].1, 1.5);
    }

    #[test]
    fn silence_is_zero() {
        let mut bench = Bench::new::<Level>(&[], Format::mono(16_000));
        bench.push(&[0.0; 1600]);
        assert_eq!(levels(&bench), [(0, 0.0, 0.0, 0, 0)]);
    }
}
