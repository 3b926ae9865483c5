//! Finding speech: `vad` and `gate` against labels.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::figure::Figure;
use crate::hear::{hear, seconds, speech_in};
use crate::recordings::{Labelled, Recordings};
use crate::span::{Span, f1, lost, missed};

/// Recordings of real rooms, with labels by people. The others were mixed, and are
/// much noisier.
const REAL: &str = "ami-";

struct Row {
    name: String,
    /// By where the gate found speech, by what it let through, by `vad`'s events.
    f1: [f64; 3],
    missed: usize,
    lost: f64,
    spoken: f64,
}

pub(crate) fn evaluate() -> Result<Vec<Figure>, String> {
    let labelled = Recordings::find()?.labelled()?;
    if let Some(folder) = std::env::args().nth(2) {
        for it in &labelled {
            write(Path::new(&folder), it).map_err(|e| format!("{folder}: {e}"))?;
        }
    }
    Ok(judge(&labelled, REAL))
}

/// The stretches that are scored, a file for each recording, for judges of others.
fn write(folder: &Path, it: &Labelled) -> std::io::Result<()> {
    let found = speech_in(&hear(&it.samples).utterances, seconds(it.samples.len()));
    fs::create_dir_all(folder)?;
    let mut file = fs::File::create(folder.join(&it.name).with_extension("txt"))?;
    found.iter().try_for_each(|Span { from, to }| writeln!(file, "{from:.3} {to:.3}"))
}

/// The figures of these recordings; of those that are `real`, nothing may be lost.
fn judge(labelled: &[Labelled], real: &str) -> Vec<Figure> {
    let rows: Vec<_> = labelled.iter().map(row).collect();
    println!(
        "{:<16} {:>7} {:>10} {:>7} {:>7} {:>7}",
        "", "speech", "utterances", "events", "missed", "lost"
    );
    for Row { name, f1, missed, lost, spoken } in &rows {
        let [speech, utterances, events] = f1;
        let lost = 100.0 * lost / spoken;
        println!(
            "{name:<16} {speech:>7.4} {utterances:>10.4} {events:>7.4} {missed:>7} {lost:>6.2}%"
        );
    }
    let mean = |of: usize| rows.iter().map(|r| r.f1[of]).sum::<f64>() / rows.len() as f64;
    let real: Vec<_> = rows.iter().filter(|r| r.name.starts_with(real)).collect();
    let share = 100.0 * real.iter().map(|r| r.lost).sum::<f64>()
        / real.iter().map(|r| r.spoken).sum::<f64>();
    vec![
        Figure::at_least(0.92, "mean F1 of the speech that the gate finds", mean(0)),
        Figure::told("mean F1 of what it lets through, with pre-roll and hang-over", mean(1)),
        Figure::told("mean F1 of speech_start to speech_end", mean(2)),
        Figure::at_most(
            0.0,
            "labelled segments missed",
            rows.iter().map(|r| r.missed as f64).sum(),
        ),
        Figure::at_most(0.1, "speech lost by the gate in real rooms", share).unit(" %"),
    ]
}

fn row(it: &Labelled) -> Row {
    let heard = hear(&it.samples);
    let all = seconds(it.samples.len());
    let found = speech_in(&heard.utterances, all);
    let score = |spans: &[Span]| f1(spans, &it.speech, all);
    Row {
        name: it.name.clone(),
        f1: [score(&found), score(&heard.utterances), score(&heard.speech)],
        missed: missed(&found, &it.speech),
        lost: lost(&heard.utterances, &it.speech),
        spoken: it.speech.iter().map(|s| s.length()).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recordings::ours;

    #[test]
    fn speech_of_our_own_is_found() {
        for figure in judge(&ours().unwrap(), "fan") {
            assert!(figure.met(), "{figure}");
        }
    }

    #[test]
    fn speech_is_found_in_the_recordings_that_are_here() {
        match Recordings::find() {
            Ok(recordings) => {
                for figure in judge(&recordings.labelled().unwrap(), REAL) {
                    assert!(figure.met(), "{figure}");
                }
            }
            Err(why) => println!("not run: {why}"),
        }
    }

    /// A judge that nothing fails before is none.
    #[test]
    fn labels_of_another_recording_are_not_met() {
        let mut recordings = ours().unwrap();
        for it in &mut recordings {
            it.samples.rotate_left(16_000);
        }
        assert!(judge(&recordings, "fan").iter().any(|f| !f.met()));
    }
}
