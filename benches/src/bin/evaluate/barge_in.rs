//! Falling silent when the user speaks: how soon `speech_start` comes, and how often
//! for nothing.

use crate::figure::Figure;
use crate::hear::{Heard, hear, seconds};
use crate::noises::{self, Noise, gain, looped, rms};
use crate::recordings::{Labelled, RATE, Recordings};
use crate::span::Span;

/// Levels at which each noise is heard, in dB below full scale.
const LEVELS: [f32; 3] = [-55.0, -40.0, -25.0];

/// How far speech is above the noise in what is mixed here, in dB.
const ABOVE: [f32; 3] = [20.0, 10.0, 5.0];

/// Each noise is heard for so long at each level.
const MINUTES: f64 = 2.0;

/// Only who was silent for so long begins to speak.
const SILENT: f64 = 0.4;

/// Whether and when the beginnings of speech were told.
#[derive(Default)]
struct Onsets {
    /// In milliseconds.
    late: Vec<f64>,
    /// Told before somebody spoke.
    early: usize,
}

pub(crate) fn evaluate() -> Result<Vec<Figure>, String> {
    let recordings = &Recordings::find()?;
    let mut built = Vec::new();
    for it in recordings.labelled()?.into_iter().filter(|l| l.name.starts_with("built-")) {
        let clean = recordings.samples(&format!("vad/{}-clean", it.name))?;
        built.push((it, clean));
    }
    let sounds = noises::all(recordings)?;
    let onsets = ["beginnings of speech", "count", "early", "p50 ms", "p95 ms"];
    println!(
        "{:<28} {:>7} {:>7} {:>7} {:>7}",
        onsets[0], onsets[1], onsets[2], onsets[3], onsets[4]
    );
    let all = [
        ("as recorded", recorded(&built)),
        ("clean", clean(&built)),
        ("mixed here", mixed(&built, &sounds)),
    ];
    let mut figures = Vec::new();
    for (name, onsets) in all {
        let told = |share: f64, goal| {
            let name = format!("{name}, {:.0} % of the beginnings are told within", share * 100.0);
            Figure::at_most(goal, name, onsets.at(share)).unit(" ms")
        };
        figures.extend([told(0.5, 60.0), told(0.95, 120.0)]);
        let soon = 100.0 * onsets.within(120.0);
        figures.push(Figure::told(format!("{name}, told within 120 ms"), soon).unit(" %"));
    }
    let starts = false_starts(&sounds);
    figures.push(Figure::at_most(0.5, "false starts per minute of noise", starts));
    Ok(figures)
}

/// What was labelled, and the voice in it alone.
type Built = (Labelled, Vec<f32>);

fn recorded(built: &[Built]) -> Onsets {
    let mut all = Onsets::default();
    for (it, _) in built {
        let here = onsets(&hear(&it.samples), &it.speech);
        here.print(&it.name);
        all.add(here);
    }
    all
}

fn clean(built: &[Built]) -> Onsets {
    let mut all = Onsets::default();
    for (it, clean) in built {
        all.add(onsets(&hear(clean), &it.speech));
    }
    all.print("the same without noise");
    all
}

fn mixed(built: &[Built], sounds: &[Noise]) -> Onsets {
    let mut all = Onsets::default();
    for noise in sounds {
        for above in ABOVE {
            let mut here = Onsets::default();
            for (it, clean) in built {
                here.add(onsets(&hear(&mix(clean, it, noise, above)), &it.speech));
            }
            here.print(&format!("{} at {above} dB", noise.name));
            all.add(here);
        }
    }
    all
}

/// The clean voice in a noise, so far below the voice as `above` says.
fn mix(clean: &[f32], it: &Labelled, noise: &Noise, above: f32) -> Vec<f32> {
    let spoken: Vec<f32> = it
        .speech
        .iter()
        .flat_map(|s| {
            &clean
                [(s.from * RATE as f64) as usize..((s.to * RATE as f64) as usize).min(clean.len())]
        })
        .copied()
        .collect();
    let level = rms(&spoken) / gain(above) / rms(&noise.samples);
    let noise = looped(&noise.samples, clean.len());
    clean.iter().zip(noise).map(|(c, n)| c + level * n).collect()
}

fn onsets(heard: &Heard, speech: &[Span]) -> Onsets {
    let mut onsets = Onsets::default();
    let mut before = f64::NEG_INFINITY;
    for segment in speech {
        if segment.from - before >= SILENT {
            let told = heard.told.iter().find(|t| t.to > segment.from);
            match told {
                Some(told) if told.from < segment.from => onsets.early += 1,
                told => onsets
                    .late
                    .push(told.map_or(f64::INFINITY, |t| 1000.0 * (t.from - segment.from))),
            }
        }
        before = segment.to;
    }
    onsets
}

impl Onsets {
    fn add(&mut self, other: Self) {
        self.late.extend(other.late);
        self.early += other.early;
    }

    fn at(&self, share: f64) -> f64 {
        let mut late = self.late.clone();
        late.sort_by(f64::total_cmp);
        let index = ((late.len() as f64 * share).ceil() as usize).max(1) - 1;
        late.get(index).copied().unwrap_or(f64::NAN)
    }

    /// The share that was told within so many milliseconds.
    fn within(&self, ms: f64) -> f64 {
        self.late.iter().filter(|late| **late <= ms).count() as f64 / self.late.len() as f64
    }

    fn print(&self, name: &str) {
        let (count, early) = (self.late.len(), self.early);
        println!("{name:<28} {count:>7} {early:>7} {:>7.0} {:>7.0}", self.at(0.5), self.at(0.95));
    }
}

fn false_starts(sounds: &[Noise]) -> f64 {
    println!(
        "\n{:<28} {}",
        "false starts per minute",
        LEVELS.map(|l| format!("{l:>4} dB")).join(" ")
    );
    let silence = Noise { name: "digital silence".into(), samples: vec![0.0; RATE as usize] };
    let (mut starts, mut minutes) = (0, 0.0);
    for noise in sounds.iter().chain([&silence]) {
        let mut row = Vec::new();
        for level in LEVELS {
            let at = gain(level) / rms(&noise.samples).max(1e-9);
            let x = looped(&noise.samples, (MINUTES * 60.0 * f64::from(RATE)) as usize);
            let x: Vec<_> = x.iter().map(|x| (x * at).clamp(-1.0, 1.0)).collect();
            let here = hear(&x).told.len();
            row.push(format!("{:>7.1}", here as f64 / MINUTES));
            starts += here;
            minutes += seconds(x.len()) / 60.0;
        }
        println!("{:<28} {}", noise.name, row.join(" "));
    }
    starts as f64 / minutes
}
