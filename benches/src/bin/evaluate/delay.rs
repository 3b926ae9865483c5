//! How late what is captured comes out: clicks through the shipped graphs, found again
//! in what a listener decodes, beside what the plans say.

use std::path::Path;

use opus::{Channels, Decoder};
use tympan::{Event, Format, Graph, Header, Planar, Sink, registry};

use crate::figure::Figure;

const DEVICE: Format = Format::mono(48_000);

/// A graph that ships, perhaps a line to change in it, an output, and its goal in ms.
const CASES: [Case; 3] = [
    Case {
        graph: "dictation",
        // The one line by which its author chooses what the recogniser hears.
        change: Some(("from = \"clean\"\nframe", "from = \"suppress\"\nframe")),
        output: "recogniser",
        goal: 17.5,
    },
    Case { graph: "dictation", change: None, output: "speech", goal: 34.0 },
    Case { graph: "voice-agent", change: None, output: "call", goal: 24.0 },
];

struct Case {
    graph: &'static str,
    change: Option<(&'static str, &'static str)>,
    output: &'static str,
    goal: f64,
}

/// Clicks come this far apart, in frames of the device: a prime, so that they fall on
/// every place of a packet.
const APART: usize = 12_007;
const CLICKS: usize = 400;

pub(crate) fn evaluate() -> Result<Vec<Figure>, String> {
    println!("| graph | output | planned, ms | worst of {CLICKS} clicks, ms | out of place, ms |");
    println!("|---|---|---|---|---|");
    let mut figures = Vec::new();
    for case in CASES {
        let Found { planned, late, off } = case.run()?;
        let Case { graph, output, goal, .. } = case;
        println!("| {graph} | {output} | {planned:.3} | {late:.3} | {off:.3} |");
        let name = |what: &str| format!("{graph}, {output}: {what}");
        figures.push(Figure::at_most(goal, name("capture to packet"), late).unit(" ms"));
        // No click need hit the worst frame, but none may be later than the plan says: but
        // for a frame of the output, by which a peak can be misjudged.
        let more = (late - planned).max(0.0);
        figures.push(Figure::at_most(0.07, name("later than planned"), more).unit(" ms"));
        figures.push(Figure::at_most(0.25, name("out of place"), off).unit(" ms"));
    }
    Ok(figures)
}

/// In ms.
struct Found {
    planned: f64,
    late: f64,
    /// The farthest that a click is from where the header of its packet says.
    off: f64,
}

impl Case {
    fn graph(&self) -> Result<Graph, String> {
        let file = format!("../graphs/{}.toml", self.graph);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let read = std::fs::read_to_string(&path);
        let mut text = read.map_err(|e| format!("{}: {e}", path.display()))?;
        if let Some((from, to)) = self.change {
            if !text.contains(from) {
                return Err(format!("{} does not say `{from}` any more", path.display()));
            }
            text = text.replace(from, to);
        }
        Graph::from_toml(&text, &registry()).map_err(|e| e.to_string())
    }

    fn run(&self) -> Result<Found, String> {
        let graph = self.graph()?;
        // A gate that is always open lets clicks through as it lets words through.
        for key in ["gate.open", "gate.close"] {
            if let Some(live) = graph.param(key) {
                live.set(0.0).map_err(|e| e.to_string())?;
            }
        }
        let plan = graph.plan(DEVICE).map_err(|e| e.to_string())?;
        let output = plan.outputs().iter().position(|o| o.name == self.output);
        let output = output.ok_or_else(|| format!("no output is called {}", self.output))?;
        let info = plan.outputs()[output].clone();
        let mut listener = Listener::new(output, info.codec, info.format.rate)?;
        let mut executor = plan.executor();
        for frame in 0..APART * (CLICKS + 1) {
            // A device that delivers frame by frame adds nothing of its own.
            listener.now = frame;
            executor.push(&[click(frame % APART)], &mut listener);
        }
        let (late, off) = listener.worst();
        Ok(Found { planned: (info.delay + info.wait) * 1000.0, late, off })
    }
}

/// Frames of a click: 2 ms, around 1 kHz, so that a codec for speech keeps it.
const CLICK: usize = 96;

/// It stands in the middle of `APART`, on a bed that keeps encoders awake.
fn click(at: usize) -> f32 {
    let bed = (at as f32 * 0.13).sin() * 1e-3;
    let Some(i) = at.checked_sub(APART / 2 - CLICK / 2).filter(|i| *i < CLICK) else { return bed };
    let turn = std::f32::consts::TAU * (i as f32 - CLICK as f32 / 2.0) / CLICK as f32;
    bed + 0.4 * (0.5 + 0.5 * turn.cos()) * (2.0 * turn).cos()
}

/// Decodes an output as whoever is at the other end would.
struct Listener {
    output: usize,
    rate: u32,
    decoder: Option<Decoder>,
    /// The frame of the device that is being pushed.
    now: usize,
    /// The position of the first sample, every sample, and when each one came.
    first: Option<i64>,
    samples: Vec<f32>,
    came: Vec<usize>,
}

impl Listener {
    fn new(output: usize, codec: &str, rate: u32) -> Result<Self, String> {
        let decoder = match codec {
            "opus" => Some(Decoder::new(rate, Channels::Mono).map_err(|e| e.to_string())?),
            "pcm16" => None,
            other => return Err(format!("no decoder for {other} is here")),
        };
        let (samples, came) = (Vec::new(), Vec::new());
        Ok(Self { output, rate, decoder, now: 0, first: None, samples, came })
    }

    /// How late the latest click was, and how far the farthest was off, in ms.
    fn worst(&self) -> (f64, f64) {
        let first = self.first.unwrap_or(0) as f64 / f64::from(self.rate);
        let ms = |frames: f64, rate: u32| frames * 1000.0 / f64::from(rate);
        let (mut late, mut off) = (0.0f64, 0.0f64);
        // The first click comes while detectors and estimators find their feet.
        for n in 1..CLICKS {
            let captured = n * APART + APART / 2;
            let due = captured as f64 / f64::from(DEVICE.rate) - first;
            let due = (due * f64::from(self.rate)) as usize;
            let near = due - self.rate as usize / 100..due + self.rate as usize / 100;
            let loudest =
                near.max_by(|&a, &b| self.samples[a].abs().total_cmp(&self.samples[b].abs()));
            let at = loudest.unwrap_or(due);
            late = late.max(ms((self.came[at] - captured) as f64, DEVICE.rate));
            off = off.max(ms((at as f64 - due as f64).abs(), self.rate));
        }
        (late, off)
    }
}

impl Sink for Listener {
    fn audio(&mut self, _: usize, _: &Header, _: Planar<'_>) {}

    fn packet(&mut self, output: usize, header: &Header, bytes: &[u8]) {
        if output != self.output || bytes.is_empty() {
            return;
        }
        self.first.get_or_insert(header.position);
        let mut heard = vec![0.0; header.frames as usize];
        match &mut self.decoder {
            Some(decoder) => {
                decoder.decode_float(bytes, &mut heard, false).expect("what was encoded decodes");
            }
            None => {
                for (to, b) in heard.iter_mut().zip(bytes.as_chunks::<2>().0) {
                    *to = f32::from(i16::from_le_bytes(*b)) / 32768.0;
                }
            }
        }
        self.samples.extend(heard);
        self.came.resize(self.samples.len(), self.now);
    }

    fn event(&mut self, _: Event) {}
}
