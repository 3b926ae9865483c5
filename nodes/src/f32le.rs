//! `f32le`: 32-bit float samples in packets, for programs that compute with them.

use tympan_core::{Build, Built, Flow, Input, Kind, Node, Output, Param, Refusal, Spec};

/// Packs frames as interleaved 32-bit little-endian floats from -1 to 1.
///
/// A packet holds captured frames only: the last one of a segment is shorter rather
/// than filled, and so is the first one behind a node that delays.
pub struct F32le;

impl Kind for F32le {
    const NAME: &'static str = "f32le";
    const ABOUT: &'static str = "Packs 32-bit little-endian float samples, for models.";
    const OUTPUT: Flow = Flow::Packets;
    const PARAMS: &'static [Param] =
        &[Param::time("frame", 2.5, 1000.0, 20.0).about("time per packet")];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let frames = cx.frames("frame").max(1);
        let bytes = frames as usize * cx.input(0).channels as usize * 4;
        Spec::packets(bytes).fixed(frames).runs(Self)
    }
}

/// Finite and within full scale, as on every other way out of a graph.
fn leave(x: f32) -> f32 {
    if x.is_nan() { 0.0 } else { x.clamp(-1.0, 1.0) }
}

impl Node for F32le {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let channels = input.channels(0);
        let captured = input.captured();
        output.packet_of(captured.clone(), |bytes| {
            for channel in 0..channels {
                let x = input.channel(0, channel).get(captured.clone()).unwrap_or_default();
                let places = bytes.as_chunks_mut().0.iter_mut().skip(channel);
                for (place, &x) in places.step_by(channels.max(1)).zip(x) {
                    *place = leave(x).to_le_bytes();
                }
            }
            4 * channels * captured.len()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_top::Bench;
    use tympan_core::Format;

    fn samples(bytes: &[u8]) -> Vec<f32> {
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    }

    #[test]
    fn samples_keep_every_bit_and_full_scale_is_the_limit() {
        let mut bench = Bench::new::<F32le>(&[("frame", 5.0.into())], Format::mono(1000));
        bench.push(&[0.1, -1.0, 1.0e-7, 1.5, -8.0]);
        let packet = &bench.packets()[0].1;
        assert_eq!(samples(packet), [0.1, -1.0, 1.0e-7, 1.0, -1.0]);
        assert_eq!(packet[..4], [0xcd, 0xcc, 0xcc, 0x3d], "little-endian");
    }

    #[test]
    fn what_no_number_is_becomes_silence() {
        // The door lets none in; a node before this one may still make some.
        assert_eq!([f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(leave), [0.0, 1.0, -1.0]);
    }

    #[test]
    fn channels_are_interleaved() {
        let mut bench = Bench::new::<F32le>(&[("frame", 2.5.into())], Format::stereo(1000));
        let x = [0.5, -0.5, 0.25, -0.25, 0.0, 0.125];
        bench.push(&x);
        assert_eq!(samples(&bench.packets()[0].1), x);
    }

    #[test]
    fn the_last_packet_holds_what_was_captured_and_no_more() {
        let mut bench = Bench::new::<F32le>(&[], Format::mono(16_000));
        bench.push(&[0.5; 500]);
        bench.end();
        let packets = bench.packets();
        let sizes: Vec<_> = packets.iter().map(|(h, b)| (h.frames, h.trim, b.len())).collect();
        assert_eq!(sizes, [(320, 0, 1280), (180, 0, 720)]);
        assert!(packets[1].0.last);
    }

    #[test]
    fn packets_are_the_same_however_the_input_was_cut() {
        let x: Vec<f32> = (0..999u16).map(|i| f32::from(i) / 1000.0).collect();
        let packed = |cut: usize| {
            let mut bench = Bench::new::<F32le>(&[("frame", 10.0.into())], Format::mono(8000));
            x.chunks(cut).for_each(|x| drop(bench.push(x)));
            bench.end();
            bench.packets().to_vec()
        };
        assert!(packed(999) == packed(1) && packed(999) == packed(77));
    }
}
