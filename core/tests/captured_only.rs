//! Packets of only what was captured, and events from a call that holds filling: behind a
//! delay a call may begin before the beginning, and the last one goes on behind the end.

mod kit;

use kit::{Late, Record, STEP, graph, node, output, ramp};
use tympan_core::{
    Build, Built, Fault, Flow, Format, Input, Kind, Limits, Node, Output, Reason, Refusal, Spec,
    What,
};

/// Packs how many frames of a call were captured, the first of them, and its own number;
/// tells of speech at each call's first and last frame, and of a failure.
struct Captured;

const SIZE: usize = 160;
const DELAY: i64 = 100;
/// Of each segment. The last one ends before the last frame of a call.
const LENGTHS: [(u32, i64); 3] = [(0, 400), (1, 700), (2, 219)];

impl Kind for Captured {
    const NAME: &'static str = "captured";
    const ABOUT: &'static str = "Packets of what was captured.";
    const OUTPUT: Flow = Flow::Packets;

    fn build(_: &Build<'_>) -> Result<Built, Refusal> {
        Spec::packets(8).fixed(SIZE as u32).runs(Self)
    }
}

impl Node for Captured {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let captured = input.captured();
        output.event(0, What::SpeechStart);
        output.event(SIZE - 1, What::SpeechEnd);
        output.fault(7);
        let node = output.node();
        output.packet_of(captured.clone(), |bytes| {
            bytes[..2].copy_from_slice(&node.to_le_bytes());
            bytes[2..4].copy_from_slice(&(captured.len() as u16).to_le_bytes());
            bytes[4..].copy_from_slice(&input.channel(0, 0)[captured.start].to_le_bytes());
            8
        });
    }
}

#[test]
fn packets_hold_what_was_captured_and_stand_where_it_was() {
    let mut g = graph([
        node::<Late>("late", &[("delay", DELAY)], &["mic"]),
        node::<Late>("still", &[], &["late"]),
        node::<Captured>("it", &[], &["still"]),
    ]);
    g.output(output("o", "it"));
    let plan = g.plan(&[Format::mono(16_000)], Limits::default()).unwrap_or_else(|e| panic!("{e}"));
    let mut executor = plan.executor();
    let mut record = Record::default();
    for (_, length) in LENGTHS {
        executor.push(&ramp(0, length as usize), &mut record);
        executor.end_segment(Reason::Interruption, &mut record);
    }
    for (segment, length) in LENGTHS {
        let stretch = &record.stretches[&(0, segment, 0)];
        let mut at = 0;
        for (header, bytes) in &stretch.packets {
            // The first call begins with what the delay put before the beginning.
            let end = (at + DELAY) / SIZE as i64 * SIZE as i64 + SIZE as i64 - DELAY;
            let frames = end.min(length) - at;
            let what = format!("segment {segment}: {header:?}");
            assert_eq!((header.position, i64::from(header.frames)), (at, frames), "{what}");
            assert_eq!((header.lead, header.trim, header.last), (0, 0, end >= length), "{what}");
            assert_eq!(bytes[..2], 2_u16.to_le_bytes(), "its place in the graph");
            assert_eq!(bytes[2..4], (frames as u16).to_le_bytes(), "{what}");
            assert_eq!(bytes[4..], (at as f32 * STEP).to_le_bytes(), "{what}");
            at += frames;
        }
        assert_eq!(at, length);
        let told: Vec<(What, i64)> = record.events[&2]
            .iter()
            .filter(|event| event.segment == segment)
            .map(|event| (event.what, event.position))
            .collect();
        // What would be told of the filling did not happen.
        let calls = (0..).map(|n| n * SIZE as i64 - DELAY).take_while(|at| *at < length);
        let due: Vec<(What, i64)> = calls
            .flat_map(|at| {
                let end = at + SIZE as i64 - 1;
                [(What::SpeechStart, at), (What::SpeechEnd, end), (What::Fault(Fault::Code(7)), at)]
            })
            .filter(|(_, at)| *at < length)
            .collect();
        assert_eq!(told, due, "segment {segment}");
    }
}
