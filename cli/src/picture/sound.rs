//! A sound as a picture: waveform, speech, spectrum and level over one axis of time.

use super::png;
use super::spectrum::Lens;
use super::survey::{BANDS, Column, Surveyed};
use super::svg::{Anchor, Path, Svg, width};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 76.0;
const PLOT: f64 = WIDTH - LEFT - RIGHT;
/// Columns of the picture: one per pixel.
const COLUMNS: usize = PLOT as usize;
const GAP: f64 = 12.0;
const WAVE: f64 = 104.0;
const SPEECH: f64 = 16.0;
const SPECTRUM: f64 = BANDS as f64;
const LEVEL: f64 = 84.0;

/// Decibels from white to black.
const RANGE: f64 = 80.0;
/// Where the scale of levels begins.
const FLOOR: f64 = -60.0;

const STYLE: &str = "\
.wave{fill:#5e81ac}.body{fill:#2e5380}.clip{fill:#d0202f}\
.speech{fill:#4c9a6a}\
.rms{fill:#c9d8ea}.peak{fill:none;stroke:#2e5380}\
.gap{stroke:#d0202f;stroke-dasharray:4 3}.gaptext{fill:#b51d2a;font-size:10px}\
.pause{stroke:#7b8494;stroke-dasharray:2 3}\
.over{stroke:#000;stroke-opacity:.12}\
";

/// From quiet to loud, as paper sees it.
const COLOURS: [[u8; 3]; 7] = [
    [255, 255, 255],
    [252, 236, 194],
    [253, 186, 122],
    [240, 107, 87],
    [181, 54, 122],
    [95, 24, 118],
    [20, 9, 48],
];
const SHADES: usize = 64;

/// What a picture is of, beside the sound itself.
pub(crate) struct Scene<'a> {
    pub(crate) name: &'a str,
    /// Where somebody speaks, in seconds; none where no detector listened.
    pub(crate) speech: Option<&'a [(f64, f64)]>,
    pub(crate) marks: &'a [Mark],
}

/// A place in the sound where time went by and nothing was captured.
pub(crate) struct Mark {
    /// In seconds of the sound.
    pub(crate) at: f64,
    pub(crate) text: String,
    /// The user wanted it.
    pub(crate) wanted: bool,
}

/// The picture. There must be a frame at least.
pub(crate) fn draw(scene: &Scene<'_>, sound: &Surveyed) -> String {
    let lanes = if sound.format.channels == 2 { 2 } else { 1 };
    let speech = if scene.speech.is_some() { SPEECH + GAP } else { 0.0 };
    let flags = if scene.marks.is_empty() { 0.0 } else { 14.0 };
    let top = 58.0 + flags;
    let wave = WAVE * if lanes == 2 { 0.75 } else { 1.0 };
    let spectrum = top + (wave + GAP) * f64::from(lanes) + speech;
    let level = spectrum + SPECTRUM + GAP;
    let bottom = level + LEVEL;
    let mut page = Page {
        svg: Svg::new(WIDTH, bottom + 34.0, STYLE),
        sound,
        columns: sound.columns(COLUMNS),
        lanes: Vec::new(),
    };
    page.heading(scene);
    for channel in 0..lanes {
        let y = top + (wave + GAP) * f64::from(channel);
        page.waveform(channel as usize, y, wave);
    }
    if let Some(spans) = scene.speech {
        page.speech(spans, spectrum - GAP - SPEECH);
    }
    page.spectrum(spectrum);
    page.level(level);
    page.time(bottom);
    page.marks(scene.marks, top);
    let title = format!("{}: {}", scene.name, about(scene, sound));
    page.svg.finish(&title)
}

struct Page<'a> {
    svg: Svg,
    sound: &'a Surveyed,
    columns: Vec<Column>,
    /// Top and height of what lies over the axis of time.
    lanes: Vec<(f64, f64)>,
}

impl Page<'_> {
    fn x(&self, seconds: f64) -> f64 {
        LEFT + (seconds / self.sound.seconds()).clamp(0.0, 1.0) * PLOT
    }

    fn heading(&mut self, scene: &Scene<'_>) {
        self.svg.text((LEFT, 27.0), Anchor::Start, "title", &fitting(scene.name, 90));
        self.svg.text((LEFT, 45.0), Anchor::Start, "", &about(scene, self.sound));
    }

    fn lane(&mut self, y: f64, height: f64, name: &str) {
        self.svg.rect(LEFT, y, PLOT, height, "lane");
        self.svg.text((LEFT + PLOT + 8.0, y + 10.0), Anchor::Start, "small", name);
        self.lanes.push((y, height));
    }

    fn scale(&mut self, y: f64, text: &str) {
        self.svg.text((LEFT - 6.0, y + 3.5), Anchor::End, "small", text);
    }

    /// The largest and smallest sample of each column, and inside of that what is loud.
    fn waveform(&mut self, channel: usize, y: f64, height: f64) {
        let name = match (self.sound.format.channels, channel) {
            (2, 0) => "left",
            (2, _) => "right",
            (1, _) => "wave",
            _ => "first",
        };
        self.lane(y, height, name);
        let full = reach(self.sound.peak);
        let middle = y + height / 2.0;
        let at = |x: f64| middle - (x / full).clamp(-1.0, 1.0) * (height / 2.0 - 1.0);
        self.svg.line((LEFT, middle), (LEFT + PLOT, middle), "grid");
        for (value, text) in
            [(full, format!("{full}")), (0.0, "0".into()), (-full, format!("−{full}"))]
        {
            let inside = at(value)
                + if value > 0.0 {
                    4.0
                } else if value < 0.0 {
                    -4.0
                } else {
                    0.0
                };
            self.scale(inside, &text);
        }
        let (mut hull, mut body, mut clips) = (Path::default(), Path::default(), Vec::new());
        let half = |column: &Column| column.mean().sqrt();
        let edges = |up: bool, column: &Column| {
            let (low, high) = (column.low[channel], column.high[channel]);
            f64::from(if up { high } else { low })
        };
        // At least half a pixel is seen of everything.
        let outline = |path: &mut Path, edge: &dyn Fn(bool, &Column) -> f64| {
            for (i, column) in self.columns.iter().enumerate() {
                path.to(LEFT + i as f64 + 0.5, at(edge(true, column)) - 0.25);
            }
            for (i, column) in self.columns.iter().enumerate().rev() {
                path.to(LEFT + i as f64 + 0.5, at(edge(false, column)) + 0.25);
            }
            path.close();
        };
        outline(&mut hull, &edges);
        outline(&mut body, &|up, column| {
            let bound = edges(up, column);
            if up { half(column).min(bound) } else { (-half(column)).max(bound) }
        });
        for (i, column) in self.columns.iter().enumerate() {
            if column.full[channel] {
                clips.push(i);
            }
        }
        self.svg.path(&hull, "wave");
        self.svg.path(&body, "body");
        for (first, count) in runs(&clips) {
            for edge in [y + 1.0, y + height - 4.0] {
                self.svg.rect(LEFT + first as f64, edge, (count as f64).max(1.5), 3.0, "clip");
            }
        }
    }

    fn speech(&mut self, spans: &[(f64, f64)], y: f64) {
        self.lane(y, SPEECH, "speech");
        for &(start, end) in spans {
            let (from, to) = (self.x(start), self.x(end));
            self.svg.rounded(from, y + 3.0, (to - from).max(1.0), SPEECH - 6.0, 2.0, "speech");
        }
    }

    fn spectrum(&mut self, y: f64) {
        self.lane(y, SPECTRUM, "spectrum");
        let powers: Vec<Vec<f64>> = self.columns.iter().map(bands).collect();
        let loudest = powers.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
        // What is next to nothing is not made to look like something.
        let top = (loudest / 10.0).ceil().mul_add(10.0, 0.0).clamp(-60.0, 0.0);
        let shade = |db: f64| {
            let part = ((db - top + RANGE) / RANGE).clamp(0.0, 1.0);
            (part * (SHADES - 1) as f64).round() as u8
        };
        let rows = (0..BANDS).rev();
        let pixels: Vec<u8> =
            rows.flat_map(|band| powers.iter().map(move |column| shade(column[band]))).collect();
        let palette = palette();
        let image = png::base64(COLUMNS, &pixels, &palette);
        self.svg.image(LEFT, y, PLOT, SPECTRUM, &image);
        let span = (Lens::highest(self.sound.format.rate) / Lens::LOWEST).ln();
        for hz in [50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 10e3, 20e3, 50e3, 100e3, 200e3] {
            let part = (hz / Lens::LOWEST).ln() / span;
            if part > 0.97 {
                break;
            }
            let line = y + SPECTRUM * (1.0 - part);
            self.svg.line((LEFT, line), (LEFT + PLOT, line), "over");
            let text = if hz < 1e3 { format!("{hz} Hz") } else { format!("{} kHz", hz / 1e3) };
            self.scale(line - if part == 0.0 { 3.0 } else { 0.0 }, &text);
        }
        self.key(y, top, &palette);
    }

    /// What the colours mean.
    fn key(&mut self, y: f64, top: f64, palette: &[[u8; 3]]) {
        let (x, y, height) = (LEFT + PLOT + 10.0, y + 22.0, SPECTRUM - 34.0);
        let shades: Vec<u8> = (0..SHADES as u8).rev().collect();
        let image = png::base64(1, &shades, palette);
        self.svg.image(x, y, 8.0, height, &image);
        for step in 0..=4 {
            let part = f64::from(step) / 4.0;
            let text = format!("{}", top - RANGE * part).replace('-', "−");
            let text = if step == 4 { format!("{text} dB") } else { text };
            self.svg.text((x + 12.0, y + height * part + 3.5), Anchor::Start, "small", &text);
        }
    }

    fn level(&mut self, y: f64) {
        self.lane(y, LEVEL, "dBFS");
        let at = |db: f64| y + LEVEL * (db.clamp(FLOOR, 0.0) / FLOOR);
        for db in [-20.0, -40.0] {
            self.svg.line((LEFT, at(db)), (LEFT + PLOT, at(db)), "grid");
        }
        for (db, nudge) in [(0.0, 4.0), (-20.0, 0.0), (-40.0, 0.0), (-60.0, -4.0)] {
            self.scale(at(db) + nudge, &format!("{db}").replace('-', "−"));
        }
        let (mut rms, mut peak) = (Path::default(), Path::default());
        rms.to(LEFT, y + LEVEL);
        for (i, column) in self.columns.iter().enumerate() {
            let x = LEFT + i as f64 + 0.5;
            rms.to(x, at(10.0 * column.mean().log10()));
            peak.to(x, at(20.0 * f64::from(column.peak()).log10()));
        }
        rms.to(LEFT + PLOT, y + LEVEL);
        rms.close();
        self.svg.path(&rms, "rms");
        self.svg.path(&peak, "peak");
        let texts = [("line: peak", 26.0), ("area: rms", 38.0)];
        for (text, down) in texts {
            self.svg.text((LEFT + PLOT + 8.0, y + down), Anchor::Start, "small", text);
        }
    }

    fn time(&mut self, y: f64) {
        let seconds = self.sound.seconds();
        let step = step(seconds);
        let mut tick = 0;
        loop {
            let t = f64::from(tick) * step;
            if t > seconds * 1.000_001 {
                break;
            }
            let x = self.x(t);
            self.svg.line((x, y), (x, y + 4.0), "over");
            self.svg.text((x, y + 17.0), Anchor::Middle, "small", &clock(t, seconds));
            tick += 1;
        }
    }

    /// Lines through all lanes, and what they are as far as there is room to say it.
    fn marks(&mut self, marks: &[Mark], top: f64) {
        let (Some(first), Some(last)) = (self.lanes.first(), self.lanes.last()) else { return };
        let (from, to) = (first.0 - 3.0, last.0 + last.1);
        let mut free = 0.0;
        for mark in marks {
            let x = self.x(mark.at);
            self.svg.line((x, from), (x, to), if mark.wanted { "pause" } else { "gap" });
            let half = width(&mark.text, 10.0) / 2.0;
            let middle = x.clamp(LEFT + half, LEFT + PLOT - half);
            if middle - half >= free {
                let class = if mark.wanted { "small" } else { "gaptext" };
                self.svg.text((middle, top - 6.0), Anchor::Middle, class, &mark.text);
                free = middle + half + 8.0;
            }
        }
    }
}

/// The sound in a line.
fn about(scene: &Scene<'_>, sound: &Surveyed) -> String {
    let mut parts = vec![sound.format.to_string(), length(sound.seconds())];
    if sound.peak > 0.0 {
        parts.push(format!("peak {:.1} dBFS", 20.0 * f64::from(sound.peak).log10()));
        parts.push(format!("rms {:.1} dBFS", 20.0 * sound.rms().log10()));
    } else {
        parts.push("nothing but zeros".to_owned());
    }
    if let Some(spans) = scene.speech {
        let spoken: f64 = spans.iter().fold(0.0, |sum, (start, end)| sum + end - start);
        parts.push(format!("speech {:.0} %", 100.0 * spoken / sound.seconds()));
    }
    let say = |n: u64, what: &str| {
        (n > 0).then(|| format!("{n} sample{} {what}", if n == 1 { "" } else { "s" }))
    };
    parts.extend(say(sound.clipped(), "at full scale"));
    parts.extend(say(sound.not_finite, "not finite"));
    if sound.format.channels > 2 {
        parts.push("first channel drawn".to_owned());
    }
    parts.join("  ·  ").replace('-', "−")
}

/// The power of each band in dB; none where nobody looked.
fn bands(column: &Column) -> Vec<f64> {
    let looks = f64::from(column.looks.max(1));
    column.bands.iter().map(|sum| 10.0 * (f64::from(*sum) / looks).log10()).collect()
}

fn palette() -> Vec<[u8; 3]> {
    let shade = |i: usize| {
        let place = i as f64 / (SHADES - 1) as f64 * (COLOURS.len() - 1) as f64;
        let below = (place as usize).min(COLOURS.len() - 2);
        let part = place - below as f64;
        std::array::from_fn(|c| {
            let (a, b) = (f64::from(COLOURS[below][c]), f64::from(COLOURS[below + 1][c]));
            (a + (b - a) * part).round() as u8
        })
    };
    (0..SHADES).map(shade).collect()
}

/// The next number of a kind that people like, over a peak.
fn reach(peak: f32) -> f64 {
    let steps = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0];
    let over = |step: &f64| *step >= f64::from(peak) * 0.999;
    if peak == 0.0 { 1.0 } else { steps.into_iter().find(over).unwrap_or(16.0) }
}

/// Seconds between two ticks, so that there are about ten.
fn step(seconds: f64) -> f64 {
    let units = [1.0, 2.0, 5.0];
    let small = (-4..1).flat_map(|ten| units.map(|unit| unit * 10f64.powi(ten)));
    let large = [10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0];
    let mut steps = small.chain(large).chain((1..).map(|n| 14_400.0 * f64::from(n)));
    steps.find(|step| seconds / step <= 12.0).unwrap_or(seconds)
}

/// A moment as a clock shows it, as exactly as the whole is long.
fn clock(t: f64, whole: f64) -> String {
    let (minutes, hours) = ((t / 60.0) as u64, (t / 3600.0) as u64);
    match whole {
        w if w < 0.01 => format!("{} ms", (t * 1e6).round() / 1000.0),
        w if w < 1.0 => format!("{:.0} ms", t * 1000.0),
        w if w < 12.0 => format!("{} s", (t * 10.0).round() / 10.0),
        w if w < 120.0 => format!("{t:.0} s"),
        w if w < 3600.0 => format!("{minutes}:{:02.0}", t % 60.0),
        _ => format!("{hours}:{:02}:{:02.0}", minutes % 60, t % 60.0),
    }
}

fn length(seconds: f64) -> String {
    match seconds {
        s if s < 0.1 => format!("{:.2} ms", s * 1000.0),
        s if s < 120.0 => format!("{s:.2} s"),
        s if s < 3600.0 => format!("{} min {:02.0} s", (s / 60.0) as u64, s % 60.0),
        s => format!("{} h {:02} min", (s / 3600.0) as u64, (s / 60.0) as u64 % 60),
    }
}

/// Stretches of numbers that follow each other: the first, and how many.
fn runs(numbers: &[usize]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((first, count)) if *first + *count == number => *count += 1,
            _ => runs.push((number, 1)),
        }
    }
    runs
}

/// The end of a name that is too long: there it differs from others.
fn fitting(name: &str, most: usize) -> String {
    let count = name.chars().count();
    if count <= most {
        return name.to_owned();
    }
    format!("…{}", name.chars().skip(count + 1 - most).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_and_steps_are_those_of_people() {
        for (seconds, wanted) in [
            (0.25, 0.05),
            (1.0, 0.1),
            (10.0, 1.0),
            (60.0, 5.0),
            (3600.0, 300.0),
            (86_400.0, 7200.0),
        ] {
            assert!((step(seconds) - wanted).abs() < 1e-9, "{seconds}: {}", step(seconds));
        }
        assert_eq!(clock(0.25, 0.9), "250 ms");
        assert_eq!(clock(1.5, 10.0), "1.5 s");
        assert_eq!(clock(75.0, 600.0), "1:15");
        assert_eq!(clock(4_215.0, 7_200.0), "1:10:15");
        assert_eq!(runs(&[1, 2, 3, 7, 9, 10]), [(1, 3), (7, 1), (9, 2)]);
        assert_eq!(fitting("abcdef", 4), "…def");
    }

    #[test]
    fn a_peak_fits_into_its_scale() {
        for peak in [0.000_5, 0.03, 0.5, 0.51, 1.0, 7.9] {
            assert!(reach(peak) >= f64::from(peak) * 0.999);
        }
        assert_eq!((reach(0.0), reach(1.0)), (1.0, 1.0));
    }
}
