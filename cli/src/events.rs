//! Events of a running graph, told to people and to programs.

use serde_json::Value;
use tympan::core::{Event, OutputInfo};
use tympan::{Fault, Graph, Reason, What};

use crate::output::{Line, seconds};

/// Knows the names that events only number, and the time they count from.
pub(crate) struct Teller {
    nodes: Vec<String>,
    outputs: Vec<(String, u32)>,
    /// How much was captured before each segment, in seconds.
    starts: Vec<f64>,
}

impl Teller {
    pub(crate) fn new(graph: &Graph, outputs: &[OutputInfo]) -> Self {
        let nodes = graph.nodes().map(|(id, _)| id.to_owned()).collect();
        let outputs = outputs.iter().map(|o| (o.name.clone(), o.format.rate)).collect();
        Self { nodes, outputs, starts: vec![0.0] }
    }

    /// Seconds of capture, over all segments.
    pub(crate) fn time(&mut self, event: &Event) -> f64 {
        let rate = match event.what {
            // The outlet that tells of this counts at its output's rate.
            What::Overrun { output, .. } => self.output(output).1,
            _ => event.rate,
        };
        let within = event.position as f64 / f64::from(rate.max(1));
        let segment = event.segment as usize;
        let start = self.starts.get(segment).or(self.starts.last()).copied().unwrap_or(0.0);
        let time = start + within;
        if matches!(event.what, What::SegmentEnd(_)) && self.starts.len() == segment + 1 {
            self.starts.push(time);
        }
        time
    }

    fn output(&self, output: u16) -> (&str, u32) {
        let unknown = ("?", 1);
        self.outputs.get(output as usize).map_or(unknown, |(name, rate)| (name, *rate))
    }

    fn node(&self, node: u16) -> &str {
        self.nodes.get(node as usize).map_or("engine", String::as_str)
    }

    /// As a line of JSON; `t` is [`time`](Self::time).
    pub(crate) fn line(&self, event: &Event, t: f64) -> Line {
        let line =
            |name: &str| Line::new(name).with("t", seconds(t)).with("segment", event.segment);
        let node = |name: &str| line(name).with("node", self.node(event.node));
        match event.what {
            What::SegmentStart => line("segment").with("state", "start"),
            What::SegmentEnd(why) => {
                line("segment").with("state", "end").with("reason", reason(why))
            }
            What::Gap { lost, filled } => line("gap").with("lost", lost).with("filled", filled),
            What::BadInput { not_finite, clamped } => {
                line("bad_input").with("not_finite", not_finite).with("clamped", clamped)
            }
            What::UtteranceStart(n) => node("utterance_start").with("utterance", n),
            What::UtteranceEnd(n) => node("utterance_end").with("utterance", n),
            What::SpeechStart => node("speech_start"),
            What::SpeechEnd => node("speech_end"),
            What::Level { peak, rms, clipped, channel } => node("level")
                .with("channel", channel)
                .with("peak", amplitude(peak))
                .with("rms", amplitude(rms))
                .with("clipped", clipped),
            What::Fault(Fault::Panic) => node("fault").with("cause", "panic"),
            What::Fault(Fault::NotFinite) => node("fault").with("cause", "not_finite"),
            What::Fault(Fault::Code(code)) => {
                node("fault").with("cause", "code").with("code", code)
            }
            What::Fault(_) => node("fault").with("cause", "other"),
            What::Overrun { output, frames } => {
                line("overrun").with("output", self.output(output).0).with("frames", frames)
            }
            What::Custom { code, value } => {
                node("custom").with("code", code).with("value", amplitude(value))
            }
            _ => node("other"),
        }
    }

    /// As a sentence, unless there are too many of its sort to read.
    pub(crate) fn text(&self, event: &Event) -> Option<String> {
        let node = self.node(event.node);
        Some(match event.what {
            What::Level { .. } => return None,
            What::SegmentStart => format!("segment {} begins", event.segment),
            What::SegmentEnd(why) => format!("segment {} ends: {}", event.segment, reason(why)),
            What::Gap { lost, filled } => {
                format!("gap: {lost} frames lost, {filled} zeros in their place")
            }
            What::BadInput { not_finite, clamped } => format!(
                "bad input, mended: {not_finite} samples not finite, {clamped} far beyond full \
                 scale"
            ),
            What::UtteranceStart(n) => format!("utterance {n} begins"),
            What::UtteranceEnd(n) => format!("utterance {n} ends"),
            What::SpeechStart => format!("speech begins, says `{node}`"),
            What::SpeechEnd => format!("speech ends, says `{node}`"),
            What::Fault(fault) => format!("`{node}` {}", fault_text(fault)),
            What::Overrun { output, frames } => {
                format!(
                    "output `{}` lost {frames} frames: it was read too slowly",
                    self.output(output).0
                )
            }
            What::Custom { code, value } => format!("`{node}` says {code}: {value}"),
            _ => format!("`{node}` says something that this program does not know"),
        })
    }
}

const fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Stop => "stop",
        Reason::Interruption => "interruption",
        Reason::Format => "format",
        Reason::Overrun => "overrun",
        Reason::Swap => "swap",
        Reason::Discarded => "discarded",
        _ => "other",
    }
}

fn fault_text(fault: Fault) -> String {
    match fault {
        Fault::Panic => "panicked; its input passes through it from here on".to_owned(),
        Fault::NotFinite => "made samples that are not finite; they became zeros".to_owned(),
        Fault::Code(code) => format!("failed with its code {code}"),
        _ => "failed".to_owned(),
    }
}

/// Half a step of 20 bits is far below what any microphone tells apart.
fn amplitude(x: f32) -> Value {
    ((f64::from(x) * 1e6).round() / 1e6).into()
}
