//! One channel of a frame: a constant, a prediction and what it leaves, or the samples.

use super::bits::Bits;
use super::predict::{self, FIXED, Finder, Linear, PRECISION};
use super::rice::Rice;

/// How a channel is written, and how many bits that takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Subframe {
    way: Way,
    bits: u64,
    /// The lowest bits that no sample uses, as with 16 bits in 24.
    unused: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Way {
    #[default]
    Verbatim,
    Constant,
    Fixed {
        order: usize,
        rice: Rice,
    },
    Linear {
        by: Linear,
        rice: Rice,
    },
}

impl Subframe {
    fn new(way: Way, bits: u64) -> Self {
        Self { way, bits, unused: 0 }
    }

    pub(super) fn bits(&self) -> u64 {
        self.bits
    }

    /// What sort of subframe follows, and how many bits its samples do without.
    fn head(&self, sort: u64, to: &mut Bits<'_>) {
        to.put(sort << 1 | u64::from(self.unused > 0), 8);
        if self.unused > 0 {
            to.unary(u64::from(self.unused) - 1);
        }
    }

    fn shorter(self, other: Self) -> Self {
        if other.bits < self.bits { other } else { self }
    }
}

/// Finds and writes subframes.
pub(super) struct Coder {
    finder: Finder,
    /// What a prediction leaves of a block.
    left: Box<[i32]>,
}

/// Bits of a subframe's head.
const HEAD: u64 = 8;

impl Coder {
    pub(super) fn new(frames: usize) -> Self {
        Self { finder: Finder::new(frames), left: vec![0; frames].into() }
    }

    /// The shortest way to write these samples of `width` bits. Bits that none of them
    /// uses are taken off.
    pub(super) fn plan(&mut self, x: &mut [i32], width: u32) -> Subframe {
        let used = x.iter().fold(0, |all, &sample| all | sample);
        let unused = if used == 0 { 0 } else { used.trailing_zeros() };
        for sample in x.iter_mut().filter(|_| unused > 0) {
            *sample >>= unused;
        }
        let mut plan = self.shortest(x, u64::from(width - unused));
        plan.unused = unused;
        plan.bits += u64::from(unused);
        plan
    }

    fn shortest(&mut self, x: &[i32], wide: u64) -> Subframe {
        if x.iter().all(|&sample| sample == x[0]) {
            return Subframe::new(Way::Constant, HEAD + wide);
        }
        let verbatim = Subframe::new(Way::Verbatim, HEAD + wide * x.len() as u64);
        verbatim.shorter(self.fixed(x, wide)).shorter(self.linear(x, wide))
    }

    fn fixed(&mut self, x: &[i32], width: u64) -> Subframe {
        let mut best = Subframe::new(Way::Verbatim, u64::MAX);
        for order in 0..=FIXED.min(x.len() - 1) {
            let left = &mut self.left[..x.len() - order];
            if predict::fixed(order, x, left) {
                let rice = Rice::of(left, order);
                let bits = HEAD + width * order as u64 + rice.bits;
                best = best.shorter(Subframe::new(Way::Fixed { order, rice }, bits));
            }
        }
        best
    }

    fn linear(&mut self, x: &[i32], width: u64) -> Subframe {
        let nothing = Subframe::new(Way::Verbatim, u64::MAX);
        let Some(by) = self.finder.find(x) else { return nothing };
        let left = &mut self.left[..x.len() - by.order];
        if !predict::linear(&by, x, left) {
            return nothing;
        }
        let rice = Rice::of(left, by.order);
        let weights = (width + u64::from(PRECISION)) * by.order as u64;
        Subframe::new(Way::Linear { by, rice }, HEAD + 9 + weights + rice.bits)
    }

    /// Writes what was planned for the same samples.
    pub(super) fn write(&mut self, plan: &Subframe, x: &[i32], width: u32, to: &mut Bits<'_>) {
        let width = width - plan.unused;
        match &plan.way {
            Way::Constant => {
                plan.head(0, to);
                as_they_are(&x[..1], width, to);
            }
            Way::Verbatim => {
                plan.head(1, to);
                as_they_are(x, width, to);
            }
            Way::Fixed { order, rice } => {
                plan.head(0b1000 | *order as u64, to);
                as_they_are(&x[..*order], width, to);
                let left = &mut self.left[..x.len() - order];
                predict::fixed(*order, x, left);
                rice.write(left, *order, to);
            }
            Way::Linear { by, rice } => {
                plan.head(0b10_0000 | (by.order as u64 - 1), to);
                as_they_are(&x[..by.order], width, to);
                to.put(u64::from(PRECISION) - 1, 4);
                to.put(by.shift.into(), 5);
                as_they_are(by.weights(), PRECISION, to);
                let left = &mut self.left[..x.len() - by.order];
                predict::linear(by, x, left);
                rice.write(left, by.order, to);
            }
        }
    }
}

fn as_they_are(numbers: &[i32], width: u32, to: &mut Bits<'_>) {
    for &number in numbers {
        to.put_signed(number, width);
    }
}
