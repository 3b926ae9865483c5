//! Any audio into a file and out of it again by decoders that share nothing with the writer:
//! exactly as long as it was, and the same where nothing may be lost.

use std::cell::OnceCell;
use std::io::Cursor;

use tympan::core::Discard;
use tympan::take::{Aac, M4a, OutputFile, Track};
use tympan::{Event, Format, Graph, Header, Limits, OutputInfo, Planar, Sink};

use crate::bytes::{Bytes, dice};
use crate::memory::File;
use crate::mp4::reader;
use crate::sound::{graph, mended, samples};

/// Most frames of a run.
const MOST: usize = 1500;

pub(crate) fn run(bytes: &[u8]) {
    judge(bytes, |_| ());
}

/// `spoil` does to a file what a test plants.
fn judge(bytes: &[u8], spoil: fn(&mut Vec<u8>)) {
    let seldom = dice(bytes);
    let mut bytes = Bytes::new(bytes);
    let kind = bytes.byte();
    let channels = 1 + u16::from(bytes.byte() % 2);
    let format = Format::new(bytes.of(&[16_000, 48_000, 8000, 24_000]), channels);
    let frames = bytes.below(MOST);
    let mut sound = Vec::new();
    samples(&mut bytes, frames * usize::from(channels), &mut sound);
    // Opus takes far longer than the others, and AAC again: of what asks for them, a part gets
    // them, whatever the fuzzer would rather have.
    match kind {
        0..90 => plain(Kind::Pcm16, format, &sound, spoil),
        90..160 => plain(Kind::Float, format, &sound, spoil),
        240..248 if seldom.is_multiple_of(16) => opus_trip(format, &sound, spoil),
        248.. if seldom.is_multiple_of(128) => aac_trip(format, &sound, spoil),
        _ => lossless(format, &sound, spoil),
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Pcm16,
    Float,
    Flac,
    Opus,
}

/// The graph of a kind, read once.
fn known(kind: Kind) -> Graph {
    thread_local!(static KNOWN: OnceCell<Vec<Graph>> = const { OnceCell::new() });
    let text = |node: &str| graph(&format!("{node}[[output]]\nname = \"x\"\n"));
    let all = || {
        vec![
            text("[[node]]\nkind = \"pcm16\"\nframe = \"10ms\"\n"),
            graph("[[output]]\nname = \"x\"\nfrom = \"mic\"\n"),
            text("[[node]]\nkind = \"flac\"\nframe = \"10ms\"\n"),
            text("[[node]]\nkind = \"opus\"\ncomplexity = 0\nframe = \"10ms\"\n"),
        ]
    };
    KNOWN.with(|known| known.get_or_init(all)[kind as usize].clone())
}

/// Writes what comes out to a file.
struct Pen(OutputFile);

impl Sink for Pen {
    fn audio(&mut self, _: usize, _: &Header, block: Planar<'_>) {
        let mut frames = Vec::with_capacity(block.frames() * block.channels());
        for frame in 0..block.frames() {
            frames.extend((0..block.channels()).map(|channel| block.channel(channel)[frame]));
        }
        self.0.samples(&frames).expect("memory does not fail");
    }

    fn packet(&mut self, _: usize, header: &Header, bytes: &[u8]) {
        self.0.packet(header, bytes).expect("memory does not fail");
    }

    fn event(&mut self, _: Event) {}
}

/// A file of this sound, and how many frames its writer counts.
fn written(kind: Kind, format: Format, sound: &[f32], spoil: fn(&mut Vec<u8>)) -> (Vec<u8>, u64) {
    let limits = Limits { max_push: 256, ..Limits::default() };
    let plan = known(kind).plan_with(&[format], limits).unwrap_or_else(|error| panic!("{error}"));
    let info: OutputInfo = plan.outputs()[0].clone();
    let mut executor = plan.executor();
    let file = File::default();
    let output = OutputFile::on(Box::new(file.clone()), "a file", &info);
    let mut pen = Pen(output.expect("memory does not fail"));
    executor.push(sound, &mut pen);
    executor.drain(&mut pen);
    executor.drain(&mut Discard);
    pen.0.finish().expect("memory does not fail");
    let frames = pen.0.frames();
    drop(pen);
    let mut bytes = file.taken();
    spoil(&mut bytes);
    (bytes, frames)
}

/// WAV, read by hound.
fn plain(kind: Kind, format: Format, sound: &[f32], spoil: fn(&mut Vec<u8>)) {
    let (file, frames) = written(kind, format, sound, spoil);
    let mut reader = hound::WavReader::new(Cursor::new(file)).expect("a WAV file");
    assert_eq!(reader.spec().channels, format.channels);
    assert_eq!(u64::from(reader.duration()), frames);
    if let Kind::Float = kind {
        let heard: Vec<f32> = reader.samples::<f32>().map(|x| x.expect("a sample")).collect();
        same(sound, &heard, 0.0);
    } else {
        let heard: Vec<f32> =
            reader.samples::<i16>().map(|x| f32::from(x.expect("a sample")) / 32_768.0).collect();
        same(sound, &heard, ROUNDED);
    }
}

/// What 16 bits cannot tell apart.
const ROUNDED: f32 = 1.01 / 32_768.0;

/// FLAC, decoded by claxon.
fn lossless(format: Format, sound: &[f32], spoil: fn(&mut Vec<u8>)) {
    let (file, frames) = written(Kind::Flac, format, sound, spoil);
    if frames == 0 {
        return;
    }
    let mut reader = claxon::FlacReader::new(Cursor::new(file)).expect("a FLAC file");
    assert_eq!(reader.streaminfo().samples, Some(frames));
    let heard: Vec<f32> =
        reader.samples().map(|x| x.expect("a sample") as f32 / 32_768.0).collect();
    same(sound, &heard, ROUNDED);
}

/// Whether what is heard is what went in, as far as it can be.
fn same(sound: &[f32], heard: &[f32], most: f32) {
    assert_eq!(sound.len(), heard.len(), "samples that went in and came out");
    for (index, (x, y)) in sound.iter().zip(heard).enumerate() {
        let due = mended(*x).clamp(-1.0, 1.0);
        assert!((due - y).abs() <= most, "sample {index} was {x} and is {y}");
    }
}

/// Ogg Opus, taken apart here and decoded by libopus.
fn opus_trip(format: Format, sound: &[f32], spoil: fn(&mut Vec<u8>)) {
    let due = (sound.len() / usize::from(format.channels)) as u64 * 48_000 / u64::from(format.rate);
    let (file, frames) = written(Kind::Opus, format, sound, spoil);
    assert_eq!(frames, due);
    let (packets, end) = unpacked(&file);
    assert!(packets[0].starts_with(b"OpusHead") && packets[1].starts_with(b"OpusTags"));
    let skip = u64::from(u16::from_le_bytes([packets[0][10], packets[0][11]]));
    let channels = match format.channels {
        1 => opus::Channels::Mono,
        _ => opus::Channels::Stereo,
    };
    let mut decoder = opus::Decoder::new(48_000, channels).expect("a decoder");
    let mut block = vec![0.0; 5760 * usize::from(format.channels)];
    let mut decoded = 0;
    for packet in &packets[2..] {
        let count = decoder.decode_float(packet, &mut block, false).expect("a packet of Opus");
        decoded += count as u64;
    }
    assert!(decoded >= end, "{decoded} samples are decoded, and it ends at {end}");
    assert_eq!(end - skip.min(end), if frames == 0 { 0 } else { due });
}

/// The packets of a stream, and where its last page says that it ends.
fn unpacked(file: &[u8]) -> (Vec<Vec<u8>>, u64) {
    let (mut at, mut end, mut packets, mut packet) = (0, 0, Vec::new(), Vec::new());
    while at < file.len() {
        assert_eq!(&file[at..at + 4], b"OggS");
        end = u64::from_le_bytes(*file[at + 6..].first_chunk().expect("a page"));
        let pieces = usize::from(file[at + 26]);
        let mut from = at + 27 + pieces;
        for piece in &file[at + 27..at + 27 + pieces] {
            packet.extend_from_slice(&file[from..from + usize::from(*piece)]);
            from += usize::from(*piece);
            if *piece < 255 {
                packets.push(std::mem::take(&mut packet));
            }
        }
        at = from;
    }
    (packets, end)
}

/// AAC in MP4, taken apart by a reader of the tests and decoded by symphonia.
fn aac_trip(format: Format, sound: &[f32], spoil: fn(&mut Vec<u8>)) {
    let (rate, frames) = (48_000, (sound.len() / usize::from(format.channels)) as u64);
    let mut encoder = Aac::new(rate, format.channels, 64_000).expect("an encoder");
    let track = Track::aac(encoder.config(), rate, format.channels, encoder.delay());
    let (config, delay) = (encoder.config().to_vec(), u64::from(encoder.delay()));
    let file = File::default();
    let mut writer = M4a::new(Box::new(file.clone()), track).expect("memory does not fail");
    let mut packet = |bytes: &[u8], frames| writer.packet(bytes, frames).expect("it takes any");
    encoder.push(sound, &mut packet).expect("it takes any");
    encoder.finish(&mut packet).expect("it takes any");
    writer.fragment().expect("memory does not fail");
    writer.finish(frames).expect("memory does not fail");
    drop(writer);
    let mut bytes = file.taken();
    spoil(&mut bytes);
    let played = reader::play(&bytes).expect("an MP4 file");
    assert_eq!(played.heard, if frames == 0 { played.heard } else { frames });
    let decoded = decoded(&config, rate, &played.packets);
    assert!(frames == 0 || decoded >= delay + frames, "{decoded} of {frames} and {delay} before");
}

/// How many frames a decoder makes of the packets.
fn decoded(config: &[u8], rate: u32, packets: &[crate::mp4::Packet]) -> u64 {
    use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;
    use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoderOptions};
    use symphonia::core::packet::Packet;
    use symphonia::core::units::{Duration, Timestamp};

    let mut params = AudioCodecParameters::new();
    params.for_codec(CODEC_ID_AAC).with_sample_rate(rate).with_extra_data(config.into());
    let options = AudioDecoderOptions::default();
    let made = symphonia::default::get_codecs().make_audio_decoder(&params, &options);
    let mut decoder = made.expect("a decoder");
    let mut frames = 0;
    for packet in packets {
        let packet = Packet::new(
            0,
            Timestamp::new(0),
            Duration::new(packet.frames.into()),
            packet.bytes.as_slice(),
        );
        frames += decoder.decode(&packet).expect("a packet of AAC").frames() as u64;
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    type Spoil = fn(&mut Vec<u8>);

    /// Of each kind: its byte, and what spoils a file of it.
    const SPOILS: [(u8, Spoil); 5] = [
        (0, |file| file.truncate(file.len() - 2)),
        (100, |file| *file.last_mut().unwrap() ^= 0x40),
        (200, |file| file[25] ^= 1),
        (245, |file| {
            let last = file.windows(4).rposition(|four| four == b"OggS").unwrap();
            file[last + 6] ^= 1;
        }),
        (255, |file| {
            let edit = file.windows(4).rposition(|four| four == b"elst").unwrap();
            file[edit + 15] ^= 1;
        }),
    ];

    /// Something of this kind that the dice let through.
    fn bytes(kind: u8, channels: u8) -> Vec<u8> {
        // 300 frames of a tone; what stands behind them only turns the dice.
        let of = |last: u16| {
            let [low, high] = last.to_le_bytes();
            vec![kind, channels, 0, 44, 1, 1, 200, low, high]
        };
        (0..u16::MAX).map(of).find(|bytes| dice(bytes).is_multiple_of(128)).unwrap()
    }

    #[test]
    fn planted_faults_are_noticed() {
        for (kind, spoil) in SPOILS {
            for channels in [0, 1] {
                let bytes = bytes(kind, channels);
                judge(&bytes, |_| ());
                let caught = std::panic::catch_unwind(|| judge(&bytes, spoil)).is_err();
                assert!(caught, "kind {kind}");
            }
        }
    }
}
