//! `opus`: speech small enough for the wire, by libopus.

use opus::{Application, Bandwidth, Bitrate, Channels, Encoder, Signal};
use tympan_core::{Border, Build, Built, Flow, Input, Kind, Node, Output, Param, Refusal, Spec};

/// Encodes Opus packets. The first one's position is minus the encoder's look-ahead,
/// which is also what a file calls pre-skip.
///
/// Over the borders of utterances and segments the encoder keeps its state, because a
/// decoder keeps its own: inside a take the packets are one stream.
pub struct Opus {
    encoder: Encoder,
    channels: usize,
    /// Interleaved samples of a call; mono needs none.
    frame: Vec<f32>,
}

/// A packet holds up to three frames of at most 20 ms, each of which takes at most 1275
/// bytes, and says how many and how long they are.
const fn largest(frames: u32, rate: u32) -> usize {
    (frames * 50).div_ceil(rate) as usize * 1275 + 7
}

const RATES: &[u32] = &[8_000, 12_000, 16_000, 24_000, 48_000];

impl Kind for Opus {
    const NAME: &'static str = "opus";
    const ABOUT: &'static str = "Encodes Opus packets.";
    const OUTPUT: Flow = Flow::Packets;
    const PARAMS: &'static [Param] = &[
        Param::whole("bitrate", 6_000, 510_000, 24_000)
            .unit("bit/s")
            .about("24000 is transparent for 16 kHz speech"),
        Param::choice("mode", &["vbr", "constrained", "constant"], "vbr")
            .about("constant bitrate costs twice the CPU of variable"),
        Param::choice("frame", &["2.5ms", "5ms", "10ms", "20ms", "40ms", "60ms"], "20ms")
            .about("time per packet; 10ms halves the worst block, below that quality falls"),
        Param::choice(
            "complexity",
            &["fast", "balanced", "best", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"],
            "balanced",
        )
        .about("effort: fast is 1, balanced 5, best 10; best costs 1.4 of balanced, fast 0.4"),
        Param::choice("application", &["voip", "audio", "low-delay"], "voip")
            .about("voip favours clear speech, audio fidelity, low-delay the shortest look-ahead"),
        Param::choice("signal", &["auto", "voice", "music"], "auto").about("what to expect"),
        Param::choice("bandwidth", &["narrow", "medium", "wide", "superwide", "full"], "full")
            .about("the most to encode: 4, 6, 8, 12 or 20 kHz"),
        Param::flag("fec", false).about("put a coarse copy of each frame into the next packet"),
        Param::whole("loss", 0, 100, 0).unit("%").about("expected packet loss, for fec to act on"),
        Param::flag("dtx", false).about(
            "packets of one or two bytes in silence; saves bytes, not CPU: use a gate for that",
        ),
    ];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let format = cx.input(0);
        let wants = Refusal::Wants { rates: RATES, channels: &[1, 2] };
        let channels = match format.channels {
            1 => Channels::Mono,
            2 => Channels::Stereo,
            _ => return Err(wants),
        };
        if !RATES.contains(&format.rate) {
            return Err(wants);
        }
        let mut encoder = Encoder::new(format.rate, channels, application(cx.text("application")))
            .map_err(|e| failed(&e))?;
        let delay = configure(&mut encoder, cx).map_err(|e| failed(&e))?;
        let frames = frames(cx.text("frame"), format.rate);
        let channels = format.channels as usize;
        let frame = if channels > 1 { vec![0.0; frames as usize * channels] } else { Vec::new() };
        let spec = Spec::packets(largest(frames, format.rate)).fixed(frames).delay(delay);
        spec.runs(Self { encoder, channels, frame })
    }
}

/// Sets everything, and returns the look-ahead in frames.
fn configure(encoder: &mut Encoder, cx: &Build<'_>) -> opus::Result<u32> {
    encoder.set_bitrate(Bitrate::Bits(cx.whole("bitrate") as i32))?;
    encoder.set_vbr(cx.text("mode") != "constant")?;
    encoder.set_vbr_constraint(cx.text("mode") == "constrained")?;
    encoder.set_complexity(complexity(cx.text("complexity")))?;
    encoder.set_signal(signal(cx.text("signal")))?;
    encoder.set_max_bandwidth(bandwidth(cx.text("bandwidth")))?;
    encoder.set_inband_fec(cx.flag("fec"))?;
    encoder.set_packet_loss_perc(cx.whole("loss") as i32)?;
    encoder.set_dtx(cx.flag("dtx"))?;
    Ok(encoder.get_lookahead()?.max(0) as u32)
}

fn application(word: &str) -> Application {
    match word {
        "audio" => Application::Audio,
        "low-delay" => Application::LowDelay,
        _ => Application::Voip,
    }
}

fn complexity(word: &str) -> i32 {
    match word {
        "fast" => 1,
        "balanced" => 5,
        "best" => 10,
        number => number.parse().unwrap_or(5),
    }
}

fn signal(word: &str) -> Signal {
    match word {
        "voice" => Signal::Voice,
        "music" => Signal::Music,
        _ => Signal::Auto,
    }
}

fn bandwidth(word: &str) -> Bandwidth {
    match word {
        "narrow" => Bandwidth::Narrowband,
        "medium" => Bandwidth::Mediumband,
        "wide" => Bandwidth::Wideband,
        "superwide" => Bandwidth::Superwideband,
        _ => Bandwidth::Fullband,
    }
}

/// Every word is a whole number of frames at every rate: tenths of a millisecond.
fn frames(word: &str, rate: u32) -> u32 {
    let tenths = match word {
        "2.5ms" => 25,
        "5ms" => 50,
        "10ms" => 100,
        "40ms" => 400,
        "60ms" => 600,
        _ => 200,
    };
    rate * tenths / 10_000
}

fn failed(error: &opus::Error) -> Refusal {
    Refusal::Other(format!("libopus would not be set up: {error}"))
}

/// The number of the fault that says a frame could not be encoded.
const NOT_ENCODED: u16 = 1;

impl Node for Opus {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let Self { encoder, channels, frame } = self;
        for channel in 0..frame.len().min(*channels) {
            let to = frame.iter_mut().skip(channel).step_by(*channels);
            for (to, x) in to.zip(input.channel(0, channel)) {
                *to = *x;
            }
        }
        let samples = if *channels > 1 { &frame[..] } else { input.channel(0, 0) };
        let mut encoded = true;
        output.packet(|bytes| {
            encoder.encode_float(samples, bytes).unwrap_or_else(|_| {
                encoded = false;
                0
            })
        });
        if !encoded {
            output.fault(NOT_ENCODED);
        }
    }

    fn reset(&mut self, border: Border) {
        if border == Border::Take {
            // It fails for no encoder that was set up.
            let _ = self.encoder.reset_state();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_top::{Bench, refusal};
    use tympan_core::Format;

    /// A hum that moves, so that a shift in time shows.
    fn voice(rate: u32, frames: usize) -> Vec<f32> {
        let t = |i: usize| i as f64 / f64::from(rate);
        let tone = |t: f64, hz: f64| (2.0 * std::f64::consts::PI * hz * t).sin();
        (0..frames)
            .map(|i| {
                let swell = (tone(t(i), 3.0) * 0.5 + 0.5) * 0.4;
                (swell * (tone(t(i), 180.0 + 60.0 * t(i)) + 0.5 * tone(t(i), 710.0))) as f32
            })
            .collect()
    }

    /// What a decoder makes of the packets, pre-skip taken away and the end trimmed.
    fn decoded(bench: &Bench, format: Format) -> Vec<f32> {
        let channels = if format.channels == 1 { Channels::Mono } else { Channels::Stereo };
        let mut decoder = opus::Decoder::new(format.rate, channels).unwrap();
        let (mut out, mut buffer) = (Vec::new(), vec![0.0; 48_000]);
        let (mut skip, mut trim) = (0, 0);
        for (header, bytes) in bench.packets() {
            if header.first && header.segment == 0 {
                skip = (-header.position) as usize;
            }
            trim = header.trim as usize;
            if bytes.is_empty() {
                continue;
            }
            let n = decoder.decode_float(bytes, &mut buffer, false).unwrap();
            assert_eq!(n, header.frames as usize);
            out.extend_from_slice(&buffer[..n * format.channels as usize]);
        }
        let end = out.len() - trim * format.channels as usize;
        out[skip * format.channels as usize..end].to_vec()
    }

    fn correlation(a: &[f32], b: &[f32]) -> f64 {
        let dot = |a: &[f32], b: &[f32]| {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
        };
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    #[test]
    fn what_is_decoded_is_as_long_as_what_was_said_and_in_its_place() {
        for rate in RATES {
            for frame in ["2.5ms", "10ms", "20ms", "60ms"] {
                let format = Format::mono(*rate);
                let mut bench = Bench::new::<Opus>(&[("frame", frame.into())], format);
                let said = voice(*rate, *rate as usize + 77);
                bench.push(&said);
                bench.end();
                let heard = decoded(&bench, format);
                assert_eq!(heard.len(), said.len(), "{rate} {frame}");
                let best = (0..40).max_by(|a, b| {
                    let at = |d: usize| correlation(&said[20..said.len() - 40], &heard[d..]);
                    at(*a).total_cmp(&at(*b))
                });
                let off = best.unwrap().abs_diff(20);
                // A quarter of a millisecond: its own filters are no more exact.
                assert!(off <= *rate as usize / 4_000, "{rate} {frame}: {off} frames off");
            }
        }
    }

    #[test]
    fn stereo_stays_on_its_sides() {
        let format = Format::stereo(48_000);
        let mut bench = Bench::new::<Opus>(
            &[("bitrate", 96_000.into()), ("application", "audio".into())],
            format,
        );
        let left = voice(48_000, 48_000);
        bench.push(&left.iter().flat_map(|x| [*x, 0.0]).collect::<Vec<_>>());
        bench.end();
        let heard = decoded(&bench, format);
        let power = |side: usize| heard.iter().skip(side).step_by(2).map(|x| x * x).sum::<f32>();
        assert!(power(0) > 50.0 * power(1), "{} {}", power(0), power(1));
    }

    #[test]
    fn after_a_break_nothing_of_before_comes_out_and_the_stream_goes_on() {
        let format = Format::mono(16_000);
        let mut bench = Bench::new::<Opus>(&[], format);
        bench.push(&voice(16_000, 5_000));
        bench.end();
        let first = bench.packets().len();
        bench.push(&vec![0.0; 5_000]);
        bench.end();
        let mut decoder = opus::Decoder::new(16_000, Channels::Mono).unwrap();
        let mut buffer = [0.0; 960];
        for (n, (header, bytes)) in
            bench.packets().iter().enumerate().filter(|(_, p)| !p.1.is_empty())
        {
            let frames = decoder.decode_float(bytes, &mut buffer, false).unwrap();
            if n > first {
                let peak = buffer[..frames].iter().fold(0.0f32, |m, x| m.max(x.abs()));
                assert!(peak < 0.01, "{peak} at {}", header.position);
            }
        }
        let segments: Vec<u32> = bench.packets().iter().map(|(h, _)| h.segment).collect();
        assert_eq!(segments.last(), Some(&1));
    }

    #[test]
    fn a_new_take_begins_with_a_new_encoder() {
        let mut bench = Bench::new::<Opus>(&[], Format::mono(16_000));
        let take = |bench: &mut Bench| {
            let before = bench.packets().len();
            bench.push(&voice(16_000, 3_200));
            bench.drain();
            bench.packets()[before..].iter().map(|(_, b)| b.clone()).collect::<Vec<_>>()
        };
        let first = take(&mut bench);
        assert_eq!(first, take(&mut bench), "the second take depends on the first");
    }

    #[test]
    fn rates_that_opus_lacks_are_refused_with_those_it_has() {
        let why = refusal::<Opus>(&[], Format::mono(44_100));
        assert_eq!(
            why,
            "`opus` takes 8000 or 12000 or 16000 or 24000 or 48000 Hz 1 or 2 channels, and `mic` gives 44100 Hz mono"
        );
    }

    #[test]
    fn every_setting_is_taken() {
        let all: &[(&str, &[&str])] = &[
            ("mode", &["vbr", "constrained", "constant"]),
            ("complexity", &["fast", "balanced", "best", "0", "10"]),
            ("application", &["voip", "audio", "low-delay"]),
            ("signal", &["auto", "voice", "music"]),
            ("bandwidth", &["narrow", "medium", "wide", "superwide", "full"]),
            ("frame", &["2.5ms", "5ms", "10ms", "20ms", "40ms", "60ms"]),
        ];
        for (key, words) in all {
            for word in *words {
                let mut bench = Bench::new::<Opus>(&[(key, (*word).into())], Format::mono(48_000));
                bench.push(&voice(48_000, 5_760));
                assert!(bench.packets().iter().any(|(_, b)| b.len() > 3), "{key} = {word}");
                bench.end();
            }
        }
    }
}
