//! A take as sealed files that can be sent while it is recorded.

mod judge;
mod mortal;
mod stage;

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tympan::backend::mock::Signal;
use tympan::backend::phone::{Handset, Happening, Setup};
use tympan::backend::storage::Files;
use tympan::core::session::GapPolicy;
use tympan::recorder::RecorderEvent;
use tympan::take::{self, Chunks, Container, Take};
use tympan::{Graph, Recorder};

use self::judge::{findings, holes, samples};
use self::mortal::Mortal;
use self::stage::{Heard, SECOND, call, options, record, record_on, recover};
use crate::kit::{App, stop};
use crate::temp::Temp;

const VOICE: Signal = Signal::Speechlike { seed: 7 };

/// Every chunk that was told is in the take as it was then.
fn assert_unchanged(heard: &Heard, take: &Take) {
    for (chunk, bytes) in &heard.chunks {
        assert!(take.chunks.contains(chunk), "{chunk:?} of {:?}", take.chunks);
        assert!(std::fs::read(chunk.path(&take.folder)).unwrap() == *bytes, "{chunk:?}");
    }
}

fn joined(take: &Take) -> Vec<f32> {
    take.chunks.iter().flat_map(|chunk| samples(&chunk.path(&take.folder))).collect()
}

#[test]
fn joined_chunks_are_the_take_over_a_call_to_the_sample() {
    for (of_take, of_chunks) in
        [(Container::Wav, Container::Wav), (Container::WavFloat, Container::WavFloat)]
    {
        let folder = Temp::new();
        let options =
            tympan::recorder::Options { format: of_take, ..options(folder.path(), of_chunks) };
        let heard = record(options, VOICE, &call(2550, 4000), 6020);
        let take = heard.take.as_ref().unwrap();
        assert_eq!(holes(take), [""; 0]);
        assert!(joined(take) == samples(&take.path()));
        assert_unchanged(&heard, take);
        assert_eq!(heard.chunks.len(), take.chunks.len(), "every one is told");
        let gap = take.gaps[0].at;
        let behind = take.chunks.iter().find(|chunk| chunk.first == gap).unwrap();
        assert_eq!((&behind.segments[..], &behind.missing), (&[gap][..], &take.gaps));
        let long = |chunk: &&take::Chunk| chunk.frames == 16_000;
        assert_eq!(take.chunks.iter().filter(long).count(), 3, "{:?}", take.chunks);
        assert_eq!(
            take::list(folder.path()).unwrap(),
            std::slice::from_ref(take),
            "and it is on disk"
        );
    }
}

#[test]
fn silence_that_stands_in_for_a_gap_is_in_chunks_too() {
    let folder = Temp::new();
    let setup = Setup::default();
    let (phone, hand) = Handset::new(&setup);
    hand.speed(10.0);
    let builder =
        Recorder::builder(&crate::kit::graph()).device(phone).gaps(GapPolicy::FillSilence);
    let builder = builder.format(Container::Wav).chunks(SECOND).directory(folder.path());
    let recorder = builder.build().unwrap();
    recorder.start().unwrap();
    hand.pass(Duration::from_millis(1300));
    for (_, what) in call(0, 0) {
        hand.happen(what);
        hand.pass(Duration::from_millis(1500));
    }
    let take = stop(&recorder, &hand);
    assert_eq!(holes(&take), [""; 0]);
    assert!(joined(&take) == samples(&take.path()));
}

/// A phone with a graph whose take is at a rate that every container takes.
fn full_band(of_take: Container, of_chunks: Container) -> (Temp, Take) {
    let text =
        "[[node]]\nkind = \"mix\"\nchannels = 1\n\n[[output]]\nname = \"take\"\nrate = 48000\n";
    let graph = Graph::from_toml(text, &tympan::registry()).unwrap();
    let folder = Temp::new();
    let (phone, hand) = Handset::new(&Setup::default());
    hand.speed(10.0);
    hand.signal(VOICE);
    let chunks = Chunks { format: of_chunks, at_silences: true, ..SECOND };
    let builder = Recorder::builder(&graph).device(phone).directory(folder.path());
    let recorder = builder.format(of_take).chunks(chunks).build().unwrap();
    recorder.start().unwrap();
    hand.pass(Duration::from_millis(2234));
    for (_, what) in call(0, 0) {
        hand.happen(what);
        hand.pass(Duration::from_millis(777));
    }
    let take = stop(&recorder, &hand);
    (folder, take)
}

#[test]
fn every_container_in_every_other_covers_the_take_to_the_frame() {
    for of_take in Container::available() {
        for of_chunks in Container::available() {
            let (_folder, take) = full_band(of_take, of_chunks);
            assert_eq!(holes(&take), [""; 0], "{of_chunks:?} of {of_take:?}");
            assert!(take.chunks.len() >= 3, "{:?}", take.chunks);
            let last = take.chunks.last().unwrap();
            if let Some(frames) = decoded(&last.path(&take.folder)) {
                assert_eq!(frames, last.frames, "{of_chunks:?} of {of_take:?}");
            }
        }
    }
}

/// How many frames at 48 kHz a decoder of others makes of it. Of MP4, which not every
/// ffmpeg trims, the tests of `take::M4a` tell.
fn decoded(path: &Path) -> Option<u64> {
    if path.extension().is_some_and(|name| name == "m4a" || name == "mp4") {
        return None;
    }
    let mut ffmpeg = std::process::Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-i"]).arg(path).args(["-ac", "1", "-f", "s16le", "-"]);
    let Ok(output) = ffmpeg.output() else {
        println!("NOT RUN: ffmpeg, which is not installed");
        return None;
    };
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout.len() as u64 / 2)
}

#[test]
fn a_chunk_ends_where_nobody_speaks() {
    let folder = Temp::new();
    let mut options = options(folder.path(), Container::WavFloat);
    options.chunks.as_mut().unwrap().at_silences = true;
    // Words of 0.35 s and 0.15 s of quiet between them.
    let words = |frame: u64, _| {
        let level = if frame % 24_000 < 16_800 { 0.5 } else { 0.001 };
        level * (frame as f32 * 0.07).sin()
    };
    let heard = record(options, Signal::Custom(Box::new(words)), &[], 9000);
    let take = heard.take.unwrap();
    assert_eq!(holes(&take), [""; 0]);
    let (_, ended) = take.chunks.split_last().unwrap();
    assert!(ended.len() >= 6);
    for chunk in ended {
        assert!((16_000..=32_000).contains(&chunk.frames), "{chunk:?}");
        let samples = samples(&chunk.path(&take.folder));
        let end = &samples[samples.len() - 160..];
        assert!(end.iter().all(|x| x.abs() < 0.01), "{chunk:?} ends in a word");
    }
}

#[test]
fn an_app_is_told_and_can_read_the_list_while_it_grows() {
    let app = App::on(&Setup::default(), |builder| builder.chunks(SECOND));
    app.recorder.start().unwrap();
    app.hears(|event| matches!(event, RecorderEvent::Chunk { chunk, .. } if chunk.index == 2));
    let open = take::open(app.folder.path()).unwrap();
    let listed = take::chunks(&open[0]).unwrap();
    assert!(listed.len() >= 2 && listed[1].first == 16_000, "{listed:?}");
    let take = app.stop();
    assert_eq!(take.chunks[..listed.len()], listed);
    assert_eq!(take::chunks(&take.folder).unwrap(), take.chunks);
    app.hears(|event| {
        let last = take.chunks.last().unwrap();
        matches!(event, RecorderEvent::Chunk { path, chunk } if chunk == last && path.is_file())
    });
}

#[test]
fn a_locked_phone_seals_what_is_begun_and_begins_again_at_the_next_border() {
    let folder = Temp::new();
    let mut what = vec![(1600, Happening::Locked(true)), (2900, Happening::Locked(false))];
    what.extend(call(2950, 3500));
    let heard = record(options(folder.path(), Container::Wav), VOICE, &what, 5000);
    let take = heard.take.as_ref().unwrap();
    assert!(take.chunks[1].end() == take.chunks[0].frames * 2, "sealed while locked");
    assert_eq!(heard.troubles.len(), 1, "{:?}", heard.troubles);
    assert!(
        heard.troubles[0].contains("chunk 3") && heard.troubles[0].contains("the phone is locked")
    );
    assert_eq!(take.chunks[2].first, take.gaps[0].at, "{:?}", take.chunks);
    assert_eq!(take.chunks.last().unwrap().end(), take.frames);
    assert_eq!(findings(take), [""; 0]);
    let all = samples(&take.path());
    for chunk in &take.chunks {
        let here = chunk.first as usize..chunk.end() as usize;
        assert!(all[here] == samples(&chunk.path(&take.folder)), "{chunk:?}");
    }
    assert_unchanged(&heard, take);
}

/// Files of a class that allows it are made behind a locked screen; chunks miss nothing,
/// and a take can begin there. Of the others, a take is refused and leaves nothing.
#[test]
fn a_protection_class_says_what_a_locked_phone_can_do() {
    use tympan::backend::storage::Protection::{Complete, None, UnlessOpen, UntilFirstUnlock};
    for class in [UnlessOpen, UntilFirstUnlock, None] {
        let folder = Temp::new();
        let mut options = options(folder.path(), Container::Wav);
        options.protection = Some(class);
        let heard = record(options, VOICE, &[(600, Happening::Locked(true))], 5000);
        let take = heard.take.as_ref().unwrap();
        assert!(heard.troubles.is_empty(), "{class:?}: {:?}", heard.troubles);
        assert_eq!(holes(take), [""; 0], "{class:?}");
        assert_eq!(take.chunks.last().unwrap().end(), take.frames, "{class:?}");
    }
    // From the beginning on.
    for class in [Complete, UnlessOpen, UntilFirstUnlock] {
        let folder = Temp::new();
        let mut options = options(folder.path(), Container::Wav);
        options.protection = Some(class);
        let heard = record(options, VOICE, &[(0, Happening::Locked(true))], 3000);
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(
            (heard.take.is_some(), left),
            (class != Complete, usize::from(class != Complete))
        );
    }
}

#[test]
fn chunks_that_cannot_be_written_cost_the_take_nothing_wherever_that_begins() {
    let whole = Mortal::new(usize::MAX, "/chunks", ErrorKind::StorageFull);
    let run = |storage: &Mortal| {
        let folder = Temp::new();
        let mut options = options(folder.path(), Container::Wav);
        options.storage = Arc::new(storage.clone());
        let heard = record(options, VOICE, &call(1500, 2000), 3500);
        let take = heard.take.as_ref().expect("there is a take");
        assert_eq!(findings(take), [""; 0]);
        assert_unchanged(&heard, take);
        (take.frames, take.gaps.clone(), heard.troubles)
    };
    let (frames, gaps, troubles) = run(&whole);
    assert!(troubles.is_empty());
    let steps = whole.made();
    for at in turning_points(&steps, 17) {
        let (kept, missing, troubles) = run(&Mortal::new(at, "/chunks", ErrorKind::StorageFull));
        assert_eq!((kept, &missing), (frames, &gaps), "at step {at}");
        assert_eq!(troubles.len(), 1, "at step {at}: {troubles:?}");
        assert!(troubles[0].contains("the take itself goes on"), "{troubles:?}");
    }
}

/// The steps that are not one write of many, and some of those.
fn turning_points(steps: &[&str], each: usize) -> Vec<usize> {
    let turns = |at: usize| steps[at] != "write" || at > 0 && steps[at - 1] != "write";
    (0..steps.len()).filter(|at| turns(*at) || at % each == 0).collect()
}

#[test]
fn a_full_disk_leaves_chunks_that_are_whole() {
    let folder = Temp::new();
    let what = [(2500, Happening::DiskFull(true))];
    let heard = record(options(folder.path(), Container::Wav), VOICE, &what, 4000);
    let take = heard.take.as_ref().expect("what was captured is safe");
    assert!(take.chunks.len() >= 2, "{:?}", take.chunks);
    assert_eq!(findings(take), [""; 0]);
    assert_unchanged(&heard, take);
}

/// Kills a recorder at its steps, and recovery too; the chunks must be what they should
/// be, up to so many ms at the end.
fn survives_kills(container: Container, each: usize, ms: u64) {
    let script = call(1500, 1800);
    let run = |folder: &Temp, storage: &Mortal| {
        let mut options = options(folder.path(), container);
        options.storage = Arc::new(storage.clone());
        record(options, VOICE, &script, 3000)
    };
    let whole = Mortal::killed_at(usize::MAX);
    run(&Temp::new(), &whole);
    let points = turning_points(&whole.made(), each);
    let (mut takes, mut listed) = (0, 0);
    for at in &points {
        let folder = Temp::new();
        let heard = run(&folder, &Mortal::killed_at(*at));
        let mut options = options(folder.path(), container);
        options.storage = Arc::new(Mortal::killed_at(at % 40));
        recover(options.clone());
        options.storage = Arc::new(Files);
        recover(options.clone());
        let list = take::list(folder.path()).unwrap();
        let open = take::open(folder.path()).unwrap();
        assert!(open.is_empty(), "at step {at}: {open:?}");
        let Some(take) = list.first() else {
            assert!(heard.chunks.is_empty(), "at step {at}");
            continue;
        };
        let mut whole = take.clone();
        let end = whole.chunks.last().map_or(0, take::Chunk::end);
        assert!(end.abs_diff(take.frames) <= ms * 16, "at step {at}: {end} of {}", take.frames);
        whole.frames = end;
        assert_eq!(holes(&whole), [""; 0], "at step {at}");
        assert_unchanged(&heard, take);
        (takes, listed) = (takes + 1, listed + take.chunks.len());
        recover(options);
        assert_eq!(take::list(folder.path()).unwrap(), list, "twice is once");
    }
    println!("{container:?}: {} kills, {takes} takes, {listed} chunks", points.len());
    // Most steps are behind the first audio.
    assert!(takes * 10 > points.len() * 7);
}

#[test]
fn a_kill_at_any_step_leaves_chunks_as_they_were_and_recovery_completes_the_rest() {
    // A WAV take is believed up to its last flush after a kill; its chunks are not asked.
    survives_kills(Container::Wav, 5, 100);
}

#[test]
#[cfg(feature = "flac")]
fn a_kill_leaves_flac_whole() {
    survives_kills(Container::Flac, 29, 300);
}

#[test]
#[cfg(feature = "aac")]
fn a_kill_leaves_m4a_whole() {
    survives_kills(Container::M4a, 29, 400);
}

#[test]
#[cfg(feature = "opus")]
fn a_kill_leaves_opus_whole() {
    survives_kills(Container::Opus, 29, 300);
}

#[test]
fn a_list_that_is_anything_is_read_without_harm() {
    let folder = Temp::new();
    let heard = record(options(folder.path(), Container::Wav), VOICE, &[], 2500);
    let take = heard.take.unwrap();
    let manifest = take.folder.join("chunks/manifest.jsonl");
    let good = std::fs::read(&manifest).unwrap();
    let mut seed = 1_u64;
    let mut random = || {
        seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (seed >> 33) as usize
    };
    for round in 0..2000 {
        let mut bytes = good.clone();
        match round % 4 {
            0 => bytes = (0..random() % 500).map(|_| random() as u8).collect(),
            1 => bytes.truncate(random() % good.len()),
            2 => {
                let (from, to) = (random() % good.len(), random() % good.len());
                bytes.splice(from.min(to)..from.max(to), std::iter::empty());
            }
            _ => {
                let at = random() % good.len();
                bytes[at] = random() as u8;
            }
        }
        std::fs::write(&manifest, &bytes).unwrap();
        let chunks = take::chunks(&take.folder).unwrap();
        assert!(chunks.windows(2).all(|pair| pair[0].end() <= pair[1].first));
        assert!(chunks.iter().all(|chunk| chunk.path(&take.folder).starts_with(&take.folder)));
        assert_eq!(take::list(folder.path()).unwrap().len(), 1);
        // A process may find it so, too, in a take that is open.
        if round % 10 < 4 {
            let open = take.folder.with_extension("open");
            std::fs::rename(&take.folder, &open).unwrap();
            recover(options(folder.path(), Container::Wav));
            assert!(take.folder.is_dir(), "round {round}");
        }
    }
}

/// Makes something wrong.
type Plant = fn(&mut Take);

#[test]
fn the_judge_sees_what_is_wrong() {
    let folder = Temp::new();
    let heard = record(options(folder.path(), Container::Wav), VOICE, &[], 3500);
    let good = heard.take.unwrap();
    assert_eq!(holes(&good), [""; 0]);
    let faults: [(&str, Plant); 5] = [
        ("begins at", |take| take.chunks[1].first -= 1),
        ("is the one at", |take| drop(take.chunks.remove(1))),
        ("has the sum", |take| take.chunks[0].sha256.replace_range(..1, "x")),
        ("for 15999 frames", |take| take.chunks[0].frames -= 1),
        ("they end at", |take| take.frames += 1),
    ];
    for (told, plant) in faults {
        let mut take = good.clone();
        plant(&mut take);
        assert!(holes(&take).iter().any(|what| what.contains(told)), "{told}: {:?}", holes(&take));
    }
    let path = good.chunks[0].path(&good.folder);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[5000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(findings(&good)[0].contains("has the sum"));
    std::fs::write(path.with_extension("wav.part"), b"").unwrap();
    assert!(findings(&good).last().unwrap().contains("0001.wav.part"));
}

#[test]
fn what_chunks_cannot_be_is_said_before_anything_begins() {
    let folder = Temp::new();
    let (phone, _) = Handset::new(&Setup::default());
    let odd = "[[node]]\nkind = \"resample\"\nrate = 47000\n\n[[output]]\nname = \"take\"\n";
    let graph = Graph::from_toml(odd, &tympan::registry()).unwrap();
    let builder = Recorder::builder(&graph).device(phone).directory(folder.path());
    let m4a = Chunks { format: Container::M4a, ..SECOND };
    let refused = builder.format(Container::Wav).chunks(m4a).build().unwrap_err().to_string();
    assert!(refused.contains("chunks") && refused.contains("`m4a`"), "{refused}");
}

#[test]
fn nothing_of_chunks_is_there_where_nobody_wants_them() {
    let folder = Temp::new();
    let mut options = options(folder.path(), Container::Wav);
    options.chunks = None;
    let heard = record_on(options, |_| {}, &[], 1500);
    let take = heard.take.unwrap();
    assert!(take.chunks.is_empty() && !take.folder.join("chunks").exists());
}
