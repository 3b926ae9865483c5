//! A second reader of the two forms of our files, that shares nothing with the first.

use super::Packet;

/// What a player makes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    pub packets: Vec<Packet>,
    /// Samples by the edit list; zero stands for all.
    pub heard: u64,
    pub is_ordinary: bool,
}

type Span = (usize, usize);

/// Plays a file up to where it is damaged; none if nothing can be played at all.
pub fn play(file: &[u8]) -> Option<Played> {
    let (name, at, _, _) = next(file, 0)?;
    if (&name, at) != (b"ftyp", 0) {
        return None;
    }
    let moov = find(file, (0, file.len()), b"moov")?;
    let trak = find(file, moov, b"trak")?;
    let elst = find(file, find(file, trak, b"edts")?, b"elst")?;
    let heard = if file[elst.0] == 1 { long(file, elst.0 + 8) } else { word(file, elst.0 + 8) };
    if find(file, moov, b"mvex").is_some() {
        return Some(Played { packets: fragments(file, moov.1), heard, is_ordinary: false });
    }
    let tables = ["mdia", "minf", "stbl"]
        .into_iter()
        .try_fold(trak, |span, name| find(file, span, name.as_bytes().try_into().unwrap()))?;
    Some(Played { packets: ordinary(file, tables)?, heard, is_ordinary: true })
}

fn ordinary(file: &[u8], tables: Span) -> Option<Vec<Packet>> {
    let rows = |name: &[u8; 4], width: usize, head: usize| -> Option<Vec<Vec<u64>>> {
        let (body, end) = find(file, tables, name)?;
        let count = word(file, body + head - 4) as usize;
        assert_eq!(body + head + count * width, end, "{}", String::from_utf8_lossy(name));
        let row = |at: usize| (0..width / 4).map(|i| word(file, at + 4 * i)).collect();
        Some((0..count).map(|i| row(body + head + i * width)).collect())
    };
    let sizes = rows(b"stsz", 4, 12)?;
    let places: Vec<u64> = match rows(b"stco", 4, 8) {
        Some(rows) => rows.into_iter().map(|row| row[0]).collect(),
        None => rows(b"co64", 8, 8)?.into_iter().map(|row| row[0] << 32 | row[1]).collect(),
    };
    let durations = rows(b"stts", 8, 8)?;
    let mut durations = durations.iter().flat_map(|row| (0..row[0]).map(|_| row[1] as u32));
    let runs = rows(b"stsc", 12, 8)?;
    let mut sizes = sizes.into_iter();
    let mut out = Vec::new();
    for (chunk, place) in (1..).zip(places) {
        let run = runs.iter().rfind(|run| run[0] <= chunk)?;
        let mut at = place as usize;
        for _ in 0..run[1] {
            let bytes = sizes.next()?[0] as usize;
            out.push(Packet {
                bytes: file.get(at..at + bytes)?.to_vec(),
                frames: durations.next()?,
            });
            at += bytes;
        }
    }
    assert_eq!((sizes.next(), durations.next()), (None, None), "tables of different lengths");
    Some(out)
}

fn fragments(file: &[u8], from: usize) -> Vec<Packet> {
    let mut out = Vec::new();
    let mut at = from;
    while let Some((name, _, body, end)) = next(file, at) {
        if &name == b"moof" && next(file, end).is_some_and(|(name, ..)| &name == b"mdat") {
            fragment(file, at, (body, end), &mut out);
        } else if &name != b"mdat" {
            break;
        }
        at = end;
    }
    out
}

fn fragment(file: &[u8], moof: usize, span: Span, out: &mut Vec<Packet>) {
    let traf = find(file, span, b"traf").expect("a traf");
    let tfhd = find(file, traf, b"tfhd").expect("a tfhd");
    let trun = find(file, traf, b"trun").expect("a trun").0;
    let own = word(file, trun) & 0x100 != 0;
    let mut data = moof + word(file, trun + 8) as usize;
    let mut row = trun + 12;
    for _ in 0..word(file, trun + 4) {
        let mut frames = word(file, tfhd.0 + 8);
        if own {
            frames = word(file, row);
            row += 4;
        }
        let bytes = word(file, row) as usize;
        row += 4;
        out.push(Packet { bytes: file[data..data + bytes].to_vec(), frames: frames as u32 });
        data += bytes;
    }
}

/// Name, beginning, body and end of the whole box that begins here.
fn next(file: &[u8], at: usize) -> Option<([u8; 4], usize, usize, usize)> {
    let head = file.get(at..at + 8)?;
    let name = head[4..].try_into().unwrap();
    let (body, size) = match word(file, at) {
        1 if file.len() >= at + 16 => (at + 16, long(file, at + 8)),
        size => (at + 8, size),
    };
    let end = at.checked_add(size as usize)?;
    (end >= body && end <= file.len()).then_some((name, at, body, end))
}

fn find(file: &[u8], (at, limit): Span, name: &[u8; 4]) -> Option<Span> {
    let mut at = at;
    while at < limit {
        let (found, _, body, end) = next(file, at)?;
        if &found == name {
            return Some((body, end));
        }
        at = end;
    }
    None
}

fn word(file: &[u8], at: usize) -> u64 {
    u32::from_be_bytes(file[at..at + 4].try_into().unwrap()).into()
}

fn long(file: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(file[at..at + 8].try_into().unwrap())
}
