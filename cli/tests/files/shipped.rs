//! The graphs that ship, over the recordings that come with them.

use std::fs;

use tympan::take::{OggOpus, OutputFile};

use crate::judges;
use crate::kit::{Folder, packets, recording, workspace};
use crate::ogg::Stream;

const RECORDINGS: [&str; 4] = ["clean", "fan-20db", "office-5db", "street-10db"];

#[test]
fn utterances_lie_one_behind_the_other_to_the_sample() {
    let text = fs::read_to_string(workspace().join("graphs/dictation.toml")).expect("the graph");
    let folder = Folder::new("dictation");
    for name in RECORDINGS {
        let (format, sound) = recording(name);
        let taken = packets(&text, "speech", format, &[&sound]);
        let path = folder.at("speech.opus");
        let mut file = OutputFile::create(&path, &taken.output, true).expect("a file");
        for (header, packet) in &taken.packets {
            file.packet(header, packet).expect("room for it");
        }
        file.finish().expect("room for it");
        let bytes = fs::read(&path).expect("the file");
        let stream = Stream::read(&bytes).unwrap_or_else(|why| panic!("{name}: {why}"));

        let utterances = taken.packets.iter().filter(|(h, _)| h.first).count();
        let said: u32 = taken.packets.iter().map(|(h, _)| h.captured()).sum();
        let samples = stream.samples();
        assert_eq!((file.frames(), file.rate()), (samples as u64, 48_000), "{name}");
        assert!(utterances > 2, "{name}: {utterances}");
        let between = samples - 3 * said as usize;
        assert!(between < (utterances - 1) * (960 + stream.skip), "{name}: {between}");
        assert_eq!(stream.decoded().len(), samples, "{name}");

        judges::opusinfo(&path);
        for heard in [judges::opusdec(&path, 1), judges::ffmpeg(&path, 1)] {
            assert!(heard.is_none_or(|heard| heard == samples), "{name}: {heard:?}, {samples}");
        }
    }
}

/// A recording in one piece, resampled and not: as long as it was, to the sample.
#[test]
fn an_ungated_recording_is_as_long_as_it_was() {
    let folder = Folder::new("ungated");
    for name in RECORDINGS {
        let (format, sound) = recording(name);
        for rate in [8_000, 12_000, 16_000, 24_000, 48_000] {
            let text = format!(
                "[[node]]\nkind = \"resample\"\nrate = {rate}\n[[node]]\nkind = \"opus\"\n\
                 [[output]]\nname = \"it\"\n"
            );
            let taken = packets(&text, "it", format, &[&sound]);
            let mut bytes = Vec::new();
            let mut opus = OggOpus::new(&mut bytes, taken.output.format);
            for (header, packet) in &taken.packets {
                opus.packet(header, packet).expect("memory takes everything");
            }
            drop(opus);
            let stream = Stream::read(&bytes).unwrap_or_else(|why| panic!("{name}: {why}"));
            let frames = (sound.len() * rate).div_ceil(format.rate as usize);
            let samples = frames * 48_000 / rate;
            assert_eq!(stream.samples(), samples, "{name} at {rate} Hz");
            let path = folder.file("it.opus", &bytes);
            judges::opusinfo(&path);
            for heard in [judges::opusdec(&path, 1), judges::ffmpeg(&path, 1)] {
                assert!(heard.is_none_or(|heard| heard == samples), "{name}: {heard:?}");
            }
        }
    }
}
