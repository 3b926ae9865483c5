//! `mix`: another number of channels.

use dasp_frame::Frame;
use tympan_core::{Build, Built, Format, Input, Kind, Node, Output, Param, Refusal, Spec};

/// Mixes all channels to one, or copies one to several.
pub struct Mix {
    /// What each input channel weighs in a mono mix.
    weight: f32,
}

impl Kind for Mix {
    const NAME: &'static str = "mix";
    const ABOUT: &'static str = "Mixes all channels to one, or copies one to several.";
    const PARAMS: &'static [Param] =
        &[Param::required("channels", 1, 64).about("channels that come out")];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let format = cx.input(0);
        let channels = cx.whole("channels") as u16;
        if channels == format.channels {
            return Ok(Built::Identity);
        }
        if channels != 1 && format.channels != 1 {
            let why = format!(
                "{} channels cannot become {channels}; mix to 1 first, then to {channels}",
                format.channels
            );
            return Err(Refusal::Setting { name: "channels", why });
        }
        let weight = 1.0 / f32::from(format.channels);
        Spec::audio(Format { channels, ..format }).runs(Self { weight })
    }
}

/// As many samples as there are.
fn copy(from: &[f32], to: &mut [f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

impl Node for Mix {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        if output.channels() > 1 {
            for channel in 0..output.channels() {
                copy(input.channel(0, 0), output.channel(channel));
            }
            return;
        }
        let mono = output.channel(0);
        copy(input.channel(0, 0), mono);
        for channel in 1..input.channels(0) {
            for (sum, &x) in mono.iter_mut().zip(input.channel(0, channel)) {
                *sum = sum.add_amp(x);
            }
        }
        for sum in mono {
            *sum = sum.scale_amp(self.weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_top::{refusal, through};

    #[test]
    fn mono_is_the_mean_of_all_channels() {
        let out = through::<Mix>(
            &[("channels", 1.into())],
            Format::stereo(48_000),
            &[0.5, 0.25, -1.0, 1.0, 1.0, 1.0],
        );
        assert_eq!(out, [0.375, 0.0, 1.0]);
    }

    #[test]
    fn mono_is_copied_to_every_channel() {
        let out = through::<Mix>(&[("channels", 3.into())], Format::mono(8_000), &[0.5, -0.5]);
        assert_eq!(out, [0.5, 0.5, 0.5, -0.5, -0.5, -0.5]);
    }

    #[test]
    fn the_same_number_of_channels_is_nothing_to_do() {
        let out = through::<Mix>(&[("channels", 2.into())], Format::stereo(8_000), &[0.5, -0.5]);
        assert_eq!(out, [0.5, -0.5]);
    }

    #[test]
    fn two_cannot_become_three() {
        assert_eq!(
            refusal::<Mix>(&[("channels", 3.into())], Format::stereo(8_000)),
            "`channels` of `mix`: 2 channels cannot become 3; mix to 1 first, then to 3"
        );
    }
}
