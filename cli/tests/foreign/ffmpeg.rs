//! Files of other writers, of every sort that they make, beside what `ffmpeg` reads of them.

use std::path::Path;
use std::process::Command;

use tympan::backend::wav::WavReader;

use crate::kit::{Folder, heard, shift, sound, wav};

/// Whether there is a judge; its absence is told aloud.
pub(crate) fn is_there() -> bool {
    let there = Command::new("ffmpeg").arg("-version").output().is_ok();
    if !there {
        println!("NOT RUN: ffmpeg is not installed, so nobody judges files of others");
    }
    there
}

/// What `ffmpeg` reads of a file, and the rate.
pub(crate) fn judged(path: &Path, out: &Path) -> Option<(Vec<f32>, u32, u16)> {
    let ran = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-nostdin", "-i"])
        .arg(path)
        .args(["-map", "0:a:0", "-c:a", "pcm_f32le", "-f", "wav"])
        .arg(out)
        .output()
        .expect("ffmpeg starts");
    if !ran.status.success() {
        return None;
    }
    let mut reader = WavReader::open(out).ok()?;
    let format = reader.format();
    let mut samples = Vec::new();
    let mut block = vec![0.0; 4_096 * usize::from(format.channels)];
    while let Ok(frames @ 1..) = reader.read(&mut block) {
        samples.extend_from_slice(&block[..frames * usize::from(format.channels)]);
    }
    Some((samples, format.rate, format.channels))
}

/// Each sort: its name, what `ffmpeg` is told, and whether it loses nothing.
const SORTS: &[(&str, &[&str], bool)] = &[
    ("a.flac", &["-c:a", "flac"], true),
    ("alac.m4a", &["-c:a", "alac"], true),
    ("alac.caf", &["-c:a", "alac"], true),
    ("aac.m4a", &["-c:a", "aac", "-b:a", "96k"], false),
    ("front.m4a", &["-c:a", "aac", "-movflags", "+faststart"], false),
    ("frag.mp4", &["-c:a", "aac", "-movflags", "+frag_keyframe+empty_moov"], false),
    ("a.aac", &["-c:a", "aac", "-f", "adts"], false),
    ("a.mp3", &["-c:a", "libmp3lame", "-b:a", "96k"], false),
    ("vbr.mp3", &["-c:a", "libmp3lame", "-q:a", "4"], false),
    ("a.mp2", &["-c:a", "mp2", "-b:a", "128k"], false),
    ("a.ogg", &["-c:a", "libvorbis", "-q:a", "4"], false),
    ("a.opus", &["-c:a", "libopus", "-b:a", "48k"], false),
    ("opus.mp4", &["-c:a", "libopus", "-b:a", "48k"], false),
    ("opus.webm", &["-c:a", "libopus", "-b:a", "48k"], false),
    ("flac.mkv", &["-c:a", "flac"], true),
    ("flac.ogg", &["-c:a", "flac"], true),
    ("a.aiff", &["-c:a", "pcm_s16be"], true),
    ("a24.wav", &["-c:a", "pcm_s24le"], true),
    ("adpcm.wav", &["-c:a", "adpcm_ms"], false),
    ("ima.wav", &["-c:a", "adpcm_ima_wav"], false),
    ("mu.wav", &["-c:a", "pcm_mulaw"], false),
    ("a-law.wav", &["-c:a", "pcm_alaw"], false),
];

#[test]
fn files_of_others_have_the_length_that_ffmpeg_finds() {
    if !is_there() {
        return;
    }
    let folder = Folder::new("ffmpeg");
    let mut seen = 0;
    for (rate, channels, frames) in [(48_000, 1, 100_001), (44_100, 2, 70_000), (16_000, 1, 33_333)]
    {
        let samples = sound(rate, channels, frames);
        let plain: Vec<f32> = samples.iter().map(|x| f32::from(*x) / 32_768.0).collect();
        let input = folder.file("in.wav", &wav(rate, channels, &samples));
        for (name, args, lossless) in SORTS {
            let path = folder.0.join(format!("{rate}-{name}"));
            let made = Command::new("ffmpeg")
                .args(["-v", "error", "-y", "-nostdin", "-i"])
                .arg(&input)
                .args(*args)
                .arg(&path)
                .output()
                .expect("ffmpeg starts");
            if !made.status.success() {
                println!("NOT RUN: this ffmpeg makes no {name} at {rate} Hz");
                continue;
            }
            let got = heard(&path).unwrap_or_else(|e| panic!("{rate} {name}: {e}"));
            let out = folder.0.join("judged.wav");
            let (theirs, their_rate, their_channels) =
                judged(&path, &out).expect("ffmpeg reads it");
            assert_eq!(
                (got.format.rate, got.format.channels),
                (their_rate, their_channels),
                "{name}"
            );
            assert_eq!(got.error, None, "{rate} {name}");
            let their_frames = theirs.len() / usize::from(their_channels);
            println!(
                "{rate:6} {name:10} {} frames, ffmpeg {their_frames}, in {frames}",
                got.frames()
            );
            // Not every ffmpeg leaves out what an MP4 says to leave out at the end; what went in
            // is what is meant.
            let whole = (frames as usize * their_rate as usize).div_ceil(rate as usize);
            let meant = [their_frames, whole];
            // Without an index in front nothing says how much comes before the beginning.
            let between = *name == "frag.mp4" && (meant[1]..=meant[0]).contains(&got.frames());
            // Matroska's word for the end, `DiscardPadding`, does not reach us.
            let packet = rate as usize / 50;
            let between = between
                || *name == "opus.webm"
                    && (meant[1]..meant[1] + packet * 6).contains(&got.frames());
            assert!(
                between || meant.contains(&got.frames()),
                "{rate} {name}: {} of {meant:?}",
                got.frames()
            );
            if *lossless {
                assert!(got.samples == plain, "{rate} {name}: a sample is another");
            } else {
                let mono = |x: &[f32]| {
                    x.iter().step_by(usize::from(channels)).copied().collect::<Vec<_>>()
                };
                let (by, alike) = shift(&mono(&theirs), &mono(&got.samples));
                // ffmpeg's own Opus decoder and libopus are two or three frames apart.
                let near = if name.contains("opus") { by.abs() <= 3 } else { by == 0 };
                // And in MP4 it takes a pre-skip for one of another rate.
                let misread = *name == "opus.mp4" && rate != 48_000;
                assert!(misread || near && alike > 0.99, "{rate} {name}: {by} frames off, {alike}");
            }
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
}
