//! `tympan plot` and `tympan dot`: whole documents, of the size of a picture, whatever the
//! sound is like. How they look is for eyes; `TYMPAN_PICTURES` names a folder to keep them
//! in.

use std::f32::consts::TAU;
use std::fs;

use crate::kit::{self, Folder, fed, float_wav, graph, riff, tympan};

/// Draws it, and returns the picture with what was told.
fn drawn(folder: &Folder, name: &str, file: &str) -> (String, serde_json::Value) {
    let out = folder.at(&format!("{name}.svg"));
    let ran = tympan(&["plot", file, "--out", &out, "--json"]);
    assert_eq!(ran.exit, 0, "{name}: {}", ran.err);
    let svg = fs::read_to_string(&out).expect("a picture");
    is_whole(name, &svg);
    assert!(svg.len() < 300_000, "{name}: {} bytes", svg.len());
    (svg, ran.lines().pop().expect("a line"))
}

/// Every element is closed, and nothing is drawn at no place.
fn is_whole(name: &str, svg: &str) {
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap_or_else(|| panic!("{name}: <{tag}"));
        let word = tag.split([' ', '\n']).next().unwrap_or_default();
        match (word.strip_prefix('/'), tag.ends_with('/')) {
            (Some(word), _) => assert_eq!(open.pop(), Some(word), "{name}"),
            (None, true) => {}
            (None, false) => open.push(word),
        }
    }
    assert!(open.is_empty(), "{name}: {open:?}");
    for bad in ["NaN", "inf", "\u{0}"] {
        assert!(!svg.contains(&format!("\"{bad}")) && !svg.contains(&format!(" {bad}")), "{name}");
    }
    if let Ok(folder) = std::env::var("TYMPAN_PICTURES") {
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(format!("{folder}/{name}.svg"), svg).expect("a picture");
    }
}

fn wav(rate: u32, channels: u16, seconds: f32, of: impl Fn(f32, u16) -> f32) -> Vec<u8> {
    let frames = (rate as f32 * seconds) as u32;
    let samples = (0..frames).flat_map(|frame| {
        let t = frame as f32 / rate as f32;
        (0..channels).map(move |channel| (t, channel))
    });
    let to = |x: f32| (x.clamp(-1.0, 1.0) * 32_767.0) as i16;
    let bytes = samples.flat_map(|(t, channel)| to(of(t, channel)).to_le_bytes());
    riff(1, 16, rate, channels, &bytes.collect::<Vec<_>>())
}

fn tone(t: f32, hz: f32) -> f32 {
    (TAU * hz * t).sin()
}

#[test]
fn any_sound_becomes_a_picture() {
    let folder = Folder::new("plots");
    for (name, bytes, full) in [
        ("one-frame", wav(48_000, 1, 0.000_03, |_, _| 0.5), false),
        ("a-second", wav(48_000, 1, 1.0, |t, _| 0.3 * tone(t, 440.0)), false),
        ("a-minute", wav(16_000, 1, 60.0, |t, _| 0.5 * tone(t, 200.0) * tone(t, 0.3)), false),
        ("silence", wav(16_000, 1, 3.0, |_, _| 0.0), false),
        ("clipped", wav(44_100, 1, 2.0, |t, _| 3.0 * tone(t, 440.0)), true),
        ("stereo", wav(44_100, 2, 5.0, |t, c| tone(t, 300.0 * f32::from(c + 1)) * 0.2), false),
        ("eight-k", wav(8_000, 1, 10.0, |t, _| 0.2 * tone(t, 50.0 + 300.0 * t)), false),
        ("six-channels", wav(48_000, 6, 1.0, |t, c| tone(t, 100.0 * f32::from(c)) * 0.1), false),
        ("slow", wav(1_000, 1, 20.0, |t, _| 0.2 * tone(t, 60.0)), false),
    ] {
        let file = folder.file(&format!("{name}.wav"), bytes);
        let (svg, told) = drawn(&folder, name, &file);
        assert_eq!(told["full_scale"].as_u64().is_some_and(|n| n > 0), full, "{name}");
        assert_eq!(svg.contains("class=\"clip\""), full, "{name}");
        assert!(svg.contains("data:image/png;base64,"), "{name}");
    }
    let odd = folder.file("odd.wav", float_wav(16_000, &[f32::NAN, f32::INFINITY, 0.5, -9.0]));
    assert_eq!(drawn(&folder, "odd", &odd).1["not_finite"], 2);
}

#[test]
fn speech_is_drawn_where_it_is() {
    let folder = Folder::new("plot-speech");
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/audio");
    let (_, told) = drawn(&folder, "speech", &format!("{here}/clean.wav"));
    let spans = told["speech"].as_array().expect("spans");
    let heard: f64 = spans.iter().map(|s| s[1].as_f64().unwrap() - s[0].as_f64().unwrap()).sum();
    let label = fs::read_to_string(format!("{here}/clean.lab")).expect("labels");
    let spoken: f64 = label
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
            Some(-words.next()? + words.next()?)
        })
        .sum();
    assert!(heard > 0.0 && (0.7..2.0).contains(&(heard / spoken)), "{heard} of {spoken}");
    let silence = folder.file("silence.wav", wav(16_000, 1, 3.0, |_, _| 0.0));
    assert_eq!(drawn(&folder, "no-speech", &silence).1["speech"], serde_json::json!([]));
}

/// A take is drawn with what is missing in it, by its folder or by its file.
#[test]
fn a_take_shows_its_gaps() {
    let folder = Folder::new("plot-take");
    let recordings = folder.at("recordings");
    let input = folder.file("in.wav", wav(16_000, 1, 2.0, |t, _| 0.3 * tone(t, 300.0)));
    let made = tympan(&["record", "--input", &input, "--format", "wav", "--out", &recordings]);
    assert_eq!(made.exit, 0, "{}", made.err);
    let take = fs::read_dir(&recordings).unwrap().next().expect("a take").unwrap().path();
    let sidecar = take.join("take.json");
    let text = fs::read_to_string(&sidecar).unwrap();
    let gaps = r#""gaps": [{"at": 48000, "ms": 4200, "cause": "call"}]"#;
    assert!(text.contains(r#""gaps": []"#), "{text}");
    fs::write(&sidecar, text.replace(r#""gaps": []"#, gaps)).unwrap();
    let told = tympan(&["plot", take.to_str().unwrap(), "--out", "-"]);
    assert!(told.out.contains("call: 4.2 s") && told.out.contains("class=\"gap\""), "{}", told.err);
    let audio = fs::read_dir(&take)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "wav"))
        .expect("its audio");
    let (svg, line) = drawn(&folder, "take", audio.to_str().unwrap());
    is_whole("take", &svg);
    assert_eq!(
        line["gaps"],
        serde_json::json!([
            { "t": 1.0, "text": "call: 4.2 s", "wanted": false }
        ])
    );
    // Neither a folder of takes nor any other is one.
    let ran = tympan(&["plot", &recordings]);
    assert!(ran.exit == 4 && ran.err.contains("is no take"), "{}", ran.err);
}

#[test]
fn every_graph_becomes_a_drawing() {
    let folder = Folder::new("dots");
    for entry in fs::read_dir(graph("")).expect("the graphs") {
        let path = entry.expect("a file").path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let out = folder.at(&format!("{stem}.svg"));
        let path = path.to_str().expect("UTF-8");
        let ran = tympan(&["dot", path, "--out", &out]);
        assert_eq!(ran.exit, 0, "{}", ran.err);
        let svg = fs::read_to_string(&out).expect("a picture");
        is_whole(&stem, &svg);
        let plan = tympan(&["plan", path, "--json"]);
        for row in plan.events("row") {
            let name = row["name"].as_str().expect("a name");
            assert!(svg.contains(&format!(">{name} ·")) || svg.contains(&format!(">{name}<")));
        }
    }
    let ran = tympan(&["dot", &graph("levels.toml"), "--cost", "--out", "-"]);
    assert!(ran.out.contains("of one core here"), "{}", ran.err);
}

#[test]
fn a_picture_goes_where_it_is_wanted_and_nowhere_else() {
    let folder = Folder::new("where");
    let file = folder.file("talk.wav", kit::wav(16_000, 1, 1_600));
    let there = folder.file("there.svg", "mine");
    let ran = tympan(&["plot", &file, "--out", &there]);
    assert!(ran.exit == 2 && ran.err.contains("--force"), "{}", ran.err);
    assert_eq!(fs::read(&there).unwrap(), b"mine");
    assert_eq!(tympan(&["plot", &file, "--out", &there, "--force"]).exit, 0);
    let ran = tympan(&["plot", &file, "--out", &folder.at("")]);
    assert!(ran.exit == 2 && ran.err.contains("talk.svg"), "{}", ran.err);
    let ran = tympan(&["plot", &file, "--out", &folder.at("no/where.svg")]);
    assert!(ran.exit == 4 && ran.err.contains("no such folder"), "{}", ran.err);
    let ran = tympan(&["plot", &file, "--out", "-", "--open"]);
    assert_eq!(ran.exit, 2, "{}", ran.err);
    let empty = folder.file("empty.wav", kit::wav(16_000, 1, 0));
    let ran = tympan(&["plot", &empty, "--out", &folder.at("empty.svg")]);
    assert!(ran.exit == 4 && ran.err.contains("no audio to draw"), "{}", ran.err);
    let ran = fed(&["plot", "-", "--out", "-"], &kit::wav(16_000, 1, 1_600));
    assert!(ran.exit == 0 && ran.out.starts_with("<svg"), "{}", ran.err);
    let text = fs::read(graph("levels.toml")).unwrap();
    assert!(fed(&["dot", "-", "--out", "-"], &text).out.contains(">volume · gain<"));
}
