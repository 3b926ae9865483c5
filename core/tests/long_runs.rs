//! Runs so long that a count of 31, 32 or 33 bits wraps round: positions stay true.
//!
//! A year at 768 kHz passes 2^44 frames. The test gets to 2^40 by a node that makes 768
//! frames of each and leaves them unwritten.

mod kit;

use kit::{Record, graph, node, output, ramp};
use tympan_core::{
    Build, Built, Event, Flow, Format, Header, Input, Kind, Limits, Node, Output, Planar, Reason,
    Refusal, Sink, Spec, What,
};

const UP: i64 = 768;
const CALL: i64 = UP * 2048;
const OPENS: i64 = (1 << 39) + 5;
const END: i64 = 1 << 40;

/// 768 frames for each, at no cost.
struct Up;

impl Kind for Up {
    const NAME: &'static str = "up";
    const ABOUT: &'static str = "Makes many frames.";

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::audio(Format::mono(cx.input(0).rate * UP as u32)).runs(Self)
    }
}

impl Node for Up {
    fn process(&mut self, _: Input<'_>, _: &mut Output<'_>) {}
}

/// A packet and an event for each call, with the position in them.
struct Tells;

impl Kind for Tells {
    const NAME: &'static str = "tells";
    const ABOUT: &'static str = "Says where it is.";
    const OUTPUT: Flow = Flow::Packets;

    fn build(_: &Build<'_>) -> Result<Built, Refusal> {
        Spec::packets(8).fixed(CALL as u32).delay(312).runs(Self)
    }
}

impl Node for Tells {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        output.event(1, What::SpeechStart);
        output.packet(|bytes| {
            bytes.copy_from_slice(&input.position().to_le_bytes());
            8
        });
    }
}

/// Opens once, for a thousand frames, and far out.
struct Opens {
    turns: usize,
}

impl Kind for Opens {
    const NAME: &'static str = "opens";
    const ABOUT: &'static str = "A gate.";

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::gate(cx.input(0), 100).runs(Self { turns: 0 })
    }
}

impl Node for Opens {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let Some(at) = [OPENS, OPENS + 900].get(self.turns) else { return };
        let frame = at - input.position();
        if frame < input.frames() as i64 {
            if self.turns == 0 {
                output.open(frame as usize, 100);
            } else {
                output.close(frame as usize);
            }
            self.turns += 1;
        }
    }
}

/// Checks what goes on for long, and records the rest.
#[derive(Default)]
struct Long {
    next: i64,
    events: i64,
    utterance: Record,
    trimmed: i64,
}

impl Sink for Long {
    fn audio(&mut self, output: usize, header: &Header, block: Planar<'_>) {
        self.utterance.audio(output, header, block);
    }
    fn packet(&mut self, output: usize, header: &Header, bytes: &[u8]) {
        assert_eq!((output, header.position), (0, self.next - 312));
        assert_eq!(bytes, self.next.to_le_bytes());
        self.next += header.frames as i64;
        self.trimmed += header.trim as i64;
    }
    fn event(&mut self, event: Event) {
        match event.what {
            What::SpeechStart => {
                assert_eq!((event.position, event.node), (self.events * CALL + 1, 1));
                self.events += 1;
            }
            _ => self.utterance.event(event),
        }
    }
}

#[test]
fn positions_stay_true_beyond_32_bits() {
    let mut g = graph([
        node::<Up>("up", &[], &["mic"]),
        node::<Tells>("tells", &[], &["up"]),
        node::<Opens>("gate", &[], &["up"]),
    ]);
    g.output(output("packets", "tells")).output(output("utterance", "gate"));
    let limits = Limits { max_push: 2048, ..Limits::default() };
    let mut executor = g.plan(&[Format::mono(1000)], limits).unwrap().executor();
    let mut long = Long::default();
    let block = ramp(0, 2048);
    while (executor.books().pushed as i64) * UP < END {
        executor.push(&block, &mut long);
    }
    let pushed = executor.books().pushed as i64;
    executor.end_segment(Reason::Stop, &mut long);
    assert_eq!(long.next - 312 - long.trimmed, pushed * UP);
    assert_eq!(long.events, pushed * UP / CALL);
    let stretch = &long.utterance.stretches[&(1, 0, 0)];
    assert_eq!((stretch.start, stretch.samples[0].len()), (OPENS - 100, 1000));
    let told = |node: u16| -> Vec<_> {
        long.utterance.events[&node].iter().map(|e| (e.what, e.position)).collect()
    };
    let borders = [(What::UtteranceStart(0), OPENS - 100), (What::UtteranceEnd(0), OPENS + 900)];
    assert_eq!(told(2), borders);
    let segment = [(What::SegmentStart, 0), (What::SegmentEnd(Reason::Stop), pushed)];
    assert_eq!(told(Event::ENGINE), segment);
    kit::assert_within_plan(&executor);
}
