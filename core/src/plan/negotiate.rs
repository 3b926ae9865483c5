//! Pass 3: formats flow forward from the device, every node is built, and each
//! stream learns where it starts and how far it is behind the moment of capture.
//!
//! Three numbers per stream, all exact, tell everything about time:
//! `start`, the position of its first frame; `low`, how far its end is behind at
//! best, which is pure delay; `lag`, how far at worst, which adds the waiting for
//! frames to fill. Reported latency, the lag of control ports and the size of every
//! tape are readings of these. A fourth, `grain`, keeps `lag` from being added up
//! where it does not add up: blocks of 160 fill blocks of 320 without a rest.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::Format;
use crate::error::{Cause, Place, PlanError};
use crate::graph::Graph;
use crate::node::{Build, Built, Flow, Frames, Node, Refusal, Spec};
use crate::plan::resolve::{Feeder, Wires, name};
use crate::time::{Clock, Ratio, gcd};

/// A second source may be this far ahead of the microphone: what a loudspeaker is
/// about to play is known before it is heard.
pub(crate) const LEAD_MS: i64 = 500;

/// No signal is later than this, in seconds.
const LONGEST_S: i128 = 600;

/// One tape to be.
pub(crate) struct Stream {
    pub(crate) name: String,
    pub(crate) format: Format,
    pub(crate) region: usize,
    pub(crate) start: i64,
    pub(crate) low: i128,
    pub(crate) lag: i128,
    /// Its end is always a multiple of so many frames behind `start`.
    pub(crate) grain: i64,
}

/// One node to be run.
pub(crate) struct Step {
    pub(crate) def: usize,
    pub(crate) node: Box<dyn Node>,
    pub(crate) spec: Spec,
    pub(crate) audio: Vec<usize>,
    /// Stream and lag in audio frames.
    pub(crate) control: Vec<(usize, u32)>,
    pub(crate) region: usize,
    /// The first position it consumes.
    pub(crate) start: i64,
    /// Frames of its inputs that may have to wait for others to fill a call.
    pub(crate) waits: i64,
    pub(crate) output: Option<usize>,
    /// The region behind it, if it is a gate.
    pub(crate) opens: Option<usize>,
}

/// What runs together: everything before the gates, or everything behind one.
pub(crate) struct Region {
    /// The stream everything in it comes from.
    pub(crate) entry: usize,
    /// The step that is its gate; none for the root.
    pub(crate) gate: Option<usize>,
}

/// Who an output listens to.
#[derive(Clone, Copy)]
pub(crate) enum Tapped {
    Stream(usize),
    /// Packets of a step.
    Step(usize),
}

pub(crate) struct Draft {
    pub(crate) clock: Clock,
    pub(crate) streams: Vec<Stream>,
    pub(crate) steps: Vec<Step>,
    pub(crate) regions: Vec<Region>,
    pub(crate) outputs: Vec<Tapped>,
    /// Nodes that do nothing with these formats.
    pub(crate) vanished: Vec<usize>,
}

pub(crate) fn negotiate(
    graph: &Graph,
    wires: &Wires,
    order: &[usize],
    formats: &[Format],
) -> Result<Draft, PlanError> {
    let mut talk = Talk {
        graph,
        draft: Draft {
            clock: Clock { per_second: 1 },
            streams: Vec::new(),
            steps: Vec::new(),
            regions: vec![Region { entry: 0, gate: None }],
            outputs: Vec::new(),
            vanished: Vec::new(),
        },
        made: vec![None; graph.nodes.len()],
        stepped: vec![None; graph.nodes.len()],
    };
    talk.sources(formats)?;
    for &node in order {
        talk.node(node, &wires.nodes[node])?;
    }
    talk.outputs(wires)?;
    Ok(talk.draft)
}

/// How a node takes its input.
struct Beat {
    /// The first position.
    start: i64,
    /// Frames, or a multiple of that, per call.
    takes: i64,
    /// Frames that may wait for a call to fill.
    waits: i64,
}

struct Talk<'a> {
    graph: &'a Graph,
    draft: Draft,
    /// The stream each node's output is on; an identity shares its input's.
    made: Vec<Option<usize>>,
    /// The step of each node.
    stepped: Vec<Option<usize>>,
}

impl Talk<'_> {
    fn sources(&mut self, formats: &[Format]) -> Result<(), PlanError> {
        let names: Vec<_> = self.graph.sources().map(ToOwned::to_owned).collect();
        for (i, name) in names.into_iter().enumerate() {
            let fail = |cause| Err(PlanError { place: Place::Source(i), cause });
            let Some(&device) = formats.get(i).or(formats.first()) else {
                return fail(Cause::BadSource { name, format: Format::new(0, 0) });
            };
            if !device.is_valid() {
                return fail(Cause::BadSource { name, format: device });
            }
            let mut format = device;
            if let Some(channel) = self.graph.sources.get(i).and_then(|s| s.channel) {
                if channel == 0 || channel > device.channels {
                    let has = device.channels;
                    return fail(Cause::NoChannel { source: name, channel, has });
                }
                format.channels = 1;
            }
            self.admit(&name, format.rate, Place::Source(i))?;
            let rate = format.rate;
            // A second source is topped up to the microphone's time, to the frame.
            let lag = if i == 0 { 0 } else { self.ticks(1, rate) };
            let stream = Stream { name, format, region: 0, start: 0, low: 0, lag, grain: 1 };
            self.draft.streams.push(stream);
        }
        Ok(())
    }

    /// Makes the clock fit one more rate; what was measured so far is rescaled.
    fn admit(&mut self, node: &str, rate: u32, place: Place) -> Result<(), PlanError> {
        let rates = [self.draft.clock.per_second as u128, rate as u128];
        let Some(clock) = Clock::common(rates) else {
            return Err(PlanError { place, cause: Cause::NoClock { node: node.to_owned(), rate } });
        };
        let finer = clock.per_second / self.draft.clock.per_second;
        for stream in &mut self.draft.streams {
            stream.low *= finer;
            stream.lag *= finer;
        }
        self.draft.clock = clock;
        Ok(())
    }

    fn ticks(&self, frames: i64, rate: u32) -> i128 {
        self.draft.clock.ticks(frames, rate)
    }

    fn stream_of(&self, feeder: Feeder) -> Option<usize> {
        match feeder {
            Feeder::Source(i) => Some(i),
            Feeder::Node(i) => self.made[i],
        }
    }

    fn node(&mut self, n: usize, feeders: &[Feeder]) -> Result<(), PlanError> {
        let def = &self.graph.nodes[n];
        let streams: Vec<usize> = feeders.iter().filter_map(|&f| self.stream_of(f)).collect();
        let (audio, held) = streams.split_at(def.kind.audio_inputs());
        let region = self.one_region(n, &streams)?;
        self.one_rate(n, audio)?;
        let inputs: Vec<Format> = audio.iter().map(|&s| self.draft.streams[s].format).collect();
        let mut lags = Vec::with_capacity(held.len());
        for &control in held {
            lags.push(self.control_lag(n, audio, control)?);
        }
        let cx =
            Build { kind: def.kind.name, settings: &def.settings, inputs: &inputs, lags: &lags };
        match (def.kind.build)(&cx) {
            Err(refusal) => Err(self.refused(n, audio, refusal)),
            Ok(Built::Identity) if def.kind.output != Flow::Audio => {
                let why = "only a node that gives samples can have nothing to do";
                Err(at(n, Some("kind"), Cause::BadKind { kind: def.kind.name, why }))
            }
            Ok(Built::Identity) => {
                self.made[n] = Some(audio[0]);
                self.draft.vanished.push(n);
                Ok(())
            }
            Ok(Built::Node(spec, node)) => {
                self.kept(n, &spec, inputs[0])?;
                let control = held.iter().copied().zip(lags).collect();
                self.step(n, node, spec, audio, control, region)
            }
        }
    }

    /// All inputs stand on the same side of the same gate.
    fn one_region(&self, n: usize, streams: &[usize]) -> Result<usize, PlanError> {
        let of = |s: usize| self.draft.streams[s].region;
        let first = streams[0];
        let Some(&other) = streams.iter().find(|&&s| of(s) != of(first)) else {
            return Ok(of(first));
        };
        let (gated, ungated) = if of(first) > of(other) { (first, other) } else { (other, first) };
        let name = |s: usize| self.draft.streams[s].name.clone();
        let node = self.graph.nodes[n].id.clone();
        let cause = if of(ungated) > 0 {
            Cause::TwoGates { node, first: name(first), other: name(other) }
        } else {
            Cause::MixedGate { node, gated: name(gated), ungated: name(ungated) }
        };
        Err(at(n, Some("from"), cause))
    }

    fn one_rate(&self, n: usize, audio: &[usize]) -> Result<(), PlanError> {
        let rate = |s: usize| self.draft.streams[s].format.rate;
        let Some(&other) = audio.iter().find(|&&s| rate(s) != rate(audio[0])) else {
            return Ok(());
        };
        let tell = |s: usize| (self.draft.streams[s].name.clone(), rate(s));
        let node = self.graph.nodes[n].id.clone();
        let cause = Cause::UnequalRates { node, first: tell(audio[0]), other: tell(other) };
        Err(at(n, Some("from"), cause))
    }

    /// How many audio frames a control value must be held back so that it is always
    /// there when the audio is, however the input was cut.
    fn control_lag(&self, n: usize, audio: &[usize], control: usize) -> Result<u32, PlanError> {
        let streams = &self.draft.streams;
        let low = audio.iter().map(|&s| streams[s].low).max().unwrap_or(0);
        let behind = (streams[control].lag - low).max(0);
        self.in_time(n, behind)?;
        Ok(self.draft.clock.frames_up(behind, streams[audio[0]].format.rate) as u32)
    }

    /// Refuses what would keep a signal waiting for longer than anybody listens.
    fn in_time(&self, n: usize, ticks: i128) -> Result<(), PlanError> {
        if ticks <= self.draft.clock.per_second * LONGEST_S {
            return Ok(());
        }
        let seconds = self.draft.clock.seconds(ticks);
        let node = self.graph.nodes[n].id.clone();
        Err(at(n, None, Cause::TooLate { node, seconds, limit: LONGEST_S as u32 }))
    }

    /// Whether a spec keeps what the kind's description said.
    fn kept(&self, n: usize, spec: &Spec, input: Format) -> Result<(), PlanError> {
        let kind = &self.graph.nodes[n].kind;
        let mono = |f: Format| f.channels == 1;
        let sound = match kind.output {
            Flow::Audio => spec.output.is_some_and(|f| f.channels > 0) && spec.packet == 0,
            Flow::Control => spec.output.is_some_and(mono) && spec.packet == 0,
            Flow::Packets => spec.output.is_none() && spec.packet > 0,
            Flow::Events => spec.output.is_none() && spec.packet == 0,
        };
        let gate = spec.history.is_none()
            || (spec.output == Some(input)
                && spec.delay == 0
                && spec.frames == Frames::Any
                && kind.audio_inputs() == 1);
        let why = if !sound {
            "what it was built to put out is not what its description says"
        } else if !gate {
            "a gate has one audio input, takes any number of frames and passes them on as they are"
        } else if spec.frames == Frames::Fixed(0) {
            "it takes 0 frames per call"
        } else {
            return Ok(());
        };
        Err(at(n, Some("kind"), Cause::BadKind { kind: kind.name, why }))
    }

    fn step(
        &mut self,
        n: usize,
        node: Box<dyn Node>,
        spec: Spec,
        audio: &[usize],
        control: Vec<(usize, u32)>,
        region: usize,
    ) -> Result<(), PlanError> {
        let id = &self.graph.nodes[n].id;
        let rate = self.draft.streams[audio[0]].format.rate;
        let mut ratio = Ratio { up: 1, down: 1 };
        if let Some(out) = spec.output {
            let rates = 1..=Format::MAX_RATE;
            if !rates.contains(&out.rate) || out.channels > Format::MAX_CHANNELS {
                let cause = Cause::BadFormat { node: id.clone(), format: out };
                return Err(at(n, None, cause));
            }
            self.admit(id, out.rate, Place::Node(n, None))?;
            ratio = Ratio::of(out.rate, rate);
        }
        // A gate decides about what was captured, not about a delay's pre-roll.
        let start = match spec.history {
            Some(_) => 0,
            None => first_whole(self.most(audio, |s| s.start), ratio),
        };
        let delayed = spec.output.map_or(rate, |f| f.rate);
        let delay = self.ticks(spec.delay as i64, delayed);
        self.in_time(n, self.most(audio, |s| s.low) + delay)?;
        let index = self.draft.steps.len();
        let beat = self.beat(&spec, audio, start);
        let opens = spec.history.map(|_| self.draft.regions.len());
        let output = spec.output.map(|format| {
            let stream = match opens {
                // Behind a gate time begins anew with each utterance.
                Some(region) => {
                    let name = id.clone();
                    Stream { name, format, region, start: 0, low: 0, lag: 0, grain: 1 }
                }
                None => self.timed(id.clone(), format, &spec, audio, &beat, region),
            };
            self.draft.streams.push(stream);
            self.draft.streams.len() - 1
        });
        if let (Some(_), Some(entry)) = (opens, output) {
            if let Some(outer) = self.draft.regions[region].gate {
                let behind = self.graph.nodes[self.draft.steps[outer].def].id.clone();
                return Err(at(n, None, Cause::NestedGate { node: id.clone(), behind }));
            }
            self.draft.regions.push(Region { entry, gate: Some(index) });
        }
        self.made[n] = output;
        self.stepped[n] = Some(index);
        let audio = audio.to_vec();
        self.draft.steps.push(Step {
            def: n,
            node,
            spec,
            audio,
            control,
            region,
            start,
            waits: beat.waits,
            output,
            opens,
        });
        Ok(())
    }

    /// In what portions a node takes frames from `start` on, and how many of them may
    /// have to wait: what is there is always a multiple of a grain that all inputs have
    /// in common, and so is what is left over.
    fn beat(&self, spec: &Spec, audio: &[usize], start: i64) -> Beat {
        let common = |a: i64, b: i64| gcd(a.unsigned_abs().into(), b.unsigned_abs().into()) as i64;
        let grid = |g: i64, s: &Stream| common(common(g, s.grain), start - s.start);
        let grain = audio.iter().fold(0, |g, &s| grid(g, &self.draft.streams[s]));
        match spec.frames {
            Frames::Any => Beat { start, takes: grain, waits: 0 },
            Frames::Fixed(n) => {
                let n = i64::from(n);
                Beat { start, takes: n, waits: n - common(grain, n) }
            }
        }
    }

    /// The stream a node makes, placed in time.
    fn timed(
        &self,
        name: String,
        format: Format,
        spec: &Spec,
        audio: &[usize],
        beat: &Beat,
        region: usize,
    ) -> Stream {
        let rate = self.draft.streams[audio[0]].format.rate;
        let ratio = Ratio::of(format.rate, rate);
        let delay = self.ticks(spec.delay as i64, format.rate);
        let waiting = self.ticks(beat.waits, rate);
        let (up, down) = (i64::from(ratio.up), i64::from(ratio.down));
        let even = beat.takes * up % down == 0;
        // The count of frames made is rounded down: up to a frame, less one tick of
        // the two rates' own clock, may be owed.
        let owed = if even {
            0
        } else {
            self.ticks(1, format.rate) * (ratio.down as i128 - 1) / ratio.down as i128
        };
        Stream {
            name,
            format,
            region,
            start: ratio.floor(beat.start) - spec.delay as i64,
            low: self.most(audio, |s| s.low) + delay,
            lag: self.most(audio, |s| s.lag) + waiting + owed + delay,
            grain: if even { beat.takes * up / down } else { 1 },
        }
    }

    fn most<T: Ord + Default>(&self, streams: &[usize], of: impl Fn(&Stream) -> T) -> T {
        streams.iter().map(|&s| of(&self.draft.streams[s])).max().unwrap_or_default()
    }

    fn outputs(&mut self, wires: &Wires) -> Result<(), PlanError> {
        for (i, &feeder) in wires.outputs.iter().enumerate() {
            let step = match feeder {
                Feeder::Node(n) => self.stepped[n],
                Feeder::Source(_) => None,
            };
            let tapped = match (self.stream_of(feeder), step) {
                (Some(stream), _) => Tapped::Stream(stream),
                (None, Some(step)) => Tapped::Step(step),
                (None, None) => continue,
            };
            let has = match tapped {
                Tapped::Stream(s) => self.draft.streams[s].format.rate,
                Tapped::Step(s) => self.draft.streams[self.draft.steps[s].audio[0]].format.rate,
            };
            let def = &self.graph.outputs[i];
            if let Some(wants) = def.rate.filter(|&r| r != has) {
                let from = name(self.graph, feeder);
                let place = Place::Output(i, Some("rate".to_owned()));
                let cause = Cause::PinnedRate { output: def.name.clone(), wants, has, from };
                return Err(PlanError { place, cause });
            }
            self.draft.outputs.push(tapped);
        }
        Ok(())
    }

    fn refused(&self, n: usize, audio: &[usize], refusal: Refusal) -> PlanError {
        let def = &self.graph.nodes[n];
        let node = def.id.clone();
        match refusal {
            Refusal::Wants { rates, channels } => {
                let misfit = |&&s: &&usize| {
                    let Format { rate, channels: n } = self.draft.streams[s].format;
                    !(rates.is_empty() || rates.contains(&rate))
                        || !(channels.is_empty() || channels.contains(&n))
                };
                let input = audio.iter().find(misfit).unwrap_or(&audio[0]);
                let Stream { name: from, format: has, .. } = &self.draft.streams[*input];
                let cause = Cause::Wants {
                    node,
                    kind: def.kind.name,
                    from: from.clone(),
                    has: *has,
                    rates,
                    channels,
                };
                at(n, None, cause)
            }
            Refusal::Setting { name, why } => {
                at(n, Some(name), Cause::Setting { node, key: name, why })
            }
            Refusal::Other(why) => at(n, None, Cause::Refused { node, why }),
        }
    }
}

fn at(n: usize, key: Option<&str>, cause: Cause) -> PlanError {
    PlanError { place: Place::Node(n, key.map(ToOwned::to_owned)), cause }
}

/// The first position at or after `start` that is whole on the output too. `start`
/// is never above 0, and neither is this: only what a delay puts before the
/// beginning is skipped, never a captured frame.
fn first_whole(start: i64, ratio: Ratio) -> i64 {
    let down = ratio.down as i64;
    -(-start).div_euclid(down) * down
}
