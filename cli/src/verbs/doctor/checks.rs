//! The checks, each with a line of what was found and, if need be, a sentence of what to do.

use std::path::Path;

use tympan::backend::cpal::{InputInfo, Microphone};
use tympan::backend::realtime::{FlushToZero, Priority};
use tympan::backend::{Backend, machine};
use tympan::{BackendError, Format};

use super::delay;
use super::probe::{self, Heard};
use crate::meter::Meter;
use crate::output::{Line, Output};

/// Says what is found, as it is found.
pub(super) struct Report<'a> {
    out: &'a mut Output,
    problems: u32,
}

impl<'a> Report<'a> {
    pub(super) fn new(out: &'a mut Output) -> Self {
        Self { out, problems: 0 }
    }

    pub(super) fn fine(&mut self, check: &str, found: &str) {
        self.tell(check, found, None);
    }

    pub(super) fn problem(&mut self, check: &str, found: &str, advice: &str) {
        self.problems += 1;
        self.tell(check, found, Some(advice));
    }

    fn tell(&mut self, check: &str, found: &str, advice: Option<&str>) {
        if self.out.is_json() {
            let line = Line::new("check").with("check", check).with("found", found);
            self.out.line(&line.with("ok", advice.is_none()).with("advice", advice));
        } else {
            self.out.text(&format!("{check:<11} {found}"));
        }
        if let Some(advice) = advice {
            self.out.warn(advice);
        }
        self.out.flush();
    }

    /// A figure, for programs under a name of its own.
    pub(super) fn figure(&mut self, check: &str, found: &str, values: &[(&str, f64)]) {
        if self.out.is_json() {
            let line =
                Line::new("check").with("check", check).with("found", found).with("ok", true);
            let line = values.iter().fold(line, |line, (name, value)| line.with(name, *value));
            self.out.line(&line);
        } else {
            self.fine(check, found);
        }
    }

    /// How many problems there are.
    pub(super) fn end(self) -> u32 {
        if self.out.is_json() {
            self.out.line(&Line::new("done").with("problems", self.problems));
        } else {
            self.out.text(&match self.problems {
                0 => "nothing is wrong".to_owned(),
                1 => "one thing is wrong".to_owned(),
                n => format!("{n} things are wrong"),
            });
        }
        self.problems
    }
}

pub(super) fn no_microphone(inputs: &[InputInfo], error: &BackendError, report: &mut Report<'_>) {
    let unusable: Vec<_> = inputs
        .iter()
        .filter_map(|input| Some(format!("{}: {}", input.id, input.format.as_ref().err()?.message)))
        .collect();
    let found = match unusable.len() {
        0 => "none".to_owned(),
        _ => format!("none that works; {}", unusable.join("; ")),
    };
    report.problem("microphone", &found, &error.message);
}

/// Listens for a second. The format, if audio came at all.
pub(super) fn microphone(
    mut microphone: Microphone,
    input: Option<&InputInfo>,
    report: &mut Report<'_>,
) -> Option<Format> {
    let info = microphone.input();
    let monitor = if input.is_some_and(|i| i.monitor) { ", hears what is played" } else { "" };
    report.fine("microphone", &format!("{} ({}){monitor}", info.name, info.id));
    let said = match microphone.format() {
        Ok(format) => format,
        Err(error) => {
            report.problem("format", "none", &error.message);
            return None;
        }
    };
    let heard = match probe::listen(&mut microphone) {
        Ok(heard) => heard,
        Err(error) => {
            report.problem("opening", "it cannot be opened", &error.message);
            return None;
        }
    };
    if heard.buffers == 0 {
        report.problem(
            "buffers",
            "none in three seconds",
            "the microphone was opened and delivers nothing. Is it in use by another program for \
             itself, or allowed to this one? A server of sound that was restarted may help",
        );
        return None;
    }
    buffers(&heard, said, report);
    level(&heard, report);
    match &heard.priority {
        Some(priority @ Priority::Ordinary(_)) => {
            report.fine("callback", &format!("{priority}, as the system's own library has it"));
        }
        Some(priority) => report.fine("callback", &priority.to_string()),
        None => {}
    }
    Some(said)
}

fn buffers(heard: &Heard, said: Format, report: &mut Report<'_>) {
    let Heard { buffers, frames, lost, .. } = *heard;
    let sizes = match (heard.least, heard.most) {
        (least, most) if least == most => format!("{least} frames each"),
        (least, most) => format!("{least} to {most} frames each"),
    };
    let found = format!("{buffers} in {:.2} s, {sizes}", heard.seconds);
    match lost {
        0 => report.fine("buffers", &found),
        _ => report.problem(
            "buffers",
            &format!("{found}; {lost} frames lost"),
            "audio was lost before it reached this program: the machine is busy, or its driver is \
             not well",
        ),
    }
    if heard.format != said {
        let found = format!("{} instead of {said}", heard.format);
        report.problem("format", &found, "the microphone delivers another format than it says");
    }
    let Some(rate) = heard.rate() else {
        return report.fine("rate", &format!("{said}; {frames} frames are too few to measure it"));
    };
    let found = format!("{said}, {rate:.0} Hz measured");
    if (rate / f64::from(said.rate) - 1.0).abs() < 0.03 {
        report.fine("rate", &found);
    } else {
        report.problem(
            "rate",
            &found,
            "the microphone runs at another rate than it says: recordings would be too high or \
             too low. Bluetooth headsets do that while they change over; connect it anew",
        );
    }
}

fn level(heard: &Heard, report: &mut Report<'_>) {
    if heard.silent {
        return report.problem(
            "level",
            "exact silence",
            "nothing but exact zeros comes: the microphone is muted, in hardware or in the \
             mixer, or the system gives silence to programs that may not use it",
        );
    }
    let mut meter = Meter::default();
    meter.add(&heard.samples);
    let bar = meter.take(16);
    match heard.peak {
        ..0.001 => report.problem(
            "level",
            &bar,
            "it is very quiet: is this the right microphone, and turned up in the mixer?",
        ),
        0.999.. => report.problem("level", &bar, "it is too loud and clips: turn it down"),
        _ => report.fine("level", &bar),
    }
}

/// A graph at work on it: who runs it, and how late its reader hears.
pub(super) fn graph(device: Option<&str>, clicks: bool, report: &mut Report<'_>) {
    let measured = match delay::measure(device, clicks) {
        Ok(measured) => measured,
        Err(error) => return report.problem("graph", "it does not run", &error),
    };
    match &measured.priority {
        Some(Priority::Ordinary(why)) => report.problem(
            "worker",
            &format!("ordinary: {why}"),
            "the graph's thread may wait behind other programs. On Linux, let this user have \
             realtime priority: `@audio - rtprio 20` in /etc/security/limits.d/audio.conf, with \
             the user in the group `audio`, then log in again",
        ),
        Some(priority) => report.fine("worker", &priority.to_string()),
        None => {}
    }
    match measured.joined {
        Some(Ok(())) => report.fine("workgroup", "the graph's thread is one of the device's"),
        Some(Err(error)) => report.problem(
            "workgroup",
            "the graph's thread stands alone",
            &format!("{error}: the system does not know that the two belong together"),
        ),
        None if cfg!(target_vendor = "apple") => report.fine(
            "workgroup",
            "this microphone tells of none; with the features `coreaudio` and `ios` an app's does",
        ),
        None => report.fine("workgroup", "this system has none"),
    }
    let flush = FlushToZero::set();
    match FlushToZero::is_set() {
        Some(true) => report.fine("flush", "small results are zero while the graph runs"),
        _ => report.fine("flush", "small results stay small: this processor is not known"),
    }
    drop(flush);
    let ms =
        |of: &delay::Spread| format!("p50 {:.2} ms, p99 {:.2} ms, of {}", of.p50, of.p99, of.count);
    if let Some(of) = &measured.callback {
        let values = [("p50_ms", of.p50), ("p99_ms", of.p99)];
        report.figure("hand-over", &format!("callback to reader: {}", ms(of)), &values);
    }
    match &measured.clicks {
        Some(Ok(of)) => {
            let values = [("p50_ms", of.p50), ("p99_ms", of.p99)];
            report.figure("delay", &format!("loudspeaker to reader: {}", ms(of)), &values);
        }
        Some(Err(why)) => report.problem("delay", "not measured", why),
        None => report.fine("delay", "not measured; --clicks plays some to measure it"),
    }
}

/// A raw take of an hour, and what is kept back for its end.
const LITTLE: u64 = 500 << 20;

/// What the machine has left and allows.
pub(super) fn machine(out: &Path, report: &mut Report<'_>) {
    match machine::lockable_bytes() {
        None => {}
        Some(u64::MAX) => report.fine("memory", "all of it may be locked; nothing is"),
        Some(bytes) => {
            report.fine("memory", &format!("{} may be locked; nothing is", size(bytes)));
        }
    }
    // The folder need not be there yet.
    let there = out.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    let Some(free) = machine::free_bytes(there) else { return };
    let found = format!("{} left for `{}`", size(free), out.display());
    if free < LITTLE {
        report.problem("disk", &found, "that is less than an hour of WAV: make room");
    } else {
        report.fine("disk", &found);
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..0x10_0000 => format!("{} KiB", bytes >> 10),
        0x10_0000..0x4000_0000 => format!("{} MiB", bytes >> 20),
        _ => format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)),
    }
}
