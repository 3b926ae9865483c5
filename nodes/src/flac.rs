//! `flac`: every bit of the samples, in about half of the bytes.
//!
//! Our own encoder, because those at hand allocate per frame. It does what the format
//! offers for speech and leaves the last percent to those who encode files.
//!
//! | file | holds |
//! |---|---|
//! | `bits` | a writer of bits, and the checksums |
//! | `predict` | what can be foretold of a signal: fixed and linear predictors |
//! | `rice` | the code of what cannot |
//! | `subframe` | one channel of a frame |

mod bits;
mod predict;
mod rice;
mod subframe;

use dasp_sample::{I24, Sample};
use tympan_core::{
    Border, Build, Built, Flow, Format, Input, Kind, Node, Output, Param, Refusal, Spec,
};

use bits::{Bits, crc8, crc16};
use subframe::{Coder, Subframe};

/// Packs frames of FLAC, each of which a decoder can begin with. Samples are rounded to
/// `bits`; from there on nothing is lost.
///
/// Frames say which sample they begin with, counted over the whole take: a file has
/// the captured frames only, one segment behind the other. A packet holds captured
/// frames only: the last one of a segment is shorter rather than filled, and so is the
/// first one behind a node that delays.
///
/// # Realtime
/// The work per sample is bounded: what would become longer than the samples
/// themselves is stored as it is.
pub struct Flac {
    format: Format,
    bits: u32,
    /// Samples put out so far in this take.
    sent: u64,
    /// One block of every channel, and of the sum and the difference of a pair.
    channels: Vec<Box<[i32]>>,
    /// What becomes of each of them.
    plans: Vec<Subframe>,
    coder: Coder,
}

/// Channels that a frame can hold.
const MOST: u16 = 8;

impl Kind for Flac {
    const NAME: &'static str = "flac";
    const ABOUT: &'static str = "Packs samples as FLAC: lossless, about half the size.";
    const OUTPUT: Flow = Flow::Packets;
    const PARAMS: &'static [Param] = &[
        Param::choice("bits", &["16", "24"], "16")
            .about("bits per sample; 24 keeps what 16 rounds"),
        Param::time("frame", 10.0, 500.0, 100.0).about("time per packet; below 50 ms files grow"),
    ];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        const CHANNELS: &[u16] = &[1, 2, 3, 4, 5, 6, 7, 8];
        let format = cx.input(0);
        if format.channels > MOST {
            return Err(Refusal::Wants { rates: &[], channels: CHANNELS });
        }
        let frames = cx.frames("frame");
        if !(16..=65_535).contains(&frames) {
            let why = format!("a frame would have {frames} samples, and FLAC has 16 to 65535");
            return Err(Refusal::Setting { name: "frame", why });
        }
        let bits = if cx.text("bits") == "24" { 24 } else { 16 };
        let pair = if format.channels == 2 { 2 } else { 0 };
        let block = || vec![0; frames as usize].into_boxed_slice();
        Spec::packets(largest(format.channels, bits, frames)).fixed(frames).runs(Self {
            format,
            bits,
            sent: 0,
            channels: (0..format.channels + pair).map(|_| block()).collect(),
            plans: vec![Subframe::default(); usize::from(format.channels + pair)],
            coder: Coder::new(frames as usize),
        })
    }
}

/// Bytes that no frame exceeds: all channels stored as they are, the difference of a
/// pair with a bit more.
fn largest(channels: u16, bits: u32, frames: u32) -> usize {
    let channel = 2 + (frames as usize * (bits as usize + 1)).div_ceil(8);
    32 + usize::from(channels) * channel
}

/// How a pair of channels is stored: which two of left, right, sum and difference.
#[derive(Clone, Copy)]
struct Pairing {
    code: u64,
    first: usize,
    second: usize,
}

const LEFT: usize = 0;
const RIGHT: usize = 1;
const MID: usize = 2;
const SIDE: usize = 3;

const PAIRINGS: [Pairing; 4] = [
    Pairing { code: 1, first: LEFT, second: RIGHT },
    Pairing { code: 8, first: LEFT, second: SIDE },
    Pairing { code: 9, first: SIDE, second: RIGHT },
    Pairing { code: 10, first: MID, second: SIDE },
];

impl Flac {
    /// Rounds what was captured to whole numbers.
    fn take(&mut self, input: Input<'_>) {
        let captured = input.captured();
        let n = captured.len();
        for (channel, to) in self.channels.iter_mut().take(input.channels(0)).enumerate() {
            for (to, &x) in to.iter_mut().zip(&input.channel(0, channel)[captured.clone()]) {
                let x = if x.is_nan() { 0.0 } else { x.clamp(-1.0, 1.0) };
                *to = if self.bits == 16 {
                    i32::from(x.to_sample::<i16>())
                } else {
                    // dasp does not saturate at full scale here, as it does for 16 bits.
                    x.to_sample::<I24>().inner().min((1 << 23) - 1)
                };
            }
        }
        if let [left, right, mid, side] = &mut self.channels[..]
            && input.channels(0) == 2
        {
            for (i, (l, r)) in left.iter().zip(right.iter()).take(n).enumerate() {
                mid[i] = (l + r) >> 1;
                side[i] = l - r;
            }
        }
    }

    /// Writes the frame of the first `n` samples of each channel; returns its bytes.
    fn frame(&mut self, n: usize, bytes: &mut [u8]) -> usize {
        for channel in 0..self.plans.len() {
            let width = self.width(channel);
            self.plans[channel] = self.coder.plan(&mut self.channels[channel][..n], width);
        }
        let code = if self.format.channels == 2 { self.pairing() } else { None };
        let code_of_all = u64::from(self.format.channels) - 1;
        let mut to = Bits::new(bytes);
        self.header(&mut to, n, code.map_or(code_of_all, |p| p.code));
        for slot in 0..usize::from(self.format.channels) {
            let channel = match code {
                Some(pair) => [pair.first, pair.second][slot],
                None => slot,
            };
            let samples = &self.channels[channel][..n];
            let width = self.width(channel);
            self.coder.write(&self.plans[channel], samples, width, &mut to);
        }
        to.align();
        let sum = crc16(to.written());
        to.put(sum.into(), 16);
        to.align();
        to.written().len()
    }

    /// The bits of a sample: the difference of a pair takes one more.
    fn width(&self, channel: usize) -> u32 {
        self.bits + u32::from(self.format.channels == 2 && channel == SIDE)
    }

    /// The pairing that takes the fewest bits.
    fn pairing(&self) -> Option<Pairing> {
        let bits = |p: &Pairing| self.plans[p.first].bits() + self.plans[p.second].bits();
        PAIRINGS.into_iter().min_by_key(bits)
    }

    fn header(&self, to: &mut Bits<'_>, n: usize, channels: u64) {
        // Sync, and that frames say which sample they begin with.
        to.put(0xfff9, 16);
        let (rate, extra) = rate_code(self.format.rate);
        to.put(0b0111, 4);
        to.put(rate, 4);
        to.put(channels, 4);
        to.put(if self.bits == 16 { 0b100 } else { 0b110 }, 3);
        to.put(0, 1);
        // 36 bits last for 45 days at 192 kHz; then they begin anew.
        put_number(to, self.sent & ((1 << 36) - 1));
        to.put(n as u64 - 1, 16);
        if let Some((value, width)) = extra {
            to.put(value, width);
        }
        to.align();
        let sum = crc8(to.written());
        to.put(sum.into(), 8);
    }
}

/// A rate as frames say it: a code, and perhaps a number behind the header.
fn rate_code(rate: u32) -> (u64, Option<(u64, u32)>) {
    const CODES: [u32; 11] =
        [88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000];
    match CODES.iter().position(|&known| known == rate) {
        Some(i) => (i as u64 + 1, None),
        None if rate < 1 << 16 => (13, Some((rate.into(), 16))),
        None if rate.is_multiple_of(10) && rate / 10 < 1 << 16 => {
            (14, Some((u64::from(rate) / 10, 16)))
        }
        // Left to the head of the file.
        None => (0, None),
    }
}

/// A number as UTF-8 would write it, up to 36 bits.
fn put_number(to: &mut Bits<'_>, number: u64) {
    if number < 0x80 {
        return to.put(number, 8);
    }
    // `n` bytes behind the first one hold 6 bits each, the first one holds 6 - n.
    let behind = (1..=6).find(|n| number < 1 << (5 * n + 6)).unwrap_or(6);
    let mark = 0xff00 >> (behind + 1) & 0xff;
    to.put(mark | number >> (6 * behind), 8);
    for i in (0..behind).rev() {
        to.put(0x80 | (number >> (6 * i) & 0x3f), 8);
    }
}

impl Node for Flac {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let captured = input.captured();
        let n = captured.len();
        if n > 0 {
            self.take(input);
            output.packet_of(captured, |bytes| self.frame(n, bytes));
            self.sent += n as u64;
        }
    }

    fn reset(&mut self, border: Border) {
        if border == Border::Take {
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_top::{Bench, Set, refusal};

    /// A file of packets: the format's name and its head.
    fn file(format: Format, bits: u32, packets: &[&[u8]]) -> Vec<u8> {
        let mut file = b"fLaC\x80\0\0\x22\0\x10\xff\xff\0\0\0\0\0\0".to_vec();
        let head = u64::from(format.rate) << 44
            | u64::from(format.channels - 1) << 41
            | u64::from(bits - 1) << 36;
        file.extend(head.to_be_bytes());
        file.extend([0; 16]);
        file.extend(packets.concat());
        file
    }

    /// What a decoder of others makes of it, interleaved.
    fn decoded(format: Format, bits: u32, packets: &[&[u8]]) -> Vec<i32> {
        let file = file(format, bits, packets);
        let mut reader = claxon::FlacReader::new(&file[..]).unwrap();
        reader.samples().map(|x| x.unwrap()).collect()
    }

    /// Interleaved samples through the kind and the decoder.
    fn there_and_back(settings: &[(&str, Set)], format: Format, bits: u32, x: &[f32]) -> Vec<i32> {
        let mut bench = Bench::new::<Flac>(settings, format);
        bench.push(x);
        bench.end();
        let packets: Vec<_> = bench.packets().iter().map(|(_, b)| &b[..]).collect();
        decoded(format, bits, &packets)
    }

    fn rounded(x: &[f32], bits: u32) -> Vec<i32> {
        let round = |x: &f32| match bits {
            16 => i32::from(x.clamp(-1.0, 1.0).to_sample::<i16>()),
            _ => x.clamp(-1.0, 1.0).to_sample::<I24>().inner().min(0x7f_ffff),
        };
        x.iter().map(round).collect()
    }

    fn dice(n: usize, loud: f32) -> Vec<f32> {
        let mut seed = 7u32;
        let mut roll = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((seed >> 8) as f32 / (1 << 23) as f32 - 1.0) * loud
        };
        (0..n).map(|_| roll()).collect()
    }

    fn voice(n: usize) -> Vec<f32> {
        let tone = |i: usize, f: f32| (i as f32 * f).sin() / (1.0 + f * 20.0);
        let swell = |i: usize| 0.6 + 0.4 * (i as f32 * 0.001).sin();
        let noise = dice(n, 0.002);
        (0..n)
            .map(|i| {
                (1..9).map(|h| tone(i, 0.02 * h as f32)).sum::<f32>() * 0.2 * swell(i) + noise[i]
            })
            .collect()
    }

    /// What encoders stumble over.
    fn signals() -> Vec<(&'static str, Vec<f32>)> {
        let n = 12_345;
        let corner = |i: usize| [1.0, -1.0][i / 7 % 2];
        vec![
            ("silence", vec![0.0; n]),
            ("full scale", vec![1.0; n]),
            ("a click", (0..n).map(|i| f32::from(u8::from(i == 5000))).collect()),
            ("corners", (0..n).map(corner).collect()),
            ("loud noise", dice(n, 1.0)),
            ("the last bit", dice(n, 1.0 / 32768.0)),
            ("voice", voice(n)),
            ("a ramp", (0..n).map(|i| i as f32 / n as f32).collect()),
            ("the ends", (0..n).map(|i| [1.0, -1.0, 0.0][i * i % 3]).collect()),
        ]
    }

    #[test]
    fn every_bit_comes_back() {
        for (name, x) in signals() {
            for (bits, word) in [(16, "16"), (24, "24")] {
                for format in [Format::mono(16_000), Format::stereo(44_100), Format::new(11_025, 5)]
                {
                    let whole = &x[..x.len() / 10 * 10];
                    let out = there_and_back(&[("bits", word.into())], format, bits, whole);
                    assert!(out == rounded(whole, bits), "{name}, {bits} bits, {format}");
                }
            }
        }
    }

    #[test]
    fn odd_lengths_come_back_too() {
        for n in [1, 2, 3, 15, 16, 17, 47, 48, 1599, 1600, 1601] {
            let x = voice(n);
            assert!(there_and_back(&[], Format::mono(16_000), 16, &x) == rounded(&x, 16), "{n}");
        }
    }

    #[test]
    fn two_alike_channels_cost_hardly_more_than_one() {
        let mono = voice(48_000);
        let twice: Vec<f32> = mono.iter().flat_map(|x| [*x, *x]).collect();
        let size = |format, x: &[f32]| {
            let mut bench = Bench::new::<Flac>(&[], format);
            bench.push(x);
            bench.packets().iter().map(|(_, b)| b.len()).sum::<usize>()
        };
        let (one, two) = (size(Format::mono(48_000), &mono), size(Format::stereo(48_000), &twice));
        assert!(two < one + one / 50, "{one} and {two} bytes");
        assert!(one < 48_000 * 2 * 6 / 10, "{one} bytes");
    }

    #[test]
    fn sixteen_bits_in_twenty_four_cost_no_more() {
        let x: Vec<f32> = voice(16_000).iter().map(|x| (x * 32768.0).round() / 32768.0).collect();
        let size = |bits: &str| {
            let mut bench = Bench::new::<Flac>(&[("bits", bits.into())], Format::mono(16_000));
            bench.push(&x);
            bench.packets().iter().map(|(_, b)| b.len()).sum::<usize>()
        };
        assert!(size("24") < size("16") * 102 / 100, "{} and {}", size("24"), size("16"));
        let out = there_and_back(&[("bits", "24".into())], Format::mono(16_000), 24, &x);
        assert!(out == rounded(&x, 24));
    }

    #[test]
    fn noise_is_never_longer_than_itself() {
        let mut bench = Bench::new::<Flac>(&[], Format::mono(16_000));
        bench.push(&dice(16_000, 1.0));
        for (_, packet) in bench.packets() {
            assert!(packet.len() < 1600 * 2 + 32, "{}", packet.len());
        }
    }

    #[test]
    fn segments_lie_behind_each_other_and_a_take_begins_anew() {
        let format = Format::mono(16_000);
        let mut bench = Bench::new::<Flac>(&[], format);
        let x = voice(4_000);
        bench.push(&x[..2_500]);
        bench.end();
        bench.push(&x[2_500..]);
        bench.end();
        let packets: Vec<_> = bench.packets().iter().map(|(_, b)| &b[..]).collect();
        assert!(decoded(format, 16, &packets) == rounded(&x, 16));
        assert_eq!(bench.packets()[1].0.frames, 900);
        let first = bench.packets()[0].1.clone();
        bench.drain();
        bench.push(&x[..2_500]);
        assert!(bench.packets().last().is_some_and(|(_, b)| *b == first));
    }

    #[test]
    fn sample_numbers_are_written_as_decoders_read_them() {
        for number in [
            0,
            0x7f,
            0x80,
            0x7ff,
            0x800,
            0xffff,
            0x1_0000,
            0x1f_ffff,
            0x3ff_ffff,
            0x7fff_ffff,
            (1 << 36) - 1,
        ] {
            let mut bytes = [0; 8];
            let mut bits = Bits::new(&mut bytes);
            put_number(&mut bits, number);
            let written = bits.written().to_vec();
            let ones = written[0].leading_ones();
            assert_eq!(written.len(), ones.max(1) as usize, "{number:x}");
            let first = u64::from(written[0]) & (0xff >> (ones + 1).min(8));
            let read = written[1..].iter().fold(first, |n, b| n << 6 | u64::from(b & 0x3f));
            assert_eq!(read, number);
            if let Ok(text) = std::str::from_utf8(&written) {
                assert_eq!(text.chars().next().map(|c| u64::from(u32::from(c))), Some(number));
            }
        }
    }

    #[test]
    fn packets_are_the_same_however_the_input_was_cut() {
        let x = voice(5_000);
        let packed = |cut: usize| {
            let mut bench = Bench::new::<Flac>(&[("frame", 20.0.into())], Format::mono(8_000));
            x.chunks(cut).for_each(|x| drop(bench.push(x)));
            bench.end();
            bench.packets().to_vec()
        };
        assert!(packed(5_000) == packed(1) && packed(5_000) == packed(77));
    }

    #[test]
    fn what_the_format_cannot_hold_is_refused() {
        let why = refusal::<Flac>(&[], Format::new(48_000, 9));
        assert!(why.contains('8'), "{why}");
        let why = refusal::<Flac>(&[("frame", 10.0.into())], Format::mono(1_000));
        assert!(why.contains("10 samples"), "{why}");
    }
}
