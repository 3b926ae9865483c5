//! `vad` and `gate` at work, with their defaults.

use tympan::{Event, Format, Graph, Header, Planar, Sink, What, registry};

use crate::recordings::RATE;
use crate::span::Span;

/// What came out of a recording.
#[derive(Default)]
pub(crate) struct Heard {
    /// What the gate let through.
    pub(crate) utterances: Vec<Span>,
    /// From `speech_start` to `speech_end`, as their positions say.
    pub(crate) speech: Vec<Span>,
    /// The same, by when each was told: from the capture of the newest frame pushed at
    /// the `speech_start` to that at the `speech_end`.
    pub(crate) told: Vec<Span>,
    /// How much has been pushed.
    now: f64,
}

const GRAPH: &str = r#"
    [[node]]
    id = "voice"
    kind = "resample"
    rate = 16000

    [[node]]
    kind = "vad"

    [[node]]
    kind = "gate"
    from = { in = "voice", voice = "vad" }

    [[output]]
    name = "speech"
"#;

/// Runs over mono samples at [`RATE`], in callbacks of 10 ms.
pub(crate) fn hear(samples: &[f32]) -> Heard {
    let sure = "a graph for mono at 16 kHz";
    let graph = Graph::from_toml(GRAPH, &registry()).expect(sure);
    let mut executor = graph.plan(Format::mono(RATE)).expect(sure).executor();
    executor.warm();
    let mut heard = Heard::default();
    let mut pushed = 0;
    for callback in samples.chunks(RATE as usize / 100) {
        pushed += callback.len();
        heard.now = seconds(pushed);
        executor.push(callback, &mut heard);
    }
    executor.drain(&mut heard);
    // What the end cut off has no end of its own.
    let all = seconds(samples.len());
    for spans in [&mut heard.utterances, &mut heard.speech, &mut heard.told] {
        close(spans, all);
    }
    heard
}

pub(crate) fn seconds(frames: usize) -> f64 {
    frames as f64 / f64::from(RATE)
}

/// Where the speech in each utterance begins and ends, as `gate` explains it.
pub(crate) fn speech_in(utterances: &[Span], end: f64) -> Vec<Span> {
    let (pre_roll, hang_over) =
        (default_time("gate", "pre_roll"), default_time("gate", "hang_over"));
    let mut before = 0.0;
    let mut inside = |u: &Span| {
        // Cut short by the segment, it says nothing about that side.
        let from = if u.from > before { u.from + pre_roll } else { u.from };
        let to = if u.to < end { u.to - hang_over } else { u.to };
        before = u.to;
        Span { from, to }
    };
    utterances.iter().map(&mut inside).collect()
}

/// A time that a kind has by default, in seconds.
fn default_time(kind: &str, key: &str) -> f64 {
    use tympan::core::{Param, Value::Number};
    let registry = registry();
    let param = registry.get(kind).and_then(|k| k.params.iter().find(|p| p.name == key));
    match param.and_then(Param::default) {
        Some(Number(ms)) => ms / 1000.0,
        _ => panic!("`{kind}` has no time `{key}`"),
    }
}

fn open(spans: &mut Vec<Span>, from: f64) {
    spans.push(Span { from, to: f64::INFINITY });
}

fn close(spans: &mut [Span], to: f64) {
    if let Some(span) = spans.last_mut().filter(|s| s.to == f64::INFINITY) {
        span.to = to;
    }
}

impl Sink for Heard {
    fn audio(&mut self, _: usize, _: &Header, _: Planar<'_>) {}

    fn packet(&mut self, _: usize, _: &Header, _: &[u8]) {}

    fn event(&mut self, event: Event) {
        let (at, now) = (event.seconds(), self.now);
        match event.what {
            What::UtteranceStart(_) => open(&mut self.utterances, at),
            What::UtteranceEnd(_) => close(&mut self.utterances, at),
            What::SpeechStart => {
                open(&mut self.speech, at);
                open(&mut self.told, now);
            }
            What::SpeechEnd => {
                close(&mut self.speech, at);
                close(&mut self.told, now);
            }
            _ => {}
        }
    }
}
