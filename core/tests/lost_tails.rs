//! Tails that get lost, and tails that are too long: every output of every segment
//! and utterance has exactly the frames that were captured, however it was cut.

mod kit;

use kit::{Detect, Gate, Late, Pack, Rate, Record, STEP, Stretch, graph, node, output, ramp};
use tympan_core::{
    Border, Build, Built, Executor, Format, Graph, Input, Kind, Limits, Node, NodeDef, Output,
    Param, Reason, Refusal, Spec, What,
};

const DEVICES: [u32; 3] = [16_000, 44_100, 48_000];
const RATES: [u32; 4] = [8_000, 11_024, 44_100, 96_000];
const CUTS: [(usize, u32); 4] = [(1, 8192), (3000, 1), (479, 64), (100_000, 8192)];

fn executor(graph: &Graph, rate: u32, max_push: u32) -> Executor {
    let plan = graph.plan(&[Format::mono(rate)], Limits { max_push, ..Limits::default() });
    plan.unwrap_or_else(|e| panic!("{e}")).executor()
}

/// One segment per length, each a ramp from 0, in blocks of `cut`.
fn record(graph: &Graph, rate: u32, lengths: &[usize], (cut, max_push): (usize, u32)) -> Record {
    let mut executor = executor(graph, rate, max_push);
    let mut record = Record::default();
    for &length in lengths {
        for block in ramp(0, length).chunks(cut) {
            executor.push(block, &mut record);
        }
        executor.end_segment(Reason::Interruption, &mut record);
    }
    executor.drain(&mut record);
    kit::assert_within_plan(&executor);
    record
}

fn frames_at(length: i64, rate: u32, device: u32) -> i64 {
    (length * rate as i64 + device as i64 - 1).div_euclid(device as i64)
}

/// `length` frames from `origin` on, encoded `size` at a time with a lookahead of
/// `delay`: nothing missing, nothing twice, one first, one last.
fn assert_packets(stretch: &Stretch, origin: i64, length: i64, size: i64, delay: i64, what: &str) {
    let (last, tail) = stretch.packets.last().unwrap();
    assert!(stretch.ended && last.last, "{what}");
    assert_eq!(stretch.packets.iter().filter(|(h, _)| h.first).count(), 1, "{what}");
    let whole: Vec<_> = stretch.packets.iter().filter(|(h, _)| h.frames > 0).collect();
    // As many packets as hold the frames and the lookahead, and not one more.
    assert_eq!(whole.len() as i64, (length + delay + size - 1) / size, "{what}");
    // A packet that was full before the end was known cannot say that it was the last.
    let known = delay > 0 || length % size != 0;
    assert_eq!(last.frames == 0, !known || whole.is_empty(), "{what}: {last:?}");
    assert_eq!(tail.is_empty(), last.frames == 0, "{what}");
    let heard: i64 = whole.iter().map(|(h, _)| h.captured() as i64).sum();
    assert_eq!(heard, if whole.is_empty() { 0 } else { length }, "{what}");
    assert_eq!(last.position + last.frames as i64 - last.trim as i64, origin + length, "{what}");
    for (i, (header, bytes)) in whole.iter().enumerate() {
        assert_eq!(header.position, origin + i as i64 * size - delay, "{what}");
        assert_eq!(header.lead as i64, (delay - i as i64 * size).max(0), "{what}");
        // Behind the end there is silence, in front of it what was captured then.
        let from = origin + i as i64 * size;
        let said = |b: &[u8]| f32::from_le_bytes(b.try_into().unwrap());
        for (at, x) in [(from, said(&bytes[..4])), (from + size - 1, said(&bytes[4..]))] {
            let want = if at < origin + length { at as f32 * STEP } else { 0.0 };
            assert_eq!(x, want, "{what}: packet {i}, frame {at}");
        }
    }
}

/// An output on the source, at each rate, behind a delay, twice on one stream, and
/// two on one encoder.
fn all_sorts() -> Graph {
    let mut nodes = vec![
        node::<Late>("late", &[("frames", 160), ("delay", 333)], &["mic"]),
        node::<Pack>("plain", &[("frames", 320)], &["mic"]),
        node::<Pack>("ahead", &[("frames", 480), ("delay", 312)], &["mic"]),
        node::<Pack>("far", &[("frames", 100), ("delay", 1000)], &["mic"]),
    ];
    for rate in RATES {
        let keys = [("rate", rate as i64), ("frames", rate as i64 % 7 * 50)];
        nodes.push(node::<Rate>(&format!("r{rate}"), &keys, &["mic"]));
    }
    let mut graph = graph(nodes);
    for (i, from) in
        ["mic", "mic", "late", "late", "plain", "ahead", "ahead", "far"].iter().enumerate()
    {
        graph.output(output(&format!("o{i}"), from));
    }
    for rate in RATES {
        graph.output(output(&format!("o-r{rate}"), &format!("r{rate}")));
    }
    graph
}

#[test]
fn segments_of_any_length_come_out_whole() {
    let lengths = [1, 2, 7, 99, 100, 159, 160, 168, 320, 480, 481, 648, 1000, 4567];
    for device in DEVICES {
        for cut in CUTS {
            let record = record(&all_sorts(), device, &lengths, cut);
            for (segment, &length) in lengths.iter().enumerate() {
                let length = length as i64;
                let what =
                    |o: usize| format!("{device} Hz, cut {cut:?}, {length} frames, output {o}");
                let of = |o: usize| &record.stretches[&(o, segment as u32, 0)];
                for o in 0..4 {
                    let want: Vec<f32> = ramp(0, length as usize);
                    assert_eq!(of(o).start, 0);
                    assert!(of(o).samples == [want], "{}", what(o));
                }
                assert_packets(of(4), 0, length, 320, 0, &what(4));
                assert_packets(of(5), 0, length, 480, 312, &what(5));
                assert_packets(of(7), 0, length, 100, 1000, &what(7));
                assert!(of(5) == of(6) && of(2) == of(3), "two outputs of one node differ");
                for (i, rate) in RATES.into_iter().enumerate().filter(|(_, r)| *r != device) {
                    let got = (of(8 + i).start, of(8 + i).samples[0].len() as i64);
                    assert_eq!(got, (0, frames_at(length, rate, device)), "{}", what(8 + i));
                }
            }
        }
    }
}

/// Turns a gate makes: where, and how far an opening reaches back; none closes.
type Script = &'static [(i64, Option<u32>)];

/// What can go wrong with a gate, in segments of 2000 frames, and the utterances
/// that are right.
const SCRIPTS: [(Script, &[(i64, i64)]); 10] = [
    // Never; always; from the very first frame, with a reach that goes nowhere.
    (&[], &[]),
    (&[(0, Some(0))], &[(0, 2000)]),
    (&[(0, Some(500)), (1000, None)], &[(0, 1000)]),
    // One frame; none but the reach; none at all.
    (&[(700, Some(0)), (701, None)], &[(700, 701)]),
    (&[(700, Some(300)), (700, None)], &[(400, 700)]),
    (&[(700, Some(0)), (700, None)], &[(700, 700)]),
    // An opening while the closing before is still being caught up with, a reach into
    // an utterance that is over, and an end of the segment in all that.
    (&[(800, Some(600)), (801, None), (802, Some(600)), (1999, None)], &[(200, 801), (801, 1999)]),
    (&[(1990, Some(1500))], &[(490, 2000)]),
    (&[(1990, Some(1500)), (1995, None), (1996, Some(9))], &[(490, 1995), (1995, 2000)]),
    // A reach beyond the history is cut to it.
    (&[(1900, Some(1_000_000)), (1999, None)], &[(400, 1999)]),
];
const HISTORY: u32 = 1500;

/// A gate that turns where its script says.
struct Scripted {
    script: Script,
    next: usize,
}

impl Kind for Scripted {
    const NAME: &'static str = "scripted";
    const ABOUT: &'static str = "A gate that follows a script.";
    const PARAMS: &'static [Param] = &[Param::whole("script", 0, SCRIPTS.len() as i64 - 1, 0)];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let script = SCRIPTS[cx.whole("script") as usize].0;
        Spec::gate(cx.input(0), HISTORY).runs(Self { script, next: 0 })
    }
}

impl Node for Scripted {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let Some(&(at, turn)) = self.script.get(self.next) else { return };
        let frame = at - input.position();
        if frame < input.frames() as i64 {
            match turn {
                Some(back) => output.open(frame as usize, back),
                None => output.close(frame as usize),
            }
            self.next += 1;
        }
    }

    fn reset(&mut self, border: Border) {
        if border > Border::Utterance {
            self.next = 0;
        }
    }
}

/// Two gates of different scripts, and behind each an output at its rate, at another
/// one, and an encoder that looks ahead.
fn two_gates(scripts: [usize; 2], rate: u32) -> Graph {
    let mut nodes = Vec::new();
    for (gate, script) in scripts.iter().enumerate() {
        let id = |s: &str| format!("{s}{gate}");
        let from = |s: &str, key: &str, n: i64| -> NodeDef {
            match s {
                "rate" => node::<Rate>(&id(s), &[(key, n)], &[&id("late")]),
                "late" => node::<Late>(&id(s), &[(key, n), ("frames", 77)], &[&id("gate")]),
                _ => node::<Pack>(&id(s), &[(key, n), ("frames", 320)], &[&id("gate")]),
            }
        };
        nodes.push(node::<Scripted>(&id("gate"), &[("script", *script as i64)], &["mic"]));
        nodes.push(from("late", "delay", 200));
        nodes.push(from("rate", "rate", rate as i64));
        nodes.push(from("pack", "delay", 104));
    }
    let mut graph = graph(nodes);
    for gate in 0..2 {
        for from in ["gate", "late", "rate", "pack"] {
            graph.output(output(&format!("{from}-{gate}"), &format!("{from}{gate}")));
        }
    }
    graph.output(output("mic", "mic"));
    graph
}

#[test]
fn utterances_of_any_length_come_out_whole() {
    for script in 0..SCRIPTS.len() {
        let scripts = [script, (script + 3) % SCRIPTS.len()];
        let (device, rate) = (DEVICES[script % 3], RATES[script % 4]);
        let graph = two_gates(scripts, rate);
        let rate = if rate == device { device } else { rate };
        let first = record(&graph, device, &[2000, 2000], CUTS[0]);
        for cut in &CUTS[1..] {
            assert!(first == record(&graph, device, &[2000, 2000], *cut), "{scripts:?} {cut:?}");
        }
        for segment in 0..2 {
            assert_eq!(first.stretches[&(8, segment, 0)].samples, [ramp(0, 2000)]);
            for (gate, script) in scripts.iter().enumerate() {
                let utterances = SCRIPTS[*script].1;
                let of =
                    |o: usize, u: usize| first.stretches.get(&(4 * gate + o, segment, u as u32));
                for (u, &(from, to)) in utterances.iter().enumerate() {
                    let what = format!("scripts {scripts:?}, gate {gate}, utterance {u}");
                    for o in 0..2 {
                        let stretch = of(o, u).expect(&what);
                        let want = ramp(from as usize, (to - from) as usize);
                        assert_eq!(stretch.start, from, "{what}");
                        assert!(stretch.samples.concat() == want && stretch.ended, "{what}");
                    }
                    let stretch = of(2, u).unwrap();
                    let start = from * rate as i64 / device as i64;
                    let frames = stretch.samples.concat().len() as i64;
                    let want = (start, frames_at(to - from, rate, device));
                    assert_eq!((stretch.start, frames), want, "{what}");
                    assert_packets(of(3, u).unwrap(), from, to - from, 320, 104, &what);
                }
                assert!((0..4).all(|o| of(o, utterances.len()).is_none()), "one too many");
            }
        }
        for (gate, script) in scripts.iter().enumerate() {
            let told = first.events.get(&(4 * gate as u16)).into_iter().flatten();
            let told: Vec<_> = told.map(|e| (e.segment, e.what, e.position)).collect();
            let borders = |(u, &(from, to)): (usize, &(i64, i64))| {
                let u = u as u32;
                [(What::UtteranceStart(u), from), (What::UtteranceEnd(u), to)]
            };
            let want = |segment| {
                let all = SCRIPTS[*script].1.iter().enumerate().flat_map(borders);
                all.map(move |(what, at)| (segment, what, at))
            };
            assert!(told.iter().copied().eq(want(0).chain(want(1))), "{told:?}");
        }
    }
}

/// A hole that is filled while a gate is open is part of the utterance.
#[test]
fn a_gap_in_an_utterance_is_silence_of_its_length() {
    let mut graph = two_gates([1, 9], 8_000);
    graph.fill(50);
    let mut executor = executor(&graph, 16_000, 100);
    let mut record = Record::default();
    executor.push(&ramp(0, 1000), &mut record);
    executor.gap(300, &mut record);
    executor.push(&ramp(1300, 700), &mut record);
    executor.gap(801, &mut record);
    let hole = |from: usize| {
        let all = ramp(0, 2000).into_iter().enumerate();
        let all = all.map(|(p, x)| if (1000..1300).contains(&p) { 0.0 } else { x });
        all.skip(from).collect::<Vec<_>>()
    };
    assert_eq!(record.stretches[&(0, 0, 0)].samples, [hole(0)]);
    assert_eq!(record.stretches[&(4, 0, 0)].samples.concat(), hole(400)[..1599]);
    assert_eq!(record.stretches[&(8, 0, 0)].samples, [hole(0)]);
    let books = executor.books();
    assert_eq!((books.pushed, books.filled, executor.is_running()), (1700, 300, false));
}

/// A detector tells late; by then the segment may be over. What was said shortly
/// before the end opens the gate all the same, and with it the pre-roll.
#[test]
fn what_was_said_last_is_let_through() {
    let mut g = graph([
        node::<Detect>("voice", &[("frames", 400), ("delay", 3), ("period", 1000)], &["mic"]),
        node::<Gate>("gate", &[("back", 50)], &["mic", "voice"]),
    ]);
    g.output(output("o", "gate"));
    // It hears the first value from frame 960 on and says it is three values old.
    let from = 960 - 3 * 160 - 50;
    for length in [1120, 1121, 1200, 1201, 1500, 1700] {
        for cut in CUTS {
            let record = record(&g, 16_000, &[length, 800], cut);
            let heard: Vec<_> = record.stretches.keys().collect();
            assert_eq!(heard.len(), 1, "{length}: {heard:?}");
            let said = &record.stretches[&(0, 0, 0)];
            assert_eq!(said.start + said.samples[0].len() as i64, length as i64, "{length}");
            assert_eq!(said.start, from, "{length}");
        }
    }
}
