//! Contenders in turns: A B C, A B C, … until the noise has hit all alike.

use std::hint::black_box;

/// Something to measure: a name, and one lap's work.
pub struct Contender<'a> {
    /// What the table calls it.
    pub name: &'static str,
    /// Does one lap. All contenders' laps must take in the same audio.
    pub lap: Box<dyn FnMut() + 'a>,
}

impl<'a> Contender<'a> {
    /// `lap` does one lap's work.
    pub fn new(name: &'static str, lap: impl FnMut() + 'a) -> Self {
        Self { name, lap: Box::new(lap) }
    }
}

/// The shortest batch, in nanoseconds. Long against reading the clock, short against
/// a time slice, so that most batches are not interrupted.
const BATCH: f64 = 200_000.0;

/// Gives every contender a batch of laps per round; returns their times per lap, in
/// their order.
pub fn race(contenders: &mut [Contender<'_>], rounds: usize) -> Vec<Times> {
    let batches: Vec<usize> = contenders.iter_mut().map(|c| batch(&mut c.lap)).collect();
    let mut times = vec![Times::default(); contenders.len()];
    for round in 0..rounds {
        for ((contender, &laps), times) in contenders.iter_mut().zip(&batches).zip(&mut times) {
            let mut batch = || times.0.push(timed(&mut contender.lap, laps) / laps as f64);
            deeper(round % DEPTHS, &mut batch);
        }
    }
    times
}

/// Enough levels to move the stack by a page.
const DEPTHS: usize = 32;

/// Runs so many levels down the stack. A store and a load that are whole pages apart
/// get into each other's way: where the stack happens to lie against the buffers was
/// seen to cost 15 %, differently in every run of the same program. So every round
/// lies elsewhere.
#[inline(never)]
fn deeper(levels: usize, run: &mut dyn FnMut()) {
    let level = black_box([0u8; 64]);
    match levels {
        0 => run(),
        _ => deeper(levels - 1, run),
    }
    black_box(&level);
}

/// How many laps make a batch.
fn batch(lap: &mut dyn FnMut()) -> usize {
    let mut laps = 1;
    while timed(lap, laps) < BATCH {
        laps *= 2;
    }
    laps
}

/// Nanoseconds that these laps take.
fn timed(lap: &mut dyn FnMut(), laps: usize) -> f64 {
    let start = cpu_time();
    for _ in 0..laps {
        black_box(&mut *lap)();
    }
    cpu_time() - start
}

/// Nanoseconds this thread has been running: what others do does not count.
#[cfg(unix)]
fn cpu_time() -> f64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one `timespec` to a place that is one.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut now) };
    assert_eq!(status, 0, "this system has no clock per thread");
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

/// Where threads have no clock of their own, time goes on while others run; the
/// medians bear it.
#[cfg(not(unix))]
fn cpu_time() -> f64 {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as f64
}

/// Nanoseconds per lap, one figure per round.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Times(pub Vec<f64>);

impl Times {
    /// What it costs when nothing interferes.
    pub fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// What it usually cost.
    pub fn median(&self) -> f64 {
        median(self.0.clone())
    }

    /// How many times as long as `other`: the median over the rounds. Both figures of
    /// a round were taken next to each other.
    pub fn ratio(&self, other: &Self) -> f64 {
        median(self.0.iter().zip(&other.0).map(|(a, b)| a / b).collect())
    }

    /// How many times as long as `other`, best round against best round.
    pub fn ratio_of_minima(&self, other: &Self) -> f64 {
        self.min() / other.min()
    }
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    let middle = of.len() / 2;
    match of.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => of[middle],
        _ => f64::midpoint(of[middle - 1], of[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a machine does in six rounds: slower by half in two of them, and one
    /// contender is interrupted once.
    const MACHINE: [f64; 6] = [1.0, 1.0, 1.5, 1.5, 1.0, 1.02];

    fn times(cost: f64, interrupted: usize) -> Times {
        let mut times = MACHINE.map(|m| m * cost);
        times[interrupted] *= 40.0;
        Times(times.into())
    }

    #[test]
    fn double_work_is_a_ratio_of_two_on_a_noisy_machine() {
        let (double, single) = (times(200.0, 4), times(100.0, 1));
        assert_eq!(double.ratio(&single), 2.0);
        assert_eq!(single.ratio(&double), 0.5);
        assert_eq!(double.ratio_of_minima(&single), 2.0);
        assert_eq!(single.ratio(&single), 1.0);
    }

    #[test]
    fn the_minimum_and_the_median_bear_an_interruption() {
        let t = times(100.0, 0);
        assert_eq!(t.min(), 100.0);
        assert_eq!(t.median(), 126.0);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn everyone_runs_in_every_round() {
        let (mut a, mut b) = (0, 0);
        let mut both = [Contender::new("a", || a += 1), Contender::new("b", || b += 1)];
        let times = race(&mut both, 3);
        drop(both);
        assert!(times.len() == 2 && times.iter().all(|t| t.0.len() == 3));
        assert!(a > 3 && b > 3);
    }
}
