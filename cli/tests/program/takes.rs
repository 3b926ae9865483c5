//! `record`, `recover`, `export`: a take from its first frame to a file of its own.

use crate::kit::{Folder, tympan, wav};

#[test]
fn a_take_is_as_long_as_its_file_in_every_format() {
    let folder = Folder::new("record-formats");
    let input = folder.file("talk.wav", wav(16_000, 1, 24_321));
    for format in ["m4a", "opus", "m4a_opus", "flac", "wav", "wav_float"] {
        let out = folder.at(format);
        let ran =
            tympan(&["record", "--input", &input, "--format", format, "--out", &out, "--json"]);
        assert_eq!(ran.exit, 0, "{format}: {}", ran.err);
        let done = ran.events("done");
        // At 48 kHz, which is three times as much.
        assert_eq!(done[0]["frames"], 3 * 24_321, "{format}");
        assert_eq!(done[0]["rate"], 48_000);
        let file = done[0]["file"].as_str().unwrap();
        let seen = tympan(&["recover", file, "--json"]);
        assert_eq!(seen.events("recovered")[0]["state"], "healthy", "{format}");
        assert_eq!(seen.events("recovered")[0]["frames"], 3 * 24_321, "{format}");
    }
}

#[test]
fn a_torn_file_is_repaired_once_and_a_hopeless_one_is_said_to_be() {
    let folder = Folder::new("recover-files");
    let input = folder.file("talk.wav", wav(16_000, 1, 16_000));
    let bytes = std::fs::read(&input).unwrap();
    std::fs::write(folder.at("torn.wav"), &bytes[..bytes.len() - 1001]).unwrap();
    let ran = tympan(&["recover", &folder.at("torn.wav")]);
    assert_eq!(ran.exit, 1, "{}", ran.err);
    assert!(ran.out.contains("WAV is repaired"), "{}", ran.out);
    assert_eq!(tympan(&["recover", &folder.at("torn.wav")]).exit, 0, "twice is once");

    std::fs::write(folder.at("noise.wav"), b"no recording at all").unwrap();
    let ran = tympan(&["recover", &folder.at("noise.wav")]);
    assert_eq!(ran.exit, 6);
    assert!(ran.out.contains("no recording of a kind that is known"), "{}", ran.out);
    let ran = tympan(&["recover", &folder.at("nothing.wav")]);
    assert_eq!(ran.exit, 4);
    assert!(ran.err.contains("does not exist"), "{}", ran.err);
}

#[test]
fn a_sealed_take_needs_its_key_and_becomes_the_same_file() {
    let folder = Folder::new("export");
    let input = folder.file("talk.wav", wav(48_000, 1, 48_000));
    let key = folder.at("key");
    std::fs::write(&key, "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF\n")
        .unwrap();
    let record = |out: &str, more: &[&str]| {
        let out = folder.at(out);
        let args =
            [&["record", "--input", &input, "--format", "wav", "--out", &out, "--json"], more];
        let ran = tympan(&args.concat());
        assert_eq!(ran.exit, 0, "{}", ran.err);
        let file = ran.events("done")[0]["file"].as_str().unwrap().to_owned();
        std::path::Path::new(&file).parent().unwrap().to_str().unwrap().to_owned()
    };
    let (plain, sealed) = (record("plain", &[]), record("sealed", &["--key-file", &key]));

    let ran = tympan(&["export", &sealed, "--to", &folder.at("no.wav")]);
    assert_eq!(ran.exit, 2);
    assert!(ran.err.contains("`--key-file`"), "{}", ran.err);
    let ran = tympan(&["export", &sealed, "--to", &folder.at("a.wav"), "--key-file", &key]);
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let ran = tympan(&["export", &plain, "--to", &folder.at("b.wav")]);
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let read = |name: &str| std::fs::read(folder.at(name)).unwrap();
    assert!(read("a.wav") == read("b.wav"));

    let ran = tympan(&["export", &plain, "--to", &folder.at("b.wav")]);
    assert_eq!(ran.exit, 4, "nothing is overwritten");
    std::fs::write(&key, "short").unwrap();
    let ran = tympan(&["export", &sealed, "--to", &folder.at("c.wav"), "--key-file", &key]);
    assert_eq!(ran.exit, 2);
    assert!(ran.err.contains("/dev/urandom"), "{}", ran.err);
    std::fs::write(&key, [7; 32]).unwrap();
    let ran = tympan(&["export", &sealed, "--to", &folder.at("c.wav"), "--key-file", &key]);
    assert_eq!(ran.exit, 4, "{}", ran.out);
}
