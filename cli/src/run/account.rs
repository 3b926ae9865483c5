//! What became of a run: every frame in and out, what was odd, how the program ends.

use std::time::Duration;

use serde_json::{Value, json};
use tympan::{BackendError, Totals};

use crate::exit::{Exit, Failure};
use crate::output::{Line, seconds};
use crate::profile::{self, Profile};
use crate::run::top::{self, At};
use crate::run::{Run, Show};

/// How a run ended.
pub(crate) struct End {
    pub(crate) totals: Totals,
    /// Why the input broke off, if it did.
    pub(crate) broken: Option<BackendError>,
    /// Whether it was given up before the input was at its end.
    pub(crate) stopped: bool,
    /// What is odd about the input.
    pub(crate) findings: Vec<String>,
    /// Whether it could go as fast as it can.
    pub(crate) paced: bool,
    pub(crate) elapsed: Duration,
}

impl Run<'_> {
    /// Completes the files, gives the account, and says how the program ends.
    pub(crate) fn end(mut self, end: &End) -> Exit {
        self.profile = if self.measure.is_on() { profile::end() } else { None };
        let finished = self.files.finish().err();
        self.lost = self.lost.take().or(finished);
        let findings = self.findings(end);
        let exit = self.verdict(end, &findings);
        for finding in &findings {
            if self.show == Show::Json {
                self.out.line(&Line::new("finding").with("text", finding.as_str()));
            }
            self.out.warn(finding);
        }
        if let Some(error) = &end.broken {
            let failure = Failure::new(exit, error.message.as_str());
            self.out.fail(&failure.code(error.kind.code()));
        }
        if let Some(failure) = self.lost.take() {
            self.out.fail(&failure);
        }
        self.tell_costs(end);
        let dropped = dropped(&end.totals);
        if dropped > 0 {
            let message = format!("{dropped} frames were dropped: the graph could not keep up");
            let failure = Failure::new(Exit::Lost, message).code("T0818");
            self.out.fail(&failure.help("without --realtime a file waits and nothing is dropped"));
        }
        if self.show == Show::Json {
            self.out.line(&self.account(end, exit));
        } else {
            for text in self.account_texts(end) {
                self.out.text(&text);
            }
        }
        exit
    }

    /// What is worth knowing although everything was done.
    fn findings(&self, end: &End) -> Vec<String> {
        let mut findings = end.findings.clone();
        let Totals { input, mended, events_lost, .. } = end.totals;
        let say = |n: u64, what: &str| (n > 0).then(|| format!("{n} {what}"));
        let none = input == 0 && end.broken.is_none() && !end.stopped;
        findings.extend(none.then(|| "There is no audio in the input: 0 frames.".to_owned()));
        findings.extend(say(mended, "samples were not finite or far beyond full scale: mended."));
        findings
            .extend(say(self.faults, "faults of nodes: the output is not what the graph says."));
        findings.extend(self.profile.as_ref().and_then(Profile::trouble));
        findings.extend(say(events_lost, "events were lost: they were read too slowly."));
        if end.stopped && self.out.is_gone() && !self.files.is_empty() {
            findings.push(format!(
                "Standard output was closed after {:.2} s: the files are complete up to there.",
                self.time(end)
            ));
        }
        findings
    }

    fn verdict(&self, end: &End, findings: &[String]) -> Exit {
        let lost = self.lost.is_some() || dropped(&end.totals) > 0;
        let saved = !self.files.is_empty();
        if lost {
            Exit::Lost
        } else if saved && (end.broken.is_some() || end.stopped) {
            Exit::Interrupted
        } else if end.broken.is_some() {
            Exit::Device
        } else if findings.is_empty() {
            Exit::Ok
        } else {
            Exit::Findings
        }
    }

    /// Seconds of capture, as events count them.
    fn time(&self, end: &End) -> f64 {
        end.totals.processed as f64 / f64::from(self.device.rate)
    }

    /// The table of what each node costs.
    fn tell_costs(&mut self, end: &End) {
        let Some(profile) = self.profile.take().filter(|_| self.measure.top) else { return };
        let at = At { seconds: self.time(end), dropped: dropped(&end.totals) };
        if self.show == Show::Json {
            top::lines(&profile, at).for_each(|line| self.out.line(&line));
        } else {
            self.out.text(&format!("\n{}\n", top::table(&profile, at).join("\n")));
        }
    }

    fn account(&self, end: &End, exit: Exit) -> Line {
        let (totals, t) = (&end.totals, self.time(end));
        let outputs = self.outputs.iter().enumerate().map(|(i, output)| {
            let dropped = totals.outputs.get(i).map_or(0, |o| o.dropped);
            json!({ "name": output.name, "frames": self.frames[i], "dropped": dropped })
        });
        Line::new("done")
            .with("t", seconds(t))
            .with("in", totals.input)
            .with("lost", totals.lost)
            .with("filled", totals.filled)
            .with("out", totals.processed)
            .with("dropped", totals.dropped)
            .with("mended", totals.mended)
            .with("events_lost", totals.events_lost)
            .with("outputs", outputs.collect::<Value>())
            .with("files", self.files.data())
            .with("elapsed", seconds(end.elapsed.as_secs_f64()))
            .with("times_realtime", seconds(t / end.elapsed.as_secs_f64().max(1e-9)))
            .with("exit", exit.code())
    }

    fn account_texts(&self, end: &End) -> Vec<String> {
        let (totals, t) = (&end.totals, self.time(end));
        let Totals { input, filled, processed, dropped, .. } = totals;
        let elapsed = end.elapsed.as_secs_f64();
        let mut texts = vec![format!(
            "frames: {input} in + {filled} filled = {processed} out + {dropped} dropped"
        )];
        for (output, o) in totals.outputs.iter().enumerate().filter(|(_, o)| o.dropped > 0) {
            let name = &self.outputs[output].name;
            texts.push(format!("output {name}: {} frames dropped", o.dropped));
        }
        let speed = if end.paced || t == 0.0 {
            String::new()
        } else {
            format!(": {:.0} times realtime", t / elapsed.max(1e-9))
        };
        texts.push(format!("{t:.2} s of audio in {elapsed:.3} s{speed}"));
        texts.extend(self.files.texts());
        texts
    }
}

pub(super) fn dropped(totals: &Totals) -> u64 {
    totals.dropped + totals.outputs.iter().map(|output| output.dropped).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use tympan::backend::BackendErrorKind;
    use tympan::{Format, Graph, OutputInfo};

    use super::*;
    use crate::files::Files;
    use crate::output::Output;

    fn end(dropped: u64, broken: bool, finding: bool) -> End {
        let error = || BackendError::new(BackendErrorKind::Failed, "the disk is gone");
        End {
            totals: Totals { input: 10, processed: 10 - dropped, dropped, ..Totals::default() },
            broken: broken.then(error),
            stopped: false,
            findings: Vec::from_iter(finding.then(|| "odd".to_owned())),
            paced: true,
            elapsed: Duration::from_secs(1),
        }
    }

    #[test]
    fn the_worst_that_happened_is_how_it_ends() {
        let graph = Graph::from_core(tympan::core::Graph::new());
        for (end, wanted) in [
            (end(0, false, false), Exit::Ok),
            (end(0, false, true), Exit::Findings),
            (end(0, true, true), Exit::Device),
            (end(1, false, false), Exit::Lost),
            (end(1, true, true), Exit::Lost),
        ] {
            let mut out = Output::new(true);
            let none: [OutputInfo; 0] = [];
            let format = Format::mono(10);
            let run = Run::new(&mut out, Show::Json, &graph, format, &none, Files::default());
            assert_eq!(run.verdict(&end, &run.findings(&end)), wanted);
        }
    }
}
