//! How a kernel finds the widest instructions that the machine has.

#![allow(
    clippy::inline_always,
    reason = "a kernel that is not inlined runs without the instructions it is written for"
)]

use pulp::{Arch, Scalar128b, Simd, WithSimd};

/// Arithmetic written once for vectors of any width.
///
/// It must be inlined into the function that is compiled for an instruction set, and
/// so must all it calls; a call that is left would run the wrong instructions.
pub(crate) trait Kernel {
    /// Does the work. `FUSED` says that the machine multiplies and adds in one step.
    fn run<S: Simd, const FUSED: bool>(self, simd: S);
}

/// Runs `kernel` with the instructions of `arch`; one decision per call.
pub(crate) fn run(arch: Arch, kernel: impl Kernel) {
    match arch {
        // What every machine can: vectors of four, which compilers know how to map.
        Arch::Scalar => kernel.run::<_, false>(Scalar128b),
        _ => arch.dispatch(Fused(kernel)),
    }
}

struct Fused<K>(K);

impl<K: Kernel> WithSimd for Fused<K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.0.run::<S, true>(simd);
    }
}

/// `a * b + sum`. Fused without the instruction for it would be a call per sample.
#[inline(always)]
pub(crate) fn madd<S: Simd, const FUSED: bool>(
    simd: S,
    a: S::f32s,
    b: S::f32s,
    sum: S::f32s,
) -> S::f32s {
    if FUSED { simd.mul_add_e_f32s(a, b, sum) } else { simd.add_f32s(simd.mul_f32s(a, b), sum) }
}

/// What a filter may keep in its memory: of zeros times NaN, as the filling of a row
/// makes them, the result would depend on the cut.
#[inline(always)]
pub(crate) fn finite(x: f32) -> f32 {
    if x.is_finite() { x } else { 0.0 }
}
