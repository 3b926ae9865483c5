//! What came of it, as a page.

use std::fmt::{self, Write as _};

use crate::machine;
use crate::rounds::{Rounds, Runner};

/// How a figure stands to its goal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Nothing was asked for.
    Told,
    /// At most this.
    Met(f64),
    Missed(f64),
    /// It could not be measured, and why.
    LeftOut(&'static str),
}

impl Verdict {
    pub(crate) fn of(figure: f64, goal: Option<f64>) -> Self {
        match goal {
            None => Self::Told,
            Some(goal) if figure <= goal => Self::Met(goal),
            Some(goal) => Self::Missed(goal),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told => Ok(()),
            Self::Met(goal) => write!(f, "at most {goal}: met"),
            Self::Missed(goal) => write!(f, "at most {goal}: MISSED"),
            Self::LeftOut(why) => write!(f, "not measured: {why}"),
        }
    }
}

/// A figure.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) figure: String,
    pub(crate) verdict: Verdict,
}

impl Row {
    /// The CPU time of one as a part of another's.
    pub(crate) fn ratio(
        rounds: &Rounds,
        what: &str,
        ours: &str,
        theirs: &str,
        goal: Option<f64>,
    ) -> Self {
        let Some(ratio) = rounds.ratio(ours, theirs) else {
            return Self::left_out(what, "one of the two did not run");
        };
        let figure = format!(
            "{:.3} ({:.3} to {:.3} in {} turns)",
            ratio.median, ratio.least, ratio.most, ratio.turns
        );
        Self { what: what.to_owned(), figure, verdict: Verdict::of(ratio.median, goal) }
    }

    pub(crate) fn left_out(what: &str, why: &'static str) -> Self {
        Self { what: what.to_owned(), figure: String::new(), verdict: Verdict::LeftOut(why) }
    }
}

/// Everybody over one file.
pub(crate) struct Contest {
    title: &'static str,
    rows: Vec<Row>,
    /// Who, CPU in milliseconds, peak in MiB.
    costs: Vec<(&'static str, f64, f64)>,
    /// Of audio.
    seconds: usize,
}

impl Contest {
    pub(crate) fn new(
        title: &'static str,
        rounds: &Rounds,
        runners: &[Runner],
        seconds: usize,
        rows: Vec<Row>,
    ) -> Self {
        let cost = |runner: &Runner| {
            let (ms, mib) = (rounds.seconds(runner.name) * 1e3, rounds.kib(runner.name));
            (runner.name, ms, mib as f64 / 1024.0)
        };
        Self { title, rows, costs: runners.iter().map(cost).collect(), seconds }
    }

    /// The figures that missed their goals.
    pub(crate) fn missed(&self) -> impl Iterator<Item = String> {
        let missed = self.rows.iter().filter(|row| matches!(row.verdict, Verdict::Missed(_)));
        missed.map(|row| format!("{}: {}, {}", row.what, row.figure, row.verdict))
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        writeln!(text, "\n## {}\n", self.title)?;
        writeln!(text, "| ours beside | median (least to most) | goal |\n|---|---|---|")?;
        for Row { what, figure, verdict } in &self.rows {
            writeln!(text, "| {what} | {figure} | {verdict} |")?;
        }
        writeln!(text, "\n| | CPU, ms | times realtime | peak, MiB |\n|---|---|---|---|")?;
        for (name, ms, mib) in &self.costs {
            let pace = self.seconds as f64 * 1e3 / ms;
            let pace = if self.seconds == 0 { String::new() } else { format!("{pace:.0}") };
            writeln!(text, "| {name} | {ms:.1} | {pace} | {mib:.1} |")?;
        }
        Ok(())
    }
}

/// What the figures are not, and why.
const UNEQUAL: &[&str] = &[
    "Ours brings its own libopus; GStreamer, ffmpeg and opusenc have the distribution's.",
    "`tuned` rebuilds ours for this processor, libopus included; the others stay as the \
     distribution builds them, for any processor.",
    "The suppressors are of one family and not one code: ours is sonora's, GStreamer's is \
     WebRTC's in C++; `afftdn` is another method.",
    "Resamplers are each one's own: ours 144 taps, GStreamer's of quality 4, ffmpeg's and \
     sonora's as they come.",
    "sonora's APM filters away rumble at 16 kHz, which the others leave out.",
    "The gate is ours alone, with its detector: nobody else leaves anything out. The detector \
     that is meant unless another is asked for is a network; `energy` only compares the level \
     with that of the room, which is enough in the office of this recording and not beside a \
     fan or a street. To let the network doze while nothing rises from the room was \
     tried: that halved its work, and doubled the speech lost at 0 dB. It listens on. With what \
     is kept before and behind speech the gate lets 27 % of the file through, and so much of \
     our chain alone is about a fifth of GStreamer's work in a plain build, 0.15 in a tuned one: \
     that leaves little for a detector.",
    "opusenc neither resamples nor suppresses: it encodes what is there, at 48 kHz.",
    "opusenc can do one thing, and ours all that `tympan help` lists. A start of ours takes \
     4.4 million instructions, a sixth of them for names that libraries look up: most are of \
     ALSA's library, which microphones take on Linux and which is loaded with the program, \
     whatever it then does. A build without microphones, as a server has it, and with full LTO, \
     which spares a third of the places that have to be told where the program lies, is about \
     even with opusenc. To lie at a fixed place would spare all of them, at the price of a \
     protection.",
    "`denoise` and `arnndn` are the same network, with weights of different trainings.",
    "The kernels called directly read and write their files by the code that ours does.",
];

/// All of it.
pub(crate) fn text(contests: &[Contest], seconds: usize, model: bool) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut text, contests, seconds, model);
    text
}

fn write(text: &mut String, contests: &[Contest], seconds: usize, model: bool) -> fmt::Result {
    writeln!(text, "# Benchmarks\n")?;
    writeln!(
        text,
        "Written by `./x peers` on {}, at commit {}.\n\n\
         Whole processes, one after the other in turns; a figure is the CPU time of ours over \
         that of the other in the same turn, user and system, all threads. Less than 1 is \
         less work. Times are those of this machine, ratios travel better.\n",
        machine::date(),
        machine::commit()
    )?;
    writeln!(text, "| | |\n|---|---|")?;
    writeln!(text, "| machine | {} |", machine::machine())?;
    for (what, version) in machine::versions() {
        writeln!(text, "| {what} | {version} |")?;
    }
    writeln!(
        text,
        "| input | {seconds} s of the recordings in `tests/audio`, 48 kHz, mono, 16 bits |\n\
         | everybody | to 16 kHz, noise suppression ({}), Opus at 24 kb/s VBR, complexity 5, \
         20 ms, voice, in Ogg |\n\
         | tuned | `-C target-cpu=native`, full LTO, one unit; libopus by clang with `-O3 -march=native` |\n\
         | without microphones | the profile `dist` without the features `cpal` and `pulseaudio` |",
        if model { "WebRTC's at 18 dB; RNNoise where said" } else { "WebRTC's at 18 dB" }
    )?;
    for contest in contests {
        contest.write(text)?;
    }
    writeln!(text, "\n## What was not equal\n")?;
    for what in UNEQUAL {
        writeln!(text, "- {what}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_up_to_itself() {
        assert_eq!(Verdict::of(0.75, Some(0.75)), Verdict::Met(0.75));
        assert_eq!(Verdict::of(0.7501, Some(0.75)), Verdict::Missed(0.75));
        assert_eq!(Verdict::of(9.0, None), Verdict::Told);
    }

    #[test]
    fn what_is_missed_is_told_and_stands_in_the_page() {
        let row = |figure: f64| Row {
            what: format!("a figure of {figure}"),
            figure: figure.to_string(),
            verdict: Verdict::of(figure, Some(1.0)),
        };
        let contest = Contest {
            title: "A title",
            rows: vec![row(0.5), row(2.0)],
            costs: Vec::new(),
            seconds: 1,
        };
        let missed: Vec<_> = contest.missed().collect();
        assert_eq!(missed, ["a figure of 2: 2, at most 1: MISSED"]);
        let page = text(&[contest], 300, false);
        assert!(page.contains("| a figure of 2 | 2 | at most 1: MISSED |"), "{page}");
        assert!(page.contains("What was not equal"));
    }
}
