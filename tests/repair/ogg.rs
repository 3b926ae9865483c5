//! Ogg: whole pages are kept bit for bit, nothing else is taken for one, and time is kept.

use crate::help::*;
use tympan::take::State;

fn sum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum: u32, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| {
            sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 }
        })
    })
}

fn page(flags: u8, granule: u64, serial: u32, number: u32, pieces: &[u8], body: &[u8]) -> Vec<u8> {
    let mut page = b"OggS\0".to_vec();
    page.push(flags);
    page.extend(granule.to_le_bytes());
    page.extend(serial.to_le_bytes());
    page.extend(number.to_le_bytes());
    page.extend([0; 4]);
    page.push(pieces.len() as u8);
    page.extend(pieces);
    page.extend(body);
    let sum = sum(&page).to_le_bytes();
    page[22..26].copy_from_slice(&sum);
    page
}

fn packets(flags: u8, granule: u64, number: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    let mut pieces = Vec::new();
    for packet in packets {
        pieces.resize(pieces.len() + packet.len() / 255, 255);
        pieces.push((packet.len() % 255) as u8);
    }
    page(flags, granule, SERIAL, number, &pieces, &packets.concat())
}

const SERIAL: u32 = 77;

fn heads() -> Vec<Vec<u8>> {
    let head = b"OpusHead\x01\x01\x38\x01\x80\x3e\0\0\0\0\0".to_vec();
    let tags = b"OpusTags\x04\0\0\0test\0\0\0\0".to_vec();
    vec![packets(2, 0, 0, &[head]), packets(0, 0, 1, &[tags])]
}

/// A stream of `count` pages of 100 ms, by pages; `ended` or as a kill leaves it.
fn stream(count: usize, ended: bool) -> Vec<Vec<u8>> {
    let mut random = Random(5);
    let mut pages = heads();
    for index in 1..=count {
        let packet = |_| {
            let len = 20 + random.below(60);
            let mut packet: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
            // Wide band, 20 ms, mono, one frame: a decoder takes any bytes behind it.
            packet[0] = 9 << 3;
            packet
        };
        let five: Vec<_> = (0..5).map(packet).collect();
        let last = ended && index == count;
        let granule = 4800 * index as u64 - if last { 300 } else { 0 };
        pages.push(packets(if last { 4 } else { 0 }, granule, 1 + index as u32, &five));
    }
    pages
}

/// What a kill leaves of these pages, with the last one marked.
fn marked(pages: &[Vec<u8>]) -> Vec<u8> {
    let mut pages = pages.to_vec();
    if let Some(last) = pages.last_mut() {
        last[5] |= 4;
        last[22..26].fill(0);
        let sum = sum(last).to_le_bytes();
        last[22..26].copy_from_slice(&sum);
    }
    pages.concat()
}

fn whole_before(pages: &[Vec<u8>], len: usize) -> usize {
    let mut end = 0;
    pages
        .iter()
        .take_while(|page| {
            end += page.len();
            end <= len
        })
        .count()
}

/// All packets that are somewhere in this file, by walking its pages.
fn bodies(file: &[u8]) -> Vec<(u64, &[u8])> {
    let (mut at, mut out) = (0, Vec::new());
    while at < file.len() {
        let count = usize::from(file[at + 26]);
        let body: usize = file[at + 27..at + 27 + count].iter().map(|n| usize::from(*n)).sum();
        let from = at + 27 + count;
        let granule = u64::from_le_bytes(file[at + 6..at + 14].try_into().unwrap());
        out.push((granule, &file[from..from + body]));
        at = from + body;
    }
    out
}

#[test]
fn a_file_cut_anywhere_ends_with_its_last_whole_page() {
    for ended in [false, true] {
        let pages = stream(12, ended);
        let file = pages.concat();
        for len in 0..=file.len() {
            let (outcome, after) = settled(&file[..len]);
            let whole = whole_before(&pages, len);
            if whole < 3 {
                assert_ne!(outcome.state, State::Repaired, "{len}");
                continue;
            }
            assert!(after == marked(&pages[..whole]), "{len}");
            let trimmed = if ended && whole == pages.len() { 300 } else { 0 };
            assert_eq!(outcome.kept_frames, (whole as u64 - 2) * 4800 - 312 - trimmed);
        }
    }
}

#[test]
fn zeros_at_the_end_are_cut_off() {
    let pages = stream(8, false);
    let file = pages.concat();
    for from in (pages[0].len()..file.len()).step_by(7) {
        for more in [0, 1, 600, 70_000, 2_000_000] {
            let mut torn = file.clone();
            torn[from..].fill(0);
            torn.resize(file.len() + more, 0);
            let (_, after) = settled(&torn);
            // Bytes at the end of a page may have been zeros.
            let whole = pages
                .iter()
                .scan(0, |at, page| {
                    *at += page.len();
                    Some(torn[*at - page.len()..*at] == **page)
                })
                .take_while(|same| *same)
                .count();
            if whole >= 3 {
                assert!(after == marked(&pages[..whole]), "{from} {more}");
            }
            if more == 2_000_000 && from > 600 {
                break;
            }
        }
    }
}

#[test]
fn a_hole_is_filled_where_it_is_and_all_whole_pages_stay() {
    let pages = stream(30, true);
    let file = pages.concat();
    let name = "hole.opus";
    for size in [1, 100, 512, 4096] {
        for (index, from) in (pages[0].len()..file.len() - size).step_by(41).enumerate() {
            let mut torn = file.clone();
            torn[from..from + size].fill(0);
            let (outcome, after) = settled(&torn);
            check_hole(&pages, &torn, &after, outcome.kept_frames, &format!("{from} {size}"));
            if index % 29 == 0 {
                judge_all(&OPUS, &after, name);
            }
        }
    }
}

fn check_hole(pages: &[Vec<u8>], torn: &[u8], after: &[u8], frames: u64, what: &str) {
    let (mut at, mut good) = (0, Vec::new());
    for page in pages {
        if torn[at..at + page.len()] == **page {
            good.push((at, page));
        }
        at += page.len();
    }
    let (end, last) = good.last().map(|(at, page)| (at + page.len(), *page)).unwrap();
    // The very last page cannot be known to be missing in the middle.
    let complete = last == pages.last().unwrap();
    assert_eq!(after.len(), end, "{what}");
    for (at, page) in good {
        let same = after[at..at + page.len()] == **page;
        assert!(same || !complete, "{what}: page at {at}");
        let body = 27 + usize::from(page[26]);
        assert!(after[at + body..at + page.len()] == page[body..], "{what}");
    }
    let there = bodies(after);
    assert!(there.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{what}");
    // Each page begins where the one before it ends.
    for pair in there.windows(2).filter(|pair| pair[1].1.len() > 150) {
        let trimmed = if pair[1].0 % 4800 == 4500 { 300 } else { 0 };
        let heard = pair[1].1[pair[1].1.len() - 8..] != [0; 8];
        assert!(
            !heard || pair[0].0 + 4800 == pair[1].0 + trimmed,
            "{what}: {} {}",
            pair[0].0,
            pair[1].0
        );
    }
    let due = u64::from_le_bytes(last[6..14].try_into().unwrap());
    assert_eq!(frames, due.saturating_sub(312), "{what}");
}

#[test]
fn flipped_bits_cost_their_page_and_nothing_else() {
    let pages = stream(20, true);
    let file = pages.concat();
    let mut random = Random(11);
    for round in 0..400 {
        let mut torn = file.clone();
        for _ in 0..=random.below(6) {
            let at = pages[0].len() + random.below(file.len() - pages[0].len());
            torn[at] ^= 1 << random.below(8);
        }
        if torn[file.len() - pages[21].len() + 5] != pages[21][5] {
            continue;
        }
        let (outcome, after) = settled(&torn);
        check_hole(&pages, &torn, &after, outcome.kept_frames, &round.to_string());
    }
}

#[test]
fn a_repair_that_is_killed_is_finished_by_the_next() {
    let pages = stream(40, false);
    let mut file = pages.concat();
    file[3000..7096].fill(0);
    file[9000] ^= 1;
    file.truncate(file.len() - 50);
    survives_kills(&file, |end, goal| {
        assert_eq!(end.len(), goal.len());
        // Fillers may be divided in another way; all else is the same.
        let (one, two) = (bodies(end), bodies(goal));
        let heard = |bodies: &[(u64, &[u8])]| -> Vec<Vec<u8>> {
            let heard = bodies.iter().filter(|(_, body)| body[body.len() - 8..] != [0; 8]);
            heard.map(|(_, body)| body.to_vec()).collect()
        };
        assert_eq!(heard(&one), heard(&two));
        assert_eq!(one.last().unwrap().0, two.last().unwrap().0);
    });
}

#[test]
fn packets_over_a_border_are_kept_whole_or_dropped_whole() {
    let mut pages = heads();
    let mut long = vec![5; 700];
    long[0] = 9 << 3;
    // Every packet begins on one page and ends on the next.
    pages.push(page(0, u64::MAX, SERIAL, 2, &[255], &long[..255]));
    for number in 3..20 {
        let body = [&long[255..], &long[..255]].concat();
        let granule = 960 * (u64::from(number) - 2);
        pages.push(page(1, granule, SERIAL, number, &[255, 190, 255], &body));
    }
    let file = pages.concat();
    for len in (0..file.len()).step_by(3) {
        let (outcome, after) = settled(&file[..len]);
        let whole = whole_before(&pages, len);
        if whole >= 4 {
            assert!(after == marked(&pages[..whole]), "{len}");
            assert_eq!(outcome.kept_frames, (960 * (whole as u64 - 3)).saturating_sub(312));
            judge_all(if len % 500 < 3 { &OPUS } else { &[] }, &after, "over.opus");
        }
    }
    for from in (900..file.len() - 1300).step_by(61) {
        let mut torn = file.clone();
        torn[from..from + 300].fill(0);
        let (_, after) = settled(&torn);
        // Half of a packet is beside the hole, and whole ones beside that: all stay.
        assert!(after.len() == torn.len());
        assert!(after[..after.len() - 730] == torn[..after.len() - 730]);
    }
}

#[test]
fn a_page_beside_a_hole_is_not_given_up_for_half_a_packet() {
    let mut pages = stream(12, true);
    let granule = 4 * 4800;
    let body = vec![9 << 3; 200 + 255];
    pages[5] = page(0, granule, SERIAL, 5, &[200, 255], &body);
    let mut file = pages.concat();
    let at = pages[..6].concat().len();
    file[at..at + pages[6].len()].fill(0);
    let (outcome, _) = settled(&file);
    assert_eq!(outcome.state, State::Healthy, "{outcome:?}");
}

#[test]
fn a_last_page_on_which_no_packet_ends_is_cut_off() {
    let pages = stream(5, false);
    let open = page(0, u64::MAX, SERIAL, 7, &[255], &[9 << 3; 255]);
    let (_, after) = settled(&[pages.concat(), open].concat());
    assert!(after == marked(&pages));
}

#[test]
fn several_streams_are_marked_each_and_an_ended_link_is_left() {
    let first = stream(4, true).concat();
    let mut second = stream(4, false);
    let other = |flags, granule, number, body: &[u8]| {
        page(flags, granule, 99, number, &[body.len() as u8], body)
    };
    second.insert(1, other(2, 0, 0, b"something else"));
    second.insert(5, other(0, 5, 1, b"and more of it"));
    second.push(other(0, 9, 2, b"to the end"));
    let file = [first.clone(), second.concat(), b"OggS\0 torn".to_vec()].concat();
    let (outcome, after) = settled(&file);
    assert_eq!(outcome.state, State::Repaired);
    assert!(after.starts_with(&first));
    assert_eq!(after.len(), file.len() - 10);
    assert_eq!(outcome.kept_frames, 4 * 4800 - 300 - 312 + 4 * 4800 - 312);
    let path = std::env::temp_dir().join(format!("repair-{}-several.ogg", std::process::id()));
    std::fs::write(&path, &after).unwrap();
    assert_eq!(judge("oggz-validate F", &path), None);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn pages_of_another_file_behind_the_end_are_not_taken() {
    let mine = stream(10, false);
    let torn = &mine[11][..mine[11].len() - 3];
    let old = stream(3, true)[2..].concat();
    for between in [&[][..], &[0; 4096], torn] {
        let file = [&mine[..11].concat(), torn, between, &old].concat();
        let (_, after) = settled(&file);
        let mut goal = mine[..10].to_vec();
        goal.push(mine[10].clone());
        assert!(after == marked(&goal));
    }
}

#[test]
fn pages_of_a_stream_whose_beginning_is_lost_are_not_thrown_away() {
    let mut second = stream(6, true);
    for page in &mut second {
        page[14] = 99;
        page[22..26].fill(0);
        let sum = sum(page).to_le_bytes();
        page[22..26].copy_from_slice(&sum);
    }
    let mut file = [stream(5, true).concat(), second.concat()].concat();
    let at = file.len() - second.concat().len();
    file[at..at + 60].fill(0);
    let (outcome, _) = settled(&file);
    assert_eq!(outcome.state, State::Healthy, "{outcome:?}");
    assert_eq!(outcome.findings.len(), 1);
}

#[test]
fn what_was_done_pleases_the_judges() {
    let pages = stream(50, false);
    let mut file = pages.concat();
    judge_all(&OPUS, &settled(&file).1, "killed.opus");
    file.extend([0; 5000]);
    judge_all(&OPUS, &settled(&file).1, "zeros.opus");
    // The comments are among what was lost.
    let mut file = pages.concat();
    file[60..1500].fill(0);
    judge_all(&OPUS, &settled(&file).1, "comments.opus");
    // A negative control: what is damaged does not please them.
    file[8000..8100].fill(0);
    let path = std::env::temp_dir().join(format!("repair-{}-bad.opus", std::process::id()));
    std::fs::write(&path, &file).unwrap();
    let missing = std::process::Command::new("opusinfo").output().is_err();
    assert!(missing || judge("opusinfo F", &path).is_some());
    std::fs::remove_file(path).unwrap();
}
