//! The examples do what they say, with a file where they want a microphone, and none is
//! longer than it should be.

#[allow(dead_code, reason = "an example is a program")]
#[path = "../examples/batch.rs"]
mod batch;
#[allow(dead_code, reason = "an example is a program")]
#[path = "../examples/custom_node.rs"]
mod custom_node;
#[cfg(feature = "aac")]
#[allow(dead_code, reason = "an example is a program")]
#[path = "../examples/dictate.rs"]
mod dictate;
#[allow(dead_code, reason = "an example is a program")]
#[path = "../examples/own_callback.rs"]
mod own_callback;
#[allow(dead_code, reason = "an example is a program")]
#[path = "../examples/voice_agent.rs"]
mod voice_agent;

use std::path::{Path, PathBuf};

use tympan::Graph;
use tympan::backend::file::File;
use tympan::backend::wav::{SampleType, WavReader, WavWriter};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn talk() -> PathBuf {
    root().join("tests/audio/clean.wav")
}

fn folder(name: &str) -> PathBuf {
    let folder =
        std::env::temp_dir().join(format!("tympan-examples-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The first five seconds of it, as a file of its own.
fn short(folder: &Path) -> PathBuf {
    let mut reader = WavReader::open(talk()).unwrap();
    let format = reader.format();
    let mut samples = vec![0.0; 5 * format.rate as usize * usize::from(format.channels)];
    reader.read(&mut samples).unwrap();
    let path = folder.join("talk.wav");
    let mut writer = WavWriter::create(&path, format, SampleType::I16, true).unwrap();
    writer.write(&samples).unwrap();
    writer.finish().unwrap();
    path
}

#[cfg(feature = "aac")]
#[test]
fn dictation_leaves_a_take_and_its_segments() {
    let folder = folder("dictate");
    let mic = File::open(short(&folder)).unwrap().realtime(true);
    let take = dictate::run(mic, &folder.join("recordings")).unwrap().expect("a take");
    let seconds = take.duration().as_secs_f64();
    assert!((4.9..5.1).contains(&seconds), "{seconds}");
    assert!(take.path().is_file() && take.chunks.len() >= 2, "{:?}", take.chunks);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_foreign_callback_runs_the_graph() {
    let out = own_callback::run().unwrap();
    // A second in packets of 20 ms, of 16-bit samples.
    assert_eq!((out.packets, out.bytes), (50, 96_000));
    assert!((0.45..0.55).contains(&out.loudest), "{}", out.loudest);
}

#[test]
fn a_node_of_ones_own_is_used_from_toml() {
    let kept = custom_node::run().unwrap().0;
    assert_eq!(kept.len(), 5);
    assert!(kept[0] == 0.0 && kept[2] == -kept[3] && kept[2] > 0.75, "{kept:?}");
    assert_eq!(kept[4], 0.5, "the drive was taken away while it ran");
}

#[test]
fn a_batch_has_a_folder_for_each_file_and_an_answer_for_each() {
    let folder = folder("batch");
    let graph = Graph::from_file(root().join("graphs/levels.toml"), &tympan::registry()).unwrap();
    let files = [short(&folder), folder.join("absent.wav"), talk()];
    let mut told = batch::run(&graph, &files, &folder.join("out"));
    told.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(told.len(), 3);
    let failed: Vec<_> = told.iter().filter(|(_, outcome)| outcome.is_err()).collect();
    assert_eq!(failed.len(), 1);
    assert!(failed[0].0.ends_with("absent.wav"));
    assert!(
        folder.join("out/talk/voice.wav").is_file() && folder.join("out/clean/voice.wav").is_file()
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_voice_agent_hears_packets_and_turns() {
    let folder = folder("agent");
    let mic = File::open(short(&folder)).unwrap().realtime(true);
    let mut sent = 0;
    let heard = voice_agent::run(mic, |bytes| sent += bytes.len()).unwrap();
    assert_eq!(heard.bytes, sent);
    // Five seconds in packets of 10 ms, of 16-bit samples at 24 kHz.
    assert_eq!(heard.bytes, 5 * 24_000 * 2, "{heard:?}");
    assert!((500..=501).contains(&heard.packets) && heard.turns >= 1, "{heard:?}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_example_fits_on_a_page() {
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let code =
                text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("//!"));
            let lines = code.count();
            assert!(lines < 80, "{}: {lines} lines", path.display());
        }
    }
}
