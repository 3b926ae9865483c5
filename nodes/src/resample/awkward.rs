//! Ratios whose table would be large, by rubato's asynchronous resampler, which
//! interpolates between the phases of a small one.
//!
//! rubato makes as many frames as fit, the engine asks for as many as are due; what is
//! made and not due waits in a queue of two. Where rubato begins between two input
//! frames is no setting of it. So silence is sent ahead, at a ratio that makes it end
//! where we want to begin: then the delay is a whole number of output frames.

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{
    Adjustable, Async, FixedAsync, Resampler, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};
use tympan_core::{Border, Input, Node, Output, Refusal};

use super::table::Ratio;
use crate::kernel::finite;

/// Length of rubato's filter in periods of the lower rate: what a Blackman window needs
/// for the mask of our own filter, whose middle frequency it has.
const LENGTH: usize = 64;
const CUTOFF: f32 = 7.75 / 8.0;
/// Phases in its table. It interpolates between them with cubic polynomials.
const PHASES: u32 = 32;
/// Frames of a call: of the input at least, of the output at least.
const CALL: f64 = 32.0;
/// The ratio at which silence is sent ahead, about; and how far from the real one it
/// may be.
const LEAD: f64 = 0.8;
const LEEWAY: f64 = 1.5;
/// Of an output frame: how much earlier than due rubato must be at the least, so that
/// rounding never makes it late.
const MARGIN: f64 = 0.05;
/// Frames that can wait: it is early by at most one and `MARGIN`.
const QUEUE: usize = 2;

/// Changes the rate by a ratio of two large numbers.
pub(super) struct Awkward {
    inner: Async<f32>,
    plan: Plan,
    /// Of one call: what goes in and what comes out, channel after channel.
    taken: Vec<f32>,
    made: Vec<f32>,
    /// Frames that are made and not due, per channel.
    queues: Vec<[f32; QUEUE]>,
    queued: usize,
}

/// What is computed once.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    ratio: f64,
    /// Length of rubato's filter, in input frames.
    length: usize,
    /// Input frames per call.
    pub(super) call: u32,
    pub(super) delay: u32,
    /// The ratio at which silence is sent ahead.
    lead: f64,
}

impl Plan {
    pub(super) fn of(ratio: Ratio, rate: u32) -> Self {
        let Ratio { up, down } = ratio;
        let ratio = f64::from(up) / f64::from(down);
        let lower = ratio.min(1.0);
        let length = ((LENGTH as f64 / lower) as usize).next_multiple_of(8);
        let call = (CALL / lower).ceil().max(f64::from(rate / 500));
        // rubato begins so far back that it lags by this many input frames when what
        // it needs has just come in; sent further back by `ahead`, by a whole number
        // of output frames and one that is made before it is due.
        let lag = length as f64 / 2.0 + 2.0 - 1.0 / f64::from(PHASES);
        let frames = (lag * ratio + MARGIN).floor() + 1.0;
        let ahead = frames / ratio - lag;
        // Silence: `call - 2` input frames are enough for `out` output frames at this
        // ratio, with `ahead` left over.
        let out = (LEAD * ratio * (call - 2.0)).floor();
        let lead = out / (call - 2.0 - ahead);
        Self { ratio, length, call: call as u32, delay: frames as u32 - 1, lead }
    }
}

impl Awkward {
    pub(super) fn new(plan: Plan, channels: u16) -> Result<Self, Refusal> {
        let (call, channels) = (plan.call as usize, channels as usize);
        let filter = SincInterpolationParameters {
            sinc_len: plan.length,
            f_cutoff: Some(CUTOFF),
            oversampling_factor: PHASES as usize,
            interpolation: SincInterpolationType::Cubic,
            window: WindowFunction::Blackman,
        };
        let inner = Async::new_sinc(plan.ratio, LEEWAY, &filter, call, channels, FixedAsync::Input)
            .map_err(|e| Refusal::Other(format!("rubato says: {e}")))?;
        let made = vec![0.0; inner.output_frames_max() * channels];
        let taken = vec![0.0; call * channels];
        let queues = vec![[0.0; QUEUE]; channels];
        let mut this = Self { inner, plan, taken, made, queues, queued: 0 };
        this.begin().ok_or_else(|| Refusal::Other("rubato will not begin".into()))?;
        Ok(this)
    }

    /// Back to the beginning. None if rubato refuses, which it has no reason for.
    fn begin(&mut self) -> Option<()> {
        self.inner.reset();
        self.inner.set_resample_ratio(self.plan.lead, false).ok()?;
        self.taken.fill(0.0);
        self.call()?;
        self.inner.set_resample_ratio(self.plan.ratio, false).ok()?;
        self.queued = 0;
        Some(())
    }

    /// One call of rubato, and how many frames it made.
    fn call(&mut self) -> Option<usize> {
        let channels = self.queues.len();
        let room = self.made.len() / channels;
        let taken =
            SequentialSlice::new(&self.taken, channels, self.taken.len() / channels).ok()?;
        let mut made = SequentialSlice::new_mut(&mut self.made, channels, room).ok()?;
        let (_, frames) = self.inner.process_into_buffer(&taken, &mut made, None).ok()?;
        Some(frames)
    }

    /// Writes what is due and keeps the rest. None if too little or too much is there.
    fn deliver(&mut self, made: usize, output: &mut Output<'_>) -> Option<()> {
        let due = output.frames();
        let fresh = due.checked_sub(self.queued)?;
        let left = made.checked_sub(fresh).filter(|&left| left <= QUEUE)?;
        let room = self.made.len() / self.queues.len();
        let queues = self.queues.iter_mut().zip(self.made.chunks_exact(room));
        for (channel, (queue, made)) in queues.enumerate() {
            let (old, new) = output.channel(channel).split_at_mut(self.queued);
            old.copy_from_slice(&queue[..self.queued]);
            new.copy_from_slice(&made[..fresh]);
            queue[..left].copy_from_slice(&made[fresh..fresh + left]);
        }
        self.queued = left;
        Some(())
    }
}

impl Node for Awkward {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        for (channel, taken) in self.taken.chunks_exact_mut(input.frames()).enumerate() {
            for (to, &x) in taken.iter_mut().zip(input.channel(0, channel)) {
                *to = finite(x);
            }
        }
        if self.call().and_then(|made| self.deliver(made, output)).is_none() {
            for channel in 0..output.channels() {
                output.channel(channel).fill(0.0);
            }
            output.fault(1);
        }
    }

    fn reset(&mut self, _: Border) {
        // It has begun before, so it does again.
        let _ = self.begin();
    }
}
