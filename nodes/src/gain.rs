//! `gain`: louder or softer, and changeable while it runs.

use dasp_sample::Sample;
use pulp::{Arch, Simd};
use tympan_core::{Border, Build, Built, Input, Kind, Live, Node, Output, Param, Refusal, Spec};

use crate::kernel::{self, Kernel};

/// Multiplies by a constant; a change is a ramp, not a click.
pub struct Gain {
    db: Live,
    /// The setting that `to` was computed from.
    set: f32,
    /// The factor now, the factor to reach, and in how many frames.
    now: f32,
    to: f32,
    left: usize,
    ramp: usize,
    arch: Arch,
}

/// The length of the ramp after a change.
const RAMP_MS: u32 = 10;

impl Kind for Gain {
    const NAME: &'static str = "gain";
    const ABOUT: &'static str = "Makes the signal louder or softer.";
    const PARAMS: &'static [Param] = &[Param::number("db", -60.0, 60.0, 0.0)
        .unit("dB")
        .live()
        .about("by how much; positive is louder")];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let db = cx.live("db");
        let (set, now) = (db.get(), factor(db.get()));
        let ramp = (cx.input(0).rate * RAMP_MS / 1000).max(1) as usize;
        Spec::audio(cx.input(0)).runs(Self {
            db,
            set,
            now,
            to: now,
            left: 0,
            ramp,
            arch: Arch::new(),
        })
    }
}

fn factor(db: f32) -> f32 {
    10f32.powf(db / 20.0)
}

impl Gain {
    /// Follows the setting.
    fn follow(&mut self) {
        let db = self.db.get();
        if db != self.set {
            self.set = db;
            self.to = factor(db);
            self.left = self.ramp;
        }
    }

    /// The factor `frames` frames on.
    fn after(&self, frames: usize) -> f32 {
        if frames >= self.left {
            return self.to;
        }
        self.now + (self.to - self.now) * frames as f32 / self.left as f32
    }
}

/// The steady part, which is nearly all there is.
struct Scale<'a> {
    x: &'a [f32],
    out: &'a mut [f32],
    by: f32,
}

impl Kernel for Scale<'_> {
    #[allow(clippy::inline_always, reason = "see `Kernel`")]
    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, simd: S) {
        let by = simd.splat_f32s(self.by);
        let (x, x_rest) = S::as_simd_f32s(self.x);
        let (out, out_rest) = S::as_mut_simd_f32s(self.out);
        for (o, x) in out.iter_mut().zip(x) {
            *o = simd.mul_f32s(*x, by);
        }
        for (o, x) in out_rest.iter_mut().zip(x_rest) {
            *o = x * self.by;
        }
    }
}

impl Node for Gain {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        self.follow();
        let ramp = self.left.min(input.frames());
        for channel in 0..output.channels() {
            let x = input.channel(0, channel).split_at_checked(ramp);
            let out = output.channel(channel).split_at_mut_checked(ramp);
            let (Some((x, steady)), Some((ramped, out))) = (x, out) else { continue };
            for (i, (o, x)) in ramped.iter_mut().zip(x).enumerate() {
                *o = x.mul_amp(self.after(i + 1));
            }
            kernel::run(self.arch, Scale { x: steady, out, by: self.to });
        }
        self.now = self.after(ramp);
        self.left -= ramp;
    }

    fn reset(&mut self, _: Border) {
        self.now = self.to;
        self.left = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_top::{Bench, through};
    use tympan_core::Format;

    #[test]
    fn six_decibels_are_a_factor_of_two() {
        let x = [0.1, -0.25, 0.0];
        let out = through::<Gain>(&[("db", 6.020_6.into())], Format::mono(16_000), &x);
        assert!(out.iter().zip(x).all(|(o, x)| (o - 2.0 * x).abs() < 1e-6), "{out:?}");
        assert_eq!(through::<Gain>(&[], Format::mono(16_000), &x), x);
    }

    #[test]
    fn a_change_is_a_ramp_of_ten_milliseconds() {
        let mut bench = Bench::new::<Gain>(&[], Format::mono(1000));
        assert_eq!(bench.push(&[0.5; 4]), [0.5; 4]);
        bench.live("db").set(-20.0).unwrap();
        let out = bench.push(&[0.5; 12]);
        assert!(out.windows(2).take(9).all(|w| w[0] > w[1]), "{out:?}");
        assert!(out[9..].iter().all(|x| (x - 0.05).abs() < 1e-6), "{out:?}");
    }
}
