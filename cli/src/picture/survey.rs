//! A sound of any length in a few thousand columns: what a picture needs of it, kept while
//! it goes by.
//!
//! Nobody knows beforehand how long a stream is. So columns begin short, and whenever there
//! are too many, each two become one.

use tympan::Format;

use super::spectrum::Lens;

/// Columns at most.
const MOST: usize = 2048;
/// Bands of the spectrum.
pub(super) const BANDS: usize = 176;
/// A sample this loud is taken for one that a converter cut off: 16 bits end there.
const FULL: f32 = 32_766.5 / 32_768.0;

/// What a stretch of sound is like.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Of the first two channels, or of the one there is.
    pub(super) low: [f32; 2],
    pub(super) high: [f32; 2],
    /// Of all channels.
    pub(super) squares: f64,
    pub(super) samples: u64,
    pub(super) clipped: u64,
    /// Whether the channels that are drawn reach full scale.
    pub(super) full: [bool; 2],
    /// Sums of power, and of how many looks.
    pub(super) bands: Vec<f32>,
    pub(super) looks: u32,
}

impl Column {
    pub(super) fn new() -> Self {
        Self {
            low: [f32::INFINITY; 2],
            high: [f32::NEG_INFINITY; 2],
            squares: 0.0,
            samples: 0,
            clipped: 0,
            full: [false; 2],
            bands: vec![0.0; BANDS],
            looks: 0,
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        for channel in 0..2 {
            self.low[channel] = self.low[channel].min(other.low[channel]);
            self.high[channel] = self.high[channel].max(other.high[channel]);
            self.full[channel] |= other.full[channel];
        }
        self.squares += other.squares;
        self.samples += other.samples;
        self.clipped += other.clipped;
        self.bands.iter_mut().zip(&other.bands).for_each(|(sum, x)| *sum += x);
        self.looks += other.looks;
    }

    /// The mean of the square.
    pub(super) fn mean(&self) -> f64 {
        self.squares / (self.samples.max(1)) as f64
    }

    /// The largest magnitude of the channels that are drawn.
    pub(super) fn peak(&self) -> f32 {
        let both = self.low.iter().chain(&self.high);
        both.filter(|x| x.is_finite()).fold(0.0, |peak, x| peak.max(x.abs()))
    }
}

/// Listens to a sound.
pub(crate) struct Survey {
    format: Format,
    columns: Vec<Column>,
    /// Frames of a column.
    per: u64,
    frames: u64,
    /// The largest magnitude of any channel.
    peak: f32,
    not_finite: u64,
    lens: Lens,
    /// The last frames, as the lens wants them, in a ring.
    ring: Vec<(f32, f32)>,
    /// Frames until the next look.
    until: usize,
}

impl Survey {
    pub(crate) fn new(format: Format) -> Self {
        let lens = Lens::new(format.rate, BANDS);
        Self {
            format,
            columns: Vec::new(),
            per: u64::from(format.rate / 1000).max(1),
            frames: 0,
            peak: 0.0,
            not_finite: 0,
            ring: vec![(0.0, 0.0); lens.size()],
            until: lens.size() / 2,
            lens,
        }
    }

    /// Interleaved samples.
    pub(crate) fn add(&mut self, samples: &[f32]) {
        for frame in samples.chunks_exact(usize::from(self.format.channels)) {
            self.frame(frame);
        }
    }

    fn frame(&mut self, frame: &[f32]) {
        let index = (self.frames / self.per) as usize;
        if index >= MOST {
            self.halve();
            return self.frame(frame);
        }
        if index >= self.columns.len() {
            self.columns.push(Column::new());
        }
        let column = &mut self.columns[index];
        let mut pair = [0.0, 0.0];
        for (channel, &x) in frame.iter().enumerate() {
            let finite = x.is_finite();
            let x = if finite { x } else { 0.0 };
            self.not_finite += u64::from(!finite);
            self.peak = self.peak.max(x.abs());
            column.clipped += u64::from(x.abs() >= FULL);
            column.squares += f64::from(x) * f64::from(x);
            pair[channel % 2] += x;
            if channel < 2 {
                column.low[channel] = column.low[channel].min(x);
                column.high[channel] = column.high[channel].max(x);
                column.full[channel] |= x.abs() >= FULL;
            }
        }
        column.samples += frame.len() as u64;
        self.pass(pair);
        self.frames += 1;
    }

    /// Lets the lens see a frame.
    fn pass(&mut self, pair: [f32; 2]) {
        let size = self.ring.len();
        self.ring[(self.frames % size as u64) as usize] = (pair[0], pair[1]);
        self.until = self.until.saturating_sub(1);
        if self.until > 0 {
            return;
        }
        // The middle of what it sees, which was half a stretch ago.
        let middle = (self.frames + 1).saturating_sub(size as u64 / 2);
        let index = ((middle / self.per) as usize).min(self.columns.len() - 1);
        let column = &mut self.columns[index];
        let oldest = ((self.frames + 1) % size as u64) as usize;
        let frames = self.ring[oldest..].iter().chain(&self.ring[..oldest]).copied();
        self.lens.look(frames, &mut column.bands);
        column.looks += 1;
        // At least twice per stretch, at most once a column.
        self.until = (self.per as usize).clamp(1, size / 2);
    }

    fn halve(&mut self) {
        self.per *= 2;
        let both = self.columns.chunks(2).map(|pair| {
            let mut column = pair[0].clone();
            pair[1..].iter().for_each(|other| column.add(other));
            column
        });
        self.columns = both.collect();
    }

    /// The end: what the lens has not seen the middle of yet is looked at.
    pub(crate) fn finish(mut self) -> Surveyed {
        let frames = self.frames;
        if !self.columns.is_empty() {
            for _ in 0..self.lens.size() / 2 {
                self.pass([0.0, 0.0]);
                self.frames += 1;
            }
        }
        Surveyed {
            format: self.format,
            columns: self.columns,
            per: self.per,
            frames,
            peak: self.peak,
            not_finite: self.not_finite,
        }
    }
}

/// What was heard.
pub(crate) struct Surveyed {
    pub(crate) format: Format,
    pub(super) columns: Vec<Column>,
    per: u64,
    pub(crate) frames: u64,
    pub(crate) peak: f32,
    /// Samples that are no numbers.
    pub(crate) not_finite: u64,
}

impl Surveyed {
    pub(crate) fn seconds(&self) -> f64 {
        self.frames as f64 / f64::from(self.format.rate)
    }

    /// The root mean square over all.
    pub(crate) fn rms(&self) -> f64 {
        let squares: f64 = self.columns.iter().map(|column| column.squares).sum();
        let samples: u64 = self.columns.iter().map(|column| column.samples).sum();
        (squares / samples.max(1) as f64).sqrt()
    }

    pub(crate) fn clipped(&self) -> u64 {
        self.columns.iter().map(|column| column.clipped).sum()
    }

    /// The same in so many columns that cover all of it. Where there is less than one of
    /// ours for one of these, its neighbour stands in.
    pub(super) fn columns(&self, count: usize) -> Vec<Column> {
        let per = self.frames as f64 / self.per as f64 / count as f64;
        let at = |i: usize| ((i as f64 * per) as usize).min(self.columns.len() - 1);
        let column = |i: usize| {
            let (first, end) = (at(i), at(i + 1));
            let mut column = self.columns[first].clone();
            (first + 1..end).for_each(|other| column.add(&self.columns[other]));
            column
        };
        if self.columns.is_empty() { Vec::new() } else { (0..count).map(column).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However long it is, nothing is forgotten and nothing is told twice.
    #[test]
    fn columns_are_the_sound() {
        for frames in [1, 7, 999, 100_000, 5_000_000_u64] {
            let mut survey = Survey::new(Format::mono(16_000));
            let sound: Vec<f32> = (0..frames).map(|i| (i % 100) as f32 / 200.0).collect();
            survey.add(&sound);
            let heard = survey.finish();
            assert_eq!(heard.frames, frames);
            assert!(heard.columns.len() <= MOST);
            let squares: f64 = sound.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
            assert!((heard.rms() - (squares / frames as f64).sqrt()).abs() < 1e-9);
            let drawn = heard.columns(800);
            assert_eq!(drawn.len(), 800);
            assert!(drawn.iter().all(|column| column.samples > 0));
            assert!(frames < 100_000 || drawn.iter().all(|column| column.looks > 0), "{frames}");
        }
    }

    #[test]
    fn an_event_is_in_its_column() {
        let mut survey = Survey::new(Format::stereo(8_000));
        let mut sound = vec![0.0; 2 * 80_000];
        sound[2 * 60_000] = -1.0;
        survey.add(&sound);
        let heard = survey.finish();
        let drawn = heard.columns(100);
        let at = drawn.iter().position(|column| column.low[0] == -1.0);
        assert_eq!(at, Some(75));
        assert_eq!((heard.clipped(), heard.peak, drawn[75].low[1]), (1, 1.0, 0.0));
        let loud = |column: &Column| column.bands.iter().sum::<f32>() > 0.0;
        assert!(loud(&drawn[75]) && !loud(&drawn[70]) && !loud(&drawn[80]));
    }

    #[test]
    fn nothing_is_a_sound_too() {
        let heard = Survey::new(Format::mono(48_000)).finish();
        assert_eq!((heard.frames, heard.columns(10).len(), heard.rms()), (0, 0, 0.0));
    }
}
