//! Any ratio whose table is small: 44.1 to 16 kHz, 24 to 16, 16 to 48.
//!
//! Every output frame is a dot product of a row of taps with the input around its
//! position; vectors run along the taps. Of many rows, half are mirror images of the
//! others. For those the input is kept a second time, backwards: the whole table would
//! not fit into the first-level cache, and half of it does.
//!
//! The order of additions within a dot product depends on the instruction set, never
//! on the cut.

use std::sync::Arc;

use pulp::{Arch, Simd};

use super::table::{LINE, Ratio, Table};
use crate::kernel::{self, Kernel, madd};

/// Input frames of one pass.
const PASS: usize = 512;

/// Changes the rate by a ratio of two numbers.
pub(super) struct Polyphase {
    table: Arc<Table>,
    arch: Arch,
    /// Per channel: what is behind, a pass, and a line for the filling of a row, which
    /// may lie ahead.
    forth: Vec<f32>,
    /// One channel of it, backwards.
    back: Vec<f32>,
    next: Place,
}

/// Where an output frame stands: the input frame before it on `forth`, and which row of
/// taps it wants.
#[derive(Clone, Copy)]
struct Place {
    frame: usize,
    row: usize,
}

impl Place {
    /// The first one: `delay` output frames before the input begins.
    fn first(ratio: Ratio) -> Self {
        let (up, down, delay) = (ratio.up as usize, ratio.down as usize, ratio.delay() as usize);
        Self { frame: ratio.behind() - (delay * down).div_ceil(up), row: (up - delay % up) % up }
    }
}

impl Polyphase {
    pub(super) fn new(table: Arc<Table>, arch: Arch) -> Self {
        let room = table.ratio.behind() + PASS + LINE;
        let next = Place::first(table.ratio);
        Self { table, arch, forth: vec![0.0; room], back: vec![0.0; room], next }
    }

    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// How many frames have all they need when so many more have come in.
    pub(super) fn made(&self, frames: usize) -> usize {
        let ratio = self.table.ratio;
        let (up, down) = (ratio.up as usize, ratio.down as usize);
        // The last one stands a delay and one output frame before the end.
        let end = (ratio.behind() + frames) * up - ratio.delay() as usize * down;
        let next = self.next.frame * up + self.next.row * down % up;
        end.saturating_sub(next) / down
    }

    pub(super) fn run(&mut self, mut x: &[f32], mut out: &mut [f32]) {
        while !x.is_empty() {
            let (now, here);
            (now, x) = x.split_at(x.len().min(PASS));
            (here, out) = out.split_at_mut(self.made(now.len()));
            let Self { table, arch, forth, back, next } = self;
            kernel::run(*arch, Pass { table, x: now, forth, back, next, out: here });
            next.frame -= now.len();
        }
    }

    pub(super) fn reset(&mut self) {
        self.forth.fill(0.0);
        self.next = Place::first(self.table.ratio);
    }
}

/// So much as there is room for.
struct Pass<'a> {
    table: &'a Table,
    x: &'a [f32],
    forth: &'a mut [f32],
    back: &'a mut [f32],
    next: &'a mut Place,
    out: &'a mut [f32],
}

impl Kernel for Pass<'_> {
    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, simd: S) {
        let Self { table, x, forth, back, next, out } = self;
        let behind = table.ratio.behind();
        let end = behind + x.len() + LINE;
        for (to, &x) in forth[behind..].iter_mut().zip(x) {
            *to = kernel::finite(x);
        }
        forth[end - LINE..end].fill(0.0);
        if table.ratio.is_halved() {
            for (to, &x) in back[..end].iter_mut().zip(forth[..end].iter().rev()) {
                *to = x;
            }
        }
        let dots = Dots { table, forth: &forth[..end], back: &back[..end], next };
        dots.fill::<S, FUSED>(simd, out);
        forth.copy_within(x.len()..x.len() + behind, 0);
    }
}

/// What output frames are made of.
struct Dots<'a> {
    table: &'a Table,
    forth: &'a [f32],
    back: &'a [f32],
    next: &'a mut Place,
}

impl Dots<'_> {
    #[inline(always)]
    fn fill<S: Simd, const FUSED: bool>(self, simd: S, mut out: &mut [f32]) {
        let Self { table, forth, back, next } = self;
        let (up, reach) = (table.ratio.up as usize, table.ratio.reach());
        let n = (2 * reach).next_multiple_of(S::F32_LANES);
        while !out.is_empty() {
            // Down to the end of the table, then up again in the mirror.
            let row = next.row;
            let mirror = row >= table.ratio.rows();
            let left = if mirror { up - row } else { table.ratio.rows() - row };
            let here;
            (here, out) = out.split_at_mut(out.len().min(left));
            let (frames, after) = table.frames[row..].split_at(here.len());
            // Where row 0 stands, perhaps before `forth` begins.
            let zero = next.frame.wrapping_sub(frames[0] as usize);
            *next = Place { frame: zero.wrapping_add(after[0] as usize), row: row + here.len() };
            if next.row == up {
                next.row = 0;
            }
            if mirror {
                // There the filling of a row lies ahead.
                let from = (back.len() - 1 - (n - reach)).wrapping_sub(zero);
                let taps = table.rows(up - row + 1 - here.len(), here.len());
                stretch::<S, FUSED, true>(simd, taps, (back, from), n, frames, here);
            } else {
                let from = (reach + 1).wrapping_add(zero).wrapping_sub(n);
                let taps = table.rows(row, here.len());
                stretch::<S, FUSED, false>(simd, taps, (forth, from), n, frames, here);
            }
        }
    }
}

/// Output frames whose rows of taps lie one behind the other: the last `n` of each row,
/// for the input from so many frames on, or before in the mirror.
#[inline(always)]
fn stretch<S: Simd, const FUSED: bool, const MIRROR: bool>(
    simd: S,
    taps: &[f32],
    (x, from): (&[f32], usize),
    n: usize,
    frames: &[u32],
    out: &mut [f32],
) {
    let stride = taps.len() / out.len();
    let at = |frame: u32| {
        let at = if MIRROR {
            from.wrapping_sub(frame as usize)
        } else {
            from.wrapping_add(frame as usize)
        };
        &x[at..][..n]
    };
    let skip = stride - n;
    let mut tap = if MIRROR { taps.len() - n } else { skip };
    let mut pair = |frame| {
        let pair = (&taps[tap..][..n], at(frame));
        tap = if MIRROR { tap.wrapping_sub(stride) } else { tap + stride };
        pair
    };
    let (fours, ones) = out.as_chunks_mut::<4>();
    let (at_fours, at_ones) = frames.as_chunks::<4>();
    for (four, &[a, b, c, d]) in fours.iter_mut().zip(at_fours) {
        *four = four_dots::<S, FUSED>(simd, [pair(a), pair(b), pair(c), pair(d)]);
    }
    for (one, &frame) in ones.iter_mut().zip(at_ones) {
        *one = dot::<S, FUSED>(simd, pair(frame));
    }
}

/// A dot product: one sum of vectors, added up in the end.
#[inline(always)]
fn dot<S: Simd, const FUSED: bool>(simd: S, (taps, x): (&[f32], &[f32])) -> f32 {
    let mut sum = simd.splat_f32s(0.0);
    for (&taps, &x) in S::as_simd_f32s(taps).0.iter().zip(S::as_simd_f32s(x).0) {
        sum = madd::<S, FUSED>(simd, taps, x, sum);
    }
    simd.reduce_sum_f32s(sum)
}

/// Four of them at once, because an addition waits for the one before it. Written out,
/// so that the sums stay in registers.
#[inline(always)]
fn four_dots<S: Simd, const FUSED: bool>(
    simd: S,
    [(a, ax), (b, bx), (c, cx), (d, dx)]: [(&[f32], &[f32]); 4],
) -> [f32; 4] {
    let n = a.len() / S::F32_LANES;
    let vectors = |x| &S::as_simd_f32s(x).0[..n];
    let (a, b, c, d) = (vectors(a), vectors(b), vectors(c), vectors(d));
    let (ax, bx, cx, dx) = (vectors(ax), vectors(bx), vectors(cx), vectors(dx));
    let zero = simd.splat_f32s(0.0);
    let mut sums = (zero, zero, zero, zero);
    let [a, b, c, d] = [(a, ax), (b, bx), (c, cx), (d, dx)].map(|(taps, x)| taps.iter().zip(x));
    for (((a, b), c), d) in a.zip(b).zip(c).zip(d) {
        sums.0 = madd::<S, FUSED>(simd, *a.0, *a.1, sums.0);
        sums.1 = madd::<S, FUSED>(simd, *b.0, *b.1, sums.1);
        sums.2 = madd::<S, FUSED>(simd, *c.0, *c.1, sums.2);
        sums.3 = madd::<S, FUSED>(simd, *d.0, *d.1, sums.3);
    }
    let sum = |x| simd.reduce_sum_f32s(x);
    [sum(sums.0), sum(sums.1), sum(sums.2), sum(sums.3)]
}
