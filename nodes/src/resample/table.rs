//! The filter's taps for one ratio, shared by all that resample at it.
//!
//! Output frame `j` stands at input position `(j - delay) * down / up`. Its fraction
//! depends only on `j - delay` modulo `up`: that many rows of taps are all there is,
//! kept in the order in which they are used. Row `v` and row `up - v` are each other's
//! mirror image, so of many rows only half are kept.

#[expect(clippy::disallowed_types, reason = "for building nodes only, see `Table::of`")]
use std::sync::Mutex;
use std::sync::{Arc, PoisonError, Weak};

use super::prototype::{self, HALF};

/// How many frames leave for those that enter, in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ratio {
    pub(super) up: u32,
    pub(super) down: u32,
}

impl Ratio {
    pub(super) fn of(out: u32, input: u32) -> Self {
        let (mut a, mut b) = (out, input);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        Self { up: out / a, down: input / a }
    }

    /// The same ratio in terms so high that rows come in long runs.
    fn repeated(self) -> Self {
        let times = RUN.div_ceil(self.up);
        Self { up: self.up * times, down: self.down * times }
    }

    /// One period of the lower rate, in units of `1 / up` input frames.
    fn period(self) -> u32 {
        self.up.max(self.down)
    }

    /// How late the signal comes out, in output frames: the least at which everything
    /// an output frame needs has come in when the engine asks for it.
    pub(super) fn delay(self) -> u32 {
        (u64::from(HALF) * u64::from(self.period())).div_ceil(self.down.into()) as u32 - 1
    }

    /// How far an output frame looks ahead of its position, in input frames, rounded up.
    pub(super) fn reach(self) -> usize {
        (u64::from(HALF) * u64::from(self.period())).div_ceil(self.up.into()) as usize
    }

    /// How many input frames may be older than the newest one by the time the first
    /// output frame that needs them is made.
    pub(super) fn behind(self) -> usize {
        let ahead = (u64::from(self.delay()) + 1) * u64::from(self.down);
        ahead.div_ceil(self.up.into()) as usize + self.row() - self.reach() - 1
    }

    /// Rows kept. Few are kept whole: repeated, a row that stands on an input frame
    /// would come up in the mirror too, where it looks one frame too far ahead.
    pub(super) fn rows(self) -> usize {
        if self.is_halved() { self.up as usize / 2 + 1 } else { self.up as usize }
    }

    /// Whether half of the rows are left to the mirror.
    pub(super) fn is_halved(self) -> bool {
        self.up >= 2 * RUN
    }

    /// Taps per row, filled up to whole lines.
    fn row(self) -> usize {
        (2 * self.reach()).next_multiple_of(LINE)
    }

    /// What a table takes, in bytes.
    pub(super) fn bytes(self) -> usize {
        self.row() * self.rows() * size_of::<f32>()
    }

    /// The taps of row `v`, oldest first, adding up to 1: so a constant stays what it
    /// is, whatever the phase.
    fn taps(self, v: u32) -> Vec<f32> {
        let reach = self.reach() as i64;
        let part = (u64::from(v) * u64::from(self.down) % u64::from(self.up)) as i64;
        let far = (1 - reach..=reach).map(|k| k * i64::from(self.up) - part);
        let taps: Vec<f64> =
            far.map(|t| prototype::at(t as f64 / f64::from(self.period()))).collect();
        let sum: f64 = taps.iter().sum();
        taps.iter().map(|tap| (tap / sum) as f32).collect()
    }
}

/// The widest vector, in samples; a line of cache too.
pub(super) const LINE: usize = 16;

/// Rows at least. The table of 24 to 16 kHz, which has two, holds them over and over:
/// a run costs as much to begin as a few output frames.
const RUN: u32 = 32;

/// The taps for one ratio.
pub(super) struct Table {
    pub(super) ratio: Ratio,
    /// Samples per row.
    stride: usize,
    /// Rows one after the other, from `start` on, where a line of cache begins.
    taps: Vec<f32>,
    start: usize,
    /// Whole input frames from the position of row 0 to that of row `v`, and to that of
    /// row 0 when it comes again.
    pub(super) frames: Vec<u32>,
}

impl Table {
    /// The table for `ratio`: one for all who ask while anyone has it.
    ///
    /// Locks and allocates: for building nodes only.
    #[expect(clippy::disallowed_types, reason = "a plan is made on an ordinary thread")]
    pub(super) fn of(ratio: Ratio) -> Arc<Self> {
        static SHARED: Mutex<Vec<Weak<Table>>> = Mutex::new(Vec::new());
        let ratio = if ratio.up == 1 { ratio } else { ratio.repeated() };
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.retain(|table| table.strong_count() > 0);
        if let Some(table) = shared.iter().filter_map(Weak::upgrade).find(|t| t.ratio == ratio) {
            return table;
        }
        let table = Arc::new(if ratio.up == 1 { Self::planes(ratio) } else { Self::phases(ratio) });
        shared.push(Arc::downgrade(&table));
        table
    }

    /// For whole divisions: the only row there is, dealt out to `down` planes.
    fn planes(ratio: Ratio) -> Self {
        let row = 2 * HALF as usize;
        let mut table = Self::empty(ratio, row, ratio.down as usize);
        // The row looks one frame further ahead than back; its mirror image, which is
        // the same filter, does not and needs nothing that has not come in.
        let mut taps = ratio.taps(0);
        taps.reverse();
        for (p, plane) in table.taps[table.start..].chunks_exact_mut(row).enumerate() {
            let mine = taps.iter().skip(p).step_by(ratio.down as usize);
            plane.iter_mut().zip(mine).for_each(|(to, tap)| *to = *tap);
        }
        table
    }

    /// For all others: the rows, with zeros in front up to a whole line.
    fn phases(ratio: Ratio) -> Self {
        let mut table = Self::empty(ratio, ratio.row(), ratio.rows());
        let rows = table.taps[table.start..].chunks_exact_mut(table.stride);
        for (v, row) in rows.take(ratio.rows()).enumerate() {
            let taps = ratio.taps(v as u32);
            row[ratio.row() - taps.len()..].copy_from_slice(&taps);
        }
        table
    }

    fn empty(ratio: Ratio, row: usize, rows: usize) -> Self {
        let taps = vec![0.0f32; row * rows + LINE];
        let start = taps.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
        let (up, down) = (u64::from(ratio.up), u64::from(ratio.down));
        let frames = (0..=up).map(|v| (v * down / up) as u32).collect();
        Self { ratio, stride: row, taps, start, frames }
    }

    /// Some rows, one after the other.
    #[inline]
    pub(super) fn rows(&self, first: usize, rows: usize) -> &[f32] {
        &self.taps[self.start + first * self.stride..][..rows * self.stride]
    }

    /// Every plane's taps, oldest first.
    pub(super) fn each_plane(&self) -> impl Iterator<Item = &[f32]> {
        self.taps[self.start..].chunks_exact(self.stride)
    }
}
