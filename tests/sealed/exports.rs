//! What comes out of sealed takes is an ordinary file, exact, and never in anybody's way.

use std::path::Path;
use std::process::Command;

use tympan::backend::BackendErrorKind;
use tympan::backend::storage::{Files, Storage};
use tympan::take::{self, Container, Key};

use crate::kit::{files, key, recorded};
use crate::temp::Temp;

/// Frames that ffmpeg makes of a file, if one is here that is new enough for edit lists.
fn decoded(file: &Path) -> Option<u64> {
    let tell = "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())";
    let told = Command::new("python3").args(["-c", tell]).output().ok()?;
    let ffmpeg = String::from_utf8(told.stdout).ok().filter(|_| told.status.success());
    let Some(ffmpeg) = ffmpeg else {
        println!("NOT RUN: no ffmpeg of the Python package imageio-ffmpeg");
        return None;
    };
    let mut command = Command::new(ffmpeg.trim());
    command.args(["-v", "error", "-xerror", "-i"]).arg(file).args(["-f", "f32le", "-"]);
    let out = command.output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(said.is_empty(), "{}: {said}", file.display());
    Some(out.stdout.len() as u64 / 4)
}

#[test]
fn an_exported_take_is_ordinary_healthy_and_exact_in_every_container() {
    for container in Container::available() {
        let (folder, elsewhere) = (Temp::new(), Temp::new());
        let take = recorded(folder.path(), container, Some(key()));
        let out = elsewhere.path().join(format!("out.{}", container.extension()));
        let exported = take::export(&take.folder, &out, Some(&key())).unwrap();
        assert_eq!(exported.take, take, "{container:?}");
        assert!(exported.whole && exported.findings.is_empty(), "{container:?}: {exported:?}");
        assert_eq!((exported.frames, exported.rate), (take.frames, take.rate), "{container:?}");
        assert_eq!(
            (exported.lost_ms, exported.paths),
            (Some(0), vec![out.clone()]),
            "{container:?}"
        );
        let before = std::fs::read(&out).unwrap();
        let seen = take::repair(&mut *Files.open(&out).unwrap()).unwrap();
        assert_eq!(seen.state, take::State::Healthy, "{container:?}: {seen:?}");
        assert_eq!((seen.kept_frames, seen.rate), (take.frames, take.rate), "{container:?}");
        assert_eq!(std::fs::read(&out).unwrap(), before);
        if let Some(frames) = decoded(&out) {
            assert_eq!(frames, take.frames, "{container:?}");
        }
        assert_eq!(files(elsewhere.path()), [out], "nothing else is left");
    }
}

#[test]
fn it_never_writes_over_anything_and_leaves_nothing_where_it_fails() {
    let (folder, elsewhere) = (Temp::new(), Temp::new());
    let take = recorded(folder.path(), Container::Wav, Some(key()));
    let out = elsewhere.path().join("out.wav");
    std::fs::write(&out, "mine").unwrap();
    let error = take::export(&take.folder, &out, Some(&key())).unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    assert_eq!(std::fs::read(&out).unwrap(), b"mine");
    std::fs::remove_file(&out).unwrap();
    let part = elsewhere.path().join("out.wav.part");
    std::fs::write(&part, "mine too").unwrap();
    // What a kill left there, or somebody else, is in nobody's way.
    take::export(&take.folder, &out, Some(&key())).unwrap();
    let mut there = files(elsewhere.path());
    there.sort();
    assert_eq!(there, [&*out, &*part]);
    assert_eq!(std::fs::read(&part).unwrap(), b"mine too");
    std::fs::remove_file(&part).unwrap();
    std::fs::remove_file(&out).unwrap();
    let sealed = std::fs::read(take.path()).unwrap();
    std::fs::write(take.path(), &sealed[..60]).unwrap();
    let error = take::export(&take.folder, &out, Some(&key())).unwrap_err();
    assert!(error.to_string().contains("holds no sound"), "{error}");
    assert!(files(elsewhere.path()).is_empty());
}

#[test]
fn what_cannot_be_exported_is_told_in_a_sentence() {
    let (folder, elsewhere) = (Temp::new(), Temp::new());
    let take = recorded(folder.path(), Container::default(), Some(key()));
    let out = elsewhere.path().join("out");
    let other = Key::new([9; 32]);
    let error = take::export(&take.folder, &out, Some(&other)).unwrap_err();
    assert_eq!(error.kind, BackendErrorKind::Permission);
    assert!(error.to_string().contains("was sealed with another key"), "{error}");
    let error = take::unseal(&take.folder, &other).unwrap_err();
    assert!(error.to_string().contains("was sealed with another key"), "{error}");
    std::fs::write(take.path(), "something else").unwrap();
    let error = take::export(&take.folder, &out, Some(&key())).unwrap_err();
    assert!(error.to_string().contains("does not begin like a sealed file"), "{error}");
    let error = take::export(elsewhere.path(), &out, Some(&key())).unwrap_err();
    assert!(error.to_string().contains("is no folder of a take"), "{error}");
    let plain = recorded(folder.path(), Container::Wav, None);
    let error = take::unseal(&plain.folder, &key()).unwrap_err();
    assert!(error.to_string().contains("is not sealed: its audio is `audio.wav`"), "{error}");
    let error = take::export(&take.folder, &out, None).unwrap_err();
    assert!(error.to_string().contains("is sealed: it takes its key"), "{error}");
    assert!(files(elsewhere.path()).is_empty());
    // One that is not sealed is copied, whatever key is at hand.
    let exported = take::export(&plain.folder, &out, Some(&key())).unwrap();
    assert_eq!((exported.frames, exported.whole), (plain.frames, true));
    assert_eq!(std::fs::read(&out).unwrap(), std::fs::read(plain.path()).unwrap());
}

#[test]
fn a_cut_take_is_exported_up_to_there_and_what_is_missing_is_told() {
    for container in Container::available() {
        let (folder, elsewhere) = (Temp::new(), Temp::new());
        let take = recorded(folder.path(), container, Some(key()));
        let whole = std::fs::read(take.path()).unwrap();
        let mut before = 0;
        for cut in [3, 5, 7, 8, 9].map(|tenths| whole.len() * tenths / 10) {
            std::fs::write(take.path(), &whole[..cut]).unwrap();
            let out = elsewhere.path().join(format!("{cut}"));
            let exported = take::export(&take.folder, &out, Some(&key())).unwrap();
            assert!(!exported.whole && exported.take.transcript.is_none(), "{container:?}");
            assert!(exported.findings[0].contains("breaks off"), "{:?}", exported.findings);
            assert!(exported.frames >= before && exported.frames < take.frames, "{container:?}");
            before = exported.frames;
            let missing = (take.frames - exported.frames) * 1000 / u64::from(take.rate);
            let told = exported.lost_ms.unwrap();
            // A stream of Opus has a look-ahead that its last page does not know to end.
            assert!(told.abs_diff(missing) <= 30, "{container:?}: {told} of {missing}");
            let seen = take::repair(&mut *Files.open(&out).unwrap()).unwrap();
            assert_eq!(seen.state, take::State::Healthy, "{container:?}: {seen:?}");
            assert_eq!(seen.kept_frames, exported.frames, "{container:?}");
        }
    }
}

#[test]
fn a_changed_byte_ends_what_is_exported() {
    let (folder, elsewhere) = (Temp::new(), Temp::new());
    let take = recorded(folder.path(), Container::WavFloat, Some(key()));
    let whole = elsewhere.path().join("whole");
    take::export(&take.folder, &whole, Some(&key())).unwrap();
    let whole = std::fs::read(whole).unwrap();
    let sealed = std::fs::read(take.path()).unwrap();
    for tenths in 1..10 {
        let at = sealed.len() * tenths / 10;
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        std::fs::write(take.path(), &changed).unwrap();
        let out = elsewhere.path().join(format!("{at}"));
        let exported = take::export(&take.folder, &out, Some(&key())).unwrap();
        assert!(exported.findings[0].contains("is not what was written"), "{exported:?}");
        let plain = std::fs::read(out).unwrap();
        // But for the head, which says another length.
        assert!(plain.len() < at && plain[94..] == whole[94..plain.len()], "{at}");
        assert!(exported.lost_ms.unwrap() > 0);
    }
}
