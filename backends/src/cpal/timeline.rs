//! When a frame was captured, by a count of frames that the moments of the callbacks correct.
//!
//! Stamps of devices cannot be believed one by one: a server that interpolates its latency
//! moves them by 100 ms to and fro. A count of frames never jumps, and a callback can only
//! be late, never early. So the earliest callbacks of a second say where the count is:
//! if even they are late by much, frames were lost that nobody told of. Smaller delays that
//! stay are no proof, because servers buffer more at one time than at another; the count
//! follows them slowly.

/// Counts of a stream that runs without a break.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    rate: i64,
    /// When the first frame of the count began, and the frames since.
    zero_ns: i64,
    frames: i64,
    begun: bool,
    /// When the window began that is looked at, and the least delay in it.
    window_ns: i64,
    least_ns: i64,
    /// When the last callback came.
    called_ns: i64,
    /// No stamp is before the last one.
    last_ns: i64,
}

/// Where a buffer belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// When its first frame was captured.
    pub(super) host_ns: u64,
    /// Frames that are missing before it.
    pub(super) lost: u64,
}

const SECOND: i64 = 1_000_000_000;
/// How long callbacks are watched before anything follows from it.
const WINDOW_NS: i64 = SECOND;
/// A callback that is later than this behind the one before has waited, and others with it.
const STALL_NS: i64 = SECOND / 10;
/// A delay that does not go away in a window, and is longer than this, is a loss.
const LOSS_NS: i64 = SECOND / 10;
/// What an overrun that was told must be at least to be worth a mark.
const TOLD_NS: i64 = SECOND / 1000;
/// The part of a small delay that is corrected with each window: two clocks are never one.
/// And the most of it, which is far from what a session takes for a hole.
const SLEW: i64 = 8;
const SLEW_NS: i64 = SECOND / 200;

impl Timeline {
    pub(super) fn new(rate: u32) -> Self {
        Self {
            rate: i64::from(rate.max(1)),
            zero_ns: 0,
            frames: 0,
            begun: false,
            window_ns: 0,
            least_ns: i64::MAX,
            called_ns: 0,
            last_ns: 0,
        }
    }

    /// Places a buffer of so many frames, whose callback came `now_ns`. `overrun` is what the
    /// device says: it has lost something before it.
    pub(super) fn place(&mut self, frames: usize, now_ns: u64, overrun: bool) -> Placed {
        let (frames, now) = (frames as i64, now_ns as i64);
        if !self.begun {
            self.begun = true;
            self.zero_ns = now - self.length(frames);
            self.begin_window(now);
        }
        if now - self.called_ns > self.length(frames) + STALL_NS {
            // What waited meanwhile comes now, all of it late. That takes its time.
            self.begin_window(now);
        }
        self.called_ns = now;
        let end = self.zero_ns + self.length(self.frames + frames);
        let delay = now - end;
        if delay < 0 {
            // It cannot have been captured after this moment.
            self.zero_ns += delay;
        }
        let delay = delay.max(0);
        self.least_ns = self.least_ns.min(delay);
        let lost_ns = self.lost(now, delay, overrun);
        self.zero_ns += lost_ns;

        let begin = (self.zero_ns + self.length(self.frames)).max(self.last_ns);
        self.last_ns = begin;
        self.frames += frames;
        self.begin_anew();
        Placed { host_ns: begin as u64, lost: (lost_ns * self.rate / SECOND) as u64 }
    }

    /// How much time is missing before this buffer.
    fn lost(&mut self, now: i64, delay: i64, overrun: bool) -> i64 {
        if overrun {
            self.begin_window(now);
            return if delay >= TOLD_NS { delay } else { 0 };
        }
        if now - self.window_ns < WINDOW_NS {
            return 0;
        }
        let least = self.least_ns;
        self.begin_window(now);
        if least >= LOSS_NS {
            return least;
        }
        self.zero_ns += (least / SLEW).min(SLEW_NS);
        0
    }

    fn begin_window(&mut self, now: i64) {
        (self.window_ns, self.least_ns) = (now, i64::MAX);
    }

    fn length(&self, frames: i64) -> i64 {
        frames * SECOND / self.rate
    }

    /// Counts from the last whole second, so that the product with nanoseconds always fits
    /// and nothing is rounded away.
    fn begin_anew(&mut self) {
        if self.frames >= self.rate {
            let seconds = self.frames / self.rate;
            self.frames -= seconds * self.rate;
            self.zero_ns += seconds * SECOND;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const RATE: u32 = 48_000;

    /// Callbacks of 10 ms, each late by so many ms; frames lost and stamps in ms.
    fn run(late: impl IntoIterator<Item = u64>) -> (u64, Vec<u64>) {
        let mut timeline = Timeline::new(RATE);
        let (mut lost, mut stamps) = (0, Vec::new());
        for (n, late) in late.into_iter().enumerate() {
            let now = (n as u64 + 101) * 10 * MS + late * MS;
            let placed = timeline.place(480, now, false);
            lost += placed.lost;
            stamps.push(placed.host_ns / MS);
        }
        assert!(stamps.is_sorted(), "a moment is never before the last: {stamps:?}");
        (lost, stamps)
    }

    #[test]
    fn late_callbacks_move_no_stamp() {
        let (lost, stamps) = run((0..1000).map(|n| [0, 7, 30, 3, 90][n % 5]));
        assert_eq!(lost, 0);
        assert!(stamps.iter().enumerate().all(|(n, ms)| *ms == 1000 + n as u64 * 10));
    }

    #[test]
    fn a_late_beginning_is_set_right_by_the_first_good_callback() {
        let (lost, stamps) = run([80, 0, 0, 5]);
        assert_eq!(lost, 0);
        // Never backwards, so it stands until the count has come there.
        assert_eq!(stamps, [1080, 1080, 1080, 1080]);
        let (lost, stamps) = run([20, 0, 0, 0, 0]);
        assert_eq!((lost, stamps), (0, vec![1020, 1020, 1020, 1030, 1040]));
    }

    #[test]
    fn a_stall_that_is_made_up_for_loses_nothing() {
        // For two seconds nobody read; then all of it comes within moments.
        let late = |n: u64| match n {
            200..400 => (400 - n) * 10,
            _ => 0,
        };
        let (lost, stamps) = run((0..1000).map(late));
        assert_eq!(lost, 0);
        assert_eq!(stamps[999], 1000 + 9990);
        // Wherever in a window it happens.
        for begin in 200..300 {
            let late =
                |n: u64| if (begin..begin + 70).contains(&n) { (begin + 70 - n) * 10 } else { 0 };
            assert_eq!(run((0..1000).map(late)).0, 0, "from {begin}");
        }
    }

    #[test]
    fn a_delay_that_stays_is_a_loss_of_that_length() {
        for ms in [110, 250, 3000] {
            let (lost, stamps) = run((0..500).map(|n| if n < 200 { 0 } else { ms }));
            assert_eq!(lost, ms * 48, "{ms} ms");
            assert_eq!(stamps[499], 1000 + 4990 + ms);
        }
        // A server that buffers a little more from now on has lost nothing.
        let (lost, stamps) = run((0..5000).map(|n| if n < 200 { 0 } else { 90 }));
        assert_eq!(lost, 0);
        assert!(stamps.windows(2).all(|two| two[1] - two[0] <= 15));
        assert!((80..=90).contains(&(stamps[4999] - 1000 - 49_990)), "{}", stamps[4999]);
        // Two clocks that part by 300 ppm lose nothing in a quarter of an hour.
        let (lost, _) = run((0..90_000).map(|n| n * 3 / 1000));
        assert_eq!(lost, 0);
    }

    #[test]
    fn an_overrun_that_is_told_is_measured_at_once() {
        let mut timeline = Timeline::new(RATE);
        for n in 1..=10 {
            assert_eq!(timeline.place(480, n * 10 * MS, false).lost, 0);
        }
        let placed = timeline.place(480, 135 * MS, true);
        assert_eq!(placed, Placed { host_ns: 125 * MS, lost: 25 * 48 });
        let placed = timeline.place(480, 145 * MS, false);
        assert_eq!(placed, Placed { host_ns: 135 * MS, lost: 0 });
        // One that lost nothing worth a word.
        assert_eq!(timeline.place(480, 155 * MS + MS / 2, true).lost, 0);
    }

    #[test]
    fn a_day_of_an_odd_rate_does_not_drift() {
        let mut timeline = Timeline::new(44_100);
        let mut frames = 0u128;
        for _ in 0..86_400 * 10 {
            frames += 4410;
            let now = frames * 1_000_000_000 / 44_100;
            let placed = timeline.place(4410, now as u64, false);
            assert_eq!(placed.lost, 0);
            let begin = (frames - 4410) * 1_000_000_000 / 44_100;
            assert!(placed.host_ns.abs_diff(begin as u64) < 1000, "at {frames}");
        }
    }
}
