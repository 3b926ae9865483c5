//! `pcm16`: 16-bit samples in packets, as recognisers and realtime APIs take them.

use dasp_sample::Sample;
use tympan_core::{Build, Built, Flow, Input, Kind, Node, Output, Param, Refusal, Spec};

/// Packs frames as interleaved 16-bit little-endian samples, saturating.
///
/// A packet holds captured frames only: the last one of a segment is shorter rather
/// than filled, and so is the first one behind a node that delays.
pub struct Pcm16;

impl Kind for Pcm16 {
    const NAME: &'static str = "pcm16";
    const ABOUT: &'static str = "Packs 16-bit little-endian samples, for recognisers.";
    const OUTPUT: Flow = Flow::Packets;
    const PARAMS: &'static [Param] =
        &[Param::time("frame", 2.5, 1000.0, 20.0).about("time per packet")];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let frames = cx.frames("frame").max(1);
        let bytes = frames as usize * cx.input(0).channels as usize * 2;
        Spec::packets(bytes).fixed(frames).runs(Self)
    }
}

impl Node for Pcm16 {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let channels = input.channels(0);
        let captured = input.captured();
        output.packet_of(captured.clone(), |bytes| {
            for channel in 0..channels {
                let x = input.channel(0, channel).get(captured.clone()).unwrap_or_default();
                let places = bytes.as_chunks_mut().0.iter_mut().skip(channel);
                for (place, &x) in places.step_by(channels.max(1)).zip(x) {
                    *place = x.to_sample::<i16>().to_le_bytes();
                }
            }
            2 * channels * captured.len()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_top::Bench;
    use tympan_core::{
        Event, Format, Graph, Header, KindInfo, Limits, NodeDef, OutputDef, Planar, Sink,
    };

    fn samples(bytes: &[u8]) -> Vec<i16> {
        bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
    }

    #[test]
    fn full_scale_saturates_instead_of_wrapping() {
        let mut bench = Bench::new::<Pcm16>(&[("frame", 4.0.into())], Format::mono(1000));
        bench.push(&[1.0, -1.0, 1.5, -8.0]);
        assert_eq!(samples(&bench.packets()[0].1), [32767, -32768, 32767, -32768]);
    }

    #[test]
    fn behind_a_delay_the_first_packet_begins_with_what_was_captured() {
        let mut graph = Graph::new();
        let mut late = NodeDef::new("late", KindInfo::of::<crate::Limiter>());
        late.from("mic");
        graph.node(late).node(NodeDef::new("it", KindInfo::of::<Pcm16>()));
        graph.output(OutputDef::new("out").from("it"));
        let mut executor =
            graph.plan(&[Format::mono(16_000)], Limits::default()).unwrap().executor();
        let mut heard = Heads::default();
        executor.push(&[0.25; 1000], &mut heard);
        executor.drain(&mut heard);
        let delay = 16_000 / 1000 * 2;
        assert_eq!(heard.0[0], (0, 320 - delay, 2 * (320 - delay) as usize, 0.25f32.to_sample()));
        assert_eq!(heard.0.iter().map(|h| h.1).sum::<u32>(), 1000);
    }

    /// Position, frames, bytes and first sample of each packet.
    #[derive(Default)]
    struct Heads(Vec<(i64, u32, usize, i16)>);

    impl Sink for Heads {
        fn audio(&mut self, _: usize, _: &Header, _: Planar<'_>) {}
        fn packet(&mut self, _: usize, header: &Header, bytes: &[u8]) {
            let first = samples(bytes).first().copied().unwrap_or_default();
            self.0.push((header.position, header.frames, bytes.len(), first));
        }
        fn event(&mut self, _: Event) {}
    }

    #[test]
    fn channels_are_interleaved() {
        let mut bench = Bench::new::<Pcm16>(&[("frame", 2.5.into())], Format::stereo(1000));
        bench.push(&[0.5, -0.5, 0.25, -0.25, 0.0, 0.125]);
        assert_eq!(samples(&bench.packets()[0].1), [16384, -16384, 8192, -8192, 0, 4096]);
    }

    #[test]
    fn the_last_packet_holds_what_was_captured_and_no_more() {
        let mut bench = Bench::new::<Pcm16>(&[], Format::mono(16_000));
        bench.push(&[0.5; 500]);
        bench.end();
        let packets = bench.packets();
        let sizes: Vec<_> = packets.iter().map(|(h, b)| (h.frames, h.trim, b.len())).collect();
        assert_eq!(sizes, [(320, 0, 640), (180, 0, 360)]);
        assert!(packets[1].0.last);
    }
}
