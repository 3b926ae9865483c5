//! Every `down`-th frame: 48 to 16 kHz, 16 to 8 kHz.
//!
//! All output frames share one row of taps, so vectors run along the output: lane `i`
//! works for output frame `j + i`, and a tap is loaded once for many of them. For that
//! the input is dealt out to `down` planes, every `down`-th frame on each. An output
//! frame adds up its taps one by one, in one order, wherever the calls were cut.

use std::sync::Arc;

use pulp::{Arch, Simd};

use super::prototype::HALF;
use super::table::{LINE, Table};
use crate::kernel::{self, Kernel, finite, madd};

/// Output frames of one pass: 10 ms at 16 kHz.
const PASS: usize = WIDE * LINE;
/// Vectors of output frames that are worked on together: as many as there are
/// registers for on x86-64. Half as many take the remainder.
const WIDE: usize = 10;
const NARROW: usize = WIDE / 2;
/// Taps per plane, and the frames of it that are behind when a pass begins.
const TAPS: usize = 2 * HALF as usize;
const BEHIND: usize = TAPS - 1;
/// Room per plane. A group of `down` frames that is not complete stands at the end.
const PLANE: usize = BEHIND + PASS + 1;

/// Divides the rate of one channel by a whole number.
pub(super) struct Decimate {
    table: Arc<Table>,
    arch: Arch,
    /// `down` of them.
    planes: Vec<f32>,
    /// Frames of the group that is not complete.
    begun: usize,
}

impl Decimate {
    pub(super) fn new(table: Arc<Table>, arch: Arch) -> Self {
        let planes = vec![0.0; table.ratio.down as usize * PLANE];
        Self { table, arch, planes, begun: 0 }
    }

    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// How many frames come out when so many go in.
    pub(super) fn made(&self, frames: usize) -> usize {
        (self.begun + frames) / self.table.ratio.down as usize
    }

    pub(super) fn run(&mut self, mut x: &[f32], mut out: &mut [f32]) {
        let down = self.table.ratio.down as usize;
        while !x.is_empty() {
            let frames = x.len().min(PASS * down - self.begun);
            let (now, here);
            (now, x) = x.split_at(frames);
            (here, out) = out.split_at_mut(self.made(frames));
            let Self { table, arch, planes, begun } = self;
            kernel::run(*arch, Pass { table, x: now, planes, begun: *begun, out: here });
            *begun = (*begun + frames) % down;
        }
    }

    pub(super) fn reset(&mut self) {
        self.planes.fill(0.0);
        self.begun = 0;
    }
}

/// So much as the planes have room for.
struct Pass<'a> {
    table: &'a Table,
    x: &'a [f32],
    planes: &'a mut [f32],
    begun: usize,
    out: &'a mut [f32],
}

impl Kernel for Pass<'_> {
    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, simd: S) {
        let Self { table, x, planes, begun, out } = self;
        deal(x, planes, table.ratio.down as usize, begun);
        let mut at = 0;
        while at < out.len() {
            let rest = &mut out[at..];
            at += if rest.len() > NARROW * S::F32_LANES {
                block::<S, FUSED, WIDE>(simd, table, planes, at, rest)
            } else {
                block::<S, FUSED, NARROW>(simd, table, planes, at, rest)
            };
        }
        for plane in planes.chunks_exact_mut(PLANE) {
            plane.copy_within(out.len()..out.len() + TAPS, 0);
        }
    }
}

/// Deals frames out to the planes, the first one to plane `begun`.
#[inline(always)]
fn deal(x: &[f32], planes: &mut [f32], down: usize, begun: usize) {
    let (head, x) = x.split_at(((down - begun) % down).min(x.len()));
    for (&x, plane) in head.iter().zip(planes.chunks_exact_mut(PLANE).skip(begun)) {
        plane[BEHIND] = finite(x);
    }
    let at = BEHIND + usize::from(begun > 0);
    match down {
        2 => deal_groups::<2>(x, planes, at),
        3 => deal_groups::<3>(x, planes, at),
        6 => deal_groups::<6>(x, planes, at),
        _ => {
            for (plane, first) in planes.chunks_exact_mut(PLANE).zip(0..) {
                let mine = x.iter().skip(first).step_by(down);
                plane[at..].iter_mut().zip(mine).for_each(|(to, &x)| *to = finite(x));
            }
        }
    }
}

/// The same with a `DOWN` that the compiler knows: it then moves whole vectors.
#[inline(always)]
fn deal_groups<const DOWN: usize>(x: &[f32], planes: &mut [f32], at: usize) {
    let (groups, rest) = x.as_chunks::<DOWN>();
    let mut planes = planes.chunks_exact_mut(PLANE);
    let mut planes: [&mut [f32]; DOWN] = std::array::from_fn(|_| {
        let plane = planes.next().unwrap_or_default();
        &mut plane[at..]
    });
    for (i, group) in groups.iter().enumerate() {
        for (plane, &x) in planes.iter_mut().zip(group) {
            plane[i] = finite(x);
        }
    }
    for (plane, &x) in planes.iter_mut().zip(rest) {
        plane[groups.len()] = finite(x);
    }
}

/// `N` vectors of output frames from `at` on, as many of them as `out` has room for.
/// Lanes beyond what has come in work on what happens to be there and are dropped.
#[inline(always)]
fn block<S: Simd, const FUSED: bool, const N: usize>(
    simd: S,
    table: &Table,
    planes: &[f32],
    at: usize,
    out: &mut [f32],
) -> usize {
    let frames = N * S::F32_LANES;
    let mut sums = [simd.splat_f32s(0.0); N];
    for (taps, plane) in table.each_plane().zip(planes.chunks_exact(PLANE)) {
        for (i, &tap) in taps.iter().enumerate() {
            let tap = simd.splat_f32s(tap);
            let (x, _) = S::as_simd_f32s(&plane[at + i..at + i + frames]);
            for (sum, &x) in sums.iter_mut().zip(x) {
                *sum = madd::<S, FUSED>(simd, tap, x, *sum);
            }
        }
    }
    if out.len() >= frames {
        S::as_mut_simd_f32s(&mut out[..frames]).0.copy_from_slice(&sums);
        return frames;
    }
    let mut all = [0.0; PASS];
    S::as_mut_simd_f32s(&mut all[..frames]).0.copy_from_slice(&sums);
    out.copy_from_slice(&all[..out.len()]);
    out.len()
}
