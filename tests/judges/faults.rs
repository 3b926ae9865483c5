//! What is planted in a good take, and who notices: a judge that finds nothing in anything
//! shows nothing.

use tympan::take::Container;

use crate::judges;
use crate::sounds;
use crate::studio::{Recorded, Tap};

use Container::{Flac, M4a, M4aOpus, Opus, Wav, WavFloat};

/// Something wrong with a file.
struct Fault {
    name: &'static str,
    of: &'static [Container],
    plant: fn(&mut Vec<u8>),
}

const MP4: &[Container] = &[M4a, M4aOpus];
const WAVS: &[Container] = &[Wav, WavFloat];

const FAULTS: [Fault; 26] = [
    Fault {
        name: "the last 100 bytes are gone",
        of: &Container::ALL,
        plant: |file| {
            file.truncate(file.len() - 100);
        },
    },
    Fault {
        name: "300 bytes in the middle are zeros",
        of: &Container::ALL,
        plant: |file| {
            let at = file.len() / 2;
            file[at..at + 300].fill(0);
        },
    },
    Fault {
        name: "the edit list is a sample short",
        of: MP4,
        plant: |file| {
            let at = mp4::edit(file);
            add(file, at, -1);
        },
    },
    Fault {
        name: "the edit list begins 100 samples late",
        of: MP4,
        plant: |file| {
            let at = mp4::edit(file) + 4;
            add(file, at, 100);
        },
    },
    Fault {
        name: "there is no edit list",
        of: MP4,
        plant: |file| {
            let at = mp4::named(file, *b"edts");
            file[at..at + 4].copy_from_slice(b"free");
        },
    },
    Fault {
        name: "the index makes a packet longer",
        of: MP4,
        plant: |file| {
            let at = mp4::named(file, *b"stsz") + 16 + 4 * 20;
            add(file, at, 9);
        },
    },
    Fault {
        name: "the index has a packet elsewhere",
        of: MP4,
        plant: |file| {
            let at = mp4::named(file, *b"stco") + 12 + 4 * 5;
            add(file, at, 7);
        },
    },
    Fault {
        name: "a packet is missing in the index",
        of: MP4,
        plant: |file| {
            let at = mp4::named(file, *b"stsz") + 12;
            add(file, at, -1);
        },
    },
    Fault {
        name: "packets are longer than they are",
        of: MP4,
        plant: |file| {
            let at = mp4::named(file, *b"stts") + 16;
            add(file, at, 64);
        },
    },
    Fault {
        name: "a box has no size that can be",
        of: MP4,
        plant: |file| {
            let at = mp4::named(file, *b"mdia") - 4;
            file[at..at + 4].copy_from_slice(&[0, 0, 0, 3]);
        },
    },
    Fault {
        name: "the clock is another",
        of: MP4,
        plant: |file| {
            let at = mp4::named(file, *b"mdhd") + 16;
            add(file, at, -3_900);
        },
    },
    Fault {
        name: "the last granule is 100 too far",
        of: &[Opus],
        plant: |file| {
            ogg::change(file, ogg::last, |page| add_little(page, 6, 100));
        },
    },
    Fault {
        name: "the last granule is 100 too near",
        of: &[Opus],
        plant: |file| {
            ogg::change(file, ogg::last, |page| add_little(page, 6, -100));
        },
    },
    Fault {
        name: "a granule goes back",
        of: &[Opus],
        plant: |file| {
            ogg::change(file, ogg::middle, |page| add_little(page, 6, -9_600));
        },
    },
    Fault {
        name: "the sum of a page is wrong",
        of: &[Opus],
        plant: |file| {
            let at = ogg::pages(file)[ogg::middle(file)].start;
            file[at + 22] ^= 1;
        },
    },
    Fault {
        name: "a page is missing",
        of: &[Opus],
        plant: |file| {
            let page = ogg::pages(file)[ogg::middle(file)].clone();
            file.drain(page);
        },
    },
    Fault {
        name: "the pre-skip is 100 too long",
        of: &[Opus],
        plant: |file| {
            ogg::change(file, |_| 0, |page| page[38..40].copy_from_slice(&412_u16.to_le_bytes()));
        },
    },
    Fault {
        name: "the stream has no end",
        of: &[Opus],
        plant: |file| {
            ogg::change(file, ogg::last, |page| page[5] = 0);
        },
    },
    Fault { name: "the head counts a sample more", of: &[Flac], plant: |file| add(file, 22, 1) },
    Fault {
        name: "a bit is another",
        of: &[Flac],
        plant: |file| {
            let at = file.len() / 2;
            file[at] ^= 4;
        },
    },
    Fault { name: "the head says another rate", of: &[Flac], plant: |file| file[19] ^= 0x10 },
    Fault {
        name: "the RIFF is 1,000 too long",
        of: WAVS,
        plant: |file| add_little(file, 4, 1_000),
    },
    Fault {
        name: "the RIFF is 1,000 too short",
        of: WAVS,
        plant: |file| {
            add_little(file, 4, -1_000);
        },
    },
    Fault {
        name: "the data is a frame short",
        of: WAVS,
        plant: |file| {
            let at = wav::data(file);
            let frame = i64::from(u16::from_le_bytes([file[wav::fmt(file) + 20], 0]));
            add_little(file, at + 4, -frame);
        },
    },
    Fault {
        name: "the head says another rate",
        of: WAVS,
        plant: |file| {
            let at = wav::fmt(file);
            add_little(file, at + 12, 50);
        },
    },
    Fault {
        name: "the frames are another size",
        of: WAVS,
        plant: |file| {
            let at = wav::fmt(file);
            add_little(file, at + 20, 1);
        },
    },
];

#[test]
fn each_fault_is_noticed_by_a_judge() {
    let judges = judges::here();
    let mut sound = sounds::ours().remove(0);
    sound.samples.truncate(3 * sound.format.rate as usize);
    print!("{:10} {:38}", "container", "planted");
    print!("{}", judges::names(&judges));
    println!();
    let (mut unseen, mut blind) = (Vec::new(), judges.clone());
    for container in Container::available() {
        let takes = |tap: &Tap| tap.suits(container, sound.format);
        let tap = Tap::ALL.into_iter().rfind(takes).unwrap();
        let take = Recorded::of(&sound, tap, container).unwrap();
        let whole = std::fs::read(take.take.path()).unwrap();
        for judge in judges.iter().filter(|judge| judge.judges(container)) {
            assert_eq!(take.before(judge), None, "{container:?}, and nothing is planted");
        }
        for fault in FAULTS.iter().filter(|fault| fault.of.contains(&container)) {
            let mut bytes = whole.clone();
            (fault.plant)(&mut bytes);
            assert!(bytes != whole, "{container:?}: {} changes nothing", fault.name);
            print!("{:10} {:38}", container.name(), fault.name);
            let mut noticed = false;
            for judge in &judges {
                let finds = judge.judges(container).then(|| take.with_bytes_before(&bytes, judge));
                let cell = match &finds {
                    None => "-",
                    Some(None) => ".",
                    Some(Some(_)) => "X",
                };
                if cell == "X" {
                    noticed = true;
                    blind.retain(|other| other.name != judge.name);
                }
                print!("  {cell:>0$}", judge.name.len());
            }
            println!();
            let all = judges::all().filter(|judge| judge.judges(container));
            let missing = all.filter(|judge| !judge.is_here()).count();
            if !noticed && missing == 0 {
                unseen.push((container, fault.name));
            }
        }
    }
    assert!(unseen.is_empty(), "nobody noticed {unseen:?}");
    let blind: Vec<_> = blind.iter().map(|judge| judge.name).collect();
    assert!(blind.is_empty(), "they notice nothing: {blind:?}");
}

/// Adds to a number of 32 bits, the highest byte first.
fn add(bytes: &mut [u8], at: usize, more: i64) {
    let word: &mut [u8; 4] = bytes[at..].first_chunk_mut().unwrap();
    *word = ((i64::from(u32::from_be_bytes(*word)) + more) as u32).to_be_bytes();
}

/// The same, the lowest byte first.
fn add_little(bytes: &mut [u8], at: usize, more: i64) {
    let word: &mut [u8; 4] = bytes[at..].first_chunk_mut().unwrap();
    *word = ((i64::from(u32::from_le_bytes(*word)) + more) as u32).to_le_bytes();
}

mod mp4 {
    /// Where the name of a box of the index is. The index is behind the data.
    pub(super) fn named(file: &[u8], name: [u8; 4]) -> usize {
        let moov = file.windows(4).rposition(|bytes| bytes == b"moov").unwrap();
        moov + file[moov..].windows(4).position(|bytes| bytes == name).unwrap()
    }

    /// Where the only edit is: how long, then from where.
    pub(super) fn edit(file: &[u8]) -> usize {
        named(file, *b"elst") + 12
    }
}

mod ogg {
    use std::ops::Range;

    pub(super) fn pages(file: &[u8]) -> Vec<Range<usize>> {
        let (mut pages, mut at) = (Vec::new(), 0);
        while at < file.len() {
            let pieces = usize::from(file[at + 26]);
            let body: usize = file[at + 27..at + 27 + pieces].iter().map(|n| usize::from(*n)).sum();
            let end = at + 27 + pieces + body;
            pages.push(at..end);
            at = end;
        }
        pages
    }

    pub(super) fn last(file: &[u8]) -> usize {
        pages(file).len() - 1
    }

    pub(super) fn middle(file: &[u8]) -> usize {
        pages(file).len() / 2
    }

    /// Changes a page, and its sum with it.
    pub(super) fn change(
        file: &mut [u8],
        which: impl Fn(&[u8]) -> usize,
        change: impl Fn(&mut [u8]),
    ) {
        let page = pages(file)[which(file)].clone();
        let page = &mut file[page];
        change(page);
        page[22..26].fill(0);
        let sum = page.iter().fold(0_u32, |sum, byte| {
            let step = |sum: u32| sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 };
            (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| step(sum))
        });
        page[22..26].copy_from_slice(&sum.to_le_bytes());
    }
}

mod wav {
    fn named(file: &[u8], name: [u8; 4]) -> usize {
        file.windows(4).position(|bytes| bytes == name).unwrap()
    }

    pub(super) fn data(file: &[u8]) -> usize {
        named(file, *b"data")
    }

    pub(super) fn fmt(file: &[u8]) -> usize {
        named(file, *b"fmt ")
    }
}
