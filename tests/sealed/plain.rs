//! Nothing plain is in any file of a take: not its audio in any coding, not what was said.

use std::time::Duration;

use tympan::take::{self, Container};

use crate::kit::{self, files, key, recorded, wanted};
use crate::needles::Needles;
use crate::temp::Temp;

/// Hits in all files of a folder.
fn hits(needles: &Needles, folder: &std::path::Path) -> usize {
    files(folder).iter().map(|file| needles.hits(&std::fs::read(file).unwrap())).sum()
}

#[test]
fn no_byte_of_audio_and_no_word_is_in_a_folder_of_sealed_takes() {
    for container in Container::available() {
        let (folder, elsewhere) = (Temp::new(), Temp::new());
        let take = recorded(folder.path(), container, Some(key()));
        assert!(take.transcript.as_deref().is_some_and(|text| text.contains(kit::WORDS[2])));
        let out = elsewhere.path().join(format!("out.{}", container.extension()));
        take::export(&take.folder, &out, Some(&key())).unwrap();
        let needles = Needles::of(&out);
        assert!(needles.count() > 500, "{container:?}: {}", needles.count());
        assert_eq!(hits(&needles, folder.path()), 0, "{container:?}");
        println!("{container:?}: 0 of {} needles", needles.count());
        // The search finds them where they are.
        std::fs::copy(&out, folder.path().join("control")).unwrap();
        let found = hits(&needles, folder.path());
        assert!(found > needles.count() / 3, "{container:?}: {found} of {}", needles.count());
    }
}

#[test]
fn the_same_search_finds_a_take_that_is_not_sealed() {
    for container in Container::available() {
        let folder = Temp::new();
        let take = recorded(folder.path(), container, None);
        let needles = Needles::of(&take.path());
        let found = hits(&needles, folder.path());
        assert!(found > needles.count() / 3, "{container:?}: {found} of {}", needles.count());
        let sidecar = std::fs::read(take.folder.join("take.json")).unwrap();
        assert_eq!(Needles::default().hits(&sidecar), kit::WORDS.len());
    }
}

#[test]
fn nothing_plain_is_there_while_a_take_is_open_either() {
    for container in [Container::Wav, Container::default()] {
        let (folder, elsewhere) = (Temp::new(), Temp::new());
        let (recorder, hand) = kit::recorder(folder.path(), container, Some(key()));
        recorder.start_with(wanted()).unwrap();
        let mut seen = Vec::new();
        for _ in 0..12 {
            hand.pass(Duration::from_millis(170));
            for file in files(folder.path()) {
                seen.extend(std::fs::read(file).unwrap());
            }
        }
        hand.speed(1.0);
        let take = recorder.stop().unwrap().unwrap();
        let out = elsewhere.path().join(format!("out.{}", container.extension()));
        take::export(&take.folder, &out, Some(&key())).unwrap();
        assert_eq!(Needles::of(&out).hits(&seen), 0, "{container:?}");
    }
}

#[test]
fn what_may_stay_readable_is_and_the_transcript_comes_with_the_key_alone() {
    let folder = Temp::new();
    let take = recorded(folder.path(), Container::WavFloat, Some(key()));
    assert!(take.sealed && take.file.ends_with(".wav.sealed"));
    let listed = take::list(folder.path()).unwrap();
    let without = take::Take { transcript: None, ..take.clone() };
    assert_eq!(listed, [without], "its times and lengths, not its words");
    assert_eq!(take::unseal(&take.folder, &key()).unwrap(), take);
}
