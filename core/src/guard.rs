//! The entry guard: any bit pattern is legal input, and none of it gets further
//! than this door.
//!
//! One NaN leaves nnnoiseless broken for good and panics rubato, so this is not
//! optional. Inside the graph there is headroom of 18 dB over full scale; outputs
//! are brought to ±1 by [`leave`].

/// The largest magnitude inside the graph.
pub(crate) const CEILING: f32 = 8.0;

/// What was mended at the door.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mended {
    pub(crate) not_finite: u32,
    pub(crate) clamped: u32,
}

impl Mended {
    pub(crate) const fn any(self) -> bool {
        self.not_finite | self.clamped != 0
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.not_finite = self.not_finite.saturating_add(other.not_finite);
        self.clamped = self.clamped.saturating_add(other.clamped);
    }
}

/// Copies channel `channel` of interleaved `input` into `out`, mended.
pub(crate) fn enter(out: &mut [f32], input: &[f32], channel: usize, channels: usize) -> Mended {
    if channels == 1 {
        return enter_mono(out, input);
    }
    let mut mended = Mended::default();
    let mut frames = input.chunks_exact(channels.max(1)).filter_map(|frame| frame.get(channel));
    let mut mine = [0.0; BLOCK];
    for out in out.chunks_mut(BLOCK) {
        let mine = &mut mine[..out.len()];
        for (x, &from) in mine.iter_mut().zip(&mut frames) {
            *x = from;
        }
        if !pass(out, mine) {
            mended.add(mend(out, mine));
        }
    }
    mended
}

/// Samples looked at together: one verdict for all, so that the loop has no branch.
const BLOCK: usize = 64;

fn enter_mono(out: &mut [f32], input: &[f32]) -> Mended {
    let mut mended = Mended::default();
    for (o, x) in out.chunks_mut(BLOCK).zip(input.chunks(BLOCK)) {
        if !pass(o, x) {
            mended.add(mend(o, x));
        }
    }
    mended
}

/// Copies, subnormals as zero: they are silence, and slow on some machines. Tells
/// whether all were finite and below the ceiling; a NaN fails every comparison.
fn pass(out: &mut [f32], input: &[f32]) -> bool {
    let mut fine = 1;
    for (o, &x) in out.iter_mut().zip(input) {
        fine &= u32::from(x.abs() <= CEILING);
        *o = if x.abs() < f32::MIN_POSITIVE { 0.0 } else { x };
    }
    fine == 1
}

#[cold]
fn mend(out: &mut [f32], input: &[f32]) -> Mended {
    let mut mended = Mended::default();
    for (o, x) in out.iter_mut().zip(input) {
        if !x.is_finite() {
            *o = 0.0;
            mended.not_finite += 1;
        } else if x.abs() > CEILING {
            *o = CEILING.copysign(*x);
            mended.clamped += 1;
        }
    }
    mended
}

/// Copies what leaves the graph, brought to ±1 and finite; tells where a node had first
/// put out what is not finite.
pub(crate) fn leave(out: &mut [f32], samples: &[f32]) -> Option<usize> {
    let mut finite = 1;
    for (o, &x) in out.iter_mut().zip(samples) {
        finite &= u32::from(x.abs() < f32::INFINITY);
        *o = x.clamp(-1.0, 1.0);
    }
    if finite == 1 { None } else { silence_nan(out, samples) }
}

#[cold]
fn silence_nan(out: &mut [f32], samples: &[f32]) -> Option<usize> {
    for o in out {
        *o = if o.is_nan() { 0.0 } else { *o };
    }
    samples.iter().position(|x| !x.is_finite())
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn every_bit_pattern_becomes_a_sample() {
        // All exponents and both signs, with a few mantissas each.
        let input: Vec<f32> = (0..=u16::MAX)
            .flat_map(|hi| [0u32, 1, 0x7fff].map(|lo| f32::from_bits((hi as u32) << 16 | lo)))
            .collect();
        for channels in [1, 2, 3] {
            for channel in 0..channels {
                let mut out = vec![9.0; input.len() / channels];
                let mended = enter(&mut out, &input, channel, channels);
                assert!(out.iter().all(|x| x.abs() <= CEILING && !x.is_subnormal()));
                let mine: Vec<f32> = input.chunks_exact(channels).map(|f| f[channel]).collect();
                let bad = mine.iter().filter(|x| !x.is_finite()).count();
                let big = mine.iter().filter(|x| x.is_finite() && x.abs() > CEILING).count();
                assert_eq!((mended.not_finite as usize, mended.clamped as usize), (bad, big));
                for (o, x) in out.iter().zip(&mine) {
                    if x.is_normal() && x.abs() <= CEILING {
                        assert_eq!(o, x, "a good sample was changed");
                    }
                }
            }
        }
    }

    #[test]
    fn as_many_of_both_are_some() {
        let mended = mend(&mut [0.0; 2], &[f32::NAN, 9.0]);
        assert_eq!(mended, Mended { not_finite: 1, clamped: 1 });
        assert!(mended.any() && !Mended::default().any());
    }

    #[test]
    fn what_leaves_is_within_full_scale() {
        let mut out = [9.0; 6];
        let samples = [0.5, -1.5, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0];
        assert_eq!(leave(&mut out, &samples), Some(2));
        assert_eq!(out, [0.5, -1.0, 0.0, 1.0, -1.0, -1.0]);
        assert_eq!(leave(&mut out, &[8.0, -0.1]), None);
        assert_eq!(out[..2], [1.0, -0.1]);
    }
}
