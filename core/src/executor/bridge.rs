//! What a dead node's place does: the signal passes, as late as it was before, or is
//! silence where it cannot pass; a dead detector says "speech", because a gate behind
//! it must not lose any.

use alloc::boxed::Box;
use alloc::vec;

use crate::node::{Input, Output};

#[derive(Debug)]
pub(crate) enum Bridge {
    /// Copies, through as many frames per channel as the node was late.
    Copy { line: Box<[f32]>, delay: usize, at: usize },
    /// Fills.
    Fill(f32),
}

impl Bridge {
    /// The signal passes `delay` frames late.
    pub(crate) fn copy(delay: usize, channels: usize) -> Self {
        Self::Copy { line: vec![0.0; delay * channels].into(), delay, at: 0 }
    }

    #[cold]
    pub(super) fn stand_in(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        // A gate lets out nothing here: what it lets through is released elsewhere.
        let channels = if output.frames() == 0 { 0 } else { output.channels() };
        for channel in 0..channels {
            let to = output.channel(channel);
            match self {
                Self::Fill(value) => to.fill(*value),
                Self::Copy { line, delay, at } => {
                    let late = &mut line[channel * *delay..][..*delay];
                    pass(input.channel(0, channel), to, late, *at);
                }
            }
        }
        if let Self::Copy { delay: delay @ 1.., at, .. } = self {
            *at = (*at + output.frames()) % *delay;
        }
    }

    pub(super) fn clear(&mut self) {
        if let Self::Copy { line, at, .. } = self {
            line.fill(0.0);
            *at = 0;
        }
    }
}

fn pass(from: &[f32], to: &mut [f32], late: &mut [f32], mut at: usize) {
    if late.is_empty() {
        return to.copy_from_slice(from);
    }
    for (to, from) in to.iter_mut().zip(from) {
        *to = core::mem::replace(&mut late[at], *from);
        at = (at + 1) % late.len();
    }
}
